"""A learning rate that warms up, then follows half a cosine.

A schedule is a pure function of the step: no state, no Python `if` on the step, which is
a tensor when `fit` traces. Both branches are computed and `tf.where` picks one.

The traps are at the corners. The step of the first update is 0, so its rate is 0 here;
those who find a wasted update want (s + 1) / warmup_steps. warmup_steps = 0 divides by
zero. And a cosine is periodic: past total_steps it rises again, to the peak at
2 total_steps - warmup_steps. A resumed run that trains longer meets exactly that.

With `left`, the fraction of the decay still to come,

    (1 + cos(pi (1 - left))) / 2 = sin(pi / 2 left)^2

On the left cos is added to 1, and near the end they cancel: for 10^6 steps, at step
999 999, the left side in float32 is 0 and the right side 2.5e-12. It matters little for
training, much for a test that divides. Steps above 2^24 have no float32 either, so the
arithmetic is float64 and the result, by Keras' convention, float32.

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
        peak_learning_rate: The rate at step `warmup_steps`.
        warmup_steps: Steps of the linear part, at least 0.
        total_steps: Steps of both parts, at least `warmup_steps`.
        floor: The rate at step `total_steps` and ever after.

    Raises:
        ValueError: If `warmup_steps` is negative or above `total_steps`.

    >>> schedule = WarmupCosine(1.0, warmup_steps=2, total_steps=6, floor=0.5)
    >>> [float(schedule(step)) for step in (0, 1, 2, 4, 6, 8)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """

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
        settings = (self.peak_learning_rate, self.warmup_steps, self.total_steps, self.floor)
        step, peak, warmup, total, floor = (
            keras.ops.convert_to_tensor(value, "float64") for value in (step, *settings)
        )
        rising = peak * tf.math.divide_no_nan(step, warmup)
        left = tf.math.divide_no_nan(tf.maximum(total - step, 0), total - warmup)
        falling = floor + (peak - floor) * tf.sin(math.pi / 2 * left) ** 2
        return tf.cast(tf.where(step < warmup, rising, falling), tf.float32)

    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "floor": self.floor,
        }
