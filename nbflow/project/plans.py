"""What a run would do: the plan, made of the notebook and of what is remembered."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbflow.core.graph import Graph, Learned
from nbflow.core.plan import Plan
from nbflow.planning.build import build
from nbflow.project.contents import Contents
from nbflow.project.desk import Desk
from nbflow.project.kept import Kept
from nbflow.project.memory import Memory
from nbflow.project.opened import Opened, refuse_errors
from nbflow.project.order import Order
from nbflow.store.sketches import Sketches


def make_plan(
    desk: Desk,
    opened: Opened,
    values: Mapping[str, Any],
    order: Order,
    lessons: frozenset[Learned] = frozenset(),
) -> Plan:
    """The plan of a run, with lessons of former runs and of this one.

    Raises:
        NotebookError: the notebook cannot be run.
        UsageError: a chosen step does not exist.
    """
    past = desk.ledger.learned(opened.notebook.path)
    graph = opened.graph(values=values, learned=(*past, *lessons), one_lane=order.choices.one_lane)
    refuse_errors(graph)
    known = memory_of(desk, opened, order, graph).known()
    return build(graph, order.choices, known, parameters=values)


def memory_of(desk: Desk, opened: Opened, order: Order, graph: Graph) -> Memory:
    """What the planner may ask about the past of a graph."""
    folder = order.folder or opened.path.parent
    writes = [path for step in graph.steps for path in step.files_written]
    return Memory(
        ledger=desk.ledger,
        blobs=desk.blobs,
        displays=desk.displays,
        notebook=opened.notebook.path,
        folder=folder,
        now=datetime.now(UTC),
        kept=Kept(desk.ledger, order.resumed, folder=folder, writes=writes),
        contents=contents_of(desk, folder),
    )


def contents_of(desk: Desk, folder: Path) -> Contents:
    """What can be said of contents; `folder` is the notebook's."""
    return Contents(desk.ledger, desk.blobs, Sketches(desk.layout.sketches), folder)
