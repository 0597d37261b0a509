"""The graph as an indented tree: every step once, below the step that it waited for last.

A graph is not a tree. A step with several writers stands below the deepest of those that it surely
needs (the later one in the notebook where they tie); the others are named beside it:

    sales
    ├ clean        ← sales
    │ └ report     ← clean  also targets from load_targets
    └ returns      ← sales
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nbflow.core.graph import Edge, Graph
from nbflow.core.names import Name, NameKind, kind_of, path_of
from nbflow.core.step import Step, StepId
from nbflow.faces.text import listed, visible

# A staircase deeper than this no longer reads as a tree: a chain then goes straight down.
_DEEPEST_STAIRCASE: Final = 6
# No tree needs more room than this before its names.
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One line: `stem` is drawn before the step's name; `edges` come from the step above it in the
    tree, `others` from elsewhere."""

    step: Step
    stem: str
    edges: tuple[Edge, ...] = ()
    others: tuple[Edge, ...] = ()


def branches(graph: Graph) -> tuple[Branch, ...]:
    """All steps as lines, parents above children, else in notebook order."""
    steps = {step.id: step for step in graph.steps}
    incoming = _incoming(graph, steps)
    above = _above(graph, incoming, steps)
    stems = _stems(graph.steps, above)
    return tuple(_branch(steps[step], stem, above[step], incoming[step]) for step, stem in stems)


def _branch(step: Step, stem: str, above: StepId | None, edges: Iterable[Edge]) -> Branch:
    known = tuple(edges)
    return Branch(
        step=step,
        stem=stem,
        edges=tuple(edge for edge in known if edge.writer == above),
        others=tuple(edge for edge in known if edge.writer != above),
    )


def _incoming(graph: Graph, steps: Mapping[StepId, Step]) -> dict[StepId, list[Edge]]:
    found: dict[StepId, list[Edge]] = {step: [] for step in steps}
    for edge in graph.edges:
        if edge.writer in steps and edge.reader in steps:
            found[edge.reader].append(edge)
    return found


def depths(graph: Graph) -> dict[StepId, int]:
    """How many steps stand above each one at most. Edges against the notebook's order do not count:
    they exist only where a tag made a circle, and that is an error already."""
    steps = {step.id: step for step in graph.steps}
    incoming = _incoming(graph, steps)
    found: dict[StepId, int] = {}
    for step in sorted(graph.steps, key=lambda step: step.position):
        writers = (edge.writer for edge in incoming[step.id] if edge.writer in found)
        found[step.id] = max((found[writer] + 1 for writer in writers), default=0)
    return found


def _above(
    graph: Graph, incoming: Mapping[StepId, list[Edge]], steps: Mapping[StepId, Step]
) -> dict[StepId, StepId | None]:
    depth = depths(graph)

    def last_needed(step: Step) -> StepId | None:
        earlier = [e for e in incoming[step.id] if steps[e.writer].position < step.position]
        firm = [edge for edge in earlier if is_firm(edge)]
        writers = {edge.writer for edge in firm or earlier}
        return max(writers, key=lambda each: (depth[each], steps[each].position), default=None)

    return {step.id: last_needed(step) for step in graph.steps}


def is_firm(edge: Edge) -> bool:
    """The reader needs what the writer gives; it does not merely keep out of its way."""
    return edge.certainty != "may" and edge.kind != "order"


def _stems(
    steps: tuple[Step, ...], above: Mapping[StepId, StepId | None]
) -> list[tuple[StepId, str]]:
    below: dict[StepId | None, list[StepId]] = {None: []}
    for step in sorted(steps, key=lambda step: step.position):
        below.setdefault(above[step.id], []).append(step.id)
    staircase = _walk(below, straight=False)
    deepest = max((len(stem) // 2 for _, stem in staircase), default=0)
    return staircase if deepest <= _DEEPEST_STAIRCASE else _walk(below, straight=True)


def _walk(
    below: Mapping[StepId | None, list[StepId]], *, straight: bool
) -> list[tuple[StepId, str]]:
    """Depth first, on a list of our own: a notebook of 5,000 cells may be one chain.

    With `straight`, the only child of an only child stays in its column.
    """
    lines: list[tuple[StepId, str]] = []
    waiting = [(step, "", "", False) for step in reversed(below[None])]
    while waiting:
        step, stem, under, chained = waiting.pop()
        lines.append((step, stem))
        children = below.get(step, [])
        alone = len(children) == 1
        flat = (straight and alone and chained) or len(under) >= 2 * _DEEPEST
        for child in reversed(children):
            last = child == children[-1]
            if flat:
                waiting.append((child, under[:-2] + "↓ ", under, True))
            else:
                bar, hook = ("  ", "└ ") if last else ("│ ", "├ ")
                waiting.append((child, under + hook, under + bar, alone))
    return lines


def edge_label(branch: Branch, names: Mapping[StepId, str]) -> str:
    """What a step waits for: the names on its edges, those of the tree first."""
    parts = []
    if branch.edges:
        parts.append(f"← {causes(branch.edges)}")
    writers = dict.fromkeys(edge.writer for edge in branch.others)
    for writer in writers:
        theirs = [edge for edge in branch.others if edge.writer == writer]
        what = causes(theirs)
        parts.append(
            f"also {what}" if what == names[writer] else f"also {what} from {names[writer]}"
        )
    return visible("  ".join(parts))


def causes(edges: Iterable[Edge]) -> str:
    """The names that cause edges; `?` marks a name that its writer only may have changed."""
    return listed(dict.fromkeys(cause for edge in edges for cause in _causes(edge)))


def _causes(edge: Edge) -> tuple[str, ...]:
    doubt = "?" if edge.certainty == "may" else ""
    match edge.kind:
        case "guard":
            return ("guard",)
        case "tag":
            return ("after",)
        case "order" if not edge.names:
            return ("order",)
        case _:
            shown = (_shown(name) for name in edge.names)
            return tuple(name + doubt for name in shown) or (edge.kind,)


def _shown(name: Name) -> str:
    if kind_of(name) is not NameKind.FILE:
        return name
    path = path_of(name)
    return "files" if path == "*" else path
