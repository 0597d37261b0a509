"""A run gives what Run All gives: shown on small traps and on random notebooks, without kernels.

Everything is compared: what each cell prints, its error, and the final value of each name.
"""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from grammar import Writer
from rewriting import reformatted, renamed_locals, with_comments
from simulator import Refused, differences, graph_of, parses
from traps import Trap, traps

from nbflow.core.graph import Graph

TRAPS = {trap.name: trap for trap in traps()}

REFUSED = {
    "static counter in a closure class": "a class made in a function travels nowhere",
    "class and instance in one cell": "a step does not say which classes it defines",
    "step that wants two versions of a name": "split-step",
    "step that wants its own and another's version": "split-step",
    "step that wants two versions of a function": "split-step",
    "step seen between its writes": "split-step",
}
"""Traps that stop before or in the run, or fall back to one lane: never wrong, but not done."""


# Notebooks leave files open; what they are warned of is theirs.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
def test_a_workflow_shows_what_run_all_shows(trap: Trap) -> None:
    if trap.name in REFUSED:
        with pytest.raises(Refused):
            differences(trap.sources, trap.tags, injected=trap.injected)
    else:
        assert differences(trap.sources, trap.tags, injected=trap.injected) == []


@st.composite
def notebooks(draw: st.DrawFn) -> list[str]:
    """Random notebooks of 5–11 cells."""

    def choose(options: Any) -> Any:
        return options[draw(st.integers(0, len(options) - 1))]

    sources = Writer(choose).notebook()
    assume(all(parses(source) for source in sources))
    return sources


def _holds(sources: list[str], *, after_run: bool = False) -> bool:
    try:
        return differences(sources, after_run=after_run) == []
    except Refused:
        return True


@settings(max_examples=100)
@given(notebooks())
def test_random_notebooks_run_as_run_all(sources: list[str]) -> None:
    assert _holds(sources)


@settings(max_examples=100)
@given(notebooks())
def test_what_a_run_taught_keeps_random_notebooks_right(sources: list[str]) -> None:
    assert _holds(sources, after_run=True)


@pytest.mark.ci
@settings(max_examples=1000)
@given(notebooks())
def test_many_random_notebooks_run_as_run_all(sources: list[str]) -> None:
    assert _holds(sources)


# -- the graph itself ----------------------------------------------------------------------------


@settings(max_examples=40)
@given(notebooks())
def test_edges_point_downwards_and_tell_every_writer(sources: list[str]) -> None:
    graph = graph_of(sources)
    position = {step.id: step.position for step in graph.steps}
    assert all(position[edge.writer] < position[edge.reader] for edge in graph.edges)
    data = {(e.writer, e.reader) for e in graph.edges if e.kind in ("data", "ambient")}
    assert {(i.writer, step.id) for step in graph.steps for i in step.inputs} == data
    outputs = {(step.id, name) for step in graph.steps for name in step.outputs}
    assert {(i.writer, i.name) for step in graph.steps for i in step.inputs} <= outputs


@pytest.mark.parametrize("rewritten", [with_comments, reformatted, renamed_locals])
@settings(max_examples=25)
@given(sources=notebooks())
def test_how_code_is_written_does_not_matter(rewritten: Any, sources: list[str]) -> None:
    assert _shape(graph_of([rewritten(s) for s in sources])) == _shape(graph_of(sources))


def _shape(graph: Graph) -> object:
    """The graph without lines and sentences."""
    edges = {(e.writer, e.reader, e.names, e.kind, e.certainty) for e in graph.edges}
    steps = [(s.id, s.name, s.inputs, s.outputs, s.lane, s.declared_writes) for s in graph.steps]
    replays = [[(r.cell, r.names) for r in step.replays] for step in graph.steps]
    return edges, steps, replays, [d.code for d in graph.diagnostics]
