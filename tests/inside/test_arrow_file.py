"""Arrow files of large tables: whole or refused, whatever was written in which pieces."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.inside import arrow_file, straight

TABLE = pa.table({"n": np.arange(100_000), "s": ["a", None] * 50_000})


def test_what_was_written_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(straight, "PIECE_BYTES", 8192)
    total, told = blake3(), {"meta": b"\0\xff", "sealed": b""}
    arrow_file.write(TABLE, told, tmp_path / "t.arrow", summing=total)
    assert total.digest() == blake3((tmp_path / "t.arrow").read_bytes()).digest()
    table, template = arrow_file.read(tmp_path / "t.arrow")
    assert table.equals(TABLE, check_metadata=True)
    assert template == {"meta": b"\0\xff", "sealed": b""}


def test_columns_lie_in_the_file_itself(tmp_path: Path) -> None:
    arrow_file.write(TABLE, {}, tmp_path / "t.arrow", summing=blake3())
    before = pa.total_allocated_bytes()
    table, _ = arrow_file.read(tmp_path / "t.arrow")
    assert pa.total_allocated_bytes() - before < TABLE.nbytes // 10
    assert table.column("n").num_chunks == 1


@pytest.mark.parametrize("size", [0, 5, 1000, -100])
def test_what_is_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.arrow"
    arrow_file.write(TABLE, {}, path, summing=blake3())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StoreError, match="table file"):
        arrow_file.read(path)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "t.arrow").write_bytes(b"mine")
    with pytest.raises(StoreError, match="exists"):
        arrow_file.write(TABLE, {}, tmp_path / "t.arrow", summing=blake3())
