"""Names for steps, and titles from the Markdown above them."""

import re
import textwrap
from collections.abc import Iterable

from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.notebook import Cell, CellKind

_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[`*]|</?[a-zA-Z][^>]*>")
_MOST_LETTERS = 80


def label(names: Iterable[Name], number: int, taken: set[str]) -> str:
    """A unique label: the first variable that the step writes, else `cell-N`.

    >>> label([Name("df")], 3, {"df"})
    'df-2'
    >>> label([], 3, set())
    'cell-3'
    """
    variables = [n for n in names if kind_of(n) is NameKind.VARIABLE and not n.startswith("_")]
    return unique(variables[0] if variables else f"cell-{number}", taken)


def unique(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of `wanted-2`, `wanted-3` … that is free."""
    candidate, count = wanted, 1
    while candidate in taken:
        count += 1
        candidate = f"{wanted}-{count}"
    return candidate


def title_above(cells: tuple[Cell, ...], index: int) -> str | None:
    """The last heading, or else the first line, of the Markdown cell directly above."""
    if index == 0 or cells[index - 1].kind is not CellKind.MARKDOWN:
        return None
    text = cells[index - 1].source
    headings = _HEADING.findall(text)
    lines = headings[-1:] or text.splitlines()
    return next((title for line in lines if (title := _plain(line))), None)


def _plain(markdown: str) -> str:
    """A line of Markdown as a person reads it: links by their text, no marks, no tags of HTML.

    >>> _plain("See [the *docs*](https://example.com) <br> of `f`")
    'See the docs of f'
    """
    text = _MARKS.sub("", _LINK.sub(r"\1", markdown))
    return textwrap.shorten(text, _MOST_LETTERS, placeholder=" …")
