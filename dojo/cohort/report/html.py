"""HTML in which every text is escaped, because nothing else is taken for HTML."""

from collections.abc import Iterable
from html import escape

from dojo.words import visible


class Html(str):
    """Text that is HTML already."""


def tag(name: str, *children: str, **attributes: str | float | bool) -> Html:
    """Returns an element; children that are not `Html` are text.

    Args:
        attributes: `cls` is class, data_name data-name; True stands alone, False is left out.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    # The one element of ours that has no end.
    end = "" if name == "input" else f"</{name}>"
    return Html(f"<{name}{told}>{joined(children)}{end}")


def _attribute(key: str, value: str | float | bool) -> str:
    if value is False:
        return ""
    name = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'


def text(content: str) -> Html:
    """Returns text as HTML: nothing in it is markup, nothing in it is invisible."""
    return Html(escape(content if content.isprintable() else visible(content)))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Returns the parts one after the other."""
    return Html(text(between).join(p if isinstance(p, Html) else text(p) for p in parts))


def listed(items: Iterable[str], cls: str = "") -> Html:
    """Returns a list of them, or nothing for none."""
    inner = joined(tag("li", item) for item in items)
    return tag("ul", inner, cls=cls or False) if inner else Html()


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], cls: str = "") -> Html:
    """Returns a table, or nothing without a row."""
    body = joined(tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    if not body:
        return Html()
    head = tag("tr", *(tag("th", heading, scope="col") for heading in headings))
    inner = tag("table", tag("thead", head), tag("tbody", body), cls=cls or False)
    return tag("div", inner, cls="scroll")
