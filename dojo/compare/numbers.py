"""The numbers that a run finds, and their form in strict JSON, which has no nan and no inf."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

# By name; of a run that failed, {"error": why}.
Numbers: TypeAlias = dict[str, Any]


def plain(value: Any) -> Any:
    """Returns `value` for strict JSON: nan and inf become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def revive(value: Any) -> Any:
    """Returns what `plain` was given, as dicts, lists and numbers."""
    if isinstance(value, dict):
        return {key: revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revive(item) for item in value]
    return float(value) if value in ("nan", "inf", "-inf") else value
