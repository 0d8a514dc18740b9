"""A learning rate that warms up, then follows half a cosine.

A schedule is a pure function of the step: no state, no Python `if` on the step, which is
a tensor when `fit` traces. All three stretches are computed and `tf.where` picks one.

The traps are at the corners. The step of the first update is 0, so its rate is 0 here;
those who find a wasted update want (s + 1) / warmup_steps. A stretch of no steps divides
by zero: who masks and adds gets 0 * nan, who picks does not. And a cosine is periodic:
past total_steps it rises again, to the peak at 2 total_steps - warmup_steps. A resumed
run that trains longer meets exactly that.

Steps above 2^24 have no float32. And in float32, cos and 1 cancel near the end: of 10^6
steps without warm-up, step 999,999 has a rate of 0 instead of 2.5e-12 of the peak. That
matters little for training, much for a test that divides. So the arithmetic is float64
and the result, by Keras' convention, float32.

`LearningRateSchedule.get_config` is abstract: calling super() raises.

Follow-ups an interviewer asks: why warm up at all (Adam's second moment, large batches);
restarts; why ReduceLROnPlateau and a schedule exclude each other in Keras; what to do
when total_steps is not known (a constant rate, then a short decay).
"""

import math

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Keras schedule: linear from 0 to the peak, then half a cosine down to `floor`.

    Args:
        peak_learning_rate: The rate that the linear part leads to.
        warmup_steps: Steps of the linear part, at least 0.
        total_steps: Steps of both parts, at least `warmup_steps`.
        floor: The rate at step `total_steps` and ever after.

    Raises:
        ValueError: If `warmup_steps` is negative or above `total_steps`.

    >>> schedule = WarmupCosine(1.0, warmup_steps=2, total_steps=6, floor=0.5)
    >>> [float(schedule(step)) for step in (0, 1, 2, 4, 6, 8)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """

    # given
    def __init__(self, peak_learning_rate, warmup_steps, total_steps, floor=0.0):
        if warmup_steps < 0:
            raise ValueError(
                f"warmup_steps must be at least 0. Received: warmup_steps={warmup_steps}"
            )
        if total_steps < warmup_steps:
            raise ValueError(
                "total_steps must be at least warmup_steps. "
                f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.peak_learning_rate = peak_learning_rate
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.floor = floor

    def __call__(self, step):
        """Returns the rate of a step.

        Args:
            step: [] of any integer or float dtype, 0 in the first update.

        Returns:
            [] float32.
        """
        peak, floor = self.peak_learning_rate, self.floor
        warmup, total = self.warmup_steps, self.total_steps
        step = tf.cast(step, tf.float64)
        # A stretch of no steps divides by 0; tf.where never picks it.
        rising = peak * step / warmup
        progress = (step - warmup) / (total - warmup)
        falling = floor + (peak - floor) * (1 + tf.cos(math.pi * progress)) / 2
        decayed = tf.where(step < total, falling, floor)
        return tf.cast(tf.where(step < warmup, rising, decayed), tf.float32)

    # given
    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "floor": self.floor,
        }
