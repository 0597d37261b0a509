"""The log of one attempt of a step: what its kernel and its cells wrote, up to a limit."""

import hashlib
import re
import threading
from io import FileIO
from pathlib import Path
from typing import Final

LOG_LIMIT_BYTES: Final = 10 * 1024 * 1024
# A crash's own words: up to 100 frames, then every extension module.
_TAIL_BYTES: Final = 32 * 1024
_SLUG_LENGTH: Final = 60


def log_name(step: str, step_name: str, attempt: int) -> str:
    """A file name that is safe, readable and unique for the step.

    >>> log_name("a1", "clean sales", 2)
    'clean_sales-3c1c79aa-2.log'
    >>> log_name("a1", "../x", 1).startswith(".._x-")
    True
    """
    slug = re.sub(r"[^\w.-]", "_", step_name, flags=re.ASCII)[:_SLUG_LENGTH]
    mark = hashlib.blake2s(step.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{slug}-{mark}-{attempt}.log"


class StepLog:
    """Appends to a file from several threads; says once that the rest was left out.

    Trouble with the disk must not fail a step: a log that cannot be written is short.
    """

    def __init__(self, path: Path, *, limit: int = LOG_LIMIT_BYTES) -> None:
        self.path = path
        self._left = limit
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError:
            self._left = 0

    def write(self, data: bytes) -> None:
        """Append, as far as the limit allows."""
        with self._lock:
            if self._file is None or self._left <= 0:
                return
            try:
                self._file.write(data[: self._left])
                if len(data) >= self._left:
                    self._file.write(b"\n[nbflow: the log is full, the rest was left out]\n")
            except OSError:
                self._left = 0
            self._left -= len(data)

    def text(self, text: str) -> None:
        """Append text, whatever characters it has."""
        self.write(text.encode("utf-8", "replace"))

    def tail(self) -> str:
        """The last lines, for a message about a process that died."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
                return stream.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def close(self) -> None:
        """No more is written."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None
