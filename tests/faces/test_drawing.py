"""Pictures of the graph: well-formed, self-contained, nothing on top of something else."""

from itertools import combinations
from types import SimpleNamespace
from xml.etree import ElementTree

from nbflow.core.graph import Graph
from nbflow.faces.drawing import mermaid, svg

NS = "{http://www.w3.org/2000/svg}"


def test_mermaid_names_the_edges_and_dashes_doubt(shop: Graph) -> None:
    assert mermaid(shop) == (
        "flowchart TD\n"
        '  s0["sales (cell 3)"]\n'
        '  s1["returns (cell 4)"]\n'
        '  s2["metrics (cell 5)"]\n'
        '  s3["dashboard (cell 6)"]\n'
        '  s4["report (cell 8)"]\n'
        '  s0 -->|"sales"| s1\n'
        '  s0 -->|"sales"| s2\n'
        '  s1 -->|"returns"| s2\n'
        '  s2 -->|"metrics"| s3\n'
        '  s2 -->|"metrics"| s4\n'
        '  s3 -.->|"metrics?"| s4\n'
    )


def test_c57_hostile_names_stay_text(make: SimpleNamespace) -> None:
    name = '"]; click s0 "javascript:1" <script>&\x00\u202e 🛒'
    graph = make.graph((make.step(name, 1), make.step("b", 2)), (make.edge(1, 2, "</text><a>"),))
    drawn = mermaid(graph)
    assert "<script>" not in drawn
    assert drawn.count('"]') == 2
    root = ElementTree.fromstring(svg(graph))
    assert {each.tag.removeprefix(NS) for each in root.iter()} <= {
        "svg", "title", "style", "defs", "marker", "path", "rect", "g", "text",
    }  # fmt: skip


def test_svg_is_self_contained_ascii(shop: Graph) -> None:
    drawn = svg(shop)
    assert drawn.isascii()
    assert drawn.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") == 0
    for foreign in ("<script", "@import", "href", "url(http"):
        assert foreign not in drawn


def test_svg_has_every_step_and_edge_and_no_two_boxes_overlap(shop: Graph) -> None:
    root = ElementTree.fromstring(svg(shop))
    groups = root.findall(f"{NS}g")
    boxes = [group.find(f"{NS}rect") for group in groups]
    places = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in boxes
        if box is not None
    ]
    assert len(places) == len(shop.steps)
    assert len(groups) - len(places) == len(shop.edges)
    for (x, y, width, height), (left, top, wide, high) in combinations(places, 2):
        assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_an_empty_notebook_is_an_empty_picture(make: SimpleNamespace) -> None:
    graph = make.graph((), ())
    assert ElementTree.fromstring(svg(graph)).find(f"{NS}g") is None
    assert mermaid(graph) == "flowchart TD\n"
