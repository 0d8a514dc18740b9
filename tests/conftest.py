"""Points tests/<track>/test_<kata>.py at the same kata of the tree under test."""

import importlib.machinery
import importlib.util
import os
import sys
import traceback
import types
from pathlib import Path

import pytest

from tests.support.unwritten import Unwritten

# TensorFlow reads it once, when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TESTS = Path(__file__).parent

# What a stub may raise to end or to skip the tests. Bound before any stub is imported.
_ESCAPES = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, SystemExit)
_Failed = pytest.fail.Exception


def pytest_addoption(parser):
    parser.addoption(
        "--tree", type=Path, default=TESTS.parent / "katas", help="folder of katas to test"
    )


@pytest.fixture(scope="module")
def kata(request):
    """The module under test."""
    import tests.support.replicas  # two logical CPUs, before the first op of all
    import tests.support.sentinels

    path = request.path.relative_to(TESTS)
    tree = request.config.getoption("--tree").resolve()
    before = tests.support.sentinels.snapshot()
    suite = request.module.__dojo_suite__ = tests.support.sentinels.Suite(request.module)
    try:
        module = load(tree, path.parent / f"{path.stem.removeprefix('test_')}.py")
        _refuse_changes(before, suite)
    except _ESCAPES as escape:
        raise _Failed(_escaped(escape), pytrace=False) from escape
    return module


def load(tree, path):
    """Imports tree/path under a name that no other tree shares."""
    name = ".".join([tree.name, *path.with_suffix("").parts])
    loader = _Fresh(name, str(tree / path))
    spec = importlib.util.spec_from_file_location(name, tree / path, loader=loader)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Fresh(importlib.machinery.SourceFileLoader):
    """Reads no cached bytecode: two saves of one length in one second share a time stamp."""

    def get_code(self, fullname):
        return self.source_to_code(self.get_data(self.path), self.path)


@pytest.fixture(params=["eager", "graph", "XLA"])
def mode(request):
    """A function that compiles another: not at all, with tf.function, or with XLA."""
    import tests.support.modes

    return tests.support.modes.MODES[request.param]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Shows an unwritten stub as one line, and lets no stub end or skip a test."""
    if not isinstance(item.funcargs.get("kata"), types.ModuleType):
        return (yield)
    import tests.support.sentinels

    before = tests.support.sentinels.snapshot()
    try:
        result = yield
        _refuse_changes(before, item.module.__dojo_suite__)
        return result
    except tests.support.closeness.BlindTest:
        # A helper that was tampered with finds mistakes hidden everywhere.
        _refuse_changes(before, item.module.__dojo_suite__)
        raise
    except NotImplementedError as todo:
        if not _is_stub(todo, sys.modules[item.funcargs["kata"].__name__].__file__):
            raise
        raise Unwritten(_last_line(todo)) from None
    except _ESCAPES as escape:
        raise _Failed(_escaped(escape), pytrace=False) from escape
    finally:
        tests.support.sentinels.restore()


def _refuse_changes(before, suite):
    import tests.support.sentinels

    if names := tests.support.sentinels.changes(before, suite):
        tests.support.sentinels.restore()
        raise _Failed(f"your file changes what others rely on: {', '.join(names)}", pytrace=False)


def _escaped(escape):
    place = traceback.extract_tb(escape.__traceback__)
    own = [f for f in place if "_pytest" not in f.filename and "pluggy" not in f.filename]
    call = own[-1].line if own else type(escape).__name__
    where = f" (line {own[-1].lineno} of {Path(own[-1].filename).name})" if own else ""
    return f"your file tries to leave the tests: {call}{where}"


def _is_stub(todo, file):
    """TensorFlow and Keras raise NotImplementedError as well: `numpy()` in a graph, old methods."""
    frames = traceback.extract_tb(todo.__traceback__)
    # Under tf.function the stub's frame is quoted in the message, with its line.
    quoted = file in str(todo) and "raise NotImplementedError" in str(todo)
    return frames[-1].filename == file or quoted


def _last_line(error):
    text = str(error).strip().splitlines() or [""]
    return text[-1].strip().removeprefix("NotImplementedError: ")
