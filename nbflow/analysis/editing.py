"""Reading the cells of one notebook again and again while somebody writes it.

What stands above an edit is taken as it was read before. So is what stands below, if the edited
cells leave behind what they left before. It gives what reading everything anew would give; where
that is not plain to see, everything is read anew.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final

from nbflow.analysis.cells import ParseSql, Pass, default_parse_sql
from nbflow.analysis.facts import CellFacts
from nbflow.analysis.modules import FindSource
from nbflow.analysis.values import TABLES, Value
from nbflow.core.notebook import Cell, Notebook

_WORD: Final = re.compile(r"\w+")


class CellReader:
    """Reads one notebook's cells, remembering how it last read them. Not for several threads."""

    def __init__(self, parse_sql: ParseSql = default_parse_sql) -> None:
        self._parse_sql = parse_sql
        self._last: dict[bool, Pass] = {}

    def read(
        self, notebook: Notebook, *, find_source: FindSource | None = None
    ) -> tuple[CellFacts, ...]:
        """What `read_cells` gives."""
        first = self._pass(notebook, find_source, shared=False)
        if not first.shared.cell_changes:
            self._last.pop(True, None)
            return first.done
        return self._pass(notebook, find_source, shared=True).done

    def _pass(self, notebook: Notebook, find_source: FindSource | None, *, shared: bool) -> Pass:
        now = Pass(notebook, self._parse_sql, find_source, cells_are_shared=shared, marking=True)
        earlier = self._last.get(shared)
        edit = None if earlier is None else _Edit.between(earlier, now)
        if edit is not None and edit.is_comparable():
            edit.carry_over()
        else:
            now.facts()
        self._last[shared] = now
        return now


@dataclass(frozen=True, slots=True)
class _Edit:
    """Two texts of a notebook. The first `above` cells are the same, and those from `below` on."""

    earlier: Pass
    now: Pass
    above: int
    below: int

    @classmethod
    def between(cls, earlier: Pass, now: Pass) -> "_Edit":
        """What differs. The end is only the same where no cell has moved."""
        pairs = list(zip(earlier.cells, now.cells, strict=False))
        above = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if len(earlier.cells) != len(now.cells):
            return cls(earlier, now, above, len(now.cells))
        rest = reversed(pairs[above:])
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
        return cls(earlier, now, above, len(pairs) - same)

    def is_comparable(self) -> bool:
        """Whether the same cell, after an equal beginning, means the same in both texts."""
        earlier, now = self.earlier, self.now
        if not (earlier.has_fuel_for(0) and now.finds_no_modules_as(earlier)):
            return False
        if any(now.tables[place] != earlier.tables[place] for place in self._same()):
            return False
        names = now.differing_names(earlier)
        return names is not None and self._are_unspoken(names)

    def carry_over(self) -> None:
        """Read what has to be read; take the rest from the earlier pass."""
        now = self.now
        now.resume(self.earlier, self.above)
        while len(now.read) < self.below:
            now.next_cell()
        names = self._left_otherwise() if self.below < len(now.cells) else None
        if names is None:
            now.facts()
        else:
            now.take_rest(self.earlier, names)

    def _left_otherwise(self) -> set[str] | None:
        """Names with which the edited cells did something else than before; None if that might
        change how the cells from there on are read."""
        then, here = self.earlier.marks[self.below], self.now.mark()
        names = here.differing_names(then)
        if names is None or not self.now.has_fuel_for(then.fuel - self.earlier.marks[-1].fuel):
            return None
        values = [mark.globals.get(name) for mark in (then, here) for name in names]
        # Modules count for all, and SQL that is not understood may use any table.
        by_kind = _mention_sql(self.now.cells) and any(map(_may_be_table, values))
        if by_kind or any(value is not None and value.ref is not None for value in values):
            return None
        return names if self._are_unspoken(names) else None

    def _are_unspoken(self, names: Collection[str]) -> bool:
        """Whether none of the names stands in any cell but the edited ones."""
        if not all(name.isidentifier() and name.isascii() for name in names):
            return False
        words = (_words(self.now.cells[place].source) for place in self._same())
        return frozenset[str]().union(*words).isdisjoint(name.lower() for name in names)

    def _same(self) -> list[int]:
        """The places of all cells but the edited ones."""
        return [*range(self.above), *range(self.below, len(self.now.cells))]


def _may_be_table(value: Value | None) -> bool:
    return value is not None and (not value.type or value.type in TABLES)


def _mention_sql(cells: Iterable[Cell]) -> bool:
    return any("sql" in one.source.lower() or "duckdb" in one.source for one in cells)


@lru_cache(maxsize=4096)
def _words(source: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(source))
