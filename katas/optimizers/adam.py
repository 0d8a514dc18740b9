"""Adam as a Keras 3 optimizer, with the paper's epsilon.

Question (20 min). Derive Adam, then write it as Algorithm 1 has it, not as Keras does.
For each variable w with gradient g, in update t = 1, 2, ... at the learning rate lr:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr m_hat / (sqrt(v_hat) + epsilon)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables of different shapes follow Algorithm 1, in
       float32 and float64, eager, in tf.function and in XLA.
    2. epsilon is added after the bias correction and outside the root, which shows when
       gradients are as small as epsilon. A zero gradient moves nothing.
    3. t is 1 in the first update and one for all variables; with Keras'
       gradient_accumulation_steps it counts updates, not gradients. The learning rate
       may change between steps.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. beta_1 or beta_2 outside [0, 1) and epsilon < 0 raise a ValueError that names the
       argument, as in `Received: beta_1=1.0`.
    7. The class is registered with Keras, its config round-trips, the base class's
       settings (weight_decay, clipnorm, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps.

Run   nox -s check -- adam
Read  https://arxiv.org/abs/1412.6980, Algorithm 1
"""

import keras
import tensorflow as tf


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
        raise NotImplementedError("Adam")

    def _moment(self, slot, value, beta):
        """Averages the value into the slot; returns the average, bias-corrected."""
        raise NotImplementedError("Adam._moment")
