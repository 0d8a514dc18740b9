"""The report on a cohort: the page, the tables, and the files for other programs."""

import base64
import csv
import dataclasses
import datetime
import hashlib
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.cohort.report import lessons
from dojo.cohort.report.csv_table import to_csv
from dojo.cohort.report.files import ReportError, write_report
from dojo.cohort.report.gradescope import to_gradescope
from dojo.cohort.report.html import joined, listed, tag
from dojo.cohort.report.junit import to_junit
from dojo.cohort.report.page import page
from dojo.cohort.results_file import from_json
from dojo.content import stubs
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from tests.house import cohorts

FOCAL, MOMENTUM = "losses/focal_loss", "optimizers/momentum"
KATAS = (FOCAL, MOMENTUM)
STUBS = {kata: stubs.pristine(kata) for kata in KATAS}
EVIL = "</pre></script><script>alert('x')</script><img src=//a.b/c onerror=alert(1)>\"'&amp;"


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.ids, self.links, self.tags, self.attributes = [], [], [], []
        self.texts = {}
        self.path = []
        self.feed(content)
        self.close()

    def handle_starttag(self, name, attributes):
        found = dict(attributes)
        self.tags.append(name)
        self.attributes += attributes
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if name == "a" else []
        if name not in ("meta", "link", "input"):
            self.path.append((name, found.get("id")))

    def handle_endtag(self, name):
        assert self.path.pop()[0] == name

    def handle_data(self, data):
        for _, place in self.path:
            if place:
                self.texts[place] = self.texts.get(place, "") + data

    def text(self, place):
        """All text within the element that has this id."""
        return self.texts[place]


def wrong(kata, test, message, cause=None):
    """A verdict with one failure; without a test none was reached."""
    tests = cohorts.tests_of(kata) if test else []
    kind = Kind.PROOF if cause else Kind.BASIC
    proof = f"these are exactly the numbers of: {cause}" if cause else None
    failure = Failure(test, message, proof, "it printed this", kind)
    ran = tuple(RanTest(name, name != test, 0.1) for name in tests)
    return Result(kata, Outcome.WRONG, (failure,), ran, tuple(tests), 0.5)


def solved(kata):
    return cohorts.verdict(kata, cohorts.tests_of(kata), Outcome.SOLVED)


def clause_test(kata, clause):
    return next(t for t in cohorts.tests_of(kata) if t.startswith(f"test_{clause}_"))


def a_cohort(grades, submissions=None, sandbox="bubblewrap", title="Spring"):
    names = dict.fromkeys(grade.submission for grade in grades)
    submissions = submissions or [Submission(name, name.title(), {}) for name in names]
    at = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    return Cohort(title, at, {"python": "3.13"}, sandbox, KATAS, submissions, grades)


@pytest.fixture
def cohort():
    """Ada solves both; Bob and Cem take the wrong sign; Bob's momentum is missing."""
    sign = wrong(FOCAL, clause_test(FOCAL, 1), "f(x)\n\n  got       -1", "the wrong sign")
    return a_cohort(
        [
            Grade("ada", FOCAL, solved(FOCAL), (), "answer = 1\n"),
            Grade("ada", MOMENTUM, solved(MOMENTUM), ("line 7 reads the suite",), "m = 2\n"),
            Grade("bob", FOCAL, sign, (), "answer = -1\n"),
            Grade("cem", FOCAL, sign, (), "answer = -1\n"),
            Grade("cem", MOMENTUM, wrong(MOMENTUM, "", "SyntaxError at line 3"), (), "("),
        ]
    )


def test_every_link_leads_somewhere_and_nothing_lies_elsewhere():
    made = cohorts.made_up(30, KATAS, own_names=False)
    found = Page(page(made, STUBS))
    assert len(set(found.ids)) == len(found.ids)
    assert {link[:1] for link in found.links} == {"#"}
    assert {link[1:] for link in found.links} - set(found.ids) == set()
    fetching = [value for name, value in found.attributes if name in ("src", "href", "action")]
    assert [value for value in fetching if value[:1] != "#"] == ["data:,"]
    copied = {value for name, value in found.attributes if name == "data-from"}
    assert copied
    assert copied - set(found.ids) == set()


def hostile_cohort():
    """Markup wherever a stranger's text comes in."""
    test = clause_test(FOCAL, 1)
    result = wrong(FOCAL, test, f"{EVIL}\n  got       {EVIL}", EVIL)
    failure = dataclasses.replace(result.failures[0], output=EVIL)
    result = dataclasses.replace(result, failures=(failure,))
    grades = [
        Grade(EVIL, FOCAL, result, (EVIL,), f"x = '''{EVIL}\n'''  # {EVIL}"),
        Grade(EVIL, MOMENTUM, wrong(MOMENTUM, EVIL, EVIL), (), EVIL),
        Grade("bob", MOMENTUM, wrong(MOMENTUM, "", EVIL), (), EVIL),
    ]
    people = [Submission(EVIL, f"{EVIL}2", {}, (EVIL,), EVIL), Submission("bob", "Bob", {})]
    return a_cohort(grades, people, sandbox=EVIL, title=EVIL)


def test_a_stranger_s_text_stays_text():
    found = Page(page(hostile_cohort(), STUBS))
    assert found.tags.count("script") == 2
    assert "img" not in found.tags
    assert [name for name, _ in found.attributes if name.startswith("on") or name == "style"] == []
    assert found.text("p1").count("alert('x')") >= 6
    assert EVIL in found.text("k1")


def test_the_policy_lets_only_our_own_script_and_style_run():
    content = page(a_cohort([]), STUBS)
    told = next(v for name, v in Page(content).attributes if "default-src" in (v or ""))
    policy = dict(part.strip().split(" ", 1) for part in told.split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in str(policy)
    for kind in ("script", "style"):
        bodies = re.findall(rf"<{kind}>(.*?)</{kind}>", content, re.DOTALL)
        digests = [hashlib.sha256(body.encode()).digest() for body in bodies]
        hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert policy[f"{kind}-src"].split() == hashes


def test_what_is_invisible_is_shown():
    grade = Grade("ada", FOCAL, solved(FOCAL), (), "x = 1\u202e # 2\r\ny = 3\rz\x00 = 4\n")
    text = Page(page(a_cohort([grade]), STUBS)).text("p1")
    assert "x = 1\\u202e # 2\ny = 3\nz\\x00 = 4\n" in text


def test_a_text_stands_in_the_page_once(cohort):
    content = page(cohort, STUBS)
    assert Page(content).text("t1").count("answer = -1") == 1
    # Ada's, and the one of Bob and Cem.
    assert re.sub("<.*?>", "", content).count("answer = ") == 2


def test_the_question_is_not_repeated_and_lines_keep_their_numbers():
    source = STUBS[FOCAL].replace('raise NotImplementedError("sigmoid_focal_loss")', "return 0")
    content = page(a_cohort([Grade("ada", FOCAL, solved(FOCAL), (), source)]), STUBS)
    assert "are the question, as handed out" in content
    first = int(re.search(r'data-first="(\d+)"', content)[1])
    shown = re.search(r"<code>(.*?)\n", content)[1]
    assert re.sub("<.*?>", "", shown) == source.splitlines()[first - 1]


def test_a_person_s_page_has_the_failure_as_check_prints_it(cohort):
    text = Page(page(cohort, STUBS)).text("p2-k1")
    assert f"✗ wrong  {FOCAL}" in text
    assert "clauses passed: 2, 3, 4, 5, 6" in text
    assert "  1. Values and gradients match the formula" in text
    assert "\n  got       -1" in text
    assert "  your code printed\n    it printed this" in text
    assert "– not handed in" in Page(page(cohort, STUBS)).text("p2-k2")


def test_a_kata_s_page_says_which_mistakes_how_often_and_whose(cohort):
    found = Page(page(cohort, STUBS))
    kata, overview = found.text("k1"), found.text("cohort")
    assert re.search(r"the wrong sign.*sign: minus for plus ?2 of 3Bob, Cem", kata)
    assert "The loss is negative, and falls without end." in kata
    assert re.search(r"1\. Values and gradients.*? 2 of 3Bob, Cem2\. ", kata)
    assert re.search(r"Cemwrong ?SyntaxError at line 3", found.text("k2"))
    assert "the wrong signsignlosses/focal_loss 2 of 3" in overview
    assert "By kind: sign (minus for plus): 2 people." in overview
    assert re.search(r"failed by1\. Values and gradients .*losses/focal_loss 2 of 3", overview)


def test_only_who_failed_without_a_named_mistake_is_listed(cohort):
    assert [g.submission for g in lessons.without_a_cause(cohort, MOMENTUM)] == ["cem"]
    assert lessons.without_a_cause(cohort, FOCAL) == []


def test_who_writes_alike_is_named_on_either_page_and_shown_side_by_side():
    ways = ["return labels", "total = labels * 2", "for each in labels:", "print(labels, logits)"]
    lines = "".join(f"    {way} if alpha else gamma[{n}]\n" for n, way in enumerate(ways))
    first = f"def sigmoid_focal_loss(labels, logits):\n{lines}"
    texts = {"ada": first, "bob": f"# mine\n\n{first}", "cem": "x = 1\n"}
    grades = [Grade(name, FOCAL, solved(FOCAL), (), text) for name, text in texts.items()]
    found = Page(page(a_cohort(grades), STUBS))
    told = "5 lines, 100% of what few others wrote"
    assert f"like Bob: {told}" in found.text("p1-k1")
    assert f"like Ada: {told}" in found.text("p2-k1")
    assert f"Ada and Bob{told}side by side" in found.text("alike")
    lines = [value for name, value in found.attributes if name == "data-lines"]
    assert lines == ["1–5", "3–7"]
    assert f"{FOCAL}: {told}Adaalike: lines 1–5the fileBobalike: lines 3–7" in found.text("s1")


def test_a_text_of_many_is_not_listed_with_all_names_on_each_page():
    def size(people):
        text = cohorts.model(FOCAL)
        grades = [Grade(f"s{n:03d}", FOCAL, solved(FOCAL), (), text) for n in range(people)]
        return len(page(a_cohort(grades), STUBS))

    # Their numbers have three digits, so that each hundred takes the same room.
    one, two, three = size(120), size(220), size(320)
    assert three - two == two - one


def test_who_should_be_looked_at_is_said_with_the_line(cohort):
    found = Page(page(cohort, STUBS))
    assert "a person should look at 1 answer." in found.text("cohort")
    assert "Adaoptimizers/momentumsolved, look at itline 7" in found.text("flags")
    assert "line 7 reads the suite" in found.text("p1-k2")


@pytest.mark.parametrize(("sandbox", "warnings"), [("", 7), ("bubblewrap", 0)])
def test_each_page_says_when_nothing_held_the_code(cohort, sandbox, warnings):
    content = page(dataclasses.replace(cohort, sandbox=sandbox), STUBS)
    assert content.count('class="page') == 7
    assert content.count("Graded without a sandbox") == warnings


def test_nobody_and_nothing_make_a_page_too(tmp_path):
    empty = a_cohort([], [Submission("ada", "Ada", {}, ("an empty folder",))])
    assert "an empty folder" in Page(page(empty, STUBS)).text("p1")
    nothing = dataclasses.replace(empty, submissions=(), katas=())
    assert "0 submissions" in page(nothing, {})
    write_report(nothing, tmp_path)


def test_no_text_gets_into_html_unescaped():
    assert tag("a", "<b>", href='"&') == '<a href="&quot;&amp;">&lt;b&gt;</a>'
    assert joined(["<", tag("b"), ">"], "&") == "&lt;&amp;<b></b>&amp;&gt;"
    # What is put together without the functions is text again: ugly, never markup.
    assert tag("p", "" + tag("b")) == "<p>&lt;b&gt;&lt;/b&gt;</p>"
    assert listed([]) == ""


def rows_of(cohort):
    text = to_csv(cohort)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_table_has_a_row_a_person(cohort):
    ada, bob, _ = rows_of(cohort)
    assert (ada["name"], ada["solved"], ada["of"], ada["to look at"]) == ("Ada", "2", "2", "1")
    assert ada["flags"] == f"{MOMENTUM}: line 7 reads the suite"
    assert (bob[FOCAL], bob[f"{FOCAL}: clauses"]) == ("wrong", "5 of 6")
    assert bob[f"{FOCAL}: cause"] == "the wrong sign"
    assert bob[MOMENTUM] == "not handed in"
    assert bob["sandbox"] == "bubblewrap"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_no_cell_is_a_formula(start):
    person = Submission("s", f"{start}cmd|' /C calc'!A0", {}, (f"{start}1\n+2",))
    (row,) = rows_of(a_cohort([], [person]))
    assert row["name"].endswith("cmd|' /C calc'!A0")
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for cell in row.values())
    assert all("\n" not in cell for cell in row.values())


def test_gradescope_gets_a_test_a_clause(cohort):
    report = json.loads(to_gradescope(cohort, cohort.submissions[1]))
    tests = {test["number"]: test for test in report["tests"]}
    assert report["score"] == sum(test["score"] for test in report["tests"]) == 5
    assert {test["max_score"] for test in report["tests"]} == {1}
    assert (tests["1.1"]["status"], tests["1.2"]["status"]) == ("failed", "passed")
    assert "got       -1" in tests["1.1"]["output"]
    assert tests["2.1"]["output"].endswith("not handed in")
    assert report["output"] == "0 of 2 katas solved"
    assert {report["output_format"], *(t["output_format"] for t in report["tests"])} == {"text"}


def test_each_clause_tells_gradescope_its_own_failure():
    one, two = (clause_test(FOCAL, clause) for clause in "12")
    result = wrong(FOCAL, one, "the first")
    result = dataclasses.replace(result, failures=(*result.failures, Failure(two, "the second")))
    ran = [dataclasses.replace(test, passed=test.name not in (one, two)) for test in result.tests]
    cohort = a_cohort([Grade("ada", FOCAL, dataclasses.replace(result, tests=ran))])
    report = json.loads(to_gradescope(cohort, cohort.submissions[0]))
    outputs = [test["output"] for test in report["tests"]]
    assert outputs[0].endswith("the first")
    assert outputs[1].endswith("the second")


def test_gradescope_shows_no_learner_what_a_person_should_look_at(cohort):
    assert "reads the suite" not in to_gradescope(cohort, cohort.submissions[0])
    syntax = json.loads(to_gradescope(cohort, cohort.submissions[2]))["tests"][-1]
    assert syntax["output"].endswith("SyntaxError at line 3")
    bare = dataclasses.replace(cohort, sandbox="")
    assert "without a sandbox" in json.loads(to_gradescope(bare, bare.submissions[0]))["output"]


def test_junit_has_a_suite_an_answer():
    root = ET.fromstring(to_junit(hostile_cohort()))
    assert len(root) == 3
    assert root[0].get("name").endswith(f"({EVIL}): {FOCAL}")
    told = {entry.get("name"): entry.get("value") for entry in root[0].find("properties")}
    assert told == {"sandbox": EVIL, "look at it": EVIL}
    strange = Grade("a\x1b", FOCAL, wrong(FOCAL, "test_1_\ud800", "\x00"), (), "")
    suite = ET.fromstring(to_junit(a_cohort([strange])))[0]
    assert "\x1b" not in suite.get("name")


def test_all_files_are_written_and_a_second_time_too(tmp_path, cohort):
    for _ in range(2):
        assert write_report(cohort, tmp_path / "report") == tmp_path / "report" / "index.html"
    assert {file.name for file in (tmp_path / "report").iterdir()} == {
        "index.html",
        "grades.csv",
        "results.json",
        "junit.xml",
        "gradescope",
    }
    assert from_json((tmp_path / "report" / "results.json").read_bytes()).title == "Spring"


def test_of_ten_thousand_files_none_waits_for_the_disk(tmp_path, monkeypatch):
    """Those that hold everybody's results do."""
    waits = []
    monkeypatch.setattr("os.fsync", waits.append)
    write_report(a_cohort([], [Submission(f"s{n}", "one", {}) for n in range(20)]), tmp_path)
    assert len(waits) == 4


def test_each_submission_has_a_file_of_its_own_whatever_it_is_called(tmp_path):
    names = ["ada", "Ada", "../up", "a\nb", "/", "x" * 300, "é", ".hidden", "group/ada"]
    write_report(a_cohort([], [Submission(name, "one", {}) for name in names]), tmp_path)
    files = [file.name for file in (tmp_path / "gradescope").iterdir()]
    assert len({name.lower() for name in files}) == len(names)
    assert "ada.json" in files
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*\.json", name) for name in files)
    assert [file for file in tmp_path.iterdir() if file.name.startswith("up")] == []


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path, cohort):
    (tmp_path / "report").write_text("a file", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"):
        write_report(cohort, tmp_path / "report")
