"""Pages of stored tables: what is shown of them is what is in them, whatever they hold."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.core.table import TablePage
from nbflow.core.task import Blob, StagedBlob
from nbflow.inside.seal import read_seal
from nbflow.inside.tables import content_digest, write_frame, write_large
from nbflow.inside.values import Packing, qualified_type
from nbflow.project.pages import MOST_ROWS, page_of
from nbflow.store.blobs import BlobStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


@pytest.fixture(params=["duckdb", "arrow"], autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.FORM", request.param)


FORM = ""


def stored(blobs: BlobStore, frame: Any, *names: str) -> Blob:
    path, seal = blobs.root / "aside.duckdb", read_seal(blobs.key())
    if FORM == "arrow":
        path, facts = write_large(frame, path, seal=seal, summing=blake3())
    else:
        facts = write_frame(frame, path, seal=seal)
    blob = Blob(
        names=names or ("t",),
        kind="table",
        digest=content_digest(frame),
        suffix=FORM,
        rows=facts.rows,
        columns=facts.columns,
    )
    return blobs.commit(StagedBlob(blob=blob, path=str(path)))


def page(blobs: BlobStore, frame: Any, **more: Any) -> TablePage:
    asked = {"offset": 0, "limit": 100, "profile": True, **more}
    return page_of(blobs, stored(blobs, frame), "t", **asked)


def names(found: TablePage) -> list[str]:
    return [column.name for column in found.columns]


SALES = pd.DataFrame({"s": ["a", "b", "a"], "v": [1, 2, 3]})


@pytest.mark.parametrize(
    ("frame", "columns", "first"),
    [
        (SALES, ["s", "v"], ("a", 1)),
        (SALES.groupby("s").sum(), ["s", "v"], ("a", 4)),
        (SALES.groupby(["s", "v"]).size().to_frame("n"), ["s", "v", "n"], ("a", 1, 1)),
        (SALES.describe(), ["index", "v"], ("count", 3.0)),
        (SALES.set_index("s", drop=False), ["s_", "s", "v"], ("a", "a", 1)),
        (SALES.set_index(pd.Index([7, 8, 9])), ["index", "s", "v"], (7, "a", 1)),
        (
            SALES.set_index(pd.date_range("2026-01-05", periods=3, name="day")),
            ["day", "s", "v"],
            (datetime.datetime(2026, 1, 5), "a", 1),
        ),
        (pa.table({"x": [1]}), ["x"], (1,)),
    ],
)
def test_labels_that_say_something_are_columns(
    blobs: BlobStore, frame: Any, columns: list[str], first: tuple[Any, ...]
) -> None:
    found = page(blobs, frame)
    assert names(found) == columns
    assert found.rows[0] == first


def test_a_page_is_a_part_and_the_total_counts_all(blobs: BlobStore) -> None:
    frame = pd.DataFrame({"n": range(2 * MOST_ROWS)})
    found = page(blobs, frame, offset=5, limit=10**9)
    assert (len(found.rows), found.rows[0], found.total) == (MOST_ROWS, (5,), 2 * MOST_ROWS)
    assert page(blobs, frame, offset=10**9).rows == ()
    assert page(blobs, frame, limit=0).rows == ()


def test_the_profile_tells_nulls_values_and_bounds(blobs: BlobStore) -> None:
    frame = pd.DataFrame(
        {
            "n": [1.5, None, 3.0, 3.0],
            "s": ["b", None, None, "a"],
            "d": pd.to_datetime(["2026-01-05", "2026-01-06", None, "2026-01-05"]),
            "l": [[1], [2], [1], None],
        }
    )
    found = page(blobs, frame).profile
    told = [(each.name, each.nulls, each.distinct) for each in found]
    assert told == [("n", 1, 2), ("s", 2, 2), ("d", 1, 2), ("l", 1, 2)]
    assert [(each.min, each.max) for each in found[:2]] == [(1.5, 3.0), ("a", "b")]
    assert (found[3].min, found[3].max) == (None, None)


def test_moments_with_a_time_zone_are_shown(blobs: BlobStore) -> None:
    days = pd.date_range("2026-01-05", periods=2, tz="Europe/Zurich")
    found = page(blobs, pd.DataFrame({"at": days}))
    assert [row[0] for row in found.rows] == list(days)
    assert (found.profile[0].min, found.profile[0].max) == tuple(days)


@pytest.mark.parametrize("name", ['a "b" c', "'; DROP TABLE x; --", "min(x)", "é 🛒", "select", ""])
def test_any_column_can_be_profiled(blobs: BlobStore, name: str) -> None:
    found = page(blobs, pd.DataFrame({name: [1, 2]}))
    assert (found.profile[0].min, found.profile[0].max) == (1, 2)


def test_values_of_all_kinds_can_be_shown(blobs: BlobStore) -> None:
    frame = pd.DataFrame(
        {
            "text": ["x" * 10_000],
            "bytes": [b"\x00\xff"],
            "decimal": [decimal.Decimal("1.10")],
            "big": [2**62],
            "nan": [np.inf],
            "nested": [{"a": [1, {"b": 2}]}],
            "list": [list(range(5000))],
            "object": [object()],
            "category": pd.Categorical(["c"]),
        }
    )
    [row] = page(blobs, frame).rows
    shown = dict(zip(frame.columns, row, strict=True))
    assert len(shown["text"]) < 3000
    assert shown["bytes"] == "00ff"
    assert shown["big"] == 2**62
    assert len(str(shown["list"])) < 3000
    assert shown["category"] == "c"


def test_a_table_without_rows_or_columns_is_shown_as_that(blobs: BlobStore) -> None:
    found = page(blobs, pd.DataFrame({"a": pd.Series([], dtype="int64")}))
    assert (found.rows, found.total, found.profile[0].distinct) == ((), 0, 0)
    assert page(blobs, pd.DataFrame(index=range(3))).total == 3


def test_a_file_that_is_gone_is_said(blobs: BlobStore) -> None:
    blob = stored(blobs, SALES)
    blobs.path(blob).unlink()
    with pytest.raises(StoreError):
        page_of(blobs, blob, "t", offset=0, limit=1, profile=False)


def pickled(blobs: BlobStore, **values: Any) -> Blob:
    seal = read_seal(blobs.key())
    packing = Packing(seal=seal, namespace={})
    content: Any = values if len(values) > 1 else next(iter(values.values()))
    path = blobs.root / "aside.pickle"
    path.write_bytes(packing.dumps(content))
    kinds = {name: qualified_type(value) for name, value in values.items()}
    told = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
    blob = Blob(
        names=tuple(values),
        kind="pickle",
        digest=content_digest(content),
        suffix="pickle",
        python_type=told if len(values) > 1 else kinds[next(iter(values))],
        preview="in short",
    )
    return blobs.commit(StagedBlob(blob=blob, path=str(path)))


def looked_at(blobs: BlobStore, blob: Blob, name: str) -> TablePage:
    return page_of(blobs, blob, name, offset=0, limit=2, profile=True)


@pytest.mark.parametrize(
    ("series", "columns", "first"),
    [
        (pd.Series([1.5, 2.5, None]), ["value"], (1.5,)),
        (SALES["v"], ["v"], (1,)),
        (SALES.iloc[0], ["index", "0"], ("s", "a")),
        (SALES.groupby(["s", "v"]).size(), ["s", "v", "value"], ("a", 1, 1)),
        (SALES["s"].value_counts(), ["s", "count"], ("a", 2)),
        (
            pd.Series([1, 2, 3], index=pd.date_range("2026-01-05", periods=3, tz="Europe/Zurich")),
            ["index", "value"],
            (pd.Timestamp("2026-01-05", tz="Europe/Zurich"), 1),
        ),
        (SALES["s"].astype("category"), ["s"], ("a",)),
        (pd.Series(pd.period_range("2026-01", periods=3, freq="M")), ["value"], ("2026-01",)),
    ],
)
def test_a_series_is_a_table_of_its_labels_and_values(
    blobs: BlobStore, series: "pd.Series[Any]", columns: list[str], first: tuple[Any, ...]
) -> None:
    found = looked_at(blobs, pickled(blobs, s=series), "s")
    assert names(found) == columns
    assert found.rows[0] == first
    assert (found.total, len(found.rows)) == (len(series), min(2, len(series)))
    assert [each.name for each in found.profile] == columns


def test_tables_that_share_memory_are_looked_at_one_by_one(blobs: BlobStore) -> None:
    frame = SALES.copy()
    blob = pickled(blobs, column=frame["v"], frame=frame, note="x")
    assert [blob.is_tabular(name) for name in blob.names] == [True, True, False]
    assert names(looked_at(blobs, blob, "frame")) == ["s", "v"]
    assert names(looked_at(blobs, blob, "column")) == ["v"]
    assert looked_at(blobs, blob, "note").text == "in short"


class Own:
    """Nothing that a server has."""


def test_what_needs_the_notebook_s_own_classes_is_told_in_short(blobs: BlobStore) -> None:
    found = looked_at(blobs, pickled(blobs, s=pd.Series([Own()])), "s")
    assert (found.columns, found.text) == ((), "in short")


def test_a_pickle_that_is_not_the_project_s_is_not_opened(blobs: BlobStore) -> None:
    blob = pickled(blobs, s=SALES["v"])
    file = blobs.path(blob)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError):
        looked_at(blobs, blob, "s")
