"""Writes what was found: pictures, results.json, one page."""

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.compare import drawing, page
from dojo.compare.comparison import Comparison, Report, Setting
from dojo.compare.numbers import plain
from dojo.files import write_whole

DOCS = layout.ROOT / "docs"
# The pictures that README.md shows.
IN_README = ("optimizers_curves", "losses_recall")

JSON_VERSION = 1


def write_pictures(reports: Sequence[Report], output: Path) -> int:
    """Writes all pictures anew, and returns how many."""
    for report in reports:
        # One whose curve failed this time must not show an older one.
        for old in [*output.glob(f"{report.name}_*.*")]:
            with contextlib.suppress(OSError):
                old.unlink()
    drawn = [picture for report in reports for picture in report.pictures]
    drawing.write_all(drawn, output)
    return len(drawn)


def renew_readme(reports: Sequence[Report], output: Path) -> None:
    """Copies the pictures that README.md shows to where it shows them from."""
    DOCS.mkdir(exist_ok=True)
    drawn = {picture.name for report in reports for picture in report.pictures}
    for name in drawn.intersection(IN_README):
        write_whole(DOCS / f"{name}.png", (output / f"{name}.png").read_bytes())


def write_page(reports: Sequence[Report], setting: Setting, output: Path) -> Path:
    """Writes compare.html, and returns where it is."""
    file = output.resolve() / "compare.html"
    write_whole(file, page.page(reports, setting.parts).encode())
    return file


def write_numbers(
    reports: Sequence[Report],
    comparisons: Mapping[str, Comparison],
    setting: Setting,
    output: Path,
) -> None:
    """Writes results.json; comparisons not run this time keep their numbers."""
    file = output / "results.json"
    known = _known(file)
    for report in reports:
        known[report.name] = _entry(report, comparisons[report.name].katas(), setting)
    whole = {"version": JSON_VERSION, "comparisons": plain(known)}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(file, text.encode())


def _known(file: Path) -> dict[str, Any]:
    known: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, KeyError):
        stored = json.loads(file.read_text(encoding="utf-8"))
        known = stored["comparisons"] if stored["version"] == JSON_VERSION else {}
    return known


def _entry(report: Report, katas: Iterable[str], setting: Setting) -> dict[str, Any]:
    parts = [setting.parts[kata] for kata in setting.parts if kata in set(katas)]
    return {
        "method": report.method,
        "quick": setting.quick,
        "full": setting.full,
        "parts": {
            part.kata: {"whose": part.whose, "sha256": part.digest, "note": part.reason}
            for part in parts
        },
        "tables": [dataclasses.asdict(sheet) for sheet in report.sheets],
        "conclusions": list(report.conclusions),
        "failures": [list(failure) for failure in report.failures],
        "numbers": report.numbers,
    }
