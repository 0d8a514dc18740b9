"""`python -m bench.suites`: each suite's seconds with the model answer, one at a time.

Forked: in a process forked from the warm one, where TensorFlow runs its first op. Held: in
one that has waited for the save, as under --watch and in practice. Medians; the machine
should be otherwise idle.
"""

import argparse
import statistics
import sys
import time

from dojo import layout
from dojo.check.runner import Runner
from dojo.content import catalogue
from dojo.results import Outcome

# A process has exercised by then.
WAIT = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.suites", description=__doc__)
    parser.add_argument("katas", nargs="*")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each (3)")
    options = parser.parse_args()
    runner = Runner(layout.REFERENCE, jobs=1)
    print(f"{'kata':<34}{'tests':>6}{'forked':>9}{'held':>9}")
    for kata in catalogue.select(options.katas):
        path = kata.path
        first = runner.results([path])[0]
        assert first.outcome is Outcome.SOLVED, first
        forked = [runner.results([path])[0].seconds for _ in range(options.repeat)]
        held = [in_held_process(runner, path) for _ in range(options.repeat)]
        times = f"{statistics.median(forked):>7.2f} s{statistics.median(held):>7.2f} s"
        print(f"{path:<34}{first.total:>6}{times}", flush=True)
    return 0


def in_held_process(runner: Runner, path: str) -> float:
    runner.prepare(path)
    time.sleep(WAIT)
    return runner.results([path])[0].seconds


if __name__ == "__main__":
    sys.exit(main())
