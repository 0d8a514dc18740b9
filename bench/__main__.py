"""`nox -s bench`: the checker against a cold pytest and a bare import, as ratios.

All figures are of one run on one machine. Wall times are medians; the machine should be
otherwise idle.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import first_word
from dojo import layout
from dojo.check import processes
from dojo.check.runner import Runner
from dojo.content import catalogue
from dojo.results import Result

KATA = "losses/focal_loss"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="runs a figure (5)")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_of_the_answer(Path(folder))
        own = tests_own_time(tree, repeat)
        imported = median(repeat, lambda: run("-c", "import tensorflow"))
        cold = median(repeat, lambda: run("-m", "pytest", "-q", f"--tree={tree}", suite()))
        saved = statistics.median(save_to_verdict(tree, Path(folder), 4 * repeat))
        first, whole = first_word.medians(KATA, 2 * repeat)
        check = ("check", KATA, f"--tree={tree}")
        checked = median(repeat, lambda: nox("check", "--", *check[1:], warm=False))
        bare = median(repeat, lambda: run("-m", "dojo", *check, warm=False))
        run("-m", "dojo", *check)
        again = median(repeat, lambda: run("-m", "dojo", *check))
        nox_again = median(repeat, lambda: nox("check", "--", *check[1:]))
        untouched = median(repeat, lambda: run("-m", "dojo", "check"))
        through_nox = median(repeat, lambda: nox("check"))
        every = median(1, lambda: run("-m", "dojo", "check", "--tree=reference", "--limit=300"))
        together = further_kata(repeat)
        extra, memory = each_kata(repeat)
        waiting = megabytes("Rss:", processes.warm_pid())
    katas = len(catalogue.select([]))
    rows = [
        ("the tests' own time", f"{own:.2f} s", ""),
        ("import tensorflow", f"{imported:.2f} s", ""),
        ("cold pytest on the same file", f"{cold:.2f} s", ""),
        ("save to verdict, --watch", f"{saved:.2f} s", ""),
        ("  of a cold pytest", f"1/{cold / saved:.1f}", "at most 1/8"),
        ("  beyond the tests", f"{saved - own:.2f} s", "at most 0.5 s"),
        ("save to the first word on a failure", f"{first:.2f} s", "at most 0.4 s"),
        ("  to the whole report", f"{whole:.2f} s", ""),
        ("nox -s check -- focal_loss", f"{checked:.2f} s", ""),
        ("  against import + tests", f"{checked / (imported + own):.2f}", "at most 1.35"),
        ("python -m dojo check, cold", f"{bare:.2f} s", ""),
        ("  against the import", f"{bare / imported:.2f}", ""),
        ("the same, warm", f"{again:.2f} s", ""),
        ("  against the import", f"{again / imported:.2f}", ""),
        ("  beyond the tests", f"{again - own:.2f} s", "at most 0.35 s"),
        ("nox -s check -- focal_loss, warm", f"{nox_again:.2f} s", ""),
        ("  against the import", f"{nox_again / imported:.2f}", "at most 0.35"),
        (f"all {katas} katas, warm", f"{every:.1f} s", ""),
        ("  against the import", f"{every / imported:.1f}", ""),
        ("memory of the warm process", f"{waiting:.0f} MB", ""),
        ("nox with nothing to install", f"{through_nox - untouched:.2f} s", "under 0.5 s"),
        ("a further kata beyond its tests", f"{together:.2f} s", "at most 0.1 s"),
        ("  one at a time", f"{extra:.2f} s", ""),
        ("its private memory at the start", f"{memory:.0f} MB", "at most 30 MB"),
    ]
    for label, figure, bar in rows:
        print(f"{label:<36}{figure:>10}   {bar}".rstrip())
    return 0


def copy_of_the_answer(folder: Path) -> Path:
    tree = folder / "answers"
    target = layout.source_file(KATA, tree)
    target.parent.mkdir(parents=True)
    shutil.copy(layout.source_file(KATA, layout.REFERENCE), target)
    return tree


def suite() -> str:
    return str(layout.test_file(KATA))


def run(*arguments: str, warm: bool = True) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=layout.ROOT, env=environment(warm), capture_output=True)
    if done.returncode:
        raise SystemExit(f"{arguments} failed: {done.stdout.decode()} {done.stderr.decode()}")


def environment(warm: bool) -> dict[str, str]:
    return os.environ | {"DOJO_WARM": "1" if warm else "0"}


def nox(*arguments: str, warm: bool = True) -> None:
    command = [shutil.which("nox") or "nox", "--non-interactive", "-s", *arguments]
    done = subprocess.run(command, cwd=layout.ROOT, env=environment(warm), capture_output=True)
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stdout.decode()} {done.stderr.decode()}")


def median(repeat: int, action: Callable[[], None]) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def tests_own_time(tree: Path, repeat: int) -> float:
    """The tests' set-up, call and tear-down in a warm child, and nothing else."""
    runner = Runner(tree)
    runner.results([KATA])
    return statistics.median(inside(runner.results([KATA])[0]) for _ in range(repeat))


def inside(result: Result) -> float:
    return sum(test.seconds for test in result.tests)


def save_to_verdict(tree: Path, folder: Path, repeat: int) -> Iterator[float]:
    """Seconds from a save to the JSON of `check --watch`."""
    report, file = folder / "watch.json", layout.source_file(KATA, tree)
    command = [sys.executable, "-m", "dojo", "check", KATA, "--watch"]
    watching = subprocess.Popen(
        [*command, f"--tree={tree}", f"--json={report}"],
        cwd=layout.ROOT,
        env=os.environ | {"DOJO_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(report)
        text = file.read_text(encoding="utf-8")
        for number in range(repeat):
            time.sleep(2)  # who edits takes longer
            start = time.perf_counter()
            file.write_text(f"{text}\n# save {number}\n", encoding="utf-8")
            verdict = wait_for(report)
            yield time.perf_counter() - start
            assert verdict["katas"][0]["outcome"] == "solved", verdict
    finally:
        watching.send_signal(signal.SIGINT)
        watching.wait()


def wait_for(report: Path) -> dict:
    while True:
        with contextlib.suppress(FileNotFoundError):
            verdict = json.loads(report.read_text(encoding="utf-8"))
            report.unlink()
            return verdict
        time.sleep(0.002)


def further_kata(repeat: int) -> float:
    """What a kata adds to a check of several, less what its tests take when they run alone."""
    katas = [kata.path for kata in catalogue.select(["losses/"])]
    alone = Runner(layout.REFERENCE, jobs=1).results(katas)
    tests = sum(inside(result) for result in alone[1:])
    runner = Runner(layout.REFERENCE)
    one = median(repeat, lambda: runner.results(katas[:1]))
    several = median(repeat, lambda: runner.results(katas))
    return (several - one - tests) / len(katas[1:])


def each_kata(repeat: int) -> tuple[float, float]:
    """Seconds a kata takes beyond its tests, and MB of its own when they begin."""
    runner, extra, memory = Runner(layout.REFERENCE, jobs=1), [], []
    katas = [KATA] * (repeat + 1)
    for kata in katas:
        for event in runner.check([kata]):
            if event.kind == "tested" and event.done == 1:
                (child,) = children_of(processes.warm_pid())
                memory.append(megabytes("Private_", child))
            if event.result is not None:
                extra.append(event.result.seconds - inside(event.result))
    return statistics.median(extra[1:]), statistics.median(memory[1:] or [float("nan")])


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def megabytes(kind: str, pid: int) -> float:
    """Of the lines of a process' smaps_rollup that begin so."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


if __name__ == "__main__":
    sys.exit(main())
