"""Lanes as threads, with lanes that only pretend: order, ends, and trouble of every kind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.errors import KernelError
from nbflow.core.task import TaskOutcome, TaskSpec
from nbflow.execution.executor import REPORT_NAME, Happening, LocalExecutor, OutputEvent

PATIENCE_SECONDS = 60.0


def a_spec(step: str, staging: Path, *, lane: str | None = None) -> TaskSpec:
    return TaskSpec(
        run="r",
        step=step,
        step_name=step,
        attempt=1,
        fence=7,
        notebook="n.ipynb",
        cells=(),
        staging=str(staging),
        lane=lane,
    )


def an_outcome(spec: TaskSpec, **changes: Any) -> TaskOutcome:
    return TaskOutcome(
        **{
            "run": spec.run,
            "step": spec.step,
            "attempt": spec.attempt,
            "fence": spec.fence,
            "status": "succeeded",
            **changes,
        }
    )


@dataclass
class Pretended:
    """A lane that writes an empty report; `trouble` may raise or block before that."""

    trouble: Callable[[TaskSpec, Callable[[], bool]], str | None]
    ran: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    passed_on: threading.Event = field(default_factory=threading.Event)
    is_used: bool = False
    report: str = '{"warnings": ["w"]}'

    def run(
        self,
        spec: TaskSpec,
        *,
        show: Callable[[str, list[dict[str, Any]]], None],
        cancelled: Callable[[], bool],
    ) -> TaskOutcome:
        self.ran.append(spec.step)
        show("c", [{"n": 1}])
        status = self.trouble(spec, cancelled) or "succeeded"
        if status == "succeeded":
            (Path(spec.staging) / REPORT_NAME).write_text(self.report)
        return an_outcome(spec, status=status)

    def close(self) -> None:
        self.closed.set()

    def pass_on(self) -> None:
        self.passed_on.set()


class Hall:
    """An executor and the lanes that it opened."""

    def __init__(
        self, trouble: Callable[[TaskSpec, Callable[[], bool]], str | None] = lambda *_: None
    ) -> None:
        self.trouble = trouble
        self.lanes: list[Pretended] = []
        self.used, self.report = False, '{"warnings": ["w"]}'
        self.executor = LocalExecutor(open_lane=self.open, capacity=2)

    def open(self, spec: TaskSpec, *, fresh: bool) -> Pretended:
        lane = Pretended(self.trouble, is_used=self.used and not fresh, report=self.report)
        self.lanes.append(lane)
        return lane

    def outcomes(self, count: int) -> list[TaskOutcome]:
        found: list[TaskOutcome] = []
        while len(found) < count:
            happened = self.executor.poll(PATIENCE_SECONDS)
            assert happened, "nothing happens"
            found += [one for one in happened if isinstance(one, TaskOutcome)]
        return found


def test_a_task_brings_its_outputs_and_its_report(tmp_path: Path) -> None:
    hall = Hall()
    hall.executor.submit(a_spec("a", tmp_path))
    happened: list[Happening] = []
    while len(happened) < 2:  # both may come at once
        happened += hall.executor.poll(PATIENCE_SECONDS)
    first, outcome = happened
    assert first == OutputEvent(run="r", step="a", attempt=1, cell="c", outputs=({"n": 1},))
    assert isinstance(outcome, TaskOutcome)
    assert outcome.report is not None
    assert (outcome.status, outcome.report.warnings) == ("succeeded", ("w",))
    hall.executor.close()


def test_tasks_without_a_lane_get_kernels_of_their_own(tmp_path: Path) -> None:
    hall = Hall()
    for step in "ab":
        hall.executor.submit(a_spec(step, tmp_path))
    hall.outcomes(2)
    hall.executor.close()
    assert sorted(lane.ran for lane in hall.lanes) == [["a"], ["b"]]
    assert all(lane.closed.is_set() for lane in hall.lanes)


def test_tasks_of_a_lane_share_a_kernel_until_it_is_given_up(tmp_path: Path) -> None:
    hall = Hall()
    for step in "ab":
        hall.executor.submit(a_spec(step, tmp_path, lane="L"))
    hall.outcomes(2)
    hall.executor.end_lane("L")
    assert hall.lanes[0].closed.wait(PATIENCE_SECONDS)
    hall.executor.submit(a_spec("c", tmp_path, lane="L"))
    hall.outcomes(1)
    hall.executor.close()
    assert [lane.ran for lane in hall.lanes] == [["a", "b"], ["c"]]


def no_kernel(spec: TaskSpec, cancelled: Callable[[], bool]) -> str | None:
    raise KernelError("gone")


def own_fault(spec: TaskSpec, cancelled: Callable[[], bool]) -> str | None:
    raise ZeroDivisionError("oops")


@pytest.mark.parametrize(
    ("trouble", "reason", "message"),
    [
        (no_kernel, "kernel_missing", "gone"),
        (own_fault, "internal_error", "ZeroDivisionError: oops"),
    ],
)
def test_trouble_with_a_lane_is_an_outcome_and_ends_the_lane(
    tmp_path: Path, trouble: Any, reason: str, message: str
) -> None:
    hall = Hall(trouble)
    hall.executor.submit(a_spec("a", tmp_path, lane="L"))
    [outcome] = hall.outcomes(1)
    assert (outcome.status, outcome.reason, outcome.message) == ("failed", reason, message)
    assert outcome.fence == 7
    assert hall.lanes[0].closed.wait(PATIENCE_SECONDS)
    hall.executor.close()


@pytest.mark.parametrize("text", [None, "{", '{"outputs": 3}'])
def test_a_success_without_a_readable_report_is_none(tmp_path: Path, text: str | None) -> None:
    def spoil(spec: TaskSpec, cancelled: Callable[[], bool]) -> str | None:
        return None

    class Spoiled(Pretended):
        def run(self, spec: TaskSpec, **given: Any) -> TaskOutcome:
            if text is not None:
                (Path(spec.staging) / REPORT_NAME).write_text(text)
            return an_outcome(spec)

    executor = LocalExecutor(open_lane=lambda _, *, fresh: Spoiled(spoil), capacity=1)
    executor.submit(a_spec("a", tmp_path))
    [outcome] = executor.poll(PATIENCE_SECONDS)
    executor.close()
    assert isinstance(outcome, TaskOutcome)
    assert (outcome.status, outcome.reason) == ("failed", "capture_failed")


def until_cancelled(spec: TaskSpec, cancelled: Callable[[], bool]) -> str | None:
    pause = threading.Event()
    while not cancelled():
        pause.wait(0.01)
    return "cancelled"


def test_a_killed_task_ends_as_cancelled(tmp_path: Path) -> None:
    hall = Hall(until_cancelled)
    hall.executor.submit(a_spec("a", tmp_path, lane="L"))
    hall.executor.submit(a_spec("b", tmp_path, lane="L"))
    for step in "ba":
        hall.executor.kill("r", step, 1)
    assert [one.status for one in hall.outcomes(2)] == ["cancelled", "cancelled"]
    assert all("b" not in lane.ran for lane in hall.lanes)
    hall.executor.close()


def test_killing_what_does_not_run_is_harmless() -> None:
    Hall().executor.kill("r", "nobody", 1)


def test_closing_stops_what_runs_and_waits_for_it(tmp_path: Path) -> None:
    hall = Hall(until_cancelled)
    hall.executor.submit(a_spec("a", tmp_path))
    assert hall.executor.poll(PATIENCE_SECONDS)
    with hall.executor:
        pass
    assert hall.lanes[0].closed.is_set()


def test_polling_in_vain_gives_nothing() -> None:
    assert Hall().executor.poll(0) == []


def test_a_process_that_was_left_clean_is_passed_on_before_that_is_known(tmp_path: Path) -> None:
    hall = Hall()
    hall.report = '{"clean": true}'
    hall.executor.submit(a_spec("a", tmp_path))
    hall.outcomes(1)
    assert hall.lanes[0].passed_on.is_set()
    hall.executor.close()
    assert not hall.lanes[0].closed.is_set()


def test_what_fails_to_begin_in_a_used_process_gets_a_fresh_one(tmp_path: Path) -> None:
    hall = Hall(lambda *_: "succeeded" if len(hall.lanes) > 1 else "failed")
    hall.used = True
    hall.executor.submit(a_spec("a", tmp_path))
    [outcome] = hall.outcomes(1)
    assert outcome.status == "succeeded"
    assert [lane.ran for lane in hall.lanes] == [["a"], ["a"]]
    hall.executor.close()
    assert all(lane.closed.is_set() for lane in hall.lanes)
