"""`nbflow why`: from a step of a run back to the first cause, by comparing it with the earlier run
that came nearest. `nbflow diff`: the same for all steps of any two runs."""

from collections.abc import Mapping
from functools import cache

from nbflow.core.errors import NbflowError, NotFound, UsageError
from nbflow.core.run import Event, EventKind, Run, Status, StepResult
from nbflow.core.step import Step
from nbflow.core.why import Cause, Change, RunDifference, StepDifference, Why
from nbflow.notebook.read import read_file
from nbflow.planning.changes import changes, clause
from nbflow.planning.explain import SEE_ABOVE, standing, story, with_causes
from nbflow.project.contents import Contents
from nbflow.project.desk import Desk
from nbflow.project.log import run_events
from nbflow.project.opened import open_snapshot
from nbflow.project.snapshot import snapshot_path
from nbflow.store.sketches import Sketches, text_diff

_DEEPEST = 50
"""Causes of causes are followed this far."""

_SHARED = frozenset({"input", "file", "module"})
"""What several steps may see changed at once."""


def why(desk: Desk, run: Run, step: str) -> Why:
    """Why a step ran, was reused or was skipped in a run, and how it ended.

    Raises:
        NotFound: the run has no such step.
    """
    result = next((one for one in run.steps if one.step == step), None)
    if result is None:
        names = ", ".join(one.step for one in run.steps)
        raise NotFound(f"run {run.id} has no step `{step}`", hint=f"its steps: {names}")
    events = [event for event in run_events(desk, run) if event.step == result.step]
    told = story(result, events)
    message = _first_reason(events, result)
    grounds = desk.ledger.grounds(run.id, result.step_id)
    causes: tuple[Cause, ...] = ()
    compared = grounds.compared if grounds else None
    if result.action == "reuse" and result.fingerprint:
        told = (*told, *_unchanged(desk, result.fingerprint))
    elif grounds and compared and grounds.changes:
        past = _known(desk, compared)
        if past is not None:
            causes = _Tracer(desk, run, past).causes(result, grounds.changes, 0)
    return Why(
        run=run.id,
        step=result.step,
        item=result.item,
        status=result.status,
        action=result.action,
        reason=result.reason,
        message=message,
        compared=compared,
        causes=causes,
        lines=with_causes(told, message, causes, compared),
    )


def _first_reason(events: list[Event], result: StepResult) -> str:
    """Why it ran the first time in its run; a failure's message says how that ended."""
    starts = (event.message or "" for event in events if event.kind is EventKind.STEP_STARTED)
    return next(starts, result.message)


def _unchanged(desk: Desk, fingerprint: str) -> tuple[str, ...]:
    parts = desk.ledger.parts(fingerprint)
    return (f"  {standing(parts)}",) if parts else ()


def _result(run: Run, step: str) -> StepResult | None:
    return next((result for result in run.steps if result.step_id == step), None)


def _digests(result: StepResult) -> dict[str, str]:
    """What a step left, by name, but for ambient channels."""
    return {
        name: blob.digest
        for blob in result.outputs
        for name in blob.names
        if not name.startswith("@")
    }


def _known(desk: Desk, run: str) -> Run | None:
    try:
        return desk.ledger.run(run)
    except UsageError:
        return None


def compare(desk: Desk, before: Run, after: Run) -> RunDifference:
    """What differs between two runs of a notebook, step by step.

    Raises:
        UsageError: they ran different notebooks.
    """
    if before.notebook != after.notebook:
        raise UsageError(
            f"these runs are of two notebooks: {before.notebook} and {after.notebook}",
            hint="`nbflow runs` lists the runs with their notebooks",
        )
    tracer = _Tracer(desk, after, before)
    ids = dict.fromkeys(result.step_id for run in (after, before) for result in run.steps)
    found = tuple(tracer.difference(step) for step in ids)
    differing = tuple(one for one in found if one is not None)
    return RunDifference(
        before=before.id,
        after=after.id,
        notebook=after.notebook,
        steps=differing,
        same=len(found) - len(differing),
    )


class _Tracer:
    """Compares the steps of a run with those of an earlier one."""

    def __init__(self, desk: Desk, run: Run, past: Run) -> None:
        self._desk, self._run, self._past = desk, run, past
        folder = (desk.layout.root / run.notebook).parent
        sketches = Sketches(desk.layout.sketches)
        self._contents = Contents(desk.ledger, desk.blobs, sketches, folder)
        self._told: set[Change] = set()
        self._sources = cache(self._read_sources)
        self._steps = cache(self._read_steps)

    def difference(self, step: str) -> StepDifference | None:
        """How a step (by its id) differs between the runs; None if it does not."""
        old, new = (_result(run, step) for run in (self._past, self._run))
        result = new or old
        assert result is not None
        found = self._changes(new) if new is not None and old is not None else ()
        own = tuple(change for change in found if change.kind != "input")
        made = StepDifference(
            step=result.step,
            before=old.status if old else None,
            after=new.status if new else None,
            causes=self.causes(result, own, 0),
            outputs=self._outputs(old, new) if old and new else (),
        )
        return made if made.causes or made.outputs or made.before != made.after else None

    def _outputs(self, old: StepResult, new: StepResult) -> tuple[Cause, ...]:
        before, after = _digests(old), _digests(new)
        if Status.SUCCEEDED not in (old.status, new.status) or not (before and after):
            return ()
        differing = [name for name in after if before.get(name) != after[name]]
        found = (
            Change(kind="input", name=name, old=before.get(name), new=after[name])
            for name in differing
        )
        return tuple(
            Cause(change=one, message=clause(one, self._contents.in_full(one)[0])) for one in found
        )

    def causes(
        self, result: StepResult, found: tuple[Change, ...], depth: int
    ) -> tuple[Cause, ...]:
        """The changes of one step, each with what it comes from."""
        return tuple(self._cause(result, change, depth) for change in found)

    def _cause(self, result: StepResult, change: Change, depth: int) -> Cause:
        """What has many readers is explained once."""
        if change.kind in _SHARED and change in self._told:
            return Cause(change=change, message=f"{clause(change)} {SEE_ABOVE}")
        self._told.add(change)
        words, lines = self._contents.in_full(change)
        match change.kind:
            case "source":
                lines = self._code(result)
            case "definition":
                lines = self._definition(result, change.name)
        return Cause(
            change=change,
            message=clause(change, words),
            details=lines,
            because=self._above(result, change, depth) if change.kind == "input" else (),
        )

    def _above(self, result: StepResult, change: Change, depth: int) -> tuple[Cause, ...]:
        """What changed in the step that made an input."""
        writer = self._writer(result, change)
        if writer is None or depth > _DEEPEST:
            return ()
        found = self._changes(writer)
        if found:
            return self.causes(writer, found, depth + 1)
        if writer.action != "run" or not writer.message:
            return ()
        said = f"`{writer.step}` ran again, with another result: {writer.message}"
        return (Cause(change=change, message=said),)

    def _writer(self, reader: StepResult, change: Change) -> StepResult | None:
        """The step that left this content under this name, the last one above the reader."""
        found: StepResult | None = None
        for result in self._run.steps:
            if result.step_id == reader.step_id:
                break
            for blob in result.outputs:
                if change.name in blob.names and blob.digest == change.new:
                    found = result
        return found

    def _changes(self, result: StepResult) -> tuple[Change, ...]:
        grounds = self._desk.ledger.grounds(self._run.id, result.step_id)
        if grounds and grounds.compared == self._past.id and grounds.changes:
            return grounds.changes
        before = _result(self._past, result.step_id)
        old = self._parts(self._past, before) if before else None
        new = self._parts(self._run, result)
        return changes(old, new) if old and new else ()

    def _parts(self, run: Run, result: StepResult) -> Mapping[str, str] | None:
        grounds = self._desk.ledger.grounds(run.id, result.step_id)
        if grounds is not None:
            return grounds.parts
        return self._desk.ledger.parts(result.fingerprint) if result.fingerprint else None

    # -- code ------------------------------------------------------------------------------------

    def _code(self, result: StepResult) -> tuple[str, ...]:
        old, new = self._sources(self._past.id), self._sources(self._run.id)
        cells = [cell for cell in result.cells if cell in old and cell in new]
        return tuple(line for cell in cells for line in text_diff(old[cell], new[cell]))

    def _definition(self, result: StepResult, names: str) -> tuple[str, ...]:
        old, new = (self._replayed(run, result, names) for run in (self._past, self._run))
        return text_diff(old, new) if old and new else ()

    def _replayed(self, run: Run, result: StepResult, names: str) -> str | None:
        step = self._steps(run.id).get(result.step_id)
        replays = step.replays if step else ()
        return next((one.source for one in replays if ", ".join(one.names) == names), None)

    def _read_sources(self, run: str) -> Mapping[str, str]:
        layout = self._desk.layout
        try:
            reading = read_file(snapshot_path(layout, run), root=layout.root)
        except NbflowError:
            return {}
        return {cell.id: cell.source for cell in reading.notebook.cells}

    def _read_steps(self, run: str) -> Mapping[str, Step]:
        """The steps of a run by id, understood from its snapshot."""
        layout = self._desk.layout
        of = self._run if run == self._run.id else self._past
        try:
            path = layout.root / of.notebook
            opened = open_snapshot(snapshot_path(layout, run), path, layout.root)
            graph = opened.graph(values=of.parameters)
        except NbflowError:
            return {}
        return {step.id: step for step in graph.steps}
