"""dojo.upkeep.contents: anchors as GitHub makes them, and a list that the tool reads past."""

import pytest

from dojo.content.document import read_document
from dojo.upkeep.contents import anchors, contents, headings, slug_of

SLUGS = {
    "Gradients": "gradients",
    "gradients/clip_by_value": "gradientsclip_by_value",
    "Without a kata": "without-a-kata",
    "What is `tf.clip_by_value`, and when?": "what-is-tfclip_by_value-and-when",
    "What's a colleague’s op?": "whats-a-colleagues-op",
    "A safe `log(1 + exp(x))`?": "a-safe-log1--expx",
    "Contrastive, triplet, or InfoNCE – when?": "contrastive-triplet-or-infonce--when",
    "R² as a metric: ±1000": "r-as-a-metric-1000",
    "float32 vs. float16 at 0.1 %": "float32-vs-float16-at-01-",
    "A *good* answer, `a_b` and **c**": "a-good-answer-a_b-and-c",
    "[Keras](https://keras.io) says": "keras-says",
    "Naïve Bayes, Ωmega": "naïve-bayes-ωmega",
    "from_logits: each way round": "from_logits-each-way-round",
    'The "fused" op': "the-fused-op",
}


@pytest.mark.parametrize("title", SLUGS)
def test_a_heading_has_github_s_anchor(title):
    assert slug_of(title) == SLUGS[title]


def test_headings_of_one_name_are_counted_whatever_their_level():
    assert anchors(["Hints", "A", "Hints", "a", "Hints"]) == [
        "hints",
        "a",
        "hints-1",
        "a-1",
        "hints-2",
    ]


def question(name, title, level="mid"):
    return f"""\
#### {title}

`{name}` · {level} · asked often

- A point.

**Follow-ups**

- *Why?* So.

**Trap.** None.

**Sources.** The paper.

"""


PAGE = "\n".join(
    [
        "# Questions\n",
        "<!-- contents: made by python -m dojo readme -->\n<!-- end -->\n",
        "## Losses\n",
        "### losses/focal_loss\n",
        "mid · 25 minutes · asked often · [stub](katas/losses/focal_loss.py)\n",
        question("L01", "What is `gamma`?", "screen"),
        "#### Hints\n\n1. One.\n2. Two.\n3. Three.\n",
        "### Without a kata\n",
        question("L02", "Why not [0, 1]?"),
        "## Metrics\n",
        "### Without a kata\n",
        question("M01", "What is `gamma`?", "staff"),
    ]
)

CONTENTS = """\
- [Losses](#losses)
  - [losses/focal_loss](#lossesfocal_loss)
    - `L01` [What is `gamma`?](#what-is-gamma) · screen
  - [Without a kata](#without-a-kata)
    - `L02` [Why not [0, 1]?](#why-not-0-1) · mid
- [Metrics](#metrics)
  - [Without a kata](#without-a-kata-1)
    - `M01` [What is `gamma`?](#what-is-gamma-1) · staff"""


def read(folder, text):
    file = folder / "QUESTIONS.md"
    file.write_text(text, encoding="utf-8")
    return read_document(file)


def test_the_contents_list_tracks_katas_and_questions(tmp_path):
    assert contents(read(tmp_path, PAGE), PAGE) == CONTENTS


def test_the_list_changes_neither_the_document_nor_its_headings(tmp_path):
    filled = PAGE.replace("<!-- end -->", f"{CONTENTS}\n<!-- end -->")
    assert filled != PAGE
    assert headings(filled) == headings(PAGE)
    assert read(tmp_path, filled) == read(tmp_path, PAGE)
