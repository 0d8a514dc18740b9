"""The digits: those that ship with the project, and all of them where Keras keeps them."""

import numpy as np
import pytest

from dojo.data import DataError, load_mnist


def save(file, **arrays):
    file.parent.mkdir(parents=True)
    np.savez(file, **arrays)


def test_the_shipped_digits_are_six_and_two_thousand():
    (x, y), (x_test, y_test) = load_mnist()
    assert (x.shape, y.shape) == ((6000, 28, 28), (6000,))
    assert (x_test.shape, y_test.shape) == ((2000, 28, 28), (2000,))


def test_all_of_them_are_read_where_the_message_says_to_put_them(tmp_path, monkeypatch):
    """Also with a KERAS_HOME elsewhere, as the processes that compare have it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
    whole = {
        "x_train": np.full((3, 28, 28), 7, "uint8"),
        "y_train": np.array([1, 2, 3], "uint8"),
        "x_test": np.full((2, 28, 28), 9, "uint8"),
        "y_test": np.array([4, 5], "uint8"),
    }
    save(tmp_path / ".keras" / "datasets" / "mnist.npz", **whole)
    (x, y), (x_test, y_test) = load_mnist(full=True)
    for got, name in [(x, "x_train"), (y, "y_train"), (x_test, "x_test"), (y_test, "y_test")]:
        np.testing.assert_array_equal(got, whole[name])


def test_a_damaged_file_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / ".keras" / "datasets" / "mnist.npz", x_train=np.zeros(1))
    with pytest.raises(DataError, match="without --full"):
        load_mnist(full=True)
