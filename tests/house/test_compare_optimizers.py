"""The optimizers' room: who takes part, and real trainings by the real stages."""

import re

import pytest
from rich.console import Console

from dojo import layout
from dojo.compare import parts
from dojo.compare.comparison import Setting
from dojo.compare.display import Display
from dojo.compare.executor import Executor
from dojo.compare.optimizers import contenders, stages, surfaces
from dojo.compare.parts import Part
from dojo.compare.pool import Pool
from dojo.compare.store import Store
from dojo.compare.tournament import Budget

TINY = Budget((1e-4, 1e-3, 1e-2), tuning_seeds=(101,), seeds=(1, 2, 3), epochs=1, batch=64)

HEAD = """
import keras
import tensorflow as tf

class {name}(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
"""
# Steps of one size: far ahead of plain descent, whose rates this grid holds too small.
BETTER = "        self.assign_sub(variable, learning_rate * tf.sign(gradient))\n"
# Only biases learn.
WORSE = """
        if len(variable.shape) == 1:
            self.assign_sub(variable, learning_rate * gradient)
"""
NAN = "        self.assign_sub(variable, learning_rate * gradient / 0.0)\n"
RAISES = "        raise RuntimeError('not today')\n"
CRASHES = "        import os; os.kill(os.getpid(), 11)\n"


def test_every_optimizer_of_the_reference_takes_part_with_its_twin():
    found = contenders.contenders_of(parts.from_tree(contenders.katas(), layout.REFERENCE))
    names = {contender.name for contender in found}
    custom = {c.recipe["kata"]: c.twin for c in found if c.custom}
    assert set(custom) == set(contenders.katas())
    assert "optimizers/warmup_cosine" not in custom
    assert custom["optimizers/momentum"] == "Keras SGD, momentum 0.9"
    assert custom["optimizers/adam"] == "Keras Adam"
    assert set(custom.values()) - {""} <= names
    assert {"Keras SGD", "Keras Adam"} <= names


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as one:
        yield one


def part(kata, body):
    name = contenders.class_name(kata)
    return Part(f"optimizers/{kata}", f"{kata}.py", HEAD.format(name=name) + body, parts.YOURS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One for all tests here: Keras' optimizers train once."""
    return Store(tmp_path_factory.mktemp("store") / "runs")


def compare(pool, store, monkeypatch, **bodies):
    """Returns the report on optimizers with these bodies, by the real stages."""
    monkeypatch.setattr(stages, "BUDGET", TINY)
    setting = Setting({f"optimizers/{kata}": part(kata, body) for kata, body in bodies.items()})
    executor = Executor(store, pool, Display(Console(), 1, 2))
    return executor.drive({"optimizers": stages.stages(setting)})["optimizers"]


def test_a_better_and_a_worse_optimizer_come_out_as_such(pool, store, monkeypatch):
    report = compare(pool, store, monkeypatch, momentum=BETTER, lion=WORSE)
    said = {line.partition(":")[0]: line.partition(": ")[2] for line in report.conclusions}
    assert re.match(r"\+\d+\.\d ± ", said["Momentum (yours) against Keras SGD"])
    assert re.match(r"-\d+\.\d ± ", said["Lion (yours) against Keras SGD"])
    # Alike at the start: one set of weights and one data order a seed.
    for seed in range(3):
        starts = {
            (found["runs"][seed]["start"], found["runs"][seed]["order"])
            for found in report.numbers.values()
        }
        assert len(starts) == 1
    assert not report.failures
    assert {picture.name for picture in report.pictures} >= {"optimizers_curves"}


def test_what_breaks_is_named_and_the_others_go_on(pool, store, monkeypatch):
    bodies = {"momentum": BETTER, "lion": NAN, "adam": RAISES, "lamb": CRASHES}
    report = compare(pool, store, monkeypatch, **bodies)
    why = dict(report.failures)
    assert "not finite at any learning rate" in why["Lion (yours)"]
    assert why["Adam (yours)"].startswith("RuntimeError: not today, at")
    assert "SIGSEGV" in why["Lamb (yours)"]
    assert len(report.numbers["Momentum (yours)"]["runs"]) == 3
    rows = {row[0]: row for row in report.sheets[0].rows}
    assert rows["Lamb (yours)"][1] == "failed"
    assert re.match(r"\d\d\.\d ± ", rows["Keras Adam"][2])


def test_what_is_stored_is_not_computed_again(pool, store, monkeypatch):
    compare(pool, store, monkeypatch, momentum=BETTER)

    class Asleep:
        ran = 0

        def run(self, runs):
            Asleep.ran += len(runs)
            yield from pool.run(runs)

    report = compare(Asleep(), store, monkeypatch, momentum=BETTER)
    assert Asleep.ran == 0
    assert report.numbers
    # Another answer trains again; Keras' optimizers do not.
    compare(Asleep(), store, monkeypatch, momentum=WORSE)
    own = len(TINY.rates) + len(TINY.seeds) + len(surfaces.SURFACES)
    assert Asleep.ran == own + 1  # and the time per step, which is all in one
