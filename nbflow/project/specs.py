"""Task specifications: what a lane is told about one attempt of one step."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.plan import Plan
from nbflow.core.step import Step, StepId
from nbflow.core.task import Blob, ReplaySource, Source, StagedBlob, TaskSpec
from nbflow.planning.fingerprint import replay_names
from nbflow.project.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecMaker:
    """Makes the specifications of one run. `keep_all` keeps values that no step reads, too,
    and tells of each alone.

    `place` tells where a blob can be read, `hand_from` from how many bytes on tables may be hands.
    """

    layout: Layout
    key: Path
    place: Callable[[Blob], Path]
    hand_from: Callable[[], int | None]
    run: str
    fence: int
    notebook: str
    folder: Path
    kernel_name: str
    jobs: int
    keep_all: bool = False

    def __call__(
        self,
        plan: Plan,
        step: Step,
        *,
        attempt: int,
        inputs: Mapping[Name, Blob],
        lane_inputs: tuple[Name, ...],
    ) -> TaskSpec:
        """The specification of an attempt, with an empty staging folder."""
        replayed = (*replay_names(step.replays), *step.defines)
        provided = [name for name in replayed if name not in step.declared_writes]
        # Each blob once, however many of its names are read.
        blobs = tuple({(blob.digest, blob.names): blob for blob in inputs.values()}.values())
        return TaskSpec(
            run=self.run,
            step=step.id,
            step_name=step.name,
            attempt=attempt,
            fence=self.fence,
            notebook=self.notebook,
            cells=_sources(step),
            replays=_replays(step),
            inputs=self._staged(blobs),
            superseded=tuple(superseded(plan.graph, step, b, inputs) for b in blobs),
            input_names=tuple(str(name) for name in inputs),
            lane_inputs=tuple(str(name) for name in lane_inputs),
            outputs=tuple(str(name) for name in step.outputs),
            optional=() if self.keep_all else tuple(str(n) for n in step.optional_outputs),
            declared_writes=tuple(str(name) for name in step.declared_writes),
            may_writes=tuple(str(name) for name in step.may_writes),
            may_reads=tuple(str(name) for name in step.may_reads),
            unasked=tuple(str(name) for name in step.unasked),
            spared=tuple(str(name) for name in step.spared),
            together=step.together,
            unseen=step.unseen,
            passes=tuple(str(name) for name in step.passes),
            python_reads=tuple(str(name) for name in step.python_reads),
            provided=tuple(provided),
            parameters=dict(plan.parameters),
            staging=str(self._staging(step, attempt)),
            key_file=str(self.key),
            working_directory=str(self.folder),
            lane=step.lane,
            timeout=step.options.timeout,
            env=self._environment(step, attempt),
            kernel_name=self.kernel_name,
            threads=max(1, (os.cpu_count() or 1) // self.jobs),
            hand_from=self.hand_from(),
            each=self.keep_all,
        )

    def _staged(self, blobs: tuple[Blob, ...]) -> tuple[StagedBlob, ...]:
        return tuple(
            StagedBlob(blob=blob, path="" if blob.kind == "absent" else str(self.place(blob)))
            for blob in blobs
        )

    def _staging(self, step: Step, attempt: int) -> Path:
        folder = self.layout.staging / self.run / f"{step.position}-{attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _environment(self, step: Step, attempt: int) -> dict[str, str]:
        return {
            "NBFLOW_RUN_ID": self.run,
            "NBFLOW_STEP": step.name,
            "NBFLOW_ATTEMPT": str(attempt),
        }


def superseded(
    graph: Graph, step: Step, blob: Blob, inputs: Mapping[Name, Blob]
) -> tuple[str, ...]:
    """The members of an alias group that are not, any more, what their names mean at a step.

    After `keep = x` and a later `x = 5`, the group of both still serves `keep`, but not `x`.
    """
    writers = {given.name: given.writer for given in step.inputs}
    served = {name for name, given in inputs.items() if _is_same(given, blob)}
    makers = {writers[name] for name in served}
    others = [Name(name) for name in blob.names if name not in served]
    return tuple(
        str(name)
        for name in others
        if (writers.get(name) or _latest_writer(graph, step, name)) not in makers
    )


def _is_same(one: Blob, other: Blob) -> bool:
    return (one.digest, one.names) == (other.digest, other.names)


def _latest_writer(graph: Graph, step: Step, name: Name) -> StepId | None:
    above = (one for one in graph.steps if one.position < step.position)
    return next((one.id for one in reversed(tuple(above)) if name in one.declared_writes), None)


def _sources(step: Step) -> tuple[Source, ...]:
    shown = dict(step.shown_calls)
    return tuple(
        Source(
            cell=cell,
            cell_index=index,
            source=source,
            raises_exception=cell in step.options.raises_exception,
            shown_call=shown.get(cell, ""),
        )
        for cell, index, source in zip(step.cells, step.cell_indexes, step.sources, strict=True)
    )


def _replays(step: Step) -> tuple[ReplaySource, ...]:
    return tuple(
        ReplaySource(
            cell=replay.cell,
            cell_index=replay.cell_index,
            line=replay.line,
            source=replay.source,
            names=tuple(str(name) for name in replay.names),
            below=tuple(str(name) for name in replay.below),
        )
        for replay in step.replays
    )
