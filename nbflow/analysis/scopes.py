"""Which names belong to which scope: purely syntactic questions about functions and classes.

Python decides by the text alone whether a name in a function is local, so this does too.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nbflow.analysis.nodes import children, of_kind, walk

Callable_ = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_BLOCKS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_SCOPES = _BLOCKS | {ast.Lambda}
_COMPREHENSIONS = frozenset({ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})
_BINDERS = _BLOCKS | {
    *(ast.Name, ast.Import, ast.ImportFrom, ast.ExceptHandler),
    *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
}
"""What may bind names."""

_BIND_INSIDE = _BLOCKS | _COMPREHENSIONS | {ast.NamedExpr}
"""Without these below it, all that a statement binds stands in its own scope."""


def parameters(node: Callable_) -> Iterator[ast.arg]:
    """All parameters of a function, in order, with `*args` and `**kwargs`."""
    arguments = node.args
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def body_of(node: Callable_) -> list[ast.stmt]:
    """A function's statements; a lambda's expression as a `return`."""
    if isinstance(node, ast.Lambda):
        return [ast.copy_location(ast.Return(value=node.body), node.body)]
    return node.body


def _inside(node: Callable_) -> Sequence[ast.AST]:
    """What runs when a function is called, for those who only look at it."""
    return [node.body] if isinstance(node, ast.Lambda) else node.body


def bound_names(statements: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind in their own scope (walrus in comprehensions included).

    >>> sorted(bound_names(ast.parse("a = [b for b in c if (d := b)]\\ndef f(): e = 1").body))
    ['a', 'd', 'f']
    """
    return set(bindings(statements))


def bindings(statements: Iterable[ast.AST]) -> list[str]:
    """The same, once for every place that binds the name."""
    return [name for statement in statements for name in _bindings_of(statement)]


@lru_cache(maxsize=4096)
def _bindings_of(statement: ast.AST) -> tuple[str, ...]:
    nodes = walk(statement)
    if not _BIND_INSIDE.isdisjoint(map(type, nodes)):
        nodes = _in_its_scope(statement)
    return tuple(name for node in nodes if type(node) in _BINDERS for name in _bound_by(node))


def _in_its_scope(statement: ast.AST) -> list[ast.AST]:
    """The node and all below it that stands in the same scope, and what comprehensions bind there:
    the targets of walrus."""
    found: list[ast.AST] = []
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if type(node) in _COMPREHENSIONS:
            found += [inner.target for inner in of_kind(node, ast.NamedExpr)]
        else:
            inner = outer_expressions(node) if type(node) in _SCOPES else children(node)
            waiting += reversed([*inner])
    return found


def _bound_by(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Name):  # most of them
        return () if isinstance(node.ctx, ast.Load) else (node.id,)
    return _named_by(node)


def _named_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases):
            yield from (a.asname or a.name.partition(".")[0] for a in aliases)
        case ast.ImportFrom(names=aliases):
            yield from (a.asname or a.name for a in aliases if a.name != "*")
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name


def outer_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """What a `def`, `lambda` or `class` evaluates where it stands: decorators, defaults, bases."""
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list
        yield from node.bases
        yield from (keyword.value for keyword in node.keywords)
        return
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if not isinstance(node, ast.Lambda):
        yield from node.decorator_list
        yield from (a.annotation for a in parameters(node) if a.annotation is not None)
        if node.returns is not None:
            yield node.returns
    yield from node.args.defaults
    yield from (default for default in node.args.kw_defaults if default is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What a function's own statements say of its variables, and whether they yield."""

    local: frozenset[str]
    declared_global: frozenset[str]
    yields: bool


@lru_cache(maxsize=4096)
def _scope(node: Callable_) -> _Scope:
    shared: dict[type[ast.AST], set[str]] = {ast.Global: set(), ast.Nonlocal: set()}
    names = {argument.arg for argument in parameters(node)}
    kinds: set[type[ast.AST]] = set()
    waiting: list[ast.AST] = [*_inside(node)]
    while waiting:
        current = waiting.pop()
        kinds.add(type(current))
        if isinstance(current, ast.Global | ast.Nonlocal):
            shared[type(current)].update(current.names)
        elif type(current) in _BINDERS:
            names.update(_bound_by(current))
        if type(current) not in _SCOPES:
            waiting += children(current)
    if not kinds.isdisjoint(_SCOPES | _COMPREHENSIONS):  # they have names of their own
        names = {argument.arg for argument in parameters(node)} | bound_names(_inside(node))
    return _Scope(
        local=frozenset(names.difference(*shared.values())),
        declared_global=frozenset(shared[ast.Global]),
        yields=not kinds.isdisjoint((ast.Yield, ast.YieldFrom)),
    )


def declared_global(node: Callable_) -> frozenset[str]:
    """Names that a function's own statements declare `global`."""
    return _scope(node).declared_global


def local_names(node: Callable_) -> frozenset[str]:
    """The local variables of a function: its parameters and what it binds."""
    return _scope(node).local


def is_generator(node: Callable_) -> bool:
    """Whether calling the function makes a generator."""
    return _scope(node).yields


def free_names(node: ast.AST) -> dict[str, int]:
    """Global names that the bodies in `node` (function, class, lambda) read when called: → line.

    >>> list(free_names(ast.parse("def f(a, b=c):\\n    return a + d + [e for e in g]").body[0]))
    ['d', 'g']
    """
    found: dict[str, int] = {}
    _free(node, frozenset(), found, outermost=True)
    return found


def _free(
    node: ast.AST, known: frozenset[str], found: dict[str, int], *, outermost: bool = False
) -> None:
    if isinstance(node, ast.Name):
        if node.id not in known:
            found.setdefault(node.id, node.lineno)
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if not outermost:
            for outer in outer_expressions(node):
                _free(outer, known, found)
        inner = (known - declared_global(node)) | local_names(node)
        for child in _inside(node):
            _free(child, inner, found)
        return
    if isinstance(node, ast.ClassDef):
        _free_in_class(node, known, found, outermost=outermost)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        targets = (n for g in node.generators for n in walk(g.target))
        known |= {target.id for target in targets if isinstance(target, ast.Name)}
    for part in children(node):
        _free(part, known, found)


def _free_in_class(
    node: ast.ClassDef, known: frozenset[str], found: dict[str, int], *, outermost: bool
) -> None:
    """Class bodies run at once; only their methods read late (and do not see the class's names)."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            _free(child, known, found, outermost=outermost)
            continue
        for inner in walk(child):
            if isinstance(inner, ast.Lambda):
                _free(inner, known, found, outermost=outermost)


def late_names(node: ast.AST) -> dict[str, int]:
    """Global names read by every function, lambda or generator that a statement builds: → line."""
    found: dict[str, int] = {}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        found.update(free_names(node))
    elif isinstance(node, ast.GeneratorExp):
        _free(node, frozenset(), found)
    else:
        for child in children(node):
            for name, line in late_names(child).items():
                found.setdefault(name, line)
        return found
    for outer in outer_expressions(node):
        for name, line in late_names(outer).items():
            found.setdefault(name, line)
    return found


def nested_functions(node: ast.AST) -> Iterator[Callable_]:
    """Functions and lambdas inside a node, itself not counted."""
    for inner in walk(node):
        if inner is not node and isinstance(
            inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            yield inner


def stored_roots(node: ast.AST) -> set[str]:
    """Names that a function changes visibly, by its text alone: stores, `del`, and method calls.

    Used for functions that are built inside others and called who knows where.

    >>> sorted(stored_roots(ast.parse("def f(a):\\n    b['x'] = 1\\n    c.append(a)").body[0]))
    ['b', 'c']
    """
    known = free_names(node)
    found: set[str] = set()
    for inner in walk(node):
        match inner:
            case (
                ast.Subscript(ctx=ast.Store() | ast.Del())
                | ast.Attribute(ctx=ast.Store() | ast.Del())
            ):
                found.add(root_name(inner))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
                found.add(root_name(function))
            case ast.Global(names=names):
                found.update(names)
            case ast.AugAssign(target=target):
                found.add(root_name(target))
    return {name for name in found if name in known}


def root_name(node: ast.AST) -> str:
    """The name that an attribute, subscript or call chain starts from, or the empty text."""
    while True:
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
                node = inner
            case ast.Call(func=inner):
                node = inner
            case _:
                return ""
