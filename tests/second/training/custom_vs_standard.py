"""Shared initial weights per seed, a tf.data pipeline, `fit` and `evaluate`, pyplot."""

import statistics

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf


class FinalWeights:
    def __init__(self, rate, histories, weights):
        self.rate, self.histories, self.weights = rate, histories, weights

    @property
    def score(self):
        # Keras' accuracies are float32.
        return round(statistics.fmean(h[-1] for h in self.histories), 6)


def fair_comparison(build_model, optimizers, data, *, learning_rates, seeds, epochs):
    beginnings = {}
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        first = next(iter(optimizers.values()))
        beginnings[seed] = build_model(first(learning_rates[0])).get_weights()

    def run(make, rate, seed):
        keras.utils.set_random_seed(seed)
        model = build_model(make(rate))
        model.set_weights(beginnings[seed])
        batches = (
            tf.data.Dataset.from_tensor_slices(data["train"])
            .shuffle(len(data["train"][1]), seed=seed, reshuffle_each_iteration=True)
            .batch(32)
        )
        history = []
        for _ in range(epochs):
            for x, y in batches:
                model.train_on_batch(x, y)
            history.append(model.evaluate(*data["validation"], verbose=0)[1])
        return model, history

    summary = {}
    for name, make in optimizers.items():
        candidates = []
        for rate in learning_rates:
            models, histories = zip(*(run(make, rate, seed) for seed in seeds), strict=True)
            candidates.append(FinalWeights(rate, histories, [m.get_weights() for m in models]))
        best = max(candidates, key=lambda c: c.score)  # the first of equals
        model = build_model(make(best.rate))
        accuracies = []
        for weights in best.weights:
            model.set_weights(weights)
            accuracies.append(model.evaluate(*data["test"], verbose=0)[1])
        summary[name] = {
            "learning_rate": best.rate,
            "validation_accuracy": np.array(best.histories),
            "test_accuracy": np.array(accuracies),
            "test_mean": statistics.fmean(accuracies),
            "test_std": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        }
    return summary


def plot_comparison(results, path):
    figure, axes = plt.subplots()
    for name in results:
        curves = np.asarray(results[name]["validation_accuracy"])
        error = curves.std(0, ddof=1) if len(curves) > 1 else None
        axes.errorbar(range(curves.shape[1]), curves.mean(0), yerr=error, label=name)
    axes.set(xlabel="epochs", ylabel="accuracy on validation data")
    figure.legend()
    plt.savefig(path)
    plt.close(figure)
