"""Reading SQL: which tables, macros, views and settings its statements use, change and define.

Tables are names like variables. What a session holds beside them (`core.sql.SqlObject`) has names
of its own kind; where its text says all about it, it is a *fragment*: every lane that needs it gets
the text. A view or macro reads its tables where it is used, as they are there.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from nbflow.analysis.expressions import Shared
from nbflow.analysis.facts import Fragment, Use
from nbflow.analysis.statements import DELETED, Statements
from nbflow.analysis.values import NO_OBJECTS, TABLES, Value
from nbflow.core.names import Name
from nbflow.core.sql import STATE, ObjectKind, SqlObject, SqlStatement, TableUse

ANY_TABLE: Final = "*"
LATER: Final = "%%sql --later\n"
"""What replayed definitions begin with: they are kept until a statement needs them."""

_IF_NOT_EXISTS: Final = re.compile(r"\A\s*CREATE\s+(\w+\s+){1,4}?IF\s+NOT\s+EXISTS\b", re.I)
_TEMPORARY: Final = re.compile(r"\A\s*CREATE\s+(OR\s+REPLACE\s+)?TEMP", re.I)
_DEFINITION: Final = "definition"
_RULES: Final = "a table with constraints, defaults or indexes"
_PURE: Final = frozenset(
    {ObjectKind.MACRO, ObjectKind.SCHEMA, ObjectKind.TYPE, ObjectKind.SETTING, ObjectKind.VARIABLE}
)
_VIEW: Final = f"{ObjectKind.VIEW.value}/"
_COMPUTED: Final = frozenset({ObjectKind.TYPE, ObjectKind.VARIABLE})
"""Made of a value that is worked out once: where that takes more than its text, it is state."""


class SqlCells(Statements):
    """Reads SQL texts, in cells of their own and in magics."""

    def __init__(self, shared: Shared, base: Callable[[str], Value | None]) -> None:
        super().__init__(shared, base)
        self.sql_error: tuple[int, str] | None = None
        self.sql_fragments: tuple[Fragment, ...] = ()
        self.sql_only_defines = False
        self._looking: set[str] = set()  # texts may name each other in a circle

    # -- Python's side ------------------------------------------------------------------------

    def load_global(self, name: str, line: int) -> Value:
        """The value of a global; a view's name stands for all that the view reads."""
        value = super().load_global(name, line)
        self._look_through_view(name.lower(), line, python=True)
        return value

    def bind_key(self, key: str, value: Value, line: int) -> None:
        """Bind a name; if it was a view's, it is none any more."""
        companion = view_key(key.lower())
        if self._is_alive(companion):
            self.state.values[companion] = DELETED
        super().bind_key(key, value, line)

    def _is_alive(self, key: str) -> bool:
        value = self.peek(key)
        return value is not None and value is not DELETED

    # -- a text -------------------------------------------------------------------------------

    def sql(
        self, text: str, at: int, *, first_line: int, bound_name: str | None, cell: bool = False
    ) -> Value:
        """An SQL text: its tables are names, its `$parameters` too. Returns its result.

        `cell`: it is a whole cell, so that other lanes can replay what it defines.
        """
        parsed = self.shared.parse_sql(text)
        if parsed.error is not None:
            line = first_line + (parsed.error_line or 1) - 1
            self.record.opaque.setdefault(f"SQL that cannot be read: {parsed.error}", line)
            self.sql_error = (line, parsed.error)
        for statement in parsed.statements:
            self._sql_statement(statement, first_line, cell=cell)
        if cell and bound_name is None and parsed.error is None:
            self._mark_definitions(parsed.statements)
        result = Value(type="DataFrame", objs=frozenset({f"new:sql:{at}"}))
        if bound_name is not None:
            self.bind_key(bound_name, result, at)
        return result

    def _mark_definitions(self, statements: tuple[SqlStatement, ...]) -> None:
        """A cell of nothing but texts that stand on definitions alone is no step."""
        made = [s.defines.key for s in statements if s.defines is not None]
        used = {key for one in statements for key in self._objects_of(one)} - set(made)
        pure = all(_is_pure(s) or (s.kind == "set" and s.defines is None) for s in statements)
        standing = all((self.peek(key) or Value()).type == _DEFINITION for key in used)
        self.sql_only_defines = bool(statements) and pure and standing
        for key in made if self.sql_only_defines else ():
            self.state.values[key] = self.state.values[key]._replace(type=_DEFINITION)

    def _sql_statement(self, statement: SqlStatement, first_line: int, *, cell: bool) -> None:
        line = first_line + statement.line - 1
        statement = self._without_itself(statement)
        self._sql_doubts(statement, line)
        self._sql_objects(statement, line)
        for use in statement.reads:
            self._sql_read(use, first_line + use.line - 1)
        for name in statement.parameters:
            self.load(name, line)
        self.sql_outside(statement, line)
        self._sql_removes(statement, line)
        self._sql_writes(statement, first_line)
        if statement.defines is not None:
            self._sql_defines(statement, statement.defines, line, cell=cell)

    def _without_itself(self, statement: SqlStatement) -> SqlStatement:
        """IF NOT EXISTS reads what there is under its name, if there is something."""
        if _IF_NOT_EXISTS.match(statement.text) is None:
            return statement
        new = {table_key(use) for use in statement.creates}
        new = {name for name in new if not self._is_alive(name)}
        reads = tuple(use for use in statement.reads if table_key(use) not in new)
        return replace(statement, reads=reads)

    # -- what is not understood ---------------------------------------------------------------

    def _sql_doubts(self, statement: SqlStatement, line: int) -> None:
        unknown = [name for name in statement.unknown_calls if not list(self._macros((name,)))]
        why = statement.opaque or (f"what {unknown[0]}() reads is not known" if unknown else None)
        if why is None:
            return
        self.record.opaque.setdefault(why, line)
        if statement.opaque is None or statement.reading:
            self._read_by_words(statement, line)
        else:
            self.one_lane(f"SQL that cannot be followed: {why}", line)

    def _read_by_words(self, statement: SqlStatement, line: int) -> None:
        """A query cannot read a table that it does not name."""
        anything = ANY_TABLE in statement.words
        for name in self._alive():
            value = self.peek(name)
            table = value is not None and not value.callables and value.ref is None
            known = fold(name) in statement.words or fold(name).split(".")[-1] in statement.words
            if "/" in name:
                if anything and not name.startswith("view/"):
                    self._use_object(name, line)
            elif table and (known or anything) and (value is None or _may_be_table(value)):
                self._sql_read_name(name, line)
                self._look_through_view(fold(name), line)

    def _alive(self) -> list[str]:
        names = {*self.shared.globals, *self.state.values}
        return sorted(name for name in names if ":" not in name and self._is_alive(name))

    # -- what the session holds beside tables -------------------------------------------------

    def _sql_objects(self, statement: SqlStatement, line: int) -> None:
        for key in self._objects_of(statement):
            changes = key.startswith("sequence/") or (
                key.startswith("database/") and bool(statement.writes)
            )
            self._use_object(key, line, changes=changes)

    def _use_object(self, key: str, line: int, *, changes: bool = False) -> None:
        self._sql_read_name(key, line)
        value = self.peek(key)
        if value is not None and changes:
            self.record.change(value.objs or frozenset({f"in:{key}"}), line, sure=True)
        self._look_into(key, line)

    def _look_into(self, key: str, line: int, *, python: bool = False) -> None:
        """What the text of a view or macro does, it does where it is used."""
        value = self.peek(key)
        if value is None or value.text is None or key in self._looking:
            return
        self._looking.add(key)
        for statement in self.shared.parse_sql(value.text).statements:
            self.sql_outside(statement, line)
            if not (python and value.exact):  # then the fragment tells it
                self._sql_objects(statement, line)
            for use in statement.reads:
                if not (python and value.exact):
                    self._sql_read(use, line)
                else:
                    self._look_through_view(str(use.table), line, python=True)
        self._looking.discard(key)

    def _look_through_view(self, table: str, line: int, *, python: bool = False) -> None:
        key = view_key(table)
        if self._is_alive(key):
            self._look_into(key, line, python=python)

    def _objects_of(self, statement: SqlStatement) -> list[str]:
        """The keys of all objects known here that a statement uses."""
        keys = [key for key in self._alive() if "/" in key and not key.startswith("view/")]
        return [key for key in keys if statement.may_use(SqlObject.of(key))]

    def _macros(self, calls: Iterable[str]) -> Iterator[str]:
        wanted = set(calls)
        for key in self._alive():
            if key.startswith("macro/") and SqlObject.of(key).last in wanted:
                yield key

    def _in_database(self, use: TableUse) -> bool:
        """A table of an attached database is no name of the notebook."""
        heads = {use.table.catalog, use.table.schema} - {""}
        return any(self._is_alive(SqlObject(kind=ObjectKind.DATABASE, name=h).key) for h in heads)

    # -- tables -------------------------------------------------------------------------------

    def _sql_read(self, use: TableUse, line: int) -> None:
        if self._in_database(use):
            return
        self._sql_read_name(table_key(use), line)
        self._look_through_view(str(use.table), line)

    def _sql_read_name(self, name: str, line: int) -> None:
        if not self.state.bound.get(name, False):
            self.record.read(name, line)

    def _sql_writes(self, statement: SqlStatement, first_line: int) -> None:
        read = {table_key(use) for use in statement.reads}
        dropped = {table_key(use) for use in statement.drops}
        created = {table_key(use) for use in statement.creates}
        for use in (*statement.writes, *statement.creates, *statement.drops):
            name, line = table_key(use), first_line + use.line - 1
            if self._in_database(use):
                continue
            made = Value(type="DataFrame", objs=frozenset({f"new:sql:{name}:{line}"}))
            if name in created and name in read:
                with self.branch():
                    self.bind_key(name, made, line)
            elif name in created:
                self.bind_key(name, made, line)
            elif name in dropped:
                self._sql_drop(name, line)
            else:
                self._sql_change(name, line)

    def _sql_drop(self, name: str, line: int) -> None:
        if self.peek(name) is not None:  # `DROP TABLE IF EXISTS` needs none
            self._sql_read_name(name, line)
        self.sql_fragments = tuple(f for f in self.sql_fragments if name not in f.names)
        self.bind_key(name, DELETED, line)

    def _sql_change(self, name: str, line: int) -> None:
        self._sql_read_name(name, line)
        known = self.peek(name)
        objects = NO_OBJECTS if known is None else known.objs
        self.record.change(objects or frozenset({f"in:{name}"}), line, sure=True)

    def _sql_removes(self, statement: SqlStatement, line: int) -> None:
        gone = statement.removes
        if gone is None or gone.kind is ObjectKind.VIEW:
            return
        if self._is_alive(gone.key):
            self._sql_drop(gone.key, line)
        if gone.kind is ObjectKind.SCHEMA:
            inside = re.compile(rf"(\w+/)?{re.escape(gone.name)}\.")
            for name in self._alive():
                if inside.match(fold(name)) and not name.startswith("view/"):
                    self._sql_drop(name, line)

    # -- definitions --------------------------------------------------------------------------

    def _sql_defines(
        self, statement: SqlStatement, made: SqlObject, line: int, *, cell: bool
    ) -> None:
        view = made.kind is ObjectKind.VIEW
        key = table_key(statement.creates[0]) if view else made.key
        stays = self._is_alive(key) and _IF_NOT_EXISTS.match(statement.text) is not None
        if made.kind is ObjectKind.RULES:
            self._sql_rules(statement, line)
            return
        if stays and (not view or key in {table_key(use) for use in statement.reads}):
            return
        earlier = self.peek(key) if self._is_alive(key) else None
        if earlier is not None and earlier.text and _is_temp(earlier.text, statement.text):
            self.one_lane(
                f"one of two definitions of `{made.name}` is temporary and hides the other", line
            )
        replayed = cell and _is_text(statement, made)
        known = Value(
            type="DataFrame" if view else "",
            objs=frozenset({f"new:sql:{key}:{line}"}),
            text=None if view else statement.text,
            exact=replayed,
        )
        self.bind_key(key, known, line)
        why = f"the {made.kind.value} `{made.name}` is known to its own kernel only"
        self.record.made.update(dict.fromkeys(known.objs, why))
        if view:
            self.state.values[view_key(made.name)] = Value(text=statement.text, exact=replayed)
        if replayed:
            self._add_fragment(key, statement, line)

    def _sql_rules(self, statement: SqlStatement, line: int) -> None:
        """Tables are told apart by their rows alone, so one with rules stays in its kernel."""
        for use in statement.writes:
            name = table_key(use)
            known = Value(type="DataFrame", objs=frozenset({f"new:sql:{name}:rules:{line}"}))
            self.bind_key(name, known, line)
            self.record.made.update(dict.fromkeys(known.objs, _RULES))

    def _add_fragment(self, key: str, statement: SqlStatement, line: int) -> None:
        later = [table_key(use) for use in statement.reads if not self._in_database(use)]
        known = [name for name in self.shared.known if "/" in name]  # those to come, too
        later += [n for n in known if statement.may_use(SqlObject.of(n))]
        names = [Name(name) for name in dict.fromkeys(later) if name != key]
        fragment = Fragment(
            names=(Name(key),),
            source=LATER + statement.text,
            line=line,
            late=tuple(Use(name=name, line=line) for name in names),
            module="duckdb",  # which gives it its meaning; no value of Python's can hold it
        )
        self.sql_fragments = (*self.sql_fragments, fragment)


def _is_pure(statement: SqlStatement) -> bool:
    """It makes something of its text alone."""
    made = statement.defines
    reads = statement.reads or statement.files_read or statement.unknown_calls
    if made is None or made.kind not in _PURE or statement.opaque or reads:
        return False
    return _is_text(statement, made)


def _is_text(statement: SqlStatement, made: SqlObject) -> bool:
    """Whether its text makes an object again, exactly as it is, in any session."""
    if statement.opaque is not None or statement.parameters or statement.sequences:
        return False
    if made.kind is ObjectKind.DATABASE:  # a file that is only read
        return bool(statement.files_read) and not statement.files_written
    if made.kind in STATE:
        return False
    worked_out = statement.reads or statement.files_read or statement.volatile
    return not (made.kind in _COMPUTED and (worked_out or statement.variables))


def _is_temp(one: str, other: str) -> bool:
    """Whether one of two definitions is temporary: it then stays in force beside the other."""
    return bool(_TEMPORARY.match(one)) != bool(_TEMPORARY.match(other))


def _may_be_table(value: Value) -> bool:
    return not value.type or value.type in TABLES or value.type == "DataFrame"


def view_key(table: str) -> str:
    """Where a view's text is kept, beside its name among the tables."""
    return _VIEW + table


def fold(name: str) -> str:
    """A name as DuckDB compares it: ASCII letters without case, all others as they are.

    >>> fold("Sales_Ä")
    'sales_Ä'
    """
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


def table_key(use: TableUse) -> str:
    """A table's name as a variable is named: the author's spelling, with its schema if it has one.

    >>> from nbflow.core.sql import TableName
    >>> table_key(TableUse(table=TableName(name="sales"), line=1, written="Sales"))
    'Sales'
    """
    parts = [part.strip('"') for part in re.findall(r'"[^"]*"|[^.]+', use.written)]
    wanted = 1 + bool(use.table.schema) + bool(use.table.catalog)
    return ".".join(parts[-wanted:]) if parts else str(use.table)
