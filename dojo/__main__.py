"""`python -m dojo`, by any Python: it goes on in the project's own environment."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
# Set for the way from one interpreter to the other, so that it is gone only once.
ON_THE_WAY = "DOJO_ON_THE_WAY"
SET_UP = """This makes it, and checks your answers:

    python -m pip install "nox[uv]" && nox -s check"""
SET_UP_PACK = """This makes it:

    python3 -m venv .venv && .venv/bin/python -m pip install -r requirements.txt"""


def enter_environment() -> None:
    """Replaces this interpreter by the project's, where that exists and is another."""
    arrived = os.environ.pop(ON_THE_WAY, None)
    if arrived or os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        return
    if os.path.exists(PYTHON):
        os.environ[ON_THE_WAY] = "1"
        sys.stdout.flush()
        os.execv(PYTHON, [PYTHON, "-m", "dojo", *sys.argv[1:]])


def main() -> int:
    """Runs the command line, or says how to set up what it needs."""
    enter_environment()
    try:
        import rich  # noqa: F401
    except ImportError:
        # As `layout.is_pack`: a take-home has no nox.
        pack = os.path.exists(os.path.join(ROOT, "manifest.json"))
        sys.exit(f"dojo: there is no .venv yet. {SET_UP_PACK if pack else SET_UP}")
    from dojo.cli import main as run

    return run()


# Processes that multiprocessing starts import this file again, under another name.
if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        import gc

        # The end of the process frees it all: a search for cycles before it takes 0.1 s or more.
        gc.freeze()
