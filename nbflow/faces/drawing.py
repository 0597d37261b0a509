"""The graph as a picture: Mermaid text, or one self-contained SVG.

The SVG is a plain layered drawing: a step stands one layer below the deepest step that it waits
for; within a layer steps are ordered by where their neighbours stand; an edge over several layers
goes through a free place in each. No script, no font, no address outside the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from nbflow.core.graph import Edge, Graph
from nbflow.core.step import Step, StepId, StepName
from nbflow.faces.text import one_line
from nbflow.faces.tree import causes, depths, is_firm

_SWEEPS: Final = 4  # more passes hardly move anything in graphs of a notebook's size
_LETTER: Final = 7.4  # width of a letter at 13 px; a wide one (CJK, emoji) counts twice
_NODE_HEIGHT: Final = 44
_LAYER_HEIGHT: Final = 104
_GAP: Final = 28
_MARGIN: Final = 24
# Everything is below `.nbflow`: set into a page, the picture must not restyle its neighbours.
_STYLE: Final = (
    ".nbflow text{font:13px ui-sans-serif,system-ui,sans-serif;fill:#1f2328;text-anchor:middle}"
    ".nbflow .small{font-size:11px;fill:#656d76}"
    ".nbflow .label{font-size:11px;fill:#656d76;stroke:#fff;stroke-width:4px;paint-order:stroke}"
    ".nbflow .step rect{fill:#f6f8fa;stroke:#8c959f}"
    ".nbflow .sql rect{fill:#ddf4ff;stroke:#54aeff}"
    ".nbflow path{fill:none;stroke:#8c959f;stroke-width:1.4}.nbflow .may{stroke-dasharray:4 4}"
    ".nbflow marker path{fill:#8c959f;stroke:none}"
)

_MARK_COLUMNS: Final = 16

# In Jupyter (and VS Code) the page says which colours it has; elsewhere the usual ones hold.
_THEMED: Final = _STYLE + (
    ".nbflow .paper{fill:none}"
    ".nbflow text{fill:var(--jp-ui-font-color1,var(--vscode-foreground,#1f2328))}"
    ".nbflow .small,.nbflow .label"
    "{fill:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#656d76))}"
    ".nbflow .label{stroke:var(--jp-layout-color0,var(--vscode-editor-background,#fff))}"
    ".nbflow .step rect{fill:var(--jp-layout-color1,var(--vscode-editorWidget-background,#f6f8fa));"
    "stroke:var(--jp-border-color1,var(--vscode-widget-border,#8c959f))}"
    ".nbflow path{stroke:var(--jp-border-color0,#8c959f)}"
    ".nbflow .sql rect{stroke:var(--jp-info-color1,#54aeff)}"
    ".nbflow .running rect{stroke:var(--jp-brand-color1,#0969da);stroke-width:2.4}"
    ".nbflow .succeeded rect,.nbflow .reused rect{stroke:var(--jp-success-color1,#1a7f37)}"
    ".nbflow .reused rect{stroke-dasharray:2 2}"
    ".nbflow .failed rect,.nbflow .lost rect"
    "{stroke:var(--jp-error-color1,#cf222e);stroke-width:2.4}"
    ".nbflow .waiting rect{stroke:var(--jp-warn-color1,#bf8700)}"
    ".nbflow .skipped,.nbflow .cancelled,.nbflow .queued{opacity:.65}"
)


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart; dashed where an edge is only a may-edge or an order."""
    numbers = {step.id: f"s{at}" for at, step in enumerate(graph.steps)}
    lines = ["flowchart TD"]
    lines += [f'  {numbers[step.id]}["{_entity(_title(step))}"]' for step in graph.steps]
    for (writer, reader), edges in _bundles(graph).items():
        arrow = "-->" if _is_firm(edges) else "-.->"
        label = _entity(one_line(causes(edges), 60))
        lines.append(f'  {numbers[writer]} {arrow}|"{label}"| {numbers[reader]}')
    return "\n".join(lines) + "\n"


def _title(step: Step) -> str:
    return f"{one_line(str(step.name), 60)} ({cell_numbers(step)})"


def cell_numbers(step: Step) -> str:
    """Which cells make the step, counted from 1: `cell 4`, `cells 4, 5`."""
    numbers = ", ".join(str(index + 1) for index in step.cell_indexes)
    return f"cell{'s' if len(step.cell_indexes) > 1 else ''} {numbers}"


def _entity(words: str) -> str:
    """Mermaid reads markup in quoted text; `#60;` is its escape of `<`.

    >>> _entity('a "b" <c>')
    'a #34;b#34; #60;c#62;'
    """
    return "".join(f"#{ord(each)};" if each in '"#<>&;`{}|\\' else each for each in words)


def _bundles(graph: Graph) -> dict[tuple[StepId, StepId], list[Edge]]:
    """Edges between the same two steps are drawn as one."""
    known = {step.id for step in graph.steps}
    found: dict[tuple[StepId, StepId], list[Edge]] = {}
    for edge in graph.edges:
        if edge.writer in known and edge.reader in known:
            found.setdefault((edge.writer, edge.reader), []).append(edge)
    return found


def _is_firm(edges: Sequence[Edge]) -> bool:
    return any(map(is_firm, edges))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a step stands: a state's word, its sign, a short note beside it (a time, rows), and what
    else there is to say."""

    state: str
    sign: str
    note: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """The middle of a node, or of a free place that a long edge goes through."""

    x: float
    y: float
    width: float


_Seat = tuple[StepId, StepId | None, int]
"""What sits in a layer: (step, None, layer), or (writer, reader, layer) of a long edge."""


def svg(graph: Graph, marks: Mapping[StepName, Mark] | None = None, *, themed: bool = False) -> str:
    """The graph as an SVG document, pure ASCII.

    `marks` shows how steps stand; a picture with marks keeps its measures while these change.
    `themed` takes the colours of the page that it is set into, where that is Jupyter's.
    """
    steps = {step.id: step for step in graph.steps}
    bundles = _bundles(graph)
    layers, chains = _seats(graph, bundles)
    nodes = [(step.id, None, layer) for step, layer in _placed(graph)]
    room = 0 if marks is None else _MARK_COLUMNS
    spots = _spots(_ordered(layers, chains), _widths(nodes, chains, bundles, steps, room))
    width = max((spot.x + spot.width / 2 for spot in spots.values()), default=0) + _MARGIN
    height = max((spot.y for spot in spots.values()), default=0) + _NODE_HEIGHT / 2 + _MARGIN
    body = [_edge_svg(bundles[pair], chain, spots, steps) for pair, chain in chains.items()]
    body += [
        _node_svg(step, spots[(step.id, None, layer)], (marks or {}).get(step.name))
        for step, layer in _placed(graph)
    ]
    return _page(graph, width, height, body, _THEMED if themed else _STYLE)


def _placed(graph: Graph) -> list[tuple[Step, int]]:
    layer = depths(graph)
    return [(step, layer[step.id]) for step in graph.steps]


def _seats(
    graph: Graph, bundles: Mapping[tuple[StepId, StepId], list[Edge]]
) -> tuple[list[list[_Seat]], dict[tuple[StepId, StepId], list[_Seat]]]:
    depth = depths(graph)
    layers: list[list[_Seat]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for step in graph.steps:
        layers[depth[step.id]].append((step.id, None, depth[step.id]))
    chains: dict[tuple[StepId, StepId], list[_Seat]] = {}
    for writer, reader in bundles:
        between: list[_Seat] = [
            (writer, reader, at) for at in range(depth[writer] + 1, depth[reader])
        ]
        for seat in between:
            layers[seat[2]].append(seat)
        ends: tuple[_Seat, _Seat] = ((writer, None, depth[writer]), (reader, None, depth[reader]))
        chains[(writer, reader)] = [ends[0], *between, ends[1]]
    return layers, chains


def _ordered(
    layers: list[list[_Seat]], chains: Mapping[tuple[StepId, StepId], list[_Seat]]
) -> list[list[_Seat]]:
    """Each layer sorted by the mean place of its neighbours above, then below, a few times."""
    up: dict[_Seat, list[_Seat]] = {}
    down: dict[_Seat, list[_Seat]] = {}
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            up.setdefault(lower, []).append(upper)
            down.setdefault(upper, []).append(lower)
    for sweep in range(_SWEEPS):
        neighbours = down if sweep % 2 else up
        order = reversed(layers) if sweep % 2 else iter(layers)
        places = {seat: at for layer in layers for at, seat in enumerate(layer)}
        for layer in order:
            layer.sort(key=lambda seat: _mean(seat, neighbours, places))
            places.update((seat, at) for at, seat in enumerate(layer))
    return layers


def _mean(
    seat: _Seat, neighbours: Mapping[_Seat, list[_Seat]], places: Mapping[_Seat, int]
) -> float:
    near = neighbours.get(seat, [])
    return sum(places[each] for each in near) / len(near) if near else places[seat]


def _spots(layers: list[list[_Seat]], widths: Mapping[_Seat, float]) -> dict[_Seat, _Spot]:
    totals = [sum(widths[seat] + _GAP for seat in layer) - _GAP for layer in layers]
    widest = max(totals, default=0)
    spots: dict[_Seat, _Spot] = {}
    for level, (layer, total) in enumerate(zip(layers, totals, strict=True)):
        x = _MARGIN + (widest - total) / 2
        y = _MARGIN + _NODE_HEIGHT / 2 + level * _LAYER_HEIGHT
        for seat in layer:
            spots[seat] = _Spot(x=x + widths[seat] / 2, y=y, width=widths[seat])
            x += widths[seat] + _GAP
    return spots


def _widths(
    nodes: Iterable[_Seat],
    chains: Mapping[tuple[StepId, StepId], list[_Seat]],
    bundles: Mapping[tuple[StepId, StepId], list[Edge]],
    steps: Mapping[StepId, Step],
    room: int,
) -> dict[_Seat, float]:
    """A step is as wide as its text; of a long edge's places the middle one holds the label."""
    widths: dict[_Seat, float] = {seat: _GAP for chain in chains.values() for seat in chain}
    for pair, chain in chains.items():
        if len(chain) > 2:
            label = _columns(_edge_name(bundles[pair])) * _LETTER * 0.85
            widths[chain[len(chain) // 2]] = max(_GAP, label)
    return widths | {seat: _node_width(steps[seat[0]], room) for seat in nodes}


def _node_width(step: Step, room: int) -> float:
    return 24 + _LETTER * max(
        _columns(_node_name(step)), (_columns(_node_note(step)) + room) * 0.85
    )


def _edge_name(edges: Sequence[Edge]) -> str:
    return one_line(causes(edges), 32)


def _columns(words: str) -> int:
    return sum(2 if ord(each) > 0x10FF else 1 for each in words)


def _node_name(step: Step) -> str:
    return one_line(str(step.name), 40)


def _node_note(step: Step) -> str:
    language = "" if step.language == "python" else f" · {step.language}"
    return cell_numbers(step) + language


def _node_svg(step: Step, spot: _Spot, mark: Mark | None) -> str:
    left, top = spot.x - spot.width / 2, spot.y - _NODE_HEIGHT / 2
    kind = "step sql" if step.language == "sql" else "step"
    note, said = _node_note(step), step.title or str(step.name)
    if mark is not None:
        kind = f"{kind} {mark.state}"
        note = f"{note} · {one_line(f'{mark.sign} {mark.note}', _MARK_COLUMNS)}"
        said = f"{said}: {mark.state} {mark.said}".rstrip()
    return (
        f'<g class="{kind}"><title>{_xml(said)}</title>'
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{spot.width:.0f}" '
        f'height="{_NODE_HEIGHT}" rx="7"/>'
        f'<text x="{spot.x:.0f}" y="{spot.y - 3:.0f}">{_xml(_node_name(step))}</text>'
        f'<text class="small" x="{spot.x:.0f}" y="{spot.y + 14:.0f}">'
        f"{_xml(note)}</text></g>"
    )


def _edge_svg(
    edges: Sequence[Edge],
    chain: Sequence[_Seat],
    spots: Mapping[_Seat, _Spot],
    steps: Mapping[StepId, Step],
) -> str:
    points = [spots[seat] for seat in chain]
    dashed = "" if _is_firm(edges) else ' class="may"'
    x, y = _label_place(points)
    why = "; ".join(dict.fromkeys(edge.because for edge in edges))
    names = f"{steps[edges[0].writer].name} to {steps[edges[0].reader].name}"
    return (
        f"<g><title>{_xml(f'{names}: {why}')}</title>"
        f'<path{dashed} d="{_curve(points)}" marker-end="url(#nbflow-arrow)"/>'
        f'<text class="label" x="{x:.0f}" y="{y:.0f}">'
        f"{_xml(_edge_name(edges))}</text></g>"
    )


def _label_place(points: Sequence[_Spot]) -> tuple[float, float]:
    """Half way, or in the free place that was kept for it."""
    middle = len(points) // 2
    if len(points) > 2:
        return points[middle].x, points[middle].y + 4
    return (points[0].x + points[1].x) / 2, (points[0].y + points[1].y) / 2 + 4


def _curve(points: Sequence[_Spot]) -> str:
    half = _NODE_HEIGHT / 2
    parts = [f"M{points[0].x:.0f} {points[0].y + half:.0f}"]
    for at, (upper, lower) in enumerate(pairwise(points)):
        start = upper.y + (half if at == 0 else 0)
        end = lower.y - (half + 3 if at == len(points) - 2 else 0)
        middle = (start + end) / 2
        parts.append(
            f"C{upper.x:.0f} {middle:.0f} {lower.x:.0f} {middle:.0f} {lower.x:.0f} {end:.0f}"
        )
    return " ".join(parts)


def _page(graph: Graph, width: float, height: float, body: Sequence[str], style: str) -> str:
    title = _xml(f"Steps of {graph.notebook}")
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="nbflow" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"<title>{title}</title><style>{style}</style>"
        '<defs><marker id="nbflow-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        '<rect class="paper" width="100%" height="100%" fill="#fff"/>'
    )
    return "\n".join([head, *body, "</svg>"]) + "\n"


def _xml(words: str) -> str:
    r"""Text for XML, with what XML cannot hold shown as an escape.

    >>> _xml("a < \x00 é")
    'a &lt; \\x00 &#233;'
    """
    shown = one_line(words, 300)
    return escape(shown).encode("ascii", "xmlcharrefreplace").decode()
