"""Versions of names on the linker's way down the notebook: who left a name, what clings to it.

A version is either a *fragment* (a definition that lanes replay) or what a step left behind. What a
step left may carry definitions with it: an instance needs its class, a closure the globals that its
body reads. Whoever loads the version then needs those too, resolved where they are used.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from nbflow.analysis.facts import Fragment
from nbflow.analysis.nodes import walk
from nbflow.core.names import Name
from nbflow.core.notebook import CellId

PLAIN_TYPES = frozenset(
    {
        "DataFrame",
        "Series",
        "Index",
        "ndarray",
        "str",
        "bytes",
        "int",
        "float",
        "bool",
        "complex",
        "None",
        "NoneType",
        "number",
        "date",
        "datetime",
        "timedelta",
        "Timestamp",
        "Timedelta",
        "Path",
        "range",
        "slice",
        "module",
    }
)
"""Types whose values hold data alone: no functions or notebook classes travel inside them."""

_MAKERS = (ast.ClassDef, ast.Lambda, ast.GeneratorExp, ast.Call, ast.Yield, ast.YieldFrom)
_CLASS = re.compile(r"^\s*class\b", re.MULTILINE)
_EQUALITY = re.compile(r"\b(__eq__|dataclass|NamedTuple|Enum|IntEnum|StrEnum|BaseModel|define)\b")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Defined:
    """One fragment as it stands in the notebook, with the fragments that its replay needs.

    `setup` is a whole setup cell. Its values and those of parameters may be changed in place.
    below: the `PLACES` that steps had set above it.
    """

    cell: CellId
    cell_index: int
    order: int
    fragment: Fragment
    needs: tuple["Defined", ...] = ()
    parameter: bool = False
    setup: bool = False
    below: tuple[Name, ...] = ()

    @property
    def changeable(self) -> bool:
        """Steps may change what it holds; the step then has the new version."""
        return self.parameter or self.setup

    def is_code_of(self, name: Name) -> bool:
        """Values may hold a function or class of that name by reference to this definition."""
        if self.parameter or self.fragment.module is not None:
            return False
        code = re.compile(rf"^\s*(async\s+)?(def|class)\s+{re.escape(name)}\b", re.MULTILINE)
        return not self.setup or code.search(self.fragment.source) is not None

    def is_held(self, mentioned: frozenset[Name]) -> bool:
        """Values may hold what it defines. `mentioned`: names used otherwise than by calling."""
        if self.parameter or self.fragment.module is not None:
            return False
        if _is_constant(self.fragment.source):
            return False  # values hold what it is, not its name
        return not mentioned.isdisjoint(self.fragment.names) or _makes_values(self.fragment.source)

    def compares_by_identity(self) -> bool:
        """A class whose instances equal nothing but themselves."""
        source = self.fragment.source
        return _CLASS.search(source) is not None and _EQUALITY.search(source) is None

    def chain(self) -> Iterator["Defined"]:
        """This fragment and all that it needs, each once, in any order."""
        found, waiting = {self}, [self]
        while waiting:
            one = waiting.pop()
            yield one
            # Many may need the same one: who followed every path would never come to an end.
            new = [needed for needed in one.needs if needed not in found]
            found.update(new)
            waiting += dict.fromkeys(new)


@lru_cache(maxsize=4096)
def _is_constant(source: str) -> bool:
    """A plain assignment that calls and defines nothing.

    >>> _is_constant("n = 11"), _is_constant("P = namedtuple('P', 'x y')")
    (True, False)
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    plain = all(isinstance(node, ast.Assign | ast.AnnAssign) for node in tree.body)
    return plain and not any(isinstance(node, ast.Call | ast.Lambda) for node in walk(tree))


def _makes_values(source: str) -> bool:
    """Code that can bring itself, or a part of itself, into values: classes, and functions that
    make functions or generators. Constants and plain functions cannot."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a setup cell with magics
        return True
    inner = [node for one in tree.body for node in walk(one)]
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        plain = [node for node in inner[1:] if not isinstance(node, ast.Call)]
        return any(isinstance(n, (*_MAKERS, ast.FunctionDef, ast.AsyncFunctionDef)) for n in plain)
    return any(
        isinstance(node, (*_MAKERS, ast.FunctionDef, ast.AsyncFunctionDef)) for node in inner
    )


def in_order(found: Iterable[Defined]) -> list[Defined]:
    """Definitions in notebook order."""
    return sorted(found, key=lambda defined: (defined.cell_index, defined.order))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Version:
    """A name as a fragment defined it (`defined`) or as a step left it (`step`, a group key).

    `carried` are definitions that the value may hold by reference, `late` and `late_writes` globals
    that functions inside the value may read or write when they are called. `affinity` says why the
    value cannot leave its lane, `pinned` why what is made with it cannot either. `content` is the
    version before, if runs have shown that the step did not change it, but only leaves it because
    it shares objects with what else it leaves: with those of `together`.
    """

    name: Name
    cell_index: int
    line: int
    step: str | None = None
    defined: Defined | None = None
    sure: bool = True
    carried: frozenset[Defined] = frozenset()
    late: frozenset[Name] = frozenset()
    late_writes: frozenset[Name] = frozenset()
    affinity: str | None = None
    pinned: str | None = None
    sql: bool = False
    content: "Version | None" = None
    together: frozenset[Name] = frozenset()


@dataclass(slots=True)
class Aliases:
    """Which names may share mutable objects now. Groups are disjoint."""

    groups: dict[Name, frozenset[Name]] = field(default_factory=dict)

    def of(self, name: Name) -> frozenset[Name]:
        """The name's group, itself included."""
        return self.groups.get(name, frozenset({name}))

    def join(self, names: Iterable[Name]) -> frozenset[Name]:
        """Unite the groups of all names; returns the united group."""
        united = frozenset[Name]().union(*(self.of(name) for name in names))
        for name in united:
            self.groups[name] = united
        return united

    def leave(self, name: Name) -> None:
        """The name was bound anew: it shares nothing any more."""
        rest = self.of(name) - {name}
        self.groups.pop(name, None)
        for other in rest:
            self.groups[other] = rest


def fold_match(name: Name, known: Mapping[Name, Version]) -> Name | None:
    """The known name that an SQL mention means: exact, else the only one that differs in case.

    >>> v = Version(name=Name("Sales"), cell_index=0, line=1)
    >>> fold_match(Name("SALES"), {Name("Sales"): v})
    'Sales'
    """
    if name in known:
        return name
    folded = name.casefold()
    matches = [other for other in known if other.casefold() == folded]
    return matches[0] if len(matches) == 1 else None
