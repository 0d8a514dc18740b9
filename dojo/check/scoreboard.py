"""What the learner sees: the board, the failures, and what to do next."""

import io
import itertools
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dojo import layout
from dojo.columns import fitting
from dojo.content.asked import asked
from dojo.content.document import Kata
from dojo.proofs import mistake
from dojo.results import FAILING, MARKS, Failure, Outcome, Result
from dojo.shown import other_causes, shown
from dojo.words import visible


def board(katas: Sequence[Kata], results: Iterable[Result], width: int = 80) -> Table:
    """Returns one line a kata, grouped by track: outcome, name, clauses, level, minutes, time.

    All fits into 80 characters; in less, the name and how it ended stay longest. Of several
    tracks, what is not started is only counted, or it would push the rest off the screen.
    """
    by_kata = {result.kata: result for result in results}
    tracks = [list(group) for _, group in itertools.groupby(katas, lambda kata: kata.track)]
    rows: list[Sequence[Text]] = []
    for group in tracks:
        fresh = [kata for kata in group if by_kata[kata.path].outcome is Outcome.NOT_STARTED]
        counted = len(fresh) if len(tracks) > 1 else 0
        heading = Text(group[0].track, "bold")
        rows.append([heading, Text(f"{counted} not started", "dim")] if counted else [heading])
        rows += [
            _row(kata, by_kata[kata.path]) for kata in group if not counted or kata not in fresh
        ]
    table = Table.grid(padding=(0, 2), pad_edge=False)
    columns = fitting(rows, width, least=(5, 4, 3, 2))
    for column in columns:
        table.add_column(justify="right" if column in (2, 4, 5) else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(row[column] for column in columns if column < len(row)))
    return table


def _row(kata: Kata, result: Result) -> Sequence[Text]:
    mark, style = MARKS[result.outcome]
    clauses = result.clauses
    passed = sum(verdict == "passed" for verdict in clauses.values())
    ran = bool(result.tests)
    return (
        Text(f"  {mark} {result.outcome}", style),
        Text(kata.name),
        Text(f"{passed}/{len(clauses)} clauses" if clauses else "", "dim"),
        Text(kata.level, "dim"),
        Text(f"{kata.minutes} min", "dim"),
        Text(f"{result.seconds:.1f} s" if ran else "", "dim"),
    )


def report(
    console: Console,
    katas: Sequence[Kata],
    results: Sequence[Result],
    tree: Path,
    watching: bool = False,
) -> None:
    """Prints the board, the first failure of each failing kata, and the next step."""
    console.print(board(katas, results, console.width))
    for result in results:
        # In a tree that holds a few katas, the others are simply not there.
        if result.failures and not (len(results) > 1 and result.outcome is Outcome.NOT_STARTED):
            console.print()
            failure(console, result)
    console.print()
    console.print(summary(results))
    for line in next_step(katas, results, tree, watching):
        # Not folded: what is to be pasted stays in one piece.
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def failure_text(result: Result, width: int) -> Text:
    """Returns what `failure` prints, folded to `width` columns."""
    screen = io.StringIO()
    console = Console(
        file=screen, width=width, force_terminal=True, color_system="standard", highlight=False
    )
    failure(console, result)
    return Text.from_ansi(screen.getvalue())


def first_word(kata: str, test: str, failure: Failure | None, width: int) -> Text:
    """Returns how the test fares that failed before, while the others still run."""
    if failure is None:
        return Text(f"{test} passes now", "green").append("; still running", "not dim")
    return failure_text(Result(kata, Outcome.WRONG, [failure]), width)


_LABELS = {"expected": "green", "got": "red", "worst": "", "in all": "", "cause": "bold yellow"}


def failure(console: Console, result: Result) -> None:
    """Prints the failure of one kata that teaches most, and what else fails."""
    first = result.failures[shown(result.failures) or 0]
    _, style = MARKS[result.outcome]
    head = Text(f"{result.kata}  {result.outcome}", f"bold {style}")
    console.print(head.append(f"  {visible(first.test)}", "dim"), soft_wrap=True)
    if first.clause and (text := asked(result.kata).clauses.get(first.clause)):
        console.print(Padding(Text(f"{first.clause}. {text}", "italic"), (0, 0, 0, 2)))
    console.print()
    width = console.width if console.is_terminal else None
    for line in visible(first.message).splitlines():
        console.print(_message_row(line, width), soft_wrap=True)
    if first.output:
        console.print(Text("\n  your code printed", "bold"))
        for line in visible(first.output).splitlines():
            console.print(Text(f"    {line}"), soft_wrap=True)
    if causes := other_causes(result.failures):
        named = visible("; ".join(mistake(cause) for cause in causes))
        console.print(Padding(Text(f"also proved: {named}", "yellow"), (1, 0, 0, 2)))
    if others := _others(result):
        console.print(Text(f"\n  {others}", "dim"))


def _message_row(line: str, width: int | None) -> Text:
    """One line of a message; what follows a label is folded under itself."""
    for label, style in _LABELS.items():
        if line.startswith(f"  {label} "):
            text = line[12:] if width is None else _folded(line[12:], width - 12)
            return Text("  ").append(line[2:12], style).append(text)
    return Text(line if line.startswith("  ") else f"  {line.strip()}")


def _folded(text: str, width: int) -> str:
    lines = textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * 12}".join(lines)


def _others(result: Result) -> str:
    count = len(result.failures) - 1
    if count < 1:
        return ""
    failed = [clause for clause, verdict in result.clauses.items() if verdict == "failed"]
    numbers = ", ".join(failed)
    tests = "test fails" if count == 1 else "tests fail"
    return f"{count} more {tests}; clauses not yet passed: {numbers}"


def summary(results: Sequence[Result]) -> Text:
    """Returns one line: how many katas ended how."""
    text = Text()
    for outcome, (_, style) in MARKS.items():
        if count := sum(result.outcome is outcome for result in results):
            text.append(f"{', ' if text else ''}{count} {outcome}", style)
    return text


def next_step(
    katas: Sequence[Kata], results: Sequence[Result], tree: Path, watching: bool = False
) -> Sequence[str]:
    """Returns what to do now, in one or two lines.

    Args:
        katas: In the order of the board.
        results: Their verdicts.
        tree: Where the answers lie.
        watching: Whether each save is checked already.
    """
    by_kata = {result.kata: result for result in results}
    broken = [r for r in results if r.outcome is Outcome.BROKEN]
    failing = [kata for kata in katas if by_kata[kata.path].outcome in FAILING]
    fresh = [kata for kata in katas if by_kata[kata.path].outcome is Outcome.NOT_STARTED]
    if broken:
        return ["The fault is in the tests or in this installation, not in your file."]
    if failing:
        hint = (f"python -m dojo hint {failing[0].name}", "one hint, then a bigger one")
        steps = ([] if watching else [_watch(failing[0])]) + ([hint] if failing[0].hints else [])
        return _steps(*steps) if steps else []
    if fresh:
        kata = fresh[0]
        path = layout.shown(layout.source_file(kata.path, tree).resolve())
        what = f"Next: open {path} ({kata.level}, {kata.minutes} min) in your editor"
        if watching:
            return [f"{what}; every save is checked"]
        return [f"{what}, then", *_steps(_watch(kata), word="")]
    if len(results) == 1 and not layout.is_pack():
        name = results[0].kata.partition("/")[2]
        return _steps(
            (f"python -m dojo show {name}", "the model answer, and why"),
            (f"nox -s rehearse -- --kata {name}", "its spoken questions"),
        )
    return []


def _watch(kata: Kata) -> tuple[str, str]:
    check = "python -m dojo check" if layout.is_pack() else "nox -s check --"
    return f"{check} {kata.name} --watch", "re-checks on every save"


def _steps(*steps: tuple[str, str], word: str = "Next: ") -> list[str]:
    """Commands below one another, each with what it does."""
    width = max(len(command) for command, _ in steps)
    lines = [f"{command:<{width}}   {does}" for command, does in steps]
    return [f"{word if number == 0 else '':<6}{line}" for number, line in enumerate(lines)]
