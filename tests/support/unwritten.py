"""`Unwritten`: a test met what the learner has not written yet."""

import pytest


class Unwritten(pytest.fail.Exception):
    """One line that says which function of the stub is still empty."""

    def __init__(self, what):
        super().__init__(f"not written yet: {what}", pytrace=False)
