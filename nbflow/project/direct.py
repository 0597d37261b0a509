"""A run that papermill started itself: `papermill IN OUT --engine nbflow`."""

from pathlib import Path

from nbformat import NotebookNode

from nbflow.core.errors import UsageError
from nbflow.notebook.coerce import coerce
from nbflow.notebook.read import Reading, from_node, settle
from nbflow.project.desk import open_desk
from nbflow.project.layout import Layout, find_root
from nbflow.project.opened import Opened, open_notebook, understand
from nbflow.project.order import Order
from nbflow.project.through_papermill import make_writes_atomic
from nbflow.project.ticket import Ticket


def run_for_papermill(node: NotebookNode, *, start: Path, folder: Path | None) -> NotebookNode:
    """Run a notebook that papermill has read and parameterised; `start` is where papermill was
    called.

    `folder` is the working directory that was asked for, None for the notebook's own.

    Raises:
        NbflowError: it cannot be run; nothing was started.
    """
    metadata = node["metadata"].get("papermill", {})
    shown = metadata.get("input_path") or "notebook.ipynb"
    path = start / shown if "://" not in shown else start / Path(shown).name
    layout = Layout(root=find_root(path if path.exists() else start))
    opened = _opened(node, path, layout)
    values = coerce(opened.parameters, metadata.get("parameters", {}), from_text=False)
    output = metadata.get("output_path")
    if output and "://" not in output and (start / output).resolve() == path.resolve():
        raise UsageError(f"{shown}: the output is the notebook itself", hint="name another file")
    make_writes_atomic()
    desk = open_desk(layout)
    try:
        order = Order(trigger="papermill", folder=folder)
        ticket = Ticket(desk, opened, values, order, input_path=shown, output_path=output)
        ticket.redeem()
        return ticket.for_papermill()
    finally:
        desk.ledger.close()


def _opened(node: NotebookNode, path: Path, layout: Layout) -> Opened:
    """The author's file itself where it is at hand: papermill's copy may have lost its cell ids."""
    if path.is_file():
        return open_notebook(path, layout.root)
    author = _without_injected(node)
    identity = layout.relative(path)
    reading = Reading(notebook=from_node(author, identity), document=settle(author, identity))
    return understand(reading, path, layout.root)


def _without_injected(node: NotebookNode) -> NotebookNode:
    """papermill's injected cell goes; its values come back from the metadata, typed."""
    cells = [
        cell
        for cell in node["cells"]
        if "injected-parameters" not in cell["metadata"].get("tags", [])
    ]
    return NotebookNode({**node, "cells": cells})  # type: ignore[no-untyped-call]
