"""What a kata's process said, and what that amounts to."""

import signal
from collections.abc import Sequence

from dojo import layout
from dojo.check import messages
from dojo.check.messages import Message
from dojo.proofs import upheld
from dojo.results import Failure, Kind, Outcome, RanTest, Result


class Story:
    """The messages of one process, as far as they have come."""

    def __init__(self, kata: str) -> None:
        self.kata = kata
        self.names: Sequence[str] = ()
        self.tests: list[RanTest] = []
        self.failures: list[Failure] = []
        self.unwritten = 0
        self.current = ""
        self.ended = False
        # Which text it has read: the first one, should it say so twice.
        self.opened = ""
        # Why the process was stopped, if it was.
        self.garbled = self.overdue = self.excess = ""
        self._said: dict[type[Message], str] = {}

    def add(self, message: Message) -> None:
        """Takes one message into account."""
        match message:
            case messages.Ready():
                pass
            case messages.Opened():
                self.opened = self.opened or message.digest
            case messages.Finished():
                self.ended = True
            case messages.Collected():
                self.names = message.names
            case messages.Started():
                self.current = message.test
            case messages.Tested():
                self._add_test(message)
            case messages.Probed():
                self.garbled = "it answers what nobody asked"
            case _:
                self._said.setdefault(type(message), message.reason)

    @property
    def blind(self) -> bool:
        """Whether a test found that its data show nothing, and nothing else is wrong."""
        return messages.Blind in self._said and not self.failures

    @property
    def unfinished(self) -> bool:
        """Whether the process ended before it had said all, and nobody stopped it."""
        return not (self.ended or self.garbled or self.overdue or self.excess)

    def _add_test(self, told: messages.Tested) -> None:
        if told.test != self.current or any(test.name == told.test for test in self.tests):
            self.garbled = f"it reports {told.test}, which does not run now"
        self.tests.append(RanTest(told.test, told.passed, told.seconds))
        failure = told.failure()
        if failure is not None:
            self.failures.append(failure)
            self.unwritten += failure.kind is Kind.UNWRITTEN
        self.current = ""

    def verdict(self, seconds: float, fault: str, status: int | None, where: str) -> Result:
        """Returns what it all amounts to.

        Args:
            seconds: Since the process could begin.
            fault: Why no process can work here, or "".
            status: How the process ended, if it never said `Finished`.
            where: The learner's line in the last stack it wrote, or "".
        """
        outcome, reason = self._outcome(fault, status, where)
        failures = upheld(self.failures)
        if reason is not None:
            late = not self.garbled and (self.overdue or messages.TimedOut in self._said)
            kind = Kind.LATE if late else Kind.BASIC
            why = Failure(self.current, reason, kind=kind)
            failures = [*failures, why] if self.current else [why, *failures]
        return Result(self.kata, outcome, failures, self.tests, self.names, seconds)

    def _outcome(self, fault: str, status: int | None, where: str) -> tuple[Outcome, str | None]:
        said = self._said
        if fault or messages.Broken in said:
            return Outcome.BROKEN, fault or said[messages.Broken]
        if self.garbled:
            return Outcome.WRONG, f"the file meddles with the checker: {self.garbled}{where}"
        if self.excess:
            during = f" in {self.current}" if self.current else ""
            return Outcome.CRASHED, f"{self.excess}{during}{where}"
        if self.overdue or messages.TimedOut in said:
            # What failed before says more than that a later test took too long.
            failed = any(failure.kind is not Kind.LATE for failure in self.failures)
            return Outcome.WRONG if failed else Outcome.TIMED_OUT, self._late(where)
        for kind in (messages.Trespassed, messages.Interrupted):
            if kind in said:
                return Outcome.WRONG, said[kind]
        if not self.ended:
            return Outcome.CRASHED, self._epitaph(status, where)
        return self._of_the_tests()

    def _of_the_tests(self) -> tuple[Outcome, str | None]:
        passed = sum(test.passed for test in self.tests)
        if not self.names:
            suite = layout.shown(layout.test_file(self.kata))
            return Outcome.BROKEN, f"{suite} has no tests"
        # The data of some tests depend on the learner's result: a wrong one may blind them.
        if self.blind:
            return Outcome.BROKEN, self._said[messages.Blind]
        if passed == len(self.names) and not self.failures:
            return Outcome.SOLVED, None
        if not self.failures:
            during = f" in {self.current}" if self.current else ""
            return Outcome.WRONG, f"the tests ended before they were done{during}"
        if self.unwritten == len(self.failures) and not passed:
            return Outcome.NOT_STARTED, None
        return Outcome.WRONG, None

    def _late(self, where: str) -> str | None:
        """Why it is late; None where one of the failures says so already."""
        reason = self._said.get(messages.TimedOut)
        if reason is None:
            during = f" in {self.current}" if self.current else ""
            return f"{self.overdue}{during}{where}"
        return None if any(failure.message == reason for failure in self.failures) else reason

    def _epitaph(self, status: int | None, where: str) -> str:
        during = f" in {self.current}" if self.current else " while the file was imported"
        during = during if self.names else " before the first test"
        if status is not None and status < 0:
            how = f"the process was killed by {signal.Signals(-status).name}"
        else:
            how = f"the process ended with exit status {status}"
        return f"{how}{during}{where}"
