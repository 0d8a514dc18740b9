"""A training loop that runs and is wrong: find its six bugs.

Question (25 min). A colleague's loop trains a classifier, badly, and reports what cannot
be. The program below is all of it. It has six bugs; nothing raises, and every docstring
is right. See it run, which takes ten seconds, then repair it: any rewrite will do that
keeps the public names and what their docstrings say.

    .venv/bin/python katas/repair/debug_loop.py

On these digits a right program ends near loss 0.85 and accuracy 0.69 in training, 0.69
and 0.82 in the test. Test k checks clause k, which says what a right program shows:

    1. Ten examples in batches of 4 come as 4, 4 and 2: each once, with its own label,
       in another order at each call and in each epoch. The seed decides the orders.
    2. At learning rate 0 and without dropout, `fit` and `evaluate` report the mean of
       log(sum of exp z) - z[label] over the examples and the share whose largest z is
       the label's, where z = relu(x w1 + b1) w2 + b2 by the model's own weights; w1 has
       64 columns.
    3. At dropout 0.9 and rate 0, an epoch's loss is not that of `evaluate`, which is
       what it would be without dropout.
    4. Of ten examples in batches of 4, each counts a tenth in the loss and the accuracy
       that an epoch and `evaluate` report.
    5. Each step is -rate * slope of the batch's mean loss, at the rate of its epoch: if
       that is 0 after epoch 0, three epochs end where one does.
    6. A report is about its own pass alone: after other labels, in a second epoch, fit
       or evaluation, it is what a new `Trainer` would report.

Labels may come in any integer dtype.

Run   nox -s check -- debug_loop
Read  https://www.tensorflow.org/guide/keras/writing_a_training_loop_from_scratch
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

DIGITS = Path(__file__).parents[2] / "data" / "mnist_small.npz"


def make_model(features, classes, dropout=0.5):
    """Returns a new classifier with one hidden layer of 64 relu units.

    Args:
        features: F, the length of an example.
        classes: C, how many classes there are.
        dropout: Share of the hidden units that a training step leaves out.

    Returns:
        Keras model [B, F] -> [B, C]; the largest of a row is the predicted class.

    >>> make_model(784, 10).count_params()  # 784 * 64 + 64, and 64 * 10 + 10
    50890
    """
    return keras.Sequential(
        [
            keras.Input([features]),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


def batches(x, y, size, rng):
    """Yields all examples once, with their labels, in a new order at each call.

    Args:
        x: [N, F] array, the examples.
        y: [N] integer array, their labels.
        size: Examples in a batch; the last one has those that are left.
        rng: NumPy generator, which draws the order.

    Yields:
        x [B, F] and y [B].

    >>> rng = np.random.default_rng(0)
    >>> [len(y) for _, y in batches(np.zeros([10, 2]), np.zeros(10, int), 4, rng)]
    [4, 4, 2]
    """
    x, y = rng.permutation(x), rng.permutation(y)
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


class Trainer:
    """Trains a classifier by plain gradient descent: w <- w - rate * slope of the batch's loss.

    A batch's loss is the mean of its examples' cross-entropies. A report is {"loss": mean
    cross-entropy of the examples, "accuracy": share of them predicted right}, two floats.
    """

    def __init__(self, model, schedule, batch_size=32, seed=0):
        """
        Args:
            model: A classifier of `make_model`.
            schedule: Function of the epoch, an int that starts at 0 in each `fit`; it
                returns the learning rate of that epoch.
            batch_size: Examples a step.
            seed: Of the generator that draws the order of every epoch.
        """
        self.model = model
        self.schedule = schedule
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.epoch = 0
        self.loss = keras.metrics.Mean()
        self.accuracy = keras.metrics.SparseCategoricalAccuracy()

    def fit(self, x, y, epochs):
        """Trains, and reports each epoch as its steps saw it, with dropout.

        Args:
            x: [N, F] float32 array.
            y: [N] integer array.
            epochs: How many times each example is trained on.

        Returns:
            List of one report an epoch.
        """
        history = []
        for epoch in range(epochs):
            self.epoch = epoch
            for x_batch, y_batch in batches(x, y, self.batch_size, self.rng):
                self._step(x_batch, y_batch)
            history.append(self._report())
        return history

    def evaluate(self, x, y):
        """Returns the report on x [N, F] and y [N], without dropout; trains nothing."""
        for start in range(0, len(x), self.batch_size):
            rows = slice(start, start + self.batch_size)
            logits = self.model(x[rows], training=False)
            self._note(y[rows], logits, _losses(y[rows], logits))
        return self._report()

    @tf.function
    def _step(self, x, y):
        with tf.GradientTape() as tape:
            logits = self.model(x)
            losses = _losses(y, logits)
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        rate = self.schedule(self.epoch)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(rate * gradient)
        self._note(y, logits, losses)

    def _note(self, y, logits, losses):
        self.loss.update_state(tf.reduce_mean(losses))
        self.accuracy.update_state(y, logits)

    def _report(self):
        return {"loss": float(self.loss.result()), "accuracy": float(self.accuracy.result())}


def _losses(labels, logits):
    labels = tf.cast(labels, tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def main():
    """Trains on 2,000 digits for 6 epochs, and tests on 2,000 others."""
    keras.utils.set_random_seed(0)
    with np.load(DIGITS) as digits:
        x, y = _flat(digits["x_train"][:2000]), digits["y_train"][:2000]
        x_test, y_test = _flat(digits["x_test"]), digits["y_test"]
    trainer = Trainer(make_model(784, 10), schedule=lambda epoch: 0.8 * 0.4**epoch)
    for epoch, report in enumerate(trainer.fit(x, y, epochs=6)):
        print(f"epoch {epoch}  loss {report['loss']:.3f}  accuracy {report['accuracy']:.2f}")
    report = trainer.evaluate(x_test, y_test)
    print(f"test     loss {report['loss']:.3f}  accuracy {report['accuracy']:.2f}")


def _flat(images):
    return images.reshape(len(images), -1) / np.float32(255)


if __name__ == "__main__":
    main()
