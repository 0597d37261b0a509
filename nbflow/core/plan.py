"""The plan: what will be done with each step, and why. A value, made before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nbflow.core.graph import Graph
from nbflow.core.step import StepId, StepName
from nbflow.core.task import Blob, FileTouch

Action = Literal["run", "reuse", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the ledger remembers of a step that succeeded under a fingerprint.

    `outputs` by name; `asked`: the names that were to be outputs, of which those that nobody reads
    are left out where they are large. `files_read` and `files_written` with their digests then.
    """

    fingerprint: str
    run: str
    step: StepId
    finished: str
    outputs: Mapping[str, Blob]
    asked: tuple[str, ...] = ()
    files_read: tuple[FileTouch, ...] = ()
    files_written: tuple[FileTouch, ...] = ()
    never_reuse: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step inside a plan. `reason` is a code, `message` a sentence for people."""

    step: StepId
    name: StepName
    item: str | None = None
    action: Action
    reason: str
    message: str
    expected_seconds: float | None = None
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Tasks in notebook order, over the graph they belong to, with the parameters that hold."""

    graph: Graph
    tasks: tuple[Task, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def task(self, step: StepId) -> Task:
        """The task of a step.

        Raises:
            KeyError: there is none.
        """
        for task in self.tasks:
            if task.step == step:
                return task
        raise KeyError(step)
