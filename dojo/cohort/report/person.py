"""A person's page: each kata's clauses, the failure as they see it, and their file."""

import io
import re
from collections.abc import Sequence

from rich.console import Console

from dojo.check import scoreboard
from dojo.cohort.grades import NOT_HANDED_IN, Grade, Submission
from dojo.cohort.report.html import Html, joined, listed, tag, text
from dojo.cohort.report.matter import MOST_NAMES, SIGNS, Matter, counted_people
from dojo.cohort.report.overview import how_alike
from dojo.content.asked import asked
from dojo.results import Outcome, Result
from dojo.words import counted

_LABEL = re.compile(r"^  (expected|got|worst|first|in all|cause|also proved:)(?= )", re.MULTILINE)


def person_page(matter: Matter, submission: Submission) -> Html:
    """Returns the page of one submission."""
    cohort = matter.cohort
    name, person = submission.name, submission.person
    told = [f"{cohort.solved(submission)} of {counted(len(cohort.katas), 'kata')} solved"]
    told += [f"id {submission.id}"] if submission.id else []
    told += [f"handed in as {name}"] if name != person else []
    return matter.page(
        matter.person_id(name),
        "person",
        person,
        tag("p", " · ".join(told)),
        listed(submission.notes, cls="notes"),
        *(_kata(matter, submission, kata) for kata in cohort.katas),
        _neighbours(matter, submission),
    )


def _neighbours(matter: Matter, submission: Submission) -> Html:
    earlier, later = matter.neighbours(submission.name)
    before = [joined(["← ", matter.person(entry.name)]) for entry in earlier]
    after = [joined([matter.person(entry.name), " →"]) for entry in later]
    return tag("p", joined([*before, *after], " · "), cls="neighbours")


def _kata(matter: Matter, submission: Submission, kata: str) -> Html:
    grade = matter.cohort.grade(submission, kata)
    place = matter.grade_id(submission.name, kata)
    verdict = NOT_HANDED_IN if grade is None else grade.verdict
    heading = tag("h3", f"{SIGNS[verdict]} {verdict}  ", matter.kata(kata))
    if grade is None:
        return tag("article", heading, id=place)
    parts = [_clauses(grade.result), _flags(grade), _failure(grade), _likenesses(matter, grade)]
    return tag("article", heading, *parts, _source(matter, grade), id=place)


def _clauses(result: Result) -> Html:
    """The numbers of those passed; those failed in their own words."""
    if result.outcome is Outcome.NOT_STARTED or not result.clauses:
        return Html()
    words = asked(result.kata).clauses
    passed = [number for number, state in result.clauses.items() if state == "passed"]
    failed = [number for number, state in result.clauses.items() if state == "failed"]
    right = tag("p", f"✓ clauses passed: {', '.join(passed)}", cls="passed") if passed else Html()
    items = (f"✗ {number}. {words.get(number, '')}" for number in failed)
    return joined([right, listed(items, cls="failed")])


def _flags(grade: Grade) -> Html:
    if not grade.flags:
        return Html()
    return tag(
        "div", tag("p", tag("b", "⚑ For a person to look at")), listed(grade.flags), cls="flags"
    )


def _failure(grade: Grade) -> Html:
    """What `check` prints of it, to the letter."""
    result = grade.result
    if not result.failures or result.outcome is Outcome.NOT_STARTED:
        return Html()
    screen = io.StringIO()
    scoreboard.failure(Console(file=screen, width=100, highlight=False, no_color=True), result)
    seen = text(screen.getvalue().rstrip())
    marked = Html(_LABEL.sub(r"  <b>\1</b>", seen))
    return tag("pre", marked, cls="failure")


def _likenesses(matter: Matter, grade: Grade) -> Html:
    found = matter.alike_by_place.get((grade.submission, grade.kata), ())
    items = []
    for number, pair in found:
        place = f"s{number}" if pair.second else matter.code_id(pair.first[0], pair.kata)
        others = [name for name in (*pair.first, *pair.second) if name != grade.submission]
        link = tag("a", how_alike(pair), href=f"#{place}")
        # All of them on the page of each would grow with the square of the cohort.
        few = len(others) <= MOST_NAMES
        whose = matter.people(others, grade.kata) if few else counted_people(len(others))
        items.append(joined(["like ", whose, ": ", link]))
    return listed(items, cls="alike")


def _source(matter: Matter, grade: Grade) -> Html:
    if matter.sources.is_stub(grade.kata, grade.source):
        return tag("p", "The file is the stub, as handed out.", cls="dim")
    shared = matter.sources.anchor(grade.kata, grade.source)
    if shared:
        # The script puts the text here when it is opened.
        content = tag("p", tag("a", "the text", href=f"#{shared}"), data_from=shared)
    else:
        content = matter.sources.code(grade.kata, grade.source)
    return tag("details", tag("summary", "the file"), content, cls="source")


def text_pages(matter: Matter) -> Sequence[Html]:
    """Returns a page for each text that several handed in."""
    return [
        matter.page(
            name,
            "text",
            f"One text of {counted(len(whose), 'submission')}: {kata}",
            tag("p", joined((matter.person(other, kata) for other in whose), ", ")),
            matter.sources.code(kata, source),
        )
        for name, kata, source, whose in matter.sources.shared()
    ]


def pair_pages(matter: Matter) -> Sequence[Html]:
    """Returns a page for each two texts that are alike, side by side."""
    pages = []
    for number, pair in enumerate(matter.alike, 1):
        if pair.second:
            sides = (
                _side(matter, pair.kata, whose, lines, matter.code_id(whose[0], pair.kata))
                for whose, lines in (
                    (pair.first, pair.first_lines),
                    (pair.second, pair.second_lines),
                )
            )
            title = f"{pair.kata}: {how_alike(pair)}"
            pages.append(matter.page(f"s{number}", "pair", title, tag("div", *sides, cls="sides")))
    return pages


def _side(
    matter: Matter, kata: str, whose: Sequence[str], lines: Sequence[tuple[int, int]], place: str
) -> Html:
    spans = ", ".join(f"{a}–{b}" if a < b else str(a) for a, b in lines)
    return tag(
        "div",
        tag("h3", matter.people(whose, kata)),
        tag("p", f"alike: lines {spans}"),
        tag("p", tag("a", "the file", href=f"#{place}"), data_from=place, data_lines=spans),
    )
