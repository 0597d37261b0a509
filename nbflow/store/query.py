"""`nbflow sql`: a run's stored tables, opened read-only in a DuckDB of their own.

Every step is a schema, so that each version of a table can be named (`clean.sales`); the last
version of a name needs no schema.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbflow.core.errors import UsageError
from nbflow.core.mapping import map_file
from nbflow.core.task import Blob

if TYPE_CHECKING:
    import duckdb

_DATA = "data"
"""The table inside an output's file."""

_ARROW = ".arrow"
"""The files of large tables; the others are DuckDB's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTable:
    """A stored table: the step that left it, its name, and its file."""

    step: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlResult:
    """Columns and rows of a query, as Python values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def tables_of(outputs: Iterable[tuple[str, Blob, Path]]) -> tuple[StoredTable, ...]:
    """The tables among outputs given as (step, blob, path); joint groups have no single table."""
    return tuple(
        StoredTable(step=step, name=blob.names[0], path=path)
        for step, blob, path in outputs
        if blob.kind == "table" and len(blob.names) == 1
    )


def connect() -> "duckdb.DuckDBPyConnection":
    """An empty in-memory DuckDB that never downloads an extension."""
    import duckdb  # takes longer than most questions to the history

    return duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )


def query(sql: str, tables: Iterable[StoredTable]) -> SqlResult:
    """Run one query over stored tables; later tables of a name hide earlier ones.

    Raises:
        UsageError: DuckDB refuses the query; its words are the message.
    """
    import duckdb

    known = tuple(tables)
    connection = connect()
    try:
        for number, table in enumerate(known):
            attach(connection, number, table)
        return _result(connection.sql(sql))
    except duckdb.Error as error:
        names = ", ".join(dict.fromkeys(f"{t.step}.{t.name}" for t in known))
        raise UsageError(str(error), hint=f"stored tables: {names or 'none'}") from error
    finally:
        connection.close()


def _result(relation: "duckdb.DuckDBPyRelation | None") -> SqlResult:
    """Nothing for a statement without a result."""
    if relation is None:
        return SqlResult(columns=(), rows=())
    return SqlResult(columns=tuple(relation.columns), rows=tuple(rows_of(relation)))


def rows_of(relation: "duckdb.DuckDBPyRelation") -> list[tuple[Any, ...]]:
    """The rows as Python values.

    DuckDB itself makes moments with a time zone only where pytz is installed; Arrow needs none.
    """
    if not any("TIMESTAMP WITH TIME ZONE" in str(kind) for kind in relation.types):
        return relation.fetchall()
    columns = relation.to_arrow_table().columns
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def attach(connection: "duckdb.DuckDBPyConnection", number: int, table: StoredTable) -> None:
    """Show a stored table under its name, and under its step's; each needs a number of its own."""
    alias = f"nbflow_{number}"
    attach_file(connection, table.path, alias)
    schema, name = _quoted(table.step), _quoted(table.name)
    source = f"{alias}.{_DATA}"
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}").fetchall()
    for target in (f"{schema}.{name}", f"main.{name}"):
        connection.execute(f"CREATE OR REPLACE VIEW {target} AS FROM {source}").fetchall()


def attach_file(connection: "duckdb.DuckDBPyConnection", path: Path, alias: str) -> None:
    """Show a table file as the `data` of a database.

    Raises:
        duckdb.Error: it is missing or damaged.
    """
    if path.suffix != _ARROW:
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS {alias} (READ_ONLY)").fetchall()
        return
    connection.register(f"{alias}_rows", _mapped(path))
    connection.execute(f"ATTACH ':memory:' AS {alias}").fetchall()
    view = f"CREATE VIEW {alias}.main.{_DATA} AS FROM temp.main.{alias}_rows"
    connection.execute(view).fetchall()


def _mapped(path: Path) -> Any:
    """An Arrow file, mapped."""
    import duckdb
    import pyarrow as pa  # only large tables need it

    try:
        return pa.ipc.open_file(pa.py_buffer(map_file(path))).read_all()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise duckdb.IOException(f"{path}: {error}") from error


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'
