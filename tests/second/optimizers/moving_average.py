"""Averages that start in the first trace of `build`, move by a difference, swapped all at once."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("second")
class MovingAverage(keras.optimizers.Optimizer):
    def __init__(self, optimizer, decay=0.99, **kwargs):
        super().__init__(learning_rate=0.0, **kwargs)
        self.inner = keras.optimizers.get(optimizer)
        self.decay = decay

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.inner.build(var_list)
            # One row of numbers for all weights, in their order.
            self.sizes = [int(tf.size(v)) for v in var_list]
            self.flat = self.add_variable(
                [sum(self.sizes)], initializer=lambda shape, dtype: self._row(), name="averages"
            )

    def _row(self):
        return tf.concat([tf.reshape(v, [-1]) for v in self._trainable_variables], axis=0)

    def apply(self, grads, trainable_variables=None):
        self.inner.apply(grads, self._trainable_variables)
        self.flat.assign(self.flat + (self._row() - self.flat) * (1 - self.decay))

    def swap(self):
        row, parts = self._row(), tf.split(tf.convert_to_tensor(self.flat), self.sizes)
        for variable, part in zip(self._trainable_variables, parts, strict=True):
            variable.assign(ops.reshape(part, variable.shape))
        self.flat.assign(row)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {"optimizer": inner, "decay": self.decay, "name": self.name}
