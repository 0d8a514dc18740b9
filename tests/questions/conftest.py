"""What QUESTIONS.md claims is tried here, one file a track, one test a claim.

A test is named after its question, test_g09_…, and recomputes a number, which it formats into the
sentence and looks up in that question: `quoted`. A claim without a number is checked, and then its
sentence. What several tracks need stands in a file named by its subject.
"""

import functools

import pytest

from tests.questions.quotes import assert_quoted, question_of


@pytest.fixture
def quoted(request):
    """A function that fails unless a sentence stands in the question that the test is about."""
    return functools.partial(
        assert_quoted, question_of(request.node.originalname, request.path.stem)
    )
