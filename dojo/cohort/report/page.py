"""The one page, which needs nothing from elsewhere and sends nothing anywhere."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from dojo.cohort.grades import Cohort
from dojo.cohort.report.html import Html, text
from dojo.cohort.report.kata import kata_page
from dojo.cohort.report.matter import Matter
from dojo.cohort.report.overview import overview
from dojo.cohort.report.person import pair_pages, person_page, text_pages
from dojo.cohort.report.sources import Sources
from dojo.cohort.similar import similar

_HERE = Path(__file__).parent
# At once, so that the browser does not lay out a thousand pages before it hides them.
_FIRST = 'document.documentElement.className = "js overview"'


def page(cohort: Cohort, stubs: Mapping[str, str]) -> str:
    """Returns the page as HTML.

    Args:
        stubs: Kata path to the text that was handed out.
    """
    matter = Matter(cohort, Sources(cohort, stubs), similar(cohort, stubs))
    return "\n".join(_lines(matter))


def _lines(matter: Matter) -> Iterator[str]:
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # A browser asks for an icon otherwise.
    yield '<link rel="icon" href="data:,">'
    yield f"<title>{text(matter.cohort.title)}</title>"
    yield f"<style>{style}</style><script>{_FIRST}</script></head><body><main>"
    yield overview(matter)
    yield from (kata_page(matter, kata) for kata in matter.cohort.katas)
    yield from (person_page(matter, submission) for submission in matter.cohort.submissions)
    yield from text_pages(matter)
    yield from pair_pages(matter)
    yield f"</main><script>{script}</script></body></html>\n"


def _policy(style: str, script: str) -> Html:
    """Nothing is fetched, and nothing runs but our own script: not what is in a learner's text."""
    scripts = " ".join(_source_hash(source) for source in (_FIRST, script))
    return text(
        f"default-src 'none'; style-src {_source_hash(style)}; script-src {scripts}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _source_hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
