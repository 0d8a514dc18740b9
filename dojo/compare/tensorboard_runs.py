"""Writes curves in TensorBoard's format, in a child process: it is TensorFlow that writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from dojo.compare.kata_modules import Modules
from dojo.compare.numbers import Numbers


def write(
    modules: Modules,
    folder: str,
    curves: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]],
) -> Numbers:
    """Writes one folder for each run of {run: {tag: [(step, value)]}}, anew."""
    for run, tags in curves.items():
        place = Path(folder) / run
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        with tf.summary.create_file_writer(str(place)).as_default():
            for tag, points in tags.items():
                for step, value in points:
                    tf.summary.scalar(tag, value, step=step)
    return {"runs": len(curves)}
