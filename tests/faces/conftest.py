"""A small shop: one notebook, its graph, a run that went well, one that failed, and a project that
answers with them. Faces are tested against these values; nothing is read and no kernel started."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from nbflow.core.choices import Choices
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.graph import Definition, Edge, EdgeCertainty, EdgeKind, Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.plan import Action, Plan, Task
from nbflow.core.run import Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import Parameter, Step, StepId, StepName
from nbflow.core.task import Blob, StepError
from nbflow.core.why import Cause, Change, RunDifference, StepDifference, Why
from nbflow.faces.cli import main

if TYPE_CHECKING:
    from nbflow.project import Project

RUN = RunId("0193f2a1-7c3b-7def-8000-0123456789ab")


def step(name: str, cell: int, source: str = "", **more: Any) -> Step:
    """A step of one cell, the notebook's cell number `cell`."""
    facts: dict[str, Any] = {
        "id": StepId(f"c{cell}"),
        "name": StepName(name),
        "title": None,
        "language": "python",
        "position": cell,
        "cells": (CellId(f"c{cell}"),),
        "cell_indexes": (cell - 1,),
        "sources": (source,),
    }
    return Step(**{**facts, **more})


def edge(
    writer: int,
    reader: int,
    *names: str,
    kind: EdgeKind = "data",
    certainty: EdgeCertainty = "sure",
) -> Edge:
    """An edge between the steps of two cells."""
    return Edge(
        writer=StepId(f"c{writer}"),
        reader=StepId(f"c{reader}"),
        names=tuple(map(Name, names)),
        kind=kind,
        certainty=certainty,
        from_line=1,
        to_line=2,
        because=f"cell {writer} writes {', '.join(names)}, cell {reader} reads it",
    )


def graph_of(steps: tuple[Step, ...], edges: tuple[Edge, ...], **more: Any) -> Graph:
    """A graph of these steps and edges."""
    facts: dict[str, Any] = {"notebook": "shop.ipynb", "parameters": (), "definitions": ()}
    return Graph(**{**facts, **more}, steps=steps, edges=edges)


@pytest.fixture
def shop() -> Graph:
    """Sales and returns become metrics; a chart and an exception report need them."""
    return graph_of(
        (
            step("sales", 3, "sales = pd.read_csv(f'{day}.csv')", tags=("retries:2",)),
            step("returns", 4, "SELECT * FROM sales WHERE qty < 0", language="sql"),
            step("metrics", 5, "m = sales.join(returns)\nmetrics = m.groupby('store')\nmetrics"),
            step("dashboard", 6, "plot(metrics)", title="The dashboard"),
            step(
                "report", 8, "metrics.to_csv('out/report.csv')", files_written=("out/report.csv",)
            ),
        ),
        (
            edge(3, 4, "sales"),
            edge(3, 5, "sales"),
            edge(4, 5, "returns"),
            edge(5, 6, "metrics"),
            edge(5, 8, "metrics"),
            edge(6, 8, "metrics", certainty="may", kind="order"),
        ),
        parameters=(
            Parameter(name="day", type="date", default="2026-01-05", cell=CellId("c2"), line=1),
            Parameter(name="top", type="int", required=True, help="how many", cell=CellId("c2")),
        ),
        definitions=(Definition(cell=CellId("c1"), cell_index=0, names=(Name("pd"),), replays=()),),
        diagnostics=(
            Diagnostic(
                code="may-write",
                severity=Severity.WARNING,
                message="plot() may change metrics; cell 8 waits for cell 6",
                place=Place(cell=CellId("c6"), cell_index=5, line=1),
                hint="nothing to do: a run finds out",
            ),
        ),
    )


def blob(name: str, rows: int, columns: int = 3) -> Blob:
    """A stored table."""
    return Blob(
        names=(name,),
        kind="table",
        digest="ab" * 32,
        suffix="duckdb",
        bytes=45_056,
        rows=rows,
        columns=columns,
    )


def result(name: str, cell: int, second: int, **more: Any) -> StepResult:
    """A step that took one second, from `second` on."""
    facts: dict[str, Any] = {
        "status": Status.SUCCEEDED,
        "message": "first run",
        "attempts": 1,
        "started": f"2026-01-05T06:00:{second:02}+00:00",
        "finished": f"2026-01-05T06:00:{second + 1:02}+00:00",
        "seconds": 1.0,
        "cells": (f"c{cell}",),
    }
    return StepResult(**{**facts, **more}, step=name, step_id=f"c{cell}")


@pytest.fixture
def good_run() -> Run:
    """Everything succeeded; one step was reused; two ran at once."""
    return Run(
        id=RUN,
        status=Status.SUCCEEDED,
        notebook="shop.ipynb",
        notebook_hash="f00d",
        parameters={"day": "2026-01-05", "top": 5},
        actor="ada",
        started="2026-01-05T06:00:00+00:00",
        finished="2026-01-05T06:00:04+00:00",
        seconds=4.0,
        result=".nbflow/runs/1/shop.ipynb",
        steps=(
            result("sales", 3, 0, message="sales.csv changed", outputs=(blob("sales", 48_210),)),
            result(
                "returns",
                4,
                1,
                action="reuse",
                reason="reused",
                message="same inputs as run 0193f2a0",
                outputs=(blob("returns", 1204),),
            ),
            result("metrics", 5, 1, outputs=(blob("metrics", 12, 5),)),
            result("dashboard", 6, 2),
            result("report", 8, 2),
        ),
    )


@pytest.fixture
def bad_run(good_run: Run) -> Run:
    """`metrics` failed; what needs it was skipped."""
    error = StepError(
        type="KeyError",
        message="'store'",
        cell="c5",
        cell_index=4,
        line=2,
        traceback=("Traceback of ours", "KeyError: 'store'"),
    )
    failed = result(
        "metrics", 5, 1, status=Status.FAILED, reason="error", message="", error=error, attempts=1
    )
    skipped = [
        result(
            name,
            cell,
            0,
            status=Status.SKIPPED,
            reason="upstream_failed",
            message="`metrics` failed before it",
            started=None,
            finished=None,
            seconds=None,
        )
        for name, cell in (("dashboard", 6), ("report", 8))
    ]
    return replace(
        good_run,
        status=Status.FAILED,
        reason="error",
        steps=(*good_run.steps[:2], failed, *skipped),
    )


def event(kind: EventKind, second: int, step: str | None = None, **more: Any) -> Event:
    """An event of the run, at a second of its minute."""
    return Event(
        id=second + 1,
        at=f"2026-01-05T06:00:{second:02}+00:00",
        run=RUN,
        kind=kind,
        step=step,
        **more,
    )


def events_of(run: Run, stopped_by: int | None = None) -> tuple[Event, ...]:
    """The story of a recorded run, as a runner would tell it."""
    told = [event(EventKind.RUN_STARTED, 0)]
    for each in run.steps:
        second = int((each.started or run.started or "")[17:19])
        facts: dict[str, Any] = {"status": each.status, "message": each.message}
        facts |= {"reason": each.reason, "data": data_of(each)}
        if each.action == "reuse":
            told.append(event(EventKind.STEP_REUSED, second, each.step, **facts))
            continue
        if each.started:
            told.append(event(EventKind.STEP_STARTED, second, each.step, attempt=1))
        told.append(event(EventKind.STEP_FINISHED, second + 1, each.step, **facts))
    data = {"signal": stopped_by} if stopped_by else {}
    return (*told, event(EventKind.RUN_FINISHED, 4, status=run.status, data=data))


def data_of(result: StepResult) -> dict[str, Any]:
    """What the end of a step tells beside its status."""
    data: dict[str, Any] = {"seconds": result.seconds}
    data["outputs"] = [
        {"name": blob.names[0], "kind": blob.kind, "rows": blob.rows} for blob in result.outputs
    ]
    if result.error:
        data["error"] = {"type": result.error.type, "message": result.error.message}
    return data


def plan_of(graph: Graph) -> Plan:
    """The first step is reused, the rest runs."""

    def task(step: Step, action: Action) -> Task:
        reason, message = (
            ("reused", "same inputs as run 0193f2a0")
            if action == "reuse"
            else ("source_changed", "its source changed")
        )
        return Task(
            step=step.id,
            name=step.name,
            action=action,
            reason=reason,
            message=message,
            expected_seconds=1.5 if action == "run" else None,
        )

    first, *rest = graph.steps
    tasks = (task(first, "reuse"), *(task(each, "run") for each in rest))
    return Plan(graph=graph, tasks=tasks, parameters={"day": "2026-01-05", "top": 5})


def a_why(run: str, step: str) -> Why:
    """A step that ran because of a file that another step had read."""
    file = Change(kind="file", name="sales.csv", old="1", new="2")
    read = Cause(change=file, message="sales.csv changed: 3 rows added", details=("+ 4,5",))
    given = Change(kind="input", name="sales", old="1", new="2")
    cause = Cause(change=given, message="`sales` changed: 3 rows added", because=(read,))
    return Why(
        run=run,
        step=step,
        status=Status.SUCCEEDED,
        action="run",
        reason="input_changed",
        message="`sales` changed",
        compared="0193",
        causes=(cause,),
        lines=(f"{step} ran because `sales` changed: 3 rows added",),
    )


def a_difference(before: str, after: str) -> RunDifference:
    """A file changed, and with it what its step left."""
    why = a_why(after, "sales").causes[0]
    step = StepDifference(
        step="sales",
        before=Status.FAILED,
        after=Status.SUCCEEDED,
        causes=why.because,
        outputs=(replace(why, because=()),),
    )
    return RunDifference(before=before, after=after, notebook="shop.ipynb", steps=(step,), same=3)


@dataclass(kw_only=True)
class Answer:
    """Any answer that is known by its attributes."""

    facts: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.facts[name]
        except KeyError:
            raise AttributeError(name) from None


def answer(**facts: Any) -> Any:
    """An object with these attributes."""
    return Answer(facts=facts)


@dataclass(kw_only=True)
class FakeProject:
    """Answers every verb with what it was given, and remembers what was asked."""

    root: Path
    graph: Graph
    outcome: Run
    error: Exception | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    stopped_by: int | None = None

    def _note(self, verb: str, **facts: Any) -> None:
        self.asked.append((verb, facts))
        if self.error:
            raise self.error

    def inspect(self, notebook: Path, *, actor: str) -> Graph:
        self._note("inspect", notebook=notebook, actor=actor)
        return self.graph

    def check(self, notebook: Path, *, actor: str) -> tuple[Diagnostic, ...]:
        self._note("check", notebook=notebook, actor=actor)
        return self.graph.diagnostics

    def plan(
        self, notebook: Path, *, parameters: Mapping[str, Any], choices: Choices, actor: str
    ) -> Plan:
        self._note("plan", notebook=notebook, parameters=parameters, choices=choices)
        return plan_of(self.graph)

    def run(
        self,
        notebook: Path,
        *,
        parameters: Mapping[str, Any],
        choices: Choices,
        output: str | None,
        jobs: int | None,
        on_event: Callable[[Event], None],
        actor: str,
    ) -> Run:
        self._note(
            "run",
            notebook=notebook,
            parameters=parameters,
            choices=choices,
            output=output,
            jobs=jobs,
            actor=actor,
        )
        return self._play(on_event)

    def resume(
        self,
        run: str,
        *,
        latest_code: bool,
        jobs: int | None,
        on_event: Callable[[Event], None],
        actor: str,
    ) -> Run:
        self._note("resume", run=run, latest_code=latest_code, jobs=jobs)
        return self._play(on_event)

    def _play(self, on_event: Callable[[Event], None]) -> Run:
        for each in events_of(self.outcome, self.stopped_by):
            on_event(each)
        self.during()
        return self.outcome

    def cancel(self, run: str, *, actor: str) -> Run:
        self._note("cancel", run=run)
        return replace(self.outcome, status=Status.CANCELLED)

    def runs(self, *, limit: int, actor: str) -> tuple[Run, ...]:
        self._note("runs", limit=limit)
        return cast(tuple[Run, ...], self.answers.get("runs", (self.outcome,)))

    def status(self, run: str, *, actor: str) -> Run:
        self._note("status", run=run)
        return self.outcome

    def logs(self, run: str, step: str | None, *, follow: bool, actor: str) -> Iterator[str]:
        self._note("logs", run=run, step=step, follow=follow)
        yield from self.answers.get("logs", ("one\n", "two \x1b[31mred\x1b[0m\n"))

    def get(self, run: str, name: str, *, output: Path | None, actor: str) -> Any:
        self._note("get", run=run, name=name, output=output)
        return answer(text=None if output else "42", path=output)

    def why(self, run: str, step: str, *, actor: str) -> Why:
        self._note("why", run=run, step=step)
        return a_why(run, step)

    def sql(self, query: str, *, run: str | None, actor: str) -> Any:
        self._note("sql", query=query, run=run)
        return self.answers.get("sql", answer(columns=("store", "n"), rows=[("Uster", 3)]))

    def verify(self, notebook: Path, *, parameters: Mapping[str, Any], actor: str) -> Any:
        self._note("verify", notebook=notebook, parameters=parameters)
        return self.answers["verify"]

    def diff(self, before: str, after: str, *, actor: str) -> RunDifference:
        self._note("diff", before=before, after=after)
        return a_difference(before, after)

    def keep(self, run: str, *, kept: bool, label: str, actor: str) -> Run:
        self._note("keep", run=run, kept=kept, label=label)
        return replace(self.outcome, kept=kept, label=label)

    def gc(self, *, max_bytes: int | None, dry_run: bool, actor: str) -> Any:
        self._note("gc", max_bytes=max_bytes, dry_run=dry_run)
        return answer(garbage=0, evicted=1_500_000, left=3_000, busy=False)

    def doctor(self, *, actor: str) -> tuple[Any, ...]:
        self._note("doctor")
        return cast(tuple[Any, ...], self.answers["doctor"])

    def init(self, *, actor: str) -> tuple[Path, ...]:
        self._note("init")
        return (self.root / "nbflow.toml",)

    def demo(self, folder: Path, *, actor: str) -> Path:
        self._note("demo", folder=folder)
        folder.mkdir(parents=True)
        (folder / "shop.ipynb").write_text("{}")
        return folder / "shop.ipynb"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one notebook, and we stand in it; the reader's terminal is known."""
    (tmp_path / "shop.ipynb").write_text("{}")
    (tmp_path / "nbflow.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return Path.cwd()


@pytest.fixture
def project(folder: Path, shop: Graph, good_run: Run) -> FakeProject:
    """The fake project, after a good run."""
    return FakeProject(root=folder, graph=shop, outcome=good_run)


@pytest.fixture
def make() -> SimpleNamespace:
    """The makers of this file, for tests that need a value of their own."""
    return SimpleNamespace(
        step=step,
        edge=edge,
        graph=graph_of,
        blob=blob,
        result=result,
        event=event,
        answer=answer,
        plan=plan_of,
        why=a_why,
        difference=a_difference,
    )


@dataclass(kw_only=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def nbflow(project: FakeProject, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Carry out a command line on the fake project."""

    def call(*argv: str) -> Ended:
        capfd.readouterr()
        code = main(argv, find=lambda _start: cast("Project", project))
        out, err = capfd.readouterr()
        return Ended(code=code, out=out, err=err)

    return call
