"""Files that pass by the system's cache: every byte is there, however the file system takes it."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from nbflow.inside import straight
from nbflow.inside.straight import StraightFile

PIECE = 8192


@pytest.fixture(params=["past the cache", "through the cache", "refused when it is written"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file system knows."""
    monkeypatch.setattr(straight, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(straight, "_STRETCH_BYTES", 2 * PIECE)
    if request.param == "through the cache":
        monkeypatch.setattr(straight, "_go_past_cache", lambda file, past: False)
    if request.param == "refused when it is written":
        past, work = [True], os.write

        def go(file: int, wanted: bool) -> bool:
            past.append(wanted)
            return wanted

        def refuse(file: int, data: Any) -> int:
            if past[-1]:
                raise OSError(errno.EINVAL, "Invalid argument")
            return work(file, data)

        monkeypatch.setattr(straight, "_go_past_cache", go)
        monkeypatch.setattr(os, "write", refuse)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
@pytest.mark.parametrize("step", [1000, PIECE, 100_000])
def test_every_byte_is_in_the_file_and_in_the_sum(tmp_path: Path, size: int, step: int) -> None:
    data, total = os.urandom(size), blake3()
    with StraightFile(tmp_path / "f", total) as file:
        for start in range(0, size, step):
            assert file.write(data[start : start + step]) == len(data[start : start + step])
        file.finish()
    assert (tmp_path / "f").read_bytes() == data
    assert total.digest() == blake3(data).digest()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        StraightFile(tmp_path / "f", blake3())
    assert (tmp_path / "f").read_bytes() == b"mine"


def test_a_full_disk_is_told_at_the_latest_when_the_file_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with StraightFile(tmp_path / "f", blake3()) as file:
        file.write(b"12345")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            file.finish()
