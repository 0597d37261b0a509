"""What only the server answers, as JSON: beside the documents of `faces/wire.py`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nbflow.core.diagnostic import Diagnostic
from nbflow.core.graph import Graph
from nbflow.core.notebook import Changes
from nbflow.core.run import Event, Run, StepResult
from nbflow.core.table import Column, TablePage
from nbflow.core.tag import TagKind
from nbflow.core.task import Blob
from nbflow.faces import wire
from nbflow.faces.wire import Json
from nbflow.project.timeline import Attempt

FEATURES: Final[Mapping[str, bool]] = {
    "runs": True,
    "recipes": True,
    "foreach": False,
    "approvals": False,
    "publications": False,
    "schedules": False,
    "share": False,
}
"""What this version can do; a panel hides the rest."""


def capabilities(version: str, *, has_files: bool = True) -> Json:
    """`GET capabilities`: where notebooks are no files, nothing can be done with them."""
    return {
        "version": version,
        "features": {name: able and has_files for name, able in FEATURES.items()},
    }


def tags(kinds: Iterable[TagKind]) -> Json:
    """`GET tags`."""
    return {"tags": [_tag(each) for each in kinds]}


def _tag(kind: TagKind) -> Json:
    return {
        "name": kind.name,
        "takes": kind.takes,
        "choices": list(kind.choices),
        "optional": kind.optional,
        "minimum": kind.minimum,
        "maximum": kind.maximum,
        "on": kind.on,
        "label": kind.label,
        "help": kind.help,
        "example": kind.example,
        "repeats": kind.repeats,
        "available": kind.available,
    }


def diagnostics(found: Iterable[Diagnostic]) -> Json:
    """`POST tags`."""
    return {"diagnostics": [wire.diagnostic(each) for each in found]}


def started(run: Run) -> Json:
    """`POST runs`, `POST runs/ID/resume`."""
    return {"run": run.id}


def durations(notebook: str, found: Mapping[str, Sequence[float]]) -> Json:
    """`GET durations`: how long each step took the last times, the latest last."""
    steps = [{"step": step, "seconds": list(seconds)} for step, seconds in found.items()]
    return {"notebook": notebook, "steps": steps}


def timeline(run: str, attempts: Iterable[Attempt]) -> Json:
    """`GET runs/ID/timeline`: when each attempt at a step waited and ran."""
    found = (
        {
            "step": each.step,
            "item": each.item,
            "number": each.number,
            "queued": each.queued,
            "started": each.started,
            "finished": each.finished,
            "status": each.status.value,
            "reused": each.reused,
        }
        for each in attempts
    )
    return {"run": run, "attempts": list(found)}


def changes(run: str, found: Changes) -> Json:
    """`POST runs/ID/changes`: the cells in which a notebook differs from what was run."""
    return {
        "run": run,
        "changed": list(found.changed),
        "added": list(found.added),
        "removed": list(found.removed),
    }


def logs(run: str, step: str | None, lines: Iterable[str]) -> Json:
    """`GET runs/ID/logs`, as the command line has it."""
    return {"run": run, "step": step, "lines": list(lines)}


def outputs(run: Run) -> Json:
    """`GET runs/ID/outputs`: every stored value, in the order of the steps."""
    found = [_output(step, blob, name) for step, blob, name in _stored(run.steps)]
    return {"run": run.id, "outputs": found}


def _stored(steps: Sequence[StepResult]) -> Iterable[tuple[StepResult, Blob, str]]:
    for step in steps:
        for blob in step.outputs:
            if blob.kind not in ("absent", "ambient"):
                yield from ((step, blob, name) for name in blob.names)


def _output(step: StepResult, blob: Blob, name: str) -> Json:
    return {
        "step": step.step,
        "name": name,
        "kind": blob.kind,
        "type": blob.type_of(name),
        "tabular": blob.is_tabular(name),
        "rows": blob.rows,
        "columns": blob.columns,
        "bytes": blob.bytes,
        "preview": blob.preview,
        "schema": [{"name": column, "type": type} for column, type in blob.schema],
    }


def table(page: TablePage) -> Json:
    """`GET runs/ID/outputs/NAME`, and the preview of a recipe."""
    return {
        "name": page.name,
        **columns(page.columns),
        "rows": [list(row) for row in page.rows],
        "total": page.total,
        "profile": [
            {
                "name": each.name,
                "nulls": each.nulls,
                "distinct": each.distinct,
                "min": each.min,
                "max": each.max,
            }
            for each in page.profile
        ],
        "text": page.text,
    }


def columns(found: Iterable[Column]) -> Json:
    """`POST columns`."""
    return {"columns": [{"name": each.name, "type": each.type} for each in found]}


def event(value: Event, notebook: str) -> Json:
    """A row of the stream: an event, and the notebook that it is about."""
    return {**wire.event(value), "notebook": notebook}


def result(run: Run, notebook: str, content: Mapping[str, Any]) -> Json:
    """`GET runs/ID/notebook`: the result notebook, as nbformat has it."""
    return {"run": run.id, "notebook": notebook, "content": dict(content)}


def run(value: Run) -> Json:
    """`GET runs/ID`: as `status` prints it."""
    return wire.run(value)


def runs(
    values: Iterable[Run],
    paths: Mapping[str, str | None],
    counts: Mapping[str, Mapping[str, int]],
) -> Json:
    """`GET runs`: runs without their steps, but how many of these stand how."""
    found = (
        {
            **wire.run_summary(each),
            "notebook": paths[each.notebook],
            "counts": dict(counts.get(each.id, {})),
        }
        for each in values
    )
    return {"runs": list(found)}


def opening(run: Run, step: StepResult) -> Json:
    """`GET runs/ID/steps/STEP/open`: code that brings what a step left into one's own kernel."""
    return _loading(run, {name: step.step for _, _, name in _stored([step])})


def opening_inputs(run: Run, graph: Graph, step: str) -> Json:
    """The same for what a step was given: of each name the version of the last step above it that
    hands it on."""
    names = {each.id: str(each.name) for each in graph.steps}
    stored = {(result.step, name) for result, _, name in _stored(run.steps)}
    order = {each.id: at for at, each in enumerate(graph.steps)}
    into = sorted(
        (edge for edge in graph.edges if names.get(edge.reader) == step and edge.kind == "data"),
        key=lambda edge: order[edge.writer],
    )
    given = {str(name): names[edge.writer] for edge in into for name in edge.names}
    return _loading(run, {name: by for name, by in given.items() if (by, name) in stored})


def _loading(run: Run, made_by: Mapping[str, str]) -> Json:
    found = {name: step for name, step in made_by.items() if name.isidentifier()}
    loads = [
        f"{name} = nbflow.load({name!r}, run={run.id!r}, step={step!r})"
        for name, step in found.items()
    ]
    return {"code": "\n".join(["import nbflow", "", *loads]), "names": list(found)}
