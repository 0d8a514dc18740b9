"""dojo.content.document: reads the document, and says file and line where an edit breaks it."""

import re

import pytest

from dojo import layout
from dojo.content.document import FollowUp, Kata, QuestionsError, read_document

GOOD = """\
# Questions

An introduction.

## Losses

### losses/focal_loss

mid · 25 minutes · asked often · [stub](katas/losses/focal_loss.py)

#### What is focal loss for?

`L01` · screen · asked sometimes

- It is cross-entropy
  times a factor.
- gamma removes easy examples.

**In 20 seconds.** Cross-entropy, with the
easy examples turned down.

**By heart.**

```python
def focal(p_t, gamma):
    return -((1 - p_t) ** gamma) * log(p_t)
```

**Follow-ups**

- *Why `p_t`?* It is the probability
  of the true class.

**Trap.** Using `p`.

**Sources.** [The paper](https://arxiv.org/abs/1708.02002)

#### Hints

1. One.
2. Two.
3. Three.

### Without a kata

#### Why not mean squared error?

`L04` · mid · asked rarely

- Its gradient vanishes.

**Follow-ups**

- *When is it right?* For Gaussian noise.

**Trap.** It is not differentiable.

**Sources.** [Keras](https://keras.io/api/losses/)
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "QUESTIONS.md"
        path.write_text(text, encoding="utf-8")
        return read_document(path)

    return read


def test_reads_katas_and_questions_in_order(read):
    document = read(GOOD)
    assert document.katas == [
        Kata("losses/focal_loss", "mid", 25, "often", ["One.", "Two.", "Three."])
    ]
    first, second = document.questions
    assert (first.id, first.kata, first.track, first.level, first.asked) == (
        "L01",
        "losses/focal_loss",
        "losses",
        "screen",
        "sometimes",
    )
    assert first.points == ["It is cross-entropy times a factor.", "gamma removes easy examples."]
    assert first.follow_ups == [FollowUp("Why `p_t`?", "It is the probability of the true class.")]
    assert first.trap == "Using `p`."
    assert first.sources == "[The paper](https://arxiv.org/abs/1708.02002)"
    assert first.in_short == "Cross-entropy, with the easy examples turned down."
    assert first.by_heart.splitlines() == [
        "def focal(p_t, gamma):",
        "    return -((1 - p_t) ** gamma) * log(p_t)",
    ]
    assert (second.kata, second.level, second.asked) == ("", "mid", "rarely")
    assert (second.in_short, second.by_heart) == ("", "")


def test_the_cached_reading_is_the_same(read):
    assert read(GOOD) == read(GOOD)


def test_a_changed_document_is_read_anew(read):
    read(GOOD)
    assert read(GOOD.replace("25 minutes", "30 minutes")).katas[0].minutes == 30


BROKEN = {
    "an unknown track": ("## Losses", "## Losess", 5, "Losess"),
    "a kata without its line": ("mid · 25 minutes", "25 minutes", 7, "needs a line like"),
    "an unknown level of a kata": ("mid · 25", "hard · 25", 7, "“hard” is none of screen, mid"),
    "a kata asked never": ("asked often", "asked never", 7, "“never” is none of often, sometimes"),
    "a kata that says not how often": (" · asked often", "", 7, "· asked often ·"),
    "a question asked never": ("asked rarely", "asked never", 46, "“never” is none of often"),
    "a question that says not how often": (" · asked rarely", "", 46, "`G01` · screen · asked"),
    "an unknown level of a question": ("`L04` · mid", "`L04` · hard", 46, "“hard” is none of"),
    "a kata under another track": ("### losses/focal", "### metrics/focal", 7, "stands under"),
    "a link to another stub": ("(katas/losses/focal", "(katas/losses/vocal", 7, "links to"),
    "a question without an id": ("`L01` · screen", "screen", 11, "`G01` · screen"),
    "a question without points": (
        "- It is cross-entropy\n  times a factor.\n- gamma removes easy examples.\n\n",
        "",
        11,
        "lacks a list of key points",
    ),
    "a question without a trap": ("**Trap.** Using `p`.\n\n", "", 11, "lacks **Trap.**"),
    "a question without sources": ("**Sources.** [The paper]", "[The paper]", 36, "belong"),
    "a follow-up without an answer": (
        "*Why `p_t`?* It is the probability\n  of the true class.",
        "*Why `p_t`?*",
        31,
        "follow-up",
    ),
    "a stray list": ("**Trap.** Using `p`.", "**Trap.** Using\n- `p`.", 35, "does not belong"),
    "code without its label": ("**By heart.**\n\n", "", 22, "does not belong"),
    "a label without its code": (
        "```python\ndef focal(p_t, gamma):\n    return -((1 - p_t) ** gamma) * log(p_t)\n```\n\n",
        "",
        11,
        "lacks **By heart.**",
    ),
    "two traps": ("**Sources.** [The paper]", "**Trap.** [The paper]", 36, "does not belong"),
    "two hints": ("3. Three.\n", "", 38, "three numbered items"),
    "no hints": ("#### Hints\n\n1. One.\n2. Two.\n3. Three.\n", "", 7, "has no hints"),
    "an id used twice": ("`L04`", "`L01`", 46, "L01 is there twice"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_document_names_file_and_line(read, name):
    old, new, line, says = BROKEN[name]
    assert old in GOOD
    with pytest.raises(QuestionsError, match=re.escape(says)) as caught:
        read(GOOD.replace(old, new))
    assert re.search(rf"QUESTIONS\.md:{line}: ", str(caught.value))


def test_a_missing_document_is_named(tmp_path):
    with pytest.raises(QuestionsError, match=r"none\.md:1: .*No such file"):
        read_document(tmp_path / "none.md")


def test_the_real_document_has_the_whole_bank():
    found = read_document().questions
    assert len(found) >= 97
    assert all(q.sources.count("](https://") >= 1 for q in found)
    assert all(3 <= len(q.points) <= 8 for q in found), [
        (q.id, len(q.points)) for q in found if not 3 <= len(q.points) <= 8
    ]


def test_the_seed_questions_come_first_in_their_tracks():
    first = {}
    for question in read_document().questions:
        first.setdefault(question.track, question.id)
    assert (first["gradients"], first["losses"], first["optimizers"]) == ("G01", "L01", "O01")


def test_the_three_of_the_field_are_asked_often():
    often = {kata.path for kata in read_document().katas if kata.asked == "often"}
    assert {"gradients/clip_by_value", "losses/focal_loss", "optimizers/momentum"} <= often


def test_no_line_break_makes_a_list_of_code():
    # A wrapped line that begins with "* " or "- " ends the item, and splits the code around it.
    for question in read_document().questions:
        ups = [text for up in question.follow_ups for text in (up.text, up.answer)]
        for text in [*question.points, *ups, question.trap, question.in_short]:
            assert text.count("`") % 2 == 0, f"{question.id}: {text}"


# British, but with -ize, as the names of TensorFlow and Keras have it.
OTHERWISE_SPELLED = re.compile(
    r"\b\w*(?:normal|regular|optim|quant|initial|general|vector|synchron|memor|minim|maxim"
    r"|serial|util|penal|real|organ|recogn|summar|custom)is(?:e|es|ed|ers?|ing|ation)\b"
    r"|\b(?:color|behavior|neighbor|favor|center|label(?:ed|ing)\b|artifact)\w*",
    re.IGNORECASE,
)


def test_there_is_one_spelling():
    text = layout.QUESTIONS.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL)
    assert OTHERWISE_SPELLED.findall(prose) == []
