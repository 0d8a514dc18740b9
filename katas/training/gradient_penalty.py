"""The gradient penalty of a Wasserstein critic: a norm of a gradient, trained.

Question (12 min). The critic of your WGAN is to have a slope of 1 on the way from fake to
real examples. Write the penalty that asks for it:

    xhat = mix * real + (1 - mix) * fake
    penalty = mean over the B examples of (||d critic(xhat) / d xhat||_2 - 1)^2

Test k checks clause k:

    1. real and fake are [B, ...] of any rank; mix is [B], one number for each example.
    2. An example's norm is that of the gradient of its own score with respect to all of
       its own numbers. The critic gives [B] or [B, 1]; a score depends on its own example
       alone. The penalty is two-sided, a scalar.
    3. It trains the critic: its gradient with respect to the critic's variables is that
       of the formula.
    4. Where the critic is flat the penalty is 1 (to 1e-3), and gradients are finite.
    5. Eager mode, tf.function and XLA agree.

Gradients with respect to real, fake and mix are not asked.

Run   nox -s check -- gradient_penalty
Read  https://arxiv.org/abs/1704.00028, equation 3 and algorithm 1
"""

import tensorflow as tf


def gradient_penalty(critic, real, fake, mix):
    """Returns the mean of (norm of the critic's input gradient - 1)^2 between examples.

    Args:
        critic: Function of [B, ...] that gives one score for each example, [B] or [B, 1].
        real, fake: [B, ...] float.
        mix: [B] float, the share of `real` in each example.

    Returns:
        [] the penalty, differentiable with respect to what the critic is made of.

    >>> critic = lambda x: tf.reduce_sum(x * [3.0, 4.0], axis=-1)  # slope 5 everywhere
    >>> real, fake = tf.ones([3, 2]), tf.zeros([3, 2])
    >>> gradient_penalty(critic, real, fake, tf.constant([0.1, 0.5, 0.9])).numpy()
    np.float32(16.0)
    """
    raise NotImplementedError("gradient_penalty")
