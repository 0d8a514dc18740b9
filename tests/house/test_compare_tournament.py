"""The fair protocol: what everybody gets, what is seen when, and what is chosen."""

import pytest

from dojo.compare import tournament
from dojo.compare.errors import CompareError
from dojo.compare.losses import stages as losses
from dojo.compare.optimizers import stages as optimizers
from dojo.compare.run import Run
from dojo.compare.tournament import Budget, Contender, Finding

BUDGET = Budget((0.1, 0.2, 0.3), tuning_seeds=(7, 8), seeds=(1, 2, 3), epochs=1, batch=2)
CONTENDERS = [Contender(name, {"class": name}) for name in ("A", "B")]


def make_run(contender, rate, seed, test):
    arguments = {"who": contender.name, "rate": rate, "seed": seed, "test": test}
    return Run("optimizers.runs:train", str(arguments), arguments)


def hold(score, contenders=CONTENDERS):
    """Runs a tournament whose runs score as told; returns the stages and the findings."""
    stages = tournament.tournament(contenders, BUDGET, make_run)
    seen, asked = [], next(stages)
    while True:
        seen.append(asked)
        done = {run.key: numbers_of(run, score) for run in asked}
        try:
            asked = stages.send(done)
        except StopIteration as end:
            return seen, end.value


def numbers_of(run, score):
    told = score(**run.arguments)
    if isinstance(told, dict):
        return told
    seed = run.arguments["seed"]
    return {"score": told, "diverged": None, "start": f"w{seed}", "order": f"o{seed}"}


def peaked(who, rate, seed, test):
    return 1 - abs(rate - (0.2 if who == "A" else 0.3))


def test_nothing_sees_test_data_before_everything_is_chosen():
    (tuning, final), _ = hold(peaked)
    assert not any(run.arguments["test"] for run in tuning)
    assert all(run.arguments["test"] for run in final)


def test_everybody_gets_the_same_grid_and_the_same_seeds():
    stages, _ = hold(peaked)
    for stage, keys in zip(stages, [("rate", "seed"), ("seed",)], strict=True):
        runs = {
            who: [tuple(run.arguments[key] for key in keys) for run in stage if who_of(run) == who]
            for who in "AB"
        }
        assert runs["A"] == runs["B"]
        assert len(runs["A"]) == len(set(runs["A"]))


def who_of(run):
    return run.arguments["who"]


def test_seeds_that_tune_are_not_those_that_are_reported():
    (tuning, final), _ = hold(peaked)
    seeds = [{run.arguments["seed"] for run in stage} for stage in (tuning, final)]
    assert seeds == [{7, 8}, {1, 2, 3}]
    for module_budget in (optimizers.BUDGET, optimizers.QUICK, losses.BUDGET, losses.QUICK):
        assert not set(module_budget.tuning_seeds) & set(module_budget.seeds)
        assert len(module_budget.seeds) >= 3


def test_each_trains_anew_at_the_rate_that_validation_chose():
    (_, final), findings = hold(peaked)
    rates = {who: {run.arguments["rate"] for run in final if who_of(run) == who} for who in "AB"}
    assert rates == {"A": {0.2}, "B": {0.3}}
    assert (findings["A"].at_edge, findings["B"].at_edge) == (False, True)


def test_the_mean_over_seeds_decides_and_of_equals_the_first():
    _, findings = hold(lambda who, rate, seed, test: 0.9 if (rate, seed) == (0.3, 7) else 0.5)
    assert findings["A"].rate == 0.3
    _, findings = hold(lambda who, rate, seed, test: 0.1 + 0.2 if rate == 0.3 else 0.3)
    assert findings["A"].rate == 0.1


def test_one_that_fails_is_reported_and_the_other_goes_on():
    def score(who, rate, seed, test):
        return {"error": "ValueError: no"} if who == "A" and rate == 0.2 else 0.5

    (_, final), findings = hold(score)
    assert findings["A"].error == "ValueError: no"
    assert {who_of(run) for run in final} == {"B"}
    assert len(findings["B"].runs) == 3


def test_a_rate_that_diverges_loses_and_one_that_always_does_is_out():
    def score(who, rate, seed, test):
        lost = {"score": 0.0, "diverged": 5, "start": f"w{seed}", "order": f"o{seed}"}
        return lost if who == "A" or rate == 0.3 else rate

    _, findings = hold(score)
    assert "not finite" in findings["A"].error
    assert findings["B"].rate == 0.2


def test_unequal_starts_are_noticed():
    runs = [{"start": "a", "order": "o"}]
    other = [{"start": "b", "order": "o"}]
    tournament.assert_equal_starts({"A": Finding(runs=runs), "B": Finding(runs=runs)})
    with pytest.raises(CompareError, match="initial weights"):
        tournament.assert_equal_starts({"A": Finding(runs=runs), "B": Finding(runs=other)})
