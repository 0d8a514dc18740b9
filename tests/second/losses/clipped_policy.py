"""By cases: a linear loss, and a constant where there is nothing more to be gained."""

import keras
import tensorflow as tf


def clipped_policy_loss(log_probs, old_log_probs, advantages, *, clip=0.2):
    old_log_probs, advantages = map(keras.ops.stop_gradient, (old_log_probs, advantages))
    ratio = keras.ops.exp(log_probs - old_log_probs)
    bound = 1 + clip * tf.sign(advantages)
    done = keras.ops.where(advantages > 0, ratio > bound, ratio < bound)
    return -advantages * keras.ops.where(done, bound, ratio)
