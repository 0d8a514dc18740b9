"""`grade` reads, grades what is new, keeps it, goes on after any end, and says what is odd."""

import collections
import csv
import functools
import importlib.util
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from rich.console import Console

from dojo import cli, layout
from dojo.cohort import command, doctor
from dojo.cohort.grading import Grader
from dojo.content import stubs
from dojo.errors import UsageError
from tests.house.graders import Obedient

FOCAL, MOMENTUM = "losses/focal_loss", "optimizers/momentum"


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """A folder of submissions, and graders that do as the answers say."""
    make = functools.partial(Obedient, str(tmp_path))
    monkeypatch.setattr(command, "grader_for", lambda options: make)
    monkeypatch.setattr(doctor, "require", lambda: None)
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def hand_in(cohort, name, **answers):
    """Puts a submission there: name of a kata to its text."""
    paths = {"focal_loss": FOCAL, "momentum": MOMENTUM}
    for kata, text in answers.items():
        file = layout.source_file(paths[kata], cohort / name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def grade(cohort, *arguments):
    out = ["--out", str(cohort.parent / "report"), "--jobs", "1"]
    return cli.main(["grade", str(cohort), *arguments, *out])


def results(cohort):
    """Submission and kata to the word for its verdict."""
    text = (cohort.parent / "report/results.json").read_text()
    return {(g["submission"], g["kata"]): g["verdict"] for g in json.loads(text)["grades"]}


def graded(cohort):
    """How often a worker was given each answer."""
    lines = (cohort.parent / "diary").read_text().splitlines()
    return collections.Counter(line.split()[2] for line in lines if " graded " in line)


def said(capsys):
    return capsys.readouterr().out.splitlines()


def test_everybody_is_graded_and_the_report_is_written(cohort, capsys):
    hand_in(cohort, "ann", focal_loss="right", momentum="wrong")
    hand_in(cohort, "bob", focal_loss="odd line 3: eval")
    with zipfile.ZipFile(cohort / "cem.zip", "w") as archive:
        archive.writestr("katas/optimizers/momentum.py", "other")
    assert grade(cohort) == 0
    assert results(cohort) == {
        ("ann", FOCAL): "solved",
        ("ann", MOMENTUM): "wrong",
        ("bob", FOCAL): "solved, look at it",
        ("cem", MOMENTUM): "solved",
    }
    lines = [line.rstrip() for line in said(capsys)]
    assert lines[0] == "4 answers to grade"
    assert lines[-3:-1] == [
        "losses/focal_loss    1 solved; 1 solved, look at it; 1 not handed in",
        "optimizers/momentum  1 wrong; 1 solved; 1 not handed in",
    ]
    written = {path.name for path in (cohort.parent / "report").iterdir()}
    assert {"index.html", "grades.csv", "results.json", "junit.xml"} <= written


def test_on_a_terminal_it_says_what_it_is_at(cohort, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(command, "Console", functools.partial(Console, force_terminal=True))
    hand_in(cohort, "ann", focal_loss="right")
    grade(cohort)
    shown = capsys.readouterr().out
    stages = ["reading what was handed in", "1 answer to grade", "writing the report", "1 solved"]
    assert re.search(".*".join(stages), shown, re.DOTALL)


def test_one_text_is_graded_once_and_counts_for_each(cohort):
    for name in ("ann", "bob", "cem"):
        hand_in(cohort, name, focal_loss="right", momentum="right")
    grade(cohort)
    # Of two katas it is two answers.
    assert graded(cohort) == {"right": 2}
    assert len(results(cohort)) == 6


def test_a_second_run_grades_what_is_new(cohort, capsys):
    hand_in(cohort, "ann", focal_loss="right")
    grade(cohort)
    hand_in(cohort, "bob", focal_loss="wrong")
    grade(cohort)
    assert graded(cohort) == {"right": 1, "wrong": 1}
    assert len(results(cohort)) == 2
    assert "2 answers to grade; 1 graded before" in said(capsys)


def test_other_conditions_grade_anew(cohort):
    hand_in(cohort, "ann", focal_loss="right")
    for arguments in ([], ["--limit", "10"], ["--unsandboxed"], ["--limit", "10"]):
        grade(cohort, *arguments)
    assert graded(cohort) == {"right": 3}


def test_a_fault_of_ours_is_reported_and_tried_again(cohort):
    hand_in(cohort, "ann", focal_loss="raise no such thing", momentum="right")
    assert grade(cohort) == 3
    assert results(cohort)["ann", FOCAL] == "broken"
    assert grade(cohort) == 3
    assert graded(cohort) == {"raise": 2, "right": 1}


def test_without_names_the_katas_are_those_that_somebody_worked_on(cohort):
    hand_in(cohort, "ann", focal_loss="right", momentum=stubs.pristine(MOMENTUM))
    grade(cohort)
    assert list(results(cohort)) == [("ann", FOCAL)]
    grade(cohort, "momentum", "focal_loss")
    assert set(results(cohort)) == {("ann", FOCAL), ("ann", MOMENTUM)}


def test_what_is_odd_is_said_and_the_others_are_graded(cohort, capsys, tmp_path):
    hand_in(cohort, "ann", focal_loss="right")
    (cohort / "bob").mkdir()
    (cohort / "cem.zip").write_bytes(b"no archive")
    (cohort / "notes.txt").write_text("")
    roster = tmp_path / "roster.csv"
    roster.write_text("folder,name,id\nann,Ann Müller,7\nann,Anna,8\ndora,Dora,9\nbob,Bob,1\n")
    assert grade(cohort, "--roster", str(roster)) == 0
    lines = said(capsys)
    for line in [
        "notes.txt is neither a folder nor an archive: passed over",
        "roster.csv:3: ann is there twice: line 2 has it already, and counts",
        "roster.csv:4: dora was not handed in (Dora)",
        "bob: it is empty",
        "cem: refused: it is neither a zip archive nor a tar or tar.gz",
        "cem: it has no line in roster.csv",
    ]:
        assert line in lines
    with open(cohort.parent / "report/grades.csv", encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert {"Ann Müller", "7", "solved"} <= set(cells)


def test_of_many_remarks_the_first_are_shown(cohort, capsys):
    hand_in(cohort, "ann", focal_loss="right")
    for number in range(50):
        (cohort / f"b{number:02}").mkdir()
    grade(cohort)
    lines = said(capsys)
    assert lines[19] == "b19: it is empty"
    assert lines[20] == "and 30 lines more"


WRONG = {
    "no folder": ([], "grade needs a folder of submissions"),
    "an empty one": (["IN", "--out", "OUT"], "there is no submission in"),
    "a kata that is none": (["IN", "focal_los", "--out", "OUT"], "Did you mean focal_loss"),
    "a report among them": (["IN", "--out", "IN/report"], "lies among the submissions"),
    "a report that is a file": (["IN", "--out", __file__], "is there, and is no folder"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_said(cohort, capsys, arguments, words):
    told = {"IN": str(cohort), "OUT": str(cohort.parent / "report")}
    arguments = [re.sub("IN|OUT", lambda found: told[found[0]], text) for text in arguments]
    assert cli.main(["grade", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (cohort.parent / "report").exists()


def test_without_dask_a_scheduler_s_workers_are_a_command_away(cohort, capsys, monkeypatch):
    hand_in(cohort, "ann", focal_loss="right")
    there = importlib.util.find_spec
    hidden = {"distributed": None}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: hidden[name] if name in hidden else there(name)
    )
    asked = ["grade", str(cohort), "--out", str(cohort.parent / "r"), "--scheduler", "tcp://a:1"]
    assert cli.main(asked) == 2
    assert "; this installs it: nox -s grade -- --doctor\n" in capsys.readouterr().err
    assert cli.main([*asked, "--jobs", "2"]) == 2
    assert "--jobs is for this machine" in capsys.readouterr().err


def test_where_nobody_has_begun_it_is_said(cohort):
    hand_in(cohort, "ann", focal_loss=stubs.pristine(FOCAL))
    with pytest.raises(UsageError, match=r"nobody in .* has begun a kata"):
        command.grade(command.GradeOptions(cohort, [], cohort.parent / "r", None, 60, 1, False))


def test_without_a_sandbox_nothing_is_graded_unless_asked_for(cohort, monkeypatch, capsys):
    def refuse():
        raise doctor.NoSandbox("no sandbox: Linux: this is not")

    monkeypatch.setattr(doctor, "require", refuse)
    hand_in(cohort, "ann", focal_loss="right")
    assert grade(cohort) == 1
    assert capsys.readouterr().err == "dojo: no sandbox: Linux: this is not\n"
    assert not (cohort.parent / "diary").exists()
    assert grade(cohort, "--unsandboxed") == 0
    assert said(capsys)[0] == "No sandbox: each answer can read and change whatever you can."
    report = json.loads((cohort.parent / "report/results.json").read_text())
    assert report["sandbox"] == ""


@pytest.mark.parametrize("unsandboxed", [False, True])
def test_workers_grade_in_the_sandbox_unless_told_otherwise(tmp_path, unsandboxed):
    options = command.GradeOptions(tmp_path, [], tmp_path, None, 30.0, 1, unsandboxed)
    # As it comes to a worker.
    made = pickle.loads(pickle.dumps(command.grader_for(options)))
    assert (made.func, made.args) == (Grader, (30.0, not unsandboxed))


RUN = """
import functools, sys
from pathlib import Path
from dojo import cli
from dojo.cohort import command, doctor
from tests.house.graders import Obedient

if __name__ == "__main__":
    make = functools.partial(Obedient, sys.argv[1])
    command.grader_for = lambda options: make
    doctor.require = lambda: None
    sys.exit(cli.main(["grade", *sys.argv[2:]]))
"""


def start(cohort, **how):
    script = cohort.parent / "run.py"
    script.write_text(RUN)
    return subprocess.Popen(
        [
            sys.executable,
            script,
            cohort.parent,
            cohort,
            "--out",
            cohort.parent / "report",
            "--jobs=2",
        ],
        env=os.environ | {"PYTHONPATH": str(layout.ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        **how,
    )


def wait_for(cohort, number):
    diary = cohort.parent / "diary"
    while not diary.exists() or sum(graded(cohort).values()) < number:
        time.sleep(0.01)


def test_killed_twice_and_stopped_once_it_goes_on_and_loses_nothing(cohort):
    for number in range(24):
        # The last are slow, so that it cannot be over before it is stopped.
        seconds = "0.1" if number < 21 else "1.0"
        hand_in(cohort, f"p{number:02}", focal_loss=f"sleep {seconds}{number:02}")
    for stage, ending in enumerate([signal.SIGKILL, signal.SIGKILL, signal.SIGINT], start=1):
        run = start(cohort, start_new_session=True)
        wait_for(cohort, 6 * stage)
        if ending == signal.SIGINT:
            # As from the terminal: to all of the group.
            os.killpg(run.pid, ending)
            said, _ = run.communicate()
            assert run.returncode == 130
            assert "graded, and kept; the same command goes on" in said
        else:
            run.send_signal(ending)
            run.communicate()
    assert not (cohort.parent / "report/results.json").exists()
    assert grade(cohort) == 0
    assert set(results(cohort).values()) == {"solved"}
    assert len(results(cohort)) == 24
    # Lost at most is what was in work: an answer of each worker, three times.
    assert sum(graded(cohort).values()) <= 24 + 3 * 2
