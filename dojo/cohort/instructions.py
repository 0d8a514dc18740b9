"""The page that a take-home comes with: for one reader, who has a clock running."""

from collections.abc import Sequence

from dojo.content.asked import asked
from dojo.content.document import Kata
from dojo.layout import REPAIR
from dojo.words import counted

_PAGE = """\
# {questions}, {minutes} minutes

{table}

Each file asks its question at the top and says in numbered clauses what your answer must do.
{task}
Keep the names and the arguments of what is there; how you write it is up to you, and so is the
order of the questions. Look things up as you would at work, unless you were told otherwise.

## Before the clock starts: set up

You need Python 3.11, 3.12 or 3.13 (`python3 --version` tells yours) on Linux, on a Mac with
Apple silicon, or on Windows under WSL; 2 GB of disk; and five to ten minutes, most of them for
the download. In the folder of this page:

    python3 -m venv .venv
    .venv/bin/python -m pip install -r requirements.txt

This shows that it works, and prints {tensorflow}:

    .venv/bin/python -c "import tensorflow as tf; print(tf.__version__)"

## The clock

You have {minutes} minutes from when you first open a file in `katas/`. Nothing measures them but
you. When a question does not move, go on to the next one. At the end hand in what you have, also
where it is not finished: each clause is tested by itself.

{see}
## Hand in

    python3 -m zipfile -c answers.zip katas

Send `answers.zip` to whoever sent you this. Nothing else is needed, `.venv` least of all.
"""

_WRITE = """\
Your code goes where it says `raise NotImplementedError`."""
_REPAIR = """\
What is in `katas/repair` is a program that runs and is wrong: find out why, and repair it."""

_CHECKED = """\
## See whether it is right

    .venv/bin/python -m dojo check {name} --watch

tells what is still wrong, and again after every save; Ctrl-C ends it.
`.venv/bin/python -m dojo check` tells all of it once. The first time takes up to half a minute:
TensorFlow is slow to start, and is kept ready from then on (`.venv/bin/python -m dojo warm --stop`
ends that; so does half an hour's rest). What you hand in is checked by the same tests. Nothing
is sent anywhere.

`.venv/bin/python -m dojo reset {name}` brings the empty file back; yours is kept in `.dojo/`.

`dojo/` and `tests/` are what checks, and need no reading.
"""

_UNCHECKED = """\
## See whether it runs

    .venv/bin/python -i katas/{path}.py

{does}
"""
_ASKS = """\
reads your file and opens a prompt: try the examples of the docstrings there (the lines after
`>>>`). An error that you see before the prompt is one in your file. Ctrl-D ends it."""
_RUNS = """\
runs your program; at the prompt that follows, try its parts one by one. Ctrl-D ends it."""


def instructions(
    katas: Sequence[Kata], minutes: float, with_checks: bool, requirements: Sequence[str]
) -> str:
    """Returns the page as Markdown that reads well as plain text.

    Args:
        katas: In the order of the table.
        minutes: For all of them together.
        with_checks: Whether a local check is possible.
        requirements: Lines such as "tensorflow==2.21.0".
    """
    first = katas[0]
    does = _RUNS if first.track == REPAIR else _ASKS
    see = (_CHECKED if with_checks else _UNCHECKED).format(
        name=first.name, path=first.path, does=does
    )
    versions = dict(line.split("==", 1) for line in requirements)
    return _PAGE.format(
        questions=counted(len(katas), "question").capitalize(),
        minutes=f"{minutes:g}",
        table=_table(katas),
        task=_task(katas),
        tensorflow=versions["tensorflow"].partition(" ")[0],
        see=see,
    )


def _table(katas: Sequence[Kata]) -> str:
    rows = [(f"`katas/{kata.path}.py`", asked(kata.path).title) for kata in katas]
    width = max(len(file) for file, _ in rows)
    lines = [f"| {file:<{width}} | {title} |" for file, title in rows]
    return "\n".join([f"| {'file':<{width}} | question |", f"|{'-' * (width + 2)}|---|", *lines])


def _task(katas: Sequence[Kata]) -> str:
    repair = any(kata.track == REPAIR for kata in katas)
    write = any(kata.track != REPAIR for kata in katas)
    return "\n".join([*([_WRITE] if write else []), *([_REPAIR] if repair else [])])
