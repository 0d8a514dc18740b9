"""dojo.deck, dojo.rehearse: scheduling, against fsrs' own results."""

import datetime
import random
import sqlite3
import zipfile

import fsrs
import pytest

from dojo.content.document import read_document
from dojo.content.order import FIELD, questions_in_order
from dojo.record.database import Database
from dojo.record.deck import Deck, question_card
from dojo.sitting import ratings, rehearse
from dojo.words import from_now

START = datetime.datetime(2026, 1, 5, 8, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def deck(home):
    with Database(home) as database:
        yield Deck(database)


def test_a_month_of_rehearsal_is_what_fsrs_says(deck):
    """Rates what is due each day, in one deck and by fsrs alone; the plans are one."""
    document = read_document()
    chooser = random.Random(7)
    own, scheduler = {}, fsrs.Scheduler(enable_fuzzing=False)
    asked = 0
    for day in range(30):
        now = START + day * DAY
        for question in rehearse.pick(document, deck, rehearse.RehearsalOptions(), now):
            rating = chooser.choice([1, 2, 3, 3, 3, 4])
            card = own.get(question.id) or fsrs.Card(card_id=0, due=now)
            own[question.id], _ = scheduler.review_card(card, fsrs.Rating(rating), now)
            deck.rate(question_card(question.id), rating, at=now)
            asked += 1
    times = deck.due_times()
    assert times == {question_card(name): card.due for name, card in own.items()}
    # Ten new ones a day: all were seen, and reviews came on top.
    assert len(times) == len(document.questions)
    assert asked > 1.5 * len(times)


def test_new_questions_come_in_the_order_to_learn_them(deck):
    document = read_document()
    ordered = questions_in_order(document.questions)
    assert ordered != list(document.questions)
    every = rehearse.pick(document, deck, rehearse.RehearsalOptions(all=True), START)
    assert every == ordered
    today = rehearse.pick(document, deck, rehearse.RehearsalOptions(), START)
    assert today == ordered[: rehearse.NEW_PER_SITTING]


def test_up_to_the_level_aimed_at_comes_before_what_is_above_it(deck):
    document = read_document()
    every = rehearse.pick(document, deck, rehearse.RehearsalOptions(all=True), START, "screen")
    assert len(every) == len(document.questions)
    levels = [q.level for q in every if q.kata not in FIELD]
    assert levels.index("mid") == levels.count("screen")


def test_due_comes_before_new_and_longest_due_first(deck):
    document = read_document()
    names = [question.id for question in document.questions]
    deck.rate(f"question:{names[5]}", 1, at=START)
    deck.rate(f"question:{names[3]}", 1, at=START - DAY)
    chosen = rehearse.pick(document, deck, rehearse.RehearsalOptions(), START + DAY)
    assert [q.id for q in chosen[:3]] == [names[3], names[5], names[0]]
    assert len(chosen) == 2 + rehearse.NEW_PER_SITTING


def test_what_is_not_due_is_not_asked_unless_asked_for(deck):
    document = read_document()
    name = next(q.id for q in document.questions if q.kata == "losses/focal_loss")
    deck.rate(question_card(name), 4, at=START)
    for wish, there in [
        (rehearse.RehearsalOptions(track="losses"), False),
        (rehearse.RehearsalOptions(track="losses", all=True), True),
        (rehearse.RehearsalOptions(kata="focal_loss"), True),
    ]:
        chosen = rehearse.pick(document, deck, wish, START + DAY)
        assert (name in {q.id for q in chosen}) is there


def test_filters_and_count(deck):
    document = read_document()
    chosen = rehearse.pick(
        document, deck, rehearse.RehearsalOptions(track="metrics", level="senior", count=2), START
    )
    assert len(chosen) <= 2
    assert {(q.track, q.level) for q in chosen} == {("metrics", "senior")}


def test_two_sittings_at_once_both_count(home):
    with Database(home) as one, Database(home) as other:
        Deck(one).rate("question:G01", 3, at=START)
        Deck(other).rate("question:G01", 3, at=START + DAY)
        card = fsrs.Card(card_id=0, due=START)
        scheduler = fsrs.Scheduler(enable_fuzzing=False)
        for at in (START, START + DAY):
            card, _ = scheduler.review_card(card, fsrs.Rating.Good, at)
        assert Deck(one).due_times()["question:G01"] == card.due
        assert one.db.execute("SELECT COUNT(*) FROM reviews").fetchone()[0] == 2


@pytest.mark.parametrize(
    ("ticked", "points", "rating"), [(0, 5, 1), (1, 5, 1), (2, 5, 2), (4, 5, 3), (5, 5, 4)]
)
def test_ticks_propose_a_rating(ticked, points, rating):
    assert ratings.of_answer(ticked, points) == rating


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "now"),
        (60, "in 1 minute"),
        (600, "in 10 minutes"),
        (7200, "in 2 hours"),
        (86400, "in 1 day"),
        (-50, "now"),
    ],
)
def test_time_in_words(seconds, words):
    assert from_now(datetime.timedelta(seconds=seconds)) == words


def test_the_anki_package_opens_and_keeps_its_ids(dojo, tmp_path):
    notes = []
    for name in ("one.apkg", "two.apkg"):
        assert dojo("anki", tmp_path / name).returncode == 0
        with zipfile.ZipFile(tmp_path / name) as package:
            package.extract("collection.anki2", tmp_path / name.removesuffix(".apkg"))
        database = sqlite3.connect(tmp_path / name.removesuffix(".apkg") / "collection.anki2")
        notes.append(database.execute("SELECT guid, mid, flds FROM notes ORDER BY id").fetchall())
        decks = database.execute("SELECT decks FROM col").fetchone()[0]
        assert "TensorFlow extension questions" in decks
        database.close()
    assert notes[0] == notes[1]
    ids = [question.id for question in read_document().questions]
    assert [fields.split("\x1f")[0] for _, _, fields in notes[0]] == ids
    assert len({guid for guid, _, _ in notes[0]}) == len(ids)


def test_the_anki_package_has_the_code_to_learn_by_heart(dojo, tmp_path):
    dojo("anki", tmp_path / "one.apkg")
    with zipfile.ZipFile(tmp_path / "one.apkg") as package:
        package.extract("collection.anki2", tmp_path)
    database = sqlite3.connect(tmp_path / "collection.anki2")
    notes = [fields.split("\x1f") for (fields,) in database.execute("SELECT flds FROM notes")]
    database.close()
    (points,) = (note[2] for note in notes if note[0] == "G01")
    assert "<strong>In 20 seconds.</strong> Decorate" in points
    assert "    def grad(upstream):\n        return upstream * 2 * x\n" in points
    assert points.count("<pre>") == 1
