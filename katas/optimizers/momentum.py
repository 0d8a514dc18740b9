"""SGD with momentum as a Keras 3 optimizer.

Question (20 min). How would you design a custom optimizer in Keras 3? Show it on SGD
with momentum, as a whole class: `__init__`, `build`, `update_step`, `get_config`. For
each variable w with gradient g, at the learning rate lr of this step:

    v <- mu v - lr g                 v starts at 0
    w <- w + v                       or, with nesterov, w + mu v - lr g for the new v

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula; each
       variable has a v of its own. In float32 and float64, with and without nesterov,
       eager, in tf.function and in XLA.
    2. The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step; past steps keep theirs: v holds lr g, not g.
    3. Sparse gradients (tf.IndexedSlices), repeated ids included, move the weights as
       the dense gradient does.
    4. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    5. momentum outside [0, 1) raises a ValueError that names it, as in
       `Received: momentum=1.0`.
    6. The class is registered with Keras, its config round-trips, the base class's
       settings (clipvalue, weight_decay, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- momentum
Read  https://proceedings.mlr.press/v28/sutskever13.html, equations 1-4
"""

import keras
import tensorflow as tf


class Momentum(keras.optimizers.Optimizer):
    """Gradient descent with momentum, Nesterov's form on request.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        momentum: mu, in [0, 1).
        nesterov: Whether to use w + mu v - lr g for w + v.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `momentum` is out of range.

    >>> w = tf.Variable([1.0])
    >>> optimizer = Momentum(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):  # v = -0.5, then 0.5 * -0.5 - 0.5 = -0.75
    ...     optimizer.apply([tf.constant([1.0])], [w])
    >>> w.numpy()
    array([-0.25], dtype=float32)
    """

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        raise NotImplementedError("Momentum")

    def build(self, variables):
        """Makes a velocity, at first 0, for each of the variables."""
        raise NotImplementedError("Momentum.build")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        raise NotImplementedError("Momentum.update_step")

    def get_config(self):
        """Returns the arguments of `__init__`, as JSON can hold them."""
        raise NotImplementedError("Momentum.get_config")
