"""The first page: the matrix of submissions and katas, and where to look first."""

from collections.abc import Iterable, Sequence

from dojo import layout
from dojo.cohort.grades import Submission
from dojo.cohort.report import lessons
from dojo.cohort.report.html import Html, joined, listed, table, tag
from dojo.cohort.report.matter import (
    RANKS,
    SIGNS,
    UNSANDBOXED,
    Matter,
    counted_people,
    meter,
)
from dojo.cohort.similar import Similar
from dojo.content.asked import asked
from dojo.content.mistakes import FAMILIES
from dojo.results import Outcome
from dojo.words import counted

# So many mistakes, and so many clauses, are enough for a lesson.
_LESSONS = 5
# With more katas their names stand upright.
_WIDE = 6


def overview(matter: Matter) -> Html:
    """Returns the first page."""
    cohort = matter.cohort
    warning = Html() if cohort.sandbox else tag("p", UNSANDBOXED, cls="warning")
    parts = [
        (place, heading, content) for place, heading, make in _PARTS if (content := make(matter))
    ]
    links = (tag("a", heading, href=f"#{place}") for place, heading, _ in parts)
    return tag(
        "section",
        tag("h1", cohort.title, tabindex="-1"),
        warning,
        tag("p", _summary(matter)),
        tag("nav", joined(links, " ")),
        *(tag("div", tag("h2", head), content, id=place) for place, head, content in parts),
        tag("p", _made_by(matter), cls="dim"),
        id="cohort",
        cls="page",
    )


def _summary(matter: Matter) -> str:
    cohort = matter.cohort
    wanted = len(cohort.submissions) * len(cohort.katas)
    solved = sum(cohort.solved(submission) for submission in cohort.submissions)
    look = len(cohort.flagged())
    return (
        f"{counted(len(cohort.submissions), 'submission')}, {counted(len(cohort.katas), 'kata')}: "
        f"{solved} of {wanted} answers are right"
        + (f", and a person should look at {counted(look, 'answer')}." if look else ".")
    )


def _made_by(matter: Matter) -> str:
    cohort = matter.cohort
    versions = ", ".join(f"{name} {version}" for name, version in cohort.versions.items())
    held = f"held by {cohort.sandbox}" if cohort.sandbox else "held by nothing"
    return f"Graded {cohort.at:%Y-%m-%d %H:%M %Z}, {held}. {versions}"


def _to_teach(matter: Matter) -> Html:
    """What most people got wrong: by mistake, by kind, and by clause."""
    tried = {kata: len(lessons.attempts(matter.cohort, kata)) for kata in matter.cohort.katas}
    found = lessons.lessons(matter.cohort)
    mistakes = [
        (
            lesson.mistake,
            lesson.family,
            matter.kata(lesson.kata),
            meter(len(lesson.whose), tried[lesson.kata]),
        )
        for lesson in found[:_LESSONS]
    ]
    clauses = [
        (
            f"{clause}. {asked(kata).clauses.get(clause, '')}",
            matter.kata(kata),
            meter(len(whose), tried[kata]),
        )
        for kata, clause, whose in lessons.failed_most(matter.cohort)[:_LESSONS]
    ]
    return joined(
        [
            table(("mistake", "kind", "kata", "made by"), mistakes),
            _kinds(found),
            table(("clause", "kata", "failed by"), clauses),
        ]
    )


def _kinds(found: Sequence[lessons.Lesson]) -> Html:
    kinds = (
        f"{family} ({FAMILIES[family]}): {counted_people(len(whose))}"
        for family, whose in lessons.families(found).items()
    )
    told = "; ".join(kinds)
    return tag("p", f"By kind: {told}.", cls="dim") if told else Html()


def _matrix(matter: Matter) -> Html:
    cohort = matter.cohort
    fixed = [_heading("submission", "text"), _heading("solved"), _heading("look", "number")]
    if matter.has_ids:
        fixed.insert(1, _heading("id", "text"))
    katas = [_kata_heading(matter, kata) for kata in cohort.katas]
    rows = joined(_row(matter, submission) for submission in cohort.submissions)
    cls = "matrix upright" if len(cohort.katas) > _WIDE else "matrix"
    body = tag("table", tag("thead", tag("tr", *fixed, *katas)), tag("tbody", rows), cls=cls)
    signs = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items() if "," not in verdict)
    legend = tag("p", f"{signs}; ", tag("b", "⚑"), " a person should look at it.", cls="dim")
    return joined([_controls(matter), tag("div", body, cls="all"), legend])


def _controls(matter: Matter) -> Html:
    """What sorts and filters; shown where scripts run."""
    tracks = [t for t in layout.TRACKS if any(k.startswith(f"{t}/") for k in matter.cohort.katas)]
    options = [tag("option", "all tracks", value=""), *(tag("option", t, value=t) for t in tracks)]
    return tag(
        "div",
        tag("label", "track ", tag("select", *options, id="track")),
        tag("label", "name ", tag("input", type="search", id="name", autocomplete="off")),
        tag(
            "label", tag("input", type="checkbox", id="look"), " only what a person should look at"
        ),
        tag("output", id="shown"),
        id="controls",
    )


def _heading(label: str, kind: str = "number") -> Html:
    return tag("th", tag("button", label, type="button", data_kind=kind), scope="col")


def _kata_heading(matter: Matter, kata: str) -> Html:
    track, _, name = kata.partition("/")
    button = tag("button", name, type="button", data_kind="number", title=f"sort by {kata}")
    page = tag("a", "page", href=f"#{matter.kata_id(kata)}", title=f"what the group did in {kata}")
    return tag("th", button, " ", page, scope="col", cls=f"kata {track}")


def _row(matter: Matter, submission: Submission) -> Html:
    cohort = matter.cohort
    flags = sum(bool(grade.flags) for grade in cohort.of(submission))
    cells = [tag("th", matter.person(submission.name), scope="row")]
    if matter.has_ids:
        cells.append(tag("td", submission.id))
    cells.append(tag("td", str(cohort.solved(submission)), cls="number"))
    cells.append(tag("td", str(flags or ""), cls="number", data_rank=flags))
    cells += [_cell(matter, submission, kata) for kata in cohort.katas]
    return tag("tr", *cells, cls="look" if flags else False)


def _cell(matter: Matter, submission: Submission, kata: str) -> Html:
    cohort = matter.cohort
    verdict, grade = cohort.verdict(submission, kata), cohort.grade(submission, kata)
    cls = f"kata {kata.partition('/')[0]} {verdict.replace(',', '').replace(' ', '-')}"
    rank = float(RANKS[verdict])
    sign = SIGNS[verdict]
    if grade is None:
        return tag("td", tag("span", sign, title=verdict), cls=cls, data_rank=rank)
    clauses = grade.result.clauses
    passed = sum(state == "passed" for state in clauses.values())
    if grade.result.outcome not in (Outcome.SOLVED, Outcome.NOT_STARTED) and clauses:
        sign = f"{sign} {passed}/{len(clauses)}"
        rank += 1 - passed / (len(clauses) + 1)
    flagged = [tag("b", " ⚑")] if grade.flags else []
    place = matter.grade_id(submission.name, kata)
    told = f"{verdict}, to look at" if grade.flags and "," not in verdict else verdict
    link = tag("a", sign, *flagged, href=f"#{place}", title=told, aria_label=f"{kata}: {told}")
    return tag("td", link, cls=cls, data_rank=f"{rank:.3f}")


def _to_look_at(matter: Matter) -> Html:
    rows = [
        (
            matter.person(grade.submission, grade.kata),
            grade.kata,
            grade.verdict,
            listed(grade.flags),
        )
        for grade in matter.cohort.flagged()
    ]
    return table(("submission", "kata", "verdict", "why"), rows)


def _alike(matter: Matter) -> Html:
    if not matter.alike:
        return Html()
    rows = [_alike_row(matter, number, pair) for number, pair in enumerate(matter.alike, 1)]
    caution = (
        "Places to look, not verdicts: the stub's text and what many wrote are left out, names "
        "and comments do not count. There are few ways to write some answers, and who learnt "
        "from the same page writes alike."
    )
    what = ("kata", "whose", "how alike", "")
    return joined([tag("p", caution), table(what, rows)])


def _alike_row(matter: Matter, number: int, pair: Similar) -> Sequence[str]:
    if pair.second:
        whose = joined(
            [matter.people(pair.first, pair.kata), " and ", matter.people(pair.second, pair.kata)]
        )
        side = tag("a", "side by side", href=f"#s{number}")
        return matter.kata(pair.kata), whose, how_alike(pair), side
    return (
        matter.kata(pair.kata),
        matter.people(pair.first, pair.kata),
        how_alike(pair),
        tag("a", "the text", href=f"#{matter.code_id(pair.first[0], pair.kata)}"),
    )


def how_alike(pair: Similar) -> str:
    """Returns how much two answers share, in words."""
    if not pair.second:
        return "the same text, to the letter"
    lines = sum(last - first + 1 for first, last in pair.first_lines)
    return f"{counted(lines, 'line')}, {pair.share:.0%} of what few others wrote"


def _notes(matter: Matter) -> Html:
    noted = [entry for entry in matter.cohort.submissions if entry.notes]
    rows: Iterable[Sequence[str]] = (
        (matter.person(entry.name), listed(entry.notes)) for entry in noted
    )
    return table(("submission", "what"), rows)


_PARTS = (
    ("teach", "What to teach tomorrow", _to_teach),
    ("matrix", "Submissions", _matrix),
    ("flags", "For a person to look at", _to_look_at),
    ("alike", "Similar answers", _alike),
    ("notes", "What was odd or refused", _notes),
)
