"""Measures practice from save to screen: `python -m bench.practice [KATA] [SAVES]`.

A real terminal runs the real program; each save is another wrong answer or the right one
with a mistake behind it, so that the attempt goes on. What is reported is the time from
the save to the changed screen, less the time that the tests themselves took.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from dojo import layout, stubs, variants
from dojo.history import History
from dojo.runner import Runner
from tests.house.terminals import Terminal


def main(kata: str = "gradients/clip_by_value", saves: int = 25) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DOJO_HOME"] = str(Path(folder) / "home")
        tree = Path(folder) / "answers"
        file = layout.source_file(kata, tree)
        file.parent.mkdir(parents=True)
        file.write_text(stubs.pristine(kata), encoding="utf-8")
        wrong = variants.read_traps(kata)[0].variant().source
        with Terminal("practice", kata, "--tree", tree) as terminal:
            terminal.until("Write your answer in")
            totals = [save(terminal, file, wrong, count) for count in range(1, saves + 1)]
        report(kata, totals[1:], fork_to_verdict()[1:], tests_alone(kata, tree))


def save(terminal: Terminal, file: Path, text: str, count: int) -> float:
    """Saves, and returns the seconds until the screen says that it was checked."""
    start = time.monotonic()
    file.write_text(f"{text}\n# {count}\n", encoding="utf-8")
    word = f"{count} check{'' if count == 1 else 's'},"
    while word not in terminal.text:
        terminal.read(0.005)
    shown = time.monotonic() - start
    time.sleep(0.3)
    return shown


def fork_to_verdict() -> list[float]:
    with History() as history:
        return [row[0] for row in history.db.execute("SELECT seconds FROM checks ORDER BY id")]


def tests_alone(kata: str, tree: Path) -> float:
    """Returns the median of what the tests of the same file take, by pytest's own clock."""
    runner = Runner(tree)
    runs = []
    for _ in range(8):
        with contextlib.suppress(IndexError):
            (result,) = runner.results([kata])
            runs.append(sum(test.seconds for test in result.tests))
    return statistics.median(runs[1:])


def report(kata: str, totals: list[float], verdicts: list[float], tests: float) -> None:
    beyond = sorted(total - tests for total in totals)
    print(f"{kata}: {len(totals)} saves after the first")
    print(f"save to screen    median {statistics.median(totals):.2f} s, max {max(totals):.2f} s")
    print(f"fork to verdict   median {statistics.median(verdicts):.2f} s")
    print(f"tests alone       median {tests:.2f} s")
    print(
        f"beyond the tests  median {statistics.median(beyond):.2f} s, "
        f"90% within {beyond[int(0.9 * len(beyond))]:.2f} s, max {beyond[-1]:.2f} s"
    )


if __name__ == "__main__":
    kata, saves = [*sys.argv[1:], *["gradients/clip_by_value", "25"][len(sys.argv) - 1 :]]
    main(kata, int(saves))
