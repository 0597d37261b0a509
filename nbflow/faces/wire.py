"""Core values as the JSON shapes that people's scripts rely on (a contract, with golden files).

Every document carries `schema_version`. JSON has no dates, no decimals and no infinities: they
travel as text. Text is written as ASCII escapes, so that no encoding on the way can change it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any, Final, Protocol

from nbflow.core.diagnostic import Diagnostic, Fix
from nbflow.core.errors import NotebookError, UsageError
from nbflow.core.graph import Definition, Edge, Graph
from nbflow.core.plan import Plan, Task
from nbflow.core.run import Event, Run, StepResult
from nbflow.core.step import Bounds, Parameter, Step, StepId
from nbflow.core.task import Blob, StepError
from nbflow.core.why import Cause, RunDifference, Why

SCHEMA_VERSION: Final = 1

Json = dict[str, Any]


class Difference(Protocol):
    """One thing that Run All and the workflow left differently."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def run_all(self) -> str: ...
    @property
    def workflow(self) -> str: ...


class Refusal(Protocol):
    """A cell that the workflow refuses, with a diagnostic's code and message."""

    @property
    def cell(self) -> str | None: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


class Verified(Protocol):
    """The answer of `verify`. Times are seconds."""

    @property
    def equal(self) -> bool: ...
    @property
    def failed(self) -> str | None: ...
    @property
    def differences(self) -> Sequence[Difference]: ...
    @property
    def nondeterministic(self) -> Sequence[str]: ...
    @property
    def not_compared(self) -> Sequence[str]: ...
    @property
    def refused(self) -> Sequence[Refusal]: ...
    @property
    def run_all_seconds(self) -> float | None: ...
    @property
    def workflow_seconds(self) -> float | None: ...


class Cleaned(Protocol):
    """The answer of `gc`, in bytes."""

    @property
    def garbage(self) -> int: ...
    @property
    def evicted(self) -> int: ...
    @property
    def left(self) -> int: ...
    @property
    def busy(self) -> bool: ...


class Health(Protocol):
    """One finding of `doctor`."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str | None: ...


def document(content: Mapping[str, Any]) -> str:
    """A whole JSON document as text.

    >>> document({"equal": True})
    '{\\n  "schema_version": 1,\\n  "equal": true\\n}\\n'
    """
    marked = {"schema_version": SCHEMA_VERSION, **content}
    return json.dumps(plain(marked), indent=2, allow_nan=False) + "\n"


def line(content: Mapping[str, Any]) -> str:
    """One line of JSON lines."""
    return json.dumps(plain(content), separators=(",", ":"), allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """`value` in JSON's own types, nothing dropped.

    >>> plain({"day": date(2026, 1, 5), "limit": float("inf"), "tags": ("a",)})
    {'day': '2026-01-05', 'limit': 'Infinity', 'tags': ['a']}
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case bytes() | bytearray():
            return value.hex()
        case PurePath():
            return value.as_posix()
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=repr)
        case Iterable():
            return [plain(item) for item in value]
        case _:
            return str(value)


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def graph(value: Graph) -> Json:
    """`show`."""
    names = {step.id: step.name for step in value.steps}
    return {
        "notebook": value.notebook,
        "parameters": [parameter(each) for each in value.parameters],
        "steps": [step(each) for each in value.steps],
        "definitions": [_definition(each) for each in value.definitions],
        "edges": [edge(each, names) for each in value.edges],
        "diagnostics": [diagnostic(each) for each in value.diagnostics],
    }


def parameter(value: Parameter) -> Json:
    """One parameter of `show`."""
    return {
        "name": value.name,
        "type": value.type,
        "default": value.default,
        "required": value.required,
        "help": value.help,
        "choices": list(value.choices),
        "bounds": {name: limit for name, limit in _limits(value.bounds) if limit is not None},
        "path": value.path,
        "cell": value.cell,
    }


def _limits(bounds: Bounds) -> tuple[tuple[str, float | None], ...]:
    return (("ge", bounds.ge), ("gt", bounds.gt), ("le", bounds.le), ("lt", bounds.lt))


def step(value: Step) -> Json:
    """One step of `show`. `group`, `when` and `foreach` are null until steps have them."""
    return {
        "id": value.id,
        "name": value.name,
        "title": value.title,
        "language": value.language,
        "group": None,
        "cells": list(value.cells),
        "cell_indexes": list(value.cell_indexes),
        "reads": list(value.reads),
        "writes": list(value.declared_writes),
        "effects": list(value.effects),
        "when": None,
        "foreach": None,
        "tags": list(value.tags),
    }


def _definition(value: Definition) -> Json:
    return {"cell": value.cell, "cell_index": value.cell_index, "names": list(value.names)}


def edge(value: Edge, names: Mapping[StepId, str]) -> Json:
    """One edge of `show`; `names` gives the steps' names by id."""
    return {
        "from": names.get(value.writer, value.writer),
        "to": names.get(value.reader, value.reader),
        "names": list(value.names),
        "kind": value.kind,
        "certainty": value.certainty,
        "from_line": value.from_line,
        "to_line": value.to_line,
        "because": value.because,
    }


def diagnostic(value: Diagnostic) -> Json:
    """One diagnostic of `show` and `check`."""
    return {
        "code": value.code,
        "severity": value.severity.value,
        "message": value.message,
        "cell": value.place.cell,
        "cell_index": value.place.cell_index,
        "line": value.place.line,
        "hint": value.hint,
        "fix": None if value.fix is None else _fix(value.fix),
    }


def _fix(value: Fix) -> Json:
    return {"old": value.old, "new": value.new, "line": value.line, "column": value.column}


def checks(found: Iterable[tuple[str, Diagnostic]]) -> Json:
    """`check`: the diagnostics alone, each with its notebook."""
    return {"diagnostics": [{"notebook": name, **diagnostic(each)} for name, each in found]}


def plan(value: Plan) -> Json:
    """`plan`."""
    return {
        "notebook": value.graph.notebook,
        "parameters": dict(value.parameters),
        "tasks": [_task(each) for each in value.tasks],
    }


def _task(value: Task) -> Json:
    return {
        "step": value.name,
        "item": value.item,
        "action": value.action,
        "reason": value.reason,
        "message": value.message,
        "expected_seconds": value.expected_seconds,
    }


def run(value: Run) -> Json:
    """`run`, `resume`, `status`, `cancel`."""
    return {
        **run_summary(value),
        "steps": [step_result(each) for each in value.steps],
        "learned": list(value.learned),
    }


def run_summary(value: Run) -> Json:
    """A run without its steps."""
    return {
        "run": value.id,
        "status": value.status.value,
        "notebook": value.notebook,
        "notebook_hash": value.notebook_hash,
        "parameters": dict(value.parameters),
        "trigger": value.trigger,
        "actor": value.actor,
        "started": value.started,
        "finished": value.finished,
        "seconds": value.seconds,
        "result": value.result,
        "reason": value.reason,
        "message": value.message,
        "kept": value.kept,
        "label": value.label,
    }


def runs(values: Iterable[Run]) -> Json:
    """`runs`: a list of runs without steps."""
    return {"runs": [run_summary(each) for each in values]}


def step_result(value: StepResult) -> Json:
    """One step of a run."""
    return {
        "step": value.step,
        "item": value.item,
        "status": value.status.value,
        "action": value.action,
        "reason": value.reason,
        "message": value.message,
        "attempts": value.attempts,
        "started": value.started,
        "finished": value.finished,
        "seconds": value.seconds,
        "cells": list(value.cells),
        "outputs": [each for blob in value.outputs for each in outputs(blob)],
        "error": None if value.error is None else step_error(value.error),
        "peak_memory": value.peak_memory,
        "log": value.log,
    }


def outputs(value: Blob) -> tuple[Json, ...]:
    """One output for each name: names that are stored jointly share `bytes`."""
    return tuple(
        {
            "name": name,
            "kind": value.kind,
            "rows": value.rows,
            "columns": value.columns,
            "bytes": value.bytes,
        }
        for name in value.names
    )


def step_error(value: StepError) -> Json:
    """Why a step failed."""
    return {
        "type": value.type,
        "message": value.message,
        "cell": value.cell,
        "cell_index": value.cell_index,
        "line": value.line,
    }


def event(value: Event) -> Json:
    """One event, as `run --events` prints it."""
    return {
        "id": value.id,
        "at": value.at,
        "run": value.run,
        "kind": value.kind.value,
        "step": value.step,
        "item": value.item,
        "attempt": value.attempt,
        "status": None if value.status is None else value.status.value,
        "reason": value.reason,
        "message": value.message,
        "data": dict(value.data),
    }


def why(value: Why) -> Json:
    """`why`."""
    return {
        "run": value.run,
        "step": value.step,
        "item": value.item,
        "status": value.status.value,
        "action": value.action,
        "reason": value.reason,
        "message": value.message,
        "compared_with": value.compared,
        "causes": [_cause(each) for each in value.causes],
        "because": list(value.lines),
    }


def _cause(value: Cause) -> Json:
    return {
        "kind": value.change.kind,
        "name": value.change.name,
        "message": value.message,
        "details": list(value.details),
        "because": [_cause(each) for each in value.because],
    }


def difference(value: RunDifference) -> Json:
    """`diff`."""
    return {
        "before": value.before,
        "after": value.after,
        "notebook": value.notebook,
        "same": value.same,
        "steps": [
            {
                "step": each.step,
                "before": each.before and each.before.value,
                "after": each.after and each.after.value,
                "causes": [_cause(cause) for cause in each.causes],
                "outputs": [
                    {"name": cause.change.name, "message": cause.message} for cause in each.outputs
                ],
            }
            for each in value.steps
        ],
    }


def verification(value: Verified) -> Json:
    """`verify`."""
    return {
        "equal": value.equal,
        "failed": value.failed,
        "differences": [
            {
                "name": each.name,
                "kind": each.kind,
                "run_all": each.run_all,
                "workflow": each.workflow,
            }
            for each in value.differences
        ],
        "nondeterministic": list(value.nondeterministic),
        "not_compared": list(value.not_compared),
        "refused": [
            {"cell": each.cell, "code": each.code, "message": each.message}
            for each in value.refused
        ],
        "seconds": {"run_all": value.run_all_seconds, "workflow": value.workflow_seconds},
    }


def health(values: Iterable[Health]) -> Json:
    """`doctor`."""
    checked = tuple(values)
    return {
        "ok": all(each.ok for each in checked),
        "checks": [
            {"name": each.name, "ok": each.ok, "message": each.message, "hint": each.hint}
            for each in checked
        ],
    }


def cleaned(value: Cleaned, *, dry_run: bool) -> Json:
    """`gc`."""
    return {
        "dry_run": dry_run,
        "busy": value.busy,
        "garbage_bytes": value.garbage,
        "evicted_bytes": value.evicted,
        "left_bytes": value.left,
    }


def failure(code: str, error: Exception, message: str, hint: str | None) -> Json:
    """What stands on stdout under `--json` when a command could not do its work."""
    found = error.diagnostics if isinstance(error, NotebookError) else ()
    return {
        "error": {
            "code": code,
            "message": message,
            "hint": hint,
            "fields": error.fields if isinstance(error, UsageError) else {},
            "diagnostics": [diagnostic(each) for each in found],
        }
    }
