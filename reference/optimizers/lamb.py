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

Two limits of float32. The square of 1e20 is inf and that of 1e-25 is 0, so a norm can be
inf, or a false 0: cast to float64 before the norm where such weights occur. And 1 - 0.999
is off by 1.3e-5. That is a factor on Adam's direction, which cancels in the ratio where
there is no decay.

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

    # given
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

    # given
    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.first_moments = self.add_optimizer_variables(variables, "first_moment")
        self.second_moments = self.add_optimizer_variables(variables, "second_moment")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # given
        index = self._get_variable_index(variable)

        # IndexedSlices become dense here: repeated rows are summed before they are squared.
        g = tf.convert_to_tensor(gradient)
        t = tf.cast(self.iterations + 1, g.dtype)
        lr = tf.cast(learning_rate, g.dtype)

        m = self.beta_1 * self.first_moments[index] + (1 - self.beta_1) * g
        v = self.beta_2 * self.second_moments[index] + (1 - self.beta_2) * tf.square(g)
        m_hat = m / (1 - self.beta_1**t)
        v_hat = v / (1 - self.beta_2**t)
        r = m_hat / (tf.sqrt(v_hat) + self.epsilon) + self.weight_decay_rate * variable
        w_norm, r_norm = tf.norm(variable), tf.norm(r)
        ratio = tf.where((w_norm > 0) & (r_norm > 0), w_norm / r_norm, 1.0)

        self.assign(self.first_moments[index], m)
        self.assign(self.second_moments[index], v)
        self.assign_sub(variable, lr * ratio * r)

    # given
    def get_config(self):
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "weight_decay_rate": self.weight_decay_rate,
        }
        return super().get_config() | own
