"""Child processes that train: the same numbers each time, and an end to what hangs."""

import base64
import math
import pickle

import pytest

from dojo import layout
from dojo.check import processes
from dojo.check.channel import pair
from dojo.check.messages import MessageError
from dojo.check.processes import Process
from dojo.compare import parts
from dojo.compare import pool as pool_module
from dojo.compare.messages import Done, Ready, Refused, asked, decode, encode
from dojo.compare.optimizers.contenders import MOMENTUM
from dojo.compare.parts import Part
from dojo.compare.pool import Pool
from dojo.compare.run import Run


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as one:
        yield one


def training(seed=1, rate=0.01):
    recipe = {"class": "Adam"}
    how = {"epochs": 1, "batch": 64, "test": True, "full": False}
    arguments = {"recipe": recipe, "rate": rate, "seed": seed} | how
    return Run("optimizers.runs:train", f"seed {seed}", arguments, group="Adam")


def numbers(pool, runs):
    return {n.run.title: n.numbers for n in pool.run(runs) if n.numbers is not None}


def test_the_same_seed_gives_the_same_numbers(pool):
    """Also in another process, and after other runs of the same trainer."""
    first = numbers(pool, [training(seed=1)])
    with Pool(1) as other:
        numbers(other, [training(seed=2, rate=0.1)])
        again = numbers(other, [training(seed=1)])
    assert first == again
    assert first["seed 1"]["test"] > 0.7


def test_a_trainer_that_was_used_is_as_good_as_new(pool):
    """Wrapped optimizers, too: Lookahead's slow weights start at each run's own weights."""
    kata = "optimizers/lookahead"
    own = parts.from_tree([kata], layout.REFERENCE)[kata]
    recipe = {"kata": kata, "wraps": dict(MOMENTUM.recipe)}

    def run(seed):
        arguments = dict(training(seed).arguments) | {"recipe": recipe, "rate": 0.1}
        return Run("optimizers.runs:train", f"seed {seed}", arguments, (own,))

    with Pool(1) as used, Pool(1) as new:
        numbers(used, [run(5)])
        assert numbers(used, [run(6)]) == numbers(new, [run(6)])


def test_an_endless_loop_is_stopped_and_the_next_run_is_done(monkeypatch):
    source = "while True: pass\n"
    endless = Part("optimizers/momentum", "momentum.py", source, parts.YOURS)
    recipe = {"kata": "optimizers/momentum"}
    arguments = dict(training().arguments) | {"recipe": recipe}
    hanging = Run("optimizers.runs:train", "endless", arguments, (endless,))
    monkeypatch.setattr(Run, "limit", 3.0)
    with Pool(1) as one:
        found = numbers(one, [hanging])
        monkeypatch.setattr(Run, "limit", 120.0)
        assert "no end in sight" in found["endless"]["error"]
        assert "error" not in numbers(one, [training()])["seed 1"]


class Ended(Process):
    """Stands for a process that is gone."""

    def exit_status(self, patience=5.0):
        return 0

    def kill(self):
        pass


def test_what_is_no_answer_is_the_runs_error_and_its_child_is_dropped():
    mine, theirs = pair()
    child = pool_module._Child(Ended(mine))
    child.give(training())
    theirs.sendall(b'["Solved", {}]\n')
    assert "no answer of a child's" in child.news()["error"]
    assert child.dead
    theirs.close()


def test_a_child_that_is_made_is_not_started(monkeypatch):
    started = []
    monkeypatch.setattr(processes, "starter", lambda: started.append("starter"))
    pool_module._Child(Ended(None))
    pool_module.Pool(2)
    assert started == []


@pytest.mark.parametrize(
    "answer",
    [Ready(), Done({"a": [1.5, math.inf], "b": {"c": None}}), Refused("no digits")],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_arrives_as_it_was_sent(answer):
    assert decode(encode(answer)) == answer


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'"Ready"', b'["Ready", 1]', b'["Done"]', b'["Done", []]', b'["Refused", 1]']
    + [b'{"Done": {}}', b'["Compute", {}]', b"[" * 100_000, b"\x80\x04K\x01."],
    ids=lambda content: str(content[:20]),
)
def test_what_is_no_answer_is_an_error(content):
    with pytest.raises(MessageError):
        decode(content)


def test_what_is_no_request_is_an_error():
    with pytest.raises(MessageError, match="no request"):
        asked(base64.b64encode(pickle.dumps(training())))
