"""Every suite is itself tested: with wrong answers people give, and another right one."""

import pytest

from dojo import layout
from dojo.check.runner import Runner
from dojo.results import Outcome
from dojo.upkeep import variants

KATAS = sorted(
    str(path.relative_to(layout.REFERENCE).with_suffix(""))
    for path in layout.REFERENCE.glob("*/*.py")
)
TRAPS = {f"{trap.kata}: {trap.name}": trap for kata in KATAS for trap in variants.read_traps(kata)}


@pytest.fixture(scope="module")
def verdicts():
    plan = [trap.variant() for trap in TRAPS.values()]
    return {variant.key: result for variant, result in variants.run(plan)}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("key", TRAPS)
def test_the_trap_is_rejected_and_named(verdicts, key):
    result, trap = verdicts[key], TRAPS[key]
    assert result.outcome in (Outcome.WRONG, Outcome.CRASHED, Outcome.TIMED_OUT), result
    causes = [failure.cause for failure in result.failures if failure.cause]
    if trap.cause:
        assert any(trap.cause in cause for cause in causes), causes


@pytest.mark.timeout(600)
def test_a_second_right_answer_is_solved():
    # The capstone's calls fit for every training: a minute on a busy machine.
    results = Runner(layout.TESTS / "second", limit=240).results(KATAS)
    assert {result.kata: result.outcome for result in results} == dict.fromkeys(
        KATAS, Outcome.SOLVED
    ), [result.failures[0] for result in results if result.failures]
