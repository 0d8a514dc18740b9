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
        raise NotImplementedError("WarmupCosine.__call__")

    # given
    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "floor": self.floor,
        }
