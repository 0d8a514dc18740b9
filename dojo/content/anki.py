"""The questions as an Anki package. Ids are stable: importing again updates the cards."""

import hashlib
from pathlib import Path

import genanki
from markdown_it import MarkdownIt

from dojo.content.document import Question, read_document

# Chosen once at random. Anki knows decks and note types by their numbers.
MODEL = 1_607_392_319
DECK = 2_059_400_110

FIELDS = ("Id", "Question", "Points", "Follow-ups", "Trap", "Sources", "Place")
FRONT = "<p class='place'>{{Place}}</p><h3>{{Question}}</h3>"
BACK = (
    "{{FrontSide}}<hr id='answer'>{{Points}}<h4>Trap</h4>{{Trap}}"
    "<h4>Follow-ups</h4>{{Follow-ups}}<p class='place'>{{Sources}}</p>"
)
CSS = """
.card { font-family: sans-serif; font-size: 18px; text-align: left; max-width: 40em; }
.place { color: #777; font-size: 14px; }
code { font-size: 90%; }
pre { white-space: pre-wrap; }
"""


def export(path: Path) -> int:
    """Writes the deck and says how many cards it has."""
    document = read_document()
    model = genanki.Model(
        MODEL,
        "TensorFlow extension questions",
        fields=[{"name": name} for name in FIELDS],
        templates=[{"name": "Question", "qfmt": FRONT, "afmt": BACK}],
        css=CSS,
    )
    deck = genanki.Deck(DECK, "TensorFlow extension questions")
    for question in document.questions:
        deck.add_note(_note(question, model))
    genanki.Package(deck).write_to_file(str(path))
    print(f"{path}: {len(document.questions)} cards")
    return 0


def _note(question: Question, model: genanki.Model) -> genanki.Note:
    points = "\n".join(f"- {point}" for point in question.points)
    ups = "\n".join(f"- *{up.text}* {up.answer}" for up in question.follow_ups)
    place = " · ".join([question.kata or question.track, question.level, question.asked])
    # No field of its own: Anki would take a model with other fields for another one.
    points = f"{points}\n\n{question.essence}"
    texts = [question.text, points, ups, question.trap, question.sources]
    fields = [question.id, *map(_html, texts), place]
    # The question's id alone, so that a reworded question is still the same note.
    guid = hashlib.sha256(f"tensorflow-extension-katas/{question.id}".encode()).hexdigest()[:20]
    tags = [question.track, question.level, question.asked]
    return genanki.Note(model=model, fields=fields, guid=guid, tags=tags)


def _html(markdown: str) -> str:
    return str(MarkdownIt().render(markdown)).strip()
