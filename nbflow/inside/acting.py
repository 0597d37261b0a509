"""Which of the author's own classes do something when their instances are looked at.

A look at a value (a digest, a pickle) calls methods such as `__hash__` or `__getstate__`. One that
counts its calls would count ours, so such instances are let be. Of the notebook's own classes the
analysis says which do nothing; those of modules beside the notebook are read here.
"""

import ast
import collections
import functools
import inspect
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator
from typing import Final

from nbflow.core.homes import is_local

_LOOKING: Final = frozenset(
    {
        *("__getstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"),
        *("__hash__", "__eq__", "__getattr__", "__getattribute__", "__iter__", "items"),
    }
)
"""Methods that a walk over an instance of their class calls."""

_OF_CONTAINERS: Final = frozenset({"__iter__", "items"})
_CONTAINERS: Final = (list, tuple, dict, set, frozenset, collections.deque)
_MADE_ANEW: Final = frozenset({"__new__"})
"""Called where an instance is loaded."""

_QUIET_FUNCTIONS: Final = frozenset(
    {
        *("all", "any", "callable", "getattr", "hasattr", "hash", "id", "isinstance", "issubclass"),
        *("iter", "len", "max", "min", "repr", "round", "sum", "super", "type", "vars"),
        *("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"),
        *("enumerate", "filter", "map", "range", "reversed", "sorted", "zip"),
        *("AttributeError", "KeyError", "NotImplementedError", "TypeError"),
    }
)
_QUIET_METHODS: Final = frozenset(
    {
        *("casefold", "endswith", "format", "join", "lower", "startswith", "strip", "upper"),
        *("copy", "get", "items", "keys", "values"),
    }
)

_harmless: frozenset[str] | None = None


def trust(classes: Iterable[str] | None) -> None:
    """Of the notebook's own classes with methods that a look calls, look from now on only at those
    of these names, and of those of its modules at what they show to do nothing (None: at all)."""
    global _harmless  # one kernel process, one step at a time
    _harmless = None if classes is None else frozenset(classes)


def acting_method(kind: type) -> str | None:
    """The method by which a look at an instance may do something, if there is one."""
    if _harmless is None:
        return None
    return next(
        (name for base in kind.__mro__ for name in _acting(base, kind, _harmless)),
        None,
    )


def _acting(base: type, kind: type, harmless: frozenset[str]) -> Iterator[str]:
    if base.__module__ != "__main__":
        yield from _acting_in_a_module(base)
    elif kind.__qualname__.partition(".")[0] not in harmless:
        yield from sorted(_LOOKING & vars(base).keys())


@functools.lru_cache(maxsize=4096)
def _acting_in_a_module(base: type) -> tuple[str, ...]:
    if not is_local(sys.modules.get(base.__module__)):
        return ()
    called = _LOOKING | _MADE_ANEW
    if not issubclass(base, _CONTAINERS):
        called -= _OF_CONTAINERS
    methods = vars(base)
    return tuple(n for n in sorted(called & methods.keys()) if not is_quiet(methods[n]))


def is_quiet(method: object) -> bool:
    """Whether the text of a method shows that a call changes nothing but its own locals.

    What a decorator wrote (of dataclasses, attrs) has no text, and does nothing either.

    >>> is_quiet(ast.AST.__hash__), is_quiet(textwrap.dedent), is_quiet(None)
    (True, False, True)
    """
    if isinstance(method, staticmethod):
        method = method.__func__
    if not isinstance(method, types.FunctionType):
        return method is None or inspect.isroutine(method)
    if method.__code__.co_filename.startswith("<"):
        return True
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(method.__code__)))
    except (OSError, SyntaxError, TypeError):
        return False
    [function] = tree.body
    made = _made_here(function)
    return all(_is_quiet_node(node, made) for node in ast.walk(function))


def _made_here(function: ast.stmt) -> frozenset[str]:
    """Locals that hold what the method itself made: they may change."""
    return frozenset(
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call | ast.Dict | ast.List)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _is_quiet_node(node: ast.AST, made: frozenset[str]) -> bool:
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Import() | ast.ImportFrom() | ast.Await():
            return False
        case ast.Attribute(value=value) | ast.Subscript(value=value) if not isinstance(
            node.ctx, ast.Load
        ):
            return isinstance(value, ast.Name) and value.id in made
        case ast.Call(func=ast.Name(id=name)):
            return name in _QUIET_FUNCTIONS
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            return name in _QUIET_METHODS or owner in made
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name)):
            return name in _LOOKING | _MADE_ANEW
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _QUIET_METHODS
        case ast.Call():
            return False
    return True
