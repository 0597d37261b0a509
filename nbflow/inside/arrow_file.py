"""Large tables on disk: one Arrow IPC file each, which a reader maps and SQL scans where it lies.

To make a DuckDB file of a gigabyte takes longer than most steps that leave one, and to get the
table back takes as long again. Arrow's bytes are those in memory. The price is room: nothing is
compressed. What the columns cannot tell (`inside/tables.py`: the template) is in the metadata of
the schema.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from nbflow.core.errors import StoreError

SUFFIX: Final = ".arrow"

MOST_TEMPLATE_BYTES: Final = 64 << 20
"""Metadata is read whole, and may not have more than 2 GB."""

_KEY: Final = b"nbflow:"
_STRETCH_BYTES: Final = 64 << 20


class Summing(Protocol):
    """What sums up the bytes of a file as they are written."""

    def update(self, data: memoryview, /) -> object:
        """The next of them."""


def write(table: pa.Table, template: Mapping[str, bytes], path: Path, *, summing: Summing) -> None:
    """Write a table and its template into a new file; it is on the disk when this returns.

    Raises:
        StoreError: the file cannot be written.
    """
    metadata = {_KEY + key.encode(): value for key, value in template.items()}
    whole = table.replace_schema_metadata(metadata)
    try:
        with open(path, "xb", buffering=0) as file:
            sink = pa.PythonFile(_Passing(file.fileno(), summing), "w")
            with pa.ipc.new_file(sink, whole.schema) as writer:
                writer.write_table(whole)
            os.fsync(file.fileno())
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"table file {path}: {error}") from error


def read(path: Path) -> tuple[pa.Table, dict[str, bytes]]:
    """The table of a file, mapped, and its template.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        with _source(path) as source:
            table = pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"table file {path}: {error}") from error
    found = table.schema.metadata or {}
    template = {
        key.removeprefix(_KEY).decode(): value
        for key, value in found.items()
        if key.startswith(_KEY)
    }
    return table.replace_schema_metadata(None), template


def _source(path: Path) -> pa.NativeFile:
    try:
        return pa.memory_map(str(path))
    except OSError:  # file systems of other machines do not always map files
        return pa.OSFile(str(path))


class _Passing(io.RawIOBase):
    """A file that leaves the system's cache to others: what lies in it is on its way to the disk,
    and nobody may ever read it again."""

    def __init__(self, file: int, summing: Summing) -> None:
        super().__init__()
        self._file, self._summing = file, summing
        self._written = self._passed = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        whole = memoryview(data).cast("B")
        for start in range(0, len(whole), _STRETCH_BYTES):
            self._summing.update(whole[start : start + _STRETCH_BYTES])
            self._put(whole[start : start + _STRETCH_BYTES])
        return len(whole)

    def _put(self, rest: memoryview) -> None:
        while rest:
            done = os.write(self._file, rest)
            self._written, rest = self._written + done, rest[done:]
        if self._written - self._passed >= _STRETCH_BYTES:
            os.fsync(self._file)
            if hasattr(os, "posix_fadvise"):
                size = self._written - self._passed
                os.posix_fadvise(self._file, self._passed, size, os.POSIX_FADV_DONTNEED)
            self._passed = self._written
