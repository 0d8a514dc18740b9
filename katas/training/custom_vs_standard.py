"""The capstone: your own parts against the standard ones, compared fairly, on MNIST.

Question (60 min). You wrote a clip, a focal loss and a Momentum; somebody asks what they
are worth. Write the comparison, so that the loser has nothing to complain about. The
parts come in as arguments. Test k checks clause k:

    1. Every optimizer is tried at every rate with every seed. A seed means one set of
       initial weights for all, whatever an optimizer draws when it is made.
    2. A training is `epochs` passes over the training examples, in batches of 32 (the
       last may be smaller), each pass in a new order. A seed means one series of orders
       for all, at every call.
    3. The best mean over the seeds of the final validation accuracy wins; of equals, the
       first.
    4. Validation accuracies are the winner's, after each epoch, in the order of seeds.
    5. Test examples are seen by the winner's final models alone, once each, after that
       optimizer's tuning. Mean and deviation are over the seeds.
    6. The picture shows mean curves, their spread over the seeds, labelled axes and a
       legend of the names. All works on MNIST.

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
        seeds: Ints, for `keras.utils.set_random_seed` and for the data order.
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
