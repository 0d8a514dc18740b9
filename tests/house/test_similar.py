"""Answers that are alike: copies are found, what many write is not."""

import datetime
import re

import pytest

from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.cohort.similar import fingerprints, similar
from dojo.cohort.tokens import tokens
from dojo.content import stubs
from dojo.results import Outcome, Result
from tests.house.cohorts import model, second

KATAS = ["losses/focal_loss", "optimizers/momentum", "gradients/clip_by_value", "metrics/ndcg"]


def found(kata, texts):
    """What is alike among texts, each handed in under the name it has here."""
    at = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    grades = [
        Grade(name, kata, Result(kata, Outcome.WRONG), (), text) for name, text in texts.items()
    ]
    submissions = [Submission(name, name, {}) for name in texts]
    cohort = Cohort("", at, {}, "", (kata,), submissions, grades)
    return similar(cohort, {kata: stubs.pristine(kata)})


def in_other_words(kata, source):
    """The answer with its author's names, comments and layout changed."""
    given = {text for kind, text in tokens(stubs.pristine(kata)) if kind == "name"}
    bound = set(re.findall(r"^\s+(\w+) = ", source, re.MULTILINE)) - given
    for number, name in enumerate(sorted(bound)):
        source = re.sub(rf"(?<![.\w]){name}\b", f"mine_{number}", source)
    return source.replace("# ", "#  and ").replace("\n\n\n", "\n\n\n\n")


@pytest.mark.parametrize("kata", KATAS)
def test_a_copy_in_other_words_is_found_and_an_answer_of_one_s_own_is_not(kata):
    texts = {"ada": model(kata), "bob": second(kata), "cem": in_other_words(kata, model(kata))}
    assert texts["cem"] != texts["ada"]
    (pair,) = found(kata, texts)
    assert {*pair.first, *pair.second} == {"ada", "cem"}
    assert pair.share > 0.9


def test_it_says_on_which_lines():
    kata = "losses/focal_loss"
    above = "import math\n\n\ndef other():\n    return math.pi\n\n\n"
    (pair,) = found(kata, {"ada": second(kata), "bob": above + second(kata)})
    moved = [(first + 7, last + 7) for first, last in pair.first_lines]
    assert pair.second_lines == moved
    assert pair.first_lines[0][0] > 1


def test_one_text_of_several_is_one_row():
    kata = "losses/focal_loss"
    (row,) = found(kata, {"ada": model(kata), "bob": model(kata), "cem": model(kata)})
    assert (row.first, row.second, row.share) == (["ada", "bob", "cem"], (), 1.0)


def test_what_was_handed_out_is_nobody_s():
    kata = "optimizers/momentum"
    stub = stubs.pristine(kata)
    assert found(kata, {"ada": stub, "bob": stub, "cem": stub + "\n\nx = 1\n"}) == []


def test_what_many_write_is_how_one_writes_it():
    kata = "losses/focal_loss"
    texts = {f"s{number}": f"{model(kata)}\n# {number}\n" for number in range(12)}
    assert found(kata, texts) == []
    two = {name: texts[name] for name in ("s0", "s1")} | {"other": second(kata)}
    assert len(found(kata, two)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n  'open\n",
        '"""open for ever',
        'x = 1e-7 + .5j ** 2 // 3 -> y != \'a\' "b\\"c"',
        'r\'\\\' rb"""\n\n""" # end',
        "\x00\ud800\u2028é = '\U0001f600'",
        "",
    ],
)
def test_tokens_joined_are_the_source_whatever_it_is(source):
    assert "".join(text for _, text in tokens(source)) == source


def test_tokens_are_what_python_has():
    kinds = [(kind, text) for kind, text in tokens("def f(x=1e-3): # as 'is'\n") if text.strip()]
    assert kinds == [
        ("keyword", "def"),
        ("name", "f"),
        ("sign", "("),
        ("name", "x"),
        ("sign", "="),
        ("number", "1e-3"),
        ("sign", ")"),
        ("sign", ":"),
        ("comment", "# as 'is'"),
    ]


@pytest.mark.parametrize("piece", ['"', "'\\", '\\"""', "'''\"\"\"\\", "rb", "1e", "(", " \n"])
def test_no_text_takes_for_ever(piece):
    # 0.3 s where each character takes one step; hours where a quote looks through all the rest.
    source = piece * (300_000 // len(piece))
    assert sum(len(text) for _, text in tokens(source)) == len(source)
    assert len(fingerprints(source, set())) < 20_000
