"""A pytest plugin that runs no more of a suite than it takes to know what a mistake looks like."""

import pytest

from dojo.check.messages import Message, Tested
from dojo.results import Failure
from dojo.shown import is_certain, place


class Aim:
    """Two questions: which failure is shown, and whether a clause rejects the answer."""

    def __init__(self, clause: str, cause: str) -> None:
        """
        Args:
            clause: Number of the clause that has to reject it.
            cause: Words of the cause that one of its failures has to name, or "".
        """
        self._clause = clause
        self._cause = cause
        self._failures: list[Failure] = []

    def hear(self, message: Message) -> None:
        """Learns what a test has found."""
        failure = message.failure() if isinstance(message, Tested) else None
        if failure is not None:
            self._failures.append(failure)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # In this order a failure that is certain to be shown hides what comes later.
        items.sort(key=lambda item: place(item.name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Passes over a test that answers neither question."""
        if not is_certain(self._failures):
            return None
        wanted = item.name.startswith(f"test_{self._clause}_") and not self._rejected()
        return None if wanted else True

    def _rejected(self) -> bool:
        own = [failure for failure in self._failures if failure.clause == self._clause]
        return any(self._cause in (failure.cause or "") for failure in own)
