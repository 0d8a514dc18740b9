"""The compare command: picks the parts, computes what is not stored yet, writes and prints."""

import contextlib
import dataclasses
import os
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from dojo import layout
from dojo.compare import picking, printing, publishing, tensorboard
from dojo.compare.comparison import Comparison, Report, Setting
from dojo.compare.display import Display
from dojo.compare.errors import CompareError
from dojo.compare.executor import Executor
from dojo.compare.gradients.stages import COMPARISON as GRADIENTS
from dojo.compare.losses.stages import COMPARISON as LOSSES
from dojo.compare.optimizers.stages import COMPARISON as OPTIMIZERS
from dojo.compare.pool import Pool
from dojo.compare.store import Store
from dojo.compare.together.stages import COMPARISON as TOGETHER

COMPARISONS = {one.name: one for one in (OPTIMIZERS, LOSSES, GRADIENTS, TOGETHER)}
PLOTS = layout.ROOT / "plots"
CHILDREN = 2


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
    """Returns 0, or 1 where a curve is missing; 130 where it was interrupted.

    Raises:
        DojoError: If nothing can be compared.
    """
    console = Console(highlight=False)
    try:
        return _compare(options, console)
    except OSError as error:
        raise CompareError(f"{error.filename or options.output}: {error.strerror}") from error
    except KeyboardInterrupt:
        console.print("\nStopped. What is finished is kept; the same command goes on from there.")
        return 130


def _compare(options: CompareOptions, console: Console) -> int:
    names = options.names or COMPARISONS
    chosen = {name: one for name, one in COMPARISONS.items() if name in names}
    options.output.mkdir(parents=True, exist_ok=True)
    katas = [kata for one in chosen.values() for kata in one.katas()]
    parts = picking.pick(katas, options.tree, console)
    console.print(printing.whose(parts))
    setting = Setting(parts, options.quick, options.full)
    reports = find_out(chosen, setting, options.output, console)
    publish(reports, setting, options, console)
    return 1 if any(report.failures for report in reports) else 0


def find_out(
    chosen: Mapping[str, Comparison], setting: Setting, output: Path, console: Console
) -> list[Report]:
    """Returns the reports; children start when the first run is not in the store."""
    cost = sum(one.cost(setting) for one in chosen.values())
    children = max(1, min(CHILDREN, os.cpu_count() or 1))
    with Pool(children) as pool, Display(console, cost, children) as display:
        executor = Executor(Store(output / "runs"), pool, display)
        reports = executor.drive({name: one.stages(setting) for name, one in chosen.items()})
        tensorboard.write(list(reports.values()), output, pool)
    return list(reports.values())


def publish(
    reports: Sequence[Report], setting: Setting, options: CompareOptions, console: Console
) -> None:
    """Prints what was found, and writes pictures, numbers and the page."""
    for report in reports:
        printing.show(report, console)
    with console.status("drawing") if console.is_terminal else contextlib.nullcontext():
        count = publishing.write_pictures(reports, options.output)
    if options.docs:
        publishing.renew_readme(reports, options.output)
    publishing.write_numbers(reports, COMPARISONS, setting, options.output)
    folder = layout.shown(options.output.resolve())
    console.print(f"\n{count} pictures as PNG and SVG, and results.json, are in {folder}/")
    if options.html or options.open:
        file = publishing.write_page(reports, setting, options.output)
        console.print(f"The page: {layout.shown(file)}")
        if options.open and not webbrowser.open(file.as_uri()):
            console.print("No browser could be opened here: open the page by hand.")
