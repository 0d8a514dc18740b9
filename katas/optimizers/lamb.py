"""LAMB as a Keras 3 optimizer.

Question (25 min). Batches of 32,000 need a step that fits each layer. LAMB takes Adam's
direction and scales it by a trust ratio. Write its `update_step`. For each variable w
with gradient g, in update t = 1, 2, ... at the learning rate lr, with lambda =
weight_decay_rate:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    r = m_hat / (sqrt(v_hat) + epsilon) + lambda w
    w <- w - lr (||w|| / ||r||) r

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula with
       each variable's own moments. The norms are Euclidean, over all elements of one
       variable; lambda w is part of r. In float32 and float64, eager, in tf.function and
       in XLA. The powers of beta may be float32.
    2. The ratio is 1 where ||w|| or ||r|| is 0: zero weights start to move, a zero
       gradient gives no nan (for epsilon > 0; with 0 it is 0 / 0, and nothing is asked).
       Other norms, small or large, are taken as they are: nothing is added, the ratio
       has no bounds. Elements are of 1e-15 to 1e15: float32 holds their squares.
    3. t is 1 in the first update and one for all variables, also when one of them has no
       gradient; with Keras' gradient_accumulation_steps it counts updates, not gradients.
       The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. What was given still works: the checks of the arguments, the config, and 5 steps,
       save, load, 5 steps equal 10 steps; so do the base class's settings, such as
       weight_decay. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- lamb
Read  https://arxiv.org/abs/1904.00962, Algorithm 2
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class Lamb(keras.optimizers.Optimizer):
    """LAMB of You et al.: Adam's direction with a trust ratio for each variable.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of the mean of squared gradients, in [0, 1).
        epsilon: Added to the root of the corrected second moment, at least 0.
        weight_decay_rate: lambda, the weights' share in the direction. Unlike
            `weight_decay` of the base class, it is inside the trust ratio.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `beta_1`, `beta_2` or `epsilon` is out of range.

    >>> w = tf.Variable([2.0, 2.0, 2.0, 2.0])  # norm 4
    >>> optimizer = Lamb(learning_rate=0.25)
    >>> optimizer.apply([tf.constant([1.0, -1.0, 3.0, -3.0])], [w])  # r of ±1, norm 2
    >>> w.numpy().round(5)
    array([1.5, 2.5, 1.5, 2.5], dtype=float32)
    """

    # given
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        weight_decay_rate=0.0,
        name="lamb",
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
        self.weight_decay_rate = weight_decay_rate

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

        raise NotImplementedError("Lamb.update_step")

    # given
    def get_config(self):
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "weight_decay_rate": self.weight_decay_rate,
        }
        return super().get_config() | own
