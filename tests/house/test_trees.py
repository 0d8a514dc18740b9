"""The trees mirror each other: stubs, answers, suites, questions."""

import ast
import doctest
import importlib
import re
import subprocess

import pytest

from dojo import layout
from dojo.check.untouched import static_verdict
from dojo.content import stubs
from dojo.content.asked import asked
from dojo.content.document import read_document
from dojo.results import Outcome, clause_of


def katas_in(tree):
    return {str(path.relative_to(tree).with_suffix("")) for path in tree.glob("*/*.py")}


KATAS = sorted(katas_in(layout.REFERENCE))


def source(kata, tree):
    return layout.source_file(kata, tree).read_text(encoding="utf-8")


def test_every_tree_and_the_document_hold_the_same_katas():
    document = read_document()
    suites = {
        f"{path.parent.name}/{path.stem.removeprefix('test_')}"
        for track in layout.TRACKS
        for path in (layout.TESTS / track).glob("test_*.py")
    }
    assert set(KATAS) == katas_in(layout.KATAS) == suites
    assert set(KATAS) == {kata.path for kata in document.katas}
    assert set(KATAS) == katas_in(layout.TESTS / "second")


def test_the_document_lists_tracks_in_study_order():
    tracks = [kata.track for kata in read_document().katas]
    assert tracks == sorted(tracks, key=layout.TRACKS.index)


def test_every_kata_has_questions_of_its_own():
    document = read_document()
    assert {kata.path for kata in document.katas} <= {q.kata for q in document.questions}


@pytest.mark.parametrize("kata", KATAS)
def test_the_stub_is_the_answer_without_its_bodies(kata):
    """Fails in a checkout where a kata is being solved: run it on a clean one."""
    committed = subprocess.run(
        ["git", "show", f":katas/{kata}.py"],
        cwd=layout.ROOT,
        capture_output=True,
        text=True,
    )
    # Outside git, as in a downloaded archive, the file itself is what was shipped.
    stub = committed.stdout if committed.returncode == 0 else source(kata, layout.KATAS)
    assert stub == stubs.pristine(kata), f"python -m dojo stub {kata}"


@pytest.mark.parametrize("kata", KATAS)
def test_signatures_and_docstrings_are_those_of_the_answer(kata):
    assert contract(stubs.pristine(kata)) == contract(source(kata, layout.REFERENCE))


def contract(text):
    """Name, signature and docstring of all that is public."""
    tree = ast.parse(text)
    nodes = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    public = [n for n in nodes if not n.name.startswith("_")]
    members = [
        (f"{n.name}.{m.name}", m)
        for n in public
        for m in n.body
        if isinstance(n, ast.ClassDef)
        and isinstance(m, ast.FunctionDef)
        and (m.name == "__init__" or ast.get_docstring(m))
    ]
    named = [(n.name, n) for n in public] + members
    return {
        name: (
            ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else "",
            ast.get_docstring(node),
        )
        for name, node in named
    }


@pytest.mark.parametrize("kata", KATAS)
def test_an_untouched_stub_is_not_started(kata, tmp_path):
    file = layout.source_file(kata, tmp_path)
    file.parent.mkdir()
    file.write_text(stubs.pristine(kata), encoding="utf-8")
    verdict = static_verdict(kata, tmp_path)
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_STARTED
    # An answer is something else.
    assert static_verdict(kata, layout.REFERENCE) is None


@pytest.mark.parametrize("kata", KATAS)
def test_each_clause_has_tests_and_each_test_a_clause(kata):
    suite = ast.parse(layout.test_file(kata).read_text(encoding="utf-8"))
    tests = [
        node.name
        for node in ast.walk(suite)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert {clause_of(name) for name in tests} == set(asked(kata).clauses)


@pytest.mark.parametrize("kata", KATAS)
def test_the_question_says_how_to_run_and_what_to_read(kata):
    text = asked(kata).text
    assert re.search(rf"^Run   nox -s check -- {kata.partition('/')[2]}$", text, re.MULTILINE)
    assert re.search(r"^Read  https?://", text, re.MULTILINE)


@pytest.mark.parametrize("kata", KATAS)
def test_public_examples_are_run_and_true(kata):
    module = importlib.import_module(f"reference.{kata.replace('/', '.')}")
    finder = doctest.DocTestFinder(exclude_empty=True)
    import keras
    import numpy as np
    import tensorflow as tf

    names = {"keras": keras, "np": np, "tf": tf}
    examples = [
        test
        for test in finder.find(module, module.__name__, globs=vars(module) | names)
        if test.examples
    ]
    assert examples, "no public docstring shows an example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        assert runner.run(test).failed == 0, test.name


def test_no_suite_uses_a_model_answer_or_skips():
    for kata in KATAS:
        text = layout.test_file(kata).read_text(encoding="utf-8")
        assert not re.search(
            r"^\s*(from|import) reference|pytest\.(skip|xfail|importorskip)|mark\.(skip|xfail)",
            text,
            re.M,
        ), kata


def test_second_answers_are_no_copies():
    for kata in KATAS:
        assert source(kata, layout.TESTS / "second") != source(kata, layout.REFERENCE)
