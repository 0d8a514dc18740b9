"""README.md and QUESTIONS.md say what is true: table, transcripts, contents, commands, links."""

import re

import pytest

from dojo import cli, layout
from dojo.content.document import read_document
from dojo.upkeep import readme
from dojo.upkeep.contents import anchors, contents, headings
from dojo.upkeep.paths import paths

TEXT = readme.README.read_text(encoding="utf-8")


def part(name, text=TEXT):
    found = re.search(
        rf"<!-- {name}: made by python -m dojo readme -->\n(.*?)\n<!-- end -->", text, re.DOTALL
    )
    return found[1]


def test_the_table_is_the_catalogue():
    assert part("table") == readme.table(read_document().katas), "python -m dojo readme"


def test_the_table_folds_each_track_under_what_is_often_asked_of_it():
    katas = read_document().katas
    made = readme.table(katas)
    assert made.count("<details>\n<summary>") == made.count("\n\n</details>")
    assert made.count("<details>") == len({kata.track for kata in katas})
    folds = dict(re.findall(r"<summary><b>(\w+)</b>: (.*)</summary>\n\n\|", made))
    assert list(folds) == list(layout.TRACKS)
    for kata in katas:
        told = folds[kata.track].partition("asked often: ")[2].split(", ")
        assert (kata.name in told) == (kata.asked == "often")
        assert made.count(f"](katas/{kata.path}.py)") == 1


def test_the_paths_are_what_the_plan_lays():
    made = part("paths")
    assert made == paths(), "python -m dojo readme"
    tables = re.findall(r"(?:^\|.*\n?)+", made, re.MULTILINE)
    assert len(tables) == 3
    assert all(len(table.splitlines()) <= 10 for table in tables)


def test_the_contents_of_the_questions_are_theirs():
    text = layout.QUESTIONS.read_text(encoding="utf-8")
    made = contents(read_document(), text)
    assert part("contents", text) == made, "python -m dojo readme"


@pytest.mark.parametrize(
    ("name", "source"),
    [("failing", readme.wrong_answer), ("passing", lambda: readme._source(layout.REFERENCE))],
)
def test_the_transcripts_are_what_the_command_shows(name, source):
    def timeless(text):
        return re.sub(r"\d+\.\d s", "N s", text)

    assert timeless(part(name)) == timeless(readme.transcript(source())), "python -m dojo readme"


def test_it_is_at_most_two_screens_before_the_table():
    above = TEXT.partition("<!-- table")[0].splitlines()
    assert len(above) <= 2 * 40


def test_every_command_of_the_tool_is_there_and_every_one_there_exists():
    commands = set(cli.parser()._subparsers._group_actions[0].choices)
    session_file = (layout.ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(re.findall(r"^def (\w+)\(session\):\n    \"\"\"", session_file, re.MULTILINE))
    named = set(re.findall(r"python -m dojo (\w+)", TEXT))
    assert named <= commands
    assert set(re.findall(r"nox -s (\w+)", TEXT)) <= sessions
    # Commands of those who write katas stand in CONTRIBUTING.md.
    elsewhere = (layout.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = {c for c in commands if not re.search(rf"(dojo|-s) {c}\b", TEXT + elsewhere)}
    assert missing == set()


def test_local_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "QUESTIONS.md", "CHANGELOG.md"):
        text = (layout.ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (layout.ROOT / link).exists(), f"{name}: {link}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "QUESTIONS.md", "CHANGELOG.md"])
def test_links_within_a_page_lead_to_a_heading(name):
    text = (layout.ROOT / name).read_text(encoding="utf-8")
    there = set(anchors([title for _, title in headings(text)]))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= there
