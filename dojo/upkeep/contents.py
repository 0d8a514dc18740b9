"""The table of contents of QUESTIONS.md, with the anchors that GitHub gives its headings."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt

from dojo.content.document import Document


def contents(document: Document, text: str) -> str:
    """Returns the table of contents as a Markdown list: track, kata, question.

    Args:
        document: What QUESTIONS.md says.
        text: QUESTIONS.md itself.
    """
    return "\n".join(_lines(document, headings(text)))


def headings(text: str) -> Sequence[tuple[int, str]]:
    """Returns level and title, as Markdown, of every heading."""
    tokens = MarkdownIt().disable("inline").parse(text)
    return [
        (int(opening.tag[1]), title.content)
        for opening, title in itertools.pairwise(tokens)
        if opening.type == "heading_open"
    ]


def anchors(titles: Sequence[str]) -> Sequence[str]:
    """Returns the anchor of each heading of a page: the second "Hints" is "hints-1"."""
    seen: Counter[str] = Counter()
    found = []
    for slug in map(slug_of, titles):
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def slug_of(title: str) -> str:
    """Returns a heading as GitHub writes it into an address.

    Small letters; of all else only letters, digits, `_` and `-` stay, and a space is a `-`.
    Source: the TableOfContentsFilter of GitHub's html-pipeline, `/[^\\p{Word}\\- ]/u`.
    """
    return "".join(c for c in _plain(title).lower() if _stays(c)).replace(" ", "-")


def _stays(character: str) -> bool:
    # Python's \w would keep ², too, which is a number but no digit.
    category = unicodedata.category(character)
    return character in " -" or category[0] in "LM" or category in ("Nd", "Nl", "Pc")


def _plain(title: str) -> str:
    """The title as a browser shows it: without backticks, asterisks and addresses."""
    (inline,) = MarkdownIt().parseInline(title)
    return "".join(part.content for part in inline.children or ()).strip()


def _lines(document: Document, found: Sequence[tuple[int, str]]) -> Iterator[str]:
    questions = iter(document.questions)
    for (level, title), anchor in zip(found, anchors([t for _, t in found]), strict=True):
        if level == 1 or title == "Hints":
            continue
        link = f"[{title}](#{anchor})"
        if level == 4:
            question = next(questions)
            link = f"`{question.id}` {link} · {question.level}"
        yield f"{'  ' * (level - 2)}- {link}"
