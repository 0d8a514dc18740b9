"""Whose parts are compared."""

from rich.console import Console

from dojo import layout
from dojo.check.runner import Event
from dojo.compare import parts, picking
from dojo.results import Outcome, Result


def test_solved_katas_are_yours_and_the_others_model_answers():
    kata = "optimizers/momentum"
    mine = parts.solved_or_model([kata], {kata: Outcome.SOLVED})[kata]
    assert (mine.whose, mine.reason) == (parts.YOURS, "")
    for outcome in (Outcome.WRONG, Outcome.NOT_STARTED, Outcome.TIMED_OUT):
        other = parts.solved_or_model([kata], {kata: outcome})[kata]
        assert other.whose == parts.MODEL_ANSWER
        assert other.source == layout.source_file(kata, layout.REFERENCE).read_text()
        assert other.reason == f"yours is {outcome}"


def test_the_checker_is_asked_about_what_is_not_known_to_be_solved(monkeypatch):
    katas = ["optimizers/momentum", "optimizers/lion", "optimizers/adam"]
    outcomes = {"optimizers/lion": Outcome.SOLVED, "optimizers/adam": Outcome.WRONG}
    asked = []

    def ask(unknown):
        asked.extend(unknown)
        for kata in unknown:
            yield Event("finished", kata, result=Result(kata, outcomes[kata]))

    monkeypatch.setattr(picking.solved, "known", lambda katas: {"optimizers/momentum"})
    monkeypatch.setattr(picking.solved, "keep", lambda found, before: None)
    monkeypatch.setattr(picking, "ask_checker", ask)
    found = picking.pick(katas, None, Console(quiet=True))
    assert asked == ["optimizers/lion", "optimizers/adam"]
    assert [found[kata].whose for kata in katas] == [parts.YOURS, parts.YOURS, parts.MODEL_ANSWER]


def test_a_tree_is_taken_as_it_is_and_what_is_not_there_is_said(tmp_path):
    kata = "optimizers/momentum"
    part = parts.from_tree([kata], tmp_path)[kata]
    assert part.source == ""
    assert "No such file" in part.reason
    assert parts.from_tree([kata], layout.REFERENCE)[kata].whose == parts.MODEL_ANSWER
