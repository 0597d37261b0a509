"""The brain of a run: events in, commands out, an immutable state. No clock, no kernel, no disk.

`advance(state, event)` returns the next state and what the runner has to do. The rules:

- a task starts when everything it waits for is settled (succeeded, and so has all above it), a slot
  is free, and in its lane all earlier tasks have ended;
- an input travels as a stored blob, or it is still in the lane's kernel (`lane_inputs`);
- a task whose inputs are no longer what their writers made last is *stale* and runs again; a limit
  and outside effects turn that into a refusal;
- a kernel in which a task failed is given up: what its values were is not known any more. Where a
  later task needs a value that only that kernel had, the lane starts again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, assert_never

from nbflow.core.names import Name
from nbflow.core.plan import Plan
from nbflow.core.run import HELD, Status
from nbflow.core.step import Step, StepId
from nbflow.core.task import Blob, StepError

AGAIN_LIMIT: Final = 8
"""How often one step may run again in a run before its inputs count as never settling."""

REFUSALS: Final = frozenset({"must_run_again", "unstable", "stuck"})
"""Reasons of failures that are not the notebook's."""


# -- state ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """One task of the run.

    attempt: attempts so far. failures: failed ones since it was queued afresh. again: times it was
    queued again after an end. wake_at: when a waiting task may try again (monotonic seconds).
    used: digest of each input of the latest attempt, None before the first. ran_as: the step as it
    was then. outputs: its stored versions; kept: names whose values stayed in its kernel. touched:
    it may have changed something outside, so that running it twice is not the same as once.
    """

    status: Status = Status.QUEUED
    action: str = "run"
    reason: str | None = None
    message: str = ""
    attempt: int = 0
    failures: int = 0
    again: int = 0
    wake_at: float | None = None
    used: Mapping[Name, str] | None = None
    ran_as: Step | None = None
    outputs: Mapping[Name, Blob] = field(default_factory=dict)
    kept: frozenset[Name] = frozenset()
    touched: bool = False
    error: StepError | None = None

    @property
    def passes(self) -> bool:
        """Others may go on after it."""
        return self.status is Status.SUCCEEDED or self.skipped_by_plan

    @property
    def skipped_by_plan(self) -> bool:
        """The caller did not choose it; that is no failure."""
        return self.status is Status.SKIPPED and self.action == "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """A live kernel that several tasks share: who wrote each name in it, and who ran there."""

    present: Mapping[Name, StepId] = field(default_factory=dict)
    ran: tuple[StepId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole run. `lanes` holds the lanes whose kernel is alive."""

    plan: Plan
    jobs: int
    force: frozenset[StepId] = frozenset()
    tasks: Mapping[StepId, TaskState] = field(default_factory=dict)
    lanes: Mapping[str, LaneState] = field(default_factory=dict)
    cancelled: bool = False
    finished: bool = False


# -- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The run starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An attempt ended. `retry_at`: when it may be tried again if retries are left (None: it must
    not). `reused`: nothing ran, an earlier result holds."""

    step: StepId
    attempt: int
    status: Status
    reason: str | None = None
    message: str = ""
    error: StepError | None = None
    outputs: Mapping[Name, Blob] = field(default_factory=dict)
    kept: frozenset[Name] = frozenset()
    touched: bool = False
    retry_at: float | None = None
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgain:
    """An attempt ended in a way that a lesson explains (a read nobody foresaw): it runs again."""

    step: StepId
    attempt: int
    message: str
    touched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An attempt did not begin (another run makes the same result, memory would not hold it): it
    waits, and needs no slot."""

    step: StepId
    attempt: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What a held step waits for has come: nobody makes its result any more, there is room."""

    step: StepId


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """A lesson changed the plan. Precedes the `Ended` or `RunAgain` that brought the lesson."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke:
    """Time has passed: `now` in the runner's monotonic seconds."""

    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    """Somebody wants the run to stop."""


Event = Begun | Ended | RunAgain | Held | Freed | Replanned | Woke | CancelAsked


# -- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Run (or, where `reusable`, find the result of) a step.

    inputs: blobs to load. lane_inputs: names that are in the lane already. versions: the blobs of
    all inputs, loaded or not, for the fingerprint; None where one of them has no stored version.
    """

    step: StepId
    attempt: int
    inputs: Mapping[Name, Blob]
    lane_inputs: tuple[Name, ...]
    versions: Mapping[Name, Blob] | None
    reusable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Stop a running attempt; its end will be told."""

    step: StepId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLane:
    """Nothing will run in that lane's present kernel any more."""

    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A task's status changed: tell the ledger."""

    step: StepId
    state: TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The run is over."""

    status: Status
    reason: str | None
    message: str


Command = Start | Kill | EndLane | Note | Finish


# -- the one door --------------------------------------------------------------------------------


def begin(plan: Plan, *, jobs: int, force: frozenset[StepId] = frozenset()) -> State:
    """The state before anything happened. Send `Begun` next."""
    return State(plan=plan, jobs=max(1, jobs), force=force, tasks=_fresh_tasks(plan, {}))


def advance(state: State, event: Event) -> tuple[State, tuple[Command, ...]]:
    """What the event changes, and what has to be done about it."""
    if state.finished:
        return state, ()
    turn = _Turn(state)
    turn.take(event)
    # A lesson is followed by the end that brought it: nothing may start in between.
    if not isinstance(event, Replanned):
        turn.settle()
    return turn.result()


def next_wake(state: State) -> float | None:
    """When the first waiting task may try again; None if none waits."""
    times = [t.wake_at for t in state.tasks.values() if t.wake_at is not None]
    return min(times, default=None)


def _fresh_tasks(plan: Plan, old: Mapping[StepId, TaskState]) -> dict[StepId, TaskState]:
    tasks: dict[StepId, TaskState] = {}
    for task in plan.tasks:
        if task.step in old:
            tasks[task.step] = old[task.step]
        elif task.action == "skip":
            recorded = task.recorded
            outputs = {Name(n): b for n, b in recorded.outputs.items()} if recorded else {}
            tasks[task.step] = TaskState(
                status=Status.SKIPPED,
                action="skip",
                reason=task.reason,
                message=task.message,
                outputs=outputs,
            )
        else:
            tasks[task.step] = TaskState(reason=task.reason, message=task.message)
    return tasks


class _Turn:
    """One `advance`: copies of the state's mappings that may change until the turn is over."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.tasks = dict(state.tasks)
        self.lanes = dict(state.lanes)
        self.commands: list[Command] = []
        self.known_settled: frozenset[StepId] | None = None
        self._set_plan(state.plan)

    def _set_plan(self, plan: Plan) -> None:
        self.state = replace(self.state, plan=plan)
        steps = {step.id: step for step in plan.graph.steps}
        self.steps = {task.step: steps[task.step] for task in plan.tasks}
        self.parents = plan.graph.parents()
        self.guards = {(e.writer, e.reader) for e in plan.graph.edges if e.kind == "guard"}
        self.known_settled = None

    def result(self) -> tuple[State, tuple[Command, ...]]:
        state = replace(
            self.state, tasks=MappingProxyType(self.tasks), lanes=MappingProxyType(self.lanes)
        )
        return state, tuple(self.commands)

    # -- events ----------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        match event:
            case Begun():
                for step, task in self.tasks.items():
                    self._set(step, task)
            case Ended():
                self._ended(event)
            case RunAgain():
                self._run_again(event)
            case Held():
                self._hold(event)
            case Freed():
                self._free(event.step)
            case Replanned():
                self._replanned(event.plan)
            case Woke():
                for step, task in self.tasks.items():
                    if task.wake_at is not None and task.wake_at <= event.now:
                        self._set(step, replace(task, status=Status.QUEUED, wake_at=None))
            case CancelAsked():
                self._cancel()
            case _:
                assert_never(event)

    def _is_current(self, step: StepId, attempt: int) -> bool:
        task = self.tasks.get(step)
        return task is not None and task.status is Status.RUNNING and task.attempt == attempt

    def _ended(self, event: Ended) -> None:
        if not self._is_current(event.step, event.attempt):
            return
        task = self.tasks[event.step]
        ended = replace(
            task,
            status=event.status,
            reason=event.reason or task.reason,
            message=event.message or task.message,
            error=event.error,
            outputs=event.outputs,
            kept=event.kept,
            touched=task.touched or event.touched,
            action="reuse" if event.reused else "run",
        )
        if event.status is Status.SUCCEEDED:
            self._left_in_lane(event.step, task)
            self._set(event.step, ended)
            return
        self._give_up_lane(_lane_of(task))
        self._failed(event, ended)

    def _failed(self, event: Ended, ended: TaskState) -> None:
        failures = ended.failures + 1
        retries = self.steps[event.step].options.retries
        may_retry = event.retry_at is not None and failures <= retries and not self.state.cancelled
        if not may_retry:
            self._set(event.step, replace(ended, failures=failures))
            return
        waiting = replace(
            ended, status=Status.WAITING, failures=failures, wake_at=event.retry_at, outputs={}
        )
        self._set(event.step, waiting)

    def _run_again(self, event: RunAgain) -> None:
        if not self._is_current(event.step, event.attempt):
            return
        task = self.tasks[event.step]
        self._give_up_lane(_lane_of(task))
        self.tasks[event.step] = replace(task, touched=task.touched or event.touched)
        self._queue_again(event.step, event.message)

    def _hold(self, event: Held) -> None:
        if not self._is_current(event.step, event.attempt):
            return
        held = replace(
            self.tasks[event.step],
            status=Status.WAITING,
            attempt=event.attempt - 1,
            used=None,
            ran_as=None,
            reason=event.reason,
            message=event.message,
        )
        self._set(event.step, held)

    def _free(self, step: StepId) -> None:
        task = self.tasks.get(step)
        if task is not None and task.status is Status.WAITING and task.reason in HELD:
            self._set(step, replace(task, status=Status.QUEUED))

    def _left_in_lane(self, step_id: StepId, task: TaskState) -> None:
        step, name = self.steps[step_id], _lane_of(task)
        if name is None or name not in self.lanes:
            return
        lane = self.lanes[name]
        written = dict.fromkeys((*step.declared_writes, *step.outputs), step_id)
        ran = (*lane.ran, step_id)
        self.lanes[name] = LaneState(present={**lane.present, **written}, ran=ran)

    def _replanned(self, plan: Plan) -> None:
        before, lanes = set(self.tasks), {s.lane for s in self.steps.values()}
        for step in before - {task.step for task in plan.tasks}:
            if self.tasks[step].status is Status.RUNNING:
                self.commands.append(Kill(step=step, attempt=self.tasks[step].attempt))
        self.tasks = _fresh_tasks(plan, self.tasks)
        self._set_plan(plan)
        for step in self.tasks:
            if step not in before:
                self._set(step, self.tasks[step])
        for lane in lanes - {s.lane for s in self.steps.values()}:
            self._give_up_lane(lane)

    def _cancel(self) -> None:
        if self.state.cancelled:
            return
        self.state = replace(self.state, cancelled=True)
        for step, task in self.tasks.items():
            if task.status is Status.RUNNING:
                self.commands.append(Kill(step=step, attempt=task.attempt))
            elif not task.status.ended:
                self._cancelled(step, task)

    def _cancelled(self, step: StepId, task: TaskState) -> None:
        self._set(
            step,
            replace(
                task,
                status=Status.CANCELLED,
                wake_at=None,
                reason="cancelled",
                message="the run was cancelled before it ran",
            ),
        )

    # -- settling: everything that follows from the state ----------------------------------------

    def settle(self) -> None:
        done = -1
        while not self.state.cancelled and done != len(self.commands):
            # What could not start (a missing input, a lane to be restarted) changes others in turn.
            done = len(self.commands)
            self._refresh()
            self._block()
            self._start_ready()
        self._end_idle_lanes()
        self._finish()

    def _refresh(self) -> None:
        """Queue again what ran with inputs, or as a step, that are not right any more."""
        for step_id in self.tasks:
            task = self.tasks[step_id]
            attempted = task.status is Status.SUCCEEDED or (
                task.status is Status.FAILED and task.reason not in REFUSALS
            )
            why = self._stale(step_id, task) if attempted and task.used is not None else None
            # A kernel is not given up under a running task; this comes up again when that ended.
            if why is not None and not self._is_busy(self.steps[step_id].lane):
                self._queue_again(step_id, why)

    def _is_busy(self, lane: str | None) -> bool:
        return lane is not None and any(
            task.status is Status.RUNNING and lane in (_lane_of(task), self.steps[step].lane)
            for step, task in self.tasks.items()
        )

    def _stale(self, step_id: StepId, task: TaskState) -> str | None:
        step, ran_as, used = self.steps[step_id], task.ran_as, task.used
        assert ran_as is not None
        assert used is not None
        if self.state.plan.graph.one_lane and ran_as.lane != step.lane:
            return "the notebook has to run in one kernel"
        if (ran_as.sources, ran_as.replays) != (step.sources, step.replays):
            return "what it replays changed"
        if task.status is Status.SUCCEEDED:
            missing = step.needed_outputs - ran_as.needed_outputs - set(task.outputs) - task.kept
            if missing:
                return f"it has to hand over `{min(missing)}` too"
        for given in step.inputs:
            if not self._is_settled(given.writer):
                continue
            digest = self._digest(given.name, given.writer)
            if digest is not None and used.get(given.name) != digest:
                return f"`{given.name}` was changed by `{self.steps[given.writer].name}`"
        return None

    def _queue_again(self, step_id: StepId, why: str) -> None:
        """Run an ended task again, and with it what ran after it in the same kernel; or refuse."""
        lane = self.steps[step_id].lane
        together = (step_id, *self._ran_after(step_id, lane))
        self._give_up_lane(lane)
        for step in together:
            task = self.tasks[step]
            if task.touched or task.again >= AGAIN_LIMIT:
                self._refuse(step, why)
            else:
                again = replace(task, status=Status.QUEUED, again=task.again + 1, failures=0)
                self._set(step, replace(again, action="run", reason="stale", message=why))

    def _ran_after(self, step_id: StepId, lane: str | None) -> tuple[StepId, ...]:
        live = self.lanes.get(lane) if lane else None
        if live is None or step_id not in live.ran:
            return ()
        later = live.ran[live.ran.index(step_id) + 1 :]
        return tuple(s for s in later if s in self.tasks and self.tasks[s].passes)

    def _refuse(self, step_id: StepId, why: str) -> None:
        task = self.tasks[step_id]
        reason = "must_run_again" if task.touched else "unstable"
        rest = (
            "but it has outside effects, and doing them twice is not what Run All does. "
            "Run the notebook again: nbflow remembers what it learned"
            if task.touched
            else f"and this did not settle in {AGAIN_LIMIT} rounds. Try `--one-lane`"
        )
        failed = replace(task, status=Status.FAILED, reason=reason)
        self._set(step_id, replace(failed, message=f"it would have to run again: {why}, {rest}"))

    def _block(self) -> None:
        """Skip what waits for a failed task; take up again what no longer does."""
        changed = True
        while changed:
            changed = False
            for step, task in self.tasks.items():
                if task.status is Status.QUEUED or self._is_blocked(task):
                    changed |= self._block_one(step, task)

    @staticmethod
    def _is_blocked(task: TaskState) -> bool:
        return task.status is Status.SKIPPED and task.action != "skip"

    def _block_one(self, step: StepId, task: TaskState) -> bool:
        bad = next((p for p in self.parents[step] if self._stops(p)), None)
        if (bad is not None) == self._is_blocked(task):
            return False
        if bad is None:
            self._set(step, replace(task, status=Status.QUEUED, reason="upstream_runs"))
            return True
        is_guard = (bad, step) in self.guards or self.tasks[bad].reason == "guard_failed"
        root = self._failed_root(bad)
        skipped = replace(
            task,
            status=Status.SKIPPED,
            reason="guard_failed" if is_guard else "upstream_failed",
            message=f"`{self.steps[root].name}` failed before it",
        )
        self._set(step, skipped)
        return True

    def _stops(self, step: StepId) -> bool:
        task = self.tasks.get(step)
        return task is not None and task.status.ended and not task.passes

    def _failed_root(self, step: StepId) -> StepId:
        """The failed step that a skipped one goes back to."""
        seen = {step}
        while self._is_blocked(self.tasks[step]):
            above = next((p for p in self.parents[step] if self._stops(p) and p not in seen), None)
            if above is None:
                break
            step = above
            seen.add(step)
        return step

    # -- starting ----------------------------------------------------------------------------------

    def _start_ready(self) -> None:
        free = self.state.jobs - sum(t.status is Status.RUNNING for t in self.tasks.values())
        for step in self.tasks:
            if free <= 0:
                return
            if self.tasks[step].status is Status.QUEUED and self._is_ready(step):
                self._start(step)
                free -= self.tasks[step].status is Status.RUNNING

    def _is_ready(self, step: StepId) -> bool:
        if not all(self._is_settled(parent) for parent in self.parents[step]):
            return False
        lane = self.steps[step].lane
        if lane is None:
            return True
        for other, task in self.tasks.items():
            if other == step:
                break
            if self.steps[other].lane == lane and not task.status.ended:
                return False
        return not self._is_busy(lane)

    def _is_settled(self, step: StepId) -> bool:
        """It passed, and so did everything above it: what it made is what it will have made."""
        if self.known_settled is None:
            self.known_settled = self._settled()
        return step in self.known_settled or step not in self.tasks

    def _settled(self) -> frozenset[StepId]:
        found: set[StepId] = set()
        passing = [step for step, task in self.tasks.items() if task.passes]
        before = -1
        while before != len(found):
            before = len(found)
            for step in passing:
                if all(p in found or p not in self.tasks for p in self.parents[step]):
                    found.add(step)
        return frozenset(found)

    def _start(self, step_id: StepId) -> None:
        step, task = self.steps[step_id], self.tasks[step_id]
        if self._restart_lane(step):
            return
        lane = self.lanes.get(step.lane, LaneState()) if step.lane else LaneState()
        stored = {
            i.name: self.tasks[i.writer].outputs[i.name]
            for i in step.inputs
            if lane.present.get(i.name) != i.writer and i.name in self._outputs(i.writer)
        }
        in_lane = tuple(i.name for i in step.inputs if lane.present.get(i.name) == i.writer)
        lost = [i for i in step.inputs if i.name not in stored and i.name not in in_lane]
        if lost:
            self._lose(step, lost[0].name, lost[0].writer)
            return
        if step.lane:
            loaded = {i.name: i.writer for i in step.inputs}
            self.lanes[step.lane] = replace(lane, present={**lane.present, **loaded})
        used = {i.name: self._digest(i.name, i.writer) or "" for i in step.inputs}
        started = replace(task, status=Status.RUNNING, attempt=task.attempt + 1, used=used)
        self.tasks[step_id] = replace(started, ran_as=step, error=None, outputs={})
        self.known_settled = None
        self.commands.append(
            Start(
                step=step_id,
                attempt=started.attempt,
                inputs=stored,
                lane_inputs=in_lane,
                versions=self._versions(step),
                reusable=self._may_reuse(step),
            )
        )

    def _versions(self, step: Step) -> Mapping[Name, Blob] | None:
        found = {i.name: self._outputs(i.writer).get(i.name) for i in step.inputs}
        stored = {name: blob for name, blob in found.items() if blob is not None}
        return stored if len(stored) == len(found) else None

    def _may_reuse(self, step: Step) -> bool:
        shares = step.lane is not None or bool(self.state.plan.graph.one_lane)
        return not shares and step.id not in self.state.force

    def _outputs(self, step: StepId) -> Mapping[Name, Blob]:
        task = self.tasks.get(step)
        return task.outputs if task is not None else {}

    def _digest(self, name: Name, writer: StepId) -> str | None:
        """What identifies a version: its content, or for a kept value what it was made from."""
        task = self.tasks.get(writer)
        if task is None:
            return None
        if name in task.outputs:
            return task.outputs[name].digest
        if name not in task.kept or task.used is None:
            return None
        made_from = repr((writer, self.steps[writer].sources, sorted(task.used.items())))
        return hashlib.blake2s(made_from.encode("utf-8", "replace")).hexdigest()

    def _restart_lane(self, step: Step) -> bool:
        """Whether earlier tasks of the lane have to run again first, as its kernel is gone."""
        if step.lane is None or step.lane in self.lanes:
            return False
        if self.state.plan.graph.one_lane:
            needed = [s for s in self.tasks if self._ran_in(s, step.lane)]
        else:
            needed = [i.writer for i in step.inputs if i.name in self._kept_in(i.writer, step.lane)]
        earlier = [s for s in dict.fromkeys(needed) if s != step.id]
        for writer in earlier:
            self._queue_again(writer, f"the kernel that it shares with `{step.name}` is new")
        return bool(earlier)

    def _ran_in(self, step: StepId, lane: str) -> bool:
        return self.steps[step].lane == lane and self.tasks[step].status is Status.SUCCEEDED

    def _kept_in(self, step: StepId, lane: str) -> frozenset[Name]:
        return self.tasks[step].kept if self._ran_in(step, lane) else frozenset()

    def _lose(self, step: Step, name: Name, writer: StepId) -> None:
        if name in self.tasks[writer].kept and self.steps[writer].lane == step.lane is not None:
            self._queue_again(writer, f"`{name}` is needed in the kernel of `{step.name}`")
            return
        source = self.steps[writer].name
        kept = name in self.tasks[writer].kept
        message = (
            f"`{name}` cannot leave the kernel of `{source}`; run with `--one-lane`"
            if kept
            else f"`{source}` left no value for `{name}`; run with `--force-step {source}`"
        )
        reason = "unstorable" if kept else "missing_input"
        failed = replace(self.tasks[step.id], status=Status.FAILED, reason=reason, message=message)
        self._set(step.id, replace(failed, used=None))

    # -- lanes and the end -----------------------------------------------------------------------

    def _give_up_lane(self, lane: str | None) -> None:
        if lane is not None and lane in self.lanes:
            del self.lanes[lane]
            self.commands.append(EndLane(lane=lane))

    def _end_idle_lanes(self) -> None:
        busy = {self.steps[s].lane for s, t in self.tasks.items() if not t.status.ended}
        for lane in [lane for lane in self.lanes if lane not in busy]:
            self._give_up_lane(lane)

    def _finish(self) -> None:
        if self.state.cancelled:
            for step, task in self.tasks.items():
                if not task.status.ended and task.status is not Status.RUNNING:
                    self._cancelled(step, task)
        open_tasks = [s for s, t in self.tasks.items() if not t.status.ended]
        if any(self.tasks[s].status in (Status.RUNNING, Status.WAITING) for s in open_tasks):
            return
        for step in open_tasks:
            stuck = replace(self.tasks[step], status=Status.FAILED, reason="stuck")
            self._set(step, replace(stuck, message="nothing it waits for can happen any more"))
        self.state = replace(self.state, finished=True)
        self.commands.append(self._verdict())

    def _verdict(self) -> Finish:
        if self.state.cancelled:
            return Finish(
                status=Status.CANCELLED, reason="cancelled", message="the run was cancelled"
            )
        failed = [(s, t) for s, t in self.tasks.items() if t.status is Status.FAILED]
        if not failed:
            return Finish(status=Status.SUCCEEDED, reason=None, message="")
        step, task = failed[0]
        message = f"`{self.steps[step].name}` failed: {task.message}"
        return Finish(status=Status.FAILED, reason=task.reason, message=message)

    def _set(self, step: StepId, task: TaskState) -> None:
        self.tasks[step] = task
        self.known_settled = None
        self.commands.append(Note(step=step, state=task))


def _lane_of(task: TaskState) -> str | None:
    """The lane in which its latest attempt ran."""
    return task.ran_as.lane if task.ran_as is not None else None
