"""Reading expressions: which names they ask for, and what their value may be.

The first of four layers (`calls`, `statements` and `magics` build on it). A reader walks code in
the order in which Python would run it, with a state that knows which names are bound by now. It
errs on one side only: a read, a write or a shared object may be claimed that is not there, never
the reverse.
"""

import ast
import builtins
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from nbflow.analysis.effects import Effects, load_effects
from nbflow.analysis.facts import Effect
from nbflow.analysis.nodes import walk
from nbflow.analysis.recursion import CallKey, Calls
from nbflow.analysis.scopes import bound_names, free_names, late_names
from nbflow.analysis.state import Record, State, Summary, join_states
from nbflow.analysis.values import (
    BOOL,
    IMMUTABLE,
    NO_OBJECTS,
    NUMBER,
    ONE_SHOT,
    OWN_PARTS,
    OWN_STATE,
    REMEMBERING,
    STR,
    TABLES,
    UNKNOWN,
    Class,
    Frame,
    Function,
    Objects,
    OpenFile,
    Value,
    everything,
    fresh,
    incoming,
    join,
    settings_of_type,
    strong,
)
from nbflow.core.sql import SqlText

T = TypeVar("T")

_SHELL_STATE: Final = re.compile(
    r"__annotations__|_{1,3}|_i{1,3}|_ih|_oh|_dh|_i?\d+|In|Out|__main__|__session__"
)
_MODULE_NAMES: Final = {"__name__": "__main__"}
_BUILTINS: Final = {
    name: Value(ref="IPython.display.display" if name == "display" else f"builtins.{name}")
    for name in (*dir(builtins), "display", "get_ipython")
    if name not in _MODULE_NAMES and not _SHELL_STATE.fullmatch(name)
}
_NUMERIC: Final = frozenset({"int", "float", "number", "bool", "complex"})
_SEQUENCES: Final = frozenset({"list", "tuple", "deque"})
DICTS: Final = frozenset({"dict", "defaultdict", "Counter", "OrderedDict"})
CONTAINERS: Final = DICTS | _SEQUENCES | {"set", "frozenset", "iterator", "generator"}


@dataclass(eq=False, slots=True)
class Shared:
    """What all cells of a notebook share while they are read, in notebook order.

    globals: the value of each global as the cells above left it. known: how many places in the
    notebook bind each name. calls: what calls of notebook functions do. constants: names of
    fragments that are constants. changed_attributes: attributes whose value some cell changes.
    taken: functions that are kept somewhere as values, so that a call of an unknown value may be a
    call of them. nested: functions inside functions that are being read in place.
    renames_index: some cell names an index in place, which tables made from each other may share.
    cells_are_shared: some cell changes what a table's cell holds, so tables made from tables hold
    it, too; cell_changes: whether such a change was read. special_classes: classes of the notebook
    whose instances Python asks when they are printed, compared, gone through.
    objects_as_keys: instances of notebook classes are keys of dicts.
    home: the local module whose code this is, None for the notebook. modules: how to find local
    modules; None if nobody can tell. paths_change: the notebook changes where modules are found;
    writes_modules: it may write modules.
    foreign: globals that may come from libraries of which little is known. plots: those that may
    be, or hold, figures and axes. defaults: for each global, the functions whose default arguments
    it may be or hold. used: names that code of the notebook looks up.
    used_as_tables: names with which the notebook does what only pandas tables can do, as long as
    they stand for what the cell that is being read binds. methods: names of the methods of the
    notebook's classes. written_files: paths that the cells above write. behind: for each global,
    the files that it reads or writes when it is used.
    fuel: how much more may be read before calls are judged bluntly.
    """

    parse_sql: Callable[[str], SqlText]
    effects: Effects = field(default_factory=load_effects)
    globals: dict[str, Value] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    renames_index: bool = False
    cells_are_shared: bool = False
    cell_changes: bool = False
    special_classes: list[Class] = field(default_factory=list)
    objects_as_keys: bool = False
    constants: set[str] = field(default_factory=set)
    changed_attributes: set[str] = field(default_factory=set)
    nested: set[Function] = field(default_factory=set)
    taken: list[Function] = field(default_factory=list)
    used_as_tables: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    plots: set[str] = field(default_factory=set)
    defaults: dict[str, frozenset[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    written_files: set[str] = field(default_factory=set)
    behind: dict[str, frozenset[OpenFile]] = field(default_factory=dict)
    fuel: int = 0
    home: "Home | None" = None
    modules: "Callable[[str], Home | None] | None" = None
    paths_change: bool = False
    writes_modules: bool = False

    def mark(self, tank: int) -> "Mark":
        """What is known now, of all that cells may add to. `tank`: fuel beside what is here."""
        return Mark(
            globals=dict(self.globals),
            calls=dict(self.calls.known),
            cell_changes=self.cell_changes,
            special_classes=tuple(self.special_classes),
            objects_as_keys=self.objects_as_keys,
            constants=frozenset(self.constants),
            taken=tuple(self.taken),
            foreign=frozenset(self.foreign),
            plots=frozenset(self.plots),
            defaults=dict(self.defaults),
            written_files=frozenset(self.written_files),
            behind=dict(self.behind),
            fuel=tank + self.fuel,
        )

    def go_on_from(self, mark: "Mark") -> None:
        """Know what was known then."""
        self.globals = dict(mark.globals)
        self.calls = Calls(known=dict(mark.calls))
        self.cell_changes = mark.cell_changes
        self.special_classes = list(mark.special_classes)
        self.objects_as_keys = mark.objects_as_keys
        self.constants = set(mark.constants)
        self.taken = list(mark.taken)
        self.foreign, self.plots = set(mark.foreign), set(mark.plots)
        self.defaults = dict(mark.defaults)
        self.written_files = set(mark.written_files)
        self.behind = dict(mark.behind)

    def of_module(self) -> "Shared":
        """What the reading of a local module begins with."""
        return Shared(parse_sql=self.parse_sql, effects=self.effects, modules=self.modules)

    def local_module(self, dotted: str) -> "Home | None":
        """The module of that name, if it is one of the user's own that can be read here."""
        return self.modules(dotted) if self.modules is not None else None

    def star_names(self, module: str) -> tuple[str, ...] | None:
        """What `from module import *` binds, for a local module."""
        home = self.local_module(module)
        if home is None:
            return None
        return tuple(name for name in home.shared.globals if not name.startswith("_"))

    def may_be_local(self, library: str) -> bool:
        """Whether a module may be one of the user's own that nobody can read here."""
        return self.modules is None or self.paths_change or self.local_module(library) is not None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Mark:
    """What was known at one point of the notebook: the part of `Shared` that cells add to.
    `fuel`: how much more may be read, before the notebook's end."""

    globals: dict[str, Value]
    calls: dict[CallKey, tuple[Summary, ...]]
    cell_changes: bool
    special_classes: tuple[Class, ...]
    objects_as_keys: bool
    constants: frozenset[str]
    taken: tuple[Function, ...]
    foreign: frozenset[str]
    plots: frozenset[str]
    defaults: dict[str, frozenset[str]]
    written_files: frozenset[str]
    behind: dict[str, frozenset[OpenFile]]
    fuel: int

    def differing_names(self, other: "Mark") -> set[str] | None:
        """Names of which something else is known; None if more than that differs."""
        mine, others = (
            (m.cell_changes, m.special_classes, m.objects_as_keys, m.taken, m.written_files)
            for m in (self, other)
        )
        if mine != others:
            return None
        names = {*(self.foreign ^ other.foreign), *(self.plots ^ other.plots)}
        names |= self.constants ^ other.constants
        names |= _differing(self.globals, other.globals) | _differing(self.behind, other.behind)
        return names | _differing(self.defaults, other.defaults)

    def with_names_of(self, other: "Mark", names: Collection[str]) -> "Mark":
        """With what the other mark knows of these names."""
        if not names:
            return self
        chosen = frozenset(names)
        return replace(
            self,
            globals=_taken_over(self.globals, other.globals, chosen),
            defaults=_taken_over(self.defaults, other.defaults, chosen),
            behind=_taken_over(self.behind, other.behind, chosen),
            constants=(self.constants - chosen) | (other.constants & chosen),
            foreign=(self.foreign - chosen) | (other.foreign & chosen),
            plots=(self.plots - chosen) | (other.plots & chosen),
        )


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def _taken_over(mine: dict[str, T], others: dict[str, T], names: frozenset[str]) -> dict[str, T]:
    taken = dict(mine)  # large, and few names are concerned
    for name in names:
        taken.pop(name, None)
    return taken | {name: others[name] for name in names & others.keys()}


@dataclass(eq=False, slots=True)
class Home:
    """Where code was written: a local module with its globals; `record`: what importing it did;
    `reaches_back`: it looks into the notebook that imports it; `environment`: variables that its
    text names; `files`: what importing it reads. Both with those of the modules that it imports."""

    name: str
    shared: Shared
    record: Record = field(default_factory=Record)
    reaches_back: bool = False
    environment: frozenset[str] = NO_OBJECTS
    files: frozenset[str] = NO_OBJECTS


def _is_unknown(value: Value) -> bool:
    known = value.type or value.ref or value.callables or value.instance or value.items
    return not known and value.elem is None


class Expressions:
    """Reads expressions. Subclasses say what calls do."""

    def __init__(self, shared: Shared, base: Callable[[str], Value | None]) -> None:
        self.shared = shared
        self.effects = shared.effects
        self.base = base
        self.state = State()
        self.record = Record()
        self.frame = Frame("module", "")
        self.trails: list[State] = []
        self.yielded: Value | None = None
        self.bare: ast.expr | None = None
        self.bare_is_shown = False
        self.last_shown: ast.stmt | None = None
        self.guarded = 0

    # -- what the layers above add ------------------------------------------------------------

    def call(self, node: ast.Call) -> Value:
        raise NotImplementedError

    def special(self, value: Value, name: str, given: list[Value], node: ast.AST) -> Value | None:
        raise NotImplementedError

    def look_at(self, value: Value, node: ast.AST) -> None:
        raise NotImplementedError

    def may_count(self, value: Value, node: ast.AST) -> None:
        raise NotImplementedError

    def make_function(self, node: ast.Lambda) -> Value:
        raise NotImplementedError

    def get_property(self, getter: Function, base: Value, node: ast.AST) -> Value:
        raise NotImplementedError

    # -- names --------------------------------------------------------------------------------

    def key_of(self, name: str) -> str:
        """The key under which a name is known here: itself for a global, else with its frame."""
        frame: Frame | None = self.frame
        first = True
        while frame is not None and frame.kind != "module":
            if name in frame.declared_global:
                return name
            if name in frame.local and (first or frame.kind != "class"):
                key = frame.prefix + name
                if frame.kind != "class" or key in self.state.values:
                    return key
            first = first and frame.kind == "comprehension"
            frame = frame.parent
        return name

    def load(self, name: str, line: int) -> Value:
        """The value of a name that is asked for here."""
        key = self.key_of(name)
        if key != name:
            return self.state.values.get(key, UNKNOWN)
        return self.load_global(name, line)

    def load_global(self, name: str, line: int) -> Value:
        """The value of a global, noting that it was read."""
        value = self.state.values.get(name)
        if value is None:
            value = self.base(name)
            if value is None:
                return self._unbound(name, line)
            self.record.read(name, line)
        elif not self.state.bound.get(name, False) and self.base(name) is not None:
            self.record.read(name, line)
        if value.callables:
            self.record.calls.setdefault(name, line)
        elif value.ref is None:
            self.record.settings |= settings_of_type(value.type)
        return value

    def peek(self, name: str) -> Value | None:
        """The value of a global now, without reading it."""
        value = self.state.values.get(name)
        return value if value is not None else self.base(name)

    def _unbound(self, name: str, line: int) -> Value:
        known = _BUILTINS.get(name)
        if known is not None:
            return known
        if name in _MODULE_NAMES:
            return Value(type="str", text=_MODULE_NAMES[name], exact=True)
        if _SHELL_STATE.fullmatch(name):
            self.one_lane(f"`{name}` is a state of the kernel, not of the notebook", line)
            return UNKNOWN
        self.record.read(name, line)
        return Value(objs=frozenset({incoming(name)}))

    def bind(self, name: str, value: Value, line: int) -> None:
        """A name gets a value here."""
        frame: Frame | None = self.frame
        while frame is not None and frame.kind == "comprehension" and name not in frame.local:
            frame = frame.parent
        key = name
        if frame is not None and frame.kind != "module" and name not in frame.declared_global:
            key = frame.prefix + name
            if name not in frame.local:
                key = self._outer_key(frame, name)
        self.bind_key(key, value, line)

    def _outer_key(self, frame: Frame, name: str) -> str:
        outer = frame.parent
        while outer is not None and outer.kind != "module":
            if outer.kind != "class" and name in outer.local:
                return outer.prefix + name
            outer = outer.parent
        return name

    def bind_key(self, key: str, value: Value, line: int) -> None:
        """The same for a key (see `key_of`)."""
        for trail in self.trails:
            earlier = trail.values.get(key) or self.before(key)
            trail.values[key] = value if earlier is None else join(earlier, value)
            if self.is_global(key):
                trail.bound.setdefault(key, False)
        self.state.values[key] = value
        if self.is_global(key):
            if _is_unknown(value) and key in self.shared.used_as_tables:
                self.state.values[key] = value._replace(type="NDFrame")
            self.state.bound[key] = True
            self.record.writes.setdefault(key, line)

    @staticmethod
    def is_global(key: str) -> bool:
        """Whether a key stands for a global."""
        return ":" not in key

    def before(self, key: str) -> Value | None:
        """The value of a key where nothing here has bound it."""
        return self.base(key) if self.is_global(key) else None

    def one_lane(self, reason: str, line: int) -> None:
        """The notebook cannot be split, for this reason."""
        self.record.one_lane.setdefault(reason, line)

    # -- objects ------------------------------------------------------------------------------

    def site(self, node: ast.AST, part: str = "") -> str:
        """The object made at a place in the text."""
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        end = getattr(node, "end_col_offset", 0)
        last = getattr(node, "end_lineno", 0)
        return f"new:{self.frame.prefix}{line}.{column}.{last}.{end}{part}"

    def new(
        self, node: ast.AST, type: str, *, weak: Objects = NO_OBJECTS, elem: Value | None = None
    ) -> Value:
        """A fresh value made at a place."""
        if type in IMMUTABLE:
            return Value(type=type)
        return self.holding_cells(fresh(type, self.site(node), weak=weak, elem=elem))

    def holding_cells(self, value: Value) -> Value:
        """A value that may hold, in its cells, the very objects of the tables it was made from."""
        if value.weak and self.shared.cells_are_shared:
            self.record.hold(value.objs, value.weak)
        return value

    def cell_of(self, tables: Objects) -> Value:
        """What a cell of a table holds."""
        objs = tables if self.shared.cells_are_shared else NO_OBJECTS
        return Value(objs=objs, weak=tables, cell=True)

    def container(self, node: ast.AST, type: str, parts: list[Value], elem: Value | None) -> Value:
        """A fresh container that holds parts."""
        made = self.new(node, type, elem=elem)
        for part in parts:
            self.take(part, getattr(node, "lineno", 0))
        held = NO_OBJECTS.union(*(strong(part) for part in parts)) if parts else NO_OBJECTS
        self.record.hold(made.objs, held)
        weak = NO_OBJECTS.union(*(part.weak for part in parts if not part.type))
        return made._replace(weak=weak) if weak else made

    def take(self, value: Value, line: int = 1) -> None:
        """A function is put where somebody may find and call it."""
        for one in value.callables:
            if isinstance(one, Function) and one not in self.shared.taken:
                self.shared.taken.append(one)
        rule = self.effects.function(value.ref) if value.ref is not None else None
        if rule is not None and (rule.sets or rule.one_lane):
            self.one_lane(f"`{value.ref}` is kept as a value: any call may be a call of it", line)

    def change(self, value: Value, line: int, *, sure: bool = True, own: bool = False) -> None:
        """The value is changed: visibly (`sure`), or perhaps, together with all it holds. `own`:
        what it holds stays as it is."""
        if not sure:
            self.record.change(self.record.reach(strong(value)), line, sure=False)
            return
        seen = value.objs
        if value.type not in TABLES:
            seen = seen | value.weak
            self.shared.cell_changes |= value.cell
        made = seen & self.record.guessed
        # What an unknown call gave is most likely new, and perhaps one of its arguments.
        self.record.change(made or seen, line, sure=True, own=own)
        self.record.change(seen - made, line, sure=not made, own=own)

    def change_itself(self, value: Value, node: ast.expr, line: int) -> None:
        """What stands in `node` is changed visibly. Only of what a name was when the cell began is
        it clear that it is no part of something else."""
        part = isinstance(node, ast.Attribute)
        whole = node.value if isinstance(node, ast.Attribute) else node
        name = whole.id if isinstance(whole, ast.Name) else ""
        same = value.objs == {incoming(name)} and name not in self.state.bound
        known = self.peek(name) if same and self.key_of(name) == name else None
        own = known is not None and known.type in (OWN_PARTS if part else OWN_STATE)
        self.change(value, line, own=own)

    # -- expressions --------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Value:
        """Read an expression; returns what it may be."""
        self.shared.fuel -= 1
        reader = _READERS.get(node.__class__)
        if reader is None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.value(child)
            return UNKNOWN
        return reader(self, node)

    def values(self, nodes: list[ast.expr]) -> list[Value]:
        """Read expressions in order."""
        return [self.value(node) for node in nodes]

    def _constant(self, node: ast.Constant) -> Value:
        constant = node.value
        if isinstance(constant, str):
            return Value(type="str", text=constant, exact=True)
        if isinstance(constant, bool):
            return Value(type="bool", text=str(constant), exact=True)
        if constant is None:
            return Value(type="None")
        if isinstance(constant, int):
            text = str(constant) if abs(constant) < 10**18 else None
            return Value(type="int", text=text, exact=text is not None)
        return Value(type=type(constant).__name__.replace("ellipsis", "scalar"))

    def _name(self, node: ast.Name) -> Value:
        return self.load(node.id, node.lineno)

    def _attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.value(node.value), node.attr, node)

    def attribute(self, base: Value, name: str, node: ast.AST) -> Value:
        """An attribute of a value."""
        if base.ref is not None:
            return self._module_attribute(f"{base.ref}.{name}", getattr(node, "lineno", 0))
        if name == "__dict__":
            return self.own_dict(base, node)
        if name == "__class__":
            return self.class_of(base)
        if base.instance is not None:
            return self._member(base, name, node)
        rule = self.effects.attribute(base.type, name)
        if rule is not None:
            return self._known_attribute(base, rule.returns, node, view="view" in rule.result)
        if base.type in TABLES and self.effects.method(base.type, name) is None:
            return self.table_part("Series" if base.type == "DataFrame" else "", base, node)
        return Value(objs=self.record.reach(base.objs), weak=base.weak, cell=base.cell)

    def class_of(self, value: Value) -> Value:
        """The class of a value, as far as it is known."""
        known = self.peek(value.instance.name) if value.instance is not None else None
        return known if known is not None and known.callables else Value(type="class")

    def own_dict(self, base: Value, node: ast.AST) -> Value:
        """The dict in which an object keeps its attributes: no pickle keeps the two together."""
        if base.type in REMEMBERING:
            line = getattr(node, "lineno", 0)
            self.one_lane("it shows what a library's result has remembered so far", line)
        made = self.site(node, ".dict")
        self.record.made[made] = "the dict of an object's attributes"
        self.record.hold(frozenset({made}), base.objs)
        return Value(type="dict", objs=self.record.reach(base.objs) | {made})

    def _known_attribute(self, base: Value, returns: str, node: ast.AST, *, view: bool) -> Value:
        type, elements, inner = (base.type if returns == "same" else returns).partition("[")
        if view:
            elem = Value(type=inner.rstrip("]")) if elements else base.elem
            return Value(type=type, objs=base.objs, weak=base.weak, elem=elem)
        weak = everything(base) if type in TABLES or not type else NO_OBJECTS
        return self.new(node, type, weak=weak)

    def _module_attribute(self, dotted: str, line: int) -> Value:
        channel = self.effects.channel(dotted)
        if channel is not None:
            self.read_channel(channel, line)
        rule = self.effects.module_attribute(dotted)
        if rule is not None:
            return Value(type=rule.returns)
        return Value(ref=dotted)

    def _member(self, base: Value, name: str, node: ast.AST) -> Value:
        member = base.instance.find(name) if base.instance is not None else None
        shared = Value(objs=self.record.reach(base.objs))
        for hook in ("__getattribute__", "__getattr__"):
            if hook == "__getattribute__" or member is None:
                found = self.special(base, hook, [Value(type="str", text=name, exact=True)], node)
                if found is not None:
                    shared = join(shared, found)
        if member is None:
            return shared
        if member.instance is not None:
            found = self.special(member, "__get__", [base, UNKNOWN], node)
            return shared if found is None else join(shared, found)
        for callable_ in member.callables:
            if isinstance(callable_, Function) and callable_.kind == "cached_property":
                # The first look at it stores the value in the instance.
                self.change(base, getattr(node, "lineno", 0))
                return join(self.special(base, name, [], node) or shared, shared)
            if isinstance(callable_, Function) and callable_.kind == "property":
                return self.get_property(callable_, base, node)
        if member.type in IMMUTABLE and not member.callables:
            return Value(type=member.type)
        return shared

    def read_channel(self, channel: str, line: int, *, sure: bool = True) -> None:
        """Something looks at an ambient channel."""
        if not self.state.bound.get(channel, False):
            self.record.read(channel, line, sure=sure)

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        key = self.value(node.slice)
        if base.ref is not None:
            return self._setting(base.ref, key, node)
        self.look_at(key, node)
        if base.instance is not None:
            for name in ("__getitem__", "__missing__"):
                found = self.special(base, name, [key], node)
                if found is not None:
                    return join(found, self.element(base, key, node))
        return self.element(base, key, node)

    def _setting(self, dotted: str, key: Value, node: ast.Subscript) -> Value:
        if dotted == "os.environ":
            self.read_environment(key, node.lineno)
            return STR
        return UNKNOWN

    def read_environment(self, key: Value, line: int) -> None:
        """An environment variable is looked at; which one may be unknown."""
        self.read_channel("@environ", line)
        if key.text is not None and key.exact:
            self.record.environment.setdefault(key.text, line)
        else:
            # Which variables count is unknown, so its result must never be taken for still true.
            self.record.does(
                Effect.CLOCK, "an environment variable that its text does not name", line
            )

    def element(self, base: Value, key: Value, node: ast.Subscript) -> Value:
        """One element, or a slice, of a value."""
        kind = base.type
        if kind in TABLES:
            return self._table_element(base, key, node)
        if kind in ("str", "bytes"):
            return Value(type=kind)
        if base.items is not None and key.exact and key.type == "int" and key.text is not None:
            index = int(key.text)
            if -len(base.items) <= index < len(base.items):
                return base.items[index]
        if isinstance(node.slice, ast.Slice) and kind in _SEQUENCES:
            return self.container(node, kind, [self.iterate(base, node)], base.elem)
        if kind == "defaultdict":
            self.change(base, node.lineno)
        if kind in _SEQUENCES or kind in DICTS:
            return self.any_part(base)
        if kind in IMMUTABLE:
            return Value()
        view = kind if kind in ("ndarray", "Axes") else ""
        return Value(type=view, objs=self.record.reach(base.objs), weak=base.weak, cell=base.cell)

    def any_part(self, base: Value) -> Value:
        """Some element of a container: what is known of them, or else anything in it."""
        if base.items:
            found = base.items[0]
            for item in base.items[1:]:
                found = join(found, item)
            return found
        if base.elem is not None:
            if base.elem.type in IMMUTABLE:
                return base.elem
            return base.elem._replace(objs=base.elem.objs | self._inside(base), items=None)
        inside = self._inside(base)
        if not inside and base.type in ONE_SHOT:
            # Something that only the iterator makes: nobody's yet, but it can be changed.
            inside = frozenset(f"new:{obj[3:]}.part" for obj in base.objs)
        return Value(objs=inside, weak=base.weak, cell=base.cell)

    def _inside(self, base: Value) -> Objects:
        """What an element may be. What cannot leave the kernel is never an element of itself."""
        held = self.record.reach(base.objs)
        made = self.record.made
        return frozenset(obj for obj in held if obj not in made) if made else held

    def table_part(self, type: str, base: Value, node: ast.AST) -> Value:
        """A part of a table: pandas copies on write, so it is fresh but for what its cells hold."""
        weak = base.objs | base.weak
        return self.new(node, type, weak=weak) if type else self.cell_of(weak)

    def _table_element(self, base: Value, key: Value, node: ast.Subscript) -> Value:
        index = node.slice
        if base.type == "GroupBy":
            return Value(type="GroupBy", objs=base.objs, weak=base.weak)
        if base.type == "Indexer":
            return self.table_part(_indexer_type(index), base, node)
        if base.type in ("Series", "Index"):
            many = isinstance(index, ast.Slice | ast.Compare | ast.List) or key.type in TABLES
            if base.type == "Index" and not many:
                return UNKNOWN  # labels are hashable, so nobody changes them
            return self.table_part(base.type if many else "", base, node)
        if _is_mask(index) or key.type in ("Series", "list", "Index", "ndarray", "DataFrame"):
            return self.table_part("DataFrame", base, node)
        if key.type == "str" and base.type == "DataFrame":
            return self.table_part("Series", base, node)
        return self.table_part("NDFrame", base, node)

    def iterate(self, base: Value, node: ast.AST) -> Value:
        """What a loop over the value gives, one at a time."""
        kind = base.type
        line = getattr(node, "lineno", 0)
        if kind in ONE_SHOT:
            self.change(base, line)
        if base.instance is not None:
            self.look_at(base, node)
            made = self.special(base, "__iter__", [], node)
            if made is not None and made.instance is not None:
                made = self.special(made, "__next__", [], node)
            elif made is not None:
                made = self.any_part(made)
            part = self.any_part(base)
            return part if made is None else join(part, made)
        if kind in ("str", "file"):
            return STR
        if kind == "range":
            return Value(type="int")
        if kind in ("DataFrame", "Index"):
            return UNKNOWN  # labels are hashable, so nobody changes them
        if kind == "GroupBy":
            return Value(items=(Value(), self.table_part("DataFrame", base, node)))
        if kind in TABLES:
            return self.cell_of(base.objs | base.weak)
        if kind in DICTS:
            return Value(objs=self._inside(base)) if self.shared.objects_as_keys else Value()
        if kind in IMMUTABLE:
            return UNKNOWN
        if kind in ("ndarray", "Axes"):
            return Value(type=kind, objs=base.objs, weak=base.weak)
        if isinstance(node, ast.Call) and base.elem is not None and self._is_complete(base):
            return base.elem
        return self.any_part(base)

    def _is_complete(self, base: Value) -> bool:
        """What `zip(…)` or `d.items()` gives is known part by part, if it is looped over where it
        stands and nothing was put into what it goes through."""
        known = base.elem is not None and base.elem.items is not None
        return known and self.record.forgotten.isdisjoint(self.record.reach(base.objs))

    def _list(self, node: ast.List) -> Value:
        return self._display(node, "list", node.elts)

    def _set(self, node: ast.Set) -> Value:
        return self._display(node, "set", node.elts)

    def _display(self, node: ast.AST, type: str, elements: list[ast.expr]) -> Value:
        parts = [self._display_part(element) for element in elements]
        elem = _join_all(parts)
        return self.container(node, type, parts, elem)

    def _display_part(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Starred):
            return self.iterate(self.value(node.value), node)
        return self.value(node)

    def _tuple(self, node: ast.Tuple) -> Value:
        if any(isinstance(element, ast.Starred) for element in node.elts):
            return self._display(node, "tuple", node.elts)
        items = tuple(self.values(node.elts))
        objs = NO_OBJECTS.union(*(strong(item) for item in items))
        weak = NO_OBJECTS.union(*(item.weak for item in items if not item.type))
        cell = any(item.cell for item in items)
        for item in items:
            if item.ref is not None:
                self.take(item, node.lineno)
        return Value(type="tuple", objs=objs, weak=weak, items=items, cell=cell)

    def _dict(self, node: ast.Dict) -> Value:
        parts: list[Value] = []
        keys: list[Value] = []
        for key, item in zip(node.keys, node.values, strict=True):
            if key is not None:
                keys.append(self.value(key))
            value = self.value(item)
            parts.append(value if key is not None else self.any_part(value))
        made = self.container(node, "dict", parts, _join_all(parts))
        for one in keys:
            self.hold_key(made, one)
        return made

    def hold_key(self, base: Value, key: Value) -> None:
        """A dict or set finds an object again by its identity, and gives it back in loops."""
        self.record.hold(base.objs, strong(key))
        self.shared.objects_as_keys |= key.instance is not None

    def _starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def _slice(self, node: ast.Slice) -> Value:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.value(part)
        return Value(type="slice")

    def _await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        value = Value(type="None") if node.value is None else self.value(node.value)
        if isinstance(node, ast.YieldFrom):
            value = self.iterate(value, node)
        self.yielded = value if self.yielded is None else join(self.yielded, value)
        return UNKNOWN

    def _named(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target.id, value, node.lineno)
        return value

    def _lambda(self, node: ast.Lambda) -> Value:
        return self.make_function(node)

    # -- operators ----------------------------------------------------------------------------

    def _binary(self, node: ast.BinOp) -> Value:
        return self.operation(self.value(node.left), self.value(node.right), node.op, node)

    def operation(self, left: Value, right: Value, op: ast.operator, node: ast.AST) -> Value:
        """The value of `left op right`."""
        for value, other in ((left, right), (right, left)):
            if value.instance is not None and (name := OPERATORS.get(type(op))):
                prefix = "__" if value is left else "__r"
                found = self.special(value, f"{prefix}{name}__", [other], node)
                if found is not None:
                    return found
            self.look_at(value, node)
            self.may_count(value, node)
        text = _text_of(left, right, op)
        if text is not None:
            return text
        kind = _result_type(left.type, right.type, op)
        if kind in IMMUTABLE:
            return Value(type=kind)
        if kind in ("list", "set", "dict"):
            return self.container(node, kind, [self.any_part(left), self.any_part(right)], None)
        weak = NO_OBJECTS if kind == "ndarray" else everything(left) | everything(right)
        made = self.new(node, kind, weak=weak)
        if self.shared.renames_index and kind in TABLES:
            return made._replace(objs=made.objs | left.objs | right.objs)
        return made

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        self.look_at(value, node)
        if isinstance(node.op, ast.Not):
            return BOOL
        if value.type in IMMUTABLE:
            text = f"-{value.text}" if value.text and isinstance(node.op, ast.USub) else None
            return Value(type=value.type, text=text, exact=text is not None)
        return self.new(node, value.type, weak=everything(value))

    def _compare(self, node: ast.Compare) -> Value:
        values = [self.value(node.left), *self.values(node.comparators)]
        for value in values:
            if not all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                self.look_at(value, node)
            if value.instance is not None:
                for op in node.ops:
                    self.special(value, f"__{_COMPARISONS.get(type(op), 'eq')}__", values, node)
            if value.type in ONE_SHOT:
                self.change(value, node.lineno)
        if all(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops):
            return BOOL
        kinds = [value.type for value in values]
        table = next((kind for kind in ("DataFrame", "NDFrame", "Series") if kind in kinds), None)
        if table is not None:
            return self.new(node, table)
        if "ndarray" in kinds or "Index" in kinds:
            return self.new(node, "ndarray")
        return BOOL if all(kind in IMMUTABLE for kind in kinds) else self.new(node, "")

    def _bool_op(self, node: ast.BoolOp) -> Value:
        found = self.value(node.values[0])
        self.look_at(found, node)
        for operand in node.values[1:]:
            with self.branch():
                found = join(found, self.value(operand))
        return found._replace(text=None, exact=False)

    def _if_expression(self, node: ast.IfExp) -> Value:
        self.look_at(self.value(node.test), node)
        start = self.state.copy()
        one = self.value(node.body)
        after, self.state = self.state, start
        other = self.value(node.orelse)
        self.join_with(after)
        return join(one, other)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Code that may or may not run."""
        start = self.state.copy()
        yield
        self.join_with(start)

    def join_with(self, other: State) -> None:
        """Another path meets this one."""
        from_here = self.state
        if from_here.values == other.values and from_here.bound == other.bound:
            from_here.dead = from_here.dead and other.dead
            return
        self.state = join_states(from_here, other, self.before)

    # -- text ---------------------------------------------------------------------------------

    def _joined(self, node: ast.JoinedStr) -> Value:
        parts = [self.value(part) for part in node.values]
        text = "".join("*" if part.text is None else part.text for part in parts)
        return Value(type="str", text=text, exact=all(part.exact for part in parts))

    def _formatted(self, node: ast.FormattedValue) -> Value:
        value = self.value(node.value)
        self.look_at(value, node)
        if node.format_spec is not None:
            self.value(node.format_spec)
            return STR
        return value if value.type in ("str", "int", "Path") and node.conversion < 0 else STR

    # -- comprehensions -----------------------------------------------------------------------

    def _list_comprehension(self, node: ast.ListComp) -> Value:
        elem = self._comprehend(node, node.generators, [node.elt])
        return self.container(node, "list", [elem], elem)

    def _set_comprehension(self, node: ast.SetComp) -> Value:
        elem = self._comprehend(node, node.generators, [node.elt])
        return self.container(node, "set", [elem], elem)

    def _dict_comprehension(self, node: ast.DictComp) -> Value:
        elem = self._comprehend(node, node.generators, [node.key, node.value])
        return self.container(node, "dict", [elem], elem)

    def _generator(self, node: ast.GeneratorExp) -> Value:
        if any(isinstance(inner, ast.NamedExpr) for inner in walk(node)):
            self.one_lane("a generator binds names when it is used up", node.lineno)
        first = self.value(node.generators[0].iter)
        before = self.record.deeds()
        elem = self._comprehend(node, node.generators, [node.elt], first=first)
        made = self.container(node, "generator", [elem, first], elem)
        # Half used up, it goes on with the very lists that it found.
        self.record.hold(made.objs, self.read_late(late_names(node)))
        self.record.acts_later(made.objs, self.record.deeds() - before, node.lineno)
        for obj in made.objs:
            self.record.made[obj] = "a generator"
            self.record.generators.append((obj, node))
        self.record.bears(node, self.state.bound)
        return made

    def read_late(self, names: Iterable[str]) -> Objects:
        """What code finds that looks these globals up, and the functions among them do, too."""
        found: set[str] = set()
        waiting, seen = [*names], set[str]()
        while waiting:
            name = waiting.pop()
            value = self.peek(name) if name not in seen else None
            seen.add(name)
            if value is not None:
                found |= strong(value)
                waiting += [n for one in value.callables for n in free_names(one.node)]
        return frozenset(found)

    def _comprehend(
        self,
        node: ast.expr,
        generators: list[ast.comprehension],
        results: list[ast.expr],
        *,
        first: Value | None = None,
    ) -> Value:
        outer = self.frame
        first = self.value(generators[0].iter) if first is None else first
        names = frozenset(bound_names([g.target for g in generators]))
        inner = Frame("comprehension", f"{self.site(node)[4:]}:", names, parent=outer)
        start = self.state.copy()
        found = UNKNOWN
        self.frame = inner
        for position, generator in enumerate(generators):
            source = first if position == 0 else self.value(generator.iter)
            self.assign(generator.target, self.iterate(source, generator.iter))
            for condition in generator.ifs:
                self.look_at(self.value(condition), condition)
        for result in results:
            found = self.value(result)
        self.frame = outer
        inner.alive = False
        self.join_with(start)
        return found

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError


def _join_all(parts: list[Value]) -> Value | None:
    if not parts or len(parts) > 200:
        return None
    found = parts[0]
    for part in parts[1:]:
        found = join(found, part)
    return found._replace(text=None, exact=False) if len(parts) > 1 else found


def _is_mask(index: ast.expr) -> bool:
    match index:
        case ast.Compare() | ast.List() | ast.Slice() | ast.ListComp():
            return True
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) | ast.UnaryOp(op=ast.Invert()):
            return True
    return False


def _indexer_type(index: ast.expr) -> str:
    """What `.loc[…]` of a DataFrame gives, as far as the text of the index shows."""
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:
        rows, columns = index.elts
        if _is_mask(columns):
            return "DataFrame" if _is_mask(rows) else "NDFrame"
        return "Series" if _is_mask(rows) else ""
    return "NDFrame" if _is_mask(index) else ""


def _text_of(left: Value, right: Value, op: ast.operator) -> Value | None:
    """Literal text built by `+`, `/` (paths) and `%`."""
    exact = left.exact and right.exact
    if isinstance(op, ast.Div) and "Path" in (left.type, right.type):
        if left.text is None and right.text is None:
            return Value(type="Path")
        return Value(type="Path", text=join_path(left.text, right.text), exact=exact)
    if isinstance(op, ast.Add) and left.type == right.type == "str":
        if left.text is None and right.text is None:
            return Value(type="str")
        texts = ("*" if part.text is None else part.text for part in (left, right))
        return Value(type="str", text="".join(texts), exact=exact)
    if isinstance(op, ast.Mod) and left.type == "str":
        filled = None if left.text is None else re.sub(r"%[-+ #0-9.]*[a-zA-Z]", "*", left.text)
        return Value(type="str", text=filled)
    return None


def join_path(left: str | None, right: str | None) -> str:
    """Two path texts joined, as pathlib would; `*` for an unknown part.

    >>> join_path("data", "x.csv"), join_path(None, "x.csv"), join_path("a", "/b")
    ('data/x.csv', '*/x.csv', '/b')
    """
    first = "*" if left is None else left.rstrip("/") if left != "/" else ""
    second = "*" if right is None else right
    if second.startswith("/"):
        return second
    return second if first in (".", "") and left != "/" else f"{first}/{second}"


def _result_type(left: str, right: str, op: ast.operator) -> str:
    kinds = {left, right}
    if kinds <= _NUMERIC:
        return "float" if isinstance(op, ast.Div) else left if left == right else "number"
    for table in ("DataFrame", "NDFrame", "Series", "Index"):
        if table in kinds:
            return table
    if "ndarray" in kinds:
        return "ndarray"
    if "str" in kinds and kinds <= {"str", "int", "number", "bool"}:
        return "str"
    if kinds <= IMMUTABLE:
        return NUMBER.type if kinds <= _NUMERIC else "scalar"
    if "list" in kinds and kinds <= {"list", "int", "number", "tuple"}:
        return "list"
    return left if left == right and left in ("set", "dict") else ""


OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}

_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.In: "contains",
    ast.NotIn: "contains",
}

_READERS: Final[dict[type[ast.AST], Callable[..., Value]]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: lambda reader, node: reader.call(node),
    ast.List: Expressions._list,
    ast.Set: Expressions._set,
    ast.Tuple: Expressions._tuple,
    ast.Dict: Expressions._dict,
    ast.Starred: Expressions._starred,
    ast.Slice: Expressions._slice,
    ast.Await: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.YieldFrom: Expressions._yield,
    ast.NamedExpr: Expressions._named,
    ast.Lambda: Expressions._lambda,
    ast.BinOp: Expressions._binary,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._compare,
    ast.BoolOp: Expressions._bool_op,
    ast.IfExp: Expressions._if_expression,
    ast.JoinedStr: Expressions._joined,
    ast.FormattedValue: Expressions._formatted,
    ast.ListComp: Expressions._list_comprehension,
    ast.SetComp: Expressions._set_comprehension,
    ast.DictComp: Expressions._dict_comprehension,
    ast.GeneratorExp: Expressions._generator,
}
