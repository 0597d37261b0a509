"""Where the lines of cells stand in the notebook's file: JSON, read once more for its line numbers.

Editors and code hosts know files and lines, not cells. The file is taken as it is: whatever does
not look like a notebook of format 4 simply has no cells here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nbflow.core.diagnostic import Place

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')

_Path = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a cell, and the line (from 1) of the file that holds it."""

    number: int
    text: str


@dataclass(slots=True, kw_only=True)
class FileLines:
    """The lines of all cells, by id and by position; `file` has those of the file."""

    by_index: dict[int, list[Line]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    file: list[str] = field(default_factory=list)

    def at(self, place: Place) -> Line | None:
        """The line of a place; the cell's first line where the place names none."""
        index = self.ids.get(place.cell or "", place.cell_index)
        lines = self.by_index.get(index, []) if index is not None else []
        number = place.line or 1
        return lines[number - 1] if 0 < number <= len(lines) else None

    def column_of(self, line: Line, start: int, piece: str) -> int | None:
        """Where in the file's line (from 0) a piece of a cell's line stands; None where the file
        writes it in another way than one text for each line of a cell."""
        written = self.file[line.number - 1]
        column = written.find('"') + 1 + len(_as_json(line.text[:start]))
        return column if _as_json(piece) == piece and written.startswith(piece, column) else None


def read_lines(path: Path) -> FileLines:
    """The lines of a notebook file; none where it cannot be read."""
    try:
        return cell_lines(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return FileLines()


def cell_lines(text: str) -> FileLines:
    r"""The lines of the cells in a notebook's JSON text.

    >>> found = cell_lines('{"cells": [\n {"id": "a", "source": [\n  "x\\n",\n  "y"]}]}')
    >>> found.by_index[0]
    [Line(number=3, text='x'), Line(number=4, text='y')]
    """
    found = FileLines(file=text.split("\n"))
    for path, token, number in _values(text):
        match path:
            case ("cells", int(index), "id"):
                found.ids[json.loads(token)] = index
            case ("cells", int(index), "source", *_):
                _add(found.by_index.setdefault(index, []), json.loads(token), number)
    return found


def _as_json(text: str) -> str:
    """A text as it stands between quotes."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _add(lines: list[Line], piece: str, number: int) -> None:
    """Append a piece of source: its first line may go on with the one before."""
    parts = piece.split("\n")
    if lines:
        last = lines.pop()
        parts[0] = last.text + parts[0]
        lines.append(Line(number=last.number if last.text else number, text=parts[0]))
        parts = parts[1:]
    lines.extend(Line(number=number, text=part) for part in parts)


def _values(text: str) -> Iterator[tuple[_Path, str, int]]:
    """Every string value of a JSON text with its path and line."""
    path: list[str | int | None] = []
    number, counted = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            path.append(0 if token == "[" else None)
        elif token in "}]" and path:
            path.pop()
        elif token == "," and path:
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else None
        elif token.startswith('"') and path:
            number += text.count("\n", counted, match.start())
            counted = match.start()
            if path[-1] is None:
                path[-1] = token[1:-1]
            else:
                yield tuple(path), token, number
