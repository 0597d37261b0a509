"""Which names are still looked at below a cell.

Most names that a cell leaves are read by nobody: loop variables, scratch names that the next cell
binds anew. Whoever only hands such a name on, because it does not bind it on every path, need not
wait for its earlier value; and a name that nobody looks at shows no sharing.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from nbflow.analysis.cell_link import CellLink
from nbflow.analysis.facts import CellFacts
from nbflow.core.graph import Learned
from nbflow.core.names import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """The cells that read each name, and those that surely bind it anew, as ascending cell indexes.

    sql_reads: names as SQL reads them, in any case (here case folded). anytime: names that
    functions read whenever they are called.
    """

    reads: Mapping[Name, Sequence[int]]
    sql_reads: Mapping[str, Sequence[int]]
    binds: Mapping[Name, Sequence[int]]
    anytime: frozenset[Name]

    def is_live_below(self, name: Name, cell_index: int) -> bool:
        """Some cell below, or a person at the end, may look at what the name is after that cell."""
        bound = _next(self.binds.get(name, ()), cell_index)
        if bound == inf or name in self.anytime:
            return True
        read = min(
            _next(self.reads.get(name, ()), cell_index),
            _next(self.sql_reads.get(name.casefold(), ()), cell_index),
        )
        return read <= bound  # a cell that reads a name and binds it reads it first


def liveness_in(facts: Iterable[CellFacts], lessons: Iterable[Learned]) -> Liveness:
    """Look through the whole notebook."""
    reads: dict[Name, list[int]] = {}
    sql_reads: dict[str, list[int]] = {}
    binds: dict[Name, list[int]] = {}
    anytime = {ls.name for ls in lessons if ls.what != "shares" and not ls.is_evidence}
    for one in facts:
        for name in {use.name for use in one.reads} - one.passes:
            reads.setdefault(name, []).append(one.index)
            if one.sql:
                sql_reads.setdefault(name.casefold(), []).append(one.index)
        for name in one.binds:
            binds.setdefault(name, []).append(one.index)
        anytime |= {use.name for use in (*one.late, *one.late_writes)}
        for fragment in one.fragments:
            uses = (*fragment.late, *fragment.late_writes, *fragment.needs)
            anytime |= {use.name for use in uses}
    return Liveness(reads=reads, sql_reads=sql_reads, binds=binds, anytime=frozenset(anytime))


def _next(indexes: Sequence[int], after: int) -> float:
    place = bisect_right(indexes, after)
    return indexes[place] if place < len(indexes) else inf


def drop_idle(links: Iterable[CellLink]) -> None:
    """Take away reads that only hand a name on, where nobody reads what is handed on."""
    found = list(links)
    readers = Counter(id(r.version) for link in found for r in link.inputs.values())
    for link in reversed(found):
        for name in sorted(link.facts.passes - link.asked):
            given, left = link.inputs.get(name), link.left.get(name)
            if given is not None and left is not None and not readers[id(left)]:
                readers[id(given.version)] -= 1
                link.passed[name] = link.inputs.pop(name).version
