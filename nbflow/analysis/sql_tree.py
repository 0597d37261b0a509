"""Which tables an SQL syntax tree mentions, and how: read, written, created, dropped.

sqlglot parses, the walk over scopes is ours: sqlglot's own scopes stop at SELECT, and a name that
a CTE hides in one place may be a table in another (`WITH s AS (SELECT * FROM s) …`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from nbflow.analysis.sql_tokens import fold, looks_like_file
from nbflow.core.sql import TableName, TableUse

PURE_TABLE_FUNCTIONS: Final = frozenset(
    {
        "generate_series",
        "generate_subscripts",
        "icu_calendar_names",
        "json_each",
        "json_tree",
        "pg_timezone_names",
        "range",
        "regexp_split_to_table",
        "repeat",
        "repeat_row",
        "test_all_types",
        "test_vector_types",
        "unnest",
        "explode",
        "posexplode",
        "generate_date_array",
    }
)
"""Table functions that look at nothing but their arguments."""

_CATALOG_SCHEMAS: Final = frozenset(["information_schema", "pg_catalog"])
CATALOG_PREFIXES: Final = ("duckdb_", "pg_", "pragma_", "sqlite_")
_HOME_CATALOGS: Final = frozenset(["memory", "temp"])

_BEYOND_TABLES: Final = (
    exp.Reference,
    exp.GeneratedAsIdentityColumnConstraint,
    exp.ComputedColumnConstraint,
)

Scope = frozenset[str]


@dataclass(slots=True)
class Found:
    """What a walk has found so far. `names` holds every table-like name, CTEs too, folded."""

    reads: list[TableUse] = field(default_factory=list)
    writes: list[TableUse] = field(default_factory=list)
    creates: list[TableUse] = field(default_factory=list)
    drops: list[TableUse] = field(default_factory=list)
    files_read: list[str] = field(default_factory=list)
    files_written: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    table_functions: set[str] = field(default_factory=set)
    opaque: list[str] = field(default_factory=list)
    view: bool = False
    rules: bool = False


def parse_tree(text: str) -> exp.Expr | None:
    """The tree of one statement, or None where sqlglot has no grammar for it."""
    with _silent():
        try:
            trees = DuckDB().parse(text)
        except (SqlglotError, RecursionError, ValueError):
            return None
    tree = trees[0] if len(trees) == 1 else None
    return None if tree is None or isinstance(tree, exp.Command) else tree


@contextmanager
def _silent() -> Iterator[None]:
    """sqlglot logs a warning for each statement that it does not know; we say it ourselves."""
    logger = logging.getLogger("sqlglot")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def walk(tree: exp.Expr, *, first_line: int, text: str) -> Found:
    """Everything that a statement's tree mentions; the tree's text starts on `first_line`."""
    found = Found()
    # A stack of our own: long chains of OR are deeper than Python's.
    stack: list[tuple[Any, Scope]] = [(tree, frozenset())]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, list):
            stack.extend((child, scope) for child in reversed(node))
        elif isinstance(node, exp.Expr):
            stack.extend(reversed(list(_visit(node, scope, _Reader(found, first_line, text)))))
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Where uses are put, and how their lines are counted."""

    found: Found
    first_line: int
    text: str

    def use(self, table: exp.Table) -> TableUse:
        """A mention, in the normal form of names."""
        start = table.this.meta.get("start", 0)
        return TableUse(
            table=_table_name(table),
            line=self.first_line + self.text.count("\n", 0, start),
            written=_written(table),
        )


def _written(table: exp.Table) -> str:
    names = [part.name for part in table.parts]
    while len(names) > 1 and fold(names[0]) in _HOME_CATALOGS:
        del names[0]
    if len(names) == 2 and fold(names[0]) == "main":
        del names[0]
    return ".".join(names)


def _table_name(table: exp.Table) -> TableName:
    """Folded, and without the session's own catalog and schema: `memory.main.t` is `t`."""
    parts = [fold(part) for part in _written(table).split(".")] if _is_plain(table) else []
    if not parts or len(parts) > 3:
        parts = [fold(_written(table))]
    catalog, schema, name = ([""] * (3 - len(parts))) + parts
    return TableName(catalog=catalog, schema=schema, name=name)


def _is_plain(table: exp.Table) -> bool:
    return not any("." in part.name for part in table.parts)


def _visit(node: exp.Expr, scope: Scope, reader: _Reader) -> Iterator[tuple[Any, Scope]]:
    """Note what a node says itself; give what is to be visited below it, with its scope."""
    skip: set[str] = set()
    with_ = node.args.get("with_") or node.args.get("with")
    if isinstance(with_, exp.With):
        skip |= {"with_", "with"}
        visits, scope = _open_with(with_, scope, reader)
        yield from visits
    match node:
        case exp.Table():
            _note_table(node, scope, reader)
            # Names are not expressions; a function in their place is one.
            skip |= {"db", "catalog"} | (
                {"this"} if isinstance(node.this, exp.Identifier) else set()
            )
        case exp.Insert() | exp.Update() if isinstance(node.parent, exp.When):
            pass  # a branch of MERGE changes the target of the MERGE
        case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            skip |= _note_target(node, reader)
        case exp.Func():
            reader.found.functions.add(_function_name(node))
    for key, child in node.args.items():
        if key not in skip:
            yield child, scope


def _open_with(
    with_: exp.With, scope: Scope, reader: _Reader
) -> tuple[list[tuple[Any, Scope]], Scope]:
    visits: list[tuple[Any, Scope]] = []
    for cte in with_.expressions:
        name = fold(cte.alias)
        reader.found.names.add(name)
        body = cte.this
        if with_.args.get("recursive") and isinstance(body, exp.SetOperation):
            visits.extend(_recursive_arms(body, name, scope))
        else:
            visits.append((body, scope))
        scope = scope | {name}
    return visits, scope


def _recursive_arms(body: exp.SetOperation, name: str, scope: Scope) -> Iterator[tuple[Any, Scope]]:
    """A recursive CTE sees itself, but not in its first arm: there the name is a table."""
    with_ = body.args.get("with_") or body.args.get("with")
    inner = scope | {name}
    if with_ is not None:  # the arms may name those CTEs: keep them together, and be careful
        yield body, scope
        return
    for key, child in body.args.items():
        yield child, scope if key == "this" else inner


def _note_table(node: exp.Table, scope: Scope, reader: _Reader) -> None:
    found = reader.found
    if not isinstance(node.this, exp.Identifier):
        _note_table_function(node.this, found)
        return
    found.names.add(fold(node.name))
    schema = fold(node.db)
    if not schema and not node.catalog and fold(node.name) in scope:
        return
    if schema == "recurring" and fold(node.name) in scope:
        return
    _note_read(node, reader)


def _note_read(node: exp.Table, reader: _Reader) -> None:
    found, full = reader.found, ".".join(part.name for part in node.parts)
    if looks_like_file(full):
        found.files_read.append(full)
        found.names.add(fold(full))
        return
    use = reader.use(node)
    found.reads.append(use)
    catalog_table = use.table.name.startswith(CATALOG_PREFIXES)
    if use.table.schema in _CATALOG_SCHEMAS or (not use.table.schema and catalog_table):
        found.opaque.append(f"{use.written} lists what the session holds")


def _function_name(node: Any) -> str:
    if isinstance(node, exp.Anonymous):
        return fold(node.name)
    return fold(node.sql_name()) if isinstance(node, exp.Func) else fold(type(node).__name__)


def _note_table_function(node: Any, found: Found) -> None:
    name = _function_name(node)
    found.functions.add(name)
    found.table_functions.add(name)
    if name.startswith(CATALOG_PREFIXES):
        found.opaque.append(f"{name}() lists what the session holds")
    arguments = node.expressions if isinstance(node, exp.Anonymous) else []
    if name == "query" and len(arguments) == 1 and _is_text(arguments[0]):
        found.queries.append(arguments[0].name)
    elif name == "query_table" and arguments and all(_is_text(a) for a in arguments[:1]):
        found.queries.append("FROM " + exp.to_identifier(arguments[0].name, quoted=True).sql())


def _is_text(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _note_target(node: exp.Expr, reader: _Reader) -> set[str]:
    """DML reads and writes its target, which no CTE can hide. Returns the keys that are done."""
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    if isinstance(target, exp.Table) and isinstance(target.this, exp.Identifier):
        note_written(target, reader.found, reader.use(target))
        reader.found.reads.append(reader.use(target))
        # Aliases, joins and samples of the target are still to be seen.
        extra = {k: v for k, v in target.args.items() if k not in ("this", "db", "catalog") and v}
        return {"this"} if not _has_tables(extra) else _opaque_target(reader)
    reader.found.opaque.append("the table that it changes is not named plainly")
    return set()


def _has_tables(args: dict[str, Any]) -> bool:
    values = [v for value in args.values() for v in (value if isinstance(value, list) else [value])]
    return any(isinstance(v, exp.Expr) and v.find(exp.Table) for v in values)


def _opaque_target(reader: _Reader) -> set[str]:
    reader.found.opaque.append("the table that it changes is joined where it is named")
    return set()


def note_written(node: exp.Table, found: Found, use: TableUse) -> None:
    """Note a table that a statement changes or makes."""
    found.names.add(fold(node.name))
    found.writes.append(use)
    if looks_like_file(use.written):
        found.opaque.append(f"the table {use.written} is named like a file")


def statement_facts(tree: exp.Expr, *, first_line: int, text: str) -> Found:
    """What one statement reads, writes, creates and drops.

    Opaque is what is no query, DML or COPY, nor CREATE, DROP or ALTER of a table or view.
    """
    reader = _Reader(Found(), first_line, text)
    match tree:
        case exp.Copy():
            found = _copy(tree, reader)
        case exp.Create():
            found = _create(tree, reader)
        case exp.Drop():
            found = _drop(tree, reader)
        case exp.Alter():
            found = _alter(tree, reader)
        case exp.TruncateTable():
            found = _truncate(tree, reader)
        case exp.Comment():
            found = _comment(tree, reader)
        case (
            exp.Query() | exp.Insert() | exp.Update() | exp.Delete() | exp.Merge()
            | exp.Values() | exp.Describe() | exp.Summarize() | exp.Pivot()
        ):  # fmt: skip
            found = walk(tree, first_line=first_line, text=text)
        case exp.Show():
            found = Found(opaque=["it lists what the session holds"])
        case _:
            found = Found(opaque=["this kind of statement is not understood"])
    _check_functions(found)
    return found


def _check_functions(found: Found) -> None:
    if found.functions & {"query", "query_table"} and not found.queries:
        found.opaque.append("its text is made while it runs")


def _merge_walk(node: Any, reader: _Reader, into: Found) -> None:
    if not isinstance(node, exp.Expr):
        return
    inner = walk(node, first_line=reader.first_line, text=reader.text)
    for name in ("reads", "writes", "creates", "drops", "files_read", "queries", "opaque"):
        getattr(into, name).extend(getattr(inner, name))
    into.names |= inner.names
    into.functions |= inner.functions
    into.table_functions |= inner.table_functions


def _plain_table(node: Any) -> exp.Table | None:
    inner = node.this if isinstance(node, exp.Schema) else node
    plain = isinstance(inner, exp.Table) and isinstance(inner.this, exp.Identifier)
    return inner if plain else None


def _copy(tree: exp.Copy, reader: _Reader) -> Found:
    found = Found()
    table, reading = _plain_table(tree.this), bool(tree.args.get("kind"))
    paths = [f.name if _is_text(f) else "*" for f in tree.args.get("files") or [None]]
    (found.files_read if reading else found.files_written).extend(paths)
    found.names |= {fold(path) for path in paths}
    if table is not None and reading:
        note_written(table, found, reader.use(table))
        found.reads.append(reader.use(table))
    else:
        _merge_walk(tree.this, reader, found)
    if table is None and not isinstance(tree.this, exp.Subquery):
        found.opaque.append("what it copies is not named plainly")
    _merge_walk(exp.Tuple(expressions=tree.args.get("params") or []), reader, found)
    return found


def _create(tree: exp.Create, reader: _Reader) -> Found:
    found, table = Found(), _plain_table(tree.this)
    _merge_walk(tree.args.get("expression"), reader, found)
    if tree.kind == "INDEX":
        return _create_index(tree, reader)
    if tree.kind not in ("TABLE", "VIEW") or table is None:
        found.opaque.append(f"CREATE {tree.kind} changes the session for all that follows")
        return found
    use = reader.use(table)
    note_written(table, found, use)
    found.creates.append(use)
    if tree.args.get("exists"):  # the earlier one may stay
        found.reads.append(use)
    found.view = tree.kind == "VIEW"
    if not found.view:
        _note_rules(tree, found)
    return found


def _create_index(tree: exp.Create, reader: _Reader) -> Found:
    """An index changes what may be inserted, and nothing that a query sees."""
    found, table = Found(), _plain_table(tree.this.args.get("table"))
    if table is None:
        found.opaque.append("the table that it changes is not named plainly")
        return found
    note_written(table, found, reader.use(table))
    found.reads.append(reader.use(table))
    found.rules = True
    return found


def _note_rules(tree: exp.Create, found: Found) -> None:
    columns = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    for column in columns:
        named_only = isinstance(column, exp.Identifier)
        typed_only = isinstance(column, exp.ColumnDef) and not column.args.get("constraints")
        found.rules = found.rules or not (named_only or typed_only)
        if column.find(*_BEYOND_TABLES):
            found.opaque.append("foreign keys and generated columns cannot be handed on")
    properties = tree.args.get("properties")
    known = (exp.TemporaryProperty, exp.WithDataProperty)
    if any(not isinstance(kind, known) for kind in (properties.expressions if properties else [])):
        found.opaque.append("what it asks for beyond its columns is not understood")


def _drop(tree: exp.Drop, reader: _Reader) -> Found:
    found = Found()
    tables = [_plain_table(node) for node in tree.args.get("tables") or [tree.this]]
    if tree.args.get("kind") not in ("TABLE", "VIEW"):
        found.opaque.append(f"what DROP {tree.args.get('kind')} changes is not known")
        return found
    found.view = tree.args.get("kind") == "VIEW"
    for table in tables:
        if table is None:
            found.opaque.append("what it drops is not named plainly")
            continue
        use = reader.use(table)
        note_written(table, found, use)
        found.drops.append(use)
        if not tree.args.get("exists"):
            found.reads.append(use)
    return found


def _alter(tree: exp.Alter, reader: _Reader) -> Found:
    found, table = Found(), _plain_table(tree.this)
    if tree.args.get("kind") != "TABLE" or table is None:
        found.opaque.append("only ALTER TABLE is understood")
        return found
    use = reader.use(table)
    note_written(table, found, use)
    found.reads.append(use)
    for action in tree.args.get("actions") or []:
        _alter_one(action, table, found, reader, column=bool(tree.args.get("options")))
    return found


def _alter_one(
    action: Any, table: exp.Table, found: Found, reader: _Reader, *, column: bool
) -> None:
    """One action. `column`: sqlglot takes `RENAME a TO b` for the renaming of a table to `a`."""
    if isinstance(action, exp.AlterRename) and isinstance(action.this, exp.Table):
        if column:
            return
        # Written without a schema, the new name stays where the table was.
        new = action.this.copy()
        new.set("db", table.args.get("db"))
        new.set("catalog", table.args.get("catalog"))
        new.this.meta.update(action.this.this.meta)
        note_written(new, found, reader.use(new))
        found.creates.append(reader.use(new))
        found.drops.append(reader.use(table))
    elif isinstance(action, exp.RenameColumn | exp.Drop) or _is_bare_column(action):
        return
    else:
        found.rules = True
        if action.find(exp.Reference):
            found.opaque.append("foreign keys and generated columns cannot be handed on")
        _merge_walk(action, reader, found)


def _is_bare_column(action: Any) -> bool:
    return isinstance(action, exp.ColumnDef) and not action.args.get("constraints")


def _truncate(tree: exp.TruncateTable, reader: _Reader) -> Found:
    found = Found()
    for node in tree.expressions:
        table = _plain_table(node)
        if table is None:
            found.opaque.append("what it empties is not named plainly")
            continue
        note_written(table, found, reader.use(table))
        found.reads.append(reader.use(table))
    return found


def _comment(tree: exp.Comment, reader: _Reader) -> Found:
    found, kind, node = Found(), str(tree.args.get("kind")).upper(), tree.this
    table = _plain_table(node) if kind in ("TABLE", "VIEW") else None
    if kind == "COLUMN" and isinstance(node, exp.Column) and node.args.get("table"):
        parts = {"this": "table", "db": "db", "catalog": "catalog"}
        table = exp.Table(**{key: node.args.get(part) for key, part in parts.items()})
    if table is None:
        found.opaque.append("only comments on tables, views and columns are understood")
        return found
    note_written(table, found, reader.use(table))
    found.reads.append(reader.use(table))
    return found
