"""Adam as Algorithm 1 has it: epsilon meets the corrected root.

The trap is epsilon, and ordinary gradients hide it. Four answers in circulation, and
the first step that each takes with lr = 1, epsilon = 1e-8 and a gradient of 1e-7:

    m_hat / (sqrt(v_hat) + epsilon)              0.909    Algorithm 1, PyTorch, optax
    m_hat sqrt(1 - beta_2^t) / (sqrt(v) + epsilon)   0.240    epsilon-hat: Keras, TF
    m_hat / sqrt(v_hat + epsilon)                0.001    inside: sqrt(1e-8) is 1e-4
    m / (sqrt(v) + epsilon)                      0.760    not corrected; 3.16 for g = 1

The last line corrects a common belief, too: without bias correction the first steps are
(1 - beta_1) / sqrt(1 - beta_2) = 3.16 times too *large*, for v starts slower than m.

The correction itself loses digits: in float32, 1 - 0.999 is 9.99987e-4, off by 1.3e-5.
The step is off by half of that, for v_hat is under a root; by 1.0e-5 at worst, at t = 2.
That is nothing to training. Who compares steps to seven places casts t to float64.

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
    >>> w.numpy().round(4)
    array([0.75 , 1.375], dtype=float32)
    """

    # given
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
        """Makes two moments, at first 0, for each of the variables."""
        if self.built:
            return
        super().build(variables)
        self.first_moments = self.add_optimizer_variables(variables, "first_moment")
        self.second_moments = self.add_optimizer_variables(variables, "second_moment")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # IndexedSlices become dense here: repeated rows are summed before they are squared.
        g = tf.convert_to_tensor(gradient)
        t = tf.cast(self.iterations + 1, g.dtype)
        lr = tf.cast(learning_rate, g.dtype)
        index = self._get_variable_index(variable)

        m = self.beta_1 * self.first_moments[index] + (1 - self.beta_1) * g
        v = self.beta_2 * self.second_moments[index] + (1 - self.beta_2) * tf.square(g)
        m_hat = m / (1 - self.beta_1**t)
        v_hat = v / (1 - self.beta_2**t)

        self.assign(self.first_moments[index], m)
        self.assign(self.second_moments[index], v)
        self.assign_sub(variable, lr * m_hat / (tf.sqrt(v_hat) + self.epsilon))

    # given
    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own
