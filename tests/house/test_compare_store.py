"""What is stored, in which form, and what it belongs to."""

import json
import math

import numpy as np
import pytest

from dojo.compare import numbers, parts
from dojo.compare.parts import Part
from dojo.compare.run import Run
from dojo.compare.store import Store


def make_run(source="x = 1", **arguments):
    part = Part("optimizers/momentum", "momentum.py", source, parts.YOURS)
    return Run("optimizers.runs:train", "title", arguments, (part,))


def test_the_store_gives_back_what_it_was_given(tmp_path):
    given = {"score": 0.5, "curve": [1.0, math.nan, -math.inf], "diverged": None}
    Store(tmp_path).put(make_run(), given)
    found = Store(tmp_path).get(make_run())
    assert str(found) == str(given)
    text = next(tmp_path.iterdir()).read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_result_belongs_to_its_arguments_and_to_the_source_of_the_kata(tmp_path):
    Store(tmp_path).put(make_run(rate=1), {"score": 0.5})
    assert Store(tmp_path).get(make_run(rate=1)) is not None
    assert Store(tmp_path).get(make_run(rate=2)) is None
    assert Store(tmp_path).get(make_run(rate=1, source="x = 2")) is None


def test_damaged_files_and_failures_are_computed_again(tmp_path):
    store = Store(tmp_path)
    store.put(make_run(), {"error": "its process was killed"})
    assert store.get(make_run()) is None
    store.put(make_run(), {"score": 0.5})
    next(tmp_path.iterdir()).write_text('{"result": {"sco')
    assert store.get(make_run()) is None


def test_plain_values_are_strict_json():
    text = json.dumps(numbers.plain({"a": np.float32(1), "b": [math.nan]}), allow_nan=False)
    assert str(numbers.revive(json.loads(text))) == "{'a': 1.0, 'b': [nan]}"
