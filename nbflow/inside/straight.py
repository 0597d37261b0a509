"""A large new file on its straight way to the disk, past the system's cache.

What goes through the cache is copied there, pushes out what others read, and must be waited for in
the end all the same: a gigabyte takes three times as long, and most of a processor. Here one thread
fills a piece and sums it up while another gives the one before to the disk. Where a file system
knows no such way, each stretch is made durable and leaves the cache at once.
"""

import errno
import io
import mmap
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol

if sys.platform != "win32":
    import fcntl

PIECE_BYTES: Final = 2 << 20
"""So few that they stay in the processor's cache from the copy to the sum."""

_STRETCH_BYTES: Final = 64 << 20
_BLOCK_BYTES: Final = 4096
"""Places, lengths and memory that go past the cache are multiples of what a disk writes at once."""


class Summing(Protocol):
    """What sums up the bytes of a file as they are written."""

    def update(self, data: memoryview, /) -> object:
        """The next of them."""

    def hexdigest(self) -> str:
        """The sum of all until now."""


def whole_blocks(position: int, size: int) -> slice:
    """Which part of a stretch that lies at a position in a file fills whole blocks of it.

    >>> whole_blocks(4000, 9000), whole_blocks(8192, 4096), whole_blocks(10, 20)
    (slice(96, 8288, None), slice(0, 4096, None), slice(4086, 4086, None))
    """
    first = -position % _BLOCK_BYTES
    return slice(first, max(first, size - (position + size) % _BLOCK_BYTES))


class StraightFile(io.RawIOBase):
    """The file, open for writing from begin to end. It is on the disk after `finish`.

    Before that, whole blocks of it may be laid wherever they will lie; they are passed then.
    """

    def __init__(self, path: Path, summing: Summing) -> None:
        """Raises: OSError (`FileExistsError`: nothing is written over)."""
        super().__init__()
        self._summing = summing
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        self._past_cache = _go_past_cache(self._file, True)
        # Mapped memory begins at a page. Two: one is filled while the other is written.
        self._pieces = [memoryview(mmap.mmap(-1, PIECE_BYTES)) for _ in range(2)]
        self._start = self._filled = self._unsynced = 0
        self._disk = ThreadPoolExecutor(1, "nbflow-disk")
        self._under_way: Future[None] | None = None

    def writable(self) -> bool:
        """As files tell."""
        return True

    def write(self, data: Any) -> int:
        """Take over some bytes. Raises: OSError, of earlier ones, too."""
        whole = rest = memoryview(data).cast("B")
        while rest:
            size = min(len(rest), PIECE_BYTES - self._filled)
            self._pieces[0][self._filled : self._filled + size] = rest[:size]
            self._filled, rest = self._filled + size, rest[size:]
            if self._filled == PIECE_BYTES:
                self._send()
        return len(whole)

    def tell(self) -> int:
        """Where the next bytes will lie."""
        return self._start + self._filled

    def lay(self, position: int, blocks: memoryview) -> None:
        """Put some whole blocks, no more than a piece, where they will lie, before all that is
        written. Raises: OSError, of earlier ones, too."""
        piece = self._pieces[0][: len(blocks)]
        piece[:] = blocks
        self._submit(piece, position)

    def pass_by(self, data: memoryview) -> None:
        """Take over a block's bytes and more, of which the whole blocks were laid here.

        Raises: as `write`.
        """
        inner = whole_blocks(self.tell(), len(data))
        self.write(data[: inner.start])
        self._send()
        self._summing.update(data[inner])
        self._start += len(data[inner])
        self.write(data[inner.stop :])

    def finish(self) -> None:
        """Wait until everything is on the disk. Raises: OSError."""
        size = self.tell()
        self._send()
        self._wait()
        os.ftruncate(self._file, size)
        os.fsync(self._file)

    def close(self) -> None:
        """As files do; what was not finished is not on the disk."""
        if not self.closed:
            self._disk.shutdown()
            os.close(self._file)
        super().close()

    def _send(self) -> None:
        """Give what was filled to the disk."""
        if self._filled:
            self._summing.update(self._pieces[0][: self._filled])
            blocks = -(-self._filled // _BLOCK_BYTES) * _BLOCK_BYTES
            self._submit(self._pieces[0][:blocks], self._start)
            self._start, self._filled = self._start + self._filled, 0

    def _submit(self, piece: memoryview, position: int) -> None:
        """The same when the disk is done with the piece before."""
        self._wait()
        self._under_way = self._disk.submit(self._put, piece, position)
        self._pieces.reverse()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _put(self, piece: memoryview, position: int) -> None:
        os.lseek(self._file, position, os.SEEK_SET)
        rest = piece
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not self._past_cache:
                    raise
                self._past_cache = _go_past_cache(self._file, False)
        self._unsynced += len(piece)
        if not self._past_cache and self._unsynced >= _STRETCH_BYTES:
            os.fsync(self._file)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
            self._unsynced = 0


def _go_past_cache(file: int, past: bool) -> bool:
    """Whether writes go past the cache from now on."""
    if sys.platform != "linux":
        return False
    flags = fcntl.fcntl(file, fcntl.F_GETFL) & ~os.O_DIRECT
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, flags | (os.O_DIRECT if past else 0))
    except OSError:  # the file system knows no such way
        return False
    return past
