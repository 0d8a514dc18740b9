"""AdamW as a Keras 3 optimizer, with the decay where the paper has it.

Question (15 min). What is weight decay under Adam, if not L2? Write `update_step`; the
slots of m and v are given. For each variable w with gradient g, in update t = 1, 2, ...,
that is `iterations` + 1, at the learning rate lr of this step:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr (m_hat / (sqrt(v_hat) + epsilon) + weight_decay w)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

The given `__init__` keeps weight_decay as `self.decay_rate`. Test k checks clause k:

    1. Several steps on several matrices follow this, eager and in tf.function. The w on the
       right is the old one. With weight_decay = 0 it is Adam.
    2. Only variables of rank 2 and more decay, whatever their names; a vector or a scalar
       takes the same step without the term weight_decay w.
    3. A zero gradient is a gradient: w shrinks by the factor 1 - lr weight_decay, and an m
       that is not 0 still moves it.
    4. The learning rate may change between steps, by a schedule or by assignment, also after
       tf.function has traced the step: both terms are multiplied by that of this step.

Not asked: errors, sparse gradients, saving, replicas, XLA, other dtypes than float32.

Run   nox -s check -- adamw
Read  https://arxiv.org/abs/1711.05101, Algorithm 2
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class AdamW(keras.optimizers.Optimizer):
    """AdamW of Loshchilov and Hutter; only matrices decay.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        weight_decay: Times lr, the share of a weight that a step takes from it.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of the mean of squared gradients, in [0, 1).
        epsilon: Added to the root of the corrected second moment, at least 0.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    >>> w, b = tf.Variable([[2.0]]), tf.Variable([2.0])
    >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.1, epsilon=0.0)
    >>> optimizer.apply([tf.constant([[1.0]]), tf.constant([1.0])], [w, b])
    >>> print(f"{w.numpy().item():.2f} {b.numpy().item():.2f}")  # 2 - 0.1 (1 + 0.2), 2 - 0.1
    1.88 1.90
    """

    # given
    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        name="adamw",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        # An attribute `weight_decay` would make the base class decay every variable, too.
        self.decay_rate = weight_decay
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    # given
    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.first_moments = self.add_optimizer_variables(variables, "first_moment")
        self.second_moments = self.add_optimizer_variables(variables, "second_moment")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # given
        index = self._get_variable_index(variable)

        raise NotImplementedError("AdamW.update_step")

    # given
    def get_config(self):
        own = {
            "weight_decay": self.decay_rate,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
        return super().get_config() | own
