"""The cell tagged `parameters`, read as a form: names, types, defaults, choices, help.

Types come from annotations first, then from the literals. What a caller gives is checked in
`coerce.py`; how a value is written as Python again is in `literals.py`. Both are offered here too,
so that the station has one door for parameters.
"""

import ast
import io
import math
import operator
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.notebook import Cell, CellKind, Notebook
from nbflow.core.step import UNBOUND, Bounds, Parameter
from nbflow.notebook.coerce import coerce, papermill_values
from nbflow.notebook.literals import injected_source, python_literal

__all__ = [
    "coerce",
    "injected_source",
    "papermill_values",
    "parameters_cell",
    "python_literal",
    "read_parameters",
]

_TAG: Final = "parameters"

_TYPES: Final[Mapping[str, str]] = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    **dict.fromkeys(("Path", "PurePath", "PosixPath"), "str"),
    "date": "date",
    "datetime": "datetime",
    "Timestamp": "datetime",
    "to_datetime": "datetime",
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "set", "Set", "frozenset"), "list"),
    **dict.fromkeys(("Sequence", "Iterable", "Collection"), "list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), "dict"),
}
"""The last word of an annotation, or of a call → our type."""

_PATHS: Final = frozenset({"Path", "PurePath", "PosixPath"})
_WRAPPERS: Final = frozenset({"Annotated", "Final", "ClassVar", "Required"})
_LIMITS: Final = ("ge", "gt", "le", "lt")
_LIMITED: Final = frozenset({"Ge", "Gt", "Le", "Lt", "Interval", "Field"})
"""What says in an `Annotated[...]` how small or large a number may be, in the words of
annotated_types, which pydantic's `Field` has, too."""

_CLOCKS: Final = frozenset({"today", "now", "utcnow"})
_NO_HELP: Final = re.compile(r"(?:noqa|pylint|fmt|type:\s*ignore|pyright|ruff)\b.*", re.I)
_TYPE_COMMENT: Final = re.compile(r"type:\s*(?P<type>\S+)\s*(?P<help>.*)", re.S)

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
"""`24 * 3600` is how people write a literal. No powers and no shifts: they can take for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What an annotation, or a value, says about a parameter."""

    type: str
    optional: bool = False
    choices: tuple[Any, ...] = ()
    bounds: Bounds = UNBOUND
    path: bool = False


_ANY: Final = _Kind(type="any")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One name of the cell: the last that was said about it."""

    name: str
    line: int
    annotation: ast.expr | None
    value: ast.expr | None
    help: str | None


def parameters_cell(notebook: Notebook) -> tuple[Cell | None, tuple[Diagnostic, ...]]:
    """The cell tagged `parameters`, as papermill finds it: the first. A second one is an error."""
    tagged = [c for c in notebook.cells if _TAG in c.tags and c.kind is CellKind.CODE]
    if len(tagged) < 2:
        return (tagged[0] if tagged else None), ()
    second = tagged[1]
    finding = Diagnostic(
        code="two-parameter-cells",
        severity=Severity.ERROR,
        message=f"cells {tagged[0].number} and {second.number} are both tagged 'parameters'",
        place=Place(cell=second.id, cell_index=second.index),
        also=(Place(cell=tagged[0].id, cell_index=tagged[0].index),),
        hint="papermill sets values after the first only: put all parameters into one cell",
    )
    return tagged[0], (finding,)


def read_parameters(cell: Cell) -> tuple[tuple[Parameter, ...], tuple[Diagnostic, ...]]:
    """The parameters that a cell defines, in the order of their last definition, and findings.

    >>> from nbflow.core.notebook import CellId
    >>> source = "day: date  # which day\\nlimit = 60 * 24"
    >>> cell = Cell(id=CellId("p"), index=0, kind=CellKind.CODE, source=source)
    >>> [(p.name, p.type, p.default, p.required, p.help) for p in read_parameters(cell)[0]]
    [('day', 'date', None, True, 'which day'), ('limit', 'int', 1440, False, None)]
    """
    parsed = _parse(cell.source)
    if not isinstance(parsed, ast.Module):
        return (), (_unreadable(cell, parsed),)
    entries: dict[str, _Entry] = {}
    comments = _comments(parsed, cell.source)
    for statement in parsed.body:
        for entry in _entries(statement, _help(statement, comments)):
            before = entries.pop(entry.name, None)
            entries[entry.name] = _merged(before, entry)
    parameters = tuple(_parameter(entry, cell) for entry in entries.values())
    return parameters, tuple(_mismatches(entries.values(), parameters, cell))


def _parse(source: str) -> ast.Module | Exception:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        trouble = error
    plain = _without_magics(source)
    if plain == source:
        return trouble
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return trouble


def _without_magics(source: str) -> str:
    """IPython's own lines blanked out, line numbers kept.

    >>> _without_magics("%matplotlib inline\\nx = 1")
    '\\nx = 1'
    """
    return re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.MULTILINE)


def _unreadable(cell: Cell, error: Exception) -> Diagnostic:
    line = error.lineno if isinstance(error, SyntaxError) else None
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return Diagnostic(
        code="parameters-syntax",
        severity=Severity.ERROR,
        message=f"the parameters cell (cell {cell.number}) cannot be read: {reason}",
        place=Place(cell=cell.id, cell_index=cell.index, line=line),
        hint="keep it plain: one NAME = VALUE on a line",
    )


def _comments(parsed: ast.Module, source: str) -> dict[int, str]:
    """Comment texts by line; empty when the source has IPython lines that tokenize cannot read."""
    if not parsed.body:
        return {}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(_without_magics(source)).readline))
    except (tokenize.TokenError, SyntaxError):
        return {}
    found = ((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)
    return {line: text.lstrip("#").strip() for line, text in found}


def _help(statement: ast.stmt, comments: Mapping[int, str]) -> str | None:
    last = comments.get(statement.end_lineno or statement.lineno)
    text = last if last is not None else comments.get(statement.lineno)
    return text if text and not _NO_HELP.fullmatch(text) else None


def _entries(statement: ast.stmt, comment: str | None) -> Iterator[_Entry]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            yield _entry(statement, name, annotation, value, comment)
        case ast.Assign(targets=targets, value=value):
            said, help_text = _type_comment(comment)
            for target in targets:
                for name, part in _pairs(target, value):
                    yield _entry(statement, name, said, part, help_text)


def _entry(
    statement: ast.stmt,
    name: str,
    annotation: ast.expr | None,
    value: ast.expr | None,
    comment: str | None,
) -> _Entry:
    return _Entry(
        name=name, line=statement.lineno, annotation=annotation, value=value, help=comment or None
    )


def _type_comment(comment: str | None) -> tuple[ast.expr | None, str | None]:
    """papermill's other way to annotate: `x = 1  # type: int how many`."""
    match = _TYPE_COMMENT.fullmatch(comment or "")
    if match is None:
        return None, comment
    return ast.Constant(match["type"]), match["help"] or None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case (
            (ast.Tuple(elts=names) | ast.List(elts=names)),
            (ast.Tuple(elts=values) | ast.List(elts=values)),
        ) if len(names) == len(values):
            for part, part_value in zip(names, values, strict=True):
                yield from _pairs(part, part_value)


def _merged(before: _Entry | None, entry: _Entry) -> _Entry:
    if before is None:
        return entry
    return _Entry(
        name=entry.name,
        line=entry.line,
        annotation=entry.annotation or before.annotation,
        value=entry.value or before.value,
        help=entry.help or before.help,
    )


def _parameter(entry: _Entry, cell: Cell) -> Parameter:
    said = _annotated(entry.annotation) if entry.annotation is not None else _ANY
    shown, default = _valued(entry.value) if entry.value is not None else (_ANY, None)
    is_none = isinstance(entry.value, ast.Constant) and entry.value.value is None
    return Parameter(
        name=entry.name,
        type=said.type if said.type != "any" or said.choices else shown.type,
        default=default,
        required=entry.value is None,
        help=entry.help,
        choices=said.choices,
        cell=cell.id,
        line=entry.line,
        optional=said.optional or is_none,
        bounds=said.bounds,
        path=said.path or shown.path,
    )


def _named(word: str) -> _Kind:
    """What the last word of an annotation, or of a call, says."""
    return _Kind(type=_TYPES.get(word, "any"), path=word in _PATHS)


def _annotated(node: ast.expr) -> _Kind:
    match node:
        case ast.Constant(value=None):
            return _Kind(type="any", optional=True)
        case ast.Constant(value=str(text)):
            parsed = _expression(text)
            return _annotated(parsed) if parsed is not None else _ANY
        case ast.Name() | ast.Attribute():
            return _named(_last_word(node))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right])
        case ast.Subscript(value=base, slice=inner):
            return _subscripted(_last_word(base), inner)
    return _ANY


def _expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _subscripted(base: str, inner: ast.expr) -> _Kind:
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if base == "Literal":
        return _literal(parts)
    if base == "Optional":
        return _union([*parts, ast.Constant(None)])
    if base == "Union":
        return _union(parts)
    if base in _WRAPPERS and parts:
        return replace(_annotated(parts[0]), bounds=_bounds(parts[1:]))
    return _Kind(type=_TYPES.get(base, "any"))


def _union(parts: list[ast.expr]) -> _Kind:
    kinds = [_annotated(part) for part in parts if not _is_none(part)]
    optional = len(kinds) < len(parts) or any(kind.optional for kind in kinds)
    types = {kind.type for kind in kinds}
    if types == {"int", "float"}:
        types = {"float"}
    closed = bool(kinds) and all(kind.choices for kind in kinds)
    return _Kind(
        type=types.pop() if len(types) == 1 else "any",
        optional=optional,
        choices=tuple(c for kind in kinds for c in kind.choices) if closed else (),
        bounds=kinds[0].bounds if len(kinds) == 1 else UNBOUND,
        path=any(kind.path for kind in kinds),
    )


def _bounds(notes: Iterable[ast.expr]) -> Bounds:
    """`Ge(0), Le(100)`, `Interval(ge=0, le=100)`, `Field(ge=0, le=100)`, `range(0, 101)`."""
    found: dict[str, float] = {}
    for note in notes:
        if isinstance(note, ast.Call):
            found |= {
                name: limit for name, limit in _limits(note) if isinstance(limit, int | float)
            }
    return Bounds(**found)


def _limits(note: ast.Call) -> Iterator[tuple[str, Any]]:
    word = _last_word(note.func)
    values = [_folded(argument) for argument in note.args]
    if word == "range" and len(values) in (1, 2) and not note.keywords:
        yield "ge", values[0] if len(values) == 2 else 0
        yield "lt", values[-1]
    if word in _LIMITED:
        yield from ((k.arg, _folded(k.value)) for k in note.keywords if k.arg in _LIMITS)
    if word.lower() in _LIMITS and len(values) == 1:
        yield word.lower(), values[0]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _literal(parts: list[ast.expr]) -> _Kind:
    values = [_folded(part) for part in parts]
    choices = tuple(v for v in values if isinstance(v, str | int | float))
    types = {type(choice).__name__ for choice in choices}
    return _Kind(
        type=types.pop() if len(types) == 1 else "any",
        optional=any(_is_none(part) for part in parts),
        choices=choices,
    )


def _last_word(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


_NOT_LITERAL: Final = object()


def _valued(node: ast.expr) -> tuple[_Kind, Any]:
    """The type of a default, and its value as JSON can say it (None where the text does not)."""
    value = _folded(node)
    if value is not _NOT_LITERAL:
        return _of_value(value)
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            return _called(func, args, keywords)
        case ast.JoinedStr():
            return _Kind(type="str"), None
        case ast.List() | ast.Tuple() | ast.Set() | ast.ListComp() | ast.SetComp():
            return _Kind(type="list"), None
        case ast.Dict() | ast.DictComp():
            return _Kind(type="dict"), None
    return _ANY, None


def _of_value(value: Any) -> tuple[_Kind, Any]:
    match value:
        case bool() | int() | float() | str():
            return _Kind(type=type(value).__name__), _jsonable(value)
        case list() | tuple() | set():
            return _Kind(type="list"), _jsonable(value)
        case dict():
            return _Kind(type="dict"), _jsonable(value)
    return _ANY, None


def _folded(node: ast.expr) -> Any:
    """The value of a literal or of simple arithmetic on literals, else `_NOT_LITERAL`."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _folded(node.left), _folded(node.right)
        if all(isinstance(side, int | float) for side in (left, right)):
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except ArithmeticError:
                return _NOT_LITERAL
    return _NOT_LITERAL


def _jsonable(value: Any) -> Any:
    """A literal as JSON can say it; numbers that are not finite as text.

    >>> _jsonable((1, {"a": float("nan")}))
    [1, {'a': 'nan'}]
    """
    match value:
        case float() if not math.isfinite(value):
            return repr(value)
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case set():
            return [_jsonable(item) for item in sorted(value, key=repr)]
        case dict():
            return {str(key): _jsonable(item) for key, item in value.items()}
        case None | bool() | int() | float() | str():
            return value
    return repr(value)


def _called(func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> tuple[_Kind, Any]:
    word, owner = _last_word(func), ""
    if isinstance(func, ast.Attribute):
        owner = _last_word(func.value)
    if word in _CLOCKS or word in ("fromisoformat", "strptime"):
        kind = _Kind(type=_TYPES.get(owner, "any"))
        return kind, _iso(kind.type, _texts(args)) if word == "fromisoformat" else None
    kind = _named(word)
    if kind.type in ("date", "datetime"):
        return kind, _date_default(kind.type, args, keywords)
    if kind.type in ("str", "float"):
        texts = _texts(args)
        return kind, _text_default(kind.type, texts) if texts else None
    return kind, None


def _texts(args: list[ast.expr]) -> list[str]:
    values = [_folded(arg) for arg in args]
    return values if len(values) == 1 and isinstance(values[0], str) else []


def _text_default(kind: str, texts: list[str]) -> Any:
    if kind == "str":
        return texts[0]
    try:
        return _jsonable(float(texts[0]))
    except ValueError:
        return None


def _date_default(kind: str, args: list[ast.expr], keywords: list[ast.keyword]) -> str | None:
    if texts := _texts(args):
        return _iso(kind, texts)
    values = [_folded(arg) for arg in args]
    named = {word.arg: _folded(word.value) for word in keywords if word.arg is not None}
    if not all(isinstance(value, int) for value in (*values, *named.values())):
        return None
    make: Callable[..., date] = date if kind == "date" else datetime
    try:
        return make(*values, **named).isoformat()
    except (TypeError, ValueError, OverflowError):
        return None


def _iso(kind: str, texts: list[str]) -> str | None:
    read = date.fromisoformat if kind == "date" else datetime.fromisoformat
    try:
        return read(texts[0]).isoformat() if texts else None
    except ValueError:
        return None


def _mismatches(
    entries: Iterable[_Entry], parameters: tuple[Parameter, ...], cell: Cell
) -> Iterator[Diagnostic]:
    """Defaults that their own annotation would refuse: given and default values would differ."""
    for entry, parameter in zip(entries, parameters, strict=True):
        yield from _outside(parameter, cell)
        shown = _valued(entry.value)[0].type if entry.value is not None else "any"
        fits = shown in ("any", parameter.type) or (shown, parameter.type) == ("int", "float")
        if not fits and parameter.type != "any":
            yield _unfit(
                parameter,
                cell,
                message=f"parameter {entry.name} is annotated {parameter.type},"
                f" but its default is {shown}",
                hint=f"a value that is given will be {parameter.type}: make the default one too",
            )


def _outside(parameter: Parameter, cell: Cell) -> Iterator[Diagnostic]:
    default = parameter.default
    if isinstance(default, int | float) and not parameter.bounds.hold(default):
        yield _unfit(
            parameter,
            cell,
            message=f"parameter {parameter.name} is annotated {parameter.bounds},"
            f" but its default is {default}",
            hint="this value would be refused if it were given: change it, or the bounds",
        )


def _unfit(parameter: Parameter, cell: Cell, *, message: str, hint: str) -> Diagnostic:
    return Diagnostic(
        code="parameter-default",
        severity=Severity.WARNING,
        message=message,
        place=Place(cell=cell.id, cell_index=cell.index, line=parameter.line),
        hint=hint,
    )
