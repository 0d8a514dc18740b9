"""What grading a cohort found: what is derived of it, and results.json."""

import dataclasses
import datetime
import json

import pytest

from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.cohort.results_file import ResultsError, from_json, to_json
from dojo.results import Failure, Kind, Outcome, RanTest, Result

FOCAL, MOMENTUM = "losses/focal_loss", "optimizers/momentum"
SIGN = "these are exactly the numbers of: the wrong sign"


def result(kata, outcome, *failed, cause=None):
    """A verdict of three tests, of which those named fail."""
    names = ("test_1_values", "test_1_gradient", "test_2_bounds")
    tests = tuple(RanTest(name, name not in failed, 0.25) for name in names)
    kind = Kind.PROOF if cause else Kind.BASIC
    failures = tuple(Failure(name, f"{name} fails", cause, "said", kind) for name in failed)
    return Result(kata, outcome, failures, tests, names, 0.5)


@pytest.fixture
def cohort():
    """Ada solves both, one of them oddly; Bob, Cem and Dan fail; Eve handed in half."""
    people = ["ada", "bob", "cem", "dan", "eve"]
    submissions = [
        Submission(name, name.title(), {FOCAL: f"mine = {name!r}\n".encode()}) for name in people
    ]
    submissions[4] = Submission("eve", "Éve", {FOCAL: b"\xff\xfe\n"}, ("no momentum.py",), "e-7")
    wrong, both = Outcome.WRONG, ("test_1_values", "test_2_bounds")
    found = [
        ("ada", result(FOCAL, Outcome.SOLVED)),
        ("bob", result(FOCAL, wrong, "test_2_bounds")),
        ("cem", result(FOCAL, wrong, "test_1_values", cause=SIGN)),
        ("dan", result(FOCAL, wrong, *both, cause=SIGN)),
        ("eve", result(FOCAL, Outcome.NOT_STARTED, *both)),
        ("ada", result(MOMENTUM, Outcome.SOLVED)),
    ]
    grades = [Grade(name, verdict.kata, verdict, (), "mine = 1\n") for name, verdict in found]
    grades[-1] = dataclasses.replace(grades[-1], flags=("line 3 reads the suite",))
    at = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    versions = {"python": "3.13.1"}
    return Cohort("Spring", at, versions, "bubblewrap", (FOCAL, MOMENTUM), submissions, grades)


def names(groups):
    return {key: [submission.name for submission in group] for key, group in groups.items()}


def test_a_flag_turns_solved_into_look_at_it_and_nothing_else(cohort):
    ada = cohort.submissions[0]
    assert cohort.verdict(ada, FOCAL) == "solved"
    assert cohort.verdict(ada, MOMENTUM) == "solved, look at it"
    assert cohort.solved(ada) == 2
    assert [(grade.submission, grade.kata) for grade in cohort.flagged()] == [("ada", MOMENTUM)]
    wrong = dataclasses.replace(cohort.grades[1], flags=("odd",))
    assert wrong.verdict == "wrong"


def test_what_was_not_handed_in_has_no_grade(cohort):
    eve = cohort.submissions[4]
    assert cohort.grade(eve, MOMENTUM) is None
    assert cohort.verdict(eve, MOMENTUM) == "not handed in"
    assert [grade.kata for grade in cohort.of(eve)] == [FOCAL]


def test_a_kata_s_mistakes_name_whose_they_are_the_most_frequent_first(cohort):
    assert names(cohort.mistakes(FOCAL)) == {"the wrong sign": ["cem", "dan"]}
    found = names(cohort.verdicts(FOCAL))
    assert found == {"wrong": ["bob", "cem", "dan"], "solved": ["ada"], "not started": ["eve"]}
    assert next(iter(found)) == "wrong"


def test_clauses_count_where_somebody_tried(cohort):
    assert names(cohort.failed_clauses(FOCAL)) == {"1": ["cem", "dan"], "2": ["bob", "dan"]}


def test_the_failure_shown_is_the_one_that_teaches_most():
    numbers = Failure("test_1_values", "off", kind=Kind.NUMBERS)
    proof = Failure("test_2_bounds", "off", SIGN, kind=Kind.PROOF)
    found = Result(FOCAL, Outcome.WRONG, [numbers, proof])
    assert Grade("ada", FOCAL, found).shown is proof
    assert Grade("ada", FOCAL, Result(FOCAL, Outcome.SOLVED)).shown is None


def frozen(value):
    """The same with tuples for lists, so that == compares the contents."""
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value)(**{f.name: frozen(getattr(value, f.name)) for f in fields})
    return value


def test_what_is_written_is_what_is_read(cohort):
    strange = dataclasses.replace(cohort.grades[0], source="lone \ud800, nul \x00, <script>\u2028")
    whole = dataclasses.replace(cohort, grades=[strange, *cohort.grades[1:]])
    text = to_json(whole)
    assert text.isascii()
    assert from_json(text) == from_json(text.encode()) == frozen(whole)


def test_a_text_stands_in_the_file_once(cohort):
    assert to_json(cohort).count("mine = 1") == 1


def test_other_programs_find_what_is_derived(cohort):
    entry = json.loads(to_json(cohort))["grades"][3]
    assert (entry["verdict"], entry["causes"], entry["shown"]) == ("wrong", ["the wrong sign"], 0)
    assert entry["clauses"] == {"1": "failed", "2": "failed"}


def spoil(change):
    def spoilt(report):
        change(report)
        return json.dumps(report)

    return spoilt


@pytest.mark.parametrize(
    ("says", "change"),
    [
        ("cannot be read", lambda report: "{"),
        ("not what `grade` writes", lambda report: "[]"),
        ("cannot be read", lambda report: "[" * 100_000),
        ("version 2", spoil(lambda report: report.update(version=2))),
        ("'title' is missing", spoil(lambda report: report.pop("title"))),
        ("no text", spoil(lambda report: report.update(title=7))),
        ("isoformat", spoil(lambda report: report.update(at="yesterday"))),
        ("no table", spoil(lambda report: report.update(texts=[]))),
        ("no list", spoil(lambda report: report.update(katas={}))),
        ("NaN is no number", spoil(lambda r: r["grades"][0].update(seconds=float("nan")))),
        ("no number", spoil(lambda report: report["grades"][0].update(seconds=-1))),
        ("no number", spoil(lambda report: report["grades"][0].update(seconds=True))),
        ("not a valid Outcome", spoil(lambda report: report["grades"][0].update(outcome="won"))),
        ("not a valid Kind", spoil(lambda r: r["grades"][1]["failures"][0].update(kind="?"))),
        ("neither", spoil(lambda r: r["grades"][0]["tests"][0].update(passed=1))),
        ("is missing", spoil(lambda report: report["grades"][0].update(source="0" * 64))),
        ("no text", spoil(lambda report: report["grades"][0].update(flags=[["a"]]))),
        ("twice", spoil(lambda report: report["grades"].append(report["grades"][0]))),
        ("twice", spoil(lambda report: report["submissions"].append(report["submissions"][0]))),
        ("twice", spoil(lambda report: report["katas"].append(FOCAL))),
        ("nobody", spoil(lambda report: report["grades"][0].update(submission="zoe"))),
        ("nobody", spoil(lambda report: report["grades"][0].update(kata="losses/giou"))),
    ],
)
def test_what_is_not_its_form_is_refused_in_a_line(cohort, says, change):
    report = json.loads(to_json(cohort))
    with pytest.raises(ResultsError, match=says) as refused:
        from_json(change(report))
    assert "\n" not in str(refused.value)


def test_a_text_longer_than_any_is_refused(cohort):
    report = json.loads(to_json(cohort))
    report["title"] = "x" * 2_000_001
    with pytest.raises(ResultsError, match="no text"):
        from_json(json.dumps(report))
