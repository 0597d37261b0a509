"""Values → Python source that makes exactly these values again: the injected parameters cell.

papermill's own translator turns dates, tuples and paths into text. Here the source is exact, needs
no import, binds nothing but the parameters, and what is hostile in a value stays inside a literal.
Where the author wrote how the default is made (`dt.date(2026, 1, 31)`, `Path("data")`, a tuple),
the injected value is made in the same way, so that it has the author's type.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from nbflow.core.notebook import Cell

_MOST_BITS_IN_DECIMAL: Final = 14_000
"""Python reads integers of up to 4300 decimal digits from source; hexadecimal ones of any size."""

_DATETIME: Final = '__import__("datetime")'
"""An import statement would bind a name, and may hide the author's own `datetime`."""


def python_literal(value: Any) -> str:
    """An expression for `value`: evaluated without any import, it gives an equal value and type.

    >>> python_literal(["a\\n'", float("nan"), date(2026, 1, 31)])
    '["a\\\\n\\'", float("nan"), __import__("datetime").date(2026, 1, 31)]'

    Raises:
        TypeError: there is no such expression.
    """
    match value:
        case None | bool():
            return repr(value)
        case int():
            return _integer(value)
        case float():
            return _float(value)
        case str():
            return str.__repr__(value)
        case bytes():
            return bytes.__repr__(value)
        case date() | time() | timedelta() | tzinfo():
            return _moment(value)
        case Decimal():
            return f'__import__("decimal").Decimal({str(value)!r})'
        case PurePath():
            return _path(value)
    return _container(value)


def _integer(value: int) -> str:
    return hex(value) if value.bit_length() > _MOST_BITS_IN_DECIMAL else int.__repr__(value)


def _float(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else f'float("{float.__repr__(value)}")'


def _path(value: PurePath) -> str:
    kind = "Path" if isinstance(value, Path) else type(value).__name__
    return f'__import__("pathlib").{kind}({str(value)!r})'


def _container(value: Any) -> str:
    match value:
        case list():
            return f"[{_joined(value)}]"
        case tuple():
            return f"({_joined(value)}{',' if len(value) == 1 else ''})"
        case set() | frozenset():
            inner = f"{{{_joined(sorted(value, key=repr))}}}" if value else ""
            if isinstance(value, frozenset):
                return f"frozenset({inner})"
            return inner or "set()"
        case dict():
            pairs = (f"{python_literal(k)}: {python_literal(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
    raise TypeError(f"{type(value).__name__} cannot be written as Python source")


def _joined(values: Any) -> str:
    return ", ".join(python_literal(value) for value in values)


def _moment(value: date | time | timedelta | tzinfo) -> str:
    match value:
        case datetime():
            return f"{_DATETIME}.datetime({_datetime_arguments(value)})"
        case date():
            return f"{_DATETIME}.date({value.year}, {value.month}, {value.day})"
        case time():
            return f"{_DATETIME}.time({_clock_arguments(value)})"
        case timedelta():
            parts = f"{value.days}, {value.seconds}, {value.microseconds}"
            return f"{_DATETIME}.timedelta({parts})"
    return _zone(value)


def _datetime_arguments(value: datetime) -> str:
    return f"{value.year}, {value.month}, {value.day}, {_clock_arguments(value)}"


def _clock_arguments(value: datetime | time) -> str:
    fields = [value.hour, value.minute, value.second, value.microsecond]
    while len(fields) > 2 and fields[-1] == 0:
        fields.pop()
    written = [str(field) for field in fields]
    if value.tzinfo is not None:
        written.append(f"tzinfo={_zone(value.tzinfo)}")
    if value.fold:
        written.append("fold=1")
    return ", ".join(written)


def _zone(zone: tzinfo) -> str:
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        return f'__import__("zoneinfo").ZoneInfo({zone.key!r})'
    if zone is timezone.utc:  # noqa: UP017 (the object, under the name that the source will use)
        return f"{_DATETIME}.timezone.utc"
    if isinstance(zone, timezone):
        return f"{_DATETIME}.timezone({_moment(zone.utcoffset(None))})"
    raise TypeError(f"the time zone {zone!r} cannot be written as Python source")


def injected_source(cell: Cell | None, values: Mapping[str, Any]) -> str:
    """The source of papermill's injected cell for these values.

    `cell` is the author's parameters cell, whose ways of making dates, paths and tuples are kept.

    >>> injected_source(None, {"region": "north"})
    "# Parameters\\nregion = 'north'\\n"

    Raises:
        TypeError: a value cannot be written as Python source.
    """
    makers = _makers(cell.source) if cell is not None else {}
    lines = [
        f"{name} = {_made(makers.get(name, _NO_MAKER), value)}" for name, value in values.items()
    ]
    return "\n".join(["# Parameters", *lines, ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """How the author makes a default: a constructor's spelling, or the kind of container."""

    call: str | None = None
    container: Literal["tuple", "set", "frozenset"] | None = None


_NO_MAKER: Final = _Maker()
_TEXT_MAKERS: Final = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})
_TIMESTAMP_MAKERS: Final = frozenset({"Timestamp", "to_datetime"})
_CLOCKS: Final = frozenset({"today", "now", "utcnow", "strptime"})


def _makers(source: str) -> dict[str, _Maker]:
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, _Maker] = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets, value=value):
                said = _of_value(value)
                found |= {t.id: said for t in targets if isinstance(t, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=default):
                said = _of_value(default) if default is not None else _NO_MAKER
                found[name] = said if said != _NO_MAKER else _of_annotation(annotation)
    return found


def _of_value(value: ast.expr) -> _Maker:
    match value:
        case ast.Tuple():
            return _Maker(container="tuple")
        case ast.Set() | ast.Call(func=ast.Name(id="set")):
            return _Maker(container="set")
        case ast.Call(func=ast.Name(id="frozenset")):
            return _Maker(container="frozenset")
        case ast.Call(func=func) if (spelled := _dotted(func)) is not None:
            owner, _, word = spelled.rpartition(".")
            return _Maker(call=owner if word in _CLOCKS and owner else spelled)
    return _NO_MAKER


def _of_annotation(annotation: ast.expr) -> _Maker:
    """`folder: Path`, `since: pd.Timestamp`, `regions: tuple[str, ...]`: what no default shows."""
    base = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    match (_dotted(base) or "").rpartition(".")[2]:
        case "tuple" | "Tuple":
            return _Maker(container="tuple")
        case "set" | "Set":
            return _Maker(container="set")
        case "frozenset" | "FrozenSet":
            return _Maker(container="frozenset")
    for node in ast.walk(annotation):
        spelled = _dotted(node) or ""
        if spelled.rpartition(".")[2] in _TEXT_MAKERS | _TIMESTAMP_MAKERS:
            return _Maker(call=spelled)
    return _NO_MAKER


def _dotted(node: ast.AST) -> str | None:
    """`pd.Timestamp` as text; None for what is more than names and dots: it must not run twice."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=word) if (owner := _dotted(value)) is not None:
            return f"{owner}.{word}"
    return None


def _made(maker: _Maker, value: Any) -> str:
    if isinstance(value, list) and maker.container is not None:
        containers = {"tuple": tuple, "set": set, "frozenset": frozenset}
        return python_literal(containers[maker.container](value))
    if maker.call is not None and isinstance(value, date | str):
        return _called(maker.call, value)
    return python_literal(value)


def _called(maker: str, value: date | str) -> str:
    """`value` by the author's own constructor, where that is known to make it exactly."""
    word = maker.rpartition(".")[2]
    if isinstance(value, str):
        return f"{maker}({value!r})" if word in _TEXT_MAKERS else python_literal(value)
    if word in _TIMESTAMP_MAKERS:
        return f"{maker}({_naive_text(value) or python_literal(value)})"
    if word == "fromisoformat" and (text := _naive_text(value)) is not None:
        return f"{maker}({text})"
    if word == "datetime" and isinstance(value, datetime) and value.tzinfo is None:
        return f"{maker}({_datetime_arguments(value)})"
    if word == "date" and not isinstance(value, datetime):
        return f"{maker}({value.year}, {value.month}, {value.day})"
    return python_literal(value)


def _naive_text(value: date) -> str | None:
    """ISO text as a literal; None where that would lose the zone's name, or the fold."""
    if isinstance(value, datetime) and (value.tzinfo is not None or value.fold):
        return None
    return repr(value.isoformat())
