"""Files that two steps touched at the same time, or in another order than the notebook's. Pure.

Paths that the text shows make edges before anything runs. What only the run has seen is looked at
here: if two steps met at a file without an edge between them, Run All might have given something
else, so the step fails, and the lesson puts the two in order from now on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbflow.core.graph import Graph, Learned
from nbflow.core.names import file_name
from nbflow.core.step import Step, StepId
from nbflow.core.task import TaskReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """The files of one ended attempt, and when it ran (the runner's monotonic seconds)."""

    step: Step
    began: float
    ended: float
    read: frozenset[str]
    written: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two steps at one path. `in_order`: they ran one after the other as the notebook has them."""

    path: str
    other: Step
    in_order: bool
    lessons: tuple[Learned, ...]


def touch_of(step: Step, report: TaskReport, *, began: float, ended: float) -> Touch:
    """What a report says about files."""
    return Touch(
        step=step,
        began=began,
        ended=ended,
        read=frozenset(touched.path for touched in report.files_read),
        written=frozenset(touched.path for touched in report.files_written),
    )


def file_conflicts(
    new: Touch, others: Mapping[StepId, Touch], graph: Graph
) -> tuple[Conflict, ...]:
    """Where an attempt that just ended met other steps without an edge between them."""
    above, below = graph.ancestors([new.step.id]), graph.descendants([new.step.id])
    return tuple(
        Conflict(
            path=path,
            other=other.step,
            in_order=_in_order(new, other),
            lessons=(*_lessons(new, path), *_lessons(other, path)),
        )
        for step, other in others.items()
        if step != new.step.id and step not in above and step not in below
        for path in sorted(_meeting(new, other))
    )


def _meeting(one: Touch, other: Touch) -> frozenset[str]:
    return (one.written & (other.read | other.written)) | (one.read & other.written)


def _in_order(new: Touch, other: Touch) -> bool:
    first, second = sorted((new, other), key=lambda touch: touch.step.position)
    return first.ended <= second.began


def _lessons(touch: Touch, path: str) -> Iterator[Learned]:
    for paths, what in ((touch.read, "reads"), (touch.written, "writes")):
        if path in paths:
            yield Learned(
                step=touch.step.id,
                name=file_name(path),
                what="reads" if what == "reads" else "writes",
                reason=f"`{touch.step.name}` {what} {path}",
            )
