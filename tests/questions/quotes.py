"""`assert_quoted`: ties a recomputed number to the sentence of QUESTIONS.md that quotes it."""

import functools

from dojo.content.document import read_document


def assert_quoted(section, sentence):
    """Fails unless `sentence`, line breaks aside, stands in that section of QUESTIONS.md.

    Args:
        section: A question, "G09", or the hints of a kata, "losses/focal_loss hints".
        sentence: Part of one paragraph or list item, as Markdown.
    """
    __tracebackhide__ = True
    if section not in _sections():
        raise AssertionError(f"QUESTIONS.md has no {section}")
    sentence = " ".join(sentence.split())
    found = [name for name, text in _sections().items() if any(sentence in part for part in text)]
    if section not in found:
        elsewhere = f"\nIt stands in {', '.join(found)}." if found else ""
        raise AssertionError(f"recomputed, but not what {section} says:\n  {sentence}{elsewhere}")


def question_of(test, file):
    """Returns the question that a test is about: "G09" for test_g09_… in test_gradients.

    Raises:
        AssertionError: If the name says no question of the file's track.
    """
    question, track = test.split("_")[1].upper(), file.removeprefix("test_")
    tracks = {asked.id: asked.track for asked in read_document().questions}
    if tracks.get(question) != track:
        raise AssertionError(f"{test}: {question} is no question of the track {track}")
    return question


@functools.cache
def _sections():
    """{section: its paragraphs}."""
    document = read_document()
    hints = {f"{kata.path} hints": kata.hints for kata in document.katas}
    return {question.id: _paragraphs(question) for question in document.questions} | hints


def _paragraphs(question):
    follow_ups = [f"*{up.text}* {up.answer}" for up in question.follow_ups]
    points = [question.text, *question.points, question.in_short, question.by_heart]
    return [*points, *follow_ups, question.trap, question.sources]
