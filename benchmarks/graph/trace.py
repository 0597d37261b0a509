"""The truth about a notebook: which cell needs which, found by running it.

1. Run All, traced: who read and wrote which names, files and channels. A cell depends on the last
   writer of what it reads, and on all that changed it in place since.
2. Each cell is replayed after its ancestors only; what it shows and leaves must be what Run All
   gave. Where it is not, the cells that are missing are searched for among those above.
3. Dependencies that may not matter (changes in place, files, random state) are left out in another
   replay; those without which all stays equal are no edges.

Cells that two Run Alls do not show alike cannot be checked and are not scored.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.graph.notebooks import Sample
from benchmarks.graph.replay import OutOfTime, Replays
from benchmarks.graph.surroundings import DRAWN

VERSION = 2
"""Truths that an older tracer found are not used."""


@dataclass(slots=True, kw_only=True)
class Truth:
    """What was found. Cells are numbered among the notebook's code cells, from 0.

    edges: reader → writer → why (names). unscored: cells that chance decides. unverified: cells
    whose replay did not fit or was not tried, with the reason; their edges are only traced.
    """

    cells: int
    edges: dict[int, dict[int, list[str]]] = field(default_factory=dict)
    unscored: dict[int, str] = field(default_factory=dict)
    unverified: dict[int, str] = field(default_factory=dict)
    found: dict[int, list[int]] = field(default_factory=dict)
    replays: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    error: str = ""

    def ancestors(self) -> list[set[int]]:
        """For each cell, all cells that it needs."""
        return closure(self.cells, self.edges)


def closure(cells: int, edges: Mapping[int, Iterable[int]]) -> list[set[int]]:
    """All ancestors of each cell; writers stand above their readers.

    >>> closure(3, {1: [0], 2: [1]})
    [set(), {0}, {0, 1}]
    """
    found: list[set[int]] = []
    for cell in range(cells):
        direct = {writer for writer in edges.get(cell, ()) if writer < cell}
        found.append(direct.union(*(found[writer] for writer in direct)))
    return found


@dataclass(slots=True)
class _Versions:
    """Who wrote each name last: the cell that bound it and those that changed it since."""

    bound: dict[str, int] = field(default_factory=dict)
    changed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def bind(self, name: str, cell: int) -> None:
        self.bound[name] = cell
        self.changed[name] = []

    def writers(self, name: str) -> dict[int, bool]:
        """Writers, each with whether it is certain to matter (it bound the name)."""
        found = dict.fromkeys(self.changed[name], False)
        if name in self.bound:
            found[self.bound[name]] = True
        return found


@dataclass(slots=True)
class _Traced:
    """Direct dependencies as traced: reader → writer → names; `firm` ones need no test."""

    edges: dict[int, dict[int, list[str]]]
    firm: set[tuple[int, int]]


def traced_edges(traces: list[dict[str, Any]]) -> _Traced:
    """Who read whose versions."""
    versions = _Versions()
    edges: dict[int, dict[int, list[str]]] = {}
    firm: set[tuple[int, int]] = set()
    for trace in traces:
        cell = trace["cell"]
        direct: dict[int, list[str]] = defaultdict(list)
        for name in _touched(trace):
            for writer, certain in versions.writers(name).items():
                direct[writer].append(name)
                if certain and name in trace["reads"]:
                    firm.add((writer, cell))
        edges[cell] = dict(direct)
        for name in trace["bound"]:
            versions.bind(name, cell)
        for name in [*trace["changed"], *trace["resources"], *_drawn(trace)]:
            versions.changed[name].append(cell)
        for path in trace["files_written"]:
            versions.changed[f"file:{path}"].append(cell)
    return _Traced(edges, firm)


def _drawn(trace: Mapping[str, Any]) -> list[str]:
    return [channel for channel in trace["channels"] if channel in DRAWN]


def _touched(trace: Mapping[str, Any]) -> list[str]:
    files = [f"file:{path}" for path in {*trace["files_read"], *trace["files_written"]}]
    return sorted({*trace["reads"], *trace["asked"], *trace["changed"], *_drawn(trace), *files})


def find_truth(sample: Sample, *, seconds: float) -> Truth:
    """Run and replay a notebook. A notebook that does not run gives a truth with `error`."""
    truth = Truth(cells=len(sample.sources))
    with Replays(sample, seconds=seconds) as replays:
        try:
            first = replays.run_all()
            _failures(truth, sample, first.get("traces", ()))
            names = [list(trace["values"]) for trace in first.get("traces", ())]
            second = first if truth.failed or not names else replays.run_again(names)
        except OutOfTime as error:
            truth.error = str(error) or "out of time"
            return truth
        truth.error = first.get("error", "") or second.get("error", "")
        if not truth.error and not truth.failed:
            replays.shared = _may_share(sample, first["traces"])
            _Check(truth, replays, first["traces"], second["traces"]).all()
        truth.replays = replays.count
    return truth


def _failures(truth: Truth, sample: Sample, traces: Iterable[dict[str, Any]]) -> None:
    for trace in traces:
        if trace["failed"] and trace["cell"] not in sample.may_fail:
            truth.failed[trace["cell"]] = trace["failed"]


def _may_share(sample: Sample, traces: list[dict[str, Any]]) -> bool:
    """Whether processes may be forked in the middle: no files, no moves, no foreign threads."""
    threads = re.search(
        r"\b(polars|duckdb|n_jobs|threading|multiprocessing|asyncio)\b|%%?sql",
        "\n".join(sample.sources),
    )
    still = all(not t["files_written"] and "@cwd" not in t["channels"] for t in traces)
    return still and not threads


class _Check:
    """Replays each cell and corrects its edges."""

    def __init__(
        self,
        truth: Truth,
        replays: Replays,
        one: list[dict[str, Any]],
        two: list[dict[str, Any]],
    ) -> None:
        self.truth, self.replays = truth, replays
        self.one, self.two = one, two
        traced = traced_edges(one)
        self.firm = traced.firm
        truth.edges = traced.edges
        self.above: list[set[int]] = []
        self.drawn: set[int] = set()

    def all(self) -> None:
        """All cells, in notebook order."""
        for cell in range(self.truth.cells):
            try:
                self.cell(cell)
            except OutOfTime:
                self.truth.unverified[cell] = "out of time"
            self.above.append(self.closed(self.truth.edges[cell]))

    def closed(self, direct: Iterable[int]) -> set[int]:
        """Cells with all that they need."""
        found = set(direct)
        return found.union(*(self.above[cell] for cell in found))

    def steady(self, cell: int) -> list[str]:
        """What the cell left, so far as two Run Alls agree on it and it can be compared.

        What it changed by way of other names counts where somebody reads it by its own: there a
        replay of the reader tells.
        """
        one, two = self.one[cell]["values"], self.two[cell]["values"]
        used = {name for kind in ("bound", "reads", "asked") for name in self.one[cell][kind]}
        return [name for name, was in one.items() if name in used and was == two.get(name) != "?"]

    def fits(self, cell: int, direct: Iterable[int], *, again: bool = False) -> bool:
        """Whether the cell gives the same after these and what they need."""
        names = self.steady(cell)
        cells = {*self.closed(direct), cell}
        answer = self.replays.replay(cells, names, draw=cell in self.drawn, again=again)
        if "error" in answer:
            return False
        last, was = answer["traces"][-1], self.one[cell]
        same = all(last["values"][name] == was["values"][name] for name in names)
        return bool(same and last["shown"] == was["shown"])

    def cell(self, cell: int) -> None:
        """Check and correct one cell."""
        if self.one[cell]["shown"] != self.two[cell]["shown"]:
            self.truth.unscored[cell] = "two Run Alls show different outputs"
            return
        edges = self.truth.edges[cell]
        if not self.fits(cell, edges):
            # Drawing a figure changes it a little, and the replays draw none but the last.
            self.drawn.add(cell)
        if cell in self.drawn and not self.fits(cell, edges):
            self.drawn.discard(cell)
            missing = self.search(cell)
            if missing is None:
                self.truth.unscored[cell] = "even all cells above do not give the same"
                return
            if self.fits(cell, edges, again=True):
                missing = []  # it did not fit by chance: nobody is to blame
            self.truth.found[cell] = sorted(missing)
            for writer in missing:
                edges.setdefault(writer, []).append(self.cause(writer))
        self.thin_out(cell)

    def cause(self, writer: int) -> str:
        """What a cell that turned out to matter may have written unseen."""
        trace = self.one[writer]
        return "+".join(trace["channels"]) or "hidden state"

    def search(self, cell: int) -> list[int] | None:
        """Few cells above without which the cell does not fit; None if all do not help."""
        have = set(self.truth.edges[cell])
        if not self.fits(cell, [*have, *range(cell)]):
            return None
        rest = [one for one in range(cell) if one not in self.closed(have)]
        quiet = [one for one in rest if not self.one[one]["channels"]]
        loud = [one for one in rest if one not in quiet]
        if loud and self.fits(cell, [*have, *loud]):
            rest = loud
        return self.needed(cell, have, rest)

    def needed(self, cell: int, have: set[int], rest: list[int]) -> list[int]:
        """Leave out ever smaller parts of `rest`, as long as the cell fits (delta debugging)."""
        size = max(1, len(rest) // 2)
        while True:
            for part in _parts(rest, size):
                less = [one for one in rest if one not in part]
                if self.fits(cell, [*have, *less]):
                    rest = less
            if size == 1:
                return rest
            size = max(1, size // 2)

    def thin_out(self, cell: int) -> None:
        """Leave out what may not matter, as long as the cell fits."""
        edges = self.truth.edges[cell]
        doubtful = [w for w in edges if (w, cell) not in self.firm and w not in self.found(cell)]
        firm = [w for w in edges if w not in doubtful and w not in self.found(cell)]
        kept = [w for w in edges if w not in doubtful]
        doubtful = [w for w in doubtful if w not in self.closed(kept)]
        if doubtful:
            needed = self.needed(cell, set(kept), sorted(doubtful, reverse=True))
            for writer in set(doubtful) - set(needed):
                del edges[writer]
        self.lift(cell, firm)

    def lift(self, cell: int, firm: Iterable[int]) -> None:
        """Put what a writer needs in its place, as long as the cell fits: a writer left out took
        all that only it needs along."""
        edges = self.truth.edges[cell]
        waiting = sorted(set(edges).difference(firm))
        while waiting:
            writer = waiting.pop()
            above = set(self.truth.edges[writer])
            others = (set(edges) - {writer}) | above
            if not self.fits(cell, others):
                continue
            names = edges.pop(writer)
            for one in above - self.closed(edges):
                edges[one] = names
                waiting = sorted({*waiting, one})

    def found(self, cell: int) -> set[int]:
        """Cells that the search has shown to be needed."""
        return set(self.truth.found.get(cell, ()))


def _parts(items: list[int], size: int) -> list[set[int]]:
    return [set(items[at : at + size]) for at in range(0, len(items), size)]
