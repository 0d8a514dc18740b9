"""rho by the mean age of the gradients, r by its four factors; both moments in one slot."""

import keras
import tensorflow as tf


def _memory(t, beta_2):
    """2 (mean age) - 1, where ages are 1 to t: sums of positive numbers, without a difference."""
    ages = tf.range(1, t + 1)
    weights = tf.pow(tf.constant(beta_2, tf.float64), tf.cast(ages, tf.float64))
    return 2 * tf.tensordot(weights, tf.cast(ages, tf.float64), 1) / tf.reduce_sum(weights) - 1


@keras.saving.register_keras_serializable("second")
class RectifiedAdam(keras.optimizers.Optimizer):
    def __init__(
        self,
        learning_rate=1e-3,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        sma_threshold=5.0,
        **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.settings = {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "sma_threshold": sma_threshold,
        }

    def build(self, var_list):
        if not self.built:
            super().build(var_list)
            self.moments = [
                self.add_variable((2, *v.shape), dtype=v.dtype, name=f"moments_{i}")
                for i, v in enumerate(var_list)
            ]

    def update_step(self, grad, variable, learning_rate):
        b_1, b_2, epsilon, threshold = self.settings.values()
        if isinstance(grad, tf.IndexedSlices):
            rows = tf.math.unsorted_segment_sum(grad.values, grad.indices, variable.shape[0])
            grad = rows
        slot = self.moments[self._get_variable_index(variable)]
        m, v = tf.unstack(tf.convert_to_tensor(slot))
        m, v = m + (1 - b_1) * (grad - m), v + (1 - b_2) * (grad * grad - v)
        self.assign(slot, tf.stack([m, v]))

        t = tf.cast(self.iterations, tf.float32) + 1
        m_hat = m / (1 - tf.pow(b_1, t))

        def rectified():
            rho, end = _memory(self.iterations + 1, b_2), 2 / (1 - b_2) - 1
            r = tf.sqrt((rho - 4) / (end - 4) * (rho - 2) / (end - 2) * end / rho)
            root = tf.sqrt(v / (1 - tf.pow(b_2, t)))
            return tf.cast(r, tf.float32) * m_hat / (root + epsilon)

        late = _memory(self.iterations + 1, b_2) >= threshold
        self.assign_sub(variable, learning_rate * tf.cond(late, rectified, lambda: m_hat))

    def get_config(self):
        return {**super().get_config(), **self.settings}
