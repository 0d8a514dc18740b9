"""Programs to repair: clause k fails if, and only if, bug k is in; and what is told of them."""

import functools
import importlib
import inspect
import itertools
from pathlib import Path

import pytest

from dojo import layout
from dojo.check.untouched import static_verdict
from dojo.content import model_answer, stubs
from dojo.content.asked import asked
from dojo.content.bugs import put_in, read_bugs
from dojo.content.document import read_document
from dojo.record import archive
from dojo.results import Outcome, clause_of

KATAS = [kata.path for kata in read_document().katas if kata.track == layout.REPAIR]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kata", KATAS)
def test_a_clause_fails_if_and_only_if_its_bug_is_in(kata, tmp_path, monkeypatch):
    """None, one, two, all but one, all: for each the clauses that fail are those of its bugs."""
    import tensorflow as tf

    # No program here needs autograph, which takes a quarter of each trace.
    monkeypatch.setattr(tf, "function", functools.partial(tf.function, autograph=False))
    clauses = [bug.clause for bug in read_bugs(kata)]
    wrong, shown = {}, {}
    for number, bugs in enumerate(sets_of(clauses)):
        # Two bugs must not hide each other. That the other clauses pass is asked with each
        # bug alone, and with all others in.
        asked_of = bugs if len(bugs) == 2 else clauses
        failed = failures(kata, tmp_path / f"tree{number}", bugs, asked_of, shown)
        if set(failed) != set(bugs):
            wrong[bugs] = set(failed)
        shown = failed | shown
    assert wrong == {}


def sets_of(clauses):
    sizes = [0, 1, 2, len(clauses) - 1, len(clauses)]
    return itertools.chain(*(itertools.combinations(clauses, size) for size in sizes))


def failures(kata, tree, bugs, clauses, shown):
    """Returns those of the clauses that fail on the program with these bugs.

    Each is asked until it fails, and first by what is `shown` to fail: a dictionary from
    a clause to the number of a call. It returns such a dictionary.
    """
    program, tests = load(kata, tree, bugs), list(calls(suite_of(kata)))
    build_at_first_call(program)
    failed = {}
    for number in sorted(range(len(tests)), key=lambda number: number not in shown.values()):
        test, arguments = tests[number]
        clause = clause_of(test.__name__)
        if clause in clauses and clause not in failed:
            try:
                test(program, **arguments)
            except AssertionError:
                failed[clause] = number
    return failed


def load(kata, tree, bugs):
    """Imports the model answer with the bugs of these clauses in it."""
    # Deferred: it needs TensorFlow.
    from tests.conftest import load

    source = put_in([bug for bug in read_bugs(kata) if bug.clause in bugs], answer(kata))
    file = layout.source_file(kata, tree)
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    return load(tree, Path(f"{kata}.py"))


def build_at_first_call(program):
    """Keras would run each `call` without a `build` in a graph first: half of all the time."""
    import keras

    for layer in vars(program).values():
        if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer):
            layer.build = lambda self, input_shape: None


def answer(kata):
    return layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")


def suite_of(kata):
    import tests.support.replicas  # noqa: F401  two logical CPUs, before the first op of all

    return importlib.import_module(f"tests.{kata.replace('/', '.test_')}")


def calls(suite):
    """Yields each test of a suite with its arguments but `kata`, as pytest would call it."""
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if name.startswith("test_"):
            marks = [m.args for m in getattr(test, "pytestmark", []) if m.name == "parametrize"]
            names = [names for names, _ in marks]
            for values in itertools.product(*(values for _, values in marks)):
                yield test, dict(zip(names, values, strict=True))


@pytest.mark.parametrize("kata", KATAS)
def test_each_clause_has_its_bug_and_the_stub_has_them_all(kata):
    bugs = read_bugs(kata)
    assert [bug.clause for bug in bugs] == list(asked(kata).clauses)
    program = put_in(bugs, answer(kata)).rpartition('"""\n\n')[2]
    assert stubs.pristine(kata).endswith(program)


@pytest.mark.parametrize("kata", KATAS)
def test_the_answer_explains_each_bug_and_its_symptom_and_the_stub_none(kata):
    told, stub = (
        " ".join(text.split()) for text in (model_answer.explanation(kata), stubs.pristine(kata))
    )
    for bug in read_bugs(kata):
        assert f"{bug.clause}. {bug.name}: " in told
        assert bug.symptom in told
        assert bug.name not in stub
        assert bug.symptom not in stub


@pytest.mark.parametrize("kata", KATAS)
def test_a_program_is_started_when_it_differs_and_reset_brings_its_bugs_back(kata, tmp_path):
    file = layout.source_file(kata, tmp_path)
    archive.reset(kata, tmp_path)
    assert static_verdict(kata, tmp_path).outcome is Outcome.NOT_STARTED
    file.write_text(put_in(read_bugs(kata)[1:], answer(kata)), encoding="utf-8")
    assert static_verdict(kata, tmp_path) is None
    assert archive.reset(kata, tmp_path) is not None
    assert file.read_text(encoding="utf-8") == stubs.pristine(kata)


MAIN = {
    # What the last line says, of the right program and of the stub.
    "repair/debug_loop": (0.8, 1.0, 0.0, 0.2),
}


@pytest.mark.parametrize("kata", MAIN)
def test_main_shows_that_something_is_wrong(kata, tmp_path, capsys):
    low, high, lowest, highest = MAIN[kata]
    for bugs, least, most in [((), low, high), (all_of(kata), lowest, highest)]:
        program = load(kata, tmp_path / str(len(bugs)), bugs)
        program.DIGITS = layout.ROOT / "data" / "mnist_small.npz"
        program.main()
        last = float(capsys.readouterr().out.split()[-1])
        assert least <= last <= most


def all_of(kata):
    return [bug.clause for bug in read_bugs(kata)]
