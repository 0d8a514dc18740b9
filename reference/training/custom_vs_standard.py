"""A comparison of optimizers that its loser could accept.

Most claims that a new optimizer is better compare a tuned one with an untuned one. The
protocol is the answer here, and the code only keeps it:

    start       one seed, one set of initial weights and one data order for everybody
    budget      the same grid, seeds and epochs for everybody, the baseline included
    selection   the mean over seeds of the final validation accuracy: not the best
                epoch, which is a maximum of noise, and not the best seed
    report      test data once, after every choice was made, with the spread over seeds

The trap is in the seeding. Without a seed, `model.fit(x, y, epochs=3)` shuffles anew in
every epoch. After `keras.utils.set_random_seed(3)` Keras 3.15 takes one order three times:
on 40 examples each epoch begins 31, 11, 16, 1, 13, also if fit is called three times. The
shuffle is an operation inside the dataset, and with a global seed it starts over with
each iterator. All optimizers still meet the same order, but the luck of that one order
is in every epoch. Hence a generator of its own, made from the seed, and a permutation for
each epoch. The seed is set after the optimizer was made: one that draws random numbers
must not shift the model's initial weights.

Accuracies are fractions of few examples, so ties are common and their means may differ
in the last bit. Rounding keeps "the first of equals" what it says. The spread has n - 1
in it, since the mean was estimated from the same numbers: with three seeds, n is 18%
too small. A grid whose best rate lies at its edge is not a tuned optimizer: widen it.

The cost: optimizers * rates * seeds trainings. The trade-off is between seeds and
rates. MNIST saturates, and a difference below the spread is no difference; look at few
epochs or few examples, and claim no more than was measured.

Follow-ups an interviewer asks: a paired test over seeds, since both saw the same start;
steps against seconds; random search for more than one hyperparameter; what else is
tuned without anybody calling it so (schedule, weight decay, architecture)."""

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
    tuned = {}
    for name, make in optimizers.items():
        tuned[name] = _tune(build_model, make, data, learning_rates, seeds, epochs)
    # From here on nothing is chosen any more: the test data may be seen.
    return {name: _report(*best, data["test"]) for name, best in tuned.items()}


def plot_comparison(results, path):
    """Draws each optimizer's mean validation accuracy over epochs, with its spread.

    Args:
        results: What `fair_comparison` returns.
        path: File to write, of a type that matplotlib knows: .png, .svg, .pdf, ...
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, result in results.items():
        accuracy = np.asarray(result["validation_accuracy"])
        epochs = np.arange(1, accuracy.shape[1] + 1)
        mean, spread = accuracy.mean(axis=0), _spread(accuracy)
        label = f"{name}, learning rate {result['learning_rate']:g}"
        (line,) = axes.plot(epochs, mean, marker=".", label=label)
        band = {"color": line.get_color(), "alpha": 0.2}
        axes.fill_between(epochs, mean - spread, mean + spread, **band)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy (mean ± standard deviation over seeds)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    figure.savefig(path)


def _tune(build_model, make, data, learning_rates, seeds, epochs):
    """Returns the best rate, its accuracies [seeds, epochs] and its models."""
    best, best_score = None, -1.0
    for rate in learning_rates:
        runs = [_train(build_model, make(rate), data, seed, epochs) for seed in seeds]
        models, curves = zip(*runs, strict=True)
        score = round(np.mean(curves, axis=0)[-1], 9)  # or equals differ in the last bit
        if score > best_score:
            best, best_score = (rate, np.array(curves), models), score
    return best


def _train(build_model, optimizer, data, seed, epochs):
    """Returns a trained model and its validation accuracy after each epoch."""
    keras.utils.set_random_seed(seed)
    model = build_model(optimizer)
    order = np.random.default_rng(seed)
    x, y = map(np.asarray, data["train"])
    curve = []
    for _ in range(epochs):
        rows = order.permutation(len(x))
        for batch in np.split(rows, range(32, len(x), 32)):
            model.train_on_batch(x[batch], y[batch])
        curve.append(_accuracy(model, data["validation"]))
    return model, curve


def _report(rate, curves, models, test):
    accuracy = np.array([_accuracy(model, test) for model in models])
    return {
        "learning_rate": rate,
        "validation_accuracy": curves,
        "test_accuracy": accuracy,
        "test_mean": float(accuracy.mean()),
        "test_std": float(_spread(accuracy)),
    }


def _accuracy(model, examples):
    x, y = map(np.asarray, examples)
    right = 0
    for at in range(0, len(x), 500):
        scores = model(x[at : at + 500], training=False)
        right += np.sum(np.argmax(scores, axis=-1) == np.ravel(y[at : at + 500]))
    return right / len(x)


def _spread(values):
    """The standard deviation over the first axis, 0 for a single seed."""
    return np.std(values, axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])
