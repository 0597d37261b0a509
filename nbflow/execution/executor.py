"""Where tasks run. `Executor` is what the runner asks for; `LocalExecutor` has lanes right here.

Each lane is one thread that owns one kernel process for as long as the lane lives; tasks of a lane
queue up in it. The thread talks to a `Lane` (`lanes/` has one), which an injected function opens.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from nbflow.core.errors import KernelError
from nbflow.core.task import StepError, TaskOutcome, TaskReport, TaskSpec

REPORT_NAME: Final = "report.json"
"""The file in a task's staging folder in which the kernel tells what it captured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputEvent:
    """What one cell shows now (nbformat outputs, complete): sent when the cell ended or changed."""

    run: str
    step: str
    attempt: int
    cell: str
    outputs: tuple[Mapping[str, Any], ...]


Happening = TaskOutcome | OutputEvent


class Executor(Protocol):
    """Runs tasks somewhere. All calls come from the runner's thread."""

    @property
    def capacity(self) -> int:
        """How many tasks may run at once."""

    def submit(self, spec: TaskSpec) -> None:
        """Start a task; its outcome comes through `poll`, whatever happens."""

    def poll(self, timeout: float) -> list[Happening]:
        """What happened, in order; waits up to `timeout` seconds for the first."""

    def kill(self, run: str, step: str, attempt: int) -> None:
        """Stop a task: interrupt, then kill. Its outcome is still told."""

    def end_lane(self, lane: str) -> None:
        """Give up the lane's kernel after what runs there; its next task gets a new one."""

    def close(self) -> None:
        """Stop everything and leave no process behind."""


class Lane(Protocol):
    """One kernel process as its thread sees it."""

    def run(
        self,
        spec: TaskSpec,
        *,
        show: Callable[[str, list[dict[str, Any]]], None],
        cancelled: Callable[[], bool],
    ) -> TaskOutcome:
        """Run one task to its end; `report` is left to the caller. Raises only KernelError."""

    def close(self) -> None:
        """End the process and all that it started."""

    @property
    def is_used(self) -> bool:
        """Whether its process has served another lane before."""

    def pass_on(self) -> None:
        """Leave the process to a later step of the notebook: the last one left it clean."""


class OpenLane(Protocol):
    """Opens the lane for a first task (kernel, folder, variables). May raise KernelError."""

    def __call__(self, spec: TaskSpec, *, fresh: bool) -> Lane:
        """A `fresh` lane's process has served nobody before."""


class LocalExecutor:
    """Lanes as threads of this process, each with a kernel of its own."""

    def __init__(self, *, open_lane: OpenLane, capacity: int) -> None:
        self._open_lane = open_lane
        self._capacity = capacity
        self._happenings: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._by_task: dict[tuple[str, str, int], _Worker] = {}
        self._ending: list[_Worker] = []

    def __enter__(self) -> "LocalExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def capacity(self) -> int:
        """How many tasks may run at once."""
        return self._capacity

    def submit(self, spec: TaskSpec) -> None:
        """Start a task in its lane, or in a fresh one."""
        self._ending = [worker for worker in self._ending if worker.is_alive()]
        worker = self._workers.get(spec.lane) if spec.lane is not None else None
        if worker is None:
            worker = _Worker(self._open_lane, self._happenings)
            if spec.lane is not None:
                self._workers[spec.lane] = worker
            worker.start()
        self._by_task[spec.run, spec.step, spec.attempt] = worker
        worker.give(spec)
        if spec.lane is None:
            self._end(worker)

    def poll(self, timeout: float) -> list[Happening]:
        """What happened since the last call."""
        found: list[Happening] = []
        try:
            found.append(self._happenings.get(timeout=max(timeout, 0.0)))
            while True:
                found.append(self._happenings.get_nowait())
        except queue.Empty:
            pass
        for happening in found:
            if isinstance(happening, TaskOutcome):
                key = (happening.run, happening.step, happening.attempt)
                self._by_task.pop(key, None)
        return found

    def kill(self, run: str, step: str, attempt: int) -> None:
        """Stop a task; nothing if it has ended."""
        worker = self._by_task.get((run, step, attempt))
        if worker is not None:
            worker.cancel(step, attempt)

    def end_lane(self, lane: str) -> None:
        """End a lane after its present task."""
        worker = self._workers.pop(lane, None)
        if worker is not None:
            self._end(worker)

    def close(self) -> None:
        """Stop all tasks, end all kernels, wait for them."""
        for worker in (*self._workers.values(), *self._ending):
            worker.stop()
        for lane in list(self._workers):
            self.end_lane(lane)
        for worker in self._ending:
            worker.join()
        self._ending.clear()

    def _end(self, worker: "_Worker") -> None:
        worker.finish()
        self._ending.append(worker)


class _Worker(threading.Thread):
    """The thread of one lane. Its kernel dies with it, as the system is told to."""

    def __init__(self, open_lane: OpenLane, out: "queue.SimpleQueue[Happening]") -> None:
        super().__init__(name="nbflow-lane", daemon=True)
        self._open_lane = open_lane
        self._out = out
        self._tasks: queue.SimpleQueue[TaskSpec | None] = queue.SimpleQueue()
        self._cancelled: set[tuple[str, int]] = set()
        self._stopped = threading.Event()

    def give(self, spec: TaskSpec) -> None:
        """Queue a task."""
        self._tasks.put(spec)

    def finish(self) -> None:
        """End after the tasks that are queued."""
        self._tasks.put(None)

    def cancel(self, step: str, attempt: int) -> None:
        """Stop one task."""
        self._cancelled.add((step, attempt))

    def stop(self) -> None:
        """Stop whatever runs."""
        self._stopped.set()

    def run(self) -> None:
        lane: Lane | None = None
        try:
            while (spec := self._tasks.get()) is not None:
                if self._is_cancelled(spec):
                    self._out.put(_not_run(spec))
                    continue
                lane, outcome = self._run_one(spec, lane)
                if lane is not None and spec.lane is None and _is_clean(outcome):
                    # Before the outcome is known: the step that waits for it may come here.
                    lane.pass_on()
                    lane = None
                self._out.put(outcome)
        finally:
            if lane is not None:
                lane.close()

    def _is_cancelled(self, spec: TaskSpec) -> bool:
        return self._stopped.is_set() or (spec.step, spec.attempt) in self._cancelled

    def _run_one(self, spec: TaskSpec, lane: Lane | None) -> tuple[Lane | None, TaskOutcome]:
        def show(cell: str, outputs: list[dict[str, Any]]) -> None:
            shown = OutputEvent(
                run=spec.run,
                step=spec.step,
                attempt=spec.attempt,
                cell=cell,
                outputs=tuple(outputs),
            )
            self._out.put(shown)

        try:
            lane = lane or self._open_lane(spec, fresh=False)
            outcome = lane.run(spec, show=show, cancelled=lambda: self._is_cancelled(spec))
            if lane.is_used and outcome.status == "failed" and not outcome.cell_times:
                # Something that can be defined once in a process only; no cell has begun.
                lane.close()
                lane = self._open_lane(spec, fresh=True)
                outcome = lane.run(spec, show=show, cancelled=lambda: self._is_cancelled(spec))
            return lane, with_report(outcome, Path(spec.staging))
        except KernelError as error:
            outcome = failed(spec, "kernel_missing", error.message, error)
        except Exception as error:  # the runner waits for an outcome, whatever nbflow did wrong
            outcome = failed(spec, "internal_error", f"{type(error).__name__}: {error}", error)
        if lane is not None:
            lane.close()
        return None, outcome


def _is_clean(outcome: TaskOutcome) -> bool:
    report = outcome.report
    return outcome.error is None and report is not None and report.clean


def with_report(outcome: TaskOutcome, staging: Path) -> TaskOutcome:
    """The outcome with what the kernel captured; a success without a readable report is none."""
    if outcome.status != "succeeded":
        return outcome
    try:
        report = msgspec.json.decode((staging / REPORT_NAME).read_bytes(), type=TaskReport)
    except (OSError, msgspec.DecodeError) as error:
        message = f"what the step made could not be taken over: {error}"
        return replace(outcome, status="failed", reason="capture_failed", message=message)
    return replace(outcome, report=report)


def failed(spec: TaskSpec, reason: str, message: str, error: Exception) -> TaskOutcome:
    """The outcome of a task that could not even be tried."""
    return TaskOutcome(
        run=spec.run,
        step=spec.step,
        attempt=spec.attempt,
        fence=spec.fence,
        status="failed",
        reason=reason,
        message=message,
        error=StepError(type=type(error).__name__, message=message),
    )


def _not_run(spec: TaskSpec) -> TaskOutcome:
    return TaskOutcome(
        run=spec.run,
        step=spec.step,
        attempt=spec.attempt,
        fence=spec.fence,
        status="cancelled",
        reason="cancelled",
        message="cancelled before it ran",
    )
