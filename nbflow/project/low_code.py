"""Low code for one notebook: what its gallery can offer, what a form would write, and the first
rows of what that gives."""

import ast
import glob
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nbflow.analysis.facts import CellFacts
from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import UsageError
from nbflow.core.names import NameKind, kind_of
from nbflow.core.recipe import Finding, NamedTable, Scene, Written
from nbflow.core.run import Run
from nbflow.core.step import Parameter
from nbflow.core.table import Column, TablePage
from nbflow.core.task import Blob
from nbflow.notebook.coerce import coerce
from nbflow.project.desk import Desk
from nbflow.project.opened import Opened
from nbflow.recipes.gallery import write
from nbflow.recipes.python import SQL
from nbflow.recipes.reading import is_excel, select_file
from nbflow.store.preview import columns_of_file, preview
from nbflow.store.query import StoredTable

_RUNS: Final = 5
"""So many runs back the tables of a notebook are looked for."""

_LOADS_SQL: Final = re.compile(r"^\s*%(re)?load_ext\s+nbflow\b", re.M)
_MOST_FILES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The cells that a form stands for, and the first rows of what they give, if that is known."""

    written: Written
    preview: TablePage | None = None


class LowCode:
    """The gallery of one notebook as an editor holds it; `desk` is open if anything has run.

    `below` is the cell below which the new ones go: what stands above it is there for them.
    """

    def __init__(self, opened: Opened, desk: Desk | None, below: str | None = None) -> None:
        self._opened, self._desk = opened, desk
        ids = [str(fact.cell) for fact in opened.facts]
        end = ids.index(below) + 1 if below in ids else len(ids)
        self._above = opened.facts[:end]
        self._stored = dict(self._newest_tables())

    def tables(self) -> tuple[NamedTable, ...]:
        """The tables that stand above, in the notebook's order: the results of SQL, and what was a
        table in a run."""
        names = dict.fromkeys(name for fact in self._above for name in self._tables_of(fact))
        return tuple(self._table(name) for name in names)

    def columns(self, *, file: str = "", table: str = "") -> tuple[Column, ...]:
        """The columns of a file beside the notebook, or of a table of the last runs.

        Raises:
            UsageError: the file cannot be read.
        """
        if file:
            return self._columns_of_file(file)
        return self._table(table).columns if table in self._stored else ()

    def draft(self, recipe: str, values: Mapping[str, Any]) -> Draft:
        """What a form would write.

        Raises:
            UsageError: there is no such recipe.
        """
        scene, unread = self._scene(values)
        written = write(recipe, values, scene)
        written = replace(written, findings=(*unread, *written.findings))
        if not written.cells:
            return Draft(written=written)
        try:
            return Draft(written=written, preview=self._preview(recipe, written, values))
        except UsageError as error:
            told = _about_preview(error.message, error.hint)
            return Draft(written=replace(written, findings=(*written.findings, told)))

    # -- what is known

    def _newest_tables(self) -> Iterator[tuple[str, tuple[str, Blob]]]:
        """The stored tables of the last runs, the newest last."""
        if self._desk is None:
            return
        runs = self._desk.ledger.runs(_RUNS, self._opened.notebook.path)
        for run in reversed(runs):
            yield from _tables_in(self._desk.ledger.run(run.id))

    def _tables_of(self, fact: CellFacts) -> Iterator[str]:
        for use in fact.writes:
            if kind_of(use.name) is NameKind.VARIABLE and (fact.sql or use.name in self._stored):
                yield use.name

    def _table(self, name: str) -> NamedTable:
        if name not in self._stored:
            return NamedTable(name=name)
        blob = self._stored[name][1]
        columns = tuple(Column(name=column, type=kind) for column, kind in blob.schema)
        return NamedTable(name=name, columns=columns, rows=blob.rows)

    def _scene(self, values: Mapping[str, Any]) -> tuple[Scene, tuple[Finding, ...]]:
        facts = self._opened.facts
        names = {use.name for fact in facts for use in fact.writes}
        names |= {name for fact in facts for one in fact.fragments for name in one.names}
        loaded = set(_imports(self._above))
        if any(_LOADS_SQL.search(source) for source in self._sources_above()):
            loaded.add(SQL)
        files, unread = self._files(values)
        scene = Scene(
            names=frozenset(name for name in names if kind_of(name) is NameKind.VARIABLE),
            steps=frozenset(step.name for step in self._opened.graph().steps),
            modules=_imports(facts),
            loaded=frozenset(loaded),
            tables={table.name: table.columns for table in self.tables()},
            files=files,
        )
        return scene, unread

    def _sources_above(self) -> Iterator[str]:
        above = {fact.cell for fact in self._above}
        return (cell.source for cell in self._opened.notebook.cells if cell.id in above)

    def _files(
        self, values: Mapping[str, Any]
    ) -> tuple[Mapping[str, tuple[Column, ...]], tuple[Finding, ...]]:
        path = values.get("file")
        if not isinstance(path, str) or not path.strip() or not self._found(path.strip()):
            return {}, ()
        try:
            return {path.strip(): self._columns_of_file(path.strip())}, ()
        except UsageError as error:
            told = Finding(field="file", message=error.message, severity="warning")
            return {}, (told,)

    # -- files

    def _found(self, path: str) -> tuple[Path, ...]:
        """The files that a path or pattern means, beside the notebook; none where it cannot be
        one."""
        place = self._opened.path.parent / path
        with suppress(OSError, ValueError):
            if place.is_file():
                return (place,)
            found = sorted(glob.iglob(str(place)))[:_MOST_FILES] if glob.has_magic(path) else []
            return tuple(Path(one) for one in found if Path(one).is_file())
        return ()

    def _columns_of_file(self, path: str) -> tuple[Column, ...]:
        found = self._found(path)
        if not found:
            raise UsageError(f"there is no file {path} beside the notebook")
        if is_excel(path):
            return _excel(found[0], None).columns
        try:
            query = select_file(str(found[0]))
        except KeyError:
            raise UsageError(f"{path} is no CSV, Parquet or Excel file") from None
        return columns_of_file(query, found[0])

    # -- previews

    def _preview(
        self, recipe: str, written: Written, values: Mapping[str, Any]
    ) -> TablePage | None:
        if written.preview is None:
            return self._excel_preview(values)
        statements = parse_sql(written.preview).statements
        if len(statements) != 1 or not statements[0].returns_rows:
            return None
        statement = statements[0]
        if recipe != "read" and any(glob.has_magic(path) for path in statement.files_read):
            raise UsageError("it would take all the files of a pattern")
        tables = tuple(self._stored_table(use.written) for use in statement.reads)
        sql, files = self._with_whole_paths(written.preview, statement.files_read)
        return preview(
            sql, tables=tables, files=files, values=self._parameters(statement.parameters)
        )

    def _stored_table(self, written: str) -> StoredTable:
        by_fold = {name.casefold(): name for name in self._stored}
        name = by_fold.get(written.strip('"').replace('""', '"').casefold())
        if name is None or self._desk is None:
            raise UsageError(
                f"{written} was not made by a run yet", hint="run the notebook to see a preview"
            )
        step, blob = self._stored[name]
        path = self._desk.blobs.path(blob)
        if not path.exists():
            raise UsageError(f"{written} is not stored any more", hint="run the notebook again")
        return StoredTable(step=step, name=name, path=path)

    def _with_whole_paths(self, sql: str, paths: Iterable[str]) -> tuple[str, tuple[Path, ...]]:
        """The query with the files as this process finds them, and the files that it may read. Of
        a pattern it reads the first file: that has the first rows."""
        allowed: list[Path] = []
        for path in paths:
            found = self._found(path)
            if not found:
                raise UsageError(f"there is no file {path} beside the notebook")
            allowed.append(found[0])
            sql = sql.replace(_quoted(path), _quoted(str(found[0])))
        return sql, tuple(allowed)

    def _parameters(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of `$names`: a preview has those of the notebook's parameters."""
        wanted = tuple(names)
        known = {each.name: each for each in self._opened.parameters if not each.required}
        for name in wanted:
            if name not in known:
                raise UsageError(f"the value of ${name} is only known in a run")
        defaults = _values(tuple(known.values()))
        return {name: defaults[name] for name in wanted}

    def _excel_preview(self, values: Mapping[str, Any]) -> TablePage | None:
        path = values.get("file")
        found = self._found(path.strip()) if isinstance(path, str) else ()
        sheet = values.get("sheet")
        return _excel(found[0], sheet if isinstance(sheet, str) else None) if found else None


def _tables_in(run: Run) -> Iterator[tuple[str, tuple[str, Blob]]]:
    for step in run.steps:
        for blob in step.outputs:
            if blob.kind == "table" and len(blob.names) == 1:
                yield blob.names[0], (step.step, blob)


def _imports(facts: Iterable[CellFacts]) -> dict[str, str]:
    """What is imported, module → its name; `from a import b` brings `a.b`."""
    fragments = (one.source for fact in facts for one in fact.fragments if one.module is not None)
    found: dict[str, str] = {}
    for source in fragments:
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Import(names=names):
                    found |= {each.name: each.asname or each.name for each in names}
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    found |= {f"{module}.{each.name}": each.asname or each.name for each in names}
    return found


def _values(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    return coerce(parameters, {each.name: each.default for each in parameters}, from_text=True)


def _about_preview(message: str, hint: str | None) -> Finding:
    return Finding(field="", message=f"no preview: {message}", severity="info", hint=hint)


def _quoted(path: str) -> str:
    doubled = path.replace("'", "''")
    return f"'{doubled}'"


def _excel(path: Path, sheet: str | None) -> TablePage:
    """The head of a sheet, where this environment can read Excel."""
    import pandas as pd  # only here: nothing else of low code needs it

    try:
        frame = pd.read_excel(path, sheet_name=sheet or 0, nrows=50)
    except (ImportError, ValueError, OSError, KeyError) as error:
        raise UsageError(f"the Excel file cannot be looked at here: {error}") from error
    rows = (tuple(None if pd.isna(cell) else _cell(cell) for cell in row) for row in frame.values)
    columns = tuple(Column(name=str(name), type="") for name in frame.columns)
    return TablePage(name="", columns=columns, rows=tuple(rows), total=len(frame))


def _cell(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else str(value)
