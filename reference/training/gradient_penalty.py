"""The gradient penalty of a Wasserstein critic: a norm of a gradient, trained.

    xhat = mix real + (1 - mix) fake         one mix for each example
    penalty = mean over examples of (||d critic(xhat) / d xhat|| - 1)^2

The critic is to have slope 1 between real and fake examples, so a gradient with respect
to the *input* becomes part of the loss, and the loss is differentiated with respect to
the weights: second order. The inner tape runs inside the caller's outer one, which
records the backward pass as it records everything else.

One call gives every example its own gradient: the derivative of the *sum* of the scores.
example i's score depends on row i alone, so row i of it is the gradient of score i. Of
their mean it would be B times too small, and (||g|| / B - 1)^2 pulls slopes up to B.

The norm is over all axes but the first. The last axis alone counts an image's pixels one
by one; all axes at once tie the batch together.

At a flat critic, as one with zero weights, the root's slope at 0 is infinite, times 0:
nan in every weight, in every mode. So the root is taken of 1 where the squares are 0,
and 0 chosen afterwards. 1e-12 under the root does as well, and moves a norm of 0 to 1e-6.

The cost: backward through a backward pass, about the work of two more steps of the
critic, and its activations twice.

Follow-ups an interviewer asks: batch normalization in the critic, where score i depends
on all rows and the trick of the sum fails; one-sided penalties; R1, the squared norm at
real examples, which needs no root; spectral normalization instead.
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
    share = tf.reshape(mix, [-1] + [1] * (len(real.shape) - 1))
    between = share * real + (1 - share) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        # Each score depends on its own example alone: a sum keeps their gradients apart.
        total = tf.reduce_sum(critic(between))
    slopes = tape.gradient(total, between)

    squares = tf.reduce_sum(slopes**2, axis=list(range(1, len(slopes.shape))))
    flat = squares == 0
    norms = tf.where(flat, 0.0, tf.sqrt(tf.where(flat, 1.0, squares)))
    return tf.reduce_mean((norms - 1) ** 2)
