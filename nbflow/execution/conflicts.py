"""Files that two steps touched at the same time, or in another order than the notebook's. Pure.

Paths that the text shows make edges before anything runs. What only the run has seen is looked at
here: if two steps met at a file without an edge between them, Run All might have given something
else, so the step fails, and the lesson puts the two in order from now on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from nbflow.core.graph import Graph, Learned
from nbflow.core.names import file_name
from nbflow.core.plan import Recorded
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

    def reads(self, path: str) -> bool:
        """Whether it was seen to read a path, or its text says so: nobody sees `os.path.exists`."""
        return path in self.read or any(covers(told, path) for told in self.step.files_read)


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


def touch_again(step: Step, recorded: Recorded, *, at: float) -> Touch:
    """What a result that is used again had to do with files: it read them before this run, and they
    were still the same when it was taken."""
    return Touch(
        step=step,
        began=at,
        ended=float("-inf"),
        read=frozenset(touched.path for touched in recorded.files_read),
        written=frozenset(),
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
        if new.step.lane is None or other.step.lane != new.step.lane
        for path in sorted(_meeting(new, other))
    )


def covers(told: str, path: str) -> bool:
    """Whether a path, folder or pattern in a text means a file that was touched.

    >>> covers("out", "out/a.csv"), covers("*.csv", "a.csv"), covers("a.csv", "b.csv")
    (True, True, False)
    """
    return told in (path, ".") or path.startswith(f"{told}/") or fnmatchcase(path, told)


def _meeting(one: Touch, other: Touch) -> frozenset[str]:
    both = one.written & other.written
    met = {path for path in one.written if other.reads(path)}
    return both | met | {path for path in other.written if one.reads(path)}


def _in_order(new: Touch, other: Touch) -> bool:
    first, second = sorted((new, other), key=lambda touch: touch.step.position)
    return first.ended <= second.began


def _lessons(touch: Touch, path: str) -> Iterator[Learned]:
    if touch.reads(path):
        yield _lesson(touch.step, path, "reads")
    if path in touch.written:
        yield _lesson(touch.step, path, "writes")


def _lesson(step: Step, path: str, what: Literal["reads", "writes"]) -> Learned:
    reason = f"`{step.name}` {what} {path}"
    return Learned(step=step.id, name=file_name(path), what=what, reason=reason)
