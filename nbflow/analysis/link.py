"""From what each cell means to the graph: steps, definitions, edges and findings.

The order of thought: walk down the notebook (`walk.py`), group cells into steps, draw the edges
that names cause, then those that files, guards, outside effects and tags cause, put steps whose
values cannot leave their kernel into one lane, and look whether the whole can be run (`checks.py`).
"""

from collections.abc import Iterable, Mapping

from nbflow.analysis.checks import findings
from nbflow.analysis.facts import CellFacts, Certainty, Effect, Use
from nbflow.analysis.files import FileUse, file_edges
from nbflow.analysis.labels import label, title_above
from nbflow.analysis.versions import Defined
from nbflow.analysis.walk import RANDOM_CHANNELS, CellLink, Group, Walk, is_guard
from nbflow.core.graph import Definition, Edge, EdgeCertainty, EdgeKind, Graph, Learned
from nbflow.core.names import ANY_FILE, Name, NameKind, kind_of, path_of
from nbflow.core.notebook import CellId, CellKind, Notebook
from nbflow.core.step import (
    CellTags,
    CheckMode,
    Input,
    Parameter,
    Replay,
    Step,
    StepId,
    StepName,
    StepOptions,
)

DEFINITIONS = "definitions"
"""The pseudo-step that runs all definition cells once, where their outputs and failures show."""

MAIN_LANE = "main"
"""The lane of a notebook that runs in one kernel."""

_OUTSIDE = frozenset({Effect.NETWORK, Effect.DATABASE, Effect.SUBPROCESS, Effect.WRITES_FILES})
_ORDERED = (Effect.NETWORK, Effect.DATABASE, Effect.SUBPROCESS)


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
    `learned` are lessons of former runs
    that still hold; `one_lane` asks for one kernel for the whole notebook. Nothing is raised for
    trouble in the notebook: it is in the graph's diagnostics.
    """
    lessons = tuple(learned)
    walk, links = _walk(notebook, facts, tags, injected, lessons, replaying=not one_lane)
    reasons = list(dict.fromkeys(walk.one_lane))
    reasons += [lesson.reason for lesson in lessons if lesson.what == "one_lane"]
    if one_lane:
        reasons.append("asked for")
    elif reasons:
        walk, links = _walk(notebook, facts, tags, injected, lessons, replaying=False)
    return _Linker(notebook, parameters, walk, links, tuple(dict.fromkeys(reasons))).graph()


def _walk(
    notebook: Notebook,
    facts: tuple[CellFacts, ...],
    tags: Mapping[CellId, CellTags],
    injected: str,
    lessons: tuple[Learned, ...],
    *,
    replaying: bool,
) -> tuple[Walk, list[CellLink]]:
    by_cell: dict[CellId, list[Learned]] = {}
    for lesson in lessons:
        by_cell.setdefault(CellId(lesson.step.split("+")[-1]), []).append(lesson)
    walk = Walk(
        injected=injected,
        learned={cell: tuple(found) for cell, found in by_cell.items()},
        mutated_below=_last_mutations(facts, lessons, notebook),
        components=_components(facts),
        replaying=replaying,
    )
    links = [
        walk.cell(notebook.cell(one.cell), one, tags.get(one.cell, CellTags()))
        for one in facts
        if notebook.cell(one.cell).kind is CellKind.CODE
    ]
    return walk, links


def _last_mutations(
    facts: tuple[CellFacts, ...], lessons: tuple[Learned, ...], notebook: Notebook
) -> dict[Name, int]:
    """For each name, the last cell that may change it in place (directly or through a function)."""
    last: dict[Name, int] = {}
    late = {u.name for f in facts for u in f.late_writes}
    late |= {u.name for f in facts for g in f.fragments for u in g.late_writes}
    for one in facts:
        for use in one.writes:
            if use.name not in one.binds:
                last[use.name] = max(last.get(use.name, -1), one.index)
    for name in late | {lesson.name for lesson in lessons if lesson.what == "writes"}:
        last[name] = len(notebook.cells)
    return last


def _components(facts: tuple[CellFacts, ...]) -> dict[Name, frozenset[Name]]:
    """Names that any chain of aliases in the notebook connects."""
    found: dict[Name, frozenset[Name]] = {}
    for one in facts:
        for group in one.aliases:
            united = group.union(*(found.get(name, frozenset()) for name in group))
            for name in united:
                found[name] = united
    return found


class _Linker:
    """Turns the walk's cell links into a graph. One instance links once."""

    def __init__(
        self,
        notebook: Notebook,
        parameters: tuple[Parameter, ...],
        walk: Walk,
        links: list[CellLink],
        reasons: tuple[str, ...],
    ) -> None:
        self.notebook = notebook
        self.parameters = parameters
        self.walk = walk
        self.links = links
        self.reasons = reasons
        self.groups = self._group()
        self.key_of_cell = {ln.cell.id: g.key for g in self.groups for ln in g.links}
        self.by_key = {group.key: group for group in self.groups}
        self.names = self._label()
        self.edges: dict[tuple[str, str, EdgeKind], Edge] = {}

    # -- groups and names --------------------------------------------------------------------

    def _group(self) -> list[Group]:
        groups: dict[str, Group] = {}
        for cell_link in self.links:
            if cell_link.key is not None:
                groups.setdefault(cell_link.key, Group(key=cell_link.key)).links.append(cell_link)
        return list(groups.values())

    def _label(self) -> dict[str, StepName]:
        taken = {DEFINITIONS} | {ln.tags.step for ln in self.links if ln.tags.step}
        names: dict[str, StepName] = {}
        for group in self.groups:
            tag = group.first.tags.step
            if tag:
                name = tag
            else:
                written = [n for ln in group.links for n in _label_names(ln)]
                name = label(written, group.first.cell.number, taken)
                taken.add(name)
            names[group.key] = StepName(name)
        return names

    # -- the graph ---------------------------------------------------------------------------

    def graph(self) -> Graph:
        self._data_edges()
        self._file_edges()
        self._guard_edges()
        self._order_edges()
        self._tag_edges()
        if self.reasons:
            self._chain()
        lanes = self._lanes()
        steps = tuple(self._step(group, lanes) for group in self.groups)
        definitions = self._definitions()
        pseudo = self._definitions_step(definitions)
        graph = Graph(
            notebook=self.notebook.path,
            parameters=self.parameters,
            steps=(*pseudo, *steps),
            definitions=definitions,
            edges=tuple(self.edges.values()),
            one_lane=self.reasons,
        )
        found = findings(graph, self.notebook, self.walk, self.by_key)
        return Graph(
            notebook=graph.notebook,
            parameters=graph.parameters,
            steps=graph.steps,
            definitions=graph.definitions,
            edges=graph.edges,
            diagnostics=found,
            one_lane=graph.one_lane,
        )

    # -- edges -------------------------------------------------------------------------------

    def _add(
        self,
        writer: str,
        reader: str,
        names: tuple[Name, ...],
        kind: EdgeKind,
        certainty: EdgeCertainty,
        lines: tuple[int | None, int | None],
        because: str,
    ) -> None:
        if writer == reader:
            return
        key = (writer, reader, kind)
        old = self.edges.get(key)
        if old is not None:
            names = tuple(dict.fromkeys((*old.names, *names)))
            certainty = "sure" if "sure" in (old.certainty, certainty) else old.certainty
            because, lines = old.because, (old.from_line, old.to_line)
        self.edges[key] = Edge(
            writer=self.by_key[writer].id,
            reader=self.by_key[reader].id,
            names=names,
            kind=kind,
            certainty=certainty,
            from_line=lines[0],
            to_line=lines[1],
            because=because,
        )

    def _data_edges(self) -> None:
        for group in self.groups:
            for cell_link in group.links:
                for name, resolved in cell_link.inputs.items():
                    version = resolved.version
                    if version.step is None or version.step == group.key:
                        continue
                    ambient = kind_of(name) is NameKind.AMBIENT
                    self._add(
                        version.step,
                        group.key,
                        (name,),
                        "ambient" if ambient else "data",
                        self._certainty(version.step, name, resolved.certainty),
                        (version.line, resolved.line),
                        f"cell {cell_link.cell.number} line {resolved.line} reads `{name}`, which "
                        f"cell {version.cell_index + 1} line {version.line} writes",
                    )

    def _certainty(self, writer: str, name: Name, certainty: str) -> EdgeCertainty:
        if any(name in ln.learned for ln in self.by_key[writer].links):
            return "learned"
        return "sure" if certainty == "sure" else "may"

    def _file_edges(self) -> None:
        uses = [use for ln in self.links if ln.key is not None for use in _file_uses(ln)]
        for edge in file_edges(uses):
            name = edge.later.name if edge.earlier.name == ANY_FILE else edge.earlier.name
            verb = "writes" if edge.earlier.writes else "reads"
            sure = edge.earlier.sure and edge.later.sure
            self._add(
                edge.earlier.step,
                edge.later.step,
                (name,),
                "file",
                "sure" if sure else "may",
                (edge.earlier.line, edge.later.line),
                f"`{_shown(name)}` is {'written' if edge.later.writes else 'read'} here after "
                f"`{self.names[edge.earlier.step]}` {verb} it",
            )

    def _guard_edges(self) -> None:
        guards = [g for g in self.groups if _may_stop(g)]
        for guard in guards:
            looked_at = {n for ln in guard.links for n in ln.inputs if _is_variable(n)}
            for group in self._below(guard):
                shared = sorted(looked_at & _touched(group))
                if shared or group.effects() & _OUTSIDE:
                    what = f"reads `{shared[0]}` too" if shared else "has an outside effect"
                    self._add(
                        guard.key,
                        group.key,
                        tuple(shared),
                        "guard",
                        "sure",
                        (None, None),
                        f"`{self.names[guard.key]}` may stop the notebook, and "
                        f"`{self.names[group.key]}` {what}",
                    )

    def _below(self, guard: Group) -> list[Group]:
        last = guard.links[-1].cell.index
        return [g for g in self.groups if g.first.cell.index > last]

    def _order_edges(self) -> None:
        """Steps that touch the same outside world keep their order."""
        for effect in _ORDERED:
            before: Group | None = None
            for group in self.groups:
                if effect not in group.effects():
                    continue
                if before is not None:
                    self._add(
                        before.key,
                        group.key,
                        (),
                        "order",
                        "may",
                        (None, None),
                        f"both touch the outside world ({effect.value}), so they keep their order",
                    )
                before = group

    def _tag_edges(self) -> None:
        keys = {name: key for key, name in self.names.items()}
        for group in self.groups:
            for name in _options(group).after:
                writer = keys.get(StepName(name))
                if writer is not None:
                    self._add(
                        writer,
                        group.key,
                        (),
                        "tag",
                        "sure",
                        (None, None),
                        f"the tag `after:{name}` asks for it",
                    )

    def _chain(self) -> None:
        """In one lane, as in Run All, a failure stops everything below."""
        for before, after in zip(self.groups, self.groups[1:], strict=False):
            self._add(
                before.key,
                after.key,
                (),
                "order",
                "may",
                (None, None),
                "the notebook runs in one kernel, in its order",
            )

    # -- lanes -------------------------------------------------------------------------------

    def _lanes(self) -> dict[str, str | None]:
        if self.reasons:
            return {group.key: MAIN_LANE for group in self.groups}
        home: dict[str, str] = {}

        def root(key: str) -> str:
            while home.get(key, key) != key:
                key = home[key]
            return key

        for group in self.groups:
            for cell_link in group.links:
                for resolved in cell_link.inputs.values():
                    writer = resolved.version.step
                    if resolved.version.affinity is None or writer in (None, group.key):
                        continue
                    assert writer is not None
                    one, other = root(writer), root(group.key)
                    home[other] = one
                    home.setdefault(one, one)
        return {g.key: self.names[root(g.key)] if g.key in home else None for g in self.groups}

    # -- steps -------------------------------------------------------------------------------

    def _step(self, group: Group, lanes: Mapping[str, str | None]) -> Step:
        inputs = self._inputs(group)
        files = [use for ln in group.links for use in _file_uses(ln)]
        effects = group.effects()
        replays = _ordered({d for ln in group.links for d in ln.replays})
        writes = tuple(dict.fromkeys(n for ln in group.links for n in ln.left))
        needed = {n for n in writes if self._is_read(group.key, n)}
        lane = lanes[group.key]
        return Step(
            id=group.id,
            name=self.names[group.key],
            title=title_above(self.notebook.cells, group.first.cell.index),
            language=_language(group),
            position=group.first.cell.index,
            cells=tuple(ln.cell.id for ln in group.links),
            cell_indexes=tuple(ln.cell.index for ln in group.links),
            sources=tuple(self._source(ln) for ln in group.links),
            tags=tuple(dict.fromkeys(t for ln in group.links for t in ln.cell.tags)),
            options=_options(group),
            inputs=inputs,
            outputs=tuple(n for n in writes if n in needed or self._is_final(group.key, n)),
            optional_outputs=tuple(
                n for n in writes if n not in needed and self._is_final(group.key, n)
            ),
            reads=tuple(dict.fromkeys(n for ln in group.links for n in ln.inputs)),
            declared_writes=writes,
            python_reads=tuple(sorted({n for ln in group.links for n in ln.python_reads})),
            replays=tuple(_replay(defined) for defined in replays),
            files_read=_paths(files, writes=False),
            files_written=_paths(files, writes=True),
            any_file=any(use.name == ANY_FILE for use in files),
            effects=tuple(sorted(effect.value for effect in effects)),
            outside_effects=bool(effects & _OUTSIDE),
            guard=_may_stop(group),
            lane=lane,
            environment=tuple(
                sorted({n for ln in group.links for n in ln.facts.environment_reads})
            ),
            parameters=tuple(
                dict.fromkeys(n for d in replays if d.parameter for n in d.fragment.names)
            ),
            modules=_modules(group, replays),
            never_reuse=self._never_reuse(group, lane),
        )

    def _source(self, cell_link: CellLink) -> str:
        """The cell's text; given parameters follow a parameters cell that is a step itself."""
        if not cell_link.tags.parameters or not self.walk.injected:
            return cell_link.cell.source
        return f"{cell_link.cell.source}\n{self.walk.injected}"

    def _inputs(self, group: Group) -> tuple[Input, ...]:
        found: dict[Name, Input] = {}
        for cell_link in group.links:
            for name, resolved in cell_link.inputs.items():
                writer = resolved.version.step
                if writer is None or writer == group.key or name in found:
                    continue
                certainty = self._certainty(writer, name, resolved.certainty)
                found[name] = Input(name=name, writer=self.by_key[writer].id, certainty=certainty)
        return tuple(found.values())

    def _is_read(self, key: str, name: Name) -> bool:
        """Another step reads this version."""
        return any(
            resolved.version.step == key and group.key != key
            for group in self.groups
            for cell_link in group.links
            if (resolved := cell_link.inputs.get(name)) is not None
        )

    def _is_final(self, key: str, name: Name) -> bool:
        """It is the name's last version: what `get` and `verify` ask for."""
        final = self.walk.current.get(name)
        return (
            final is not None
            and final.step == key
            and _is_variable(name)
            and not name.startswith("_")
        )

    def _never_reuse(self, group: Group, lane: str | None) -> str | None:
        effects = group.effects()
        if lane is not None:
            return "it shares a kernel with other steps"
        if Effect.NETWORK in effects or Effect.DATABASE in effects:
            return "it touches the network or a database"
        if Effect.SUBPROCESS in effects:
            return "it starts another program"
        if Effect.CLOCK in effects:
            return "it asks for the time"
        if Effect.RANDOM in effects and not self._is_seeded(group):
            return "it draws random numbers without a seed"
        if any(use.name == ANY_FILE for ln in group.links for use in _file_uses(ln)):
            return "it touches files that its text does not name"
        return None

    def _is_seeded(self, group: Group) -> bool:
        """Every channel it draws from is seeded above, or here."""
        for cell_link in group.links:
            own = {
                u.name
                for u in cell_link.facts.writes
                if u.name in RANDOM_CHANNELS and u.name in cell_link.facts.binds
            }
            drawn = {u.name for u in cell_link.facts.reads if u.name in RANDOM_CHANNELS}
            drawn -= {
                u.name
                for u in cell_link.facts.reads
                if u.name in RANDOM_CHANNELS and u.certainty is Certainty.MAY
            }
            if not drawn <= cell_link.seeded | own:
                return False
        return True

    # -- definitions -------------------------------------------------------------------------

    def _definitions(self) -> tuple[Definition, ...]:
        found: list[Definition] = []
        for cell_link in self.links:
            if cell_link.key is None and not cell_link.tags.skip:
                fragments = cell_link.facts.fragments
                names = tuple(n for f in fragments for n in f.names)
                found.append(
                    Definition(
                        cell=cell_link.cell.id,
                        cell_index=cell_link.cell.index,
                        names=names,
                        replays=(),
                    )
                )
        return tuple(found)

    def _definitions_step(self, definitions: tuple[Definition, ...]) -> tuple[Step, ...]:
        cells = [self.notebook.cell(d.cell) for d in definitions if _has_code(self.notebook, d)]
        if not cells:
            return ()
        links = {ln.cell.id: ln for ln in self.links}
        fragments = [f for cell in cells for f in links[cell.id].facts.fragments]
        overrides = [
            _replay(version.defined)
            for version in self.walk.current.values()
            if version.defined is not None and version.defined.parameter
        ]
        return (
            Step(
                id=StepId(DEFINITIONS),
                name=StepName(DEFINITIONS),
                title="Imports, functions and parameters",
                language="python",
                position=cells[0].index,
                cells=tuple(cell.id for cell in cells),
                cell_indexes=tuple(cell.index for cell in cells),
                sources=tuple(cell.source for cell in cells),
                options=StepOptions(),
                modules=_top_modules(f.module for f in fragments),
                parameters=tuple(n for r in overrides for n in r.names),
            ),
        )


def _may_stop(group: Group) -> bool:
    """A guard by its code, or a check by its tag (one that only warns stops nothing)."""
    checks = _options(group).check not in (None, CheckMode.WARN)
    return checks or any(is_guard(ln.facts) for ln in group.links)


def _label_names(cell_link: CellLink) -> list[Name]:
    """What to call a step after: sure bindings first, then anything that it may write."""
    writes = sorted(cell_link.writes.values(), key=lambda use: use.line)
    sure = [u.name for u in writes if u.name in cell_link.facts.binds]
    declared = {u.name for u in cell_link.facts.writes if u.certainty is Certainty.SURE}
    return sure + [u.name for u in writes if u.name not in sure and u.name in declared]


def _is_variable(name: Name) -> bool:
    return kind_of(name) is NameKind.VARIABLE


def _touched(group: Group) -> set[Name]:
    names = {n for ln in group.links for n in ln.inputs}
    names |= {use.name for ln in group.links for use in ln.facts.reads}
    return {n for n in names if _is_variable(n)}


def _file_uses(cell_link: CellLink) -> list[FileUse]:
    """Files that the text names, and those that runs have seen."""
    facts = cell_link.facts
    seen = [
        (Use(name=lesson.name, line=1, certainty=Certainty.MAY), lesson.what == "writes")
        for lesson in cell_link.lessons
        if lesson.what in ("reads", "writes")
    ]
    told = [*((use, False) for use in facts.reads), *((use, True) for use in facts.writes)]
    return [
        FileUse(
            step=cell_link.key or "",
            name=use.name,
            line=use.line,
            writes=writes,
            sure=use.certainty is Certainty.SURE,
        )
        for use, writes in (*told, *seen)
        if kind_of(use.name) is NameKind.FILE
    ]


def _paths(uses: list[FileUse], *, writes: bool) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            path_of(use.name) for use in uses if use.writes is writes and use.name != ANY_FILE
        )
    )


def _shown(name: Name) -> str:
    return "some file" if name == ANY_FILE else path_of(name)


def _options(group: Group) -> StepOptions:
    """The options of all cells of a step, the strongest of each."""
    parts = [ln.tags.options for ln in group.links]
    return StepOptions(
        retries=max(p.retries for p in parts),
        backoff=max(p.backoff for p in parts),
        timeout=min(p.timeout for p in parts),
        after=tuple(dict.fromkeys(a for p in parts for a in p.after)),
        check=next((p.check for p in parts if p.check is not None), None),
        cache=next((p.cache for p in parts if p.cache is not None), None),
        raises_exception=tuple(ln.cell.id for ln in group.links if ln.tags.raises_exception),
    )


def _language(group: Group) -> str:
    languages = {"sql" if ln.facts.sql else "python" for ln in group.links}
    return languages.pop() if len(languages) == 1 else "mixed"


def _ordered(replays: set[Defined]) -> list[Defined]:
    return sorted(replays, key=lambda d: (d.cell_index, d.order))


def _replay(defined: Defined) -> Replay:
    return Replay(
        cell=defined.cell,
        cell_index=defined.cell_index,
        line=defined.fragment.line,
        source=defined.fragment.source,
        names=defined.fragment.names,
    )


def _modules(group: Group, replays: list[Defined]) -> tuple[str, ...]:
    fragments = [d.fragment for d in replays]
    fragments += [f for ln in group.links for f in ln.facts.fragments]
    return _top_modules(f.module for f in fragments)


def _top_modules(modules: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({module.partition(".")[0] for module in modules if module}))


def _has_code(notebook: Notebook, definition: Definition) -> bool:
    return bool(notebook.cell(definition.cell).source.strip())
