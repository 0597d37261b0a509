"""Whether it can ever be seen that names share objects.

Names that share are stored together, and whoever needs one then waits for the other's writer. That
is dear, so it is done only where somebody below changes one of them in place, or tells objects
apart by identity.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from nbflow.analysis.facts import CellFacts
from nbflow.core.graph import Learned
from nbflow.core.names import Name
from nbflow.core.notebook import Notebook

_IS = re.compile(r"\bis\b")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the whole notebook says about shared objects.

    last_change: for each name, the index of the last cell that may change it in place. connected:
    the names that any chain of aliases connects with it. by_identity: some cell uses `is`.
    mentioned: names that stand somewhere without being called there: a function that is only ever
    called is inside no value.
    """

    last_change: Mapping[Name, int]
    connected: Mapping[Name, frozenset[Name]]
    by_identity: bool
    mentioned: frozenset[Name]

    def shows(self, names: Iterable[Name], cell_index: int) -> bool:
        """Whether the names' sharing from that cell on can be seen below."""
        return self.by_identity or any(
            self.last_change.get(other, -1) > cell_index
            for name in names
            for other in self.connected.get(name, frozenset({name}))
        )


def sharing_in(
    notebook: Notebook, facts: tuple[CellFacts, ...], lessons: tuple[Learned, ...]
) -> Sharing:
    """Look through the whole notebook."""
    sources = [notebook.cell(one.cell).source for one in facts]
    return Sharing(
        last_change=_last_changes(facts, lessons, len(notebook.cells)),
        connected=_connected(facts),
        by_identity=any(compares_identity(source) for source in sources),
        mentioned=frozenset[Name]().union(*(mentioned_in(source) for source in sources)),
    )


def _last_changes(
    facts: tuple[CellFacts, ...], lessons: tuple[Learned, ...], end: int
) -> dict[Name, int]:
    last: dict[Name, int] = {}
    for one in facts:
        for use in one.writes:
            if not one.only_binds(use.name):
                last[use.name] = max(last.get(use.name, -1), one.index)
    late = {u.name for f in facts for u in f.late_writes}
    late |= {u.name for f in facts for g in f.fragments for u in g.late_writes}
    for name in late | {lesson.name for lesson in lessons if lesson.what == "writes"}:
        last[name] = end  # functions are called who knows where
    return last


def _connected(facts: tuple[CellFacts, ...]) -> dict[Name, frozenset[Name]]:
    found: dict[Name, frozenset[Name]] = {}
    for one in facts:
        for group in one.aliases:
            united = group.union(*(found.get(name, frozenset()) for name in group))
            for name in united:
                found[name] = united
    return found


@lru_cache(maxsize=4096)
def mentioned_in(source: str) -> frozenset[Name]:
    """Names that code uses otherwise than by calling them.

    >>> sorted(mentioned_in("y = f(x, key=g)"))
    ['g', 'x']
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # magics: all words
        return frozenset(map(Name, _WORD.findall(source)))
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(
        Name(node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in called
    )


def compares_identity(source: str) -> bool:
    """Whether code tells objects apart by identity (other than None and its like, or types).

    >>> compares_identity("a is b"), compares_identity("a is None or type(a) is int")
    (True, False)
    """
    if not _IS.search(source):
        return False
    try:
        tree = ast.parse(source)
    except SyntaxError:  # magics: rather too often than not at all
        return True
    return any(
        isinstance(operator, ast.Is | ast.IsNot) and not (_is_one(left) or _is_one(right))
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for left, operator, right in zip(
            [node.left, *node.comparators], node.ops, node.comparators, strict=False
        )
    )


def _is_one(node: ast.expr) -> bool:
    """There is only one such object in any kernel: a constant, a builtin, a type."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Call(func=ast.Name(id="type" as name)):
            return hasattr(builtins, name)
        case ast.Attribute(attr="__class__"):
            return True
    return False
