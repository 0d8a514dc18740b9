"""A training that a crash does not change: not by a bit.

Question (30 min). Your jobs run on machines that may vanish at any moment. Write a
training loop that saves its state and, called again with a new model and a new optimizer,
goes on as if nothing had happened: the same numbers, bit for bit. `fit_batch`, one step,
stands in the stub.

Test k checks clause k:

    1. A step is one call of fit_batch(model, optimizer, rows of x, rows of y). Each epoch
       takes every example once, batch_size at a time, the rest in its last batch, in an
       order of its own. The orders follow from seed alone, whatever other random numbers
       are drawn, and differ from seed to seed.
    2. The result is the mean loss per example of each epoch, as fit_batch gave it.
    3. The state is saved to `path` every save_every steps, and at the end. If it is
       there, `train` goes on from it: it repeats the steps after the last save, and no
       others. A run that was finished takes no step.
    4. Killed after any step and resumed, as often as you like, all variables of the model
       and of the optimizer end equal to those of a run that was never killed, bit for
       bit: dropout, batch normalization and Adam included. The new model has other
       initial weights and other names.
    5. So is the history, with the epochs before the kill and the one in which it came.

after_step(step) is where a process dies: it may raise anything, and then all that is left
is what was saved before. The same arguments are given to each call. A kill before the
first save, or inside one, is not asked; nor is anything about what `path` holds.

Run   nox -s check -- exact_resume
Read  https://www.tensorflow.org/guide/checkpoint
"""

import os
import keras
import numpy as np
import tensorflow as tf


# given
def fit_batch(model, optimizer, x, y):
    """Takes one step of the optimizer on one batch.

    Args:
        model, optimizer: Of Keras.
        x, y: [B, ...] arrays.

    Returns:
        The sum of the B examples' losses, a float.
    """
    with tf.GradientTape() as tape:
        losses = keras.losses.mean_squared_error(y, model(x, training=True))
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return float(tf.reduce_sum(losses))


def train(model, optimizer, x, y, *, epochs, batch_size, seed, path, save_every, after_step=None):
    """Trains, or goes on with the training whose state is at `path`.

    Args:
        model: A Keras model, built.
        optimizer: A Keras optimizer, new.
        x, y: [N, ...] arrays.
        epochs: How often all examples are gone through, in all.
        batch_size: Examples a step; an epoch's last batch may be smaller.
        seed: Integer from which the epochs' orders follow.
        path: String, of a file or folder of yours. It does not exist before the first save.
        save_every: Steps from one save to the next.
        after_step: None, or a function of the number of steps taken since the very
            start: 1, 2, …; called after each, when what is due has been saved.

    Returns:
        List of the mean loss per example of each epoch, of those before a resume, too.

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.zeros([1, 1])])
    >>> x, y = np.ones([3, 1]), np.full([3, 1], 2.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     how = {"batch_size": 3, "seed": 0, "path": f"{folder}/state", "save_every": 1}
    ...     train(model, keras.optimizers.SGD(0.25), x, y, epochs=2, **how)  # w: 0, 1, 1.5
    [4.0, 1.0]
    """
    raise NotImplementedError("train")
