"""Why a step ran, was reused or was skipped, told from its record and its events."""

from typing import Any

import pytest

from nbflow.core.run import Event, EventKind, RunId, Status, StepResult
from nbflow.core.task import StepError
from nbflow.planning.explain import story

S, K = Status, EventKind
BROKEN = StepError(type="KeyError", message="'a'", cell="c", cell_index=2, line=4)


def result(status: Status, message: str = "", **more: Any) -> StepResult:
    return StepResult(step="clean", step_id="c", status=status, message=message, **more)


def event(kind: EventKind, message: str = "", **more: Any) -> Event:
    return Event(
        at="2026-01-01", run=RunId("r"), kind=kind, message=message, **{"step": "clean", **more}
    )


BECAUSE = "clean ran because its code changed"
STARTED = event(K.STEP_STARTED, "its code changed")


@pytest.mark.parametrize(
    ("ended", "events", "lines"),
    [
        (
            result(S.SUCCEEDED, "its code changed"),
            [STARTED],
            [BECAUSE],
        ),
        (result(S.SUCCEEDED, "its code changed"), [], [BECAUSE]),
        (
            result(S.SUCCEEDED, "same inputs as run 1", action="reuse"),
            [event(K.STEP_REUSED, "same inputs as run 1")],
            ["clean was reused: same inputs as run 1"],
        ),
        (
            result(S.FAILED, "KeyError: 'a'", error=BROKEN),
            [STARTED, event(K.STEP_STARTED, "another step's", step="other")],
            [BECAUSE, "it failed in cell 3 line 4: KeyError: 'a'"],
        ),
        (
            result(S.SUCCEEDED, "it has not run before"),
            [
                STARTED,
                event(K.STEP_WAITING, "OSError: busy", attempt=1),
                event(K.STEP_STARTED, "OSError: busy", attempt=2),
            ],
            [
                BECAUSE,
                "attempt 1 failed: OSError: busy",
                "clean ran again",
            ],
        ),
        (
            result(S.SUCCEEDED, "`x` was changed by `y`"),
            [STARTED, event(K.STEP_STARTED, "`x` was changed by `y`", attempt=2)],
            [
                BECAUSE,
                "clean ran again because `x` was changed by `y`",
            ],
        ),
        (
            result(S.SKIPPED, "`load` failed before it"),
            [event(K.STEP_QUEUED)],
            ["clean was skipped: `load` failed before it"],
        ),
        (result(S.LOST), [STARTED], [BECAUSE, "clean was lost"]),
        (result(S.RUNNING), [STARTED], [BECAUSE, "clean is running"]),
    ],
)
def test_a_step_is_explained(ended: StepResult, events: list[Event], lines: list[str]) -> None:
    assert list(story(ended, events)) == lines
