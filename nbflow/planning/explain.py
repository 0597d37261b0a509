"""Why a step ran, was reused or was skipped, in lines for people. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from nbflow.core.run import HELD, Event, EventKind, Status, StepResult
from nbflow.core.why import Cause

_IS = {Status.SKIPPED: "was", Status.CANCELLED: "was", Status.LOST: "was", Status.FAILED: "has"}
SEE_ABOVE = "(see above)"
"""Ends a cause that was explained before."""

_LONG_WAY = 5
_MOST_FIRST = 3

_CLAUSES = {"asked for": "it was asked for"}


def story(result: StepResult, events: Iterable[Event] = ()) -> tuple[str, ...]:
    """Why a step ran, each time, and how that ended; `events` are those of the run."""
    mine = [event for event in events if event.step == result.step and event.item == result.item]
    tries = tuple(_tries(result.step, mine))
    return (*tries, *_ending(result, started=any(_starts(event) for event in mine)))


def with_causes(
    told: Iterable[str], message: str, causes: tuple[Cause, ...], compared: str | None
) -> tuple[str, ...]:
    """A story with the causes below the line that gives them as the reason `message`."""
    found: list[str] = []
    waiting = bool(causes)
    for line in told:
        if not waiting or not line.endswith(_because(message)):
            found.append(line)
            continue
        waiting = False
        # One cause is the whole reason, and its own sentence may know more.
        said = causes[0].message if len(causes) == 1 else message
        found += [line.removesuffix(_because(message)) + _because(said)]
        found += [*_in_the_end(causes), *_causes(causes)]
    if causes and compared is not None:
        found.append(f"compared with run {compared[:13]}")
    return tuple(found)


def standing(parts: Mapping[str, str]) -> str:
    """What a reused step depends on, none of which has changed.

    >>> standing({"source": "1", "file:a.csv": "2", "package:pandas": "3.0", "python": "3.11"})
    'unchanged: its code, a.csv, pandas 3.0'
    """
    named = ["its code"]
    for key, value in sorted(parts.items()):
        kind, _, name = key.partition(":")
        match kind:
            case "file" | "module":
                named.append(name)
            case "input" | "replay":
                named.append(f"`{name}`")
            case "parameter":
                named.append(f"{name} = {value}")
            case "package":
                named.append(f"{name} {value}")
            case "environment":
                named.append(f"${name}")
    return f"unchanged: {', '.join(dict.fromkeys(named))}"


def _in_the_end(causes: tuple[Cause, ...]) -> Iterator[str]:
    """The first causes, before a long way to them."""
    every = tuple(_all(causes))
    first = tuple(dict.fromkeys(cause.message for cause in every if not cause.because))
    first = tuple(message for message in first if not message.endswith(SEE_ABOVE))
    if len(every) > _LONG_WAY and first:
        rest = f" and {len(first) - _MOST_FIRST} more" if len(first) > _MOST_FIRST else ""
        yield f"  in the end because {', '.join(first[:_MOST_FIRST])}{rest}"


def _all(causes: tuple[Cause, ...]) -> Iterator[Cause]:
    for cause in causes:
        yield cause
        yield from _all(cause.because)


def _causes(causes: tuple[Cause, ...]) -> Iterator[str]:
    if len(causes) == 1:
        yield from _below(causes[0], 1)
        return
    for cause in causes:
        yield f"  {cause.message}"
        yield from _below(cause, 2)


def _below(cause: Cause, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield from (f"{indent}{line}" for line in cause.details)
    for deeper in cause.because:
        yield f"{indent}because {deeper.message}"
        yield from _below(deeper, depth + 1)


def _because(message: str) -> str:
    return f" because {_CLAUSES.get(message, message)}" if message else ""


def _starts(event: Event) -> bool:
    return event.kind is EventKind.STEP_STARTED


def _tries(step: str, events: Iterable[Event]) -> Iterator[str]:
    verb, was_failure = "ran", False
    for event in events:
        if _starts(event):
            # After a failed attempt there is no other reason than that.
            yield f"{step} {verb}{'' if was_failure else _because(event.message or '')}"
            verb, was_failure = "ran again", False
        elif event.kind is EventKind.STEP_WAITING and event.reason in HELD:
            yield f"{step} was {event.message}"
        elif event.kind is EventKind.STEP_WAITING:
            yield f"attempt {event.attempt} failed: {event.message}"
            was_failure = True


def _ending(result: StepResult, *, started: bool) -> Iterator[str]:
    error = result.error
    if error is not None:
        where = f" in cell {error.cell_index + 1}" if error.cell_index is not None else ""
        line = f" line {error.line}" if error.line else ""
        yield f"it failed{where}{line}: {error.type}: {error.message}"
    elif result.status is Status.SUCCEEDED and result.action == "reuse":
        yield f"{result.step} was reused: {result.message}"
    elif result.status is Status.SUCCEEDED and not started:
        yield f"{result.step} ran{_because(result.message)}"
    elif result.status is not Status.SUCCEEDED:
        said = f": {result.message}" if result.message else ""
        yield f"{result.step} {_IS.get(result.status, 'is')} {result.status.value}{said}"
