"""Small notebooks and runs that the tests of results share."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import nbformat
from nbformat import NotebookNode

from nbflow.core.run import Run, RunId, Status, StepResult
from nbflow.core.task import StepError

T0 = "2026-01-31T06:30:00+00:00"
T1 = "2026-01-31T06:30:01.500000+00:00"
T2 = "2026-01-31T06:30:04+00:00"

MAKE: Any = nbformat.v4


def markdown(cell_id: str, source: str = "text") -> NotebookNode:
    cell: NotebookNode = MAKE.new_markdown_cell(source, id=cell_id)
    return cell


def code(cell_id: str, source: str = "x = 1", *tags: str) -> NotebookNode:
    cell: NotebookNode = MAKE.new_code_cell(source, id=cell_id)
    if tags:
        cell["metadata"]["tags"] = list(tags)
    return cell


def book(*cells: NotebookNode) -> NotebookNode:
    node: NotebookNode = MAKE.new_notebook(cells=list(cells))
    return node


def result(name: str, status: Status, *cells: str, **more: Any) -> StepResult:
    return StepResult(step=name, step_id="+".join(cells), status=status, cells=cells, **more)


def run(status: Status, *steps: StepResult, **more: Any) -> Run:
    facts: dict[str, Any] = {
        "id": RunId("019c-run"),
        "notebook": "sales.ipynb",
        "notebook_hash": "ab" * 32,
        "started": T0,
        "finished": T2 if status.ended else None,
        "seconds": 4.0 if status.ended else None,
    }
    return Run(status=status, steps=steps, **(facts | more))


def error(cell: str | None, kind: str = "ValueError", message: str = "no sales") -> StepError:
    return StepError(type=kind, message=message, cell=cell)


def error_output(
    name: str = "ValueError", value: str = "no sales", *traceback: str
) -> dict[str, Any]:
    return {
        "output_type": "error",
        "ename": name,
        "evalue": value,
        "traceback": list(traceback) or [f"{name}: {value}"],
    }


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def value(text: str, count: int | None = 1) -> dict[str, Any]:
    return {
        "output_type": "execute_result",
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": count,
    }


def calls_during(work: Callable[[], object]) -> int:
    """How many Python functions ran: a measure of work that no loaded machine can change."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
