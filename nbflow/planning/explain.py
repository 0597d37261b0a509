"""A plan, or the reason for one task, in sentences."""

from nbflow.core.plan import Plan, Task
from nbflow.core.run import StepResult

_VERBS = {"run": "runs", "reuse": "reused", "skip": "skipped"}


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


def explain_result(result: StepResult) -> tuple[str, ...]:
    """Why a step ran, was reused or skipped in a run, and how that ended."""
    past = {"run": "ran", "reuse": "was reused", "skip": "was skipped"}
    lines = [f"{result.step} {past.get(result.action, result.action)}: {result.message}"]
    if result.error is not None:
        error = result.error
        where = f" in cell {error.cell_index + 1}" if error.cell_index is not None else ""
        line = f" line {error.line}" if error.line else ""
        lines.append(f"it failed{where}{line}: {error.type}: {error.message}")
    return tuple(lines)
