"""Whether it can ever be seen that names share objects.

Names that share are stored together, and whoever needs one then waits for the other's writer. That
is dear, so it is done only where somebody below changes one of them in place, or tells objects
apart by identity.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from nbflow.analysis.facts import CellFacts, Certainty
from nbflow.analysis.ipython import read_code
from nbflow.analysis.nodes import of_kind, walk
from nbflow.core.graph import Learned, Lesson
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.notebook import Cell, Notebook

_IS = re.compile(r"\bis\b")
_MAGIC = re.compile(r"^([ \t]*)[%!](?!%).*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What one cell does to sharing: the names whose old value it may change in place, those of
    them that hold nothing else that it changes, those that share when it has ended, and those that
    are surely new then. `seers`: see `Seers`, when it begins."""

    index: int
    changed: frozenset[Name]
    own: frozenset[Name]
    seers: "Seers"
    groups: tuple[frozenset[Name], ...]
    binds: frozenset[Name]
    concerns: frozenset[Name] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "concerns", self.changed.union(self.own, self.binds, *self.groups))

    def is_seen(self, names: frozenset[Name]) -> bool:
        """Whether it changes something that several of the names may reach."""
        deep = self.changed - self.own
        others = (self.seers.of(name) for name in self.own & names)
        return not names.isdisjoint(deep) or any(
            seen is None or not names.isdisjoint(seen) for seen in others
        )

    def after(self, names: frozenset[Name]) -> frozenset[Name]:
        """The names that may share an object when the cell has ended, if these did before."""
        kept, found = names - self.binds, set(names - self.binds)
        while True:
            joined = [group for group in self.groups if not group.isdisjoint(kept)]
            found.update(*joined)
            if found == kept:
                return kept
            kept = frozenset(found)


@dataclass(frozen=True, slots=True)
class Seers:
    """For each name that was bound to something new: the other names that may reach it. What it
    holds does not: `box = [a]` is seen by who reads `box`, and not by who reads `a`."""

    known: Mapping[Name, frozenset[Name]]

    def of(self, name: Name) -> frozenset[Name] | None:
        """The names through which a change of the name's own object may be seen; None: any."""
        return self.known.get(name)

    def after(self, facts: CellFacts, binds: frozenset[Name]) -> "Seers":
        """When a cell has ended."""
        reaching = _reaching(facts)
        touched = binds.union(reaching)
        known = {name: seen for name, seen in self.known.items() if name not in facts.bound}
        # Most cells concern few of the names, and this is asked for every name at every cell.
        concerned = [n for n, s in known.items() if n in reaching or not s.isdisjoint(touched)]
        for name in concerned:
            known[name] = _seen_by(name, known[name], binds, reaching)
        for name, objects in facts.fresh.items():
            if name in binds:
                known[name] = frozenset(
                    other
                    for other, reached in facts.reach.items()
                    if other != name and not objects.isdisjoint(reached)
                )
        return Seers(known)

    def without(self, names: frozenset[Name]) -> "Seers":
        """When a run has seen these share, though the text does not say how."""
        return Seers({n: seen for n, seen in self.known.items() if names.isdisjoint({n, *seen})})


def _reaching(facts: CellFacts) -> dict[Name, set[Name]]:
    """For each name: the names that can reach, when the cell has ended, what it was before."""
    found: dict[Name, set[Name]] = {}
    for name, objects in facts.reach.items():
        for obj in objects:
            if obj.startswith("in:"):
                found.setdefault(Name(obj[3:]), set()).add(name)
    return found


def _seen_by(
    name: Name,
    seen: frozenset[Name],
    binds: frozenset[Name],
    reaching: Mapping[Name, set[Name]],
) -> frozenset[Name]:
    joined = [reaching[one] for one in (name, *seen) if one in reaching]
    if not joined and seen.isdisjoint(binds):
        return seen
    return (seen - binds).union(*joined) - {name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the whole notebook says about shared objects.

    moments: its cells, in order. anytime: names that functions may change, which are called who
    knows where. by_identity: some cell uses `is`. mentioned: names that stand somewhere without
    being called there: a function that is only ever called is inside no value.
    """

    moments: tuple[Moment, ...]
    anytime: frozenset[Name]
    by_identity: bool
    mentioned: frozenset[Name]
    known: dict[tuple[frozenset[Name], int], bool] = field(default_factory=dict, repr=False)

    def shows(self, names: Iterable[Name], cell_index: int) -> bool:
        """Whether the names' sharing from that cell on can be seen below."""
        if self.by_identity:
            return True
        asked = (frozenset(names), cell_index)
        if asked not in self.known:
            self.known[asked] = self._is_changed(*asked)
        return self.known[asked]

    def seers(self, name: Name, cell_index: int) -> frozenset[Name] | None:
        """The other names that may reach what the name itself is when that cell begins."""
        if name in self.anytime:
            return None
        here = (moment for moment in self.moments if moment.index == cell_index)
        return next((moment.seers.of(name) for moment in here), None)

    def _is_changed(self, names: frozenset[Name], cell_index: int) -> bool:
        """Follow the objects down the notebook, by whatever names they go there."""
        for moment in self.moments:
            if moment.index > cell_index and not names.isdisjoint(moment.concerns):
                if not names.isdisjoint(self.anytime) or moment.is_seen(names):
                    return True
                names = moment.after(names)
        return not names.isdisjoint(self.anytime)


def sharing_in(
    notebook: Notebook, facts: tuple[CellFacts, ...], lessons: tuple[Learned, ...]
) -> Sharing:
    """Look through the whole notebook."""
    cells = [notebook.cell(one.cell) for one in facts]
    anytime = {u.name for f in facts for u in f.late_writes}
    anytime |= {u.name for f in facts for g in f.fragments for u in g.late_writes}
    return Sharing(
        moments=tuple(_moments(cells, facts, lessons)),
        anytime=frozenset(anytime),
        by_identity=any(compares_identity(cell.source) for cell in cells),
        mentioned=frozenset[Name]().union(*(mentioned_in(cell.source) for cell in cells)),
    )


def untold(lessons: Iterable[Learned], facts: CellFacts) -> frozenset[Name]:
    """The names that runs have seen share with what the cell writes, together with what it writes,
    unless its text says so, too: then that also says who sees a change of which."""
    shared = {ls.name for ls in lessons if ls.what == "shares"}
    if not shared:
        return frozenset()
    written = frozenset(u.name for u in facts.writes if kind_of(u.name) is NameKind.VARIABLE)
    found = frozenset(name for name in shared if not _says(facts, name, written))
    return found | written if found else found


def _says(facts: CellFacts, name: Name, written: frozenset[Name]) -> bool:
    """By its text, all that a cell writes may share objects with the name."""
    return bool(written) and all(
        any({name, one} <= group for group in facts.aliases) for one in written
    )


def _taught(lessons: Iterable[Learned], *what: Lesson) -> dict[str, frozenset[Name]]:
    """Names of lessons of some kinds, by the ids of the cells of their steps."""
    found: dict[str, frozenset[Name]] = {}
    for lesson in lessons:
        if lesson.what in what:
            for cell in lesson.step.split("+"):
                found[cell] = found.get(cell, frozenset()) | {lesson.name}
    return found


def _moments(
    cells: Iterable[Cell], facts: Iterable[CellFacts], lessons: Iterable[Learned]
) -> Iterator[Moment]:
    writes, keeps = _taught(lessons, "writes"), _taught(lessons, "keeps", "lends")
    shares = [*filter(lambda lesson: lesson.what == "shares", lessons)]
    seers = Seers({})
    for cell, one in zip(cells, facts, strict=True):
        found = untold((ls for ls in shares if ls.step.split("+")[-1] == cell.id), one)
        binds = frozenset[Name]() if _may_not_end(cell) else one.binds
        seen = writes.get(cell.id, frozenset())
        yield Moment(
            index=one.index,
            changed=seen | _changed(one, keeps.get(cell.id, frozenset())),
            own=one.own - seen,
            seers=seers,
            groups=(*one.aliases, *([found] if found else [])),
            binds=binds,
        )
        seers = seers.after(one, binds)
        seers = seers.without(found) if found else seers


def _changed(facts: CellFacts, kept: frozenset[Name]) -> frozenset[Name]:
    """What the text says that a cell changes, without what runs have seen it leave alone."""
    changes = (use for use in facts.writes if not facts.only_binds(use.name))
    doubtful = kept - facts.bound
    return frozenset(
        use.name for use in changes if use.certainty is Certainty.SURE or use.name not in doubtful
    )


def _may_not_end(cell: Cell) -> bool:
    """By its tags the cell may not run, or not to its end."""
    return any(tag.startswith(("when:", "skip", "raises-exception")) for tag in cell.tags)


@lru_cache(maxsize=4096)
def mentioned_in(source: str) -> frozenset[Name]:
    """Names that code uses otherwise than by calling them.

    >>> sorted(mentioned_in("y = f(x, key=g)"))
    ['g', 'x']
    """
    code = read_code(source)
    if code.tree is None or code.source != source:  # magics: all words
        return frozenset(map(Name, _WORD.findall(source)))
    called = {id(node.func) for node in of_kind(code.tree, ast.Call)}
    return frozenset(
        Name(node.id)
        for node in of_kind(code.tree, ast.Name)
        if isinstance(node.ctx, ast.Load) and id(node) not in called
    )


def compares_identity(source: str) -> bool:
    """Whether code tells objects apart by identity (other than None and its like, or types).

    >>> compares_identity("a is b"), compares_identity("a is None or type(a) is int")
    (True, False)
    >>> compares_identity("%matplotlib inline\\n# as it is"), compares_identity("%time a is b")
    (False, True)
    """
    if not _IS.search(source):
        return False
    try:
        tree = ast.parse(_MAGIC.sub(_without_magic, source))
    except SyntaxError:  # magics: rather too often than not at all
        return True
    return any(
        isinstance(operator, ast.Is | ast.IsNot) and not (_is_one(left) or _is_one(right))
        for node in walk(tree)
        if isinstance(node, ast.Compare)
        for left, operator, right in zip(
            [node.left, *node.comparators], node.ops, node.comparators, strict=False
        )
    )


def _without_magic(line: re.Match[str]) -> str:
    """A line that is no Python, unless it may compare something."""
    return line[0] if _IS.search(line[0]) else f"{line[1]}pass"


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
