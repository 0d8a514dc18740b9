"""The repaired loop, and what was wrong with it.

Each of the six bugs alone, and what `main` shows of it (right: loss 0.851 and accuracy
0.69 in the last epoch, 0.692 and 0.82 in the test):

    1. x and y permuted apart: two draws from one generator are two orders. Accuracy
       0.10 and loss 2.30 = ln 10, in every epoch, which hides all the rest. One order,
       used twice.
    2. softmax twice: the last layer gives probabilities, and the loss takes them for
       logits. Loss 1.71 at accuracy 0.80. With ten classes it cannot fall below 1.46 =
       ln(1 + 9/e), and its slope is small. Keras' own losses notice such a layer and
       warn, `tf.nn` does not.
    3. training=True forgotten: a model called without it rests. Training accuracy 0.92,
       not 0.69, since nothing was dropped.
    4. the mean of batch means: the last 16 of 2,000 examples count double. Epoch 0 tells
       a loss of 1.910, not 1.918: too little to see, and the reason why two runs with
       other batch sizes do not agree.
    5. a rate frozen in the trace: `self.epoch` is a Python number, so the first trace
       keeps the rate of epoch 0 as a constant. Test accuracy 0.71, not 0.82, since the
       rate never decays. A tensor argument is read at every call.
    6. metrics never reset: each report is a mean over all that was ever seen. The test
       tells accuracy 0.64, not 0.82, and every epoch looks like its predecessors.

The trap is that they hide one another. With all six in, accuracy is at chance, and only
the first can be seen. With that one repaired, the stub trains to 0.83 and looks well,
with five bugs left. So no training run tells when one is done. What does is a number
that is known beforehand, for one part at a time: at rate 0 an epoch must report what
`evaluate` does, with equal labels their order cannot matter, with dropout 0 both modes
agree, with one batch no mean of means differs.

Why the loss is taken per example: its mean for the step, the values themselves for the
metric, which then weighs a short last batch rightly. Dropping the remainder would do as
well, at the cost of examples that some epochs never see.

The cost of the repairs is nothing. The order costs a copy of the data in each epoch;
batches of indices would not. Follow-ups an interviewer asks: the same six in `fit` of
Keras (which of them can happen there?); one regression test that catches most of them
(a step against the formula, on an uneven batch); a data set that does not fit into
memory, where the shuffle is a buffer."""

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
            keras.layers.Dense(classes),
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
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
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
            rate = tf.constant(self.schedule(epoch), tf.float32)
            self._reset()
            for x_batch, y_batch in batches(x, y, self.batch_size, self.rng):
                self._step(x_batch, y_batch, rate)
            history.append(self._report())
        return history

    def evaluate(self, x, y):
        """Returns the report on x [N, F] and y [N], without dropout; trains nothing."""
        self._reset()
        for start in range(0, len(x), self.batch_size):
            rows = slice(start, start + self.batch_size)
            logits = self.model(x[rows], training=False)
            self._note(y[rows], logits, _losses(y[rows], logits))
        return self._report()

    @tf.function
    def _step(self, x, y, rate):
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            losses = _losses(y, logits)
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(rate * gradient)
        self._note(y, logits, losses)

    def _note(self, y, logits, losses):
        self.loss.update_state(losses)
        self.accuracy.update_state(y, logits)

    def _reset(self):
        self.loss.reset_state()
        self.accuracy.reset_state()

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
