"""What a group's mistakes are about: the traps that they fell into, their families."""

import dataclasses
from collections.abc import Mapping, Sequence

from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.content.traps import Trap, read_traps, traps_file
from dojo.results import FAILING, Outcome


@dataclasses.dataclass(frozen=True)
class Lesson:
    """One mistake that answers to a kata make.

    Attributes:
        kata: Path of the kata.
        mistake: In the words that its makers have seen.
        family: One of `content.mistakes.FAMILIES`, or "" where no trap is the same.
        symptom: What would be noticed of it in use, or "".
        whose: Who made it.
    """

    kata: str
    mistake: str
    family: str
    symptom: str
    whose: Sequence[Submission]


def lessons(cohort: Cohort) -> Sequence[Lesson]:
    """Returns the mistakes proved in all katas, what most people did first."""
    found = [lesson for kata in cohort.katas for lesson in of_kata(cohort, kata)]
    return sorted(found, key=lambda lesson: -len(lesson.whose))


def of_kata(cohort: Cohort, kata: str) -> Sequence[Lesson]:
    """Returns the mistakes proved in answers to one kata, the most frequent first."""
    traps = read_traps(kata) if traps_file(kata).exists() else []
    found = []
    for mistake, whose in cohort.mistakes(kata).items():
        trap = _trap_of(mistake, traps)
        about = (trap.family, trap.symptom) if trap else ("", "")
        found.append(Lesson(kata, mistake, *about, whose))
    return found


def _trap_of(mistake: str, traps: Sequence[Trap]) -> Trap | None:
    """The trap that this is; where several would do, the one that says most."""
    named = [trap for trap in traps if trap.cause and trap.cause in mistake]
    return max(named, key=lambda trap: len(trap.cause), default=None)


def families(found: Sequence[Lesson]) -> Mapping[str, Sequence[Submission]]:
    """Returns family to who made a mistake of it, each person once, the most frequent first."""
    whose: dict[str, dict[str, Submission]] = {}
    for lesson in found:
        for submission in lesson.whose:
            whose.setdefault(lesson.family, {})[submission.name] = submission
    groups = {family: list(people.values()) for family, people in whose.items() if family}
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def failed_most(cohort: Cohort) -> Sequence[tuple[str, str, Sequence[Submission]]]:
    """Returns kata, clause and who failed it, what most people failed first."""
    found = [
        (kata, clause, whose)
        for kata in cohort.katas
        for clause, whose in cohort.failed_clauses(kata).items()
    ]
    return sorted(found, key=lambda entry: -len(entry[2]))


def attempts(cohort: Cohort, kata: str) -> Sequence[Grade]:
    """Returns the grades of those who wrote something."""
    grades = (cohort.grade(submission, kata) for submission in cohort.submissions)
    return [g for g in grades if g is not None and g.result.outcome is not Outcome.NOT_STARTED]


def without_a_cause(cohort: Cohort, kata: str) -> Sequence[Grade]:
    """Returns the grades that fail, and whose numbers prove no mistake."""
    return [
        grade
        for grade in attempts(cohort, kata)
        if grade.result.outcome in FAILING and not grade.causes
    ]
