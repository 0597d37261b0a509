"""What an SQL text does, statement by statement: the noun that analysis and the kernel share."""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStatement:
    """One statement.

    `reads` and `writes` are tables (DML on a table is in both; CTEs are in neither). `files_read`
    and `files_written` are literal paths (globs kept as written). `parameters` are the `$names` it
    binds. `opaque` says why the statement could not be understood (it may then touch anything),
    else None. `returns_rows` tells whether it is a query. `volatile` names calls whose result is
    not a function of the inputs (`now`, `random`, …). `remote` says that it reads or writes a URL.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlText:
    """A whole `%%sql` body: its statements in order, or the syntax error that stops it."""

    statements: tuple[SqlStatement, ...] = ()
    error: str | None = None
    error_line: int | None = None
