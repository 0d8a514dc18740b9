"""Direct preference optimization.

Question (8 min). People have chosen the better of two answers to each prompt. DPO trains
on such pairs without a reward model. You get log-probabilities of whole answers, summed
over their tokens: of the chosen and of the rejected answer, by the policy that is trained
and by the frozen reference. Write the loss of each pair,

    -log σ(beta ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)))

Test k checks clause k:

    1. Values match the formula: [B] losses for [B] float32 arguments, none averaged.
    2. The gradient with respect to policy_chosen and policy_rejected is that of the
       formula.
    3. The reference gets no gradient (None or 0), not even where its log-probabilities are
       the very tensors of the policy. There the loss is log 2, and the slopes are -beta/2
       for the chosen and +beta/2 for the rejected answer.
    4. Loss and gradient are right for log-probabilities down to -1e4. Eager mode,
       tf.function and XLA agree.

Run   nox -s check -- dpo
Read  https://arxiv.org/abs/2305.18290, equation 7
"""

import tensorflow as tf


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, *, beta=0.1):
    """Returns the DPO loss of each pair of answers.

    Args:
        policy_chosen, policy_rejected: [B] float32, the log-probability of each whole
            answer by the model that is trained: summed over its tokens.
        reference_chosen, reference_rejected: [B] float32, the same by the frozen model.
        beta: How much the log-ratios count, above 0. Small: far from the reference.

    Returns:
        [B] losses, in nats.

    >>> loss = dpo_loss([-5.0], [-9.0], [-6.0], [-6.0], beta=0.5)  # margin 1 + 3
    >>> loss.numpy()  # -log σ(2) = log(1 + e⁻²)
    array([0.126928], dtype=float32)
    """
    raise NotImplementedError("dpo_loss")
