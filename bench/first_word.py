"""`python -m bench.first_word [KATA] [SAVES]`: a save under --watch, to what a person reads.

The real command in a real terminal; each save is one wrong answer, whose failure the suite
reaches late. Seconds to the first word on it, and to the whole report. The first saves pay for
what is imported, and are left out.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.content.traps import read_traps
from tests.house.terminals import Terminal

FIRST, WHOLE = "still running", "watching; Ctrl-C ends"
# The processes that wait for the save have exercised by then.
PAUSE = 3.0


def saves(kata: str, count: int) -> Sequence[tuple[float, float]]:
    """Returns the seconds to the first word and to the whole report, of each save."""
    wrong = max((trap for trap in read_traps(kata) if trap.cause), key=lambda trap: trap.clause)
    with tempfile.TemporaryDirectory() as folder:
        file = layout.source_file(kata, Path(folder) / "answers")
        file.parent.mkdir(parents=True)
        file.write_text(wrong.source(), encoding="utf-8")
        arguments = ["check", kata, "--watch", "--tree", Path(folder) / "answers"]
        with Terminal(*arguments, env={"DOJO_HOME": folder}) as terminal:
            terminal.child.expect_exact(WHOLE, timeout=300)
            times = [save(terminal, file, wrong.source()) for _ in range(count + 2)]
    return times[2:]


def save(terminal: Terminal, file: Path, text: str) -> tuple[float, float]:
    time.sleep(PAUSE)
    start = time.perf_counter()
    file.write_text(f"{text}\n# {start}\n", encoding="utf-8")
    seconds = []
    for words in (FIRST, WHOLE):
        terminal.child.expect_exact(words)
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1]


def medians(kata: str, count: int) -> tuple[float, float]:
    """Returns the seconds to the first word, and to the whole report."""
    first, whole = zip(*saves(kata, count), strict=True)
    return statistics.median(first), statistics.median(whole)


def main() -> int:
    kata, count = (*sys.argv[1:], *("gradients/clip_by_value", "10")[len(sys.argv) - 1 :])
    first, whole = medians(kata, int(count))
    print(f"{kata}: first word {first:.2f} s after the save, whole report {whole:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
