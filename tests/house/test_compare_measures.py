"""What is measured on predictions, and the sentences made of it."""

import itertools
import math

import numpy as np
import pytest

from dojo.compare import conclusions, digits, measures


def test_average_precision_against_its_definition():
    generator = np.random.default_rng(3)
    positive = generator.random(60) < 0.2
    # One decimal: many ties.
    scores = generator.random(60).round(1)
    area, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        recall = (positive & chosen).sum() / positive.sum()
        area += (recall - before) * (positive & chosen).sum() / chosen.sum()
        before = recall
    assert measures.average_precision(positive, scores) == pytest.approx(area, rel=1e-12)


def test_calibration_of_a_hand_made_case():
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.45, 0.55]])
    y = np.array([0, 1, 1, 1])
    found = measures.reliability(y, p)
    # 2 at 0.95 of which half are right; one each at 0.65 and 0.55, right.
    assert found["ece"] == pytest.approx(0.5 * 0.45 + 0.25 * 0.35 + 0.25 * 0.45)
    assert found["accuracy"][9] == 0.5
    assert math.isnan(found["accuracy"][0])
    # Weights: without the wrong one, the first bin is all right.
    weighed = measures.reliability(y, p, np.array([1.0, 0.0, 1.0, 1.0]))
    assert weighed["ece"] == pytest.approx((0.05 + 0.35 + 0.45) / 3)


def test_recall_and_accuracy_count_nan_as_wrong():
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [np.nan, 1.0], [3.0, 1.0]])
    y = np.array([0, 1, 0, 1])
    assert measures.recalls(y[:2], logits[:2]) == [1.0, 1.0]
    assert measures.accuracy(y, logits) == 0.5
    assert measures.mean_recall(y, logits) == 0.0


def test_the_interval_is_student_s():
    # t(0.975, 4) = 2.776; the values' standard deviation is 1.5811.
    assert measures.interval([1, 2, 3, 4, 5]) == pytest.approx(2.776 * 1.5811 / 5**0.5, rel=2e-3)
    assert math.isinf(measures.interval([1.0]))


def test_the_tail_falls_geometrically_100_to_1():
    sizes = digits.tail_sizes(np.repeat(np.arange(10), 500))
    assert (sizes[0], sizes[-1]) == (500, 5)
    ratios = [a / b for a, b in itertools.pairwise(sizes[:7])]
    # Classes hold whole examples.
    assert ratios == pytest.approx([100 ** (1 / 9)] * 6, rel=0.03)  # half of one in 23, in 39


def test_sentences_are_computed():
    say = conclusions.difference
    ours, theirs = [0.91, 0.92, 0.93], [0.88, 0.89, 0.90]
    assert say(ours, theirs, "points", 100).startswith("+3.0 ± 0.0 points")
    assert say([0.91, 0.88, 0.9], [0.9, 0.9, 0.89], "points", 100).startswith("within seed noise")
    assert say(theirs, ours, "points", 100).startswith("-3.0")
    assert "the same recall on every seed" in say(ours, ours, "points recall", 100)
    assert "only seed" in say([0.9], [0.8], "points", 100)
