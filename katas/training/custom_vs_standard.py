"""The capstone: your own parts against the standard ones, compared fairly, on MNIST.

Question (60 min). You wrote a clip, a focal loss and a Momentum; somebody asks what
they are worth. Write the comparison, so that the loser has nothing to complain about.
The parts come in as arguments (through `build_model` and `optimizers`), so any will do.

`fair_comparison(build_model, optimizers, data, *, learning_rates, seeds, epochs)` tries
each optimizer at each learning rate with each seed. Test k checks clause k:

    1. The whole grid, with all seeds, for every optimizer. A seed means the same
       initial weights for all optimizers and rates; another seed means others.
    2. A training is `epochs` passes over the training examples and nothing else, in
       batches of 32 (the last may be smaller). Each pass is shuffled from the seed (the
       shuffle of `model.fit` will do): in the same order for all optimizers and rates,
       and again at the next call.
    3. An optimizer's "learning_rate" is the one with the best mean over the seeds of
       the final validation accuracy; of equals, the first in the grid.
    4. "validation_accuracy" [seeds, epochs] has the winner's accuracies on the
       validation examples after each epoch, in the order of `seeds`.
    5. An optimizer's tuning is over before any of its models sees a test example, and
       only the winner's models see them, once each: "test_accuracy" [seeds].
    6. "test_mean" and "test_std" are mean and standard deviation of "test_accuracy",
       with n - 1; the deviation of one seed is 0.
    7. `plot_comparison(results, path)` writes a picture of the type that the path's
       suffix names: for each optimizer the mean "validation_accuracy" over the epochs
       and its spread over the seeds, with labelled axes and a legend of the names.
    8. It runs on MNIST: a model with its own clip, focal loss and Momentum learns, and
       so does Adam.

A seed reaches initial weights through `keras.utils.set_random_seed`.

Run   nox -s check -- custom_vs_standard
Read  https://arxiv.org/abs/1910.05446
"""

import keras
import numpy as np
from matplotlib.figure import Figure


def fair_comparison(build_model, optimizers, data, *, learning_rates, seeds, epochs):
    """Returns what each optimizer reaches when all are tuned alike.

    Args:
        build_model: Function of an optimizer that returns a new Keras classifier,
            compiled with it and with metrics=["accuracy"]; output [B, C] scores.
        optimizers: {name: function of the learning rate that returns a new optimizer}.
        data: {"train", "validation", "test": (x [N, ...], y [N] integer)} arrays.
        learning_rates: The grid, in the order in which equals are preferred.
        seeds: Of initial weights and data order, ints.
        epochs: Passes over the training examples, at least 1.

    Returns:
        {name: dict} of the best learning rate's models:
        "learning_rate", a float;
        "validation_accuracy" [seeds, epochs] after each epoch, "test_accuracy" [seeds];
        "test_mean" and "test_std" (n - 1; 0 for one seed), floats.

    >>> def build_model(optimizer):
    ...     model = keras.Sequential([keras.Input([1]), keras.layers.Dense(2)])
    ...     loss = "sparse_categorical_crossentropy"
    ...     model.compile(optimizer, loss, metrics=["accuracy"])
    ...     return model
    >>> ones = np.ones([4, 1]), np.zeros(4, int)
    >>> data = {"train": ones, "validation": ones, "test": ones}
    >>> still = {"still": lambda rate: keras.optimizers.SGD(0.0 * rate)}
    >>> grid = {"learning_rates": [0.2, 0.1], "seeds": [1], "epochs": 2}
    >>> result = fair_comparison(build_model, still, data, **grid)["still"]
    >>> result["learning_rate"], result["test_std"]  # the first of equals, and one seed
    (0.2, 0.0)
    """
    raise NotImplementedError("fair_comparison")


def plot_comparison(results, path):
    """Draws each optimizer's mean validation accuracy over epochs, with its spread.

    Args:
        results: What `fair_comparison` returns.
        path: File to write, of a type that matplotlib knows: .png, .svg, .pdf, ...
    """
    raise NotImplementedError("plot_comparison")
