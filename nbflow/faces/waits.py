"""`show --why`: for which reasons one step waits for another, line by line."""

from collections.abc import Iterator

from rich.text import Text

from nbflow.core.graph import Edge, Graph
from nbflow.core.step import Step, StepId
from nbflow.faces import text
from nbflow.faces.wire import Json, edge

_DISAGREE = {
    "may": "if that call changes nothing, end its line with `# nbflow: pure`",
    "learned": "a run has seen this, though the text does not show it",
}


def why_lines(graph: Graph, upper: Step, lower: Step) -> list[Text]:
    """Sentences about the way from one step to another."""
    way = graph.path(upper.id, lower.id)
    if not way:
        return [Text(one) for one in _apart(upper, lower)]
    lines = [Text(f"`{lower.name}` waits for `{upper.name}`" + ("" if len(way) == 1 else ":"))]
    names = {step.id: step for step in graph.steps}
    for one in way:
        lines += [Text(), *_edge_lines(one, names)]
    return lines


def why_document(graph: Graph, upper: Step, lower: Step) -> Json:
    """The same as a document."""
    way = graph.path(upper.id, lower.id)
    names = {step.id: step.name for step in graph.steps}
    return {
        "notebook": graph.notebook,
        "from": upper.name,
        "to": lower.name,
        "waits": bool(way),
        "path": [edge(one, names) for one in way],
        "message": " ".join(line.plain for line in why_lines(graph, upper, lower) if line.plain),
    }


def _edge_lines(one: Edge, steps: dict[StepId, Step]) -> Iterator[Text]:
    writer, reader = steps[one.writer], steps[one.reader]
    yield Text(f"  {writer.name} → {reader.name}  ({one.kind}, {one.certainty})", "bold")
    yield Text(f"    {text.visible(one.because)}")
    for step, line in ((writer, one.from_line), (reader, one.to_line)):
        shown = _source_line(step, line)
        if shown is not None:
            yield Text(f"      cell {step.cell_indexes[0] + 1} line {line} │ {shown}", "dim")
    if one.kind == "data" and one.certainty in _DISAGREE:
        yield Text(f"    {_DISAGREE[one.certainty]}", "dim")


def _source_line(step: Step, line: int | None) -> str | None:
    """The line of a step of one cell; which cell of several it stands in, the sentence says."""
    if line is None or len(step.sources) != 1:
        return None
    lines = step.sources[0].splitlines()
    return text.one_line(lines[line - 1], 100) if 0 < line <= len(lines) else None


def _apart(upper: Step, lower: Step) -> Iterator[str]:
    if upper.id == lower.id:
        yield f"`{upper.name}` is one step: it does not wait for itself"
        return
    yield f"`{lower.name}` does not wait for `{upper.name}`: nothing that it needs comes from there"
    spared = [name for name in upper.spared if name in lower.reads]
    if spared:
        names = text.listed([f"`{name}`" for name in spared])
        yield f"  by its text `{upper.name}` might change {names}; runs have shown that it does not"
    yield f"  if it has to wait, tag it `after:{upper.name}`"
