"""Every case of the round-trip table: back exactly, to the type of each cell."""

import datetime as dt
import decimal
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from blake3 import blake3

from nbflow.inside import arrow_file, tables
from nbflow.inside.seal import Seal
from nbflow.store.query import attach_file, connect

SEAL = Seal(key=b"k" * 32)
D = decimal.Decimal


def col(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


def labelled(frame: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    for name, value in changes.items():
        setattr(frame, name, value)
    return frame


def ragged() -> "np.ndarray[Any, Any]":
    cells = np.empty(2, dtype=object)
    cells[0], cells[1] = np.array([1.0, 2.0]), np.array([3.0])
    return cells


def shuffled_columns() -> pd.DataFrame:
    return pd.DataFrame({"b": [1.5, 2.5], "a": [1, 2], "c": ["x", None]})[["c", "b", "a"]]


TS = [pd.Timestamp("2026-03-28 22:00:00.123456789"), pd.NaT]
CASES: dict[str, Any] = {
    **{f"int {k}": col([1, 2, 127], k) for k in ("int8", "int16", "int32", "int64")},
    **{f"int {k}": col([1, 2, 255], k) for k in ("uint8", "uint16", "uint32", "uint64")},
    "int64 extremes": col([-(2**63), 2**63 - 1], "int64"),
    "uint64 extreme": col([2**64 - 1], "uint64"),
    "float16": col([1.5, np.nan], "float16"),
    "float32 NaN": col([1.5, np.nan], "float32"),
    "float64 NaN,inf,-0": col([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
    "float64 NaN with a sign": col(np.array([0xFFF8 << 48, 0x7FF8 << 48], "uint64").view("f8")),
    "Int64 NA": col([1, None], "Int64"),
    "Int64 NA beyond 2**53": col([2**53 + 1, None], "Int64"),
    "Int8 NA": col([1, None], "Int8"),
    "Float64 NA+NaN": col(
        pd.arrays.FloatingArray(np.array([1.5, np.nan, 1]), np.array([0, 0, 1], bool))
    ),
    "Float32": col([1.5, None], "Float32"),
    "bool": col([True, False]),
    "boolean NA": col([True, None], "boolean"),
    "object bool/None": col([True, None], object),
    "str (pd3)": col(["a", None, "é"]),
    "string[python]": col(["a", None], "string[python]"),
    "string[pyarrow]": col(["a", None], "string[pyarrow]"),
    "object str": col(["a", None], object),
    "object str NaN": col(["a", np.nan], object),
    "str NUL": col(["a\0b", "\N{RIGHT-TO-LEFT OVERRIDE}x"], object),
    "lone surrogate": col(["\ud800", "a"], object),
    "object mixed int/str": col([1, "a", None], object),
    "object int/float": col([1, 2.5], object),
    "object big int": col([2**70, 1], object),
    "object huge int": col([2**200, 1], object),
    "object True/1/1.0": col([True, 1, 1.0], object),
    "object str subclass": col([np.str_("a"), "a"], object),
    "category": col(["a", "b", None, "a"], "category"),
    "category ordered unused": col(pd.Categorical(["hi", "lo"], ["lo", "mid", "hi"], ordered=True)),
    "category int": col([3, 1, None], "category"),
    "category of object": col(pd.Categorical(["b", "a"], pd.Index(["b", "a"], dtype=object))),
    "category of dates": col(pd.Categorical(pd.to_datetime(["2026-01-01", "2026-01-02"]))),
    "datetime64[ns]": col(TS, "datetime64[ns]"),
    "datetime64[us]": col(TS, "datetime64[us]"),
    "datetime64[s]": col(TS, "datetime64[s]"),
    "datetime64[ms]": col(TS, "datetime64[ms]"),
    "datetime tz Paris ns": col(
        pd.Series(TS, dtype="datetime64[ns]").dt.tz_localize("Europe/Paris")
    ),
    "datetime tz Paris us": col(
        pd.Series(TS, dtype="datetime64[us]").dt.tz_localize("Europe/Paris")
    ),
    "datetime tz UTC us": col(pd.Series(TS, dtype="datetime64[us]").dt.tz_localize("UTC")),
    "datetime tz offset": col([dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))]),
    "far date us": col(np.array(["9999-12-31T23:59:59.999999", "0001-01-01"], "M8[us]")),
    "far date s": col(np.array(["200000-01-01", "-100000-01-01"], "M8[s]")),
    "timedelta[ns]": col(np.array([86_400_000_000_001, "NaT"], "m8[ns]")),
    "timedelta[us]": col(np.array([1, "NaT"], "m8[us]")),
    "timedelta 40 days[s]": col(np.array([40 * 86400], "m8[s]")),
    "Decimal": col([D("1.10"), D("22.333")], object),
    "Decimal None": col([D("1.10"), None], object),
    "date": col([dt.date(2026, 1, 1), None], object),
    "time": col([dt.time(1, 2, 3), None], object),
    "list int": col([[1, 2], [3], None], object),
    "list mixed": col([[1, "a"], [None]], object),
    "tuple": col([(1, 2), (3, 4)], object),
    "set": col([{1}, {2}], object),
    "ndarray cell": col(ragged()),
    "dict same keys": col([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], object),
    "dict diff keys": col([{"a": 1}, {"b": 2}], object),
    "empty lists": col([[], []], object),
    "bytes": col([b"a\0b", None], object),
    "UUID": col([uuid.UUID(int=5), None], object),
    "Interval": col(pd.interval_range(0, 3)),
    "Period": col(pd.period_range("2026-01", periods=2, freq="M")),
    "complex": col([1 + 2j, complex("nan")]),
    "Sparse": col(pd.arrays.SparseArray([0, 0, 1])),
    "ArrowDtype int32": col([1, None], pd.ArrowDtype(pa.int32())),
    "ArrowDtype list": col([[1], None], pd.ArrowDtype(pa.list_(pa.int64()))),
    "ArrowDtype date32": col([dt.date(2026, 1, 1), None], pd.ArrowDtype(pa.date32())),
    "ArrowDtype decimal": col([D("1.10"), None], pd.ArrowDtype(pa.decimal128(10, 2))),
    "ArrowDtype string": col(["a", None], pd.ArrowDtype(pa.string())),
    "all None obj": col([None, None], object),
    "empty frame typed": pd.DataFrame(
        {
            "a": pd.Series([], dtype="int64"),
            "b": pd.Series([], dtype="str"),
            "c": pd.Series([], dtype=object),
        }
    ),
    "zero columns 3 rows": pd.DataFrame(index=range(3)),
    "totally empty": pd.DataFrame(),
    "dup col names": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "int col names": pd.DataFrame([[1, 2]]),
    "mixed col names": pd.DataFrame([[1, 2, 3]], columns=["a", 1, None]),
    "tuple col name": labelled(
        pd.DataFrame([[1]]), columns=pd.Index([("a", 1)], tupleize_cols=False)
    ),
    "MultiIndex cols": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])
    ),
    "MultiIndex rows": pd.DataFrame(
        {"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    ),
    "named str index": pd.DataFrame({"v": [1, 2]}, index=pd.Index(["x", "y"], name="key")),
    "RangeIndex start 5": pd.DataFrame({"v": [1, 2]}, index=pd.RangeIndex(5, 7)),
    "shuffled int index": pd.DataFrame({"v": [1, 2]}, index=[9, 3]),
    "duplicate index": pd.DataFrame({"v": [1, 2]}, index=["a", "a"]),
    "DatetimeIndex freq": pd.DataFrame({"v": [1, 2]}, index=pd.date_range("2026-01-01", periods=2)),
    "CategoricalIndex": pd.DataFrame({"v": [1, 2]}, index=pd.CategoricalIndex(["b", "a"])),
    "case-colliding cols": pd.DataFrame({"A": [1], "a": [2]}),
    "columns.name": labelled(pd.DataFrame({"a": [1]}), columns=pd.Index(["a"], name="cn")),
    "empty-string col": pd.DataFrame({"": [1]}),
    "timestamp col names": pd.DataFrame([[1]], columns=pd.to_datetime(["2026-01-01"])),
    "col with quote": pd.DataFrame({'a"b': [1], "c'd": [2]}),
    "col with NUL and surrogate": pd.DataFrame(
        [[1, 2]], columns=pd.Index(["a\0", "\ud800"], dtype=object)
    ),
    "attrs": labelled(pd.DataFrame({"a": [1]}), attrs={"unit": "kg", "list": [1, {2}]}),
    "attribute hung on": labelled(pd.DataFrame({"a": [1]}), note_text="mine"),
    "unique labels": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "numpy strings": pd.DataFrame(np.array([["a", "b"]])),
    "columns in another order": shuffled_columns(),
    "pl.DataFrame": pl.DataFrame(
        {"a": [1, None], "b": ["x", None], "c": [dt.date(2026, 1, 1), None]}
    ),
    "pl.DataFrame odd": pl.DataFrame(
        {
            "c": pl.Series(["a", "b"], dtype=pl.Categorical),
            "e": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])),
            "d": pl.Series([dt.timedelta(days=40), None]),
            "t": pl.Series(
                [dt.datetime(2026, 1, 1), None], dtype=pl.Datetime("ns", "Europe/Paris")
            ),
            "l": pl.Series([[1, None], []]),
        }
    ),
    "pl.DataFrame empty": pl.DataFrame(),
    "pa.Table": pa.table({"a": pa.array([1, None], pa.int8()), "b": ["x", "y"]}),
    "pa.Table odd": pa.table(
        {
            "d": pa.array(["a", "b"]).dictionary_encode(),
            "h": pa.array([1.5, None], pa.float16()),
            "i": pa.array([1, None], pa.duration("ns")),
        }
    ).replace_schema_metadata({"k": "v"}),
}


def there_and_back(frame: Any, folder: Path, *, large: bool = False) -> Any:
    path = folder / "t.duckdb"
    if large:
        path, facts = tables.write_large(frame, path, seal=SEAL, summing=blake3())
    else:
        facts = tables.write_frame(frame, path, seal=SEAL)
    assert [p.name for p in folder.iterdir()] == ["t.arrow" if large else "t.duckdb"]
    assert facts == tables.read_facts(path)
    return tables.read_frame(path, seal=SEAL)


def cells(frame: pd.DataFrame) -> list[list[tuple[type, str]]]:
    """Type and repr of every cell: stricter than any equality."""
    columns = [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    return [[(type(cell), repr(cell)) for cell in column] for column in columns]


@pytest.mark.parametrize("large", [False, True], ids=["duckdb", "arrow"])
@pytest.mark.parametrize("name", CASES)
def test_a_table_comes_back_exactly(name: str, large: bool, tmp_path: Path) -> None:
    frame = CASES[name]
    back = there_and_back(frame, tmp_path, large=large)
    assert type(back) is type(frame)
    assert tables.content_digest(back) == tables.content_digest(frame)
    if isinstance(frame, pd.DataFrame):
        assert_pandas_exact(back, frame)
    elif isinstance(frame, pl.DataFrame):
        assert back.schema == frame.schema
        assert back.equals(frame)
    else:
        assert back.schema.equals(frame.schema, check_metadata=True)
        assert back.to_pylist() == frame.to_pylist()


def assert_pandas_exact(back: pd.DataFrame, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        back, frame, check_exact=True, check_freq=True, check_flags=True, check_column_type="equiv"
    )
    assert cells(back) == cells(frame)
    assert [repr(d) for d in back.dtypes] == [repr(d) for d in frame.dtypes]
    assert [(type(x), repr(x)) for x in back.columns] == [(type(x), repr(x)) for x in frame.columns]
    assert type(back.index) is type(frame.index)
    assert type(back.columns) is type(frame.columns)
    assert back.columns.names == frame.columns.names
    assert repr(back.attrs) == repr(frame.attrs)
    assert getattr(back, "note_text", None) == getattr(frame, "note_text", None)
    assert tables._layout_of(back) == tables._layout_of(frame)


@pytest.mark.parametrize("name", CASES)
def test_sql_sees_the_same_of_a_large_table(name: str, tmp_path: Path) -> None:
    frame = CASES[name]
    tables.write_frame(frame, tmp_path / "t.duckdb", seal=SEAL)
    path, facts = tables.write_large(frame, tmp_path / "large", seal=SEAL, summing=blake3())
    assert facts == tables.read_facts(tmp_path / "t.duckdb")
    assert tables.is_from_python(path)
    seen = []
    for one in (path, tmp_path / "t.duckdb"):
        with connect() as connection:
            attach_file(connection, one, "stored")
            shown = "SELECT COLUMNS(*)::VARCHAR FROM stored.data"
            seen.append(connection.execute(shown).fetchall())
    assert seen[0] == seen[1]


def test_a_large_table_that_columns_cannot_tell_goes_to_duckdb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_file, "MOST_TEMPLATE_BYTES", 1000)
    frame = col([{n} for n in range(1000)], object)
    path, _ = tables.write_large(frame, tmp_path / "t", seal=SEAL, summing=blake3())
    assert path.suffix == ".duckdb"
    assert_pandas_exact(tables.read_frame(path, seal=SEAL), frame)


@pytest.mark.parametrize("large", [False, True], ids=["duckdb", "arrow"])
def test_a_frame_that_came_back_can_be_written_to(large: bool, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [1, 2], "f": [0.5, 1.5], "d": pd.to_datetime(["2026-01-01"] * 2), "s": ["x", "y"]}
    )
    back = there_and_back(frame, tmp_path, large=large)
    back.loc[0, ["a", "f", "d", "s"]] = [9, 9.5, pd.Timestamp("2027-01-01"), "z"]
    assert back.iloc[0].tolist() == [9, 9.5, pd.Timestamp("2027-01-01"), "z"]


def test_only_what_is_known_to_need_little_room_is_made_in_memory() -> None:
    assert tables._is_light(pd.DataFrame({"a": [1, 2], "s": ["x", "y"]}))
    assert not tables._is_light(pd.DataFrame({"a": np.zeros(1 << 20)}))
    assert not tables._is_light(pd.DataFrame({"a": [[0] * 10]}))
    assert not tables._is_light(labelled(pd.DataFrame({"a": [1]}), attrs={"all": "of it"}))
    assert not tables._is_light(pl.DataFrame({"a": [1]}))


def test_without_a_file_system_in_memory_tables_are_stored_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    monkeypatch.setattr(tables, "_MEMORY", str(tmp_path / "nowhere"))
    assert_pandas_exact(there_and_back(frame, tmp_path), frame)
