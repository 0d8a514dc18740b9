"""What an answer costs: the figures, how they are said, and where there are none."""

import re

import pytest

from dojo import layout
from dojo.compare import parts
from dojo.compare.cost import command, report
from dojo.content import catalogue

EQUAL = [1.0, 1.1, 0.9, 1.0, 1.05]


def times(**found):
    return {"the model answer": EQUAL, report.AGAIN: EQUAL[::-1]} | found


@pytest.mark.parametrize(
    ("slower", "noise"), [(1.0, True), (1.02, True), (1.5, False), (0.6, False)]
)
def test_a_ratio_that_equal_code_has_as_well_is_marked(slower, noise):
    found = times(yours=[slower * second for second in EQUAL[1:] + EQUAL[:1]])
    assert report.within_noise(found, "yours", "the model answer") is noise


def test_ratios_are_taken_round_by_round():
    # The machine was ten times slower in the second round, for all of them.
    assert report.quartiles([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == (2.0, 2.0, 2.0)


def test_the_figures_as_they_are_told():
    numbers = {
        "data": "x [3]",
        "times": {"eager, forward": times(yours=[2 * second for second in EQUAL])},
        "kept for the backward pass": {"yours": 2048, "the model answer": 0, report.AGAIN: 0},
    }
    said = list(report.lines("gradients/log1pexp", "yours", numbers))
    assert said[0] == "gradients/log1pexp: x [3]"
    assert "  eager, forward               2.00   (2.00 to 2.00)" in said
    assert f"  {'yours':<28}2.0 KiB" in said
    assert not any(report.AGAIN in line for line in said)


def test_every_declaration_can_be_measured():
    """All of them by one child, a round each; what recomputes keeps little."""
    asked = []
    for kata in command.declared():
        assert kata in {known.path for known in catalogue.select([])}
        asked.append((kata, [parts.from_tree([kata], layout.REFERENCE)[kata]]))
    found = dict(command.measured(asked, rounds=1))
    assert {kata: n["error"] for kata, n in found.items() if "error" in n} == {}
    kept = found["gradients/recompute_grad"]["kept for the backward pass"]
    assert kept["nothing recomputed"] > 4 * kept["gradients/recompute_grad"] > 0
    state = found["optimizers/adam"]["state, bytes a parameter"]
    # m and v in float32.
    assert all(8 <= count < 8.1 for count in state.values())


def test_the_real_command_sets_an_answer_beside_the_model_answer(dojo, tmp_path):
    file = layout.source_file("gradients/log1pexp", tmp_path)
    file.parent.mkdir()
    text = layout.source_file("gradients/log1pexp", layout.REFERENCE).read_text(encoding="utf-8")
    slower = "log1pexp = lambda x, once=log1pexp: sum(once(x) for _ in range(20)) / 20"
    file.write_text(f"{text}\n{slower}\n", encoding="utf-8")
    done = dojo("cost", "log1pexp", f"--tree={tmp_path}")
    assert done.stderr == ""
    assert "not known to be solved" in done.stdout
    ratio = re.search(r"eager, forward +(\d+\.\d+)", done.stdout)
    assert float(ratio[1]) > 5


def test_where_the_cost_is_not_the_point_it_is_refused_at_once(dojo):
    done = dojo("cost", "pinball")
    assert done.returncode == 2
    assert "the cost of pinball is not its point" in done.stderr
    assert "safe_norm" in done.stderr
