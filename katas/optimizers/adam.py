"""Adam as a Keras 3 optimizer, with the paper's epsilon.

Question (20 min). Derive Adam, then write it as Algorithm 1 has it, not as Keras does:
its slots (`build`) and its rule (`update_step`). For each variable w with gradient g, in
update t = 1, 2, ... at the learning rate lr:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr m_hat / (sqrt(v_hat) + epsilon)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow Algorithm 1; each
       variable has moments of its own. In float32 and float64, eager, in tf.function and
       in XLA. The powers of beta may be float32.
    2. epsilon is added after the bias correction and outside the root, which shows when
       gradients are as small as epsilon. A zero gradient moves nothing; with epsilon = 0
       it is 0 / 0, and nothing is asked.
    3. t is 1 in the first update and one for all variables, also when one of them has no
       gradient; with Keras' gradient_accumulation_steps it counts updates, not gradients.
       The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, a step on two replicas equals the step
       on one, and 5 steps, save, load, 5 steps equal 10 steps.
    6. What was given still works: the checks of the arguments, the config, and the base
       class's settings, such as weight_decay. Not asked: clipping of sparse gradients
       and on several replicas, which is Keras' own matter, and wrong there.

Run   nox -s check -- adam
Read  https://arxiv.org/abs/1412.6980, Algorithm 1
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
        raise NotImplementedError("Adam.build")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        raise NotImplementedError("Adam.update_step")

    # given
    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own
