"""The nodes of a syntax tree. Every cell's tree is asked a dozen questions, most of them about
few kinds of nodes: so it is laid out once, when it has been parsed, with its nodes by kind."""

import ast
from collections.abc import Sequence
from typing import Final, TypeVar

_ASIDE: Final = frozenset(
    {
        *("ctx", "op", "ops", "id", "attr", "kind", "lineno", "type_comment", "arg", "module"),
        *("level", "simple", "is_async", "conversion", "rest", "kwd_attrs", "tag"),
    }
)
"""Fields that hold no nodes, or only such as say how another is used: `Load`, `Add`."""

_FIELDS: Final = {
    kind: tuple(field for field in kind._fields if field not in _ASIDE)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | dict.fromkeys((ast.Constant, ast.MatchSingleton, ast.Global, ast.Nonlocal, ast.alias), ())
_LAID_OUT: Final = "nbflow_nodes"
_BY_KIND: Final = "nbflow_kinds"

Node = TypeVar("Node", bound=ast.AST)


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
    """Keep with a tree, and with each of its statements, what `walk` gives of it, and with the tree
    what `of_kind` gives. From then on nobody may change it."""
    everything: list[ast.AST] = [tree]
    for statement in tree.body:
        inside = _traversed(statement)
        setattr(statement, _LAID_OUT, inside)
        everything += inside
    setattr(tree, _LAID_OUT, everything)
    setattr(tree, _BY_KIND, _by_kind(everything))


def walk(tree: ast.AST) -> Sequence[ast.AST]:
    """The node and all below it, in the order of the text, without contexts and operators.

    >>> names = [node.id for node in walk(ast.parse("f(a, g(b)).c")) if isinstance(node, ast.Name)]
    >>> names
    ['f', 'a', 'g', 'b']
    """
    known: list[ast.AST] | None = getattr(tree, _LAID_OUT, None)
    return _traversed(tree) if known is None else known


def of_kind(tree: ast.AST, kind: type[Node]) -> Sequence[Node]:
    """The nodes of exactly that kind among those that `walk` gives, in the order of the text.

    >>> [node.id for node in of_kind(ast.parse("f(a, g(b)).c"), ast.Name)]
    ['f', 'a', 'g', 'b']
    """
    kinds: dict[type[ast.AST], list[Node]] | None = getattr(tree, _BY_KIND, None)
    if kinds is not None:
        return kinds.get(kind, ())
    return [node for node in walk(tree) if type(node) is kind]


def _by_kind(nodes: Sequence[ast.AST]) -> dict[type[ast.AST], list[ast.AST]]:
    found: dict[type[ast.AST], list[ast.AST]] = {}
    for node in nodes:
        known = found.get(type(node))
        if known is None:
            found[type(node)] = [node]
        else:
            known.append(node)
    return found


def _traversed(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if _FIELDS[type(node)]:
            waiting += reversed(children(node))
    return found
