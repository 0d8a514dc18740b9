"""Refuses autodiff where a backward pass is to be written by hand."""

import contextlib
import linecache
import os
import sys
from unittest import mock

import tensorflow as tf

# What all of autodiff passes through; none of it has a public name.
from tensorflow.python.eager import forwardprop, tape
from tensorflow.python.ops import gradients_impl

from tests.support.closeness import mismatch
from tests.support.modes import trace

_TENSORFLOW = os.path.dirname(tf.__file__)


@contextlib.contextmanager
def by_hand(call):
    """Fails where what runs inside asks TensorFlow for a derivative, caught or not.

    A tape that was entered before records on, and may be asked for its gradients inside; so
    may a `tf.custom_gradient`, and a `tf.function` under that tape.

    Args:
        call: What runs inside, as the learner would write it.

    Raises:
        Mismatch: With the learner's line that opened a tape, called `tf.gradients` or the
            like.
    """
    __tracebackhide__ = True
    asked = []

    def refuse(*_, **__):
        __tracebackhide__ = True
        asked.append(_line())
        raise _asked_for(call, asked)

    refused = mock.Mock(_GradientsHelper=refuse)
    with (
        mock.patch.object(tape, "push_new_tape", refuse),
        mock.patch.object(tape, "push_tape", refuse),
        mock.patch.object(forwardprop.ForwardAccumulator, "_push_accumulator", refuse),
        mock.patch.object(gradients_impl, "gradients_util", refused),
    ):
        try:
            yield
        except Exception:
            # Autograph wraps what is raised while it traces.
            if not asked:
                raise
    if asked:
        raise _asked_for(call, asked)


def own_rules(function, *inputs):
    """Returns how many custom gradients a trace of function(*inputs) holds; autodiff has none."""
    graph = trace(function, *inputs).graph.as_graph_def()
    functions = [inner.node_def for inner in graph.library.function]
    rules = [n.attr["_gradient_op_type"].s for nodes in [graph.node, *functions] for n in nodes]
    return sum(rule.startswith(b"CustomGradient") for rule in rules)


def _asked_for(call, asked):
    return mismatch(
        call,
        expected="a backward pass by hand, without autodiff",
        got=asked[0],
        cause="TensorFlow was asked for a derivative",
    )


def _line():
    """The innermost line outside of TensorFlow, what autograph makes, and this file."""
    frame = sys._getframe(1)
    while (file := frame.f_code.co_filename).startswith((_TENSORFLOW, __file__)) or (
        "__autograph_generated_file" in file
    ):
        frame = frame.f_back
    number = frame.f_lineno
    line = linecache.getline(file, number).strip()
    return f"line {number} of {os.path.basename(file)}: {line}"
