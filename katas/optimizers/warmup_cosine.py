"""A learning rate that warms up, then follows half a cosine.

Question (10 min). Adam's second moment is a guess during the first steps, so large models
start slowly, and end slowly. Write the schedule as a Keras `LearningRateSchedule`. At step
s, counted from 0,

    rate = peak * s / warmup_steps                                  where s < warmup_steps
    rate = floor + (peak - floor) * (1 + cos(pi * progress)) / 2    from there to total_steps
    rate = floor                                                    after that

    progress = (s - warmup_steps) / (total_steps - warmup_steps)

Test k checks clause k:

    1. Values match the formula for every step, as a float32 scalar tensor. The step is a
       Python int, or a tensor or variable of any integer dtype, or a float.
    2. The corners: 0 at step 0, the peak at warmup_steps, floor at total_steps and at
       every later step; floor is 0.0 unless given, and a rate, not a fraction of the peak.
    3. warmup_steps = 0 starts at the peak; warmup_steps = total_steps leaves no cosine,
       only floor after it. No step gives nan.
    4. Eager mode, tf.function and XLA agree; as an optimizer's learning rate, the first
       update uses step 0.
    5. warmup_steps < 0 and total_steps < warmup_steps raise a ValueError that names
       them, as in `Received: warmup_steps=-1`.
    6. The class is registered with Keras, its config round-trips, and an optimizer that
       uses it resumes from a saved model where it stopped.

Run   nox -s check -- warmup_cosine
Read  https://arxiv.org/abs/1608.03983, equation 5; https://arxiv.org/abs/1706.02677, 2.2
"""

import math
import keras
import tensorflow as tf


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
        raise NotImplementedError("WarmupCosine")

    def __call__(self, step):
        """Returns the rate of a step.

        Args:
            step: [] of any integer or float dtype, 0 in the first update.

        Returns:
            [] float32.
        """
        raise NotImplementedError("WarmupCosine.__call__")
