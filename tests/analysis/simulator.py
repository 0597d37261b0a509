"""Run All and the workflow, both in this process: what the graph promises, without any kernel.

Run All is every cell in one namespace. The workflow is every step in a namespace of its own, in a
random order that the edges allow: replays, then inputs from what their writers left, then the
cells, then a capture of the declared outputs. None of the run's safety nets (found reads, found
mutations) is here: a graph that is right needs none of them.
"""

import ast
import builtins
import contextlib
import io
import random
import re
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import DEFINITIONS, link
from nbflow.core.graph import Graph, Learned, Lesson
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import CellTags, Step, StepId
from nbflow.inside.capture import connected
from nbflow.inside.digest import Examined, Undigestible, examine
from nbflow.inside.seal import Seal
from nbflow.inside.values import CannotStore, Packing, shared_owners

Tags = Mapping[int, CellTags]


@dataclass(frozen=True)
class Happened:
    """What a cell showed: its prints, and the error that ended it ("" if none)."""

    printed: str
    error: str = ""


@dataclass
class Ran:
    """What became of a notebook: per cell what it showed, and the final values of its names."""

    cells: dict[int, Happened] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """A value cannot leave its lane: the real run then falls back to one lane, which is right."""


class Stuck(AssertionError):
    """No step may run: the edges and the lanes wait for each other."""


def notebook_of(sources: list[str], tags: Tags | None = None) -> Notebook:
    """Code cells `c0`, `c1`, …"""
    marks = {i: ("parameters",) for i, tag in (tags or {}).items() if tag.parameters}
    cells = tuple(
        Cell(
            id=CellId(f"c{i}"),
            index=i,
            kind=CellKind.CODE,
            source=source,
            tags=marks.get(i, ()) + (("skip",) if (tags or {}).get(i, CellTags()).skip else ()),
        )
        for i, source in enumerate(sources)
    )
    return Notebook(path="n.ipynb", cells=cells)


def graph_of(
    sources: list[str],
    tags: Tags | None = None,
    *,
    injected: str = "",
    learned: Iterable[Learned] = (),
) -> Graph:
    """The graph of these cells."""
    notebook = notebook_of(sources, tags)
    by_cell = {CellId(f"c{i}"): tag for i, tag in (tags or {}).items()}
    return link(notebook, read_cells(notebook), by_cell, injected=injected, learned=learned)


# -- Run All -------------------------------------------------------------------------------------


def run_all(sources: list[str], tags: Tags | None = None, *, injected: str = "") -> Ran:
    """Every cell in one namespace; an error ends it, as in Jupyter."""
    ran, namespace = Ran(), _namespace()
    for index, source in enumerate(sources):
        tag = (tags or {}).get(index, CellTags())
        if tag.skip:
            continue
        text = f"{source}\n{injected}" if tag.parameters else source
        ran.cells[index] = _run(text, namespace)
        if ran.cells[index].error and not tag.raises_exception:
            break
    ran.values = namespace
    return ran


def _namespace() -> dict[str, Any]:
    return {"__name__": "__main__", "__builtins__": builtins}


def _run(source: str, namespace: dict[str, Any]) -> Happened:
    printed = io.StringIO()
    error = ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    return Happened(printed.getvalue(), error)


# -- the workflow --------------------------------------------------------------------------------


@dataclass
class _Lane:
    """A kernel: its namespace, what was replayed in it, and whose versions it holds."""

    namespace: dict[str, Any] = field(default_factory=_namespace)
    replayed: set[tuple[str, int, str]] = field(default_factory=set)
    present: dict[Name, StepId] = field(default_factory=dict)


@dataclass
class _Left:
    """What a step left: each name's pickle (one for names that share objects), and the names that
    could not be stored."""

    pickles: dict[str, bytes] = field(default_factory=dict)
    unstorable: set[str] = field(default_factory=set)

    def take(self, names: Iterable[str], namespace: dict[str, Any]) -> dict[str, Any]:
        """The values of names, those that share objects loaded together."""
        wanted = {name: self.pickles[name] for name in names if name in self.pickles}
        loaded = {pickle: _packing(namespace).loads(pickle) for pickle in set(wanted.values())}
        return {name: loaded[pickle][name] for name, pickle in wanted.items()}


@dataclass
class _Workflow:
    graph: Graph
    ran: Ran = field(default_factory=Ran)
    lanes: dict[str, _Lane] = field(default_factory=dict)
    left: dict[StepId, _Left] = field(default_factory=dict)
    failed: set[StepId] = field(default_factory=set)
    lessons: list[Learned] = field(default_factory=list)

    def step(self, step: Step) -> None:
        if self.graph.parents()[step.id] & self.failed:
            self.failed.add(step.id)
            return
        lane = self.lanes.setdefault(step.lane, _Lane()) if step.lane else _Lane()
        if self._replays(step, lane):
            self._load(step, lane)
            before = _looks([one.name for one in step.inputs], lane.namespace)
            self._cells(step, lane.namespace)
            if step.id not in self.failed:
                self.lessons += _lessons(step, before, lane.namespace)
        if step.id not in self.failed:
            lane.present.update(dict.fromkeys((*step.declared_writes, *step.outputs), step.id))
            self.left[step.id] = _left(step, lane.namespace)

    def _replays(self, step: Step, lane: _Lane) -> bool:
        for replay in step.replays:
            key = (replay.cell, replay.line, replay.source)
            if key in lane.replayed:
                continue
            lane.replayed.add(key)
            happened = _run(replay.source, lane.namespace)
            if happened.error:
                told = f"replay of cell {replay.cell_index}: {happened.error}"
                self.ran.cells[step.cell_indexes[0]] = Happened("", told)
                self.failed.add(step.id)
                return False
        return True

    def _load(self, step: Step, lane: _Lane) -> None:
        wanted: dict[StepId, list[Name]] = {}
        for one in step.inputs:
            if lane.present.get(one.name) == one.writer:
                continue
            lane.present[one.name] = one.writer
            if kind_of(one.name) is NameKind.VARIABLE:
                wanted.setdefault(one.writer, []).append(one.name)
        for writer, names in wanted.items():
            self._take(self.left[writer], names, lane.namespace)

    def _take(self, left: _Left, names: list[Name], namespace: dict[str, Any]) -> None:
        if left.unstorable & set(names):
            raise Refused(str(sorted(left.unstorable & set(names))))
        for name in names:
            namespace.pop(name, None)
        namespace.update(left.take(names, namespace))

    def _cells(self, step: Step, namespace: dict[str, Any]) -> None:
        for cell, index, source in zip(step.cells, step.cell_indexes, step.sources, strict=True):
            happened = self.ran.cells[index] = _run(source, namespace)
            if happened.error and cell not in step.options.raises_exception:
                self.failed.add(step.id)
                return


def _packing(namespace: dict[str, Any], provided: frozenset[str] = frozenset()) -> Packing:
    return Packing(seal=Seal(key=bytes(32)), namespace=namespace, provided=provided)


def _left(step: Step, namespace: dict[str, Any]) -> _Left:
    replayed = {str(name) for replay in step.replays for name in replay.names}
    packing = _packing(namespace, frozenset(replayed - set(step.declared_writes)))
    left, looks = _Left(), {}
    for name in step.outputs:
        if kind_of(name) is NameKind.VARIABLE and name in namespace:
            try:
                looks[str(name)] = examine(namespace[name])
            except Undigestible:
                left.unstorable.add(str(name))
    for group in connected(looks):
        try:
            members = {name: namespace[name] for name in sorted(group)}
            pickle = packing.dumps(members, shared=shared_owners(examine(members).arrays))
        except CannotStore:
            left.unstorable.update(group)
        else:
            left.pickles.update(dict.fromkeys(group, pickle))
    return left


def _looks(names: Iterable[Name], namespace: dict[str, Any]) -> dict[Name, tuple[Any, Examined]]:
    found = {}
    for name in names:
        with contextlib.suppress(Undigestible):
            if kind_of(name) is NameKind.VARIABLE and name in namespace:
                found[name] = namespace[name], examine(namespace[name])
    return found


def _lessons(
    step: Step, before: dict[Name, tuple[Any, Examined]], namespace: dict[str, Any]
) -> Iterator[Learned]:
    """What a run teaches of a step that might have changed its inputs (`capture.left_alone`)."""
    after = _looks([*before, *step.outputs], namespace)
    if any(name not in after for name in step.outputs if name in namespace):
        return  # what cannot be looked through is no witness
    same = {
        name
        for name, (value, look) in before.items()
        if name in after and after[name][0] is value
        if name in step.may_writes and not look.snapshot.changed(after[name][1].snapshot)
    }
    written = set(step.declared_writes) - same
    for group in connected({str(name): look for name, (_, look) in after.items()}):
        apart = written.isdisjoint(map(Name, group))
        foreseen = any(set(group) <= set(names) for names in step.together)
        for name in same.intersection(map(Name, group)) if apart or foreseen else ():
            what: Lesson = "keeps" if apart else "lends"
            yield Learned(step=step.id, name=name, what=what, reason="seen")


def workflow(graph: Graph, chance: random.Random) -> Ran:
    """Every step, in a random order that edges and lanes allow.

    Raises:
        Refused: a value that another lane needs cannot be stored.
        Stuck: nothing may run any more.
    """
    return _flown(graph, chance).ran


def _flown(graph: Graph, chance: random.Random) -> _Workflow:
    flow = _Workflow(graph)
    waiting = {step.id: step for step in graph.steps if step.id != DEFINITIONS}
    parents = graph.parents()
    while waiting:
        free = [
            step
            for step in waiting.values()
            if not parents[step.id] & waiting.keys() and _first_of_lane(step, waiting)
        ]
        if not free:
            raise Stuck(sorted(waiting))
        step = chance.choice(free)
        del waiting[step.id]
        flow.step(step)
    flow.ran.values = _final_values(flow)
    return flow


def _first_of_lane(step: Step, waiting: Mapping[StepId, Step]) -> bool:
    return step.lane is None or all(
        other.lane != step.lane or other.position >= step.position for other in waiting.values()
    )


def _final_values(flow: _Workflow) -> dict[str, Any]:
    """What `get` and `verify` would find: each name as its last writer stored it."""
    last: dict[str, StepId] = {}
    for step in sorted(flow.graph.steps, key=lambda s: s.cell_indexes[-1]):
        for name in step.outputs:
            if kind_of(name) is NameKind.VARIABLE:
                last[str(name)] = step.id
    final: dict[str, Any] = {}
    for name, writer in last.items():
        left = flow.left.get(writer)
        if left is not None:
            final.update(left.take([name], _with_definitions(flow)))
    return final


def _with_definitions(flow: _Workflow) -> dict[str, Any]:
    """A namespace in which every definition of the notebook was replayed."""
    namespace = _namespace()
    replays = {r for step in flow.graph.steps for r in step.replays}
    for replay in sorted(replays, key=lambda r: (r.cell_index, r.line)):
        _run(replay.source, namespace)
    return namespace


# -- both ways -----------------------------------------------------------------------------------


def differences(
    sources: list[str],
    tags: Tags | None = None,
    *,
    injected: str = "",
    seeds: tuple[int, ...] = (0, 1),
    after_run: bool = False,
) -> list[str]:
    """What the workflow does otherwise than Run All, in sentences; nothing if the graph is right.

    after_run: the graph is the one that a first run has made better.

    Raises:
        Refused: see `workflow`.
    """
    with _empty_folder():
        expected = run_all(sources, tags, injected=injected)
    graph = graph_of(sources, tags, injected=injected)
    if graph.errors:
        raise Refused(graph.errors[0].message)
    if after_run:
        with _empty_folder():
            lessons = _flown(graph, random.Random(0)).lessons
        graph = graph_of(sources, tags, injected=injected, learned=lessons)
    steps = {index for s in graph.steps if s.id != DEFINITIONS for index in s.cell_indexes}
    found: list[str] = []
    for seed in seeds:
        with _empty_folder():
            ran = workflow(graph, random.Random(seed))
        found += _differing_cells(expected, ran, steps)
        if not found:
            found += _differing_values(expected, ran, graph)
        if found:
            break
    return found


@contextlib.contextmanager
def _empty_folder() -> Iterator[None]:
    """A place for the files of one run."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def _differing_cells(expected: Ran, ran: Ran, steps: set[int]) -> list[str]:
    return [
        f"cell {index}: Run All {happened}, workflow {ran.cells.get(index)}"
        for index, happened in expected.cells.items()
        if index in steps and ran.cells.get(index) != happened
    ]


def _differing_values(expected: Ran, ran: Ran, graph: Graph) -> list[str]:
    if any(happened.error for happened in expected.cells.values()):
        return []  # cells below the error ran in the workflow only
    optional = {str(n) for step in graph.steps for n in step.outputs}
    return [
        f"final {name}: Run All {shown(value)}, workflow {shown(ran.values.get(name, '(absent)'))}"
        for name, value in expected.values.items()
        if name in optional and not name.startswith("_") and _comparable(value)
        if name in ran.values and shown(value) != shown(ran.values[name])
    ] + [
        f"final {name}: gone in Run All, workflow {shown(value)}"
        for name, value in ran.values.items()
        if name not in expected.values
    ]


def _comparable(value: object) -> bool:
    return not isinstance(value, types.ModuleType | types.FunctionType | type)


def shown(value: Any, depth: int = 6) -> str:
    """A value's content as text, without addresses and without running its own code."""
    if depth == 0:
        return "…"
    inner: Callable[[Any], str] = lambda part: shown(part, depth - 1)  # noqa: E731
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return re.sub(r"0x[0-9a-fA-F]+", "0x…", repr(value))
        case list() | tuple():
            return f"{type(value).__name__}[{', '.join(map(inner, value))}]"
        case set() | frozenset():
            return f"set[{', '.join(sorted(map(inner, value)))}]"
        case dict():
            pairs = (f"{inner(k)}: {inner(v)}" for k, v in value.items())
            return f"{type(value).__name__}{{{', '.join(pairs)}}}"
        case types.FunctionType() | type():
            return f"<{value.__qualname__}>"
    if type(value).__module__ != "__main__":
        return re.sub(r"0x[0-9a-fA-F]+", "0x…", repr(value))
    held = getattr(value, "__dict__", None)
    return f"{type(value).__qualname__}({inner(held) if held else ''})"


def parses(source: str) -> bool:
    """Whether the source is a cell that can be compiled."""
    try:
        compile(ast.parse(source), "<cell>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
