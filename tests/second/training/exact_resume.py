"""Two nested loops, a pickle in a folder, and a generator whose state is saved."""

import pathlib
import pickle

import keras
import numpy as np
import tensorflow as tf


def fit_batch(model, optimizer, x, y):
    with tf.GradientTape() as tape:
        losses = keras.losses.mean_squared_error(y, model(x, training=True))
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return float(tf.reduce_sum(losses))


def train(model, optimizer, x, y, *, epochs, batch_size, seed, path, save_every, after_step=None):
    optimizer.build(model.trainable_variables)
    file = pathlib.Path(path) / "run.pickle"
    rng = np.random.default_rng(seed)
    run = {"step": 0, "losses": [[]], "order": rng.permutation(len(x))}
    if file.exists():
        run = pickle.loads(file.read_bytes())
        rng.bit_generator.state = run["rng"]
        for group, values in ((model, run["model"]), (optimizer, run["optimizer"])):
            for variable, value in zip(group.variables, values, strict=True):
                variable.assign(value)

    def save():
        run["rng"] = rng.bit_generator.state
        run["model"] = [v.numpy() for v in model.variables]
        run["optimizer"] = [v.numpy() for v in optimizer.variables]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(pickle.dumps(run))

    def batches():
        return [run["order"][first : first + batch_size] for first in range(0, len(x), batch_size)]

    while len(run["losses"]) <= epochs:
        for rows in batches()[len(run["losses"][-1]) :]:
            run["losses"][-1].append(fit_batch(model, optimizer, x[rows], y[rows]))
            run["step"] += 1
            last = len(run["losses"][-1]) == len(batches())
            if last:
                run["order"] = rng.permutation(len(x))
                run["losses"].append([])
            if run["step"] % save_every == 0 or (last and len(run["losses"]) > epochs):
                save()
            if after_step:
                after_step(run["step"])
            if last:
                break
    return [sum(losses) / len(x) for losses in run["losses"][:epochs]]
