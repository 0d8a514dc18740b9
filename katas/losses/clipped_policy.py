"""PPO's clipped policy loss.

Question (10 min). A policy took actions; each turned out better or worse than expected:
its advantage A. Now you take several gradient steps on this batch, and the policy must
not run away from the one that took the actions. With r = probability now / probability
then, PPO's objective, which is maximised, is

    min(r A, clip(r, 1 - clip, 1 + clip) A)

Write the loss, to be minimised. Test k checks clause k:

    1. Values match: minus the objective, elementwise, [...] float32 for [...] float32
       arguments. The probabilities come as logarithms. Advantages are used as they are,
       neither normalised nor averaged.
    2. The gradient with respect to log_probs is 0 where A > 0 and r > 1 + clip, and where
       A < 0 and r < 1 - clip; elsewhere it is -r A.
    3. old_log_probs and advantages get no gradient (None or 0). Where old_log_probs is the
       very tensor log_probs, as in the first step, the gradient is -A.
    4. Eager mode, tf.function and XLA agree.

No |log r| is above 20, and no r is 1 - clip or 1 + clip exactly.

Run   nox -s check -- clipped_policy
Read  https://arxiv.org/abs/1707.06347, equation 7
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
    raise NotImplementedError("clipped_policy_loss")
