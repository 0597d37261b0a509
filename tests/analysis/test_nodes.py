"""The quick walk gives what `ast.walk` gives."""

import ast
from pathlib import Path

import pytest

from nbflow.analysis.nodes import children, walk

SOURCES = sorted((Path(__file__).parent.parent.parent / "nbflow" / "analysis").glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_walking_gives_the_same_nodes_in_the_same_order(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [*map(id, walk(tree))] == [*map(id, ast.walk(tree))]
    assert children(tree) == [*ast.iter_child_nodes(tree)]
