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

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_in_every_mode,
    assert_no_gradient,
)

# B = C = 4: an axis taken for another runs. The teacher is right, undecided, wrong.
random = np.random.default_rng(5)
LABELS = np.array([2, 0, 3, 1])
STUDENT = random.normal(scale=2.0, size=(4, 4)).astype("float32")
TEACHER = random.normal(scale=2.0, size=(4, 4)).astype("float32")
PAPER = "the formula in float64, class by class"

# Log-probabilities up to 8 are off by eps * 8, and T² = 9 multiplies them.
CLOSE = {"rtol": 2e-6, "atol": 9 * 8 * 6e-8}


def log_softmax(z):
    z = np.float64(z) - np.max(z, axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def kl(log_p, log_q):
    return sum(np.exp(a) * (a - b) for a, b in zip(log_p.T, log_q.T, strict=True))


def soft(student, teacher, t):
    """KL without T²."""
    return kl(log_softmax(np.float64(teacher) / t), log_softmax(np.float64(student) / t))


def hard(labels, student, t=1.0):
    log_q = log_softmax(np.float64(student) / t)
    return np.array([-row[label] for row, label in zip(log_q, labels, strict=True)])


def oracle(t, w, labels=LABELS, student=STUDENT, teacher=TEACHER):
    return w * t**2 * soft(student, teacher, t) + (1 - w) * hard(labels, student)


def slope(t, w, labels=LABELS, student=STUDENT, teacher=TEACHER):
    """w T (softmax(student / T) - softmax(teacher / T)) + (1 - w) (softmax - onehot)."""
    p = lambda z: np.exp(log_softmax(np.float64(z)))
    onehot = np.eye(student.shape[-1])[labels]
    return w * t * (p(student / t) - p(teacher / t)) + (1 - w) * (p(student) - onehot)


def bugs(t, w):
    s, h = soft(STUDENT, TEACHER, t), hard(LABELS, STUDENT)
    log_p, log_q = (log_softmax(np.float64(z) / t) for z in (TEACHER, STUDENT))
    cross_entropy = -(np.exp(log_p) * log_q).sum(axis=-1)
    mixed = lambda a, b: w * a + (1 - w) * b
    across = [log_softmax(np.float64(z).T / t).T for z in (TEACHER, STUDENT)]
    return {
        "T² lost": mixed(s, h),
        "T for T²": mixed(t * s, h),
        "T² on both terms": t**2 * mixed(s, h),
        "the label's term at temperature T": mixed(t**2 * s, hard(LABELS, STUDENT, t)),
        "both terms at temperature T, without T²": mixed(s, hard(LABELS, STUDENT, t)),
        "both terms at temperature T, and T² on both": t**2 * mixed(s, hard(LABELS, STUDENT, t)),
        "KL the other way round: (student ‖ teacher)": mixed(t**2 * kl(log_q, log_p), h),
        "the cross-entropy with the teacher, not KL": mixed(t**2 * cross_entropy, h),
        "soft_weight on the label's term": w * h + (1 - w) * t**2 * s,
        "weights of 1 on both": t**2 * s + h,
        "the label's term without 1 - soft_weight": w * t**2 * s + h,
        "a mean over the classes where it should be a sum": mixed(t**2 * s / 4, h),
        "the teacher at T = 1": mixed(t**2 * kl(log_softmax(np.float64(TEACHER)), log_q), h),
        "the student at T = 1": mixed(t**2 * kl(log_p, log_softmax(np.float64(STUDENT))), h),
        "logits times the temperature": mixed(t**2 * soft(STUDENT, TEACHER, 1 / t), h),
        "divided by T²": mixed(s / t**2, h),
        "log p for p, as the weight of a class": mixed(
            t**2 * (log_p * (log_p - log_q)).sum(axis=-1), h
        ),
        "squared differences of the logits": mixed(
            np.square(np.float64(STUDENT) - TEACHER).mean(axis=-1), h
        ),
        "a softmax over the batch, in the soft term": mixed(t**2 * kl(*across), h),
        "one mean for the whole batch": mixed(t**2 * s, h).mean(),
        "the wrong sign of KL": mixed(-(t**2) * s, h),
    }


SETTINGS = "temperature=3.0, soft_weight=0.3"


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_1_values_match_the_formula(kata, dtype):
    given = tf.constant(LABELS, dtype), tf.constant(STUDENT), tf.constant(TEACHER)
    assert_close(
        kata.distillation_loss(*given, temperature=3.0, soft_weight=0.3),
        oracle(3.0, 0.3),
        call=f"distillation_loss({dtype} labels, student, teacher, {SETTINGS})",
        oracle=PAPER,
        dtype="float32",
        bugs=bugs(3.0, 0.3),
        **CLOSE,
    )


@pytest.mark.parametrize("shape", [(), (2, 2)], ids=str)
def test_1_any_number_of_leading_axes(kata, shape):
    rows = int(np.prod(shape))
    labels = tf.constant(np.reshape(LABELS[:rows], shape))
    logits = [tf.constant(np.reshape(z[:rows], (*shape, 4))) for z in (STUDENT, TEACHER)]
    assert_close(
        kata.distillation_loss(labels, *logits),
        np.reshape(oracle(2.0, 0.5)[:rows], shape),
        call=f"distillation_loss(labels {shape}, student, teacher)",
        oracle=PAPER,
        **CLOSE,
    )


def test_2_the_teacher_alone(kata):
    teacher = np.where(np.arange(4)[:, None] < 2, STUDENT, TEACHER)
    assert_close(
        kata.distillation_loss(
            tf.constant(LABELS), tf.constant(STUDENT), tf.constant(teacher), soft_weight=1.0
        ),
        np.where(np.arange(4) < 2, 0, oracle(2.0, 1.0)),
        call="distillation_loss(labels, student, teacher, soft_weight=1.0), two rows equal",
        oracle="0 where they agree, else T² KL",
        **CLOSE,
    )


def test_2_the_labels_alone(kata):
    assert_close(
        kata.distillation_loss(
            tf.constant(LABELS), tf.constant(STUDENT), tf.constant(TEACHER), soft_weight=0.0
        ),
        hard(LABELS, STUDENT),
        call="distillation_loss(labels, student, teacher, soft_weight=0.0)",
        oracle="the cross-entropy of the labels",
        bugs={"soft_weight on the label's term": oracle(2.0, 1.0)},
        **CLOSE,
    )


def of_the_student(kata, labels, teacher, **how):
    given = tf.constant(labels), tf.constant(teacher)
    return lambda x: kata.distillation_loss(given[0], x, given[1], **how)


def test_3_gradient_matches_the_formula(kata):
    rate, label = slope(3.0, 0.3), slope(3.0, 0.0)
    assert_gradient(
        of_the_student(kata, LABELS, TEACHER, temperature=3.0, soft_weight=0.3),
        STUDENT,
        lambda upstream: upstream[:, None] * rate,
        call=f"distillation_loss(labels, x, teacher, {SETTINGS})",
        oracle="w T (q - p) + (1 - w) (softmax(student) - onehot)",
        bugs={
            "T² lost in the gradient": lambda up: (
                up[:, None] * (0.7 * label + (rate - 0.7 * label) / 9)
            ),
            "no gradient through the soft term": lambda up: up[:, None] * 0.7 * label,
            "no gradient through the label's term": lambda up: up[:, None] * (rate - 0.7 * label),
        },
        **CLOSE,
    )


def leak(upstream):
    """The gradient of the teacher, were it not a constant: w T p (log p/q - KL)."""
    log_p, log_q = (log_softmax(np.float64(z) / 3.0) for z in (TEACHER, STUDENT))
    centred = log_p - log_q - kl(log_p, log_q)[:, None]
    return {"teacher_logits": upstream[:, None] * 0.3 * 3.0 * np.exp(log_p) * centred}


def test_3_the_teacher_gets_no_gradient(kata):
    labels, student = tf.constant(LABELS), tf.constant(STUDENT)
    assert_no_gradient(
        lambda teacher: kata.distillation_loss(
            labels, student, teacher, temperature=3.0, soft_weight=0.3
        ),
        {"teacher_logits": tf.constant(TEACHER)},
        {"the teacher is not detached": leak},
        call=f"distillation_loss(labels, student, teacher, {SETTINGS})",
        oracle="the teacher is a constant",
    )


# In turn: both certain of one class, of different classes, the teacher undecided, both
# certain and the label another.
FAR_STUDENT = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [0, 0, 1e4], [-1e4, 1e4, 0]], "float32")
FAR_TEACHER = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [0, 0, 0], [-1e4, 1e4, 0]], "float32")
FAR_LABELS = np.array([0, 1, 2, 0])
FAR = {"labels": FAR_LABELS, "student": FAR_STUDENT, "teacher": FAR_TEACHER}


def test_4_logits_are_right_up_to_1e4(kata):
    log_p, log_q = (log_softmax(z / 2) for z in (FAR_TEACHER, FAR_STUDENT))
    clipped = kl(*(np.log(np.clip(np.exp(z), 1e-7, 1)) for z in (log_p, log_q)))
    assert_close(
        kata.distillation_loss(*map(tf.constant, FAR.values())),
        oracle(2.0, 0.5, **FAR),
        call="distillation_loss(labels, student, teacher), logits of 0 and ±1e4",
        oracle=PAPER,
        bugs={
            "probabilities clipped at 1e-7, in the soft term": (
                2 * clipped + hard(FAR_LABELS, FAR_STUDENT) / 2
            )
        },
        **CLOSE,
    )


def test_4_every_mode_agrees(kata):
    # The ordinary rows, and the extreme ones with a fourth class of -1e4. A third of 1e4 is
    # off by 2e-4, and compiled code may subtract it unrounded: T is a power of 2.
    labels = np.concatenate([LABELS, FAR_LABELS])
    far = [np.pad(z, [(0, 0), (0, 1)], constant_values=-1e4) for z in (FAR_STUDENT, FAR_TEACHER)]
    student, teacher = (np.concatenate(z) for z in zip((STUDENT, TEACHER), far, strict=True))
    given = {"labels": labels, "student": student, "teacher": teacher}
    rate = slope(2.0, 0.3, **given)
    assert_gradient_in_every_mode(
        of_the_student(kata, labels, teacher, soft_weight=0.3),
        student,
        lambda upstream: upstream[:, None] * rate,
        call="distillation_loss(labels, x, teacher, soft_weight=0.3)",
        oracle=PAPER,
        value=oracle(2.0, 0.3, **given),
        **CLOSE,
    )
