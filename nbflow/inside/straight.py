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
from types import TracebackType
from typing import Any, Final, Protocol

if sys.platform != "win32":
    import fcntl

_PIECE_BYTES: Final = 2 << 20
"""So few that they stay in the processor's cache from the copy to the sum."""

_STRETCH_BYTES: Final = 64 << 20
_BLOCK_BYTES: Final = 4096
"""Places, lengths and memory that go past the cache are multiples of what a disk writes at once."""


class Summing(Protocol):
    """What sums up the bytes of a file as they are written."""

    def update(self, data: memoryview, /) -> object:
        """The next of them."""


class StraightFile(io.RawIOBase):
    """The file, open for writing from begin to end. It is on the disk after `finish`."""

    def __init__(self, path: Path, summing: Summing) -> None:
        """Raises: OSError (`FileExistsError`: nothing is written over)."""
        super().__init__()
        self._summing = summing
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        self._past_cache = _go_past_cache(self._file, True)
        # Mapped memory begins at a page. Two: one is filled while the other is written.
        self._pieces = [memoryview(mmap.mmap(-1, _PIECE_BYTES)) for _ in range(2)]
        self._filled = self._size = self._passed = 0
        self._disk = ThreadPoolExecutor(1, "nbflow-disk")
        self._under_way: Future[None] | None = None

    def writable(self) -> bool:
        """As files tell."""
        return True

    def write(self, data: Any) -> int:
        """Take over some bytes. Raises: OSError, of earlier ones, too."""
        whole = rest = memoryview(data).cast("B")
        while rest:
            size = min(len(rest), _PIECE_BYTES - self._filled)
            self._pieces[0][self._filled : self._filled + size] = rest[:size]
            self._filled, rest = self._filled + size, rest[size:]
            if self._filled == _PIECE_BYTES:
                self._send()
        return len(whole)

    def finish(self) -> None:
        """Wait until everything is on the disk. Raises: OSError."""
        if self._filled:
            self._send()
        self._wait()
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._disk.shutdown()
        os.close(self._file)
        self.close()

    def _send(self) -> None:
        """Give what was filled to the disk, when it is done with the piece before."""
        full = self._pieces[0][: self._filled]
        self._summing.update(full)
        self._wait()
        whole_blocks = self._pieces[0][: -(-self._filled // _BLOCK_BYTES) * _BLOCK_BYTES]
        self._size += self._filled
        self._under_way = self._disk.submit(self._put, whole_blocks, self._size)
        self._filled = 0
        self._pieces.reverse()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _put(self, piece: memoryview, end: int) -> None:
        rest = piece
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not self._past_cache:
                    raise
                self._past_cache = _go_past_cache(self._file, False)
        if not self._past_cache and end - self._passed >= _STRETCH_BYTES:
            os.fsync(self._file)
            if hasattr(os, "posix_fadvise"):
                size = end - self._passed
                os.posix_fadvise(self._file, self._passed, size, os.POSIX_FADV_DONTNEED)
            self._passed = end


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
