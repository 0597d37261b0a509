"""Tables on their way between lanes: exact, writable, and nothing is written or digested twice."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbflow.core.errors import StoreError
from nbflow.inside import hand, mapped, tables, values
from nbflow.inside.digest import digest, examine
from nbflow.inside.seal import Seal
from nbflow.inside.values import Packing
from tests.inside.test_tables import CASES

LARGE = 100_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of unwritten pages")


def packing(**namespace: Any) -> Packing:
    return Packing(seal=Seal(key=b"k" * 32), namespace={"__name__": "__main__", **namespace})


def handed(value: Any, stem: Path, at_least: int = 0) -> values.Stored:
    return values.store_value(value, examine(value), stem, packing=packing(), hand_from=at_least)


def there_and_back(frame: Any, stem: Path) -> Any:
    stored = handed(frame, stem)
    assert stored.path.suffix == hand.SUFFIX
    return values.load_hand(stored.path, packing=packing())


def frame_of(columns: str, rows: int = LARGE) -> pd.DataFrame:
    made = np.random.default_rng(1)
    return pd.DataFrame({name: made.random(rows) for name in columns})


def written(path: Path) -> int:
    """Bytes of a hand without its links."""
    return path.stat().st_size


PANDAS = [name for name, case in CASES.items() if type(case) is pd.DataFrame]


@pytest.mark.parametrize("name", PANDAS)
def test_every_case_of_the_table_comes_back_the_same(name: str, tmp_path: Path) -> None:
    frame = CASES[name]
    back = there_and_back(frame, tmp_path / "000")
    assert digest(back) == digest(frame)
    again = there_and_back(back, tmp_path / "001")
    assert digest(again) == digest(frame)


def test_columns_with_names_need_no_second_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text has a NaN in its type, and a pickle with a NaN is made anew with its name."""
    monkeypatch.setattr("nbflow.inside.nan._naming", pytest.fail)
    back = there_and_back(frame_of("ab", rows=3), tmp_path / "000")
    assert back.columns.dtype.na_value is np.nan


@pytest.mark.parametrize("name", PANDAS)
def test_large_tables_of_every_case_come_back_the_same(name: str, tmp_path: Path) -> None:
    frame = CASES[name]
    if not frame.shape[1] or not frame.columns.is_unique or not frame.flags.allows_duplicate_labels:
        pytest.skip("cannot be made longer")
    frame = pd.concat([frame] * (5000 // max(len(frame), 1)), ignore_index=True)
    back = there_and_back(frame, tmp_path / "000")
    assert digest(back) == digest(frame)
    assert digest(there_and_back(back, tmp_path / "001")) == digest(frame)


def test_what_was_loaded_can_be_written_to_and_the_file_stays(tmp_path: Path) -> None:
    frame = frame_of("ab")
    stored = handed(frame, tmp_path / "000")
    one, other = (values.load_hand(stored.path, packing=packing()) for _ in range(2))
    one.loc[0, "a"] = 5.0
    one.iloc[:, 1] = 0.0
    array = one["a"].array
    array[1] = 6.0  # type: ignore[index]
    assert one["a"].to_list()[:2] == [5.0, 6.0]
    assert digest(other) == digest(frame)
    assert digest(values.load_hand(stored.path, packing=packing())) == digest(frame)


def test_the_layout_of_blocks_stays(tmp_path: Path) -> None:
    grid = np.random.default_rng(1).random((LARGE, 3))
    frame = pd.DataFrame(grid, copy=False)
    back = there_and_back(frame, tmp_path / "000")
    (block,) = back._mgr.blocks
    assert block.values.flags.f_contiguous
    assert not block.values.flags.c_contiguous
    assert (back.sum(axis=1) == frame.sum(axis=1)).all()


@linux
def test_an_added_column_is_all_that_is_written(tmp_path: Path) -> None:
    frame = there_and_back(frame_of("abcd"), tmp_path / "000")
    for step, name in enumerate("efgh"):
        frame[name] = frame["a"] * step
        stored = handed(frame, tmp_path / f"1{step}")
        assert written(stored.path) < 1.2 * frame[name].nbytes
        expected = digest(frame)
        frame = values.load_hand(stored.path, packing=packing())
        assert digest(frame) == expected
    assert list(frame) == list("abcdefgh")


@linux
def test_a_changed_column_is_written_anew(tmp_path: Path) -> None:
    frame = there_and_back(frame_of("abcd"), tmp_path / "000")
    frame.loc[3, "b"] = -1.0
    expected = digest(frame)
    back = there_and_back(frame, tmp_path / "001")
    assert digest(back) == expected
    assert back.loc[3, "b"] == -1.0


def test_columns_that_share_memory_lazily_are_two_columns_afterwards(tmp_path: Path) -> None:
    frame = there_and_back(frame_of("a"), tmp_path / "000")
    frame["b"] = frame["a"]
    back = there_and_back(frame, tmp_path / "001")
    kept = back["b"].copy(deep=True)
    back.loc[0, "a"] = 99.0
    assert back["b"].equals(kept)


@linux
def test_what_nobody_wrote_to_is_not_digested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = frame_of("ab")
    expected = digest(frame)
    back = there_and_back(frame, tmp_path / "000")
    known: list[bool] = []
    ask = mapped.known_digest

    def asked(address: int, size: int) -> bytes | None:
        found = ask(address, size)
        known.append(found is not None)
        return found

    monkeypatch.setattr(mapped, "known_digest", asked)
    assert digest(back) == expected
    assert known == [True, True]
    back.loc[0, "a"] = back.loc[0, "a"]  # the same again, but written
    assert digest(back) == expected
    back.loc[0, "a"] = 7.0
    assert digest(back) != expected


def test_a_hand_outlives_the_files_that_it_is_linked_to(tmp_path: Path) -> None:
    first = handed(frame_of("ab"), tmp_path / "000")
    frame = values.load_hand(first.path, packing=packing())
    second = handed(frame, tmp_path / "001")
    expected = digest(frame)
    del frame
    first.path.unlink()
    assert digest(values.load_hand(second.path, packing=packing())) == expected


def test_a_link_that_cannot_be_made_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = there_and_back(frame_of("ab"), tmp_path / "000")

    def refused(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refused)
    assert digest(there_and_back(frame, tmp_path / "001")) == digest(frame)


def test_where_the_system_tells_nothing_everything_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "_PAGEMAP", str(tmp_path / "nowhere"))
    frame = frame_of("ab")
    back = there_and_back(frame, tmp_path / "000")
    assert digest(back) == digest(frame)
    back.loc[0, "a"] = 7.0
    assert digest(back) != digest(frame)
    stored = handed(back, tmp_path / "001")
    assert written(stored.path) > 2 * LARGE * 8


def test_a_hand_of_another_project_is_not_loaded(tmp_path: Path) -> None:
    stored = handed(frame_of("a"), tmp_path / "000")
    stranger = Packing(seal=Seal(key=b"x" * 32), namespace={})
    with pytest.raises(StoreError, match="not sealed"):
        values.load_hand(stored.path, packing=stranger)


def test_a_hand_that_is_cut_off_is_not_loaded(tmp_path: Path) -> None:
    stored = handed(frame_of("a"), tmp_path / "000")
    os.chmod(stored.path, 0o600)
    os.truncate(stored.path, stored.path.stat().st_size - 4096)
    with pytest.raises(StoreError, match="cut off"):
        values.load_hand(stored.path, packing=packing())


def test_tables_with_the_notebooks_own_objects_are_stored_at_once(tmp_path: Path) -> None:
    class Own:
        pass

    Own.__module__ = "__main__"
    frame = pd.DataFrame({"a": pd.Series([len, Own], dtype=object)})
    with pytest.raises(values.CannotStore):
        handed(frame, tmp_path / "000")
    assert not list(tmp_path.glob("*.hand"))


def test_small_tables_are_stored_at_once_with_a_hand_beside(tmp_path: Path) -> None:
    frame = frame_of("a", 10)
    stored = handed(frame, tmp_path / "000", at_least=1000)
    assert stored.path.suffix == ".duckdb"
    assert stored.facts == tables.read_facts(stored.path)
    beside = values.load_hand(tmp_path / "000.hand", packing=packing())
    assert digest(beside) == digest(frame)


def test_an_array_that_looks_into_a_loaded_table_goes_on_doing_so(tmp_path: Path) -> None:
    frame = there_and_back(frame_of("a"), tmp_path / "000")
    view = frame["a"].array.to_numpy()
    both = {"frame": frame, "view": view}
    stored = values.store_group(both, examine(both), tmp_path / "001", packing=packing())
    back = values.load_file(stored.path, stored.kind, packing=packing())
    assert np.array_equal(back["view"], view)


@pytest.mark.slow
def test_worker_processes_get_what_was_changed_in_memory(tmp_path: Path) -> None:
    """joblib maps the files of `np.memmap` anew in its workers; these arrays are none."""
    joblib = pytest.importorskip("joblib")
    frame = there_and_back(frame_of("ab", 300_000), tmp_path / "000")
    frame.loc[0, "a"] = 100.0
    columns = [frame[name].array.to_numpy() for name in frame]
    sums = joblib.Parallel(n_jobs=2)(joblib.delayed(np.sum)(column) for column in columns)
    assert sums == [np.sum(column) for column in columns]
