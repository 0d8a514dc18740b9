"""The report on a mock interview: Markdown, kept in a file that grows part by part."""

from collections.abc import Iterable
from pathlib import Path

from dojo import layout
from dojo.content import model_answer
from dojo.content.document import Question
from dojo.files import write_whole
from dojo.proofs import mistake
from dojo.record import attempts
from dojo.record.deck import RATINGS, utc_now
from dojo.record.follow_ups import ANSWERED
from dojo.sitting import debrief, difference
from dojo.sitting.interview_plan import Part, Repair, minutes_of
from dojo.sitting.interview_record import Answer, Found, Further, Interview, Trial
from dojo.sitting.round_report import headline
from dojo.sitting.scorecard import scorecard
from dojo.words import from_now, minutes_and_seconds


def file_of(interview: Interview) -> Path:
    """Returns where the report is kept."""
    name = f"{interview.laid_out:%Y-%m-%dT%H-%M-%S.%f}.md"
    return layout.state_folder() / "sessions" / name


def keep(interview: Interview) -> None:
    """Writes the report as far as it goes; the interview's `unreported` says why it cannot."""
    file = file_of(interview)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, report(interview).encode())
        interview.unreported = ""
    except OSError as error:
        interview.unreported = f"{layout.shown(file)} cannot be written: {error.strerror}"


def report(interview: Interview) -> str:
    """Returns the debrief as Markdown."""
    blocks = [_head(interview), scorecard(interview), "## Part by part", _table(interview)]
    blocks += map(_trial, interview.trials)
    blocks += [_round(found) for found in interview.found]
    blocks += [_answer(answer) for answer in interview.answers]
    return "\n\n".join(blocks) + "\n"


def _head(interview: Interview) -> str:
    options = interview.options
    level = f"level {options.level}" if options.level else "any level"
    facts = [f"{options.minutes:g} minutes", options.format, level]
    facts += [f"only {options.track}"] if options.track else []
    used = minutes_and_seconds(interview.clock.spent)
    title = f"# Mock interview, {interview.laid_out:%d %B %Y, %H:%M}"
    return f"{title}\n\n{', '.join(facts)}; {used} used."


def _table(interview: Interview) -> str:
    done = {_name(done): done for done in interview.done}
    rows = ["| part | box | time | result |", "|---|---:|---:|---|"]
    for part in interview.parts:
        rows.append(_row(part, done.get(_called(part))))
    return "\n".join(rows)


def _called(part: Part) -> str:
    """What a part and what became of it have in common."""
    if isinstance(part, Question):
        return part.id
    return f"debug {part.kata.path}" if isinstance(part, Repair) else part.path


def _name(done: Answer | Trial | Found) -> str:
    if isinstance(done, Answer):
        return done.question.id
    return f"debug {done.entry.kata}" if isinstance(done, Found) else done.entry.kata


def _row(part: Part, done: Answer | Trial | Found | None) -> str:
    name = f"`{part.id}` {part.text}" if isinstance(part, Question) else _called(part)
    spent, result = "", "not reached"
    if isinstance(done, Trial | Found):
        spent, result = minutes_and_seconds(done.entry.seconds), done.entry.outcome
    elif done is not None:
        spent, result = minutes_and_seconds(done.seconds), _worth(done)
    return f"| {name} | {minutes_and_seconds(minutes_of(part) * 60)} | {spent} | {result} |"


def _worth(answer: Answer) -> str:
    if answer.ticked is None:
        return "answered"
    points = f"{len(answer.ticked)} of {len(answer.question.points)} points"
    return f"{points}, {RATINGS[answer.rating]}"


def _trial(trial: Trial) -> str:
    entry = trial.entry
    lines = [f"## {entry.kata}", f"{debrief.headline(entry)}; {debrief.effort(entry)}."]
    if entry.causes:
        lines.append("Traps met:\n\n" + _bullets(map(mistake, entry.causes)))
    if line := debrief.review(entry, trial.due):
        lines.append(line)
    if entry.outcome != attempts.RUNNING:
        text = "\n".join(difference.unified(trial.own, model_answer.source(entry.kata)))
        lines.append(f"```diff\n{text}\n```" if text else difference.SAME)
    return "\n\n".join(lines)


def _round(found: Found) -> str:
    said = found.said
    lines = [f"## debug {found.entry.kata}", f"{headline(found.entry, said, {})}."]
    if said.words:
        lines.append(f"You said: {said.words}")
    lines.append(f"The mistake: {said.true}.")
    return "\n\n".join(lines)


def _answer(answer: Answer) -> str:
    question = answer.question
    lines = [f"## {question.text}"]
    if answer.words:
        lines.append(f"You noted: {answer.words}")
    if answer.ticked is not None:
        points = enumerate(question.points, 1)
        ticks = [f"[{'x' if i in answer.ticked else ' '}] {point}" for i, point in points]
        parts = [_bullets(ticks), question.essence, f"**Trap.** {question.trap}"]
        lines += filter(None, parts)
        back = f"; it comes back {from_now(answer.due - utc_now())}" if answer.due else ""
        lines.append(f"{RATINGS[answer.rating]}{back}.")
    if answer.further is not None:
        lines += _further(answer.further)
    return "\n\n".join(lines)


def _further(further: Further) -> list[str]:
    """The follow-up; its answer once it was shown."""
    lines = [f"**Follow-up.** {further.asked.text}"]
    if further.words:
        lines.append(f"You noted: {further.words}")
    if further.answered is not None:
        lines += [further.asked.answer, f"Your judgement: {ANSWERED[further.answered]}."]
    return lines


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
