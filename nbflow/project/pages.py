"""Stored values as people look at them: some rows of a table, and what is in its columns."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import duckdb
import pyarrow as pa

from nbflow.core.errors import StoreError
from nbflow.core.table import Column, ColumnProfile, TablePage
from nbflow.core.task import Blob
from nbflow.inside.seal import read_seal
from nbflow.inside.tables import read_index
from nbflow.project.pickled import read_pickled, with_labels
from nbflow.project.stored import stored_value
from nbflow.store.blobs import BlobStore
from nbflow.store.query import attach_file, connect, rows_of

MOST_ROWS: Final = 1000
"""A page has no more rows than this."""

_MOST_LETTERS: Final = 2000
"""A longer text in a cell is cut: pages are for looking."""

_EXACT_ROWS: Final = 1_000_000
"""Up to here distinct values are counted, beyond they are estimated."""

_WITHOUT_ORDER: Final = re.compile(r"STRUCT|MAP|UNION|BLOB|BIT|JSON|.*\]$")


def page_of(
    blobs: BlobStore, blob: Blob, name: str, *, offset: int, limit: int, profile: bool
) -> TablePage:
    """A page of a stored table or Series; the text of any other value.

    Raises:
        StoreError: the stored file is missing or damaged.
    """
    try:
        with _opened(blobs, blob, name) as connection:
            if connection is not None:
                return _page(connection, name, offset=offset, limit=limit, profile=profile)
    except (duckdb.Error, OSError) as error:
        raise StoreError(
            f"the stored `{name}` is missing or damaged",
            hint="run the notebook again: it is made anew",
        ) from error
    return TablePage(name=name, text=_shown(stored_value(blobs, blob, name, None).text))


def _is_table_file(blob: Blob) -> bool:
    return blob.kind == "table" and len(blob.names) == 1


@contextmanager
def _opened(blobs: BlobStore, blob: Blob, name: str) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """A connection in which `page` is the stored table, with the index of a pandas table; None if
    it is no table."""
    connection = connect()
    try:
        if _is_table_file(blob):
            path = blobs.path(blob)
            labels = read_index(path, seal=read_seal(blobs.key()))
            attach_file(connection, path, "stored")
            _look_at(connection, "stored.data", labels)
        elif (table := read_pickled(blobs, blob, name)) is not None:
            data, labels = with_labels(table)
            connection.register("data", data)
            _look_at(connection, "data", labels)
        else:
            yield None
            return
        yield connection
    finally:
        connection.close()


def _look_at(connection: duckdb.DuckDBPyConnection, data: str, labels: pa.Table | None) -> None:
    if labels is None:
        connection.execute(f"CREATE TEMP VIEW page AS FROM {data}")
        return
    known = connection.execute(f"DESCRIBE {data}").fetchall()
    connection.register("labels", _renamed(labels, {str(row[0]) for row in known}))
    connection.execute(
        f"CREATE TEMP VIEW page AS SELECT labels.*, data.* FROM labels POSITIONAL JOIN {data}"
    )


def _renamed(index: pa.Table, taken: set[str]) -> pa.Table:
    """Labels under names that no column has, as DuckDB compares them."""
    taken = {name.casefold() for name in taken}
    names = []
    for name in index.column_names:
        free = (f"{name}{'_' * n}" for n in count())
        names.append(next(one for one in free if one.casefold() not in taken))
        taken.add(names[-1].casefold())
    return index.rename_columns(names)


def _page(
    connection: duckdb.DuckDBPyConnection, name: str, *, offset: int, limit: int, profile: bool
) -> TablePage:
    columns = tuple(
        Column(name=str(row[0]), type=str(row[1]))
        for row in connection.execute("DESCRIBE page").fetchall()
    )
    total = int(connection.execute("SELECT count(*) FROM page").fetchall()[0][0])
    rows = connection.sql("FROM page LIMIT ? OFFSET ?", params=[min(limit, MOST_ROWS), offset])
    return TablePage(
        name=name,
        columns=columns,
        rows=tuple(tuple(map(_shown, row)) for row in rows_of(rows)),
        total=total,
        profile=_profile(connection, columns, total) if profile else (),
    )


def _profile(
    connection: duckdb.DuckDBPyConnection, columns: tuple[Column, ...], total: int
) -> tuple[ColumnProfile, ...]:
    """All columns in one pass."""
    asked = [part for column in columns for part in _asked(column, total)]
    found = rows_of(connection.sql(f"SELECT {', '.join(asked)} FROM page"))[0]
    return tuple(
        ColumnProfile(
            name=column.name,
            nulls=total - int(found[4 * at]),
            distinct=int(found[4 * at + 1]),
            min=_shown(found[4 * at + 2]),
            max=_shown(found[4 * at + 3]),
        )
        for at, column in enumerate(columns)
    )


def _asked(column: Column, total: int) -> tuple[str, str, str, str]:
    quoted = '"' + column.name.replace('"', '""') + '"'
    distinct = f"count(DISTINCT {quoted})"
    if total > _EXACT_ROWS:
        distinct = f"approx_count_distinct({quoted})"
    if _WITHOUT_ORDER.match(column.type):
        return f"count({quoted})", distinct, "NULL", "NULL"
    return f"count({quoted})", distinct, f"min({quoted})", f"max({quoted})"


def _shown(value: Any) -> Any:
    """A value that a page can hold: long texts are cut, bytes are shown as hex.

    >>> _shown(b"ab"), _shown(1.5)
    ('6162', 1.5)
    """
    match value:
        case bytes() | bytearray() | memoryview():
            return _shown(bytes(value[:_MOST_LETTERS]).hex())
        case str() if len(value) > _MOST_LETTERS:
            return value[:_MOST_LETTERS] + "…"
        case list() | dict() | tuple() | set() if len(text := str(value)) > _MOST_LETTERS:
            return text[:_MOST_LETTERS] + "…"
    return value
