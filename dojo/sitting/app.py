"""What practice and interview share: the desk, the editor, the keys, and a careful way out."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType

from dojo import layout
from dojo.sitting import editor
from dojo.sitting.attempt import Attempt
from dojo.sitting.clock import Clock
from dojo.sitting.desk import Desk
from dojo.sitting.screens import STYLESHEET
from dojo.sitting.screens.ask import Ask
from dojo.sitting.screens.attempt import EditFile
from dojo.sitting.screens.careful import Careful
from dojo.sitting.screens.keys import keys_of

# Seconds for an orderly end once the terminal is lost.
GRACE = 2.0


class DojoApp(App[None]):
    """Screen after screen, as `flow` puts them; each tells by its result what comes next."""

    CSS_PATH = STYLESHEET
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
        Binding("question_mark", "keys", "keys", key_display="?"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.attempt: Attempt | None = None
        self.parting: list[str] = []

    @work
    async def flow(self) -> None:
        """The sitting, from its first screen to its last."""
        raise NotImplementedError

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.break_off)
        self.flow()

    def break_off(self) -> None:
        """The connection is lost, or somebody kills it: the attempt can go on later."""
        self.attempt = None
        # What Textual still writes to a terminal that is gone may block it for good.
        last = threading.Timer(GRACE, os._exit, [1])
        last.daemon = True
        last.start()
        self.exit()

    def action_leave(self) -> None:
        """Ctrl-C: what q does on this screen; in a question, at once."""
        if isinstance(self.screen, Careful):
            self.screen.action_leave()
        else:
            self.exit()

    def action_suspend_process(self) -> None:
        """Ctrl-Z: to the shell, until its `fg`. The clock goes on: one may work on there."""
        if not hasattr(signal, "SIGTSTP"):
            return
        with self.suspend():
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            # All that the shell takes for one job, nox, too. Without a shell that could bring
            # it back the system stops nothing.
            os.killpg(0, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, handler)
        for clock in self.clocks():
            clock.catch_up()

    def clocks(self) -> Sequence[Clock]:
        """The clocks that run."""
        return [] if self.attempt is None else [self.attempt.clock]

    def action_keys(self) -> None:
        """Lists the keys of the present screen."""
        if not isinstance(self.screen, Ask):
            self.push_screen(keys_of(self.screen))

    def on_edit_file(self, message: EditFile) -> None:
        self.edit(message.file)

    @work
    async def edit(self, file: Path) -> None:
        """Opens the file in the learner's editor; a terminal editor gets the terminal.

        The application's own work: the screen that asked may end while the editor is open.
        """
        try:
            words = editor.command(file)
            if not editor.takes_the_terminal(words):
                editor.launch(words)
                self.notify(f"{words[0]} opens {layout.shown(file)}")
                return
            # Clock and checks go on meanwhile; only drawing has to wait.
            with self.suspend(), self.batch_update():
                await asyncio.to_thread(editor.run, words)
        except editor.EditorError as error:
            self.notify(str(error), severity="warning", timeout=8)


def run_to_the_end(app: DojoApp) -> int:
    """Runs the screens, then settles what they left open, whatever ended them.

    Returns:
        The exit status.
    """
    app.run()
    if app.attempt is not None:
        app.attempt.leave()
        app.attempt.make_up()
    trouble = app.desk.book.close() or (app.attempt.trouble if app.attempt else "")
    for line in app.parting:
        print(line)
    if app.parting:
        print("python -m dojo history   shows all attempts")
    if trouble:
        print(f"dojo: {trouble}", file=sys.stderr)
    return app.return_code or (1 if trouble else 0)
