"""The runner's loop, played with a fake executor, recorder and clock: no kernel, no waiting."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plays import a_plan, a_step, blob, retries

from nbflow.core.errors import StoreError
from nbflow.core.graph import Learned
from nbflow.core.names import Name
from nbflow.core.plan import Plan, Recorded
from nbflow.core.run import Elsewhere, Event, EventKind, RunId, Status, StepResult
from nbflow.core.step import CheckMode, Step, StepId, StepOptions
from nbflow.core.task import (
    Blob,
    FileTouch,
    Source,
    StagedBlob,
    StepError,
    TaskOutcome,
    TaskReport,
    TaskSpec,
    Unstorable,
)
from nbflow.core.why import Grounds
from nbflow.execution import machine
from nbflow.execution.executor import Happening, OutputEvent
from nbflow.execution.room import Room
from nbflow.execution.runner import HEARTBEAT_SECONDS, Executed, Runner

RUN = RunId("run-1")
OTHER = Elsewhere(run=RunId("run-2-aaaa-bbbb"), step="b")
SHOWN: list[list[dict[str, Any]]] = [[{"output_type": "stream", "text": "old"}]]


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


Answer = Callable[[TaskSpec], Happening]


@dataclass
class FakeExecutor:
    """Answers each attempt with what the script says; waiting moves the clock."""

    clock: FakeClock
    script: Mapping[str, list[Answer]]
    seconds: float = 0.0
    specs: list[TaskSpec] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    due: list[tuple[float, Happening]] = field(default_factory=list)
    capacity: int = 8

    def submit(self, spec: TaskSpec) -> None:
        self.specs.append(spec)
        answers = self.script.get(spec.step, [])
        attempt = sum(one.step == spec.step for one in self.specs)
        answer = answers[attempt - 1] if attempt <= len(answers) else ok()
        self.due.append((self.clock.seconds + self.seconds, answer(spec)))

    def poll(self, timeout: float) -> list[Happening]:
        ready = [one for at, one in self.due if at <= self.clock.seconds]
        self.due = [(at, one) for at, one in self.due if at > self.clock.seconds]
        if not ready:
            self.clock.seconds += timeout
        return ready

    def kill(self, run: str, step: str, attempt: int) -> None:
        self.due = [(at, one) for at, one in self.due if one.step != step]
        for spec in self.specs:
            if (spec.step, spec.attempt) == (step, attempt):
                self.killed.append(step)
                outcome = ended(spec, status="cancelled", reason="cancelled")
                self.due.append((self.clock.seconds, outcome))

    def end_lane(self, lane: str) -> None:
        self.ended.append(lane)

    def close(self) -> None:
        pass


def shown(attempt: int) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": str(attempt)}}


def ended(spec: TaskSpec, **changes: Any) -> TaskOutcome:
    return TaskOutcome(
        **{
            "run": spec.run,
            "step": spec.step,
            "attempt": spec.attempt,
            "fence": spec.fence,
            "status": "succeeded",
            "cell_outputs": {cell.cell: [shown(spec.attempt)] for cell in spec.cells},
            **changes,
        }
    )


def ok(digest: str = "1", also: tuple[str, ...] = (), **report: Any) -> Answer:
    """A success that leaves all outputs (and `also`), with the given report fields."""

    def answer(spec: TaskSpec) -> TaskOutcome:
        names = [n for n in (*spec.outputs, *also) if n not in report.get("without", ())]
        fields = {key: value for key, value in report.items() if key != "without"}
        staged = tuple(
            StagedBlob(blob=blob(name, digest), path=f"/staged/{name}") for name in names
        )
        return ended(spec, report=TaskReport(outputs=staged, **fields))

    return answer


def bad(kind: str = "ValueError", message: str = "no", **changes: Any) -> Answer:
    error = StepError(type=kind, message=message, cell="a", cell_index=0, line=3)
    fields = {"status": "failed", "reason": "error", "message": f"{kind}: {message}"}
    return lambda spec: ended(spec, error=error, **{**fields, **changes})


@dataclass
class FakeRecorder:
    """Remembers the story; `stale_after` successes it refuses everything."""

    told: list[str] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    recorded: list[Recorded | None] = field(default_factory=list)
    looks_left: dict[str, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    beats: int = 0
    stale_after: int | None = None

    def append(self, event: Event) -> Event:
        self.events.append(event)
        self.told.append(f"{event.kind} {event.step}")
        return event

    def step_changed(self, run: RunId, fence: int, result: StepResult, event: Event) -> Event:
        self.results.append(result)
        return self.append(event)

    def step_started(
        self, run: RunId, fence: int, result: StepResult, event: Event, grounds: Grounds | None
    ) -> Event:
        return self.step_changed(run, fence, result, event)

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
        if self.stale_after is not None and len(self.recorded) >= self.stale_after:
            raise StoreError("the run is not ours any more")
        self.recorded.append(recorded)
        self.results.append(result)
        return self.append(event)

    def claim(
        self, run: RunId, fence: int, step: StepId, fingerprint: str, *, seen: str | None
    ) -> Elsewhere | None:
        return OTHER if step in self.looks_left else None

    def is_claimed(self, fingerprint: str) -> bool:
        """Each look brings the other run nearer to its end."""
        step = fingerprint.split("-")[1]
        self.looks_left[step] -= 1
        if self.looks_left[step] <= 0:
            del self.looks_left[step]
        return step in self.looks_left

    def heartbeat(self, run: RunId, fence: int, at: str) -> None:
        self.beats += 1


class FakeDisplays:
    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}

    def save(self, fingerprint: str, outputs: Sequence[list[dict[str, Any]]]) -> None:
        self.saved[fingerprint] = outputs

    def load(self, fingerprint: str) -> Sequence[list[dict[str, Any]]]:
        return SHOWN


@dataclass(frozen=True)
class Decided:
    action: str = "run"
    reason: str = "source_changed"
    message: str = "its code changed"
    fingerprint: str = "f"
    grounds: Grounds = field(default_factory=Grounds)
    recorded: Recorded | None = None
    seen: str | None = None


@dataclass
class Stage:
    """A runner and its fakes."""

    plan: Plan
    script: Mapping[str, list[Answer]] = field(default_factory=dict)
    memory: Mapping[str, Recorded] = field(default_factory=dict)
    later: Plan | None = None
    seconds: float = 0.0
    stale_after: int | None = None
    cancelled: Callable[[], bool] = lambda: False
    on_event: Callable[[Event], None] = lambda _: None
    room: Room | None = None

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock, self.script, self.seconds)
        self.recorder = FakeRecorder(stale_after=self.stale_after)
        self.displays = FakeDisplays()
        self.committed: list[str] = []
        self.lessons: list[frozenset[Learned]] = []

    def run(self) -> Executed:
        return Runner(
            self.plan,
            run=RUN,
            fence=1,
            executor=self.executor,
            recorder=self.recorder,
            displays=self.displays,
            spec_for=self.spec,
            decide=self.decide,
            commit=self.commit,
            replan=self.replan,
            clock=self.clock,
            jobs=4,
            cancelled=self.cancelled,
            on_event=self.on_event,
            room=self.room,
        ).execute()

    def spec(
        self,
        plan: Plan,
        step: Step,
        *,
        attempt: int,
        inputs: Mapping[Name, Blob],
        lane_inputs: tuple[Name, ...],
    ) -> TaskSpec:
        return TaskSpec(
            run=RUN,
            step=step.id,
            step_name=step.name,
            attempt=attempt,
            fence=1,
            notebook="n.ipynb",
            cells=(Source(cell=step.id, cell_index=0, source=""),),
            inputs=tuple(StagedBlob(blob=one, path="/x") for one in inputs.values()),
            lane_inputs=tuple(lane_inputs),
            outputs=tuple(step.outputs),
            lane=step.lane,
        )

    def decide(self, step: Step, inputs: Mapping[str, Blob], *, force: bool) -> Decided:
        known = self.memory.get(step.id)
        if known is None or force:
            return Decided(fingerprint=f"f-{step.id}-{sorted(b.digest for b in inputs.values())}")
        return Decided("reuse", "reused", "same inputs", known.fingerprint, Grounds(), known)

    def commit(self, staged: StagedBlob) -> Blob:
        self.committed.append(staged.path)
        return staged.blob

    def replan(self, lessons: frozenset[Learned]) -> Plan:
        self.lessons.append(lessons)
        return self.later or self.plan

    def inputs(self, step: str) -> list[dict[str, str]]:
        """The digests that each attempt of a step was given."""
        return [
            {one.blob.names[0]: one.blob.digest for one in spec.inputs}
            for spec in self.executor.specs
            if spec.step == step
        ]


def by_name(executed: Executed) -> dict[str, StepResult]:
    return {result.step: result for result in executed.steps}


CHAIN = a_plan(a_step("a"), a_step("b", "a"))


def recorded(step: str, **outputs: str) -> Recorded:
    return Recorded(
        fingerprint=f"old-{step}",
        run="old",
        step=StepId(step),
        finished="",
        outputs={name: blob(name, digest) for name, digest in outputs.items()},
    )


# -- the ordinary story ----------------------------------------------------------------------------


def test_the_machine_is_told_of_time_only_when_something_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each event has it look through all steps, and the loop turns a few times for each."""
    told: list[machine.Event] = []

    def advance(state: machine.State, event: machine.Event) -> Any:
        told.append(event)
        return real(state, event)

    real = machine.advance
    monkeypatch.setattr(machine, "advance", advance)
    plan = a_plan(a_step("a"), a_step("b", "a", options=retries(1)))
    assert Stage(plan, {"b": [bad()]}, seconds=1.0).run().status is Status.SUCCEEDED
    assert [type(one) for one in told].count(machine.Woke) == 1


def test_a_run_tells_its_story_in_order() -> None:
    stage = Stage(CHAIN)
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert stage.recorder.told == [
        "step_queued a",
        "step_queued b",
        "step_started a",
        "step_finished a",
        "step_started b",
        "step_finished b",
    ]


def test_a_reader_starts_only_after_files_and_row_are_written() -> None:
    stage = Stage(CHAIN)
    seen: list[tuple[list[str], int]] = []

    def watch(event: Event) -> None:
        if event.kind is EventKind.STEP_STARTED and event.step == "b":
            seen.append(([*stage.committed], len(stage.recorder.recorded)))

    stage.on_event = watch
    stage.run()
    assert seen == [(["/staged/a"], 1)]


def test_a_success_is_recorded_under_its_fingerprint_with_all_that_can_change_it() -> None:
    touch = FileTouch(path="x.csv", digest="d")
    stage = Stage(CHAIN, {"a": [ok(files_read=(touch,))]})
    executed = stage.run()
    first = stage.recorder.recorded[0]
    assert first is not None
    assert (first.fingerprint, first.files_read, first.never_reuse) == ("f-a-[]", (touch,), None)
    assert stage.displays.saved["f-a-[]"] == [[shown(1)]]
    assert by_name(executed)["a"].reason == "source_changed"


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (
            {"dynamic_effects": ("network",)},
            "it reached the network when it ran",
        ),
        ({"dynamic_effects": ("lookup",)}, "it looked up a name on the network when it ran"),
        ({"untracked_files": ("/tmp/x",)}, "it touched files that cannot be tracked: /tmp/x"),
    ],
)
def test_what_was_seen_at_run_time_forbids_reuse(report: dict[str, Any], why: str) -> None:
    stage = Stage(a_plan(a_step("a")), {"a": [ok(**report)]})
    stage.run()
    first = stage.recorder.recorded[0]
    assert first is not None
    assert first.never_reuse == why


def test_a_step_is_reused_without_a_kernel_and_shows_what_it_showed() -> None:
    stage = Stage(CHAIN, memory={"a": recorded("a", a="9")})
    executed = stage.run()
    assert [spec.step for spec in stage.executor.specs] == ["b"]
    assert stage.inputs("b") == [{"a": "9"}]
    assert "step_reused a" in stage.recorder.told
    assert executed.cell_outputs["a"] == SHOWN[0]
    assert stage.recorder.recorded[0] is None
    assert (by_name(executed)["a"].action, by_name(executed)["a"].reason) == ("reuse", "reused")


def test_a_deleted_name_has_no_file_to_commit() -> None:
    gone = StagedBlob(blob=Blob(names=("a",), kind="absent", digest="-"), path="")
    stage = Stage(CHAIN, {"a": [lambda spec: ended(spec, report=TaskReport(outputs=(gone,)))]})
    assert stage.run().status is Status.SUCCEEDED
    assert (stage.committed, stage.inputs("b")) == (["/staged/b"], [{"a": "-"}])


def test_cells_are_shown_as_they_end() -> None:
    events: list[Event] = []

    def answer(spec: TaskSpec) -> Happening:
        stage.executor.due.append((0.0, shown))
        return ok()(spec)

    shown = OutputEvent(run=RUN, step="a", attempt=1, cell="a", outputs=({"text": "hi"},))
    stage = Stage(a_plan(a_step("a")), {"a": [answer]}, on_event=events.append)
    stage.run()
    [event] = [one for one in events if one.kind is EventKind.STEP_OUTPUT]
    assert event.data == {"cell": "a", "outputs": [{"text": "hi"}]}


# -- failures --------------------------------------------------------------------------------------


def test_c69_retries_wait_longer_each_time_and_keep_their_errors() -> None:
    stage = Stage(a_plan(a_step("a", options=retries(2, backoff=10.0))), {"a": [bad(), bad()]})
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert [spec.attempt for spec in stage.executor.specs] == [1, 2, 3]
    assert stage.clock.seconds >= 30.0
    waits = [one for one in stage.recorder.results if one.status is Status.WAITING]
    assert [(one.attempts, one.error and one.error.line) for one in waits] == [(1, 3), (2, 3)]


@pytest.mark.parametrize("reason", ["input_requested", "kernel_missing"])
def test_what_cannot_get_better_is_not_tried_again(reason: str) -> None:
    stage = Stage(a_plan(a_step("a", options=retries(2))), {"a": [bad(reason=reason)]})
    executed = stage.run()
    assert (executed.status, executed.reason) == (Status.FAILED, reason)
    assert len(stage.executor.specs) == 1


def test_a_failing_check_says_so_and_stops_what_comes_after() -> None:
    check = a_step("check", "a", options=StepOptions(check=CheckMode.STOP))
    stage = Stage(a_plan(a_step("a"), check, a_step("b", "check")), {"check": [bad()]})
    results = by_name(stage.run())
    assert (results["check"].reason, results["b"].status) == ("check_failed", Status.SKIPPED)


def test_a_warning_check_lets_the_run_go_on_and_warns_every_time() -> None:
    check = a_step("check", options=StepOptions(check=CheckMode.WARN))
    error = StepError(type="AssertionError", message="3 rows too many")

    def answer(spec: TaskSpec) -> Happening:
        assert all(cell.raises_exception for cell in spec.cells)
        return replace(ok()(spec), error=error)  # type: ignore[type-var]

    stage = Stage(a_plan(check, a_step("b", "check")), {"check": [answer]})
    executed = stage.run()
    result = by_name(executed)["check"]
    assert executed.status is Status.SUCCEEDED
    assert (result.reason, result.message) == ("check_warned", "3 rows too many")
    assert stage.recorder.recorded[0] is None


def test_c14_a_stale_runner_stops_its_steps_and_commits_no_more() -> None:
    plan = a_plan(a_step("a"), a_step("b"), a_step("c", "a"))
    stage = Stage(plan, {"b": [lambda spec: bad()(spec)]}, stale_after=0)
    with pytest.raises(StoreError, match="not ours"):
        stage.run()
    assert stage.recorder.recorded == []
    assert stage.executor.killed


def test_an_outcome_with_another_fence_is_ignored() -> None:
    def answer(spec: TaskSpec) -> Happening:
        stage.executor.due.append((5.0, ended(spec, status="failed", reason="error", message="x")))
        return ended(spec, fence=99)

    stage = Stage(a_plan(a_step("a")), {"a": [answer]})
    assert stage.run().status is Status.FAILED


# -- heartbeats, cancelling ------------------------------------------------------------------------


def test_a_long_step_is_accompanied_by_heartbeats() -> None:
    stage = Stage(a_plan(a_step("a")), seconds=HEARTBEAT_SECONDS * 5)
    stage.run()
    assert stage.recorder.beats == 5


def test_c13_a_wish_to_cancel_kills_what_runs() -> None:
    stage = Stage(CHAIN, seconds=100.0, cancelled=lambda: stage.clock.seconds > 3)
    executed = stage.run()
    assert (executed.status, stage.executor.killed) == (Status.CANCELLED, ["a"])
    assert by_name(executed)["b"].status is Status.CANCELLED
    assert stage.clock.seconds < 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_c13_a_signal_cancels_in_order_and_is_told(number: int) -> None:
    def send(event: Event) -> None:
        if event.kind is EventKind.STEP_STARTED:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    stage = Stage(CHAIN, seconds=100.0, on_event=send)
    executed = stage.run()
    assert (executed.status, executed.stopped_by) == (Status.CANCELLED, number)
    assert signal.getsignal(number) is before


# -- lessons ---------------------------------------------------------------------------------------

MUTATED = a_plan(
    a_step("a"),
    a_step("b", "a", outputs=(Name("b"), Name("a")), declared_writes=(Name("b"), Name("a"))),
    a_step("c", "a@b"),
)


def test_a_found_mutation_makes_readers_below_run_with_the_right_version() -> None:
    plan = a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a"))
    found = ok("2", also=("a",), found_mutations=("a",))
    stage = Stage(plan, {"b": [found]}, later=MUTATED)
    executed = stage.run()
    assert [(one.step, one.name, one.what) for one in executed.learned] == [("b", "a", "writes")]
    assert stage.inputs("c") == [{"a": "1"}, {"a": "2"}]
    assert len(stage.inputs("b")) == 1
    assert executed.status is Status.SUCCEEDED
    assert "learned b" in stage.recorder.told


def test_a_mutation_whose_result_was_not_stored_runs_its_step_again() -> None:
    plan = a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a"))
    stage = Stage(plan, {"b": [ok(found_mutations=("a",)), ok("2")]}, later=MUTATED)
    stage.run()
    assert len(stage.inputs("b")) == 2
    assert stage.inputs("c")[-1] == {"a": "2"}


def test_shared_objects_are_a_lesson_about_the_input() -> None:
    plan = a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a"))
    found = ok("2", also=("a",), alias_groups=(("a", "b"),))
    executed = Stage(plan, {"b": [found]}, later=MUTATED).run()
    assert [(one.name, one.what) for one in executed.learned] == [("a", "shares")]


def test_a_value_that_cannot_be_stored_keeps_its_readers_in_its_lane() -> None:
    plan = a_plan(a_step("con"), a_step("rows", "con"))
    later = a_plan(a_step("con", lane="L"), a_step("rows", "con", lane="L"))
    why = Unstorable(name="con", python_type="sqlite3.Connection", why="a connection")
    stuck = ok(without=("con",), unstorable=(why,))
    stage = Stage(plan, {"con": [stuck, stuck]}, later=later)
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert [spec.lane for spec in stage.executor.specs] == [None, "L", "L"]
    assert stage.executor.specs[-1].lane_inputs == ("con",)
    assert stage.executor.ended == ["L"]


def test_a_read_that_nobody_foresaw_is_given_and_the_step_runs_again() -> None:
    plan = a_plan(a_step("x"), a_step("b"))
    later = a_plan(a_step("x"), a_step("b", "x"))
    script = {"b": [bad("NameError", "name 'x' is not defined")]}
    stage = Stage(plan, script, later=later)
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert [(one.name, one.what) for one in executed.learned] == [("x", "reads")]
    assert stage.inputs("b") == [{}, {"x": "1"}]


def test_a_name_that_nobody_makes_is_an_ordinary_error() -> None:
    script = {"a": [bad("NameError", "name 'nope' is not defined")]}
    stage = Stage(a_plan(a_step("a")), script)
    executed = stage.run()
    assert (executed.status, executed.reason, stage.lessons) == (Status.FAILED, "error", [])


@pytest.mark.parametrize(
    "report", [{"dynamic_effects": ("threads",)}, {"found_mutations": ("@module:tools",)}]
)
def test_what_lives_on_beside_the_names_puts_all_into_one_lane(report: dict[str, Any]) -> None:
    lane = {"lane": "main"}
    later = a_plan(a_step("a", **lane), a_step("b", "a", **lane), one_lane=("learned",))
    stage = Stage(CHAIN, {"a": [ok(**report), ok(**report)]}, later=later)
    executed = stage.run()
    assert [one.what for one in executed.learned] == ["one_lane"]
    assert [(spec.step, spec.lane) for spec in stage.executor.specs] == [
        ("a", None),
        ("a", "main"),
        ("b", "main"),
    ]


def test_a_lesson_that_does_not_help_is_not_learned_twice() -> None:
    plan = a_plan(a_step("x"), a_step("b"))
    error = bad("NameError", "name 'x' is not defined")
    executed = Stage(plan, {"b": [error, error]}).run()
    assert (executed.status, executed.reason) == (Status.FAILED, "error")


def test_what_another_run_makes_is_waited_for_without_a_slot() -> None:
    """The other run fails: the step is made here after all. Others go on meanwhile."""
    stage = Stage(a_plan(a_step("a"), a_step("b")))
    stage.recorder.looks_left["a"] = 3
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert [spec.step for spec in stage.executor.specs] == ["b", "a"]
    waits = [e for e in stage.recorder.events if e.kind is EventKind.STEP_WAITING]
    assert [(e.step, e.reason, e.message) for e in waits] == [
        ("a", "made_elsewhere", "waiting for run run-2-aaaa-bb, which makes the same result")
    ]
    assert {s.step: (s.attempts, s.message) for s in executed.steps}["a"] == (
        1,
        "its code changed",
    )


def test_a_step_that_memory_would_not_hold_waits_for_another_to_end() -> None:
    room = Room(known=lambda step: {"a": 600, "b": 500, "c": 300}[step.id], free=lambda: 1000)
    stage = Stage(a_plan(a_step("a"), a_step("b"), a_step("c")), seconds=1.0, room=room)
    executed = stage.run()
    assert executed.status is Status.SUCCEEDED
    assert [spec.step for spec in stage.executor.specs] == ["a", "c", "b"]
    waits = [e for e in stage.recorder.events if e.kind is EventKind.STEP_WAITING]
    assert [(e.step, e.reason, e.message) for e in waits] == [
        ("b", "memory", "waiting for memory: it takes about 0 MB, and 0 MB are left beside `a`")
    ]


def test_a_step_that_nothing_would_hold_runs_alone() -> None:
    room = Room(known=lambda _: 5000, free=lambda: 1000)
    stage = Stage(a_plan(a_step("a"), a_step("b")), seconds=1.0, room=room)
    assert stage.run().status is Status.SUCCEEDED
    assert [spec.step for spec in stage.executor.specs] == ["a", "b"]


def test_a_step_that_waits_for_memory_is_cancelled_with_its_run() -> None:
    room = Room(known=lambda _: 600, free=lambda: 1000)
    stage = Stage(a_plan(a_step("a"), a_step("b")), seconds=60.0, room=room)
    stage.cancelled = lambda: stage.clock.seconds > 10
    executed = stage.run()
    assert {s.step: s.status for s in executed.steps} == {
        "a": Status.CANCELLED,
        "b": Status.CANCELLED,
    }


def test_what_another_run_has_made_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(a_plan(a_step("a")))
    stage.recorder.looks_left["a"] = 2
    made = Recorded(
        fingerprint="f-a-[]",
        run="run-2",
        step=StepId("a"),
        finished="",
        outputs={"a": blob("a", "1")},
    )

    def made_meanwhile(step: Step, inputs: Mapping[str, Blob], *, force: bool) -> Decided:
        if not stage.recorder.looks_left:
            return Decided("reuse", "reused", "same inputs", made.fingerprint, Grounds(), made)
        return stage_decide(step, inputs, force=force)

    stage_decide = stage.decide
    monkeypatch.setattr(stage, "decide", made_meanwhile)
    executed = stage.run()
    assert [(s.status, s.action) for s in executed.steps] == [(Status.SUCCEEDED, "reuse")]
    assert not stage.executor.specs


def test_a_run_that_waits_for_another_can_be_cancelled() -> None:
    looks = iter([False, False, True])
    stage = Stage(a_plan(a_step("a")), cancelled=lambda: next(looks, True))
    stage.recorder.looks_left["a"] = 1000
    executed = stage.run()
    assert executed.status is Status.CANCELLED
    assert not stage.executor.specs


@pytest.mark.parametrize("reason", ["forced", "cache_never", "never_reused"])
def test_what_is_not_reused_waits_for_nobody(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(a_plan(a_step("a")))
    stage.recorder.looks_left["a"] = 3
    decided = Decided(reason=reason, fingerprint="f-a-[]")
    monkeypatch.setattr(stage, "decide", lambda *_, force: decided)
    assert stage.run().status is Status.SUCCEEDED
    assert stage.recorder.looks_left == {"a": 3}
