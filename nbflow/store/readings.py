"""What SQL texts were found to do, kept for the next process that asks.

Reading SQL needs DuckDB's parser and sqlglot, which take longer to import than anything else that
`nbflow show` does. What is kept is plain data under the digest of the text and of all that reads it
(the caller's `stamp`); whatever cannot be read as that is read anew. A loss costs time only.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from nbflow.core.sql import SqlText

MOST_FILES: Final = 2000
"""Beyond it, the older half goes."""


class Readings:
    """The readings in one folder that were made by the same reader (`stamp`)."""

    def __init__(self, folder: Path, stamp: str) -> None:
        self._folder, self._stamp = folder, stamp

    def find(self, text: str) -> SqlText | None:
        """What is known of a text."""
        try:
            return msgspec.json.decode(self._path(text).read_bytes(), type=SqlText)
        except (OSError, msgspec.MsgspecError):
            return None

    def keep(self, text: str, reading: SqlText) -> None:
        """Remember it, if there is a place for that."""
        path = self._path(text)
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with suppress(OSError, UnicodeError):
            data = msgspec.json.encode(reading)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
            aside.write_bytes(data)
            aside.replace(path)

    def _make_room(self) -> None:
        files = [entry for entry in os.scandir(self._folder) if entry.is_file()]
        if len(files) < MOST_FILES:
            return
        for entry in sorted(files, key=lambda one: one.stat().st_mtime_ns)[: len(files) // 2]:
            with suppress(FileNotFoundError):  # another process makes room, too
                os.unlink(entry.path)

    def _path(self, text: str) -> Path:
        asked = blake3(self._stamp.encode())
        asked.update(text.encode("utf-8", "surrogatepass"))
        return self._folder / asked.hexdigest()
