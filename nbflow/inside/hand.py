"""A hand: one value on its way from lane to lane while a run is going on, and no longer.

A small sealed head, then the value's large buffers as they lie in memory:

    NBFHAND1 | length of head | head | padding | buffer | padding | buffer …

The reader maps the file privately (`inside/mapped.py`), so a table is there at once, however large,
and can be written to as in Run All. A buffer that the writer itself got from a hand, and that
nobody wrote to, is not written again: the new hand is linked to the file in which it lies
(`000.hand.1`, `000.hand.2` …). So a chain of steps that each add a column writes each column once.

Only the head is sealed: unpickling it runs code. Hands are no results: those are the files of the
store, which are made from them behind the run.
"""

import os
import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nbflow.core.errors import StoreError
from nbflow.inside import mapped
from nbflow.inside.mapped import MappedFile, Span, overlap
from nbflow.inside.seal import Seal

SUFFIX: Final = ".hand"
APART_BYTES: Final = 4096
"""Buffers from this size on lie beside the head; smaller ones are part of its pickle."""

_MAGIC: Final = b"NBFHAND1"
_LENGTH: Final = struct.Struct("<Q")
_PAGE: Final = 4096  # whole pages, so that one buffer's writes never touch another's page

Place = tuple[int, int]
"""Address and size of a stretch of memory."""


@dataclass(slots=True, kw_only=True)
class _Layout:
    """Where each buffer of a hand lies: in which of its files (0: the hand itself), and where."""

    path: Path
    spans: list[tuple[int, Span]] = field(default_factory=list)
    own: list[memoryview] = field(default_factory=list)
    own_bytes: int = 0
    links: dict[int, tuple[int, MappedFile]] = field(default_factory=dict)
    digests: list[tuple[int, Span, bytes]] = field(default_factory=list)

    def add(self, buffer: memoryview, digests: Mapping[Place, bytes]) -> None:
        place = (mapped.address(buffer), buffer.nbytes)
        number, span = self._linked(place) or self._written(buffer)
        self.spans.append((number, span))
        for (start, size), digest in digests.items():
            if place[0] <= start and start + size <= place[0] + place[1]:
                self.digests.append((number, Span(span.offset + start - place[0], size), digest))

    def _linked(self, place: Place) -> tuple[int, Span] | None:
        """The file in which a buffer lies already, unchanged, if another may link to it."""
        found = mapped.find(*place)
        if found is None or not found[0].is_clean(found[1]):
            return None
        file, span = found
        number = self._link(file)
        # What two columns share lazily must be two columns for the reader: he cannot know.
        taken = any(other == number and overlap(span, one) for other, one in self.spans)
        return None if number is None or taken else (number, span)

    def _link(self, file: MappedFile) -> int | None:
        if id(file) not in self.links:
            number = len(self.links) + 1
            try:
                os.link(file.path, _part(self.path, number))
            except OSError:  # gone by now, or on a disk without links
                return None
            self.links[id(file)] = number, file
        return self.links[id(file)][0]

    def _written(self, buffer: memoryview) -> tuple[int, Span]:
        span = Span(self.own_bytes, buffer.nbytes)
        self.own.append(buffer)
        self.own_bytes += _padded(buffer.nbytes)
        return 0, span


def write(
    path: Path,
    payload: bytes,
    buffers: Iterable[pickle.PickleBuffer],
    digests: Mapping[Place, bytes],
    *,
    seal: Seal,
) -> None:
    """Write a pickle and its buffers. `digests`: those of stretches of memory that are known.

    Raises:
        OSError: the file cannot be written.
        PickleForbidden: the project forbids pickles.
    """
    layout = _Layout(path=path)
    for buffer in buffers:
        layout.add(buffer.raw(), digests)
    told = (payload, len(layout.links), layout.spans, layout.digests)
    head = seal.close(pickle.dumps(told, protocol=5))
    start = _padded(len(_MAGIC) + _LENGTH.size + len(head))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        _write_all(handle, b"".join((_MAGIC, _LENGTH.pack(len(head)), head)), 0)
        for (_, span), piece in zip(_own(layout.spans), layout.own, strict=True):
            _write_all(handle, piece, start + span.offset)
    finally:
        os.close(handle)


def read(path: Path, *, seal: Seal, trusting: bool = True) -> tuple[bytes, list[memoryview]]:
    """The pickle of a hand and its buffers, which may be written to.

    `trusting`: what its writer digested need not be digested again.

    Raises:
        StoreError: the file is missing, damaged, or not sealed by this project.
        PickleForbidden: the project forbids pickles.
    """
    try:
        whole, file = mapped.map_file(path, own=not trusting)
        if bytes(whole[: len(_MAGIC)]) != _MAGIC:
            raise StoreError(f"{path} is no table on its way between steps")
        (length,) = _LENGTH.unpack(whole[len(_MAGIC) : len(_MAGIC) + _LENGTH.size])
        begin = len(_MAGIC) + _LENGTH.size
        head: Any = pickle.loads(seal.open(bytes(whole[begin : begin + length])))
        payload, links, spans, digests = head
        files = [(whole, file), *_parts(path, links, own=not trusting)]
    except (OSError, ValueError, struct.error) as error:
        raise StoreError(f"a table on its way between steps, {path}: {error}") from error
    start = _padded(begin + length)
    for number, span, digest in digests if trusting else ():
        files[number][1].digests[_moved(span, start if number == 0 else 0)] = digest
    views = []
    for number, span in spans:
        offset, size = _moved(span, start if number == 0 else 0)
        views.append(files[number][0][offset : offset + size])
    if any(len(view) != span[1] for view, (_, span) in zip(views, spans, strict=True)):
        raise StoreError(f"a table on its way between steps, {path}: it is cut off")
    return payload, views


def own_bytes(path: Path) -> int:
    """How much room a hand takes on the disk, without what it is linked to."""
    return path.stat().st_size


def _own(spans: list[tuple[int, Span]]) -> list[tuple[int, Span]]:
    return [one for one in spans if one[0] == 0]


def _moved(span: tuple[int, int], by: int) -> Span:
    return Span(span[0] + by, span[1])


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _parts(path: Path, count: int, *, own: bool) -> Iterator[tuple[memoryview, MappedFile]]:
    return (mapped.map_file(_part(path, n + 1), own=own) for n in range(count))


def _padded(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _write_all(handle: int, data: "bytes | memoryview", offset: int) -> None:
    rest = memoryview(data)
    while rest:
        done = os.pwrite(handle, rest, offset)
        rest, offset = rest[done:], offset + done
