"""The one table of routes: method, address, what one must be allowed to do, and the answer.

An answer is a function of the call; it may block, it is carried out beside the event loop. It
returns the document, or None where there is nothing to say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from nbflow import __version__
from nbflow.core.errors import NotFound
from nbflow.faces import wire
from nbflow.faces.server import documents, low_code
from nbflow.faces.server.calls import Call
from nbflow.faces.wire import Json

Method = Literal["GET", "POST", "DELETE"]
Action = Literal["read", "write", "execute"]
Answer = Callable[[Call], Json | None]

_RUN: Final = r"(?P<run>[0-9a-f-]{1,36}|latest)"
_NAME: Final = r"(?P<name>[^/]+)"
_STEP: Final = r"(?P<step>[^/]+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`path` is a pattern below `/nbflow/api/`; `status` is that of an answer that went well.
    `thinks`: a notebook has to be understood for it, which may take long."""

    method: Method
    path: str
    action: Action
    answer: Answer
    status: int = 200
    thinks: bool = False


def _capabilities(call: Call) -> Json:
    return documents.capabilities(__version__, has_files=call.places.has_files)


def _graph(call: Call) -> Json:
    place = call.notebook()
    graph = place.project.inspect_draft(place.file, call.content, actor=call.actor)
    return call.named(wire.graph(graph))


def _plan(call: Call) -> Json:
    place = call.notebook()
    made = place.project.plan(
        place.file,
        parameters=call.mapping("parameters"),
        choices=call.choices(),
        actor=call.actor,
    )
    return call.named(wire.plan(made))


def _tags(call: Call) -> Json:
    return documents.tags(call.project.tags(actor=call.actor))


def _check_tags(call: Call) -> Json:
    place = call.notebook()
    found = place.project.check_tags(
        place.file, call.content, call.text("cell"), call.texts("tags"), actor=call.actor
    )
    return documents.diagnostics(found)


def _start(call: Call) -> Json:
    place = call.notebook()
    started = place.project.start(
        place.file,
        parameters=call.mapping("parameters"),
        choices=call.choices(),
        jobs=call.number("jobs", None, least=1),
        actor=call.actor,
    )
    return documents.started(started)


def _resume(call: Call) -> Json:
    started = call.project.start_resume(
        call.seen_run().id,
        latest_code=call.flag("latest_code"),
        jobs=call.number("jobs", None, least=1),
        actor=call.actor,
    )
    return documents.started(started)


def _runs(call: Call) -> Json:
    place, project = call.place, call.project
    one = None if call.flag("project") or not call.text("path", "") else place.identity
    found = project.runs(
        limit=call.number("limit", 50, least=1) or 50, notebook=one, actor=call.actor
    )
    paths = {run.notebook: call.places.path_of(project, run.notebook) for run in found}
    shown = [run for run in found if paths[run.notebook] is not None]
    return documents.runs(shown, paths, project.counts(shown, actor=call.actor))


def _durations(call: Call) -> Json:
    place = call.notebook()
    found = place.project.durations(place.identity, actor=call.actor)
    return documents.durations(call.text("path").strip("/"), found)


def _run(call: Call) -> Json:
    return call.named(documents.run(call.seen_run()))


def _cancel(call: Call) -> Json:
    stopped = call.project.cancel(call.seen_run().id, actor=call.actor)
    return call.named(documents.run(stopped))


def _forget(call: Call) -> None:
    call.project.forget(call.seen_run().id, actor=call.actor)


def _keep(call: Call) -> Json:
    kept = call.project.keep(
        call.seen_run().id, kept=call.flag("kept"), label=call.text("label", ""), actor=call.actor
    )
    return call.named(documents.run(kept))


def _changes(call: Call) -> Json:
    run = call.seen_run()
    found = call.project.changes_since(run.id, call.content, actor=call.actor)
    return documents.changes(run.id, found)


def _timeline(call: Call) -> Json:
    run = call.seen_run()
    return documents.timeline(run.id, call.project.timeline(run.id, actor=call.actor))


def _graph_of(call: Call) -> Json:
    return call.named(wire.graph(call.project.graph_of(call.seen_run().id, actor=call.actor)))


def _result(call: Call) -> Json:
    run = call.seen_run()
    content = call.project.result(run.id, actor=call.actor)
    return documents.result(run, call.path_of(run.notebook), content)


def _logs(call: Call) -> Json:
    run, step = call.seen_run(), call.text("step", "") or None
    lines = call.project.logs(run.id, step, actor=call.actor)
    return documents.logs(run.id, step, (line.rstrip("\n") for line in lines))


def _why(call: Call) -> Json:
    return wire.why(call.project.why(call.seen_run().id, call.text("step"), actor=call.actor))


def _diff(call: Call) -> Json:
    made = call.project.diff(call.text("before"), call.text("after"), actor=call.actor)
    return call.named(wire.difference(made))


def _outputs(call: Call) -> Json:
    return documents.outputs(call.seen_run())


def _output(call: Call) -> Json:
    page = call.project.page(
        call.seen_run().id,
        call.parts["name"],
        offset=call.number("offset", 0) or 0,
        limit=call.number("limit", 100) or 0,
        profile=call.flag("profile"),
        actor=call.actor,
    )
    return documents.table(page)


def _open(call: Call) -> Json:
    run, wanted = call.seen_run(), call.parts["step"]
    step = next((each for each in run.steps if each.step == wanted), None)
    if step is None:
        raise NotFound(f"run {run.id} has no step `{wanted}`")
    if call.flag("inputs"):
        graph = call.project.graph_of(run.id, actor=call.actor)
        return documents.opening_inputs(run, graph, wanted)
    return documents.opening(run, step)


ROUTES: Final = (
    Route(method="GET", path="capabilities", action="read", answer=_capabilities),
    Route(method="POST", path="graph", action="read", answer=_graph, thinks=True),
    Route(method="POST", path="plan", action="read", answer=_plan, thinks=True),
    Route(method="GET", path="tags", action="read", answer=_tags),
    Route(method="POST", path="tags", action="read", answer=_check_tags, thinks=True),
    Route(method="GET", path="recipes", action="read", answer=low_code.recipes),
    # A preview carries out a query that may be anybody's text, and reads the file that it names.
    Route(
        method="POST", path=f"recipes/{_NAME}", action="execute", answer=low_code.draft, thinks=True
    ),
    Route(method="GET", path="template", action="read", answer=low_code.template),
    Route(method="POST", path="tables", action="read", answer=low_code.tables, thinks=True),
    Route(method="POST", path="columns", action="execute", answer=low_code.columns, thinks=True),
    Route(method="GET", path="runs", action="read", answer=_runs),
    Route(method="POST", path="runs", action="execute", answer=_start, status=202, thinks=True),
    Route(method="GET", path="durations", action="read", answer=_durations),
    Route(method="GET", path="runs/diff", action="read", answer=_diff),
    Route(method="GET", path=f"runs/{_RUN}", action="read", answer=_run),
    Route(method="DELETE", path=f"runs/{_RUN}", action="write", answer=_forget, status=204),
    Route(method="POST", path=f"runs/{_RUN}/cancel", action="execute", answer=_cancel),
    Route(
        method="POST",
        path=f"runs/{_RUN}/resume",
        action="execute",
        answer=_resume,
        status=202,
        thinks=True,
    ),
    Route(method="POST", path=f"runs/{_RUN}/keep", action="write", answer=_keep),
    Route(method="POST", path=f"runs/{_RUN}/changes", action="read", answer=_changes, thinks=True),
    Route(method="GET", path=f"runs/{_RUN}/timeline", action="read", answer=_timeline),
    Route(method="GET", path=f"runs/{_RUN}/graph", action="read", answer=_graph_of, thinks=True),
    Route(method="GET", path=f"runs/{_RUN}/notebook", action="read", answer=_result),
    Route(method="GET", path=f"runs/{_RUN}/logs", action="read", answer=_logs),
    Route(method="GET", path=f"runs/{_RUN}/why", action="read", answer=_why),
    Route(method="GET", path=f"runs/{_RUN}/outputs", action="read", answer=_outputs),
    Route(method="GET", path=f"runs/{_RUN}/outputs/{_NAME}", action="read", answer=_output),
    Route(
        method="GET",
        path=f"runs/{_RUN}/steps/{_STEP}/open",
        action="read",
        answer=_open,
        thinks=True,
    ),
)
"""Every route but the stream of events (`stream.py`)."""
