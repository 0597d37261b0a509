"""`%%sql`: one kernel's DuckDB and Python's variables as one namespace.

Every table name has one owner at a time, its *truth*:

- **SQL's**: a table of the session (a result, a CREATE TABLE, an attached input). Python gets a
  DataFrame when it wants one; SQL → SQL never leaves DuckDB, so types stay what they are.
- **Python's**: a DataFrame, polars or Arrow table in the namespace. SQL sees its `natural` Arrow
  table for the length of a statement.

`materialise` gives Python a DataFrame and remembers its digest; `settle` looks, after Python ran,
whether the name was rebound, deleted or changed in place, and then Python owns it. DML and DDL make
SQL the owner. Open notebooks and the lanes of runs use this same class.
"""

import contextlib
import difflib
import keyword
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa

from nbflow.core.errors import NbflowError, NotebookError
from nbflow.core.sql import ObjectKind, SqlStatement, SqlText, TableUse
from nbflow.inside.digest import Undigestible
from nbflow.inside.found_reads import FoundReads, words_of
from nbflow.inside.sql_catalog import Catalog, Entry, fold
from nbflow.inside.sql_later import Later, replacing, stays
from nbflow.inside.sql_values import bindable, is_table_like, not_a_table
from nbflow.inside.tables import content_digest, natural, to_pandas

_MISSING_TABLE: Final = re.compile(r'Table with name "?([^"]+?)"? does not exist')
_NO_QUERY: Final = frozenset({"explain", "insert", "update", "delete", "merge", "call", "pragma"})
_LATE: Final = frozenset(
    {
        "create_view",
        "create_macro",
        "create_function",
        "replace_view",
        "replace_macro",
        "replace_function",
        "prepare",
    }
)
_TEMPORARY: Final = re.compile(r"CREATE\s+(OR\s+REPLACE\s+)?TEMP", re.I)
_IF_NOT_EXISTS: Final = re.compile(r"CREATE\s+(\w+\s+)?TABLE\s+IF\s+NOT\s+EXISTS\b", re.I)
_CREATE: Final = re.compile(r"\ACREATE\b", re.I)
_UNKNOWN_WRITES: Final = frozenset({"execute", "call"})
_MOVES: Final = re.compile(
    r"\A(USE\b|SET\s+((GLOBAL|SESSION|LOCAL)\s+)?(schema|search_path)\b)", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A name whose truth is SQL's.

    `alias` and `path`: the attached file behind it, as long as nothing changed. `python`: Python
    wrote that file, so that the name stands for a variable; `read` gives the exact object.
    """

    name: str
    view: bool = False
    alias: str | None = None
    path: Path | None = None
    python: bool = False
    read: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class _Room:
    """What was changed to make room for a statement's writes, to be undone if it fails.

    `adopted`: folded names that SQL took from Python. `aside`: inputs whose views were dropped.
    `over`: the statement makes anew what it reads.
    """

    adopted: list[str] = field(default_factory=list)
    aside: list[_Held] = field(default_factory=list)
    over: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """What Python was given of an SQL table, and what it was like then."""

    value: Any
    digest: str | None


class SqlSession:
    """One in-memory DuckDB and the namespace that it shares with Python.

    `parse` says what a text reads and writes (`analysis.sql_names.parse_sql`). Nothing is opened
    before SQL is first used.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        *,
        parse: Callable[[str], SqlText],
        threads: int | None = None,
        memory_limit: str | None = None,
        temp_directory: str | None = None,
    ) -> None:
        self._namespace = namespace
        self._parse = parse
        self._catalog = Catalog(
            threads=threads, memory_limit=memory_limit, temp_directory=temp_directory
        )
        self._held: dict[str, _Held] = {}  # by folded name
        self._later = Later()
        self._copies: dict[str, _Copy] = {}  # by Python name
        self._changed: set[str] = set()
        self._late_words: set[str] = set()
        self._cell_words: frozenset[str] = frozenset()
        self._lock = threading.RLock()  # a found read may come from any thread

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of SQL was used yet."""
        return not (self._catalog.opened or self._held or self._later.waiting)

    # -- names

    def names(self) -> tuple[str, ...]:
        """The names whose truth is SQL's, sorted."""
        return tuple(sorted({*(held.name for held in self._held.values()), *self._later.views()}))

    def is_sql(self, name: str) -> bool:
        """Whether SQL is the truth of a name."""
        held = self._held.get(fold(name))
        return (held is not None and held.name == name) or name in self._later.views()

    def tables(self) -> tuple[str, ...]:
        """All names that SQL can read here, Python's tables included, sorted."""
        python = (
            n for n, v in self._namespace.items() if not n.startswith("_") and is_table_like(v)
        )
        return tuple(sorted({*self.names(), *python}))

    def columns(self, name: str) -> tuple[tuple[str, str], ...]:
        """(column, DuckDB type) pairs of a name whose truth is SQL's."""
        return self._catalog.columns(self._known(name).name)

    def take_changes(self) -> frozenset[str]:
        """The names that SQL made, changed or dropped, or Python took over, since last asked."""
        changed, self._changed = frozenset(self._changed), set()
        return changed

    def _known(self, name: str) -> _Held:
        if not self.is_sql(name):
            raise self._unknown(name)
        if name in self._later.views():
            self._make_later(f"{ObjectKind.VIEW.value}/{fold(name)}")
        return self._held[fold(name)]

    # -- definitions of other cells

    def define(self, text: str) -> None:
        """Keep views, macros, types … for when a statement needs them; the last of a name counts.

        Raises:
            NotebookError: a syntax error.
        """
        with self._lock:
            for statement in self._checked(text, None):
                made = self._later.add(statement)
                if made is not None and made.kind is ObjectKind.VIEW:
                    name = statement.creates[0].written
                    self.forget(name)
                    self._namespace.pop(name, None)
                    self._later.add(statement)
                    self._look_up_names()

    def _bring(self, statement: SqlStatement) -> None:
        """Make what a statement may use, if it still waits."""
        for key in self._later.needed_by(statement):
            # What an opaque statement mentions may mean something else.
            doubts = (duckdb.Error, NbflowError) if statement.opaque is not None else ()
            with contextlib.suppress(*doubts):
                self._make_later(key)

    def _make_later(self, key: str) -> None:
        statement = self._later.waiting.pop(key, None)
        if statement is None:  # made on the way, by what needs it too
            return
        try:
            self._run_one(replacing(statement), show=False)
        except BaseException:
            self._later.waiting.setdefault(key, statement)
            raise

    def _overtakes(self, statement: SqlStatement) -> bool:
        """A definition of the cell itself, or a DROP, comes before what waits under its name.

        Returns whether all that the statement asks for is done.
        """
        made, gone = statement.defines, statement.removes
        if made is not None and made.key in self._later.waiting:
            if stays(statement):
                self._make_later(made.key)
            else:
                del self._later.waiting[made.key]
        if gone is None or gone.key not in self._later.waiting:
            return False
        del self._later.waiting[gone.key]
        if gone.kind is ObjectKind.SCHEMA:
            self._later.drop_schema(gone.name)
            self._run_one(replacing(replace(statement, removes=None, defines=gone)), show=False)
            return False
        for use in statement.drops:
            self._lose(use.written)
        return gone.kind is not ObjectKind.DATABASE

    # -- running SQL

    def run(self, text: str, *, name: str | None = None) -> pd.DataFrame | None:
        """Execute all statements; the last one's rows become the table `name`, or are returned.

        Raises:
            NotebookError: a syntax error, an unknown or ambiguous table, a value that cannot be
                bound, or a statement that a shared session cannot allow.
            duckdb.Error: whatever DuckDB itself finds.
            KeyboardInterrupt: it was asked to stop; the session stays usable.
        """
        with self._lock:
            statements = self._checked(text, name)
            self.settle()
            shown: pd.DataFrame | None = None
            for statement in statements[:-1]:
                self._run_one(statement, show=False)
            if statements:
                shown = self._run_one(statements[-1], show=True, bind=name)
            self._serve_cell()
            return shown

    def _checked(self, text: str, name: str | None) -> tuple[SqlStatement, ...]:
        parsed = self._parse(text)
        if parsed.error is not None:
            raise NotebookError(f"SQL, line {parsed.error_line}: {parsed.error}")
        for statement in parsed.statements:
            _refuse(statement)
        if name is not None:
            _check_name(name)
            if not parsed.statements or not parsed.statements[-1].returns_rows:
                raise NotebookError(
                    f"the last statement has no result that could become {name}",
                    hint="end the cell with a query, or remove the name behind %%sql",
                )
            other = self._held.get(fold(name))
            if other is not None and other.name != name:
                raise _case_clash(name, other.name)
        return parsed.statements

    def _run_one(
        self, statement: SqlStatement, *, show: bool, bind: str | None = None
    ) -> pd.DataFrame | None:
        if self._overtakes(statement):
            return None
        self._bring(statement)
        values = self._values(statement)
        tables = self._python_tables(statement)
        room = _Room()
        try:
            self._make_room(statement, room)
            if room.over:
                statement = _replacing(statement)
            hidden = {n: t for n, t in tables.items() if fold(n) not in room.adopted}
            with self._catalog.shown(hidden):
                result, made = self._execute(statement, values, show=show, keep=bind is not None)
        except duckdb.CatalogException as error:
            self._undo(room)
            raise self._named(error) from error
        except BaseException:
            self._undo(room)
            raise
        if bind is not None and made is not None:
            self._catalog.keep(made, bind)
        self._after(statement, bind)
        return result

    def _execute(
        self, statement: SqlStatement, values: dict[str, Any], *, show: bool, keep: bool
    ) -> tuple[pd.DataFrame | None, str | None]:
        """Run one statement to its end: what to show, and the table that was made of it."""
        if not statement.returns_rows:
            self._catalog.execute(statement.text, values)
            return None, None
        if not keep:
            result = self._catalog.query(statement.text, values)
            return (to_pandas(result) if show else None), None
        if statement.kind in _NO_QUERY:
            return None, self._catalog.make_of_result(statement.text, values)
        return None, self._catalog.make(statement.text, values)

    def _values(self, statement: SqlStatement) -> dict[str, Any]:
        """The Python values of the `$names` that a statement mentions, and of no others."""
        return {name: bindable(name, self._value(name)) for name in statement.parameters}

    def _value(self, name: str) -> Any:
        if name in self._namespace:
            return self._namespace[name]
        folded = [n for n in self._namespace if fold(n) == fold(name)]
        if len(folded) == 1:
            return self._namespace[folded[0]]
        near = difflib.get_close_matches(name, list(self._namespace), n=3)
        raise NotebookError(
            f"${name} has no value: there is no Python variable {name}",
            hint=f"did you mean {_listed(near)}?" if near else f"bind it above: {name} = …",
        )

    # -- which name means which table

    def _owner(self, use: TableUse) -> str | None:
        """The name that a mention means: spelled exactly so, else the only one but for case."""
        if use.table.schema or use.table.catalog:
            held = self._held.get(str(use.table))
            return held.name if held else None
        if self.is_sql(use.written) or use.written in self._namespace:
            return use.written
        tables = [name for name in self.tables() if fold(name) == use.table.name]
        if len(tables) > 1:
            raise NotebookError(
                f"{use.written} may mean {_listed(tables)}: SQL ignores case",
                hint="write the name exactly as it was bound",
            )
        return tables[0] if tables else None

    def _python_tables(self, statement: SqlStatement) -> dict[str, pa.Table]:
        """What Python must show to SQL for one statement, by the names written there."""
        shown: dict[str, tuple[str, str]] = {}  # folded → as written, owner
        for use in statement.reads:
            owner = self._owner(use)
            if owner is None or use.table.schema or use.table.catalog:
                continue
            _, before = shown.setdefault(use.table.name, (use.written, owner))
            if before != owner:  # `FROM T JOIN t`: two names in Python, one for DuckDB
                raise _case_clash(before, owner)
            self._check_readable(owner, statement)
        for owner in self._late_reads(statement):
            shown.setdefault(fold(owner), (owner, owner))
        return {
            written: natural(self._namespace[owner])
            for written, owner in shown.values()
            if not self.is_sql(owner) and is_table_like(self._namespace.get(owner))
        }

    def _check_readable(self, owner: str, statement: SqlStatement) -> None:
        # What an opaque statement reads is a guess: DuckDB knows better.
        if self.is_sql(owner) or statement.opaque is not None:
            return
        value = self._namespace.get(owner)
        if not is_table_like(value):
            raise not_a_table(owner, value)

    def _late_reads(self, statement: SqlStatement) -> list[str]:
        """Python's tables that views, macros or text that nobody understood may read."""
        doubtful = statement.opaque is not None or bool(statement.unknown_calls)
        words = {fold(word) for word in words_of(statement.text)} if doubtful else set()
        words |= self._late_words
        words -= {use.table.name for use in statement.writes}  # they get tables of their own
        return [n for n in self.tables() if fold(n) in words and not self.is_sql(n)]

    # -- writing

    def _make_room(self, statement: SqlStatement, room: _Room) -> None:
        """Give SQL real tables of what a statement changes, and room for what it makes."""
        for use in statement.writes:
            self._check_new_name(statement, use)
            owner = self._owner(use)
            anew = use in statement.creates and use not in statement.reads
            if owner is not None and self.is_sql(owner):
                self._make_room_in_sql(self._held[fold(owner)], room, anew=anew)
            elif owner is not None and not anew and is_table_like(self._namespace.get(owner)):
                self._adopt(owner)
                room.adopted.append(fold(owner))
                room.over.append(owner)

    def _make_room_in_sql(self, held: _Held, room: _Room, *, anew: bool) -> None:
        """A variable of Python never stands in the way of a new table, here as elsewhere."""
        if held.python and anew and held.alias is not None:
            self._catalog.drop(held.name)
            room.aside.append(held)
            return
        if held.python:
            room.over.append(held.name)
        self._own(held)

    def _own(self, held: _Held) -> None:
        """An attached input is only looked at; to change it takes a table of our own."""
        if held.alias is not None:
            self._catalog.own(held.name, held.alias)
            self._catalog.detach(held.alias)
            self._held[fold(held.name)] = replace(held, alias=None, path=None)

    def _adopt(self, name: str) -> None:
        other = self._catalog.find(name)
        if other is not None:
            raise _case_clash(name, other.name)
        self._catalog.keep(self._catalog.make_of_arrow(natural(self._namespace[name])), name)

    def _undo(self, room: _Room) -> None:
        for name in room.adopted:
            self._catalog.drop(name)
        for held in room.aside:
            assert held.alias is not None
            self._catalog.show(held.name, held.alias)

    def _check_new_name(self, statement: SqlStatement, use: TableUse) -> None:
        """One name, one table: DuckDB allows a temporary one beside it, a namespace does not."""
        if use not in statement.creates:
            return
        held = self._held.get(str(use.table))
        if held is None:
            return
        if held.name != use.written:
            raise _case_clash(use.written, held.name)
        entry = self._catalog.find(held.name)
        temporary = bool(_TEMPORARY.match(statement.text))
        if entry is not None and entry.temporary != temporary:
            raise NotebookError(
                f"there is already a table {held.name}, and one of the two is temporary",
                hint=f"write DROP TABLE {held.name} first, or choose another name",
            )

    def _after(self, statement: SqlStatement, bind: str | None) -> None:
        """Note who owns what now."""
        if statement.kind in _LATE:
            self._late_words |= {fold(word) for word in words_of(statement.text)}
        if bind is not None:
            self._take(bind, view=False)
        doubtful = statement.opaque is not None or statement.removes is not None
        if not statement.writes and not doubtful:
            return
        entries = {fold(entry.full): entry for entry in self._catalog.entries()}
        for use in statement.writes:
            if use.table.catalog:
                continue
            owner = self._owner(use)
            name = use.written if use in statement.creates or owner is None else owner
            entry = entries.get(str(use.table))
            if entry is None:
                self._lose(name)
            else:
                self._take(name, view=entry.view)
        if doubtful:
            self._look_again(statement, entries)

    def _take(self, name: str, *, view: bool) -> None:
        """SQL is the truth of a name from now on."""
        before = self._held.get(fold(name))
        if before is not None and before.alias is not None:
            self._catalog.detach(before.alias)
        self._hold(_Held(name=name, view=view))
        self._copies.pop(name, None)
        self._namespace.pop(name, None)
        self._changed.add(name)

    def _hold(self, held: _Held) -> None:
        """Remember an SQL table; from the first one on, names are looked up with SQL's help."""
        self._held[fold(held.name)] = held
        self._look_up_names().pop(held.name, None)

    def _look_up_names(self) -> FoundReads:
        found = self._namespace.get("__builtins__")
        if not isinstance(found, FoundReads):
            self._namespace["__builtins__"] = found = FoundReads(self._find)
        return found

    def _lose(self, name: str) -> None:
        """A name was dropped."""
        self.forget(name)
        self._namespace.pop(name, None)
        self._changed.add(name)

    def _look_again(self, statement: SqlStatement, entries: dict[str, Entry]) -> None:
        """After a statement that is not understood: compare with what there was."""
        for folded in [f for f in self._held if f not in entries]:
            self._lose(self._held[folded].name)
        for folded, entry in entries.items():
            if folded not in self._held:
                self._take(entry.full, view=entry.view)
        if statement.kind in _UNKNOWN_WRITES:
            self._changed.update(self.names())
        for name in list(self._copies):
            self._refresh(name)

    def _refresh(self, name: str) -> None:
        """Keep a copy that still tells the truth, else let it be fetched again."""
        copy = self._copies[name]
        if _digest(self.fetch(name)) != copy.digest:
            self._copies.pop(name)
            self._namespace.pop(name, None)
            self._changed.add(name)

    # -- Python's side

    def fetch(self, name: str) -> Any:
        """An SQL table as Python sees it: a DataFrame (or what Python once stored, exactly).

        Raises:
            NotebookError: SQL is not the truth of the name.
        """
        held = self._known(name)
        if held.read is not None:
            return held.read()
        with self._catalog.shown(self._late_tables() if held.view else {}):
            return to_pandas(self._catalog.fetch(held.name))

    def _late_tables(self) -> dict[str, pa.Table]:
        names = [n for n in self.tables() if fold(n) in self._late_words and not self.is_sql(n)]
        return {name: natural(self._namespace[name]) for name in names}

    def materialise(self, names: Iterable[str]) -> None:
        """Put DataFrames of SQL's names into the namespace, where they are not there already."""
        with self._lock:
            for name in names:
                if self.is_sql(name) and name not in self._copies and "." not in name:
                    value = self.fetch(name)
                    self._namespace[name] = value
                    self._copies[name] = _Copy(value=value, digest=_digest(value))

    def settle(self, names: Iterable[str] | None = None) -> None:
        """After Python ran: what it rebound, deleted or changed in place is Python's now."""
        with self._lock:
            for name in self.names() if names is None else tuple(names):
                if self.is_sql(name):
                    self._settle_one(name)

    def _settle_one(self, name: str) -> None:
        copy = self._copies.get(name)
        if copy is None:
            if name in self._namespace:  # bound without having been read
                self._hand_over(name)
        elif self._namespace.get(name) is not copy.value or _digest(copy.value) != copy.digest:
            self._hand_over(name)
        elif self._held[fold(name)].view:  # a view may show something else next time
            del self._copies[name], self._namespace[name]

    def _hand_over(self, name: str) -> None:
        self.forget(name)
        self._changed.add(name)

    def forget(self, name: str) -> None:
        """Drop SQL's table of a name; Python's value, if there is one, stays."""
        held = self._held.pop(fold(name), None) if self.is_sql(name) else None
        self._copies.pop(name, None)
        if name in self._later.views():
            del self._later.waiting[f"{ObjectKind.VIEW.value}/{fold(name)}"]
        if held is None:
            return
        self._catalog.drop(held.name)
        if held.alias is not None:
            self._catalog.detach(held.alias)

    def expect(self, words: Iterable[str]) -> None:
        """Tell which words the coming cell holds, so that `%sql` lines in it can serve it."""
        self._cell_words = frozenset(words)
        found = self._namespace.get("__builtins__")
        if isinstance(found, FoundReads):
            found.refresh(self.names())

    def _serve_cell(self) -> None:
        """Python code of the same cell, below a `%sql` line, reads what the line made."""
        self.materialise(name for name in self.names() if name in self._cell_words)

    def _find(self, name: str) -> Any:
        if not self.is_sql(name):
            raise LookupError(name)
        self.materialise([name])
        return self._namespace[name]

    # -- hand-off

    def attach(self, name: str, path: Path, *, read: Callable[[], Any] | None = None) -> None:
        """Show an input's table file under a name, without copying it.

        `read` gives the exact object if Python wants it after all: SQL cannot tell all of what
        Python wrote.

        Raises:
            StoreError: the file cannot be opened.
        """
        with self._lock:
            self.forget(name)
            self._namespace.pop(name, None)
            alias = self._catalog.attach(name, Path(path))
            python = self._catalog.is_templated(alias)
            if read is None and python:
                read = partial(_for_sql_only, name)
            self._hold(_Held(name=name, alias=alias, path=Path(path), python=python, read=read))
            if self._catalog.has_rules(alias):  # they show in DESCRIBE, and count in changes
                self._own(self._held[fold(name)])

    def export(self, name: str, path: Path) -> None:
        """Write an SQL table into a new table file; an unchanged input is copied as it is.

        Raises:
            NotebookError: SQL is not the truth of the name, or a copy would lose the table's rules.
            StoreError: the file cannot be written.
        """
        with self._lock:
            held = self._known(name)
            if held.alias is not None and held.path is not None:
                shutil.copyfile(held.path, path)
                return
            with self._catalog.shown(self._late_tables() if held.view else {}):
                self._catalog.export(held.name, Path(path))

    def close(self) -> None:
        """Let go of the database."""
        self._catalog.close()
        self._held.clear()
        self._copies.clear()

    # -- errors

    def _unknown(self, name: str) -> NotebookError:
        tables = self.tables()
        folded = {fold(table): table for table in tables}
        near = [folded[f] for f in difflib.get_close_matches(fold(name), list(folded), n=3)]
        if near:
            hint = f"did you mean {_listed(near)}?"
        else:
            hint = (
                f"the tables here are {_listed(tables[:12])}"
                if tables
                else "there are no tables yet"
            )
        return NotebookError(f"there is no table {name}", hint=hint)

    def _named(self, error: duckdb.CatalogException) -> Exception:
        missing = _MISSING_TABLE.search(str(error))
        return self._unknown(missing.group(1)) if missing else error


def _replacing(statement: SqlStatement) -> SqlStatement:
    """`CREATE TABLE df AS … FROM df`: what Python had under the name makes room for the result."""
    if statement.kind != "create_table" or _IF_NOT_EXISTS.match(statement.text):
        return statement
    if _TEMPORARY.match(statement.text):
        raise NotebookError(
            "a temporary table cannot replace a variable that it reads",
            hint="remove TEMP, or choose another name",
        )
    return replace(statement, text=_CREATE.sub("CREATE OR REPLACE", statement.text))


def _refuse(statement: SqlStatement) -> None:
    """Statements that would change what names mean for everybody else."""
    at = f"SQL, line {statement.line}: "
    if statement.kind == "template":
        raise NotebookError(f"{at}{statement.opaque}")
    if any(name.isdigit() for name in statement.parameters) or (
        statement.opaque is not None and statement.opaque.startswith("parameters need names")
    ):
        raise NotebookError(f"{at}{statement.opaque}")
    if statement.opaque is not None and statement.opaque.startswith("transactions"):
        raise NotebookError(
            f"{at}{statement.opaque}", hint="every statement is a transaction of its own"
        )
    if _MOVES.match(statement.text):
        raise NotebookError(
            f"{at}changing the schema would change what table names mean in all cells",
            hint="write schema.table",
        )


def _for_sql_only(name: str) -> Any:
    """In place of a reader, where a file holds more than SQL can tell and none was given."""
    raise NotebookError(
        f"Python needs {name}, which was handed on for SQL only",
        hint=f"mention {name} in the cell that needs it",
    )


def _check_name(name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise NotebookError(f"{name!r} cannot be the name of a variable, hence not of a result")


def _case_clash(one: str, other: str) -> NotebookError:
    return NotebookError(
        f"{one} and {other} differ only in case, which SQL ignores", hint="rename one of them"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _digest(value: Any) -> str | None:
    try:
        return content_digest(value)
    except (Undigestible, NbflowError):
        return None
