"""From a notebook to the facts of each cell: the door to the reading of Python code.

One pass down the notebook, in the order of Run All, so that what is known of a name (its type, its
text, the function that it stands for) is known where it is used. A second look at the functions is
taken at the end, when all that they call is known.
"""

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Final

from nbflow.analysis.aliases import kept_elsewhere, objects_of
from nbflow.analysis.calls import ANY_PATH, FOREIGN, unknown_arguments
from nbflow.analysis.expressions import Home, Mark, Shared
from nbflow.analysis.facts import CellFacts, Certainty, Effect, Fragment, Use
from nbflow.analysis.foreign_sql import ASSIGNED
from nbflow.analysis.fragments import (
    Fragments,
    Part,
    changed_attributes,
    finish,
    late_writes_of,
    written_globals,
)
from nbflow.analysis.ipython import CellCode, read_code
from nbflow.analysis.magics import Magics
from nbflow.analysis.modules import FindSource, Modules, environment_in, imported_by, keep_values
from nbflow.analysis.nodes import children, of_kind, walk
from nbflow.analysis.recursion import Calls
from nbflow.analysis.scopes import bindings, declared_global, free_names, late_names, stored_roots
from nbflow.analysis.sql_cells import table_key
from nbflow.analysis.state import Record
from nbflow.analysis.statements import DELETED
from nbflow.analysis.values import (
    FIGURE,
    NO_OBJECTS,
    SETTINGS,
    TABLES,
    Function,
    Objects,
    OpenFile,
    Value,
    carried,
    incoming,
)
from nbflow.core.names import ANY_FILE, Name, file_name
from nbflow.core.notebook import Cell, CellKind, Notebook
from nbflow.core.sql import SqlText

ParseSql = Callable[[str], SqlText]

_WORD: Final = re.compile(r"[^\W\d]\w*")
_PARAMETER_TAGS: Final = frozenset({"parameters", "injected-parameters"})
_UNSAID: Final = frozenset({"", "deleted", "instance", "class", "object"})
_FUEL: Final = 40_000
"""How many pieces of code are read for one cell before calls are judged bluntly."""

_TANK: Final = 1_000_000
"""The same for a whole notebook: a few seconds."""


def read_cells(
    notebook: Notebook,
    *,
    parse_sql: ParseSql | None = None,
    find_source: FindSource | None = None,
) -> tuple[CellFacts, ...]:
    """The facts of every code cell, in notebook order. No cell is executed, nothing is raised.

    `parse_sql` reads SQL text; the default is nbflow's own. `find_source` finds modules beside the
    notebook; without it any module that is not a known library may be one of them.
    """
    read = partial(Pass, notebook, parse_sql or default_parse_sql, find_source)
    first = read()
    facts = first.facts()
    return read(cells_are_shared=True).facts() if first.shared.cell_changes else facts


def default_parse_sql(text: str) -> SqlText:
    """nbflow's own reading of SQL text."""
    from nbflow.analysis.sql_names import parse_sql

    return parse_sql(text)


@dataclass(slots=True)
class ReadCell:
    """One cell after it was read: what is needed to finish its facts at the end."""

    cell: Cell
    code: CellCode
    reader: Magics
    parts: tuple[Part, ...]
    facts: CellFacts


class Pass:
    """One pass over a notebook. `marks` are what was known before each cell, and at the end, if
    somebody asks for them: a pass over a later text may go on from there (see `editing.py`).
    """

    def __init__(
        self,
        notebook: Notebook,
        parse_sql: ParseSql,
        find_source: FindSource | None,
        *,
        cells_are_shared: bool = False,
        marking: bool = False,
    ) -> None:
        self.marking = marking
        self.cells = [cell for cell in notebook.cells if cell.kind is CellKind.CODE]
        self.shared = Shared(parse_sql=parse_sql, cells_are_shared=cells_are_shared)
        self.modules: Modules | None = None
        if find_source is not None:
            self.modules = Modules(self.shared, find_source, _read_module)
            self.shared.modules = self.modules
        self.shared.paths_change = any("sys.path" in cell.source for cell in self.cells)
        self.shared.writes_modules = any(_may_write_module(cell.source) for cell in self.cells)
        self.tank = _TANK
        self.marks: list[Mark] = []
        self.read: list[ReadCell] = []
        self.done: tuple[CellFacts, ...] = ()
        self.codes = [read_code(cell.source) for cell in self.cells]
        self.table_uses: dict[str, list[int]] = {}
        self.bound_in: dict[str, list[int]] = {}
        for place, code in enumerate(self.codes):
            self._survey(code, place)
        self.tables = self._tables()

    def facts(self) -> tuple[CellFacts, ...]:
        """Read all cells that were not read yet."""
        while len(self.read) < len(self.cells):
            self.next_cell()
        return self.finish()

    def next_cell(self) -> None:
        """Read the next cell."""
        place = len(self.read)
        self._set_mark()
        self.shared.used_as_tables = self.tables[place]
        self.read.append(self._cell(self.cells[place], self.codes[place]))

    def mark(self) -> Mark:
        """What is known now."""
        return self.shared.mark(self.tank)

    def _set_mark(self) -> None:
        if self.marking:
            self.marks.append(self.mark())

    def finish(self) -> tuple[CellFacts, ...]:
        """The facts of all cells, now that all are read."""
        self._set_mark()
        last = Magics(self.shared, self.shared.globals.get)
        self.done = tuple(self._finished(one, last) for one in self.read)
        return self.done

    # -- going on from an earlier text --------------------------------------------------------

    def resume(self, earlier: "Pass", count: int) -> None:
        """Take the first cells as they were read in an earlier pass."""
        self.read = earlier.read[:count]
        self.marks = earlier.marks[:count]
        self.shared.go_on_from(earlier.marks[count])
        self.tank = earlier.marks[count].fuel - self.shared.fuel

    def take_rest(self, earlier: "Pass", names: Collection[str]) -> None:
        """Take the remaining cells as they were read, after a beginning that left other values
        only under names of which they do not speak."""
        taken, here = len(self.read), self.mark()
        self.read += earlier.read[taken:]
        self.marks += [mark.with_names_of(here, names) for mark in earlier.marks[taken:]]
        self.shared.go_on_from(self.marks[-1])
        last = Magics(self.shared, self.shared.globals.get)
        self.done = tuple(
            done if new is old else self._finished(new, last)
            for new, old, done in zip(self.read, earlier.read, earlier.done, strict=True)
        )

    def differing_names(self, other: "Pass") -> set[str] | None:
        """Names of which the two texts as a whole say something else; None: much may differ."""
        mine, others = self.shared, other.shared
        if (
            mine.renames_index != others.renames_index
            or mine.paths_change != others.paths_change
            or mine.writes_modules != others.writes_modules
        ):
            return None
        counted = mine.known.keys() | others.known.keys()
        return (
            {name for name in counted if mine.known.get(name) != others.known.get(name)}
            | (mine.used ^ others.used)
            | (mine.methods ^ others.methods)
            | (mine.changed_attributes ^ others.changed_attributes)
        )

    def finds_no_modules_as(self, earlier: "Pass") -> bool:
        """Whether no module beside the notebook was read then, nor would be now."""
        if self.modules is None or earlier.modules is None:
            return self.modules is earlier.modules
        return not earlier.modules.has_read and self.modules.misses_as(earlier.modules)

    def has_fuel_for(self, fuel: int) -> bool:
        """Whether so much more can be read before calls are judged more bluntly."""
        return self.tank + self.shared.fuel - fuel >= _FUEL

    # -- before -------------------------------------------------------------------------------

    def _survey(self, code: CellCode, place: int) -> None:
        """Count what binds each name anywhere in the notebook."""
        names: list[str] = []
        while code.magic is not None and code.magic.name in ("time", "timeit", "capture", "prun"):
            code = read_code(code.magic.body)
        if code.tree is not None:
            survey = _surveyed(code.source)
            names += survey.names
            self.shared.changed_attributes |= survey.changed_attributes
            self.shared.renames_index |= survey.renames_index
            self.shared.methods |= survey.methods
            self.shared.used |= survey.used
            for name in survey.used_as_tables:
                self.table_uses.setdefault(name, []).append(place)
        elif code.magic is not None:
            self.shared.used |= {*_WORD.findall(f"{code.magic.line} {code.magic.body}")}
            names += [word for word in code.magic.line.split() if word.isidentifier()]
            if code.magic.name == "sql":
                names += self._sql_names(code.magic.body)
                found = (ASSIGNED.match(text) for text in (code.magic.line, code.magic.body))
                names += [one[1] for one in found if one is not None]
        for name in names:
            self.shared.known[name] = self.shared.known.get(name, 0) + 1
            self.bound_in.setdefault(name, []).append(place)

    def _tables(self) -> list[set[str]]:
        """For each cell: the names it binds that are used as tables until another binds them."""
        found: list[set[str]] = [set() for _ in self.cells]
        for name, uses in self.table_uses.items():
            bound = self.bound_in.get(name, [])
            for place, end in pairwise((*bound, len(self.cells))):
                # A cell that binds the name twice tells nothing of either.
                if bound.count(place) == 1 and any(place <= cell < end for cell in uses):
                    found[place].add(name)
        return found

    def _sql_names(self, text: str) -> list[str]:
        statements = self.shared.parse_sql(text).statements
        tables = [table_key(use) for one in statements for use in (*one.writes, *one.creates)]
        return tables + [one.defines.key for one in statements if one.defines is not None]

    # -- one cell -----------------------------------------------------------------------------

    def _cell(self, cell: Cell, code: CellCode) -> ReadCell:
        if code.tree is not None and len(code.tree.body) == 1:
            code = read_code(cell.source, self.shared.globals)
        self._refuel()
        reader = Magics(self.shared, self.shared.globals.get)
        try:
            return self._read(cell, code, reader)
        except RecursionError:
            return self._too_deep(cell, code)

    def _too_deep(self, cell: Cell, code: CellCode) -> ReadCell:
        """Nested more deeply than this reader can follow; Run All's order is right in any case."""
        self.shared.nested.clear()
        self.shared.calls = Calls()
        reader = Magics(self.shared, self.shared.globals.get)
        for name in bindings(code.tree.body) if code.tree is not None else ():
            reader.bind_key(name, Value(objs=frozenset({incoming(name)})), 1)
        reader.one_lane("it is nested too deeply to be followed", 1)
        reader.record.opaque["it is nested too deeply to be followed"] = 1
        facts = _Facts(cell, code, reader, (), self.shared).build()
        self._remember(cell, reader, ())
        return ReadCell(cell, code, reader, (), facts)

    def _read(self, cell: Cell, code: CellCode, reader: Magics) -> ReadCell:
        parts: tuple[Part, ...] = ()
        if code.magic is not None:
            reader.cell_magic(code.magic, 1)
        elif code.tree is not None:
            shown = bool(code.tree.body) and not code.source.rstrip().endswith(";")
            reader.last_shown = code.tree.body[-1] if shown else None
            reader.run(code.tree.body)
            constants = not _PARAMETER_TAGS.intersection(cell.tags)
            parts = Fragments(reader, code.source, constants=constants).parts(code.tree.body)
        facts = _Facts(cell, code, reader, parts, self.shared).build()
        if "skip" not in cell.tags:
            self._remember(cell, reader, parts)
            self._doubt_elements(facts)
        return ReadCell(cell, code, reader, parts, facts)

    def _remember(self, cell: Cell, reader: Magics, parts: tuple[Part, ...]) -> None:
        """What the cells below will find."""
        self.shared.written_files |= reader.record.files_written.keys()
        self.shared.behind = self._behind(reader)
        given = bool(_PARAMETER_TAGS.intersection(cell.tags))
        for name, value in reader.state.values.items():
            if not reader.is_global(name):
                continue
            reach = reader.record.reach(value.objs)
            if any(FOREIGN in obj or obj[3:] in self.shared.foreign for obj in reach):
                self.shared.foreign.add(name)
            defaults = {obj.split(":")[1] for obj in reach if obj.startswith("default:")}
            defaults.update(*(self.shared.defaults.get(obj[3:], ()) for obj in reach))
            self.shared.defaults[name] = frozenset(defaults)
            if any(obj == FIGURE or obj[3:] in self.shared.plots for obj in reach):
                self.shared.plots.add(name)
            if value is DELETED:
                self.shared.globals.pop(name, None)
            else:
                self.shared.globals[name] = carried(_as_parameter(value) if given else value, name)
        for part in parts:
            for fragment in part.fragments:
                if isinstance(part.statement, ast.Assign | ast.AnnAssign):
                    self.shared.constants.update(str(name) for name in fragment.names)

    def _behind(self, reader: Magics) -> dict[str, frozenset[OpenFile]]:
        """Files that are used whenever a global's value is used, when the cell has ended."""
        above, record = self.shared.behind, reader.record
        if not above and not record.behind:
            return above
        ends = {name: value.objs for name, value in reader.state.values.items()}
        kept = {obj[3:]: frozenset({obj}) for obj in record.holds if obj.startswith("in:")}
        kept |= {name: frozenset({incoming(name)}) for name in above}
        found: dict[str, frozenset[OpenFile]] = {}
        for name, objects in (kept | ends).items():
            reach = record.reach(objects)
            files = [record.behind.get(obj, frozenset()) for obj in reach]
            files += [above.get(obj[3:], frozenset()) for obj in reach if obj.startswith("in:")]
            if any(files) and reader.is_global(name):
                found[name] = frozenset[OpenFile]().union(*files)
        return found

    def _doubt_elements(self, facts: CellFacts) -> None:
        """What is in a container of two names is not known by one of them alone."""
        for name in frozenset[Name]().union(*facts.aliases):
            value = self.shared.globals.get(name)
            if value is None or value.elem is None or value.elem.type in TABLES:
                continue
            # Functions stay known, but the element may be something else as well.
            known = value.elem._replace(type="") if value.elem.callables else None
            self.shared.globals[name] = value._replace(elem=known)

    # -- after --------------------------------------------------------------------------------

    def _finished(self, read: ReadCell, last: Magics) -> CellFacts:
        facts = read.facts
        fragments = tuple(self._finish(one, read, last) for one in facts.fragments)
        late_writes = self._late_writes(read, last)
        if fragments == facts.fragments and not late_writes:
            return facts
        return replace(facts, fragments=fragments, late_writes=late_writes)

    def _finish(self, fragment: Fragment, read: ReadCell, last: Magics) -> Fragment:
        if fragment.module is not None or len(fragment.names) != 1:
            return fragment
        self._refuel()
        return finish(fragment, read.reader.state.values.get(fragment.names[0]), last)

    def _refuel(self) -> None:
        """Give the next piece its share of what may be read in all."""
        self.tank += self.shared.fuel
        self.shared.fuel = min(_FUEL, max(self.tank, 0))
        self.tank -= self.shared.fuel

    def _late_writes(self, read: ReadCell, last: Magics) -> tuple[Use, ...]:
        writes: dict[str, bool] = {}
        lines: list[int] = []
        for function in _kept_functions(read.reader, read.parts):
            lines.append(function.node.lineno)
            if function.frame is not None:
                writes.update(dict.fromkeys(stored_roots(function.node), False))
                continue
            self._refuel()
            summary = last.summarise(function, unknown_arguments(function))
            for name, sure in written_globals(summary).items():
                writes[name] = writes.get(name, False) or sure
        return late_writes_of(writes, min(lines, default=1), last)


def _may_write_module(source: str) -> bool:
    return "%%writefile" in source or (".py" in source and "write" in source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """What can be said of a cell's Python code without its surroundings."""

    names: tuple[str, ...]
    changed_attributes: frozenset[str]
    renames_index: bool
    used_as_tables: frozenset[str]
    methods: frozenset[str]
    used: frozenset[str]


@lru_cache(maxsize=4096)
def _surveyed(source: str) -> _Survey:
    tree = read_code(source).tree
    assert tree is not None
    return _Survey(
        names=(*bindings(tree.body), *_declared_globals(tree)),
        changed_attributes=frozenset(changed_attributes(tree)),
        renames_index=_renames_index(tree),
        used_as_tables=frozenset(_used_as_tables(tree)),
        methods=frozenset(_methods(tree)),
        used=frozenset(_used(tree)),
    )


def _read_module(home: Home, tree: ast.Module) -> Record:
    """Read the code that importing a module runs."""
    home.shared.fuel = _FUEL
    home.reaches_back = _reaches_back(tree)
    reader = Magics(home.shared, home.shared.globals.get)
    try:
        reader.run(tree.body)
    except RecursionError:
        return Record()
    inner = [
        one for name in imported_by(home.name, tree) if (one := home.shared.local_module(name))
    ]
    home.environment = environment_in(tree).union(*(one.environment for one in inner))
    read = reader.record.files_read.items()
    told = frozenset(path for path, (_, sure) in read if sure or path != ANY_PATH)
    home.files = told.union(*(one.files for one in inner))
    found = {n: v for n, v in reader.state.values.items() if reader.is_global(n)}
    keep_values(home, {name: value for name, value in found.items() if value is not DELETED})
    return reader.record


def _reaches_back(tree: ast.Module) -> bool:
    """`sys.modules["__main__"]`, `import __main__`: the notebook's names from elsewhere."""
    for node in walk(tree):
        match node:
            case ast.Import(names=names) if any(alias.name == "__main__" for alias in names):
                return True
            case (
                ast.ImportFrom(module="__main__")
                | ast.Subscript(slice=ast.Constant(value="__main__"))
            ):
                return True
    return False


class _Facts:
    """Turns what a reader found in a cell into the cell's facts."""

    def __init__(
        self, cell: Cell, code: CellCode, reader: Magics, parts: tuple[Part, ...], shared: Shared
    ) -> None:
        self.cell = cell
        self.code = code
        self.reader = reader
        self.record = reader.record
        self.parts = parts
        self.shared = shared
        self.bound = {
            name: sure
            for name, sure in reader.state.bound.items()
            if not name.startswith("@") and not self._same_as_before(name)
        }
        self.reached = self._reached()
        self.changed = self._changed()
        self._touch_files()

    def build(self) -> CellFacts:
        """The facts."""
        record = self.record
        fragments = tuple(f for part in self.parts for f in part.fragments)
        if self.code.magic is not None:
            fragments = self.reader.sql_fragments
        sql = self.code.magic is not None and self.code.magic.name == "sql"
        sql = sql and not self.reader.foreign_sql
        writes = self._writes()
        return CellFacts(
            cell=self.cell.id,
            index=self.cell.index,
            language="sql" if sql else "python",
            reads=self._reads(),
            writes=writes,
            binds=self._binds(),
            bound=frozenset(Name(name) for name in self.bound),
            changed=frozenset(Name(name) for name in self.changed),
            own=self._own_changes(),
            fresh=self._fresh(),
            passes=frozenset(Name(name) for name in self._passes()),
            reach={Name(name): objects for name, objects in self.reached.items()},
            late=self._late(),
            late_own=self._late_own(),
            fragments=fragments,
            is_definition=self._is_definition(),
            calls=_uses((n, line, True) for n, line in record.calls.items()),
            effects=frozenset(record.effects),
            acts=tuple((effect, what, line) for effect, (what, line) in record.acts.items()),
            affinity=self._affinity(),
            one_lane=tuple((line, why) for why, line in self._one_lane().items()),
            shown_call=self.record.shown_call,
            opaque=tuple((line, why) for why, line in record.opaque.items()),
            sql=sql,
            environment_reads=tuple(record.environment),
            syntax_error=self.code.error or self.reader.sql_error,
            displays=self._displays(),
            value_types=self._types(writes),
            settings=self._settings(),
        )

    def _same_as_before(self, name: str) -> bool:
        """A module that was imported once more, on some path."""
        before, now = self.shared.globals.get(name), self.reader.state.values.get(name)
        if before is None or now is None or self.reader.state.bound[name]:
            return False
        return before.type == now.type == "module" and before.ref == now.ref

    def _replaces_definition(self, name: str) -> bool:
        """A function's, class's or module's name gets another meaning on some path only.

        No replay could know which meaning holds, so this is no doubtful write but a sure one."""
        before = self.shared.globals.get(name)
        return before is not None and (bool(before.callables) or before.ref is not None)

    # -- objects ------------------------------------------------------------------------------

    def _reached(self) -> dict[str, Objects]:
        """What each name that matters can reach when the cell has ended."""
        reach = self.record.reach
        values = self.reader.state.values
        found = {
            name: reach(objects_of(values[name]))
            for name in self.bound
            if name in values and values[name] is not DELETED
        }
        holders = {obj[3:] for obj in self.record.holds if obj.startswith("in:")}
        for name in holders:
            # What the name was before counts even if it is bound anew: others may still have it.
            found[name] = found.get(name, NO_OBJECTS) | reach(frozenset({incoming(name)}))
        return found

    def _changed(self) -> dict[str, tuple[int, bool]]:
        """Names whose value was changed, not bound anew: → line, visibly."""
        found: dict[str, tuple[int, bool]] = {}
        for obj, change in self.record.changed.items():
            names = [obj[3:]] if obj.startswith("in:") else []
            names += [
                n for n, reach in self.reached.items() if obj in reach and n not in self.bound
            ]
            for name in names:
                line, sure = found.get(name, (change.line, False))
                direct = obj == incoming(name) and change.sure
                found[name] = (min(line, change.line), sure or direct)
        # Sets have no order of their own; the text has one.
        return dict(sorted(found.items(), key=lambda one: (one[1][0], one[0])))

    def _touch_files(self) -> None:
        """Who uses what was opened above (a file, a connection, a memory map) uses the file."""
        record, above = self.record, self.shared.behind
        for name, (line, _) in record.reads.items():
            for file in above.get(name, ()):
                record.read_file(file.path, line, sure=False)
        for obj, change in record.changed.items():
            for file in above.get(obj[3:], ()) if obj.startswith("in:") else ():
                record.read_file(file.path, change.line, sure=change.sure)
                if file.writes:
                    record.write_file(file.path, change.line, sure=change.sure)
                    record.effects.add(Effect.WRITES_FILES)

    def _own_changes(self) -> frozenset[Name]:
        """Names of which only they themselves were changed, and not by another name."""
        by_others = {
            name
            for obj, change in self.record.changed.items()
            for name in self.changed
            if not (change.own and obj == incoming(name)) and self._concerns(name, obj)
        }
        return frozenset(Name(name) for name in self.changed.keys() - by_others)

    def _concerns(self, name: str, obj: str) -> bool:
        return obj == incoming(name) or obj in self.reached.get(name, NO_OBJECTS)

    def _fresh(self) -> dict[Name, Objects]:
        """The objects that names surely are now, where these were made here."""
        values = self.reader.state.values
        made = {name: values[name] for name in self._binds() if name in values}
        return {
            name: value.objs
            for name, value in made.items()
            if value.objs and not value.weak and all(obj.startswith("new:") for obj in value.objs)
        }

    # -- reads and writes ---------------------------------------------------------------------

    def _reads(self) -> tuple[Use, ...]:
        record, known = self.record, self.shared.globals
        found = [
            (name, line, sure)
            for name, (line, sure) in record.reads.items()
            if sure or name in known or name.startswith("@")
        ]
        seen = {name for name, _, _ in found}
        for name in self._passes():
            found.append((name, record.writes.get(name, 1), False))
            seen.add(name)
        found += [(n, line, sure) for n, (line, sure) in self.changed.items() if n not in seen]
        files = ((path, line, sure) for path, (line, sure) in record.files_read.items())
        return _uses(found) + _file_uses(files)

    def _passes(self) -> list[str]:
        """Names that some path leaves as they were, and that the cell does not look at."""
        return [
            name
            for name, sure in self.bound.items()
            if not sure and name in self.shared.globals and name not in self.record.reads
        ]

    def _writes(self) -> tuple[Use, ...]:
        record = self.record
        found = [
            (name, record.writes.get(name, 1), sure or self._replaces_definition(name))
            for name, sure in self.bound.items()
        ]
        found += [
            (name, line, sure)
            for name, (line, sure) in self.changed.items()
            if name not in self.bound
        ]
        found.sort(key=lambda use: use[1])
        channels = [(name, line, sure) for name, (line, sure) in record.channels.items()]
        files = ((path, line, sure) for path, (line, sure) in record.files_written.items())
        return _uses([*found, *channels]) + _file_uses(files)

    def _binds(self) -> frozenset[Name]:
        """Names that are surely new: nothing of what they were is changed or still within reach."""
        found = {
            Name(name)
            for name, sure in self.bound.items()
            if sure and name not in self.changed and not kept_elsewhere(name, self.reached)
        }
        seeded = (n for n, sure in self.reader.state.bound.items() if n.startswith("@") and sure)
        return frozenset(found | {Name(name) for name in seeded})

    def _affinity(self) -> tuple[tuple[Name, str], ...]:
        made = self.record.made
        if not made:
            return ()
        return tuple(
            (Name(name), made[obj])
            for name, objects in self.reached.items()
            if (obj := next((o for o in sorted(objects) if o in made), None)) is not None
        )

    def _types(self, writes: tuple[Use, ...]) -> tuple[tuple[Name, str], ...]:
        found: list[tuple[Name, str]] = []
        for use in writes:
            value = self.reader.peek(use.name)
            if value is not None and value.type not in _UNSAID:
                found.append((use.name, value.type))
        return tuple(found)

    # -- functions ----------------------------------------------------------------------------

    def _late(self) -> tuple[Use, ...]:
        found: dict[str, int] = {}
        for _, names in self._looked_up_later():
            for name, line in names.items():
                found.setdefault(name, line)
        return _uses((n, line, False) for n, line in found.items() if n in self.shared.known)

    def _late_own(self) -> frozenset[Name]:
        """Names that the cell surely binds before it makes any code that looks them up."""
        found = {name for name in self.bound if not name.startswith("@")}
        for node, names in self._looked_up_later():
            found -= names.keys() - self.record.born.get(node, frozenset())
        return frozenset(map(Name, found))

    def _looked_up_later(self) -> Iterator[tuple[ast.AST, dict[str, int]]]:
        """Functions and generators that the cell leaves, with the globals that they read."""
        for function in _kept_functions(self.reader, self.parts):
            yield function.node, free_names(function.node)
        alive = frozenset().union(*self.reached.values()) if self.reached else frozenset()
        for obj, node in self.record.generators:
            if obj in alive:
                yield node, late_names(node)

    # -- the cell as a whole ------------------------------------------------------------------

    def _one_lane(self) -> dict[str, int]:
        found = dict(self.record.one_lane)
        for obj, change in self.record.changed.items():
            if obj.startswith("default:"):
                function = obj.split(":")[1]
                found.setdefault(f"`{function}` keeps state in a default argument", change.line)
            for function in self.shared.defaults.get(obj[3:], ()) if change.sure else ():
                found.setdefault(f"`{function}` keeps state in a default argument", change.line)
            if obj.startswith("module:") and change.sure:
                why = f"it changes an object that the module `{obj[7:]}` keeps"
                found.setdefault(why, change.line)
        for obj, line in self.record.acting.items():
            if any(obj in objects for objects in self.reached.values()):
                found.setdefault("a generator acts only when it is used up", line)
        return found

    def _is_found_by_path(self, fragment: Fragment) -> bool:
        """An import that may need what the notebook adds to `sys.path`, as only steps have it."""
        library = (fragment.module or "").partition(".")[0]
        known = library in sys.stdlib_module_names or library in self.shared.effects.libraries
        return bool(library) and not known

    def _is_definition(self) -> bool:
        if self.code.magic is not None:
            return self.reader.sql_only_defines and not self.record.one_lane
        if self.code.tree is None or self.record.one_lane:
            return False
        record = self.record
        if record.effects - {Effect.CLOCK} or record.files_written or record.channels:
            return False
        if self.shared.paths_change and any(
            self._is_found_by_path(f) for part in self.parts for f in part.fragments
        ):
            return False
        return all(part.fragments or part.silent for part in self.parts)

    def _settings(self) -> frozenset[str]:
        magic = self.code.magic
        if magic is not None:
            return frozenset(SETTINGS[1:] if magic.name == "sql" else SETTINGS)
        mentions_magic = "get_ipython()" in self.code.source
        return frozenset(SETTINGS if mentions_magic else self.record.settings)

    def _displays(self) -> bool:
        if self.record.displays or self.code.tree is None or not self.code.tree.body:
            return self.record.displays or _shows(self.reader.last)
        return _shows(self.code.tree.body) and not self.code.source.rstrip().endswith(";")


def _shows(body: list[ast.stmt] | None) -> bool:
    """Whether the last statement is an expression that Jupyter shows."""
    if not body or not isinstance(body[-1], ast.Expr):
        return False
    value = body[-1].value
    return not (
        isinstance(value, ast.Call) and ast.unparse(value.func).startswith("get_ipython().")
    )


def _kept_functions(reader: Magics, parts: tuple[Part, ...]) -> Iterable[Function]:
    """Functions that the cell made as values: neither fragments nor merely handed to a call."""
    inside = {
        node
        for part in parts
        if part.fragments
        for node in walk(part.statement)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    }
    return [
        function
        for function in reader.record.built
        if function.node not in inside and function.node not in reader.record.consumed
    ]


_ONLY_TABLES: Final = frozenset(
    {
        *("loc", "iloc", "iterrows", "itertuples", "value_counts", "dropna", "fillna", "resample"),
        *(
            "pivot_table",
            "reset_index",
            "set_index",
            "sort_values",
            "sort_index",
            "drop_duplicates",
        ),
        *("isnull", "notnull", "select_dtypes", "nunique", "to_csv", "to_parquet", "melt"),
    }
)
"""Attributes that nothing but pandas tables (and what is made like them) has."""


def _used_as_tables(tree: ast.Module) -> set[str]:
    """Names that must be tables for the notebook to run: `sales.loc[…]`, `sales.dropna()`. In
    functions a name may be a parameter."""
    found: set[str] = set()
    if not any(node.attr in _ONLY_TABLES for node in of_kind(tree, ast.Attribute)):
        return found  # as in most cells
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        waiting.extend(children(node))
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Load()):
                if attr in _ONLY_TABLES:
                    found.add(name)
    return found


def _used(tree: ast.Module) -> Iterator[str]:
    """Names that are looked up, also in magics and texts."""
    for name in of_kind(tree, ast.Name):
        if isinstance(name.ctx, ast.Load):
            yield name.id
    for text in of_kind(tree, ast.Constant):
        if isinstance(text.value, str):
            yield from _WORD.findall(text.value)


def _methods(tree: ast.Module) -> set[str]:
    """Names of all methods of the classes in a cell."""
    functions = (inner for one in of_kind(tree, ast.ClassDef) for inner in one.body)
    return {f.name for f in functions if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)}


def _renames_index(tree: ast.Module) -> bool:
    """`df.index.name = …`: an index is named in place."""
    named = (
        node.value
        for node in of_kind(tree, ast.Attribute)
        if node.attr in ("name", "names") and isinstance(node.ctx, ast.Store)
    )
    renamed = (
        call.func.value
        for call in of_kind(tree, ast.Call)
        if any(keyword.arg == "inplace" for keyword in call.keywords)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("rename", "set_names", "set_levels")
    )
    return any(
        isinstance(owner, ast.Attribute) and owner.attr in ("index", "columns")
        for owner in (*named, *renamed)
    )


def _declared_globals(tree: ast.Module) -> list[str]:
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    functions += of_kind(tree, ast.FunctionDef)
    functions += of_kind(tree, ast.AsyncFunctionDef)
    return [name for function in functions for name in declared_global(function)]


def _as_parameter(value: Value) -> Value:
    """A parameter's value is given from outside: only the kind of its default is known."""
    kind = {"None": "", "int": "number", "float": "number"}.get(value.type, value.type)
    return Value(type=kind, objs=value.objs, ref=value.ref, callables=value.callables)


def _uses(found: Iterable[tuple[str, int, bool]]) -> tuple[Use, ...]:
    return tuple(
        Use(name=Name(name), line=line, certainty=Certainty.SURE if sure else Certainty.MAY)
        for name, line, sure in found
    )


def _file_uses(found: Iterable[tuple[str, int, bool]]) -> tuple[Use, ...]:
    return tuple(
        Use(
            name=ANY_FILE if path == ANY_PATH else file_name(path),
            line=line,
            certainty=Certainty.SURE if sure else Certainty.MAY,
        )
        for path, line, sure in found
    )
