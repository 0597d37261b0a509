"""The author's word: `# nbflow: pure`."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from simulator import notebook_of

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.analysis.trust import is_trusted, mark_trusted
from nbflow.core.graph import Graph, Learned
from nbflow.core.names import Name
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import StepId


def trusted(source: str) -> list[str]:
    tree = ast.parse(source)
    mark_trusted(tree, source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(ast.unparse(node.func) for node in calls if is_trusted(node))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = f(g(x))  # nbflow: pure", ["f", "g"]),
        ("y = f(x)", []),
        ("y = f(x)  #nbflow:pure because I read it", ["f"]),
        ("y = f(x)  # nbflow: purely", []),
        ("y = f('# nbflow: pure')", []),
        ("y = f(\n    x,\n)  # nbflow: pure\nz = g(x)", ["f"]),
        ("# nbflow: pure\ny = f(x)", []),
        ("for i in f(x):  # nbflow: pure\n    g(i)", ["f"]),
        ("for i in f(x):\n    g(i)  # nbflow: pure", ["g"]),
        ("if f(x):\n    pass\nelse:\n    g(x)  # nbflow: pure", ["g"]),
        ("match f(x):  # nbflow: pure\n    case 1:\n        g(x)", ["f"]),
        ("def h(x):  # nbflow: pure\n    return f(g(x))", ["f", "g"]),
        ("a = f(x); b = g(x)  # nbflow: pure", ["f", "g"]),
        ("y = [f(v) for v in xs]  # nbflow: pure", ["f"]),
    ],
)
def test_a_comment_speaks_of_its_statement(source: str, expected: list[str]) -> None:
    assert trusted(source) == expected


def linked(*sources: str) -> Graph:
    notebook = notebook_of([*sources])
    return link(notebook, read_cells(notebook), {})


def waits(graph: Graph) -> set[tuple[str, str]]:
    return {(edge.writer, edge.reader) for edge in graph.edges}


HEAD = "import wordcloud as stranger"


@pytest.mark.parametrize(
    "call",
    [
        "n = stranger.look(xs)",
        "stranger.look(xs)",
        "n = stranger.Thing().look(xs).there",
        "n = [stranger.look(x) for x in xs]",
        "n = by_notebook(xs)",
    ],
)
def test_the_comment_takes_away_what_an_unknown_call_may_do(call: str) -> None:
    sources = [HEAD, "def by_notebook(v):\n    return stranger.look(v)", "xs = [[1]]"]
    before = linked(*sources, call, "print(xs)")
    assert before.one_lane or ("c3", "c4") in waits(before)
    after = linked(*sources, f"{call}  # nbflow: pure", "print(xs)")
    assert not after.one_lane
    assert ("c3", "c4") not in waits(after)


def test_what_it_gives_is_new() -> None:
    after = linked(HEAD, "xs = [1]", "ys = stranger.pick(xs)  # nbflow: pure", "ys.append(1)", "xs")
    assert waits(after) == {("c1", "c2"), ("c2", "c3"), ("c1", "c4")}


def test_visible_changes_are_not_talked_away() -> None:
    after = linked(HEAD, "xs = [1]", "xs.append(2)  # nbflow: pure", "print(xs)")
    assert ("c2", "c3") in waits(after)


def test_a_function_that_is_vouched_for() -> None:
    sources = [
        "def look(v):  # nbflow: pure\n    return stranger.look(v)",
        "xs = [1]",
        "n = look(xs)",
    ]
    assert ("c3", "c4") not in waits(linked(HEAD, *sources, "print(xs)"))


def test_a_run_that_saw_a_change_contradicts_the_author() -> None:
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate([HEAD, "xs = [1]", "n = stranger.look(xs)  # nbflow: pure"])
    )
    notebook = Notebook(path="n.ipynb", cells=cells)
    seen = Learned(step=StepId("c2"), name=Name("xs"), what="writes", reason="seen")
    graph = link(notebook, read_cells(notebook), {}, learned=[seen])
    (finding,) = [one for one in graph.diagnostics if one.code == "not-pure"]
    assert (finding.place.cell_index, finding.place.line) == (2, 1)
    assert "`xs`" in finding.message
