"""Draws the two pictures of README.md: the real screens, with a real mistake in them.

An attempt is sat in a folder of its own, with a clock that stands where the picture wants
it; the checker is the real one.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from dojo import layout
from dojo.content import catalogue
from dojo.content.document import Kata
from dojo.content.traps import read_traps
from dojo.files import write_whole
from dojo.sitting.attempt import Attempt, begin
from dojo.sitting.clock import Clock
from dojo.sitting.desk import lay_out
from dojo.sitting.practice import PracticeApp
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.screens.debrief import DebriefScreen

FOLDER = layout.ROOT / "docs"
SIZE = (92, 36)
# A right answer built differently: the debrief has something to compare.
SECOND = layout.TESTS / "second"
SHOWN = "losses/focal_loss"
MISTAKE = "alpha on both classes"
# Seconds spent when the mistake shows, and when it is mended.
FAILING, SOLVED = 11 * 60 + 24, 14 * 60 + 7
PATIENCE = 600


def draw() -> int:
    """Writes docs/practice.svg and docs/debrief.svg."""
    with tempfile.TemporaryDirectory() as folder:
        # The learner's own record is not for pictures.
        os.environ["DOJO_HOME"] = str(Path(folder) / "home")
        tree = Path(folder) / "answers"
        layout.source_file(SHOWN, tree).parent.mkdir(parents=True)
        kata = catalogue.one(SHOWN)
        with lay_out(tree, "practice") as desk:
            app = _Posed(desk, kata, None)
            asyncio.run(_sit(app, layout.source_file(SHOWN, tree)))
    return 0


class _Posed(PracticeApp):
    """Practice whose clock stands still."""

    async def begin(self, kata: Kata, minutes: float) -> Attempt:
        attempt = begin(kata, minutes, self.desk.book, self.desk.tree)
        attempt.clock = Clock(lambda: 0.0, spent=FAILING)
        attempt.clock.resume()
        return attempt


async def _sit(app: _Posed, file: Path) -> None:
    trap = next(trap for trap in read_traps(SHOWN) if trap.name == MISTAKE)
    async with app.run_test(size=SIZE) as pilot:
        while not isinstance(app.screen, AttemptScreen):
            await pilot.pause(0.1)
        file.write_text(trap.source(), encoding="utf-8")
        await _until(pilot, lambda: bool(app.attempt and app.attempt.entry.checks))
        _keep(app, "practice")
        assert app.attempt is not None
        app.attempt.clock.spent = SOLVED
        file.write_bytes(layout.source_file(SHOWN, SECOND).read_bytes())
        await _until(pilot, lambda: isinstance(app.screen, DebriefScreen))
        _keep(app, "debrief")


async def _until(pilot: Pilot[None], there: Callable[[], bool]) -> None:
    for _ in range(PATIENCE * 5):
        await pilot.pause(0.2)
        if there():
            # One more turn, so that what is there is also drawn.
            await pilot.pause(0.5)
            return
    raise TimeoutError(f"the checker gave no verdict in {PATIENCE} s")


def _keep(app: PracticeApp, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    picture = app.export_screenshot(title=f"nox -s practice -- {SHOWN.partition('/')[2]}")
    write_whole(FOLDER / f"{name}.svg", picture.encode())
    print(f"{layout.shown(FOLDER / name)}.svg drawn")
