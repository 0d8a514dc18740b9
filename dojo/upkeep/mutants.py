"""The mutants command: breaks model answers, and lists what no test notices."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dojo import layout
from dojo.check.runner import Runner
from dojo.content import catalogue, mutation
from dojo.content.traps import read_equivalents
from dojo.results import Outcome, Result
from dojo.upkeep import variants

# Shares of the mutants that are not known to be equivalent.
BAR_OVERALL = 0.95
BAR_EACH = 0.90


def run(names: Sequence[str], jobs: int | None) -> int:
    """Runs all mutants of the katas named; 0 where the bar is met, else 1."""
    console = Console(highlight=False)
    katas = [kata.path for kata in catalogue.select(names)]
    if refused := refusals(katas, jobs):
        # Such a suite catches every mutant, and says nothing.
        for result in refused:
            reason = result.failures[0].message if result.failures else ""
            console.print(f"{result.kata}: the answer itself is {result.outcome}", markup=False)
            console.print(reason, markup=False)
        return 1
    plan = [variant for kata in katas for variant in mutants_of(kata)]
    survivors: dict[str, list[str]] = {kata: [] for kata in katas}
    with console.status("") as status:
        for done, (variant, result) in enumerate(variants.run(plan, jobs), 1):
            status.update(f"{done} of {len(plan)} mutants")
            if survived(result):
                survivors[variant.kata].append(variant.key.partition(": ")[2])
    totals = {kata: sum(variant.kata == kata for variant in plan) for kata in katas}
    return _report(console, totals, survivors)


def refusals(katas: Sequence[str], jobs: int | None) -> list[Result]:
    """Returns the verdicts on those model answers that their suites do not accept."""
    results = Runner(layout.REFERENCE, variants.LIMIT, jobs).results(katas)
    return [result for result in results if result.outcome is not Outcome.SOLVED]


def mutants_of(kata: str) -> list[variants.Variant]:
    """Returns the mutants of one model answer, without those known to be equivalent."""
    source = layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")
    known = read_equivalents(kata)
    found: dict[str, variants.Variant] = {}
    for mutant in mutation.mutants(source):
        # One statement can break into the same first line twice; both are kept.
        label = mutant.label
        while f"{kata}: {label}" in found:
            label += " (again)"
        if label not in known:
            key = f"{kata}: {label}"
            found[key] = variants.Variant(key, kata, mutant.source, fail_fast=True)
    return list(found.values())


def survived(result: Result) -> bool:
    """Whether the suite took a mutant for a right answer, or had no verdict on it."""
    return result.outcome in (Outcome.SOLVED, Outcome.BROKEN)


def _report(console: Console, totals: dict[str, int], survivors: dict[str, list[str]]) -> int:
    table = Table.grid(padding=(0, 2))
    shares = {}
    for kata, total in totals.items():
        caught = total - len(survivors[kata])
        shares[kata] = caught / total if total else 1.0
        style = "green" if shares[kata] >= BAR_EACH else "red"
        table.add_row(kata, f"{caught}/{total}", f"[{style}]{shares[kata]:.0%}[/]")
    for kata, labels in survivors.items():
        for label in sorted(labels):
            console.print(f"survived  {kata}: {label}", markup=False, soft_wrap=True)
    console.print(table)
    overall = 1 - sum(map(len, survivors.values())) / max(1, sum(totals.values()))
    met = overall >= BAR_OVERALL and all(share >= BAR_EACH for share in shares.values())
    verdict = "the bar is met" if met else "the bar is not met"
    bar = f"{BAR_OVERALL:.0%} over all, {BAR_EACH:.0%} for each"
    console.print(f"{sum(totals.values())} mutants, {overall:.1%} caught: {verdict} ({bar})")
    return 0 if met else 1
