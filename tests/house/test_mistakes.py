"""dojo.content.mistakes: every trap is a mistake to find, and nothing in its file tells which."""

import ast
import itertools
import random
import re
import tokenize
from io import BytesIO

import pytest

from dojo.content import mistakes, model_answer, stubs
from dojo.content.disguise import disguise
from dojo.content.document import read_document
from dojo.content.traps import read_traps
from dojo.results import clause_of

KATAS = [kata.path for kata in read_document().katas if kata.track != "repair"]
FOCAL = "losses/focal_loss"


def docstrings(source):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    return {ast.get_docstring(node) for node in nodes} - {None}


@pytest.mark.parametrize("kata", KATAS)
def test_what_is_handed_out_is_the_wrong_answer_and_gives_nothing_away(kata):
    stub, right = stubs.pristine(kata), mistakes.repaired(kata)
    for trap in read_traps(kata):
        assert trap.family in mistakes.FAMILIES, trap.name
        assert trap.symptom.endswith("."), trap.name
        assert trap.name.lower() not in trap.symptom.lower(), trap.name
        found = mistakes.of_trap(trap)
        assert differs_first_in(right, found.source) == found.line, trap.name
        assert stubs._code(found.source) == stubs._code(trap.source()), trap.name
        assert docstrings(found.source) <= docstrings(stub), trap.name
        assert comments(found.source) == [], trap.name
        # A name that the edit brings must not be the mistake's: `dropped = …`.
        new = "_".join(bound(found.source) - bound(right)).lower()
        told = set(re.findall(r"[a-z]{6,}", f"{trap.name} {trap.cause}".lower()))
        told -= set(re.findall(r"[a-z]{6,}", stub.lower()))
        assert [word for word in sorted(told) if word in new] == [], trap.name


def differs_first_in(before, after):
    pairs = itertools.zip_longest(before.splitlines(), after.splitlines())
    return next(number for number, (old, new) in enumerate(pairs, 1) if old != new)


def comments(source):
    tokens = tokenize.tokenize(BytesIO(source.encode()).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def bound(source):
    """Names that the source itself gives to something."""
    nodes = list(ast.walk(ast.parse(source)))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}


def test_a_comment_within_code_goes_and_its_line_stays():
    source = '"""Doc."""\n\n\ndef f(x):\n    """Private."""\n    # why\n    return x  # because\n'
    out = disguise(FOCAL, source)
    assert out.endswith("def f(x):\n    return x\n")
    assert "why" not in out


@pytest.mark.parametrize(
    "before, after, change",
    [
        ("a <= b", "a < b", ("<=", "<")),
        ("x * y", "x / y", ("*", "/")),
        ("t = f(self.i + 1, d)", "t = f(self.i, d)", ("+1", "")),
        ("s = tf.reduce_sum(x)", "s = tf.reduce_mean(x)", ("reduce_sum", "reduce_mean")),
        ("f(x, keepdims=True)", "f(x)", (",keepdims=True", "")),
        # What nobody would write, or what is no answer any more:
        ("1 - x", "2 - x", None),
        ("1 - x", "-1 - x", None),
        ("f(a, b)", "f(b, a)", None),
        ("x = f(a, b, c)", "x = a", None),
    ],
)
def test_a_break_changes_one_thing(before, after, change):
    assert mistakes.changed_tokens(before, after) == change


@pytest.mark.parametrize("kata", ["losses/giou", "optimizers/adam", "metrics/f_beta"])
def test_breaks_differ_from_the_answer_in_the_line_that_they_name(kata):
    right = mistakes.repaired(kata).splitlines()
    found = list(mistakes.from_breaks(kata, random.Random(1)))
    assert len(found) >= 10
    assert len({mistake.source for mistake in found}) == len(found)
    for mistake in found:
        lines = mistake.source.splitlines()
        assert len(lines) == len(right)
        assert [i for i, line in enumerate(lines, 1) if line != right[i - 1]] == [mistake.line]
        assert mistake.family in mistakes.FAMILIES
        compile(mistake.source, kata, "exec")


@pytest.mark.parametrize(
    "old, new, family",
    [
        ("<=", "<", "mask"),
        ("reduce_sum", "reduce_mean", "reduction"),
        ("+", "-", "sign"),
        ("*", "/", "formula"),
        ("assign_sub", "assign_add", "state"),
    ],
)
def test_the_family_of_a_break(old, new, family):
    assert mistakes.family_of(old, new) == family


def test_four_are_offered_with_the_true_one_once():
    for trap in read_traps(FOCAL):
        names, true = mistakes.options(mistakes.of_trap(trap), random.Random(0))
        assert len(names) == len(set(names)) == 4
        assert names[true] == trap.name
    broken = next(mistakes.from_breaks(FOCAL, random.Random(0)))
    names, true = mistakes.options(broken, random.Random(0))
    assert len(set(names)) == 4
    assert names[true].startswith(f"line {broken.line}: ")


def test_what_one_cause_proves_is_no_choice():
    """Traps that give the same numbers are told apart by nobody."""
    traps = read_traps("gradients/gradient_reversal")
    same = [trap for trap in traps if trap.cause == "x rebuilt from a sum and a difference"]
    assert len(same) == 3
    assert len({trap.clause for trap in same}) == 1
    for chance in map(random.Random, range(20)):
        names, true = mistakes.options(mistakes.of_trap(same[0]), chance)
        assert names[true] == same[0].name
        assert not {trap.name for trap in same[1:]} & set(names)


@pytest.mark.parametrize("kata", KATAS)
def test_the_right_answer_in_the_form_of_a_round_is_the_model_answer(kata):
    assert stubs._code(mistakes.repaired(kata)) == stubs._code(model_answer.source(kata))


def test_a_mistake_goes_into_ones_own_answer_where_it_fits():
    trap = next(trap for trap in read_traps("gradients/clip_by_value") if "low <= x" in trap.old)
    mistake = mistakes.of_trap(trap)
    own = f"def f(x, low, high, dtype=None):\n    return {trap.old.partition('= ')[2]}\n"
    other = f"def f(x, low, high):\n    mine = 1\n    {trap.old}\n    return mine\n"
    assert mistakes.in_own_answer(mistake, own.replace("(low", "(lo")) is None
    assert mistakes.in_own_answer(mistake, other + other) is None
    fitted = mistakes.in_own_answer(mistake, other)
    assert fitted.source == other.replace(trap.old, trap.new)
    assert fitted.line == 3


@pytest.mark.parametrize("kata", KATAS)
def test_clauses_of_traps_are_clauses(kata):
    assert {clause_of(f"test_{trap.clause}_x") for trap in read_traps(kata)} <= set("123456789")
