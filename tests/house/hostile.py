"""What a learner's file may do to the checker: source after a right answer, or instead of it.

Each case is (how the file comes about, the outcome, what the reason has to say).
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        outcome: How the kata has to end.
        says: What its first message has to contain; {file} is the file's path.
        append: Source put after the model answer.
        prepend: Source put before it.
        replace: (old, new) text of the model answer.
        content: The whole file as bytes, in place of all that.
    """

    outcome: str
    says: str
    append: str = ""
    prepend: str = ""
    replace: tuple[str, str] = ("", "")
    content: bytes | None = None


_CLIP = "    return clip(x)"
_ENDLESS = "tf.while_loop(lambda i: i >= 0, lambda i: i * 0, [tf.constant(0)])"

# All of them are made from gradients/clip_by_value, whose last line is _CLIP.
CASES = {
    "syntax error": Case("wrong", "{file}:2: SyntaxError", content=b"x = 1\ndef clip(:\n"),
    "import error": Case("wrong", "{file}:1", prepend="import no_such_module"),
    "missing function": Case("wrong", "has no clip_by_value", content=b"import os\n"),
    "renamed function": Case(
        "wrong", "has no clip_by_value", replace=("def clip_by", "def klip_by")
    ),
    "wrong signature": Case(
        "wrong", "TypeError", replace=("(x, clip_min, clip_max):", "(x, clip_min):")
    ),
    "returns None": Case("wrong", "None", replace=(_CLIP, "    clip(x)")),
    "returns NumPy": Case(
        "wrong", "left TensorFlow", replace=(_CLIP, "    return clip(x).numpy()")
    ),
    "returns a float": Case("wrong", "float", replace=(_CLIP, "    return 1.0")),
    "returns the wrong shape": Case("wrong", "shape", replace=(_CLIP, "    return clip(x)[None]")),
    "returns the wrong dtype": Case(
        "wrong", "dtype", replace=(_CLIP, "    return tf.cast(clip(x), tf.float32)")
    ),
    "returns nan": Case("wrong", "nan", replace=(_CLIP, "    return clip(x) * float('nan')")),
    "endless loop in a function": Case(
        "timed out", "{file}:", replace=(_CLIP, "    while True:\n        pass")
    ),
    "endless loop at import": Case("timed out", "{file}:1", prepend="while True: pass"),
    "endless loop in a compiled op": Case(
        "timed out",
        "{file}:",
        replace=(_CLIP, f"    return x + tf.function(lambda: {_ENDLESS})()[0]"),
    ),
    "sys.exit at import": Case("wrong", "sys.exit(0)", append="import sys\nsys.exit(0)"),
    "sys.exit in a function": Case(
        "wrong", "sys.exit(0)", replace=(_CLIP, "    import sys; sys.exit(0)")
    ),
    "os._exit at import": Case("crashed", "exit status 0", append="import os\nos._exit(0)"),
    "os._exit in a function": Case(
        "crashed", "exit status 0", replace=(_CLIP, "    import os; os._exit(0)")
    ),
    "segmentation fault": Case(
        "crashed", "SIGSEGV", replace=(_CLIP, "    import ctypes; ctypes.string_at(0)")
    ),
    "100 MB of output": Case(
        "wrong",
        "expected",
        replace=(_CLIP, "    return clip(x) + 1"),
        append="print('x' * 10**8)",
    ),
    "memory without end": Case(
        "wrong",
        "MemoryError",
        replace=(_CLIP, "    hoard = []\n    while True: hoard.append(bytes(2**28))"),
    ),
    "switches on eager mode": Case(
        "wrong", "run_functions_eagerly", append="tf.config.run_functions_eagerly(True)"
    ),
    "switches the dtype policy": Case(
        "wrong",
        "set_dtype_policy",
        replace=(
            _CLIP,
            "    import keras\n    keras.config.set_dtype_policy('mixed_float16')\n" + _CLIP,
        ),
    ),
    "pytest.skip in a function": Case(
        "wrong", "pytest.skip", replace=(_CLIP, "    import pytest; pytest.skip('no')")
    ),
    "pytest.exit at import": Case(
        "wrong", "pytest.exit", append="import pytest\npytest.exit('bye', 0)"
    ),
    "replaces numpy.testing": Case(
        "wrong",
        "numpy.testing.assert_allclose",
        append="import numpy.testing\nnumpy.testing.assert_allclose = lambda *a, **k: None",
    ),
    "imports the model answer": Case(
        "wrong",
        "model answer",
        content=b"from reference.gradients.clip_by_value import clip_by_value\n",
    ),
    "hides that it imports the model answer": Case(
        "wrong",
        "model answer",
        prepend="try:\n    import reference.gradients.clip_by_value\nexcept OSError:\n    pass",
    ),
    "not UTF-8": Case("wrong", "{file}:2: not UTF-8", content=b"x = 1\ny = '\xff'\n"),
    "empty": Case("wrong", "{file} is empty", content=b""),
    "gone": Case("not started", "{file} is not there", content=None),
}
