"""Step outputs on disk: one immutable file per version, named by the blake3 of its content.

`ROOT/store/ab/<digest>.<suffix>` with `<digest>.<suffix>.sum` beside it: the content's digest names
the file, but DuckDB files of equal content differ in their bytes, so what lies in the file now is
checked against a second digest, of its bytes, keyed with the project's key. A flipped bit, a cut
file, another file put in its place, all show.

Putting a file there: sum aside, fsync, rename; file fsync, rename; folder fsync. The ledger's row
comes after and is the commit point: a file without a row is nobody's result.
"""

import dataclasses
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.core.mapping import map_file
from nbflow.core.task import Blob, StagedBlob

KEY_BYTES: Final = 32
SUM_SUFFIX: Final = ".sum"
_MAPPED_BYTES: Final = 2**20
_PASSING_BYTES: Final = 2**28
_PIECE_BYTES: Final = 2**24
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placing:
    """A staged file on its way to its place. `aside`: where its sum is written first."""

    source: Path
    target: Path
    keep: bool
    mark: str = field(default_factory=lambda: f"{os.getpid()}.{secrets.token_hex(4)}")

    @property
    def aside(self) -> Path:
        return self.target.with_name(f".{self.target.name}.{self.mark}")


class BlobStore:
    """The blobs of one project. `root` is its `.nbflow` folder; blobs lie in `root/store`.

    `clock` gives the time that names quarantined files. Several processes may use one store.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._clock = clock

    # -- where -----------------------------------------------------------------------------------

    def path(self, blob: Blob) -> Path:
        """Where the blob's file lies, whether it is there or not. Absent blobs have none.

        Raises:
            ValueError: the blob is `absent`, or its digest or suffix is not one.
        """
        if blob.kind == "absent":
            raise ValueError("an absent blob has no file")
        if not _is_digest(blob.digest) or not blob.suffix.isalnum():
            raise ValueError(f"not a stored blob: {blob.digest!r}.{blob.suffix!r}")
        folder = self.root / "store" / blob.digest[:2]
        return folder / f"{blob.digest}.{blob.suffix}"

    def key(self) -> Path:
        """The file with the project's sealing key: 32 random bytes, mode 0600, made at first use.

        Raises:
            StoreError: it cannot be written or is not a key.
        """
        path = self.root / "key"
        with _translated(path):
            if not path.exists():
                self._make_key(path)
            size = path.stat().st_size
        if size != KEY_BYTES:
            raise StoreError(
                f"the project's key {path} is damaged ({size} bytes instead of {KEY_BYTES})",
                hint=f"delete {path} and {self.root / 'store'}; the next run makes both anew",
            )
        return path

    def _make_key(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
        _write_through(aside, secrets.token_bytes(KEY_BYTES), mode=0o600)
        try:
            os.link(aside, path)  # unlike a rename, it never replaces the key of a faster process
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        _sync_folder(path.parent)

    # -- in --------------------------------------------------------------------------------------

    def commit(self, staged: StagedBlob) -> Blob:
        """Move a staged file into the store, durably; gives the blob with its size in bytes.

        If equal content is there already and whole, the staged file is dropped. A damaged one is
        put aside first. Repeating a commit that a crash cut short is harmless.

        Raises:
            StoreError: the staged file is missing, or the disk is full or fails.
        """
        (blob,) = self.commit_all((staged,))
        return blob

    def commit_all(
        self,
        staged: Iterable[StagedBlob],
        *,
        keep: bool = False,
        sums: Mapping[Path, str] | None = None,
    ) -> tuple[Blob, ...]:
        """Commit several files together, which waits for the disk less often.

        All are durable when this returns. `keep` leaves the staged files where they are, too.
        `sums` has those of `summing` that are known, by staged file: it is not read again.

        Raises:
            StoreError: as `commit`; any of the files may be in the store then, or none.
        """
        everything = tuple(staged)
        placing = {}
        for one in everything:
            if one.blob.kind != "absent":
                placing[self.path(one.blob)] = self._ready(one, keep=keep)
        self._place_all([one for one in placing.values() if one is not None], sums or {})
        return tuple(
            one.blob
            if one.blob.kind == "absent"
            else _with_size(one.blob, self.path(one.blob).stat().st_size)
            for one in everything
        )

    def _ready(self, staged: StagedBlob, *, keep: bool) -> "_Placing | None":
        """What is to be moved where; None if equal content is there already."""
        source, target = Path(staged.path), self.path(staged.blob)
        if not source.is_file():
            raise StoreError(f"staged output {source} of {staged.blob.names} is not there")
        if source.suffix != target.suffix:
            raise StoreError(f"staged output {source} is no {staged.blob.suffix} file")
        if Path(f"{source}.wal").exists():
            raise StoreError(f"staged output {source} has a .wal beside it: it is not whole")
        with _translated(target, needed=source.stat().st_size):
            if not self._take_existing(staged.blob, target):
                return _Placing(source=source, target=target, keep=keep)
            if not keep:
                source.unlink()
        return None

    def _take_existing(self, blob: Blob, target: Path) -> bool:
        if not target.exists():
            return False
        if self.verify(blob):
            return True
        self.quarantine(blob)
        return False

    def _place_all(self, placing: "list[_Placing]", sums: Mapping[Path, str]) -> None:
        try:
            for one in placing:
                with _translated(one.target, needed=one.source.stat().st_size):
                    one.target.parent.mkdir(parents=True, exist_ok=True)
                    one.source.chmod(0o444)
                    total = sums.get(one.source) or self._sum(one.source)
                    _write_new(one.aside, total.encode(), mode=0o444)
            # Everything was given to the disk before the first wait, so that it works on all.
            for one in placing:
                with _translated(one.target, needed=one.source.stat().st_size):
                    _sync_file(one.source)
                    _sync_file(one.aside)
            for one in placing:
                with _translated(one.target):
                    os.replace(one.aside, _sum_path(one.target))
                    _move(one.source, one.target, keep=one.keep)
        finally:
            for one in placing:
                one.aside.unlink(missing_ok=True)
        folders = {one.target.parent for one in placing}
        for folder in sorted({*folders, *(folder.parent for folder in folders)}):
            with _translated(folder):
                _sync_folder(folder)

    # -- checking --------------------------------------------------------------------------------

    def verify(self, blob: Blob) -> bool:
        """Whether the blob's file is there and holds, to the bit, what was committed.

        Raises:
            StoreError: the disk fails while it is read.
        """
        if blob.kind == "absent":
            return True
        path = self.path(blob)
        with _translated(path):
            if not path.is_file() or Path(f"{path}.wal").exists():
                return False
            try:
                recorded = _sum_path(path).read_bytes()
            except FileNotFoundError:
                return False
            return secrets.compare_digest(recorded, self._sum(path).encode())

    def quarantine(self, blob: Blob) -> Path | None:
        """Put a damaged file aside as `<name>.corrupt-<time>` (with a `.wal` that lies beside it).

        Never deletes. Gives the new path, or None if there was no file.

        Raises:
            StoreError: it cannot be moved.
        """
        path = self.path(blob)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        mark = f"corrupt-{stamp}-{secrets.token_hex(3)}"
        aside = path.with_name(f"{path.name}.{mark}")
        with _translated(path):
            with suppress(FileNotFoundError):
                os.replace(f"{path}.wal", f"{path}.wal.{mark}")
            _sum_path(path).unlink(missing_ok=True)
            try:
                os.replace(path, aside)
            except FileNotFoundError:
                return None
            _sync_folder(path.parent)
        return aside

    def summing(self) -> blake3:
        """What the bytes of a file are given to, for its sum."""
        return blake3(key=self.key().read_bytes(), max_threads=blake3.AUTO)

    def _sum(self, path: Path) -> str:
        total = self.summing()
        size = path.stat().st_size
        if size >= _PASSING_BYTES:
            for piece in _passing(path):
                total.update(piece)
        else:
            total.update(path.read_bytes() if size < _MAPPED_BYTES else map_file(path))
        return total.hexdigest()

    # -- room ------------------------------------------------------------------------------------

    def check_room(self, reserve_bytes: int) -> None:
        """Refuse to start on a disk that is nearly full.

        Raises:
            StoreError: fewer than `reserve_bytes` bytes are free where the store lies.
        """
        place = self.root
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
        if free < reserve_bytes:
            raise StoreError(
                f"{self.root}: {free} bytes are free on the disk, {reserve_bytes} are needed",
                hint="free some space, or remove old results (nbflow gc)",
            )


def _passing(path: Path) -> Iterator[memoryview]:
    """What is in a large file, piece by piece, without the system keeping a copy of it."""
    piece = memoryview(bytearray(_PIECE_BYTES))
    with path.open("rb", buffering=0) as file:
        start = 0
        while size := file.readinto(piece):
            yield piece[:size]
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_DONTNEED)
            start += size


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _with_size(blob: Blob, size: int) -> Blob:
    return dataclasses.replace(blob, bytes=size)


def _sum_path(path: Path) -> Path:
    return path.with_name(path.name + SUM_SUFFIX)


def _write_through(path: Path, data: bytes, *, mode: int) -> None:
    _write_new(path, data, mode=mode)
    _sync_file(path)


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open folders; its renames are written through
    _sync_file(path)


def _move(source: Path, target: Path, *, keep: bool) -> None:
    """The file at its place, all of it or nothing; with `keep`, at both places."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        if not keep:
            os.replace(source, target)
            return
        os.link(source, aside)
    except OSError as error:
        if error.errno != errno.EXDEV and not keep:
            raise
        # Staging on another disk, or one without links: copied beside the target first.
        shutil.copy2(source, aside)
        _sync_file(aside)
    os.replace(aside, target)
    if not keep:
        source.unlink()


@contextmanager
def _translated(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Say what failed in words that name path and bytes."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise StoreError(f"{path}: {error.strerror or error}") from error
        free = (
            shutil.disk_usage(path.anchor).free
            if not path.parent.exists()
            else (shutil.disk_usage(path.parent).free)
        )
        wanted = f", {needed} bytes are needed" if needed is not None else ""
        raise StoreError(
            f"disk full: {path} cannot be written ({free} bytes are free{wanted})",
            hint="free some space, or remove old results (nbflow gc)",
        ) from error
