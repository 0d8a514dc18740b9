"""Lion as a Keras 3 optimizer.

Question (12 min). Lion keeps one slot where Adam keeps two, and steps by a sign. Write
its `update_step`. For each variable w with gradient g, at the learning rate lr of this
step, in this order:

    w <- w - lr sign(beta_1 m + (1 - beta_1) g)       m starts at 0, sign(0) = 0
    m <- beta_2 m + (1 - beta_2) g

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula with
       each variable's own m; a beta may be 0. In float32 and float64, eager, in
       tf.function and in XLA.
    2. Every element moves by lr, however large or small its gradient (in float32 from
       1e-36 to 1e38); an element whose gradients have all been 0 stays.
    3. The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does,
       for any betas: the rows of a repeated id are summed before their sign is taken,
       and a row that is not in the gradient still moves by its m.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. What was given still works: the checks of the arguments, the config, and 5 steps,
       save, load, 5 steps equal 10 steps; so do the base class's settings, such as
       weight_decay. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- lion
Read  https://arxiv.org/abs/2302.06675, Algorithm 2
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

        raise NotImplementedError("Lion.update_step")

    # given
    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
