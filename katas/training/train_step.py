"""A train_step of your own, under `fit`: train as Keras does, and log the gradient's norm.

Question (15 min). You want to see the norm of the gradients in the progress bar, and lose
nothing that `fit` gives. Write `train_step`; the rest of the model stands in the stub.
`compile` has put a metric named "loss" into self.metrics, and `fit` resets every metric
when an epoch begins; what updates them is your step.

Test k checks clause k:

    1. A batch is one step of the optimizer, as the built-in step takes it: training
       mode, one call of the model, sample_weight, and the model's own losses
       (regularisation) once. All variables end where the built-in `fit` leaves them.
    2. "loss" is what the built-in step reports: the mean over the examples of the epoch,
       in which a batch counts by its size, the model's own losses included. Each call
       returns the epoch's results so far.
    3. The metrics given to `compile` are reported as the built-in step does: those in
       `weighted_metrics` with the sample weights, those in `metrics` without.
    4. "gradient_norm" is the mean over the epoch's batches of the norm of all gradients
       together, sqrt(sum over all variables, all elements, of g^2), each batch counting
       once; before the optimizer clips anything.
    5. So in every mode: run eagerly, compiled to a graph, with XLA.

x and y are one tensor each. Every trainable variable has a dense gradient. Float16, several
replicas, and what `evaluate` shows as "gradient_norm" are not asked.

Run   nox -s check -- train_step
Read  https://keras.io/guides/custom_train_step_in_tensorflow/
"""

import keras
import tensorflow as tf


class MonitoredModel(keras.Model):
    """A network whose training logs "gradient_norm" beside its loss and metrics.

    Args:
        network: Keras model or layer [B, ...] -> [B, ...].

    >>> model = MonitoredModel(keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"))
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones([4, 1]), np.full([4, 1], 3.0)
    >>> logs = model.fit(x, y, verbose=0).history
    >>> logs["loss"], logs["gradient_norm"]  # (0 - 3)^2, |2 (0 - 3)|
    ([9.0], [6.0])
    """

    # given
    def __init__(self, network):
        super().__init__()
        self.network = network
        # One of self.metrics, as any metric that is an attribute: `fit` resets them all
        # when an epoch begins.
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")

    # given
    def call(self, x, training=False):
        return self.network(x, training=training)

    def train_step(self, data):
        """Trains on one batch.

        Args:
            data: What `keras.utils.unpack_x_y_sample_weight` takes: x [B, ...], y
                [B, ...], and sample_weight [B] or None.

        Returns:
            {name: result so far in this epoch} of all metrics, "loss" and "gradient_norm"
            among them.
        """
        raise NotImplementedError("MonitoredModel.train_step")
