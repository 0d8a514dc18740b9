"""What a learner's file may do to the checker: source after a right answer, or instead of it.

Each case is (how the file comes about, the outcome, what the reason has to say).
"""

import dataclasses

from dojo import layout


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
        select: A pytest -k expression, where the other tests would only say the same again.
    """

    outcome: str
    says: str
    append: str = ""
    prepend: str = ""
    replace: tuple[str, str] = ("", "")
    content: bytes | None = None
    select: str = ""

    @property
    def is_late(self):
        return self.outcome == "timed out"


_CLIP = "    return clip(x)"
_FIRST = "test_1_"
# Finds the way to the parent, and speaks there.
_SOCKETS = """
import os, stat, socket
def say(data):
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, data)
        except OSError:
            pass
"""
# Also when pytest-timeout's clock runs out: only the parent ends it.
_SILENCE = """
import signal, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)
time.sleep(600)
"""
_ENDLESS = "tf.while_loop(lambda i: i >= 0, lambda i: i * 0, [tf.constant(0)])"


def _forged(says, attack):
    """A wrong answer that reaches into the tests when it is imported."""
    prelude = """
import sys
def reach():
    suite = next(m for n, m in list(sys.modules.items()) if n.endswith('test_clip_by_value'))
"""
    return Case(
        "wrong",
        says,
        replace=(_CLIP, "    return clip(x) + 1"),
        append=f"{prelude}{attack}reach()",
    )


def _trespassing(says, attempt):
    """A right answer that hides what it tried; nothing it names is there."""
    lines = f"import os, pathlib, shutil\nhere = {str(layout.ROOT)!r}\n"
    lines += f"try:\n    {attempt}\nexcept Exception: pass\n"
    return Case("wrong", says, append=lines, select=_FIRST)


# All of them are made from gradients/clip_by_value, whose last line is _CLIP.
CASES = {
    "syntax error": Case("wrong", "{file}:2: SyntaxError", content=b"x = 1\ndef clip(:\n"),
    "import error": Case("wrong", "{file}:1", prepend="import no_such_module"),
    "missing function": Case("wrong", "has no clip_by_value", content=b"import os\n"),
    "renamed function": Case(
        "wrong", "has no clip_by_value", replace=("def clip_by", "def klip_by")
    ),
    "wrong signature": Case(
        "wrong", "TypeError", replace=("(x, clip_min, clip_max):", "(x, clip_min):"), select=_FIRST
    ),
    "returns None": Case("wrong", "None", replace=(_CLIP, "    clip(x)"), select=_FIRST),
    "returns NumPy": Case(
        "wrong", "left TensorFlow", replace=(_CLIP, "    return clip(x).numpy()"), select=_FIRST
    ),
    "returns a float": Case("wrong", "float", replace=(_CLIP, "    return 1.0"), select=_FIRST),
    "returns the wrong shape": Case(
        "wrong", "shape", replace=(_CLIP, "    return clip(x)[None]"), select=_FIRST
    ),
    "returns the wrong dtype": Case(
        "wrong", "dtype", replace=(_CLIP, "    return tf.cast(clip(x), tf.float32)"), select=_FIRST
    ),
    "returns nan": Case(
        "wrong", "nan", replace=(_CLIP, "    return clip(x) * float('nan')"), select=_FIRST
    ),
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
        select=_FIRST,
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
        select=_FIRST,
    ),
    "writes a file of the tests": _trespassing(
        "writes to tests/support/no_such.py, at {file}:",
        "open(here + '/tests/support/no_such.py', 'a')",
    ),
    "writes by a path of bytes": _trespassing(
        "writes to dojo/no_such.py", "os.open(os.fsencode(here) + b'/dojo/no_such.py', os.O_CREAT)"
    ),
    "removes a model answer": _trespassing(
        "removes reference/no_such.py", "pathlib.Path(here, 'reference/no_such.py').unlink()"
    ),
    "renames a suite": _trespassing(
        "renames tests/no_such.py", "os.replace(here + '/tests/no_such.py', 'mine.py')"
    ),
    "puts a file of its own in a suite's place": _trespassing(
        "renames tests/no_such.py",
        "open('mine.py', 'w').close(); os.rename('mine.py', here + '/tests/no_such.py')",
    ),
    "makes a folder in the tool": _trespassing(
        "makes dojo/no_such", "os.makedirs(here + '/dojo/no_such/further')"
    ),
    "removes the record": _trespassing(
        "removes .dojo/no_such", "shutil.rmtree(here + '/.dojo/no_such')"
    ),
    "waits for input": Case(
        "wrong", "waits for input", replace=(_CLIP, "    input('a name? ')\n" + _CLIP)
    ),
    "waits in a debugger": Case(
        "wrong", "waits for input", replace=(_CLIP, "    breakpoint()\n" + _CLIP)
    ),
    "stops itself": Case(
        "wrong",
        "expected",
        replace=(_CLIP, "    return clip(x) + 1"),
        append="import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        select=_FIRST,
    ),
    "stops the warm process": Case(
        "wrong",
        "expected",
        replace=(_CLIP, "    return clip(x) + 1"),
        append="import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
        select=_FIRST,
    ),
    "kills itself": Case(
        "crashed", "SIGKILL", append="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    ),
    "a message of the wrong form": Case(
        "wrong", "meddles with the checker", append=_SOCKETS + "say(b'[\"Tested\", 7]\\n')"
    ),
    "a pickle": Case(
        "wrong",
        "meddles with the checker",
        append=_SOCKETS + "import pickle\nsay(pickle.dumps(('finished', 0)) + b'\\n')",
    ),
    "messages without end": Case(
        "wrong", "meddles with the checker", append=_SOCKETS + "while True: say(b'x' * 2**16)"
    ),
    "half a message, and then nothing": Case(
        "timed out",
        "stopped after",
        append=_SOCKETS + 'say(b\'["Broken", "and\')\n' + _SILENCE,
    ),
    "a pipe in the place of its log": Case(
        "timed out",
        "stopped after",
        append="import os\nos.remove('log'); os.mkfifo('log')\n" + _SILENCE,
    ),
    "a device in the place of its log": Case(
        "crashed",
        "exit status 0",
        append="import os\nos.remove('log'); os.symlink('/dev/zero', 'log')\nos._exit(0)",
    ),
    "a lone surrogate in a message": Case("wrong", "\\udcff", append="raise ValueError('\\udcff')"),
    "an exception called as the suite's own": Case(
        "wrong",
        "BlindTest",
        replace=(
            _CLIP,
            "    class BlindTest(Exception): unwritten = True\n    raise BlindTest('me')",
        ),
    ),
    "the suite's own exception": Case(
        "wrong",
        "BlindTest",
        replace=(
            _CLIP,
            "    from tests.support.closeness import BlindTest\n    raise BlindTest('me')",
        ),
    ),
    "an exception that cannot be printed": Case(
        "wrong",
        "{file}:",
        replace=(
            _CLIP,
            "    class E(Exception):\n        def __str__(self): raise RuntimeError\n    raise E",
        ),
    ),
    "an exception that takes for ever to print": Case(
        "timed out",
        "stopped",
        replace=(
            _CLIP,
            "    class E(Exception):\n        def __str__(self):\n            while True: pass\n"
            "    raise E",
        ),
    ),
    "numpy() of a variable where there is a graph only": Case(
        "wrong",
        "NotImplementedError: numpy() is only available when eager",
        replace=(
            _CLIP,
            "    [b.numpy() for b in bounds if isinstance(b, tf.Variable)]\n    return clip(x)",
        ),
    ),
    "recursion without end": Case(
        "wrong",
        "RecursionError",
        replace=(_CLIP, "    return clip_by_value(x, clip_min, clip_max)"),
    ),
    "replaces a name of the suite": _forged(
        "rely on", "    suite.assert_gradient = lambda *a, **k: None\n"
    ),
    "changes the suite's data": _forged(
        "rely on",
        "    for v in vars(suite).values():\n        if type(v).__name__ == 'ndarray': v.fill(0)\n",
    ),
    "rewrites the code of a helper": _forged(
        "rely on",
        "    import tests.support.closeness as c\n"
        "    c.assert_close.__code__ = (lambda *a, **k: None).__code__\n",
    ),
    "rewrites the method of a helper's class": _forged(
        "rely on",
        "    import tests.support.closeness as c\n    c.Tolerance.same = lambda *a: True\n",
    ),
    "rewrites pytest's call of a test": _forged(
        "tampered",
        "    import _pytest.python as p, tests.support.sentinels as s\n"
        "    s._CODE.clear()\n"
        "    p.pytest_pyfunc_call.__code__ = (lambda pyfuncitem: True).__code__\n",
    ),
    "replaces a builtin": _forged(
        "rely on", "    import builtins\n    builtins.any = lambda *a: False\n"
    ),
    "blinds the sentinels": _forged(
        "tampered",
        "    import tests.support.sentinels as s, tests.support.closeness as c\n"
        "    s._CODE.clear(); s._ORIGINALS.clear(); s.Suite.changes = lambda *a: []\n"
        "    c.assert_close.__code__ = (lambda *a, **k: None).__code__\n",
    ),
    "says that all has passed, and leaves": Case(
        "wrong",
        "tampered",
        replace=(_CLIP, "    return clip(x) + 1"),
        append=_SOCKETS
        + """
import json, re
from dojo import layout
text = layout.test_file('gradients/clip_by_value').read_text()
import sys
frame = sys._getframe()
while frame and 'session' not in frame.f_locals:
    frame = frame.f_back
names = [item.name for item in frame.f_locals['session'].items]
for name in names:
    say(json.dumps(['Started', name]).encode() + b'\\n')
    tested = ['Tested', name, True, 0.1, None, None, '', 'basic', False, []]
    say(json.dumps(tested).encode() + b'\\n')
say(b'["Finished"]\\n')
import os
os._exit(0)
""",
    ),
    "not UTF-8": Case("wrong", "{file}:2: not UTF-8", content=b"x = 1\ny = '\xff'\n"),
    "nested too deeply": Case(
        "wrong", "{file}:1: an expression is nested", content=b"x = " + b"-" * 100_000 + b"1\n"
    ),
    "empty": Case("wrong", "{file} is empty", content=b""),
    "gone": Case("not started", "{file} is not there", content=None),
}
