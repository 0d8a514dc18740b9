"""A learning rate that warms up, then follows half a cosine.

Question (10 min). Adam's second moment is a guess during the first steps, so large models
start slowly, and end slowly. Write the schedule as a Keras `LearningRateSchedule`. At step
s, counted from 0,

    rate = peak * s / warmup_steps                                  before warmup_steps
    rate = floor + (peak - floor) * (1 + cos(pi * progress)) / 2    then, before total_steps
    rate = floor                                                    from total_steps on

    progress = (s - warmup_steps) / (total_steps - warmup_steps)

Test k checks clause k:

    1. Values match the formula for every step, as a float32 scalar tensor. The step is a
       Python int, or a tensor or variable of any integer dtype, or a float.
    2. The corners: 0 at step 0, the peak at warmup_steps, floor at total_steps and at
       every later step. floor is a rate, not a fraction of the peak.
    3. warmup_steps = 0 starts at the peak. warmup_steps = total_steps leaves no cosine:
       floor from that step on, and, where both are 0, at every step. Nowhere nan.
    4. Eager mode, tf.function and XLA agree; as an optimizer's learning rate, the first
       update uses step 0.
    5. What was given still works: the checks of the arguments, and an optimizer that
       uses the class resumes from a saved model where it stopped.

Run   nox -s check -- warmup_cosine
Read  https://arxiv.org/abs/1608.03983, equation 5; https://arxiv.org/abs/1706.02677, 2.2
"""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.keras_optimizers import assert_resumes
from tests.support.modes import graph
from tests.support.serialization import assert_config_round_trip
from tests.support.value_errors import assert_value_error

# The first rate above 0 is below the floor.
PEAK, WARMUP, TOTAL, FLOOR = 0.8, 4, 14, 0.3
STEPS = list(range(20))
FORMULA = "the formula in float64"

# In float32, cos(pi * progress) is off by eps * pi = 2e-7 and more near pi, where it is
# added to 1: an error of a few 1e-7 of the peak, however small the rate.
CLOSE = {"rtol": 1e-6, "atol": 1e-6 * PEAK}


def oracle(step, peak=PEAK, warmup=WARMUP, total=TOTAL, floor=FLOOR):
    if step < warmup:
        return peak * step / warmup
    if step >= total:
        return floor
    progress = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2


def rates(schedule, steps=STEPS):
    return tf.stack([tf.convert_to_tensor(schedule(step)) for step in steps])


def after_warmup(decay):
    """The oracle with another decay, from progress to rate."""
    progress = [min((s - WARMUP) / (TOTAL - WARMUP), 1) for s in STEPS]
    return [oracle(s) if s < WARMUP else decay(progress[s]) for s in STEPS]


def half_cosine(progress):
    return (1 + math.cos(math.pi * progress)) / 2


def swing(step):
    """The formula without an end."""
    span = (step - WARMUP) / (TOTAL - WARMUP)
    return oracle(step) if step < WARMUP else FLOOR + (PEAK - FLOOR) * half_cosine(span)


BUGS = {
    "steps counted from 1": [oracle(s + 1) for s in STEPS],
    "one step late": [oracle(max(s - 1, 0)) for s in STEPS],
    "warm-up by (s + 1) / warmup_steps": [
        PEAK * (s + 1) / WARMUP if s < WARMUP else oracle(s) for s in STEPS
    ],
    "integer division in the warm-up": [0.0 if s < WARMUP else oracle(s) for s in STEPS],
    "integer division in the cosine": after_warmup(lambda p: PEAK if p < 1 else FLOOR),
    "no floor after the end: the cosine rises again": [swing(s) for s in STEPS],
    "0 after the end": [oracle(s) if s <= TOTAL else 0.0 for s in STEPS],
    "floor ignored": [oracle(s, floor=0.0) for s in STEPS],
    "floor as a fraction of the peak": [oracle(s, floor=FLOOR * PEAK) for s in STEPS],
    "floor added to the whole cosine": after_warmup(lambda p: FLOOR + PEAK * half_cosine(p)),
    "floor by max, as a clip": after_warmup(lambda p: max(PEAK * half_cosine(p), FLOOR)),
    "floor held in the warm-up, too": [max(oracle(s), FLOOR) for s in STEPS],
    "a linear decay": after_warmup(lambda p: FLOOR + (PEAK - FLOOR) * (1 - p)),
    "a whole cosine, down and up": after_warmup(
        lambda p: FLOOR + (PEAK - FLOOR) * half_cosine(2 * p)
    ),
    "a quarter of a cosine": after_warmup(
        lambda p: FLOOR + (PEAK - FLOOR) * math.cos(math.pi * p / 2)
    ),
    "the cosine over total_steps, warm-up not taken off": [
        oracle(s) if s < WARMUP else oracle(s - WARMUP, warmup=0) for s in STEPS
    ],
    "the cosine begun at step 0, under the warm-up": [
        oracle(s) if s < WARMUP else oracle(s, warmup=0) for s in STEPS
    ],
    "warm-up from floor": [
        FLOOR + (PEAK - FLOOR) * s / WARMUP if s < WARMUP else oracle(s) for s in STEPS
    ],
}


def test_1_every_step_follows_the_formula(kata):
    assert_close(
        rates(kata.WarmupCosine(PEAK, WARMUP, TOTAL, FLOOR)),
        [oracle(step) for step in STEPS],
        call=f"WarmupCosine({PEAK}, {WARMUP}, {TOTAL}, floor={FLOOR}) at steps 0 to 19",
        oracle=FORMULA,
        dtype="float32",
        inputs={"step": STEPS},
        bugs=BUGS,
        **CLOSE,
    )


KINDS = {
    "a float": float,
    "an int32 tensor": lambda step: tf.constant(step, tf.int32),
    "an int64 tensor": lambda step: tf.constant(step, tf.int64),
    "a uint8 tensor": lambda step: tf.constant(step, tf.uint8),
    "a float32 tensor": lambda step: tf.constant(step, tf.float32),
    "an int64 tf.Variable": lambda step: tf.Variable(step, dtype=tf.int64),
    "a keras.Variable": lambda step: keras.Variable(step, dtype="int64", trainable=False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_1_the_step_may_be(kata, kind):
    schedule = kata.WarmupCosine(PEAK, WARMUP, TOTAL, FLOOR)
    assert_close(
        rates(lambda step: schedule(KINDS[kind](step))),
        [oracle(step) for step in STEPS],
        call=f"WarmupCosine({PEAK}, {WARMUP}, {TOTAL}, {FLOOR}) at steps 0 to 19, {kind}",
        oracle=FORMULA,
        dtype="float32",
        inputs={"step": STEPS},
        **CLOSE,
    )


def test_1_long_schedules(kata):
    setting = (3e-4, 10_000, 1_000_000)
    steps = [0, 1, 9_999, 10_000, 400_000, 999_999, 1_000_000, 2_000_000_000]
    assert_close(
        rates(kata.WarmupCosine(*setting), steps),
        [oracle(step, *setting, 0.0) for step in steps],
        call="WarmupCosine(3e-4, 10_000, 1_000_000)",
        oracle=FORMULA,
        rtol=1e-6,
        atol=1e-6 * 3e-4,
        inputs={"step": steps},
    )


def test_2_the_corners(kata):
    assert_close(
        rates(kata.WarmupCosine(0.8, 4, 14, floor=0.1), [0, 4, 9, 14, 15, 24, 10**6]),
        [0.0, 0.8, 0.45, 0.1, 0.1, 0.1, 0.1],
        call="WarmupCosine(0.8, 4, 14, floor=0.1) at steps 0, 4, 9, 14, 15, 24, 10^6",
        oracle="the corners, and halfway down",
        **CLOSE,
    )


def test_3_without_warmup_it_starts_at_the_peak(kata, mode):
    schedule = mode(kata.WarmupCosine(PEAK, 0, 10, FLOOR))
    assert_close(
        rates(lambda step: schedule(tf.constant(step))),
        [oracle(step, warmup=0, total=10) for step in STEPS],
        call=f"WarmupCosine({PEAK}, 0, 10, {FLOOR})",
        oracle=FORMULA,
        inputs={"step": STEPS},
        **CLOSE,
    )


@pytest.mark.parametrize("length", [0, 5])
def test_3_without_cosine_only_floor_is_left(kata, length):
    want = [PEAK * step / length if step < length else FLOOR for step in STEPS]
    assert_close(
        rates(kata.WarmupCosine(PEAK, length, length, FLOOR)),
        want,
        call=f"WarmupCosine({PEAK}, {length}, {length}, {FLOOR})",
        oracle=FORMULA,
        inputs={"step": STEPS},
        bugs={"the peak, not floor, at total_steps": [*want[:length], PEAK, *want[length + 1 :]]},
        **CLOSE,
    )


def test_4_every_mode_agrees(kata, mode):
    schedule = mode(kata.WarmupCosine(PEAK, WARMUP, TOTAL, FLOOR))
    assert_close(
        rates(lambda step: schedule(tf.constant(step, tf.int64))),
        [oracle(step) for step in STEPS],
        call=f"WarmupCosine({PEAK}, {WARMUP}, {TOTAL}, {FLOOR})",
        oracle=FORMULA,
        dtype="float32",
        inputs={"step": STEPS},
        **CLOSE,
    )


def test_4_an_optimizer_starts_at_step_0(kata):
    w = tf.Variable(0.0)
    optimizer = keras.optimizers.SGD(kata.WarmupCosine(PEAK, WARMUP, TOTAL, FLOOR))
    optimizer.build([w])
    update = graph(lambda: optimizer.apply([tf.constant(1.0)], [w]))
    path = []
    for _ in STEPS:
        update()
        path.append(-w.numpy())
    assert_close(
        tf.constant(path),
        np.cumsum([oracle(step) for step in STEPS]),
        call="the way gone after each of 20 steps of SGD(WarmupCosine(…)), gradient 1",
        oracle="the sum of the rates so far, from step 0",
        rtol=1e-5,  # twenty sums of float32
        atol=1e-6,
    )


def test_5_what_was_given_checks_its_arguments(kata):
    for warmup, total in [(-1, 10), (5, 4), (-3, -2), (1, 0)]:
        name = "warmup_steps" if warmup < 0 else "warmup_steps|total_steps"
        call = f"WarmupCosine(0.1, {warmup}, {total})"
        assert_value_error(lambda w=warmup, t=total: kata.WarmupCosine(0.1, w, t), name, call=call)


def test_5_an_optimizer_that_uses_it_is_saved_and_resumes(kata, tmp_path):
    settings = {"peak_learning_rate": 0.1, "warmup_steps": 3, "total_steps": 9, "floor": 0.01}
    assert_config_round_trip(kata.WarmupCosine, **settings)
    schedule = lambda: kata.WarmupCosine(**settings)
    assert_resumes(lambda: keras.optimizers.SGD(schedule(), momentum=0.9), tmp_path)
