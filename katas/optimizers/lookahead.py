"""Lookahead, an optimizer that wraps another.

Question (45 min). Write a wrapper for any Keras optimizer. The wrapped optimizer moves
the weights, which are now called fast; the wrapper keeps a slow copy. After every k-th
step, k = sync_period, with a = slow_step_size:

    slow <- slow + a (fast - slow)
    fast <- slow

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow this, in float32
       and float64, eager, in tf.function and in XLA. The slow weights start as a copy of
       the weights in `build`. The first sync is after step k, not before, and each is of
       all variables, also of one without gradient in that step.
    2. It wraps any Keras optimizer, and all of it: state, step count, weight_decay and
       clipping of the wrapped optimizer work as without the wrapper. A sync leaves its
       state alone. Not asked: its loss_scale_factor and use_ema.
    3. Reading and assigning `learning_rate` on the wrapper reads and assigns that of the
       wrapped optimizer, also after tf.function has traced the step; its schedule sees
       each step.
    4. Sparse gradients (tf.IndexedSlices), repeated ids included, move the weights as
       the dense gradient does; `fit` under tf.function equals eager steps; a step on two
       replicas equals the step on one. (With clipping, sparse gradients and replicas are
       Keras' own matter, and wrong there.)
    5. sync_period < 1 and slow_step_size outside (0, 1] raise a ValueError that names
       the argument, as in `Received: sync_period=0`.
    6. The class is registered with Keras, comes back from its config with the wrapped
       optimizer and its settings, and 5 steps, save, load, 5 steps equal 10 steps, the
       state of the wrapped optimizer included.

Run   nox -s check -- lookahead
Read  https://arxiv.org/abs/1907.08610, Algorithm 1
"""

import keras
import tensorflow as tf


class Lookahead(keras.optimizers.Optimizer):
    """Wraps an optimizer: every `sync_period` steps, back towards the slow weights.

    Args:
        optimizer: A Keras optimizer, which makes the fast steps. Its settings
            (learning_rate, clipnorm, weight_decay, ...) stay with it.
        sync_period: k, fast steps between two syncs, at least 1.
        slow_step_size: a, in (0, 1]: how far the slow weights go towards the fast ones.
        name: Name of the optimizer.

    Raises:
        ValueError: If `sync_period` or `slow_step_size` is out of range.

    >>> w = tf.Variable([0.0])
    >>> optimizer = Lookahead(keras.optimizers.SGD(1.0), 2, slow_step_size=0.5)
    >>> for _ in range(3):  # -1; -2, then back to -1; -2
    ...     optimizer.apply([tf.constant([1.0])], [w])
    >>> w.numpy()
    array([-2.], dtype=float32)
    """

    def __init__(self, optimizer, sync_period=6, slow_step_size=0.5, name="lookahead"):
        super().__init__(learning_rate=0.0, name=name)
        raise NotImplementedError("Lookahead")
