"""What an expression may be: the abstract values that the readers of Python code compute with.

A value knows a rough type, and the *objects* that it may be. An object is a text: `in:df` is what
the global `df` was when the cell began, `arg:x` is what a caller passed, `new:4.0` was made at line
4. Two names share an object if one may see what is changed through the other. Values of immutable
type have no objects, so nothing that happens to them can be a write.

`weak` objects are the tables that a cell, row or column was taken from: pandas copies on write, so
only a visible change of an element (a list inside a column) may reach them, not an unknown call. A
notebook that changes such an element anywhere is read again, with tables that hold what is in the
cells of those that they were made from (`Shared.cells_are_shared`).
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

Objects = frozenset[str]

NO_OBJECTS: Final[Objects] = frozenset()

FIGURE: Final = "figure"
"""What pyplot makes in one cell hangs together: figures, their axes, the current figure."""

IMMUTABLE: Final = frozenset(
    {
        *("str", "bytes", "int", "float", "bool", "complex", "None", "number", "scalar"),
        *("date", "datetime", "time", "timedelta", "Timestamp", "Timedelta", "timezone"),
        *("Path", "Decimal", "Fraction", "range", "slice", "module", "class", "Pattern", "UUID"),
        *("property", "dtype", "Period", "shape"),
    }
)
"""Types whose values nobody can change."""

TABLES: Final = frozenset({"DataFrame", "Series", "NDFrame", "Index", "GroupBy", "Indexer"})
"""pandas types; `NDFrame` is a DataFrame or a Series, `Indexer` what `.loc` and `.iloc` are."""

OWN_STATE: Final = frozenset(
    {
        *("list", "dict", "set", "deque", "Counter", "defaultdict", "OrderedDict", "instance"),
        *("DataFrame", "Series", "Estimator", "SMModel", "Minuit"),
    }
)
"""Types whose methods that change them, and stores into them, leave alone what they hold."""

OWN_PARTS: Final = frozenset({"Minuit"})
"""Those of them whose attributes are views of what they are themselves."""

REMEMBERING: Final = frozenset({"SMModel", "SMResults", "Found"})
"""Types of libraries whose results keep what they were asked for; asking changes nothing else."""

PLOTS: Final = frozenset({"Figure", "Axes", "Artist", "Plot", "Grid"})
"""Types whose values matplotlib draws."""

SETTINGS: Final = ("@rcParams", "@pandas.options", "@numpy.options")
"""Channels that only some code looks at."""

_NO_SETTINGS: Final = frozenset({"function", "method", "class", "module", "Generator", "library"})
# Perhaps numpy's own numbers: they are shown, and overflow, as numpy is told.
_NUMBERS: Final = frozenset({"number", "scalar", "float", "complex"})


@lru_cache(maxsize=256)
def settings_of_type(kind: str) -> frozenset[str]:
    """The settings that working with a value of a type, or showing it, may depend on.

    >>> sorted(settings_of_type("DataFrame"))
    ['@numpy.options', '@pandas.options']
    """
    if kind in PLOTS or kind in ("", "instance"):
        return frozenset(SETTINGS)
    if kind in _NUMBERS or kind == "ndarray":
        return frozenset({"@numpy.options"})
    if kind in IMMUTABLE or kind in _NO_SETTINGS:
        return frozenset()
    return frozenset(SETTINGS[1:])


ONE_SHOT: Final = frozenset({"generator", "iterator", "file", "cursor", "relation"})
"""Types that reading uses up."""


class OpenFile(NamedTuple):
    """A file that an object reads or writes whenever it is used."""

    path: str
    writes: bool


class Value(NamedTuple):
    """An abstract value.

    ref: the dotted name of what a module offers (`pandas.read_csv`). text: the literal text of a
    str, number or Path, with `*` for unknown parts; `exact` where there are none. items: the parts
    of a tuple; elem: any element of a container. cell: it (for a tuple, some part of it) is what a
    cell of a table or of an array of objects holds, and so do perhaps the cells of others.
    """

    type: str = ""
    objs: Objects = NO_OBJECTS
    weak: Objects = NO_OBJECTS
    ref: str | None = None
    text: str | None = None
    exact: bool = False
    items: "tuple[Value, ...] | None" = None
    elem: "Value | None" = None
    callables: "tuple[Function | Class, ...]" = ()
    instance: "Class | None" = None
    cell: bool = False


@dataclass(eq=False, slots=True)
class Frame:
    """Where names live while code is read: a cell (`prefix` empty), a function, a class body."""

    kind: str
    prefix: str
    local: frozenset[str] = frozenset()
    declared_global: frozenset[str] = frozenset()
    parent: "Frame | None" = None
    alive: bool = True


@dataclass(eq=False, slots=True)
class Function:
    """A function or lambda of the notebook. `frame` is the function that it was made in, if any;
    `home` the local module (`expressions.Home`) in whose text it stands, if it is not the
    notebook's."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    defaults: dict[str, Value] = field(default_factory=dict)
    annotations: dict[str, Value] = field(default_factory=dict)
    frame: Frame | None = None
    kind: str = "function"
    cached: bool = False
    home: object = None


_CALLED_OPENLY: Final = frozenset(
    {
        *("__new__", "__init__", "__post_init__", "__init_subclass__", "__class_getitem__"),
        *("__set_name__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__"),
        *("__setattr__", "__delattr__", "__setitem__", "__delitem__", "__del__", "__dict__"),
    }
)
"""Special methods that stand in the text as what they are: a call, an assignment, a block."""


@dataclass(eq=False, slots=True)
class Class:
    """A class of the notebook. `foreign` says that some base is not a class of the notebook,
    `made_by_code` that it has a metaclass which is."""

    name: str
    node: ast.ClassDef
    bases: "tuple[Class, ...]" = ()
    foreign: bool = False
    members: dict[str, Value] = field(default_factory=dict)
    made_by_code: bool = False

    def find(self, member: str) -> Value | None:
        """The member with that name, here or in a base."""
        if member in self.members:
            return self.members[member]
        found = (base.find(member) for base in self.bases)
        return next((value for value in found if value is not None), None)

    def looked_at(self) -> Iterator[Value]:
        """Special methods that Python calls of itself when an instance is looked at: printed,
        compared, counted, gone through."""
        for name, value in self.members.items():
            if name.startswith("__") and name.endswith("__") and name not in _CALLED_OPENLY:
                yield value
        for base in self.bases:
            yield from base.looked_at()


UNKNOWN: Final = Value()
NONE: Final = Value(type="None")
STR: Final = Value(type="str")
NUMBER: Final = Value(type="number")
BOOL: Final = Value(type="bool")


def incoming(name: str) -> str:
    """The object that a global name stood for when the cell (or function) began."""
    return f"in:{name}"


def fresh(type: str, obj: str, *, weak: Objects = NO_OBJECTS, elem: Value | None = None) -> Value:
    """A new value of that type; an object only where it can be changed.

    >>> fresh("int", "new:1:0").objs
    frozenset()
    """
    if type in IMMUTABLE:
        return Value(type=type)
    return Value(type=type, objs=frozenset({obj}), weak=weak, elem=elem)


def everything(value: Value) -> Objects:
    """All objects a value or its parts may be, weak ones included."""
    found = value.objs | value.weak
    for item in value.items or ():
        found |= everything(item)
    if value.elem is not None:
        found |= everything(value.elem)
    return found


def strong(value: Value) -> Objects:
    """All objects that a value or its parts may be."""
    found = value.objs
    for item in value.items or ():
        found |= strong(item)
    if value.elem is not None:
        found |= strong(value.elem)
    return found


def remap(value: Value, new: Callable[[str], Objects]) -> Value:
    """The value with every object replaced."""
    if not (value.objs or value.weak or value.items or value.elem):
        return value
    return value._replace(
        objs=_all(value.objs, new),
        weak=_all(value.weak, new),
        items=None if value.items is None else tuple(remap(v, new) for v in value.items),
        elem=None if value.elem is None else remap(value.elem, new),
    )


def _all(objects: Objects, new: Callable[[str], Objects]) -> Objects:
    return NO_OBJECTS.union(*(new(obj) for obj in objects))


def carried(value: Value, name: str) -> Value:
    """A global's value as later cells see it: all its objects are one, known by the name."""
    if not (value.objs or value.weak or value.items or value.elem):
        return value
    whole = frozenset({incoming(name)})
    if value.objs == whole and not (value.weak or value.items or value.elem):
        return value
    return remap(value._replace(objs=value.objs or value.weak, weak=NO_OBJECTS), lambda _: whole)


def join(one: Value, other: Value) -> Value:
    """A value that may be either.

    >>> join(Value(type="int"), Value(type="float")).type
    'number'
    """
    if one is other or one == other:
        return one
    same_text = one.text == other.text
    return Value(
        type=_join_types(one.type, other.type),
        objs=one.objs | other.objs,
        weak=one.weak | other.weak,
        ref=one.ref if one.ref == other.ref else None,
        text=one.text if same_text else None,
        exact=one.exact and other.exact and same_text,
        items=_join_items(one, other),
        elem=_join_elements(one, other),
        callables=tuple(dict.fromkeys(one.callables + other.callables)),
        instance=one.instance if one.instance is other.instance else None,
        cell=one.cell or other.cell,
    )


def _join_types(one: str, other: str) -> str:
    if one == other or other == "None":
        return one
    if one == "None":
        return other
    if {one, other} <= {"int", "float", "number", "bool"}:
        return "number"
    if {one, other} <= {"DataFrame", "Series", "NDFrame"}:
        return "NDFrame"
    if {one, other} <= IMMUTABLE:
        return "scalar"
    return ""


def _join_items(one: Value, other: Value) -> tuple[Value, ...] | None:
    if one.items is None or other.items is None or len(one.items) != len(other.items):
        return None
    return tuple(join(a, b) for a, b in zip(one.items, other.items, strict=True))


def _join_elements(one: Value, other: Value) -> Value | None:
    if one.elem is None or other.elem is None:
        return None
    return join(one.elem, other.elem)
