"""Reading calls: known callables by the table of effects, notebook functions by reading their
bodies, and everything else with suspicion."""

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from nbflow.analysis.arguments import OUT_AT, Arguments, meet_parameters
from nbflow.analysis.effects import NOW, TELL_THE_TIME, Rule
from nbflow.analysis.expressions import CONTAINERS, DICTS, Expressions, Home
from nbflow.analysis.facts import Effect
from nbflow.analysis.file_names import (
    last_name,
    looks_like_file,
    may_read,
    may_write,
    opens_for_writing,
)
from nbflow.analysis.modules import told_outside
from nbflow.analysis.nodes import walk
from nbflow.analysis.recursion import CallKey
from nbflow.analysis.scopes import parameters, root_name
from nbflow.analysis.state import Record, Summary, tidied
from nbflow.analysis.trust import is_trusted
from nbflow.analysis.values import (
    FIGURE,
    IMMUTABLE,
    NO_OBJECTS,
    ONE_SHOT,
    PLOTS,
    SETTINGS,
    TABLES,
    UNKNOWN,
    Class,
    Frame,
    Function,
    Objects,
    OpenFile,
    Value,
    carried,
    everything,
    incoming,
    join,
    remap,
    settings_of_type,
    strong,
)

RANDOM_CHANNELS: Final = ("@random", "@numpy.random")
ANY_PATH: Final = "*"
TOO_DEEP: Final = "functions call each other too deeply to be followed"

_REMOTE: Final = re.compile(
    r"(https?|ftps?|s3|s3a|gs|gcs|az|abfss?|hdfs|ssh|sftp)://", re.IGNORECASE
)
_WORD_EFFECTS: Final = {
    "clock": Effect.CLOCK,
    "network": Effect.NETWORK,
    "subprocess": Effect.SUBPROCESS,
    "database": Effect.DATABASE,
    "raises": Effect.RAISES,
    "input": Effect.INPUT,
    "random": Effect.RANDOM,
}
_DEPTH: Final = 24
_ROUNDS: Final = 12
"""A recursive function is read again so often at most; each round finds more, so few are needed."""

_NESTED: Final = 4

_PLOTTING: Final = frozenset({"matplotlib", "seaborn", "pylab"})

_SETS_STATE: Final = re.compile(
    r"(set|use|enable|disable|register|config|init|seed|reset|activate|deactivate|clear|login|start|"
    r"stop|patch|monkey|add|remove|update|install|option|style|theme|rc|switch|load|push|pop|"
    r"extension|default|output|authenticate|go_|prefer|verbos)",
    re.IGNORECASE,
)
_SEEDS: Final = re.compile(r"(^|_)seed(_all|_everything)?$")
"""Functions that set a state whatever is done with what they return."""

_REGISTERS: Final = re.compile(r"\w\.(register|unregister)(_\w+)?$")
_SHOWS: Final = re.compile(
    r"(plot|draw|show|display|print|hist|scatter|summary|describe|view|render|visuali[sz]e|animate|"
    r"save|write|export|dump)"
)
"""How functions are called that make no secret of what they are for."""

_DRAWS: Final = frozenset(
    {"plot", "hist", "boxplot", "bar", "barh", "pie", "scatter", "hexbin", "arrow", "gca"}
)
"""Methods that draw a table, which stays as it is, or into axes, which do not."""

_CALLED_BY: Final = {
    **dict.fromkeys(("builtins.print", "builtins.str"), ("__str__", "__repr__")),
    **dict.fromkeys(("builtins.repr", "IPython.display.display"), ("__repr__", "_repr_html_")),
    "builtins.format": ("__format__", "__str__", "__repr__"),
    "builtins.bool": ("__bool__", "__len__"),
}
"""Special methods that builtins call of what they are given."""

_SUFFIXES: Final = {"save": ".npy", "savez": ".npz", "savez_compressed": ".npz", "savefig": ".*"}
_LISTS_HERE: Final = frozenset({"os.listdir", "os.scandir"})

_UNPACKS: Final = frozenset({"extract", "extractall"})

FOREIGN: Final = ".foreign"
"""A mark in the names of objects that libraries of which little is known have made."""

_FROM_CALLERS: Final = ("arg:", "any:", "parts:", "warg:", "inside:")

_LOOKS_AT_NOTHING: Final = frozenset(
    f"builtins.{name}" for name in ("isinstance", "type", "id", "callable", "hasattr", "getattr")
)

_PICKLED_BY: Final = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__")
"""Methods by which an instance that was handed on may be another than in Run All."""

_ASKED_HALF_MADE: Final = ("__getattr__", "__getattribute__")
_FILLED_HALF_MADE: Final = ("__setitem__", "append", "extend", "add")
"""Methods that loading a pickle calls before the instance has its attributes; the second ones only
of containers."""
_FILLED: Final = frozenset({"dict", "list", "set", "deque", *DICTS})

_NEVER_CALLED_BACK: Final = frozenset(
    f"builtins.{name}"
    for name in ("print", "isinstance", "type", "len", "id", "repr", "callable", "hasattr", "str")
)


class Calls(Expressions):
    """Reads calls. `statements` adds how a body is read."""

    def run_body(self, function: Function) -> Value:
        raise NotImplementedError

    def magic(self, node: ast.Call, name: str) -> Value:
        raise NotImplementedError

    def special_function(self, dotted: str, given: Arguments, node: ast.Call) -> Value | None:
        """A function that needs more than a rule; None for all others."""
        raise NotImplementedError

    def special_method(
        self, base: Value, name: str, given: Arguments, node: ast.Call
    ) -> Value | None:
        """A method that needs more than a rule; None for all others."""
        raise NotImplementedError

    def refine_function(
        self, dotted: str, result: Value, given: Arguments, node: ast.Call
    ) -> Value:
        """What else is known of a known function's result."""
        raise NotImplementedError

    def refine_method(
        self, base: Value, name: str, result: Value, given: Arguments, node: ast.Call
    ) -> Value:
        """What else is known of a known method's result."""
        raise NotImplementedError

    # -- what is called -----------------------------------------------------------------------

    def call(self, node: ast.Call) -> Value:
        """Read a call."""
        function = node.func
        if isinstance(function, ast.Attribute):
            if _is_shell(function.value):
                return self.magic(node, function.attr)
            base = self.value(function.value)
            if base.ref is None:
                return self.call_method(base, function.attr, self.arguments(node), node)
            callee = self.attribute(base, function.attr, function)
        else:
            callee = self.value(function)
        return self.call_value(callee, self.arguments(node), node)

    def arguments(self, node: ast.Call) -> Arguments:
        """Read a call's arguments."""
        given = Arguments()
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                value = self.value(argument.value)
                if value.items is not None and given.rest is None:
                    given.positional.extend(value.items)
                else:
                    self._spread(given, self.iterate(value, argument))
            else:
                given.positional.append(self.value(argument))
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is None:
                self._spread(given, self.any_part(value))
            else:
                given.keywords[keyword.arg] = value
        return given

    @staticmethod
    def _spread(given: Arguments, value: Value) -> None:
        given.rest = value if given.rest is None else join(given.rest, value)

    def call_value(self, callee: Value, given: Arguments, node: ast.Call) -> Value:
        """Call a value."""
        if callee.ref is not None:
            return self.call_known(callee.ref, given, node)
        if callee.instance is not None:
            found = self._call_member(callee, "__call__", given, node)
            return found if found is not None else self.suspect(callee, given, node)
        usable = [one for one in callee.callables if not _has_ended(one)]
        known = callee.type in ("function", "class") and len(usable) == len(callee.callables)
        if len(usable) == 1 and known:
            return self._call_defined(usable[0], given, node, owner=callee.objs)
        either: Value | None = None
        for one in usable:
            with self.branch():
                result = self._call_defined(one, given, node, owner=callee.objs)
            either = result if either is None else join(either, result)
        if either is not None and known:
            return either
        result = self.suspect(callee, given, node)
        self._call_taken(node)
        return result if either is None else join(either, result)

    def _call_defined(
        self, callee: Function | Class, given: Arguments, node: ast.Call, *, owner: Objects
    ) -> Value:
        if isinstance(callee, Class):
            return self._construct(callee, given, node)
        return self.call_function(callee, given, node, owner=owner)

    def call_known(self, dotted: str, given: Arguments, node: ast.Call) -> Value:
        """Call something of a module (or a builtin), by its dotted name."""
        if dotted in TELL_THE_TIME and getattr(given.first("0"), "text", None) in NOW:
            self.record.does(Effect.CLOCK, f"{dotted}()", node.lineno)
        found = self.special_function(dotted, given, node)
        if found is not None:
            return found
        local = self.local_value(dotted)
        if local is not None and local.callables:
            return self.call_value(local, given, node)
        if (library := dotted.partition(".")[0]) in self.effects.counting:
            self._count(library, node.lineno)
        rule = self.effects.function(dotted)
        if _REGISTERS.search(dotted) and not self.effects.names(dotted):
            self.one_lane(f"`{dotted}` registers something in its library", node.lineno)
        if rule is None:
            if (channel := self.effects.counters.get(library)) is not None:
                self._may_draw(node.lineno, (channel,))
            return self._unknown_library(dotted, given, node)
        if not self.effects.names(dotted):
            self._guess_files(given, node)
        for method in _CALLED_BY.get(dotted, ()):
            for value in given.all():
                self._special_of_parts(value, method, node)
        result = self.apply(rule, None, given, node, called=dotted)
        return self.refine_function(dotted, result, given, node)

    def _count(self, library: str, line: int) -> None:
        """The library counts what it makes: who uses it stays in one kernel, in notebook order."""
        key = f"library/{library}"
        known = self.peek(key)
        if known is None:
            made = frozenset({f"new:{key}"})
            self.record.made[f"new:{key}"] = f"{library} numbers what it makes"
            self.bind_key(key, Value(type="object", objs=made), line)
        elif f"new:{key}" not in known.objs:
            self.load_global(key, line)
            self.change(known, line)

    def local_value(self, dotted: str) -> Value | None:
        """What a local module offers under a name: its functions and classes, and plain constants.
        Its other values are its own business."""
        module, _, name = dotted.rpartition(".")
        home = self.shared.local_module(module) if module else None
        value = home.shared.globals.get(name) if home is not None else None
        if value is None or not (value.callables or value.type in IMMUTABLE - {"module"}):
            return None
        kept = value.callables and isinstance(value.callables[0], Class)
        objs = frozenset({f"module:{module}"}) if kept else NO_OBJECTS
        return value._replace(objs=objs, weak=NO_OBJECTS)

    def call_method(self, base: Value, name: str, given: Arguments, node: ast.Call) -> Value:
        """Call a method of a value."""
        if base.instance is not None:
            found = self._call_member(base, name, given, node)
            if found is not None:
                return found
        if base.callables and isinstance(base.callables[0], Class):
            found = self._call_of_class(base, base.callables[0], name, given, node)
            if found is not None:
                return found
            if name == "register":  # of an abstract class
                self.change(base, node.lineno)
        if base.type == "function" and name not in _LOOKS_AT_FUNCTION:
            self.change_function(node.func, node.lineno)
        if name in _TELLS_ITS_CALLS:
            self.one_lane(f"`{name}` shows what a function was called with so far", node.lineno)
        found = self.special_method(base, name, given, node)
        if found is not None:
            return found
        rule = self.effects.method(base.type, name) if base.type else None
        if rule is None and not base.type and base.instance is None:
            # It may also be an instance of a class of the notebook.
            if name not in self.shared.methods:
                rule = self.effects.method("unknown", name)
            if rule is None and name not in self.shared.methods and not self._is_foreign(base):
                drawn = name in _DRAWS and self._may_be_drawn(base)
                rule = None if drawn else self.effects.method_by_name(name)
        if rule is None:
            if base.type in (*TABLES, "ndarray") and self.effects.changes_containers(name):
                self.shared.cell_changes = True  # it is what a cell of it holds
            found = self.suspect(base, given, node)
            self._call_taken(node, effects_only=True)
            return found
        if "plot" in name:
            self.record.settings |= set(SETTINGS)
        result = self.apply(rule, base, given, node)
        return self.refine_method(base, name, result, given, node)

    def may_count(self, value: Value, node: ast.AST) -> None:
        """What a library that counts has made may make more of it, but not by methods that are
        named as its functions that do not."""
        foreign = self.shared.foreign
        if not value.objs or not any(FOREIGN in o or o[3:] in foreign for o in value.objs):
            return
        modules = {known.ref for known in self.shared.globals.values() if known.ref is not None}
        libraries = {module.partition(".")[0] for module in modules}
        counters = self.effects.counters.items()
        method = node.func if isinstance(node, ast.Call) else None
        name = method.attr if isinstance(method, ast.Attribute) else ""
        used = tuple(
            channel
            for library, channel in counters
            if library in libraries and name not in self.effects.functions.get(library, ())
        )
        self._may_draw(getattr(node, "lineno", 0), used)

    def _is_foreign(self, value: Value) -> bool:
        """It may come from a library of which too little is known to go by its methods' names, or
        from a caller, who alone knows."""
        return any(
            obj.startswith(_FROM_CALLERS) or FOREIGN in obj or obj[3:] in self.shared.foreign
            for obj in value.objs
        )

    def _may_be_drawn(self, value: Value) -> bool:
        """It may be axes, or be held together with them."""
        plots = self.shared.plots
        return any(obj == FIGURE or obj[3:] in plots for obj in self.record.reach(value.objs))

    def change_function(self, node: ast.expr, line: int) -> None:
        """`f.register(…)`, `f.cache_clear()`: a function of the notebook is changed itself."""
        name = root_name(node)
        if name and self.key_of(name) == name:
            value = self.peek(name)
            if value is not None:
                self.record.change(value.objs, line, sure=True)

    # -- the table's rules --------------------------------------------------------------------

    def apply(
        self, rule: Rule, base: Value | None, given: Arguments, node: ast.Call, *, called: str = ""
    ) -> Value:
        """Do what a rule of the table says; returns the result."""
        line = node.lineno
        self._looks_at_settings(rule, base, called)
        if rule.mutates_self and base is not None:
            self.change_itself(base, getattr(node.func, "value", node.func), line)
        for key in rule.mutates:
            value = given.get(key)
            if value is not None:
                self.change(value, line)
        holder = base if base is not None else given.get("0")
        if rule.keeps and holder is not None:
            self._keep(holder, given, line)
        self._changed_by_keyword(base, given, line)
        for value in given.all():
            if value.type in ONE_SHOT:
                self.change(value, line)
            if called not in _LOOKS_AT_NOTHING:
                self.look_at(value, node)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        self._outside(rule, base, given, line, called or method)
        results = NO_OBJECTS
        if called not in _NEVER_CALLED_BACK:
            results = self._call_back(base, given, node)
        if not rule.keeps and not rule.result & {"args", "holds"} and rule.affine is None:
            callables = (one for value in given.all() for one in value.callables)
            self.record.consumed.update(one.node for one in callables)
        result = self._written_into(self._result(rule, base, given, node), called, given, line)
        self.record.hold(result.objs, results)
        copy = given.keywords.get("copy")
        if copy is None or copy.text == "True" or result.type in IMMUTABLE:
            return result
        # `copy=False`: what comes out is what went in, or sees its memory.
        sources = given.all() if base is None else [base, *given.all()]
        if called == "numpy.nan_to_num":
            self.change(sources[0], line)
        shared = NO_OBJECTS.union(*(strong(source) | source.weak for source in sources))
        return result._replace(objs=result.objs | shared)

    def _written_into(self, result: Value, called: str, given: Arguments, line: int) -> Value:
        """What is computed into an array that was given (`np.add(a, b, out)`) is that array."""
        library, _, name = called.rpartition(".")
        out = given.keywords.get("out")
        if out is None and library == "numpy" and name in OUT_AT:
            out = given.get(str(OUT_AT[name]))
        if out is None or out.type in IMMUTABLE:
            return result
        self.change(out, line)
        return result._replace(objs=result.objs | strong(out))

    def _looks_at_settings(self, rule: Rule, base: Value | None, called: str) -> None:
        """A known call looks at the settings of its library, and of those whose values it uses."""
        settings = self.record.settings
        library = called.partition(".")[0]
        if base is not None:
            settings |= settings_of_type(base.type)
        if "figure" in rule.result or rule.returns in PLOTS or library in _PLOTTING:
            settings |= set(SETTINGS)
        elif library == "numpy":
            settings.add("@numpy.options")
        elif library and library != "builtins" and library not in sys.stdlib_module_names:
            settings |= set(SETTINGS[1:])

    def _keep(self, base: Value, given: Arguments, line: int) -> None:
        kept = given.objects()
        for value in given.all():
            self.take(value, line)
        self.record.hold(base.objs, kept)
        if not all(v.type in IMMUTABLE for v in given.all()):
            self._forget_elements(base.objs)

    def _forget_elements(self, objects: Objects) -> None:
        """Something else was put into a container: what its elements are is no longer known."""
        self.record.forgotten |= objects
        for obj in objects:
            name = obj.removeprefix("in:")
            if name is not obj and name not in self.state.values:
                known = self.base(name)
                if known is not None and known.elem is not None:
                    self.state.values[name] = known
        for key, value in list(self.state.values.items()):
            if value.elem is not None and value.objs & objects:
                self.state.values[key] = value._replace(elem=None)

    def _changed_by_keyword(self, base: Value | None, given: Arguments, line: int) -> None:
        if given.rest is not None and base is not None and base.type in TABLES:
            self.change(base, line, sure=False)  # `**options` may bring `inplace=True`
        if not given.keywords:
            return
        inplace = given.keywords.get("inplace")
        if inplace is not None and base is not None and inplace.text != "False":
            self.change(base, line)
        for keyword in ("out", "ax"):
            value = given.keywords.get(keyword)
            if value is not None:
                self.change(value, line)

    def _outside(
        self, rule: Rule, base: Value | None, given: Arguments, line: int, called: str = ""
    ) -> None:
        for key in rule.reads:
            self._path(base if key == "receiver" else given.get(key), line, writes=False)
        for key in rule.writes:
            self._path(base if key == "receiver" else given.get(key), line, writes=True)
        if (suffix := _SUFFIXES.get(called.rpartition(".")[2])) is not None:
            self._with_suffix(given.first("0", "file", "fname"), suffix, line)
        if called in _LISTS_HERE and not given.all():
            self.touch_file(".", line, reads=True, writes=False)
        if called in _UNPACKS and given.first(*rule.writes) is None:
            self.touch_file(".", line, reads=False, writes=True)
        for channel in (*rule.sets, *rule.draws):
            self.read_channel(channel, line)
            self._write_channel(channel, line, anew=False)
        for channel in rule.looks:
            self.read_channel(channel, line)
        for channel in rule.seeds:
            self._write_channel(channel, line, anew=bool(given.all()))
        for channel in rule.draws:
            self._random(channel, called, line)
        if rule.words or rule.chance:
            self._words(rule, given, line, called)
        if rule.one_lane is not None:
            self.one_lane(rule.one_lane, line)

    def _words(self, rule: Rule, given: Arguments, line: int, called: str) -> None:
        for word in rule.words:
            effect = _WORD_EFFECTS.get(word)
            if effect is not None:
                self.record.does(effect, f"{called}()", line)
        if "displays" in rule.words:
            self.record.displays = True
        if "subprocess" in rule.words:
            self._any_file(line)
        if "random" in rule.words or ("seedable" in rule.words and not given.all()):
            self.record.does(Effect.RANDOM, f"{called}()", line)
            self.record.does(Effect.UNSEEDED, f"{called}()", line)
        state = given.keywords.get("random_state")
        unseeded = state is None or state.type == "None"
        if "seeded" in rule.words and unseeded:
            self.read_channel("@numpy.random", line)
            self._write_channel("@numpy.random", line, anew=False)
            self._random("@numpy.random", called, line)
        elif unseeded and ("may_draw" in rule.words or _is_left_to_chance(rule, given)):
            self._may_draw(line, ("@numpy.random",))

    def _random(self, channel: str, called: str, line: int) -> None:
        if not self.state.bound.get(channel, False):
            self.record.does(Effect.RANDOM, f"{called}()", line)

    def _write_channel(self, channel: str, line: int, *, anew: bool) -> None:
        self.record.write_channel(channel, line)
        if anew:
            self.state.bound[channel] = True
            for trail in self.trails:
                trail.bound.setdefault(channel, False)

    def _may_draw(self, line: int, channels: tuple[str, ...] = RANDOM_CHANNELS) -> None:
        for channel in channels:
            self.read_channel(channel, line, sure=False)
            self.record.write_channel(channel, line, sure=False)

    def _result(self, rule: Rule, base: Value | None, given: Arguments, node: ast.Call) -> Value:
        kind = rule.returns
        if kind == "same":
            source = base if base is not None else given.first("0")
            kind = source.type if source is not None else ""
        made = self._typed(kind, node)
        if rule.affine is not None:
            for obj in made.objs:
                self.record.made[obj] = rule.affine
        if rule.words & {"opens", "connects"}:
            made = self._opened(rule, made, given, node)
        if not rule.result and (made.type in TABLES or self._holds_objects(made, given)):
            return self._fresh_table(made, base, given)
        if not rule.result:
            return made
        return self._related(rule, made, base, given)

    def _holds_objects(self, made: Value, given: Arguments) -> bool:
        """An array of objects, as far as one can tell."""
        if made.type != "ndarray":
            return False
        dtype = given.keywords.get("dtype")
        if dtype is not None and dtype.ref == "builtins.object":
            self.record.hold(made.objs, given.objects())
        return self.shared.cells_are_shared

    def _fresh_table(self, made: Value, base: Value | None, given: Arguments) -> Value:
        """A new table may hold, in its cells, the very objects of what it was made from; and its
        index may be the same object."""
        sources = given.all() if base is None else [base, *given.all()]
        weak = NO_OBJECTS.union(*(everything(source) for source in sources))
        if self.shared.renames_index:
            shared = NO_OBJECTS.union(*(strong(source) for source in sources))
            return made._replace(objs=made.objs | shared, weak=made.weak | weak)
        return self.holding_cells(made._replace(weak=made.weak | weak))

    def _related(self, rule: Rule, made: Value, base: Value | None, given: Arguments) -> Value:
        shared: Objects = NO_OBJECTS
        elements: Objects = NO_OBJECTS
        weak = made.weak
        cell: Value | None = None
        if base is not None and "view" in rule.result:
            shared |= self.record.reach(base.objs)
            weak |= base.weak
        if "args" in rule.result:
            shared |= given.objects()
        if "elements" in rule.result:
            sources = given.positional if base is None else [base, *given.positional]
            for value in given.keywords.values():
                elements |= strong(value)
            for source in sources if given.rest is None else [*sources, given.rest]:
                part = self._element_of(source, made)
                elements |= strong(part)
                weak |= part.weak
                cell = part if part.cell else cell
        if "figure" in rule.result:
            shared |= frozenset({FIGURE})
            axes = given.keywords.get("ax")
            shared |= NO_OBJECTS if axes is None else strong(axes)
        found = self._share(made, shared, weak)
        if cell is not None and not found.type:
            found = found._replace(cell=True)
        elif cell is not None and found.elem is None:
            found = found._replace(elem=cell)
        if "holds" in rule.result:
            elements |= given.objects()
        self.record.hold(found.objs, elements)
        if "parts" in rule.result and base is not None:
            part = self.any_part(base)
            found = join(part, given.positional[1]) if len(given.positional) > 1 else part
        return found

    def _element_of(self, source: Value, made: Value) -> Value:
        """What a copy gets from its source: a dict its values, others what a loop would give."""
        if not source.type:
            return self.any_part(source)
        if made.type in DICTS and source.type in DICTS:
            return self.any_part(source)
        return self.iterate(source, ast.Constant(0))

    @staticmethod
    def _share(made: Value, shared: Objects, weak: Objects) -> Value:
        if made.type in IMMUTABLE:
            return made
        items = made.items
        if items is not None:
            items = tuple(item._replace(objs=item.objs | shared) for item in items)
        return made._replace(objs=made.objs | shared, weak=weak, items=items)

    def _typed(self, kind: str, node: ast.AST) -> Value:
        """A fresh value of a type written as in the table: `list[str]`, `tuple(Figure,Axes)`."""
        outer, bracket, inner = kind.partition("[")
        if bracket:
            return self.new(node, outer, elem=Value(type=inner.rstrip("]")))
        outer, parenthesis, inner = kind.partition("(")
        made = self.new(node, outer)
        if parenthesis:
            items = tuple(Value(type=t, objs=made.objs) for t in inner.rstrip(")").split(","))
            return made._replace(items=items)
        return made

    # -- files --------------------------------------------------------------------------------

    def _path(self, value: Value | None, line: int, *, writes: bool) -> None:
        """A path argument: a file is read or written, unless it is a buffer or a URL."""
        if value is None or value.type == "None":
            return
        if value.type not in ("", "str", "Path", "scalar"):
            if value.type == "list":
                self._paths(value, line, writes=writes)
            self.change(value, line)
            return
        self.touch_file(value.text, line, reads=not writes, writes=writes)

    def _with_suffix(self, value: Value | None, suffix: str, line: int) -> None:
        """The library adds a suffix to a path that has none."""
        if value is None or value.text is None or "." in value.text.rpartition("/")[2]:
            return
        self.touch_file(f"{value.text}{suffix}", line, reads=False, writes=True)

    def _paths(self, value: Value, line: int, *, writes: bool) -> None:
        text = value.elem.text if value.elem is not None else None
        self.touch_file(text, line, reads=not writes, writes=writes)

    def touch_file(self, text: str | None, line: int, *, reads: bool, writes: bool) -> None:
        """A file is read or written; None is a path that the text does not show."""
        if text is not None and _REMOTE.match(text):
            self.record.does(Effect.NETWORK, text, line)
            return
        path = ANY_PATH if text is None else plain_path(text)
        if reads:
            self.record.read_file(path, line)
        if writes:
            self.record.write_file(path, line)
            self.record.effects.add(Effect.WRITES_FILES)

    def _guess_files(self, given: Arguments, node: ast.Call, made: Value = UNKNOWN) -> None:
        """What is unknown and given a path may read or write that file, now or when what it made is
        used; its name may say which."""
        name = last_name(node.func)
        mode = given.first("1", "mode")
        writes = may_write(name) or (mode is not None and opens_for_writing(mode.text))
        for value in given.all():
            text = value.text
            if value.type != "Path" and not (value.type == "str" and looks_like_file(text)):
                continue
            if text is not None and _REMOTE.match(text):
                continue
            path = ANY_PATH if text is None else plain_path(text)
            if may_read(name):
                self.record.read_file(path, node.lineno, sure=False)
            if writes:
                self.record.write_file(path, node.lineno, sure=False)
            self.stand_behind(made, text, writes=writes)

    def _any_file(self, line: int) -> None:
        self.record.read_file(ANY_PATH, line, sure=False)
        self.record.write_file(ANY_PATH, line, sure=False)

    def _opened(self, rule: Rule, made: Value, given: Arguments, node: ast.Call) -> Value:
        path = given.first("0", "file", "path", "database", "name", "io", "filename")
        if path is None or path.text == ":memory:":
            return made
        if path.type in ("file", "bytes"):
            self.record.hold(made.objs, strong(path))
            return made
        text = path.text if path.type in ("str", "Path", "scalar", "") else None
        if "connects" in rule.words:
            reads = writes = True
        else:
            mode = given.first("1", "mode")
            shown = "r" if mode is None else mode.text if mode.exact else None
            reads = shown is None or any(mark in shown for mark in "ra+")
            writes = shown is None or any(mark in shown for mark in "wxa+")
        self.touch_file(text, node.lineno, reads=reads, writes=writes)
        self.stand_behind(made, text, writes=writes)
        return made

    def stand_behind(self, made: Value, text: str | None, *, writes: bool) -> None:
        """Whoever uses the value from now on reads, or also writes, a file."""
        path = ANY_PATH if text is None else plain_path(text)
        for obj in made.objs:
            known = self.record.behind.get(obj, frozenset())
            self.record.behind[obj] = known | {OpenFile(path, writes)}

    # -- unknown callables --------------------------------------------------------------------

    def _unknown_library(self, dotted: str, given: Arguments, node: ast.Call) -> Value:
        if is_trusted(node):
            return self.new(node, "")
        library = dotted.partition(".")[0]
        if library == "builtins":
            return self.suspect(UNKNOWN, given, node)
        channel = self.effects.channel(dotted)
        if channel is not None:
            self.read_channel(channel, node.lineno)
            self._write_channel(channel, node.lineno, anew=False)
            return UNKNOWN
        standard = library in sys.stdlib_module_names
        known = standard or library in self.effects.libraries
        if not known and self.shared.may_be_local(library):
            self._any_file(node.lineno)
        if not standard:
            self._watch_for_setting_up(dotted, given, node)
        made = self.suspect(UNKNOWN, given, node)
        if library in self.effects.proven or standard:
            return made
        mark = frozenset({self.site(node, FOREIGN)})
        self.record.hold(mark, made.objs)
        return made._replace(objs=made.objs | mark)

    def _watch_for_setting_up(self, dotted: str, given: Arguments, node: ast.Call) -> None:
        """A library's function that is called for nothing that one sees, and with nothing that it
        could work on, may change the library. Where its value is what the cell shows, running
        tells: there is none if it was called for what it does."""
        name = dotted.rpartition(".")[2]
        bare = self.bare is node
        if not (_SEEDS.search(name) or (bare and _SETS_STATE.match(name))):
            if not bare or _SHOWS.search(name) or self._has_in_hand(given, node):
                return
            if self.bare_is_shown:
                self.record.shown_call = dotted
                return
        why = f"`{dotted}` is called for what it does: it may change the state of its library"
        self.one_lane(why, node.lineno)

    def _has_in_hand(self, given: Arguments, node: ast.Call) -> bool:
        """Whether the call is given anything that was there before it."""
        made_for_it = tuple(self.site(one) for one in walk(node) if isinstance(one, ast.expr))
        return any(not one.startswith(made_for_it) for one in given.objects())

    def suspect(self, callee: Value, given: Arguments, node: ast.Call) -> Value:
        """A call of something unknown: it may change what it can reach, keep it, return it."""
        if is_trusted(node):
            return self.new(node, "")
        self.may_count(callee, node)
        self.record.settings |= set(SETTINGS)
        line = node.lineno
        objects = strong(callee) | given.objects()
        self._changed_by_keyword(None, given, line)
        self.record.change(self.record.reach(objects), line, sure=False)
        self._forget_elements(objects)
        # Each may hold each other now: all hold the result, and the result holds all.
        made = self.new(node, "")
        self._guess_files(given, node, made)
        self.record.guessed |= made.objs
        for obj in objects:
            self.record.hold(frozenset({obj}), made.objs)
        self.record.hold(made.objs, objects)
        self._may_draw(line)
        objects |= self._call_back(callee, given, node)
        for value in given.all():
            self.take(value, line)
        self.record.hold(made.objs, objects)
        weak = callee.weak.union(*(v.weak for v in given.all() if not v.type))
        return made._replace(objs=made.objs | objects, weak=weak)

    def _call_taken(self, node: ast.Call, *, effects_only: bool = False) -> None:
        """An unknown value may be any function that somebody keeps."""
        for function in list(self.shared.taken):
            if function.frame is not None:
                continue
            summary = self.summarise(function, unknown_arguments(function))
            self.record.effects |= _seen_from_outside(summary.record.effects, caught=True)
            self.record.settings |= summary.record.settings
            if not effects_only:
                self._apply_globals(summary, node.lineno, sure=False)

    def _call_back(self, base: Value | None, given: Arguments, node: ast.Call) -> Objects:
        """Functions among the arguments are called, with parts of the others; returns what they may
        give back."""
        functions = [v for value in given.all() for v in _functions_in(value)]
        called = (given.get(key) for key in _called_position(node, given))
        strangers = [v for v in called if v is not None and not v.callables]
        strangers = [v for v in strangers if v.ref is not None or (not v.type and v.objs)]
        if not functions and not strangers:
            return NO_OBJECTS
        results = NO_OBJECTS
        part = self._part_for_callback(base, given, node)
        more = self._handed_on(base, given)
        with self.branch():
            for value in strangers:
                results |= self._call_back_stranger(value, part, node)
            for value in functions:
                for one in value.callables:
                    results |= self._call_back_one(one, part, more, value, node)
        return results

    @staticmethod
    def _handed_on(base: Value | None, given: Arguments) -> Arguments:
        """What tables hand on to a function beside their parts: `df.apply(f, args=(x,), k=y)`."""
        if base is None or base.type not in TABLES:
            return Arguments()
        bundle = given.keywords.get("args")
        extra = [bundle, *(bundle.items or ())][1 if bundle.items else 0 :] if bundle else []
        plain = [value for value in given.positional if not value.callables]
        return Arguments([*extra, *plain], given.keywords)

    def _call_back_one(
        self, one: Function | Class, part: Value, more: Arguments, value: Value, node: ast.Call
    ) -> Objects:
        if isinstance(one, Class):
            return strong(self._construct(one, Arguments([part]), node))
        if _has_ended(one):
            return self._call_back_stranger(value, part, node)
        count = len(one.node.args.posonlyargs) + len(one.node.args.args)
        parts = [part, *more.positional][: max(count, 1)]
        parts += [part] * (count - len(parts))
        return strong(
            self.call_function(one, Arguments(parts, more.keywords), node, owner=value.objs)
        )

    def _call_back_stranger(self, value: Value, part: Value, node: ast.Call) -> Objects:
        """A bound method or a library's function is called with parts of the other arguments."""
        rule = self.effects.function(value.ref) if value.ref is not None else None
        if rule is not None:
            self._looks_at_settings(rule, None, value.ref or "")
            self._outside(rule, None, Arguments([part]), node.lineno)
            if rule.mutates:
                self.change(part, node.lineno)
            return part.objs if rule.result else NO_OBJECTS
        self.record.settings |= set(SETTINGS)
        self.change(value, node.lineno, sure=False)
        self.change(part, node.lineno, sure=False)
        self.record.hold(value.objs, part.objs)
        self._may_draw(node.lineno)
        return value.objs | part.objs

    def _part_for_callback(self, base: Value | None, given: Arguments, node: ast.Call) -> Value:
        if base is not None and base.type in ("DataFrame", "NDFrame"):
            return self.table_part("Series", base, node)
        if base is not None and base.type == "GroupBy":
            return self.table_part("NDFrame", base, node)
        if base is not None and base.type == "Series":
            return self.cell_of(base.objs | base.weak)
        parts = [self.any_part(v) for v in given.all() if not v.callables and v.objs]
        if base is not None:
            parts.append(self.any_part(base))
        return Value(
            objs=NO_OBJECTS.union(*(strong(p) for p in parts)),
            weak=NO_OBJECTS.union(*(p.weak for p in parts)),
            cell=any(p.cell for p in parts),
        )

    # -- classes and instances ----------------------------------------------------------------

    def _construct(self, cls: Class, given: Arguments, node: ast.Call) -> Value:
        made = Value(type="instance", objs=frozenset({self.site(node)}), instance=cls)
        if why := _stays(cls):
            self.record.made.update(dict.fromkeys(made.objs, why))
        for name in ("__new__", "__init__", "__post_init__"):
            member = cls.find(name)
            if member is not None and member.callables:
                arguments = given if name != "__post_init__" else Arguments()
                self._call_with_self(member, made, arguments, node)
        if cls.foreign or cls.find("__init__") is None:
            self.record.hold(made.objs, given.objects())
            self._call_back(None, given, node)
        return made

    def _call_member(self, base: Value, name: str, given: Arguments, node: ast.AST) -> Value | None:
        member = base.instance.find(name) if base.instance is not None else None
        if member is None or not member.callables:
            return None
        return self._call_with_self(member, base, given, node)

    def _call_with_self(self, member: Value, base: Value, given: Arguments, node: ast.AST) -> Value:
        found: Value | None = None
        for one in member.callables:
            if not isinstance(one, Function):
                continue
            positional = given.positional
            if one.kind == "classmethod":
                cls = base.instance
                own = self.peek(cls.name) if cls is not None else None
                positional = [own or UNKNOWN, *positional]
            elif one.kind != "staticmethod":
                positional = [base, *positional]
            arguments = Arguments(positional, given.keywords, given.rest)
            result = self.call_function(one, arguments, node)
            found = result if found is None else join(found, result)
        return found if found is not None else UNKNOWN

    def _call_of_class(
        self, base: Value, cls: Class, name: str, given: Arguments, node: ast.Call
    ) -> Value | None:
        member = cls.find(name)
        if member is None or not member.callables:
            return None
        found: Value | None = None
        for one in member.callables:
            if isinstance(one, Function):
                first = [base] if one.kind == "classmethod" else []
                arguments = Arguments([*first, *given.positional], given.keywords, given.rest)
                result = self.call_function(one, arguments, node)
                found = result if found is None else join(found, result)
        return found

    def special(self, value: Value, name: str, given: list[Value], node: ast.AST) -> Value | None:
        """A special method (or property) of an instance of a notebook class, if it has one."""
        return self._call_member(value, name, Arguments(list(given)), node)

    def get_property(self, getter: Function, base: Value, node: ast.AST) -> Value:
        """What a property gives."""
        return self.call_function(getter, Arguments([base]), node)

    def look_at(self, value: Value, node: ast.AST) -> None:
        """A value is shown, compared, counted: its special methods, or those of its parts, may be
        called."""
        if value.type in IMMUTABLE or not self.shared.special_classes:
            return
        parts = [value, *(value.items or ())]
        parts += [elem for part in parts if (elem := part.elem) is not None]
        for part in parts:
            if part.instance is not None:
                for member in part.instance.looked_at():
                    self._may_be_called(member, part, node)
            elif not part.type or (part.type in CONTAINERS and part.elem is None):
                # Whose instance it is, or holds, is not known.
                inside = Value(objs=self.record.reach(part.objs))
                for cls in self.shared.special_classes if inside.objs else ():
                    for member in cls.looked_at():
                        self._may_be_called(member, inside, node)

    def _may_be_called(self, member: Value, base: Value, node: ast.AST) -> None:
        """What a special method would do, with whatever it would be given."""
        for one in member.callables:
            plain = isinstance(one, Function) and one.frame is None
            if not isinstance(one, Function) or not plain or one.home is not self.shared.home:
                continue
            if self.shared.calls.is_running(one):
                continue
            bound = unknown_arguments(one)
            if bound:
                bound[next(iter(bound))] = base
            summary = self.summarise(one, bound)
            record = summary.record
            doubtful = {obj: replace(change, sure=False) for obj, change in record.changed.items()}
            record = replace(record, changed=doubtful, effects=set())
            with self.branch():
                self.apply_summary(replace(summary, record=record), bound, node)

    def _special_of_parts(self, value: Value, name: str, node: ast.AST) -> None:
        for part in (value, value.elem, *(value.items or ())):
            if part is not None and part.instance is not None:
                self.special(part, name, [], node)

    # -- notebook functions -------------------------------------------------------------------

    def call_function(
        self, function: Function, given: Arguments, node: ast.AST, *, owner: Objects = NO_OBJECTS
    ) -> Value:
        """Call a function of the notebook. `owner` are the function's own objects: its defaults
        belong to it."""
        defaults = function.defaults
        if owner:
            defaults = {name: remap(value, lambda _: owner) for name, value in defaults.items()}
        bound = meet_parameters(function.node, given, defaults)
        bound = {name: _typed_by(function, name, value) for name, value in bound.items()}
        if function.home is not self.shared.home:
            return self._call_elsewhere(function, bound, given, node)
        if function.frame is not None:
            return self._call_nested(function, bound, node)
        summary = self.summarise(function, bound)
        if is_trusted(node):
            summary = _trusted(summary)
        result = self.apply_summary(summary, bound, node)
        return self.new(node, result.type) if is_trusted(node) else result

    def _call_elsewhere(
        self, function: Function, bound: dict[str, Value], given: Arguments, node: ast.AST
    ) -> Value:
        """A local module's function, read among its own globals. What a module may do with a
        function that it was given is not followed: it is called with what it is given beside."""
        home = function.home
        if (
            not isinstance(home, Home)
            or function.frame is not None
            or not isinstance(node, ast.Call)
        ):
            call = node if isinstance(node, ast.Call) else ast.copy_location(_NO_CALL, node)
            return self.suspect(UNKNOWN, given, call)
        reader = type(self)(home.shared, home.shared.globals.get)
        home.shared.fuel = self.shared.fuel
        summary = told_outside(reader.summarise(function, bound), home, function.name)
        self.shared.fuel = home.shared.fuel
        results = self._call_back(None, given, node)
        result = self.apply_summary(summary, bound, node)
        self.record.hold(result.objs, results)
        if function.cached and result.objs:
            self.one_lane(f"`{function.name}` keeps what it gave, in its module", node.lineno)
        return result

    def _call_nested(self, function: Function, bound: dict[str, Value], node: ast.AST) -> Value:
        """A function made inside a running one is read in place: it shares its variables."""
        if (
            function.frame is None
            or not function.frame.alive
            or function in self.shared.nested
            or len(self.shared.nested) > _DEPTH
        ):
            objects = NO_OBJECTS.union(*(strong(v) for v in bound.values()))
            self.record.change(self.record.reach(objects), getattr(node, "lineno", 0), sure=False)
            return Value(objs=objects)
        self.shared.nested.add(function)
        frame, self.frame = self.frame, self.new_frame(function, self.site(node)[4:])
        for name, value in bound.items():
            self.state.values[self.frame.prefix + name] = value
        result = self.run_body(function)
        self.frame.alive = False
        self.frame = frame
        self.shared.nested.discard(function)
        return result

    def new_frame(self, function: Function, place: str) -> Frame:
        raise NotImplementedError

    def summarise(self, function: Function, bound: dict[str, Value]) -> Summary:
        """What a call of the function does, read once for each kind of arguments."""
        calls = self.shared.calls
        symbolic = {name: _symbolic(name, value) for name, value in bound.items()}
        if calls.is_running(function):
            # A recursive call: fewer distinctions, so that arguments that grow come to an end.
            symbolic = {name: _widened(value) for name, value in symbolic.items()}
        key: CallKey = (function, tuple(sorted(symbolic.items())))
        for known in calls.known.get(key, ()):
            if all(self._same(name, value) for name, value in known.asked.items()):
                return self._pass_on(known)
        pending = calls.pending(key)
        if pending is not None:
            return self._pass_on(pending)
        if len(calls.running) > _DEPTH or self.shared.fuel < 0:
            return self._blunt_summary(symbolic)
        return self._pass_on(self._read_until_stable(key, symbolic))

    def _same(self, name: str, value: Value | None) -> bool:
        now = self.peek(name)
        return now is value or now == value

    def _pass_on(self, summary: Summary) -> Summary:
        """Whoever calls depends on what the callee asked for."""
        for name in summary.asked:
            self.base(name)
        return summary

    def _read_until_stable(self, key: CallKey, symbolic: dict[str, Value]) -> Summary:
        """Read a function; again, if it calls itself, until nothing more is found."""
        calls = self.shared.calls
        for _ in range(_ROUNDS):
            with calls.entered(key) as call:
                latest = self._read_function(key[0], symbolic)
            if calls.left(call, latest, _is_same):
                return latest
        return self._blunt_summary(symbolic)

    def _read_function(self, function: Function, symbolic: dict[str, Value]) -> Summary:
        asked: dict[str, Value | None] = {}
        answers: dict[str, Value | None] = {}

        def ask(name: str) -> Value | None:
            # The caller stands still meanwhile, so an answer stays right.
            if name not in answers:
                answers[name] = answer(name)
            return answers[name]

        def answer(name: str) -> Value | None:
            value = self.peek(name)
            asked[name] = value
            if value is None:
                return None
            if value.objs or value.items:
                reader.record.hold(frozenset({incoming(name)}), frozenset({f"inside:{name}"}))
            return carried(value, name)

        reader = type(self)(self.shared, ask)
        reader.frame = reader.new_frame(function, f"{function.name}@{id(function):x}")
        for name, value in symbolic.items():
            reader.state.values[reader.frame.prefix + name] = value
            if value.objs:
                reader.record.hold(value.objs, frozenset({f"parts:{name}"}))
        result = reader.run_body(function)
        reader.frame.alive = False
        assigned = {
            name: (reader.state.values.get(name, UNKNOWN), sure)
            for name, sure in reader.state.bound.items()
        }
        found = Summary(record=reader.record, result=result, assigned=assigned, asked=asked)
        return tidied(found, f"{function.name}@{id(function):x}")

    def _blunt_summary(self, symbolic: dict[str, Value]) -> Summary:
        """Too deep or too long to read: whatever is handed in may be changed."""
        record = Record()
        objects = NO_OBJECTS.union(*(everything(v) for v in symbolic.values()))
        record.change(objects, 0, sure=False)
        record.one_lane[TOO_DEEP] = 0
        return Summary(record=record, result=Value(objs=objects))

    def apply_summary(self, summary: Summary, bound: dict[str, Value], node: ast.AST) -> Value:
        """Do here what a summary says, with the real arguments; returns the result."""
        line = getattr(node, "lineno", 0)
        place = self.site(node)

        meanings: dict[str, Objects] = {}

        def real(obj: str) -> Objects:
            if obj not in meanings:
                meanings[obj] = self._real(obj, bound, place)
            return meanings[obj]

        found = summary.record
        for holder, held in found.holds.items():
            self.record.hold(real(holder), NO_OBJECTS.union(*(real(obj) for obj in held)))
        for obj, change in found.changed.items():
            self.record.change(real(obj), line, sure=change.sure)
        for obj in found.forgotten:
            self._forget_elements(real(obj))
        for obj, why in found.made.items():
            for made in real(obj):
                self.record.made[made] = why
        for obj in found.raised:
            self.record.raised |= real(obj)
        for obj in found.acting:
            self.record.acting.update(dict.fromkeys(real(obj), line))
        for obj, files in found.behind.items():
            self.record.behind.update(dict.fromkeys(real(obj), files))
        self.record.effects |= _seen_from_outside(found.effects, caught=self.guarded > 0)
        for effect, (what, _) in found.acts.items():
            self.record.acts.setdefault(effect, (what, line))
        self.record.settings |= found.settings
        self._apply_globals(summary, line, sure=True, real=real)
        self._apply_outside(found, line)
        return remap(summary.result, real)

    def _apply_globals(
        self,
        summary: Summary,
        line: int,
        *,
        sure: bool,
        real: Callable[[str], Objects] | None = None,
    ) -> None:
        for name, (_, certain) in summary.record.reads.items():
            if not self.state.bound.get(name, False):
                self.record.read(name, line, sure=sure and certain and name.startswith("@"))
        for name in summary.record.calls:
            self.record.calls.setdefault(name, line)
        for obj, change in summary.record.changed.items():
            if real is None and obj.startswith("in:"):
                self.record.change(self._real(obj, {}, ""), line, sure=change.sure and sure)
        for name, (value, always) in summary.assigned.items():
            if name.startswith("@"):
                if always and sure:
                    self._write_channel(name, line, anew=True)
                continue
            self._assign_global(
                name, value if real is None else remap(value, real), line, always and sure
            )

    def _assign_global(self, name: str, value: Value, line: int, always: bool) -> None:
        if always:
            self.bind_key(name, value, line)
            return
        with self.branch():
            self.bind_key(name, value, line)

    def _apply_outside(self, found: Record, line: int) -> None:
        for path, (_, sure) in found.files_read.items():
            self.record.read_file(path, line, sure=sure)
        for path, (_, sure) in found.files_written.items():
            self.record.write_file(path, line, sure=sure)
        for channel, (_, sure) in found.channels.items():
            self.record.write_channel(channel, line, sure=sure)
        for variable in found.environment:
            self.record.environment.setdefault(variable, line)
        for reason in found.one_lane:
            self.one_lane(reason, line)
        for reason in found.opaque:
            self.record.opaque.setdefault(reason, line)
        self.record.displays |= found.displays

    def _real(self, obj: str, bound: dict[str, Value], place: str) -> Objects:
        """The objects that a summary's object stands for in this call."""
        kind, _, rest = obj.partition(":")
        value = bound.get(rest) if kind in ("arg", "parts", "warg") else None
        if kind in ("in", "inside"):
            value = self.peek(rest)
            if value is None:
                return frozenset({obj}) if kind == "in" else NO_OBJECTS
        if value is not None:
            if kind == "warg":
                return value.weak
            if kind in ("arg", "in"):
                return value.objs
            return (self.record.reach(value.objs) | strong(value)) - value.objs
        if kind == "new":
            nested = obj.count("@") > _NESTED
            return frozenset({place if nested else f"{obj}@{place[4:]}"})
        return NO_OBJECTS if kind in ("arg", "parts", "warg") else frozenset({obj})


def _symbolic(name: str, value: Value) -> Value:
    """A parameter's value inside the function: its objects are known by the parameter's name."""
    whole, parts, weak = (frozenset({f"{kind}:{name}"}) for kind in ("arg", "parts", "warg"))
    inner = remap(value._replace(objs=NO_OBJECTS, weak=NO_OBJECTS), lambda _: parts)
    return inner._replace(
        objs=whole if value.objs else NO_OBJECTS, weak=weak if value.weak else NO_OBJECTS
    )


def _widened(value: Value) -> Value:
    return value._replace(text=None, exact=False, items=None, elem=None)


def _typed_by(function: Function, name: str, value: Value) -> Value:
    """A parameter's annotation speaks where nothing is known of the argument."""
    hint = function.annotations.get(name)
    if hint is None or value.type or value.instance is not None or value.callables or value.ref:
        return value
    return value._replace(type=hint.type, instance=hint.instance)


def _stays(cls: Class) -> str | None:
    """Why an instance cannot be made again in another kernel as it was."""
    if any(cls.find(name) is not None for name in _PICKLED_BY):
        return f"`{cls.name}` says itself how it is pickled"
    filled = _FILLED_HALF_MADE if _is_container(cls) else ()
    for name in (*_ASKED_HALF_MADE, *filled):
        member = cls.find(name)
        nodes = [one.node for one in member.callables] if member is not None else []
        if any(_looks_at_itself(node) for node in nodes):
            return f"`{cls.name}.{name}` needs what an instance in the making does not have yet"
    return None


def _is_container(cls: Class) -> bool:
    own = any(last_name(base) in _FILLED for base in cls.node.bases)
    return own or any(map(_is_container, cls.bases))


def _looks_at_itself(node: ast.AST) -> bool:
    """Whether a method reads plain attributes of its `self`."""
    arguments = node.args.args if isinstance(node, ast.FunctionDef) else []
    own = arguments[0].arg if arguments else None
    return any(
        isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == own
        and not inner.attr.startswith("__")
        for inner in walk(node)
    )


def _has_ended(callee: Function | Class) -> bool:
    """A function whose variables belong to a call that is over."""
    frame = callee.frame if isinstance(callee, Function) else None
    return frame is not None and not frame.alive


def unknown_arguments(function: Function) -> dict[str, Value]:
    """Arguments of which nothing is known."""
    found: dict[str, Value] = {}
    for parameter in parameters(function.node):
        name = parameter.arg
        found[name] = _typed_by(function, name, Value(objs=frozenset({f"any:{name}"})))
    return found


_NO_CALL: Final = ast.Call(func=ast.Name(id="?", ctx=ast.Load()), args=[], keywords=[])


def _seen_from_outside(effects: set[Effect], *, caught: bool) -> set[Effect]:
    """What a function raises is mostly about its arguments. `caught`: or it goes no further."""
    rest = effects - {Effect.RAISES, Effect.RAISES_INSIDE}
    return rest if caught or rest == effects else rest | {Effect.RAISES_INSIDE}


def _trusted(summary: Summary) -> Summary:
    """Without the changes that nobody can see in the text."""
    changed = {obj: change for obj, change in summary.record.changed.items() if change.sure}
    return replace(summary, record=replace(summary.record, changed=changed))


def _is_same(one: Summary, other: Summary) -> bool:
    return _outline(one) == _outline(other)


def _outline(summary: Summary) -> tuple[object, ...]:
    """What counts for two summaries of a recursive function to be the same."""
    record = summary.record
    return (
        frozenset(record.changed),
        frozenset((k, frozenset(v)) for k, v in record.holds.items()),
        frozenset(record.reads),
        frozenset(record.effects),
        frozenset(record.files_read) | frozenset(record.files_written),
        frozenset(summary.assigned),
        everything(summary.result),
    )


_BY_CHANCE: Final = re.compile(r"basin|bh|evolution|anneal")


def _is_left_to_chance(rule: Rule, given: Arguments) -> bool:
    """A keyword asks for a method that draws, or may do so.

    >>> rule = Rule(chance=("method",))
    >>> _is_left_to_chance(rule, Arguments(keywords={"method": Value(text="bfgs", exact=True)}))
    False
    """
    if not rule.chance:
        return False
    asked = [given.keywords[key] for key in rule.chance if key in given.keywords]
    plain = (v.exact and v.text is not None and not _BY_CHANCE.search(v.text) for v in asked)
    return given.rest is not None or not all(plain)


_LOOKS_AT_FUNCTION: Final = frozenset({"cache_info", "cache_parameters", "__call__", "dispatch"})

_TELLS_ITS_CALLS: Final = frozenset(
    {
        *("inspect_asm", "inspect_cfg", "inspect_disasm_cfg", "inspect_llvm", "inspect_types"),
        *("parallel_diagnostics", "get_metadata", "get_call_template"),
    }
)
"""Methods of functions that numba compiles anew for each kind of argument."""

_CALLERS: Final = frozenset(
    {
        *("map", "filter", "reduce", "starmap", "apply", "applymap", "agg", "aggregate"),
        *("transform", "submit", "filterfalse", "takewhile", "dropwhile", "partial", "defaultdict"),
        *("accumulate", "apply_along_axis", "vectorize", "fromfunction", "to_thread", "gather"),
    }
)
"""Functions and methods whose first argument is called."""

_CALLED_KEYWORDS: Final = (
    *("key", "func", "function", "default_factory", "target", "initializer", "converters"),
)


def _functions_in(value: Value) -> list[Value]:
    """A function, or those in a list or dict of them."""
    parts = [value, *(value.items or ())]
    if value.elem is not None:
        parts += [value.elem, *(value.elem.items or ())]
    return [part for part in parts if part.callables]


def _called_position(node: ast.Call, given: Arguments) -> tuple[str, ...]:
    """Where a call takes functions that it calls."""
    keys = _CALLED_KEYWORDS if given.keywords else ()
    return ("0", *keys) if last_name(node.func) in _CALLERS else keys


def _is_shell(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="get_ipython"), args=[], keywords=[]):
            return True
    return False


def plain_path(text: str) -> str:
    r"""A path as files are named in the graph: POSIX, without a leading `./`.

    >>> plain_path(r".\data\x.csv")
    'data/x.csv'
    """
    path = text.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path or "."
