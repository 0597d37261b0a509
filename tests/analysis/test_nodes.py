"""The quick walk gives what `ast.walk` gives, but for what says how a node is used, and in the
order of the text."""

import ast
from pathlib import Path

import pytest

from nbflow.analysis.nodes import children, lay_out, of_kind, walk

SOURCES = sorted((Path(__file__).parent.parent.parent / "nbflow" / "analysis").glob("*.py"))
ASIDE = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def below(node: ast.AST) -> list[ast.AST]:
    inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ASIDE)]
    return [node, *(one for child in inner for one in below(child))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_walking_gives_all_nodes_in_the_order_of_the_text(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [*map(id, walk(tree))] == [*map(id, below(tree))]
    assert children(tree) == [*ast.iter_child_nodes(tree)]


def test_a_tree_that_is_laid_out_is_walked_as_before() -> None:
    trees = [ast.parse("def f(a, b=c):\n    return a + b\nx = [y for y in z if y]") for _ in "12"]
    lay_out(trees[0])
    for here, there in zip((trees[0], *trees[0].body), (trees[1], *trees[1].body), strict=True):
        assert [*map(ast.dump, walk(here))] == [*map(ast.dump, walk(there))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_nodes_of_one_kind_are_those_that_walking_gives(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = {type(node) for node in walk(tree)}
    plain = {kind: [*of_kind(tree, kind)] for kind in kinds}
    lay_out(tree)
    assert {kind: [*of_kind(tree, kind)] for kind in kinds} == plain
    assert sum(map(len, plain.values())) == len(walk(tree))
