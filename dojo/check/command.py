"""The check command: runs katas, shows them as they come, keeps the record."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from dojo import layout, results
from dojo.check import examiner, processes, reports, scoreboard, solved
from dojo.check.progress import Progress
from dojo.check.runner import Runner
from dojo.check.watch import POLLING, Watcher
from dojo.content import catalogue
from dojo.content.document import Kata
from dojo.record.database import Database, DatabaseError
from dojo.results import Outcome, Result


@dataclasses.dataclass(frozen=True)
class CheckOptions:
    """What to check, how, and where to write it; fields as the options of `check`."""

    names: Sequence[str]
    tree: Path
    limit: float
    jobs: int | None = None
    json: Path | None = None
    junit_xml: Path | None = None


def check(options: CheckOptions) -> int:
    """Checks once, prints the board, and returns the exit status."""
    katas = catalogue.select(options.names)
    console = Console(highlight=False)
    runner = _runner(options)
    _warn_of_strangers(options.tree, console)
    before = _fingerprints(katas, options)
    found = _run(runner, katas, console)
    _publish(found, before, katas, options, console)
    return results.exit_status(found, named=bool(options.names))


def _runner(options: CheckOptions) -> Runner:
    failing: Mapping[str, str] = {}
    if options.tree == layout.KATAS:
        # Without the record there is no first word before the verdict, and nothing else is lost.
        with contextlib.suppress(DatabaseError), Database() as database:
            failing = database.failing()
    return Runner(options.tree, options.limit, options.jobs, failing)


def _fingerprints(katas: Sequence[Kata], options: CheckOptions) -> Mapping[str, str]:
    """What the verdicts depend on; of other trees nobody keeps what is solved."""
    own = options.tree == layout.KATAS
    return solved.fingerprints([kata.path for kata in katas]) if own else {}


def _publish(
    found: Sequence[Result],
    before: Mapping[str, str],
    katas: Sequence[Kata],
    options: CheckOptions,
    console: Console,
    watching: bool = False,
) -> None:
    """Prints the verdicts, records them, and writes the files asked for."""
    if options.tree == layout.KATAS:
        record(found, console)
        solved.keep(found, before)
    scoreboard.report(console, katas, found, options.tree, watching)
    changed = examiner.changed(processes.judges_before())
    if changed:
        console.print(examiner.remark(changed), style="yellow", markup=False, soft_wrap=True)
    if options.json:
        reports.write_json(options.json, layout.shown(options.tree), found, changed)
    if options.junit_xml:
        reports.write_junit(options.junit_xml, found)


def watch(options: CheckOptions) -> int:
    """Checks, then re-checks each kata when its file is saved, until Ctrl-C."""
    katas = catalogue.select(options.names)
    console = Console(highlight=False)
    runner = _runner(options)
    _warn_of_strangers(options.tree, console)
    processes.starter()
    paths = [kata.path for kata in katas]
    with Watcher(paths, options.tree) as watcher, contextlib.closing(runner):
        saved = set(paths)
        try:
            while True:
                chosen = [kata for kata in katas if kata.path in saved]
                saved = _check_until_saved(runner, chosen, options, console, watcher)
                if not saved and len(chosen) == 1:
                    # Who saves a file once will most likely save it again.
                    runner.prepare(chosen[0].path)
                saved = saved or watcher.wait()
        except KeyboardInterrupt:
            return 0


def _check_until_saved(
    runner: Runner, katas: Sequence[Kata], options: CheckOptions, console: Console, watcher: Watcher
) -> set[str]:
    """Reports the verdicts, or returns what to check instead after a save meanwhile."""
    found: dict[str, Result] = {}
    before = _fingerprints(katas, options)
    with (
        contextlib.closing(runner.check([kata.path for kata in katas])) as events,
        Progress(console, len(katas)) as progress,
    ):
        for event in events:
            progress.show(event)
            if event.result is not None:
                found[event.kata] = event.result
            if saved := watcher.wait(0):
                return saved | {kata.path for kata in katas if kata.path not in found}
    _publish([found[kata.path] for kata in katas], before, katas, options, console, watching=True)
    if watcher.polling:
        console.print(POLLING, style="yellow")
    console.print("watching; Ctrl-C ends\n", style="dim")
    return set()


def _warn_of_strangers(tree: Path, console: Console) -> None:
    if tree not in (layout.KATAS, layout.REFERENCE):
        text = (
            f"What is in {layout.shown(tree)} runs with your rights: read a stranger's files first."
        )
        console.print(text, style="dim", markup=False, soft_wrap=True)


def record(found: Sequence[Result], console: Console) -> None:
    """Keeps the verdicts on the learner's own tree; a full disk must not hide them."""
    try:
        with Database() as database:
            tried = [result for result in found if result.outcome is not Outcome.NOT_STARTED]
            # Of many katas the same trouble is told once.
            for trouble in dict.fromkeys(map(database.add_check, tried)):
                if trouble:
                    console.print(trouble, style="yellow", markup=False, soft_wrap=True)
    except DatabaseError as error:
        console.print(f"not recorded: {error}", style="yellow", markup=False)


def _run(runner: Runner, katas: Sequence[Kata], console: Console) -> list[Result]:
    """Returns the verdicts in order, with a progress line on a terminal meanwhile."""
    found: dict[str, Result] = {}
    with Progress(console, len(katas)) as progress:
        for event in runner.check([kata.path for kata in katas]):
            progress.show(event)
            if event.result is not None:
                found[event.kata] = event.result
    return [found[kata.path] for kata in katas]
