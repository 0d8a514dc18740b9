"""Knowledge distillation.

Question (10 min). A small student is to learn from a large teacher, and from the labels.
Hinton's loss compares the two at a temperature T, where the teacher's wrong classes show:

    soft = T² KL(softmax(teacher / T) ‖ softmax(student / T))
    hard = cross-entropy of the label and softmax(student), at T = 1
    loss = soft_weight · soft + (1 - soft_weight) · hard

with KL(p ‖ q) = sum over the classes of p log(p / q). Write it from logits [..., C] and
labels [...]. Test k checks clause k:

    1. Values match the formula: [...] losses for any number of leading axes, none
       averaged. Labels are int32 or int64, logits float32.
    2. soft_weight = 1 ignores the labels, and costs 0 where student and teacher agree;
       soft_weight = 0 is cross-entropy.
    3. The gradient with respect to student_logits is that of the formula. The teacher gets
       none (None or 0).
    4. Logits are right up to ±1e4, in loss and gradient. Eager mode, tf.function and XLA
       agree.

Run   nox -s check -- distillation
Read  https://arxiv.org/abs/1503.02531, section 2
"""

import tensorflow as tf


def distillation_loss(labels, student_logits, teacher_logits, *, temperature=2.0, soft_weight=0.5):
    """Returns the distillation loss of each example.

    Args:
        labels: [...] class ids in [0, C), int32 or int64.
        student_logits: [..., C] float32.
        teacher_logits: [..., C] float32.
        temperature: T, what divides the logits in the soft term, above 0.
        soft_weight: The share of the soft term, in [0, 1]; the label has the rest.

    Returns:
        [...] losses.

    >>> student, teacher = tf.zeros([1, 2]), tf.constant([[100.0, -100.0]])
    >>> loss = distillation_loss([0], student, teacher, temperature=2.0, soft_weight=0.5)
    >>> loss.numpy()  # (4 ln 2 + ln 2) / 2
    array([1.732868], dtype=float32)
    """
    raise NotImplementedError("distillation_loss")
