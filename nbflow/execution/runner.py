"""The loop that carries out a plan: the machine decides, the executor runs, the recorder remembers.

Everything that touches the world is injected, so that a run can be played through without a kernel,
a clock or a disk. Only the runner commits: staged files first, then one row in the ledger, which is
the commit point; what depends on a step starts after that.
"""

import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from types import FrameType
from typing import Any, Final, Protocol, assert_never

from nbflow.core.graph import Learned
from nbflow.core.names import Name
from nbflow.core.plan import Plan, Recorded
from nbflow.core.run import (
    MADE_ELSEWHERE,
    NO_ROOM,
    Elsewhere,
    Event,
    EventKind,
    RunId,
    Status,
    StepResult,
)
from nbflow.core.step import CheckMode, Step, StepId
from nbflow.core.task import (
    Blob,
    FileTouch,
    StagedBlob,
    StepError,
    TaskOutcome,
    TaskReport,
    TaskSpec,
)
from nbflow.core.why import Grounds
from nbflow.execution import machine
from nbflow.execution.checks import checked
from nbflow.execution.conflicts import Touch, file_conflicts, touch_again, touch_of
from nbflow.execution.display_ids import plain, settled
from nbflow.execution.executor import Executor, OutputEvent
from nbflow.execution.lessons import evidence_of, lessons_of
from nbflow.execution.machine import EndLane, Finish, Kill, Note, Start
from nbflow.execution.room import Room

HEARTBEAT_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.25
"""How long the loop sleeps at most: a wish to cancel is seen after this."""

_NOT_RETRIED: Final = frozenset(
    {
        "file_conflict",
        "cancelled",
        "input_requested",
        "kernel_missing",
        "internal_error",
        "capture_failed",
    }
)
_ALONE: Final = frozenset({"forced", "cache_never", "never_reused"})
"""Reasons to run that another run's result does not settle."""

_TOUCHES: Final = {
    "network": "it reached the network when it ran",
    "subprocess": "it started another program when it ran",
    "database": "it used a database when it ran",
}
"""What is seen while a step runs and speaks against running it, or using its result, again."""
_NOT_REUSED: Final = {
    **_TOUCHES,
    "lookup": "it looked up a name on the network when it ran",
}
"""What speaks against using its result again, though it may run again."""


CellOutputs = Mapping[str, list[dict[str, Any]]]


# -- what the runner is given ----------------------------------------------------------------------


class Clock(Protocol):
    """Wall time for people and records, monotonic seconds for durations."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return monotonic()


class Recorder(Protocol):
    """Remembers how the run goes. Writes of a run that is no longer ours raise (a stale fence)."""

    def append(self, event: Event) -> Event:
        """Record an event that changes no step; it comes back with its id."""

    def step_changed(self, run: RunId, fence: int, result: StepResult, event: Event) -> Event:
        """Record how a step stands now."""

    def step_started(
        self, run: RunId, fence: int, result: StepResult, event: Event, grounds: Grounds | None
    ) -> Event:
        """Record that a step runs from now on, and why."""

    def step_succeeded(
        self,
        run: RunId,
        fence: int,
        result: StepResult,
        recorded: Recorded | None,
        event: Event,
        *,
        fingerprint_parts: Mapping[str, Any] | None = None,
    ) -> Event:
        """Record a success, all or nothing: the commit point."""

    def claim(
        self, run: RunId, fence: int, step: StepId, fingerprint: str, *, seen: str | None
    ) -> Elsewhere | None:
        """Ask to make the result of a fingerprint; who makes it (or made it since the run `seen`),
        None if it is the caller's to make."""

    def is_claimed(self, fingerprint: str) -> bool:
        """Somebody makes the result of a fingerprint."""

    def heartbeat(self, run: RunId, fence: int, at: str) -> None:
        """The run is alive."""


class Displays(Protocol):
    """Keeps what cells showed, by fingerprint, so that a reused step shows it again."""

    def save(self, fingerprint: str, outputs: Sequence[list[dict[str, Any]]]) -> None:
        """Keep the outputs of each cell of a step, in the step's order."""

    def load(self, fingerprint: str) -> Sequence[list[dict[str, Any]]]:
        """The outputs of each cell."""


class Decision(Protocol):
    """Run or reuse, and why, now that the inputs are known."""

    @property
    def action(self) -> str:
        """`run` or `reuse`."""

    @property
    def reason(self) -> str:
        """A code."""

    @property
    def message(self) -> str:
        """A sentence."""

    @property
    def fingerprint(self) -> str:
        """What the result will be found under."""

    @property
    def grounds(self) -> Grounds:
        """What the decision rests on."""

    @property
    def recorded(self) -> Recorded | None:
        """The result to reuse."""

    @property
    def seen(self) -> str | None:
        """The run whose result is stored under the fingerprint, good or not."""

    def without(self, names: Collection[str]) -> "Decision":
        """The same, as it is where the step was seen not to look at some inputs."""


class Decide(Protocol):
    """Fingerprints a step and looks whether a stored result still holds."""

    def __call__(self, step: Step, inputs: Mapping[str, Blob], *, force: bool) -> Decision: ...


class SpecFor(Protocol):
    """Makes the task specification of an attempt: an empty staging folder, paths of blobs, key …"""

    def __call__(
        self,
        plan: Plan,
        step: Step,
        *,
        attempt: int,
        inputs: Mapping[Name, Blob],
        lane_inputs: tuple[Name, ...],
    ) -> TaskSpec: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """How the plan was carried out.

    cell_outputs: nbformat outputs of every cell that ran or was reused. cell_times: (start, end)
    of those that ran. learned: the lessons of this run. plan: the plan as it was at the end. kept:
    names whose values no file can hold, and which ended with their kernel. stopped_by: the signal
    that cancelled the run, if one did.
    """

    status: Status
    reason: str | None
    message: str
    steps: tuple[StepResult, ...]
    cell_outputs: CellOutputs
    cell_times: Mapping[str, tuple[str, str]]
    learned: tuple[Learned, ...]
    plan: Plan
    kept: frozenset[Name] = frozenset()
    stopped_by: int | None = None


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """What the runner notes about the latest attempt of a step, for its record."""

    started: str | None = None
    began: float = 0.0
    finished: str | None = None
    seconds: float | None = None
    decision: Decision | None = None
    outcome: TaskOutcome | None = None
    why: tuple[str | None, str] = (None, "")
    cell_outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Runner:
    """Carries out one plan. One instance, one run; the executor stays the caller's to close."""

    def __init__(
        self,
        plan: Plan,
        *,
        run: RunId,
        fence: int,
        executor: Executor,
        recorder: Recorder,
        displays: Displays,
        spec_for: SpecFor,
        decide: Decide,
        commit: Callable[[StagedBlob], Blob],
        replan: Callable[[frozenset[Learned]], Plan],
        clock: Clock,
        jobs: int,
        remember: Callable[[tuple[Learned, ...]], object] = lambda _: None,
        written: Callable[[Step], tuple[FileTouch, ...]] = lambda _: (),
        cancelled: Callable[[], bool] = lambda: False,
        on_event: Callable[[Event], None] = lambda _: None,
        force: frozenset[StepId] = frozenset(),
        room: Room | None = None,
    ) -> None:
        """`replan` gets all lessons of this run, `remember` what steps were seen to leave alone,
        for later plans; `cancelled` is asked a few times a second.

        `written` tells the files that a step's text says it writes, as they are now: those that C++
        code wrote are seen by nobody else.
        """
        self._run, self._fence = run, fence
        self._executor, self._recorder, self._displays = executor, recorder, displays
        self._spec_for, self._decide = spec_for, decide
        self._commit, self._replan, self._remember = commit, replan, remember
        self._clock, self._cancelled, self._on_event = clock, cancelled, on_event
        self._force = force
        self._written = written
        slots = max(1, min(jobs, executor.capacity))
        self._state = machine.begin(plan, jobs=slots, force=force)
        self._events: deque[machine.Event] = deque()
        self._attempts: dict[StepId, _Attempt] = {}
        self._results: dict[StepId, StepResult] = {}
        self._lessons: dict[tuple[str, str, str], Learned] = {}
        self._cell_outputs: dict[str, list[dict[str, Any]]] = {}
        self._cell_times: dict[str, tuple[str, str]] = {}
        self._finish: Finish | None = None
        self._touches: dict[StepId, Touch] = {}
        self._elsewhere: dict[StepId, str] = {}
        self._room = room or Room(known=lambda _: 0)
        self._outside: dict[StepId, int] = {}
        self._beat = clock.monotonic()

    # -- the loop --------------------------------------------------------------------------------

    def execute(self) -> Executed:
        """Run the plan to its end.

        Raises:
            StoreError: a result or the ledger cannot be written, or the run is not ours any more;
                what runs is stopped first, nothing more is committed.
        """
        with _signals() as received:
            try:
                self._advance(machine.Begun())
                while self._finish is None:
                    self._turn(received)
            except BaseException:
                self._stop_everything()
                raise
            return self._executed(self._finish, received[0] if received else None)

    def _turn(self, received: list[int]) -> None:
        if received or self._cancelled():
            self._advance(machine.CancelAsked())
        for happening in self._executor.poll(self._patience()):
            match happening:
                case TaskOutcome():
                    self._ended(happening)
                case OutputEvent():
                    self._showed(happening)
                case _:
                    assert_never(happening)
        self._look_elsewhere()
        self._look_for_room()
        now = self._clock.monotonic()
        if now - self._beat >= HEARTBEAT_SECONDS:
            self._beat = now
            self._recorder.heartbeat(self._run, self._fence, self._now())
        wake = machine.next_wake(self._state)
        if wake is not None and wake <= now:
            self._advance(machine.Woke(now=now))

    def _patience(self) -> float:
        wake = machine.next_wake(self._state)
        if self._finish is not None:
            return 0.0
        if wake is None:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.0, wake - self._clock.monotonic()))

    def _advance(self, event: machine.Event) -> None:
        """Feed an event, and those that carrying out its commands brings about."""
        self._events.append(event)
        while self._events:
            self._state, commands = machine.advance(self._state, self._events.popleft())
            for command in commands:
                self._carry_out(command)

    def _carry_out(self, command: machine.Command) -> None:
        match command:
            case Start():
                self._start(command)
            case Kill():
                self._executor.kill(self._run, command.step, command.attempt)
            case EndLane():
                self._executor.end_lane(command.lane)
            case Note():
                self._note(command)
            case Finish():
                self._finish = command
            case _:
                assert_never(command)

    def _stop_everything(self) -> None:
        for step, task in self._state.tasks.items():
            if task.status is Status.RUNNING:
                self._executor.kill(self._run, step, task.attempt)

    # -- starting --------------------------------------------------------------------------------

    def _start(self, command: Start) -> None:
        step = self._step(command.step)
        attempt = self._attempts[step.id] = _Attempt()
        if command.versions is not None:
            force = not command.reusable
            inputs = {str(name): blob for name, blob in command.versions.items()}
            attempt.decision = self._decide(step, inputs, force=force)
            if self._reuse(command, attempt.decision):
                return
        need = self._room.need(step, {str(name): blob for name, blob in command.inputs.items()})
        if self._has_no_room(command, step, need):
            return
        if attempt.decision is not None and self._waits(command, attempt.decision):
            return
        attempt.started, attempt.began = self._now(), self._clock.monotonic()
        task = self._state.tasks[step.id]
        why = attempt.decision if command.reusable and attempt.decision else task
        attempt.why = (why.reason, why.message)
        result = self._result(step, replace(task, reason=why.reason, message=why.message))
        event = self._event(EventKind.STEP_STARTED, result)
        grounds = attempt.decision.grounds if attempt.decision else None
        self._on_event(self._recorder.step_started(self._run, self._fence, result, event, grounds))
        self._room.enter(step, command.attempt, need)
        self._executor.submit(self._spec(step, command))

    def _reuse(self, command: Start, decision: Decision) -> bool:
        recorded = decision.recorded
        step = self._step(command.step)
        if not command.reusable or decision.action != "reuse" or recorded is None:
            return False
        self._touches[step.id] = touch_again(step, recorded, at=self._clock.monotonic())
        shown = self._displays.load(recorded.fingerprint)
        self._cell_outputs.update(zip(step.cells, shown, strict=False))
        self._events.append(
            machine.Ended(
                step=command.step,
                attempt=command.attempt,
                status=Status.SUCCEEDED,
                reason=decision.reason,
                message=decision.message,
                outputs={Name(name): blob for name, blob in recorded.outputs.items()},
                reused=True,
            )
        )
        return True

    def _has_no_room(self, command: Start, step: Step, need: int) -> bool:
        """Whether memory would not hold it beside what runs. A kernel that is there has its."""
        why = self._room.lacks(need) if step.lane is None else ""
        if not why:
            return False
        self._outside[step.id] = need
        self._events.append(
            machine.Held(step=step.id, attempt=command.attempt, reason=NO_ROOM, message=why)
        )
        return True

    def _look_for_room(self) -> None:
        """Go on with what waited for memory, one after the other."""
        for step, need in tuple(self._outside.items()):
            if not self._room.lacks(need):
                del self._outside[step]
                self._advance(machine.Freed(step=step))

    def _waits(self, command: Start, decision: Decision) -> bool:
        """Whether another run, or another step, makes the same result right now."""
        if not command.reusable or decision.reason in _ALONE:
            return False
        fingerprint = decision.fingerprint
        found = self._recorder.claim(
            self._run, self._fence, command.step, fingerprint, seen=decision.seen
        )
        if found is None:
            return False
        who = f"`{found.step}`" if found.run == self._run else f"run {found.run[:13]}"
        self._elsewhere[command.step] = fingerprint
        self._events.append(
            machine.Held(
                step=command.step,
                attempt=command.attempt,
                reason=MADE_ELSEWHERE,
                message=f"waiting for {who}, which makes the same result",
            )
        )
        return True

    def _look_elsewhere(self) -> None:
        """Go on with what waited for a result that nobody makes any more: it is there, or not."""
        for step, fingerprint in tuple(self._elsewhere.items()):
            if not self._recorder.is_claimed(fingerprint):
                del self._elsewhere[step]
                self._advance(machine.Freed(step=step))

    def _spec(self, step: Step, command: Start) -> TaskSpec:
        spec = self._spec_for(
            self._state.plan,
            step,
            attempt=command.attempt,
            inputs=command.inputs,
            lane_inputs=command.lane_inputs,
        )
        if step.options.check is not CheckMode.WARN:
            return spec
        # A check that only warns goes on after its error, and its result is taken over.
        cells = tuple(replace(cell, raises_exception=True) for cell in spec.cells)
        return replace(spec, cells=cells)

    # -- ends ------------------------------------------------------------------------------------

    def _ended(self, outcome: TaskOutcome) -> None:
        self._room.leave(outcome.step, outcome.attempt)
        step_id = StepId(outcome.step)
        task = self._state.tasks.get(step_id)
        if task is None or task.status is not Status.RUNNING or task.attempt != outcome.attempt:
            return
        if outcome.fence != self._fence:
            return
        step, attempt = self._step(step_id), self._attempts[step_id]
        outcome = checked(step, outcome)
        attempt.outcome, attempt.finished = outcome, self._now()
        attempt.seconds = self._clock.monotonic() - attempt.began
        attempt.cell_outputs = dict(outcome.cell_outputs)
        self._cell_outputs.update(outcome.cell_outputs)
        self._cell_times.update(outcome.cell_times)
        outcome, met = self._met_at_files(step, outcome, attempt)
        outputs = self._committed(outcome)
        lessons = self._new_lessons(step, outcome)
        if not self._state.plan.graph.one_lane and (evidence := evidence_of(step, outcome)):
            self._remember(evidence)
            ignored = {lesson.name for lesson in evidence if lesson.what == "ignores"}
            if ignored and attempt.decision is not None:
                attempt.decision = attempt.decision.without(ignored)
        if lessons or met:
            self._learn((*lessons, *met))
        if lessons and outcome.status == "failed":
            self._advance(
                machine.RunAgain(
                    step=step_id,
                    attempt=outcome.attempt,
                    message=lessons[0].reason,
                    touched=step.outside_effects,
                )
            )
        else:
            self._advance(self._end_event(step, outcome, outputs))

    def _met_at_files(
        self, step: Step, outcome: TaskOutcome, attempt: _Attempt
    ) -> tuple[TaskOutcome, tuple[Learned, ...]]:
        """Lessons about files that steps met at unforeseen; a failure if they were out of order."""
        if outcome.report is None or self._state.plan.graph.one_lane:
            return outcome, ()
        touch = touch_of(step, outcome.report, began=attempt.began, ended=self._clock.monotonic())
        conflicts = file_conflicts(touch, self._touches, self._state.plan.graph)
        self._touches[step.id] = touch
        lessons = tuple(dict.fromkeys(lesson for one in conflicts for lesson in one.lessons))
        wrong = next((one for one in conflicts if not one.in_order), None)
        if wrong is None:
            return outcome, lessons
        message = (
            f"`{step.name}` and `{wrong.other.name}` both touch {wrong.path}, and did not run in "
            "the notebook's order; the order is learned now, so run the notebook again"
        )
        error = StepError(type="FileConflict", message=message)
        failed = replace(
            outcome, status="failed", reason="file_conflict", message=message, error=error
        )
        return failed, lessons

    def _end_event(
        self, step: Step, outcome: TaskOutcome, outputs: Mapping[Name, Blob]
    ) -> machine.Ended:
        report = outcome.report
        reason, message, error = self._explanation(step, outcome)
        return machine.Ended(
            step=step.id,
            attempt=outcome.attempt,
            status=Status(outcome.status),
            reason=reason,
            message=message,
            error=error,
            outputs=outputs,
            kept=frozenset(Name(one.name) for one in report.unstorable) if report else frozenset(),
            touched=_touched(step, outcome),
            retry_at=self._retry_at(step, outcome),
        )

    def _explanation(
        self, step: Step, outcome: TaskOutcome
    ) -> tuple[str | None, str, StepError | None]:
        """Why it ended so; a success says why it ran."""
        if outcome.status == "succeeded":
            if step.options.check is CheckMode.WARN and outcome.error is not None:
                return "check_warned", outcome.error.message, outcome.error
            return (*self._attempts[step.id].why, None)
        failed_check = outcome.reason == "error" and step.options.check is not None
        return "check_failed" if failed_check else outcome.reason, outcome.message, outcome.error

    def _retry_at(self, step: Step, outcome: TaskOutcome) -> float | None:
        if outcome.status != "failed" or outcome.reason in _NOT_RETRIED:
            return None
        failures = self._state.tasks[step.id].failures
        return self._clock.monotonic() + step.options.backoff * 2.0**failures

    def _committed(self, outcome: TaskOutcome) -> dict[Name, Blob]:
        """The stored versions by name; files are durable when this returns."""
        if outcome.status != "succeeded" or outcome.report is None:
            return {}
        found: dict[Name, Blob] = {}
        for staged in outcome.report.outputs:
            blob = self._commit(staged) if staged.path else staged.blob
            found.update({Name(name): blob for name in blob.names})
        return found

    def _new_lessons(self, step: Step, outcome: TaskOutcome) -> tuple[Learned, ...]:
        if outcome.status == "cancelled" or self._state.cancelled:
            return ()
        found = lessons_of(step, self._state.plan.graph, outcome)
        return tuple(one for one in found if _key(one) not in self._lessons)

    def _learn(self, lessons: tuple[Learned, ...]) -> None:
        for lesson in lessons:
            self._lessons[_key(lesson)] = lesson
            step = self._step(lesson.step)
            event = Event(
                at=self._now(),
                run=self._run,
                kind=EventKind.LEARNED,
                step=step.name,
                reason=lesson.what,
                message=lesson.reason,
                data={"name": lesson.name},
            )
            self._on_event(self._recorder.append(event))
        self._advance(machine.Replanned(plan=self._replan(frozenset(self._lessons.values()))))

    def _showed(self, shown: OutputEvent) -> None:
        self._cell_outputs[shown.cell] = [dict(output) for output in shown.outputs]
        outputs = plain(shown.outputs)
        step = self._state.tasks.get(StepId(shown.step))
        event = Event(
            at=self._now(),
            run=self._run,
            kind=EventKind.STEP_OUTPUT,
            step=self._step(StepId(shown.step)).name if step is not None else shown.step,
            attempt=shown.attempt,
            data={"cell": shown.cell, "outputs": outputs},
        )
        self._on_event(self._recorder.append(event))

    # -- records ---------------------------------------------------------------------------------

    def _note(self, note: Note) -> None:
        step, task = self._step(note.step), note.state
        result = self._result(step, task)
        event = self._event(_kind_of(task), result)
        if task.status is Status.SUCCEEDED:
            self._on_event(self._succeeded(step, task, result, event))
        else:
            self._on_event(self._recorder.step_changed(self._run, self._fence, result, event))

    def _succeeded(
        self, step: Step, task: machine.TaskState, result: StepResult, event: Event
    ) -> Event:
        attempt = self._attempts[step.id]
        recorded = None if task.action == "reuse" else self._recorded(step, task, attempt)
        parts = (
            attempt.decision.grounds.parts if recorded is not None and attempt.decision else None
        )
        if recorded is not None:
            shown = [attempt.cell_outputs.get(cell, []) for cell in step.cells]
            self._displays.save(recorded.fingerprint, shown)
        return self._recorder.step_succeeded(
            self._run, self._fence, result, recorded, event, fingerprint_parts=parts
        )

    def _recorded(self, step: Step, task: machine.TaskState, attempt: _Attempt) -> Recorded | None:
        outcome, decision = attempt.outcome, attempt.decision
        if outcome is None or outcome.report is None or decision is None:
            return None
        if task.reason == "check_warned":
            return None
        return Recorded(
            fingerprint=decision.fingerprint,
            run=self._run,
            step=step.id,
            finished=attempt.finished or self._now(),
            outputs={str(name): blob for name, blob in task.outputs.items()},
            asked=tuple(str(name) for name in step.outputs),
            files_read=outcome.report.files_read,
            files_written=self._all_written(step, outcome.report),
            never_reuse=_never_reuse(step, task, outcome),
            seconds=attempt.seconds,
        )

    def _all_written(self, step: Step, report: TaskReport) -> tuple[FileTouch, ...]:
        found = {touch.path: touch for touch in (*self._written(step), *report.files_written)}
        return tuple(found.values())

    def _result(self, step: Step, task: machine.TaskState) -> StepResult:
        attempt = self._attempts.get(step.id, _Attempt())
        outcome = attempt.outcome
        report = outcome.report if outcome else None
        decision = attempt.decision
        result = StepResult(
            step=step.name,
            step_id=step.id,
            status=task.status,
            action=task.action,
            reason=task.reason,
            message=task.message,
            attempts=task.attempt,
            started=attempt.started,
            finished=attempt.finished,
            seconds=attempt.seconds,
            cells=step.cells,
            outputs=_each_once(task.outputs.values()),
            error=task.error,
            peak_memory=(report.peak_memory if report else None)
            or (outcome.peak_memory if outcome else None),
            log=outcome.log if outcome else None,
            fingerprint=decision.fingerprint if decision else None,
        )
        self._results[step.id] = result
        return result

    def _event(self, kind: EventKind, result: StepResult) -> Event:
        return Event(
            at=self._now(),
            run=self._run,
            kind=kind,
            step=result.step,
            attempt=result.attempts or None,
            status=result.status,
            reason=result.reason,
            message=result.message,
            data=_event_data(result) if result.status.ended else {},
        )

    def _executed(self, finish: Finish, stopped_by: int | None) -> Executed:
        order = [task.step for task in self._state.plan.tasks]
        return Executed(
            status=finish.status,
            reason=finish.reason,
            message=finish.message,
            steps=tuple(self._results[step] for step in order if step in self._results),
            cell_outputs=settled(self._cell_outputs, self._cells_in_order()),
            cell_times=self._cell_times,
            learned=tuple(self._lessons.values()),
            plan=self._state.plan,
            kept=frozenset().union(*(task.kept for task in self._state.tasks.values())),
            stopped_by=stopped_by,
        )

    def _cells_in_order(self) -> list[str]:
        steps = self._state.plan.graph.steps
        placed = [pair for s in steps for pair in zip(s.cell_indexes, s.cells, strict=True)]
        return [cell for _, cell in sorted(placed)]

    def _step(self, step: StepId) -> Step:
        return self._state.plan.graph.step(step)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


# -- small decisions -------------------------------------------------------------------------------


def _each_once(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    """A group's blob stands under each of its names; equal values of two names are two blobs."""
    return tuple({(blob.digest, blob.names): blob for blob in blobs}.values())


def _key(lesson: Learned) -> tuple[str, str, str]:
    return (lesson.step, lesson.name, lesson.what)


def _touched(step: Step, outcome: TaskOutcome) -> bool:
    """Whether running the step twice may differ from running it once."""
    report = outcome.report
    if report is None:
        return step.outside_effects
    return bool(
        report.files_written
        or report.untracked_files
        or _TOUCHES.keys() & {*report.dynamic_effects, *step.effects}
    )


def _never_reuse(step: Step, task: machine.TaskState, outcome: TaskOutcome) -> str | None:
    report = outcome.report
    assert report is not None
    if step.never_reuse is not None:
        return step.never_reuse
    if lost := task.kept & step.needed_outputs:
        return f"`{min(lost)}` cannot be stored"
    if step.lane is not None:
        return "it shares a kernel with other steps"
    for effect, why in _NOT_REUSED.items():
        if effect in report.dynamic_effects:
            return why
    if report.untracked_files:
        return f"it touched files that cannot be tracked: {report.untracked_files[0]}"
    return None


def _kind_of(task: machine.TaskState) -> EventKind:
    match task.status:
        case Status.QUEUED:
            return EventKind.STEP_QUEUED
        case Status.WAITING:
            return EventKind.STEP_WAITING
        case Status.SUCCEEDED if task.action == "reuse":
            return EventKind.STEP_REUSED
        case _:
            return EventKind.STEP_FINISHED


def _event_data(result: StepResult) -> dict[str, Any]:
    error = result.error
    return {
        "seconds": result.seconds,
        "outputs": [
            {
                "name": ", ".join(blob.names),
                "kind": blob.kind,
                "rows": blob.rows,
                "columns": blob.columns,
                "bytes": blob.bytes,
            }
            for blob in result.outputs
        ],
        "error": error
        and {
            "type": error.type,
            "message": error.message,
            "cell": error.cell,
            "cell_index": error.cell_index,
            "line": error.line,
        },
    }


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying from them; a second one goes the usual way."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
