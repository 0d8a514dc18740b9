"""An interview as the interviewer would write it up: four rows, strengths, and what to work on.

Each row is so many points of so many, from what was recorded and self-rated, and a word for the
share; `RULES` says how both come about, so that the candidate can compute them again.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from dojo import layout
from dojo.content.document import Question
from dojo.proofs import mistake
from dojo.record.attempts import SOLVED, Entry
from dojo.record.follow_ups import ANSWERED
from dojo.record.pace import is_real
from dojo.sitting.interview_plan import minutes_of
from dojo.sitting.interview_record import Answer, Found, Interview, Trial
from dojo.words import counted, minutes_and_seconds

# From this share of the points on; below the last it is weak.
WORDS = (("strong", 9 / 10), ("solid", 2 / 3), ("mixed", 1 / 3), ("weak", 0.0))
NOT_SEEN = "not seen"
RULES = """\
Strong: at least nine tenths of the points. Solid: two thirds. Mixed: one third. Weak: less.
Not seen: nothing of it was recorded. A part that was left before a check, and before a quarter
of its time, was not seen.

- Correctness: 1 for a kata solved without a hint, ½ with hints; else half the share of its tests
  that passed in the last check. For a round of debugging ½ if repaired, ½ if the mistake was named.
- Speed: the minutes of the parts that were done in their time, of all that were judged; a kata
  solved over time gives half of its minutes. A question is done if one point was ticked.
- Unprompted: 1 for a key point. None was shown before you had answered; you ticked them
  yourself after reading them.
- Follow-ups: 1 if answered, ½ if partly, by your own judgement after reading the answer."""
# Strengths, and things to work on, that are listed: more would not be done.
MOST = 3


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the card.

    Attributes:
        name: What is judged.
        points: How many were made.
        of: How many there were; 0 where nothing was recorded.
        evidence: What they were made with.
        unit: What a point is.
    """

    name: str
    points: float = 0.0
    of: float = 0.0
    evidence: str = ""
    unit: str = "points"

    @property
    def word(self) -> str:
        if not self.of:
            return NOT_SEEN
        # What is printed has two digits: 0.33 of 1 is a third.
        share = self.points / self.of + 0.005
        return next(word for word, least in WORDS if share >= least)

    def line(self) -> str:
        """Returns it as a row of a Markdown table."""
        unit = self.unit.removesuffix("s") if self.of == 1 else self.unit
        made = f"{_number(self.points)} of {_number(self.of)} {unit}: "
        points = made if self.of else ""
        return f"| {self.name} | **{self.word}** | {points}{self.evidence} |"


@dataclasses.dataclass(frozen=True)
class Remark:
    """A strength, or something to work on.

    Attributes:
        text: What it rests on.
        command: What to paste.
        weight: What weighs more comes first.
    """

    text: str
    command: str
    weight: float


def scorecard(interview: Interview) -> str:
    """Returns the card as Markdown."""
    rows = "\n".join(row.line() for row in rows_of(interview))
    blocks = ["## Scorecard", f"| | | evidence |\n|---|---|---|\n{rows}", RULES]
    blocks += _listed("Strengths", strengths(interview))
    blocks += _listed("Work on", work_on(interview))
    return "\n\n".join(blocks)


def rows_of(interview: Interview) -> list[Row]:
    """Returns the four rows."""
    return [correctness(interview), speed(interview), key_points(interview), further(interview)]


def correctness(interview: Interview) -> Row:
    """Returns what the katas and the rounds of debugging were worth."""
    tried = _tried(interview)
    points = sum(_worth(done) for done in tried)
    return Row("Correctness", points, len(tried), "; ".join(map(_how, tried)))


def speed(interview: Interview) -> Row:
    """Returns what was done in its time, of what was begun and can be told."""
    judged = [answer for answer in interview.answers if answer.ticked is not None]
    told = [*_tried(interview), *judged]
    boxes = [_minutes(done) for done in told]
    made = [minutes * _in_time(done) for minutes, done in zip(boxes, told, strict=True)]
    quick = sum(_in_time(done) == 1 for done in told)
    evidence = f"{quick} of {counted(len(told), 'part')} in time" if told else ""
    return Row("Speed", sum(made), sum(boxes), evidence, "minutes")


def key_points(interview: Interview) -> Row:
    """Returns how many key points were said unprompted."""
    judged = [answer for answer in interview.answers if answer.ticked is not None]
    points = sum(len(answer.ticked or ()) for answer in judged)
    of = sum(len(answer.question.points) for answer in judged)
    evidence = counted(len(judged), "question") if judged else ""
    return Row("Unprompted", points, of, evidence, "key points")


def further(interview: Interview) -> Row:
    """Returns how the follow-ups went."""
    asked = [answer.further for answer in interview.answers if answer.further]
    judged = [one.answered for one in asked if one.answered is not None]
    counts = Counter(judged)
    said = [f"{counts[worth]} {ANSWERED[worth]}" for worth in sorted(ANSWERED, reverse=True)]
    return Row("Follow-ups", sum(judged) / 2, len(judged), ", ".join(said) if judged else "")


def strengths(interview: Interview) -> list[Remark]:
    """Returns what went well, and what is the next step from there."""
    found = [
        Remark(f"{_how(done)}, {_time(done.entry)}", _harder(done), 2)
        for done in _tried(interview)
        if _worth(done) == 1 and done.entry.in_time
    ]
    found += [
        Remark(_said(answer), _write_it(answer.question), 1)
        for answer in interview.answers
        if answer.rating == 4 and not _missed(answer)
    ]
    return _heaviest(found)


def work_on(interview: Interview) -> list[Remark]:
    """Returns what went less well, and what to do about it."""
    found = [
        Remark(f"{_how(done)}, {_time(done.entry)}{_met(done.entry)}", _again(done), _lack(done))
        for done in _tried(interview)
        if _worth(done) < 1 or not done.entry.in_time
    ]
    found += [
        Remark(_said(answer), _rehearse(answer.question), _lack(answer))
        for answer in interview.answers
        if answer.ticked is not None and (answer.rating <= 2 or _missed(answer))
    ]
    return _heaviest(found)


def _tried(interview: Interview) -> list[Trial | Found]:
    """What was done at the keyboard; a glance is no attempt."""
    return [done for done in interview.written if done.entry.ended or is_real(done.entry)]


def _worth(done: Trial | Found) -> float:
    solved = done.entry.outcome == SOLVED
    if isinstance(done, Found):
        return (solved + done.said.right) / 2
    if solved:
        return 0.5 if done.entry.hints else 1.0
    return done.passed / done.total / 2 if done.total else 0.0


def _how(done: Trial | Found) -> str:
    name, entry = _name(done), done.entry
    if isinstance(done, Found):
        named = "mistake named" if done.said.right else "mistake not named"
        return f"{name} {'repaired' if entry.outcome == SOLVED else 'not repaired'}, {named}"
    if entry.outcome == SOLVED:
        hints = f" with {counted(entry.hints, 'hint')}" if entry.hints else ""
        return f"{name} solved{hints}{'' if entry.in_time else ' over time'}"
    passed = f"{done.passed} of {counted(done.total, 'test')} passed"
    return f"{name} not solved, {passed if done.total else 'no test ran'}"


def _time(entry: Entry) -> str:
    return f"{minutes_and_seconds(entry.seconds)} of {minutes_and_seconds(entry.box)}"


def _lack(done: Answer | Trial | Found) -> float:
    """How much was missing: 3 for a kata without a test that passed, less for a question."""
    return 3 - (0.75 * done.rating if isinstance(done, Answer) else 2 * _worth(done))


def _met(entry: Entry) -> str:
    return f"; trap met: {'; '.join(map(mistake, entry.causes))}" if entry.causes else ""


def _minutes(done: Answer | Trial | Found) -> float:
    return minutes_of(done.question) if isinstance(done, Answer) else done.entry.minutes


def _in_time(done: Answer | Trial | Found) -> float:
    """1 for what was done in its time, ½ for what was solved over it, else 0."""
    if isinstance(done, Answer):
        return float(bool(done.ticked) and done.seconds <= minutes_of(done.question) * 60)
    return 1.0 if done.entry.in_time else 0.5 if done.entry.outcome == SOLVED else 0.0


def _said(answer: Answer) -> str:
    ticked = f"{len(answer.ticked or ())} of {len(answer.question.points)} points"
    worth = answer.further.answered if answer.further else None
    further = "" if worth is None else f"; follow-up: {ANSWERED[worth]}"
    return f"“{answer.question.text}” {ticked}{further}"


def _missed(answer: Answer) -> bool:
    """Whether a follow-up was asked, and not answered whole."""
    return answer.further is not None and answer.further.answered in (0, 1)


def _name(done: Trial | Found) -> str:
    name = done.entry.kata.partition("/")[2]
    return f"`{name}`" if isinstance(done, Trial) else f"debugging `{name}`"


def _again(done: Trial | Found) -> str:
    name = done.entry.kata.partition("/")[2]
    return f"python -m dojo {'practice' if isinstance(done, Trial) else 'debug'} {name}"


def _harder(done: Trial | Found) -> str:
    track, _, name = done.entry.kata.partition("/")
    if track == layout.REPAIR:
        return "python -m dojo debug"
    return f"python -m dojo debug {'' if isinstance(done, Trial) else '--review '}{name}"


def _write_it(question: Question) -> str:
    if question.kata:
        return f"python -m dojo practice {question.kata.partition('/')[2]}"
    return f"python -m dojo rehearse --track {question.track}"


def _rehearse(question: Question) -> str:
    if question.kata:
        return f"python -m dojo rehearse --kata {question.kata.partition('/')[2]}"
    return f"python -m dojo rehearse --track {question.track} --level {question.level}"


def _heaviest(found: Iterable[Remark]) -> list[Remark]:
    return sorted(found, key=lambda remark: -remark.weight)[:MOST]


def _listed(title: str, remarks: Sequence[Remark]) -> list[str]:
    """A heading and its items; nothing for none. Two spaces break a line in Markdown."""
    items = [f"- {remark.text}  \n  `{remark.command}`" for remark in remarks]
    return [f"## {title}", "\n".join(items)] if items else []


def _number(points: float) -> str:
    return f"{round(points, 2):g}"
