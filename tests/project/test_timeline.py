"""A run's events as what stands on a time axis."""

from nbflow.core.run import Event, EventKind, RunId, Status
from nbflow.project.timeline import Attempt, timeline

K = EventKind


def event(at: int, kind: EventKind, step: str | None = "a", status: Status | None = None) -> Event:
    return Event(at=f"t{at}", run=RunId("r"), kind=kind, step=step, status=status)


def test_an_attempt_waits_and_runs() -> None:
    found = timeline(
        [
            event(0, K.RUN_STARTED, None),
            event(1, K.STEP_QUEUED),
            event(2, K.STEP_STARTED),
            event(3, K.STEP_OUTPUT),
            event(4, K.STEP_FINISHED, status=Status.FAILED),
            event(5, K.RUN_FINISHED, None, Status.FAILED),
        ]
    )
    assert found == (
        Attempt(
            step="a",
            item=None,
            number=1,
            queued="t1",
            started="t2",
            finished="t4",
            status=Status.FAILED,
        ),
    )


def test_a_retry_is_an_attempt_of_its_own() -> None:
    found = timeline(
        [
            event(1, K.STEP_QUEUED),
            event(2, K.STEP_STARTED),
            event(3, K.STEP_QUEUED),
            event(4, K.STEP_STARTED),
        ]
    )
    assert [(each.number, each.queued, each.started) for each in found] == [
        (1, "t1", "t2"),
        (2, "t3", "t4"),
    ]


def test_what_is_reused_never_starts() -> None:
    (found,) = timeline([event(1, K.STEP_QUEUED), event(2, K.STEP_REUSED)])
    assert (found.started, found.finished, found.reused) == (None, "t2", True)
    assert found.status is Status.SUCCEEDED
