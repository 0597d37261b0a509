"""`Project`: the verbs that every face calls. A verb is a few lines; the work lies in the
stations.

What makes things run (lanes, papermill) is imported by the verbs that run something: those that
only look answer sooner.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Self

from nbflow.core.choices import Choices
from nbflow.core.diagnostic import Diagnostic
from nbflow.core.errors import NotFound, UsageError
from nbflow.core.graph import Graph
from nbflow.core.notebook import Changes
from nbflow.core.plan import Plan
from nbflow.core.run import Event, Run
from nbflow.core.step import Step
from nbflow.notebook.changes import changes
from nbflow.notebook.coerce import coerce
from nbflow.notebook.document import joined, parse_document, with_tags
from nbflow.notebook.tags import TAGS
from nbflow.planning.select import step_named
from nbflow.project import demo as demo_files
from nbflow.project.cleaning import Cleaned, clean
from nbflow.project.config import read_config
from nbflow.project.desk import Desk, open_desk, process_lives, utc_now
from nbflow.project.drafts import Drafts
from nbflow.project.following import Told, follow
from nbflow.project.layout import Layout, find_root
from nbflow.project.log import run_log
from nbflow.project.opened import Opened, open_snapshot
from nbflow.project.order import Order
from nbflow.project.plans import make_plan
from nbflow.project.snapshot import snapshot_path
from nbflow.project.timeline import Attempt, timeline

if TYPE_CHECKING:
    from nbflow.core.recipe import NamedTable, Recipe
    from nbflow.core.table import Column, TablePage
    from nbflow.core.tag import TagKind
    from nbflow.core.task import Blob
    from nbflow.core.why import RunDifference, Why
    from nbflow.lanes.warmth import Warmth
    from nbflow.project.health import HealthCheck
    from nbflow.project.low_code import Draft, LowCode
    from nbflow.project.stored import StoredValue
    from nbflow.project.verify import Verification
    from nbflow.store.query import SqlResult

_RESUME = "resume:"
"""The trigger of a resumed run names the run that it goes on with."""


_LOOK_AGAIN_SECONDS = 0.2

_MOST_EVENTS = 100_000
"""Of one run: ten for each of as many steps as a notebook can have."""


def _ignore(event: Event) -> None:
    """Nobody listens."""


class Project:
    """One project: the folder tree below its root, with its history in `.nbflow/`.

    Every verb takes `actor`, the person or program that asks. Runs are named by their id, by an
    unambiguous beginning of it, or `latest`.
    """

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root=root.resolve())
        self._drafts = Drafts()

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """The project that a folder or notebook belongs to (default: the current folder)."""
        return cls(find_root(start or Path.cwd()))

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.layout.root

    # -- understanding -----------------------------------------------------------------------

    def inspect(self, notebook: Path, *, actor: str = "") -> Graph:
        """The graph of a notebook, with the lessons of its runs.

        Raises:
            NotebookError: the file cannot be read as a notebook.
        """
        return self._graph(self._open(notebook))

    def between(
        self, notebook: Path, writer: str, reader: str, *, actor: str = ""
    ) -> tuple[Graph, Step, Step]:
        """A notebook's graph and two of its steps by name, the upper one first.

        Raises:
            NotebookError: the file cannot be read as a notebook. UsageError: no such step.
        """
        graph = self.inspect(notebook, actor=actor)
        steps = (step_named(graph, writer), step_named(graph, reader))
        upper, lower = sorted(steps, key=lambda step: step.position)
        return graph, upper, lower

    def inspect_draft(self, notebook: Path, content: dict[str, Any], *, actor: str = "") -> Graph:
        """The graph of what an editor holds of a notebook, saved or not. The outputs in `content`
        are emptied.

        Raises:
            NotebookError: it is no notebook that can be used.
        """
        return self._graph(self._drafts.open(content, notebook, self.root))

    def tags(self, *, actor: str = "") -> "tuple[TagKind, ...]":
        """Every tag of the language, as a form offers it."""
        return TAGS

    def check_tags(
        self,
        notebook: Path,
        content: dict[str, Any],
        cell: str,
        tags: Sequence[str],
        *,
        actor: str = "",
    ) -> tuple[Diagnostic, ...]:
        """What would be said of a cell if it had these tags; `content` is what an editor holds.

        Raises:
            NotFound: there is no such cell. NotebookError: it is no notebook that can be used.
        """
        tagged = with_tags(content, cell, tags)
        graph = self._graph(self._drafts.open(tagged, notebook, self.root))
        return tuple(found for found in graph.diagnostics if found.place.cell == cell)

    # -- low code ----------------------------------------------------------------------------

    def recipes(self, *, actor: str = "") -> "tuple[Recipe, ...]":
        """The gallery: what choices can be made into cells."""
        from nbflow.recipes.gallery import RECIPES  # only an editor asks

        return RECIPES

    def template(self, *, actor: str = "") -> dict[str, Any]:
        """A notebook to start from, as nbformat has it."""
        from nbflow.recipes.template import workflow_notebook

        return workflow_notebook()

    def draft_cells(
        self,
        notebook: Path,
        content: dict[str, Any],
        recipe: str,
        values: Mapping[str, Any],
        *,
        below: str | None = None,
        actor: str = "",
    ) -> "Draft":
        """The cells that a filled-in form stands for, to go below a cell of what an editor holds.

        Raises:
            UsageError: there is no such recipe. NotebookError: it is no notebook that can be used.
        """
        with self._low_code(notebook, content, below) as low_code:
            return low_code.draft(recipe, values)

    def tables_above(
        self,
        notebook: Path,
        content: dict[str, Any],
        *,
        below: str | None = None,
        actor: str = "",
    ) -> "tuple[NamedTable, ...]":
        """The tables that are there for a cell that comes below another one.

        Raises:
            NotebookError: it is no notebook that can be used.
        """
        with self._low_code(notebook, content, below) as low_code:
            return low_code.tables()

    def columns(
        self,
        notebook: Path,
        content: dict[str, Any],
        *,
        file: str = "",
        table: str = "",
        actor: str = "",
    ) -> "tuple[Column, ...]":
        """The columns of a file beside a notebook, or of a table of its last runs.

        Raises:
            UsageError: the file cannot be read. NotebookError: it is no notebook that can be used.
        """
        with self._low_code(notebook, content, None) as low_code:
            return low_code.columns(file=file, table=table)

    @contextmanager
    def _low_code(
        self, notebook: Path, content: dict[str, Any], below: str | None
    ) -> "Iterator[LowCode]":
        from nbflow.project.low_code import LowCode

        opened = self._drafts.open(content, notebook, self.root)
        if not self.layout.ledger.exists():
            yield LowCode(opened, None, below)
            return
        with self._desk() as desk:
            yield LowCode(opened, desk, below)

    def check(self, notebook: Path, *, actor: str = "") -> tuple[Diagnostic, ...]:
        """Everything there is to say about a notebook before it runs: the graph's findings, and
        those of a linter.

        Raises:
            NotebookError: the file cannot be read as a notebook.
        """
        from nbflow.analysis.lint.linting import lint

        opened = self._open(notebook)
        return lint(opened.notebook, self._graph(opened), opened.facts, opened.tags)

    def plan(
        self,
        notebook: Path,
        *,
        parameters: Mapping[str, Any] | None = None,
        choices: Choices | None = None,
        actor: str = "",
    ) -> Plan:
        """What a run would do now, and why.

        Raises:
            NotebookError: the notebook cannot be run. UsageError: a parameter or step name is
            wrong.
        """
        opened = self._open(notebook)
        values = given_values(opened, parameters)
        with self._desk() as desk:
            return make_plan(desk, opened, values, Order(choices=choices or Choices()))

    # -- running -----------------------------------------------------------------------------

    def run(
        self,
        notebook: Path,
        *,
        parameters: Mapping[str, Any] | None = None,
        choices: Choices | None = None,
        output: str | None = None,
        jobs: int | None = None,
        on_event: Callable[[Event], None] = _ignore,
        actor: str = "",
    ) -> Run:
        """Run a notebook; returns when the run has ended, however it did.

        Raises:
            NotebookError, UsageError: nothing was started.
            MachineError: no kernel, no disk, no access.
        """
        from nbflow.project.through_papermill import check_output

        opened = self._open(notebook)
        values = given_values(opened, parameters)
        check_output(output, values, source=opened.path)
        order = Order(choices=choices or Choices(), jobs=jobs, actor=actor, on_event=on_event)
        with self._desk() as desk:
            return self._execute(desk, opened, values, order, output)

    def keep_warm(self, notebook: Path, *, actor: str = "") -> "Warmth":
        """Have what a notebook imports ready, so that its runs start sooner, until the value that
        comes back is closed or this process ends.

        Meant for servers: it takes memory, and as long as the imports. Nothing of it shows in a
        run. Call it again for other notebooks, or when it `is_over`.

        Raises:
            NotebookError: the file cannot be read as a notebook.
        """
        from nbflow.lanes.warmth import keep_warm

        opened = self._open(notebook)
        return keep_warm(
            name=opened.kernel_name, folder=str(opened.path.parent), modules=opened.imports()
        )

    def resume(
        self,
        run: str,
        *,
        latest_code: bool = False,
        jobs: int | None = None,
        on_event: Callable[[Event], None] = _ignore,
        actor: str = "",
    ) -> Run:
        """Run what failed or is missing, with the same parameters and (unless told) the same code.

        Raises:
            UsageError: no such run, or it has not ended.
        """
        with self._past() as desk:
            old = self._resumable(desk, run)
            opened = self._opened_again(desk, old, latest_code=latest_code)
            order = Order(
                jobs=jobs,
                actor=actor,
                on_event=on_event,
                trigger=_RESUME + old.id,
                resumed=_chain(desk, old),
            )
            return self._execute(desk, opened, given_values(opened, old.parameters), order, None)

    def start(
        self,
        notebook: Path,
        *,
        parameters: Mapping[str, Any] | None = None,
        choices: Choices | None = None,
        jobs: int | None = None,
        actor: str = "",
    ) -> Run:
        """Start a run in a process of its own, which outlives this one; returns at once, when the
        run is queued.

        Raises:
            NotebookError, UsageError: nothing was started. StoreError: no disk, no access.
        """
        from nbflow.project import detached

        opened = self._open(notebook)
        values = given_values(opened, parameters)
        order = Order(choices=choices or Choices(), jobs=jobs, actor=actor)
        with self._desk() as desk:
            return detached.start(desk, opened, values, order)

    def start_resume(
        self, run: str, *, latest_code: bool = False, jobs: int | None = None, actor: str = ""
    ) -> Run:
        """`resume`, in a process of its own; returns at once, when the run is queued.

        Raises:
            UsageError: no such run, or it has not ended. NotebookError: nothing was started.
        """
        from nbflow.project import detached

        with self._past() as desk:
            old = self._resumable(desk, run)
            opened = self._opened_again(desk, old, latest_code=latest_code)
            order = Order(jobs=jobs, actor=actor, trigger=_RESUME + old.id)
            return detached.start(desk, opened, given_values(opened, old.parameters), order)

    def carry_out(
        self,
        run: str,
        *,
        choices: Choices | None = None,
        jobs: int | None = None,
        on_event: Callable[[Event], None] = _ignore,
    ) -> Run:
        """Carry out a queued run in this process; returns when it has ended, however it did.

        Raises:
            UsageError: no such run. StoreError: it is not queued. And all that `run` raises.
        """
        from nbflow.project import detached

        with self._past() as desk:
            queued = desk.ledger.run(run)
            try:
                return self._carry_out(desk, queued, choices or Choices(), jobs, on_event)
            except Exception as error:
                detached.refuse(desk.ledger, queued.id, error)
                raise

    def _carry_out(
        self,
        desk: Desk,
        queued: Run,
        choices: Choices,
        jobs: int | None,
        on_event: Callable[[Event], None],
    ) -> Run:
        order = Order(
            run=queued.id,
            queued=True,
            choices=choices,
            jobs=jobs,
            actor=queued.actor,
            trigger=queued.trigger,
            resumed=_chain(desk, queued) - {queued.id},
            on_event=on_event,
        )
        opened = open_snapshot(
            snapshot_path(desk.layout, queued.id), self.root / queued.notebook, self.root
        )
        return self._execute(desk, opened, queued.parameters, order, None)

    def cancel(self, run: str, *, actor: str = "") -> Run:
        """Ask a run to stop; its runner sees it within a second. Returns the run as it is now.

        Raises:
            UsageError: no such run.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            if not found.status.ended:
                desk.ledger.request_cancel(found.id)
            return desk.ledger.run(found.id)

    def _resumable(self, desk: Desk, run: str) -> Run:
        old = _settled(desk, run)
        if not old.status.ended:
            raise UsageError(f"run {old.id} is still {old.status}", hint=f"nbflow cancel {old.id}")
        return old

    def _opened_again(self, desk: Desk, old: Run, *, latest_code: bool) -> Opened:
        """The notebook of a former run, as it was then, or as it is now."""
        path, snapshot = self.root / old.notebook, snapshot_path(desk.layout, old.id)
        if latest_code or not snapshot.exists():
            return self._open(path)
        return open_snapshot(snapshot, path, self.root)

    def _execute(
        self,
        desk: Desk,
        opened: Opened,
        values: Mapping[str, Any],
        order: Order,
        output: str | None,
    ) -> Run:
        from nbflow.project.through_papermill import run_through_papermill
        from nbflow.project.ticket import Ticket

        ticket = Ticket(desk, opened, values, order)
        return run_through_papermill(ticket, output)

    # -- looking back ------------------------------------------------------------------------

    def runs(
        self, *, limit: int = 20, notebook: str | None = None, actor: str = ""
    ) -> tuple[Run, ...]:
        """The newest runs first: all, or those of one notebook (its path from the root)."""
        if not self.layout.ledger.exists():
            return ()
        with self._desk() as desk:
            return desk.ledger.runs(limit, notebook)

    def durations(
        self, notebook: str, *, most: int = 10, actor: str = ""
    ) -> Mapping[str, tuple[float, ...]]:
        """The seconds that each step took the last times that it ran, the latest last."""
        if not self.layout.ledger.exists():
            return {}
        with self._desk() as desk:
            return desk.ledger.durations(notebook, most)

    def counts(self, runs: Iterable[Run], *, actor: str = "") -> Mapping[str, Mapping[str, int]]:
        """How many steps of each run stand how: by status, and how many were `reused`."""
        if not self.layout.ledger.exists():
            return {}
        with self._desk() as desk:
            return desk.ledger.counts(run.id for run in runs)

    def graph_of(self, run: str, *, actor: str = "") -> Graph:
        """The graph of the notebook as it was when it was run.

        Raises:
            NotFound: no such run, or what it ran was not kept.
        """
        with self._past() as desk:
            return self._graph_as_it_was(desk, desk.ledger.run(run))

    def _graph_as_it_was(self, desk: Desk, run: Run) -> Graph:
        opened = self._as_it_was(desk, run)
        learned = desk.ledger.learned(run.notebook)
        return opened.graph(values=run.parameters, learned=learned)

    def _output(self, desk: Desk, run: Run, name: str) -> "Blob":
        from nbflow.project.stored import find_output  # brings pandas

        if "." in name or not snapshot_path(desk.layout, run.id).exists():
            return find_output(run, name)
        return find_output(run, name, self._graph_as_it_was(desk, run))

    def _as_it_was(self, desk: Desk, run: Run) -> Opened:
        snapshot = snapshot_path(desk.layout, run.id)
        if not snapshot.exists():
            raise NotFound(f"the notebook of run {run.id} was not kept")
        return open_snapshot(snapshot, self.root / run.notebook, self.root)

    def result(self, run: str, *, actor: str = "") -> dict[str, Any]:
        """The result notebook of a run, as nbformat has it.

        Raises:
            NotFound: no such run, or it has no result. NotebookError: the file was altered.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            if found.result is None:
                raise NotFound(f"run {found.id} has no result notebook")
            path = desk.layout.run(found.id) / Path(found.result).name
            if not path.exists():
                raise NotFound(f"the result of run {found.id} is gone", hint="run it again")
            return joined(parse_document(path.read_bytes(), shown=path.name))

    def page(
        self,
        run: str,
        name: str,
        *,
        offset: int = 0,
        limit: int = 100,
        profile: bool = False,
        actor: str = "",
    ) -> "TablePage":
        """Some rows of a stored table; `STEP.NAME` asks for that step's version.

        Raises:
            NotFound: no such run or name. StoreError: the stored file is missing or damaged.
        """
        from nbflow.project.pages import page_of  # brings pandas

        with self._past() as desk:
            blob = self._output(desk, desk.ledger.run(run), name)
            return page_of(desk.blobs, blob, name, offset=offset, limit=limit, profile=profile)

    def last_event(self, *, actor: str = "") -> int:
        """The id of the newest event; 0 before the first."""
        if not self.layout.ledger.exists():
            return 0
        with self._desk() as desk:
            return desk.ledger.last_event()

    def follow(
        self, *, after: int, stop: threading.Event, actor: str = ""
    ) -> Iterator[tuple[Told, ...]]:
        """Events with a greater id than `after`, each with the notebook of its run, as they happen;
        blocks until `stop` is set."""
        return follow(self.layout, after, stop)

    def stored(self, run: str, name: str, *, actor: str = "") -> "tuple[Blob, Path, Path]":
        """What is known of a stored value, its file, and the file of the key that it is sealed
        with.

        Raises:
            NotFound: no such run or name.
        """
        with self._past() as desk:
            blob = self._output(desk, desk.ledger.run(run), name)
            return blob, desk.blobs.path(blob), desk.blobs.key()

    def keep(self, run: str, *, kept: bool, label: str = "", actor: str = "") -> Run:
        """Guard a run from `forget`, and what it stored from `gc`; or let go of it. `label` is what
        it is called from now on.

        Raises:
            UsageError: no such run.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            desk.ledger.keep_run(found.id, kept=kept, label=label)
            return desk.ledger.run(found.id)

    def changes_since(self, run: str, content: dict[str, Any], *, actor: str = "") -> Changes:
        """Which code cells of what an editor holds are others than those that were run.

        Raises:
            NotFound: no such run, or what it ran was not kept. NotebookError: it is no notebook.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            before = self._as_it_was(desk, found).notebook
        after = self._drafts.open(content, self.root / found.notebook, self.root).notebook
        return changes(before, after)

    def timeline(self, run: str, *, actor: str = "") -> tuple[Attempt, ...]:
        """When each attempt of a run waited and ran.

        Raises:
            UsageError: no such run.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            return timeline(desk.ledger.events(0, found.id, _MOST_EVENTS))

    def forget(self, run: str, *, actor: str = "") -> None:
        """Remove a run that has ended: its rows, result and logs. What its steps made can still be
        reused, until `gc` finds that nobody needs it.

        Raises:
            UsageError: no such run, or it has not ended, or it is kept.
        """
        with self._past() as desk:
            found = desk.ledger.run(run)
            desk.ledger.forget_run(found.id)
            shutil.rmtree(desk.layout.run(found.id), ignore_errors=True)

    def status(self, run: str, *, actor: str = "") -> Run:
        """A run with its steps.

        Raises:
            UsageError: no such run.
        """
        with self._past() as desk:
            return desk.ledger.run(run)

    def logs(
        self, run: str, step: str | None = None, *, follow: bool = False, actor: str = ""
    ) -> Iterator[str]:
        """Lines that steps printed and their processes wrote; `follow` waits for more until the
        end.

        Raises:
            UsageError: no such run or step.
        """
        with self._past() as desk:
            yield from run_log(desk, desk.ledger.run(run), step, follow=follow)

    def why(self, run: str, step: str, *, actor: str = "") -> "Why":
        """Why a step ran, was reused or was skipped, down to the first cause, and how it ended.

        Raises:
            UsageError: no such run or step.
        """
        from nbflow.project.reasons import why

        with self._past() as desk:
            return why(desk, desk.ledger.run(run), step)

    def diff(self, before: str, after: str, *, actor: str = "") -> "RunDifference":
        """What differs between two runs of a notebook.

        Raises:
            UsageError: no such run, or runs of two notebooks.
        """
        from nbflow.project.reasons import compare

        with self._past() as desk:
            return compare(desk, desk.ledger.run(before), desk.ledger.run(after))

    def get(
        self, run: str, name: str, *, output: Path | None = None, actor: str = ""
    ) -> "StoredValue":
        """A stored value of a run: as text, or written to a file whose suffix names the format.

        Raises:
            UsageError: no such run, name or format.
        """
        # It brings pandas, which no other verb needs in this process.
        from nbflow.project.stored import stored_value

        with self._past() as desk:
            blob = self._output(desk, desk.ledger.run(run), name)
            return stored_value(desk.blobs, blob, name, output)

    def sql(self, sql: str, *, run: str | None = None, actor: str = "") -> "SqlResult":
        """Query the stored tables of a run (default: the latest).

        Raises:
            UsageError: no such run, or DuckDB refuses the query.
        """
        from nbflow.store.query import query, tables_of

        with self._past() as desk:
            found = desk.ledger.run(run or "latest")
            outputs = (
                (result.step, blob, desk.blobs.path(blob))
                for result in found.steps
                for blob in result.outputs
                if blob.kind == "table"
            )
            return query(sql, tables_of(outputs))

    def verify(
        self, notebook: Path, *, parameters: Mapping[str, Any] | None = None, actor: str = ""
    ) -> "Verification":
        """Run it both ways on copies of the project, Run All and as a workflow, and compare."""
        from nbflow.project.verify import verify_notebook

        opened = self._open(notebook)
        return verify_notebook(self.root, opened, given_values(opened, parameters))

    # -- setting up --------------------------------------------------------------------------

    def doctor(self, *, actor: str = "") -> "tuple[HealthCheck, ...]":
        """What has to be right for runs to work."""
        from nbflow.project.health import examine

        return examine(self.layout)

    def init(self, *, actor: str = "") -> tuple[Path, ...]:
        """Write `nbflow.toml`, unless there is one; returns what was written."""
        return demo_files.write_config(self.root)

    def gc(
        self, *, max_bytes: int | None = None, dry_run: bool = False, actor: str = ""
    ) -> Cleaned:
        """Remove what nobody needs from the store, and beyond `max_bytes` (default: what
        nbflow.toml allows) the results that are cheapest to make again.

        Raises:
            UsageError: nbflow.toml cannot be used. StoreError: a file cannot be removed.
        """
        config = read_config(self.root)
        budget = config.max_bytes if max_bytes is None else max_bytes
        if not self.layout.ledger.exists():
            return Cleaned()
        with self._desk() as desk:
            return clean(desk, budget, dry_run=dry_run)

    def demo(self, folder: Path, *, actor: str = "") -> Path:
        """Write the flagship notebook and its data generator into a folder; returns the
        notebook."""
        return demo_files.write_demo(folder)

    # -- inside ------------------------------------------------------------------------------

    def _graph(self, opened: Opened) -> Graph:
        if not self.layout.ledger.exists():
            return opened.graph()
        with self._desk() as desk:
            return opened.graph(learned=desk.ledger.learned(opened.notebook.path))

    def _open(self, notebook: Path) -> Opened:
        path = notebook if notebook.is_absolute() else Path.cwd() / notebook
        return self._drafts.open_file(path, self.root)

    @contextmanager
    def _past(self) -> Iterator[Desk]:
        """To look back: a folder in which nothing has run stays as it is."""
        if not self.layout.ledger.exists():
            raise NotFound("nothing has run yet", hint="nbflow run NOTEBOOK")
        with self._desk() as desk:
            yield desk

    @contextmanager
    def _desk(self) -> Iterator[Desk]:
        desk = open_desk(self.layout)
        try:
            yield desk
        finally:
            desk.ledger.close()


def given_values(opened: Opened, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Given parameters, typed: text as a command line has it, other values as they are.

    Raises:
        UsageError: unknown, missing or unfit; lists what the notebook takes.
    """
    return coerce(opened.parameters, parameters or {}, from_text=True)


def _settled(desk: Desk, run: str) -> Run:
    """The run; if its runner is gone, after the ledger has declared it lost."""
    found = desk.ledger.run(run)
    while not found.status.ended and found.pid is not None:
        if process_lives(found.pid, found.pid_started):
            break
        sleep(_LOOK_AGAIN_SECONDS)
        desk.ledger.mark_lost(utc_now(), process_lives)
        found = desk.ledger.run(found.id)
    return found


def _known(desk: Desk, run: str) -> Run | None:
    """The run, unless it was removed."""
    try:
        return desk.ledger.run(run)
    except NotFound:
        return None


def _chain(desk: Desk, run: Run) -> frozenset[str]:
    """The run and those that it went on with."""
    found: set[str] = set()
    current: Run | None = run
    while current is not None and current.id not in found:
        found.add(current.id)
        before = current.trigger.removeprefix(_RESUME)
        current = _known(desk, before) if before != current.trigger else None
    return frozenset(found)
