"""From what each cell means to the graph: steps, definitions, edges and findings.

The order of thought: walk down the notebook (`walk.py`), group cells into steps, draw the edges
that names, files, guards, outside effects and tags cause (`edges.py`), put steps whose values
cannot leave their kernel into one lane (`affinity.py`), and look whether the whole can be run
(`checks.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nbflow.analysis.affinity import lanes_of, load_together, overtaken
from nbflow.analysis.cell_link import CellLink, grouped
from nbflow.analysis.checks import findings
from nbflow.analysis.contents import read_contents
from nbflow.analysis.edges import Edges
from nbflow.analysis.facts import CellFacts, Certainty
from nbflow.analysis.labels import label, unique
from nbflow.analysis.liveness import drop_idle, liveness_in
from nbflow.analysis.sharing import sharing_in
from nbflow.analysis.standing import Standing
from nbflow.analysis.steps import StepMaker, replay_of, top_modules, versions_read
from nbflow.analysis.versions import Defined, in_order
from nbflow.analysis.walk import Walk
from nbflow.core.graph import Definition, Graph, Learned
from nbflow.core.names import Name
from nbflow.core.notebook import CellId, CellKind, Notebook
from nbflow.core.step import CellTags, Parameter, Step, StepId, StepName

DEFINITIONS = "definitions"
"""The pseudo-step that runs all definition cells once, where their outputs and failures show."""

MAIN_LANE = "main"
"""The lane of a notebook that runs in one kernel."""


def link(
    notebook: Notebook,
    facts: tuple[CellFacts, ...],
    tags: Mapping[CellId, CellTags],
    parameters: tuple[Parameter, ...] = (),
    *,
    injected: str = "",
    learned: Iterable[Learned] = (),
    one_lane: bool = False,
) -> Graph:
    """Link the cells of a notebook into a graph.

    `injected` is the source of papermill's injected cell, empty if no parameter was given;
    `learned` are lessons of former runs that still hold; `one_lane` asks for one kernel for the
    whole notebook. Nothing is raised for trouble in the notebook: it is in the graph's diagnostics.
    """
    lessons = tuple(learned)
    walked = _walk(notebook, facts, tags, injected, lessons, replaying=not one_lane)
    reasons = list(dict.fromkeys(walked[0].one_lane))
    reasons += [lesson.reason for lesson in lessons if lesson.what == "one_lane"]
    if one_lane:
        reasons.append("asked for")
    elif not reasons:
        groups = grouped(walked[1]).values()
        lanes = lanes_of(groups)
        load_together(groups, lanes)
        why = overtaken(groups, lanes)
        reasons += [why] if why else []
        if not why:
            read_contents(walked[1], grouped(walked[1]), lanes)
    if reasons and not one_lane:
        walked = _walk(notebook, facts, tags, injected, lessons, replaying=False, hidden=True)
    return _Linker(notebook, parameters, *walked, tuple(dict.fromkeys(reasons))).graph()


def _walk(
    notebook: Notebook,
    facts: tuple[CellFacts, ...],
    tags: Mapping[CellId, CellTags],
    injected: str,
    lessons: tuple[Learned, ...],
    *,
    replaying: bool,
    hidden: bool = False,
) -> tuple[Standing, list[CellLink]]:
    by_cell: dict[CellId, list[Learned]] = {}
    for lesson in lessons:
        cells = lesson.step.split("+")
        # In one kernel evidence has nothing to gain, and nobody watches that it stays true.
        for cell in (cells if replaying else []) if lesson.is_evidence else cells[-1:]:
            by_cell.setdefault(CellId(cell), []).append(lesson)
    held = tuple(ls for ls in lessons if replaying or not ls.is_evidence)
    standing = Standing(
        injected=injected,
        sharing=sharing_in(notebook, facts, held),
        liveness=liveness_in(facts, lessons),
        replaying=replaying,
    )
    walk = Walk(standing=standing, learned={cell: tuple(ls) for cell, ls in by_cell.items()})
    links = [
        walk.cell(notebook.cell(one.cell), one, tags.get(one.cell, CellTags()))
        for one in facts
        if notebook.cell(one.cell).kind is CellKind.CODE
    ]
    if hidden:
        walk.end(links)
    drop_idle(links)
    return standing, links


class _Linker:
    """Turns what the walk found into a graph. One instance links once."""

    def __init__(
        self,
        notebook: Notebook,
        parameters: tuple[Parameter, ...],
        standing: Standing,
        links: list[CellLink],
        reasons: tuple[str, ...],
    ) -> None:
        self.notebook = notebook
        self.parameters = parameters
        self.standing = standing
        self.links = links
        self.reasons = reasons
        self.groups = grouped(links)
        self.names = self._label()

    def graph(self) -> Graph:
        edges = Edges(groups=self.groups, names=self.names)
        edges.draw(self.links)
        if self.reasons:
            edges.chain()
        graph = Graph(
            notebook=self.notebook.path,
            parameters=self.parameters,
            steps=(*self._definitions_step(), *self._steps()),
            definitions=self._definitions(),
            edges=tuple(edges.found.values()),
            one_lane=self.reasons,
        )
        found = findings(graph, self.notebook, self.standing, self.groups)
        return replace(graph, diagnostics=found)

    # -- groups and names --------------------------------------------------------------------

    def _label(self) -> dict[str, StepName]:
        tagged = {link.tags.step for link in self.links if link.tags.step}
        taken, names = {DEFINITIONS} | tagged, dict[str, StepName]()
        for key, group in self.groups.items():
            tag = group.first.tags.step
            if tag:
                # Only in one lane is a tag spread over several steps.
                name = unique(tag, set(names.values()))
            else:
                written = [n for link in group.links for n in _label_names(link)]
                name = label(written, group.first.cell.number, taken)
            taken.add(name)
            names[key] = StepName(name)
        return names

    # -- steps -------------------------------------------------------------------------------

    def _steps(self) -> list[Step]:
        groups = list(self.groups.values())
        if self.reasons:
            lanes: dict[str, str | None] = dict.fromkeys(self.groups, MAIN_LANE)
        else:
            found = lanes_of(groups)
            lanes = {key: self.names[lane] if lane else None for key, lane in found.items()}
        maker = StepMaker(
            notebook=self.notebook,
            standing=self.standing,
            groups=self.groups,
            names=self.names,
            lanes=lanes,
            read=versions_read(groups),
            learned=frozenset((g.key, n) for g in groups for ln in g.links for n in ln.learned),
        )
        return [maker.step(group) for group in groups]

    # -- definitions -------------------------------------------------------------------------

    def _unowned(self) -> list[CellLink]:
        """The cells that are no step of their own."""
        return [link for link in self.links if link.key is None and not link.tags.skip]

    def _definitions(self) -> tuple[Definition, ...]:
        return tuple(
            Definition(
                cell=link.cell.id,
                cell_index=link.cell.index,
                names=tuple(n for f in link.facts.fragments for n in f.names),
                replays=(),
            )
            for link in self._unowned()
            if _says_something(link.cell.source)
        )

    def _definitions_step(self) -> tuple[Step, ...]:
        ids = [link.cell.id for link in self._unowned()]
        cells = [self.notebook.cell(cell) for cell in ids]
        cells = [cell for cell in cells if cell.source.strip()]
        if not cells:
            return ()
        fragments = {link.cell.id: link.facts.fragments for link in self.links}
        current = (version.defined for version in self.standing.current.values())
        given = [replay_of(d) for d in current if d is not None and d.parameter]
        step = Step(
            id=StepId(DEFINITIONS),
            name=StepName(DEFINITIONS),
            title="Imports, functions and parameters",
            language="python",
            position=cells[0].index,
            cells=tuple(cell.id for cell in cells),
            cell_indexes=tuple(cell.index for cell in cells),
            sources=tuple(cell.source for cell in cells),
            replays=tuple(replay_of(defined) for defined in self._needed_by({*ids})),
            modules=top_modules(f.module for cell in cells for f in fragments[cell.id]),
            parameters=tuple(name for replay in given for name in replay.names),
        )
        return (step,)

    def _needed_by(self, cells: set[CellId]) -> list[Defined]:
        """What definition cells need of cells that are steps: imports beside other code."""
        own = (defined for defined in self.standing.made if defined.cell in cells)
        needed = {one for defined in own for one in defined.chain()}
        return in_order(one for one in needed if one.cell not in cells)


def _says_something(source: str) -> bool:
    """Whether there is more than comments: those run, as Jupyter counts them, but define none."""
    lines = (line.strip() for line in source.splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _label_names(link: CellLink) -> list[Name]:
    """What to call a step after: sure bindings first, then anything that it may write."""
    writes = [use for use in link.writes.values() if "/" not in use.name]
    writes.sort(key=lambda use: use.line)
    sure = [u.name for u in writes if u.name in link.facts.binds]
    declared = {u.name for u in link.facts.writes if u.certainty is Certainty.SURE}
    found = sure + [u.name for u in writes if u.name not in sure and u.name in declared]
    return found or sorted(name for name in link.defines if "/" not in name)
