"""The graph: steps, definitions, and edges that name what causes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nbflow.core.diagnostic import Diagnostic, Severity
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.step import Parameter, Replay, Step, StepId, StepName

EdgeKind = Literal["data", "order", "file", "tag", "guard", "ambient"]
EdgeCertainty = Literal["sure", "may", "learned"]
Lesson = Literal["writes", "reads", "shares", "affinity", "one_lane", "keeps", "lends", "ignores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`reader` waits for `writer`, because of `names`. `because` is a sentence for people."""

    writer: StepId
    reader: StepId
    names: tuple[Name, ...]
    kind: EdgeKind
    certainty: EdgeCertainty
    from_line: int | None
    to_line: int | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A cell that is no step: replayed wherever it is needed."""

    cell: CellId
    cell_index: int
    names: tuple[Name, ...]
    replays: tuple[Replay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a run taught about a step: it also `writes` or `reads` `name`, or what it writes
    `shares` objects with `name` from then on, or its value stays in the lane; or it `keeps` `name`,
    which its text only seemed to change, or `lends` it (keeps it, too, though something that it
    wrote shares objects with it, as its text says), or `ignores` it, which its text only seemed to
    look at: these three are evidence.

    `source_hash` is the step's source as it was then (for evidence also all that it calls, and the
    versions of its packages); the lesson is forgotten when that changes.
    """

    step: StepId
    name: Name
    what: Lesson
    reason: str
    source_hash: str = ""

    @property
    def is_evidence(self) -> bool:
        """It takes away what the text only seemed to say."""
        return self.what in ("keeps", "lends", "ignores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Steps in notebook order and their edges. `diagnostics` holds all that was found on the way.

    `one_lane` gives the reasons for which the whole notebook has to run in one kernel; empty
    normally.
    """

    notebook: str
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    definitions: tuple[Definition, ...]
    edges: tuple[Edge, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    one_lane: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Diagnostics that stop a run."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    def step(self, step_id: StepId) -> Step:
        """The step with that id.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def named(self, name: str) -> Step:
        """The step with that name.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.name == StepName(name):
                return step
        raise KeyError(name)

    def parents(self) -> dict[StepId, frozenset[StepId]]:
        """For each step, the steps it waits for."""
        found: dict[StepId, set[StepId]] = {step.id: set() for step in self.steps}
        for edge in self.edges:
            found[edge.reader].add(edge.writer)
        return {step: frozenset(writers) for step, writers in found.items()}

    def children(self) -> dict[StepId, frozenset[StepId]]:
        """For each step, the steps that wait for it."""
        found: dict[StepId, set[StepId]] = {step.id: set() for step in self.steps}
        for edge in self.edges:
            found[edge.writer].add(edge.reader)
        return {step: frozenset(readers) for step, readers in found.items()}

    def ancestors(self, steps: Iterable[StepId]) -> frozenset[StepId]:
        """Everything that the given steps wait for, directly or not (without themselves)."""
        return _closure(self.parents(), steps)

    def path(self, writer: StepId, reader: StepId) -> tuple[Edge, ...]:
        """The shortest way from one step to another that waits for it; sure edges are shorter.
        Empty if `reader` does not wait for `writer`."""
        ways: dict[StepId, tuple[int, tuple[Edge, ...]]] = {writer: (0, ())}
        for step in (step.id for step in self.steps):
            for edge in (edge for edge in self.edges if edge.reader == step):
                if edge.writer in ways:
                    length, way = ways[edge.writer]
                    length += 2 if edge.certainty == "sure" else 3
                    if step not in ways or length < ways[step][0]:
                        ways[step] = (length, (*way, edge))
        return ways[reader][1] if reader in ways else ()

    def descendants(self, steps: Iterable[StepId]) -> frozenset[StepId]:
        """Everything that waits for the given steps, directly or not (without themselves)."""
        return _closure(self.children(), steps)


def _closure(
    neighbours: dict[StepId, frozenset[StepId]], start: Iterable[StepId]
) -> frozenset[StepId]:
    origin = tuple(start)
    found: set[StepId] = set()
    waiting = list(origin)
    while waiting:
        for neighbour in neighbours.get(waiting.pop(), frozenset()):
            if neighbour not in found:
                found.add(neighbour)
                waiting.append(neighbour)
    return frozenset(found - set(origin))
