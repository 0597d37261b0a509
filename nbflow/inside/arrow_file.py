"""Large tables on disk: one Arrow IPC file each, which a reader maps and SQL scans where it lies.

To make a DuckDB file of a gigabyte takes longer than most steps that leave one, and to get the
table back takes as long again. Arrow's bytes are those in memory. The price is room: nothing is
compressed. What the columns cannot tell (`inside/tables.py`: the template) is in the metadata of
the schema.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from nbflow.core.errors import StoreError
from nbflow.core.mapping import map_file
from nbflow.inside.mapped import address
from nbflow.inside.straight import StraightFile, Summing

SUFFIX: Final = ".arrow"

MOST_TEMPLATE_BYTES: Final = 64 << 20
"""Metadata is read whole, and may not have more than 2 GB."""

_KEY: Final = b"nbflow:"
_ROOM: Final = b"nbflow room"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory of a table, and where it lies in the table's file."""

    position: int
    data: memoryview


def write(table: pa.Table, template: Mapping[str, bytes], path: Path, *, summing: Summing) -> None:
    """Write a table and its template into a new file; it is on the disk when this returns.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        with StraightFile(path, summing) as file:
            put(whole(table, template), file)
            file.finish()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"table file {path}: {error}") from error


def put(table: pa.Table, file: io.RawIOBase) -> None:
    """The bytes of a whole table's file, from the first to the last."""
    with pa.ipc.new_file(pa.PythonFile(file, "w"), table.schema) as writer:
        writer.write_table(table)


def whole(table: pa.Table, template: Mapping[str, bytes], *, room: int = 0) -> pa.Table:
    """A table with its template, and so many bytes that say nothing before its columns."""
    metadata = {_KEY + key.encode(): value for key, value in template.items()}
    return table.replace_schema_metadata(metadata | {_ROOM: bytes(room)} if room else metadata)


def stretches(table: pa.Table, least: int) -> list[Stretch]:
    """Where each large stretch of a whole table's memory will lie in its file."""
    places = _Places(least)
    put(table, places)
    own = {start for column in table.columns for start in addresses(column)}
    return [one for one in places.found if address(one.data) in own]


def addresses(column: pa.ChunkedArray) -> Iterator[int]:
    """Where the parts of a column begin in memory."""
    return (part.address for chunk in column.chunks for part in chunk.buffers() if part)


class _Places(io.RawIOBase):
    """A file that keeps nothing but where large stretches of memory would lie in it."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.found: list[Stretch] = []
        self._least, self._end = least, 0

    def writable(self) -> bool:
        """As files tell."""
        return True

    def write(self, data: Any) -> int:
        """Look at some bytes."""
        view = memoryview(data).cast("B")
        if len(view) >= self._least:
            self.found.append(Stretch(self._end, view))
        self._end += len(view)
        return len(view)


def read(path: Path) -> tuple[pa.Table, dict[str, bytes]]:
    """The table of a file, mapped, and its template.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        table = pa.ipc.open_file(pa.py_buffer(map_file(path))).read_all()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"table file {path}: {error}") from error
    found = table.schema.metadata or {}
    template = {
        key.removeprefix(_KEY).decode(): value
        for key, value in found.items()
        if key.startswith(_KEY)
    }
    return table.replace_schema_metadata(None), template
