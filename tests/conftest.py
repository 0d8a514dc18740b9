"""Points tests/<track>/test_<kata>.py at the same kata of the tree under test."""

import functools
import importlib.util
import os
import sys
from pathlib import Path

import pytest

# TensorFlow reads it once, when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TESTS = Path(__file__).parent


def pytest_addoption(parser):
    parser.addoption(
        "--tree", type=Path, default=TESTS.parent / "katas", help="folder of katas to test"
    )


@pytest.fixture(scope="module")
def kata(request):
    """The module under test."""
    import tests.replicas  # noqa: F401  # two logical CPUs, before the first op of all

    path = request.path.relative_to(TESTS)
    tree = request.config.getoption("--tree").resolve()
    return load(tree, path.parent / f"{path.stem.removeprefix('test_')}.py")


def load(tree, path):
    """Imports tree/path under a name that no other tree shares."""
    name = ".".join([tree.name, *path.with_suffix("").parts])
    spec = importlib.util.spec_from_file_location(name, tree / path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["eager", "graph", "XLA"])
def mode(request):
    """A function that compiles another: not at all, with tf.function, or with XLA."""
    import tensorflow as tf

    return {
        "eager": lambda function: function,
        "graph": tf.function,
        "XLA": functools.partial(tf.function, jit_compile=True),
    }[request.param]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Shows an unwritten stub as one line, not as a traceback."""
    try:
        return (yield)
    except NotImplementedError as todo:
        message = f"not written yet: {todo}"
    pytest.fail(message, pytrace=False)
