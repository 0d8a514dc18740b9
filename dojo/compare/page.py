"""One self-contained page: all pictures, tables and sentences, and nothing to fetch."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dojo.compare import drawing
from dojo.compare.comparison import Picture, Report, Sheet
from dojo.compare.parts import Part

CSS = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 2px solid #0072B2; padding-top: 1rem; }
figure { margin: 2rem 0; }
figure img { width: 100%; height: auto; }
figcaption, .method { color: #444; font-size: 0.95rem; max-width: 48rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ccc; text-align: left;
         vertical-align: top; }
.failed { color: #9c2f00; }
@media print { h2 { break-before: page; } figure { break-inside: avoid; } }
"""


def page(reports: Sequence[Report], parts: Mapping[str, Part]) -> str:
    """Returns the page as HTML."""
    contents = "".join(f"<li><a href='#{r.name}'>{escape(r.title)}</a></li>" for r in reports)
    body = "".join(_section(report) for report in reports)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Custom against standard</title><style>{CSS}</style></head><body>"
        f"<h1>Custom against standard</h1>{_sources(parts)}<nav><ul>{contents}</ul></nav>"
        f"{body}</body></html>\n"
    )


def _sources(parts: Mapping[str, Part]) -> str:
    rows = [(part.kata, part.whose, part.reason) for part in parts.values()]
    return _table(Sheet("Whose parts these are", ("kata", "whose", ""), rows))


def _section(report: Report) -> str:
    return (
        f"<section id='{report.name}'><h2>{escape(report.title)}</h2>"
        f"<p class='method'>{escape(report.method)}</p>"
        f"{_list(report.conclusions, '')}"
        f"{_list((f'{what}: {why}' for what, why in report.failures), 'failed')}"
        f"{''.join(map(_table, report.sheets))}{''.join(map(_figure, report.pictures))}</section>"
    )


def _list(lines: Iterable[str], kind: str) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul class='{kind}'>{items}</ul>" if items else ""


def _table(sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in sheet.headings)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in sheet.rows
    )
    return (
        f"<h3>{escape(sheet.title)}</h3><div class='scroll'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(picture: Picture) -> str:
    return (
        f"<figure><h3>{escape(picture.title)}</h3>"
        f"<img id='{escape(picture.name)}' alt='{escape(picture.title)}' "
        f"src='{drawing.as_data_uri(picture)}'>"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
