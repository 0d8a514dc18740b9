"""`assert_quoted`: ties a recomputed number to the sentence of QUESTIONS.md that quotes it."""

import functools
from pathlib import Path

QUESTIONS = Path(__file__).parents[2] / "QUESTIONS.md"


@functools.cache
def _text():
    return " ".join(QUESTIONS.read_text(encoding="utf-8").split())


def assert_quoted(sentence):
    """Fails unless `sentence`, line breaks aside, stands in QUESTIONS.md."""
    __tracebackhide__ = True
    if " ".join(sentence.split()) not in _text():
        raise AssertionError(f"recomputed, but not what QUESTIONS.md says:\n  {sentence}")
