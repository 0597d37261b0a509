"""Words about contents that changed: files by their sketches, stored versions by what is known of
them."""

import glob
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from nbflow.core.task import Blob
from nbflow.core.why import Change
from nbflow.execution import surroundings
from nbflow.store.blobs import BlobStore
from nbflow.store.history import Ledger
from nbflow.store.sketches import (
    Sketch,
    Sketches,
    diff_lines,
    in_words,
    sketch_of,
    sketch_of_stored,
    sketch_of_text,
)

_QUICK_BYTES = 8 << 20
"""Larger files are not sketched while somebody waits for a plan."""

_RUN_BYTES = 64 << 20
"""So much is sketched at the end of one run."""

_LONGEST_PREVIEW = 60


class Contents:
    """What can be said of a content by its digest; `folder` is the notebook's."""

    def __init__(self, ledger: Ledger, blobs: BlobStore, sketches: Sketches, folder: Path) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._sketches, self._folder = sketches, folder

    def detail(self, change: Change) -> str:
        """How a file or an input differs, as far as that is quickly known; else empty."""
        match change.kind:
            case "file" | "module":
                pair = self._sketched(change)
                return in_words(*pair) if pair else ""
            case "input":
                old, new = self._versions(change)
                return _versions_in_words(old, new) if old and new else ""
        return ""

    def in_full(self, change: Change) -> tuple[str, tuple[str, ...]]:
        """The same at leisure: the rows of stored tables are compared; with lines of a
        difference."""
        match change.kind:
            case "file" | "module":
                pair = self._sketched(change)
                return (in_words(*pair), diff_lines(*pair)) if pair else ("", ())
            case "input":
                return self._compared(change), ()
        return "", ()

    def remember(self, parts: Iterable[tuple[str, str]]) -> None:
        """Sketch the files and modules among fingerprint parts (and files read besides), as far as
        they are still what they were."""
        left = _RUN_BYTES
        for key, digest in parts:
            kind, _, name = key.partition(":")
            if kind in ("file", "module") and not self._sketches.has(digest):
                sketch = self._sketch(kind, name, digest, largest=left)
                left -= sketch.size if sketch else 0
        self._sketches.tidy()

    def _sketched(self, change: Change) -> tuple[Sketch, Sketch] | None:
        if change.old is None or change.new is None:
            return None
        old = self._sketches.get(change.old)
        new = self._sketches.get(change.new) if old else None
        if old and not new:
            new = self._sketch(change.kind, change.name, change.new, largest=_QUICK_BYTES)
        return (old, new) if old and new else None

    def _sketch(self, kind: str, name: str, digest: str, *, largest: int) -> Sketch | None:
        sketch: Sketch | None = None
        with suppress(OSError):
            if kind == "module":
                sketch = self._module(name, digest)
            elif glob.has_magic(name) or (self._folder / name).is_dir():
                sketch = self._several(name, largest)
            elif (self._folder / name).stat().st_size <= largest:
                sketch = sketch_of(self._folder / name)
            if sketch is None or not self._is_still(kind, name, digest):
                return None
            self._sketches.put(digest, sketch)
        return sketch

    def _several(self, name: str, largest: int) -> Sketch | None:
        files = surroundings.files_of(name, self._folder)
        size = sum(path.stat().st_size for path in files)
        if size > largest:
            return None
        found = surroundings.digests_by_name(files, self._folder)
        return Sketch(size=size, files=found)

    def _module(self, name: str, digest: str) -> Sketch:
        return sketch_of_text((self._folder / name).read_bytes())

    def _is_still(self, kind: str, name: str, digest: str) -> bool:
        if kind == "module":
            return blake3((self._folder / name).read_bytes()).hexdigest(length=16) == digest
        return surroundings.path_digest(name, self._folder) == digest

    def _versions(self, change: Change) -> tuple[Blob | None, Blob | None]:
        if change.old is None or change.new is None:
            return None, None
        return self._ledger.blob(change.old), self._ledger.blob(change.new)

    def _compared(self, change: Change) -> str:
        old, new = self._versions(change)
        if old is None or new is None:
            return ""
        if old.kind != "table" or new.kind != "table":
            return _versions_in_words(old, new)
        pair = (sketch_of_stored(blob, self._blobs.path(blob)) for blob in (old, new))
        return in_words(*pair)


def _versions_in_words(old: Blob, new: Blob) -> str:
    """From what is recorded of two versions alone."""
    if old.kind == new.kind == "table":
        one, other = (Sketch(columns=dict(blob.schema), rows=blob.rows) for blob in (old, new))
        return in_words(one, other)
    if old.python_type != new.python_type:
        return f"{old.python_type or old.kind} → {new.python_type or new.kind}"
    short = max(len(old.preview), len(new.preview)) <= _LONGEST_PREVIEW
    if short and old.preview and old.preview != new.preview:
        return f"{old.preview} → {new.preview}"
    return ""
