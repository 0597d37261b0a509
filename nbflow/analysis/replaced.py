"""Which columns of a table a cell puts others in place of, as far as its text tells.

A guess that may be wrong: nothing but work depends on it.
"""

import ast
from functools import lru_cache
from typing import Final

_NOTHING: Final[frozenset[str]] = frozenset()


@lru_cache(maxsize=1024)
def columns_replaced(source: str, name: str) -> frozenset[str] | None:
    """Labels of columns of a table that are others after a cell; None: perhaps all of them are.

    >>> sorted(columns_replaced("df['a'] += 1; df['b'] = df['c'] * 2; del df['d']", "df"))
    ['a', 'b', 'd']
    >>> columns_replaced("df = df.assign(a=1, b=df.c)", "df") == {"a", "b"}
    True
    >>> columns_replaced("print(df.a.sum())", "df")
    frozenset()
    >>> columns_replaced("df = df.dropna()", "df"), columns_replaced("df.loc[0, 'a'] = 1", "df")
    (None, None)
    >>> columns_replaced("df.sort_values('a', inplace=True)", "df"), columns_replaced("%%sql", "df")
    (None, None)
    """
    try:
        parts = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):
        return None
    found = [_replaced_by(part, name) for part in parts]
    return None if None in found else frozenset().union(*filter(None, found))


def _replaced_by(part: ast.AST, name: str) -> frozenset[str] | None:
    match part:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            return _of_assign(value, name)
        case ast.AugAssign(target=ast.Name(id=target)) if target == name:
            return None
        case ast.Subscript(
            value=ast.Name(id=table),
            slice=ast.Constant(value=str(label)),
            ctx=ast.Store() | ast.Del(),
        ):
            return frozenset({label}) if table == name else _NOTHING
        case ast.Subscript(value=ast.Name(id=table), ctx=ast.Store() | ast.Del()):
            return None if table == name else _NOTHING
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=table)), ctx=ast.Store()):
            return None if table == name else _NOTHING
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table)), keywords=given):
            is_in_place = table == name and any(one.arg == "inplace" for one in given)
            return None if is_in_place else _NOTHING
    return _NOTHING


def _of_assign(value: ast.expr, name: str) -> frozenset[str] | None:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="assign"), keywords=given):
            labels = [one.arg for one in given]
            return None if table != name or None in labels else frozenset(filter(None, labels))
    return None
