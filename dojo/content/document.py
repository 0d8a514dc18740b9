"""Reads QUESTIONS.md: the catalogue of katas and the deck of spoken questions.

The document is for people; this reads the same text. Its form is described in
CONTRIBUTING.md. An edit that breaks the form is answered with file and line.
"""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dojo import layout
from dojo.errors import DojoError
from dojo.files import write_whole

if TYPE_CHECKING:
    from markdown_it.token import Token

_KATA_LINE = re.compile(
    r"(\w+) · (\d+) minutes · asked (\w+)(?: · after ([\w/, ]+))? · \[stub\]\((\S+)\)"
)
_QUESTION_LINE = re.compile(r"`([A-Z]\d+)` · (\w+) · asked (\w+)")
_POINTS, _SHORT, _HEART = "", "**In 20 seconds.**", "**By heart.**"
_UPS, _TRAP, _SOURCES = "**Follow-ups**", "**Trap.**", "**Sources.**"
# What a part of a question is made of, by the label before it.
_MADE_OF = {
    _POINTS: "items",
    _SHORT: "text",
    _HEART: "code",
    _UPS: "items",
    _TRAP: "text",
    _SOURCES: "text",
}
_FOLLOW_UP = re.compile(r"\*(.+?)\*\s+(.+)", re.DOTALL)


class QuestionsError(DojoError):
    """QUESTIONS.md does not have its form; the message starts with file and line."""


@dataclasses.dataclass(frozen=True)
class FollowUp:
    """A further question and its answer, as Markdown."""

    text: str
    answer: str


@dataclasses.dataclass(frozen=True)
class Question:
    """One spoken question. Texts are Markdown.

    Attributes:
        id: Stable name, such as "G01".
        track: One of `layout.TRACKS`.
        kata: Path of the kata it belongs to, or "".
        level: One of `layout.LEVELS`.
        asked: How often interviews ask it, one of `layout.ASKED`.
        text: The question.
        points: Key points of a strong answer.
        follow_ups: What an interviewer asks next.
        trap: A plausible wrong answer, and what it really gives.
        sources: Where it comes from.
        in_short: The answer in 20 seconds; "" without one.
        by_heart: Code worth knowing by heart, as it is written; "" without any.
    """

    id: str
    track: str
    kata: str
    level: str
    asked: str
    text: str
    points: Sequence[str]
    follow_ups: Sequence[FollowUp]
    trap: str
    sources: str
    in_short: str = ""
    by_heart: str = ""

    @property
    def essence(self) -> str:
        """What to keep of it as Markdown: the short answer and the code, if it has them."""
        short = f"**In 20 seconds.** {self.in_short}" if self.in_short else ""
        code = f"**By heart.**\n\n```python\n{self.by_heart}\n```" if self.by_heart else ""
        return "\n\n".join(part for part in (short, code) if part)


@dataclasses.dataclass(frozen=True)
class Kata:
    """One kata's entry in the catalogue.

    Attributes:
        path: Such as "losses/focal_loss".
        level: One of `layout.LEVELS`.
        minutes: Time box of a sitting.
        asked: How often interviews ask it, one of `layout.ASKED`.
        hints: Three, of rising help; none in a take-home.
        after: Paths of the katas that it builds on.
    """

    path: str
    level: str
    minutes: int
    asked: str
    hints: Sequence[str]
    after: Sequence[str] = dataclasses.field(default_factory=list)

    @property
    def track(self) -> str:
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        return self.path.partition("/")[2]


def rarity(entry: Kata | Question) -> int:
    """Returns 0 for what interviews ask often, 1 for sometimes, 2 for rarely."""
    return layout.ASKED.index(entry.asked)


@dataclasses.dataclass(frozen=True)
class Document:
    """QUESTIONS.md, read: both lists are in study order."""

    katas: Sequence[Kata]
    questions: Sequence[Question]


def read_document(path: Path = layout.QUESTIONS) -> Document:
    """Returns the whole document; of a take-home, its katas without hints.

    Raises:
        QuestionsError: If it is missing, or where it loses its form.
    """
    if layout.is_pack():
        return Document(_packed_katas(), ())
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(f"{layout.shown(path)}:1: {error}") from None
    # Parsing takes 0.2 s, most of what a light command may take. It is nobody's record: whatever
    # $DOJO_HOME says, it lies with the text.
    cache = path.parent / ".dojo" / "questions.json"
    key = hashlib.sha256(text.encode() + Path(__file__).read_bytes()).hexdigest()
    document = _cached(cache, key)
    if document is None:
        document = _Reader(path, text).document()
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_whole(cache, json.dumps([key, dataclasses.asdict(document)]).encode())
    return document


def _packed_katas() -> Sequence[Kata]:
    try:
        katas = json.loads(layout.MANIFEST.read_bytes())["katas"]
        return [Kata(k["path"], k["level"], k["minutes"], k["asked"], ()) for k in katas]
    except (OSError, ValueError, LookupError, TypeError):
        raise QuestionsError("manifest.json was changed; unpack it again") from None


def _cached(cache: Path, key: str) -> Document | None:
    """The document as read before, if text and reader are still the same."""
    try:
        written_for, data = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return None
    return _document(data) if written_for == key else None


def _document(data: dict[str, Any]) -> Document:
    questions = [
        Question(**{**entry, "follow_ups": [FollowUp(**up) for up in entry["follow_ups"]]})
        for entry in data["questions"]
    ]
    return Document([Kata(**entry) for entry in data["katas"]], questions)


@dataclasses.dataclass(frozen=True)
class _Section:
    """A heading and the blocks up to the next heading of any level."""

    level: int
    title: str
    line: int
    blocks: Sequence["_Block"]


@dataclasses.dataclass(frozen=True)
class _Block:
    """A paragraph, a list with its items, or code."""

    text: str
    line: int
    items: Sequence[str] = ()
    code: str = ""


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        from markdown_it import MarkdownIt

        # Inline markup stays as it was written: rehearsal renders it, Anki translates it.
        parser = MarkdownIt().disable("inline")
        self.sections = list(_sections(parser.parse(text)))
        self.katas: list[Kata] = []
        self.questions: list[Question] = []

    def document(self) -> Document:
        track, kata = "", ""
        for section in self.sections:
            if section.level == 2:
                track, kata = self._track(section), ""
            elif section.level == 3:
                kata = self._kata(section, track)
            elif section.level == 4 and section.title == "Hints":
                self._hints(section, kata)
            elif section.level == 4:
                self.questions.append(self._question(section, track, kata))
        self._refuse_doubles()
        self._refuse_unknown_katas()
        return Document(self.katas, self.questions)

    def fail(self, line: int, message: str) -> QuestionsError:
        return QuestionsError(f"{layout.shown(self.path)}:{line}: {message}")

    def _track(self, section: _Section) -> str:
        track = section.title.lower()
        if track not in layout.TRACKS:
            tracks = ", ".join(name.capitalize() for name in layout.TRACKS)
            raise self.fail(section.line, f"“{section.title}” is no track: one of {tracks}")
        return track

    def _kata(self, section: _Section, track: str) -> str:
        if "/" not in section.title:
            return ""
        line = section.blocks[0].text if section.blocks else ""
        found = _KATA_LINE.fullmatch(line)
        if not found:
            form = "`screen · 8 minutes · asked often · [stub](katas/TRACK/NAME.py)`"
            raise self.fail(section.line, f"{section.title} needs a line like {form}")
        self._refuse_unknown_words(section, found[1], found[3])
        if section.title.partition("/")[0] != track:
            raise self.fail(section.line, f"{section.title} stands under {track.capitalize()}")
        if found[5] != f"katas/{section.title}.py":
            raise self.fail(section.line, f"{section.title} links to {found[5]}")
        after = found[4].split(", ") if found[4] else []
        self.katas.append(Kata(section.title, found[1], int(found[2]), found[3], (), after))
        return section.title

    def _hints(self, section: _Section, kata: str) -> None:
        hints = section.blocks[0].items if section.blocks else ()
        if not kata or len(hints) != 3:
            raise self.fail(section.line, "hints are three numbered items in a kata's section")
        self.katas[-1] = dataclasses.replace(self.katas[-1], hints=hints)

    def _question(self, section: _Section, track: str, kata: str) -> Question:
        head = _QUESTION_LINE.fullmatch(section.blocks[0].text) if section.blocks else None
        if head is None:
            form = "`G01` · screen · asked often"
            raise self.fail(section.line, f"a question needs a line like {form}")
        self._refuse_unknown_words(section, head[2], head[3])
        parts = self._parts(section)
        nothing = _Block("", section.line)

        def text(label: str) -> str:
            return parts.get(label, nothing).text.removeprefix(label).strip()

        return Question(
            id=head[1],
            track=track,
            kata=kata,
            level=head[2],
            asked=head[3],
            text=section.title,
            points=parts[_POINTS].items,
            follow_ups=[self._follow_up(item, parts[_UPS].line) for item in parts[_UPS].items],
            trap=text(_TRAP),
            sources=text(_SOURCES),
            in_short=text(_SHORT),
            by_heart=parts.get(_HEART, nothing).code,
        )

    def _refuse_unknown_words(self, section: _Section, level: str, asked: str) -> None:
        for word, known in ((level, layout.LEVELS), (asked, layout.ASKED)):
            if word not in known:
                raise self.fail(section.line, f"“{word}” is none of {', '.join(known)}")

    def _parts(self, section: _Section) -> dict[str, _Block]:
        """The parts of a question by their labels; all are there that have to be."""
        parts: dict[str, _Block] = {}
        label, wanted = _POINTS, {_POINTS, _UPS, _TRAP, _SOURCES}
        for block in section.blocks[1:]:
            own = next((own for own in _MADE_OF if own and block.text.startswith(own)), "")
            label = own or label
            wanted.add(label)
            if own and _MADE_OF[own] != "text":
                continue
            if label in parts or not getattr(block, _MADE_OF[label]):
                text = block.text or block.code or "- " + block.items[0]
                raise self.fail(block.line, f"does not belong to a question: {text[:40]!r}")
            parts[label] = block
        for label in _MADE_OF:
            if label in wanted and label not in parts:
                missing = label or "a list of key points"
                raise self.fail(section.line, f"“{section.title}” lacks {missing}")
        return parts

    def _follow_up(self, item: str, line: int) -> FollowUp:
        found = _FOLLOW_UP.fullmatch(item)
        if not found:
            raise self.fail(line, f"a follow-up is *a question* and its answer: {item[:40]!r}")
        return FollowUp(found[1], found[2])

    def _refuse_doubles(self) -> None:
        seen: set[str] = set()
        for name in [k.path for k in self.katas] + [q.id for q in self.questions]:
            if name in seen:
                line = max(s.line for s in self.sections if self._mentions(s, name))
                raise self.fail(line, f"{name} is there twice")
            seen.add(name)
        for kata in self.katas:
            if not kata.hints:
                line = next(s.line for s in self.sections if s.title == kata.path)
                raise self.fail(line, f"{kata.path} has no hints")

    def _refuse_unknown_katas(self) -> None:
        known = {kata.path for kata in self.katas}
        for kata in self.katas:
            for path in kata.after:
                if path not in known - {kata.path}:
                    line = next(s.line for s in self.sections if s.title == kata.path)
                    raise self.fail(line, f"{kata.path} comes after {path}, which is no other kata")

    @staticmethod
    def _mentions(section: _Section, name: str) -> bool:
        first = section.blocks[0].text if section.blocks else ""
        return section.title == name or first.startswith(f"`{name}`")


def _sections(tokens: Sequence["Token"]) -> Iterator[_Section]:
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open"]
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        opening, title = tokens[start], tokens[start + 1]
        blocks = list(_blocks(tokens[start + 3 : end]))
        yield _Section(int(opening.tag[1]), _unwrapped(title.content), _line(opening), blocks)


def _blocks(tokens: Sequence["Token"]) -> Iterator[_Block]:
    items: list[str] = []
    depth = line = 0
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            line = line if depth else _line(token)
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
            if depth == 0:
                yield _Block("", line, items)
                items = []
        elif token.type == "inline" and depth:
            items.append(_unwrapped(token.content))
        elif token.type == "inline":
            yield _Block(_unwrapped(token.content), _line(token))
        elif token.type in ("fence", "code_block"):
            yield _Block("", _line(token), code=token.content.rstrip())


def _line(token: "Token") -> int:
    return token.map[0] + 1 if token.map else 1


def _unwrapped(text: str) -> str:
    return " ".join(text.split())
