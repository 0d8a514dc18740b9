"""Measures practice from save to screen: `python -m bench.practice [KATA] [SAVES]`.

The real program runs in a real terminal; each save is a wrong answer, so that the attempt
goes on. Reported is the time from the save to the changed screen, less the time that the
tests themselves took in that very check. The first save pays for importing TensorFlow, and
is left out.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from dojo import layout
from dojo.content import stubs
from dojo.content.traps import read_traps
from dojo.words import counted
from tests.house.terminals import Terminal

LOG = "BENCH_PRACTICE_LOG"


def measure(kata: str, saves: int) -> None:
    """Runs the sitting and prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = layout.source_file(kata, Path(folder) / "answers")
        file.parent.mkdir(parents=True)
        file.write_text(stubs.pristine(kata), encoding="utf-8")
        wrong = read_traps(kata)[0].source()
        log = Path(folder) / "log"
        env = {"DOJO_HOME": str(Path(folder) / "home"), LOG: str(log)}
        arguments = ["practice", kata, "--tree", Path(folder) / "answers"]
        with Terminal(*arguments, env=env, program=("-m", "bench.practice", "inside")) as terminal:
            terminal.until("Write your answer in")
            totals = [save(terminal, file, wrong, count) for count in range(1, saves + 2)]
        tests = [float(line) for line in log.read_text().split()]
    report(kata, totals[1:], tests[1:])


def save(terminal: Terminal, file: Path, text: str, count: int) -> float:
    """Saves, and returns the seconds until the screen says that it was checked."""
    start = time.monotonic()
    file.write_text(f"{text}\n# {count}\n", encoding="utf-8")
    word = f"{counted(count, 'check')},"
    while word not in terminal.text:
        assert terminal.read(0.02), terminal.text
    shown = time.monotonic() - start
    time.sleep(0.3)
    return shown


def inside() -> int:
    """The program under measurement, which also logs what the tests alone took."""
    from dojo.cli import main
    from dojo.sitting.attempt import Attempt

    take = Attempt.take

    def logged(self, result):
        if result.tests:
            with contextlib.closing(open(os.environ[LOG], "a")) as log:
                log.write(f"{sum(test.seconds for test in result.tests)}\n")
        take(self, result)

    Attempt.take = logged
    return main(sys.argv[2:])


def report(kata: str, totals: list[float], tests: list[float]) -> None:
    """Prints both times and their difference."""
    beyond = sorted(total - alone for total, alone in zip(totals, tests, strict=True))
    print(f"{kata}: {len(totals)} saves")
    print(f"save to screen    median {statistics.median(totals):.2f} s, max {max(totals):.2f} s")
    print(f"the tests alone   median {statistics.median(tests):.2f} s, max {max(tests):.2f} s")
    print(
        f"beyond the tests  median {statistics.median(beyond):.2f} s, "
        f"90% within {beyond[int(0.9 * len(beyond))]:.2f} s, max {beyond[-1]:.2f} s"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        sys.exit(inside())
    kata, saves = (*sys.argv[1:], *("gradients/clip_by_value", "25")[len(sys.argv) - 1 :])
    measure(kata, int(saves))
