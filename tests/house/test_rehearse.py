"""`dojo rehearse` in a real terminal, driven key by key."""

import os
import signal
import sqlite3
import sys
import time

import pexpect
import pytest

from dojo import layout

COMMAND = [sys.executable, "-m", "dojo", "rehearse"]


@pytest.fixture
def terminal(home):
    running = []

    def start(*options, **environment):
        child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *options],
            cwd=str(layout.ROOT),
            env=os.environ | {"TERM": "xterm"} | environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(24, 80),
        )
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


def ratings(home):
    with sqlite3.connect(home / "dojo.db") as db:
        return db.execute("SELECT card, rating FROM reviews ORDER BY id").fetchall()


def answer(child, ticks="a", rating=""):
    """One question, up to its rating."""
    child.expect("ends")
    child.sendline("it multiplies")
    child.expect("You wrote: it multiplies")
    child.expect("Which did you say")
    child.sendline(ticks)
    child.expect("Enter for (again|hard|good|easy)")
    proposed = child.match[1]
    child.sendline(rating)
    child.expect("it comes back")
    return proposed


def follow(child, text):
    """Enter at every follow-up, until `text` is on the screen."""
    while child.expect(["Enter shows the answer", text]) == 0:
        child.sendline("")


def test_a_whole_sitting(terminal, home):
    child = terminal("--kata", "focal_loss", "--count", "2")
    assert answer(child) == "easy"
    follow(child, "2 of 2")
    assert answer(child, ticks="1", rating="again") == "again"
    follow(child, "nox -s practice -- focal_loss")
    child.expect("2 questions in 0:")
    child.expect("weakest track: losses")
    child.expect("next due: ")
    child.expect(pexpect.EOF)
    assert [rating for _, rating in ratings(home)] == [4, 1]


def test_the_short_answer_and_the_code_come_with_the_points(terminal):
    child = terminal("--kata", "clip_by_value", "--count", "1", TERM="dumb")
    child.expect("ends")
    child.sendline("")
    child.expect("Key points")
    child.expect("In 20 seconds")
    child.expect("By heart")
    for line in ["@tf.custom_gradient", "def square", "    def grad", "        return upstream"]:
        child.expect_exact(line)
    child.expect("Which did you say")


def test_what_is_not_understood_is_asked_again(terminal):
    child = terminal("--count", "1")
    child.expect("ends")
    child.sendline("")
    child.expect("Which did you say")
    child.sendline("1 99")
    child.expect("is not understood")
    child.sendline("1")
    child.expect("How was it")
    child.sendline("7")
    child.expect("is none of")
    child.sendline("good")
    child.expect("good; it comes back in 10 minutes")


@pytest.mark.parametrize("how", ["q", "Ctrl-C", "Ctrl-D", "kill"])
def test_leaving_loses_no_rating(terminal, home, how):
    child = terminal("--count", "5")
    answer(child, rating="3")
    {
        "q": lambda: child.sendline("q"),
        "Ctrl-C": child.sendintr,
        "Ctrl-D": child.sendeof,
        "kill": lambda: child.kill(signal.SIGKILL),
    }[how]()
    child.expect(pexpect.EOF)
    assert [rating for _, rating in ratings(home)] == [3]
    if how != "kill":
        assert "1 question in" in child.before


def test_skipping_rates_nothing(terminal, home):
    child = terminal("--count", "2")
    child.expect("ends")
    child.sendline("s")
    child.expect("2 of 2")
    child.expect("ends")
    child.sendline("q")
    child.expect("Nothing was rated")
    child.expect(pexpect.EOF)
    assert ratings(home) == []


def test_the_time_box_counts_down_and_ends_the_sitting(terminal):
    child = terminal("--minutes", "0.01", "--count", "3")
    child.expect("0:0[01] left")
    answer(child, rating="3")
    time.sleep(0.7)
    follow(child, "Time is up")
    child.expect(pexpect.EOF)


def test_a_dumb_terminal_gets_plain_prompts(terminal):
    child = terminal("--count", "1", TERM="dumb")
    child.expect("ends")
    assert "\x1b[" not in child.before
    child.sendline("q")
    child.expect(pexpect.EOF)


def test_two_sittings_at_once_corrupt_nothing(terminal, home):
    one, two = terminal("--count", "1"), terminal("--count", "1")
    answer(one, rating="3")
    answer(two, rating="4")
    for child in (one, two):
        follow(child, "next due")
    assert [rating for _, rating in ratings(home)] == [3, 4]
    with sqlite3.connect(home / "dojo.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_second_day_starts_with_what_is_due(terminal, home):
    child = terminal("--count", "1")
    answer(child, rating="1")
    follow(child, "next due")
    child.expect(pexpect.EOF)
    with sqlite3.connect(home / "dojo.db") as db:
        db.execute("UPDATE cards SET due = due - 86400")
    child = terminal("--count", "1")
    child.expect("custom gradient|its own gradient|own gradient")
    child.sendline("q")
