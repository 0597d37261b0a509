"""Python values on their way into SQL: which are tables, and how `$name` is bound."""

import datetime
import decimal
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from nbflow.core.errors import NotebookError

_PLAIN: Final = (
    bool,
    int,
    float,
    str,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)
_HUGEINT: Final = 2**127


def is_table_like(value: object) -> bool:
    """Whether SQL can read a Python value as a table: a pandas, polars or Arrow table.

    >>> is_table_like(pd.DataFrame({"a": [1]})), is_table_like([{"a": 1}])
    (True, False)
    """
    if isinstance(value, pd.DataFrame | pa.Table | pa.RecordBatch):
        return True
    return type(value).__module__.startswith("polars.") and type(value).__name__ == "DataFrame"


def not_a_table(name: str, value: object) -> NotebookError:
    """The error for a name that SQL reads and Python bound to something else."""
    kind = type(value).__name__
    hints = {
        "Series": f"write {name}_table = {name}.to_frame() and read that",
        "LazyFrame": f"write {name} = {name}.collect() first",
        "DuckDBPyRelation": f"write {name} = {name}.to_arrow_table() first",
        "list": f"write {name}_table = pd.DataFrame({name}) and read that",
        "dict": f"write {name}_table = pd.DataFrame({name}) and read that",
        "ndarray": f"write {name}_table = pd.DataFrame({name}) and read that",
    }
    hint = hints.get(kind, f"to bind a value, write ${name}")
    return NotebookError(f"{name} is a {kind}, not a table that SQL can read", hint=hint)


def bindable(name: str, value: object) -> Any:
    """A Python value as DuckDB binds it, with the same meaning.

    >>> bindable("n", np.int64(3)), bindable("p", pathlib.PurePosixPath("a/b"))
    (3, 'a/b')

    Raises:
        NotebookError: SQL has no such value; the hint says what to write.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    match value:
        case pd.Timestamp() | pd.Timedelta():
            return _without_nanoseconds(name, value)
        case np.datetime64() if np.datetime_data(value.dtype)[0] != "D":
            return bindable(name, pd.Timestamp(value))
        case np.timedelta64():
            return bindable(name, pd.Timedelta(value))
        case np.generic():
            return bindable(name, value.item())
        case np.ndarray():
            return bindable(name, value.tolist())
        case pathlib.PurePath():
            return str(value)
        case list() | tuple():
            return [bindable(name, item) for item in value]
        case Mapping():
            return {key: bindable(name, item) for key, item in value.items()}
    return _plain(name, value)


def _without_nanoseconds(name: str, value: pd.Timestamp | pd.Timedelta) -> Any:
    lost = value.nanosecond if isinstance(value, pd.Timestamp) else value.nanoseconds
    if lost:
        why = "its nanoseconds would be lost: bind str(value) and cast it to TIMESTAMP_NS"
        raise _unbindable(name, value, why)
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value.to_pytimedelta()


def _plain(name: str, value: object) -> Any:
    if not isinstance(value, _PLAIN):
        raise _unbindable(name, value, "bind numbers, text, dates, lists or dicts of these")
    if isinstance(value, int) and not -_HUGEINT <= value < 2 * _HUGEINT:
        raise _unbindable(name, value, "it has more than 128 bits: bind it as text")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _unbindable(name, value, "it holds half of a surrogate pair") from None
    return value


def _unbindable(name: str, value: object, why: str) -> NotebookError:
    return NotebookError(f"${name} is a {type(value).__name__} that SQL cannot bind", hint=why)
