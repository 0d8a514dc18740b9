"""The mutants: how answers are broken, and what is said about those that survive."""

import pytest

from dojo import layout
from dojo.content import mutation
from dojo.content.document import read_document
from dojo.content.traps import read_equivalents
from dojo.results import Outcome, Result
from dojo.upkeep import mutants

KATAS = [kata.path for kata in read_document().katas]


def broken(body):
    """Returns the mutants of a function with that one statement, without the function."""
    sources = [mutant.source for mutant in mutation.mutants(f"def f(x, y):\n    {body}")]
    return {source.removeprefix("def f(x, y):\n    ") for source in sources}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x + y", {"return x - y", "return x", "return y"}),
        ("return x ** y", {"return x * y", "return x", "return y"}),
        ("return -x", {"return x"}),
        ("return x < y", {"return x <= y", "return x >= y"}),
        ("return x == y", {"return x != y"}),
        ("return x and y", {"return x or y", "return x", "return y"}),
        ("return 3", {"return 4", "return -3"}),
        ("return 0", {"return 1"}),
        ("return True", {"return False"}),
        ("return x if y else 'z'", {"return 'z' if y else x"}),
        ("return tf.maximum(x, y)", {"return tf.minimum(x, y)", "return x"}),
        ("return g(x, y)", {"return g(y, x)"}),
        ("return g(axis=x)", {"return g()"}),
        ("x += y", {"pass"}),
        ("x = g(x)", {"pass"}),
        ("y = g(x)", set()),
    ],
)
def test_one_statement_is_broken_in_every_way(body, expected):
    assert broken(body) == expected


def test_an_if_is_negated_and_its_branches_are_broken_too():
    found = broken("if x:\n        return 1\n    return y")
    assert "if not x:\n        return 1\n    return y" in found
    assert "if x:\n        return 2\n    return y" in found


def test_a_decorator_is_dropped():
    sources = [mutant.source for mutant in mutation.mutants("@tf.custom_gradient\ndef f(x): pass")]
    assert "def f(x):\n    pass" in sources


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring, 1 + 1."""',
        "import numpy as np",
        "raise ValueError(1 + 1)",
        "x: int",
        "def main(): print(1 + 1)",
        "SIZE = 2\ndef _twice(x): return 2 * x\ndef main(): _twice(SIZE)\nif x == y: main()",
    ],
)
def test_what_no_test_can_see_is_left_alone(source):
    assert mutation.mutants(source) == []


def test_the_label_shows_the_line_before_and_after():
    labels = [mutant.label for mutant in mutation.mutants("a = 1\nb = a * 2")]
    assert "b = a * 2  =>  b = a / 2" in labels


@pytest.mark.parametrize("kata", KATAS)
def test_every_mutant_known_to_be_equivalent_is_one_still(kata):
    source = layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")
    labels = {mutant.label for mutant in mutation.mutants(source)}
    known = {label.removesuffix(" (again)") for label in read_equivalents(kata)}
    assert known <= labels


@pytest.mark.parametrize(
    ("outcome", "survives"),
    [
        (Outcome.SOLVED, True),
        (Outcome.BROKEN, True),
        (Outcome.WRONG, False),
        (Outcome.CRASHED, False),
        (Outcome.TIMED_OUT, False),
    ],
)
def test_a_mutant_without_a_verdict_is_not_caught(outcome, survives):
    assert mutants.survived(Result("losses/x", outcome)) is survives


def ended(monkeypatch, capsys, *, answers=Outcome.SOLVED, caught):
    """Runs three mutants of one kata, of which so many are caught: the status, the text."""
    kata = "gradients/recompute_grad"
    plan = [mutants.variants.Variant(f"{kata}: m{i}", kata, "") for i in range(3)]
    verdicts = [Outcome.WRONG] * caught + [Outcome.SOLVED] * (3 - caught)
    pairs = [(v, Result(kata, o)) for v, o in zip(plan, verdicts, strict=True)]
    refused = [] if answers is Outcome.SOLVED else [Result(kata, answers)]
    monkeypatch.setattr(mutants, "refusals", lambda katas, jobs: refused)
    monkeypatch.setattr(mutants, "mutants_of", lambda kata: plan)
    monkeypatch.setattr(mutants.variants, "run", lambda plan, jobs: iter(pairs))
    return mutants.run([kata], None), capsys.readouterr().out


def test_all_caught_meets_the_bar(monkeypatch, capsys):
    status, out = ended(monkeypatch, capsys, caught=3)
    assert status == 0
    assert "3 mutants, 100.0% caught: the bar is met" in out


def test_a_survivor_is_listed_and_misses_the_bar(monkeypatch, capsys):
    status, out = ended(monkeypatch, capsys, caught=2)
    assert status == 1
    assert "survived  gradients/recompute_grad: m2" in out
    assert "3 mutants, 66.7% caught: the bar is not met" in out


def test_an_answer_that_its_suite_refuses_ends_the_run(monkeypatch, capsys):
    status, out = ended(monkeypatch, capsys, answers=Outcome.BROKEN, caught=3)
    assert status == 1
    assert "gradients/recompute_grad: the answer itself is broken" in out
    assert "caught" not in out


@pytest.mark.timeout(300)
def test_the_command_breaks_a_real_answer(dojo):
    done = dojo("mutants", "recompute_grad")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100.0% caught" in done.stdout
