"""The command line: parses arguments and calls the module that does the work.

Modules are imported where they are called: a light command answers in 0.3 s.
"""

import argparse
import datetime
import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dojo import layout
from dojo.errors import DojoError, UsageError

FOR_CONTRIBUTORS = "for contributors"
# What a take-home has.
IN_A_PACK = ("check", "warm", "list", "reset", "restore")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    _print_whatever_comes()
    try:
        options = parser().parse_args(arguments)
        return int(options.run(options))
    except DojoError as error:
        print(f"dojo: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # The reader of a pipe has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except (FileNotFoundError, ImportError):
        if (gone := _deleted_folder()) is None:
            raise
        print(f"dojo: {gone} was deleted meanwhile; go to another folder", file=sys.stderr)
        return 1


def _deleted_folder() -> str | None:
    if not layout.ROOT.is_dir():
        return str(layout.ROOT)
    try:
        os.getcwd()
    except FileNotFoundError:
        return "the folder this terminal is in"
    return None


def _print_whatever_comes() -> None:
    """A terminal that knows ASCII only shows a ? where we have a mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # A terminal without a size says 0, and Rich would print in lines of no length.
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]


class Commands:
    """The commands as they are added, and how `--help` lists them: learners' first."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self._top = top
        self._added = top.add_subparsers(required=True, metavar="COMMAND", help=argparse.SUPPRESS)
        self._listed: dict[str, list[str]] = {"commands": [], FOR_CONTRIBUTORS: []}

    def add(
        self,
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        under: str = "commands",
    ) -> argparse.ArgumentParser:
        """Adds a command.

        Args:
            name: What the learner types.
            run: What it calls.
            text: What `--help` says of it.
            under: The heading in `--help`.
        """
        if layout.is_pack() and name not in IN_A_PACK:
            # Its options are added to a parser that nobody calls.
            return argparse.ArgumentParser()
        self._listed[under].append(f"  {name:<12}{text}")
        self._top.epilog = "\n\n".join(
            "\n".join([f"{heading}:", *lines]) for heading, lines in self._listed.items() if lines
        )
        command = self._added.add_parser(name, description=text)
        command.set_defaults(run=run)
        return command


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m dojo",
        description="Katas for TensorFlow interviews.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = Commands(top)
    _add_check(commands)
    _add_light(commands)
    _add_sittings(commands)
    _add_deck(commands)
    _add_compare(commands)
    _add_cohort(commands)
    commands.add("about", _about, "versions and settings, for a report of a fault")
    _add_upkeep(commands)
    return top


def _add_check(commands: Commands) -> None:
    check = commands.add("check", _check, "check answers: all, or those named")
    check.add_argument("names", nargs="*", metavar="KATA", help="focal_loss, losses/ or a path")
    _add_tree(check)
    check.add_argument("--watch", action="store_true", help="check again on every save")
    check.add_argument("--limit", type=_seconds, metavar="S", help="seconds for one kata (60)")
    check.add_argument("--jobs", type=_count, metavar="N", help="katas at a time (one a core)")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    check.add_argument("--junit-xml", type=Path, metavar="FILE", help="write them as JUnit XML")
    warm = commands.add("warm", _warm, "the process that keeps TensorFlow imported")
    warm.add_argument("--stop", action="store_true", help="end it")


def _add_light(commands: Commands) -> None:
    listing = commands.add("list", _list, "list the katas")
    listing.add_argument("names", nargs="*", metavar="KATA")
    _add_tree(listing)
    for name, run, text in [
        ("hint", _hint, "one hint; each call gives the next"),
        ("show", _show, "the model answer, once yours is solved"),
        ("reset", _reset, "restore the empty stub; your answer is kept"),
        ("restore", _restore, "bring a kept answer back"),
    ]:
        command = commands.add(name, run, text)
        command.add_argument("name", metavar="KATA")
        if name == "restore":
            command.add_argument("when", nargs="*", metavar="WHEN", help=_WHEN)
            command.add_argument("--list", action="store_true", help="show what is kept")
        if name == "show":
            command.add_argument("--give-up", action="store_true", help="show it unsolved")
        if name in ("reset", "restore"):
            _add_tree(command)


_WHEN = "the start of its time, or: solved (what was put away last)"


def _add_deck(commands: Commands) -> None:
    rehearse = commands.add("rehearse", _rehearse, "rehearse the spoken questions")
    rehearse.add_argument("--track", choices=layout.TRACKS, default="")
    rehearse.add_argument("--level", choices=layout.LEVELS, default="")
    rehearse.add_argument("--kata", metavar="KATA", default="", help="its questions, due or not")
    rehearse.add_argument("--count", type=_count, metavar="N", help="at most N questions")
    rehearse.add_argument("--minutes", type=_seconds, metavar="M", help="a time box")
    rehearse.add_argument("--all", action="store_true", help="also what is not due")
    commands.add("mistakes", _mistakes, "kinds of mistakes: made, found, and due again")
    progress = commands.add("progress", _progress, "what you can do now, and what would raise it")
    progress.add_argument("--level", choices=layout.LEVELS, default="", help="the level aimed at")
    progress.add_argument("--plot", type=_picture, metavar="FILE.png", help="draw the days so far")
    anki = commands.add("anki", _anki, "write the questions as an Anki package")
    anki.add_argument("file", type=_package, metavar="FILE.apkg")


def _add_sittings(commands: Commands) -> None:
    plan = commands.add("plan", _plan, "what to do today, up to the day of the interview")
    plan.add_argument(
        "--date", type=_date, metavar="DATE", help="of the interview: 2026-12-06, or +7"
    )
    plan.add_argument("--minutes", type=_seconds, metavar="M", help="for a day (60)")
    plan.add_argument("--level", choices=layout.LEVELS, help="the level aimed at (mid)")
    plan.add_argument("--track", choices=("all", *layout.TRACKS), help="only this one (all)")
    plan.add_argument("--days-off", metavar="DAYS", help="sat,2026-12-03; none")
    plan.add_argument("--whole", action="store_true", help="show every day")
    plan.add_argument("--forget", action="store_true", help="plan no longer")
    practice = commands.add("practice", _practice, "one kata against the clock")
    practice.add_argument("name", nargs="?", metavar="KATA", default="", help="the next sensible")
    practice.add_argument("--minutes", type=_seconds, metavar="M", help="time box (the kata's)")
    _add_tree(practice)
    debug = commands.add("debug", _debug, "find the mistake in somebody else's answer")
    debug.add_argument("name", nargs="?", metavar="KATA", default="", help="what comes next")
    debug.add_argument("--minutes", type=_seconds, metavar="M", help="time box (a third)")
    debug.add_argument("--hard", action="store_true", help="without a symptom")
    debug.add_argument("--review", action="store_true", help="name it and show it; no repair")
    debug.add_argument("--any", action="store_true", help="also katas that are not solved yet")
    debug.add_argument("--own", action="store_true", help="put it into your own answer")
    debug.add_argument(
        "--into", type=Path, default=layout.DEBUG, metavar="PATH", help="where to write it (debug)"
    )
    _add_tree(debug)
    interview = commands.add("interview", _interview, "katas and questions in one time box")
    interview.add_argument("--minutes", type=_seconds, metavar="M", default=45, help="in all (45)")
    interview.add_argument("--track", choices=layout.TRACKS, default="")
    interview.add_argument("--level", choices=layout.LEVELS, default="", help="the level aimed at")
    interview.add_argument(
        "--format",
        choices=("classic", "debug", "mixed"),
        default="classic",
        help="write, repair somebody's answer, or one of each (classic)",
    )
    _add_tree(interview)
    history = commands.add("history", _history, "past attempts, as a table or a picture")
    history.add_argument("names", nargs="*", metavar="KATA")
    how = history.add_mutually_exclusive_group()
    how.add_argument("--plot", type=_picture, metavar="FILE.png", help="draw them")
    how.add_argument("--replay", action="store_true", help="walk through the saves of one kata")
    for name, run, text in [
        ("export", _export, "write the whole record to a file"),
        ("import", _import, "merge such a file into the record here"),
    ]:
        command = commands.add(name, run, text)
        command.add_argument("file", type=Path, metavar="FILE.json")


def _add_compare(commands: Commands) -> None:
    cost = commands.add("cost", _cost, "what an answer costs, beside the model answer")
    cost.add_argument("name", metavar="KATA")
    _add_tree(cost)
    compare = commands.add("compare", _compare, "train your answers beside Keras', and draw")
    compare.add_argument(
        "names",
        nargs="*",
        metavar="WHAT",
        help="optimizers, losses, gradients, all (all in one); every one by default",
    )
    compare.add_argument("--tree", type=Path, metavar="PATH", help="take all parts from there")
    compare.add_argument("--full", action="store_true", help="on all of MNIST; takes long")
    compare.add_argument("--quick", action="store_true", help="a small grid, within 40 s")
    compare.add_argument("--open", action="store_true", help="show the pictures in a browser")
    compare.add_argument("--html", action="store_true", help="write one page that holds all")
    compare.add_argument("--docs", action="store_true", help="renew README's pictures, too")
    compare.add_argument("--output", type=Path, metavar="PATH", help="folder to write to (plots)")


def _add_cohort(commands: Commands) -> None:
    pack = commands.add("pack", _pack, "a take-home: stubs and instructions for somebody else")
    pack.add_argument("names", nargs="+", metavar="KATA", help="focal_loss, losses/ or a path")
    pack.add_argument("--out", type=_archive, required=True, metavar="FILE.zip")
    pack.add_argument("--minutes", type=_seconds, metavar="M", help="in all (the katas' own)")
    pack.add_argument("--with-checks", action="store_true", help="with suites, to check locally")
    grade = commands.add("grade", _grade, "many people's answers: verdicts and a report")
    grade.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="SUBMISSIONS",
        help="a folder that holds a folder or an archive for each person",
    )
    grade.add_argument("names", nargs="*", metavar="KATA", help="to grade (what was worked on)")
    grade.add_argument("--out", type=Path, metavar="PATH", help="folder for the report")
    grade.add_argument(
        "--roster", type=Path, metavar="FILE.csv", help="whose is which: folder, name, id"
    )
    grade.add_argument("--limit", type=_seconds, metavar="S", help="seconds for one answer (60)")
    grade.add_argument("--jobs", type=_count, metavar="N", help="answers at a time (one a core)")
    grade.add_argument("--scheduler", metavar="ADDRESS", default="", help="a Dask cluster grades")
    grade.add_argument("--unsandboxed", action="store_true", help="let answers do what you can")
    grade.add_argument("--doctor", action="store_true", help="say what holds answers here")


def _add_upkeep(commands: Commands) -> None:
    stub = commands.add(
        "stub", _stub, "make the stub of a kata from its model answer", FOR_CONTRIBUTORS
    )
    stub.add_argument("name", metavar="TRACK/KATA")
    mutants = commands.add(
        "mutants", _mutants, "break model answers; list what survives", FOR_CONTRIBUTORS
    )
    mutants.add_argument("names", nargs="*", metavar="KATA")
    mutants.add_argument("--jobs", type=_count, metavar="N", help="mutants at a time")
    causes = commands.add(
        "causes", _causes, "see which traps the first screen names", FOR_CONTRIBUTORS
    )
    causes.add_argument("names", nargs="*", metavar="KATA")
    causes.add_argument("--jobs", type=_count, metavar="N", help="traps at a time")
    commands.add("readme", _readme, "make the made parts of README and QUESTIONS", FOR_CONTRIBUTORS)
    commands.add(
        "pictures", _pictures, "draw README's pictures of the screen anew", FOR_CONTRIBUTORS
    )


def _add_tree(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tree",
        type=Path,
        default=layout.KATAS,
        metavar="PATH",
        help="folder of answers (katas)",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text}")
    return value


def _date(text: str) -> datetime.date:
    from dojo.record.goal import day_of

    try:
        if text.startswith("+"):
            return day_of(time.time()) + datetime.timedelta(days=int(text))
        return datetime.date.fromisoformat(text)
    except (ValueError, OverflowError):
        wanted = "must be like 2026-12-06, or +7 for in a week"
        raise argparse.ArgumentTypeError(f"{wanted}. Received: {text}") from None


def _package(text: str) -> Path:
    return _file(text, ".apkg")


def _archive(text: str) -> Path:
    return _file(text, ".zip")


def _picture(text: str) -> Path:
    return _file(text, ".png", ".svg", ".pdf")


def _file(text: str, *endings: str) -> Path:
    """A file that can be written: of one of these kinds, in a folder that is there."""
    path = Path(text)
    if path.suffix not in endings:
        named = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        raise argparse.ArgumentTypeError(f"must end in {named}. Received: {text}")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.absolute().parent}")
    return path


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}")
    return value


def _tree(options: argparse.Namespace) -> Path:
    tree: Path = options.tree
    if not tree.is_dir():
        raise UsageError(f"--tree {tree} is not a folder")
    return tree.resolve()


def _check(options: argparse.Namespace) -> int:
    from dojo.check import command, runner

    tree = _tree(options)
    for file in (options.json, options.junit_xml):
        if file is not None and not file.absolute().parent.is_dir():
            raise UsageError(
                f"{file} cannot be written: there is no folder {file.absolute().parent}"
            )
    wanted = command.CheckOptions(
        names=options.names,
        tree=tree,
        limit=options.limit or runner.DEFAULT_LIMIT,
        jobs=options.jobs,
        json=options.json,
        junit_xml=options.junit_xml,
    )
    return command.watch(wanted) if options.watch else command.check(wanted)


def _warm(options: argparse.Namespace) -> int:
    from dojo.check import warm

    return warm.show(options.stop)


def _rehearse(options: argparse.Namespace) -> int:
    from dojo.sitting import rehearse

    wanted = rehearse.RehearsalOptions(
        track=options.track,
        level=options.level,
        kata=options.kata,
        count=options.count,
        minutes=options.minutes,
        all=options.all,
    )
    return rehearse.rehearse(wanted)


def _mistakes(options: argparse.Namespace) -> int:
    from dojo.record import mistakes

    return mistakes.show()


def _progress(options: argparse.Namespace) -> int:
    from dojo.record import progress

    return progress.show(options.level, options.plot)


def _need_terminal() -> None:
    from dojo.sitting import terminal

    if reason := terminal.no_terminal():
        raise UsageError(reason)


def _practice(options: argparse.Namespace) -> int:
    _need_terminal()
    if options.name:
        from dojo.content import catalogue

        # A slip of the pen is told before all that draws is loaded.
        catalogue.one(options.name)
    from dojo.sitting import practice

    wanted = practice.PracticeOptions(options.name, options.minutes, _tree(options))
    return practice.practise(wanted)


def _debug(options: argparse.Namespace) -> int:
    _need_terminal()
    from dojo.sitting import debug

    wanted = debug.DebugOptions(
        name=options.name,
        minutes=options.minutes,
        hard=options.hard,
        review=options.review,
        any=options.any,
        own=options.own,
        tree=_tree(options),
        into=options.into.absolute(),
    )
    return debug.debug(wanted)


def _interview(options: argparse.Namespace) -> int:
    _need_terminal()
    from dojo.sitting import interview
    from dojo.sitting.interview_plan import InterviewOptions

    wanted = InterviewOptions(
        options.minutes, options.track, options.level, _tree(options), options.format
    )
    return interview.hold(wanted)


def _plan(options: argparse.Namespace) -> int:
    from dojo.sitting import plan

    wanted = plan.PlanOptions(
        date=options.date,
        minutes=options.minutes,
        level=options.level,
        track="" if options.track == "all" else options.track,
        off="" if options.days_off == "none" else options.days_off,
        forget=options.forget,
        whole=options.whole,
    )
    return plan.plan(wanted)


def _history(options: argparse.Namespace) -> int:
    if options.replay:
        from dojo.sitting import replay

        if len(options.names) != 1:
            raise UsageError(
                "--replay walks through one kata; name it: history focal_loss --replay"
            )
        return replay.show(options.names[0])
    from dojo.record import history

    return history.show(options.names, options.plot)


def _export(options: argparse.Namespace) -> int:
    from dojo.record import transfer

    if options.file.suffix != ".json":
        raise UsageError(f"an export ends in .json. Received: {options.file}")
    return transfer.export(options.file)


def _import(options: argparse.Namespace) -> int:
    from dojo.record import transfer

    return transfer.load(options.file)


def _anki(options: argparse.Namespace) -> int:
    from dojo.content import anki

    return anki.export(options.file)


def _compare(options: argparse.Namespace) -> int:
    from dojo import compare
    from dojo.check import processes

    unknown = sorted(set(options.names) - set(compare.NAMES))
    if unknown:
        known = ", ".join(compare.NAMES)
        raise UsageError(f"there is no comparison {unknown[0]}; there are {known}")
    # matplotlib, too, takes a second to import.
    processes.starter()
    from dojo.compare import command

    wanted = command.CompareOptions(
        names=options.names,
        tree=_tree(options) if options.tree else None,
        full=options.full,
        quick=options.quick,
        open=options.open,
        html=options.html,
        docs=options.docs,
        output=options.output or command.PLOTS,
    )
    return command.compare(wanted)


def _cost(options: argparse.Namespace) -> int:
    from dojo.compare.cost import command

    return command.show(options.name, _tree(options))


def _pack(options: argparse.Namespace) -> int:
    from dojo.cohort import pack

    wanted = pack.PackOptions(options.names, options.out, options.minutes, options.with_checks)
    return pack.pack(wanted)


def _grade(options: argparse.Namespace) -> int:
    if options.doctor:
        from dojo.cohort import doctor

        return doctor.show()
    if options.folder is None or options.out is None:
        command_line = "nox -s grade -- SUBMISSIONS --out report"
        raise UsageError(
            f"grade needs a folder of submissions, and one to write to: {command_line}"
        )
    from dojo.check import runner
    from dojo.cohort import command

    wanted = command.GradeOptions(
        folder=options.folder,
        names=options.names,
        out=options.out,
        roster=options.roster,
        limit=options.limit or runner.DEFAULT_LIMIT,
        jobs=options.jobs,
        unsandboxed=options.unsandboxed,
        scheduler=options.scheduler,
    )
    return command.grade(wanted)


def _about(options: argparse.Namespace) -> int:
    from dojo import about

    return about.show()


def _readme(options: argparse.Namespace) -> int:
    from dojo.upkeep import readme

    return readme.rewrite()


def _pictures(options: argparse.Namespace) -> int:
    from dojo.upkeep import screenshots

    return screenshots.draw()


def _mutants(options: argparse.Namespace) -> int:
    from dojo.upkeep import mutants

    return mutants.run(options.names, options.jobs)


def _causes(options: argparse.Namespace) -> int:
    from dojo.upkeep import causes

    return causes.run(options.names, options.jobs)


def _list(options: argparse.Namespace) -> int:
    from dojo.check import listing

    return listing.list_katas(options.names, _tree(options))


def _hint(options: argparse.Namespace) -> int:
    from dojo.record import commands

    return commands.hint(options.name)


def _show(options: argparse.Namespace) -> int:
    from dojo.record import commands

    return commands.show(options.name, options.give_up)


def _reset(options: argparse.Namespace) -> int:
    from dojo.record import commands

    return commands.reset(options.name, _tree(options))


def _restore(options: argparse.Namespace) -> int:
    from dojo.record import commands

    return commands.restore(options.name, " ".join(options.when), options.list, _tree(options))


def _stub(options: argparse.Namespace) -> int:
    from dojo.upkeep import stub

    return stub.make_stub(options.name)
