"""Equal content, equal digest, in any process; what Python can tell apart, another digest."""

import array
import collections
import copy
import ctypes
import datetime as dt
import decimal
import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import statsmodels.api as sm

from nbflow.inside import digest as module
from nbflow.inside.acting import trust
from nbflow.inside.digest import Undigestible, digest, examine, snapshot
from nbflow.inside.values import overlapping

F = pd.DataFrame

# Each row: values that all differ from each other in a way that a program can see.
DIFFERENT: dict[str, list[Any]] = {
    "scalars": [0, 0.0, -0.0, False, None, "", b"", 0j, "0", np.int64(0)],
    "empty": [(), [], {}, set(), frozenset(), bytearray()],
    "numbers": [1, 1.0, True, "1", np.float64(1), np.float32(1), np.int8(1), decimal.Decimal(1)],
    "decimals": [decimal.Decimal("1.0"), decimal.Decimal("1.00"), decimal.Decimal("1")],
    "nan": [float("nan"), np.float64("nan"), None, pd.NA, pd.NaT, decimal.Decimal("nan")],
    "nesting": [["a", "b"], ["ab"], [["a"], "b"], ["a", ["b"]], ("a", "b"), [["a", "b"]]],
    "lists of one kind": [[1, 0], [True, False], [1.0, 0.0], [1, False], [None, 0]],
    "dicts": [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1}, [("a", 1), ("b", 2)]],
    "dict kinds": [{"a": 1}, collections.OrderedDict(a=1), collections.Counter(a=1)],
    "text": ["\u00e9", "e\u0301", "\ud800", "\\ud800", "e"],
    "dates": [dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), pd.Timestamp("2026-01-01")],
    "columns of dates": [[dt.date(2026, 1, 1)] * 2, [dt.date(2026, 1, 1), None], [739617, 739617]],
    "arrays": [
        np.array([1, 2]),
        np.array([1, 2], "int32"),
        np.array([1, 2], ">i8"),
        np.array([[1, 2]]),
        np.array([[1], [2]]),
        np.array([2, 1]),
        np.array([1, 2], dtype=object),
        np.array(["1", "2"]),
        [1, 2],
    ],
    "array order": [np.zeros((2, 2)), np.asfortranarray(np.zeros((2, 2)))],
    "frames": [
        F({"a": [1, 2]}),
        F({"a": [2, 1]}),
        F({"b": [1, 2]}),
        F({"a": [1.0, 2.0]}),
        F({"a": [1, 2]}, dtype="int32"),
        F({"a": pd.array([1, 2], dtype="Int64")}),
        F({"a": [1, 2]}, index=[0, 1]),
        F({"a": [1, 2]}, index=[1, 0]),
        F({"a": [1, 2]}, index=pd.RangeIndex(1, 3)),
        F({"a": [1, 2]}, index=pd.RangeIndex(2, name="i")),
        F({"a": [1, 2]}).rename_axis(columns="c"),
        F({"a": [1, 2]}, dtype=object),
        F({"a": ["1", "2"]}),
        F({"a": [True, False]}),
        F({"a": [1, 2], "b": [1, 2]}),
        F({"b": [1, 2], "a": [1, 2]}),
        F([[1], [2]]),
        pd.Series([1, 2], name="a"),
        pa.table({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 2]}),
    ],
    "strings": [
        F({"a": ["x", None]}),
        F({"a": ["x", None]}, dtype=object),
        F({"a": ["x", None]}, dtype="string[python]"),
        F({"a": ["x", None]}, dtype="string[pyarrow]"),
        F({"a": ["x", ""]}),
        F({"a": ["x", "None"]}),
        F({"a": ["", "x"]}),
        F({"a": pd.Series(["x", None], dtype=pd.ArrowDtype(pa.string()))}),
    ],
    "categories": [
        F({"a": pd.Categorical(["x"], ["x", "y"])}),
        F({"a": pd.Categorical(["x"], ["y", "x"])}),
        F({"a": pd.Categorical(["x"], ["x"])}),
        F({"a": pd.Categorical(["x"], ["x", "y"], ordered=True)}),
        F({"a": ["x"]}),
    ],
    "zones": [
        F({"a": pd.to_datetime(["2026-01-01"]).tz_localize(zone).as_unit(unit)})
        for zone in (None, "UTC", "Europe/Paris", "Europe/London")
        for unit in ("us", "ns")
    ],
    "indexes": [
        pd.date_range("2026", periods=3),
        pd.date_range("2026", periods=3)._with_freq(None),
        pd.Index(["a"], name="x"),
        pd.Index(["a"]),
        pd.Index(["a"], dtype=object),
        pd.MultiIndex.from_tuples([("a", 1)]),
    ],
    "masked": [F({"a": pd.array([1, None], "Int64")}), F({"a": pd.array([1, 0], "Int64")})],
    "arrow": [
        pa.table({"a": pa.array([1, None])}),
        pa.table({"a": pa.array([1, 0])}),
        pa.table({"a": pa.array([1, None], pa.int32())}),
        pa.table({"a": pa.array([1, None])}).replace_schema_metadata({"k": "v"}),
        pa.table({"a": pa.array([[1], None])}),
        pa.table({"a": pa.array([[1], []])}),
        pa.table({"a": pa.array([{"x": 1}, None])}),
        pa.table({"a": pa.array([{"x": 1}, {"x": None}])}),
        pa.table({"a": pa.array(["x", None])}),
        pa.table({"a": pa.array(["x", ""])}),
        pa.table({"a": pa.array([True, None])}),
        pa.table({"a": pa.array([True, False])}),
        pa.table({"a": pa.array([decimal.Decimal("1.5"), None])}),
    ],
    "functions": [len, print, lambda: 1, lambda: 2, lambda x: 1, lambda x=2: 1],
}  # fmt: skip


@pytest.mark.parametrize("row", DIFFERENT)
def test_what_differs_has_another_digest(row: str) -> None:
    values = DIFFERENT[row]
    totals = [digest(value) for value in values]
    twins = [
        (values[i], values[j])
        for i, j in itertools.combinations(range(len(values)), 2)
        if totals[i] == totals[j]
    ]
    assert twins == []


@pytest.mark.parametrize("row", [row for row in DIFFERENT if row != "functions"])
def test_a_copy_has_the_same_digest(row: str) -> None:
    for value in DIFFERENT[row]:
        assert digest(pickle.loads(pickle.dumps(value, 5))) == digest(value)
        assert digest(copy.deepcopy(value)) == digest(value)


EQUAL: dict[str, tuple[Any, Any]] = {
    "sets": ({"a", "b", "c"}, {"c", "b", "a"}),
    "sets of objects": ({(1, "a"), (2, "b")}, {(2, "b"), (1, "a")}),
    "interned or not": (["ab", "ab"], ["ab", "".join(["a", "b"])]),
    "blocks of a frame": (
        F({"a": [1], "b": [2]}),
        pd.concat([F({"a": [1]}), F({"b": [2]})], axis=1),
    ),
    "chunks": (pa.chunked_array([["a"], ["b", None]]), pa.chunked_array([["a", "b", None]])),
    "slices": (pa.array(["x", "a", None, "y"]).slice(1, 2), pa.array(["a", None])),
    "slices of numbers": (pa.array([9, 1, None, 9]).slice(1, 2), pa.array([1, None])),
    "slices of bools": (pa.array([False, True, None]).slice(1), pa.array([True, None])),
    "slices of lists": (pa.array([[9], [1], None]).slice(1), pa.array([[1], None])),
    "slices of structs": (
        pa.array([{"a": 9}, {"a": 1}, None]).slice(1),
        pa.array([{"a": 1}, None]),
    ),
    "slices of frames": (
        F({"a": ["x", "y", None]}).iloc[1:].reset_index(drop=True),
        F({"a": ["y", None]}),
    ),
    "strided": (np.arange(6)[::2], np.array([0, 2, 4])),
    "under the mask": (
        F({"a": pd.arrays.IntegerArray(np.array([1, 9]), np.array([False, True]))}),
        F({"a": pd.array([1, None], "Int64")}),
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_equal_to_a_program_has_one_digest(name: str) -> None:
    one, other = EQUAL[name]
    assert digest(one) == digest(other)


def test_sharing_and_cycles_count() -> None:
    row: list[int] = [1]
    assert digest([row, row]) != digest([[1], [1]])
    ring: list[Any] = []
    ring.append(ring)
    twice: list[Any] = [[]]
    twice[0].append(twice)
    assert digest(ring) != digest(twice)


ELSEWHERE = """
import datetime, decimal, uuid, pathlib, collections, types
import numpy as np, pandas as pd, pyarrow as pa, polars as pl
from nbflow.inside.digest import digest
frame = pd.DataFrame({"s": ["x", None], "f": [0.5, float("nan")], "o": [{"k", "l"}, (1,)],
    "c": pd.Categorical(["b", "a"]), "t": pd.date_range("2026", periods=2, tz="Europe/Paris")},
    index=pd.Index(["p", "q"], name="n"))
frame.attrs["unit"] = {"kg", "t", "lb"}
values = [frame, {"a", "b", "c", ("d", frozenset({"e", "f"}))},
    types.SimpleNamespace(z=1, a={"q", "r"}),
    np.array([1.5, 2]), pa.table({"a": ["x"]}), pl.DataFrame({"a": ["x"]}), lambda x: {"u", "v", x},
    uuid.UUID(int=3), pathlib.PurePosixPath("a"), collections.Counter("abc"),
    decimal.Decimal("1.10")]
print(*map(digest, values))
"""


def test_the_digest_is_the_same_in_every_process() -> None:
    root = Path(module.__file__).parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "value",
    [(i for i in [1]), iter([1]), threading.Lock(), [threading.Lock()], {"k": iter("ab")}],
    ids=["generator", "iterator", "lock", "lock in a list", "iterator in a dict"],
)
def test_what_has_no_content_is_refused(value: Any) -> None:
    with pytest.raises(Undigestible):
        digest(value)


def test_endless_nesting_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Undigestible, match="deeply"):
        digest(value)
    while value:  # taken apart by hand: its deletion would recurse too
        value = value.pop()


def test_a_snapshot_sees_a_change_in_place() -> None:
    frame = F({"a": [1.0, 2.0]})
    before = snapshot(frame)
    assert not before.changed(snapshot(frame))
    frame.iloc[0, 0] = np.nextafter(1.0, 2.0)
    assert before.changed(snapshot(frame))


def test_two_values_meet_where_they_share() -> None:
    row = [1]
    one, other, apart = examine([row]), examine({"k": row}), examine([[1]])
    assert one.met & other.met
    assert not one.met & apart.met


@pytest.mark.parametrize("values", [("abc", 1, (1, 2)), (dt.date(2026, 1, 1), decimal.Decimal(1))])
def test_immutable_values_are_never_shared(values: tuple[Any, ...]) -> None:
    assert not examine([*values]).met & examine([*values]).met


def test_a_plot_that_was_shown_is_the_same_plot() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    axes = figure.subplots()
    axes.plot([1, 2, 3], label="x")
    axes.legend()
    before = snapshot(figure)
    figure.savefig(os.devnull, format="png")
    assert not before.changed(snapshot(figure))
    axes.set_title("new")
    assert before.changed(snapshot(figure))


def test_a_class_that_may_act_when_it_is_looked_at_is_not_looked_at() -> None:
    class Key:
        asked = 0

        def __hash__(self) -> int:
            Key.asked += 1
            return 1

    Key.__module__ = "__main__"
    Key.__qualname__ = "Key"
    keys = {Key()}
    before = Key.asked
    trust(("Other",))
    try:
        for value in (keys, {"a": [next(iter(keys))]}):
            with pytest.raises(Undigestible, match="calls its `__hash__`"):
                digest(value)
        assert Key.asked == before
        trust(("Key",))
        assert digest(next(iter(keys)))
    finally:
        trust(None)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: (owner := bytearray(8), np.frombuffer(owner)), id="bytearray"),
        pytest.param(lambda: (owner := array.array("d", [1]), np.asarray(owner)), id="array"),
        pytest.param(lambda: (owner := (ctypes.c_double * 2)(), np.asarray(owner)), id="ctypes"),
        pytest.param(lambda: (owner := np.ones(2), pa.array(owner)), id="arrow"),
        pytest.param(lambda: (owner := np.ones(2), pl.Series(owner)), id="polars"),
        pytest.param(lambda: (owner := pd.DataFrame({"a": [1.0]}), pa.table(owner)), id="frame"),
    ],
)
def test_memory_that_another_value_looks_at_is_seen(make: Callable[[], tuple[Any, Any]]) -> None:
    looks = [memory for value in make() for memory in examine(value).arrays]
    assert list(overlapping(looks))


def test_a_look_at_a_bytearray_lets_it_grow() -> None:
    data = bytearray(b"abc")
    looked = examine(data)
    data.extend(b"d")
    assert looked.digest != digest(data)


def test_tables_that_arrow_made_may_be_written_to_without_it() -> None:
    table = pa.table({"a": [1.0, 2.0]})
    looks = [memory for value in (table, table.to_pandas()) for memory in examine(value).arrays]
    assert not list(overlapping(looks))


def test_what_an_object_of_a_library_has_cached_is_no_part_of_it() -> None:
    exog = np.column_stack([np.ones(20), np.arange(20.0)])
    model = sm.GLM(np.arange(20.0) % 2, exog, family=sm.families.Binomial())
    influence = model.fit().get_influence(observed=False)
    before = snapshot(influence)
    assert not hasattr(influence, "_cache")
    influence.summary_frame()
    assert influence._cache
    assert not before.changed(snapshot(influence))
