"""LAMB: Adam's direction, and a step as long as lr times the norm of the weights.

The trust ratio makes every variable's step lr ||w|| long, whatever its gradients: with
lr = 0.01 each layer moves by 1% of itself, which is what lets batches of 32,000 train.
Three things are mistaken again and again:

    the guard   a zero-initialised bias has ||w|| = 0: without the exception its ratio
                is 0 and it never moves; a zero r gives 0 / 0 = nan
    the decay   lambda w belongs to r, so ||r|| sees it. Keras' Lamb leaves it to the
                base class: w - lr decay w first, outside the ratio, and the step is no
                longer lr ||w||
    the norm    one for each variable: per element the ratio is |w| / |r|, and lr
                becomes a relative change of each weight; over all variables it is a
                global scale

Norms are taken in float64. In float32 the square of 1e20 is inf and that of 1e-25 is 0,
and a ratio of inf, 0 or a false 1 follows from weights that are representable. The bias
corrections are float64 as well: 1 - 0.999 in float32 is wrong in its fifth digit.

The ratio hides mistakes: one factor on the whole of r, such as a forgotten correction
of m, cancels when there is no decay. Tests need a lambda.

Sparse gradients are made dense: repeated rows are summed before they are squared, and
the norm of r is over the whole table.

Follow-ups an interviewer asks: LARS is the same ratio on momentum; why implementations
leave out biases and norms; why some clip the ratio at 10; ||w|| when a table is sharded
over devices needs an all-reduce.
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

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.first_moments = self.add_optimizer_variables(variables, "first_moment")
        self.second_moments = self.add_optimizer_variables(variables, "second_moment")

    def update_step(self, gradient, variable, learning_rate):
        # IndexedSlices become dense here: repeated rows are summed before they are squared.
        g = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        w = tf.convert_to_tensor(variable)
        index = self._get_variable_index(variable)
        m_hat = self._moment(self.first_moments[index], g, self.beta_1)
        v_hat = self._moment(self.second_moments[index], tf.square(g), self.beta_2)
        r = m_hat / (tf.sqrt(v_hat) + self.epsilon) + self.weight_decay_rate * w
        step = tf.cast(learning_rate, w.dtype) * _trust_ratio(w, r) * r
        self.assign_sub(variable, step)

    def _moment(self, slot, value, beta):
        """Averages the value into the slot; returns the average, bias-corrected."""
        mean = beta * slot + (1 - beta) * value
        self.assign(slot, mean)
        # In float64, for 1 - 0.999 in float32 is wrong in its fifth digit.
        t = tf.cast(self.iterations + 1, tf.float64)
        return mean / tf.cast(1 - keras.ops.power(beta, t), mean.dtype)

    def get_config(self):
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "weight_decay_rate": self.weight_decay_rate,
        }
        return super().get_config() | own


def _trust_ratio(w, r):
    """||w|| / ||r||, or 1 where either norm is 0."""
    # In float64 the square of no float32 overflows or vanishes.
    w_norm, r_norm = tf.norm(tf.cast(w, tf.float64)), tf.norm(tf.cast(r, tf.float64))
    ratio = tf.where((w_norm > 0) & (r_norm > 0), w_norm / r_norm, 1.0)
    return tf.cast(ratio, w.dtype)
