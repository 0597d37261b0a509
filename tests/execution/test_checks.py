"""SQL checks: rows are violations."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plays import a_step, blob

from nbflow.core.step import CheckMode, StepOptions
from nbflow.core.task import StagedBlob, StepError, TaskOutcome, TaskReport
from nbflow.execution.checks import checked


def outcome(text: str | None = None, rows: int | None = None, **changes: Any) -> TaskOutcome:
    outputs = [{"output_type": "execute_result", "data": {"text/plain": text}}] if text else []
    table = replace(blob("bad", "1"), kind="table", rows=rows)
    fields: dict[str, Any] = {
        "run": "r",
        "step": "check",
        "attempt": 1,
        "fence": 1,
        "status": "succeeded",
        "cell_outputs": {"check": outputs},
        "report": TaskReport(outputs=(StagedBlob(blob=table, path="/x"),)),
        **changes,
    }
    return TaskOutcome(**fields)


def step(source: str, check: CheckMode | None = CheckMode.STOP) -> Any:
    return a_step("check", sources=(source,), options=StepOptions(check=check))


EMPTY = "Empty DataFrame\nColumns: [a]\nIndex: []"
ROWS = "   a\n0  1"


@pytest.mark.parametrize(
    ("source", "found", "passes"),
    [
        ("%%sql\nFROM t WHERE bad", outcome(EMPTY), True),
        ("%%sql\nFROM t WHERE bad", outcome(ROWS), False),
        ("%%sql\nDELETE FROM t", outcome(), True),
        ("%%sql bad\nFROM t WHERE bad", outcome(rows=0), True),
        ("%%sql bad\nFROM t WHERE bad", outcome(rows=3), False),
        ("%%sql bad\nFROM t WHERE bad", outcome(report=TaskReport()), False),
        ("t", outcome(ROWS), True),
    ],
)
def test_rows_of_a_check_are_violations(source: str, found: TaskOutcome, passes: bool) -> None:
    result = checked(step(source), found)
    assert (result.status == "succeeded") is passes
    assert result.reason == (None if passes else "check_failed")


def test_a_check_that_warns_keeps_its_results() -> None:
    result = checked(step("%%sql bad\nFROM t", CheckMode.WARN), outcome(rows=3))
    assert (result.status, result.report is None) == ("succeeded", False)
    assert result.error is not None
    assert result.error.message == "the check returned 3 rows, see `bad`"


def test_other_steps_and_other_ends_are_left_alone() -> None:
    rows = outcome(ROWS)
    assert checked(step("%%sql\nFROM t", None), rows) is rows
    failed = outcome(ROWS, status="failed", error=StepError(type="E", message=""))
    assert checked(step("%%sql\nFROM t"), failed) is failed
