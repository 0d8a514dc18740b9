"""Draws the pictures of screens in README.md: the real ones, with a real mistake in them.

An attempt and a round are sat in a folder of their own, with a clock that stands where the
picture wants it; the checker is the real one.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from dojo import layout
from dojo.content import catalogue, mistakes
from dojo.content.document import Kata
from dojo.content.mistakes import Mistake
from dojo.content.traps import Trap, read_traps
from dojo.files import write_whole
from dojo.record.attempts import Entry
from dojo.sitting.app import DojoApp
from dojo.sitting.attempt import Attempt, begin
from dojo.sitting.clock import Clock
from dojo.sitting.debug import DebugApp, DebugOptions
from dojo.sitting.desk import lay_out
from dojo.sitting.practice import PracticeApp
from dojo.sitting.round_book import RoundBook
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.screens.debrief import DebriefScreen
from dojo.sitting.screens.name_it import Named, NameScreen
from dojo.sitting.screens.round_debrief import RoundDebriefScreen

FOLDER = layout.ROOT / "docs"
SIZE = (92, 36)
# A right answer built differently: the debrief has something to compare.
SECOND = layout.TESTS / "second"
SHOWN = "losses/focal_loss"
MISTAKE = "alpha on both classes"
# What a round hides, and what one says of it.
HIDDEN = "modulator detached"
SAID = "no gradient through (1 - p_t)^gamma"
PRACTICE, DEBUG = "nox -s practice", "nox -s debug"
# Seconds spent when the mistake shows, and when it is mended.
FAILING, SOLVED = 11 * 60 + 24, 14 * 60 + 7
READING = 3 * 60 + 12
PATIENCE = 600


def draw() -> int:
    """Writes docs/practice.svg, docs/debrief.svg, docs/debug.svg and docs/debug_debrief.svg."""
    with tempfile.TemporaryDirectory() as folder:
        # The learner's own record is not for pictures.
        os.environ["DOJO_HOME"] = str(Path(folder) / "home")
        tree = Path(folder) / "answers"
        layout.source_file(SHOWN, tree).parent.mkdir(parents=True)
        kata = catalogue.one(SHOWN)
        with lay_out(tree, "practice") as desk:
            app = _Posed(desk, kata, None)
            asyncio.run(_sit(app, layout.source_file(SHOWN, tree)))
        asyncio.run(_play(Path(folder) / "debug"))
    return 0


class _Posed(PracticeApp):
    """Practice whose clock stands still."""

    async def begin(self, kata: Kata, minutes: float) -> Attempt:
        attempt = begin(kata, minutes, self.desk.book, self.desk.tree)
        attempt.clock = Clock(lambda: 0.0, spent=FAILING)
        attempt.clock.resume()
        return attempt


async def _sit(app: _Posed, file: Path) -> None:
    trap = _trap(MISTAKE)
    async with app.run_test(size=SIZE) as pilot:
        while not isinstance(app.screen, AttemptScreen):
            await pilot.pause(0.1)
        file.write_text(trap.source(), encoding="utf-8")
        await _until(pilot, lambda: bool(app.attempt and app.attempt.entry.checks))
        _keep(app, "practice", PRACTICE)
        assert app.attempt is not None
        app.attempt.clock.spent = SOLVED
        file.write_bytes(layout.source_file(SHOWN, SECOND).read_bytes())
        await _until(pilot, lambda: isinstance(app.screen, DebriefScreen))
        _keep(app, "debrief", PRACTICE)


class _PosedRound(DebugApp):
    """A round of one mistake, whose clock stands still."""

    def next_mistake(self) -> Mistake:
        return mistakes.of_trap(_trap(HIDDEN))

    def attempt_at(self, kata: Kata, entry: Entry) -> Attempt:
        return Attempt(kata, entry, self.book, Clock(lambda: 0.0, spent=READING))


async def _play(into: Path) -> None:
    into.mkdir()
    options = DebugOptions(SHOWN, None, False, False, True, False, layout.KATAS, into)
    with lay_out(into, "debug", book=RoundBook) as desk:
        app = _PosedRound(desk, options, [SHOWN])
        async with app.run_test(size=SIZE) as pilot:
            await _until(pilot, lambda: bool(getattr(app.screen, "evidence", None)))
            # Touched, and not mended: what the tests say of it.
            with layout.source_file(SHOWN, into).open("a", encoding="utf-8") as file:
                file.write("\n")
            await _until(pilot, lambda: bool(app.attempt and app.attempt.entry.checks))
            _keep(app, "debug", DEBUG)
            layout.source_file(SHOWN, into).write_text(mistakes.repaired(SHOWN), encoding="utf-8")
            await _until(pilot, lambda: isinstance(app.screen, NameScreen))
            app.screen.query_one(Input).value = SAID
            await pilot.press("enter")
            await _until(pilot, lambda: bool(app.screen.query_one(Named).display))
            names = [str(option.prompt) for option in app.screen.query_one(Named).options]
            await pilot.press(*["down"] * names.index(HIDDEN), "enter")
            await _until(pilot, lambda: isinstance(app.screen, RoundDebriefScreen))
            _keep(app, "debug_debrief", DEBUG)


def _trap(name: str) -> Trap:
    return next(trap for trap in read_traps(SHOWN) if trap.name == name)


async def _until(pilot: Pilot[None], there: Callable[[], bool]) -> None:
    for _ in range(PATIENCE * 5):
        await pilot.pause(0.2)
        if there():
            # One more turn, so that what is there is also drawn.
            await pilot.pause(0.5)
            return
    raise TimeoutError(f"the checker gave no verdict in {PATIENCE} s")


def _keep(app: DojoApp, name: str, command: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    picture = app.export_screenshot(title=f"{command} -- {SHOWN.partition('/')[2]}")
    write_whole(FOLDER / f"{name}.svg", picture.encode())
    print(f"{layout.shown(FOLDER / name)}.svg drawn")
