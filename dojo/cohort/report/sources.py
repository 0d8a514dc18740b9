"""The learners' files, to be read in the page: coloured, and each text once."""

from collections.abc import Mapping, Sequence

from dojo.cohort.grades import Cohort
from dojo.cohort.report.html import Html, joined, tag, text
from dojo.cohort.tokens import tokens
from dojo.content.asked import docstring

# The classes of page.css.
_COLOURS = {"comment": "c", "text": "s", "number": "m", "keyword": "k"}


class Sources:
    """Where each answer's text stands in the page."""

    def __init__(self, cohort: Cohort, stubs: Mapping[str, str]) -> None:
        """
        Args:
            stubs: Kata path to the text that was handed out.
        """
        self._stubs = stubs
        whose: dict[tuple[str, str], list[str]] = {}
        for grade in cohort.grades:
            whose.setdefault((grade.kata, grade.source), []).append(grade.submission)
        shared = [place for place, names in whose.items() if len(names) > 1]
        self._whose = whose
        self._shared = {place: f"t{number}" for number, place in enumerate(shared, 1)}

    def anchor(self, kata: str, source: str) -> str:
        """Returns the id of the page with a text that several handed in, or ""."""
        return self._shared.get((kata, source), "")

    def shared(self) -> Sequence[tuple[str, str, str, Sequence[str]]]:
        """Returns id, kata, text and whose it is, of each text that several handed in."""
        return [(name, *place, self._whose[place]) for place, name in self._shared.items()]

    def is_stub(self, kata: str, source: str) -> bool:
        return source == self._stubs.get(kata)

    def code(self, kata: str, source: str) -> Html:
        """Returns the text, without the question that it starts with as it was handed out."""
        source = _plain_lines(source)
        question = _question(self._stubs.get(kata, ""))
        first = 1
        note = Html()
        if question and source.startswith(question):
            first += question.count("\n")
            source = source.removeprefix(question)
            note = tag("p", f"Lines 1 to {first - 1} are the question, as handed out.", cls="dim")
        return joined(
            [note, tag("pre", tag("code", coloured(source)), cls="code", data_first=first)]
        )


def _plain_lines(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _question(stub: str) -> str:
    """The head of the stub that asks, with the empty lines after it."""
    if not stub.startswith('"""'):
        return ""
    head = f'"""{docstring(stub)}"""\n'
    rest = stub.removeprefix(head)
    return head + "\n" * (len(rest) - len(rest.lstrip("\n")))


def coloured(source: str) -> Html:
    """Returns Python source as HTML, its tokens by kind."""
    pieces: list[str] = []
    plain = before = ""
    for kind, token in tokens(source):
        named = kind == "name" and before in ("def", "class")
        colour = "f" if named else _COLOURS.get(kind)
        if colour:
            pieces += [text(plain), tag("span", token, cls=colour)]
            plain = ""
        else:
            plain += token
        before = before if kind == "space" else token
    return joined([*pieces, text(plain)])
