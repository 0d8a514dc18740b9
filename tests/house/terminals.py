"""A real terminal for the tests: pexpect runs the program, pyte draws what it wrote."""

import contextlib
import os
import signal
import sys
import time

import pexpect
import pyte

from dojo import layout

PATIENCE = 60


class Terminal:
    """`python -m dojo …` on a screen of its own; `text` is what a person sees."""

    def __init__(self, *arguments, columns=80, rows=24, env=None, program=("-m", "dojo")):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(
            sys.executable,
            [*program, *map(str, arguments)],
            cwd=str(layout.ROOT),
            env=_inherited() | {"TERM": "xterm-256color"} | (env or {}),
            dimensions=(rows, columns),
            timeout=PATIENCE,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.child.close(force=True)
        except pexpect.ExceptionPexpect:
            # It gives a program a tenth of a second; on a busy machine that is too little.
            self.child.kill(signal.SIGKILL)
            self.child.wait()

    @property
    def text(self):
        return "\n".join(self.screen.display)

    def read(self, seconds=0.05):
        """Draws what has come; returns whether the program is still there."""
        with contextlib.suppress(pexpect.TIMEOUT):
            try:
                self.stream.feed(self.child.read_nonblocking(65536, timeout=seconds))
            except pexpect.EOF:
                return False
        return True

    def until(self, *words, without=(), seconds=PATIENCE):
        """Waits until all words are on the screen, and returns the seconds it took."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            there = self.read()
            shown = self.text
            if all(word in shown for word in words) and not any(w in shown for w in without):
                return time.monotonic() - start
            assert there, f"the program has ended; the screen shows:\n{shown}"
        raise AssertionError(f"{words} did not appear; the screen shows:\n{self.text}")

    def press(self, *keys):
        for key in keys:
            self.child.send(key)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def end(self):
        """Waits for the end of the program and returns its exit status."""
        start = time.monotonic()
        while self.read() and time.monotonic() - start < PATIENCE:
            pass
        self.child.close()
        return self.child.exitstatus


def _inherited():
    """This process's environment; an exported COLUMNS would outweigh the size of the screen."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
