"""Direct preference optimization: RLHF's optimum as a logistic loss.

RLHF maximises reward - beta KL(policy ‖ reference). Its optimum is known in closed form,
policy = reference · exp(reward / beta) / Z, so the reward can be read off the policy:

    reward = beta log(policy / reference) + beta log Z

In Bradley and Terry's model of a preference, P(chosen) = σ(reward of the chosen - reward
of the rejected), log Z depends on the prompt alone, and cancels. What is left is a
logistic regression on a difference of two log-ratios.

The trap is the order of four numbers. Take the reference's difference the other way
round, and where the policy is the reference the loss is no longer log 2; exchange chosen and
rejected, and the loss still falls, while the policy learns what people disliked. Both are
seen in the first step: the loss must be 0.693, with slopes -beta/2 and +beta/2.

The second trap is log(sigmoid(x)): for x = -200 it is -inf, and its gradient nan, where
log σ is -200 and its slope 1. Log-probabilities of whole answers are sums over hundreds
of tokens, so differences of hundreds are ordinary. -log σ(x) = softplus(-x).

The reference is a constant: it comes from a frozen model, without a tape. `stop_gradient`
makes that hold even where one network plays both parts, as with adapters switched off.

Cost: two forward passes of the reference, which can be computed once, before training.

Trade-off: no reward model and no sampling, but the pairs are somebody else's answers.
The loss minds the difference alone: the chosen answer's probability may fall as long as
the rejected one's falls faster.

Follow-ups an interviewer asks: what beta does; why sums and not means over tokens, and
what this does to the length of answers; IPO, KTO, ORPO; DPO or PPO.
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
    chosen = policy_chosen - tf.stop_gradient(reference_chosen)
    rejected = policy_rejected - tf.stop_gradient(reference_rejected)
    # -log σ(x) = softplus(-x)
    return tf.nn.softplus(-beta * (chosen - rejected))
