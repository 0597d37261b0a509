"""Modules beside the notebook: read from their source, like the notebook's own functions.

A function of a local module is summarised where it was written, among its module's globals; then
the summary is told as the notebook sees it: what the module keeps for itself does not concern the
notebook, until it changes or is handed out.
"""

import ast
from collections.abc import Callable
from dataclasses import replace

from nbflow.analysis.expressions import Home, Shared
from nbflow.analysis.nodes import walk
from nbflow.analysis.state import Record, Summary
from nbflow.analysis.values import (
    IMMUTABLE,
    Objects,
    Value,
    carried,
    remap,
    strong,
)

FindSource = Callable[[str], str | None]
"""The source of a module, by its dotted name, if it is one of the user's own."""

_CODE = IMMUTABLE | {"function", "class", "module"}


class Modules:
    """The local modules of one notebook, each read once, when it is first asked for."""

    def __init__(
        self, shared: Shared, find: FindSource, read: Callable[[Home, ast.Module], Record]
    ):
        self._shared = shared
        self._find = find
        self._read = read
        self._known: dict[str, Home | None] = {}

    def __call__(self, dotted: str) -> Home | None:
        """The module of that name, or None if it is not a local one that can be read."""
        if dotted not in self._known:
            self._known[dotted] = None  # while it is read: modules may import each other
            self._known[dotted] = self._load(dotted)
        return self._known[dotted]

    @property
    def has_read(self) -> bool:
        """Whether any module was one that can be read."""
        return any(home is not None for home in self._known.values())

    def misses_as(self, earlier: "Modules") -> bool:
        """Whether none is there of those that were not found earlier; if so, that is known now."""
        if any(self._find(dotted) is not None for dotted in earlier._known):
            return False
        self._known |= earlier._known
        return True

    def _load(self, dotted: str) -> Home | None:
        source = self._find(dotted)
        if source is None:
            return None
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return None
        home = Home(name=dotted, shared=self._shared.of_module())
        home.shared.home = home
        home.record = self._read(home, _without_main(tree))
        return home


def keep_values(home: Home, values: dict[str, Value]) -> None:
    """Make what a module's code bound its globals."""
    home.shared.globals.update({name: carried(value, name) for name, value in values.items()})


def imported_by(name: str, tree: ast.Module) -> tuple[str, ...]:
    """The modules that a module imports anywhere, as far as they may be local ones.

    >>> imported_by("p.a", ast.parse("import b\\nfrom . import c\\nfrom .d import e"))
    ('b', 'p.c', 'p.a.c', 'p.d', 'p.a.d')
    """
    found: list[str] = []
    for node in walk(tree):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                found.append(module)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = name.split(".")
                inner = [module] if module else [alias.name for alias in names]
                # Whether the module is a package is not known.
                starts = (above[: len(above) - level], above[: len(above) - level + 1])
                found += [".".join([*start, one]) for one in inner for start in starts]
    return tuple(found)


def environment_in(tree: ast.Module) -> frozenset[str]:
    """Environment variables that code names.

    >>> sorted(environment_in(ast.parse("os.environ['A']; getenv('B'); 'C' in environ; f('D')")))
    ['A', 'B', 'C']
    """
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, ast.Call | ast.Subscript | ast.Compare):
            parts = [*walk(node)]
            if any(_is_environment(part) for part in parts):
                values = [part.value for part in parts if isinstance(part, ast.Constant)]
                found |= {value for value in values if isinstance(value, str)}
    return frozenset(found)


def _is_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in ("environ", "getenv")
    return False


def _without_main(tree: ast.Module) -> ast.Module:
    """Without `if __name__ == "__main__":`, which imports do not run."""
    body = [one for one in tree.body if not (isinstance(one, ast.If) and _asks_for_main(one.test))]
    return ast.Module(body=body, type_ignores=[])


def _asks_for_main(test: ast.expr) -> bool:
    return "__name__" in (name.id for name in walk(test) if isinstance(name, ast.Name))


def told_outside(summary: Summary, home: Home, called: str) -> Summary:
    """What a call of a module's function means to those who do not see the module's globals."""
    record = summary.record
    own = frozenset({f"module:{home.name}"})

    def outside(obj: str) -> Objects:
        return own if obj.startswith(("in:", "inside:")) else frozenset({obj})

    told = replace(
        record,
        reads={name: found for name, found in record.reads.items() if name.startswith("@")},
        writes={},
        calls={},
        built=[],
        changed={o: c for o, c in record.changed.items() if not _is_global(o)},
        holds={
            holder: {new for obj in held for new in outside(obj)}
            for holder, held in record.holds.items()
            if not _is_global(holder)
        },
        one_lane={**record.one_lane, **_kept_inside(summary, home, called)},
    )
    assigned = {n: found for n, found in summary.assigned.items() if n.startswith("@")}
    result = remap(summary.result, outside)
    return replace(summary, record=told, assigned=assigned, result=result, asked={})


def _kept_inside(summary: Summary, home: Home, called: str) -> dict[str, int]:
    """Why the notebook cannot be split: the module has a state that this call changes or shows."""
    changed = any(_is_global(o) and c.sure for o, c in summary.record.changed.items())
    bound = any(not name.startswith("@") for name in summary.assigned)
    if changed or bound:
        return {f"`{called}` changes the state of its module `{home.name}`": 0}
    result = summary.result
    given = any(_is_global(obj) for obj in strong(result))
    if given and result.type and result.type not in _CODE and not result.callables:
        return {f"`{called}` gives out an object that its module `{home.name}` keeps": 0}
    return {}


def _is_global(obj: str) -> bool:
    return obj.startswith(("in:", "inside:"))
