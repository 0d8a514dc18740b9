"""Opens and closes a sitting: the terminal, the warm checker, the record, the screens."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from textual import work

from dojo.check.background import Examiner
from dojo.check.runner import DEFAULT_LIMIT
from dojo.content import catalogue
from dojo.content.document import Kata, read_document
from dojo.record.archive import ArchiveError
from dojo.record.attempts import Refused
from dojo.record.database import Database
from dojo.sitting import practice
from dojo.sitting.practice import Book
from dojo.sitting.screens import ChooseScreen, DebriefScreen, Desk, DojoApp


@dataclasses.dataclass(frozen=True)
class PracticeOptions:
    """What to practise; fields as the options of the command."""

    name: str
    minutes: float | None
    tree: Path
    limit: float | None = None


@contextlib.contextmanager
def desk(tree: Path, kind: str, box: float | None, limit: float | None) -> Iterator[Desk]:
    """Lays out what a sitting needs, and puts it away."""
    document = read_document()
    paths = [kata.path for kata in document.katas]
    with Database() as database, Examiner(paths, tree, limit or DEFAULT_LIMIT) as examiner:
        yield Desk(document, Book(database, kind, box), examiner, tree)


def practise(options: PracticeOptions) -> int:
    """Runs a sitting of practice and returns the exit status."""
    kata = catalogue.one(options.name) if options.name else None
    with desk(options.tree, "practice", None, options.limit) as laid:
        practice.settle(laid.book)
        if kata is not None:
            practice.refuse_elsewhere(kata, laid.book)
        return finish(PracticeApp(laid, kata, options.minutes))


def finish(app: DojoApp) -> int:
    """Runs the screens, then settles what they left open, whatever ended them."""
    app.run()
    if app.attempt is not None:
        app.attempt.leave()
        # What a full disk refused until now gets a last chance.
        app.attempt.write()
    trouble = app.desk.book.close() or (app.attempt.trouble if app.attempt else "")
    for line in app.parting:
        print(line)
    if app.parting:
        print("python -m dojo history   shows all attempts")
    if trouble:
        print(f"dojo: {trouble}", file=sys.stderr)
    return app.return_code or (1 if trouble else 0)


class PracticeApp(DojoApp):
    """Kata after kata: choose, attempt, debrief."""

    def __init__(self, desk: Desk, kata: Kata | None, minutes: float | None) -> None:
        super().__init__(desk)
        self.kata = kata
        self.minutes = minutes

    @work
    async def flow(self) -> None:
        kata = self.kata or await self.choose()
        while kata is not None:
            step = await self.one(kata)
            kata = await self.choose() if step == "next" else None
        self.exit()

    async def choose(self) -> Kata | None:
        found = practice.choices(self.desk.document, self.desk.book, self.desk.tree)
        proposal = practice.propose(found, self.desk.book)
        return await self.push_screen_wait(ChooseScreen(found, proposal))

    async def one(self, kata: Kata) -> str:
        """One kata to its debrief; returns "next" or "quit"."""
        try:
            step = await self.sit(kata, self.minutes or kata.minutes)
        except (Refused, ArchiveError) as error:
            self.notify(str(error), severity="error", timeout=15)
            return "next"
        if step == "debrief" and self.attempt is not None:
            return await self.push_screen_wait(DebriefScreen(self.attempt, self.desk))
        return step
