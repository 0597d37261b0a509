"""What the walk found about cells and steps: the nouns between reading (facts) and the graph."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from nbflow.analysis.facts import OUTSIDE, CellFacts, Effect, Use
from nbflow.analysis.versions import Defined, Version
from nbflow.core.graph import Learned, Lesson
from nbflow.core.names import Name
from nbflow.core.notebook import Cell
from nbflow.core.step import CellTags, StepId

Doubt = tuple[str, Name]
"""A step (its group key) and a name that it might change by its text, though no run saw it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A version that a cell needs, the line that asks for it, and how sure that is."""

    version: Version
    line: int
    certainty: str


@dataclass(slots=True, kw_only=True)
class CellLink:
    """What the walk found about one code cell. `key` groups cells into steps; None: no step.

    unknown: names that it asks for and nothing above writes. defines: names of its fragments that
    other lanes replay. spared: names that it might change by its text, but runs have shown that it
    does not. steady: those that it leaves all the same, because others share with them. together:
    groups of names that may share objects from then on; unseen: those of them of which nobody below
    sees that they do. asked: names that it really looks at;
    passed: versions that it would only have handed on to nobody. doubts: such steps and names above
    (group keys) on which what it reads rests. guessed: settings that it may look at, though nothing
    in it says so. unasked: ambient channels that stand above it and that it does not look at.
    former: what names meant above it that its own definitions bind anew.
    """

    cell: Cell
    facts: CellFacts
    tags: CellTags
    key: str | None
    lessons: tuple[Learned, ...] = ()
    inputs: dict[Name, Resolved] = field(default_factory=dict)
    replays: set[Defined] = field(default_factory=set)
    writes: dict[Name, Use] = field(default_factory=dict)
    learned: set[Name] = field(default_factory=set)
    left: dict[Name, Version] = field(default_factory=dict)
    affinity: dict[Name, str] = field(default_factory=dict)
    python_reads: set[Name] = field(default_factory=set)
    seeded: set[Name] = field(default_factory=set)
    unknown: list[Use] = field(default_factory=list)
    defines: set[Name] = field(default_factory=set)
    asked: set[Name] = field(default_factory=set)
    passed: dict[Name, Version] = field(default_factory=dict)
    spared: dict[Name, int] = field(default_factory=dict)
    steady: set[Name] = field(default_factory=set)
    together: set[frozenset[Name]] = field(default_factory=set)
    unseen: set[frozenset[Name]] = field(default_factory=set)
    doubts: set[Doubt] = field(default_factory=set)
    guessed: set[Name] = field(default_factory=set)
    unasked: set[Name] = field(default_factory=set)
    former: dict[Name, Version | None] = field(default_factory=dict)

    @property
    def kept(self) -> frozenset[Name]:
        """Names that runs have seen it leave alone, and never change."""
        return self._taught("keeps", "lends") - self._taught("writes")

    @property
    def apart(self) -> frozenset[Name]:
        """Those of them that never shared objects with what it wrote."""
        return self.kept - self._taught("lends", "shares")

    def _taught(self, *what: Lesson) -> frozenset[Name]:
        return frozenset(lesson.name for lesson in self.lessons if lesson.what in what)

    @property
    def ignored(self) -> frozenset[Name]:
        """Settings that runs have seen it not look at. What reaches the outside world is not left
        to that."""
        if self.facts.effects & OUTSIDE:
            return frozenset()
        return self._taught("ignores") - self._taught("reads")


@dataclass(slots=True, kw_only=True)
class Group:
    """The cells of one step."""

    key: str
    links: list[CellLink] = field(default_factory=list)

    @property
    def id(self) -> StepId:
        """The cells' ids, joined."""
        return StepId("+".join(link.cell.id for link in self.links))

    @property
    def first(self) -> CellLink:
        """The first cell."""
        return self.links[0]

    def effects(self) -> frozenset[Effect]:
        """All effects of its cells."""
        if len(self.links) == 1:
            return self.links[0].facts.effects
        return frozenset[Effect]().union(*(link.facts.effects for link in self.links))


def grouped(links: Iterable[CellLink]) -> dict[str, Group]:
    """The cells of each step, by key, in notebook order; cells that are no steps are left out."""
    groups: dict[str, Group] = {}
    for link in links:
        if link.key is not None:
            groups.setdefault(link.key, Group(key=link.key)).links.append(link)
    return groups
