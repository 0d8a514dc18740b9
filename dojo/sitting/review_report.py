"""What a review was worth: the line, the clause, the input that tells right from wrong."""

import ast
import dataclasses
import difflib

from dojo import layout
from dojo.check.messages import Probed
from dojo.content import mistakes
from dojo.content.mistakes import Mistake
from dojo.results import Result, clause_of

# A test that is shown beside the code has to fit on a screen.
LONGEST = 24


@dataclasses.dataclass(frozen=True)
class Review:
    """What the learner says.

    Attributes:
        line: Number of the line that is wrong; None where nothing was said.
        clause: Number of the clause it breaks, or "".
        text: The input.
        probed: What the answers made of it; None where it was not run.
    """

    line: int | None = None
    clause: str = ""
    text: str = ""
    probed: Probed | None = None


def grades(mistake: Mistake, evidence: Result | None, review: Review) -> dict[str, bool]:
    """Returns "line", "clause" and "input" to whether each is right."""
    failing = set() if evidence is None else failing_clauses(evidence)
    return {
        "line": review.line in wrong_lines(mistake),
        "clause": review.clause in failing,
        "input": review.probed is not None and review.probed.apart,
    }


def wrong_lines(mistake: Mistake) -> set[int]:
    """Returns the lines of the file that are not the right answer's, from 1.

    Where a line is missing, those on both sides of the gap.
    """
    before = mistakes.repaired(mistake.kata).splitlines()
    after = mistake.source.splitlines()
    lines: set[int] = set()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, _, _, j1, j2 in matcher.get_opcodes():
        if tag == "delete":
            lines |= {j1, j1 + 1}
        elif tag != "equal":
            lines |= set(range(j1 + 1, j2 + 1))
    return lines


def failing_clauses(evidence: Result) -> set[str]:
    """Returns the numbers of the clauses that the wrong answer breaks."""
    return {clause for clause, verdict in evidence.clauses.items() if verdict == "failed"}


def passing_test(evidence: Result) -> str:
    """Returns the source of a test that the wrong answer passes, or "".

    Of a clause that it breaks, if there is one: it looks right, and does not see the mistake.
    """
    passed = {test.name.partition("[")[0] for test in evidence.tests if test.passed}
    passed -= {failure.test.partition("[")[0] for failure in evidence.failures}
    broken = failing_clauses(evidence)
    sources = _tests(evidence.kata)
    fitting = [name for name in sources if name in passed]
    fitting.sort(key=lambda name: clause_of(name) not in broken)
    return next((sources[name] for name in fitting), "")


def _tests(kata: str) -> dict[str, str]:
    """Name to source of the suite's tests that are short enough to show."""
    text = layout.test_file(kata).read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: "\n".join(lines[_first(node) - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and (node.end_lineno or 0) - _first(node) < LONGEST
    }


def _first(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
