"""The figures of QUESTIONS.md under Repair, computed again; conftest.py says how."""

import numpy as np
import tensorflow as tf


def test_r01_the_loss_of_an_untrained_model(quoted):
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[3], logits=tf.zeros([1, 10]))
    quoted(f"ln C ({loss.numpy()[0]:.3f} for 10 classes)")


def test_r02_a_mean_of_batch_means(quoted):
    sizes = [4, 4, 2]
    shares = np.concatenate([np.full(size, 1 / size) for size in sizes]) / len(sizes)
    quoted(f"each of the last two {shares[-1]:.3f} of the weight, where {1 / sum(sizes):g} is due")


def test_r02_the_loss_falls_by_the_square_of_the_step(quoted):
    w, rate = tf.Variable([1.0, -2.0]), 1e-3
    loss = lambda: tf.reduce_sum(tf.exp(w))
    before = loss()
    with tf.GradientTape() as tape:
        value = loss()
    change = -rate * tape.gradient(value, w)
    w.assign_add(change)
    fall = float(before - loss())
    np.testing.assert_allclose(fall, float(tf.reduce_sum(change**2)) / rate, rtol=1e-2)
    quoted("the loss falls by about |change|² / rate")
