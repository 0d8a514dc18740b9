"""LAMB as a Keras 3 optimizer.

Question (25 min). Batches of 32,000 need a step that fits each layer. LAMB takes Adam's
direction and scales it by a trust ratio. For each variable w with gradient g, in update
t = 1, 2, ... at the learning rate lr, with lambda = weight_decay_rate:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    r = m_hat / (sqrt(v_hat) + epsilon) + lambda w
    w <- w - lr (||w|| / ||r||) r

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables of different shapes follow the formula, in
       float32 and float64, eager, in tf.function and in XLA. The norms are Euclidean,
       over all elements of one variable; lambda w is part of r; the ratio has no
       bounds.
    2. The ratio is 1 where ||w|| or ||r|| is 0: zero weights start to move, a zero
       gradient gives no nan.
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
       settings (clipvalue, weight_decay, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps.

Run   nox -s check -- lamb
Read  https://arxiv.org/abs/1904.00962, Algorithm 2
"""

import keras
import tensorflow as tf


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
        raise NotImplementedError("Lamb")

    def _moment(self, slot, value, beta):
        """Averages the value into the slot; returns the average, bias-corrected."""
        raise NotImplementedError("Lamb._moment")
