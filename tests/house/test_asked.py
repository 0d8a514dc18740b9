"""dojo.content.asked: a kata's question, read from the head of its suite."""

import ast
import os

import pytest

from dojo import layout
from dojo.content.asked import asked, docstring
from dojo.content.document import read_document


@pytest.mark.parametrize("kata", [kata.path for kata in read_document().katas])
def test_the_question_is_the_docstring_that_python_reads(kata):
    source = layout.test_file(kata).read_text(encoding="utf-8")
    assert asked(kata).text == ast.get_docstring(ast.parse(source))
    assert docstring(source).startswith(asked(kata).title)


def test_title_and_clauses_and_a_suite_that_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "TESTS", tmp_path)
    suite = layout.test_file("losses/huber")
    suite.parent.mkdir()
    suite.write_text('"""Huber.\n\n    1. A line,\n       and one.\n    2. Two.\n\nEnd.\n"""\n')
    found = asked("losses/huber")
    assert found.title == "Huber."
    assert found.clauses == {"1": "A line, and one.", "2": "Two."}
    suite.write_text('"""Another question."""\n')
    os.utime(suite, (1, 1))
    assert asked("losses/huber").title == "Another question."
