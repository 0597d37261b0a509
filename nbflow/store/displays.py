"""What the cells of a step showed, kept by fingerprint so that a reused step shows it again.

Cells count by their place in the step: another step with the same code and inputs has the same
fingerprint, but other cells. One JSON file per fingerprint, written aside and renamed: a reader
sees all of it or nothing.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from nbflow.core.errors import StoreError

Shown = Sequence[list[dict[str, Any]]]
"""nbformat outputs of each cell of a step, in the step's order."""


class Displays:
    """The folder of shown outputs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, fingerprint: str) -> bool:
        """Whether the outputs of that fingerprint are there."""
        return self._path(fingerprint).is_file()

    def load(self, fingerprint: str) -> Shown:
        """The outputs; nothing for an unknown or unreadable fingerprint."""
        try:
            text = self._path(fingerprint).read_bytes()
            return msgspec.json.decode(text, type=list[list[dict[str, Any]]])
        except (OSError, msgspec.DecodeError):
            return ()

    def save(self, fingerprint: str, outputs: Shown) -> None:
        """Keep the outputs, durably.

        Raises:
            StoreError: they cannot be written.
        """
        path = self._path(fingerprint)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as stream:
                stream.write(msgspec.json.encode(list(outputs)))
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error

    def _path(self, fingerprint: str) -> Path:
        return self._root / fingerprint[:2] / f"{fingerprint}.json"
