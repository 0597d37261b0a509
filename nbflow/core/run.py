"""Runs and how they went: statuses, step results, and the events that tell the story."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NewType

from nbflow.core.task import Blob, StepError

RunId = NewType("RunId", str)
"""A UUIDv7 in its usual text form."""


class Status(StrEnum):
    """Of runs and steps alike (contract)."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        """Nothing more will happen to it in this run."""
        return self in _ENDED

    @property
    def sign(self) -> str:
        """How people see it where there is only text; no emoji, for which fonts are often missing.

        >>> Status.SUCCEEDED.sign
        '✓'
        """
        return _SIGNS[self]


_SIGNS = {
    Status.QUEUED: "○",
    Status.WAITING: "○",
    Status.RUNNING: "●",
    Status.SUCCEEDED: "✓",
    Status.FAILED: "✗",
    Status.SKIPPED: "–",
    Status.CANCELLED: "–",
    Status.LOST: "?",
}

_ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.SKIPPED, Status.CANCELLED, Status.LOST})


class EventKind(StrEnum):
    """Rows of the ledger's event table (contract)."""

    RUN_QUEUED = "run_queued"
    RUN_STARTED = "run_started"
    RUN_FINISHED = "run_finished"
    PLAN_GREW = "plan_grew"
    STEP_QUEUED = "step_queued"
    STEP_STARTED = "step_started"
    STEP_OUTPUT = "step_output"
    STEP_FINISHED = "step_finished"
    STEP_REUSED = "step_reused"
    STEP_WAITING = "step_waiting"
    LEARNED = "learned"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row. `id` grows by one per project (0 before it is written); `at` is ISO 8601 UTC; `step`
    is the step's name."""

    id: int = 0
    at: str
    run: RunId
    kind: EventKind
    step: str | None = None
    item: str | None = None
    attempt: int | None = None
    status: Status | None = None
    reason: str | None = None
    message: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


MADE_ELSEWHERE: Final = "made_elsewhere"
"""The reason of a step that waits because another one makes the same result."""

NO_ROOM: Final = "memory"
"""The reason of a step that waits because memory would not hold it beside those that run."""

HELD: Final = frozenset({MADE_ELSEWHERE, NO_ROOM})
"""Reasons to wait that are no failed attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A step of a run that makes, or has just made, the result that another one needs."""

    run: RunId
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How a step went in a run. `step` is its name, `step_id` its identity."""

    step: str
    step_id: str
    item: str | None = None
    status: Status
    action: str = "run"
    reason: str | None = None
    message: str = ""
    attempts: int = 0
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    cells: tuple[str, ...] = ()
    outputs: tuple[Blob, ...] = ()
    error: StepError | None = None
    peak_memory: int | None = None
    log: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the ledger tells it. `result` is the path of the result notebook. A run that is
    `kept` cannot be deleted; `label` is what somebody calls it."""

    id: RunId
    status: Status
    notebook: str
    notebook_hash: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: str = "manual"
    actor: str = ""
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    result: str | None = None
    steps: tuple[StepResult, ...] = ()
    learned: tuple[str, ...] = ()
    reason: str | None = None
    message: str | None = None
    pid: int | None = None
    pid_started: float | None = None
    heartbeat: str | None = None
    kept: bool = False
    label: str = ""
