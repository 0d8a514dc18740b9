"""Decay first, by a factor, as Keras does it; then Adam with rescaled rate and epsilon."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class AdamW(keras.optimizers.Optimizer):
    def __init__(
        self,
        learning_rate=1e-3,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.settings = {
            "weight_decay": weight_decay,
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
        }

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.m, self.v = self.add_optimizer_variables(var_list, ["m", "v"])

    def update_step(self, grad, variable, learning_rate):
        decay, b_1, b_2, epsilon = self.settings.values()
        i, rate = self._get_variable_index(variable), ops.cast(learning_rate, variable.dtype)
        m, v = self.m[i], self.v[i]
        if len(variable.shape) > 1:
            variable.assign(variable * (1 - rate * decay))
        self.assign_add(m, (grad - m) * (1 - b_1))
        self.assign_add(v, (grad * grad - v) * (1 - b_2))
        t = ops.cast(self.iterations, variable.dtype) + 1
        root = ops.sqrt(1 - ops.power(ops.cast(b_2, variable.dtype), t))
        size = rate * root / (1 - ops.power(ops.cast(b_1, variable.dtype), t))
        self.assign_sub(variable, size * m / (ops.sqrt(v) + epsilon * root))

    def get_config(self):
        return {**super().get_config(), **self.settings}
