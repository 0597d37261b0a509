"""Reading the cells of one notebook again and again while somebody writes it.

What stands above an edit is taken as it was read before. So is what stands below, if the edited
cells leave behind what they left before. It gives what reading everything anew would give; where
that is not plain to see, everything is read anew.
"""

import re
from collections.abc import Iterable
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
        now = Pass(notebook, self._parse_sql, find_source, cells_are_shared=shared)
        earlier = self._last.get(shared)
        if earlier is not None and _is_comparable(earlier, now):
            _go_on(earlier, now)
        else:
            now.facts()
        self._last[shared] = now
        return now


def _go_on(earlier: Pass, now: Pass) -> None:
    """Read what has to be read; take the rest from the earlier pass."""
    above, below = _same_cells(earlier, now)
    now.resume(earlier, above)
    while len(now.read) < below:
        now.next_cell()
    names = _left_otherwise(earlier, now, below) if below < len(now.cells) else None
    if names is None:
        now.facts()
    else:
        now.take_rest(earlier, names)


def _is_comparable(earlier: Pass, now: Pass) -> bool:
    """Whether the same cell, after an equal beginning, means the same in both texts."""
    if not (earlier.has_fuel_for(0) and now.finds_no_modules_as(earlier)):
        return False
    above, below = _same_cells(earlier, now)
    if any(now.tables[at] != earlier.tables[at] for at in _except(now, above, below)):
        return False
    names = now.differing_names(earlier)
    return names is not None and _are_unspoken(names, now, above, below)


def _left_otherwise(earlier: Pass, now: Pass, below: int) -> set[str] | None:
    """Names with which the edited cells did something else than before; None if that might
    change how the cells from there on are read."""
    then, here = earlier.marks[below], now.mark()
    names = here.differing_names(then)
    if names is None or not now.has_fuel_for(then.fuel - earlier.marks[-1].fuel):
        return None
    above, _ = _same_cells(earlier, now)
    values = [mark.globals.get(name) for mark in (then, here) for name in names]
    # Modules count for all, and SQL that is not understood may use any table.
    by_kind = _mention_sql(now.cells) and any(map(_may_be_table, values))
    if by_kind or any(value is not None and value.ref is not None for value in values):
        return None
    return names if _are_unspoken(names, now, above, below) else None


def _may_be_table(value: Value | None) -> bool:
    return value is not None and (not value.type or value.type in TABLES)


def _mention_sql(cells: Iterable[Cell]) -> bool:
    return any("sql" in one.source.lower() or "duckdb" in one.source for one in cells)


def _are_unspoken(names: Iterable[str], now: Pass, above: int, below: int) -> bool:
    """Whether none of the names stands in any cell but the edited ones."""
    asked = set(names)
    if not all(name.isidentifier() and name.isascii() for name in asked):
        return False
    same = (_words(now.cells[place].source) for place in _except(now, above, below))
    return frozenset[str]().union(*same).isdisjoint(name.lower() for name in asked)


def _except(now: Pass, above: int, below: int) -> list[int]:
    """The places of all cells but the edited ones."""
    return [*range(above), *range(below, len(now.cells))]


def _same_cells(earlier: Pass, now: Pass) -> tuple[int, int]:
    """How many cells at the top are the same, and where those at the end begin that are, too."""
    pairs = list(zip(earlier.cells, now.cells, strict=False))
    above = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if len(earlier.cells) != len(now.cells):
        return above, len(now.cells)
    rest = reversed(pairs[above:])
    return above, len(pairs) - sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))


@lru_cache(maxsize=4096)
def _words(source: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(source))
