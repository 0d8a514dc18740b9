"""The environment that answers are checked in: of our own making, the same for everybody.

What a learner's shell, keras.json or PYTHONPATH sets must not change a verdict.
"""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from dojo import layout

# Of the learner's own: where things are and how text is written, and nothing that any of
# TensorFlow, Keras, XLA, NumPy or pytest reads.
_KEPT = ("HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
# A suite's XLA programs run once and are small: compiling them well takes twice as long.
_XLA = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


def variables() -> dict[str, str]:
    """Returns the environment of the processes that check."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        # Its keras.json is Keras' default; the one in the home folder may set anything.
        "KERAS_HOME": str(layout.ROOT / ".dojo" / "keras"),
        "MPLBACKEND": "Agg",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": _XLA,
    }


def interpreter(module: str, *arguments: str) -> list[str]:
    """Returns the command that calls `main` of a module below dojo, out of anybody's way.

    No PYTHON… variable counts, and the project's folder stands last on the import path: a
    file keras.py in it, or in the folder one happens to be in, hides nothing.
    """
    start = (
        "import sys; sys.path.append(sys.argv.pop(1)); "
        f"from {module} import main; main(sys.argv[1:])"
    )
    return [sys.executable, "-E", "-P", "-X", "utf8", "-c", start, str(layout.ROOT), *arguments]


def fingerprint() -> str:
    """Returns a digest of all that a warm process has imported, or would inherit.

    Equal digests mean that it would come out the same if it were started now.
    """
    digest = hashlib.sha256(sys.version.encode())
    for name, value in sorted(variables().items()):
        digest.update(f"{name}={value}\n".encode())
    for file in _sources():
        digest.update(str(file).encode())
        digest.update(file.read_bytes())
    for package in sorted(Path(sysconfig.get_path("purelib")).iterdir()):
        # Installers write a new folder for each version.
        if package.suffix == ".dist-info":
            digest.update(f"{package.name} {package.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    """The project's own files that checking imports."""
    yield layout.ROOT / "tests" / "conftest.py"
    yield from sorted((layout.ROOT / "tests" / "support").glob("*.py"))
    yield from sorted((layout.ROOT / "dojo").glob("*.py"))
    for room in ("check", "content", "compare"):
        yield from sorted((layout.ROOT / "dojo" / room).rglob("*.py"))
