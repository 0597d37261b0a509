"""What was laid before the last version was known is never seen, right or wrong: the file is that
of the last version, every byte of it, and so is its sum."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.inside import groundwork, straight, tables, values
from nbflow.inside.digest import digest, examine
from nbflow.inside.groundwork import Groundwork
from nbflow.inside.seal import Seal
from nbflow.inside.values import Packing
from tests.inside.test_hand import linux

PACKING = Packing(seal=Seal(key=b"k" * 32), namespace={"__name__": "__main__"})
ROWS, PIECE = 5000, 8192

Change = Callable[[pd.DataFrame], Any]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groundwork, "LEAST_BYTES", 10_000)
    for module in (groundwork, straight):
        monkeypatch.setattr(module, "PIECE_BYTES", PIECE)


def new(seed: int = 0, rows: int = ROWS) -> "np.ndarray[Any, Any]":
    return np.random.default_rng(seed).random(rows)


def first() -> pd.DataFrame:
    return pd.DataFrame({name: new(ord(name)) for name in "abcd"})


class Chain:
    """Versions of a table as steps leave them, and ground that follows them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.ground = Groundwork(folder / "ground", blake3())
        self.frame = first()
        self.hand()

    def hand(self) -> None:
        """The present version on its way to the next step, and to the keeper."""
        stem = self.folder / f"{self.count:03d}"
        look = examine(self.frame)
        path = values.store_value(self.frame, look, stem, packing=PACKING, hand_from=0).path
        self.frame = values.load_hand(path, packing=PACKING)
        self.kept = values.load_hand(path, packing=PACKING, trusting=False)
        self.count += 1

    def change(self, change: Change) -> None:
        changed = change(self.frame)
        self.frame = self.frame if changed is None else changed
        self.hand()

    def prepare(self, *passing: str) -> bool:
        return tables.prepare_large(self.kept, self.ground, seal=PACKING, passing=passing)

    def go_on(self, pieces: int = 1000) -> None:
        for _ in range(pieces):
            self.ground.go_on()

    def finish(self) -> None:
        """The file is made, and compared with the version."""
        path, _ = tables.write_large(
            self.kept,
            self.folder / "stored",
            seal=PACKING,
            summing=self.ground.summing,
            ground=self.ground,
        )
        assert self.ground.summing.hexdigest() == blake3(path.read_bytes()).hexdigest()
        assert digest(tables.read_frame(path, seal=PACKING)) == digest(self.frame)
        assert not (self.folder / "ground").exists()


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many columns were laid: their whole blocks, which is not quite all."""
    sizes: list[int] = []
    work = straight.StraightFile.lay

    def lay(file: Any, position: int, blocks: memoryview) -> None:
        sizes.append(len(blocks))
        work(file, position, blocks)

    monkeypatch.setattr(straight.StraightFile, "lay", lay)
    return lambda: round(sum(sizes) / (8 * ROWS - 4096))


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what was not written again."""
    found: list[int] = []
    work = straight.StraightFile.pass_by

    def pass_by(file: Any, data: memoryview) -> None:
        found.append(len(data))
        work(file, data)

    monkeypatch.setattr(straight.StraightFile, "pass_by", pass_by)
    return found


def set_column(name: str, seed: int) -> Change:
    return lambda frame: frame.__setitem__(name, new(seed, len(frame)))


@linux
def test_what_remains_is_written_once(
    chain: Chain, passed: list[int], laid: Callable[[], int]
) -> None:
    assert chain.prepare()
    chain.go_on()
    assert laid() == 4
    for number, name in enumerate("xbyz"):
        chain.change(set_column(name, number))
        assert chain.prepare()
        chain.go_on()
        assert laid() == 5 + number
    chain.finish()
    assert passed == [8 * ROWS] * 7


@linux
def test_what_will_be_replaced_is_not_laid(
    chain: Chain, passed: list[int], laid: Callable[[], int]
) -> None:
    assert chain.prepare("b", "c")
    chain.go_on()
    assert laid() == 2
    chain.finish()
    assert passed == [8 * ROWS] * 2


@linux
def test_a_column_that_is_under_way_is_gone_on_with_if_it_remains(
    chain: Chain, passed: list[int], laid: Callable[[], int]
) -> None:
    chain.prepare()
    chain.go_on(8)
    chain.change(set_column("x", 1))
    chain.prepare()
    chain.go_on()
    assert laid() == 5
    chain.finish()
    assert passed == [8 * ROWS] * 5


def test_nothing_has_to_be_laid(chain: Chain, passed: list[int]) -> None:
    chain.prepare()
    chain.finish()
    assert passed == []


def test_a_version_of_which_nothing_was_expected(chain: Chain) -> None:
    chain.prepare()
    chain.go_on()
    chain.change(lambda frame: frame.sort_values("a").iloc[:3000].assign(t="text"))
    assert not chain.prepare()
    chain.finish()


def test_a_version_that_is_small(chain: Chain) -> None:
    chain.prepare()
    chain.go_on()
    chain.change(lambda frame: frame.iloc[:10])
    chain.prepare()
    chain.finish()


CHANGES: dict[str, Change] = {
    "replace": lambda frame: frame.__setitem__(frame.columns[-1], new(len(frame), len(frame))),
    "in place": lambda frame: frame.__setitem__(frame.columns[0], frame.iloc[:, 0] + 1),
    "one value": lambda frame: frame.iloc.__setitem__((17, 1), 5.0),
    "append": lambda frame: frame.__setitem__(f"n{frame.shape[1]}", new(1, len(frame))),
    "insert": lambda frame: frame.insert(0, f"i{frame.shape[1]}", new(2, len(frame))),
    "drop": lambda frame: frame.drop(columns=frame.columns[0]),
    "turn": lambda frame: frame[frame.columns[::-1]],
    "swap": lambda frame: frame.assign(
        **{frame.columns[0]: frame.iloc[:, 1], frame.columns[1]: frame.iloc[:, 0]}
    ),
    "whole numbers": lambda frame: frame.astype({frame.columns[1]: "int64"}),
    "half": lambda frame: frame.astype({frame.columns[1]: "float32"}),
    "as other numbers": lambda frame: frame.__setitem__(
        frame.columns[1], frame.iloc[:, 1].to_numpy("float64").view("int64")
    ),
    "missing": lambda frame: frame.assign(
        **{frame.columns[1]: frame.iloc[:, 1].where(np.arange(len(frame)) != 5)}
    ),
    "none missing": lambda frame: frame.fillna(1.0),
    "fewer rows": lambda frame: frame.iloc[:-100],
    "many labels": lambda frame: frame.rename(columns={frame.columns[0]: "l" * 3000}),
    "too many labels": lambda frame: frame.rename(columns={frame.columns[1]: "l" * 300_000}),
    "equal columns": lambda frame: frame.__setitem__(frame.columns[1], frame.iloc[:, 0]),
}


@pytest.mark.parametrize("seed", range(40))
def test_any_chain_of_versions_gives_the_file_of_the_last(tmp_path: Path, seed: int) -> None:
    chain, draw = Chain(tmp_path), np.random.default_rng(seed)
    for _ in range(draw.integers(1, 7)):
        if draw.random() < 0.8:
            chain.prepare(*draw.choice(list("abcd"), draw.integers(0, 2)))
            chain.go_on(int(draw.choice([0, 3, 8, 1000])))
        chain.change(CHANGES[str(draw.choice(list(CHANGES)))])
    chain.finish()


@linux
def test_nobody_is_believed_about_a_hand(chain: Chain, passed: list[int]) -> None:
    """What lies in the file is what the keeper itself has read, not what the lane has told."""
    chain.prepare()
    chain.go_on()
    path = chain.folder / "000.hand"
    os.chmod(path, 0o600)
    with path.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"changed")
    chain.kept = values.load_hand(path, packing=PACKING, trusting=False)
    assert digest(chain.kept) != digest(first())
    chain.frame = chain.kept
    chain.finish()
    assert passed == []


def test_a_full_disk_is_told(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    chain.prepare()
    with pytest.raises(OSError, match="No space left"):
        chain.go_on()
    with pytest.raises(StoreError, match="No space left"):
        chain.finish()
    chain.ground.close()
    assert sorted(one.suffix for one in chain.folder.iterdir()) == [".hand"]


def test_what_is_not_wanted_is_gone(chain: Chain) -> None:
    chain.prepare()
    chain.go_on(3)
    chain.ground.close()
    chain.ground.close()
    assert not (chain.folder / "ground").exists()
