"""`nbflow verify`: the promise, put to the test on one notebook.

The notebook runs twice on copies of the project folder: all cells in one kernel, in order (Run
All), and as a workflow. What cells show is compared, final variables and tables by content, written
files by bytes. What differs between two Run Alls too is the notebook's own: it is reported as
nondeterministic.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from nbflow.core.diagnostic import Severity
from nbflow.core.errors import NbflowError
from nbflow.core.graph import Graph
from nbflow.core.names import NameKind, kind_of
from nbflow.core.notebook import CellKind
from nbflow.core.run import Run, Status
from nbflow.core.task import Blob, Source, TaskOutcome, TaskSpec
from nbflow.execution.display_ids import settled
from nbflow.execution.executor import LocalExecutor
from nbflow.execution.machine import REFUSALS
from nbflow.execution.surroundings import file_digest
from nbflow.lanes.client import open_lane
from nbflow.lanes.kernels import Kernels
from nbflow.notebook.shown import shown
from nbflow.project.demo import copy_project
from nbflow.project.desk import open_desk
from nbflow.project.layout import STATE_FOLDER, Layout
from nbflow.project.opened import Opened, open_notebook
from nbflow.project.order import Order
from nbflow.project.through_papermill import run_through_papermill
from nbflow.project.ticket import Ticket
from nbflow.store.blobs import BlobStore

_LONGEST_SECONDS = 6 * 3600.0
# Chance may show the same twice: small counts, a choice of two.
_MOST_REPEATS = 3
_WORDS_BEFORE = 30
_LONGEST_EXCERPT = 200
_NOT_COMPARED = frozenset({STATE_FOLDER, "__pycache__", ".ipynb_checkpoints", ".git"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that came out differently. `kind` is output, variable, file or status."""

    name: str
    kind: str
    run_all: str
    workflow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the workflow would not run (a clear refusal keeps the promise too)."""

    cell: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the comparison found. `not_compared`: variables that no file can hold on both sides.

    failed: where and how Run All itself fails; then only what it came to is compared.
    """

    equal: bool
    failed: str | None = None
    differences: tuple[Difference, ...] = ()
    nondeterministic: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    run_all_seconds: float | None = None
    workflow_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One way of running: what it showed and left, by name, as comparable text. `unstorable`:
    variables that no file can hold."""

    status: str
    outputs: Mapping[str, str]
    values: Mapping[str, "_Value"]
    unstorable: frozenset[str]
    files: Mapping[str, str]
    seconds: float
    failed: str | None = None
    refused: tuple[Refusal, ...] = ()


def verify_notebook(root: Path, opened: Opened, values: Mapping[str, Any]) -> Verification:
    """Run both ways on copies of the project and compare everything that is left."""
    graph = opened.graph(values=values)
    refused, names = _refusals(graph), _final_names(graph)
    if refused:
        return Verification(equal=True, refused=refused)
    with tempfile.TemporaryDirectory(prefix="nbflow-verify-") as folder:
        base = Path(folder)
        run_all = _run_all(_copied(root, base / "run-all", opened), values, names)
        try:
            workflow = _workflow(_copied(root, base / "workflow", opened), values, names)
        except NbflowError as error:
            found = Refusal(cell=None, code="refused", message=error.message)
            return Verification(
                equal=True,
                failed=run_all.failed,
                refused=(found,),
                run_all_seconds=run_all.seconds,
            )
        if workflow.refused:
            return Verification(
                equal=True,
                failed=run_all.failed,
                refused=workflow.refused,
                run_all_seconds=run_all.seconds,
                workflow_seconds=workflow.seconds,
            )
        differences = tuple(_differences(run_all, workflow))
        real, unstable = differences, frozenset[str]()
        for number in range(_MOST_REPEATS):
            if not real or (number and not unstable):
                break
            again = _run_all(_copied(root, base / f"again-{number}", opened), values, names)
            unstable |= {found.name for found in _differences(run_all, again)}
            real = tuple(found for found in differences if found.name not in unstable)
    return Verification(
        equal=not real,
        failed=run_all.failed,
        differences=real,
        nondeterministic=tuple(sorted(unstable & {found.name for found in differences})),
        not_compared=tuple(sorted(_held(run_all, workflow))),
        run_all_seconds=run_all.seconds,
        workflow_seconds=workflow.seconds,
    )


def _refusals(graph: Graph) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(cell=found.place.cell, code=found.code, message=found.message)
        for found in graph.diagnostics
        if found.severity is Severity.ERROR
    )


def _copied(root: Path, target: Path, opened: Opened) -> Opened:
    copy_project(root, target)
    home = target.resolve()
    return open_notebook(home / opened.path.relative_to(root), home)


def _layout(opened: Opened) -> Layout:
    depth = len(Path(opened.notebook.path).parts)
    return Layout(root=opened.path.parents[depth - 1])


def _final_names(graph: Graph) -> tuple[str, ...]:
    names = {name for step in graph.steps for name in step.outputs}
    return tuple(sorted(n for n in names if kind_of(n) is NameKind.VARIABLE and n[0] != "_"))


def _run_all(opened: Opened, values: Mapping[str, Any], names: tuple[str, ...]) -> _Side:
    """All code cells in one kernel, in their order, with nothing replayed or loaded."""
    layout = _layout(opened)
    layout.make()
    blobs = BlobStore(layout.state)
    spec = _whole_notebook(opened, values, layout, blobs, names)
    logs = layout.state / "logs"
    logs.mkdir()
    started = monotonic()
    # Never forked: this is what forked kernels are compared with.
    kernels = Kernels(name=spec.kernel_name, folder=spec.working_directory, fork=False)
    opens = partial(open_lane, kernels=kernels, logs=logs)
    with kernels, LocalExecutor(open_lane=opens, capacity=1) as executor:
        executor.submit(spec)
        outcome = _outcome(executor)
    seconds = monotonic() - started
    outputs = outcome.report.outputs if outcome.report else ()
    found = {name: staged.blob for staged in outputs for name in staged.blob.names}
    return _Side(
        status=outcome.status,
        outputs=_outputs(
            _reached(spec.cells, outcome),
            settled(outcome.cell_outputs, (cell.cell for cell in spec.cells)),
        ),
        values={name: _comparable(blob, name) for name, blob in found.items()},
        unstorable=frozenset(one.name for one in outcome.report.unstorable)
        if outcome.report
        else frozenset(),
        files=_files(layout.root),
        seconds=seconds,
        failed=_failure(outcome),
    )


def _failure(outcome: TaskOutcome) -> str | None:
    error = outcome.error
    if error is None:
        return outcome.message if outcome.status == "failed" else None
    where = f"cell {error.cell_index + 1}: " if error.cell_index is not None else ""
    return f"{where}{error.type}: {error.message}"


def _whole_notebook(
    opened: Opened,
    values: Mapping[str, Any],
    layout: Layout,
    blobs: BlobStore,
    names: tuple[str, ...],
) -> TaskSpec:
    injected = opened.injected(values)
    cells: list[Source] = []
    for cell in opened.notebook.cells:
        tags = opened.tags[cell.id]
        if cell.kind is not CellKind.CODE or tags.skip:
            continue
        source = f"{cell.source}\n{injected}" if tags.parameters and injected else cell.source
        cells.append(
            Source(
                cell=cell.id,
                cell_index=cell.index,
                source=source,
                raises_exception=tags.raises_exception,
            )
        )
    staging = layout.staging / "run-all"
    staging.mkdir(parents=True)
    provided = {n for facts in opened.facts for f in facts.fragments for n in f.names}
    return TaskSpec(
        run="run-all",
        step="run-all",
        step_name="run-all",
        attempt=1,
        fence=0,
        notebook=opened.notebook.path,
        cells=tuple(cells),
        outputs=names,
        declared_writes=names,
        python_reads=names,
        provided=tuple(sorted(provided - set(names))),
        staging=str(staging),
        key_file=str(blobs.key()),
        working_directory=str(opened.path.parent),
        timeout=_LONGEST_SECONDS,
        each=True,
        kernel_name=opened.kernel_name,
    )


def _outcome(executor: LocalExecutor) -> TaskOutcome:
    while True:
        for happening in executor.poll(1.0):
            if isinstance(happening, TaskOutcome):
                return happening


def _workflow(opened: Opened, values: Mapping[str, Any], names: tuple[str, ...]) -> _Side:
    layout = _layout(opened)
    desk = open_desk(layout)
    started = monotonic()
    ticket = Ticket(desk, opened, values, Order(trigger="verify", keep_all=True))
    try:
        run = run_through_papermill(ticket, None)
    finally:
        desk.ledger.close()
    assert ticket.conducted is not None
    executed = ticket.conducted.executed
    cells = (cell for cell in opened.notebook.cells if cell.id in executed.cell_outputs)
    return _Side(
        status="succeeded" if run.status is Status.SUCCEEDED else "failed",
        outputs=_outputs(((cell.id, cell.number) for cell in cells), executed.cell_outputs),
        values=_run_values(run, names),
        unstorable=executed.kept,
        files=_files(layout.root),
        seconds=monotonic() - started,
        refused=tuple(
            Refusal(cell=next(iter(step.cells), None), code=step.reason, message=step.message)
            for step in run.steps
            if step.reason in REFUSALS
        ),
    )


def _reached(cells: Iterable[Source], outcome: TaskOutcome) -> Iterator[tuple[str, int]]:
    """The cells that ran, and their numbers. Run All ends at the first that fails."""
    failed = outcome.error.cell if outcome.error else None
    for cell in cells:
        yield cell.cell, cell.cell_index + 1
        if cell.cell == failed:
            break


def _outputs(
    cells: Iterable[tuple[str, int]], found: Mapping[str, list[dict[str, Any]]]
) -> dict[str, str]:
    """What the cells show, by the name that people know a cell by."""
    return {f"cell {number}": "\n".join(shown(found.get(cell, ()))) for cell, number in cells}


def _run_values(run: Run, names: tuple[str, ...]) -> dict[str, "_Value"]:
    """Of the names that Run All is asked for: a run that ends in one kernel leaves imports, too."""
    found: dict[str, Blob] = {}
    for result in run.steps:
        for blob in result.outputs:
            found.update(dict.fromkeys(blob.names, blob))
    return {name: _comparable(found[name], name) for name in names if name in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A final value. `places`: of one that remembers what it was asked for, what is where in it."""

    kind: str
    digest: str
    places: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.digest}"

    def is_like(self, other: "_Value") -> bool:
        """Whether both are the same; each may have been asked for something else."""
        if self.kind != other.kind or not (common := self.places.keys() & other.places.keys()):
            return self == other
        return all(self.places[place] == other.places[place] for place in common)


def _comparable(blob: Blob, name: str) -> _Value:
    """Content alone: a value that shares objects with others is stored with them, and one that was
    read remembers it, on one side only."""
    kind, digest = next(
        ((kind, digest) for one, kind, digest in blob.each if one == name),
        (blob.python_type or blob.kind, blob.digest),
    )
    places = {place: what for one, place, what in blob.places if one == name}
    return _Value(kind=kind, digest=digest, places=places)


def _files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): file_digest(path) or ""
        for path in sorted(root.rglob("*"))
        if path.is_file() and not _NOT_COMPARED & set(path.relative_to(root).parts)
    }


def _differences(one: _Side, other: _Side) -> Iterator[Difference]:
    """What is not the same. `one` is Run All: what it did not come to is not compared."""
    if one.status != other.status:
        yield Difference(name="status", kind="status", run_all=one.status, workflow=other.status)
    for name, expected in one.outputs.items():
        if expected != (found := other.outputs.get(name, "")):
            left, right = _where_they_part(expected, found)
            yield Difference(name=name, kind="output", run_all=left, workflow=right)
    if one.failed:
        return  # what is left when a run breaks off is no result
    yield from _differing_values(one, other)
    for name in sorted({*one.files, *other.files}):
        if one.files.get(name) != other.files.get(name):
            yield _difference(name, "file", one.files.get(name), other.files.get(name))


def _differing_values(one: _Side, other: _Side) -> Iterator[Difference]:
    for name in sorted({*one.values, *other.values} - _held(one, other)):
        before, after = one.values.get(name), other.values.get(name)
        if before is None or after is None or not before.is_like(after):
            yield _difference(name, "variable", before, after)


def _difference(name: str, kind: str, before: object, after: object) -> Difference:
    run_all, workflow = ("not there" if one is None else str(one) for one in (before, after))
    return Difference(name=name, kind=kind, run_all=run_all, workflow=workflow)


def _held(one: _Side, other: _Side) -> frozenset[str]:
    """Variables that could not be stored on both sides: they share objects with what no file can
    hold, perhaps with something that came later."""
    return (one.unstorable | other.unstorable) - (one.values.keys() & other.values.keys())


def _where_they_part(one: str, other: str) -> tuple[str, str]:
    """A few words of both, from a little before the first difference."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    start = max(0, (min(len(one), len(other)) if same is None else same) - _WORDS_BEFORE)
    return _excerpt(one, start), _excerpt(other, start)


def _excerpt(text: str, start: int) -> str:
    if not text:
        return "nothing"
    piece = text[start : start + _LONGEST_EXCERPT]
    rest = "…" if start + _LONGEST_EXCERPT < len(text) else ""
    return f"{'…' if start else ''}{piece}{rest}"
