"""What the cells of a step showed, kept by fingerprint so that a reused step shows it again.

One JSON file per fingerprint, written aside and renamed: a reader sees all of it or nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from nbflow.core.errors import StoreError

CellOutputs = Mapping[str, list[dict[str, Any]]]
"""nbformat outputs by cell id."""


class Displays:
    """The folder of shown outputs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, fingerprint: str) -> bool:
        """Whether the outputs of that fingerprint are there."""
        return self._path(fingerprint).is_file()

    def load(self, fingerprint: str) -> dict[str, list[dict[str, Any]]]:
        """The outputs by cell id; nothing for an unknown or unreadable fingerprint."""
        try:
            text = self._path(fingerprint).read_bytes()
            return msgspec.json.decode(text, type=dict[str, list[dict[str, Any]]])
        except (OSError, msgspec.DecodeError):
            return {}

    def save(self, fingerprint: str, outputs: CellOutputs) -> None:
        """Keep the outputs, durably.

        Raises:
            StoreError: they cannot be written.
        """
        path = self._path(fingerprint)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as stream:
                stream.write(msgspec.json.encode(dict(outputs)))
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error

    def _path(self, fingerprint: str) -> Path:
        return self._root / fingerprint[:2] / f"{fingerprint}.json"
