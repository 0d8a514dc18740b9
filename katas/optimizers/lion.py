"""Lion as a Keras 3 optimizer.

Question (12 min). Lion keeps one slot where Adam keeps two, and steps by a sign. Write
it. For each variable w with gradient g, at the learning rate lr of this step, in this
order:

    w <- w - lr sign(beta_1 m + (1 - beta_1) g)       m starts at 0, sign(0) = 0
    m <- beta_2 m + (1 - beta_2) g

Test k checks clause k:

    1. Several steps on several variables of different shapes follow the formula, in
       float32 and float64, eager, in tf.function and in XLA.
    2. Every element moves by lr, however large or small its gradient; an element whose
       gradients have all been 0 stays.
    3. The learning rate may change between steps, by assignment or by a schedule.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before their sign is taken, and a row that
       is not in the gradient still moves by its m.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. beta_1 or beta_2 outside [0, 1) raises a ValueError that names the argument, as
       in `Received: beta_1=1.0`.
    7. The class is registered with Keras, its config round-trips, the base class's
       settings (weight_decay, clipnorm, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps.

Run   nox -s check -- lion
Read  https://arxiv.org/abs/2302.06675, Algorithm 2
"""

import keras
import tensorflow as tf


class Lion(keras.optimizers.Optimizer):
    """Lion of Chen et al.: steps of lr in the direction of a sign.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        beta_1: Share of the old average in the step, in [0, 1).
        beta_2: Share of the old average in the new one, in [0, 1).
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `beta_1` or `beta_2` is out of range.

    >>> w = tf.Variable([1.0, 1.0, 1.0])
    >>> optimizer = Lion(learning_rate=0.5)
    >>> optimizer.apply([tf.constant([0.001, -100.0, 0.0])], [w])
    >>> w.numpy()
    array([0.5, 1.5, 1. ], dtype=float32)
    """

    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99, name="lion", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        raise NotImplementedError("Lion")
