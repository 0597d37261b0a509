"""Tables on their way through DuckDB: what SQL sees, and what brings the very same object back.

A table file holds two tables:

- `data`, the *natural* table: plain SQL columns with unique names, for people and for SQL;
- `nbflow_template(key, value)`, what `data` cannot tell: the kind of table, labels, index, dtypes,
  attrs, and every column that does not come back from `data` exactly. Plain frames need JSON only;
  the rest is pickled and sealed.

A large table is an Arrow file with the same two parts (`inside/arrow_file.py`): DuckDB reads it
where it lies.

Nothing is believed: what was written is read again before the file is let go, and a column that
came back in any way different is stored as it is in the template. A file without a template was
written by SQL; pandas sees it as `to_pandas` shows any SQL result.
"""

import datetime
import decimal
import functools
import json
import os
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.internals import (  # type: ignore[import-not-found]
    create_dataframe_from_blocks,
)

from nbflow.core.errors import StoreError
from nbflow.inside import arrow_file, mapped
from nbflow.inside.digest import Walk, digest, feed_column, plain_attributes
from nbflow.inside.groundwork import Groundwork
from nbflow.inside.seal import Sealing
from nbflow.inside.straight import Summing

DATA: Final = "data"
TEMPLATE: Final = "nbflow_template"
NO_COLUMNS: Final = "no columns"
"""The one natural column of a table that has none: DuckDB knows no table without columns."""

_MEMORY: Final = "/dev/shm"
"""Linux's file system in memory."""

_LIGHT_BYTES: Final = 1 << 20
_SMALL_ROWS: Final = 20_000  # below this, small blocks: 45 kB instead of 537 kB for a tiny table
_READ_BYTES: Final = 128 * 2**20
_PART_BYTES: Final = 32 * 2**20  # DuckDB takes blobs below 4 GB, and small ones gladly
_EXACT_IN_FLOAT: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What people are told of a table file. `schema`: (column, DuckDB type) pairs of `data`."""

    rows: int
    columns: int
    schema: tuple[tuple[str, str], ...]


def is_table(value: object) -> bool:
    """Whether a value is stored as a table: a pandas, polars or Arrow table, no subclass of these.

    >>> is_table(pd.DataFrame()), is_table(pd.Series([1])), is_table([])
    (True, False, False)
    """
    return type(value) is pd.DataFrame or type(value) is pa.Table or _is_polars(value)


def _is_polars(value: object) -> bool:
    kind = type(value)
    return kind.__module__.startswith("polars.") and kind.__qualname__ == "DataFrame"


def content_digest(obj: object) -> str:
    """The blake3 (hex) of all that Python can see in a table (or in any other value).

    Type, order, dtypes, labels, names, attrs and values count; memory layout does not.

    Raises:
        Undigestible: a cell holds something without content (a lock, a connection).
    """
    return digest(obj)


# -- what SQL sees -------------------------------------------------------------------------------


def natural(frame: Any) -> pa.Table:
    """The table as SQL sees it: plain types, unique names, no index. NaN and None are NULL.

    What has no SQL type becomes text. Takes pandas, polars and Arrow tables (and Series).

    >>> natural(pd.DataFrame({"a": [1, 2], "A": ["x", None]})).column_names
    ['a', 'A_1']

    Raises:
        TypeError: it is no table.
    """
    names, columns = _natural_columns(frame)
    if not columns:
        return pa.table({NO_COLUMNS: pa.nulls(len(frame), pa.bool_())})
    return pa.Table.from_arrays(columns, names=unique_names(names))


def _natural_columns(frame: Any) -> tuple[list[object], list[pa.ChunkedArray]]:
    match frame:
        case pd.DataFrame():
            series = [frame.iloc[:, position] for position in range(frame.shape[1])]
            return list(frame.columns), [_natural_series(column) for column in series]
        case pd.Series():
            return [frame.name], [_natural_series(frame)]
        case pa.Table():
            return list(frame.column_names), [_natural_arrow(c) for c in frame.columns]
        case pa.RecordBatch():
            return _natural_columns(pa.Table.from_batches([frame]))
        case _ if _is_polars(frame):
            columns = [_natural_polars(series) for series in frame.get_columns()]
            return list(frame.columns), columns
    raise TypeError(f"{type(frame).__name__} is not a table")


def unique_names(labels: Iterable[object]) -> list[str]:
    """SQL column names for any labels: text, not empty, different also when case is ignored.

    >>> unique_names(["a", "A", 1, "", ("a", 1)])
    ['a', 'A_1', '1', 'C3', "('a', 1)"]
    """
    taken: set[str] = set()
    found = []
    for position, label in enumerate(labels):
        stem = _clean(str(label)) or f"C{position}"
        name, count = stem, 0
        while name.lower() in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name.lower())
        found.append(name)
    return found


def _clean(text: str) -> str:
    """Text that UTF-8 can carry, without NUL: neither fits an SQL identifier."""
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return whole.replace("\0", "\ufffd")


def _natural_series(series: "pd.Series[Any]") -> pa.ChunkedArray:
    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series.array), name=series.name)
    if isinstance(series.dtype, pd.PeriodDtype | pd.IntervalDtype) or series.dtype.kind == "c":
        return _as_text(series)
    try:
        missing = not _has_all_numbers(series)
        column = pa.chunked_array(_one_array(pa.array(series, from_pandas=missing)))
    except Exception:  # Arrow raises a dozen kinds for values that it cannot carry
        return _as_text(series)
    return _natural_arrow(column)


def _has_all_numbers(series: "pd.Series[Any]") -> bool:
    """Whether no float is NaN; Arrow would look at one after the other.

    >>> _has_all_numbers(pd.Series([1.5])), _has_all_numbers(pd.Series([1.5, np.nan]))
    (True, False)
    """
    if not isinstance(series.dtype, np.dtype) or series.dtype.kind != "f" or series.empty:
        return False
    return mapped.has_all_numbers(series.to_numpy())


def _one_array(array: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return list(array.chunks) if isinstance(array, pa.ChunkedArray) else [array]


def _natural_polars(series: Any) -> pa.ChunkedArray:
    if series.dtype.is_object():
        return _as_text(pd.Series(series.to_list(), dtype=object))
    return _natural_arrow(pa.chunked_array([series.to_arrow()]))


def _natural_arrow(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([c.storage for c in column.chunks], type=kind.storage_type)
        return _natural_arrow(column)
    if pa.types.is_dictionary(kind):
        return _natural_arrow(column.cast(kind.value_type))
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_date64(kind):
        return column.cast(pa.date32(), safe=False)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return column if _sql_can_hold(kind) else _as_text(pd.Series(column.to_pylist(), dtype=object))


def _sql_can_hold(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _sql_can_hold(kind.value_type)
    if pa.types.is_map(kind):
        return _sql_can_hold(kind.key_type) and _sql_can_hold(kind.item_type)
    if pa.types.is_struct(kind):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        held = all(_sql_can_hold(kind.field(i).type) for i in range(kind.num_fields))
        return held and names == unique_names(names) and bool(names)
    return any(is_kind(kind) for is_kind in _SQL_KINDS)


_SQL_KINDS: Final = (
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_timestamp,
    pa.types.is_date32,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_decimal128,
    pa.types.is_null,
)
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def _as_text(series: "pd.Series[Any]") -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([_text_of(value) for value in series], pa.string())])


def _text_of(value: object) -> str | None:
    """A value as SQL text; the same in every process (no addresses, sets in order)."""
    if isinstance(value, str):
        return _clean(value).replace("\0", "")
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(_clean(repr(item)) for item in value)) + "}"
    return _ADDRESS.sub("", _clean(str(value)))


# -- what pandas sees of an SQL result -----------------------------------------------------------


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An SQL result as a DataFrame, as analysts expect it and without losing a digit.

    Integers and booleans with NULLs become nullable dtypes, dates datetime64, DECIMAL float64 where
    every value fits its 15 digits (else Decimal objects), HUGEINT int64 where it fits (else int
    objects), intervals without months timedelta64.

    >>> to_pandas(pa.table({"n": pa.array([1, None])})).dtypes.to_dict()
    {'n': Int64Dtype()}
    """
    columns = [_pandas_column(column) for column in table.columns]
    frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names, dtype="str")
    return frame


def _pandas_column(column: pa.ChunkedArray) -> Any:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _pandas_extension(column)
    if pa.types.is_decimal(kind):
        return _pandas_decimal(column)
    if pa.types.is_date(kind):
        return _pandas_date(column)
    if pa.types.is_interval(kind):
        return _pandas_interval(column)
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return _NULLABLE[str(kind)].__from_arrow__(column)
    return column.to_pandas(maps_as_pydicts="strict")


_NULLABLE: Final[dict[str, Any]] = {
    "int8": pd.Int8Dtype(),
    "int16": pd.Int16Dtype(),
    "int32": pd.Int32Dtype(),
    "int64": pd.Int64Dtype(),
    "uint8": pd.UInt8Dtype(),
    "uint16": pd.UInt16Dtype(),
    "uint32": pd.UInt32Dtype(),
    "uint64": pd.UInt64Dtype(),
    "bool": pd.BooleanDtype(),
}


def _pandas_extension(column: pa.ChunkedArray) -> Any:
    if column.type.extension_name == "arrow.uuid":
        values = [None if v is None else uuid.UUID(str(v)) for v in column.to_pylist()]
        return pd.Series(values, dtype=object)
    storage = pa.chunked_array([c.storage for c in column.chunks], type=column.type.storage_type)
    return _pandas_column(storage)


def _pandas_decimal(column: pa.ChunkedArray) -> Any:
    values = column.to_pylist() if _needs_digits(column) else None
    if column.type.scale > 0:
        if values is None:
            return column.cast(pa.float64()).to_pandas()
        return pd.Series(values, dtype=object)
    try:
        return _pandas_column(column.cast(pa.int64()))
    except pa.ArrowInvalid:
        values = column.to_pylist()
        return pd.Series([None if v is None else int(v) for v in values], dtype=object)


def _needs_digits(column: pa.ChunkedArray) -> bool:
    """Whether some value has more digits than a float64 tells apart."""
    extremes = pc.min_max(column).as_py()
    scale = column.type.scale
    with decimal.localcontext(prec=80):
        largest = max((abs(v) for v in extremes.values() if v is not None), default=0)
        return bool(decimal.Decimal(largest).scaleb(scale) >= _EXACT_IN_FLOAT)


def _pandas_date(column: pa.ChunkedArray) -> Any:
    try:
        return column.cast(pa.timestamp("us")).to_pandas()
    except pa.ArrowInvalid:  # beyond the year 294,247: DuckDB's infinity among them
        return column.cast(pa.timestamp("s")).to_pandas()


def _pandas_interval(column: pa.ChunkedArray) -> Any:
    values = column.to_pylist()
    if any(value is not None and value.months for value in values):
        return pd.Series(values, dtype=object)
    micros = [
        None if v is None else v.days * 86_400_000_000 + v.nanoseconds // 1000 for v in values
    ]
    return pa.chunked_array([pa.array(micros, pa.duration("us"))]).to_pandas()


# -- files ---------------------------------------------------------------------------------------


def write_frame(
    frame: Any, path: Path, *, con: duckdb.DuckDBPyConnection | None = None, seal: Sealing
) -> TableFacts:
    """Write a pandas, polars or Arrow table into a new file, so that `read_frame` gives it back.

    Raises:
        PickleForbidden: it holds what only a pickle can carry, and pickles are forbidden.
        StoreError: the file cannot be written.
        Exception: whatever pickling a cell's value raises.
    """
    table, light = natural(frame), _is_light(frame)
    with (
        _in_memory(path) if light else nullcontext(path) as file,
        _attached(file, con=con, rows=table.num_rows, light=light) as (cursor, place),
    ):
        cursor.register("nbflow_natural", table)
        cursor.execute(f"CREATE TABLE {place}.{DATA} AS FROM nbflow_natural")
        written = _Written(cursor, place, table.schema.names, rows=table.num_rows)
        _write_template(cursor, place, _template(frame, written, seal))
    return _facts(_described(table.schema), rows=table.num_rows)


def write_large(
    frame: Any, stem: Path, *, seal: Sealing, summing: Summing, ground: Groundwork | None = None
) -> tuple[Path, TableFacts]:
    """The same for a table for which DuckDB would take long: `stem` with the suffix of its form.

    `summing` is given the bytes of the file, if it is an Arrow file; so is that of the `ground` on
    which it is to be made.

    Raises:
        As `write_frame`.
    """
    table = natural(frame)
    template = _template(frame, _Told(table), seal)
    path = stem.with_suffix(arrow_file.SUFFIX)
    if sum(map(len, template.values())) > arrow_file.MOST_TEMPLATE_BYTES:
        path = stem.with_suffix(".duckdb")
        return path, write_frame(frame, path, seal=seal)
    path.unlink(missing_ok=True)
    if ground is not None:
        ground.finish(table, template, path)
    else:
        arrow_file.write(table, template, path, summing=summing)
    return path, read_facts(path)


def prepare_large(
    frame: pd.DataFrame, ground: Groundwork, *, seal: Sealing, passing: Collection[str] = ()
) -> bool:
    """Make the ground ready for the file that `write_large` would write of a table.

    False where it would take long to know how that file looks: it must have nothing but plain
    numbers, none of them missing. `passing`: labels of columns that will not remain.
    """
    columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
    if frame.empty or not all(map(_is_all_numbers, columns)):
        return False
    table = natural(frame)
    leaving = [place for place, label in enumerate(frame.columns) if label in passing]
    ground.aim(table, _template(frame, _Told(table), seal), passing=leaving)
    return True


def _is_all_numbers(series: "pd.Series[Any]") -> bool:
    plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"
    return plain and (series.dtype.kind in "iu" or _has_all_numbers(series))


def _is_light(frame: Any) -> bool:
    """Whether a table is known to need little room, however it is stored."""
    if not isinstance(frame, pd.DataFrame) or frame.attrs or frame.index.nlevels > 1:
        return False
    plain = all(isinstance(label, str) for label in frame.columns) and all(
        isinstance(dtype, pd.StringDtype) or getattr(dtype, "kind", "O") in "biufmM"
        for dtype in (frame.index.dtype, *frame.dtypes)
    )
    if not plain:
        return False
    held = (frame.index, *(block.values for block in frame._mgr.blocks))
    return sum(int(getattr(one, "nbytes", 0)) for one in held) <= _LIGHT_BYTES


@contextmanager
def _in_memory(path: Path) -> Iterator[Path]:
    """Where to write a file that will be at `path`: DuckDB waits for the disk several times for
    each, but whoever puts them into the store does that once for many."""
    try:
        aside = Path(tempfile.mkdtemp(prefix="nbf-", dir=_MEMORY))
    except OSError:
        yield path
        return
    try:
        yield aside / path.name
        shutil.copyfile(aside / path.name, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def read_frame(path: Path, *, seal: Sealing) -> Any:
    """The table that `write_frame` was given; for a file written by SQL, as `to_pandas` shows it.

    Raises:
        StoreError: the file is missing, damaged, or its seal is broken.
        PickleForbidden: it needs a pickle, and pickles are forbidden.
    """
    with _opened(path) as file:
        table, template = file.table(), file.template()
    if template is None:
        return to_pandas(table)
    return _restore(table, template, seal)


def read_natural(path: Path) -> pa.Table:
    """The `data` of a table file.

    Raises:
        StoreError: the file is missing or damaged.
    """
    with _opened(path) as file:
        return file.table()


def is_from_python(path: Path) -> bool:
    """Whether a table file was written by `write_frame`, not by SQL.

    Raises:
        StoreError: the file is missing or damaged.
    """
    with _opened(path) as file:
        return file.is_from_python()


def read_index(path: Path, *, seal: Sealing) -> pa.Table | None:
    """The index of a stored pandas table as columns, where it says more than the rows' numbers.

    None also where its labels are of a kind that only the notebook knows.

    Raises:
        StoreError: the file is missing or damaged, or its seal is broken.
    """
    with _opened(path) as file:
        template = file.template()
    meta = {} if template is None else json.loads(template["meta"])
    if template is None or meta["kind"] != "pandas":
        return None
    index = _index_of(meta, template, seal)
    return None if index is None else natural_index(index)


def natural_index(index: pd.Index) -> pa.Table | None:
    """An index as columns, where it says more than the rows' numbers."""
    if _only_counts(index):
        return None
    labels = index.to_frame(index=False)
    labels.columns = ["index" if name is None else name for name in index.names]
    return natural(labels)


def _only_counts(index: Any) -> bool:
    """Whether its labels are the rows' numbers, and it has no name."""
    counts = type(index) is pd.RangeIndex and index.start == 0 and index.step == 1
    return counts and index.name is None


def _index_of(meta: dict[str, Any], template: dict[str, bytes], seal: Sealing) -> Any:
    if meta["plain"] is not None:
        return _index_from(meta["plain"]["index"])
    try:
        header, _ = seal.loads(template["sealed"])
    except StoreError:
        raise
    except Exception:  # labels of a kind that only the notebook knows can raise anything
        return None
    return header.index


def read_facts(path: Path) -> TableFacts:
    """Rows, columns and types of a table file.

    Raises:
        StoreError: the file is missing or damaged.
    """
    with _opened(path) as file:
        return file.facts()


class _TableFile(Protocol):
    """A table file that is open, whichever form it has."""

    def table(self) -> pa.Table:
        """Its `data`."""

    def template(self) -> dict[str, bytes] | None:
        """What `data` cannot tell; None if SQL wrote it."""

    def is_from_python(self) -> bool:
        """Whether it has a template."""

    def facts(self) -> TableFacts:
        """Rows, columns and types."""


@contextmanager
def _opened(path: Path) -> Iterator[_TableFile]:
    if path.suffix == arrow_file.SUFFIX:
        yield _ArrowFile(*arrow_file.read(path))
        return
    with _attached(path, read_only=True) as (cursor, place):
        yield _DuckFile(cursor, place)


@dataclass(frozen=True, slots=True)
class _DuckFile:
    """A DuckDB file, attached."""

    _cursor: duckdb.DuckDBPyConnection
    _place: str

    def table(self) -> pa.Table:
        return _read_table(self._cursor, self._place)

    def template(self) -> dict[str, bytes] | None:
        return _read_template(self._cursor, self._place)

    def is_from_python(self) -> bool:
        return _has_template(self._cursor, self._place)

    def facts(self) -> TableFacts:
        counted = self._cursor.execute(f"SELECT count(*) FROM {self._place}.{DATA}").fetchall()
        described = self._cursor.execute(f"DESCRIBE {self._place}.{DATA}").fetchall()
        return _facts(_schema(described), rows=int(counted[0][0]))


@dataclass(frozen=True, slots=True)
class _ArrowFile:
    """An Arrow file, mapped. Only Python writes such files."""

    _table: pa.Table
    _template: dict[str, bytes]

    def table(self) -> pa.Table:
        return self._table

    def template(self) -> dict[str, bytes] | None:
        return self._template

    def is_from_python(self) -> bool:
        return True

    def facts(self) -> TableFacts:
        return _facts(_described(self._table.schema), rows=self._table.num_rows)


_Schema = tuple[tuple[str, str], ...]


@functools.lru_cache(maxsize=256)
def _described(schema: pa.Schema) -> _Schema:
    """The types that DuckDB gives to an Arrow table: the steps of a notebook leave many alike."""
    cursor = _own_connection(os.getpid(), threading.get_ident(), light=True).cursor()
    try:
        cursor.register(DATA, schema.empty_table())
        return _schema(cursor.execute(f"DESCRIBE temp.{DATA}").fetchall())
    finally:
        cursor.close()


def _schema(described: Iterable[tuple[Any, ...]]) -> _Schema:
    return tuple((str(row[0]), str(row[1])) for row in described)


def _facts(schema: _Schema, *, rows: int) -> TableFacts:
    columns = 0 if schema[0][0] == NO_COLUMNS and len(schema) == 1 else len(schema)
    return TableFacts(rows=rows, columns=columns, schema=schema)


@contextmanager
def _attached(
    path: Path,
    *,
    con: duckdb.DuckDBPyConnection | None = None,
    rows: int = 0,
    light: bool = False,
    read_only: bool = False,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A cursor, and the name under which it sees the file. A new file is whole when this ends."""
    cursor = (con or _own_connection(os.getpid(), threading.get_ident(), light=light)).cursor()
    place = f"nbflow_file_{uuid.uuid4().hex}"
    small = ", BLOCK_SIZE 16384" if rows <= _SMALL_ROWS else ""
    # No write-ahead log: a file that was not finished is nobody's, whatever is in it.
    new = f"STORAGE_VERSION 'latest', RECOVERY_MODE no_wal_writes{small}"
    options = "READ_ONLY" if read_only else new
    try:
        cursor.execute(f"ATTACH {_quoted(str(path))} AS {place} ({options})")
        try:
            yield cursor, place
            if not read_only:
                cursor.execute(f"CHECKPOINT {place}")
        finally:
            cursor.execute(f"DETACH {place}")
    except duckdb.Error as error:
        raise StoreError(f"table file {path}: {error}") from error
    finally:
        cursor.close()
    if not read_only and Path(f"{path}.wal").exists():
        raise StoreError(f"table file {path} was left with a .wal beside it")


@functools.lru_cache(maxsize=2)
def _own_connection(
    _process: int, _thread: int, *, light: bool = False
) -> duckdb.DuckDBPyConnection:
    """A private in-memory database: settings that a cell made in its own do not reach ours.

    Process and thread are arguments because a connection must not be used across either. For
    `light` work one thread is enough: to wake the others takes longer.
    """
    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if light:
        config["threads"] = "1"
    return duckdb.connect(":memory:", config=config)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_table(cursor: duckdb.DuckDBPyConnection, place: str) -> pa.Table:
    return cursor.sql(f"FROM {place}.{DATA}").to_arrow_table()


class _Stored(Protocol):
    """A table as its file gives it back."""

    def column(self, position: int) -> pa.ChunkedArray:
        """One column."""

    def table(self) -> pa.Table:
        """All of it."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A table for an Arrow file, which gives back what it was given, bit by bit."""

    _table: pa.Table

    def column(self, position: int) -> pa.ChunkedArray:
        """One column."""
        return self._table.column(position)

    def table(self) -> pa.Table:
        """All of it."""
        return self._table


class _Written:
    """What was written, read again some columns at a time: the memory of one serves the next."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, place: str, names: list[str], *, rows: int
    ) -> None:
        self._cursor, self._place, self._names = cursor, place, names
        self._width = max(1, _READ_BYTES // (8 * max(rows, 1)))
        self._start, self._group = 0, pa.table({})

    def column(self, position: int) -> pa.ChunkedArray:
        """One column."""
        start = position - position % self._width
        if start != self._start or not self._group.num_columns:
            names = self._names[start : start + self._width]
            columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
            self._group = pa.table({})  # given back before the next is read
            query = f"SELECT {columns} FROM {self._place}.{DATA}"
            self._start, self._group = start, self._cursor.sql(query).to_arrow_table()
        return self._group.column(position - start)

    def table(self) -> pa.Table:
        """All of it."""
        return _read_table(self._cursor, self._place)


def _write_template(
    cursor: duckdb.DuckDBPyConnection, place: str, template: Mapping[str, bytes]
) -> None:
    """What `_read_template` gives back: in as few statements as its size allows."""
    target, rows = f"{place}.{TEMPLATE}", "SELECT unnest(?::VARCHAR[]), unnest(?::BLOB[])"
    begin = f"CREATE TABLE {target} (key, value) AS {rows}"
    for keys, pieces in _batches(template):
        cursor.execute(begin, [keys, pieces])
        begin = f"INSERT INTO {target} {rows}"


def _batches(template: Mapping[str, bytes]) -> Iterator[tuple[list[str], list[bytes]]]:
    """Its pieces and their names, a few at a time; one batch at least."""
    keys: list[str] = []
    pieces: list[bytes] = []
    for key, value in template.items():
        for part, start in enumerate(range(0, max(1, len(value)), _PART_BYTES)):
            piece = value[start : start + _PART_BYTES]
            if pieces and sum(map(len, pieces)) + len(piece) > _PART_BYTES:
                yield keys, pieces
                keys, pieces = [], []
            keys.append(f"{key}#{part}")
            pieces.append(piece)
    yield keys, pieces


def _has_template(cursor: duckdb.DuckDBPyConnection, place: str) -> bool:
    found = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
    return bool(cursor.execute(found, [place, TEMPLATE]).fetchall())


def _read_template(cursor: duckdb.DuckDBPyConnection, place: str) -> dict[str, bytes] | None:
    if not _has_template(cursor, place):
        return None
    rows = cursor.execute(f"SELECT key, value FROM {place}.{TEMPLATE}").fetchall()
    parts: dict[str, dict[int, bytes]] = {}
    for name, value in rows:
        key, _, part = name.rpartition("#")
        parts.setdefault(key, {})[int(part)] = bytes(value)
    return {key: b"".join(found[i] for i in sorted(found)) for key, found in parts.items()}


# -- what `data` cannot tell ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """All of a DataFrame but its cells."""

    columns: Any
    index: Any
    dtypes: tuple[Any, ...]
    attrs: dict[Any, Any]
    unique_labels: bool
    hung: dict[str, Any]


def _template(frame: Any, written: _Stored, seal: Sealing) -> dict[str, bytes]:
    match frame:
        case pd.DataFrame():
            return _pandas_template(frame, written, seal)
        case pa.Table():
            return _arrow_template(frame, written.table())
        case _:
            return _polars_template(frame, written.table(), seal)


def _restore(table: pa.Table, template: dict[str, bytes], seal: Sealing) -> Any:
    meta = json.loads(template["meta"])
    match meta["kind"]:
        case "pandas":
            return _restore_pandas(table, meta, template, seal)
        case "arrow":
            return _restore_arrow(table, template)
        case "polars":
            return _restore_polars(table, template, seal)
    raise StoreError(f"a stored table is of a kind that this nbflow does not know: {meta['kind']}")


# -- pandas


def _pandas_template(frame: pd.DataFrame, written: _Stored, seal: Sealing) -> dict[str, bytes]:
    header = _header_of(frame)
    plain = _plain_header(header)
    kept = {
        position: _array(frame, position)
        for position in range(frame.shape[1])
        if not _comes_back(
            _array(frame, position), written.column(position), header.dtypes[position]
        )
    }
    meta = {"kind": "pandas", "plain": plain, "kept": sorted(kept), "layout": _layout_of(frame)}
    template = {"meta": json.dumps(meta).encode()}
    if plain is None or kept:
        # One pickle: what header and columns share (an object in two cells) stays shared.
        template["sealed"] = seal.dumps((None if plain else header, kept))
    return template


def _header_of(frame: pd.DataFrame) -> _Header:
    return _Header(
        columns=frame.columns,
        index=frame.index,
        dtypes=tuple(frame.dtypes),
        attrs=frame.attrs,
        unique_labels=not frame.flags.allows_duplicate_labels,
        hung=plain_attributes(frame),
    )


def _array(frame: pd.DataFrame, position: int) -> Any:
    array = frame.iloc[:, position].array
    return array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array


def _comes_back(original: Any, stored: pa.ChunkedArray, dtype: Any) -> bool:
    """Whether the column in the file, decoded, is the original to the last bit."""
    if (
        original.dtype.kind == "O"
        and isinstance(original, np.ndarray)
        and not _only_scalars(original)
    ):
        return False  # lists in cells may be shared: only a pickle keeps that
    if _has_same_bits(original, stored):
        return True
    try:
        decoded = _decode(stored, dtype)
    except Exception:  # no decoding, whatever the reason: kept in the template
        return False
    return _column_digest(original) == _column_digest(decoded)


def _has_same_bits(original: Any, stored: pa.ChunkedArray) -> bool:
    """Whether plain numbers stand in the file exactly as in memory, which is most quickly seen."""
    if not isinstance(original, np.ndarray) or original.dtype.kind not in "iuf":
        return False
    if stored.null_count or stored.type != pa.from_numpy_dtype(original.dtype):
        return False
    bits, start = f"u{original.dtype.itemsize}", 0
    for chunk in stored.chunks:
        here = np.ascontiguousarray(original[start : start + len(chunk)])
        there = chunk.to_numpy()
        is_same_memory = here.ctypes.data == there.ctypes.data
        if not is_same_memory and not np.array_equal(here.view(bits), there.view(bits)):
            return False
        start += len(chunk)
    return start == len(original)


def _only_scalars(values: Any) -> bool:
    return set(map(type, values)) <= _SCALARS


_SCALARS: Final = frozenset(
    {type(None), str, bytes, bool, int, datetime.date, datetime.time, decimal.Decimal}
)


def _column_digest(array: Any) -> str:
    walk = Walk()
    feed_column(walk, array)
    return walk.hash.hexdigest()


def _decode(column: pa.ChunkedArray, dtype: Any) -> Any:
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical(column.to_pandas(), dtype=dtype)
    if not isinstance(dtype, np.dtype):
        kind = getattr(dtype, "pyarrow_dtype", None)
        return dtype.__from_arrow__(column if kind is None else column.cast(kind))
    if dtype.kind == "O":
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    return column.to_numpy().astype(dtype, copy=False)


def _layout_of(frame: pd.DataFrame) -> list[tuple[list[int], str]]:
    """Which columns lie in one block, and in which order of memory.

    It shows only in the last bit of sums over rows: floats are added in memory order.
    """
    return [
        ([int(place) for place in block.mgr_locs.as_array], _order(block.values))
        for block in frame._mgr.blocks
    ]


def _order(values: Any) -> str:
    flags = getattr(values, "flags", None)
    return "F" if flags is not None and flags.f_contiguous and not flags.c_contiguous else "C"


def _restore_pandas(
    table: pa.Table, meta: dict[str, Any], template: dict[str, bytes], seal: Sealing
) -> pd.DataFrame:
    header, kept = seal.loads(template["sealed"]) if "sealed" in template else (None, {})
    header = header or _header_from(meta["plain"])
    arrays = [
        kept[i] if i in kept else _decode(table.column(i), dtype)
        for i, dtype in enumerate(header.dtypes)
    ]
    blocks = [block for places, order in meta["layout"] for block in _blocks(arrays, places, order)]
    frame: pd.DataFrame = create_dataframe_from_blocks(
        blocks, index=header.index, columns=header.columns
    )
    frame.attrs = header.attrs
    flags: Any = frame.flags
    flags.allows_duplicate_labels = not header.unique_labels
    for name, value in header.hung.items():
        object.__setattr__(frame, name, value)
    return frame


def _blocks(arrays: list[Any], places: list[int], order: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(arrays[places[0]], np.ndarray) and arrays[places[0]].dtype.kind not in "mM":
        shape = (len(places), len(arrays[places[0]]))
        block = np.empty(shape, dtype=arrays[places[0]].dtype, order="F" if order == "F" else "C")
        for row, place in enumerate(places):
            block[row, :] = arrays[place]
        yield block, np.array(places, dtype=np.intp)
        return
    for place in places:
        yield _block_array(arrays[place]), np.array([place], dtype=np.intp)


def _block_array(array: Any) -> Any:
    """A single column as pandas' blocks want it: dates lie in two dimensions, the rest in one."""
    if isinstance(array, np.ndarray):
        return np.array(array).reshape(1, -1)  # a copy: Arrow's memory is read-only
    if isinstance(array, pd.arrays.DatetimeArray):
        return array.copy().reshape(1, -1)
    return array


# -- headers without pickle


def _plain_header(header: _Header) -> dict[str, Any] | None:
    """The header as JSON, where JSON says it exactly; else None."""
    columns, index = _plain_index(header.columns), _plain_index(header.index)
    dtypes = [_plain_dtype(dtype) for dtype in header.dtypes]
    if columns is None or index is None or None in dtypes or header.attrs or header.hung:
        return None
    return {
        "columns": columns,
        "index": index,
        "dtypes": dtypes,
        "unique_labels": header.unique_labels,
    }


def _header_from(plain: dict[str, Any]) -> _Header:
    return _Header(
        columns=_index_from(plain["columns"]),
        index=_index_from(plain["index"]),
        dtypes=tuple(_dtype_from(text) for text in plain["dtypes"]),
        attrs={},
        unique_labels=plain["unique_labels"],
        hung={},
    )


def _plain_index(index: Any) -> dict[str, Any] | None:
    if index.name is not None and type(index.name) is not str:
        return None
    if type(index) is pd.RangeIndex:
        return {"range": [index.start, index.stop, index.step], "name": index.name}
    labels = list(index)
    if type(index) is not pd.Index or not all(type(label) is str for label in labels):
        return None
    plain = {"labels": labels, "dtype": str(index.dtype), "name": index.name}
    return plain if digest(_index_from(plain)) == digest(index) else None


def _index_from(plain: dict[str, Any]) -> Any:
    if "range" in plain:
        start, stop, step = plain["range"]
        return pd.RangeIndex(start, stop, step, name=plain["name"])
    return pd.Index(plain["labels"], dtype=plain["dtype"], name=plain["name"])


def _plain_dtype(dtype: Any) -> str | None:
    if isinstance(dtype, np.dtype):
        return dtype.str if dtype.isnative and dtype.metadata is None else None
    if isinstance(dtype, pd.StringDtype):
        return f"string/{dtype.storage}/{'nan' if dtype.na_value is np.nan else 'NA'}"
    return str(dtype) if str(dtype) in _MASKED else None


_MASKED: Final = {str(dtype): dtype for dtype in (*_NULLABLE.values(), pd.Float64Dtype())}


def _dtype_from(text: str) -> Any:
    if text.startswith("string/"):
        _, storage, missing = text.split("/")
        na_value = np.nan if missing == "nan" else pd.NA
        return pd.StringDtype(storage=storage, na_value=na_value)
    return _MASKED[text] if text in _MASKED else np.dtype(text)


# -- Arrow and polars


def _arrow_template(table: pa.Table, written: pa.Table) -> dict[str, bytes]:
    meta = {"meta": json.dumps({"kind": "arrow"}).encode()}
    if _same(table, functools.partial(_as_schema, written, table.schema)):
        return {**meta, "schema": table.schema.serialize().to_pybytes()}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return {**meta, "ipc": sink.getvalue().to_pybytes()}


def _restore_arrow(table: pa.Table, template: dict[str, bytes]) -> pa.Table:
    if "ipc" in template:
        return pa.ipc.open_stream(template["ipc"]).read_all()
    return _as_schema(table, pa.ipc.read_schema(pa.py_buffer(template["schema"])))


def _as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [c.cast(place.type) for c, place in zip(table.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _same(original: object, make: Callable[[], object]) -> bool:
    try:
        return digest(make()) == digest(original)
    except Exception:  # it cannot be made so: stored another way
        return False


def _polars_template(frame: Any, written: pa.Table, seal: Sealing) -> dict[str, bytes]:
    meta = {"meta": json.dumps({"kind": "polars"}).encode()}
    schema = None if _has_objects(frame) else frame.to_arrow().schema
    if schema is not None and _same(frame, lambda: _polars_from(_as_schema(written, schema))):
        return {**meta, "schema": schema.serialize().to_pybytes()}
    return {**meta, "sealed": seal.dumps(frame)}


def _has_objects(frame: Any) -> bool:
    return any(dtype.is_object() for dtype in frame.dtypes)


def _restore_polars(table: pa.Table, template: dict[str, bytes], seal: Sealing) -> Any:
    if "sealed" in template:
        return seal.loads(template["sealed"])
    schema = pa.ipc.read_schema(pa.py_buffer(template["schema"]))
    return _polars_from(_as_schema(table, schema))


def _polars_from(table: pa.Table) -> Any:
    import polars  # heavy, and only there where the notebook uses it

    return polars.from_arrow(table)
