"""As the paper's own code has it: a difference of log-ratios, and a log-sigmoid."""

import tensorflow as tf


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, *, beta=0.1):
    policy_log_ratio = policy_chosen - policy_rejected
    reference_log_ratio = tf.stop_gradient(reference_chosen - reference_rejected)
    return -tf.math.log_sigmoid(beta * (policy_log_ratio - reference_log_ratio))
