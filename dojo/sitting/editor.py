"""The learner's own editor, as $VISUAL or $EDITOR names it."""

import os
import shlex
import subprocess
from pathlib import Path

from dojo.errors import DojoError

# These open a window of their own: the screen stays, and nobody waits for them.
GRAPHICAL = {
    "atom", "bbedit", "charm", "clion", "code", "code-insiders", "codium", "cursor", "fleet",
    "geany", "gedit", "gnome-text-editor", "gvim", "idea", "kate", "kwrite", "mate",
    "mousepad", "mvim", "notepad", "notepad++", "open", "pluma", "pycharm", "subl",
    "sublime_text", "windsurf", "xdg-open", "xed", "zed", "zeditor",
}  # fmt: skip


class EditorError(DojoError):
    """There is no editor, or it cannot be started; the message says what to do."""


def command(file: Path) -> list[str]:
    """Returns what opens `file`.

    Raises:
        EditorError: If neither $VISUAL nor $EDITOR is set.
    """
    wish = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not wish or not wish.strip():
        raise EditorError(
            "neither $VISUAL nor $EDITOR is set; open the file in your editor yourself"
        )
    return [*shlex.split(wish), str(file)]


def takes_the_terminal(words: list[str]) -> bool:
    """Returns whether the editor runs in this terminal, so that the screen must give way."""
    name = Path(words[0]).name.removesuffix(".exe").lower()
    if name == "emacs":
        windowed = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        return bool({"-nw", "--no-window-system", "-t"} & set(words)) or not windowed
    return name not in GRAPHICAL


def run(words: list[str]) -> None:
    """Runs a terminal editor to its end.

    Raises:
        EditorError: If it cannot be started.
    """
    try:
        subprocess.run(words, check=False)
    except OSError as error:
        raise _unusable(words, error) from None


def launch(words: list[str]) -> None:
    """Starts a graphical editor and does not wait.

    Raises:
        EditorError: If it cannot be started.
    """
    nowhere = subprocess.DEVNULL
    try:
        subprocess.Popen(
            words, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError as error:
        raise _unusable(words, error) from None


def _unusable(words: list[str], error: OSError) -> EditorError:
    return EditorError(f"{words[0]} cannot be started: {error.strerror or error}")
