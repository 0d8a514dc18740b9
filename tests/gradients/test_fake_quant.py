"""Fake quantization with a learned step (LSQ): train for integers, and learn their scale.

Question (15 min). A network shall run on signed integers. In training each tensor x is
rounded to them and scaled back, and the step, the size of one integer, is learned along with
the weights. With r = x / step,

    y = step round(clip(r, -Qn, Qp)),    Qn = 2^(bits - 1),    Qp = Qn - 1

Give it the gradients that autodiff would, if the rounding had slope 1 everywhere, and the
clip slope 0 at its bounds as well as beyond. Test k checks clause k:

    1. Values match the formula; halves are rounded to even. bits is a Python int, 8 by
       default.
    2. The gradient to x: so the upstream where -Qn < r < Qp, and 0 elsewhere.
    3. The gradient to step, a scalar: the sum over the elements of x, times
       1 / sqrt(N Qp), where x has N elements. Nothing but this gradient is scaled.
    4. Eager mode, tf.function and XLA agree.

x is a float32 tensor, step a positive scalar: a float32 tensor or variable.

Run   nox -s check -- fake_quant
Read  https://arxiv.org/abs/1902.08153, equations 1 to 3
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import differences, every_mode, random_upstream, vjp

# A product of step and an integer, rounded once; another right way adds r to round(r) - r,
# of at most 9, and rounds twice more: 4 eps of the largest value.
VALUE = {"rtol": 5e-7, "atol": 5e-7}
# A sum of 18 terms of order four, then a root and a division: 30 eps.
STEP_SLOPE = {"rtol": 4e-6, "atol": 4e-6}

STEP, BITS, QN, QP = 0.5, 3, 4, 3
# Of each kind: beyond a bound, at it, inside but rounded to it, halves, and between. All
# multiples of 1/32: x / step and round(r) - r are exact.
R = np.array(
    [
        [-9.0, -4.25, -4.0, -3.75, -3.5, -2.5],
        [-1.25, -0.5, 0.0, 0.3125, 0.5, 1.5],
        [2.375, 2.5, 2.75, 3.0, 3.25, 7.0],
    ]
)
X = STEP * R
CALL = f"fake_quant(x, step, bits={BITS})"
INPUTS = {"x": X, "r": R}
CASES = "the formula, element by element"


def quantized(x, step, qn=QN, qp=QP):
    """The formula, one element at a time; Python's round goes to even."""
    one = lambda r: step * round(min(max(r, -qn), qp))
    return np.array([one(r) for r in np.ravel(x) / step]).reshape(np.shape(x))


def is_inside(r, qn=QN, qp=QP):
    return (-qn < r) & (r < qp)


def slopes(r, qn=QN, qp=QP):
    """dy / dstep of each element, by cases."""

    def one(r):
        if r <= -qn:
            return -qn
        if r >= qp:
            return qp
        return round(r) - r

    return np.array([one(value) for value in np.ravel(r)]).reshape(np.shape(r))


def scaled_sum(upstream, each, size=None, qp=QP):
    """The gradient to step, from dy / dstep of each element."""
    return np.sum(upstream * each) / np.sqrt((size or np.size(each)) * qp)


def fake_quant(kata, x, step, *bits, **how):
    return kata.fake_quant(tf.constant(x, tf.float32), tf.constant(step), *bits, **how)


def test_1_values_match_the_formula(kata):
    q, rounded = quantized(X, STEP) / STEP, np.round(R)
    assert_close(
        fake_quant(kata, X, STEP, bits=BITS),
        quantized(X, STEP),
        call=CALL,
        oracle=CASES,
        dtype="float32",
        inputs=INPUTS,
        bugs={
            "halves rounded up, floor(r + 0.5)": STEP * np.clip(np.floor(R + 0.5), -QN, QP),
            "halves rounded away from zero": STEP
            * np.clip(np.sign(R) * np.floor(abs(R) + 0.5), -QN, QP),
            "floor": STEP * np.clip(np.floor(R), -QN, QP),
            "the fraction cut off": STEP * np.clip(np.trunc(R), -QN, QP),
            "not rounded": STEP * np.clip(R, -QN, QP),
            "not clipped": STEP * rounded,
            "8 bits, whatever is asked": STEP * np.clip(rounded, -128, 127),
            "-Qp for -Qn below": STEP * np.clip(rounded, -QP, QP),
            "Qn for Qp above": STEP * np.clip(rounded, -QN, QN),
            "unsigned: 0 to 2^bits - 1": STEP * np.clip(rounded, 0, 7),
            "a bit too many: 2^bits for 2^(bits - 1)": STEP * np.clip(rounded, -8, 7),
            "a bit too few": STEP * np.clip(rounded, -2, 1),
            "the integers, without step": q,
            "x clipped, not r": STEP * np.round(np.clip(X, -QN, QP) / STEP),
        },
        **VALUE,
    )


@pytest.mark.parametrize(("bits", "qn", "qp"), [(2, 2, 1), (4, 8, 7), (8, 128, 127)])
def test_1_bits_and_their_default(kata, bits, qn, qp):
    # No r is within 0.02 of a half, where x / step might be rounded to the other side.
    x, step = 0.07 * np.array([-300.3, -99.7, -7.2, -1.1, 0.4, 1.2, 6.9, 88.8, 126.7, 500.1]), 0.07
    assert_close(
        fake_quant(kata, x, step, *([] if bits == 8 else [bits])),
        quantized(x, step, qn, qp),
        call=f"fake_quant(x, 0.07{'' if bits == 8 else f', {bits}'})",
        oracle=CASES,
        inputs={"r": x / step},
        rtol=1e-6,
        bugs={
            "not clipped": step * np.round(x / step),
            **({} if bits == 8 else {"8 bits, whatever is asked": quantized(x, step, 128, 127)}),
        },
    )


def gradients(kata, x=X, step=STEP, bits=BITS):
    """The upstream, and the gradients to x and to step, a variable."""
    sources = [tf.constant(x, tf.float32), tf.Variable(step)]
    upstream = random_upstream(np.shape(x)).astype("float32")
    return upstream, vjp(lambda x, step: kata.fake_quant(x, step, bits), sources, upstream)[1]


def assert_there(gradient, name):
    """Fails where a gradient is None."""
    __tracebackhide__ = True
    if gradient is None:
        cause = f"no differentiable path leads from {name} to the result"
        call = f"tape.gradient({CALL}, {name}, output_gradients=upstream)"
        raise mismatch(call, expected="a tensor", got="None", cause=cause)


def test_2_gradient_to_x(kata):
    upstream, (to_x, _) = gradients(kata)
    assert_there(to_x, "x")
    inside, rounded = is_inside(R), np.round(R)
    factor = 1 / np.sqrt(R.size * QP)
    bugs = {
        "bounds included: slope 1 where r is at one": (-QN <= R) & (R <= QP),
        "a mask from the rounded values: what rounds to a bound is not clipped": is_inside(rounded),
        "passed everywhere": np.ones_like(R),
        "a mask from x, not from r": is_inside(X),
        "-Qp for -Qn below": is_inside(R, qn=QP),
        "the slope of round, which is 0": 0,
        "1 / sqrt(N Qp) on the gradient to x, too": factor * inside,
        "divided by step: the slope of r, for that of y": inside / STEP,
        "times step": inside * STEP,
    }
    assert_close(
        to_x,
        upstream * inside,
        call=f"tape.gradient({CALL}, x, output_gradients=upstream)",
        oracle="upstream where -Qn < r < Qp",
        dtype="float32",
        inputs=INPUTS,
        bugs={cause: upstream * slope for cause, slope in bugs.items()}
        | {"the upstream gradient dropped": inside},
        rtol=1e-6,
    )


def wrong_step_slopes(upstream):
    """{cause: scalar}: the gradient to step, by wrong answers."""
    each, inside, q = slopes(R), is_inside(R), np.clip(np.round(R), -QN, QP)
    closed, strict = (-QN <= R) & (R <= QP), is_inside(np.round(R))
    scaled = functools.partial(scaled_sum, upstream)
    size = R.size
    return {
        "round(r) inside: the - r is lost, by which step acts through x / step": scaled(q),
        "0 where r is clipped; there y is a bound times step": scaled(np.where(inside, each, 0)),
        "0 where r is not clipped; there the rounding moves y": scaled(np.where(inside, 0, each)),
        "q - r everywhere: where r is clipped it has no slope left": scaled(q - R),
        "bounds included: slope of the clip 1 where r is at one": scaled(
            q - np.where(closed, R, 0)
        ),
        "a mask from the rounded values": scaled(q - np.where(strict, R, 0)),
        "-Qp for -Qn where r is clipped below": scaled(np.where(R <= -QN, -QP, each)),
        "-r inside: the rounded value's own term is lost": scaled(np.where(inside, -R, each)),
        "the sign": -scaled(each),
        "1 / sqrt(N Qp) missing": np.sum(upstream * each),
        "a mean for the sum, and no factor": np.mean(upstream * each),
        "a mean for the sum, times the factor": scaled(each) / size,
        "1 / (N Qp): the root is missing": np.sum(upstream * each) / (size * QP),
        "1 / sqrt(N): Qp is missing": np.sum(upstream * each) / np.sqrt(size),
        "1 / sqrt(Qp): N is missing": np.sum(upstream * each) / np.sqrt(QP),
        "Qn for Qp in the factor": scaled(each, qp=QN),
        "times sqrt(N Qp)": np.sum(upstream * each) * np.sqrt(size * QP),
        "N counted without the first axis": scaled(each, size=R.shape[1]),
        "N counted along the first axis only": scaled(each, size=R.shape[0]),
        "times step": STEP * scaled(each),
        "divided by step": scaled(each) / STEP,
        "one gradient for each element, not their sum": upstream * each / np.sqrt(size * QP),
        "the upstream gradient dropped": scaled_sum(np.ones_like(R), each),
    }


def test_3_gradient_to_step(kata):
    upstream, (_, to_step) = gradients(kata)
    assert_there(to_step, "step")
    assert_close(
        to_step,
        scaled_sum(upstream, slopes(R)),
        call=f"tape.gradient({CALL}, step, output_gradients=upstream)",
        oracle="autodiff's rules, element by element",
        dtype="float32",
        bugs=wrong_step_slopes(upstream),
        **STEP_SLOPE,
    )


@pytest.mark.parametrize(
    ("part", "r"),
    {
        "beyond the bounds": [[-9.0, 7.0], [-4.5, 3.25]],
        "at the bounds": [[-4.0, 3.0]],
        "inside, rounded to a bound": [[-3.75, 2.75]],
        "inside": [[-1.25, 0.3125, 2.375]],
    }.items(),
)
def test_3_gradient_to_step_in_each_part(kata, part, r):
    r = np.array(r)
    upstream, (_, to_step) = gradients(kata, STEP * r)
    assert_there(to_step, "step")
    assert_close(
        to_step,
        scaled_sum(upstream, slopes(r)),
        call=f"tape.gradient({CALL}, step, output_gradients=upstream), all r {part}",
        oracle="autodiff's rules, element by element",
        **STEP_SLOPE,
    )


def test_3_gradient_to_step_where_all_is_clipped(kata):
    # There y is linear in step, and no rule but calculus is needed.
    x = np.array([-40.0, 25.0, 30.0, -9.0])
    upstream, (_, to_step) = gradients(kata, x)
    assert_there(to_step, "step")
    plain = lambda step: np.sum(upstream * quantized(x, step))
    slope = differences(lambda step: plain(step[0]), np.array([STEP]))[0]
    assert_close(
        to_step,
        slope / np.sqrt(4 * QP),
        call="tape.gradient(fake_quant([-40, 25, 30, -9], 0.5, bits=3), step, …)",
        oracle="central differences, times 1 / sqrt(4 Qp)",
        bugs={"0 where r is clipped": 0.0},
        **STEP_SLOPE,
    )


def test_3_a_step_and_bits_of_another_size(kata):
    x, step = np.random.default_rng(0).normal(size=(2, 3, 4)), 0.3
    upstream, (_, to_step) = gradients(kata, x, step, 4)
    assert_there(to_step, "step")
    assert_close(
        to_step,
        scaled_sum(upstream, slopes(x / step, 8, 7), qp=7),
        call="tape.gradient(fake_quant(x [2, 3, 4], 0.3, bits=4), step, output_gradients=upstream)",
        oracle="autodiff's rules, element by element",
        **STEP_SLOPE,
    )


def test_4_every_mode_agrees(kata):
    upstream = tf.constant(random_upstream(R.shape), tf.float32)
    x, step = tf.constant(X, tf.float32), tf.Variable(STEP)

    def compute():
        value, found = vjp(lambda x, step: kata.fake_quant(x, step, BITS), [x, step], upstream)
        return value, *found

    right = quantized(X, STEP), upstream * is_inside(R), scaled_sum(upstream, slopes(R))
    names = ("", ", the gradient of it to x", ", the gradient of it to step")
    for said, run in every_mode(compute).items():
        for name, got, want in zip(names, run(), right, strict=True):
            call = f"{said}{CALL}{name}"
            assert_close(got, want, call=call, oracle="eager mode", **STEP_SLOPE)
