"""dojo.catalogue: what a learner may type to mean a kata."""

import pytest

from dojo import layout
from dojo.content import catalogue
from dojo.content.document import Kata

KATAS = [
    Kata("gradients/clip_by_value", "screen", 8, "often", ()),
    Kata("losses/focal_loss", "mid", 25, "often", ()),
    Kata("losses/giou", "senior", 20, "often", ()),
]


def paths(*names):
    return [kata.path for kata in catalogue.select(names, KATAS)]


@pytest.mark.parametrize(
    "name",
    [
        "focal_loss",
        "losses/focal_loss",
        "katas/losses/focal_loss.py",
        "reference/losses/focal_loss.py",
        "tests/losses/test_focal_loss.py",
        str(layout.KATAS / "losses" / "focal_loss.py"),
    ],
)
def test_a_kata_has_many_names(name):
    assert paths(name) == ["losses/focal_loss"]


@pytest.mark.parametrize("name", ["losses", "losses/", "katas/losses/"])
def test_a_track_means_its_katas(name):
    assert paths(name) == ["losses/focal_loss", "losses/giou"]


def test_no_names_mean_all_and_order_is_that_of_study():
    assert paths() == [kata.path for kata in KATAS]
    assert paths("giou", "clip_by_value", "giou") == ["gradients/clip_by_value", "losses/giou"]


@pytest.mark.parametrize(("name", "near"), [("focal", "focal_loss"), ("loses/", "losses/")])
def test_an_unknown_name_offers_the_nearest(name, near):
    with pytest.raises(catalogue.UnknownKata, match=near):
        paths(name)


def test_the_wrong_track_is_not_overlooked():
    with pytest.raises(catalogue.UnknownKata):
        paths("gradients/focal_loss")
