"""What is left of the decay, clipped to [0, 1], and the cosine as the square of a sine."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("second")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak_learning_rate, warmup_steps, total_steps, floor=0.0):
        if not 0 <= warmup_steps <= total_steps:
            raise ValueError(
                f"steps out of order. Received: warmup_steps={warmup_steps}, {total_steps=}"
            )
        self.config = {
            "peak_learning_rate": peak_learning_rate,
            "warmup_steps": warmup_steps,
            "total_steps": total_steps,
            "floor": floor,
        }

    def __call__(self, step):
        peak, warmup, total, floor = (
            tf.constant(setting, tf.float32) for setting in self.config.values()
        )
        step = tf.cast(step, tf.float32)
        # divide_no_nan(0, 0) = 0: without a cosine, nothing is left of it.
        left = tf.math.divide_no_nan(tf.maximum(total - step, 0), total - warmup)
        falling = floor + (peak - floor) * tf.sin(np.pi / 2 * left) ** 2
        return tf.where(step < warmup, peak * tf.math.divide_no_nan(step, warmup), falling)

    def get_config(self):
        return dict(self.config)
