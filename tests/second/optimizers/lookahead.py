"""The distribution strategy itself moves both copies, in a branch of the graph."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("second")
class Lookahead(keras.optimizers.Optimizer):
    def __init__(self, optimizer, sync_period=6, slow_step_size=0.5, **kwargs):
        if sync_period < 1:
            raise ValueError(f"sync_period is below 1. Received: sync_period={sync_period}")
        if slow_step_size <= 0 or slow_step_size > 1:
            message = f"slow_step_size not in (0, 1]. Received: slow_step_size={slow_step_size}"
            raise ValueError(message)
        super().__init__(lambda: optimizer.learning_rate, **kwargs)
        self.inner, self.period, self.alpha = optimizer, sync_period, slow_step_size

    def build(self, var_list):
        if not self.built:
            self.inner.build(var_list)
            super().build(var_list)
            self.slow = self.add_optimizer_variables(var_list, "slow")
            with tf.init_scope():  # fit builds while it traces
                for slow, fast in zip(self.slow, var_list, strict=True):
                    slow.assign(fast)

    @property
    def learning_rate(self):
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(trainable_variables)
        self.inner.apply(grads, trainable_variables)
        self._iterations.assign_add(1)
        tf.distribute.get_replica_context().merge_call(self._sync)

    def _sync(self, strategy):
        for fast, slow in zip(self._trainable_variables, self.slow, strict=True):
            fast = fast.value if isinstance(fast, keras.Variable) else fast
            strategy.extended.update(fast, self._move, args=(slow.value,), group=False)

    def _move(self, fast, slow):
        def both():
            slow.assign((1 - self.alpha) * slow + self.alpha * fast)
            fast.assign(slow)
            return True

        tf.cond(self.iterations % self.period == 0, both, lambda: False)

    def get_config(self):
        return {
            "optimizer": keras.saving.serialize_keras_object(self.inner),
            "sync_period": self.period,
            "slow_step_size": self.alpha,
        }

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("optimizer"))
        return cls(inner, **config)
