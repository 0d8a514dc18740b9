"""Adam as Algorithm 1 has it: epsilon meets the corrected root.

The trap is epsilon, and ordinary gradients hide it. Four answers in circulation, and
the first step that each takes with lr = 1, epsilon = 1e-8 and a gradient of 1e-7:

    m_hat / (sqrt(v_hat) + epsilon)              0.909    Algorithm 1, PyTorch, optax
    m_hat sqrt(1 - beta_2^t) / (sqrt(v) + epsilon)   0.240    epsilon-hat: Keras, TF
    m_hat / sqrt(v_hat + epsilon)                0.001    inside: sqrt(1e-8) is 1e-4
    m / (sqrt(v) + epsilon)                      0.760    not corrected; 3.16 for g = 1

The last line corrects a common belief, too: without bias correction the first steps are
(1 - beta_1) / sqrt(1 - beta_2) = 3.16 times too *large*, for v starts slower than m.

The correction itself loses digits: in float32, 1 - 0.999 is 9.99987e-4, wrong in the
fifth place. So t and the powers are float64 here, two scalars a step.

t is `iterations` + 1: it is 0 in the first step, an optimizer variable (saved, alive in
tf.function) and, under gradient accumulation, counts updates. A counter raised in
`update_step` is raised once for each variable.

Sparse gradients repeat a row for each time an id was looked up. The square of a sum is
not the sum of squares, so rows are summed first; Keras' own Adam does not.

Follow-ups an interviewer asks: two slots, so 8 bytes more per float32 weight; why decay
through the gradient is not AdamW; what epsilon means for float16; lazy Adam on sparse
rows.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class Adam(keras.optimizers.Optimizer):
    """Adam, Algorithm 1 of Kingma and Ba.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of the mean of squared gradients, in [0, 1).
        epsilon: Added to the root of the corrected second moment, at least 0.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `beta_1`, `beta_2` or `epsilon` is out of range.

    >>> w = tf.Variable([1.0, 1.0])
    >>> optimizer = Adam(learning_rate=0.5, epsilon=1.0)
    >>> optimizer.apply([tf.constant([1.0, -3.0])], [w])  # 1 / (1 + 1), 3 / (3 + 1)
    >>> w.numpy()
    array([0.75 , 1.375], dtype=float32)
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        name="adam",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        for argument, beta in [("beta_1", beta_1), ("beta_2", beta_2)]:
            if not 0 <= beta < 1:
                raise ValueError(f"{argument} must be in [0, 1). Received: {argument}={beta}")
        if not epsilon >= 0:
            raise ValueError(f"epsilon must be at least 0. Received: epsilon={epsilon}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.first_moments = self.add_optimizer_variables(variables, "first_moment")
        self.second_moments = self.add_optimizer_variables(variables, "second_moment")

    def update_step(self, gradient, variable, learning_rate):
        # IndexedSlices become dense here: repeated rows are summed before they are squared.
        g = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        index = self._get_variable_index(variable)
        m_hat = self._moment(self.first_moments[index], g, self.beta_1)
        v_hat = self._moment(self.second_moments[index], tf.square(g), self.beta_2)
        step = m_hat / (tf.sqrt(v_hat) + self.epsilon)
        self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * step)

    def _moment(self, slot, value, beta):
        """Averages the value into the slot; returns the average, bias-corrected."""
        mean = beta * slot + (1 - beta) * value
        self.assign(slot, mean)
        # In float64, for 1 - 0.999 in float32 is wrong in its fifth digit.
        t = tf.cast(self.iterations + 1, tf.float64)
        return mean / tf.cast(1 - keras.ops.power(beta, t), mean.dtype)

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own
