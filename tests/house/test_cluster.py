"""A Dask cluster grades as workers of our own do; whoever would judge otherwise has no say.

One cluster of three processes for all; it needs the package that `--scheduler` needs.
"""

import collections
import functools
import sys

import pytest

from dojo.cohort import cluster, judges
from dojo.cohort.crew import LOST, CrewError, Work
from dojo.errors import UsageError
from dojo.results import Outcome
from tests.house.graders import Obedient, Unable

distributed = pytest.importorskip("distributed", reason=f"{cluster.PACKAGE} is not installed")
dask = pytest.importorskip("dask")

KATA = "losses/focal_loss"


@pytest.fixture(scope="module")
def address():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=":0") as made,
    ):
        yield made.scheduler_address


def verdicts(address, answers, make, judged_by=None, remarks=None):
    work = [Work(str(number), KATA, text.encode()) for number, text in enumerate(answers)]
    judged_by = judged_by or judges.digests([KATA])
    say = (remarks if remarks is not None else []).append
    found = cluster.grade_all(work, make, address, judged_by, say)
    by_key = {done.key: (result, flags) for done, result, flags in found}
    return [by_key[str(number)] for number in range(len(answers))]


def test_every_answer_is_graded_once(address, tmp_path):
    make = functools.partial(Obedient, str(tmp_path))
    answers = ["right", "wrong", "odd line 3: eval", "raise what", *["right"] * 40]
    found = verdicts(address, answers, make)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes[:4] == [Outcome.SOLVED, Outcome.WRONG, Outcome.SOLVED, Outcome.BROKEN]
    assert outcomes[4:] == [Outcome.SOLVED] * 40
    assert found[2][1] == ["line 3: eval"]
    told = [line.split(" ", 1) for line in (tmp_path / "diary").read_text().splitlines()]
    often = collections.Counter(what for _, what in told)
    assert (often["began"], often["graded right"], often["graded wrong"]) == (3, 41, 1)


def test_machines_that_judge_by_other_suites_have_no_say(address):
    remarks = []
    with pytest.raises(CrewError, match=r"no machine .*: 127\.0\.0\.1 has other suites"):
        verdicts(address, ["right"], Obedient, {KATA: "of another version"}, remarks)
    assert remarks == ["127.0.0.1 has other suites or packages"]


def test_machines_that_hold_nobody_have_none_either(address):
    with pytest.raises(CrewError, match=r"127\.0\.0\.1 cannot grade: there is no sandbox here"):
        verdicts(address, ["right"], Unable)


def test_no_more_wait_at_the_cluster_than_it_has_use_for(address, monkeypatch):
    """Two for each of its three threads, however many there are."""
    under_way, most = [], []
    send, take = cluster._Cluster._send, cluster._Cluster._verdict

    def sent(self, work):
        under_way.append(work.key)
        most.append(len(under_way))
        return send(self, work)

    def taken(self, future, work):
        under_way.remove(work.key)
        return take(self, future, work)

    monkeypatch.setattr(cluster._Cluster, "_send", sent)
    monkeypatch.setattr(cluster._Cluster, "_verdict", taken)
    verdicts(address, ["right"] * 30, Obedient)
    assert max(most) == 6


def test_where_nobody_answers_it_says_so(monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    with pytest.raises(UsageError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        verdicts("tcp://127.0.0.1:9", ["right"], Obedient)


def test_without_the_package_it_says_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip --python \.venv/bin/python install"):
        verdicts("tcp://127.0.0.1:9", ["right"], Obedient)


def test_an_answer_that_ends_its_workers_costs_its_own_verdict(address):
    """Also where others were to be graded next by the same worker.

    A local cluster does not replace its workers: this is the last test but one.
    """
    found = verdicts(address, ["right", "exit", *["right"] * 6], Obedient)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes == [Outcome.SOLVED, Outcome.CRASHED] + [Outcome.SOLVED] * 6
    assert found[1][0].failures[0].message == LOST


def test_where_no_worker_is_left_it_says_so(monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    settings = {"n_workers": 0, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(**settings) as empty,
        pytest.raises(CrewError, match="no worker"),
    ):
        verdicts(empty.scheduler_address, ["right"], Obedient)
