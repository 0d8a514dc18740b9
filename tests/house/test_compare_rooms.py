"""The four rooms have one shape, and what they name as text is there."""

import ast
import subprocess
import sys

import pytest

from dojo import layout
from dojo.compare import command, parts, sources
from dojo.compare.comparison import Setting

CHILD_MODULES = [
    "dojo.compare.child",
    "dojo.compare.gradients.runs",
    "dojo.compare.losses.runs",
    "dojo.compare.optimizers.runs",
    "dojo.compare.tensorboard_runs",
    "dojo.compare.together.runs",
]


def drive(comparison, quick=False):
    """Takes a comparison, whose every run fails, through its stages."""
    stages = comparison.stages(setting_of(comparison, quick))
    runs, asked = [], next(stages)
    while True:
        runs += asked
        try:
            asked = stages.send({run.key: {"error": "no luck"} for run in asked})
        except StopIteration as end:
            return runs, end.value


def setting_of(comparison, quick):
    return Setting(parts.from_tree(comparison.katas(), layout.REFERENCE), quick)


@pytest.fixture(params=command.COMPARISONS.values(), ids=lambda one: one.name)
def comparison(request):
    return request.param


@pytest.mark.parametrize("quick", [False, True])
def test_a_run_names_a_function_that_takes_its_arguments(comparison, quick):
    runs, _ = drive(comparison, quick)
    assert runs
    for run in runs:
        function = functions_of(run.module)[run.function]
        names = [argument.arg for argument in function.args.args]
        assert names[0] == "modules"
        assert set(names[1:]) == set(run.arguments)


def functions_of(module):
    """The functions of a module that cannot be imported here: it imports TensorFlow."""
    file = layout.ROOT.joinpath(*module.split(".")).with_suffix(".py")
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}


def test_where_every_run_fails_each_is_named_and_nothing_is_drawn(comparison):
    _, report = drive(comparison)
    assert report.name == comparison.name
    assert {why for _, why in report.failures} == {"no luck"}
    assert report.pictures == []
    assert report.conclusions == []


@pytest.mark.parametrize("module", CHILD_MODULES)
def test_stored_numbers_belong_to_the_text_of_all_that_is_imported(module):
    code = (
        "import importlib, sys; from unittest.mock import MagicMock\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = MagicMock()\n"
        f"importlib.import_module({module!r})\n"
        "print(*(n for n, m in sys.modules.items() if not hasattr(m, '__path__')))"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=layout.ROOT, capture_output=True, text=True, timeout=120)
    loaded = {name for name in done.stdout.split() if name.startswith("dojo.compare.")}
    assert module in loaded
    assert sources.closure([module]) == loaded
