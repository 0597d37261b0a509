"""`nbflow get`: one stored value of a run, as text or as a file."""

import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from nbflow.core.errors import NotFound, StoreError, UsageError
from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.run import Run, Status
from nbflow.core.task import Blob
from nbflow.inside.seal import read_seal
from nbflow.inside.tables import is_from_python, read_frame, write_frame
from nbflow.inside.values import from_plain
from nbflow.project.pickled import read_pickled
from nbflow.store.blobs import BlobStore
from nbflow.store.query import attach_file, connect

_SHOWN_ROWS = 20
_WHAT_IS_STORED = (
    "it stored none: what steps leave is stored, not the constants and functions that every step "
    "is given anew"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """Either the value's text, or the file it was written to."""

    text: str | None = None
    path: Path | None = None


def find_output(run: Run, name: str, graph: Graph | None = None) -> Blob:
    """The last version of a name in a run; `STEP.NAME` asks for that step's version.

    With the run's `graph`, an earlier version is never taken for a last one that was not kept.

    Raises:
        NotFound: the run has no such value.
    """
    found: dict[str, Blob] = {}
    makers: dict[str, str] = {}
    for result in run.steps:
        for blob in result.outputs:
            for member in blob.names:
                found[member] = found[f"{result.step}.{member}"] = blob
                makers[member] = result.step
    last = _last_writer(run, name, graph) if graph is not None else None
    # Steps below the last writer may store what they read, together with what shares it.
    order = [result.step for result in run.steps]
    if last is not None and order.index(makers.get(name, last)) < order.index(last):
        raise NotFound(
            f"run {run.id} did not keep the last `{name}`, which step `{last}` left",
            hint=f"`{makers[name]}.{name}` is an earlier one; a step that reads `{name}` below "
            "has it kept",
        )
    if name not in found or found[name].kind == "absent":
        near = get_close_matches(name, found, n=3)
        known = sorted(member for member in found if "." not in member)
        rest = f"it has: {', '.join(known)}" if known else _WHAT_IS_STORED
        hint = f"did you mean {' or '.join(near)}?" if near else rest
        raise NotFound(f"run {run.id} has no stored value `{name}`", hint=hint)
    return found[name]


def _last_writer(run: Run, name: str, graph: Graph) -> str | None:
    ended = {step.step_id: step.step for step in run.steps if step.status is Status.SUCCEEDED}
    writers = (step.id for step in reversed(graph.steps) if Name(name) in step.declared_writes)
    return next((ended[step] for step in writers if step in ended), None)


def stored_value(blobs: BlobStore, blob: Blob, name: str, output: Path | None) -> StoredValue:
    """The value as text, or written to `output`, whose suffix names the format.

    Raises:
        UsageError: the value cannot be had in that format.
        StoreError: the stored file is missing or damaged.
    """
    if not blobs.verify(blob):
        raise StoreError(
            f"the stored `{name}` is missing or damaged",
            hint="run the notebook again: it is made anew",
        )
    path = blobs.path(blob)
    if output is None:
        return StoredValue(text=_text(blob, path, blobs, name))
    writers = _writers(blob)
    write = writers.get(output.suffix)
    if write is None:
        raise UsageError(
            f"`{name}` ({blob.python_type or blob.kind}) cannot be written as {output.name}",
            hint=f"use one of: {', '.join(writers)}",
        )
    write(path, output, blobs)
    return StoredValue(path=output)


_Writer = Callable[[Path, Path, BlobStore], None]


def _writers(blob: Blob) -> Mapping[str, _Writer]:
    if blob.kind == "table" and len(blob.names) == 1:
        return {
            ".csv": _table(_copy_to("FORMAT csv, HEADER"), _to_csv),
            ".parquet": _table(_copy_to("FORMAT parquet"), _to_parquet),
            ".json": _copy_to("FORMAT json, ARRAY"),
            ".duckdb": _to_duckdb,
        }
    if blob.kind == "json":
        return {".json": _as_json, ".txt": _as_text}
    if blob.kind == "pickle":
        column = {".csv": _column_to_csv} if blob.python_type == "pandas.Series" else {}
        return {**column, ".pickle": _unsealed, ".pkl": _unsealed}
    return {f".{blob.suffix}": _copy}


def _text(blob: Blob, path: Path, blobs: BlobStore, name: str) -> str:
    if blob.kind == "json":
        return readable(_plain(path))
    if blob.kind != "table" or len(blob.names) != 1:
        table = read_pickled(blobs, blob, name)
        return blob.preview if table is None else str(table)
    if is_from_python(path):
        value = read_frame(path, seal=read_seal(blobs.key()))
        return str(value)
    with _opened(path) as connection:
        head = connection.sql(f"FROM stored.data LIMIT {_SHOWN_ROWS}").to_arrow_table()
    text = str(head.to_pandas().to_string(index=False))
    rest = (blob.rows or 0) - head.num_rows
    return f"{text}\n… {rest} more rows" if rest > 0 else text


def _table(of_sql: _Writer, of_pandas: Callable[[pd.DataFrame, Path], None]) -> _Writer:
    """A pandas table is written with its index if that says something, as pandas would."""

    def write(path: Path, output: Path, blobs: BlobStore) -> None:
        value = read_frame(path, seal=read_seal(blobs.key())) if is_from_python(path) else None
        if isinstance(value, pd.DataFrame):
            of_pandas(value, output)
        else:
            of_sql(path, output, blobs)

    return write


def _to_csv(frame: pd.DataFrame, output: Path) -> None:
    frame.to_csv(output, index=_says_something(frame.index))


def _to_parquet(frame: pd.DataFrame, output: Path) -> None:
    frame.to_parquet(output, index=_says_something(frame.index))


def _says_something(index: pd.Index) -> bool:
    plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
    return not plain or index.name is not None


def _copy_to(options: str) -> _Writer:
    def write(path: Path, output: Path, blobs: BlobStore) -> None:
        target = str(output).replace("'", "''")
        with _opened(path) as connection:
            connection.execute(f"COPY stored.data TO '{target}' ({options})").fetchall()

    return write


def readable(value: Any) -> str:
    """A plain value for people and scripts: text as it is, JSON where that says it, else Python's.

    >>> readable("x"), readable({"a": (1, None)}), readable({3})
    ('x', '{"a": [1, null]}', '{3}')
    """
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def _plain(path: Path) -> Any:
    return from_plain(json.loads(path.read_text("utf-8")))


def _as_json(path: Path, output: Path, blobs: BlobStore) -> None:
    """What JSON has no word for (dates, sets) is written as text."""
    text = json.dumps(_plain(path), ensure_ascii=True, default=str)
    output.write_text(text + "\n", encoding="utf-8")


def _as_text(path: Path, output: Path, blobs: BlobStore) -> None:
    output.write_text(readable(_plain(path)) + "\n", encoding="utf-8", errors="backslashreplace")


def _copy(path: Path, output: Path, blobs: BlobStore) -> None:
    shutil.copyfile(path, output)


def _to_duckdb(path: Path, output: Path, blobs: BlobStore) -> None:
    if path.suffix == output.suffix:
        _copy(path, output, blobs)
        return
    seal = read_seal(blobs.key())
    output.unlink(missing_ok=True)
    write_frame(read_frame(path, seal=seal), output, seal=seal)


def _unsealed(path: Path, output: Path, blobs: BlobStore) -> None:
    output.write_bytes(read_seal(blobs.key()).open(path.read_bytes()))


def _column_to_csv(path: Path, output: Path, blobs: BlobStore) -> None:
    """A Series, whose pickle only this project can have sealed."""
    value = pickle.loads(read_seal(blobs.key()).open(path.read_bytes()))
    assert isinstance(value, pd.Series)
    value.to_csv(output, index=_says_something(value.index))


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    connection = connect()
    attach_file(connection, path, "stored")
    return connection
