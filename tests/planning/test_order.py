"""Topological order with notebook order for ties."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from graphs import a_graph, a_step

from nbflow.planning.order import topological


def test_writers_come_first_and_ties_follow_the_notebook() -> None:
    graph = a_graph(a_step("b", reads=[("d", "d")]), a_step("a"), a_step("d"))
    assert [step.name for step in topological(graph)] == ["a", "d", "b"]


def test_a_cycle_is_refused() -> None:
    graph = a_graph(a_step("a", reads=[("b", "b")]), a_step("b", reads=[("a", "a")]))
    with pytest.raises(ValueError, match="cycle"):
        topological(graph)
