"""dojo.record.pace: the estimate against a grid search and against simulated learners."""

import dataclasses
import math
import random
import statistics

import pytest

from dojo.record.attempts import GIVEN_UP, LEFT, RUNNING, SOLVED, TIME_UP, Entry
from dojo.record.pace import Pace, in_own_boxes, pace

BOX = 20.0


def entry(kata, share, outcome=SOLVED, *, checks=1, started=0.0):
    return Entry(kata, BOX, 1, started, 1, share * BOX * 60, outcome, checks)


def katas(shares, outcome=SOLVED):
    return [entry(f"losses/k{i}", s, outcome, started=float(i)) for i, s in enumerate(shares)]


def test_without_a_record_the_boxes_are_taken_at_their_word():
    assert pace([]) == Pace(1.0, pytest.approx(1.5), 0)
    assert pace([]).likely(20) == 20
    assert pace([]).careful(20) == pytest.approx(30)


def test_solved_in_twice_the_box_again_and_again_tends_to_twice():
    few, many = pace(katas([2.0] * 3)), pace(katas([2.0] * 60))
    assert 1.3 < few.ratio < 1.6 < many.ratio < 2
    assert few.count == 3
    assert many.likely(10) == pytest.approx(10 * many.ratio)
    assert many.careful(10) == pytest.approx(10 * many.ratio * many.spread)


def test_out_of_time_at_the_box_is_slower_than_solved_at_the_box():
    solved, out = pace(katas([1.0] * 6)), pace(katas([1.0] * 6, TIME_UP))
    assert solved.ratio == pytest.approx(1)
    assert out.ratio > 1.3
    assert out.spread > solved.spread


def log_posterior(entries, mean, deviation):
    """By the definition, each attempt's weight and three prior attempts included."""
    logs = [math.log(e.seconds / (e.minutes * 60)) for e in entries]
    total = 0.0
    for age, (e, log) in enumerate(zip(reversed(entries), reversed(logs), strict=True)):
        normal = statistics.NormalDist(mean, deviation)
        likelihood = normal.pdf(log) if e.outcome == SOLVED else 1 - normal.cdf(log)
        total += 0.5 ** (age / 20) * math.log(likelihood)
    squares = 3 * (math.log(1.5) ** 2 + mean**2)
    return total - 3 * math.log(deviation) - squares / (2 * deviation**2)


def test_it_is_the_mode_of_the_posterior():
    entries = katas([0.6, 1.4, 2.2]) + [
        entry("losses/out", 1.1, TIME_UP, started=10),
        entry("losses/up", 0.5, GIVEN_UP, started=11),
    ]
    found = pace(entries)
    mode = math.log(found.ratio), math.log(found.spread)
    best = log_posterior(entries, *mode)
    for step in (0.003, 0.1):
        for direction in ((step, 0), (-step, 0), (0, step), (0, -step), (step, step)):
            moved = [a + b for a, b in zip(mode, direction, strict=True)]
            assert log_posterior(entries, *moved) < best


@pytest.mark.parametrize("ratio, spread", [(0.7, 1.3), (1.5, 1.5)])
def test_two_thirds_of_new_attempts_lie_within_the_spread(ratio, spread):
    """Of simulated learners who stop at 1.5 times the box, so that some are censored."""
    chance = random.Random(3)
    inside = []
    for _ in range(40):
        times = [ratio * spread ** chance.gauss(0, 1) for _ in range(40)]
        entries = [
            entry(f"losses/k{i}", min(t, 1.5), SOLVED if t <= 1.5 else TIME_UP, started=float(i))
            for i, t in enumerate(times)
        ]
        found = pace(entries)
        new = [ratio * spread ** chance.gauss(0, 1) for _ in range(50)]
        inside += [found.ratio / found.spread <= t <= found.ratio * found.spread for t in new]
    assert 0.6 < statistics.mean(inside) < 0.77


def test_a_repeat_says_nothing_of_new_katas():
    first = entry("losses/a", 1.5)
    again = entry("losses/a", 0.2, started=9.0)
    assert pace([first, again]) == pace([again, first]) == pace([first])


@pytest.mark.parametrize("outcome", [TIME_UP, GIVEN_UP])
def test_after_the_answer_was_seen_it_is_a_repeat(outcome):
    first = entry("losses/a", 1.0, outcome)
    assert pace([first, entry("losses/a", 0.2, started=9.0)]) == pace([first])


def test_given_up_at_once_says_nothing_nor_does_what_follows():
    first = entry("losses/a", 0.01, GIVEN_UP, checks=0)
    assert pace([first, entry("losses/a", 0.2, started=9.0)]) == pace([])


def test_left_early_but_checked_says_a_little():
    assert 1 < pace([entry("losses/a", 0.2, LEFT, checks=1)]).ratio < 1.01


@pytest.mark.parametrize("outcome", [LEFT, RUNNING])
def test_a_glance_says_nothing(outcome):
    glance = dataclasses.replace(entry("losses/a", 1.0, outcome, checks=0), seconds=20.0)
    assert pace([glance]) == pace([])
    solved = entry("losses/a", 1.5, started=9.0)
    assert pace([glance, solved]) == pace([solved])


def test_left_and_begun_again_has_taken_both_times():
    left = entry("losses/a", 0.5, LEFT, checks=0)
    solved = entry("losses/a", 1.0, started=9.0)
    assert pace([left, solved]) == pace([entry("losses/a", 1.5, started=9.0)])
    assert pace([left]).ratio > 1


def test_the_newer_count_more():
    slow, quick = [2.0] * 15, [0.7] * 15
    # Were all the same, both would be sqrt(2 * 0.7) = 1.18, and drawn towards 1.
    assert pace(katas(slow + quick)).ratio < 1.1 < 1.2 < pace(katas(quick + slow)).ratio


def test_a_pasted_answer_does_not_decide():
    assert pace(katas([1.0] * 5 + [0.001])).ratio > 0.7
    assert pace(katas([1e-9] * 30 + [1e9], TIME_UP)).ratio > 1


def test_chance_is_half_at_the_ratio_and_five_sixths_at_the_careful_time():
    mine = Pace(1.4, 1.6, 9)
    assert mine.chance(1.4) == pytest.approx(0.5)
    assert mine.chance(1.4 * 1.6) == pytest.approx(0.841, abs=1e-3)


def test_a_box_cut_short_by_an_interview_is_the_katas_own_again():
    cut = dataclasses.replace(entry("losses/a", 1.0), minutes=5.0)
    assert in_own_boxes([cut], {"losses/a": 40.0})[0].minutes == 40
    assert in_own_boxes([cut], {})[0].minutes == 5
