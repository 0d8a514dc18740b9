"""The loss of a language model.

Question (10 min). A decoder reads tokens and gives, at each place t, logits for the token
that comes next. You have what it read and what it gave, neither shifted:

    labels  [B, T]       the tokens, or ignore_index where nothing is to be learned
    logits  [B, T, V]    those at t predict labels[:, t + 1]

Write the loss that it is trained with. A target is a label at t >= 1 that is not
ignore_index; its loss is -log softmax(the logits at t - 1) at this label. Labels are int32
or int64, logits float32. Test k checks clause k:

    1. The result is a scalar: the losses of all targets of the batch, summed, over their
       number. Each target weighs the same, whatever its row.
    2. ignore_index is any int: -100 by default, or one of the ids, such as a padding
       token 0. All other labels are ids in [0, V). Only the target is ignored: the logits
       at an ignored label still predict the next.
    3. A batch without a target, T = 1 too, has loss 0, and a gradient of zeros.
    4. The gradient with respect to `logits` is that of the formula. The last logits of a
       row, and those whose target is ignored, get 0.
    5. Logits are right up to ±1e4. Eager mode, tf.function and XLA agree.

Run   nox -s check -- next_token
Read  https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf,
      equation 1
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    every_mode,
    vjp,
)

# Log-probabilities reach 8 and are off by 2 eps * 8 = 2e-6, as are their means, which are
# above 1; four times that.
RTOL = 8e-6

# Rows with 2, 5 and 1 targets; an ignored label in the first place, inside and at the
# end. T - 1 = V, so that an axis taken for another runs.
LABELS = np.array(
    [[1, 4, -100, -100, 3, -100], [0, 2, 3, 0, 4, 1], [-100, -100, 2, -100, -100, -100]]
)
LOGITS = np.random.default_rng(7).normal(scale=1.5, size=(3, 6, 5)).astype("float32")
PAPER = "the formula in float64, one target after another"


def log_p(z):
    """Log-softmax of one row [V]."""
    z = np.float64(z) - np.max(z)
    return z - np.log(np.exp(z).sum())


def targets_of(labels, ignore):
    """(row, place of the logits, target) of each."""
    rows, length = labels.shape
    return [
        (b, t - 1, labels[b, t])
        for b in range(rows)
        for t in range(1, length)
        if labels[b, t] != ignore
    ]


def costs(pairs, logits):
    return [-log_p(logits[b, t])[y] for b, t, y in pairs]


def oracle(labels=LABELS, logits=LOGITS, ignore=-100):
    return np.mean(costs(targets_of(labels, ignore), logits))


def slope(labels=LABELS, logits=LOGITS, ignore=-100):
    """(softmax - onehot) / number of targets, at the logits of each target."""
    rate, pairs = np.zeros(np.shape(logits)), targets_of(labels, ignore)
    for b, t, y in pairs:
        rate[b, t] = (np.exp(log_p(logits[b, t])) - np.eye(logits.shape[-1])[y]) / len(pairs)
    return rate


def at(labels, ignore, moved, first=0, last=0):
    """Pairs of each kept label at t and the logits at t + moved."""
    length = labels.shape[1]
    found = [(b, t) for b, t in np.ndindex(labels.shape) if first <= t < length - last]
    return [(b, t + moved, labels[b, t]) for b, t in found if labels[b, t] != ignore]


def mask_of_the_labels(labels, logits, ignore):
    """The mask not shifted with the targets: an ignored target stands for class 0."""
    places = [(b, t) for b, t in np.ndindex(labels.shape) if t < labels.shape[1] - 1]
    kept = [(b, t, max(labels[b, t + 1], 0)) for b, t in places if labels[b, t] != ignore]
    return np.mean(costs(kept, logits))


def mask_of_both(labels, logits, ignore):
    """A target counts only where the label at its logits is kept as well."""
    pairs = [(b, t, y) for b, t, y in targets_of(labels, ignore) if labels[b, t] != ignore]
    return np.mean(costs(pairs, logits))


def of_rows(labels, logits, ignore):
    pairs = targets_of(labels, ignore)
    return np.mean([np.mean(costs([p for p in pairs if p[0] == b], logits)) for b in range(3)])


def unmasked(labels, logits, ignore):
    """Every target counts, one that is no id as class 0."""
    return oracle(np.maximum(labels, 0), logits, ignore=-1)


def rolled(labels, logits, ignore):
    """The labels rolled, so that the last logits of a row predict its first label."""
    pairs = at(np.roll(labels, -1, axis=1), ignore, 0)
    return np.mean(costs(pairs, logits))


def over(count):
    """The sum divided by something else, a function of labels and ignore_index."""
    return lambda y, z, i: np.sum(costs(targets_of(y, i), z)) / count(y, i)


BUGS = {
    "no shift: the logits at t predict the label at t": lambda y, z, i: np.mean(
        costs(at(y, i, 0), z)
    ),
    "no shift, and the last place dropped": lambda y, z, i: np.mean(costs(at(y, i, 0, last=1), z)),
    "shifted the other way: the logits at t + 1 predict the label at t": lambda y, z, i: np.mean(
        costs(at(y, i, 1, last=1), z)
    ),
    "rolled, not cut: the last logits predict the first label": rolled,
    "the mask taken before the shift": mask_of_the_labels,
    "a mask of the targets and of the labels at their logits": mask_of_both,
    "a mean over all B (T - 1) places": over(lambda y, i: y[:, 1:].size),
    "a mean over all B T places": over(lambda y, i: y.size),
    "divided by the labels that are kept, the first of a row too": over(
        lambda y, i: np.count_nonzero(y != i)
    ),
    "a sum where it should be a mean": over(lambda y, i: 1),
    "divided by the number of rows": over(lambda y, i: len(y)),
    "a mean of the rows' means": of_rows,
    "ignored targets counted as class 0": unmasked,
    "the wrong sign": lambda y, z, i: -oracle(y, z, i),
    "a softmax over the places, not over the vocabulary": lambda y, z, i: (
        -np.mean([log_p(z[b, :-1, y_])[t] for b, t, y_ in targets_of(y, i)])
    ),
}


def test_1_values_match_the_formula(kata):
    assert_close(
        kata.next_token_loss(tf.constant(LABELS), tf.constant(LOGITS)),
        oracle(),
        call="next_token_loss(labels, logits)",
        oracle=PAPER,
        rtol=RTOL,
        dtype="float32",
        bugs={cause: bug(LABELS, LOGITS, -100) for cause, bug in BUGS.items()},
    )


# 0 and 3 are tokens: 0 stands first, in the middle and last.
IDS = np.array([[0, 4, 0, 0, 3, 1], [0, 2, 3, 0, 4, 1], [3, 1, 3, 3, 0, 0]])


@pytest.mark.parametrize("ignore", [0, 3, -1], ids="ignore_index={}".format)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_2_ignore_index_is_any_int(kata, dtype, ignore):
    labels = np.where(IDS == 3, -1, IDS) if ignore == -1 else IDS
    bugs = {cause: bug(labels, LOGITS, ignore) for cause, bug in BUGS.items()}
    if ignore >= 0:
        counted = bugs.pop("ignored targets counted as class 0")
        bugs["ignore_index counted like any id (a mask of labels >= 0, or != -100)"] = counted
    assert_close(
        kata.next_token_loss(tf.constant(labels, dtype), tf.constant(LOGITS), ignore_index=ignore),
        oracle(labels, ignore=ignore),
        call=f"next_token_loss({dtype} labels, logits, ignore_index={ignore})",
        oracle=PAPER,
        rtol=RTOL,
        bugs=bugs,
    )


def loss_and_gradient(kata):
    """Returns the function from labels and logits to the loss and its slopes times -1.5."""

    def compute(labels, logits):
        value, (gradient,) = vjp(lambda z: kata.next_token_loss(labels, z), [logits], -1.5)
        return value, gradient

    return compute


def assert_nothing_to_pay(compute, labels, said=""):
    __tracebackhide__ = True
    logits = LOGITS[:, : labels.shape[1]]
    value, gradient = compute(tf.constant(labels), tf.constant(logits))
    call, exact = f"{said}next_token_loss({labels.tolist()}, logits)", {"rtol": 0.0}
    exact["oracle"] = "no target, nothing to pay"
    assert_close(value, 0.0, call=call, **exact)
    zeros = np.zeros(logits.shape)
    assert_close(gradient, zeros, call=f"tape.gradient({call}, logits)", **exact)


# The first label is no target, whatever it is.
WITHOUT = np.full([3, 6], -100)
WITHOUT[:, 0] = [2, 0, -100]


@pytest.mark.parametrize("length", [1, 6], ids="T={}".format)
def test_3_without_a_target_nothing_is_to_pay(kata, length):
    assert_nothing_to_pay(loss_and_gradient(kata), WITHOUT[:, :length])


SLOPES = {
    "no shift": lambda: np.concatenate([slope()[:, -1:], slope()[:, :-1]], axis=1),
    "the sum's gradient, not the mean's": lambda: 8 * slope(),
    "the wrong sign": lambda: -slope(),
}


def test_4_gradient_matches_the_formula(kata):
    assert_gradient(
        lambda logits: kata.next_token_loss(tf.constant(LABELS), logits),
        LOGITS,
        lambda upstream: upstream * slope(),
        call="next_token_loss(labels, x)",
        oracle="(softmax - onehot) / number of targets, 0 where there is none",
        rtol=RTOL,
        atol=1e-7,  # softmax - 1 is off by eps near 0, over 8 targets
        bugs={cause: lambda up, bug=bug: up * bug() for cause, bug in SLOPES.items()},
    )


def test_4_what_predicts_nothing_changes_nothing(kata):
    logits = np.where(slope() == 0, 1e4 * LOGITS[..., ::-1], LOGITS).astype("float32")
    assert_close(
        kata.next_token_loss(tf.constant(LABELS), tf.constant(logits)),
        oracle(),
        call="next_token_loss(labels, logits), other logits where no target is",
        oracle="the loss of the first logits",
        rtol=RTOL,
    )


# One of two tokens leads by 2e4 in each place: right, wrong, ignored, last.
FAR_LABELS = np.array([[0, 1, 0, -100, 1]])
FAR_LOGITS = np.array([[[-1e4, 1e4], [-1e4, 1e4], [1e4, -1e4], [1e4, 1e4], [-1e4, 1e4]]], "float32")


def test_5_logits_are_right_up_to_1e4(kata):
    certain = costs(targets_of(FAR_LABELS, -100), FAR_LOGITS)
    assert_close(
        kata.next_token_loss(tf.constant(FAR_LABELS), tf.constant(FAR_LOGITS)),
        np.mean(certain),
        call=f"next_token_loss({FAR_LABELS.tolist()}, logits of ±1e4)",
        oracle=PAPER,
        rtol=RTOL,
        bugs={
            f"probabilities clipped at {least}": np.mean(np.minimum(certain, -np.log(float(least))))
            for least in ("1e-7", "1e-8")
        },
    )


def test_5_every_mode_agrees(kata):
    # The last row holds ±1e4, padded to the length and the vocabulary of the others.
    far = np.pad(FAR_LOGITS, [(0, 0), (0, 1), (0, 3)], constant_values=-1e4)
    labels, logits = LABELS.copy(), np.concatenate([LOGITS[:2], far])
    labels[2, :5] = FAR_LABELS
    want, rate = oracle(labels, logits), -1.5 * slope(labels, logits)
    given = [tf.constant(labels), tf.constant(logits)]
    for said, compute in every_mode(loss_and_gradient(kata), *given).items():
        value, gradient = compute(*given)
        call = f"{said}next_token_loss(labels, logits)"
        assert_close(value, want, call=call, oracle=PAPER, rtol=RTOL)
        asked = f"tape.gradient({call}, logits, output_gradients=-1.5)"
        assert_close(gradient, rate, call=asked, oracle=PAPER, rtol=RTOL, atol=1e-7)
        assert_nothing_to_pay(compute, WITHOUT, said)
