"""A fused backward pass keeps one array of the size of the logits."""

import tensorflow as tf

from dojo.compare.cost.cases import Function


def case():
    labels = tf.one_hot(tf.range(256), 1000)
    naive = lambda logits: -tf.reduce_sum(labels * tf.math.log(tf.nn.softmax(logits)), -1)
    return Function(
        data="logits [256, 1000] float32, labels one-hot",
        inputs=[tf.random.stateless_normal([256, 1000], [0, 1])],
        of=lambda kata: lambda logits: kata.softmax_cross_entropy(labels, logits),
        standard={
            "tf.nn.softmax_cross_…": lambda logits: tf.nn.softmax_cross_entropy_with_logits(
                labels, logits
            ),
            "-sum(labels · log softmax)": naive,
        },
    )
