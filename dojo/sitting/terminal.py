"""Whether a screen can be shown here. Apart, so that a refusal comes at once."""

import os
import sys


def no_terminal() -> str:
    """Returns why a screen cannot be shown here, or ""."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "this needs a terminal; input or output is a pipe or a file"
    if os.environ.get("TERM", "dumb") == "dumb":
        return "this needs a terminal that can move its cursor; TERM is dumb or not set"
    return ""
