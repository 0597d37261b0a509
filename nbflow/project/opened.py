"""A notebook that was read and understood: what `inspect`, `plan` and `run` start from."""

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nbflow.analysis.cells import read_cells
from nbflow.analysis.facts import CellFacts
from nbflow.analysis.imports import imported, installs
from nbflow.analysis.link import link
from nbflow.analysis.modules import FindSource
from nbflow.core.diagnostic import Diagnostic, Place
from nbflow.core.errors import NotebookError
from nbflow.core.graph import Graph, Learned
from nbflow.core.notebook import CellId, CellKind, Notebook
from nbflow.core.step import CellTags, Parameter, Step
from nbflow.execution import surroundings
from nbflow.notebook.literals import injected_source
from nbflow.notebook.parameters import parameters_cell, read_parameters
from nbflow.notebook.read import INJECTED_ID, Reading, node_of, read_document, read_file
from nbflow.notebook.tags import parse_tags
from nbflow.planning.fingerprint import digest, step_parts, text_digest
from nbflow.project.config import Config, read_config, with_defaults
from nbflow.project.readings import read_sql

if TYPE_CHECKING:
    from nbformat import NotebookNode


class ReadCells(Protocol):
    """`read_cells`, or a reader that remembers."""

    def __call__(
        self, notebook: Notebook, *, find_source: FindSource | None
    ) -> tuple[CellFacts, ...]: ...


def _read_cells(notebook: Notebook, *, find_source: FindSource | None) -> tuple[CellFacts, ...]:
    return read_cells(notebook, parse_sql=read_sql, find_source=find_source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A notebook with all that its text says. `document` is the author's JSON, unchanged."""

    path: Path
    notebook: Notebook
    document: dict[str, Any]
    facts: tuple[CellFacts, ...]
    tags: Mapping[CellId, CellTags]
    parameters: tuple[Parameter, ...]
    diagnostics: tuple[Diagnostic, ...]
    config: Config

    @property
    def node(self) -> "NotebookNode":
        """A copy of the author's notebook as nbformat has it."""
        return node_of(self.document)

    @property
    def kernel_name(self) -> str:
        """The kernel that it asks for, `python3` if it does not say."""
        return self.notebook.kernel_name or "python3"

    def graph(
        self,
        *,
        values: Mapping[str, Any] | None = None,
        learned: Iterable[Learned] = (),
        one_lane: bool = False,
    ) -> Graph:
        """The graph, with given parameter values and the lessons that still hold.

        Given values replace those of an injected cell that an earlier run left in the notebook.
        """
        with _collecting_later():
            graph = link(
                self.notebook,
                tuple(one for one in self.facts if not (values and self.tags[one.cell].injected)),
                self.tags,
                self.parameters,
                injected=self.injected(values or {}),
                learned=self.holding(learned),
                one_lane=one_lane,
            )
        steps = tuple(self._configured(step) for step in graph.steps)
        if self._changes_paths():
            steps = tuple(self._doubted(step) for step in steps)
        return replace(graph, steps=steps, diagnostics=(*self.diagnostics, *graph.diagnostics))

    def _configured(self, step: Step) -> Step:
        options = with_defaults(step.options, step.tags, self.config)
        return step if options is step.options else replace(step, options=options)

    def _doubted(self, step: Step) -> Step:
        """Where the notebook says where modules lie, nobody else knows whether one changed."""
        if step.never_reuse is not None:
            return step
        lost = (m for m in step.modules if not surroundings.is_found(m, self.path.parent))
        module = next(lost, None)
        why = f"it imports `{module}`, which only the notebook's `sys.path` finds"
        return step if module is None else replace(step, never_reuse=why)

    def _changes_paths(self) -> bool:
        """Whether its text mentions where modules are looked for."""
        return any("sys.path" in code for code in self._code())

    def holding(self, lessons: Iterable[Learned]) -> tuple[Learned, ...]:
        """The lessons that still hold: what taught them is as it was then."""
        found = tuple(lessons)
        signed = zip(found, self.signed(found), strict=True)
        return tuple(old for old, now in signed if old.source_hash == now.source_hash)

    def signed(self, lessons: Iterable[Learned]) -> tuple[Learned, ...]:
        """The lessons with the digest of what teaches them: the source of the step; for
        evidence also the definitions, local modules and packages that it uses."""
        found = tuple(lessons)
        bases: Mapping[str, str] = {}
        if any(lesson.is_evidence for lesson in found):
            bases = self._bases({lesson.step for lesson in found if lesson.is_evidence})
        return tuple(
            replace(
                lesson,
                source_hash=bases.get(lesson.step, "")
                if lesson.is_evidence
                else self.source_hash(lesson.step),
            )
            for lesson in found
        )

    def _bases(self, steps: Collection[str]) -> Mapping[str, str]:
        """Digests of all that decides what the steps do, besides their data. The plain graph tells
        what they use: lessons must not change what lessons are made of."""
        plain = link(self.notebook, self.facts, self.tags, self.parameters)
        return {step.id: self._basis(step) for step in plain.steps if step.id in steps}

    def _basis(self, step: Step) -> str:
        folder = self.path.parent
        return digest(
            step_parts(
                step,
                inputs={},
                files={},
                modules=surroundings.module_digests(step.modules, folder),
                environment={},
                packages=surroundings.package_versions(step.modules, folder),
                python=surroundings.PYTHON,
                platform=surroundings.PLATFORM,
            )
        )

    def imports(self) -> tuple[str, ...]:
        """What its code imports: `a.b`, or `a.b:c` for `from a.b import c`."""
        return imported(self._code(), partial(_find_source, self.path.parent))

    def installs(self) -> bool:
        """Whether it may change the installed packages while it runs."""
        return installs(self._code())

    def _code(self) -> tuple[str, ...]:
        return tuple(c.source for c in self.notebook.cells if c.kind is CellKind.CODE)

    def injected(self, values: Mapping[str, Any]) -> str:
        """The source of papermill's injected cell; empty without values."""
        cell, _ = parameters_cell(self.notebook)
        return injected_source(cell, values) if values else ""

    def with_injected(self, values: Mapping[str, Any]) -> "NotebookNode":
        """The author's node with papermill's injected cell in its place, if values were given."""
        source = self.injected(values)
        return with_injected_cell(self.node, source) if source else self.node

    def source_hash(self, step: str) -> str:
        """Digest of the sources of a step's cells; empty if a cell is gone."""
        known = {cell.id: cell.source for cell in self.notebook.cells}
        cells = [CellId(cell) for cell in step.split("+")]
        if any(cell not in known for cell in cells):
            return ""
        return text_digest("\x00".join(known[cell] for cell in cells))


def open_notebook(path: Path, root: Path, *, reader: ReadCells = _read_cells) -> Opened:
    """Read a notebook file and understand its cells.

    Raises:
        NotebookError: the file is no notebook that can be used.
    """
    return understand(read_file(path, root=root), path, root, reader=reader)


def open_document(
    document: dict[str, Any], path: Path, root: Path, *, reader: ReadCells = read_cells
) -> Opened:
    """Understand what an editor holds of the notebook at `path`, saved or not.

    Raises:
        NotebookError: it is no notebook that can be used.
    """
    return understand(read_document(document, path, root=root), path, root, reader=reader)


def understand(
    reading: Reading, path: Path, root: Path, *, reader: ReadCells = _read_cells
) -> Opened:
    """Parse tags and parameters and read what every cell means.

    Whoever reads the same notebook again and again gives the `read` of a `CellReader` of its own.
    """
    notebook = reading.notebook
    tags: dict[CellId, CellTags] = {}
    found: list[Diagnostic] = list(reading.diagnostics)
    for each in notebook.cells:
        place = Place(cell=each.id, cell_index=each.index)
        tags[each.id], complaints = parse_tags(each.tags, place=place)
        found.extend(complaints)
    cell, complaints = parameters_cell(notebook)
    found.extend(complaints)
    parameters: tuple[Parameter, ...] = ()
    if cell is not None:
        parameters, complaints = read_parameters(cell)
        found.extend(complaints)
    with _collecting_later():
        facts = reader(notebook, find_source=partial(_find_source, path.parent))
    return Opened(
        path=path,
        notebook=notebook,
        document=reading.document,
        facts=facts,
        tags=tags,
        parameters=parameters,
        diagnostics=tuple(found),
        config=read_config(root),
    )


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Nearly all that analysis makes is kept: Python's collector would go through it again and
    again and find nothing, which is a third of the time. So it counts as old from the beginning,
    which freezing and unfreezing does without a look at it; not in a process that keeps something
    frozen. Of two threads that are here at once, the first to leave lets the collector work again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _find_source(folder: Path, module: str) -> str | None:
    return surroundings.local_source(module, folder)


def refuse_errors(graph: Graph) -> None:
    """Stop before anything runs if the notebook cannot be run.

    Raises:
        NotebookError: the first error's text, with all diagnostics.
    """
    if graph.errors:
        first = graph.errors[0]
        raise NotebookError(first.message, diagnostics=graph.diagnostics, hint=first.hint)


def open_snapshot(snapshot: Path, path: Path, root: Path) -> Opened:
    """The notebook at `path` as an earlier run had it.

    Raises:
        NotebookError: the snapshot cannot be used.
    """
    reading = read_file(snapshot, root=root)
    notebook = replace(reading.notebook, path=path.relative_to(root).as_posix())
    return understand(replace(reading, notebook=notebook), path, root)


def with_injected_cell(node: "NotebookNode", source: str) -> "NotebookNode":
    """A copy of the node with the given values below its parameters cell, as papermill places
    them."""
    from nbformat import NotebookNode

    cells: list[NotebookNode] = []
    for cell in node["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            continue
        cells.append(cell)
        if "parameters" in tags and cell["cell_type"] == "code":
            cells.append(_injected_cell(source))
    return NotebookNode({**node, "cells": cells})  # type: ignore[no-untyped-call]


def _injected_cell(source: str) -> "NotebookNode":
    from nbformat.v4 import new_code_cell

    factory: Any = new_code_cell  # nbformat's functions carry no types
    made: NotebookNode = factory(source, id=INJECTED_ID, metadata={"tags": ["injected-parameters"]})
    return made
