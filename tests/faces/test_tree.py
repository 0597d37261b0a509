"""The graph as a tree: every step once, where a reader would look for it."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.graph import Edge, Graph
from nbflow.core.step import StepId
from nbflow.faces.tree import branches, causes, depths


def drawn(graph: Graph) -> list[str]:
    return [branch.stem + str(branch.step.name) for branch in branches(graph)]


def test_steps_stand_below_the_deepest_step_that_they_need(shop: Graph) -> None:
    assert drawn(shop) == [
        "sales",
        "└ returns",
        "  └ metrics",
        "    ├ dashboard",
        "    └ report",
    ]


def test_independent_steps_are_roots_in_notebook_order(make: SimpleNamespace) -> None:
    steps = (make.step("b", 2), make.step("a", 1), make.step("c", 3))
    assert drawn(make.graph(steps, (make.edge(1, 3, "a"),))) == ["a", "└ c", "b"]


def test_siblings_keep_their_bars(make: SimpleNamespace) -> None:
    steps = tuple(make.step(f"s{cell}", cell) for cell in range(1, 5))
    edges = (make.edge(1, 2, "a"), make.edge(2, 3, "b"), make.edge(1, 4, "a"))
    assert drawn(make.graph(steps, edges)) == ["s1", "├ s2", "│ └ s3", "└ s4"]


def test_a_long_chain_goes_straight_down(make: SimpleNamespace) -> None:
    steps = tuple(make.step(f"s{cell}", cell) for cell in range(1, 2001))
    edges = tuple(make.edge(cell, cell + 1, "x") for cell in range(1, 2000))
    lines = drawn(make.graph(steps, edges))
    assert lines[:4] == ["s1", "└ s2", "  ↓ s3"[2:], "↓ s4"]
    assert len(lines) == 2000
    assert max(map(len, lines)) == len("↓ s2000")


def test_a_circle_made_by_tags_is_still_drawn(make: SimpleNamespace) -> None:
    steps = (make.step("a", 1), make.step("b", 2))
    edges = (make.edge(1, 2, "a"), make.edge(2, 1, kind="tag"))
    assert drawn(make.graph(steps, edges)) == ["a", "└ b"]


def test_names_on_edges_tell_what_kind_they_are(make: SimpleNamespace) -> None:
    edges = [
        make.edge(1, 2, "df"),
        make.edge(1, 2, "model", certainty="may"),
        make.edge(1, 2, "@random", kind="ambient"),
        make.edge(1, 2, "file:out/a.csv", kind="file"),
        make.edge(1, 2, "file:*", kind="order"),
        make.edge(1, 2, kind="guard"),
        make.edge(1, 2, kind="tag"),
        make.edge(1, 2, kind="order"),
    ]
    shown = [causes([edge]) for edge in edges]
    assert shown == ["df", "model?", "@random", "out/a.csv", "files", "guard", "after", "order"]


@given(st.data())
def test_every_step_is_drawn_once_and_below_what_it_needs(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    pairs = st.tuples(st.integers(1, size), st.integers(1, size)).filter(lambda ab: ab[0] != ab[1])
    chosen = data.draw(st.lists(pairs, max_size=80))
    graph = _graph(size, chosen)
    lines = branches(graph)
    assert sorted(branch.step.id for branch in lines) == sorted(step.id for step in graph.steps)
    shown = [edge for branch in lines for edge in (*branch.edges, *branch.others)]
    assert sorted(map(repr, shown)) == sorted(map(repr, graph.edges))
    depth = depths(graph)
    for edge in graph.edges:
        if _cell(edge.writer) < _cell(edge.reader):
            assert depth[edge.writer] < depth[edge.reader]


def _cell(step: StepId) -> int:
    return int(step[1:])


def _graph(size: int, pairs: list[tuple[int, int]]) -> Graph:
    from nbflow.core.step import Step, StepName

    steps = tuple(
        Step(
            id=StepId(f"c{cell}"),
            name=StepName(f"s{cell}"),
            title=None,
            language="python",
            position=cell,
            cells=(),
            cell_indexes=(),
            sources=(),
        )
        for cell in range(1, size + 1)
    )
    edges = tuple(
        Edge(
            writer=StepId(f"c{writer}"),
            reader=StepId(f"c{reader}"),
            names=(),
            kind="tag",
            certainty="sure",
            from_line=None,
            to_line=None,
            because="",
        )
        for writer, reader in pairs
    )
    return Graph(notebook="a.ipynb", parameters=(), steps=steps, definitions=(), edges=edges)
