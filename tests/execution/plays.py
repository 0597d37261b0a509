"""Steps, plans and a player for the machine, shared by the tests of this folder."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nbflow.core.graph import Edge, EdgeKind, Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.plan import Plan, Task
from nbflow.core.run import Status
from nbflow.core.step import Input, Step, StepId, StepName, StepOptions
from nbflow.core.task import Blob
from nbflow.execution import machine
from nbflow.execution.machine import Command, Ended, EndLane, Event, Finish, Kill, Note, Start


def a_step(name: str, *reads: str, **changes: Any) -> Step:
    """A step that writes its own name; a read is `name` (of the step so called), `name@writer`."""
    parts = [(read.split("@")[0], read.split("@")[-1]) for read in reads]
    fields: dict[str, Any] = {
        "id": StepId(name),
        "name": StepName(name),
        "title": None,
        "language": "python",
        "position": 0,
        "cells": (CellId(name),),
        "cell_indexes": (0,),
        "sources": (f"{name} = 1",),
        "inputs": tuple(Input(name=Name(n), writer=StepId(w)) for n, w in parts),
        "outputs": (Name(name),),
        "declared_writes": (Name(name),),
    }
    return Step(**{**fields, **changes})


def an_edge(writer: str, reader: str, kind: EdgeKind = "order") -> Edge:
    """An edge without names."""
    return Edge(
        writer=StepId(writer),
        reader=StepId(reader),
        names=(),
        kind=kind,
        certainty="sure",
        from_line=None,
        to_line=None,
        because="",
    )


def a_plan(*steps: Step, edges: Iterable[Edge] = (), one_lane: tuple[str, ...] = ()) -> Plan:
    """A plan that runs the steps, with the edges that their inputs ask for and the given ones."""
    data = [an_edge(given.writer, step.id, "data") for step in steps for given in step.inputs]
    graph = Graph(
        notebook="n.ipynb",
        parameters=(),
        steps=steps,
        definitions=(),
        edges=(*data, *edges),
        one_lane=one_lane,
    )
    tasks = tuple(
        Task(step=step.id, name=step.name, action="run", reason="first_time", message="")
        for step in steps
    )
    return Plan(graph=graph, tasks=tasks)


def skipping(plan: Plan, *names: str) -> Plan:
    """The plan with some tasks skipped."""
    tasks = tuple(replace(t, action="skip") if t.name in names else t for t in plan.tasks)
    return replace(plan, tasks=tasks)


def blob(name: str, digest: str) -> Blob:
    """A stored value."""
    return Blob(names=(name,), kind="json", digest=digest, suffix="json")


def retries(count: int, backoff: float = 0.0) -> StepOptions:
    """Options of a step that is tried again."""
    return StepOptions(retries=count, backoff=backoff)


class Play:
    """Feeds events to the machine and keeps what it commanded."""

    def __init__(self, plan: Plan, *, jobs: int = 4, force: Iterable[str] = ()) -> None:
        forced = frozenset(StepId(name) for name in force)
        self.state = machine.begin(plan, jobs=jobs, force=forced)
        self.commands: list[Command] = []
        self.send(machine.Begun())

    def send(self, event: Event) -> tuple[Command, ...]:
        self.state, commands = machine.advance(self.state, event)
        self.commands.extend(commands)
        return commands

    def ok(self, name: str, digest: str = "1", **changes: Any) -> None:
        """The running attempt succeeds and leaves a blob for each output that is not kept."""
        step = self.state.plan.graph.step(StepId(name))
        kept = changes.get("kept", frozenset())
        outputs = {n: blob(n, digest) for n in step.outputs if n not in kept}
        fields: dict[str, Any] = {"outputs": outputs, **changes}
        self.send(self._end(name, Status.SUCCEEDED, fields))

    def fail(self, name: str, **changes: Any) -> None:
        fields: Mapping[str, Any] = {"reason": "error", "message": "broken", **changes}
        self.send(self._end(name, Status.FAILED, fields))

    def _end(self, name: str, status: Status, fields: Mapping[str, Any]) -> Ended:
        attempt = self.state.tasks[StepId(name)].attempt
        return Ended(step=StepId(name), attempt=attempt, status=status, **fields)

    def starts(self) -> list[str]:
        """`step#attempt` in order."""
        return [f"{c.step}#{c.attempt}" for c in self.commands if isinstance(c, Start)]

    def last_start(self, name: str) -> Start:
        return [c for c in self.commands if isinstance(c, Start) and c.step == name][-1]

    def kills(self) -> list[str]:
        return [f"{c.step}#{c.attempt}" for c in self.commands if isinstance(c, Kill)]

    def ended_lanes(self) -> list[str]:
        return [c.lane for c in self.commands if isinstance(c, EndLane)]

    def notes(self, name: str) -> list[str]:
        """The statuses that were told of a step."""
        return [c.state.status for c in self.commands if isinstance(c, Note) and c.step == name]

    def status(self, name: str) -> str:
        return self.state.tasks[StepId(name)].status

    def reason(self, name: str) -> str | None:
        return self.state.tasks[StepId(name)].reason

    def message(self, name: str) -> str:
        return self.state.tasks[StepId(name)].message

    def finish(self) -> Finish:
        [found] = [c for c in self.commands if isinstance(c, Finish)]
        return found
