"""Steps in an order that respects their edges; ties follow the notebook."""

import heapq

from nbflow.core.graph import Graph
from nbflow.core.step import Step, StepId


def topological(graph: Graph) -> tuple[Step, ...]:
    """All steps, each after everything it waits for.

    Raises:
        ValueError: the graph has a cycle (checks report it first).
    """
    parents = {step: set(found) for step, found in graph.parents().items()}
    children = graph.children()
    place = {step.id: position for position, step in enumerate(graph.steps)}
    ready = [place[step] for step, found in parents.items() if not found]
    heapq.heapify(ready)
    ordered: list[Step] = []
    while ready:
        step = graph.steps[heapq.heappop(ready)]
        ordered.append(step)
        for child in children[step.id]:
            parents[child].discard(step.id)
            if not parents[child]:
                heapq.heappush(ready, place[StepId(child)])
    if len(ordered) != len(graph.steps):
        raise ValueError("the graph has a cycle")
    return tuple(ordered)
