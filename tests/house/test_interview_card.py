"""dojo.sitting.scorecard: each word can be computed again from the card, and says no more."""

import dataclasses
import datetime
import re

import pytest

from dojo import cli, layout
from dojo.content.document import read_document
from dojo.record.attempts import GIVEN_UP, LEFT, SOLVED, TIME_UP, Entry
from dojo.sitting import interview_report, scorecard
from dojo.sitting.interview_plan import InterviewOptions, minutes_of
from dojo.sitting.interview_record import Answer, Found, Further, Interview, Trial
from dojo.sitting.round_report import Said
from dojo.sitting.scorecard import NOT_SEEN, Row

DOCUMENT = read_document()
KATAS = [kata for kata in DOCUMENT.katas if kata.minutes == 12][:2]
ASKED = [question for question in DOCUMENT.questions if question.level == "mid"][:3]
NOW = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)


def trial(share=0.5, outcome=SOLVED, *, hints=0, passed=0, total=0, causes=(), kata=KATAS[0]):
    seconds = share * kata.minutes * 60
    entry = Entry(kata.path, kata.minutes, 1, 0.0, 1, seconds, outcome, 1, hints, causes)
    return Trial(entry, None, "", passed, total)


def found(outcome=SOLVED, picked="sign", share=0.5):
    entry = dataclasses.replace(trial(share, outcome).entry, minutes=4.0)
    return Found(entry, Said("", picked, "sign"), None)


def answer(question=ASKED[0], ticked=(), *, share=0.5, answered=None, asked=True):
    further = Further(question.follow_ups[0], "", 20.0, answered) if asked else None
    seconds = share * minutes_of(question) * 60
    return Answer(question, "", seconds, None if ticked is None else list(ticked), None, further)


def held(*done, level="mid", kind="classic"):
    options = InterviewOptions(45, "", level, layout.KATAS, kind)
    interview = Interview(options, [], NOW)
    interview.done = list(done)
    return interview


def every(question):
    return range(1, len(question.points) + 1)


def rows(interview):
    return {row.name: row for row in scorecard.rows_of(interview)}


def test_where_nothing_was_recorded_there_is_no_word():
    assert {row.word for row in scorecard.rows_of(held())} == {NOT_SEEN}
    # Answered, but not judged: ended before the ticks.
    silent = held(answer(ticked=None))
    assert {row.word for row in scorecard.rows_of(silent)} == {NOT_SEEN}
    assert "## Strengths" not in scorecard.scorecard(silent)
    assert "## Work on" not in scorecard.scorecard(silent)


def test_a_glance_at_a_kata_is_not_seen_but_giving_up_is():
    entry = dataclasses.replace(trial(0.01, LEFT).entry, checks=0)
    assert rows(held(Trial(entry, None, "")))["Correctness"].word == NOT_SEEN
    assert rows(held(Trial(entry, None, "")))["Speed"].word == NOT_SEEN
    assert scorecard.work_on(held(Trial(entry, None, ""))) == []
    gave_up = dataclasses.replace(entry, outcome=GIVEN_UP)
    assert rows(held(Trial(gave_up, None, "")))["Correctness"].word == "weak"


@pytest.mark.parametrize(
    ("points", "of", "word"),
    [
        (9, 10, "strong"),
        (0.33, 1, "mixed"),
        (0.32, 1, "weak"),
        (8.9, 10, "solid"),
        (2, 3, "solid"),
        (1.9, 3, "mixed"),
        (1, 3, "mixed"),
    ]
    + [(0.9, 3, "weak"), (0, 3, "weak")],
)
def test_a_word_is_a_share_of_the_points(points, of, word):
    assert Row("", points, of).word == word


@pytest.mark.parametrize(
    ("done", "points"),
    [
        (trial(), 1),
        (trial(1.5), 1),
        (trial(hints=2), 0.5),
        (trial(outcome=TIME_UP, passed=6, total=9), 1 / 3),
        (trial(outcome=LEFT), 0),
        (found(), 1),
        (found(picked=""), 0.5),
        (found(GIVEN_UP), 0.5),
        (found(TIME_UP, "mask"), 0),
    ],
)
def test_correctness_of_one_part(done, points):
    row = rows(held(done))["Correctness"]
    assert (row.points, row.of) == (pytest.approx(points), 1)


def test_correctness_says_what_it_rests_on():
    row = rows(held(trial(hints=1), trial(outcome=TIME_UP, passed=6, total=9, kata=KATAS[1])))
    assert row["Correctness"].evidence == (
        f"`{KATAS[0].name}` solved with 1 hint; `{KATAS[1].name}` not solved, 6 of 9 tests passed"
    )


def test_speed_is_minutes_of_what_was_done_in_time():
    three = minutes_of(ASKED[0])
    done = [
        trial(0.9),
        trial(1.1, kata=KATAS[1]),
        answer(ASKED[0], [1]),
        answer(ASKED[1], [1], share=1.1),
        answer(ASKED[2], []),
        answer(ASKED[2], None),
    ]
    row = rows(held(*done))["Speed"]
    assert (row.points, row.of) == (12 + 6 + three, 24 + 3 * three)
    assert row.evidence == "2 of 5 parts in time"


def test_key_points_are_those_ticked_of_all_that_were_judged():
    done = [answer(ASKED[0], [1, 2]), answer(ASKED[1], every(ASKED[1])), answer(ASKED[2], None)]
    row = rows(held(*done))["Unprompted"]
    assert (row.points, row.of) == (
        2 + len(ASKED[1].points),
        len(ASKED[0].points) + len(ASKED[1].points),
    )
    assert row.evidence == "2 questions"


def test_follow_ups_count_half_where_they_were_answered_in_part():
    done = [answer(answered=worth) for worth in (2, 1, 0, None)] + [answer(asked=False)]
    row = rows(held(*done))["Follow-ups"]
    assert (row.points, row.of) == (1.5, 3)
    assert row.evidence == "1 answered, 1 partly, 1 no"


FULL = held(
    trial(0.6),
    trial(1.0, TIME_UP, passed=6, total=9, causes=("the sign is turned",), kata=KATAS[1]),
    found(picked=""),
    answer(ASKED[0], [1], answered=0),
    answer(ASKED[1], every(ASKED[1]), answered=2),
    answer(ASKED[2], [1, 2], answered=1),
)
RULE = {"strong": 0.9, "solid": 2 / 3, "mixed": 1 / 3, "weak": 0}


def test_a_candidate_can_compute_every_word_again():
    """From the printed table and the printed rule alone."""
    card = scorecard.scorecard(FULL)
    lines = re.findall(
        r"^\| (.+?) \| \*\*(.+?)\*\* \| ([\d.]+) of ([\d.]+) [a-z ]+: ", card, re.MULTILINE
    )
    assert len(lines) == 4
    for name, word, points, of in lines:
        best = next(word for word, least in RULE.items() if float(points) / float(of) >= least)
        assert word == best, name
    text = " ".join(card.split()).lower()
    for word, share in zip(RULE, ("nine tenths", "two thirds", "one third", "less"), strict=True):
        assert re.search(rf"{word}: (at least )?{share}", text)


def test_the_card_says_that_points_were_ticked_after_reading_them():
    text = " ".join(scorecard.scorecard(FULL).split())
    assert "you ticked them yourself after reading them" in text
    assert "by your own judgement" in text


def test_strengths_and_what_to_work_on_have_a_line_to_paste():
    good, bad = scorecard.strengths(FULL), scorecard.work_on(FULL)
    assert [remark.command for remark in good][:1] == [f"python -m dojo debug {KATAS[0].name}"]
    assert len(good) == 2
    assert bad[0].command == f"python -m dojo practice {KATAS[1].name}"
    assert "6 of 9 tests passed, 12:00 of 12:00; trap met: the sign is turned" in bad[0].text
    assert len(bad) == scorecard.MOST
    for remark in [*good, *bad]:
        words = remark.command.split()
        assert words[:3] == ["python", "-m", "dojo"]
        # The command exists, and takes these arguments.
        cli.parser().parse_args(words[3:])
        assert f"`{remark.command}`" in scorecard.scorecard(FULL)


@pytest.mark.parametrize("question", [q for q in DOCUMENT.questions if not q.kata][:1] + ASKED[:1])
def test_a_weak_answer_is_rehearsed_where_its_question_stands(question):
    (remark,) = scorecard.work_on(held(answer(question, [], asked=False)))
    kata = question.kata.partition("/")[2]
    wanted = f"--kata {kata}" if kata else f"--track {question.track} --level {question.level}"
    assert remark.command == f"python -m dojo rehearse {wanted}"


def test_a_full_answer_with_a_missed_follow_up_is_no_strength():
    interview = held(answer(ASKED[0], every(ASKED[0]), answered=0))
    assert scorecard.strengths(interview) == []
    (remark,) = scorecard.work_on(interview)
    assert remark.text.endswith("follow-up: no")


def test_the_head_says_what_it_was():
    report = interview_report.report(held(trial(), level="", kind="mixed"))
    assert report.startswith(
        "# Mock interview, 01 March 2026, 10:00\n\n45 minutes, mixed, any level; 0:00 used.\n"
    )
    assert report.index("## Scorecard") < report.index("## Part by part") < report.index("| part |")
