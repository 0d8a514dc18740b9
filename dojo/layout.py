"""Where things are: the project's folders, and the trees that mirror each other."""

import contextlib
import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
KATAS = ROOT / "katas"
REFERENCE = ROOT / "reference"
# Where rounds of debugging put what is to be repaired.
DEBUG = ROOT / "debug"
TESTS = ROOT / "tests"
SUPPORT = TESTS / "support"
QUESTIONS = ROOT / "QUESTIONS.md"
# Of a take-home, which holds a few katas and no answers (`dojo.cohort.pack` makes it).
MANIFEST = ROOT / "manifest.json"
PACKED_STUBS = ROOT / "dojo" / "stubs"

LEVELS = ("screen", "mid", "senior", "staff")
# How often interviews ask it, most often first.
ASKED = ("often", "sometimes", "rarely")
TRACKS = ("gradients", "losses", "metrics", "optimizers", "training", "repair")
# The track whose stubs run and are wrong.
REPAIR = "repair"


def state_folder() -> Path:
    """Returns the folder of the learner's record and archive: .dojo, or $DOJO_HOME."""
    return Path(os.environ.get("DOJO_HOME") or ROOT / ".dojo")


def is_pack() -> bool:
    """Returns whether this is a take-home, and not the whole project."""
    return MANIFEST.is_file()


def test_file(kata: str) -> Path:
    """Returns tests/losses/test_focal_loss.py for "losses/focal_loss"."""
    track, name = kata.split("/")
    return TESTS / track / f"test_{name}.py"


def cost_file(kata: str) -> Path:
    """Returns tests/costs/losses/focal_loss.py for "losses/focal_loss": it may not be there."""
    return TESTS / "costs" / f"{kata}.py"


def source_file(kata: str, tree: Path) -> Path:
    """Returns tree/losses/focal_loss.py for "losses/focal_loss"."""
    return tree / f"{kata}.py"


def shown(path: Path) -> str:
    """Returns a path as the learner would type it."""
    bases = [ROOT]
    # Their folder may have been deleted meanwhile.
    with contextlib.suppress(OSError):
        bases.insert(0, Path.cwd())
    for base in bases:
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
