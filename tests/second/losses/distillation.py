"""The soft term as a cross-entropy less the teacher's entropy, the hard one by one-hot rows."""

import keras
import tensorflow as tf


def distillation_loss(labels, student_logits, teacher_logits, *, temperature=2.0, soft_weight=0.5):
    target = tf.stop_gradient(keras.ops.softmax(teacher_logits / temperature, axis=-1))
    logits = student_logits / temperature
    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    soft = temperature * temperature * (cross_entropy - _entropy(target))
    onehot = tf.one_hot(labels, student_logits.shape[-1])
    hard = keras.ops.logsumexp(student_logits, axis=-1) - tf.reduce_sum(onehot * student_logits, -1)
    return hard + soft_weight * (soft - hard)


def _entropy(p):
    return -tf.reduce_sum(tf.math.xlogy(p, p), axis=-1)
