"""A moving average of the weights, as a wrapper round any optimizer.

Question (12 min). Evaluate the average of the weights, train the weights. The wrapper has an
average of each weight, which starts as a copy; after each step of the wrapped optimizer

    average <- decay average + (1 - decay) weights

All is given but `apply`, which makes such a step, and `swap`, which exchanges the weights and
their averages, for an evaluation and back. Test k checks clause k:

    1. After each step every average takes the new weights in by this formula, without
       debiasing; also that of a weight which has no gradient in this step.
    2. The weights are those of the wrapped optimizer alone: its schedule, its state, its
       clipping and its weight_decay work, and the averages do not disturb it.
    3. swap() exchanges both exactly, whether they are tf.Variables or keras.Variables: two
       swaps restore every bit.
    4. In tf.function `apply` and `swap` do the same, in every call.
    5. Averages survive model.save and load_model, as does the state of the wrapped optimizer:
       3 steps, save, load and another step end at the averages of 4 steps.

`build` has been called before. Not asked: replicas, XLA, other dtypes than float32, sparse
gradients, steps between two swaps, the wrapper's own step count.

Run   nox -s check -- moving_average
Read  https://arxiv.org/abs/1806.05594, equation 1
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

        raise NotImplementedError("MovingAverage.apply")

    def swap(self):
        """Exchanges the weights and their averages."""
        raise NotImplementedError("MovingAverage.swap")

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
