"""What a caller gives for parameters → values of the right types, or one clear refusal.

papermill warns about a parameter that the notebook does not have and runs on with the default: a
report for the wrong day that looks right. Here it is an error, as is a value of another type.
"""

import ast
import difflib
import json
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, Final

from nbflow.core.errors import UsageError
from nbflow.core.step import Parameter

DEEPEST: Final = 50
"""Levels of lists and dicts in one value; Python's own parser gives up at about a hundred."""

_MOST_DIGITS: Final = 4300
"""Python's own limit for reading integers from text (CVE-2020-10735)."""

_INTEGER: Final = re.compile(r"[+-]?[0-9](?:_?[0-9])*")
_WORDS_FOR_BOOL: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_NOT_FINITE: Final = frozenset({"nan", "inf", "infinity"})

_HOW_TO_WRITE: Final[Mapping[str, str]] = {
    "int": "a whole number, such as 7",
    "float": "a number, such as 0.5 (or nan, inf)",
    "bool": "true or false",
    "str": "text",
    "date": "a date, such as 2026-01-31",
    "datetime": "a date and time, such as 2026-01-31T06:30:00",
    "list": 'a list, such as \'["a", "b"]\'',
    "dict": "a dict, such as '{\"a\": 1}'",
    "any": "any plain value",
}


class _UnfitError(ValueError):
    """This value cannot be had as that type; the message says why, if the type alone does not."""


def coerce(
    parameters: Sequence[Parameter], given: Mapping[str, Any], *, from_text: bool
) -> dict[str, Any]:
    """The given values, typed, in the order of the notebook; defaults are not filled in.

    `from_text`: the values are words of a command line. Otherwise they are Python or JSON values,
    where dates may also be ISO text and `nan`, `inf` may be text, because JSON has neither.

    >>> coerce([Parameter(name="day", type="date")], {"day": "2026-01-31"}, from_text=True)
    {'day': datetime.date(2026, 1, 31)}

    Raises:
        UsageError: unknown, missing or unfit; lists what the notebook takes.
    """
    named = {unicodedata.normalize("NFKC", str(name)): value for name, value in given.items()}
    known = {parameter.name: parameter for parameter in parameters}
    troubles = {name: _unknown(name, known) for name in named if name not in known}
    troubles |= {
        p.name: f"parameter {p.name} ({_described(p)}) needs a value"
        for p in parameters
        if p.required and p.name not in named
    }
    values: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.name in named:
            try:
                values[parameter.name] = _value(parameter, named[parameter.name], from_text)
            except _UnfitError as error:
                troubles[parameter.name] = _unfit(parameter, named[parameter.name], str(error))
    if troubles:
        raise UsageError("; ".join(troubles.values()), hint=_hint(parameters), fields=troubles)
    return values


def papermill_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as papermill can inject them and JSON can store them: dates as ISO text.

    `coerce(parameters, papermill_values(values), from_text=False)` gives the typed values back.

    >>> papermill_values({"day": date(2026, 1, 31), "limit": float("nan")})
    {'day': '2026-01-31', 'limit': 'nan'}
    """
    return {name: _json_value(value) for name, value in values.items()}


def _json_value(value: Any) -> Any:
    match value:
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return repr(value)
        case PurePath():
            return str(value)
        case list() | tuple():
            return [_json_value(item) for item in value]
        case set() | frozenset():
            return [_json_value(item) for item in sorted(value, key=repr)]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
    return value


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        return f"{_shown(name)} cannot be the name of a parameter"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"unknown parameter {name}" + (f" (did you mean {near[0]}?)" if near else "")


def _unfit(parameter: Parameter, value: Any, why: str) -> str:
    reason = f" ({why})" if why else ""
    return f"parameter {parameter.name} takes {_described(parameter)}, not {_shown(value)}{reason}"


def _shown(value: Any) -> str:
    """A value in a message: short, escaped, with its type where it is not text."""
    try:
        text = ascii(value)
    except Exception:  # a value from anywhere: its repr may do anything
        return f"this {type(value).__name__}"
    text = text if len(text) <= 60 else text[:60] + "…"
    return text if isinstance(value, str) else f"{type(value).__name__} {text}"


def _described(parameter: Parameter) -> str:
    if parameter.choices:
        return "one of " + ", ".join(ascii(choice) for choice in parameter.choices)
    told = " ".join(filter(None, [parameter.type, str(parameter.bounds)]))
    return f"{told} or None" if parameter.optional else told


def _hint(parameters: Sequence[Parameter]) -> str:
    if not parameters:
        return "the notebook has no parameters: tag the cell that sets them 'parameters'"
    listed = ", ".join(f"{p.name} ({_described(p)})" for p in parameters)
    types = sorted({p.type for p in parameters if not p.choices})
    ways = "; ".join(f"{kind}: {_HOW_TO_WRITE[kind]}" for kind in types if kind in _HOW_TO_WRITE)
    return f"parameters of this notebook: {listed}" + (f"; {ways}" if ways else "")


def _value(parameter: Parameter, given: Any, from_text: bool) -> Any:
    given = _unwrapped(given)
    if given is None or (from_text and given == "None" and parameter.optional):
        if parameter.optional or parameter.type == "any":
            return None
        raise _UnfitError("")
    if parameter.choices:
        return _chosen(parameter, given, from_text)
    is_text = from_text and isinstance(given, str)
    value = (_FROM_TEXT if is_text else _FROM_VALUE)[parameter.type](given)
    if parameter.type in ("int", "float") and not parameter.bounds.hold(value):
        raise _UnfitError("")
    return value


def _unwrapped(value: Any) -> Any:
    """numpy's scalars as Python's: notebooks that start notebooks have them at hand."""
    if (
        type(value).__module__ == "numpy"
        and hasattr(value, "item")
        and not hasattr(value, "__len__")
    ):
        return value.item()
    return value


def _chosen(parameter: Parameter, given: Any, from_text: bool) -> Any:
    for choice in parameter.choices:
        if type(given) is type(choice) and given == choice:
            return choice
        if from_text and isinstance(given, str) and given == str(choice):
            return choice
    raise _UnfitError("")


def _int_of_text(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise _UnfitError("")
    if len(text) > _MOST_DIGITS:
        raise _UnfitError(f"more than {_MOST_DIGITS} digits")
    return int(text)


def _float_of_text(text: str) -> float:
    try:
        value = float(text) if text.isascii() else None
    except ValueError:
        value = None
    if value is None:
        raise _UnfitError("")
    if math.isinf(value) and text.strip().lstrip("+-").lower() not in _NOT_FINITE:
        raise _UnfitError("too large for a float")
    return value


def _bool_of_text(text: str) -> bool:
    if text.lower() not in _WORDS_FOR_BOOL:
        raise _UnfitError("")
    return _WORDS_FOR_BOOL[text.lower()]


def _date_of_text(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _UnfitError("") from error


def _datetime_of_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _UnfitError("") from error


def _list_of_text(text: str) -> list[Any]:
    value = _container_of_text(text)
    if not isinstance(value, list | tuple):
        raise _UnfitError("")
    return list(_plain(value, DEEPEST))


def _dict_of_text(text: str) -> dict[Any, Any]:
    value = _container_of_text(text)
    if not isinstance(value, dict):
        raise _UnfitError("")
    return dict(_plain(value, DEEPEST))


def _container_of_text(text: str) -> Any:
    """JSON as the documents of the world have it, else a Python literal as analysts type it."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    raise _UnfitError("")


def _any_of_text(text: str) -> Any:
    """papermill's own reading of a word: True, False, None, a number, else text."""
    if text in ("True", "False", "None"):
        return ast.literal_eval(text)
    for read in (_int_of_text, _float_of_text):
        try:
            return read(text)
        except _UnfitError:
            continue
    return text


def _int_of_value(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _UnfitError("")
    return _readable(int(value))


def _readable(value: int) -> int:
    if abs(value) >= 10**_MOST_DIGITS:
        raise _UnfitError(f"more than {_MOST_DIGITS} digits")
    return value


def _float_of_value(value: Any) -> float:
    if isinstance(value, str) and value.lstrip("+-").lower() in _NOT_FINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnfitError("")
    try:
        number = float(value)
    except OverflowError as error:
        raise _UnfitError("too large for a float") from error
    if isinstance(value, int) and int(number) != value:
        raise _UnfitError("a float cannot hold it exactly")
    return number


def _bool_of_value(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _UnfitError("")
    return value


def _str_of_value(value: Any) -> str:
    if isinstance(value, str | PurePath):
        return str(value)
    raise _UnfitError("")


def _date_of_value(value: Any) -> date:
    if isinstance(value, str):
        return _date_of_text(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise _UnfitError("")


def _datetime_of_value(value: Any) -> datetime:
    if isinstance(value, str):
        return _datetime_of_text(value)
    if isinstance(value, datetime):
        return value if type(value) is datetime else _plain_datetime(value)
    raise _UnfitError("")


def _plain_datetime(value: datetime) -> datetime:
    """pandas' Timestamp is a datetime too, but knows nanoseconds, and days that are no time."""
    plain = _datetime_of_text(value.isoformat())
    if plain != value:
        raise _UnfitError("finer than a microsecond")
    return plain


def _list_of_value(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise _UnfitError("")
    items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
    return list(_plain(items, DEEPEST))


def _dict_of_value(value: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _UnfitError("")
    return dict(_plain(dict(value), DEEPEST))


def _any_of_value(value: Any) -> Any:
    return _plain(value, DEEPEST)


def _plain(value: Any, levels: int) -> Any:
    """A value of which every part can be written as Python source and stored as JSON."""
    if levels == 0:
        raise _UnfitError(f"nested deeper than {DEEPEST} levels")
    value = _unwrapped(value)
    match value:
        case None | bool() | float() | str() | date() | PurePath():
            return value
        case int():
            return _readable(value)
        case list() | tuple():
            return [_plain(item, levels - 1) for item in value]
        case dict():
            return {_key(key): _plain(item, levels - 1) for key, item in value.items()}
    raise _UnfitError(f"{type(value).__name__} cannot be passed to a notebook")


def _key(key: Any) -> Any:
    if not isinstance(key, str):
        raise _UnfitError("keys have to be text")
    return key


_FROM_TEXT: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": _int_of_text,
    "float": _float_of_text,
    "bool": _bool_of_text,
    "str": str,
    "date": _date_of_text,
    "datetime": _datetime_of_text,
    "list": _list_of_text,
    "dict": _dict_of_text,
    "any": _any_of_text,
}

_FROM_VALUE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "int": _int_of_value,
    "float": _float_of_value,
    "bool": _bool_of_value,
    "str": _str_of_value,
    "date": _date_of_value,
    "datetime": _datetime_of_value,
    "list": _list_of_value,
    "dict": _dict_of_value,
    "any": _any_of_value,
}
