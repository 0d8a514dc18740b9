"""The command line: parses arguments and calls the module that does the work.

Modules are imported where they are called: a light command answers in 0.3 s.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.errors import DojoError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    options = parser().parse_args(arguments)
    try:
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


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m dojo", description="Katas for TensorFlow interviews."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_check(commands)
    _add_light(commands)
    _add_deck(commands)
    _add_sittings(commands)
    _add_mutants(commands)
    _add_compare(commands)
    _add_readme(commands)
    return top


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("check", help="check answers: all, or those named")
    check.set_defaults(run=_check)
    check.add_argument("names", nargs="*", metavar="KATA", help="focal_loss, losses/ or a path")
    _add_tree(check)
    check.add_argument("--watch", action="store_true", help="check again on every save")
    check.add_argument("--limit", type=_seconds, metavar="S", help="seconds for one kata (60)")
    check.add_argument("--jobs", type=_count, metavar="N", help="katas at a time (one a core)")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    check.add_argument("--junit-xml", type=Path, metavar="FILE", help="write them as JUnit XML")
    warm = commands.add_parser("warm", help="the process that keeps TensorFlow imported")
    warm.set_defaults(run=_warm)
    warm.add_argument("--stop", action="store_true", help="end it")


def _add_light(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = commands.add_parser("list", help="list the katas")
    listing.set_defaults(run=_list)
    listing.add_argument("names", nargs="*", metavar="KATA")
    _add_tree(listing)
    for name, run, text in [
        ("hint", _hint, "one hint; each call gives the next"),
        ("show", _show, "the model answer, once yours is solved"),
        ("reset", _reset, "restore the empty stub; your answer is kept"),
        ("restore", _restore, "bring a kept answer back"),
        ("stub", _stub, "make the stub of a kata from its model answer"),
    ]:
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("name", metavar="KATA")
        if name == "restore":
            command.add_argument("when", nargs="?", default="", help="start of its time; newest")
        if name == "show":
            command.add_argument("--give-up", action="store_true", help="show it unsolved")
        if name in ("reset", "restore"):
            _add_tree(command)


def _add_deck(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rehearse = commands.add_parser("rehearse", help="rehearse the spoken questions")
    rehearse.set_defaults(run=_rehearse)
    rehearse.add_argument("--track", choices=layout.TRACKS, default="")
    rehearse.add_argument("--level", choices=layout.LEVELS, default="")
    rehearse.add_argument("--kata", metavar="KATA", default="", help="its questions, due or not")
    rehearse.add_argument("--count", type=_count, metavar="N", help="at most N questions")
    rehearse.add_argument("--minutes", type=_seconds, metavar="M", help="a time box")
    rehearse.add_argument("--all", action="store_true", help="also what is not due")
    progress = commands.add_parser("progress", help="both decks, and what comes due")
    progress.set_defaults(run=_progress)
    anki = commands.add_parser("anki", help="write the questions as an Anki package")
    anki.set_defaults(run=_anki)
    anki.add_argument("file", type=_package, metavar="FILE.apkg")


def _add_sittings(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    practice = commands.add_parser("practice", help="one kata against the clock")
    practice.set_defaults(run=_practice)
    practice.add_argument("name", nargs="?", metavar="KATA", default="", help="the next sensible")
    practice.add_argument("--minutes", type=_seconds, metavar="M", help="time box (the kata's)")
    _add_tree(practice)
    interview = commands.add_parser("interview", help="katas and questions in one time box")
    interview.set_defaults(run=_interview)
    interview.add_argument("--minutes", type=_seconds, metavar="M", default=45, help="in all (45)")
    interview.add_argument("--track", choices=layout.TRACKS, default="")
    interview.add_argument("--level", choices=layout.LEVELS, default="", help="the level aimed at")
    _add_tree(interview)
    history = commands.add_parser("history", help="past attempts, as a table or a picture")
    history.set_defaults(run=_history)
    history.add_argument("names", nargs="*", metavar="KATA")
    history.add_argument("--plot", type=_picture, metavar="FILE.png", help="draw them")
    for name, run, text in [
        ("export", _export, "write the whole record to a file"),
        ("import", _import, "merge such a file into the record here"),
    ]:
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("file", type=Path, metavar="FILE.json")


def _add_mutants(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    mutants = commands.add_parser("mutants", help="break model answers; list what survives")
    mutants.set_defaults(run=_mutants)
    mutants.add_argument("names", nargs="*", metavar="KATA")
    mutants.add_argument("--jobs", type=_count, metavar="N", help="mutants at a time")


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    compare = commands.add_parser("compare", help="train your answers beside Keras', and draw")
    compare.set_defaults(run=_compare)
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


def _add_readme(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    readme = commands.add_parser("readme", help="make README's table and transcripts anew")
    readme.set_defaults(run=_readme)
    screenshots = commands.add_parser("pictures", help="draw README's pictures of the screen anew")
    screenshots.set_defaults(run=_pictures)


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


def _package(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".apkg":
        raise argparse.ArgumentTypeError(f"must end in .apkg. Received: {text}")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.absolute().parent}")
    return path


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf. Received: {text}")
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


def _progress(options: argparse.Namespace) -> int:
    from dojo.record import progress

    return progress.show()


def _need_terminal() -> None:
    from dojo.sitting import terminal

    if reason := terminal.no_terminal():
        raise UsageError(reason)


def _practice(options: argparse.Namespace) -> int:
    _need_terminal()
    from dojo.sitting import practice

    wanted = practice.PracticeOptions(options.name, options.minutes, _tree(options))
    return practice.practise(wanted)


def _interview(options: argparse.Namespace) -> int:
    _need_terminal()
    from dojo.sitting import interview
    from dojo.sitting.interview_plan import InterviewOptions

    wanted = InterviewOptions(options.minutes, options.track, options.level, _tree(options))
    return interview.hold(wanted)


def _history(options: argparse.Namespace) -> int:
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


def _readme(options: argparse.Namespace) -> int:
    from dojo.upkeep import readme

    return readme.rewrite()


def _pictures(options: argparse.Namespace) -> int:
    from dojo.upkeep import screenshots

    return screenshots.draw()


def _mutants(options: argparse.Namespace) -> int:
    from dojo.upkeep import mutants

    return mutants.run(options.names, options.jobs)


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

    return commands.restore(options.name, options.when, _tree(options))


def _stub(options: argparse.Namespace) -> int:
    from dojo.upkeep import stub

    return stub.make_stub(options.name)
