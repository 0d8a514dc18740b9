"""Knowledge distillation: learn from a teacher's doubts, and from the labels.

    soft_weight T² KL(softmax(teacher / T) ‖ softmax(student / T))
        + (1 - soft_weight) cross-entropy(label, student)

At T = 1 a good teacher is nearly one-hot. A higher temperature shows how its wrong classes rank,
and that is what a label does not tell.

The trap is the factor T². The gradient of the soft term is (p_student - p_teacher) / T, and
the difference itself shrinks like 1 / T: without T² the weight of the teacher falls with the
temperature, 16 times from T = 1 to 4, and the search for T becomes a search for
soft_weight. For large T the term tends to half the variance over the classes of teacher -
student: logits are matched, up to a constant. The label's term stays at T = 1, and has
no T²: the student is used at T = 1.

The second is the order. KL(teacher ‖ student) asks the student to cover all that the
teacher finds likely; the other way round it may pick one of its modes. The cross-entropy
with the teacher has the same gradient, but not the value: its floor is the teacher's
entropy, 0.69 for a coin, not 0.

The third is the logarithm of a softmax: at ±1e4 it is log 0, and 0 · -inf is nan. A
log-softmax is finite, so p log p is 0 where p is. Keras' KLDivergence clips at 1e-7: logits
of ±100 cost 16.1, with gradient 0.

The teacher is a constant, whatever it was computed from.

Cost: the teacher's forward pass, or its logits stored once, which fixes the augmentation.

Follow-ups an interviewer asks: distilling features; large vocabularies (the teacher's top
k); sequences (its samples, or its logits on the student's samples); why a smoothed teacher is
a poor one; self-distillation.
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
    log_p = tf.nn.log_softmax(tf.stop_gradient(teacher_logits) / temperature)
    log_q = tf.nn.log_softmax(student_logits / temperature)
    soft = temperature**2 * tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)
    hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=student_logits)
    return soft_weight * soft + (1 - soft_weight) * hard
