"""Mistakes to find: the traps of a kata, and small breaks of its model answer."""

import ast
import dataclasses
import difflib
import functools
import random
import re
from collections.abc import Iterator, Sequence

from dojo.content import model_answer, mutation, stubs
from dojo.content.disguise import disguise
from dojo.content.traps import Trap, read_equivalents, read_traps

# What kind of idea was missed, and so what comes back in another kata's clothes.
FAMILIES = {
    "upstream": "the gradient from above",
    "reduction": "sum or mean, axis, divisor",
    "mask": "bounds, ties, padding, classes",
    "dtype": "precision, overflow, mixing",
    "state": "slots, counters, leftovers",
    "time step": "t, bias correction, schedules",
    "broadcast": "shapes that fit and should not",
    "order": "what comes before what",
    "sign": "minus for plus",
    "stability": "inf, nan, digits that cancel",
    "formula": "another function than asked",
    "interface": "what Keras calls, keeps, saves",
}


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One mistake in an answer that is right but for it.

    Attributes:
        kata: Path of the kata.
        name: What it is called; of a break, the line before and after.
        source: The whole file to hand out.
        family: One of `FAMILIES`.
        symptom: What a colleague would report; "" where only the tests can say.
        clause: Number of a clause that it breaks, or "" where only the tests can say.
        line: Where it stands in `source`, from 1.
        edit: The text of a trap before and after, for another answer; None of a break.
    """

    kata: str
    name: str
    source: str
    family: str
    symptom: str
    clause: str
    line: int
    edit: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        return f"{self.kata}: {self.name}"


@functools.cache
def repaired(kata: str) -> str:
    """Returns the right answer in the form in which mistakes are handed out."""
    return disguise(kata, model_answer.source(kata))


def of_trap(trap: Trap) -> Mistake:
    """Returns the trap as a mistake to find."""
    source = disguise(trap.kata, trap.source())
    return Mistake(
        trap.kata,
        trap.name,
        source,
        trap.family or "formula",
        trap.symptom,
        trap.clause,
        first_difference(repaired(trap.kata), source),
        (trap.old, trap.new),
    )


def from_breaks(kata: str, chance: random.Random) -> Iterator[Mistake]:
    """Yields breaks of the model answer, in random order: one token is another, or is gone.

    Only lines are broken that are the learner's to write, and that stand as Python itself
    would write them: in any other the layout would give the mistake away.
    """
    right = repaired(kata)
    known, written = read_equivalents(kata), dict(_asked_lines(kata, right))
    breaks = mutation.mutants(right)
    chance.shuffle(breaks)
    for broken in breaks:
        before, _, after = broken.label.partition("  =>  ")
        change = changed_tokens(before, after)
        if before in written and change is not None and broken.label not in known:
            row = written[before]
            source = _with_line(right, row, after)
            yield Mistake(kata, broken.label, source, family_of(*change), "", "", row + 1)


def _asked_lines(kata: str, source: str) -> Iterator[tuple[str, int]]:
    """Each line that is unique, is not in the stub, and is written as `ast.unparse` does."""
    given = {line.strip() for line in stubs.pristine(kata).splitlines()}
    unparsed = {line.strip() for line in ast.unparse(ast.parse(source)).splitlines()}
    lines = [line.strip() for line in source.splitlines()]
    for row, line in enumerate(lines):
        if line in unparsed - given and lines.count(line) == 1 and not line.startswith("raise"):
            yield line, row


def changed_tokens(before: str, after: str) -> tuple[str, str] | None:
    """Returns the token that is replaced and the new one, "" for one that is gone.

    None where more than a token changes: what then runs no longer looks like an answer.
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    if len(changes) != 1:
        return None
    _, i1, i2, j1, j2 = changes[0]
    gone, put = "".join(old[i1:i2]), "".join(new[j1:j2])
    # Nobody writes 2 - x for 1 - x, or axis=--1.
    odd = put[:1].isdigit() or (i1 == i2 and put in ("-", "+"))
    return None if i2 - i1 > 4 or j2 - j1 > 1 or odd else (gone, put)


_TOKEN = re.compile(r"[A-Za-z_]\w*|[\d.]+(?:e-?\d+)?|\*\*|//|[<>=!]=|\S")


def _with_line(source: str, row: int, text: str) -> str:
    lines = source.splitlines()
    indent = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
    lines[row] = indent + text
    return "\n".join(lines) + "\n"


def family_of(old: str, new: str) -> str:
    """Returns the family of a break, by the token before and after."""
    words = f"{old} {new}"
    for family, marks in _MARKS.items():
        if any(mark in words for mark in marks):
            return family
    return "sign" if {old, new} & {"+", "-"} else "formula"


_MARKS = {
    "reduction": ("reduce_sum", "reduce_mean", "sum", "mean", "axis"),
    "broadcast": ("keepdims", "expand_dims"),
    "mask": ("<", ">", "==", "!=", "argm", "s_like", "&", "|", "maximum", "minimum", "is"),
    "state": ("assign",),
}


def first_difference(before: str, after: str) -> int:
    """Returns the number of the first line that differs, from 1."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    for number, (old, new) in enumerate(pairs, 1):
        if old != new:
            return number
    return 1 + min(len(before.splitlines()), len(after.splitlines()))


def in_own_answer(mistake: Mistake, own: str) -> Mistake | None:
    """Returns the same mistake in the learner's answer, or None where the edit does not fit."""
    if mistake.edit is None or own.count(mistake.edit[0]) != 1:
        return None
    broken = own.replace(*mistake.edit)
    try:
        compile(broken, mistake.kata, "exec")
    except (SyntaxError, ValueError):
        return None
    return dataclasses.replace(mistake, source=broken, line=first_difference(own, broken))


def options(mistake: Mistake, chance: random.Random) -> tuple[list[str], int]:
    """Returns four descriptions to choose from, and the index of the true one.

    Of a trap they are names of the kata's traps; of a break, lines of the file.
    """
    if mistake.edit is None:
        lines = mistake.source.splitlines()
        rows = [row for _, row in _asked_lines(mistake.kata, mistake.source)]
        others = [("", _shown_line(lines, row)) for row in rows if row != mistake.line - 1]
        true = _shown_line(lines, mistake.line - 1)
    else:
        true, others = mistake.name, _told_apart(mistake)
    chance.shuffle(others)
    # Of the same clause first: the learner has seen which one fails, and has to think anyway.
    others.sort(key=lambda other: other[0] != mistake.clause)
    names = list(dict.fromkeys([true, *(name for _, name in others)]))[:4]
    chance.shuffle(names)
    return names, names.index(true)


def _told_apart(mistake: Mistake) -> list[tuple[str, str]]:
    """Clause and name of the kata's traps, without those that have the true one's cause."""
    traps = read_traps(mistake.kata)
    cause = next((trap.cause for trap in traps if trap.name == mistake.name), "")
    return [(trap.clause, trap.name) for trap in traps if not cause or trap.cause != cause]


def _shown_line(lines: Sequence[str], row: int) -> str:
    return f"line {row + 1}: {lines[row].strip()}"
