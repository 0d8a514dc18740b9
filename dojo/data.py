"""The MNIST digits: the subset that ships with the project, or all of them."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dojo.errors import DojoError

SHIPPED = Path(__file__).parent.parent / "data" / "mnist_small.npz"

Split: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class DataError(DojoError):
    """Digits that cannot be had, and what to do about it."""


def load_mnist(*, full: bool = False) -> tuple[Split, Split]:
    """Returns (x_train, y_train), (x_test, y_test).

    Args:
        full: All 60,000 + 10,000 digits, from Keras' cache or its download, for the 6,000
            + 2,000 that ship with the project.

    Returns:
        Images [N, 28, 28] and labels [N], uint8.

    Raises:
        DataError: If the digits are neither here nor to be fetched.
    """
    if full:
        return _load_full()
    try:
        return _read(SHIPPED)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{SHIPPED} cannot be read ({error}). `git checkout data/` brings it back."
        ) from error


def _read(file: Path) -> tuple[Split, Split]:
    with np.load(file) as arrays:
        train = arrays["x_train"], arrays["y_train"]
        return train, (arrays["x_test"], arrays["y_test"])


def _load_full() -> tuple[Split, Split]:
    import keras

    # Keras itself may look elsewhere: the processes that compare have a KERAS_HOME of ours.
    kept = Path.home() / ".keras" / "datasets" / "mnist.npz"
    try:
        return _read(kept) if kept.exists() else keras.datasets.mnist.load_data()
    except Exception as error:
        # Keras raises a bare Exception for a failed download.
        raise DataError(
            "All of MNIST could not be fetched "
            f"({error}). Put the file mnist.npz into ~/.keras/datasets/, or go without "
            "--full: the shipped 6,000 + 2,000 digits need no network."
        ) from error
