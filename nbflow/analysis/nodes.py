"""The nodes of a syntax tree. Every cell's tree is walked a dozen times, for one question each: so
it is laid out once, when it has been parsed."""

import ast
from collections.abc import Sequence
from typing import Final

_ASIDE: Final = frozenset({"ctx", "op", "ops", "id", "attr", "kind", "lineno", "type_comment"})
"""Fields that hold no nodes, or only such as say how another is used: `Load`, `Add`."""

_FIELDS: Final = {
    kind: tuple(field for field in kind._fields if field not in _ASIDE)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_LAID_OUT: Final = "nbflow_nodes"


def children(node: ast.AST) -> list[ast.AST]:
    """What `ast.iter_child_nodes` gives, without contexts and operators."""
    found: list[ast.AST] = []
    for field in _FIELDS[type(node)]:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def lay_out(tree: ast.Module) -> None:
    """Keep with a tree, and with each of its statements, what `walk` gives of it. From then on
    nobody may change it."""
    everything: list[ast.AST] = [tree]
    for statement in tree.body:
        inside = _traversed(statement)
        setattr(statement, _LAID_OUT, inside)
        everything += inside
    setattr(tree, _LAID_OUT, everything)


def walk(tree: ast.AST) -> Sequence[ast.AST]:
    """The node and all below it, in the order of the text, without contexts and operators.

    >>> names = [node.id for node in walk(ast.parse("f(a, g(b)).c")) if isinstance(node, ast.Name)]
    >>> names
    ['f', 'a', 'g', 'b']
    """
    known: list[ast.AST] | None = getattr(tree, _LAID_OUT, None)
    return _traversed(tree) if known is None else known


def _traversed(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += reversed(children(node))
    return found
