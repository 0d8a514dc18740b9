"""How a stub is made: what is asked is taken out, what is given stays as it is."""

import textwrap

import pytest

from dojo.content import stubs
from dojo.content.bugs import Bug

QUESTION = '"""Asked.\n\n    1. One.\n"""\n'
ANSWER = '''\
"""Explained."""

import keras
import tensorflow as tf

# given
LIMIT = 3
# The unit of LIMIT.
UNIT = "s"
HIDDEN = 4


def loss(labels, *, gamma=2.0):
    """Returns the loss."""
    # given
    if gamma < 0:
        raise ValueError("gamma")
    labels = tf.convert_to_tensor(labels)
    # Identity: the body's own remark.
    labels += 1

    first = labels
    for _ in range(3):
        first += _helper(first)
    # given
    return first


def _helper(x):
    return x


# given
@keras.saving.register_keras_serializable(package="katas")
class Loss(keras.losses.Loss):
    """Given whole."""

    def call(self, y_true, y_pred):
        return loss(y_true)


@keras.saving.register_keras_serializable(package="katas")
class Step(keras.optimizers.Optimizer):
    """Asked in part."""

    # given
    def __init__(self, rate):
        super().__init__(rate)
        self.rate = rate

    def update_step(self, gradient, variable, learning_rate):
        """Moves the variable."""
        self._move(variable)

    def _move(self, variable):
        pass

    # given
    def get_config(self):
        return super().get_config() | {"rate": self.rate}
'''
STUB = '''\
"""Asked.

    1. One.
"""

import keras
import tensorflow as tf


# given
LIMIT = 3
# The unit of LIMIT.
UNIT = "s"
HIDDEN = 4


def loss(labels, *, gamma=2.0):
    """Returns the loss."""
    # given
    if gamma < 0:
        raise ValueError("gamma")
    labels = tf.convert_to_tensor(labels)
    # Identity: the body's own remark.
    labels += 1

    raise NotImplementedError("loss")
    # given
    return first


# given
@keras.saving.register_keras_serializable(package="katas")
class Loss(keras.losses.Loss):
    """Given whole."""

    def call(self, y_true, y_pred):
        return loss(y_true)


@keras.saving.register_keras_serializable(package="katas")
class Step(keras.optimizers.Optimizer):
    """Asked in part."""

    # given
    def __init__(self, rate):
        super().__init__(rate)
        self.rate = rate

    def update_step(self, gradient, variable, learning_rate):
        """Moves the variable."""
        raise NotImplementedError("Step.update_step")

    # given
    def get_config(self):
        return super().get_config() | {"rate": self.rate}
'''


def test_given_parts_are_copied_and_asked_ones_emptied():
    assert stubs.make_stub(QUESTION, ANSWER) == STUB


def test_a_class_with_nothing_given_is_shown_without_decorators():
    answer = ANSWER.replace("    # given\n    def", "    def")
    assert "register" not in stubs.make_stub(QUESTION, answer).partition("class Loss")[2]


def test_a_block_of_given_statements_ends_at_a_blank_line():
    answer = ANSWER.replace('UNIT = "s"\nHIDDEN', 'UNIT = "s"\n\nHIDDEN')
    assert "HIDDEN" not in stubs.make_stub(QUESTION, answer)


def test_a_marker_gives_nothing_beyond_its_function():
    """The block of one function does not reach into the next."""
    answer = '"""E."""\n\n\ndef f(x):\n    # given\n    x += 1\n\n\ndef g(x):\n    return x\n'
    made = stubs.make_stub(QUESTION, answer)
    assert "x += 1" in made
    assert made.endswith('def g(x):\n    raise NotImplementedError("g")\n')


def test_a_stub_with_given_parts_is_untouched_but_for_layout_and_remarks():
    assert stubs.is_untouched(STUB, STUB.replace("# given", "# mine"))
    edited = STUB.replace('raise NotImplementedError("Step.update_step")', "pass")
    assert not stubs.is_untouched(STUB, edited)


def test_the_call_of_the_base_class_is_given_in_a_constructor():
    answer = textwrap.dedent('''\
        """E."""


        class Layer:
            def __init__(self, scale):
                super().__init__()
                self.scale = scale
        ''')
    assert stubs.make_stub(QUESTION, answer).endswith(
        "    def __init__(self, scale):\n        super().__init__()\n"
        '        raise NotImplementedError("Layer")\n'
    )


DOUBLE = Bug("doubled", "1", [("first = labels", "first = 2 * labels")], "twice the loss")
LATE = Bug("late", "1", [("range(3)", "range(1, 3)"), ("UNIT", "MEASURE")], "two rounds")


def test_a_program_to_repair_is_the_answer_with_its_bugs_under_the_question():
    stub = stubs.make_broken(QUESTION, ANSWER.replace("# given", "# kept"), [DOUBLE])
    assert stub.startswith('"""Asked.\n\n    1. One.\n"""\n\nimport keras')
    assert "first = 2 * labels" in stub
    assert "def _helper(x):\n    return x\n" in stub
    assert "Explained" not in stub


def test_a_bug_may_have_several_edits_each_of_a_text_that_is_there_once():
    stub = stubs.make_broken(QUESTION, ANSWER, [DOUBLE, LATE])
    assert 'MEASURE = "s"' in stub
    assert "range(1, 3)" in stub
    with pytest.raises(ValueError, match="late: `old` is there 0 times"):
        stubs.make_broken(QUESTION, ANSWER, [LATE, LATE])
    with pytest.raises(ValueError, match="late: `old` is there 2 times"):
        stubs.make_broken(QUESTION, ANSWER + "UNIT\n", [LATE])
