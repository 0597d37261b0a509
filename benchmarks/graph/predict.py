"""nbflow's graph of a notebook, at the level of code cells."""

import ast
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.graph.notebooks import Sample
from benchmarks.graph.trace import closure
from nbflow.core.graph import Edge, Graph
from nbflow.core.notebook import CellId
from nbflow.project.opened import Opened, open_notebook
from nbflow.project.project import Project

CHAIN = "one kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One reason for an edge; the lines are 1-based in the cells, None where not known."""

    kind: str
    names: tuple[str, ...]
    from_line: int | None = None
    to_line: int | None = None

    def __str__(self) -> str:
        return f"[{self.kind}] {', '.join(self.names)}"


@dataclass(slots=True, kw_only=True)
class Prediction:
    """Edges reader → writer → reasons, among the sample's code cells.

    chain: those of the chain that one lane makes; guards: those that only see to it that nothing
    goes on after a check that failed. The others do without them. one_lane: why.
    """

    cells: int
    edges: dict[int, dict[int, list[Why]]] = field(default_factory=dict)
    chain: set[tuple[int, int]] = field(default_factory=set)
    guards: set[tuple[int, int]] = field(default_factory=set)
    one_lane: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def ancestors(self, *, chain: bool = True, guards: bool = True) -> list[set[int]]:
        """For each cell, all cells that it waits for or is given."""
        direct = {cell: set(writers) for cell, writers in self.edges.items()}
        for writer, reader in (self.chain if chain else set()) | (self.guards if guards else set()):
            direct.setdefault(reader, set()).add(writer)
        return closure(self.cells, direct)


def predicted(sample: Sample) -> Prediction:
    """What nbflow infers from the text alone."""
    opened = open_notebook(sample.path, sample.folder)
    return lowered(sample, opened, opened.graph())


def after_run(sample: Sample, *, kept: Path | None = None, seconds: float = 600) -> Prediction:
    """What nbflow says once `nbflow run` has run a copy of the notebook's folder.

    The copy stays below `kept`, if that is given, and is not run a second time.

    Raises:
        RuntimeError: the run failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="nbgraph-") as base:
        folder = (kept or Path(base)) / sample.name.replace("/", "-")
        ended = folder / ".nbflow" / "run-once"
        if not ended.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _copy(sample, folder)
            _run(folder, sample.path.name, seconds)
            ended.touch()
        path = folder / sample.path.name
        return lowered(sample, open_notebook(path, folder), Project(folder).inspect(path))


def _copy(sample: Sample, folder: Path) -> None:
    """The notebook's folder as a project; its kernel is the one that found the truth."""
    shutil.copytree(sample.folder, folder)
    (folder / "nbflow.toml").touch()
    path = folder / sample.path.name
    node = json.loads(path.read_text(encoding="utf-8"))
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    node["metadata"]["kernelspec"] = python
    path.write_text(json.dumps(node), encoding="utf-8")


def _run(folder: Path, name: str, seconds: float) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "nbflow", "run", name]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            said, _ = run.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)  # it ends its kernels
            run.communicate()
            raise RuntimeError(f"its run took longer than {seconds:.0f} s") from None
    if run.returncode:
        raise RuntimeError(f"its run failed: {said.strip()[-300:]}")


def lowered(sample: Sample, opened: Opened, graph: Graph) -> Prediction:
    """A graph of steps as one of cells."""
    place = _places(sample, opened)
    found = Prediction(
        cells=len(sample.sources),
        one_lane=graph.one_lane,
        errors=tuple(f"{d.code}: {d.message}" for d in graph.errors),
    )
    edges: dict[int, dict[int, list[Why]]] = defaultdict(lambda: defaultdict(list))
    cells = {s.id: [place[c] for c in s.cells if c in place] for s in graph.steps}
    for edge in graph.edges:
        pairs = [(w, r) for w in cells[edge.writer] for r in cells[edge.reader] if w < r]
        if edge.kind == "order" and CHAIN in edge.because:
            found.chain.update(pairs)
            continue
        if edge.kind == "guard":
            found.guards.update(pairs)
            continue
        for writer, reader in pairs:
            edges[reader][writer].append(_reason(edge))
    for step in graph.steps:
        if step.id == "definitions":
            continue
        own = cells[step.id]
        for at, cell in enumerate(own):
            for before in own[:at]:
                edges[cell][before].append(Why(kind="same step", names=()))
            for parameter in graph.parameters:
                writer = place.get(parameter.cell, cell) if parameter.cell else cell
                if parameter.name in step.parameters and writer < cell:
                    edges[cell][writer].append(Why(kind="parameter", names=(parameter.name,)))
            for replay in step.replays:
                writer = place.get(replay.cell, cell)
                if writer < cell:
                    why = Why(kind="replay", names=tuple(replay.names), from_line=replay.line)
                    edges[cell][writer].append(why)
    _definitions(opened, graph, place, edges)
    found.edges = {reader: dict(direct) for reader, direct in edges.items()}
    return found


def _places(sample: Sample, opened: Opened) -> dict[CellId, int]:
    order = {index: at for at, index in enumerate(sample.indexes)}
    return {c.id: order[c.index] for c in opened.notebook.cells if c.index in order}


def _reason(edge: Edge) -> Why:
    return Why(
        kind=f"{edge.kind} {edge.certainty}",
        names=tuple(edge.names),
        from_line=edge.from_line,
        to_line=edge.to_line,
    )


def _definitions(
    opened: Opened,
    graph: Graph,
    place: dict[CellId, int],
    edges: dict[int, dict[int, list[Why]]],
) -> None:
    """Definition cells need what their statements read when they are replayed."""
    defined = {definition.cell for definition in graph.definitions}
    written: dict[str, int] = {}
    for facts in opened.facts:
        cell = place.get(facts.cell)
        if cell is None:
            continue
        if facts.cell in defined:
            needs = [use for fragment in facts.fragments for use in fragment.needs]
            for use in (*needs, *facts.reads):  # a cell of parameters has no fragments
                if use.name in written and written[use.name] != cell:
                    why = Why(kind="definition", names=(use.name,), to_line=use.line)
                    edges[cell][written[use.name]].append(why)
        names = [use.name for use in facts.writes]
        names += [name for fragment in facts.fragments for name in fragment.names]
        written.update(dict.fromkeys(names, cell))


# -- baselines -----------------------------------------------------------------------------------


def order(sample: Sample) -> Prediction:
    """Every cell waits for all above."""
    cells = len(sample.sources)
    above = Why(kind="order", names=())
    return Prediction(cells=cells, edges={r: {w: [above] for w in range(r)} for r in range(cells)})


def names(sample: Sample) -> Prediction:
    """Plain names: a cell waits for the last cell above that binds a name which it mentions."""
    bound: dict[str, int] = {}
    edges: dict[int, dict[int, list[Why]]] = {}
    for cell, source in enumerate(sample.sources):
        loads, stores = _names_of(source)
        direct: dict[int, list[Why]] = defaultdict(list)
        for name in sorted(loads):
            if name in bound:
                direct[bound[name]].append(Why(kind="name", names=(name,)))
        edges[cell] = dict(direct)
        bound.update(dict.fromkeys(stores, cell))
    return Prediction(cells=len(sample.sources), edges=edges)


def _names_of(source: str) -> tuple[set[str], set[str]]:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return set(), set()
    loads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _loads(n)}
    stores = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _loads(n)}
    stores |= set(_defined(tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            loads.add(node.target.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            stores |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    return loads, stores


def _loads(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _defined(body: Iterable[ast.stmt]) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in body if isinstance(node, kinds)]
