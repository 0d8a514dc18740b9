"""Both moments in one slot; step size and epsilon rescaled, as the paper suggests."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class Adam(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **kwargs):
        for name, value, most in [
            ("beta_1", beta_1, 1),
            ("beta_2", beta_2, 1),
            ("epsilon", epsilon, float("inf")),
        ]:
            if value < 0 or value >= most:
                raise ValueError(f"{name} is out of [0, {most}). Received: {name}={value}")
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.moments = [
                self.add_variable((2, *v.shape), dtype=v.dtype, name=f"moments_{i}")
                for i, v in enumerate(var_list)
            ]

    def update_step(self, grad, variable, learning_rate):
        dtype = variable.dtype
        grad = ops.add(ops.zeros_like(variable), grad)  # dense, whatever came
        slot = self.moments[self._get_variable_index(variable)]
        m = self.beta_1 * slot[0] + (1 - self.beta_1) * grad
        v = self.beta_2 * slot[1] + (1 - self.beta_2) * grad * grad
        self.assign(slot, ops.stack([m, v]))
        t = ops.cast(self.iterations, dtype) + 1
        root = ops.sqrt(1 - ops.cast(self.beta_2, dtype) ** t)
        size = ops.cast(learning_rate, dtype) * root / (1 - ops.cast(self.beta_1, dtype) ** t)
        self.assign_sub(variable, size * m / (ops.sqrt(v) + self.epsilon * root))

    def get_config(self):
        config = super().get_config()
        config.update(beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)
        return config
