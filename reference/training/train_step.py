"""A train_step of one's own that reports what the built-in one does, and one number more.

`fit` keeps the loop, the callbacks, the distribution; `train_step` is one batch: forward,
loss, gradients, one step of the optimizer, metrics. Two things are easily got wrong.

The first is "loss". `compute_loss` returns a number and updates nothing, so a step that
only trains reports "loss": 0.0 for ever. The loop that many guides show,

    for metric in self.metrics:
        if metric.name == "loss": metric.update_state(loss)
        else: metric.update_state(y, y_pred)

averages batches instead of examples: of four losses of 1 and a last batch of one, whose
loss is 9, it reports 5.0, and the built-in step 2.6. It gives `weighted_metrics` no
weights, and feeds y and y_pred to every metric of the model's own, "gradient_norm" too.
The built-in step passes the batch's size to the loss's metric, and leaves those of
`compile` to `compute_metrics`, which updates them and returns the results of all.

The second are the model's own losses (regularisation, `add_loss`): `compute_loss` adds
them already, and who adds `sum(self.losses)` counts them twice.

The norm is a metric, not a Python float: it has to live in a graph, to be averaged over
the epoch and to start anew with the next. It is taken of what the tape gives, before
the optimizer clips: the early warning is in what was cut off.

The cost: one sum of squares for each variable. `fit` compiles the step, with XLA as well.

Follow-ups an interviewer asks: mixed precision (differentiate
`self.optimizer.scale_loss(loss)`, and divide the norm by the scale); several replicas,
each of which sees its own gradients; two optimizers; embeddings, whose gradient's
repeated rows `tf.linalg.global_norm` does not add up.
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
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)

        self.gradient_norm.update_state(tf.linalg.global_norm(gradients))
        mean_loss = next(metric for metric in self.metrics if metric.name == "loss")
        mean_loss.update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)
