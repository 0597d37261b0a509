"""Which statements of a cell other lanes can replay instead of loading what they bind.

A fragment gives the same names the same meaning wherever it is run: imports, functions, classes,
constants that nobody changes. What its body reads when it is *called* is told apart (`late`).
"""

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from nbflow.analysis.calls import TOO_DEEP, unknown_arguments
from nbflow.analysis.effects import NOW, TELL_THE_TIME
from nbflow.analysis.expressions import Home
from nbflow.analysis.facts import Certainty, Fragment, Use
from nbflow.analysis.foreign_sql import is_foreign_setting
from nbflow.analysis.magics import Magics
from nbflow.analysis.nodes import of_kind, walk
from nbflow.analysis.scopes import (
    bound_names,
    free_names,
    nested_functions,
    outer_expressions,
    root_name,
    stored_roots,
)
from nbflow.analysis.state import Record, Summary
from nbflow.analysis.statements import WRAPPERS, changes_attribute, decorator_of, star_names
from nbflow.analysis.values import IMMUTABLE, Class, Function, Value
from nbflow.core.names import Name

_BUILTINS: Final = frozenset(dir(builtins))
_FACTORIES: Final = frozenset(
    {
        *("collections.namedtuple", "typing.NewType", "typing.TypeVar", "typing.NamedTuple"),
        *("typing.TypedDict", "typing.ParamSpec", "enum.Enum", "functools.partial"),
    }
)
_INTERACTIVITY: Final = "IPython.core.interactiveshell.InteractiveShell.ast_node_interactivity"
_MAGICS: Final = frozenset({"matplotlib", "config", "load_ext", "autoreload"})
_MUTABLE: Final = frozenset(
    {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
)
_CALLED_BY_PICKLE: Final = frozenset(
    {
        *("__new__", "__setstate__", "__getstate__", "__reduce__", "__reduce_ex__", "__setattr__"),
        *("__hash__", "__eq__", "__setitem__", "append", "extend"),
    }
)
_CALLED_BY_LOOKING: Final = frozenset(
    {
        *("__getstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"),
        *("__hash__", "__eq__", "__repr__", "__getattr__", "__getattribute__"),
    }
)
"""What is called when a value is stored, or looked at to be compared, and should change nothing."""

_CONTAINERS: Final = frozenset({"list", "dict", "deque", "OrderedDict", "defaultdict", "Counter"})
_BUILT_ANEW: Final = frozenset({"set", "frozenset", "Exception", "deque", "Counter"})
"""Of these, and of their children, loading calls `__init__`."""

_LITERALS: Final = (
    ast.Constant,
    ast.Tuple,
    ast.UnaryOp,
    ast.unaryop,
    ast.BinOp,
    ast.operator,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
    ast.keyword,
    ast.Name,
    ast.Attribute,
    ast.Call,
)
_HARMLESS: Final = (
    *_LITERALS,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Compare,
    ast.cmpop,
    ast.BoolOp,
    ast.boolop,
    ast.Subscript,
    ast.Slice,
    ast.IfExp,
    ast.Starred,
    ast.Lambda,
    ast.arguments,
    ast.arg,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A top-level statement: fragments, nothing at all (`silent`), or neither."""

    statement: ast.stmt
    fragments: tuple[Fragment, ...] = ()
    silent: bool = False


class Fragments:
    """Finds the fragments of one cell, after it was read."""

    def __init__(self, reader: Magics, source: str, *, constants: bool) -> None:
        self.reader = reader
        self.source = source
        self.lines = source.splitlines()
        self.constants = constants
        self.own: set[str] = set()
        self.one_shell_setting = False

    def parts(self, body: list[ast.stmt]) -> tuple[Part, ...]:
        """Every top-level statement, judged."""
        counts: dict[str, int] = {}
        for statement in body:
            for name in bound_names([statement]):
                counts[name] = counts.get(name, 0) + 1
        shared_lines = _shared_lines(body)
        if "ast_node_interactivity" in self.source:
            self.one_shell_setting = sum(map(_stores_interactivity, body)) == 1
        found: list[Part] = []
        for statement in body:
            part = self._part(statement, counts, shared_lines)
            if part.fragments and isinstance(statement, ast.Assign | ast.AnnAssign):
                self.own.update(str(name) for f in part.fragments for name in f.names)
            found.append(part)
        return tuple(found)

    def _part(self, node: ast.stmt, counts: dict[str, int], shared_lines: set[int]) -> Part:
        if _is_silent(node):
            return Part(statement=node, silent=True)
        names = self._names(node)
        if names is None:
            return Part(statement=node)
        if not isinstance(node, ast.Import | ast.ImportFrom):
            if any(counts.get(name, 0) > 1 for name in names) or self._changed(names):
                return Part(statement=node)
        elif any(counts.get(name, 0) > 1 and not self._same_import(name) for name in names):
            return Part(statement=node)
        if isinstance(node, ast.Import) and len(node.names) > 1:
            single = [ast.copy_location(ast.Import(names=[alias]), node) for alias in node.names]
            alone = {*shared_lines, node.lineno}
            return Part(
                statement=node,
                fragments=tuple(self._fragment(n, self._imported(n) or (), alone) for n in single),
            )
        return Part(statement=node, fragments=(self._fragment(node, names, shared_lines),))

    def _imported(self, node: ast.Import | ast.ImportFrom) -> tuple[str, ...] | None:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            module = "." * node.level + (node.module or "")
            return star_names(module) or self.reader.shared.star_names(module)
        return tuple(sorted(bound_names([node])))

    def _same_import(self, name: str) -> bool:
        value = self.reader.state.values.get(name)
        return value is not None and value.type == "module" and value.ref == name

    def _changed(self, names: tuple[str, ...]) -> bool:
        """Something of it is changed in this very cell: a replay would bring back the old."""
        for name in names:
            value = self.reader.state.values.get(name)
            if value is not None and any(obj in self.reader.record.changed for obj in value.objs):
                return True
            if f"in:{name}" in self.reader.record.changed:
                return True
        return False

    # -- what is a fragment -------------------------------------------------------------------

    def _names(self, node: ast.stmt) -> tuple[str, ...] | None:
        """The names that a fragment binds; None if the statement is no fragment."""
        match node:
            case ast.Import() | ast.ImportFrom():
                return self._imported(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                return (name,) if self._plain_function(node) else None
            case ast.ClassDef(name=name):
                return (name,) if self._plain_class(node) else None
            case ast.Try():
                return _optional_import(node)
            case ast.If(test=test) if _is_type_checking(test):
                return ()
            case ast.Expr(value=ast.Call() as call) if _harmless_magic(call) is not None:
                return ()
            case ast.Assign() if self._sets_the_shell(node):
                # Every kernel below is told so, too.
                self.reader.record.one_lane.pop(changes_attribute(_INTERACTIVITY), None)
                return ()
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return (name,) if self._plain_value(name, value) else None
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                fine = self._plain_value(name, value) and self._harmless(node.annotation)
                return (name,) if fine else None
        return None

    def _plain_value(self, name: str, value: ast.expr) -> bool:
        if isinstance(value, ast.Lambda):
            return all(self._harmless(outer) for outer in outer_expressions(value))
        found = self.reader.state.values.get(name)
        if found is None:
            return False
        if isinstance(value, ast.Call) and self._dotted(value.func) in _FACTORIES - {
            "functools.partial"
        }:
            return all(self._harmless(argument) for argument in value.args)
        if isinstance(value, ast.Name | ast.Attribute) and found.ref is not None:
            return self.reader.effects.function(found.ref) is not None
        return self._constant(name, value, found)

    def _constant(self, name: str, node: ast.expr, value: Value) -> bool:
        if not self.constants or self.reader.shared.known.get(name, 0) > 1:
            return False
        if isinstance(node, ast.Name) and not self._is_constant(node.id):
            return False
        fixed = value.type in IMMUTABLE and value.type not in ("module", "class")
        fixed = fixed or (value.type == "tuple" and not value.objs and _all_fixed(value))
        return fixed and all(
            isinstance(inner, _LITERALS) and self._fixed_part(inner) for inner in walk(node)
        )

    def _fixed_part(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return self._pure_call(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            value = self.reader.peek(node.id)
            if value is None:
                return node.id in _BUILTINS
            return value.ref is not None or self._is_constant(node.id)
        return True

    def _is_constant(self, name: str) -> bool:
        return name in self.own or name in self.reader.shared.constants

    def _plain_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return all(self._plain_decorator(one) for one in node.decorator_list) and all(
            self._harmless(outer)
            for outer in outer_expressions(node)
            if outer not in node.decorator_list
        )

    def _plain_decorator(self, node: ast.expr) -> bool:
        dotted = self._dotted(decorator_of(node))
        if dotted in WRAPPERS or (dotted is None and _is_setter(node)):
            return not isinstance(node, ast.Call) or all(
                self._harmless(argument) for argument in node.args
            )
        return isinstance(node, ast.Name) and self._pure_function(node.id)

    def _pure_function(self, name: str) -> bool:
        """A function of the notebook that does nothing but give back a value."""
        value = self.reader.peek(name)
        if value is None or len(value.callables) != 1:
            return False
        function = value.callables[0]
        if not isinstance(function, Function) or function.cached:
            return False
        summary = self.reader.summarise(function, unknown_arguments(function))
        return does_nothing(summary)

    def _plain_class(self, node: ast.ClassDef) -> bool:
        if not all(self._plain_decorator(one) for one in node.decorator_list):
            return False
        if not all(
            isinstance(base, ast.Name | ast.Attribute | ast.Subscript) for base in node.bases
        ):
            return False
        if not all(self._harmless(keyword.value) for keyword in node.keywords):
            return False
        value = self.reader.state.values.get(node.name)
        cls = value.callables[0] if value is not None and value.callables else None
        if isinstance(cls, Class) and any(b.find("__init_subclass__") for b in cls.bases):
            return False
        return all(self._plain_member(member) for member in node.body)

    def _plain_member(self, node: ast.stmt) -> bool:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._plain_function(node)
            case ast.ClassDef():
                return self._plain_class(node)
            case ast.Assign(value=value):
                return self._harmless(value)
            case ast.AnnAssign(value=value):
                return value is None or self._harmless(value)
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return True
        return False

    def _harmless(self, node: ast.expr) -> bool:
        """Evaluating it changes nothing and always gives the same."""
        return all(
            isinstance(inner, _HARMLESS)
            and (not isinstance(inner, ast.Call) or self._pure_call(inner))
            for inner in _outside_lambdas(node)
        )

    def _pure_call(self, node: ast.Call) -> bool:
        dotted = self._dotted(node.func)
        if dotted is None:
            return False
        rule = self.reader.effects.function(dotted)
        if rule is None or dotted == "builtins.open":
            return False
        if dotted in TELL_THE_TIME and any(
            isinstance(arg, ast.Constant) and arg.value in NOW for arg in node.args
        ):
            return False  # each lane would replay it at another time
        acts = rule.mutates or rule.reads or rule.writes or rule.sets or rule.seeds or rule.draws
        return not (acts or rule.words or rule.looks or rule.affine or rule.one_lane)

    def _dotted(self, node: ast.expr) -> str | None:
        """The dotted name of a module's function, as it is known here."""
        match node:
            case ast.Name(id=name):
                value = self.reader.peek(name)
                if value is not None:
                    return value.ref
                return f"builtins.{name}" if name in _BUILTINS else None
            case ast.Attribute(value=inner, attr=attribute):
                base = self._dotted(inner)
                return None if base is None else f"{base}.{attribute}"
        return None

    # -- the fragment -------------------------------------------------------------------------

    def _fragment(self, node: ast.stmt, names: tuple[str, ...], shared_lines: set[int]) -> Fragment:
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        module = _module(node)
        home = self.reader.shared.local_module(module) if module else None
        return Fragment(
            names=tuple(Name(name) for name in names),
            source=self._source(node, start, shared_lines),
            line=start,
            needs=self._uses(_needs(node), names),
            late=self._uses(_late(node), ()),
            module=module,
            environment=home.environment if home is not None else frozenset(),
            files=home.files if home is not None else frozenset(),
            for_its_effects=self._acts_when_replayed(node, module, names, home),
        )

    def _acts_when_replayed(
        self, node: ast.stmt, module: str | None, names: tuple[str, ...], home: Home | None
    ) -> bool:
        if module is not None:
            return self._acts_on_import(module, names, home)
        return self._sets_the_shell(node)

    def _sets_the_shell(self, node: ast.stmt) -> bool:
        """It says how the kernel shows results, in every cell below."""
        match node:
            case ast.Expr(value=ast.Call() as call):
                return (_harmless_magic(call) or "").startswith("%config ")
            case ast.Assign(targets=[ast.Attribute() as target], value=ast.Constant()):
                return self.one_shell_setting and self._dotted(target) == _INTERACTIVITY
        return False

    def _acts_on_import(self, module: str, names: tuple[str, ...], home: Home | None) -> bool:
        """`import hvplot.pandas` gives tables a method: who uses it does not name the module."""
        if home is not None and any("registers" in why for why in home.record.one_lane):
            return True
        library = module.partition(".")[0]
        effects, shared = self.reader.effects, self.reader.shared
        quiet = library in sys.stdlib_module_names or library in effects.libraries
        quiet = quiet or (library in effects.quiet and not shared.may_be_local(library))
        return not quiet and shared.used.isdisjoint(names)

    def _source(self, node: ast.stmt, start: int, shared_lines: set[int]) -> str:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return _harmless_magic(node.value) or ast.unparse(node)
        end = node.end_lineno or start
        if node.col_offset or shared_lines.intersection(range(start, end + 1)):
            return ast.unparse(node)
        return "\n".join(self.lines[start - 1 : end])

    def _uses(self, names: dict[str, int], own: tuple[str, ...]) -> tuple[Use, ...]:
        known = self.reader.shared.known
        return tuple(
            Use(name=Name(name), line=line)
            for name, line in names.items()
            if name not in own and (name in known or name not in _BUILTINS)
        )


def finish(fragment: Fragment, value: Value | None, reader: Magics) -> Fragment:
    """Add what a fragment's bodies may write when they are called, seen from the notebook's end."""
    if value is None or not value.callables:
        return fragment
    writes: dict[str, bool] = {}
    state = False
    for function in _functions(value):
        names, stateful = _late_writes(function, reader)
        state = state or stateful
        for name, sure in names.items():
            writes[name] = writes.get(name, False) or sure
    own = {str(name) for name in fragment.names}
    state = (
        state
        or bool(own & writes.keys())
        or any(isinstance(one, Class) and _changes_itself(one, reader) for one in value.callables)
        or any(isinstance(one, Class) and _acts_when_stored(one, reader) for one in value.callables)
    )
    late = late_writes_of(writes, fragment.line, reader)
    return replace(fragment, late_writes=late, mutable_state=state)


def late_writes_of(names: dict[str, bool], line: int, reader: Magics) -> tuple[Use, ...]:
    """The globals among these names that the notebook binds, as uses."""
    return tuple(
        Use(name=Name(name), line=line, certainty=Certainty.SURE if sure else Certainty.MAY)
        for name, sure in names.items()
        if name in reader.shared.known or name.startswith("@")
    )


def _late_writes(function: Function, reader: Magics) -> tuple[dict[str, bool], bool]:
    """Globals that a call may write, and whether the function keeps state of its own."""
    bound = unknown_arguments(function)
    kept = {name: value for name, value in function.defaults.items() if value.objs}
    summary = reader.summarise(function, bound | kept)
    writes = written_globals(summary)
    # A local of the function is no global, even if a global has its name.
    free = free_names(function.node).keys()
    for inner in nested_functions(function.node):
        for name in stored_roots(inner) & free:
            writes.setdefault(name, False)
    changed = summary.record.changed
    stateful = any(f"arg:{name}" in changed for name in kept)
    # What could not be followed must not be replayed as if it had no effect.
    stateful = stateful or TOO_DEEP in summary.record.one_lane
    if function.cached:
        stateful = stateful or not _cache_is_invisible(summary, reader)
    return writes, stateful


def written_globals(summary: Summary) -> dict[str, bool]:
    """Globals that a call binds or changes: → surely."""
    found = {name: sure for name, (_, sure) in summary.assigned.items() if not name.startswith("@")}
    for obj, change in summary.record.changed.items():
        kind, _, name = obj.partition(":")
        if kind in ("in", "inside"):
            found[name] = found.get(name, False) or change.sure
    for channel, (_, sure) in summary.record.channels.items():
        if sure:
            found[channel] = True
    return found


def does_nothing(summary: Summary) -> bool:
    """A call that reads at most: no writes, no effects, no files."""
    record: Record = summary.record
    quiet = not (record.effects or record.files_read or record.files_written or record.one_lane)
    sure_channels = any(sure for _, sure in record.channels.values())
    return quiet and not sure_channels and not any(written_globals(summary).values())


def _cache_is_invisible(summary: Summary, reader: Magics) -> bool:
    """A cached function gives what it would give anyway: nothing it looks at changes."""
    if summary.result.type not in IMMUTABLE or not does_nothing(summary):
        return False
    return all(
        name in reader.shared.constants or _is_definition(reader.peek(name))
        for name in summary.record.reads
    )


def _is_definition(value: Value | None) -> bool:
    return value is None or bool(value.callables) or value.ref is not None


def _functions(value: Value) -> Iterator[Function]:
    for one in value.callables:
        if isinstance(one, Function):
            yield one
        else:
            for member in one.members.values():
                yield from _functions(member)


def _changes_itself(cls: Class, reader: Magics) -> bool:
    """Methods (or anybody) change what all instances share."""
    own = {arg.arg for f in nested_functions(cls.node) for arg in f.args.args[:1]}
    shared = {
        name
        for name, value in cls.members.items()
        if value.type in _MUTABLE
        and name not in _set_on_instances(cls.node)
        and name not in _made_by_field(cls.node)
    }
    if shared & reader.shared.changed_attributes:
        return True
    return any(_stores_on_class(node, cls.name, own) for node in walk(cls.node))


def _acts_when_stored(cls: Class, reader: Magics) -> bool:
    """Storing or loading its instances calls methods that change globals, or looking at them some
    that do more than tell what they are."""
    bases = _base_names(cls.node)
    called = _CALLED_BY_PICKLE | ({"__init__"} if _BUILT_ANEW & bases else set())
    looking = _CALLED_BY_LOOKING | ({"__iter__", "items"} if _CONTAINERS & bases else set())
    return any(
        (name in called | looking and _late_writes(one, reader)[0])
        or (name in looking and _does_more_than_tell(one, reader))
        for name, method in cls.members.items()
        for one in method.callables
        if isinstance(one, Function)
    )


def _does_more_than_tell(function: Function, reader: Magics) -> bool:
    """A call prints, or visibly changes what it is given."""
    record = reader.summarise(function, unknown_arguments(function)).record
    given = (change for obj, change in record.changed.items() if obj.startswith(("arg:", "any:")))
    return record.displays or any(change.sure for change in given)


def _base_names(node: ast.ClassDef) -> set[str]:
    names = {root_name(base) or "" for base in node.bases}
    return {"Exception" if name.endswith("Error") else name for name in names}


def _stores_interactivity(node: ast.stmt) -> int:
    return sum(
        isinstance(one, ast.Attribute)
        and one.attr == "ast_node_interactivity"
        and isinstance(one.ctx, ast.Store)
        for one in walk(node)
    )


def _made_by_field(node: ast.ClassDef) -> set[str]:
    """Attributes of a dataclass: `= field(default_factory=list)` is made anew for each instance."""
    return {
        member.target.id
        for member in node.body
        if isinstance(member, ast.AnnAssign)
        and isinstance(member.target, ast.Name)
        and isinstance(member.value, ast.Call)
        and root_name(member.value)
        in ("field", "dataclasses", "Field", "attr", "attrs", "pydantic")
    }


def _set_on_instances(node: ast.ClassDef) -> set[str]:
    return {
        inner.attr
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name in ("__init__", "__post_init__")
        for inner in walk(method)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "self"
    }


def _stores_on_class(node: ast.AST, name: str, own: set[str]) -> bool:
    """`cls.x = …`, `Name.x = …`, `type(self).x = …`, `self.__class__.x = …`."""
    if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
        return False
    match node.value:
        case ast.Name(id=base):
            return base == name or (base == "cls" and base in own)
        case ast.Call(func=ast.Name(id="type")):
            return True
        case ast.Attribute(attr="__class__"):
            return True
    return False


def changed_attributes(tree: ast.AST) -> set[str]:
    """Attributes whose value is changed somewhere: `x.items.append(1)`, `x.table[k] = v`."""
    found: set[str] = set()
    for place in of_kind(tree, ast.Subscript):
        if isinstance(place.value, ast.Attribute) and not isinstance(place.ctx, ast.Load):
            found.add(place.value.attr)
    for change in of_kind(tree, ast.AugAssign):
        if isinstance(change.target, ast.Attribute):
            found.add(change.target.attr)
    for call in of_kind(tree, ast.Call):
        match call.func:
            case ast.Attribute(value=ast.Attribute(attr=name), attr=method):
                if method not in _LOOKS:
                    found.add(name)
    return found


_LOOKS: Final = frozenset(
    {"get", "items", "keys", "values", "copy", "index", "count", "union", "intersection", "join"}
)


def _all_fixed(value: Value) -> bool:
    return all(i.type in IMMUTABLE or _all_fixed(i) for i in value.items or ())


def _is_silent(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(value=None, target=ast.Name(), annotation=annotation):
            return isinstance(annotation, ast.Name | ast.Attribute | ast.Constant | ast.Subscript)
    return False


def _optional_import(node: ast.Try) -> tuple[str, ...] | None:
    """`try: import a` / `except ImportError: a = None`."""
    handlers = [statement for handler in node.handlers for statement in handler.body]
    if node.orelse or node.finalbody or not all(_catches_missing(h) for h in node.handlers):
        return None
    if not all(isinstance(s, ast.Import | ast.ImportFrom) for s in node.body):
        return None
    for statement in handlers:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Pass():
                continue
            case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                continue
        return None
    if any(a.name == "*" for n in walk(node) if isinstance(n, ast.ImportFrom) for a in n.names):
        return None
    return tuple(sorted(bound_names([node])))


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    match handler.type:
        case ast.Name(id="ImportError" | "ModuleNotFoundError"):
            return True
    return False


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _harmless_magic(call: ast.Call) -> str | None:
    match call:
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic"
            ),
            args=[ast.Constant(value=str(name)), ast.Constant(value=str(line))],
        ) if name in _MAGICS and not is_foreign_setting(name, line):
            return f"%{name} {line}".rstrip()
    return None


def _is_setter(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("setter", "getter", "deleter")


def _outside_lambdas(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.Lambda):
        for default in outer_expressions(node):
            yield from _outside_lambdas(default)
        return
    for child in ast.iter_child_nodes(node):
        yield from _outside_lambdas(child)


def _shared_lines(body: list[ast.stmt]) -> set[int]:
    """Lines on which more than one statement stands."""
    seen: set[int] = set()
    found: set[int] = set()
    for statement in body:
        lines = {statement.lineno, statement.end_lineno or statement.lineno}
        found |= lines & seen
        seen |= lines
    return found


def _needs(node: ast.stmt) -> dict[str, int]:
    """Names that are read when the fragment is replayed."""
    found: dict[str, int] = {}
    waiting: list[ast.AST] = []
    inner: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        waiting.extend(outer_expressions(node))
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        waiting.extend(child for child in ast.iter_child_nodes(node) if not _is_target(child))
    if isinstance(node, ast.ClassDef):
        inner = bound_names(node.body)
        waiting.extend(node.body)
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.Name):
            if isinstance(current.ctx, ast.Load) and current.id not in inner:
                found.setdefault(current.id, current.lineno)
        elif isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(outer_expressions(current))
        elif isinstance(current, ast.ClassDef):
            for name, line in _needs(current).items():
                if name not in inner:
                    found.setdefault(name, line)
        else:
            waiting.extend(ast.iter_child_nodes(current))
    return found


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _late(node: ast.stmt) -> dict[str, int]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return free_names(node)
        case ast.Assign(value=ast.Lambda() as value) | ast.AnnAssign(value=ast.Lambda() as value):
            return free_names(value)
    return {}


def _module(node: ast.stmt) -> str | None:
    match node:
        case ast.Import(names=aliases):
            return aliases[0].name
        case ast.ImportFrom(module=module, level=level):
            return "." * level + (module or "")
        case ast.Try(body=[first, *_]):
            return _module(first)
    return None
