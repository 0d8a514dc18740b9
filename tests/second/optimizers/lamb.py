"""Keras' operations; a unit direction, and the norms from dot products."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class Lamb(keras.optimizers.Optimizer):
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        weight_decay_rate=0.0,
        **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        own = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        for name, value in own.items():
            if value < 0 or (value >= 1 and name != "epsilon"):
                raise ValueError(f"{name} is out of range. Received: {name}={value}")
        self.own = own | {"weight_decay_rate": weight_decay_rate}

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.m, self.v = self.add_optimizer_variables(var_list, ["m", "v"])

    def update_step(self, grad, variable, learning_rate):
        b_1, b_2, epsilon, decay = self.own.values()
        index = self._get_variable_index(variable)
        grad = ops.add(ops.zeros_like(variable), grad)  # dense, whatever came
        self.assign_add(self.m[index], (1 - b_1) * (grad - self.m[index]))
        self.assign_add(self.v[index], (1 - b_2) * (ops.square(grad) - self.v[index]))
        t = ops.cast(self.iterations, variable.dtype) + 1
        root = ops.sqrt(self.v[index] / (1 - b_2**t))
        r = self.m[index] / ((root + epsilon) * (1 - b_1**t)) + decay * variable
        length = lambda x: ops.sqrt(ops.vdot(ops.reshape(x, [-1]), ops.reshape(x, [-1])))
        w_norm, r_norm = length(variable), length(r)
        zero = ops.logical_or(ops.equal(w_norm, 0), ops.equal(r_norm, 0))
        unit = r / ops.where(zero, ops.ones_like(r_norm), r_norm)
        step = ops.where(zero, r, w_norm * unit)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)

    def get_config(self):
        return super().get_config() | self.own
