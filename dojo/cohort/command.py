"""The grade command: reads what was handed in, grades what is not graded yet, writes the report.

    folder -> submissions -> batch and ledger -> crew or cluster, a grader in each worker -> report

Each verdict is kept as it comes: a run that is stopped or killed goes on with the same command.
"""

import collections
import contextlib
import dataclasses
import datetime
import functools
import importlib.util
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dojo.check.runner import usable_cores
from dojo.cohort import crew, doctor, judges, submissions
from dojo.cohort.batch import Batch
from dojo.cohort.grades import NOT_HANDED_IN, Cohort, Submission
from dojo.cohort.grading import Grader
from dojo.cohort.ledger import Ledger
from dojo.cohort.report.files import write_report
from dojo.cohort.roster import read_roster
from dojo.content import catalogue
from dojo.errors import UsageError
from dojo.results import Outcome, Result
from dojo.words import counted

LEDGER = "grades.db"
# Remarks that the screen shows; what concerns a submission is in the report, too.
_MOST_LINES = 20
_UNHELD = "No sandbox: each answer can read and change whatever you can."


@dataclasses.dataclass(frozen=True)
class GradeOptions:
    """What to grade, how, and where to write it; fields as the options of `grade`.

    Attributes:
        folder: Of the submissions.
        names: Of katas; none for those that somebody has worked on.
        limit: Seconds for one answer.
        jobs: How many answers at a time; None for one a core.
        scheduler: Address of a cluster that grades; "" for this machine.
    """

    folder: Path
    names: Sequence[str]
    out: Path
    roster: Path | None
    limit: float
    jobs: int | None
    unsandboxed: bool
    scheduler: str = ""


def grade(options: GradeOptions) -> int:
    """Grades a cohort and returns the exit status."""
    _refuse_misplaced(options)
    if options.scheduler:
        _require_dask(options)
    console = Console(highlight=False)
    katas = [kata.path for kata in catalogue.select(options.names)]
    # Ten thousand take a quarter of a minute to read, and a minute and a half to report on.
    with console.status("reading what was handed in"):
        found, remarks = _handed_in(options, katas)
    if not options.names:
        katas = submissions.worked_on(found, katas)
    if not katas:
        raise UsageError(f"nobody in {options.folder} has begun a kata; name those to grade")
    if options.unsandboxed:
        _say([_UNHELD], console)
    elif not options.scheduler:
        doctor.require()
    _say(remarks, console)
    with Ledger(options.out / LEDGER) as ledger:
        _say([ledger.remark] if ledger.remark else [], console)
        conditions = f"{options.limit:g} s{', unsandboxed' if options.unsandboxed else ''}"
        batch = Batch(found, katas, ledger, conditions)
        if not _run(batch, options, console):
            return 130
    cohort = _cohort(batch, found, katas, options)
    with console.status("writing the report"):
        page = write_report(cohort, options.out)
    _say_verdicts(cohort, console)
    console.print(f"{page}", markup=False, soft_wrap=True)
    outcomes = {grade.result.outcome for grade in cohort.grades}
    return 3 if Outcome.BROKEN in outcomes else 0


def _refuse_misplaced(options: GradeOptions) -> None:
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"{options.out} is there, and is no folder")
    if options.out.resolve().is_relative_to(options.folder.resolve()):
        raise UsageError(f"{options.out} lies among the submissions: give --out another place")


def _require_dask(options: GradeOptions) -> None:
    if options.jobs is not None:
        raise UsageError("--jobs is for this machine: of a cluster, every worker grades")
    if importlib.util.find_spec("distributed") is None:
        install = "nox -s grade -- --doctor"
        raise UsageError(f"--scheduler needs dask.distributed; this installs it: {install}")


def _handed_in(
    options: GradeOptions, katas: Sequence[str]
) -> tuple[Sequence[Submission], Sequence[str]]:
    """The submissions, put to their persons, and what is odd about them."""
    places, remarks = submissions.find(options.folder)
    roster = read_roster(options.roster) if options.roster else None
    found = [submissions.read(place, katas) for place in places]
    if roster is not None:
        found = [roster.put_to(submission) for submission in found]
        remarks += [*roster.remarks, *roster.missing(entry.name for entry in found)]
    remarks += [f"{entry.name}: {note}" for entry in found for note in entry.notes]
    return found, remarks


def _run(batch: Batch, options: GradeOptions, console: Console) -> bool:
    """Grades what has no verdict yet; returns False if it was stopped."""
    before = f"; {batch.done} graded before" if batch.done else ""
    console.print(f"{counted(batch.size, 'answer')} to grade{before}", style="dim")
    if console.is_terminal and batch.new:
        console.print("Ctrl-C stops; the same command goes on", style="dim")
    try:
        with (
            contextlib.closing(_graded(batch, options, console)) as graded,
            _progress(batch, console) as advance,
        ):
            for work, result, flags in graded:
                batch.keep(work, result, flags)
                advance()
    except KeyboardInterrupt:
        done = f"{batch.done} of {batch.size} graded, and kept"
        console.print(f"stopped: {done}; the same command goes on")
        return False
    return True


def _graded(
    batch: Batch, options: GradeOptions, console: Console
) -> Generator[tuple[crew.Work, Result, Sequence[str]], None, None]:
    make = grader_for(options)
    if not options.scheduler:
        return crew.grade_all(batch.new, make, options.jobs or usable_cores())
    # Not everybody has Dask.
    from dojo.cohort import cluster

    def remark(line: str) -> None:
        _say([line], console)

    return cluster.grade_all(batch.new, make, options.scheduler, batch.judged_by, remark)


def grader_for(options: GradeOptions) -> Callable[[], crew.Grader]:
    """Returns what makes a grader in a worker."""
    # What this machine can hold is known; of others, each says it for itself.
    make = make_careful if options.scheduler else Grader
    return functools.partial(make, options.limit, not options.unsandboxed)


def make_careful(limit: float, sandboxed: bool) -> Grader:
    """Returns a grader, if strangers' answers can be held where they are to be.

    Raises:
        NoSandbox: If not.
    """
    if sandboxed:
        doctor.require()
    return Grader(limit, sandboxed)


@contextlib.contextmanager
def _progress(batch: Batch, console: Console) -> Iterator[Callable[[], None]]:
    """Shows what is done and what is left on a terminal; yields what is called for each verdict."""
    columns = [BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left")]
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        # What was graded before took no time: the estimate is of what is new.
        task = bar.add_task("", total=len(batch.new))
        yield lambda: bar.advance(task)


def _cohort(
    batch: Batch, found: Sequence[Submission], katas: Sequence[str], options: GradeOptions
) -> Cohort:
    return Cohort(
        title=options.folder.resolve().name,
        at=datetime.datetime.now().astimezone(),
        versions=judges.versions(),
        sandbox="" if options.unsandboxed else "bubblewrap",
        katas=katas,
        submissions=found,
        grades=batch.grades(),
    )


def _say(lines: Sequence[str], console: Console) -> None:
    more = len(lines) - _MOST_LINES
    told = [*lines[:_MOST_LINES], *([f"and {counted(more, 'line')} more"] if more > 0 else [])]
    for line in told:
        console.print(line, style="yellow", markup=False, soft_wrap=True)


def _say_verdicts(cohort: Cohort, console: Console) -> None:
    """One line a kata: how many answers ended how."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for kata in cohort.katas:
        often = collections.Counter(cohort.verdict(entry, kata) for entry in cohort.submissions)
        handed_in = [(verdict, n) for verdict, n in often.most_common() if verdict != NOT_HANDED_IN]
        rest = [(NOT_HANDED_IN, often[NOT_HANDED_IN])] if often[NOT_HANDED_IN] else []
        told = "; ".join(f"{number} {verdict}" for verdict, number in [*handed_in, *rest])
        table.add_row(kata, told)
    console.print(table)
