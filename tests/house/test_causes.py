"""The causes command: what is shown first to each trap, and how little of a suite that takes."""

import dataclasses
import itertools
import types

import pytest

from dojo.check import messages
from dojo.check.aim import Aim
from dojo.content.traps import Trap
from dojo.results import Failure, Kind, Outcome, Result
from dojo.shown import is_certain, place, shown
from dojo.upkeep import causes
from dojo.upkeep.causes import Sight


def trap(clause="1", **marks):
    return Trap("losses/x", "a mistake", clause, "old", "new", **marks)


def verdict(*failures, outcome=Outcome.WRONG):
    return Result("losses/x", outcome, failures)


PROVED = Failure("test_1_a", "f(x)", "numbers of: half of it", kind=Kind.PROOF)
RAISED = Failure("test_1_a", "TypeError: f() takes 1")
FAR = Failure("test_1_a", "f(x)\n\n  got  2", "nan: look for 0 / 0", kind=Kind.NUMBERS)
OTHER = Failure("test_2_b", "g(x)", "numbers of: twice it", kind=Kind.PROOF)

SEEN = {
    "its cause": (trap(cause="half"), verdict(PROVED), Sight.NAMED),
    "its cause, where two are named": (trap(cause="half"), verdict(PROVED, OTHER), Sight.NAMED),
    "its words": (trap(plain="takes 1"), verdict(RAISED), Sight.PLAIN),
    "its words, as a cause": (
        trap(plain="half"),
        verdict(dataclasses.replace(PROVED, message="f(x)\n\n  cause  half of it")),
        Sight.PLAIN,
    ),
    "its words, and a proof of another mistake": (
        trap(plain="f(x)"),
        verdict(PROVED),
        Sight.FALSE,
    ),
    "a likely cause is none": (trap(plain="what?"), verdict(FAR), Sight.HIDDEN),
    "an exception before its cause": (
        trap("2", cause="twice"),
        verdict(RAISED, OTHER),
        Sight.HIDDEN,
    ),
    "a hidden one that says why": (trap(unnamed="why"), verdict(RAISED), Sight.HIDDEN),
    "the cause of another mistake": (trap("2", cause="twice"), verdict(PROVED, OTHER), Sight.FALSE),
    "a cause in place of its words": (trap(plain="takes 1"), verdict(PROVED), Sight.FALSE),
    "nobody has said": (trap(), verdict(PROVED), Sight.UNMARKED),
    "no failure": (trap(), verdict(outcome=Outcome.SOLVED), Sight.PASSED),
    "another clause only": (trap("2"), verdict(PROVED), Sight.PASSED),
    "its clause, without its cause": (trap(cause="twice"), verdict(PROVED), Sight.PASSED),
    "the suite's own fault": (trap(), verdict(PROVED, outcome=Outcome.BROKEN), Sight.PASSED),
}


@pytest.mark.parametrize(("trap", "result", "seen"), SEEN.values(), ids=SEEN)
def test_what_is_seen(trap, result, seen):
    assert causes.sight(trap, result) is seen


def ended(monkeypatch, capsys, *seen):
    """Runs the command over one kata whose traps are seen so: the status, the text."""
    results = {
        Sight.NAMED: (trap(cause="half"), verdict(PROVED)),
        Sight.HIDDEN: (trap(plain="takes 1"), verdict(FAR)),
        Sight.FALSE: (trap(plain="takes 1"), verdict(PROVED)),
        Sight.UNMARKED: (trap(), verdict(FAR)),
        Sight.PASSED: (trap(), verdict(outcome=Outcome.SOLVED)),
    }
    judged = [results[one] for one in seen]
    monkeypatch.setattr(causes, "read_traps", lambda kata: [one for one, _ in judged])
    monkeypatch.setattr(causes, "judged", lambda traps, jobs: judged)
    return causes.run(["focal_loss"], None), capsys.readouterr().out


@pytest.mark.parametrize("share", [19, 18])
def test_nineteen_of_twenty_meet_the_bar(monkeypatch, capsys, share):
    seen = [Sight.NAMED] * share + [Sight.HIDDEN] * (20 - share)
    status, out = ended(monkeypatch, capsys, *seen)
    assert status == (0 if share == 19 else 1)
    assert f"{share / 20:.1%} named or plain" in out
    assert "hidden    losses/x: a mistake" in out


@pytest.mark.parametrize("fatal", [Sight.FALSE, Sight.PASSED])
def test_one_that_misleads_or_passes_misses_it(monkeypatch, capsys, fatal):
    status, out = ended(monkeypatch, capsys, *[Sight.NAMED] * 99, fatal)
    assert status == 1
    assert "the bar is not met" in out


def test_what_nobody_has_marked_is_counted_apart(monkeypatch, capsys):
    status, out = ended(monkeypatch, capsys, Sight.NAMED, Sight.UNMARKED)
    assert status == 0
    assert "100.0% named or plain" in out


KINDS = {
    "basic": RAISED,
    "proof": PROVED,
    "gradient": Failure("", "f(x)", "numbers of: no chain rule", kind=Kind.PROOF, gradient=True),
    "numbers": FAR,
    "unwritten": Failure("", "not written yet", kind=Kind.UNWRITTEN),
    "late": Failure("", "no end in sight", kind=Kind.LATE),
}


def test_what_is_certain_stays_shown_whatever_follows():
    for kinds in itertools.product(KINDS.values(), repeat=3):
        failures = [dataclasses.replace(one, test=f"test_{i}_x") for i, one in enumerate(kinds, 1)]
        for cut in (1, 2):
            if is_certain(failures[:cut]):
                assert shown(failures) == shown(failures[:cut]), kinds


class Suite:
    """A suite under an `Aim`: what it runs, test by test."""

    def __init__(self, aim, names):
        self.aim = aim
        self.items = [types.SimpleNamespace(name=name) for name in names]
        aim.pytest_collection_modifyitems(self.items)

    def ran(self, failures):
        """The tests that are run, where those of `failures` fail so."""
        ran = []
        for item in self.items:
            if self.aim.pytest_runtest_protocol(item) is None:
                ran.append(item.name)
                failure = failures.get(item.name)
                told = (failure.message, failure.cause) if failure else (None, None)
                kind = failure.kind if failure else Kind.BASIC
                self.aim.hear(messages.Tested(item.name, not failure, 0.1, *told, "", kind))
        return ran


NAMES = ["test_1_a[float16]", "test_1_a[float32]", "test_2_b", "test_3_c", "test_3_d"]


def test_no_more_is_run_than_it_takes_to_know_what_is_shown_and_that_the_clause_fails():
    sorted_names = sorted(NAMES, key=place)
    assert sorted_names[0] == "test_1_a[float32]"
    suite = Suite(Aim("1", ""), NAMES)
    assert suite.ran({"test_1_a[float32]": RAISED}) == sorted_names[:1]
    suite = Suite(Aim("3", ""), NAMES)
    assert suite.ran({"test_1_a[float32]": RAISED, "test_3_c": FAR}) == [
        "test_1_a[float32]",
        "test_3_c",
    ]


def test_the_clause_is_run_until_it_has_named_the_cause():
    failures = {"test_1_a[float32]": RAISED, "test_3_c": FAR, "test_3_d": OTHER}
    assert Suite(Aim("3", "twice"), NAMES).ran(failures)[1:] == ["test_3_c", "test_3_d"]


def test_numbers_alone_decide_nothing():
    failures = dict.fromkeys(NAMES, FAR)
    assert len(Suite(Aim("1", ""), NAMES).ran(failures)) == len(NAMES)
