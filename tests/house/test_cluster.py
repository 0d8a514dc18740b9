"""Workers of a Dask cluster grade as this machine's do: what ends one costs one verdict."""

import collections
import contextlib
import functools
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time

import pytest

from dojo import cli, layout
from dojo.cohort.crew import CrewError, Work
from dojo.errors import UsageError
from dojo.results import Outcome
from tests.house.graders import Obedient, Unable

distributed = pytest.importorskip("distributed", reason="the group `grade` is not installed")

from dojo.cohort import cluster, command, judges, remote  # noqa: E402

KATA = "losses/focal_loss"


SMALL = {
    "n_workers": 2,
    "threads_per_worker": 1,
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A cluster of two processes, as on another machine."""
    with distributed.LocalCluster(
        local_directory=tmp_path_factory.mktemp("dask"), **SMALL
    ) as found:
        yield found


@pytest.fixture
def address(dask):
    return dask.scheduler_address


@pytest.fixture
def make(tmp_path):
    return functools.partial(Obedient, str(tmp_path))


def diary(tmp_path):
    return [line.split(" ", 1) for line in (tmp_path / "diary").read_text().splitlines()]


def verdicts(answers, make, address, said=None):
    work = [Work(str(number), KATA, text.encode()) for number, text in enumerate(answers)]
    say = [].append if said is None else said.append
    found = cluster.grade_all(work, make, address, judges.digests([KATA]), say)
    found = {done.key: (result, flags) for done, result, flags in found}
    return [found[str(number)] for number in range(len(answers))]


def test_every_answer_is_graded_once_by_a_grader_that_each_worker_keeps(make, address, tmp_path):
    found = verdicts(["right", "wrong", "odd line 3: eval", *["right"] * 20], make, address)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes == [Outcome.SOLVED, Outcome.WRONG] + [Outcome.SOLVED] * 21
    assert found[2][1] == ["line 3: eval"]
    told = collections.Counter(what for _, what in diary(tmp_path))
    assert told == {"began": 2, "graded right": 21, "graded wrong": 1, "graded odd": 1}


def test_while_a_verdict_is_kept_its_worker_has_the_next_answer(make, address, tmp_path):
    work = [Work(str(number), KATA, b"right") for number in range(5)]
    found = cluster.grade_all(work, make, address, judges.digests([KATA]), print)
    with contextlib.closing(found):
        next(found)
        # Two began, and whose verdict has come has the third.
        while len([what for _, what in diary(tmp_path) if what == "graded right"]) < 3:
            time.sleep(0.001)


def test_where_there_is_no_work_nobody_is_asked():
    assert verdicts([], Obedient, "tcp://127.0.0.1:1") == []


def test_no_scheduler_is_one_line_soon():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    for wrong in (address, "127.0.0.1", "smoke://signals:1"):
        with pytest.raises(UsageError, match=f"no scheduler answers at {wrong}") as told:
            verdicts(["right"], Obedient, wrong)
        assert "\n" not in str(told.value)


def test_a_fault_of_the_grader_s_is_one_broken_verdict(make, address):
    (first, flags), (second, _) = verdicts(["raise no such thing", "right"], make, address)
    assert (first.outcome, second.outcome) == (Outcome.BROKEN, Outcome.SOLVED)
    assert flags == ["grading this answer failed: ValueError: no such thing"]


def test_workers_that_cannot_grade_are_refused_by_name(address, dask):
    said = []
    with pytest.raises(CrewError, match="each of the cluster's workers is refused"):
        verdicts(["right"], Unable, address, said)
    assert [line.partition(" is refused: ")[0] for line in sorted(said)] == [
        f"worker {address}" for address in sorted(at(dask))
    ]
    assert all(line.endswith(": there is no sandbox here") for line in said)


def test_where_no_worker_comes_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_PATIENCE", 0.1)
    inside = {"processes": False, "protocol": "tcp://", "local_directory": tmp_path}
    with (
        distributed.LocalCluster(**{**SMALL, "n_workers": 0}, **inside) as empty,
        pytest.raises(CrewError, match=r"has had no worker that can grade for .* docs/grading.md"),
    ):
        verdicts(["right"], Obedient, empty.scheduler_address)


def at(dask):
    return list(dask.scheduler.workers)


def pretend(version):
    """Runs in a worker: it takes itself for one with another TensorFlow."""
    real = judges.versions
    judges.versions = lambda: real() | {"tensorflow": version}
    return real


def restore(real):
    judges.versions = real


def test_a_worker_of_another_version_is_refused_and_grades_nothing(make, address, dask, tmp_path):
    other = at(dask)[0]
    with distributed.Client(address, set_as_default=False) as client:
        (pid,) = client.run(os.getpid, workers=[other]).values()
        (real,) = client.run(pretend, "2.20.0", workers=[other]).values()
        said = []
        # The one that may grade is away for a while, and waited for.
        found = verdicts(["right", "once here", "right"], make, address, said)
        client.run(restore, real, workers=[other])
    here = judges.versions()["tensorflow"]
    (line,) = said
    assert line.startswith(f"worker {other} is refused: ")
    assert line.endswith(f": tensorflow 2.20.0 there, {here} here")
    assert {result.outcome for result, _ in found} == {Outcome.SOLVED}
    assert str(pid) not in {pid for pid, _ in diary(tmp_path)}


def test_what_differs_is_named():
    making = pickle.dumps(Obedient)
    ours = remote.standard(judges.digests([KATA, "losses/giou"]))
    assert remote.examine(ours, making) == ""
    for kata, words in {
        "losses/giou": "another version of the suites of losses/giou",
        "losses/none": "No such file",
    }.items():
        other = remote.Standard(ours.versions, {**ours.suites, kata: "0"})
        assert words in remote.examine(other, making)


def test_a_grader_that_nobody_asks_for_is_closed(make, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "IDLE", 0.05)
    making = pickle.dumps(make)
    remote.grade(making, KATA, b"right")
    remote.grade(making, KATA, b"wrong")
    while "closed" not in [what for _, what in diary(tmp_path)]:
        time.sleep(0.01)
    remote.grade(making, KATA, b"right")
    remote._desk.close()
    told = [what for _, what in diary(tmp_path)]
    assert told == ["began", "graded right", "graded wrong", "closed"] + [
        "began",
        "graded right",
        "closed",
    ]


def test_of_many_answers_the_scheduler_has_one_a_worker(tmp_path):
    """Workers that are threads: what is looked at is what the scheduler has to keep."""
    inside = {"processes": False, "protocol": "tcp://", "local_directory": tmp_path}
    with distributed.LocalCluster(**SMALL, **inside) as threads:
        work = [Work(str(number), KATA, b"right") for number in range(300)]
        address = threads.scheduler_address
        most, count = 0, 0
        for _, result, _ in cluster.grade_all(
            work, Obedient, address, judges.digests([KATA]), print
        ):
            most = max(most, len(threads.scheduler.tasks))
            count += result.outcome is Outcome.SOLVED
        assert count == 300
        # One a worker, and what is being forgotten.
        assert most <= 6


def test_a_scheduler_needs_nothing_of_this_project(address, monkeypatch):
    """It unpickles what it hands on: of an order, what is Python's own."""
    orders = []
    submit = distributed.Client.submit

    def seen(self, function, *given, **how):
        orders.append((function.__module__, *map(type, given)))
        return submit(self, function, *given, **how)

    monkeypatch.setattr(distributed.Client, "submit", seen)
    verdicts(["right"], Obedient, address)
    assert set(orders) == {("_pickle", bytes)}


def test_when_the_scheduler_ends_it_is_said(tmp_path):
    inside = {"processes": False, "protocol": "tcp://", "local_directory": tmp_path}
    work = [Work(str(number), KATA, b"right") for number in range(1000)]
    with distributed.LocalCluster(**SMALL, **inside) as threads:
        address = threads.scheduler_address
        found = cluster.grade_all(work, Obedient, address, judges.digests([KATA]), print)
        next(found)
        threads.close()
        with pytest.raises(CrewError, match=r"scheduler is gone.* the same command goes on"):
            list(found)


RUN = """
import functools, sys
from dojo import cli
from dojo.cohort import command
from tests.house.graders import Obedient

if __name__ == "__main__":
    make = functools.partial(Obedient, sys.argv[1])
    command.grader_for = lambda options: make
    sys.exit(cli.main(["grade", *sys.argv[2:]]))
"""


def test_stopped_on_the_way_the_same_command_goes_on(address, tmp_path, monkeypatch, make, capsys):
    for number in range(8):
        file = layout.source_file(KATA, tmp_path / "in" / f"p{number}")
        file.parent.mkdir(parents=True)
        file.write_text(f"sleep 0.3{number}")
    (tmp_path / "run.py").write_text(RUN)
    command_line = [str(tmp_path / "in"), "--out", str(tmp_path / "report"), "--unsandboxed"]
    command_line += ["--scheduler", address]
    path = os.pathsep.join([str(layout.ROOT), os.environ.get("PYTHONPATH", "")])
    run = subprocess.Popen(
        [sys.executable, tmp_path / "run.py", tmp_path, *command_line],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "diary").exists() or len(diary(tmp_path)) < 6:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said, errors = run.communicate()
    assert (run.returncode, errors) == (130, "")
    assert "graded, and kept; the same command goes on" in said
    monkeypatch.setattr(command, "grader_for", lambda options: make)
    assert cli.main(["grade", *command_line]) == 0
    report = json.loads((tmp_path / "report/results.json").read_text())
    assert [grade["verdict"] for grade in report["grades"]] == ["solved"] * 8
    graded = [what for _, what in diary(tmp_path) if what == "graded sleep"]
    # Lost at most is what was in work: one a worker.
    assert 8 <= len(graded) <= 10
    assert " graded before" in capsys.readouterr().out


def test_an_answer_that_ends_its_workers_costs_its_own_verdict(make, address, monkeypatch):
    """Last, as it takes both of them."""
    # With three, there is a wait for a new one.
    monkeypatch.setattr(cluster, "_TRIES", 2)
    found = verdicts(["right", "exit", "once here", *["right"] * 6], make, address)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes == [Outcome.SOLVED, Outcome.CRASHED] + [Outcome.SOLVED] * 7
    ((failure,), flags) = found[1][0].failures, found[1][1]
    assert (failure.message, flags) == (cluster.LOST, [cluster.LOST])
