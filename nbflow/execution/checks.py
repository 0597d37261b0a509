"""Data checks in SQL: a `%%sql` cell of a `check` step that returns rows found violations. Pure.

The kernel only shows what a query returns; what was shown, or stored under a name, decides.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from nbflow.core.step import CheckMode, Step
from nbflow.core.task import StepError, TaskOutcome

_SQL_CELL: Final = re.compile(r"\A\s*%%sql[ \t]*(\w*)")
_NO_ROWS: Final = "Empty DataFrame"
"""How pandas shows a table without rows."""


def checked(step: Step, outcome: TaskOutcome) -> TaskOutcome:
    """The outcome of a check step: failed (with `check:warn`: marked by an error) if rows came."""
    if step.options.check is None or outcome.status != "succeeded" or outcome.error is not None:
        return outcome
    error = next(_violations(step, outcome), None)
    if error is None:
        return outcome
    if step.options.check is CheckMode.WARN:
        return replace(outcome, error=error)
    message = error.message
    return replace(
        outcome, status="failed", reason="check_failed", message=message, error=error, report=None
    )


def _violations(step: Step, outcome: TaskOutcome) -> Iterator[StepError]:
    for cell, index, source in zip(step.cells, step.cell_indexes, step.sources, strict=True):
        found = _SQL_CELL.match(source)
        if found is None:
            continue
        name = found[1]
        message = _named(name, outcome) if name else _shown(outcome.cell_outputs.get(cell, []))
        if message is not None:
            yield StepError(type="CheckFailed", message=message, cell=cell, cell_index=index)


def _named(name: str, outcome: TaskOutcome) -> str | None:
    blobs = [one.blob for one in outcome.report.outputs] if outcome.report is not None else []
    rows = next((blob.rows for blob in blobs if name in blob.names), None)
    if rows == 0:
        return None
    if rows is None:
        return f"the rows of the check are not known; leave the name `{name}` out of its cell"
    return f"the check returned {rows} row{'s' if rows > 1 else ''}, see `{name}`"


def _shown(outputs: list[dict[str, Any]]) -> str | None:
    for output in outputs:
        if output["output_type"] == "execute_result":
            text = str(output["data"].get("text/plain", ""))
            if not text.startswith(_NO_ROWS):
                return "the check returned rows, which its cell shows"
    return None
