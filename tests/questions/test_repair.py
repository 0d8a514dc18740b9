"""The figures of QUESTIONS.md under Repair, computed again; conftest.py says how."""

import keras
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
    # To first order; the second is half of rate times the curvature, exp(1) at most: 1.4e-3.
    np.testing.assert_allclose(fall, float(tf.reduce_sum(change**2)) / rate, rtol=2e-3)
    quoted("the loss falls by about |change|² / rate")


def test_r03_the_least_loss_of_a_repeated_sequence(quoted):
    quoted(f"at least 5/11 ln 8 = {5 / 11 * np.log(8):.3f} for six tokens out of eight")


def test_r03_a_row_that_hides_all_sees_all(quoted):
    hidden = tf.constant([0.3, -1.0, 2.0]) - 1e9
    np.testing.assert_allclose(tf.nn.softmax(hidden), np.full(3, 1 / 3), rtol=1e-6)
    quoted("after adding -1e9 to all its scores, softmax is uniform")


def test_r04_a_variable_of_tensorflow_is_not_tracked(quoted):
    layer = keras.layers.Layer()
    layer.positions = tf.Variable([1.0])
    assert layer.trainable_variables == []
    layer.listed = [keras.layers.Dense(1)]
    layer.listed[0].build([1])
    assert len(layer.trainable_variables) == 2
    quoted("Not tracked are attributes that are a `tf.Variable`")
