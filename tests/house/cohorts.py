"""Cohorts whose verdicts are made up: traps, second answers and stubs, dealt to many people."""

import ast
import datetime
import random

from dojo import layout
from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.content import stubs
from dojo.content.traps import read_traps
from dojo.results import Failure, Kind, Outcome, RanTest, Result

FIRST = ["Ada", "Bao", "Cem", "Dot", "Eve", "Gil", "Hua", "Ines", "Jun", "Kai", "Mo", "Nia", "Sam"]
LAST = ["Abel", "Berg", "Diaz", "Eze", "Fox", "Horn", "Ito", "Jung", "Khan", "Lund", "Nagy", "Roy"]


def made_up(size, katas, seed=0, own_names=True):
    """A cohort of so many people.

    Args:
        own_names: Whether everybody writes a line of their own, so that no two texts are the same.
    """
    chance = random.Random(seed)
    dealt = {kata: list(answers_to(kata)) for kata in katas}
    submissions, grades = [], []
    for number in range(size):
        name = f"group-{number % 7}/s{number:04d}"
        answers = {}
        for kata in katas:
            source, result = chance.choice(dealt[kata])
            if chance.random() < 0.03:
                continue
            if own_names and result.outcome is not Outcome.NOT_STARTED:
                source += f"\n\n# written by s{number:04d}\n"
            answers[kata] = source.encode()
            flags = ("line 40 looks at the caller's frames",) if chance.random() < 0.01 else ()
            grades.append(Grade(name, kata, result, flags, source))
        notes = () if len(answers) == len(katas) else ("a kata was not handed in",)
        person = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        submissions.append(Submission(name, person, answers, notes, f"2026-{number:04d}"))
    at = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    versions = {"python": "3.13.1", "tensorflow": "2.21.0"}
    return Cohort("Spring course", at, versions, "bubblewrap", tuple(katas), submissions, grades)


def answers_to(kata):
    """Texts and what came of them: the right answers several times, each trap, the stub."""
    tests = tests_of(kata)
    question = stubs.pristine(kata)
    for text in (model(kata), second(kata)) * 4:
        yield text, verdict(kata, tests, Outcome.SOLVED)
    for trap in read_traps(kata):
        source = trap.source()
        proof = f"these are exactly the numbers of: {trap.cause}" if trap.cause else None
        message = (
            "f(x)\n\n  expected  [0.25 0.5]  by the formula in float64\n"
            f"  got       [0.5 1.0]  float32\n  cause     {proof or 'none'}"
        )
        failing = [test for test in tests if test.startswith(f"test_{trap.clause}_")][:1]
        kind = Kind.PROOF if proof else Kind.NUMBERS
        failures = [Failure(test, message, proof, "", kind) for test in failing]
        yield source, verdict(kata, tests, Outcome.WRONG, failures)
    unwritten = [Failure(test, "nothing is written yet", kind=Kind.UNWRITTEN) for test in tests]
    yield question, verdict(kata, tests, Outcome.NOT_STARTED, unwritten)
    ended = Failure("", "the process was killed by SIGSEGV before the first test")
    yield "import os\nos.abort()\n", Result(kata, Outcome.CRASHED, [ended])


def model(kata):
    return layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")


def second(kata):
    return (layout.TESTS / "second" / f"{kata}.py").read_text(encoding="utf-8")


def tests_of(kata):
    tree = ast.parse(layout.test_file(kata).read_text(encoding="utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def verdict(kata, tests, outcome, failures=()):
    failed = {failure.test for failure in failures}
    ran = [RanTest(test, test not in failed, 0.05) for test in tests]
    return Result(kata, outcome, tuple(failures), tuple(ran), tuple(tests), 1.5)
