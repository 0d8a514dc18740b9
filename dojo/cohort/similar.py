"""Answers that are alike, as a place to look: not a verdict.

An answer is what its author wrote: without the stub's text, comments and docstrings, and with
every name that is the author's own as one and the same. Each run of `RUN` such tokens is a
fingerprint. One that many answers have says nothing: there are few ways to write a softmax.
Two answers are alike where they share most of the fingerprints that few others have.
"""

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, combinations, islice

from dojo.cohort.grades import Cohort, Grade
from dojo.cohort.tokens import tokens

# Tokens of one fingerprint: a call with two arguments and what is done with it.
RUN = 10
# Fingerprints that both have to have, of those that few have: three lines of code or so.
LEAST_SHARED = 16
LEAST_SHARE = 0.6
# What more answers have is how one writes it. In a small group a third of it is many.
COMMON = 10
# Of one text. A kata's answer has a few hundred.
MOST_WORDS = 20_000
MOST_PAIRS = 200

Lines = Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Similar:
    """Two texts that are alike, or one that several handed in.

    Attributes:
        kata: Path of the kata.
        first, second: Names of the submissions that have the one text, and the other; of one
            text that several handed in, `second` is empty.
        share: How much of what the shorter one has, and few others have, is in the other: up to 1.
        first_lines, second_lines: Where, as (first line, last line).
    """

    kata: str
    first: Sequence[str]
    second: Sequence[str]
    share: float
    first_lines: Lines = ()
    second_lines: Lines = ()


@dataclasses.dataclass(frozen=True)
class _Answer:
    """One text: whose it is, its fingerprints, and the lines on which each stands."""

    whose: Sequence[str]
    places: Mapping[bytes, Lines]


def similar(cohort: Cohort, stubs: Mapping[str, str]) -> Sequence[Similar]:
    """Returns what is alike, kata by kata, what is alike at length first.

    Args:
        stubs: Kata path to the text that was handed out.
    """
    by_kata: dict[str, list[Grade]] = {kata: [] for kata in cohort.katas}
    for grade in cohort.grades:
        by_kata[grade.kata].append(grade)
    return [
        found
        for kata, grades in by_kata.items()
        for found in _in_one_kata(kata, _answers(grades, stubs.get(kata, "")))
    ]


def _answers(grades: Iterable[Grade], stub: str) -> Sequence[_Answer]:
    """The texts that hold something of their author's, each once."""
    whose: defaultdict[str, list[str]] = defaultdict(list)
    for grade in grades:
        whose[grade.source].append(grade.submission)
    given = {text for kind, text in tokens(stub) if kind == "name"}
    stub_has = fingerprints(stub, given)
    answers = []
    for text, names in whose.items():
        found = fingerprints(text, given)
        own = {mark: lines for mark, lines in found.items() if mark not in stub_has}
        if len(own) >= LEAST_SHARED:
            answers.append(_Answer(names, own))
    return answers


def fingerprints(text: str, given: set[str]) -> Mapping[bytes, Lines]:
    """Returns each fingerprint of a text, and on which lines it stands.

    Args:
        given: Names that the stub has. They stay themselves, as attributes do.
    """
    words = list(islice(_words(text, given), MOST_WORDS))
    places: defaultdict[bytes, list[tuple[int, int]]] = defaultdict(list)
    encoded = [word.encode(errors="replace") for _, word in words]
    # Each run is a part of this: to join the words of each takes ten times as long.
    content = b"\0".join(encoded)
    begins = [0, *accumulate(len(word) + 1 for word in encoded)]
    for start in range(len(words) - RUN + 1):
        run = content[begins[start] : begins[start + RUN] - 1]
        mark = hashlib.blake2b(run, digest_size=8).digest()
        places[mark].append((words[start][0], words[start + RUN - 1][0]))
    return places


def _words(text: str, given: set[str]) -> Iterator[tuple[int, str]]:
    """Line and word of each token that says something."""
    line, before = 1, ""
    for kind, token in tokens(text):
        docstring = kind == "text" and token.lstrip("rR").startswith(('"""', "'''"))
        if kind not in ("space", "comment") and not docstring:
            own = kind == "name" and before != "." and token not in given
            yield line, "name" if own else kind if kind == "text" else token
            before = token
        line += token.count("\n")


def _in_one_kata(kata: str, answers: Sequence[_Answer]) -> Sequence[Similar]:
    same = [Similar(kata, answer.whose, (), 1.0) for answer in answers if len(answer.whose) > 1]
    same.sort(key=lambda found: -len(found.first))
    holders: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, answer in enumerate(answers):
        for mark in answer.places:
            holders[mark].append(index)
    most = min(COMMON, max(3, len(answers) // 3))
    rare = {mark: having for mark, having in holders.items() if len(having) <= most}
    shared = Counter(pair for having in rare.values() for pair in combinations(having, 2))
    of_own = Counter(index for having in rare.values() for index in having)
    # What is alike at length says more than a line that is alike in full.
    pairs = [
        _pair(kata, answers[a], answers[b], count / min(of_own[a], of_own[b]), rare)
        for (a, b), count in shared.most_common()
        if count >= LEAST_SHARED and count >= LEAST_SHARE * min(of_own[a], of_own[b])
    ]
    return [*same[:MOST_PAIRS], *pairs[:MOST_PAIRS]]


def _pair(
    kata: str, first: _Answer, second: _Answer, share: float, rare: Mapping[bytes, Sequence[int]]
) -> Similar:
    both = [mark for mark in first.places if mark in second.places and mark in rare]
    where = (_joined(line for mark in both for line in a.places[mark]) for a in (first, second))
    return Similar(kata, first.whose, second.whose, share, *where)


def _joined(ranges: Iterable[tuple[int, int]]) -> Lines:
    """Ranges that touch become one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
