"""tests.support.closeness: what passes, what fails, and what the message proves."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import BlindTest, Mismatch, assert_close

HOW = {"call": "f(x)", "oracle": "the oracle", "rtol": 1e-6}


def refusal(got, want, **how):
    with pytest.raises(Mismatch) as caught:
        assert_close(got, want, **(HOW | how))
    return caught.value


def test_close_numbers_pass_and_far_ones_do_not():
    assert_close(tf.constant([1.0, 2.0]), [1.0, 2.0 + 1e-6], **HOW)
    assert "1 of 2 differ" in str(refusal(tf.constant([1.0, 2.0]), [1.0, 2.00001]))


@pytest.mark.parametrize("shape", [(4, 4), (4, 1), (1,), ()])
def test_nothing_broadcasts(shape):
    assert "shape" in str(refusal(tf.ones(shape), np.ones(4)))


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (np.nan, 1.0),
        (np.inf, 1.0),
        (1.0, np.inf),
        (-np.inf, np.inf),
        (np.nan, np.inf),
        (1.0, np.nan),
    ],
)
def test_nan_and_infinity_equal_only_themselves(got, want):
    refusal(tf.constant(got), want)
    assert_close(tf.constant(want), want, **HOW)


def test_nan_and_inf_have_their_usual_causes():
    assert "0 / 0" in refusal(tf.constant(np.nan), 1.0).cause
    assert "overflow" in refusal(tf.constant(np.inf), 1.0).cause


@pytest.mark.parametrize("got", [None, 1.0, np.ones(2), [1.0, 1.0], "text", tf.ones])
def test_only_tensors_can_pass(got):
    refusal(got, np.ones(2))


def test_tensors_variables_and_slices_pass():
    slices = tf.IndexedSlices(tf.ones(2), tf.constant([0, 1]), [2])
    for got in (tf.ones(2), tf.Variable([1.0, 1.0]), slices):
        assert_close(got, np.ones(2), **HOW)


def test_the_dtype_is_compared_where_asked():
    assert "dtype float32" in str(refusal(tf.ones(2), np.ones(2), dtype="float64"))
    assert_close(tf.ones(2), np.ones(2), dtype="float32", **HOW)


def test_bfloat16_scalars_can_be_shown():
    assert "bfloat16" in str(refusal(tf.constant(1.5, tf.bfloat16), 1.0))


def test_a_cause_is_named_when_the_numbers_are_its_own():
    bugs = {"the sign": [-1.0, -2.0], "doubled": [2.0, 4.0]}
    assert refusal(tf.constant([2.0, 4.0]), [1.0, 2.0], bugs=bugs).cause.endswith("doubled")
    assert refusal(tf.constant([2.0, 5.0]), [1.0, 2.0], bugs=bugs).cause is None


def test_the_listed_mistakes_that_give_other_numbers_are_ruled_out():
    bugs = {"the sign": [-1.0, -2.0], "doubled": [2.0, 4.0]}
    assert refusal(tf.constant([2.0, 4.0]), [1.0, 2.0], bugs=bugs).ruled_out == ("the sign",)
    assert refusal(tf.constant([2.0, 5.0]), [1.0, 2.0], bugs=bugs).ruled_out == tuple(bugs)


def test_a_bug_of_another_shape_is_named_too():
    bugs = {"summed": 3.0}
    assert refusal(tf.constant(3.0), [1.0, 2.0], bugs=bugs).cause.endswith("summed")


def test_a_mistake_that_the_data_hides_is_an_error_of_the_test():
    with pytest.raises(BlindTest, match="doubled"):
        assert_close(tf.constant([0.0]), [0.0], bugs={"doubled": [0.0]}, **HOW)


def test_the_worst_difference_is_shown_with_its_inputs():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    text = str(
        refusal(tf.constant([[1.0, 2.0], [3.0, 5.0]]), x, inputs={"x": x, "row": [7.0, 8.0]})
    )
    assert "worst     at [1, 1] with x 4, row 8: expected 4, got 5" in text


def test_an_input_is_not_shown_as_a_rounder_number():
    x = np.array([0.49999997, 0.1, 1 / 3], "float32")
    worst = [
        str(refusal(tf.constant(np.eye(3)[i]), np.zeros(3), inputs={"x": x})) for i in range(3)
    ]
    assert "with x 0.49999997: expected" in worst[0]
    assert "with x 0.1: expected" in worst[1]
    assert "with x 0.333333: expected" in worst[2]


THIRDS = np.array([1 / 3, 2 / 3, 0.5])


def test_float64_numbers_that_have_float32_s_digits_are_told():
    narrow = THIRDS.astype("float32").astype("float64")
    found = refusal(tf.constant(narrow), THIRDS, rtol=1e-12)
    assert found.cause == "these are float32 numbers: float64 goes through float32"
    assert found.kind == "proof"


@pytest.mark.parametrize(
    "got",
    [
        THIRDS.astype("float32"),
        THIRDS + 1e-7,
        # Round by themselves, and wrong by themselves.
        np.array([0.5, 0.75, 0.5]),
        np.array([1.0, 2.0, 1.5]).astype("float32").astype("float64") / 4,
    ],
    ids=["in float32 itself", "with all digits", "round numbers", "not near"],
)
def test_what_may_have_come_about_otherwise_is_not(got):
    assert refusal(tf.constant(got), THIRDS, rtol=1e-12).cause is None


def test_the_expected_and_got_lines_fit_into_80_columns():
    random = np.random.default_rng(0)
    for shape in [(2, 3), (2, 4), (8,), (3, 3, 3), (100,)]:
        want = random.normal(size=shape) * 1e3
        lines = str(refusal(tf.constant(want + 1), want, oracle="the formula in float64"))
        assert max(map(len, lines.splitlines())) <= 80, lines


def test_a_stub_that_replaces_numpy_changes_no_verdict(monkeypatch):
    monkeypatch.setattr(np, "abs", lambda x: x * 0)
    monkeypatch.setattr(np, "isclose", lambda *a, **k: np.array(True))
    monkeypatch.setattr(np.testing, "assert_allclose", lambda *a, **k: None)
    refusal(tf.constant([1.0, 2.0]), [1.0, 3.0])


def test_the_element_that_is_most_wrong_by_its_tolerance_is_shown():
    """A large number that is a little off says less than a small one that is far off."""
    want, got = [0.0, 1e6, 2.0, 3.0], [1e-11, 1e6 + 10.0, 2.5, 3.0]
    text = str(refusal(tf.constant(got, tf.float64), want, atol=1e-12))
    assert "worst     at [2]: expected 2, got 2.5" in text
    text = str(refusal(tf.constant([1.0, np.nan, 9.0]), [1.5, 1.0, 1.0]))
    assert "worst     at [1]: expected 1, got nan" in text


def test_exact_comparisons_have_a_worst_element_too():
    assert "worst     at [1]" in str(refusal(tf.constant([1.0, 3.0]), [1.0, 2.0], rtol=0.0))


def test_numbers_are_shown_with_enough_digits_to_differ():
    want = np.array([21.0])
    text = str(refusal(tf.constant(np.nextafter(want, 22)), want, rtol=0.0))
    assert "expected 21, got 21.000000000000004" in text


def test_mistakes_that_give_the_same_numbers_are_all_named():
    bugs = {"the mean": [2.0], "halved": [2.0], "the sign": [-4.0]}
    assert refusal(tf.constant([2.0]), [4.0], bugs=bugs).cause.endswith("the mean; or of: halved")


def test_a_failure_says_what_it_rests_on():
    bugs = {"doubled": [2.0, 4.0], "summed": 3.0}
    want = [1.0, 2.0]
    assert refusal(None, want).kind == "basic"
    assert refusal(tf.constant([1.0]), want).kind == "basic"
    assert refusal(tf.constant(3.0), want, bugs=bugs).kind == "proof"
    assert refusal(tf.constant([2.0, 4.0]), want, bugs=bugs).kind == "proof"
    assert refusal(tf.constant([2.0, 5.0]), want, bugs=bugs).kind == "numbers"
    # Where to look for it is help, and proves nothing.
    assert refusal(tf.constant([2.0, np.nan]), want, bugs=bugs).kind == "numbers"


def test_a_failure_says_whether_a_gradient_is_wrong():
    call = "tape.gradient(f(x), x, output_gradients=upstream)"
    assert refusal(tf.constant([2.0]), [1.0], call=call).gradient
    assert not refusal(tf.constant([2.0]), [1.0], call="gradient_reversal(x)").gradient


def test_a_list_around_the_tensor_is_told_from_a_number_of_python():
    assert "a list that holds a tensor" in refusal([tf.ones(2)], np.ones(2)).cause
    assert "left TensorFlow" in refusal([1.0, 1.0], np.ones(2)).cause
