"""Every suite is itself tested: with wrong answers people give, and another right one."""

import pytest

from dojo import layout
from dojo.check.runner import Runner
from dojo.content.document import read_document
from dojo.content.traps import read_traps
from dojo.results import Kind, Outcome
from dojo.upkeep import causes, variants

KATAS = [kata.path for kata in read_document().katas]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kata", KATAS)
def test_every_trap_is_rejected_by_its_clause_and_named(kata):
    traps = read_traps(kata)
    passed = {
        trap.name: [result.outcome, *((f.test, f.cause) for f in result.failures)]
        for trap, result in causes.judged(traps, jobs=1)
        if not causes.rejected(trap, result)
    }
    assert traps
    assert passed == {}


@pytest.mark.parametrize("kata", KATAS)
def test_the_canary_of_the_suite_dies(kata):
    """By numbers that are wrong on purpose, the model answer fails, and by its numbers."""
    run = variants.canary(kata)
    assert run.outcome is Outcome.WRONG
    assert {failure.kind for failure in run.failures} <= {Kind.NUMBERS, Kind.PROOF}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kata", KATAS)
def test_a_second_right_answer_is_solved(kata):
    # The capstone's calls fit for every training: a minute on a busy machine.
    (result,) = Runner(layout.TESTS / "second", limit=240).results([kata])
    assert result.outcome is Outcome.SOLVED, result.failures[:1]
