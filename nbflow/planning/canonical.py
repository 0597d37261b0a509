"""The form of a source in which texts that mean the same are the same text. Pure.

What does not count: comments, blank lines, layout, quotes, the names of local variables of
functions and comprehensions; in SQL also the case of reserved words. Docstrings count: `help()`,
command-line makers and agents' tools read them.

    def clean(df):            def clean(df):
        out = df.dropna()         result = df.dropna()   # the same
        return out                return result

A local name stays as it is where something could see it: a string of the function mentions it,
code around looks into frames or code objects (`locals`, `eval`, `DataFrame.query`, `inspect` …), a
decorator that is not known might read the source. What cannot be parsed counts as it is written.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

LOOKING: Final = frozenset(
    {
        *("locals", "vars", "dir", "eval", "exec", "compile", "globals", "breakpoint"),
        *("inspect", "dis", "sys", "traceback", "get_ipython", "symtable", "gc"),
        *("__code__", "__closure__", "_getframe", "currentframe", "f_locals", "f_code"),
        *("dill", "cloudpickle", "getsource", "varname", "nameof", "argname", "executing"),
        *("ic", "icecream", "snoop", "pysnooper", "line_profiler", "memory_profiler"),
        # tables and formulas that find their names in the caller's variables
        *("query", "sql", "execute", "executemany", "read_sql", "duckdb", "sqldf", "pandasql"),
        *("evaluate", "numexpr", "patsy", "statsmodels", "formulaic", "linearmodels"),
        # their messages name locals
        *("NameError", "UnboundLocalError"),
    }
)
"""Names whose mention means that names of local variables may be seen."""

_PLAIN_DECORATORS: Final = frozenset(
    {
        *("staticmethod", "classmethod", "property", "setter", "getter", "cache", "lru_cache"),
        *(
            "dataclass",
            "total_ordering",
            "cached_property",
            "wraps",
            "contextmanager",
            "abstractmethod",
            "override",
            "overload",
        ),
    }
)

_REMEMBERED: Final = 4096
"""Definitions are part of every step that uses them."""

_AROUND_PYTHON: Final = frozenset({"%%time", "%%timeit", "%%capture"})
_HIDES_OUTPUT: Final = re.compile(r";\s*(#.*)?$")
_LINE_SYNTAX: Final = re.compile(r"^([ \t]*)([%!].*)$", re.MULTILINE)
_WORD: Final = re.compile(r"\w+")


@lru_cache(maxsize=_REMEMBERED)
def canonical(source: str, *, rename: bool = True) -> str:
    """The text that counts; `rename` is False where names of locals may be seen.

    >>> canonical("x=1  # one") == canonical("x = 1")
    True
    >>> canonical("x") == canonical("x;")  # a final `;` hides the output
    False
    >>> canonical("[a for a in xs]") == canonical("[b for b in xs]")
    True
    """
    if source.lstrip().startswith("%%"):
        return _magic_cell(source, rename=rename)
    tree = _parsed(source)
    if tree is None:
        return _as_written(source)
    if rename:
        _rename(tree)
    # Lines of IPython's own stand in the tree as calls that somebody might write, too.
    kind = "python" if _is_python(source) else "ipython"
    return f"{kind}{ast.dump(tree)}" + (";" if _HIDES_OUTPUT.search(source.rstrip()) else "")


@lru_cache(maxsize=_REMEMBERED)
def names_may_show(source: str) -> bool:
    """Whether the source mentions anything that may look at names of local variables.

    >>> names_may_show("print(locals())"), names_may_show("# not locals()")
    (True, False)
    """
    line, body = _cut(source)
    if line.startswith("%%sql"):
        return False
    tree = _parsed(body if _is_around_python(line) else source)
    if tree is None:
        return bool(LOOKING & set(_WORD.findall(source)))
    return any(LOOKING & set(_mentioned(node)) for node in ast.walk(tree))


def _mentioned(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Import(names=aliases):
            for alias in aliases:
                yield from alias.name.split(".")
        case ast.ImportFrom(module=module, names=aliases):
            yield from (module or "").split(".")
            yield from (alias.name for alias in aliases)
        case ast.Call(func=ast.Name(id="_line_"), args=[ast.Constant(value=str(text))]):
            yield from _WORD.findall(text)


def _cut(source: str) -> tuple[str, str]:
    """A cell magic's line, and the body."""
    line, _, body = source.lstrip().partition("\n")
    return (line.rstrip(), body) if line.startswith("%%") else ("", source)


def _is_around_python(line: str) -> bool:
    return line.partition(" ")[0] in _AROUND_PYTHON


def _magic_cell(source: str, *, rename: bool) -> str:
    line, body = _cut(source)
    if _is_around_python(line):
        return f"{line}\n{canonical(body, rename=rename)}"
    words = line.split()
    # Options name other databases, whose comments may be hints.
    if words[0] != "%%sql" or any(word.startswith("-") for word in words):
        return _as_written(source)
    tokens = _sql_tokens(body)
    return _as_written(source) if tokens is None else json.dumps([line, *tokens])


def _as_written(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _parsed(source: str) -> ast.Module | None:
    """The tree; lines of IPython's own (`%magic`, `!command`) stand in it as text."""
    for text in (source, _LINE_SYNTAX.sub(_as_call, source)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):
            continue
    return None


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _as_call(found: re.Match[str]) -> str:
    return f"{found[1]}_line_({found[2]!r})"


# -- names of locals -----------------------------------------------------------------------------

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(slots=True, eq=False)
class _Scope:
    """A function, class or comprehension. bound: its own names. fixed: those of them that keep
    their name. uses: where its names stand, in the order of the text."""

    kind: str
    above: "_Scope | None"
    bound: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    keeps: bool = False

    def bind(self, name: str, *, fixed: bool = False) -> None:
        self.bound.add(name)
        if fixed or self.kind in ("class", "module") or name.startswith("__"):
            self.fixed.add(name)

    def owner(self, name: str) -> "_Scope | None":
        """The scope whose local the name is here; None for a global."""
        scope: _Scope | None = self
        while scope is not None and scope.kind != "module":
            seen = scope is self or scope.kind != "class"
            if seen and name in scope.bound and name not in scope.outer:
                return scope
            if seen and name in scope.outer and scope.kind != "class":
                return None if name in scope.fixed else _above(scope, name)
            scope = scope.above
        return None


def _above(scope: _Scope, name: str) -> _Scope | None:
    return scope.above.owner(name) if scope.above else None


def _rename(tree: ast.Module) -> None:
    """Give locals names by the order of their first mention."""
    walk = _Walk()
    walk.visit(tree)
    new: dict[tuple[_Scope, str], str] = {}
    for node, attribute, scope in walk.uses:
        name = getattr(node, attribute)
        owner = scope.owner(name)
        if owner is None or owner.keeps or name in owner.fixed:
            continue
        setattr(node, attribute, new.setdefault((owner, name), f"·{len(new)}"))


class _Walk(ast.NodeVisitor):
    """Finds scopes, what they bind, and every place where a name stands, in one pass."""

    def __init__(self) -> None:
        self.scope = _Scope("module", None)
        self.uses: list[tuple[ast.AST, str, _Scope]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.scope.bind(node.id)
        self.uses.append((node, "id", self.scope))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """A walrus binds in the function around comprehensions."""
        self.visit(node.value)
        scope = self.scope
        while scope.kind == "comprehension" and scope.above is not None:
            scope = scope.above
        scope.bind(node.target.id)
        self.uses.append((node.target, "id", self.scope))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self.scope.bind(node.name)
            self.uses.append((node, "name", self.scope))
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.outer.update(node.names)
        self.scope.fixed.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """The statement names them: they keep their names wherever they are bound."""
        scope: _Scope | None = self.scope
        self.scope.outer.update(node.names)
        while scope is not None:
            scope.fixed.update(node.names)
            scope = scope.above
        self.scope.fixed.difference_update(node.names)

    def visit_alias(self, node: ast.alias) -> None:
        self.scope.bind((node.asname or node.name).partition(".")[0], fixed=True)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._fix(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._fix(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._fix(node.rest)
        self.generic_visit(node)

    def _fix(self, name: str | None) -> None:
        if name is not None:
            self.scope.bind(name, fixed=True)

    # -- scopes

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.bind(node.name, fixed=True)
        self._each((*node.decorator_list, *node.bases, *node.keywords))
        keeps = self.scope.keeps or not all(map(is_plain_decorator, node.decorator_list))
        self._inside(_Scope("class", self.scope, keeps=keeps), node, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope.bind(node.name, fixed=True)
        self._each(node.decorator_list)
        self._function(node, node.body, keeps=not all(map(is_plain_decorator, node.decorator_list)))

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body], keeps=False)

    def _function(self, node: _Function, body: Iterable[ast.AST], *, keeps: bool) -> None:
        """Defaults and annotations are evaluated outside; parameters are part of the signature."""
        arguments = node.args
        self._each((*arguments.defaults, *(d for d in arguments.kw_defaults if d)))
        given = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        every = (*given, *(a for a in (arguments.vararg, arguments.kwarg) if a))
        self._each(a.annotation for a in every if a.annotation)
        if not isinstance(node, ast.Lambda) and node.returns:
            self.visit(node.returns)
        scope = _Scope("function", self.scope, keeps=keeps or self.scope.keeps)
        for argument in every:
            scope.bind(argument.arg, fixed=True)
        self._inside(scope, node, body)

    def _comprehension(self, node: _Comprehension) -> None:
        """The first iterable is evaluated outside."""
        self.visit(node.generators[0].iter)
        scope = _Scope("comprehension", self.scope, keeps=self.scope.keeps)
        parts: list[ast.AST] = []
        for number, generator in enumerate(node.generators):
            parts += [generator.target, *([generator.iter] if number else []), *generator.ifs]
        last = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(scope, node, [*parts, *last])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _inside(self, scope: _Scope, node: ast.AST, body: Iterable[ast.AST]) -> None:
        before, self.scope = self.scope, scope
        self._each(body)
        self.scope = before
        scope.fixed |= _in_strings(node) & scope.bound

    def _each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def is_plain_decorator(decorator: ast.expr) -> bool:
    """Whether a decorator is known neither to read its function's source nor to register it."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _PLAIN_DECORATORS
    return False


def _in_strings(node: ast.AST) -> set[str]:
    """All words of the strings inside: one of them may be meant as a name."""
    texts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return {word for text in texts if isinstance(text, str) for word in _WORD.findall(text)}


# -- SQL -----------------------------------------------------------------------------------------

_SQL: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<comment>/\*.*?\*/)
      | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
                 | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)\$ | \$\$.*?\$\$)
      | (?P<word>[^\W\d][\w$]*)
      | (?P<other>\$\w+ | \.?\d[\w.]*(?:(?<=[eE])[-+]\d+)?
                 | (?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?:])+ | .)""",
    re.VERBOSE | re.DOTALL,
)

RESERVED: Final = frozenset(
    _WORD.findall("""
        all and any array as asc asymmetric both case cast check collate column constraint create
        default deferrable desc describe distinct do else end except false fetch for foreign
        from group having in initially intersect into lateral leading limit not null offset on only
        or order pivot pivot_longer pivot_wider placing primary qualify references returning select
        show some summarize symmetric table then to trailing true union unique unpivot using
        variadic when where window with
    """)
)
"""DuckDB's reserved words: no column or table is called so without quotes."""


def _sql_tokens(body: str) -> list[str] | None:
    """The statement's words; None where the text itself may be seen or is not surely read right.

    >>> _sql_tokens("SELECT a -- one\\n  FROM t")
    ['select', 'a', 'from', 't']
    """
    tokens: list[tuple[str, str]] = []
    for found in _SQL.finditer(body):
        kind = found.lastgroup if found.lastgroup != "tag" else "quoted"
        text = found[0]
        if kind == "comment" and "/*" in text[2:]:
            return None  # comments may nest
        if text in ("'", '"') or text.lower() == "current_query":
            return None
        if text[0] == "'" and tokens and tokens[-1][1][-1] == "'":
            return None  # a line end between them makes them one
        if kind not in ("space", "comment"):
            tokens.append((kind or "", text))
    return [_folded(tokens, number) for number in range(len(tokens))]


def _folded(tokens: list[tuple[str, str]], number: int) -> str:
    """Reserved words in lower case, unless they name a result's column or a field."""
    kind, text = tokens[number]
    before = tokens[number - 1][1].lower() if number else ""
    after = tokens[number + 1][1] if number + 1 < len(tokens) else ""
    names = before in ("as", ".") or after in (":", ":=", "=>", ".")
    reserved = text.lower() in RESERVED or (text.lower() == "by" and before in ("group", "order"))
    return text.lower() if kind == "word" and reserved and not names else text
