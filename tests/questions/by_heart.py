"""The code that QUESTIONS.md tells to learn by heart, run as it stands there."""

from dojo.content.document import read_document


def learned_by_heart(question, **names):
    """Returns what the code of a question defines.

    Args:
        question: Its id, such as "G01".
        **names: Modules that the code takes for granted.
    """
    (code,) = (asked.by_heart for asked in read_document().questions if asked.id == question)
    assert code, f"{question} has nothing to learn by heart"
    exec(code, names)
    return names
