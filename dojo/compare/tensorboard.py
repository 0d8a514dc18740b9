"""The curves for TensorBoard, where that is installed."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from dojo.compare.comparison import Report
from dojo.compare.errors import CompareError
from dojo.compare.pool import Pool
from dojo.compare.run import Run


def write(reports: Sequence[Report], output: Path, pool: Pool) -> None:
    """Writes a folder for each report with curves.

    Raises:
        CompareError: If that is impossible.
    """
    if importlib.util.find_spec("tensorboard") is None:
        return
    runs = [_run(report, output) for report in reports if report.curves]
    for news in pool.run(runs):
        if news.numbers is not None and "error" in news.numbers:
            raise CompareError(f"TensorBoard's files: {news.numbers['error']}")


def _run(report: Report, output: Path) -> Run:
    return Run(
        "tensorboard_runs:write",
        "curves for TensorBoard",
        {"folder": str(output / "tensorboard" / report.name), "curves": report.curves},
    )
