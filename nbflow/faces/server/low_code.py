"""The answers that the gallery of steps asks for."""

from nbflow.faces import low_code
from nbflow.faces.server import documents
from nbflow.faces.server.calls import Call
from nbflow.faces.wire import Json


def recipes(call: Call) -> Json:
    """`GET recipes`."""
    return low_code.gallery(call.project.recipes(actor=call.actor))


def template(call: Call) -> Json:
    """`GET template`."""
    return low_code.template(call.project.template(actor=call.actor))


def draft(call: Call) -> Json:
    """`POST recipes/NAME`."""
    place = call.notebook()
    made = place.project.draft_cells(
        place.file,
        call.content,
        call.parts["name"],
        call.mapping("values"),
        below=call.text("cell", "") or None,
        actor=call.actor,
    )
    preview = documents.table(made.preview) if made.preview is not None else None
    return low_code.draft(made.written.cells, made.written.findings, preview)


def tables(call: Call) -> Json:
    """`POST tables`."""
    place = call.notebook()
    below = call.text("cell", "") or None
    found = place.project.tables_above(place.file, call.content, below=below, actor=call.actor)
    return low_code.tables(found)


def columns(call: Call) -> Json:
    """`POST columns`."""
    place = call.notebook()
    found = place.project.columns(
        place.file,
        call.content,
        file=call.text("file", ""),
        table=call.text("table", ""),
        actor=call.actor,
    )
    return documents.columns(found)
