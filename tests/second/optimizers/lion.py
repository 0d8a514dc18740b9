"""The slot holds beta_1 m, and the direction is a difference of comparisons."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class Lion(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99, **kwargs):
        if beta_1 < 0 or beta_1 >= 1:
            raise ValueError(f"beta_1 is out of [0, 1). Received: beta_1={beta_1}")
        if beta_2 < 0 or beta_2 >= 1:
            raise ValueError(f"beta_2 is out of [0, 1). Received: beta_2={beta_2}")
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.pulls = [
                self.add_variable_from_reference(v, name="pull", initializer="zeros")
                for v in var_list
            ]

    def update_step(self, grad, variable, learning_rate):
        grad = ops.add(ops.zeros_like(variable), grad)  # dense, whatever came
        pull = self.pulls[self._get_variable_index(variable)]
        mix = ops.add(pull, ops.multiply(1 - self.beta_1, grad))
        up, down = ops.cast(mix < 0, variable.dtype), ops.cast(mix > 0, variable.dtype)
        self.assign_add(variable, ops.cast(learning_rate, variable.dtype) * (up - down))
        kept = ops.multiply(self.beta_2, pull)
        self.assign(pull, kept + self.beta_1 * (1 - self.beta_2) * grad)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
