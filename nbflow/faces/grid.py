"""Rows and columns: a table for people, CSV for scripts."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from nbflow.faces import text, wire

_LONGEST_CELL: Final = 200


def columns(
    rows: Sequence[Sequence[str]], width: int, *, ellipsis: str = "…", right: Iterable[int] = ()
) -> list[str]:
    """Rows with aligned columns; the last column is cut to the window, never another one.

    >>> columns([("a", "1 s", "why"), ("report", "12 s", "changed")], 80, right=(1,))
    ['a        1 s  why', 'report  12 s  changed']
    """
    if not rows:
        return []
    count = max(len(row) for row in rows)
    widths = [max(cell_len(row[at]) for row in rows) for at in range(count - 1)]
    to_right = frozenset(right)
    return [_aligned(row, widths, to_right, width, ellipsis) for row in rows]


def _aligned(
    row: Sequence[str], widths: Sequence[int], right: frozenset[int], width: int, ellipsis: str
) -> str:
    cells = [
        " " * (size - cell_len(cell)) + cell if at in right else set_cell_size(cell, size)
        for at, (cell, size) in enumerate(zip(row, widths, strict=False))
    ]
    whole = "  ".join([*cells, row[-1]]).rstrip()
    return whole if cell_len(whole) <= width else crop(whole, width, ellipsis)


def crop(words: str, width: int, ellipsis: str = "…") -> str:
    """`words` in at most `width` columns.

    >>> crop("reused: same inputs", 10)
    'reused: s…'
    """
    if cell_len(words) <= width:
        return words
    return set_cell_size(words, max(0, width - cell_len(ellipsis))).rstrip() + ellipsis


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], limit: int | None) -> list[Any]:
    """A result as a table, its first `limit` rows, and what it leaves out."""
    shown = rows if limit is None else rows[:limit]
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, width=None)
    for at, name in enumerate(names):
        numbers = bool(shown) and all(_is_number(row[at]) for row in shown)
        grid.add_column(Text(text.visible(name)), justify="right" if numbers else "left")
    for row in shown:
        grid.add_row(*(_cell(value) for value in row))
    left_out = len(rows) - len(shown)
    more = f"{text.counted(left_out, 'more row')}: --csv or --json give all" if left_out else ""
    note = more or text.counted(len(rows), "row")
    return [grid, Text(note, "dim")]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", "dim")
    shown = text.visible(str(wire.plain(value)).replace("\n", "\\n"))
    return Text(shown if len(shown) <= _LONGEST_CELL else shown[: _LONGEST_CELL - 1] + "…")


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""RFC 4180 with `\n`; NULL is empty.

    >>> csv_text(["day", "n"], [["a,b", None]])
    'day,n\n"a,b",\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_csv_cell(value) for value in row] for row in rows])
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    plain = wire.plain(value)
    return plain if not isinstance(plain, list | dict) else wire.line({"v": plain})[5:-2]
