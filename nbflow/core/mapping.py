"""Files as memory: what lies in them is there, and nothing was read yet.

File systems of other machines do not always map files; what they cannot map is read.
"""

import mmap
import os
from pathlib import Path
from typing import TypeVar

Memory = TypeVar("Memory", bound=mmap.mmap)


def map_file(path: Path) -> mmap.mmap:
    """A file as memory that may be read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is empty.
    """
    return map_as(mmap.mmap, path, mmap.ACCESS_READ)


def map_as(kind: type[Memory], path: Path, access: int) -> Memory:
    """A file as memory of a kind. Raises: as `map_file`."""
    with path.open("rb") as file:
        try:
            return kind(file.fileno(), 0, access=access)
        except OSError:
            memory = kind(-1, os.fstat(file.fileno()).st_size)
            if file.readinto(memory) != len(memory):
                raise
            return memory
