"""Files mapped privately: arrays lie in them without a copy, and may be written to all the same.

A page of such a mapping is the file's until somebody writes to it; then the system makes a copy of
that page for this process alone. It also tells which pages are such copies (`/proc/self/pagemap`),
so what was never written to is known for certain, without a look at its bytes: it needs no digest
and no second file. Where the system does not tell, everything counts as written to.

What a process found out about a file it knows as long as it has the file mapped somewhere.
"""

import mmap
import os
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from nbflow.core.mapping import map_as

_PAGEMAP: Final = "/proc/self/pagemap"
_ENTRY_BYTES: Final = 8
_PRESENT, _SWAPPED, _OF_FILE = (np.uint64(1 << bit) for bit in (63, 62, 61))


class Span(NamedTuple):
    """A stretch of a mapped file: where it begins in the file, and its length in bytes."""

    offset: int
    size: int


def overlap(one: Span, other: Span) -> bool:
    """Whether two stretches of a file have a byte in common."""
    return one.offset < other.offset + other.size and other.offset < one.offset + one.size


class _Memory(mmap.mmap):
    """The memory of a mapped file. Arrays in it keep it alive; nobody else does."""


Version = tuple[int, int, int, int]
"""What tells a file from all others: its place on the disk, its size, when it was written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MappedFile:
    """A file in memory. `digests`: those of stretches of it that are known, by whoever wrote it or
    since; `numbers`: of those that are floats, whether all are numbers. `own`: all that is known
    was found out here."""

    path: Path
    version: Version
    memory: "weakref.ref[_Memory]"
    start: int
    size: int
    own: bool
    digests: dict[Span, bytes] = field(default_factory=dict)
    numbers: dict[tuple[Span, str], bool] = field(default_factory=dict)

    def is_clean(self, span: Span) -> bool:
        """Whether nobody wrote to the pages of a stretch since the file was mapped."""
        first = (self.start + span.offset) // mmap.PAGESIZE
        last = (self.start + span.offset + span.size - 1) // mmap.PAGESIZE
        wanted = (last - first + 1) * _ENTRY_BYTES
        try:
            with open(_PAGEMAP, "rb", buffering=0) as pages:
                found = os.pread(pages.fileno(), wanted, first * _ENTRY_BYTES)
        except OSError:
            return False
        if len(found) != wanted:
            return False
        entries = np.frombuffer(found, dtype=np.uint64)
        copied = (entries & _PRESENT != 0) & (entries & _OF_FILE == 0)
        return not bool((copied | (entries & _SWAPPED != 0)).any())


_files: list[MappedFile] = []


def map_file(path: Path, *, own: bool = False) -> tuple[memoryview, MappedFile]:
    """The bytes of a file, to read and to write to, without touching the file.

    `own`: nobody will be believed about it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is empty.
    """
    memory = map_as(_Memory, path, mmap.ACCESS_COPY)
    view, told = memoryview(memory), os.stat(path)
    found = MappedFile(
        path=path,
        version=(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns),
        memory=weakref.ref(memory),
        start=address(view),
        size=len(view),
        own=own,
    )
    _files[:] = [one for one in _files if one.memory() is not None]
    same = (one for one in _files if own and one.own and one.version == found.version)
    if earlier := next(same, None):
        found = replace(found, digests=earlier.digests, numbers=earlier.numbers)
    _files.append(found)
    return view, found


def address(view: memoryview) -> int:
    """Where some bytes lie in memory."""
    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])


def find(address: int, size: int) -> tuple[MappedFile, Span] | None:
    """The mapped file in which a stretch of memory lies."""
    for one in _files:
        inside = one.start <= address and address + size <= one.start + one.size
        if inside and one.memory() is not None:
            return one, Span(address - one.start, size)
    return None


def known_digest(address: int, size: int) -> bytes | None:
    """The digest of a stretch of memory, if it is that of a file and nobody wrote to it."""
    found = find(address, size) if _files else None
    if found is None:
        return None
    file, span = found
    digest = file.digests.get(span)
    return digest if digest is not None and file.is_clean(span) else None


def is_mapped(owner: Any) -> bool:
    """Whether an array's base is the memory of a mapped file."""
    return isinstance(owner.obj if isinstance(owner, memoryview) else owner, _Memory)


def note_digest(address: int, size: int, digest: bytes) -> None:
    """Remember the digest of a stretch of a mapped file, if nobody wrote to it."""
    found = find(address, size)
    if found is not None and found[0].is_clean(found[1]):
        found[0].digests[found[1]] = digest


def has_all_numbers(values: "np.ndarray[Any, Any]") -> bool:
    """Whether no float of a stretch of memory is NaN, which passes through `min`.

    >>> has_all_numbers(np.array([1.5])), has_all_numbers(np.array([1.5, np.nan]))
    (True, False)
    """
    whole = values.flags.c_contiguous
    file, span = (find(values.ctypes.data, values.nbytes) if whole else None) or (None, None)
    if file is None or span is None or not file.is_clean(span):
        return _has_all_numbers(values)
    key = span, values.dtype.str
    if key not in file.numbers:
        file.numbers[key] = _has_all_numbers(values)
    return file.numbers[key]


def _has_all_numbers(values: "np.ndarray[Any, Any]") -> bool:
    with np.errstate(invalid="ignore"):
        least = values.min()
    return bool(least == least)
