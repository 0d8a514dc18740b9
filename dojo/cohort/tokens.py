"""Python source in pieces, also where Python itself cannot read it.

The standard tokenizer stops at the first error, and pygments takes ten times as long: a
cohort's answers are thousands of files, and not all of them are Python.
"""

import keyword
import re
from collections.abc import Iterator

# Each alternative takes one step for a character, whatever the text: a quote that nothing
# closes runs to the end of its line, or of the file.
_PIECE = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<text>(?i:[rbfut]{0,2})
        (?: \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z) | '{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
          | \"(?:\\.|[^\"\\\n])*\"? | '(?:\\.|[^'\\\n])*'? ))
    | (?P<number>\.?\d[\w.]*(?:(?<=[eE])[+-]\d+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<space>\s+)
    | (?P<sign>\*\*|//|[<>=!]=|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(source: str) -> Iterator[tuple[str, str]]:
    """Yields kind and text of each piece of a source; the texts joined are the source.

    A kind is "comment", "text", "number", "keyword", "name", "sign" or "space".
    """
    for piece in _PIECE.finditer(source):
        kind, text = piece.lastgroup or "", piece.group()
        yield "keyword" if kind == "name" and keyword.iskeyword(text) else kind, text
