"""Which text of a file was checked: a save may come at any moment, also between two reads."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dojo.check.messages import Message, Opened


class Opening:
    """An audit hook that tells which text of the file is compiled, the first time."""

    def __init__(self, source: Path, send: Callable[[Message], None]) -> None:
        self._name = str(source)
        self._send = send
        self._told = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "compile" and not self._told and args[1] == self._name:
            self._told = True
            if isinstance(args[0], bytes):
                self._send(Opened(hashlib.sha256(args[0]).hexdigest()))
