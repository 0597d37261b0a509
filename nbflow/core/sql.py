"""What an SQL text does, statement by statement: the noun that analysis and the kernel share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table's name, case-folded once, when parsed. Empty parts were not written.

    >>> str(TableName(schema="mart", name="sales"))
    'mart.sales'
    """

    catalog: str = ""
    schema: str = ""
    name: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.schema, self.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """One mention of a table. `line` is 1-based in the SQL text; `written` keeps the author's
    spelling."""

    table: TableName
    line: int
    written: str


class ObjectKind(StrEnum):
    """What a session holds beside tables. Views are named like tables, for they are read so."""

    MACRO = "macro"
    SCHEMA = "schema"
    TYPE = "type"
    SETTING = "setting"
    VARIABLE = "variable"
    SEQUENCE = "sequence"
    DATABASE = "database"
    VIEW = "view"
    RULES = "rules"  # constraints, defaults and indexes of a table


STATE: Final = frozenset({ObjectKind.SEQUENCE, ObjectKind.DATABASE})
"""What no text can make again as it was: it changes while it is used, or lies outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlObject:
    """A macro, schema, type … that a statement makes or removes; its name is folded.

    `key` stands among the names of variables and tables, and can be neither.

    >>> SqlObject(kind=ObjectKind.MACRO, name="mart.net").key
    'macro/mart.net'
    """

    kind: ObjectKind
    name: str

    @property
    def key(self) -> str:
        """Its name in the graph."""
        return f"{self.kind.value}/{self.name}"

    @property
    def last(self) -> str:
        """Its name without schemas."""
        return self.name.rpartition(".")[2]

    @classmethod
    def of(cls, key: str) -> "SqlObject":
        """The object of a key.

        >>> SqlObject.of("type/mood").kind
        <ObjectKind.TYPE: 'type'>
        """
        kind, _, name = key.partition("/")
        return cls(kind=ObjectKind(kind), name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStatement:
    """One statement.

    `reads` and `writes` are tables (DML on a table is in both; CTEs are in neither). `files_read`
    and `files_written` are literal paths (globs kept as written). `parameters` are the `$names` it
    binds. `opaque` says why the statement could not be understood (it may then touch anything),
    else None. `returns_rows` tells whether it is a query. `volatile` names calls whose result is
    not a function of the inputs (`now`, `random`, …). `remote` says that it reads or writes a URL.
    `defines` and `removes`: the macro, schema, view … that it makes or drops; a view is also among
    `creates` or `drops`. `calls` are the names of all functions that it calls, `words` all folded
    names in it, `variables` and `sequences` those of the session that it asks for by name.
    `unknown_calls` are table functions that are no part of DuckDB: macros, if such are defined, and
    else they may read anything. `reading`: although it is opaque, it only reads, and only what its
    words name.
    """

    text: str
    line: int
    kind: str
    reads: tuple[TableUse, ...] = ()
    writes: tuple[TableUse, ...] = ()
    creates: tuple[TableUse, ...] = ()
    drops: tuple[TableUse, ...] = ()
    files_read: tuple[str, ...] = ()
    files_written: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    returns_rows: bool = False
    volatile: tuple[str, ...] = ()
    remote: bool = False
    opaque: str | None = None
    reading: bool = False
    defines: SqlObject | None = None
    removes: SqlObject | None = None
    calls: tuple[str, ...] = ()
    unknown_calls: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    @property
    def tables(self) -> tuple[TableUse, ...]:
        """All tables that it mentions in any way."""
        return (*self.reads, *self.writes, *self.creates, *self.drops)

    def may_use(self, thing: SqlObject) -> bool:
        """Whether it uses an object of the session: more often than it does, never less."""
        name, tables = thing.name, self.tables
        match thing.kind:
            case ObjectKind.MACRO:
                return thing.last in self.calls
            case ObjectKind.TYPE:
                return thing.last in self.words
            case ObjectKind.SETTING:
                return self.kind not in ("set", "reset")
            case ObjectKind.VARIABLE:
                return name in self.variables
            case ObjectKind.SEQUENCE:
                return name in self.sequences
            case ObjectKind.SCHEMA:
                made = self.defines or self.removes
                inside = made is not None and made.name.startswith(f"{name}.")
                return inside or any(use.table.schema == name for use in tables)
            case ObjectKind.DATABASE:
                return any(name in (use.table.schema, use.table.catalog) for use in tables)
            case ObjectKind.VIEW:
                return any(str(use.table) == name for use in self.reads)
            case ObjectKind.RULES:
                return any(str(use.table) == name for use in self.writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlText:
    """A whole `%%sql` body: its statements in order, or the syntax error that stops it."""

    statements: tuple[SqlStatement, ...] = ()
    error: str | None = None
    error_line: int | None = None
