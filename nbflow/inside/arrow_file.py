"""Large tables on disk: one Arrow IPC file each, which a reader maps and SQL scans where it lies.

To make a DuckDB file of a gigabyte takes longer than most steps that leave one, and to get the
table back takes as long again. Arrow's bytes are those in memory. The price is room: nothing is
compressed. What the columns cannot tell (`inside/tables.py`: the template) is in the metadata of
the schema.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from nbflow.core.errors import StoreError
from nbflow.core.mapping import map_file
from nbflow.inside.straight import StraightFile, Summing

SUFFIX: Final = ".arrow"

MOST_TEMPLATE_BYTES: Final = 64 << 20
"""Metadata is read whole, and may not have more than 2 GB."""

_KEY: Final = b"nbflow:"


def write(table: pa.Table, template: Mapping[str, bytes], path: Path, *, summing: Summing) -> None:
    """Write a table and its template into a new file; it is on the disk when this returns.

    Raises:
        StoreError: the file cannot be written.
    """
    metadata = {_KEY + key.encode(): value for key, value in template.items()}
    whole = table.replace_schema_metadata(metadata)
    try:
        with StraightFile(path, summing) as file:
            with pa.ipc.new_file(pa.PythonFile(file, "w"), whole.schema) as writer:
                writer.write_table(whole)
            file.finish()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"table file {path}: {error}") from error


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
