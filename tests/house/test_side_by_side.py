"""How the tests are shared out among processes."""

import os
import re
import subprocess
import sys

from dojo import layout
from tests.house.side_by_side import unit_of

COUNTS = {"test_a": 1, "test_b": 5, "test_c": 9}
TRAPS = "tests/house/test_traps.py::test_a_second_right_answer_is_solved"


def test_the_tests_of_a_file_are_one_unit():
    first, second = (f"tests/house/test_hostile.py::test_x[{case}]" for case in ("gone", "a/b::c"))
    assert unit_of(first) == unit_of(second) != unit_of("tests/house/test_warm.py::test_x[gone]")


def test_each_kata_has_its_traps_for_itself():
    canary = "tests/house/test_traps.py::test_the_canary_of_the_suite_dies"
    kata, other = "[losses/focal_loss]", "[optimizers/adam]"
    assert unit_of(TRAPS + kata) == unit_of(canary + kata) != unit_of(TRAPS + other)


def test_it_is_done_so_and_in_the_order_of_collection(tmp_path):
    """Under pytest-xdist itself, which has ceased to without a word."""
    for name, tests in COUNTS.items():
        text = (
            f"import pytest\n@pytest.mark.parametrize('x', range({tests}))\ndef test_x(x): pass\n"
        )
        (tmp_path / f"{name}.py").write_text(text)
    files = [str(tmp_path / f"{name}.py") for name in COUNTS]
    options = ["-ptests.house.side_by_side", "-v", "--numprocesses=2", f"--rootdir={tmp_path}"]
    command = [sys.executable, "-m", "pytest", f"--config-file={os.devnull}", *options, *files]
    done = subprocess.run(command, cwd=layout.ROOT, capture_output=True, text=True, timeout=60)
    ran = re.findall(r"\[(gw\d)\].* PASSED \S*(test_[abc])\.py", done.stdout)
    assert len(ran) == sum(COUNTS.values()), done.stdout
    assert len(set(ran)) == len(COUNTS), done.stdout
    # What is collected first is begun first, though it has the fewest tests.
    mine = next(process for process, name in ran if name == "test_a")
    assert next(name for process, name in ran if process == mine) == "test_a"
