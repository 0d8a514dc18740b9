"""A moving average of the weights, round any optimizer, to be swapped in and out.

Train on the weights, evaluate and export the average: it is the mean of the last 1 / (1 -
decay) steps, and the noise of the single step is gone.

    average <- decay average + (1 - decay) weights        after each step

The trap is the swap. Two assigns lose one of the two: after `w.assign(a)` the old w is
gone. By addition and subtraction, as TensorFlow Addons and Keras' SwapEMAWeights do it, it is
lost to rounding: 1e-3 beside 1e8 comes back as 0. Copies in NumPy are exact, and no
optimizer variables: a checkpoint does not hold them, and in a graph they are the constants of
the moment of tracing. A tensor that was read before the first assign is a copy in every mode.
(`weights.value` of a keras.Variable is none: it is the variable.)

The order: the wrapped optimizer steps, then the average takes the new weights. Before the
step it lags by one. It starts as a copy of the weights; from 0 it would stand at 1 - decay^t
of them, which is what debiasing is for. With a start at the weights the first ones keep a
share of decay^t: 37% after 100 steps at 0.99.

The copies are made by an initializer, for `fit` may call `build` while it traces: an `assign`
there belongs to the graph and is lost. What no gradient trains, such as the statistics of
batch normalization, has no average here: recompute it for the averaged weights.

`apply` has to call the wrapped `apply`: clipping, decay, schedule and step count live there,
not in `update_step`.

Follow-ups an interviewer asks: SWA and Lookahead; which of the two a checkpoint holds; a
decay that grows with the step; the average in a lower precision than the weights.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class MovingAverage(keras.optimizers.Optimizer):
    """Wraps an optimizer and keeps an exponential moving average of the weights.

    Args:
        optimizer: A Keras optimizer, which makes the steps. Its settings (learning_rate,
            clipnorm, weight_decay, ...) stay with it.
        decay: The share of the average that a step keeps, in [0, 1].
        name: Name of the optimizer.

    >>> w = tf.Variable([4.0])
    >>> optimizer = MovingAverage(keras.optimizers.SGD(1.0), decay=0.5)
    >>> optimizer.build([w])
    >>> optimizer.apply([tf.constant([2.0])], [w])  # 4 - 2; the average is (4 + 2) / 2
    >>> optimizer.swap()
    >>> w.numpy()
    array([3.], dtype=float32)
    """

    # given
    def __init__(self, optimizer, decay=0.99, name="moving_average"):
        super().__init__(learning_rate=0.0, name=name)
        # from_config hands it over as get_config wrote it.
        self.optimizer = keras.optimizers.get(optimizer)
        self.decay = decay

    # given
    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.optimizer.build(variables)
        self.weights = list(variables)
        # An average for each of the weights, at first a copy.
        self.averages = [
            self.add_variable_from_reference(w, "average", initializer=w) for w in variables
        ]

    def apply(self, grads, trainable_variables=None):
        """Makes a step of the wrapped optimizer, then moves every average.

        Args:
            grads: A gradient for each of the weights, or None.
            trainable_variables: The weights that `build` got, or None for the same.
        """
        # given
        if not self.built:
            self.build(list(trainable_variables))

        self.optimizer.apply(grads, trainable_variables)
        for weight, average in zip(self.weights, self.averages, strict=True):
            average.assign(self.decay * average + (1 - self.decay) * weight)

    def swap(self):
        """Exchanges the weights and their averages."""
        for weight, average in zip(self.weights, self.averages, strict=True):
            kept = tf.convert_to_tensor(weight)
            weight.assign(average)
            average.assign(kept)

    # given
    @property
    def learning_rate(self):
        return self.optimizer.learning_rate

    # given
    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.optimizer.learning_rate = learning_rate

    # given
    def get_config(self):
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "decay": self.decay,
            "name": self.name,
        }
