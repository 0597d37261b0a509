"""Tables of one pickle that look at the same memory: who writes to one leaves the others alone."""

import io
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbflow.inside import copy_on_write


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        found = copy_on_write.reduced(value)
        return NotImplemented if found is None else found


def again(value: Any) -> Any:
    sink = io.BytesIO()
    _Pickler(sink, protocol=5).dump(value)
    return pickle.loads(sink.getvalue())


SERIES = {
    "numbers": pd.Series([1.0, 2.0, 3.0]),
    "dates": pd.Series(pd.date_range("2024", periods=3)),
    "zones": pd.Series(pd.date_range("2024", periods=3, tz="UTC")),
    "words": pd.Series(["a", "b", "c"]),
    "categories": pd.Series(["a", "b", "a"], dtype="category"),
    "nullable": pd.Series([1, None, 3], dtype="Int64"),
    "objects": pd.Series([(1,), None, "x"], dtype=object),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_and_what_looks_at_it(name: str) -> None:
    one = SERIES[name].copy()
    series, other, index, frame = again((one, one.rename("other"), pd.Index(one), one.to_frame()))
    series.iloc[0] = series.iloc[1]
    assert series.equals(SERIES[name].iloc[[1, 1, 2]].reset_index(drop=True))
    for untouched in (other, pd.Series(index), frame.iloc[:, 0]):
        assert untouched.equals(SERIES[name])


def test_parts_of_a_frame() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": list("xy")})
    whole, columns, rows = again((frame, frame[["b", "a"]], frame.iloc[1:]))
    columns.loc[0, "b"] = 30
    whole.iloc[1, 0] = 20
    assert whole.to_dict("list") == {"a": [1, 20], "b": [3, 4], "c": ["x", "y"]}
    assert columns.to_dict("list") == {"b": [30, 4], "a": [1, 2]}
    assert rows.to_dict("list") == {"a": [2], "b": [4], "c": ["y"]}


def test_who_is_alone_writes_in_place_as_before() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    kept = frame["a"]
    [alone] = again([frame])
    before = np.asarray(alone["a"]).__array_interface__["data"]
    alone.iloc[0, 0] = 5
    assert np.asarray(alone["a"]).__array_interface__["data"] == before
    assert kept.tolist() == [1.0, 2.0]


def test_one_manager_stays_one() -> None:
    series = pd.Series([1.0, 2.0], index=pd.date_range("2024", periods=2))
    resampler = series.resample("D")
    one, other = again((series, resampler))
    one.iloc[0] = 9
    assert other.sum().tolist() == [9.0, 2.0]
