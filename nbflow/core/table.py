"""A table as people look at it: some of its rows, and what is in its columns."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column and its type in DuckDB's words."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What is in a column, over all rows. `distinct` counts values, nulls left out; it is an
    estimate in large tables. `min` and `max` are None where the type has no order."""

    name: str
    nulls: int
    distinct: int
    min: Any = None
    max: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePage:
    """Rows of a table from some row on; `total` counts all rows. A value that is no table has no
    columns, and its `text` instead."""

    name: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    total: int = 0
    profile: tuple[ColumnProfile, ...] = ()
    text: str | None = None
