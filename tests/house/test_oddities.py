"""What is odd in an answer is named with its line; what is honest is not."""

import pytest

from dojo import layout
from dojo.cohort.oddities import oddities
from dojo.content import catalogue
from tests.house.hostile import CASES
from tests.house.test_hostile import ANSWER, file_of

KATAS = [kata.path for kata in catalogue.select([])]
MODEL = ANSWER.encode()
# It keeps its state in files, by other means than the model answer.
WRITES_FILES = "training/exact_resume"


@pytest.mark.parametrize("tree", ["second", "stub"])
def test_honest_answers_have_none(tree):
    folder = layout.TESTS / "second" if tree == "second" else layout.KATAS
    found = {kata: odd_of(kata, layout.source_file(kata, folder)) for kata in KATAS}
    odd = {kata: lines for kata, lines in found.items() if lines}
    assert set(odd) == ({WRITES_FILES} if tree == "second" else set())
    assert len(KATAS) > 50


def odd_of(kata, file):
    model = layout.source_file(kata, layout.REFERENCE).read_bytes()
    return oddities(file.read_bytes(), model) if file.exists() else []


FORGED = [name for name, case in CASES.items() if "def reach():" in case.append]
FORGED += ["says that all has passed, and leaves", "replaces numpy.testing", "a pickle"]


@pytest.mark.parametrize("name", FORGED)
def test_what_forges_has_some(name):
    assert oddities(file_of(CASES[name]), MODEL) != []


@pytest.mark.parametrize(
    "line",
    [
        "import sys",
        "from os import path",
        "import tensorflow.python.eager as e, gc",
        "from keras import src",
        "from numpy import _core",
        "tf.constant = None",
        "del tf.nn.softplus",
        "setattr(tf, 'constant', None)",
        "getattr(tf, 'con' + 'stant')",
        "getattr(tf, '__loader__')",
        "tf._api",
        "clip_by_value.__code__",
        "clip_by_value.__globals__",
        "().__class__.__base__.__subclasses__()",
        "(x for x in []).gi_frame",
        "exec('1')",
        "find = getattr",
        "operator.attrgetter('f')",
        "NAME = '__globals__'",
        "typing.get_type_hints(clip_by_value)",
        "__import__('os')",
        "open('/etc/passwd')",
        "np.ctypeslib",
        "tf.io.gfile.glob('*')",
        "tf.raw_ops.ReadFile(filename='x')",
    ],
)
def test_each_way_out_is_named_with_its_line(line):
    (found,) = oddities(f"{ANSWER}{line}\n".encode(), MODEL)
    assert found.startswith(f"line {len(ANSWER.splitlines()) + 1}: ")


def test_what_is_no_python_has_none():
    assert oddities(b"x = " + b"-" * 100_000 + b"1", MODEL) == oddities(b"x = (", MODEL) == []


def test_depth_hides_nothing():
    chain = f"import os\nx = tf{'.nn' * 900}\n"
    assert oddities((chain + ANSWER).encode(), MODEL)[0].startswith("line 1: imports os")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"# coding: utf-7\n# +AAo-import os\n", "line 1: the encoding utf-7"),
        (b"\xef\xbb\xbfimport os\n", "line 1: imports os"),
        ("x = 1  # \u202e tluafed eht\n".encode(), "line 1: a character that is not seen"),
        (b"# a comment\rimport os\n", "line 2: imports os"),
    ],
)
def test_what_is_not_read_as_it_runs_is_named(text, says):
    assert [line for line in oddities(text, MODEL) if line.startswith(says)]
