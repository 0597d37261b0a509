"""`# nbflow: pure`: the author's word that what a line calls changes nothing.

The comment stands on the line of a statement, or on the line of a `def`, and then speaks of all
that the function calls. It is believed until a run sees otherwise.
"""

import ast
import io
import re
import tokenize
from typing import Final

from nbflow.analysis.nodes import walk

PURE: Final = re.compile(r"#\s*nbflow:\s*pure\b")


def pure_lines(source: str) -> frozenset[int]:
    """The lines (1-based) that carry the comment.

    >>> sorted(pure_lines("y = f(x)  # nbflow: pure\\ntext = '# nbflow: pure'"))
    [1]
    """
    if PURE.search(source) is None:
        return frozenset()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return frozenset()
    comments = (token for token in tokens if token.type == tokenize.COMMENT)
    return frozenset(token.start[0] for token in comments if PURE.match(token.string))


def mark_trusted(tree: ast.Module, source: str) -> None:
    """Mark the calls that the author vouches for."""
    lines = pure_lines(source)
    if not lines:
        return
    for statement in walk(tree):
        if isinstance(statement, ast.stmt) and not lines.isdisjoint(_own_lines(statement)):
            for node in _vouched_for(statement):
                node.nbflow_trusted = True  # type: ignore[attr-defined]


def is_trusted(node: ast.AST) -> bool:
    """The author says that this call changes nothing and gives something new."""
    return getattr(node, "nbflow_trusted", False)


def _own_lines(statement: ast.stmt) -> range:
    """Its lines, without those of statements inside it."""
    last = statement.end_lineno or statement.lineno
    for name in ("body", "cases"):
        inner = getattr(statement, name, None)
        if inner:
            last = max(statement.lineno, _first_line(inner[0]) - 1)
    return range(statement.lineno, last + 1)


def _first_line(node: ast.AST) -> int:
    return int(node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno)  # type: ignore[attr-defined]


def _vouched_for(statement: ast.stmt) -> list[ast.Call]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node for node in walk(statement) if isinstance(node, ast.Call)]
    waiting: list[ast.AST] = [statement]
    found: list[ast.Call] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            found.append(node)
        inner = ast.iter_child_nodes(node)
        waiting += [one for one in inner if not isinstance(one, ast.stmt | ast.match_case)]
    return found
