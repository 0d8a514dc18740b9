"""dojo.check.verdict: what the messages of a kata's process amount to."""

from dojo.check import messages
from dojo.check.verdict import Story
from dojo.results import Kind, Outcome


def verdict(*said):
    story = Story("gradients/clip_by_value")
    for message in said:
        story.add(message)
    return story.verdict(1.0, "", None, "")


ALL = messages.Collected(("test_1_a", "test_2_b"))


def test_tests_that_end_before_they_are_done_are_no_empty_stub():
    for rest in (
        (),
        (messages.Started("test_1_a"),),
        (messages.Started("test_1_a"), messages.Tested("test_1_a", True, 0.1)),
    ):
        result = verdict(ALL, *rest, messages.Finished())
        assert result.outcome is Outcome.WRONG
        assert "before they were done" in result.failures[0].message


def test_only_what_says_so_is_not_started():
    empty = messages.Tested(
        "test_1_a", False, 0.1, "not written yet: f", None, "", Kind.UNWRITTEN, False
    )
    result = verdict(ALL, messages.Started("test_1_a"), empty, messages.Finished())
    assert result.outcome is Outcome.NOT_STARTED


def test_a_cause_that_another_proof_excludes_is_not_in_the_verdict():
    exactly = "these are exactly the numbers of: "
    failed = {
        "test_1_a": (exactly + "b", "", Kind.PROOF, False, ()),
        "test_2_b": (exactly + "a", "", Kind.PROOF, False, ("b",)),
    }
    said = [
        message
        for test, why in failed.items()
        for message in (messages.Started(test), messages.Tested(test, False, 0.1, "far", *why))
    ]
    result = verdict(ALL, *said, messages.Finished())
    assert [failure.cause for failure in result.failures] == [None, exactly + "a"]
