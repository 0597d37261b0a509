"""Why a step ran, was reused or was skipped, told from its record and its events."""

from dataclasses import replace
from typing import Any

import pytest

from nbflow.core.run import Event, EventKind, RunId, Status, StepResult
from nbflow.core.task import StepError
from nbflow.core.why import Cause, Change
from nbflow.planning.explain import story, with_causes

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


def cause(message: str, *because: Cause, details: tuple[str, ...] = ()) -> Cause:
    return Cause(change=Change(kind="input"), message=message, because=because, details=details)


def test_one_cause_is_the_reason_itself() -> None:
    read = cause("a.csv changed: 3 rows added")
    told = with_causes(
        ["clean ran because `a` changed", "it failed"],
        "`a` changed",
        (cause("`a` changed: 3 rows added", read),),
        "0193f2a1-7c3b-7def",
    )
    assert list(told) == [
        "clean ran because `a` changed: 3 rows added",
        "  because a.csv changed: 3 rows added",
        "it failed",
        "compared with run 0193f2a1-7c3b",
    ]


def test_several_causes_are_listed_with_what_they_come_from() -> None:
    told = with_causes(
        ["clean ran because its code and `a` changed"],
        "its code and `a` changed",
        (cause("its code changed", details=("- 1", "+ 2")), cause("`a` changed")),
        None,
    )
    assert list(told)[1:] == ["  its code changed", "    - 1", "    + 2", "  `a` changed"]


def test_after_a_long_way_the_first_causes_come_first() -> None:
    way = cause("n changed")
    for name in "abcde":
        way = cause(f"{name} changed", way)
    other = cause("z changed", cause("b changed (see above)"))
    told = with_causes(["x ran because e and z changed"], "e and z changed", (way, other), None)
    assert told[1] == "  in the end because n changed"


def test_a_wait_for_another_run_is_told() -> None:
    held = event(K.STEP_WAITING, "waiting for run 2, which makes the same result")
    held = replace(held, reason="made_elsewhere")
    done = result(S.SUCCEEDED, "same inputs as run 2", action="reuse")
    assert list(story(done, [held])) == [
        "clean was waiting for run 2, which makes the same result",
        "clean was reused: same inputs as run 2",
    ]
