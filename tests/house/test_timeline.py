"""dojo.timeline: past attempts as a table and as a picture."""

import os
import time

import pytest
from PIL import Image

from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database

DAY = 86400.0
PAST = [
    # kata, days ago, seconds, outcome, hints
    ("losses/focal_loss", 9, 1500, "time up", 0),
    ("losses/focal_loss", 8, 1700, "solved", 1),
    ("losses/focal_loss", 2, 600, "solved", 0),
    ("gradients/clip_by_value", 1, 100, "given up", 3),
    ("losses/giou", 1, 30, "left", 0),
]


@pytest.fixture
def record(home):
    with Database(home) as database:
        session = database.start_session("practice", None)
        for kata, ago, seconds, outcome, hints in PAST:
            started = time.time() - ago * DAY
            entry = Entry(kata, 25, session, started, seconds=seconds, outcome=outcome, hints=hints)
            Attempts(database).write(entry)
    return home


def test_an_empty_history_says_how_to_begin(dojo):
    done = dojo("history")
    assert done.returncode == 0
    assert "nox -s practice" in done.stdout


def test_the_table_has_a_row_an_attempt_and_fits_80_columns(dojo, record):
    shown = dojo("history").stdout
    lines = [line.split() for line in shown.splitlines() if "25:00" in line]
    assert [line[3] for line in lines] == [kata.partition("/")[2] for kata, *_ in PAST]
    assert [line[4] for line in lines] == ["25:00", "28:20", "10:00", "1:40", "0:30"]
    assert lines[1][-3:] == ["✓", "solved", "late"]
    assert [line[7] for line in lines] == ["0", "1", "0", "3", "0"]
    assert max(map(len, shown.splitlines())) <= 80


def test_in_40_columns_the_table_keeps_what_was_done_and_how_it_ended(dojo, record):
    shown = dojo("history", env=os.environ | {"COLUMNS": "40"}).stdout
    lines = shown.splitlines()[1 : len(PAST) + 1]
    assert [line.split()[0] for line in lines] == [kata.partition("/")[2] for kata, *_ in PAST]
    assert lines[1].endswith("✓ solved late")
    assert max(map(len, lines)) <= 40


def test_getting_better_is_said(dojo, record):
    shown = dojo("history").stdout
    assert "5 attempts, 4 to the end, 1 solved in time" in shown
    assert "losses/focal_loss: first solved in 28:20, last in 10:00" in shown


def test_one_kata_can_be_asked_for(dojo, record):
    shown = dojo("history", "giou").stdout
    assert "giou" in shown
    assert "focal_loss" not in shown


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_plot_is_a_picture_of_its_kind(dojo, record, tmp_path, suffix):
    picture = tmp_path / f"out.{suffix}"
    assert dojo("history", "--plot", picture).returncode == 0
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert picture.read_bytes().startswith(magic)


def test_the_plot_shows_each_kind_of_outcome(dojo, record, tmp_path):
    """In the colours of the marks: a time up in red, a solution in green."""
    assert dojo("history", "--plot", tmp_path / "out.png").returncode == 0
    image = Image.open(tmp_path / "out.png").convert("RGB")
    colours = {colour for _, colour in image.getcolors(image.width * image.height)}
    for colour in [(44, 160, 44), (214, 39, 40), (255, 127, 14), (188, 189, 34)]:
        assert colour in colours


@pytest.mark.parametrize("name", ["out.txt", "no/such/folder/out.png"])
def test_a_plot_that_cannot_be_is_a_usage_error(dojo, record, name):
    done = dojo("history", "--plot", name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_broken_off_attempt_is_called_so(dojo, home):
    with Database(home) as database:
        session = database.start_session("practice", None)
        Attempts(database).write(Entry("losses/giou", 20, session, time.time(), pid=None))
    assert "broken off" in dojo("history").stdout
