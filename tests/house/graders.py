"""Graders that do as the answer says, for tests of what is around grading."""

import os
import time
from pathlib import Path

from dojo.errors import DojoError
from dojo.results import Outcome, Result


class Graded:
    def __init__(self, result, flags=()):
        self.result, self.flags = result, flags


class Obedient:
    """Solved, unless the answer says otherwise; `sleep N` takes N seconds."""

    def __init__(self, folder=None):
        self.folder = Path(folder) if folder else None
        self._note("began")

    def grade(self, kata, answer):
        word, _, rest = answer.decode().strip().partition(" ")
        self._note(f"graded {word}")
        if word == "exit" or (word == "once" and self._first(rest)):
            os._exit(9)
        if word == "raise":
            raise ValueError(rest)
        if word == "refuse":
            raise DojoError(rest)
        if word == "sleep":
            time.sleep(float(rest))
        outcome = Outcome.WRONG if word == "wrong" else Outcome.SOLVED
        return Graded(Result(kata, outcome), [rest] if word == "odd" else [])

    def close(self):
        self._note("closed")

    def _first(self, name):
        try:
            (self.folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _note(self, what):
        if self.folder:
            with (self.folder / "diary").open("a") as diary:
                diary.write(f"{os.getpid()} {what}\n")


class Unable:
    def __init__(self):
        raise DojoError("there is no sandbox here")
