"""Lookahead: k steps forward by any optimizer, one step back.

The trap is what the wrapper must pass on. `update_step` of the inner optimizer is only
its rule; weight decay, clipping, the schedule and the step count live in `apply`.
Calling `update_step` alone makes AdamW an Adam at the step t = 1 for ever, without an
error. So the inner optimizer gets the whole `apply`, and learning_rate is handed through.
(A wrapper for production also hands on scale_loss and finalize_variable_values: without
the first, gradients under a loss_scale_factor are divided by a factor they never had.)

The sync needs no gradient, but it needs what the base class does round an
`update_step`: replicas, the index of a variable, constraints, the count. So `apply`
runs twice: the inner one on the gradients, then the base class's with a scalar in the
place of each, None or not, and `update_step` is the sync of one variable. It must not
be a Python `if`: in a graph the count is a tensor, and `fit` raises
OperatorNotAllowedInGraphError. `tf.where` writes both copies at each step; `tf.cond`
saves that traffic where it matters.

Slow weights start as a copy. From zeros, the first sync would pull every weight towards
0: from w = 1, with a = 0.5 and steps that add 0.1, six steps end at 0.8, not at 1.3.
The copy is made by an initializer, for `fit` may call `build` while it traces: an
`assign` there becomes part of the graph and copies again at every step.

The state is three parts, all saved: slow weights and count here, and the inner
optimizer's own, which Keras finds by the attribute. Its momentum is left alone at a
sync; the paper tries resets and interpolation, too.

Follow-ups an interviewer asks: one more copy of the weights; why the variance of the
slow weights is smaller; evaluate at slow weights; Lookahead against EMA and SWA.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
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
        if not sync_period >= 1:
            message = f"sync_period must be at least 1. Received: sync_period={sync_period}"
            raise ValueError(message)
        if not 0 < slow_step_size <= 1:
            raise ValueError(
                f"slow_step_size must be in (0, 1]. Received: slow_step_size={slow_step_size}"
            )
        # from_config hands it over as get_config wrote it.
        self.optimizer = keras.optimizers.get(optimizer)
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.optimizer.build(variables)
        self.slow_weights = [
            self.add_variable_from_reference(v, "slow", initializer=v) for v in variables
        ]

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        self.optimizer.apply(grads, trainable_variables)
        # The base class calls update_step for each variable, on replicas too, and counts.
        super().apply([tf.zeros([]) for _ in self.slow_weights])

    def update_step(self, gradient, variable, learning_rate):
        slow = self.slow_weights[self._get_variable_index(variable)]
        due = (self.iterations + 1) % self.sync_period == 0
        synced = slow + self.slow_step_size * (variable - slow)
        self.assign(slow, tf.where(due, synced, slow))
        self.assign(variable, tf.where(due, synced, variable))

    @property
    def learning_rate(self):
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.optimizer.learning_rate = learning_rate

    def get_config(self):
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "sync_period": self.sync_period,
            "slow_step_size": self.slow_step_size,
            "name": self.name,
        }
