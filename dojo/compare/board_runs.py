"""Writes curves in TensorBoard's format, in a child process: it is TensorFlow that writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from dojo.compare.jobs import Result
from dojo.compare.worker import Modules

Curves = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]


def write(modules: Modules, folder: str, curves: Curves) -> Result:
    """Writes one folder for each run, anew."""
    for run, tags in curves.items():
        place = Path(folder) / run
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        with tf.summary.create_file_writer(str(place)).as_default():
            for tag, points in tags.items():
                for step, value in points:
                    tf.summary.scalar(tag, value, step=step)
    return {"runs": len(curves)}
