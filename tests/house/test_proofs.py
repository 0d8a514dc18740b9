"""What failing tests say of one another's causes."""

from dojo.proofs import mistake, undisputed, upheld
from dojo.results import Failure, Kind

EXACTLY = "these are exactly the numbers of: "


def proof(test, *names, **how):
    cause = EXACTLY + "; or of: ".join(names)
    message = f"f(x)\n\n  got       2\n  cause     {cause}"
    return Failure(test, message, cause, kind=Kind.PROOF, **how)


def numbers(test, **how):
    return Failure(test, "f(x)\n\n  got       2", kind=Kind.NUMBERS, **how)


def causes(failures):
    return [failure.cause and mistake(failure.cause) for failure in upheld(failures)]


SMALL = proof("test_1_small", "b")
LARGE = proof("test_2_large", "a", ruled_out=("b", "c"))


def test_a_proof_of_another_mistake_takes_the_cause_of_a_test_that_cannot_tell_them_apart():
    small, large = upheld([SMALL, LARGE])
    assert (small.kind, small.cause, small.message) == (Kind.NUMBERS, None, "f(x)\n\n  got       2")
    assert large == LARGE
    assert causes([LARGE, SMALL]) == ["a", None]


def test_of_two_mistakes_with_the_same_numbers_the_other_is_left():
    small, _ = upheld([proof("test_1_small", "a", "b"), LARGE])
    assert (small.kind, small.cause) == (Kind.PROOF, EXACTLY + "a")
    assert small.message.endswith(f"\n  cause     {EXACTLY}a")


def test_where_each_excludes_the_other_there_are_two_mistakes():
    assert causes([proof("test_1_small", "b", ruled_out=("a",)), LARGE]) == ["b", "a"]


def test_what_is_only_wrong_takes_no_cause():
    """An answer may have two mistakes, or one that this dtype does not show."""
    assert causes([SMALL, numbers("test_2_large", ruled_out=("b",))]) == ["b", None]


def test_a_gradient_takes_no_cause_of_a_value():
    """A hand-written gradient is wrong on its own."""
    slope = proof("test_2_slope", "a", ruled_out=("b",), gradient=True)
    assert causes([SMALL, slope]) == ["b", "a"]
    assert causes([proof("test_1_slope", "b", gradient=True), slope]) == [None, "a"]


def test_a_graph_may_do_what_no_plain_call_does():
    assert causes([LARGE, proof("test_1_compiled[graph]", "b")]) == ["a", "b"]
    assert causes([LARGE, proof("test_1_small[float16]", "b")]) == ["a", "b"]
    assert causes([LARGE, proof("test_1_small[float32]", "b")]) == ["a", None]


def test_a_cause_without_numbers_of_its_own_stays():
    told = Failure("test_1_a", "f(x)", "these are float32 numbers", kind=Kind.PROOF)
    likely = Failure("test_1_b", "f(x)", "nan: look for 0 / 0", kind=Kind.NUMBERS)
    assert upheld([told, likely, LARGE]) == [told, likely, LARGE]


def test_a_cause_is_undisputed_where_no_other_test_has_seen_other_numbers():
    assert undisputed(SMALL, [SMALL, numbers("test_2_large")]) == SMALL.cause
    assert undisputed(SMALL, [SMALL, numbers("test_2_large", ruled_out=("b",))]) is None
    both = proof("test_1_small", "a", "b")
    assert undisputed(both, [both, numbers("test_2_large", ruled_out=("b",))]) == EXACTLY + "a"


def test_what_is_no_proof_is_no_cause_to_name():
    likely = Failure("test_1_b", "f(x)", "nan: look for 0 / 0", kind=Kind.NUMBERS)
    assert undisputed(likely, [likely]) is None
