"""The tables of one kernel's DuckDB: made, attached, copied, exported, each in one place.

Everything here speaks of tables by their full name in folded parts; which of them a Python name
means is the session's business (`inside/sql.py`).
"""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from nbflow.core.errors import NotebookError, StoreError
from nbflow.inside.interrupt import interruptible
from nbflow.inside.tables import DATA, TEMPLATE

_SMALL_CELLS: Final = 200_000  # below this, small blocks: 45 kB instead of 537 kB for a tiny table
_QUOTED_LINE: Final = re.compile(r"^LINE (\d+)(:.*\n)( *)(?=\^)", re.MULTILINE)
_NAME: Final = r'(?:"(?:[^"]|"")*"|\w+)'
_TABLE: Final = re.compile(rf"CREATE (?:TEMP )?TABLE (?:{_NAME}\.)*{_NAME}(\(.*\));?\Z", re.DOTALL)
_INDEX: Final = re.compile(rf"CREATE (UNIQUE )?INDEX {_NAME} ON (?:{_NAME}\.)*{_NAME}(\(.*\));?\Z")
_HOMES: Final = "('memory', 'temp')"


def fold(name: str) -> str:
    """A name as DuckDB compares it: ASCII letters without case, all others as they are.

    >>> fold("Sales_Ä")
    'sales_Ä'
    """
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


def quote_part(part: str) -> str:
    """One part of a name as an SQL identifier.

    >>> print(quote_part('q"1'))
    "q""1"
    """
    return '"' + part.replace('"', '""') + '"'


def _one_line_less(message: str) -> str:
    """A message about a query whose first line is ours, as if it had only the author's lines.

    >>> print(_one_line_less("Error: bad\\n\\nLINE 10: SELECT x\\n                ^"))
    Error: bad
    <BLANKLINE>
    LINE 9: SELECT x
                   ^
    """
    found = _QUOTED_LINE.search(message)
    if found is None:
        return message
    number = str(int(found[1]) - 1)
    caret = found[3][len(found[1]) - len(number) :]
    return f"{message[: found.start()]}LINE {number}{found[2]}{caret}{message[found.end() :]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A table or view that DuckDB holds. `temporary`: it lies in DuckDB's own `temp` database."""

    name: str
    schema: str
    temporary: bool
    view: bool

    @property
    def full(self) -> str:
        """Its name as cells write it: `name`, or `schema.name` outside `main`."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"

    @property
    def place(self) -> str:
        """Its whole quoted name, which nothing can hide."""
        parts = ("temp" if self.temporary else "memory", self.schema, self.name)
        return ".".join(quote_part(part) for part in parts)


class Catalog:
    """One in-memory DuckDB, opened when it is first needed (after a fork, never before)."""

    def __init__(
        self, *, threads: int | None, memory_limit: str | None, temp_directory: str | None
    ) -> None:
        spill = temp_directory or str(Path(tempfile.gettempdir()) / f"nbflow-{os.getpid()}.spill")
        self._config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": spill,
        }
        if threads is not None:
            self._config["threads"] = threads
        if memory_limit is not None:
            self._config["memory_limit"] = memory_limit

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=self._config)
        # Otherwise DuckDB would look for tables among the variables of whoever calls it.
        connection.execute("SET python_enable_replacements = false").fetchall()
        return connection

    @property
    def opened(self) -> bool:
        """Whether the database was needed so far."""
        return "_connection" in self.__dict__

    def close(self) -> None:
        """Let go of the database and all that is in it."""
        if self.opened:
            self._connection.close()
            del self.__dict__["_connection"]

    # -- running

    def query(self, text: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """The whole result of a query. Raises duckdb.Error, KeyboardInterrupt."""
        return self._whole(
            lambda c: c.sql(text, params=dict(values) if values else None).to_arrow_table()
        )

    def execute(self, text: str, values: Mapping[str, Any] | None = None) -> None:
        """Run a statement to its end. Raises duckdb.Error, KeyboardInterrupt."""
        # Results stream: only a drained one shows all errors and frees the connection.
        self._whole(lambda c: c.execute(text, dict(values) if values else None).fetchall())

    def _whole(self, work: Any) -> Any:
        connection = self._connection
        try:
            return interruptible(connection, lambda: work(connection))
        except BaseException:
            connection.abort()
            raise

    def rows(self, text: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one of our own small queries."""
        return self._connection.execute(text, values or []).fetchall()

    # -- what there is

    def entries(self) -> tuple[Entry, ...]:
        """All tables and views of the session itself, without those that others attached."""
        columns = "schema_name, {kind}_name, temporary, {view}"
        parts = (
            f"SELECT {columns.format(kind=kind, view=view)} FROM duckdb_{kind}s() "
            f"WHERE NOT internal AND database_name IN {_HOMES}"
            for kind, view in (("table", "false"), ("view", "true"))
        )
        rows = self.rows(" UNION ALL ".join(parts)) if self.opened else []
        return tuple(Entry(schema=s, name=n, temporary=t, view=v) for s, n, t, v in rows)

    def find(self, full: str) -> Entry | None:
        """The table or view of a name, temporary ones first, as DuckDB looks them up."""
        found = [entry for entry in self.entries() if fold(entry.full) == fold(full)]
        return next((e for e in found if e.temporary), found[0] if found else None)

    def columns(self, full: str) -> tuple[tuple[str, str], ...]:
        """(column, DuckDB type) pairs."""
        return tuple((str(r[0]), str(r[1])) for r in self.rows(f"DESCRIBE {self._place(full)}"))

    def _place(self, full: str) -> str:
        entry = self.find(full)
        return entry.place if entry else quote_part(full)

    def fetch(self, full: str) -> pa.Table:
        """The whole content of a table or view."""
        return self.query(f"FROM {self._place(full)}")

    # -- making and dropping

    @contextmanager
    def shown(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """Arrow tables that SQL sees under these names, hiding others, while this lasts."""
        done: list[str] = []
        try:
            for name, table in tables.items():
                self._connection.register(name, table)
                done.append(name)
            yield
        finally:
            for name in done:
                self._connection.unregister(name)

    def make(self, query: str, values: Mapping[str, Any] | None = None) -> str:
        """A new table of a query's result, under a name of ours until `keep` gives it its own."""
        making = f"nbflow_new_{uuid.uuid4().hex}"
        try:
            self.execute(f"CREATE TABLE memory.main.{making} AS\n{query}", values)
        except duckdb.Error as error:
            raise type(error)(_one_line_less(str(error))) from None
        return making

    def make_of_result(self, text: str, values: Mapping[str, Any] | None) -> str:
        """The same for statements that are no queries (RETURNING, EXPLAIN), through Arrow."""
        self.execute("SET arrow_lossless_conversion = true")
        try:
            return self.make_of_arrow(self.query(text, values))
        finally:
            self.execute("RESET arrow_lossless_conversion")

    def make_of_arrow(self, table: pa.Table) -> str:
        """The same for an Arrow table."""
        source = f"nbflow_source_{uuid.uuid4().hex}"
        with self.shown({source: table}):
            return self.make(f"FROM {source}")

    def keep(self, made: str, name: str) -> None:
        """Give a made table its name, in place of what had it."""
        self.drop(name)
        self.execute(f"ALTER TABLE memory.main.{made} RENAME TO {quote_part(name)}")

    def drop(self, full: str) -> None:
        """Drop every table and view of a name, temporary or not; nothing if there is none."""
        while (entry := self.find(full)) is not None:
            kind = "VIEW" if entry.view else "TABLE"
            self.execute(f"DROP {kind} {entry.place}")

    def own(self, full: str, alias: str) -> None:
        """Turn what is shown of an attached file into a table of the same content and rules."""
        entry = self.find(full)
        if entry is None or not entry.view:
            return
        self.execute(f"DROP VIEW {entry.place}")
        self._copy((alias, "main", DATA), entry.place)

    def _copy(self, source: tuple[str, str, str], place: str) -> None:
        """Make a table anew at another place: its rows, constraints, defaults and indexes."""
        rows = ".".join(quote_part(part) for part in source)
        rules, indexes = self._rules(source)
        if rules is None:
            self.execute(f"CREATE TABLE {place} AS FROM {rows}")
        else:
            self.execute(f"CREATE TABLE {place}{rules}")
            self.execute(f"INSERT INTO {place} FROM {rows}")
        for unique, columns in indexes:
            name = quote_part(f"nbflow_index_{uuid.uuid4().hex}")
            self.execute(f"CREATE {unique} INDEX {name} ON {place}{columns}")

    def _rules(
        self, source: tuple[str, str, str]
    ) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """A table's columns as SQL wrote them, if there is more to them than types; its indexes."""
        where = "WHERE database_name = ? AND schema_name = ? AND table_name = ?"
        rules = (
            f"SELECT 1 FROM duckdb_constraints() {where}",
            f"SELECT 1 FROM duckdb_columns() {where} AND column_default IS NOT NULL",
        )
        texts = self.rows(f"SELECT sql FROM duckdb_indexes() {where}", list(source))
        found = (_INDEX.match(text) for (text,) in texts)
        indexes = tuple((f[1] or "", f[2]) for f in found if f is not None)
        if not any(self.rows(rule, list(source)) for rule in rules):
            return None, indexes
        [(text,)] = self.rows(f"SELECT sql FROM duckdb_tables() {where}", list(source))
        columns = _TABLE.match(text)
        return (columns[1] if columns is not None else None), indexes

    def has_rules(self, alias: str) -> bool:
        """Whether an attached file's table is more than its rows."""
        rules, indexes = self._rules((alias, "main", DATA))
        return rules is not None or bool(indexes)

    # -- files

    def attach(self, full: str, path: Path) -> str:
        """Show a table file's `data` under a name, read-only; returns the database's alias.

        Raises:
            StoreError: it is no table file, or damaged.
        """
        alias = f"nbflow_file_{uuid.uuid4().hex}"
        self._attach(alias, path, "READ_ONLY")
        try:
            self.show(full, alias)
        except duckdb.Error as error:
            self.detach(alias)
            raise StoreError(f"table file {path}: {error}") from error
        return alias

    def show(self, full: str, alias: str) -> None:
        """Show the `data` of an attached file under a name."""
        schema, _, name = full.rpartition(".")
        schema = quote_part(schema or "main")
        self.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{schema}")
        place = f"memory.{schema}.{quote_part(name)}"
        self.execute(f"CREATE VIEW {place} AS FROM {alias}.main.{DATA}")

    def _attach(self, alias: str, path: Path, options: str) -> None:
        quoted = "'" + str(path).replace("'", "''") + "'"
        try:
            self.execute(f"ATTACH {quoted} AS {alias} ({options})")
        except duckdb.Error as error:
            raise StoreError(f"table file {path}: {error}") from error

    def detach(self, alias: str) -> None:
        """Let go of a file; what was shown of it must have been dropped."""
        self.execute(f"DETACH {alias}")

    def is_templated(self, alias: str) -> bool:
        """Whether an attached file was written by Python, with more than SQL can tell."""
        found = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
        return bool(self.rows(found, [alias, TEMPLATE]))

    def export(self, full: str, path: Path) -> None:
        """Write a table or view into a new file, whole on disk when this returns.

        Raises:
            NotebookError: the table has rules that no copy can have (a default that counts).
            StoreError: the file cannot be written.
        """
        alias = f"nbflow_file_{uuid.uuid4().hex}"
        cells = self._size(full)
        small = ", BLOCK_SIZE 16384" if cells <= _SMALL_CELLS else ""
        self._attach(alias, path, f"STORAGE_VERSION 'latest'{small}")
        try:
            self._write(full, f"{alias}.main.{DATA}")
            self.execute(f"CHECKPOINT {alias}")
        except duckdb.IOException as error:
            raise StoreError(f"table file {path}: {error}") from error
        finally:
            self.detach(alias)
        if Path(f"{path}.wal").exists():
            raise StoreError(f"table file {path} was left with a .wal beside it")

    def _write(self, full: str, place: str) -> None:
        entry = self.find(full)
        if entry is None or entry.view:
            self.execute(f"CREATE TABLE {place} AS FROM {self._place(full)}")
            return
        source = ("temp" if entry.temporary else "memory", entry.schema, entry.name)
        try:
            self._copy(source, place)
        except (duckdb.CatalogException, duckdb.BinderException, duckdb.TransactionException) as e:
            raise NotebookError(
                f"the table {full} has rules which cannot be handed on ({e})",
                hint="run with --one-lane, or make the table with CREATE TABLE … AS SELECT",
            ) from e

    def _size(self, full: str) -> int:
        rows = self.rows(f"SELECT count(*) FROM {self._place(full)}")[0][0]
        return int(rows) * len(self.columns(full))
