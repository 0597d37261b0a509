"""Small graphs to plan on."""

from collections.abc import Iterable

from nbflow.core.graph import Edge, Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.step import Input, Step, StepId, StepName


def a_step(name: str, *, reads: Iterable[tuple[str, str]] = (), **changes: object) -> Step:
    """A step that reads (name, writer) pairs and writes its own name."""
    fields: dict[str, object] = {
        "id": StepId(name),
        "name": StepName(name),
        "title": None,
        "language": "python",
        "position": 0,
        "cells": (CellId(name),),
        "cell_indexes": (0,),
        "sources": (f"{name} = 1",),
        "inputs": tuple(Input(name=Name(n), writer=StepId(w)) for n, w in reads),
        "outputs": (Name(name),),
        "declared_writes": (Name(name),),
    }
    return Step(**{**fields, **changes})  # type: ignore[arg-type]


def a_graph(*steps: Step) -> Graph:
    """The steps with the edges that their inputs ask for."""
    edges = tuple(
        Edge(
            writer=given.writer,
            reader=step.id,
            names=(given.name,),
            kind="data",
            certainty="sure",
            from_line=1,
            to_line=1,
            because="",
        )
        for step in steps
        for given in step.inputs
    )
    return Graph(notebook="n.ipynb", parameters=(), steps=steps, definitions=(), edges=edges)
