"""One pass down the notebook: which version of each name every cell reads, and what it leaves.

The walk keeps the current version of every name. Cells that are no steps become what lanes replay
(`defining.py`); of every other cell the reads are resolved (`reading.py`) and new versions are made
(`leaving.py`). What comes out is one `CellLink` per code cell; `link.py` turns these into steps and
edges.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nbflow.analysis.cell_link import CellLink
from nbflow.analysis.defining import define_cell, define_parameters, set_up, skip
from nbflow.analysis.facts import CellFacts
from nbflow.analysis.leaving import leave_all, leave_cell
from nbflow.analysis.reading import read_cell
from nbflow.analysis.standing import Standing
from nbflow.core.graph import Learned
from nbflow.core.notebook import Cell, CellId
from nbflow.core.step import CellTags


@dataclass(slots=True, kw_only=True)
class Walk:
    """A walk down one notebook, with the lessons that former runs taught about its cells."""

    standing: Standing
    learned: Mapping[CellId, tuple[Learned, ...]]
    last_key: str = ""

    def cell(self, cell: Cell, facts: CellFacts, tags: CellTags) -> CellLink:
        """Take one code cell; returns what it reads and leaves."""
        lessons = self.learned.get(cell.id, ())
        link = CellLink(cell=cell, facts=facts, tags=tags, key=None, lessons=lessons)
        if tags.skip:
            skip(self.standing, cell, facts)
        elif self.standing.replaying and tags.setup:
            set_up(self.standing, link)
        elif not (self.standing.replaying and self._replayed(link)):
            self._step(link)
        return link

    def end(self, links: list[CellLink]) -> None:
        """In one kernel, for what the text hides: only at the end every value is certain."""
        last = next((link for link in reversed(links) if link.key is not None), None)
        if last is not None:
            leave_all(self.standing, last)

    def _replayed(self, link: CellLink) -> bool:
        """Take the cell as something to replay, if it can be."""
        marked = link.tags.parameters or link.tags.injected
        if marked and define_parameters(self.standing, link):
            return True
        return define_cell(self.standing, link)

    def _step(self, link: CellLink) -> None:
        link.key = self.last_key = self._key(link)
        number = link.cell.number
        self.standing.one_lane.extend(
            f"cell {number} line {line}: {why}" for line, why in link.facts.one_lane
        )
        called = read_cell(self.standing, link)
        leave_cell(self.standing, link, called)

    def _key(self, link: CellLink) -> str:
        """Cells with one `step:` tag are one step; in one lane only those that follow each other,
        for there the notebook's order is all."""
        if not link.tags.step:
            return f"cell:{link.cell.id}"
        key = f"step:{link.tags.step}"
        if self.standing.replaying or self.last_key.split("\n")[0] == key:
            return key if self.standing.replaying else self.last_key
        return f"{key}\n{link.cell.id}"
