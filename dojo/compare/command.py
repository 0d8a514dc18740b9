"""The compare command: picks the parts, runs what is not stored yet, writes and prints."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo import layout
from dojo.check import command, solved
from dojo.compare import gradients, losses, optimizers, page, parts, pictures, together
from dojo.compare.jobs import CompareError, Job, Result, Store, plain
from dojo.compare.parts import Part
from dojo.compare.pool import Pool
from dojo.compare.progress import Board
from dojo.compare.report import Plan, Report, Sheet
from dojo.data import DataError
from dojo.files import write_whole
from dojo.results import Outcome

PLOTS = layout.ROOT / "plots"
DOCS = layout.ROOT / "docs"
# The pictures that README.md shows.
IN_README = ("optimizers_curves", "losses_recall")

WORKERS = 2
JSON_VERSION = 1


Stages: TypeAlias = Generator[Sequence[Job], Mapping[str, Result], Report]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One of the four: the katas it needs, its cost, and its stages."""

    katas: Callable[[], Sequence[str]]
    cost: Callable[[Plan], float]
    stages: Callable[[Plan], Stages]


COMPARISONS = {
    optimizers.NAME: Comparison(optimizers.katas, optimizers.cost, optimizers.stages),
    losses.NAME: Comparison(lambda: losses.KATAS, losses.cost, losses.stages),
    gradients.NAME: Comparison(gradients.katas, gradients.cost, gradients.stages),
    together.NAME: Comparison(lambda: together.KATAS, together.cost, together.stages),
}


@dataclasses.dataclass(frozen=True)
class CompareOptions:
    """What to compare; fields as the options of the command.

    Attributes:
        names: Of comparisons; none for all.
        tree: Whose parts, unasked; None for the learner's where they are solved.
    """

    names: Sequence[str] = ()
    tree: Path | None = None
    full: bool = False
    quick: bool = False
    open: bool = False
    html: bool = False
    docs: bool = False
    output: Path = PLOTS


def compare(options: CompareOptions) -> int:
    """Returns 0, or 1 where a curve is missing or nothing could be compared."""
    console = Console(highlight=False)
    try:
        return _compare(options, console)
    except (CompareError, DataError) as error:
        print(f"dojo: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"dojo: {error.filename or options.output}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. What is finished is kept; the same command goes on from there.")
        return 130


def _compare(options: CompareOptions, console: Console) -> int:
    chosen = {
        name: one for name, one in COMPARISONS.items() if name in (options.names or COMPARISONS)
    }
    options.output.mkdir(parents=True, exist_ok=True)
    found = pick_parts([kata for one in chosen.values() for kata in one.katas()], options, console)
    plan = Plan(found, options.quick, options.full)
    console.print(whose(found))
    reports = run(chosen, plan, options.output, console)
    publish(reports, plan, options, console)
    return 1 if any(report.failures for report in reports) else 0


def pick_parts(katas: Sequence[str], options: CompareOptions, console: Console) -> dict[str, Part]:
    """Returns the katas' parts, by the checker's word unless a tree was named."""
    katas = list(dict.fromkeys(katas))
    if options.tree is not None:
        return parts.from_tree(katas, options.tree)
    verdicts = dict.fromkeys(solved.known(katas), Outcome.SOLVED)
    unknown = [kata for kata in katas if kata not in verdicts]
    before = solved.fingerprints(unknown)
    found = []
    with command.Progress(console, len(unknown)) as progress:
        for event in parts.ask_checker(unknown):
            progress.show(event)
            if event.result is not None:
                found.append(event.result)
    solved.keep(found, before)
    verdicts |= {result.kata: result.outcome for result in found}
    return parts.solved_or_model(katas, verdicts)


def whose(found: Mapping[str, Part]) -> Text:
    """Returns a few lines: whose part each kata is, and what to do about yours that fail."""
    owners: dict[str, list[str]] = {}
    for part in found.values():
        owners.setdefault(part.whose, []).append(part.name)
    text = Text()
    for owner, names in owners.items():
        text.append(f"{owner}: ", "bold").append(f"{', '.join(names)}\n")
    for part in found.values():
        if part.reason and not part.reason.endswith("not started"):
            text.append(f"{part.name}: {part.reason}", "yellow")
            text.append(f"; nox -s check -- {part.name} says why\n")
    return text


def run(
    chosen: Mapping[str, Comparison], plan: Plan, output: Path, console: Console
) -> list[Report]:
    """Returns the reports; children start when the first job is not in the store."""
    cost = sum(one.cost(plan) for one in chosen.values())
    workers = max(1, min(WORKERS, os.cpu_count() or 1))
    with Pool(workers) as pool, Board(console, cost, workers) as board:
        executor = Executor(Store(output / "runs"), pool, board)
        reports = list(executor.drive({n: one.stages(plan) for n, one in chosen.items()}).values())
        write_boards(reports, output, pool)
    return reports


class Executor:
    """Does lists of jobs: from the store where it has them, else in the pool."""

    def __init__(self, store: Store, pool: Pool, board: Board) -> None:
        self.store = store
        self.pool = pool
        self.board = board

    def drive(self, comparisons: Mapping[str, Stages]) -> dict[str, Report]:
        """Takes all comparisons through their stages abreast, and returns their reports.

        Abreast, so that a core that one stage has no more jobs for takes the next's.
        """
        wanted = {name: next(stages) for name, stages in comparisons.items()}
        reports = {}
        while wanted:
            done = self.results([job for jobs in wanted.values() for job in jobs])
            for name in list(wanted):
                try:
                    wanted[name] = comparisons[name].send(done)
                except StopIteration as end:
                    reports[name] = end.value
                    del wanted[name]
        return {name: reports[name] for name in comparisons}

    def results(self, jobs: Sequence[Job]) -> dict[str, Result]:
        """Returns key to result. Each result is stored the moment it is there."""
        done: dict[str, Result] = {}
        waiting = {}
        for job in jobs:
            stored = self.store.get(job)
            if stored is None:
                waiting[job.key] = job
            else:
                done[job.key] = stored
                self.board.kept(job)
        for news in self.pool.run(list(waiting.values())):
            if news.job is not None and news.result is None:
                self.board.start(news.job)
            elif news.job is not None and news.result is not None:
                self.store.put(news.job, news.result)
                self.board.finish(news.job)
                done[news.job.key] = news.result
            self.board.refresh()
        return done


def write_boards(reports: Sequence[Report], output: Path, pool: Pool) -> None:
    """Writes the curves for TensorBoard, where that is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return
    jobs = [
        Job(
            "board_runs:write",
            "curves for TensorBoard",
            {"folder": str(output / "tensorboard" / report.name), "curves": report.curves},
        )
        for report in reports
        if report.curves
    ]
    for news in pool.run(jobs):
        if news.result is not None and "error" in news.result:
            raise CompareError(f"TensorBoard's files: {news.result['error']}")


def publish(
    reports: Sequence[Report], plan: Plan, options: CompareOptions, console: Console
) -> None:
    """Prints what was found, and writes pictures, numbers and the page."""
    for report in reports:
        show(report, console)
    with console.status("drawing") if console.is_terminal else contextlib.nullcontext():
        count = write_pictures(reports, options)
    write_numbers(reports, plan, options.output)
    folder = layout.shown(options.output.resolve())
    console.print(f"\n{count} pictures as PNG and SVG, and results.json, are in {folder}/")
    if options.html or options.open:
        file = options.output.resolve() / "compare.html"
        write_whole(file, page.page(reports, plan.parts).encode())
        console.print(f"The page: {layout.shown(file)}")
        if options.open and not webbrowser.open(file.as_uri()):
            console.print("No browser could be opened here: open the page by hand.")


def show(report: Report, console: Console) -> None:
    """Prints one comparison: method, tables, sentences, what is missing."""
    console.print()
    console.rule(Text(report.title, "bold"), align="left", style="dim")
    console.print(Text(report.method, "dim"))
    for sheet in report.sheets:
        console.print()
        console.print(Text(sheet.title, "bold"))
        console.print(_grid(sheet))
    if report.conclusions:
        console.print()
    console.print(_bullets("•", report.conclusions, ""))
    console.print(_bullets("✗", [f"{what}: {why}" for what, why in report.failures], "red"))


def _bullets(mark: str, lines: Sequence[str], style: str) -> Table | Text:
    if not lines:
        return Text("", end="")
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row(Text(f" {mark}", style), Text(line, style))
    return grid


def _grid(sheet: Sheet) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in sheet.headings:
        grid.add_column(Text(heading, "dim"))
    for row in sheet.rows:
        grid.add_row(*(Text(text, "red" if text == "failed" else "") for text in row))
    return grid


def write_pictures(reports: Sequence[Report], options: CompareOptions) -> int:
    """Writes all pictures anew, and returns how many."""
    for report in reports:
        # One whose curve failed this time must not show an older one.
        for old in [*options.output.glob(f"{report.name}_*.*")]:
            with contextlib.suppress(OSError):
                old.unlink()
    drawn = [picture for report in reports for picture in report.pictures]
    pictures.write_all(drawn, options.output)
    if options.docs:
        DOCS.mkdir(exist_ok=True)
        for picture in drawn:
            if picture.name in IN_README:
                png = f"{picture.name}.png"
                write_whole(DOCS / png, (options.output / png).read_bytes())
    return len(drawn)


def write_numbers(reports: Sequence[Report], plan: Plan, output: Path) -> None:
    """Writes results.json; comparisons not run this time keep their numbers."""
    file = output / "results.json"
    known: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, KeyError):
        stored = json.loads(file.read_text(encoding="utf-8"))
        known = stored["comparisons"] if stored["version"] == JSON_VERSION else {}
    for report in reports:
        known[report.name] = {
            "method": report.method,
            "quick": plan.quick,
            "full": plan.full,
            "parts": {
                kata: {"whose": part.whose, "sha256": part.digest, "note": part.reason}
                for kata, part in plan.parts.items()
                if kata in COMPARISONS[report.name].katas()
            },
            "tables": [dataclasses.asdict(sheet) for sheet in report.sheets],
            "conclusions": list(report.conclusions),
            "failures": [list(failure) for failure in report.failures],
            "numbers": report.numbers,
        }
    whole = {"version": JSON_VERSION, "comparisons": plain(known)}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(file, text.encode())
