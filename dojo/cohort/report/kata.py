"""A kata's page: which mistakes the group made in it, how often, and who."""

from collections.abc import Sequence

from dojo.cohort.grades import Submission
from dojo.cohort.report import lessons
from dojo.cohort.report.html import Html, joined, table, tag
from dojo.cohort.report.matter import SIGNS, Matter, meter
from dojo.content.asked import asked
from dojo.content.mistakes import FAMILIES

_LONGEST = 160


def kata_page(matter: Matter, kata: str) -> Html:
    """Returns the page of one kata."""
    parts = (_verdicts, _mistakes, _failed_clauses, _unproved)
    sections = (part(matter, kata) for part in parts)
    title = tag("p", asked(kata).title)
    return matter.page(matter.kata_id(kata), "kata", kata, title, *sections)


def _verdicts(matter: Matter, kata: str) -> Html:
    everyone = len(matter.cohort.submissions)
    rows = [
        (f"{SIGNS[verdict]} {verdict}", meter(len(whose), everyone), _who(matter, whose, kata))
        for verdict, whose in matter.cohort.verdicts(kata).items()
    ]
    return table(("how it ended", "", "who"), rows)


def _who(matter: Matter, whose: Sequence[Submission], kata: str) -> Html:
    with_grade = [entry.name for entry in whose if matter.cohort.grade(entry, kata)]
    if len(with_grade) == len(whose):
        return matter.people(with_grade, kata)
    return matter.people([entry.name for entry in whose], "")


def _mistakes(matter: Matter, kata: str) -> Html:
    found = lessons.of_kata(matter.cohort, kata)
    if not found:
        return Html()
    tried = len(lessons.attempts(matter.cohort, kata))
    rows = [
        (
            joined([tag("b", lesson.mistake), tag("p", lesson.symptom, cls="dim")]),
            f"{lesson.family}: {FAMILIES[lesson.family]}" if lesson.family else "",
            meter(len(lesson.whose), tried),
            _who(matter, lesson.whose, kata),
        )
        for lesson in found
    ]
    about = "Of those who wrote something. What it would look like in use stands below each."
    heading = tag("h3", "Mistakes that the numbers prove")
    return joined(
        [heading, tag("p", about, cls="dim"), table(("mistake", "kind", "made by", "who"), rows)]
    )


def _failed_clauses(matter: Matter, kata: str) -> Html:
    failed = matter.cohort.failed_clauses(kata)
    tried = len(lessons.attempts(matter.cohort, kata))
    words = asked(kata).clauses
    rows = [
        (
            f"{number}. {clause}",
            meter(len(failed.get(number, ())), tried),
            _who(matter, failed.get(number, ()), kata),
        )
        for number, clause in words.items()
    ]
    return joined([tag("h3", "Clauses"), table(("clause", "failed by", "who"), rows)])


def _unproved(matter: Matter, kata: str) -> Html:
    """Those whose mistake has no name: what each sees first."""
    rows = []
    for grade in lessons.without_a_cause(matter.cohort, kata):
        shown = grade.shown
        says = "" if shown is None else " ".join(shown.message.split())
        brief = says if len(says) <= _LONGEST else says[: _LONGEST - 1] + "…"
        clause = shown.clause if shown else ""
        rows.append((matter.person(grade.submission, kata), grade.verdict, clause, brief))
    if not rows:
        return Html()
    heading = tag("h3", "Failures without a named mistake")
    return joined([heading, table(("who", "verdict", "clause", "seen first"), rows)])
