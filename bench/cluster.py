"""`python -m bench.cluster`: what a Dask cluster adds to grading, and how it grows.

The workers are processes of this machine, which should be otherwise idle. Figures of grading are
for one kata; for the rest, graders do nothing.
"""

import argparse
import contextlib
import functools
import sys
import time
from collections.abc import Iterable, Iterator

import psutil
from distributed import Client, LocalCluster

from dojo import layout
from dojo.check.runner import DEFAULT_LIMIT
from dojo.cohort import cluster, judges
from dojo.cohort.crew import Work, grade_all
from dojo.cohort.grading import Grader
from tests.house.graders import Obedient

KATA = "losses/focal_loss"
MANY = (10, 100, 1000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--answers", type=int, default=12, help="to grade for each figure (12)")
    parser.add_argument("--unsandboxed", action="store_true")
    options = parser.parse_args()
    nothing(2)
    make = functools.partial(Grader, DEFAULT_LIMIT, not options.unsandboxed)
    graded(make, options.answers)
    return 0


def nothing(workers: int) -> None:
    """Seconds for answers that take none, and what the scheduler keeps of them."""
    with machines(workers) as (address, memory):
        # A first one, for what is done once.
        took(on(address, answers(1), Obedient))
        for number in MANY:
            seconds = took(on(address, answers(number), Obedient))
            each = f"{seconds / number * 1000:.0f} ms each"
            print(f"{number:>6} answers, nothing to do   {seconds:6.2f} s  {each}, {memory()}")


def graded(make, number: int) -> None:
    """Answers a minute: one after the other, by workers of our own, by a cluster's."""
    model = layout.source_file(KATA, layout.REFERENCE).read_bytes()
    texts = [model + f"\n# {place}\n".encode() for place in range(number)]
    work = [Work(str(place), KATA, text) for place, text in enumerate(texts)]
    with contextlib.closing(make()) as grader:
        show("a plain loop", number, took(grader.grade(KATA, text) for text in texts))
    for workers in (1, 2):
        show(f"crew, {workers} at a time", number, took(grade_all(work, make, workers)))
        with machines(workers) as (address, _):
            show(f"cluster, {workers} at a time", number, took(on(address, work, make)))


def answers(number: int) -> list[Work]:
    return [Work(str(place), KATA, b"right") for place in range(number)]


def on(address: str, work: list[Work], make) -> Iterable[object]:
    return cluster.grade_all(work, make, address, judges.digests([KATA]), print)


def took(results: Iterable[object]) -> float:
    begun = time.perf_counter()
    for _ in results:
        pass
    return time.perf_counter() - begun


def show(how: str, number: int, seconds: float) -> None:
    print(f"{how:<24}{seconds:6.1f} s   {number / seconds * 60:5.1f} answers a minute")


@contextlib.contextmanager
def machines(workers: int) -> Iterator[tuple[str, object]]:
    """Yields a scheduler's address, and what says how much memory it takes."""
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(silence_logs=50, **options) as found:
        with Client(found, set_as_default=False) as client:
            client.wait_for_workers(workers)

        def memory() -> str:
            kept = len(found.scheduler.tasks)
            held = psutil.Process().memory_info().rss / 2**20
            return f"{kept} kept by the scheduler, {held:.0f} MB"

        yield found.scheduler_address, memory


if __name__ == "__main__":
    sys.exit(main())
