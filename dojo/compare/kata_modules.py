"""Katas as modules, made from the text that is compared, and what goes wrong in them."""

import functools
import sys
import traceback
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from dojo import layout
from dojo.compare.parts import Part

# By the paths of the katas, such as "losses/focal_loss".
Modules: TypeAlias = Mapping[str, types.ModuleType]


@functools.cache
def load(part: Part) -> types.ModuleType:
    """Returns the kata as a module, from the text that the run's key was made of."""
    if not part.source:
        raise ImportError(part.reason)
    module = types.ModuleType(f"compared_{part.name}")
    module.__file__ = part.path
    sys.modules[module.__name__] = module
    exec(compile(part.source, part.path, "exec"), vars(module))
    return module


def describe(error: BaseException, parts: Sequence[Part] = ()) -> str:
    """Returns one line: what went wrong, and where in the learner's file."""
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {lines[-1].strip()}".removesuffix(": ")[:200]
    own = {part.path for part in parts}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in own]
    place = f", at {layout.shown(Path(frames[-1].filename))}:{frames[-1].lineno}" if frames else ""
    return text + place
