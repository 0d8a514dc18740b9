"""Lion: the sign of one average moves the weights, another average is kept.

The trap is the order. Two betas read the same slot: beta_1 mixes the *old* m with g for
the step, and only then does beta_2 take g into m. After gradients 1 and -0.085, with
the defaults:

    as written              0.9 * 0.01 - 0.1 * 0.085 = +0.0005        down, down
    m first                 0.9 * 0.00905 - 0.1 * 0.085 = -0.0004     down, up: no move
    one beta, sign(m)       positive for 0.9 and for 0.99             down, down

So one pair of gradients does not tell all answers apart, and gradients of one sign tell
none: any of them takes steps of lr. A test needs signs that change. What the two betas
buy: when a long run of gradients 1 turns into -1, Lion turns in the 60th step; with one
beta of 0.99 in the 69th, of 0.9 in the 7th. The long memory of 0.99, with g counting
ten times more in the step than in m.

Every element moves by lr or, where both g and m are 0, not at all. The size of the
gradient is gone, so the norm of a step is lr sqrt(n): learning rates are 3 to 10 times
smaller than Adam's, weight decay (lr * decay is what counts) as much larger.

Sparse gradients repeat a row for each lookup of its id. The sign of a sum is not the
sum of signs, so the rows are summed first. And all rows move, seen or not, while their
m lasts: for a large table that is the price of equal results; a lazy variant is another
optimizer. Keras 2's Lion mixed in place, and got m back from the mix by a factor
beta_2 / beta_1: nan from the second step on where beta_1 = 0.

Follow-ups an interviewer asks: one slot, half of Adam's memory; why the sign is safe in
bfloat16 and the average is not; signSGD with majority vote; why large batches suit it.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
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

    # given
    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99, name="lion", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        for argument, beta in [("beta_1", beta_1), ("beta_2", beta_2)]:
            if not 0 <= beta < 1:
                raise ValueError(f"{argument} must be in [0, 1). Received: {argument}={beta}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    # given
    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.averages = self.add_optimizer_variables(variables, "average")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # given
        m = self.averages[self._get_variable_index(variable)]

        # IndexedSlices become dense here: repeated rows are summed before their sign.
        g = tf.convert_to_tensor(gradient)
        lr = tf.cast(learning_rate, g.dtype)
        self.assign_sub(variable, lr * tf.sign(self.beta_1 * m + (1 - self.beta_1) * g))
        self.assign(m, self.beta_2 * m + (1 - self.beta_2) * g)

    # given
    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
