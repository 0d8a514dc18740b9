"""A training that a crash does not change: not by a bit.

What a run is at step t is more than its weights. To go on as if nothing had happened, the
next process needs

- all variables of the model: moving averages, and the state of dropout's seed, which
  stands in `model.variables` but not in `model.weights`, and which neither a .keras file
  nor .weights.h5 nor tf.train.Checkpoint brings back: all three resume with other masks;
- all variables of the optimizer, slots and step count; it has to be built before they
  are assigned, or there is nothing to assign to;
- the position in the data, and the order. An order drawn from a generator that lives
  through the run is lost with it. Drawn from [seed, epoch], it needs no saving at all;
- what is halfway: the sum of this epoch's losses, and the history before.

So the state is a list of arrays and three numbers, and the loop is over steps: epoch and
place follow from the step by a division, and no branch asks "am I resuming?" Variables
are saved by position. Their names are no keys: a second model in one process has dense_2
for dense, and two layers may share one.

A file is written under another name and renamed, which is atomic: killed inside a save,
the run has the state before it.

The trade-off: save_every. A save costs a copy of all variables, a crash the steps since
the last. Drawing the order at every step costs O(N) and is shorter than keeping it.

Follow-ups an interviewer asks: the same on a GPU (deterministic kernels); tf.data (its
iterator has a state, too); another number of workers; where the copy is made without
stopping the step (asynchronously, from a second buffer).
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
    optimizer.build(model.trainable_variables)
    variables = model.variables + optimizer.variables
    step, loss_sum, history = 0, 0.0, []
    if os.path.exists(path):
        step, loss_sum, history = _load(path, variables)

    a_epoch = -(-len(x) // batch_size)
    while step < epochs * a_epoch:
        epoch, place = divmod(step, a_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(x))
        rows = order[place * batch_size :][:batch_size]
        loss_sum += fit_batch(model, optimizer, x[rows], y[rows])
        step += 1
        if step % a_epoch == 0:
            history.append(loss_sum / len(x))
            loss_sum = 0.0
        if step % save_every == 0 or step == epochs * a_epoch:
            _save(path, variables, step=step, loss_sum=loss_sum, history=history)
        if after_step:
            after_step(step)
    return history


def _save(path, variables, **progress):
    arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(variables)}
    with open(f"{path}.new", "wb") as file:
        np.savez(file, **arrays, **progress)
    os.replace(f"{path}.new", path)  # atomic: never half a file at `path`


def _load(path, variables):
    with np.load(path) as state:
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable_{i}"])
        return int(state["step"]), float(state["loss_sum"]), state["history"].tolist()
