"""RAdam, rectified Adam, as a Keras 3 optimizer.

Question (20 min). Adam's first steps rest on few squared gradients. RAdam steps by momentum
until v is trustworthy, then scales Adam's step. Write `update_step`; the slots of m and v
are given. For each variable w with gradient g, in update t = 1, 2, ..., that is `iterations`
+ 1, at the learning rate lr of this step, where m and v start at 0:

    m <- beta_1 m + (1 - beta_1) g           m_hat = m / (1 - beta_1^t)
    v <- beta_2 v + (1 - beta_2) g^2         v_hat = v / (1 - beta_2^t)

    rho_inf = 2 / (1 - beta_2) - 1
    rho = rho_inf - 2 t beta_2^t / (1 - beta_2^t)
    r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))

    rho >= sma_threshold:  w <- w - lr r m_hat / (sqrt(v_hat) + epsilon)
    else:                  w <- w - lr m_hat

Test k checks clause k:

    1. Several steps on several variables follow this, below the threshold and above, eager
       and in tf.function.
    2. Which rule a step takes follows from beta_2, t and sma_threshold alone. That is 5 by
       default, and may be 4 or more.
    3. For beta_2 up to 0.9999 a rectified step is right to 2e-4 of itself, from the first on.
    4. The learning rate may change between steps, by a schedule or by assignment, also after
       tf.function has traced the step.
    5. A sparse gradient (tf.IndexedSlices), with repeated ids, too, moves all weights as the
       dense gradient does that it stands for.

Not asked: errors, saving, replicas, XLA, other dtypes of variables than float32.

Run   nox -s check -- radam
Read  https://arxiv.org/abs/1908.03265, Algorithm 2
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class RectifiedAdam(keras.optimizers.Optimizer):
    """RAdam of Liu et al.: Adam, rectified by the variance of its second moment.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of the mean of squared gradients, in (0, 1).
        epsilon: Added to the root of the corrected second moment, at least 0.
        sma_threshold: From this rho on steps are rectified, at least 4.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    >>> w = tf.Variable([1.0])
    >>> optimizer = RectifiedAdam(learning_rate=0.5)
    >>> optimizer.apply([tf.constant([3.0])], [w])  # rho is 1: m_hat, which is g
    >>> w.numpy()
    array([-0.5], dtype=float32)
    """

    # given
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        sma_threshold=5.0,
        name="radam",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.sma_threshold = sma_threshold

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
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # given
        index = self._get_variable_index(variable)

        raise NotImplementedError("RectifiedAdam.update_step")

    # given
    def get_config(self):
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "sma_threshold": self.sma_threshold,
        }
        return super().get_config() | own
