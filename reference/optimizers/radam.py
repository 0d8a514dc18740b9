"""RAdam: Adam that waits until its second moment can be trusted.

In the first steps v_hat is the mean of few squares, so 1 / sqrt(v_hat) varies wildly. RAdam
counts how many gradients v remembers by now, rho, and in the end, rho_inf, both in the
length of a plain average of equal spread. Below the threshold it steps by momentum alone;
above, Adam's step is scaled by r, which rises from near 0 to 1: a built-in warm-up.

The trap is float32. rho is rho_inf less a number nearly as large: for beta_2 = 0.9999 that is
19999 - 19993. At t = 6 float32 gives an r of 0.0129, or of 0.0056 where rho_inf is float32,
too; 0.0082 is right. For 0.999 it is off by 1%. Float64 for four scalars costs nothing. rho
is also 2 (mean age of the remembered gradients) - 1, a formula without the difference.

Three more go unnoticed in a long run. The threshold: the paper says 4, its authors' code,
PyTorch and TensorFlow Addons 5; for beta_2 = 0.999, rho_5 is 4.996, so that is one step.
Below it, Adam's step in place of m_hat is what RAdam was made to avoid, and no step at all
wastes the first. And r under the threshold is the root of a negative number: `tf.where`
drops that nan, for nobody differentiates an optimizer; a mask that is multiplied keeps it.

Repeated ids of a sparse gradient are summed before they are squared, by making it dense.

Cost: Adam's, two slots. For beta_2 = 0.5 rho never exceeds 3: momentum for ever.

Follow-ups an interviewer asks: the linear warm-up over 2 / (1 - beta_2) steps that does as
well; why steps below the threshold have the gradient's own scale, and what that does to lr.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class RectifiedAdam(keras.optimizers.Optimizer):
    """RAdam of Liu et al.: Adam, rectified by the variance of its second moment.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of the mean of squared gradients, in (0, 1).
        epsilon: Added to the root of the corrected second moment, at least 0.
        sma_threshold: From this rho on steps are rectified, at least 4.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    >>> w = tf.Variable([1.0])
    >>> optimizer = RectifiedAdam(learning_rate=0.5)
    >>> optimizer.apply([tf.constant([3.0])], [w])  # rho is 1: m_hat, which is g
    >>> w.numpy()
    array([-0.5], dtype=float32)
    """

    # given
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        sma_threshold=5.0,
        name="radam",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.sma_threshold = sma_threshold

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
        m = self.beta_1 * self.first_moments[index] + (1 - self.beta_1) * g
        v = self.beta_2 * self.second_moments[index] + (1 - self.beta_2) * tf.square(g)

        # Float64: rho is a small difference of numbers near 2 / (1 - beta_2).
        t = tf.cast(self.iterations + 1, tf.float64)
        m_hat = m / tf.cast(1 - self.beta_1**t, g.dtype)
        v_hat = v / tf.cast(1 - self.beta_2**t, g.dtype)
        end = 2 / (1 - self.beta_2) - 1
        rho = end - 2 * t * self.beta_2**t / (1 - self.beta_2**t)
        r = tf.sqrt((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho))

        rectified = tf.cast(r, g.dtype) * m_hat / (tf.sqrt(v_hat) + self.epsilon)
        step = tf.where(rho >= self.sma_threshold, rectified, m_hat)
        self.assign(self.first_moments[index], m)
        self.assign(self.second_moments[index], v)
        self.assign_sub(variable, learning_rate * step)

    # given
    def get_config(self):
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "sma_threshold": self.sma_threshold,
        }
        return super().get_config() | own
