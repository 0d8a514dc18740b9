"""One pass of softplus each for the loss and its factor."""

import keras
import tensorflow as tf

from dojo.compare.cost.cases import Function


def case():
    logits = tf.random.stateless_normal([65536, 1], [0, 1])
    labels = tf.cast(logits > 1.0, tf.float32)
    theirs = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, from_logits=True, reduction=None
    )
    return Function(
        data="logits [65536, 1] float32, labels 0 and 1",
        inputs=[logits],
        of=lambda kata: lambda z: kata.sigmoid_focal_loss(labels, z, alpha=0.25, gamma=2.0),
        standard={"Keras' focal loss": lambda z: theirs(labels, z)},
    )
