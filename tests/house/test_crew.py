"""Workers grade side by side, and what ends one of them costs one verdict."""

import collections
import contextlib
import functools
import os
import time

import pytest

from dojo.cohort.crew import LOST, CrewError, Work, grade_all
from dojo.results import Outcome
from tests.house.graders import Obedient, Unable

KATA = "losses/focal_loss"


@pytest.fixture
def make(tmp_path):
    return functools.partial(Obedient, str(tmp_path))


def diary(tmp_path):
    return [line.split(" ", 1) for line in (tmp_path / "diary").read_text().splitlines()]


def verdicts(answers, make, workers=2):
    work = [Work(str(number), KATA, text.encode()) for number, text in enumerate(answers)]
    found = {done.key: (result, flags) for done, result, flags in grade_all(work, make, workers)}
    return [found[str(number)] for number in range(len(answers))]


def test_every_answer_is_graded_once_and_workers_put_away_what_they_have(make, tmp_path):
    found = verdicts(["right", "wrong", "odd line 3: eval", *["right"] * 20], make)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes == [Outcome.SOLVED, Outcome.WRONG] + [Outcome.SOLVED] * 21
    assert found[2][1] == ["line 3: eval"]
    told = collections.Counter(what for _, what in diary(tmp_path))
    assert told == {
        "began": 2,
        "closed": 2,
        "graded right": 21,
        "graded wrong": 1,
        "graded odd": 1,
    }


def test_while_a_verdict_is_kept_its_worker_has_the_next_answer(make, tmp_path):
    work = [Work(str(number), KATA, b"right") for number in range(2)]
    with contextlib.closing(grade_all(work, make, 1)) as found:
        next(found)
        # It ends by the test's own time if nobody has given it the second.
        while [what for _, what in diary(tmp_path)].count("graded right") < 2:
            time.sleep(0.001)


def test_no_more_workers_are_started_than_there_is_work_for(make, tmp_path):
    assert verdicts([], make) == []
    verdicts(["right"], make, workers=4)
    assert len({pid for pid, _ in diary(tmp_path)}) == 1


def test_an_answer_that_ends_its_worker_costs_its_own_verdict(make):
    found = verdicts(["right", "exit", *["right"] * 6], make)
    outcomes = [result.outcome for result, _ in found]
    assert outcomes == [Outcome.SOLVED, Outcome.CRASHED] + [Outcome.SOLVED] * 6
    ((failure,), flags) = found[1][0].failures, found[1][1]
    assert (failure.message, flags) == (LOST, [LOST])


def test_a_worker_that_is_lost_once_costs_nothing(make, tmp_path):
    ((result, flags),) = verdicts(["once here"], make)
    assert (result.outcome, flags) == (Outcome.SOLVED, [])
    assert [what for _, what in diary(tmp_path)].count("graded once") == 2


def test_a_fault_of_the_grader_s_is_one_broken_verdict(make):
    (first, flags), (second, _) = verdicts(["raise no such thing", "right"], make, workers=1)
    assert (first.outcome, second.outcome) == (Outcome.BROKEN, Outcome.SOLVED)
    assert flags == ["grading this answer failed: ValueError: no such thing"]


def test_where_nothing_can_be_graded_it_is_said(make):
    with pytest.raises(CrewError, match="there is no sandbox here"):
        verdicts(["right"], Unable)
    with pytest.raises(CrewError, match="it broke down"):
        verdicts(["refuse it broke down", "right"], make)


def test_who_stops_listening_ends_the_workers(make, tmp_path):
    work = [Work("a", KATA, b"right"), Work("b", KATA, b"sleep 60")]
    begun = time.monotonic()
    found = grade_all(work, make, 2)
    next(found)
    while "graded sleep" not in [what for _, what in diary(tmp_path)]:
        time.sleep(0.01)
    found.close()
    assert time.monotonic() - begun < 20
    assert [what for _, what in diary(tmp_path)].count("closed") == 2
    for pid in {pid for pid, _ in diary(tmp_path)}:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
