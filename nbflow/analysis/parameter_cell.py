"""The `parameters` cell as fragments: each assignment is replayed alone, so that a step depends on
the values of just the parameters that it reads."""

import ast
import builtins

from nbflow.analysis.facts import Fragment, Use
from nbflow.core.names import Name
from nbflow.core.notebook import Cell

_CONSTRUCTORS = frozenset({"date", "datetime", "timedelta", "Path", "Decimal", "Timestamp", "time"})
"""Calls whose result depends on their arguments alone; replaying them gives the same value."""

_LITERAL_NODES = (
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.UnaryOp,
    ast.unaryop,
    ast.BinOp,
    ast.operator,
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.keyword,
    ast.expr_context,
    ast.JoinedStr,
    ast.FormattedValue,
)


def parameter_fragments(cell: Cell) -> tuple[Fragment, ...] | None:
    """One fragment per assignment; None if the cell holds more than plain values (it is a step).

    A name that is only annotated has no fragment: its value must be given.
    """
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return None
    fragments: list[Fragment] = []
    for statement in tree.body:
        if _is_silent(statement):
            continue
        fragment = _fragment(statement)
        if fragment is None:
            return None
        fragments.append(fragment)
    return tuple(fragments)


def injected_fragments(source: str) -> tuple[Fragment, ...]:
    """The assignments of the injected cell (see `notebook/literals.py`), one fragment each.

    >>> injected_fragments("# Parameters\\nday = '2026-01-02'\\n")[0].source
    "day = '2026-01-02'"
    """
    return tuple(
        _make(statement, [target.id], value=statement.value)
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    )


def _is_silent(statement: ast.stmt) -> bool:
    """Docstrings, and annotations without a value."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _fragment(statement: ast.stmt) -> Fragment | None:
    match statement:
        case ast.Import(names=[alias]):
            bound = alias.asname or alias.name.partition(".")[0]
            return _make(statement, [bound], module=alias.name)
        case ast.ImportFrom(module=str(module), names=aliases, level=0) if aliases[0].name != "*":
            return _make(statement, [a.asname or a.name for a in aliases], module=module)
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
            return _make(statement, [name], value=value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_literal(
            value
        ):
            # The annotation speaks to people and forms; replaying it would need its imports.
            source = f"{name} = {ast.unparse(value)}"
            return _make(statement, [name], value=value, source=source)
    return None


def _make(
    statement: ast.stmt,
    names: list[str],
    *,
    value: ast.expr | None = None,
    module: str | None = None,
    source: str | None = None,
) -> Fragment:
    needs = tuple(
        Use(name=Name(node.id), line=node.lineno)
        for node in (ast.walk(value) if value is not None else ())
        if isinstance(node, ast.Name) and not hasattr(builtins, node.id)
    )
    return Fragment(
        names=tuple(Name(name) for name in names),
        source=source or ast.unparse(statement),
        line=statement.lineno,
        needs=needs,
        module=module,
    )


def _is_literal(value: ast.expr) -> bool:
    return all(
        isinstance(node, _LITERAL_NODES) and (not isinstance(node, ast.Call) or _constructs(node))
        for node in ast.walk(value)
    )


def _constructs(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _CONSTRUCTORS
    return False
