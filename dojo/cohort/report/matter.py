"""What all parts of the page share: the cohort, and where in the page each thing stands."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from dojo.cohort.grades import LOOK_AT_IT, NOT_HANDED_IN, Cohort, Submission
from dojo.cohort.report.html import Html, joined, tag
from dojo.cohort.report.sources import Sources
from dojo.cohort.similar import Similar
from dojo.results import Outcome

# The sign of each verdict, and its rank: a column is sorted by it.
SIGNS = {
    Outcome.SOLVED: "✓",
    f"{Outcome.SOLVED}, {LOOK_AT_IT}": "✓",
    Outcome.WRONG: "✗",
    Outcome.CRASHED: "!",
    Outcome.TIMED_OUT: "!",
    Outcome.BROKEN: "?",
    Outcome.NOT_STARTED: "·",
    NOT_HANDED_IN: "–",
}
RANKS = {verdict: rank for rank, verdict in enumerate(SIGNS)}
UNSANDBOXED = (
    "Graded without a sandbox: each file could read and change what the grader's account can, "
    "other submissions and these verdicts included."
)
# So many names are shown at once; more are folded.
MOST_NAMES = 8


@dataclasses.dataclass(frozen=True)
class Matter:
    """What the page is made of.

    Attributes:
        cohort: What was found.
        sources: The files.
        alike: Answers that are alike.
    """

    cohort: Cohort
    sources: Sources
    alike: Sequence[Similar]

    @cached_property
    def _people(self) -> Mapping[str, tuple[int, Submission]]:
        return {entry.name: (i, entry) for i, entry in enumerate(self.cohort.submissions, 1)}

    @cached_property
    def _katas(self) -> Mapping[str, int]:
        return {kata: number for number, kata in enumerate(self.cohort.katas, 1)}

    @cached_property
    def alike_by_place(self) -> Mapping[tuple[str, str], Sequence[tuple[int, Similar]]]:
        """Submission's name and kata to the number and the pair of what is like it."""
        found: dict[tuple[str, str], list[tuple[int, Similar]]] = {}
        for number, pair in enumerate(self.alike, 1):
            for name in (*pair.first, *pair.second):
                found.setdefault((name, pair.kata), []).append((number, pair))
        return found

    @cached_property
    def has_ids(self) -> bool:
        return any(submission.id for submission in self.cohort.submissions)

    def person_id(self, name: str) -> str:
        return f"p{self._people[name][0]}"

    def kata_id(self, kata: str) -> str:
        return f"k{self._katas[kata]}"

    def grade_id(self, name: str, kata: str) -> str:
        return f"{self.person_id(name)}-{self.kata_id(kata)}"

    def code_id(self, name: str, kata: str) -> str:
        """Returns the id of the element that holds the text of an answer that was graded."""
        grade = self.cohort.grade(self._people[name][1], kata)
        shared = grade is not None and self.sources.anchor(kata, grade.source)
        return shared or self.grade_id(name, kata)

    def neighbours(self, name: str) -> tuple[Sequence[Submission], Sequence[Submission]]:
        """Returns the submission before it and the one after, each none or one."""
        after = self._people[name][0]
        everyone = self.cohort.submissions
        return everyone[max(after - 2, 0) : after - 1], everyone[after : after + 1]

    def person(self, name: str, kata: str = "") -> Html:
        """Returns a link to a person's page, or to one kata on it."""
        place = self.grade_id(name, kata) if kata else self.person_id(name)
        return tag("a", self._people[name][1].person, href=f"#{place}")

    def kata(self, kata: str) -> Html:
        return tag("a", kata, href=f"#{self.kata_id(kata)}")

    def people(self, names: Iterable[str], kata: str) -> Html:
        """Returns links to what each wrote; many are folded."""
        links = [self.person(name, kata) for name in names]
        all_of_them = joined(links, ", ")
        if len(links) <= MOST_NAMES:
            return all_of_them
        return tag("details", tag("summary", f"{len(links)} people"), all_of_them)

    def page(self, name: str, cls: str, title: str, *content: str) -> Html:
        """Returns one page: a section that is shown alone."""
        back = tag("p", tag("a", "← all submissions", href="#cohort"), cls="back")
        head = tag("h2", title, tabindex="-1")
        warning = Html() if self.cohort.sandbox else tag("p", UNSANDBOXED, cls="warning")
        return tag("section", back, head, warning, *content, id=name, cls=f"page {cls}")


def counted_people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def meter(part: int, whole: int) -> Html:
    """Returns a bar, with its numbers beside it."""
    bar = tag("meter", value=part, max=max(whole, 1), aria_hidden="true")
    return tag("span", bar, f" {part} of {whole}", cls="counted")
