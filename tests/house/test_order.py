"""dojo.content.order: what to learn first, and what comes after what."""

import itertools

import pytest

from dojo import layout
from dojo.content.document import QuestionsError, rarity, read_document
from dojo.content.order import FIELD, katas_in_order, questions_in_order

DOCUMENT = read_document()
LEVELS = ("", *layout.LEVELS)


@pytest.mark.parametrize("level", LEVELS)
def test_the_three_of_the_field_come_first(level):
    ordered = katas_in_order(DOCUMENT.katas, level)
    assert tuple(kata.path for kata in ordered[:3]) == FIELD
    of_the_field = [q for q in DOCUMENT.questions if q.kata in FIELD]
    assert {q.id for q in questions_in_order(DOCUMENT.questions, level)[: len(of_the_field)]} == {
        q.id for q in of_the_field
    }


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_asked_more_often_comes_before_what_is_asked_less(level):
    for ordered in (
        katas_in_order(DOCUMENT.katas, level)[3:],
        [q for q in questions_in_order(DOCUMENT.questions, level) if q.kata not in FIELD],
    ):
        assert [*map(rarity, ordered)] == sorted(map(rarity, ordered))


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_comes_before_what_it_builds_on(level):
    seen = set()
    for kata in katas_in_order(DOCUMENT.katas, level):
        assert set(kata.after) <= seen
        seen.add(kata.path)


def test_the_tracks_take_turns_while_there_are_two():
    often = [kata for kata in katas_in_order(DOCUMENT.katas, "senior") if kata.asked == "often"]
    for number, (one, other) in enumerate(itertools.pairwise(often), 1):
        left = {kata.track for kata in often[number:]}
        assert one.track != other.track or left == {other.track}


@pytest.mark.parametrize("level", layout.LEVELS)
def test_nothing_is_above_the_level_but_the_three(level):
    most = layout.LEVELS.index(level)
    for entry in (
        *katas_in_order(DOCUMENT.katas, level)[3:],
        *(q for q in questions_in_order(DOCUMENT.questions, level) if q.kata not in FIELD),
    ):
        assert layout.LEVELS.index(entry.level) <= most


def test_the_road_to_the_level_comes_before_the_rest():
    """layer_norm builds on mlp_backprop, which no senior would otherwise meet so early."""
    often = [k.name for k in katas_in_order(DOCUMENT.katas, "senior") if k.asked == "often"]
    assert often.index("mlp_backprop") < often.index("roc_auc")
    assert often.index("layer_norm") < often.index("roc_auc")


def test_of_one_track_the_others_are_not_waited_for():
    katas = [kata for kata in DOCUMENT.katas if kata.track == "repair"]
    assert katas[0].after == ["training/train_step"]
    assert katas_in_order(katas, "senior") == katas


def test_what_a_kata_builds_on_is_no_harder_and_no_rarer():
    katas = {kata.path: kata for kata in DOCUMENT.katas}
    for kata in DOCUMENT.katas:
        for before in (katas[path] for path in kata.after):
            assert rarity(before) <= rarity(kata), kata.path
            assert layout.LEVELS.index(before.level) <= layout.LEVELS.index(kata.level), kata.path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("losses/no_such", "comes after losses/no_such, which is no other kata"),
        ("optimizers/adam", "comes after optimizers/adam, which is no other kata"),
    ],
)
def test_a_kata_after_one_that_is_not_there_is_refused_with_its_line(tmp_path, words, message):
    text = layout.QUESTIONS.read_text(encoding="utf-8")
    assert text.count("after optimizers/momentum · [stub](katas/optimizers/adam.py)") == 1
    text = text.replace(
        "after optimizers/momentum · [stub](katas/optimizers/adam.py)",
        f"after {words} · [stub](katas/optimizers/adam.py)",
    )
    file = tmp_path / "QUESTIONS.md"
    file.write_text(text, encoding="utf-8")
    line = 1 + text[: text.index("### optimizers/adam\n")].count("\n")
    with pytest.raises(QuestionsError, match=f":{line}: .*{message}"):
        read_document(file)
