"""`nbflow.show()`: the graph of a notebook, and how its latest run stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbflow.core.graph import Graph
from nbflow.core.run import EventKind, Run
from nbflow.core.step import StepName
from nbflow.faces import text
from nbflow.faces.drawing import Mark, svg
from nbflow.faces.live import StepView, Story, mark_of, mark_of_status, reason_of, story_of, tell
from nbflow.faces.widgets import here
from nbflow.faces.widgets.living import Look, Place, Told, displayed, show_living

if TYPE_CHECKING:
    from nbflow.project import Project

_FRAME: Final = "overflow:auto;max-height:80vh;max-width:100%"
_HEAD: Final = "font:13px ui-sans-serif,system-ui,sans-serif;padding:2px 0 6px;"
_NO_RUN: Final = "it has not run yet"


@dataclass(slots=True)
class _Picture:
    """The graph, and what was told of the run."""

    graph: Graph
    run: Run | None
    story: Story

    def draw(self, told: Iterable[Told]) -> Look:
        """The picture after these events."""
        for event, _ in told:
            if self.run is not None and event.run == self.run.id:
                self.story = tell(self.story, event)
                if event.kind is EventKind.RUN_FINISHED and event.status is not None:
                    self.run = replace(self.run, status=event.status, message=event.message)
        marks = marks_of(self.story)
        drawn = svg(self.graph, marks, themed=True)
        head = f'<div style="{_HEAD}">{escape(self.headline())}</div>'
        return Look(
            html=f'<div class="nbflow-show">{head}<div style="{_FRAME}">{drawn}</div></div>',
            text="\n".join([self.headline(), *_lines(self.graph, marks)]),
            live=self.run is not None and not self.run.status.ended,
        )

    def headline(self) -> str:
        """The notebook, and how its latest run stands."""
        name = text.visible(self.graph.notebook)
        steps = text.counted(len(self.graph.steps), "step")
        if self.run is None:
            return f"{name}  {steps} · {_NO_RUN}"
        sign, _ = mark_of_status(self.run.status)
        when = text.local_time(self.run.started)
        told = f"{sign} {self.run.status.value}"
        said = text.one_line(self.run.message or "")
        return " · ".join(filter(None, [f"{name}  {steps}", told, when, said]))


def marks_of(story: Story) -> Mapping[StepName, Mark]:
    """The marks of the steps that were told of."""
    return {StepName(step): _mark(view) for (step, _), view in story.steps.items()}


def _mark(view: StepView) -> Mark:
    sign, _ = mark_of(view)
    reused = view.action == "reuse" and view.status.ended
    took = text.duration(None if reused else view.seconds)
    return Mark(
        state="reused" if reused else view.status.value,
        sign=sign,
        note=took or ("reused" if reused else ""),
        said=text.one_line(reason_of(view)),
    )


def _lines(graph: Graph, marks: Mapping[StepName, Mark]) -> list[str]:
    found = ((step, marks.get(step.name)) for step in graph.steps)
    return [
        f"{mark.sign if mark else '·'} {text.one_line(str(step.name), 60)}"
        + (f"  {mark.state} {mark.note}".rstrip() if mark else "")
        for step, mark in found
    ]


def show(notebook: str | Path | None = None) -> None:
    """Show the graph of a notebook (default: this one) with its latest run, live while that goes
    on.

    Raises:
        NotFound: there is no such file. NotebookError: it is no notebook that can be used.
        UsageError: the front end does not tell which notebook this is.
    """
    show_latest(*here.find(notebook))


def show_latest(project: "Project", path: Path, place: Place = displayed) -> None:
    """The same in some place. Raises: NotFound, NotebookError."""
    graph = project.inspect(path)
    latest = project.runs(limit=1, notebook=graph.notebook)
    run = project.status(latest[0].id) if latest else None
    story = Story() if run is None else story_of(run)
    show_living(project, _Picture(graph=graph, run=run, story=story).draw, place)
