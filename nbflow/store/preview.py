"""What a query would give, over stored tables and chosen files: few rows, soon, and nothing else.

The query may be anybody's text. It runs in a DuckDB of its own whose doors are shut: it sees the
tables it was given, reads the files that were chosen for it, and writes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, Final

import duckdb

from nbflow.core.errors import UsageError
from nbflow.core.table import Column, TablePage
from nbflow.store.query import StoredTable, attach, connect, rows_of

_ROWS: Final = 50
_SECONDS: Final = 5.0
_MEMORY: Final = "512MB"
_MOST_LETTERS: Final = 500


def preview(
    sql: str,
    *,
    tables: Iterable[StoredTable] = (),
    files: Iterable[Path] = (),
    values: Mapping[str, Any] | None = None,
    rows: int = _ROWS,
    seconds: float = _SECONDS,
) -> TablePage:
    """The first rows of a query; `total` is one more than shown where there are more.

    Raises:
        UsageError: DuckDB refuses the query, or it takes too long.
    """
    wrapped = f"SELECT * FROM (\n{sql}\n) LIMIT {rows + 1}"
    with _shut_in(tables, files) as connection, _in_time(connection, seconds):
        found = connection.sql(wrapped, params=dict(values or {}))
        columns = tuple(
            Column(name=name, type=str(kind))
            for name, kind in zip(found.columns, found.types, strict=True)
        )
        shown = [tuple(map(_shown, row)) for row in rows_of(found)]
    return TablePage(name="", columns=columns, rows=tuple(shown[:rows]), total=len(shown))


def columns_of_file(query: str, file: Path, *, seconds: float = _SECONDS) -> tuple[Column, ...]:
    """The columns of a query that reads one file.

    Raises:
        UsageError: the file cannot be read.
    """
    with _shut_in((), (file,)) as connection, _in_time(connection, seconds):
        found = connection.execute(f"DESCRIBE {query}").fetchall()
    return tuple(Column(name=str(row[0]), type=str(row[1])) for row in found)


@contextmanager
def _shut_in(
    tables: Iterable[StoredTable], files: Iterable[Path]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that sees these and nothing else."""
    connection = connect()
    try:
        for number, table in enumerate(tables):
            attach(connection, number, table)
        allowed = ", ".join(_text(str(file)) for file in files)
        for setting in (
            f"allowed_paths = [{allowed}]",
            f"memory_limit = '{_MEMORY}'",
            "max_temp_directory_size = '0B'",
            "threads = 2",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        yield connection
    except duckdb.Error as error:
        raise UsageError(str(error)) from error
    finally:
        connection.close()


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise UsageError(
            f"the preview took longer than {seconds:g} s",
            hint="the step itself may take as long as it needs",
        ) from error
    finally:
        timer.cancel()


def _shown(value: Any) -> Any:
    """A cell of a page: plain JSON values as they are, everything else as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _MOST_LETTERS else text[:_MOST_LETTERS] + "…"


def _text(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
