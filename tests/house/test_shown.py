"""Which failure is shown: the one that teaches most."""

import pytest

from dojo.results import Failure, Kind
from dojo.shown import other_causes, shown

PROOF = "these are exactly the numbers of: "


def numbers(test, **how):
    return Failure(test, "far", kind=Kind.NUMBERS, **how)


def proof(test, cause="a mistake", **how):
    return Failure(test, "far", PROOF + cause, kind=Kind.PROOF, **how)


def basic(test):
    return Failure(test, "TypeError")


def late(test):
    return Failure(test, "no end in sight", kind=Kind.LATE)


def unwritten(test):
    return Failure(test, "not written yet", kind=Kind.UNWRITTEN)


# What fails, in the order of the run, and the test that is to be shown.
CASES = {
    "the first where all are numbers": ([numbers("test_1_a"), numbers("test_2_b")], "test_1_a"),
    "a proof that follows numbers": ([numbers("test_1_a"), proof("test_2_b")], "test_2_b"),
    "an exception that follows numbers": ([numbers("test_1_a"), basic("test_3_b")], "test_3_b"),
    "an exception before a proof": ([basic("test_1_a"), proof("test_1_b")], "test_1_a"),
    "a proof before an exception": ([proof("test_1_a"), basic("test_2_b")], "test_1_a"),
    "in the order of clauses, not of the run": ([basic("test_3_a"), basic("test_1_b")], "test_1_b"),
    "clause 2 before clause 10": ([basic("test_10_a"), basic("test_2_b")], "test_2_b"),
    "float32 before float16": (
        [proof("test_1_a[float16]"), proof("test_1_a[float32]")],
        "test_1_a[float32]",
    ),
    "float64 before float16": (
        [proof("test_1_a[float16]"), proof("test_1_a[float64]")],
        "test_1_a[float64]",
    ),
    "a plain call before XLA": (
        [basic("test_1_a[XLA]"), basic("test_1_a[eager]")],
        "test_1_a[eager]",
    ),
    "the dropped upstream of clip_by_value": (
        [numbers("test_1_a[float16]", gradient=True), proof("test_2_b", gradient=True)],
        "test_2_b",
    ),
    "no proof by a gradient while a value is wrong": (
        [numbers("test_1_a"), proof("test_1_b", gradient=True)],
        "test_1_a",
    ),
    "a later proof by a value, past that": (
        [numbers("test_1_a"), proof("test_1_b", gradient=True), proof("test_2_c", "c")],
        "test_2_c",
    ),
    "a proof by a gradient, though a value of a later clause is wrong": (
        [proof("test_1_a", gradient=True), numbers("test_4_b")],
        "test_1_a",
    ),
    "what is not written last but for a time-out": (
        [unwritten("test_1_a"), late("test_1_c"), numbers("test_2_b")],
        "test_1_a",
    ),
    "a proof before what is not written": ([unwritten("test_1_a"), proof("test_2_b")], "test_2_b"),
    "a failure before the time-out that hides it": (
        [late("test_1_a"), numbers("test_2_b")],
        "test_2_b",
    ),
    "the time-out where nothing else fails": ([late("test_1_a")], "test_1_a"),
    "a reason without a test before all": (
        [Failure("", "it opens the model answer"), proof("test_1_a")],
        "",
    ),
}


@pytest.mark.parametrize(("failures", "test"), CASES.values(), ids=CASES)
def test_the_failure_shown(failures, test):
    assert failures[shown(failures)].test == test


def test_nothing_is_shown_where_nothing_fails():
    assert shown([]) is None


def test_the_other_proved_causes_are_named_once_and_what_is_only_likely_is_not():
    likely = numbers("test_1_d")
    failures = [proof("test_1_a", "a"), proof("test_2_b", "b"), proof("test_2_c", "b"), likely]
    assert other_causes(failures) == [PROOF + "b"]
    assert other_causes([failures[0]]) == []


def test_a_cause_that_says_less_in_the_same_words_is_named_once():
    failures = [proof("test_1_a", "the sign, which learns the rest"), proof("test_2_b", "the sign")]
    assert other_causes(failures) == []
    assert other_causes([proof("test_1_a", "b"), *failures]) == [failures[0].cause]


def test_a_cause_that_may_be_the_one_shown_is_not_named_besides():
    failures = [proof("test_1_a", "a; or of: b"), proof("test_2_b", "b; or of: c")]
    assert other_causes(failures) == []


def test_a_cause_is_not_named_besides_where_another_test_has_seen_other_numbers():
    small = proof("test_2_b", "b")
    shown_first = proof("test_1_a", "a")
    assert other_causes([shown_first, small, numbers("test_3_c", ruled_out=("b",))]) == []
    assert other_causes([shown_first, small, numbers("test_3_c")]) == [PROOF + "b"]


def test_a_gradient_is_no_proof_besides_a_wrong_value():
    slope = proof("test_2_b", "b", gradient=True)
    assert other_causes([proof("test_1_a", "a"), slope]) == []
    assert other_causes([proof("test_3_a", "a"), slope]) == [PROOF + "a"]
