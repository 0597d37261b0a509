"""What the steps left → the author's notebook, in its order, with metadata that tells the truth.

papermill calls every cell `completed` that nobody called `failed`: a notebook whose kernel died
looks finished. Here a cell is `completed` only if it ran to its end (or its step was reused),
`failed` where the step stopped, and `pending` where nothing ran. Steps run in lanes of their own,
so execution counts are given anew, in notebook order, as Run All would have counted.
"""

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import nbformat
from nbformat import NotebookNode

from nbflow.core.run import Run, Status, StepResult
from nbflow.core.task import StepError
from nbflow.notebook.coerce import papermill_values

_NBFORMAT: Final[Any] = nbformat
"""Its functions carry no types; seen as Any, they can be called under mypy --strict."""

Outputs = Mapping[str, Sequence[Mapping[str, Any]]]
"""nbformat outputs by cell id."""

Times = Mapping[str, tuple[str, str]]
"""When a cell's execution started and ended (ISO 8601), by cell id; an open end is empty."""

CellStatus = Literal["pending", "running", "completed", "failed"]

LONGEST_ERROR: Final = 100_000
"""Characters of one error text in a notebook: beyond this, editors freeze and nobody reads on."""

_COUNT: Final = re.compile(r"(?<![A-Za-ln-z0-9_])In\[(\d+)\]")
"""IPython's name for a cell in a traceback; the m that ends a colour code may stand before it."""

_SKIP_TAG: Final = "skip"
_INJECTED_TAG: Final = "injected-parameters"


def assemble(
    node: NotebookNode,
    run: Run,
    *,
    outputs: Outputs,
    times: Times,
    input_path: str | None = None,
    output_path: str | None = None,
) -> NotebookNode:
    """A copy of the author's node with what the run produced; the given node stays as it is.

    Works while the run is going on, too: steps that have not ended are `pending` or `running`.
    Cells are known by their ids, as `read.settle` gives them.
    """
    result: NotebookNode = _NBFORMAT.from_dict(node)
    owners = {cell: step for step in run.steps for cell in step.cells}
    statuses = _statuses(run, times)
    count = 0
    for cell in result["cells"]:
        owner = owners.get(cell["id"])
        status = statuses.get(cell["id"]) or _unowned(cell, run, outputs, times)
        if _counts(cell, status):
            count += 1
        if cell["cell_type"] == "code":
            _fill(cell, owner, status, outputs.get(cell["id"], ()), count)
        _mark(cell, owner, status, times.get(cell["id"]))
    _mark_notebook(result, run, input_path, output_path)
    return result


def expected_errors_as_text(node: NotebookNode) -> NotebookNode:
    """A copy in which errors of cells that did not fail are shown as text on stderr.

    papermill raises for every error output that it finds, also in `raises-exception` cells and in
    checks that only warn. What the engine returns to it must not stop a run that succeeded.
    """
    result: NotebookNode = _NBFORMAT.from_dict(node)
    for cell in result["cells"]:
        if cell["metadata"].get("papermill", {}).get("status") != "failed" and "outputs" in cell:
            cell["outputs"] = [_as_text(output) for output in cell["outputs"]]
    return result


def _as_text(output: NotebookNode) -> NotebookNode:
    if output["output_type"] != "error":
        return output
    lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
    stream = {"output_type": "stream", "name": "stderr", "text": "\n".join(lines) + "\n"}
    softened: NotebookNode = _NBFORMAT.from_dict(stream)
    return softened


def _statuses(run: Run, times: Times) -> dict[str, CellStatus]:
    found: dict[str, CellStatus] = {}
    for step in run.steps:
        found.update(_step_statuses(step, run, times))
    return found


def _step_statuses(step: StepResult, run: Run, times: Times) -> dict[str, CellStatus]:
    if step.status is Status.SUCCEEDED:
        return dict.fromkeys(step.cells, "completed")
    if step.status is Status.FAILED:
        return _failed_statuses(step, run, times)
    ended = {cell for cell in step.cells if all(times.get(cell, ("", "")))}
    found: dict[str, CellStatus] = {c: "completed" if c in ended else "pending" for c in step.cells}
    current = next((cell for cell in step.cells if cell not in ended), None)
    if step.status is Status.RUNNING and current is not None:
        found[current] = "running"
    return found


def _failed_statuses(step: StepResult, run: Run, times: Times) -> dict[str, CellStatus]:
    """A step that failed in a run that succeeded is a check that only warns: nothing stopped."""
    stopped = failing_cell(step, times)
    found: dict[str, CellStatus] = {}
    status: CellStatus = "completed"
    for cell in step.cells:
        if cell == stopped:
            found[cell] = "completed" if run.status is Status.SUCCEEDED else "failed"
            status = "pending"
        else:
            found[cell] = status
    return found


def failing_cell(step: StepResult, times: Times) -> str | None:
    """Where a failed step stopped: the error's cell, else the last one started, else the first."""
    if step.error is not None and step.error.cell in step.cells:
        return step.error.cell
    started = [cell for cell in step.cells if cell in times]
    return started[-1] if started else next(iter(step.cells), None)


def _unowned(cell: NotebookNode, run: Run, outputs: Outputs, times: Times) -> CellStatus:
    """Text cells are done when the run is; code cells of no step only if they did run."""
    if cell["cell_type"] != "code":
        return "completed" if run.status.ended else "pending"
    if _INJECTED_TAG in cell["metadata"].get("tags", ()):
        # Given values hold for whatever ran: each lane begins with them.
        return "completed" if times or outputs else "pending"
    return "completed" if cell["id"] in outputs or cell["id"] in times else "pending"


def _counts(cell: NotebookNode, status: CellStatus) -> bool:
    """Jupyter gives no number to an empty cell."""
    return cell["cell_type"] == "code" and status != "pending" and bool(cell["source"].strip())


def _fill(
    cell: NotebookNode,
    owner: StepResult | None,
    status: CellStatus,
    outputs: Sequence[Mapping[str, Any]],
    count: int,
) -> None:
    number = count if _counts(cell, status) else None
    cell["execution_count"] = number
    cell["outputs"] = [_numbered(output, number) for output in outputs]
    if status == "failed" and owner is not None and not _shows_failure(cell["outputs"]):
        cell["outputs"].append(_error_output(owner))


def _numbered(output: Mapping[str, Any], number: int | None) -> NotebookNode:
    copy: NotebookNode = _NBFORMAT.from_dict(output)
    if copy["output_type"] == "execute_result":
        copy["execution_count"] = number
    elif copy["output_type"] == "error":
        copy["evalue"] = shortened(str(copy.get("evalue", "")))
        copy["traceback"] = _renumbered([shortened(t) for t in copy.get("traceback", [])], number)
    return copy


def _renumbered(traceback: list[str], number: int | None) -> list[str]:
    """`In[1]` of the lane → the cell's number here; left alone if several cells are mentioned."""
    mentioned = {found for text in traceback for found in _COUNT.findall(text)}
    if number is None or len(mentioned) != 1:
        return traceback
    return [_COUNT.sub(f"In[{number}]", text) for text in traceback]


def shortened(text: str) -> str:
    """A text with its middle left out, and said so, if it is longer than `LONGEST_ERROR`."""
    if len(text) <= LONGEST_ERROR:
        return text
    half = LONGEST_ERROR // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n… {left_out:,} characters left out …\n{text[-half:]}"


def _shows_failure(outputs: Sequence[NotebookNode]) -> bool:
    """papermill takes `SystemExit` with 0 for success, so that alone does not show a failure."""
    return any(o["output_type"] == "error" and not _is_quiet_exit(o) for o in outputs)


def _is_quiet_exit(output: NotebookNode) -> bool:
    return output.get("ename") == "SystemExit" and output.get("evalue") in ("", "0")


def _error_output(step: StepResult) -> NotebookNode:
    """What a kernel that died could not say any more."""
    error = step.error or StepError(
        type=step.reason or "failed", message=step.message or "the step failed"
    )
    name, message = error.type, shortened(error.message)
    if name == "SystemExit":
        name, message = "ExitedEarly", step.message or "the cell ended the kernel on purpose"
    output: NotebookNode = _NBFORMAT.v4.new_output(
        "error", ename=name, evalue=message, traceback=[f"{name}: {message}"]
    )
    return output


def _mark(
    cell: NotebookNode,
    owner: StepResult | None,
    status: CellStatus,
    times: tuple[str, str] | None,
) -> None:
    alone = owner is not None and len(owner.cells) == 1 and owner.action == "run"
    if times is None and owner is not None and alone and status in ("completed", "failed"):
        times = (owner.started or "", owner.finished or "")
    started, ended = times if times is not None and status != "pending" else ("", "")
    metadata = cell.setdefault("metadata", {})
    metadata["papermill"] = {
        "status": status,
        "exception": None if status == "pending" else status == "failed",
        "start_time": started or None,
        "end_time": ended or None,
        "duration": _seconds(started, ended),
    }
    metadata["nbflow"] = _told(cell, owner)
    if not metadata["nbflow"]:
        del metadata["nbflow"]


def _told(cell: NotebookNode, owner: StepResult | None) -> dict[str, Any]:
    """What papermill has no words for: the step, whether it was reused or skipped, and why."""
    if owner is None:
        skipped = cell["cell_type"] == "code" and _SKIP_TAG in cell["metadata"].get("tags", [])
        return {"status": Status.SKIPPED.value, "reason": "tagged_skip"} if skipped else {}
    facts = {
        "step": owner.step,
        "status": owner.status.value,
        "action": owner.action,
        "reason": owner.reason,
        "message": owner.message[:1000],
    }
    return {key: value for key, value in facts.items() if value}


def _seconds(started: str, ended: str) -> float | None:
    try:
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):  # not both there, or only one of them with a zone
        return None


def _mark_notebook(
    node: NotebookNode, run: Run, input_path: str | None, output_path: str | None
) -> None:
    papermill = node["metadata"].setdefault("papermill", {})
    papermill.setdefault("default_parameters", {})
    papermill.setdefault("environment_variables", {})
    papermill.setdefault("parameters", {})
    if run.parameters:
        papermill["parameters"] = papermill_values(run.parameters)
    if input_path is not None:
        papermill["input_path"] = input_path
    if output_path is not None:
        papermill["output_path"] = output_path
    papermill["version"] = importlib.metadata.version("papermill")
    papermill["start_time"] = run.started
    papermill["end_time"] = run.finished
    papermill["duration"] = run.seconds
    unfinished = run.status.ended and run.status is not Status.SUCCEEDED
    papermill["exception"] = True if unfinished else None
    node["metadata"]["nbflow"] = {
        "run": run.id,
        "status": run.status.value,
        "notebook": run.notebook,
        "notebook_hash": run.notebook_hash,
    }
