"""A plan, or the reason for one task, in sentences."""

from collections.abc import Iterable, Iterator

from nbflow.core.plan import Plan, Task
from nbflow.core.run import Event, EventKind, Status, StepResult

_VERBS = {"run": "runs", "reuse": "reused", "skip": "skipped"}
_IS = {Status.SKIPPED: "was", Status.CANCELLED: "was", Status.LOST: "was", Status.FAILED: "has"}


def explain_task(task: Task) -> str:
    """One line: what happens with a step and why.

    >>> from nbflow.core.step import StepId, StepName
    >>> task = Task(step=StepId("a"), name=StepName("clean"), action="run",
    ...     reason="file_changed", message="sales.csv changed")
    >>> explain_task(task)
    'clean runs: sales.csv changed'
    """
    return f"{task.name} {_VERBS[task.action]}: {task.message}"


def explain_plan(plan: Plan) -> tuple[str, ...]:
    """One line per task, in notebook order."""
    return tuple(explain_task(task) for task in plan.tasks)


def explain_result(result: StepResult, events: Iterable[Event] = ()) -> tuple[str, ...]:
    """Why a step ran, was reused or skipped in a run, and how that ended.

    `events` are those of the run: a step that ran again has a reason for each time.
    """
    mine = [event for event in events if event.step == result.step and event.item == result.item]
    tries = tuple(_tries(result.step, mine))
    return (*tries, *_ending(result, started=bool(tries)))


def _tries(step: str, events: Iterable[Event]) -> Iterator[str]:
    verb, was_failure = "ran", False
    for event in events:
        match event.kind:
            case EventKind.STEP_STARTED:
                # After a failed attempt there is no other reason than that.
                why = "" if was_failure or not event.message else f": {event.message}"
                yield f"{step} {verb}{why}"
                verb, was_failure = "ran again", False
            case EventKind.STEP_WAITING:
                yield f"attempt {event.attempt} failed: {event.message}"
                was_failure = True
            case _:
                pass


def _ending(result: StepResult, *, started: bool) -> Iterator[str]:
    error = result.error
    if error is not None:
        where = f" in cell {error.cell_index + 1}" if error.cell_index is not None else ""
        line = f" line {error.line}" if error.line else ""
        yield f"it failed{where}{line}: {error.type}: {error.message}"
    elif result.status is Status.SUCCEEDED and result.action == "reuse":
        yield f"{result.step} was reused: {result.message}"
    elif result.status is Status.SUCCEEDED and not started:
        yield f"{result.step} ran: {result.message}"
    elif result.status is not Status.SUCCEEDED:
        said = f": {result.message}" if result.message else ""
        yield f"{result.step} {_IS.get(result.status, 'is')} {result.status.value}{said}"
