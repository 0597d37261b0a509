"""When each attempt at a step waited and ran, from the events of a run. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nbflow.core.run import Event, EventKind, Status

_ENDS = frozenset({EventKind.STEP_FINISHED, EventKind.STEP_REUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: it was queued, perhaps started, perhaps has ended. What was reused, and what was
    skipped, never started."""

    step: str
    item: str | None
    number: int
    queued: str
    started: str | None = None
    finished: str | None = None
    status: Status = Status.QUEUED
    reused: bool = False


def timeline(events: Iterable[Event]) -> tuple[Attempt, ...]:
    """Every attempt, in the order in which they were queued; of each step the last one is open for
    what comes next."""
    attempts: dict[tuple[str, str | None, int], Attempt] = {}
    latest: dict[tuple[str, str | None], int] = {}
    for event in events:
        if event.step is None:
            continue
        who = (event.step, event.item)
        if event.kind is EventKind.STEP_QUEUED or who not in latest:
            latest[who] = latest.get(who, 0) + 1
            attempts[(*who, latest[who])] = Attempt(
                step=event.step, item=event.item, number=latest[who], queued=event.at
            )
        key = (*who, latest[who])
        attempts[key] = _after(attempts[key], event)
    return tuple(attempts.values())


def _after(attempt: Attempt, event: Event) -> Attempt:
    if event.kind is EventKind.STEP_STARTED:
        return replace(attempt, started=event.at, status=Status.RUNNING)
    if event.kind is EventKind.STEP_WAITING:
        return replace(attempt, status=Status.WAITING)
    if event.kind in _ENDS:
        return replace(
            attempt,
            finished=event.at,
            status=event.status or Status.SUCCEEDED,
            reused=event.kind is EventKind.STEP_REUSED,
        )
    return attempt
