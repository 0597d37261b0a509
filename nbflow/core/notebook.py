"""The notebook as the author wrote it: cells in their order, nothing inferred yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

CellId = NewType("CellId", str)
"""A cell's nbformat id, or a stable one derived from position and content where the file has
none."""


class CellKind(StrEnum):
    """nbformat's cell types."""

    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the file.

    `index` is 0-based over all cells; people read `number`, 1-based. `tags` are the cell's plain
    tags in file order. `source` is the joined text.
    """

    id: CellId
    index: int
    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """What people call the cell: "cell 4"."""
        return self.index + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The code cells in which a later state of a notebook differs from an earlier one."""

    changed: tuple[CellId, ...] = ()
    added: tuple[CellId, ...] = ()
    removed: tuple[CellId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook that was read and found well formed.

    `path` is POSIX and relative to the project root (the notebook's identity); `kernel_name` and
    `language` come from its metadata and may be missing; `content_hash` is the blake3 of the cells'
    ids, kinds, sources and tags (outputs do not count).
    """

    path: str
    cells: tuple[Cell, ...]
    kernel_name: str | None = None
    language: str | None = None
    content_hash: str = ""
    _by_id: Mapping[CellId, Cell] = field(init=False, repr=False, compare=False)

    def cell(self, cell_id: CellId) -> Cell:
        """The cell with that id.

        Raises:
            KeyError: the notebook has no such cell.
        """
        return self._by_id[cell_id]

    def __post_init__(self) -> None:
        # The first of several: ids are unique in a notebook that was read.
        known = {cell.id: cell for cell in reversed(self.cells)}
        object.__setattr__(self, "_by_id", known)
