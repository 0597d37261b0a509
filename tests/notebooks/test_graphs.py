"""What each golden notebook's graph must say: what waits for what, and what must not.

`needs` is the truth of Run All: a step that does not come after all of these gives a wrong result.
`apart` is what the graph is for: these two have nothing to do with each other. Cells are named by
their ids; the facts lie in expected/NAME/graph.json and are written by hand.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_files import NAMES

from nbflow.core.graph import Graph
from nbflow.core.step import StepId
from nbflow.project import Project


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def facts(name: str, expected: Path) -> dict[str, Any]:
    text = (expected / name / "graph.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


@pytest.fixture
def graph(name: str, golden: Callable[[str], Path]) -> Graph:
    notebook = golden(name)
    return Project.find(notebook.parent).inspect(notebook, actor="test")


def test_there_is_no_finding_that_stops_the_run(graph: Graph) -> None:
    assert [d.message for d in graph.errors] == []


def test_it_does_not_need_one_lane(graph: Graph) -> None:
    assert graph.one_lane == ()


def test_definition_cells_are_no_steps(graph: Graph, facts: dict[str, Any]) -> None:
    assert set(facts["definitions"]) <= {d.cell for d in graph.definitions}
    assert set(facts["definitions"]).isdisjoint(step.id for step in graph.steps)


def test_every_other_code_cell_is_a_step(graph: Graph, facts: dict[str, Any]) -> None:
    cells = {cell for step in graph.steps for cell in step.cells}
    assert set(facts["needs"]) <= cells | {d.cell for d in graph.definitions}


def test_steps_come_after_all_that_they_need(graph: Graph, facts: dict[str, Any]) -> None:
    steps = {step.id for step in graph.steps}
    too_early = {
        reader: missing
        for reader, writers in facts["needs"].items()
        if reader in steps
        and (missing := (set(writers) & steps) - graph.ancestors([StepId(reader)]))
    }
    assert too_early == {}


def test_independent_steps_do_not_wait_for_each_other(graph: Graph, facts: dict[str, Any]) -> None:
    ordered = [
        (one, other)
        for one, other in facts["apart"]
        if one in graph.ancestors([StepId(other)]) or other in graph.ancestors([StepId(one)])
    ]
    assert ordered == []


def test_parameters_are_typed(graph: Graph, facts: dict[str, Any]) -> None:
    assert {p.name: p.type for p in graph.parameters} == facts["parameters"]


def test_steps_know_the_parameters_that_they_read(graph: Graph, facts: dict[str, Any]) -> None:
    read = {step.id: sorted(step.parameters) for step in graph.steps}
    assert {cell: read[StepId(cell)] for cell in facts["parameters_read"]} == facts[
        "parameters_read"
    ]


def test_sql_cells_are_known_as_such(graph: Graph, facts: dict[str, Any]) -> None:
    assert {step.id for step in graph.steps if step.language == "sql"} == set(facts["sql"])


def test_steps_are_named_as_people_expect(graph: Graph, facts: dict[str, Any]) -> None:
    names = {step.id: step.name for step in graph.steps}
    assert {cell: names[StepId(cell)] for cell in facts["names"]} == facts["names"]


def test_no_step_waits_for_itself_or_for_a_later_one(graph: Graph) -> None:
    position = {step.id: step.position for step in graph.steps}
    assert all(position[edge.writer] < position[edge.reader] for edge in graph.edges)
