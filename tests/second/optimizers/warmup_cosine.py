"""Keras' operations in float32, the cosine as printed, progress clipped to [0, 1]."""

import keras
import numpy as np
from keras import ops


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
        peak, warmup, total, floor = self.config.values()
        step = ops.cast(step, "float32")
        progress = ops.clip((step - warmup) / max(total - warmup, 1), 0.0, 1.0)
        cosine = floor + 0.5 * (peak - floor) * (1.0 + ops.cos(np.pi * progress))
        rate = ops.where(step < warmup, peak * step / max(warmup, 1), cosine)
        return ops.where(step >= total, floor, rate)

    def get_config(self):
        return dict(self.config)
