"""Reading statements: bindings, branches, loops, functions and classes."""

import ast
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from nbflow.analysis.arguments import Arguments
from nbflow.analysis.expressions import DICTS, OPERATORS, Shared
from nbflow.analysis.facts import Effect
from nbflow.analysis.known_calls import KnownCalls
from nbflow.analysis.nodes import walk
from nbflow.analysis.scopes import (
    body_of,
    bound_names,
    declared_global,
    free_names,
    is_generator,
    local_names,
    parameters,
    root_name,
)
from nbflow.analysis.state import State, join_states
from nbflow.analysis.values import (
    IMMUTABLE,
    NO_OBJECTS,
    UNKNOWN,
    Class,
    Frame,
    Function,
    Objects,
    Value,
    join,
    remap,
    strong,
)


def changes_attribute(dotted: str) -> str:
    """Why a cell that sets something in a module needs one kernel for all."""
    return f"it changes the module attribute `{dotted}`"


DELETED: Final = Value(type="deleted")
"""What a name stands for after `del`."""

WRAPPERS: Final = frozenset(
    {
        *("functools.lru_cache", "functools.cache", "functools.wraps", "functools.total_ordering"),
        *("functools.cached_property", "builtins.staticmethod"),
        *("builtins.classmethod", "builtins.property", "abc.abstractmethod", "enum.unique"),
        *("contextlib.contextmanager", "contextlib.asynccontextmanager", "typing.overload"),
        *("dataclasses.dataclass", "typing.final", "typing.override", "typing.runtime_checkable"),
        *("numba.njit", "numba.jit", "numba.vectorize", "numba.prange"),
    }
)
"""Decorators that leave what is decorated behaving as it reads."""

_KINDS: Final = {
    "builtins.staticmethod": "staticmethod",
    "builtins.classmethod": "classmethod",
    "builtins.property": "property",
    "functools.cached_property": "cached_property",
    "contextlib.contextmanager": "contextmanager",
    "contextlib.asynccontextmanager": "contextmanager",
}
_PROPERTY_KINDS: Final = {"getter": "property", "setter": "setter", "deleter": "deleter"}
_CACHES: Final = frozenset({"functools.lru_cache", "functools.cache"})

_KEEPS_ERRORS: Final = frozenset(
    {
        *("file", "archive", "Shelf", "connection", "ContextManager", "executor", "session"),
        *("lock", "duckdb"),
        *("Figure", "cursor", "process", "scalar", "Generator"),
    }
)
"""Context managers that never swallow an exception, so what their block binds is bound after it."""

_OVER_AFTER_BLOCK: Final = frozenset(
    {"file", "archive", "Shelf", "executor", "duckdb", "session", "lock"}
)

_STARRED_MODULES: Final = frozenset(
    {
        *("math", "cmath", "statistics", "datetime", "collections", "itertools", "functools"),
        *("typing", "dataclasses", "pathlib", "decimal", "fractions", "random", "time", "json"),
        *("re", "string", "operator", "enum", "os.path"),
    }
)
"""Modules of the standard library that may be imported here to see what `import *` binds."""

_CATCHES_UNBOUND: Final = frozenset(
    {"NameError", "Exception", "BaseException", "UnboundLocalError"}
)
_MANY_ROUNDS: Final = 3


class Statements(KnownCalls):
    """Reads statements."""

    def __init__(self, shared: Shared, base: Callable[[str], Value | None]) -> None:
        super().__init__(shared, base)
        self.leaving: list[tuple[list[State], list[State]]] = []
        self.exits: list[State] = []
        self.returned: Value | None = None

    def run(self, statements: list[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Read one statement."""
        self.shared.fuel -= 1
        reader = _READERS.get(node.__class__)
        if reader is not None:
            reader(self, node)

    # -- binding ------------------------------------------------------------------------------

    def assign(self, target: ast.expr, value: Value) -> None:
        """Give a value to a target."""
        match target:
            case ast.Name(id=name):
                self.bind(name, value, target.lineno)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self._unpack(targets, value, target)
            case ast.Starred(value=inner):
                self.assign(inner, self.container(target, "list", [value], None))
            case ast.Attribute() | ast.Subscript():
                self.store(target, value)

    def _unpack(self, targets: list[ast.expr], value: Value, node: ast.AST) -> None:
        starred = any(isinstance(target, ast.Starred) for target in targets)
        if value.items is not None and len(value.items) == len(targets) and not starred:
            for target, item in zip(targets, value.items, strict=True):
                self.assign(target, item)
            return
        part = self.iterate(value, node)
        for target in targets:
            self.assign(target, part)

    def store(self, target: ast.Attribute | ast.Subscript, value: Value) -> None:
        """`x[…] = value`, `x.attr = value`."""
        base = self.value(target.value)
        key = self.value(target.slice) if isinstance(target, ast.Subscript) else None
        line = target.lineno
        if base.ref is not None:
            self._store_in_module(base.ref, target)
            return
        if base.type == "Logger":
            self.one_lane("it changes a logger, which the whole kernel shares", line)
        if isinstance(target, ast.Attribute) and target.attr == "__dict__":
            self.one_lane("objects share the dict of their attributes", line)
        if base.type == "class" and not base.callables:
            self.one_lane("it changes a class that the text does not name", line)
        if base.type == "DecimalContext":
            self._write_channel("@decimal", line, anew=False)
        if base.type == "Index" and isinstance(target.value, ast.Name):
            self.one_lane("it changes an index that several tables may share", line)
        self.change_itself(base, target.value, line)
        self.record.hold(base.objs, strong(value))
        if key is not None and (not base.type or base.type in DICTS):
            self.hold_key(base, key)
        self.take(value, line)
        if base.elem is not None and value.type not in IMMUTABLE:
            self._forget_elements(base.objs)
        if base.instance is not None:
            name = "__setitem__" if key is not None else "__setattr__"
            self.special(base, name, [key or Value(type="str"), value], target)
            if isinstance(target, ast.Attribute):
                self._set_member(base, target.attr, value, target)

    def _set_member(self, base: Value, name: str, value: Value, node: ast.AST) -> None:
        """A property's setter, or a descriptor, is called with the value."""
        member = base.instance.find(name) if base.instance is not None else None
        if member is None:
            return
        if member.instance is not None:
            self.special(member, "__set__", [base, value], node)
        for one in member.callables:
            if isinstance(one, Function) and one.kind == "setter":
                self.call_function(one, Arguments([base, value]), node)

    def _store_in_module(self, dotted: str, target: ast.Attribute | ast.Subscript) -> None:
        full = f"{dotted}.{target.attr}" if isinstance(target, ast.Attribute) else dotted
        channel = self.effects.channel(full)
        if channel is None:
            self.one_lane(changes_attribute(full), target.lineno)
            return
        match target:
            case ast.Subscript(slice=ast.Constant(value="MPLBACKEND")):
                self.one_lane("it changes the drawing backend", target.lineno)
        self.read_channel(channel, target.lineno)
        self._write_channel(channel, target.lineno, anew=False)

    def _assignment(self, node: ast.Assign) -> None:
        if [target.id for target in node.targets if isinstance(target, ast.Name)] == ["_"]:
            self.bare, self.bare_is_shown = node.value, False
        value = self.value(node.value)
        self.bare = None
        for target in node.targets:
            self.assign(target, value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        # Annotations of local variables are not evaluated.
        hint = UNKNOWN if self.frame.kind == "function" else self.value(node.annotation)
        if node.value is None:
            return
        value = self.value(node.value)
        self.assign(node.target, self.hinted(value, hint))

    def hinted(self, value: Value, hint: Value) -> Value:
        """A value whose annotation speaks where nothing else does."""
        if value.type or value.instance is not None or value.ref or value.callables:
            return value
        known = self.type_of_hint(hint)
        return value._replace(type=known.type, instance=known.instance)

    def type_of_hint(self, hint: Value) -> Value:
        """The value that an annotation promises."""
        if hint.callables and isinstance(hint.callables[0], Class):
            return Value(type="instance", instance=hint.callables[0])
        if hint.ref is None:
            return UNKNOWN
        name = hint.ref.removeprefix("builtins.")
        if name in ("int", "float", "str", "bool", "bytes", "list", "dict", "set", "tuple"):
            return Value(type=name)
        if name in _HINTS:
            return Value(type=_HINTS[name])
        return UNKNOWN

    def _augmented(self, node: ast.AugAssign) -> None:
        given = self.value(node.value)
        target = node.target
        if not isinstance(target, ast.Name):
            old = self.value(_loaded(target))
            self.store(target, self.operation(old, given, node.op, node))
            return
        old = self.load(target.id, node.lineno)
        in_place = f"__i{OPERATORS[type(node.op)]}__"
        result = self.special(old, in_place, [given], node)
        if result is None:
            result = self.operation(old, given, node.op, node)
        if old.type in IMMUTABLE and old.type != "module":
            self.bind(target.id, result, node.lineno)
            return
        self.change(old, node.lineno)
        self.record.hold(old.objs, strong(self.any_part(given)) if given.objs else NO_OBJECTS)
        kind = old.type or result.type
        kept = Value(type=kind, objs=old.objs | result.objs, weak=old.weak, instance=old.instance)
        self.bind(target.id, kept, node.lineno)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._delete_target(target)

    def _delete_target(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.load(name, target.lineno)
                self.bind(name, DELETED, target.lineno)
            case ast.Attribute() | ast.Subscript():
                self.store(target, UNKNOWN)
                self._delete_part(target)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for inner in targets:
                    self._delete_target(inner)

    def _delete_part(self, target: ast.Attribute | ast.Subscript) -> None:
        base = self.value(target.value)
        if isinstance(target, ast.Subscript):
            self.special(base, "__delitem__", [UNKNOWN], target)
        else:
            self.special(base, "__delattr__", [Value(type="str")], target)

    # -- imports ------------------------------------------------------------------------------

    def _import_modules(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            dotted = alias.name if alias.asname else name
            self.bind(name, Value(type="module", ref=dotted), node.lineno)
            self._imported(alias.name, node.lineno)

    def _imported(self, module: str, line: int) -> None:
        """Importing a local module runs its code: what that sets holds from here on."""
        name = module.partition(".")[0]
        if self.shared.written_files & {f"{name}.py", f"{name}/__init__.py"}:
            self.one_lane(f"it imports `{name}`, which the notebook itself writes", line)
        home = self.shared.local_module(module)
        if home is not None and home.files & self.shared.written_files:
            self.one_lane(f"importing `{module}` reads a file that the notebook writes", line)
        if home is not None and home.reaches_back:
            self.one_lane(f"`{module}` looks into the notebook that imports it", line)
        for channel in home.record.channels if home is not None else ():
            self.read_channel(channel, line)
            self._write_channel(channel, line, anew=False)

    def _import_names(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self._import_everything(module, node.lineno)
                continue
            dotted = f"{module}.{alias.name}"
            rule = self.effects.module_attribute(dotted)
            value = Value(ref=dotted) if rule is None else Value(type=rule.returns)
            value = self.local_value(dotted) or value
            self.bind(alias.asname or alias.name, value, node.lineno)
        self._imported(module, node.lineno)

    def _import_everything(self, module: str, line: int) -> None:
        names = star_names(module) or self.shared.star_names(module)
        if names is None:
            self.one_lane(f"`from {module} import *` binds names that the text does not show", line)
            return
        for name in names:
            dotted = f"{module}.{name}"
            self.bind(name, self.local_value(dotted) or Value(ref=dotted), line)
        self._imported(module, line)

    # -- functions ----------------------------------------------------------------------------

    def make_function(self, node: ast.Lambda) -> Value:
        """A lambda as a value."""
        return self._new_function("<lambda>", node)

    def _new_function(
        self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    ) -> Value:
        defaults, kept = self._defaults(name, node)
        function = Function(
            name=name,
            node=node,
            defaults=defaults,
            annotations=self._annotations(node),
            frame=self._enclosing(),
            home=self.shared.home,
        )
        self.record.built.append(function)
        self.record.bears(node, self.state.bound)
        # A function is an object as well: it has attributes, defaults, variables of its own.
        objects = frozenset({self.site(node, ".function")})
        self.record.hold(objects, kept)
        return Value(type="function", objs=objects, callables=(function,))

    def _enclosing(self) -> Frame | None:
        frame: Frame | None = self.frame
        while frame is not None and frame.kind == "class":
            frame = frame.parent
        return None if frame is None or frame.kind == "module" else frame

    def _defaults(
        self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    ) -> tuple[dict[str, Value], Objects]:
        """Default values, whose objects belong to the function from now on; and what they were."""
        positional = [*node.args.posonlyargs, *node.args.args]
        pairs = list(zip(reversed(positional), reversed(node.args.defaults), strict=False))
        pairs.reverse()
        pairs += [
            (argument, default)
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if default is not None
        ]
        found: dict[str, Value] = {}
        kept = NO_OBJECTS
        for argument, default in pairs:
            value = self.value(default)
            kept |= strong(value)
            own = frozenset({f"default:{name}:{argument.arg}"})
            found[argument.arg] = remap(value, partial(_always, own))
        return found, kept

    def _annotations(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    ) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for parameter in parameters(node):
            if parameter.annotation is not None:
                hint = self.type_of_hint(self.value(parameter.annotation))
                if hint is not UNKNOWN:
                    found[parameter.arg] = hint
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            found["return"] = self.type_of_hint(self.value(node.returns))
        return found

    def _define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = [(self.value(decorator_of(one)), one) for one in node.decorator_list]
        value = self._new_function(node.name, node)
        function = value.callables[0]
        if not isinstance(function, Function):
            return
        for decorator, written in reversed(decorators):
            value = self._decorated(value, function, decorator, written)
        self.bind(node.name, value, node.lineno)

    def _decorated(
        self, value: Value, function: Function, decorator: Value, written: ast.expr
    ) -> Value:
        if decorator.ref in WRAPPERS:
            if isinstance(written, ast.Call):
                self.arguments(written)
            function.kind = _KINDS.get(decorator.ref, function.kind)
            function.cached = function.cached or decorator.ref in _CACHES
            return value
        if isinstance(written, ast.Attribute) and written.attr in _PROPERTY_KINDS:
            function.kind = _PROPERTY_KINDS[written.attr]
            getter = self.state.values.get(self.key_of(root_name(written)))
            return value if getter is None else join(getter, value)
        if isinstance(decorator_of(written), ast.Attribute):
            owner = self.peek(root_name(written))
            if owner is not None and owner.callables:
                self.change_function(written, written.lineno)
        if isinstance(written, ast.Call):
            decorator = self.call_value(decorator, self.arguments(written), written)
        call = ast.copy_location(ast.Call(func=written, args=[], keywords=[]), written)
        result = self.call_value(decorator, Arguments([value]), call)
        if value in (result, result._replace(objs=NO_OBJECTS)):
            return value
        self.take(value)
        return Value(objs=result.objs, weak=result.weak, callables=value.callables)

    def _define_class(self, node: ast.ClassDef) -> None:
        decorators = [(self.value(decorator_of(one)), one) for one in node.decorator_list]
        bases = [self.value(base) for base in node.bases]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords}
        outer = self.frame
        names = frozenset(bound_names(node.body))
        self.frame = Frame("class", f"{self.site(node)[4:]}:", names, parent=outer)
        prefix = self.frame.prefix
        self.run(node.body)
        self.frame = outer
        members = {
            key.removeprefix(prefix): value
            for key, value in self.state.values.items()
            if key.startswith(prefix)
        }
        own = tuple(c for base in bases for c in base.callables if isinstance(c, Class))
        meta = named.get("metaclass")
        by_code = bool(meta is not None and meta.callables) or any(c.made_by_code for c in own)
        hook = next((m for c in own if (m := c.find("__init_subclass__"))), None)
        if hook is not None and any(self._is_elsewhere(one) for one in hook.callables):
            by_code = True
        if by_code:
            self.one_lane(f"code of the notebook makes the class `{node.name}`", node.lineno)
        if self.frame.kind == "module" and "__del__" in members:
            self.one_lane(f"`{node.name}` acts when its instances are forgotten", node.lineno)
        if self.frame.kind == "module" and self._keeps_objects(members):
            self.one_lane(f"the class `{node.name}` keeps an object of the notebook", node.lineno)
        foreign = any(not base.callables and base.ref not in _PLAIN_BASES for base in bases)
        cls = Class(
            name=node.name,
            node=node,
            bases=own,
            foreign=foreign,
            members=members,
            made_by_code=by_code,
        )
        if self.frame.kind == "module" and any(True for _ in cls.looked_at()):
            self.shared.special_classes.append(cls)
        value = Value(type="class", objs=frozenset({self.site(node)}), callables=(cls,))
        for decorator, written in reversed(decorators):
            if decorator.ref not in WRAPPERS:
                call = ast.copy_location(ast.Call(func=written, args=[], keywords=[]), written)
                self.call_value(decorator, Arguments([value]), call)
                cls.foreign = True
            elif isinstance(written, ast.Call):
                self.arguments(written)
        self.bind(node.name, value, node.lineno)

    def _is_elsewhere(self, one: Function | Class) -> bool:
        return isinstance(one, Function) and one.home is not self.shared.home

    def _keeps_objects(self, members: dict[str, Value]) -> bool:
        """Whether a class attribute is an object that a global of the notebook stands for, too."""
        kept = NO_OBJECTS.union(*(strong(v) for v in members.values() if not v.callables))
        if not kept:
            return False
        shared = (v for n, v in self.state.values.items() if self.is_global(n) and not v.callables)
        return any(obj.startswith("in:") for obj in kept) or any(kept & strong(v) for v in shared)

    def new_frame(self, function: Function, place: str) -> Frame:
        """Where the variables of one call live."""
        return Frame(
            "function",
            f"{place}:",
            local_names(function.node),
            declared_global(function.node),
            parent=function.frame,
        )

    def run_body(self, function: Function) -> Value:
        """Read a function's body; returns what a call gives back."""
        result, yielded = self._run_apart(function)
        if is_generator(function.node):
            return self._generated(function, yielded)
        if result is None:
            return Value(type="None")
        self._close_over()
        return self.hinted(result, function.annotations.get("return", UNKNOWN))

    def _run_apart(self, function: Function) -> tuple[Value | None, Value | None]:
        """Read the statements of a function; returns what it returns and what it yields."""
        saved = self.exits, self.returned, self.yielded, self.leaving, self.guarded, self.trails
        self.exits, self.leaving, self.guarded = [], [], 0
        self.returned = self.yielded = None
        self.run(body_of(function.node))
        for state in self.exits:
            self.join_with(state)
        self.state.dead = False
        found = self.returned, self.yielded
        self.exits, self.returned, self.yielded, self.leaving, self.guarded, self.trails = saved
        return found

    def _generated(self, function: Function, yielded: Value | None) -> Value:
        node = function.node
        if function.kind == "contextmanager":
            swallows = any(isinstance(n, ast.ExceptHandler) for n in walk(node))
            kind = "Suppressor" if swallows else "ContextManager"
            made = self.container(node, kind, [yielded or UNKNOWN], yielded)
        else:
            made = self.container(node, "generator", [yielded or UNKNOWN], yielded)
            self.record.acts_later(made.objs, self.record.deeds(), getattr(node, "lineno", 0))
            for obj in made.objs:
                self.record.made[obj] = "a generator"
        self.record.hold(made.objs, self._locals(self.frame) | self.read_late(free_names(node)))
        return made

    def _locals(self, frame: Frame) -> Objects:
        return NO_OBJECTS.union(
            *(strong(v) for k, v in self.state.values.items() if k.startswith(frame.prefix))
        )

    def _close_over(self) -> None:
        """Functions made in this call may live on: what they captured goes with them."""
        inner = [one for one in self.record.built if one.frame is self.frame]
        if not inner:
            return
        captured = self._locals(self.frame)
        for one in inner:
            self.record.hold(frozenset({self._function_site(one)}), captured)
        for key, value in self.state.values.items():
            if key.startswith(self.frame.prefix):
                self.take(value)

    def _function_site(self, function: Function) -> str:
        return self.site(function.node, ".function")

    def _return(self, node: ast.Return) -> None:
        value = Value(type="None") if node.value is None else self.value(node.value)
        self.returned = value if self.returned is None else join(self.returned, value)
        self.exits.append(self.state.copy())
        self.state.dead = True

    # -- branches -----------------------------------------------------------------------------

    def _if(self, node: ast.If) -> None:
        test = self.value(node.test)
        if test.instance is not None:
            self.special(test, "__bool__", [], node)
        self.look_at(test, node)
        constant = node.test.value if isinstance(node.test, ast.Constant) else None
        if constant is not None:
            self.run(node.body if constant else node.orelse)
            return
        start = self.state.copy()
        self.run(node.body)
        after, self.state = self.state, start
        self.run(node.orelse)
        self.state = join_states(self.state, after, self.before)

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        ends: list[State] = []
        complete = False
        for case in node.cases:
            start = self.state.copy()
            self._pattern(case.pattern, subject)
            if case.guard is not None:
                self.value(case.guard)
            self.run(case.body)
            ends.append(self.state)
            self.state = start
            if case.guard is None and _matches_all(case.pattern):
                complete = True
                break
        if complete:
            self.state = ends.pop()
        for end in ends:
            self.state = join_states(self.state, end, self.before)

    def _pattern(self, pattern: ast.pattern, subject: Value) -> None:
        part = self.any_part(subject) if subject.type not in IMMUTABLE else UNKNOWN
        match pattern:
            case ast.MatchValue(value=value):
                self.value(value)
            case ast.MatchAs(pattern=inner, name=name):
                if inner is not None:
                    self._pattern(inner, subject)
                if name is not None:
                    self.bind(name, subject, pattern.lineno)
            case ast.MatchStar(name=str(name)):
                self.bind(name, self.container(pattern, "list", [part], part), pattern.lineno)
            case ast.MatchSequence(patterns=inners):
                self._patterns(inners, part)
            case ast.MatchOr(patterns=inners):
                self._patterns(inners, subject)
            case ast.MatchMapping(keys=keys, patterns=inners, rest=rest):
                self.values(keys)
                self._patterns(inners, part)
                if rest is not None:
                    self.bind(rest, self.container(pattern, "dict", [part], part), pattern.lineno)
            case ast.MatchClass(cls=cls, patterns=inners, kwd_patterns=named):
                self.value(cls)
                self._patterns([*inners, *named], part)

    def _patterns(self, patterns: list[ast.pattern], subject: Value) -> None:
        for pattern in patterns:
            self._pattern(pattern, subject)

    # -- loops --------------------------------------------------------------------------------

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.value(node.iter)

        def begin() -> None:
            self.assign(node.target, self.iterate(source, node.iter))

        self._loop(node.body, node.orelse, begin, once=_surely_some(node.iter))

    def _while(self, node: ast.While) -> None:
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self.look_at(self.value(node.test), node)
        self._loop(
            node.body, node.orelse, lambda: None, once=endless, endless=endless, test=node.test
        )

    def _loop(
        self,
        body: list[ast.stmt],
        orelse: list[ast.stmt],
        begin: Callable[[], None],
        *,
        once: bool,
        endless: bool = False,
        test: ast.expr | None = None,
    ) -> None:
        before = start = self.state
        breaks: list[State] = []
        for _ in range(_MANY_ROUNDS):
            self.state = start.copy()
            end = self._round(body, begin, breaks, test)
            if end.dead or not _moved(start, end):
                break
            start = join_states(start, end, self.before)
        self.state = end if once else join_states(before, end, self.before)
        self.state.dead = self.state.dead or endless
        self.run(orelse)
        for state in breaks:
            self.state = join_states(self.state, state, self.before)

    def _round(
        self,
        body: list[ast.stmt],
        begin: Callable[[], None],
        breaks: list[State],
        test: ast.expr | None,
    ) -> State:
        """One round of a loop; returns the state at its end."""
        continues: list[State] = []
        self.leaving.append((breaks, continues))
        begin()
        self.run(body)
        self.leaving.pop()
        for state in continues:
            self.state = join_states(self.state, state, self.before)
        if test is not None and not self.state.dead:
            self.value(test)
        return self.state

    def _break(self, node: ast.Break) -> None:
        if self.leaving:
            self.leaving[-1][0].append(self.state.copy())
        self.state.dead = True

    def _continue(self, node: ast.Continue) -> None:
        if self.leaving:
            self.leaving[-1][1].append(self.state.copy())
        self.state.dead = True

    # -- errors and context managers ----------------------------------------------------------

    @contextmanager
    def _trail(self) -> Iterator[State]:
        """Collects all that may have been bound when an exception leaves the block."""
        trail = self.state.copy()
        self.trails = [*self.trails, trail]
        yield trail
        self.trails = self.trails[:-1]

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        reads = dict(self.record.reads)
        with self._trail() as trail:
            self.guarded += bool(node.handlers)
            self.run(node.body)
            self.guarded -= bool(node.handlers)
        if any(_catches_unbound(handler) for handler in node.handlers):
            self._soften_reads(reads)
        if not self.state.dead:
            self.run(node.orelse)
        end = self.state
        for handler in node.handlers:
            self.state = trail.copy()
            self.state.dead = False
            self._handler(handler)
            end = join_states(end, self.state, self.before)
        self.state = end
        if node.finalbody:
            self._finally(node.finalbody, trail)

    def _soften_reads(self, before: dict[str, tuple[int, bool]]) -> None:
        """`try: x` / `except NameError`: it is no mistake if nobody has bound x."""
        for name, (line, _) in list(self.record.reads.items()):
            if name not in before and self.base(name) is None:
                self.record.reads[name] = (line, False)

    def _handler(self, handler: ast.ExceptHandler) -> None:
        if handler.type is not None:
            self.value(handler.type)
        name = handler.name
        if name is None:
            self.run(handler.body)
            return
        known = self.peek(name) is not None
        caught = frozenset({self.site(handler)})
        self.record.hold(caught, frozenset(self.record.raised))
        self.bind(name, Value(objs=caught), handler.lineno)
        self.run(handler.body)
        key = self.key_of(name)
        if known:
            self.bind(name, DELETED, handler.lineno)
        else:
            for state in (self.state, *self.trails):
                state.values.pop(key, None)
                state.bound.pop(key, None)
            self.record.writes.pop(key, None)

    def _finally(self, body: list[ast.stmt], trail: State) -> None:
        dead = self.state.dead
        if dead:
            self.state = join_states(trail, self.state, self.before)
            self.state.dead = False
        self.run(body)
        self.state.dead = self.state.dead or dead

    def _raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self.record.raised |= strong(self.value(part))
        if not self.guarded:
            self.record.effects.add(Effect.RAISES)
        self.state.dead = True

    def _assert(self, node: ast.Assert) -> None:
        self.look_at(self.value(node.test), node)
        if node.msg is not None:
            with self.branch():
                self.value(node.msg)
        if not self.guarded:
            self.record.effects.add(Effect.RAISES)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        managers: list[Value] = []
        for item in node.items:
            manager = self.value(item.context_expr)
            managers.append(manager)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, self._entered(manager, node))
            elif manager.instance is not None:
                self._entered(manager, node)
        with self._trail() as trail:
            self.run(node.body)
        if any(self._may_swallow(manager) for manager in managers):
            trail.dead = False
            self.state = join_states(self.state, trail, self.before)
        for manager in managers:
            if manager.instance is not None:
                self.special(manager, "__exit__", [UNKNOWN] * 3, node)
            if manager.type in _OVER_AFTER_BLOCK:
                for obj in manager.objs:
                    self.record.made.pop(obj, None)
                    self.record.behind.pop(obj, None)

    def _entered(self, manager: Value, node: ast.AST) -> Value:
        if manager.instance is not None:
            found = self.special(manager, "__enter__", [], node)
            if found is not None:
                return found
        if manager.type in ("ContextManager", "Suppressor"):
            return self.any_part(manager)
        return manager

    def _may_swallow(self, manager: Value) -> bool:
        if manager.instance is not None:
            leave = manager.instance.find("__exit__")
            nodes = [one.node for one in leave.callables] if leave is not None else []
            return any(_returns_something(node) for node in nodes) or not nodes
        return manager.type not in _KEEPS_ERRORS

    # -- the rest -----------------------------------------------------------------------------

    def _expression(self, node: ast.Expr) -> None:
        value = node.value
        self.bare = value.value if isinstance(value, ast.Await) else value
        self.bare_is_shown = node is self.last_shown
        shown = self.value(value)
        if self.bare_is_shown and shown.instance is not None:
            for name in ("__repr__", "_repr_html_"):
                self.special(shown, name, [], node)
        if self.bare_is_shown:
            self.look_at(shown, node)
        self.bare = None


def _always(objects: Objects, _: str) -> Objects:
    return objects


def decorator_of(node: ast.expr) -> ast.expr:
    """The decorator itself, without the arguments it is given."""
    return node.func if isinstance(node, ast.Call) else node


def star_names(module: str) -> tuple[str, ...] | None:
    """What `from module import *` binds, for modules of the standard library; else None."""
    if module not in _STARRED_MODULES:
        return None
    found = importlib.import_module(module)
    public: list[str] | None = getattr(found, "__all__", None)
    return tuple(public or (name for name in vars(found) if not name.startswith("_")))


def _loaded(target: ast.Attribute | ast.Subscript) -> ast.expr:
    """A target as an expression that is read."""
    if isinstance(target, ast.Attribute):
        new: ast.expr = ast.Attribute(value=target.value, attr=target.attr, ctx=ast.Load())
    else:
        new = ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load())
    return ast.copy_location(new, target)


def _matches_all(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _matches_all(inner)
        case ast.MatchOr(patterns=inners):
            return any(_matches_all(inner) for inner in inners)
    return False


_GOES_THROUGH: Final = frozenset({"enumerate", "sorted", "list", "tuple", "reversed", "tqdm"})
"""Callables that give all that they are given. If one of them is something else by now, a loop that
runs not at all was planned as one that runs: the run then misses a name, and finds it."""


def _surely_some(source: ast.expr) -> bool:
    """Whether a loop over this expression runs at least once."""
    match source:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return any(not isinstance(element, ast.Starred) for element in elements)
        case ast.Constant(value=str(text)):
            return bool(text)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count > 0
        case ast.Dict(keys=keys):
            return any(key is not None for key in keys)
        case ast.Call(func=ast.Attribute(value=inner, attr="items" | "keys" | "values"), args=[]):
            return isinstance(inner, ast.Dict) and _surely_some(inner)
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _GOES_THROUGH:
            return _surely_some(inner)
        case ast.Call(func=ast.Name(id="zip"), args=[_, *_] as inners):
            return all(_surely_some(inner) for inner in inners)
    return False


def _moved(before: State, after: State) -> bool:
    """Whether another round of a loop may find more: a variable now stands for something else."""
    for key, value in after.values.items():
        old = before.values.get(key)
        if old is None:
            if value.objs or value.weak:
                return True
        elif old is not value and old != value and join(old, value) != old:
            return True
    return False


def _catches_unbound(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _CATCHES_UNBOUND for n in walk(handler.type))


def _returns_something(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Return)
        and inner.value is not None
        and not (isinstance(inner.value, ast.Constant) and not inner.value.value)
        for inner in walk(node)
    )


_PLAIN_BASES: Final = frozenset(
    {
        *("builtins.object", "abc.ABC", "typing.Protocol", "typing.Generic", "typing.NamedTuple"),
        *("enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "typing.TypedDict"),
    }
)

_HINTS: Final = {
    "pandas.DataFrame": "DataFrame",
    "pandas.Series": "Series",
    "pandas.Index": "Index",
    "pandas.Timestamp": "Timestamp",
    "numpy.ndarray": "ndarray",
    "pathlib.Path": "Path",
    "datetime.date": "date",
    "datetime.datetime": "datetime",
    "datetime.timedelta": "timedelta",
    "decimal.Decimal": "Decimal",
    "matplotlib.axes.Axes": "Axes",
    "matplotlib.pyplot.Axes": "Axes",
    "matplotlib.figure.Figure": "Figure",
    "matplotlib.pyplot.Figure": "Figure",
}

_Reader = Callable[..., None]
_READERS: Final[dict[type[ast.stmt], _Reader]] = {
    ast.Expr: Statements._expression,
    ast.Assign: Statements._assignment,
    ast.AnnAssign: Statements._annotated,
    ast.AugAssign: Statements._augmented,
    ast.Delete: Statements._delete,
    ast.Import: Statements._import_modules,
    ast.ImportFrom: Statements._import_names,
    ast.FunctionDef: Statements._define_function,
    ast.AsyncFunctionDef: Statements._define_function,
    ast.ClassDef: Statements._define_class,
    ast.Return: Statements._return,
    ast.If: Statements._if,
    ast.Match: Statements._match,
    ast.For: Statements._for,
    ast.AsyncFor: Statements._for,
    ast.While: Statements._while,
    ast.Break: Statements._break,
    ast.Continue: Statements._continue,
    ast.Try: Statements._try,
    ast.TryStar: Statements._try,
    ast.Raise: Statements._raise,
    ast.Assert: Statements._assert,
    ast.With: Statements._with,
    ast.AsyncWith: Statements._with,
}
