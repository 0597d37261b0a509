"""Groundwork: large columns of a table on the disk, before it is known which version is stored.

Steps that change a table one after another leave versions of which the last one is stored, and the
disk would take longer for that than the steps took. But most columns of the last version were there
long before. While the steps go on, each is laid where it will lie in the Arrow file, should the
present version be the last:

    version 1 | head | a | b |            b is laid, and replaced by the next step
    version 2 | head | a | b'| c |        a, b', c are laid
    the file  | head | a | b'| c | foot   only head and foot are still to be written

What is laid is known by its place, its size and its digest. So a wrong guess costs the disk some
work, and is never seen: whoever writes the file passes by what lies there already, and writes
everything else. Until then the file is nobody's result.
"""

import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.inside import arrow_file, mapped
from nbflow.inside.arrow_file import Stretch
from nbflow.inside.mapped import Span, Version, overlap
from nbflow.inside.straight import PIECE_BYTES, StraightFile, Summing, whole_blocks

LEAST_BYTES: Final = 4 << 20
"""What is smaller is written in no time."""

_ROOM_BYTES: Final = 64 << 10
"""Later versions have more columns, and more to tell of them, before the first one."""

_Origin = tuple[Version, Span]


class Groundwork:
    """The file of a table that is not known yet."""

    def __init__(self, path: Path, summing: Summing) -> None:
        """Raises: OSError (`FileExistsError`: nothing is written over)."""
        self.summing = summing
        self._path = path
        self._file = StraightFile(path, summing)
        self._begin = 0
        self._laid: dict[Span, bytes] = {}
        self._present: pa.Table | None = None
        self._ahead: list[Stretch] = []
        self._under_way: tuple[Stretch, Iterator[None]] | None = None

    def aim(
        self, table: pa.Table, template: Mapping[str, bytes], *, passing: Collection[int] = ()
    ) -> None:
        """Go on for another version. `passing`: columns that will not be in the last one."""
        # What is known of its memory is known as long as the memory is there.
        self._present = table
        whole = self._fitted(table, template)
        leaving = {start for one in passing for start in arrow_file.addresses(table.column(one))}
        wanted = [] if whole is None else arrow_file.stretches(whole, LEAST_BYTES)
        wanted = [one for one in wanted if mapped.address(one.data) not in leaving]
        if self._under_way is not None:
            kept = [one for one in wanted if _is_same(one, self._under_way[0])]
            if not kept:
                self._under_way = None
            wanted = [one for one in wanted if one not in kept]
        self._ahead = [one for one in wanted if _origin(one) and not self._holds(one)]

    def go_on(self) -> bool:
        """Lay a piece; whether there was one left. Raises: OSError."""
        if self._under_way is None:
            if not self._ahead:
                return False
            stretch = self._ahead.pop(0)
            self._under_way = stretch, self._laying(stretch)
        if next(self._under_way[1], self) is self:
            self._under_way = None
        return True

    def finish(self, table: pa.Table, template: Mapping[str, bytes], path: Path) -> None:
        """Make a table's file of it, which is on the disk when this returns.

        Raises:
            StoreError: the file cannot be written.
        """
        fitted = self._fitted(table, template)
        whole = arrow_file.whole(table, template) if fitted is None else fitted
        try:
            with self._file as file:
                arrow_file.put(whole, _Rest(file, self._holds))
                file.finish()
            os.rename(self._path, path)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"table file {path}: {error}") from error

    def close(self) -> None:
        """Nothing of it is wanted."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _fitted(self, table: pa.Table, template: Mapping[str, bytes]) -> pa.Table | None:
        """The whole table, its first large column at the same place as that of every version."""
        room = 1
        for _ in range(3):  # metadata fills whole words
            whole = arrow_file.whole(table, template, room=room)
            found = arrow_file.stretches(whole, LEAST_BYTES)
            if not found:
                return None
            self._begin = self._begin or found[0].position + _ROOM_BYTES
            if found[0].position == self._begin:
                return whole
            room += self._begin - found[0].position
            if room < 1:
                return None
        return None

    def _holds(self, stretch: Stretch) -> bool:
        laid = self._laid.get(Span(stretch.position, len(stretch.data)))
        return laid is not None and laid == mapped.known_digest(
            mapped.address(stretch.data), len(stretch.data)
        )

    def _laying(self, stretch: Stretch) -> Iterator[None]:
        start, data = stretch.position, stretch.data
        span = Span(start, len(data))
        self._laid = {one: was for one, was in self._laid.items() if not overlap(one, span)}
        inner = whole_blocks(start, len(data))
        total = blake3(data[: inner.start])
        for begin in range(inner.start, inner.stop, PIECE_BYTES):
            piece = data[begin : min(begin + PIECE_BYTES, inner.stop)]
            self._file.lay(start + begin, piece)
            total.update(piece)
            yield
        total.update(data[inner.stop :])
        mapped.note_digest(mapped.address(data), len(data), total.digest())
        self._laid[span] = total.digest()


class _Rest(io.RawIOBase):
    """A file in which some of what is written lies already."""

    def __init__(self, file: StraightFile, holds: Callable[[Stretch], bool]) -> None:
        super().__init__()
        self._file, self._holds = file, holds

    def writable(self) -> bool:
        """As files tell."""
        return True

    def write(self, data: Any) -> int:
        """Take over some bytes. Raises: OSError."""
        view = memoryview(data).cast("B")
        is_there = len(view) >= LEAST_BYTES and self._holds(Stretch(self._file.tell(), view))
        (self._file.pass_by if is_there else self._file.write)(view)
        return len(view)


def _origin(stretch: Stretch) -> _Origin | None:
    """The file from which memory comes that nobody wrote to, and the place in it."""
    found = mapped.find(mapped.address(stretch.data), len(stretch.data))
    return (found[0].version, found[1]) if found and found[0].is_clean(found[1]) else None


def _is_same(one: Stretch, other: Stretch) -> bool:
    return one.position == other.position and _origin(one) == _origin(other) is not None
