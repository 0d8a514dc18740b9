"""Verdicts that need a second run to be believed, and what that run says of them."""

import dataclasses

from dojo import layout
from dojo.check.run import Run
from dojo.results import Failure, Outcome, Result

BLINDED = (
    "the tests cannot judge this answer, and can judge the model answer: either its numbers "
    "leave nothing to compare, or something in the file reaches into the tests."
)
TAMPERED = (
    "the tests were tampered with: they pass also where every number is taken for another. "
    "Something in the file reaches into the tests, or into what runs them."
)


def run_after(run: Run) -> Run | None:
    """Returns a new run to confirm the verdict on somebody's answer, or None for no need."""
    if run.of is not None or run.job.tree == layout.REFERENCE.resolve() or run.result is None:
        return None
    if run.result.outcome is Outcome.SOLVED:
        return run.canary()
    if _is_blind(run) and not layout.is_pack():
        return run.second_opinion()
    return None


def believed(run: Run) -> Result:
    """Returns the verdict, by what the run that was to confirm it found."""
    assert run.result is not None
    if run.of is None:
        # A take-home has no model answer to ask; where it was packed, the tests could judge it.
        return _doubted(run.result, BLINDED) if layout.is_pack() and _is_blind(run) else run.result
    if run.of.outcome is Outcome.SOLVED:
        # Of an answer that no wrong number makes fail, nothing was compared.
        doubt = TAMPERED if run.result.outcome is Outcome.SOLVED else ""
    else:
        doubt = "" if run.result.outcome is Outcome.BROKEN else BLINDED
    return _doubted(run.of, doubt) if doubt else run.of


def _is_blind(run: Run) -> bool:
    return run.result is not None and run.result.outcome is Outcome.BROKEN and run.story.blind


def _doubted(result: Result, doubt: str) -> Result:
    return dataclasses.replace(result, outcome=Outcome.WRONG, failures=[Failure("", doubt)])
