"""PPO's clipped surrogate: a policy gradient that stops once the policy has moved enough.

The actions were sampled from the old policy, so r = new probability / old probability
corrects for it; several epochs on one batch drive r away from 1, and the loss takes away
what is to be gained there:

    A > 0   -r A, flat where r > 1 + clip      more of it, but not too much at once
    A < 0   -r A, flat where r < 1 - clip      less of it, likewise

The trap is the minimum. The clip alone is flat on all four sides: an action of A < 0 whose
probability has *risen* to r = 3 has gradient 0, and the mistake can never be undone.
The minimum is a lower bound of r A: pessimistic where r has moved the wrong way, it
keeps the whole slope there. A maximum in a loss of -r A is that minimum; a maximum of r A
is not.

In the first step r is 1 everywhere, the loss reads -mean(A), 0 for normalised advantages,
and says nothing; its gradient, -A, is the plain policy gradient. Where old_log_probs is the
same tensor and not detached, r is exp(x - x): the value is right, and the gradient is 0.
The advantage is a constant, too: with a critic on the same network, -min(r A, ...) would
train the critic to predict less.

The ratio is an exponential of a difference, not a difference, and not a ratio of two
logarithms. `-r A` where the slope is kept, and a constant elsewhere, is the same function.

Cost: nothing beside the forward pass. Follow-ups an interviewer asks: one ratio for each token or
one for the answer (GRPO, GSPO); dual clip and a higher upper clip (DAPO); what to log
(clip fraction, approximate KL); entropy bonus; why the value loss is a loss of its own.
"""

import tensorflow as tf


def clipped_policy_loss(log_probs, old_log_probs, advantages, *, clip=0.2):
    """Returns PPO's clipped surrogate loss of each action.

    Args:
        log_probs: [...] float32, of the actions that were taken, by the policy that is
            trained.
        old_log_probs: [...] float32, by the policy that took them.
        advantages: [...] float32, used as they are.
        clip: How far the ratio of probabilities may move from 1, in (0, 1).

    Returns:
        [...] losses, none averaged.

    >>> now, then = tf.math.log([0.5, 0.5]), tf.math.log([0.25, 0.25])
    >>> loss = clipped_policy_loss(now, then, [1.0, -1.0])
    >>> loss.numpy()  # r = 2: -min(2, 1.2) and -min(-2, -1.2)
    array([-1.2,  2. ], dtype=float32)
    """
    advantages = tf.stop_gradient(advantages)
    ratio = tf.exp(log_probs - tf.stop_gradient(old_log_probs))
    near = tf.clip_by_value(ratio, 1 - clip, 1 + clip)
    return -tf.minimum(ratio * advantages, near * advantages)
