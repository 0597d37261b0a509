"""Blobs: durable, named by content, and never believed without a look."""

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nbflow.core.errors import StoreError
from nbflow.core.task import Blob, StagedBlob
from nbflow.store.blobs import BlobStore

DIGEST = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / ".nbflow", clock=lambda: 0.0)


def staged(folder: Path, data: bytes = b"content", *, digest: str = DIGEST) -> StagedBlob:
    path = folder / "staged.json"
    path.write_bytes(data)
    return StagedBlob(
        blob=Blob(names=("x",), kind="json", digest=digest, suffix="json"), path=str(path)
    )


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_commit_moves_the_file_to_its_digest_and_makes_it_read_only(
    store: BlobStore, tmp_path: Path
) -> None:
    blob = store.commit(staged(tmp_path))
    path = store.path(blob)
    assert path == tmp_path / ".nbflow" / "store" / "ab" / f"{DIGEST}.json"
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o444
    assert blob.bytes == 7
    assert not (tmp_path / "staged.json").exists()
    assert store.verify(blob)


def test_c04_a_commit_that_is_repeated_doubles_nothing(store: BlobStore, tmp_path: Path) -> None:
    store.commit(staged(tmp_path, b"first bytes"))
    blob = store.commit(staged(tmp_path, b"other bytes of equal content"))
    assert store.path(blob).read_bytes() == b"first bytes"
    assert len(list(store.path(blob).parent.iterdir())) == 2  # the file and its sum
    assert not (tmp_path / "staged.json").exists()


def test_c04_a_crash_between_sum_and_file_leaves_nothing_that_counts(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(
            "nbflow.store.blobs._move", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            store.commit(one)
    assert not store.verify(one.blob)
    assert store.verify(store.commit(one))


@pytest.mark.parametrize("damage", [b"Content", b"conten", b"", b"content "])
def test_c34_c37_a_changed_byte_is_found_and_put_aside(
    store: BlobStore, tmp_path: Path, damage: bytes
) -> None:
    blob = store.commit(staged(tmp_path))
    overwrite(store.path(blob), damage)
    assert not store.verify(blob)
    again = store.commit(staged(tmp_path))
    assert store.verify(again)
    aside = [p for p in store.path(blob).parent.iterdir() if ".corrupt-19700101T000000Z" in p.name]
    assert [p.read_bytes() for p in aside] == [damage]


def test_c37_another_blob_put_in_its_place_with_its_own_sum_is_found_by_another_key(
    store: BlobStore, tmp_path: Path
) -> None:
    blob = store.commit(staged(tmp_path))
    stranger = BlobStore(tmp_path / "elsewhere")
    poison = stranger.commit(staged(tmp_path, b"poison"))
    overwrite(store.path(blob), b"poison")
    sum_path = store.path(blob).with_name(f"{DIGEST}.json.sum")
    overwrite(sum_path, stranger.path(poison).with_name(f"{DIGEST}.json.sum").read_bytes())
    assert not store.verify(blob)


def test_c36_a_missing_file_or_a_wal_beside_it_is_no_result(
    store: BlobStore, tmp_path: Path
) -> None:
    blob = store.commit(staged(tmp_path))
    wal = Path(f"{store.path(blob)}.wal")
    wal.write_bytes(b"late")
    assert not store.verify(blob)
    moved = store.quarantine(blob)
    assert moved is not None
    assert not wal.exists()
    assert not store.verify(blob)
    assert store.quarantine(blob) is None


def test_c36_a_staged_file_with_a_wal_is_refused(store: BlobStore, tmp_path: Path) -> None:
    one = staged(tmp_path)
    Path(f"{one.path}.wal").write_bytes(b"")
    with pytest.raises(StoreError, match=r"\.wal"):
        store.commit(one)


def test_a_missing_sum_is_no_proof(store: BlobStore, tmp_path: Path) -> None:
    blob = store.commit(staged(tmp_path))
    store.path(blob).with_name(f"{DIGEST}.json.sum").unlink()
    assert not store.verify(blob)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_c22_a_full_disk_names_path_and_bytes_and_keeps_the_staged_file(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store.key()
    one = staged(tmp_path)

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=rf"disk full: .*{DIGEST}\.json.* 7 bytes are needed"):
        store.commit(one)
    assert Path(one.path).exists()
    assert not store.verify(one.blob)
    assert not [p for p in store.path(one.blob).parent.iterdir() if p.name.startswith(".")]


def test_c22_too_little_room_is_refused_before_the_start(store: BlobStore) -> None:
    store.check_room(0)
    with pytest.raises(StoreError, match="bytes are free"):
        store.check_room(2**80)


def test_the_key_is_made_once_and_only_its_owner_reads_it(store: BlobStore) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.key().read_bytes())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert store.key().stat().st_mode & 0o777 == 0o600
    assert [p.name for p in store.root.iterdir()] == ["key"]


def test_a_damaged_key_is_refused_with_the_way_out(store: BlobStore) -> None:
    store.key().write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged") as caught:
        store.key()
    assert "delete" in (caught.value.hint or "")


@pytest.mark.parametrize("digest", ["../../etc/passwd", "AB" + "0" * 62, "ab"])
def test_a_hostile_digest_is_no_path(store: BlobStore, digest: str) -> None:
    with pytest.raises(ValueError, match="not a stored blob"):
        store.path(Blob(names=("x",), kind="json", digest=digest, suffix="json"))


def test_an_absent_blob_has_no_file_and_is_always_true(store: BlobStore) -> None:
    blob = Blob(names=("x",), kind="absent", digest="")
    assert store.commit(StagedBlob(blob=blob, path="")) == blob
    assert store.verify(blob)


def test_several_files_are_committed_together(store: BlobStore, tmp_path: Path) -> None:
    given = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        given.append(staged(folder, b"%d" % number, digest=f"{number}" * 64))
    blobs = store.commit_all([*given, given[0]], keep=True)
    assert [store.path(blob).read_bytes() for blob in blobs] == [b"0", b"1", b"2", b"0"]
    assert all(store.verify(blob) for blob in blobs)
    assert all(Path(one.path).is_file() for one in given)


def test_a_file_of_another_kind_is_not_committed(store: BlobStore, tmp_path: Path) -> None:
    one = staged(tmp_path)
    other = replace(one, blob=replace(one.blob, suffix="duckdb"))
    with pytest.raises(StoreError, match="is no duckdb file"):
        store.commit(other)
