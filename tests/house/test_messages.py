"""What may cross from a kata's process: data of a fixed form, bounded, and nothing else."""

import json
import pickle

import pytest

from dojo.check import messages
from dojo.check.channel import LONGEST_LINE, Flood, pair
from dojo.check.messages import MessageError
from dojo.results import Kind

SAID = [
    messages.Ready(),
    messages.Opened("0" * 64),
    messages.Collected(("test_1_a[x=1]", "test_2_b")),
    messages.Started("test_1_a[x=1]"),
    messages.Tested("test_1_a", True, 0.25),
    messages.Tested("test_2_b", False, 0.1, "far", "why", "said", Kind.PROOF, True, ("a", "b")),
    messages.Blind("why"),
    messages.Broken("why"),
    messages.TimedOut("where"),
    messages.Interrupted("who"),
    messages.Trespassed("line"),
    messages.Probed("[1.]", "[2.]", True),
    messages.Finished(),
]


@pytest.mark.parametrize("message", SAID, ids=lambda message: type(message).__name__)
def test_every_message_arrives_as_it_was_sent(message):
    assert messages.decode(messages.encode(message)) == message


def test_there_is_a_case_for_every_kind_of_message():
    assert {type(message) for message in SAID} == set(messages._CLASSES.values())


FORGED = {
    "a pickle": pickle.dumps(("finished", 0)),
    "no JSON": b"solved",
    "no list": b'{"Finished": []}',
    "an empty list": b"[]",
    "an unknown kind": b'["Solved"]',
    "a kind that is no text": b"[[1]]",
    "a field too many": b'["Finished", 0]',
    "a field too few": b'["Started"]',
    "an int for a test": b'["Started", 7]',
    "a dict for a text": b'["Broken", {"a": 1}]',
    "an int for a truth": b'["Tested", "test_1_a", 1, 0.1, null, null, "", "basic", false]',
    "a truth for a number": b'["Tested", "test_1_a", true, true, null, null, "", "basic", false]',
    "nan": b'["Tested", "test_1_a", true, NaN, null, null, "", "basic", false]',
    "infinity": b'["Tested", "test_1_a", true, 1e999, null, null, "", "basic", false]',
    "an unknown kind of failure": b'["Tested", "t", false, 0.1, "m", null, "", "solved", false]',
    "a negative time": b'["Tested", "test_1_a", true, -1.0, null, null, "", "basic", false]',
    "names that are no texts": b'["Collected", ["test_1_a", null]]',
    "a name for names": b'["Collected", "test_1_a"]',
    "names without end": json.dumps(["Collected", ["t"] * (messages.MOST_NAMES + 1)]).encode(),
    "a text without end": json.dumps(["Broken", "x" * (messages.LONGEST_TEXT + 1)]).encode(),
    "brackets without end": b"[" * 100_000,
}


@pytest.mark.parametrize("line", FORGED.values(), ids=FORGED)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(MessageError, match="is no message"):
        messages.decode(line)


def test_a_long_text_is_cut_and_a_lone_surrogate_survives():
    said = messages.Broken("\ud800" + "x" * 2 * messages.LONGEST_TEXT)
    heard = messages.decode(messages.encode(said))
    assert heard == messages.Broken(said.reason[: messages.LONGEST_TEXT])


def test_lines_come_whole_and_in_order():
    ours, theirs = pair()
    theirs.sendall(b"one\ntwo\nthr")
    assert list(ours.lines()) == [b"one", b"two"]
    assert list(ours.lines()) == []
    theirs.sendall(b"ee\n")
    assert list(ours.lines()) == [b"three"]
    theirs.close()
    ours.close()


def test_what_came_before_the_end_is_not_lost():
    ours, theirs = pair()
    theirs.sendall(b"last\n")
    theirs.close()
    lines = ours.lines()
    assert next(lines) == b"last"
    with pytest.raises(EOFError):
        next(lines)
    ours.close()


def test_half_a_message_never_keeps_the_reader_waiting():
    ours, theirs = pair()
    theirs.sendall(b'["Broken", "and then')
    assert list(ours.lines()) == []
    theirs.close()
    ours.close()


def test_a_line_without_end_is_a_flood():
    ours, theirs = pair()
    theirs.setblocking(False)
    with pytest.raises(Flood):
        for _ in range(LONGEST_LINE // 2**12 + 100):
            theirs.send(b"x" * 2**12)
            list(ours.lines())
    theirs.close()
    ours.close()
