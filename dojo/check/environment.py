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
# Its keras.json is Keras' default; the one in the home folder may set anything.
KERAS_HOME = layout.ROOT / ".dojo" / "keras"
# A suite's XLA programs run once and are small: compiling them well takes twice as long.
_XLA = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


def variables() -> dict[str, str]:
    """Returns the environment of the processes that check."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(KERAS_HOME),
        "MPLBACKEND": "Agg",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": _XLA,
    }


def interpreter(module: str, *arguments: str) -> list[str]:
    """Returns the command that calls `main` of a module below dojo, out of anybody's way.

    No PYTHON… variable counts, nor a file keras.py in the folder one happens to be in.
    """
    start = layout.ROOT / "dojo" / "check" / "start.py"
    return [sys.executable, "-E", "-P", "-X", "utf8", str(start), module, *arguments]


def fingerprint() -> str:
    """Returns a digest of all that a warm process has imported, or would inherit.

    Equal digests mean that it would come out the same if it were started now.
    """
    digest = hashlib.sha256(sys.version.encode())
    for name, value in sorted(variables().items()):
        digest.update(f"{name}={value}\n".encode())
    digest.update(repr(_limits()).encode())
    for file in _sources():
        digest.update(str(file).encode())
        digest.update(file.read_bytes())
    for package in sorted(Path(sysconfig.get_path("purelib")).iterdir()):
        # Installers write a new folder for each version.
        if package.suffix == ".dist-info":
            digest.update(f"{package.name} {package.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _limits() -> list[tuple[int, int]]:
    """What `ulimit` says: a process inherits it, and so do its children."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return []
    kinds = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    return [resource.getrlimit(getattr(resource, kind)) for kind in kinds]


def _sources() -> Iterator[Path]:
    """The project's own files that checking imports."""
    yield layout.ROOT / "tests" / "conftest.py"
    yield from sorted((layout.ROOT / "tests" / "support").glob("*.py"))
    yield from sorted((layout.ROOT / "dojo").glob("*.py"))
    for room in ("check", "content", "compare"):
        yield from sorted((layout.ROOT / "dojo" / room).rglob("*.py"))
