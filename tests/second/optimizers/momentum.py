"""Keras' operations, and slots made one at a time and found by the variable's position."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class Momentum(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, **kwargs):
        if momentum < 0 or momentum >= 1:
            raise ValueError(f"momentum is out of [0, 1). Received: momentum={momentum}")
        super().__init__(learning_rate, **kwargs)
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.slots = [
                self.add_variable_from_reference(v, name="v", initializer="zeros") for v in var_list
            ]

    def update_step(self, grad, variable, learning_rate):
        v = self.slots[self._get_variable_index(variable)]
        push = ops.multiply(ops.cast(-learning_rate, variable.dtype), grad)
        self.assign(v, ops.add(ops.multiply(self.momentum, v), push))
        if not self.nesterov:
            self.assign_add(variable, v)
            return
        self.assign_add(variable, ops.add(ops.multiply(self.momentum, v), push))

    def get_config(self):
        config = super().get_config()
        config.update(momentum=self.momentum, nesterov=self.nesterov)
        return config
