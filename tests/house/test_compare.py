"""dojo.compare without TensorFlow: the protocol, the store, the measures, the sentences."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from dojo import compare, layout
from dojo.check.runner import Event
from dojo.compare import (
    command,
    conclusions,
    digits,
    gradients,
    jobs,
    measures,
    optimizers,
    parts,
    pictures,
    protocol,
    together,
)
from dojo.compare.jobs import CompareError, Job, Store
from dojo.compare.parts import Part
from dojo.compare.protocol import Budget, Contender, Finding
from dojo.compare.report import Picture, Plan
from dojo.results import Outcome, Result

BUDGET = Budget((0.1, 0.2, 0.3), tuning_seeds=(7, 8), seeds=(1, 2, 3), epochs=1, batch=2)
CONTENDERS = [Contender(name, {"class": name}) for name in ("A", "B")]


def make_job(contender, rate, seed, test):
    arguments = {"who": contender.name, "rate": rate, "seed": seed, "test": test}
    return Job("optimizer_runs:train", str(arguments), arguments)


def hold(score, contenders=CONTENDERS):
    """Runs a tournament whose runs score as told; returns the stages and the findings."""
    stages = protocol.tournament(contenders, BUDGET, make_job)
    seen, asked = [], next(stages)
    while True:
        seen.append(asked)
        done = {job.key: run(job, score) for job in asked}
        try:
            asked = stages.send(done)
        except StopIteration as end:
            return seen, end.value


def run(job, score):
    told = score(**job.arguments)
    if isinstance(told, dict):
        return told
    seed = job.arguments["seed"]
    return {"score": told, "diverged": None, "start": f"w{seed}", "order": f"o{seed}"}


def peaked(who, rate, seed, test):
    return 1 - abs(rate - (0.2 if who == "A" else 0.3))


def test_nothing_sees_test_data_before_everything_is_chosen():
    (tuning, final), _ = hold(peaked)
    assert not any(job.arguments["test"] for job in tuning)
    assert all(job.arguments["test"] for job in final)


def test_everybody_gets_the_same_grid_and_the_same_seeds():
    stages, _ = hold(peaked)
    for stage, keys in zip(stages, [("rate", "seed"), ("seed",)], strict=True):
        runs = {
            who: [tuple(job.arguments[key] for key in keys) for job in stage if who_of(job) == who]
            for who in "AB"
        }
        assert runs["A"] == runs["B"]
        assert len(runs["A"]) == len(set(runs["A"]))


def who_of(job):
    return job.arguments["who"]


def test_seeds_that_tune_are_not_those_that_are_reported():
    (tuning, final), _ = hold(peaked)
    seeds = [{job.arguments["seed"] for job in stage} for stage in (tuning, final)]
    assert seeds == [{7, 8}, {1, 2, 3}]
    for module_budget in (optimizers.BUDGET, optimizers.QUICK):
        assert not set(module_budget.tuning_seeds) & set(module_budget.seeds)
        assert len(module_budget.seeds) >= 3


def test_each_trains_anew_at_the_rate_that_validation_chose():
    (_, final), findings = hold(peaked)
    rates = {who: {job.arguments["rate"] for job in final if who_of(job) == who} for who in "AB"}
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
    assert {who_of(job) for job in final} == {"B"}
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
    protocol.assert_equal_starts({"A": Finding(runs=runs), "B": Finding(runs=runs)})
    with pytest.raises(CompareError, match="initial weights"):
        protocol.assert_equal_starts({"A": Finding(runs=runs), "B": Finding(runs=other)})


def job(source="x = 1", **arguments):
    part = Part("optimizers/momentum", "momentum.py", source, parts.YOURS)
    return Job("optimizer_runs:train", "title", arguments, (part,))


def test_the_store_gives_back_what_it_was_given(tmp_path):
    result = {"score": 0.5, "curve": [1.0, math.nan, -math.inf], "diverged": None}
    Store(tmp_path).put(job(), result)
    found = Store(tmp_path).get(job())
    assert str(found) == str(result)
    text = next(tmp_path.iterdir()).read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_result_belongs_to_its_arguments_and_to_the_source_of_the_kata(tmp_path):
    Store(tmp_path).put(job(rate=1), {"score": 0.5})
    assert Store(tmp_path).get(job(rate=1)) is not None
    assert Store(tmp_path).get(job(rate=2)) is None
    assert Store(tmp_path).get(job(rate=1, source="x = 2")) is None


def test_damaged_files_and_failures_are_computed_again(tmp_path):
    store = Store(tmp_path)
    store.put(job(), {"error": "its process was killed"})
    assert store.get(job()) is None
    store.put(job(), {"score": 0.5})
    next(tmp_path.iterdir()).write_text('{"result": {"sco')
    assert store.get(job()) is None


def test_solved_katas_are_yours_and_the_others_model_answers():
    kata = "optimizers/momentum"
    mine = parts.solved_or_model([kata], {kata: Outcome.SOLVED})[kata]
    assert (mine.whose, mine.reason) == (parts.YOURS, "")
    for outcome in (Outcome.WRONG, Outcome.NOT_STARTED, Outcome.TIMED_OUT):
        other = parts.solved_or_model([kata], {kata: outcome})[kata]
        assert other.whose == parts.MODEL_ANSWER
        assert other.source == layout.source_file(kata, layout.REFERENCE).read_text()
        assert other.reason == f"yours is {outcome}"


def test_the_checker_is_asked_about_what_is_not_known_to_be_solved(monkeypatch):
    katas = ["optimizers/momentum", "optimizers/lion", "optimizers/adam"]
    outcomes = {"optimizers/lion": Outcome.SOLVED, "optimizers/adam": Outcome.WRONG}
    asked = []

    def ask(unknown):
        asked.extend(unknown)
        for kata in unknown:
            yield Event("finished", kata, result=Result(kata, outcomes[kata]))

    monkeypatch.setattr(command.solved, "known", lambda katas: {"optimizers/momentum"})
    monkeypatch.setattr(command.solved, "keep", lambda found, before: None)
    monkeypatch.setattr(parts, "ask_checker", ask)
    found = command.pick_parts(katas, command.CompareOptions(), Console(quiet=True))
    assert asked == ["optimizers/lion", "optimizers/adam"]
    assert [found[kata].whose for kata in katas] == [parts.YOURS, parts.YOURS, parts.MODEL_ANSWER]


def test_a_tree_is_taken_as_it_is_and_what_is_not_there_is_said(tmp_path):
    kata = "optimizers/momentum"
    part = parts.from_tree([kata], tmp_path)[kata]
    assert part.source == ""
    assert "No such file" in part.reason
    assert parts.from_tree([kata], layout.REFERENCE)[kata].whose == parts.MODEL_ANSWER


def test_every_optimizer_of_the_reference_takes_part_with_its_twin():
    found = optimizers.contenders(parts.from_tree(optimizers.katas(), layout.REFERENCE))
    names = {contender.name for contender in found}
    custom = {c.settings["kata"]: c.twin for c in found if c.custom}
    assert set(custom) == set(optimizers.katas())
    assert "optimizers/warmup_cosine" not in custom
    assert custom["optimizers/momentum"] == "Keras SGD, momentum 0.9"
    assert custom["optimizers/adam"] == "Keras Adam"
    assert set(custom.values()) - {""} <= names
    assert {"Keras SGD", "Keras Adam"} <= names


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


def test_breaks_name_the_kind_and_the_stretch():
    x = np.arange(8.0)
    truth = np.full(8, 2.0)
    got = np.array([np.nan, np.nan, 2.0, 0.0, 2.0, np.inf, 2.1, 2.0])
    found = [str(one) for one in gradients.breaks(x, got, truth, 0.0)]
    assert found == ["nan from 0 to 1", "0 at 3", "inf at 5", "off at 6"]
    apart = np.array([0.0, 2.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert [str(b) for b in gradients.breaks(x, apart, truth, 0.0)] == ["0 at 2 points from 0 to 2"]
    assert not list(gradients.breaks(x, truth * (1 + 1e-4), truth, 0.0))


@pytest.mark.parametrize(
    ("twin_rate", "caveat"),
    [(0.01, False), (0.03, True)],
    ids=["the same rate", "another rate"],
)
def test_like_parts_at_different_rates_are_said_to_be(twin_rate, caveat):
    def result(rate):
        return {"rate": rate, "validation": [[0.8], [0.9]], "test": [0.8, 0.9]}

    found = {"custom": result(0.01), "twin": result(twin_rate)}
    (said,) = together.Outcome(Plan({}), found).sentences()
    assert said.startswith("All custom against its twin of Keras' parts: no difference")
    assert ("different learning rates, 0.01 and 0.03" in said) == caveat


def test_the_names_known_early_are_the_comparisons():
    assert tuple(command.COMPARISONS) == compare.NAMES


def test_all_pictures_are_written_and_each_shows_its_own(tmp_path):
    def picture(name):
        return Picture(name, name, "A caption.", lambda figure: figure.subplots().set_title(name))

    names = ["first", "second", "third"]
    pictures.write_all([picture(name) for name in names], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    }
    for name in names:
        assert f">{name}<" in (tmp_path / f"{name}.svg").read_text("utf-8")


@pytest.mark.parametrize("broken", [0, 1], ids=["drawn here", "drawn by the second process"])
def test_a_picture_that_cannot_be_drawn_says_why(tmp_path, broken):
    def draw(figure):
        raise ValueError("no such line")

    drawn = [Picture(f"p{index}", "", "", Figure.subplots) for index in range(2)]
    drawn[broken] = Picture("broken", "", "", draw)
    with pytest.raises(ValueError, match="no such line"):
        pictures.write_all(drawn, tmp_path)


def test_the_parent_never_imports_tensorflow():
    code = (
        "import sys; from dojo.compare import command, page, pictures\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=layout.ROOT, timeout=120)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--tree", "no/such/folder"], ["--bogus"]], ids=" ".join
)
def test_usage_errors_exit_2(dojo, arguments):
    done = dojo("compare", *arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_plain_values_are_strict_json():
    text = json.dumps(jobs.plain({"a": np.float32(1), "b": [math.nan]}), allow_nan=False)
    assert str(jobs.revive(json.loads(text))) == "{'a': 1.0, 'b': [nan]}"
