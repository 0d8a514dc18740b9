"""What every screen of one sitting works with: the questions, the record, the checker."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from dojo.check.background import BackgroundChecker
from dojo.check.runner import DEFAULT_LIMIT
from dojo.content.document import Document, read_document
from dojo.record.database import Database
from dojo.sitting.book import Book


@dataclasses.dataclass(frozen=True)
class Desk:
    """What is on the desk while the learner works.

    Attributes:
        document: All katas and questions.
        book: The record, opened for this sitting.
        checker: Checks the kata that is attempted.
        tree: Folder of the learner's answers.
    """

    document: Document
    book: Book
    checker: BackgroundChecker
    tree: Path


@contextlib.contextmanager
def lay_out(
    tree: Path, kind: str, box: float | None = None, book: type[Book] = Book
) -> Iterator[Desk]:
    """Opens the record, warms the checker up, and puts both away in the end.

    Args:
        tree: Folder of the learner's answers.
        kind: Of the sitting: "practice", "interview" or "debug".
        box: Minutes of the whole sitting, if there is a limit.
        book: How it is written to the record.
    """
    document = read_document()
    paths = [kata.path for kata in document.katas]
    with Database() as database, BackgroundChecker(paths, tree, DEFAULT_LIMIT) as checker:
        yield Desk(document, book(database, kind, box), checker, tree)
