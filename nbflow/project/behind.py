"""Results become durable behind the run: readers go on with what was staged, meanwhile.

`Behind` stands between the runner and the store and ledger. A commit only hands the staged file to
the keeper (`project/keeper.py`); the step's row in the ledger, the commit point, waits until all of
its files are durable, and rows keep their order. So a crash at any moment leaves a step whole or
not at all, and nothing counts as succeeded that is not on disk: a run ends after `settle`.

What is on its way is bounded: beyond a part of the free disk, lanes store their tables themselves.

A huge version that a later step overwrites (`df["x"] = …`, ten times) is stored only if that costs
less than to make it again: its row waits a while for the step that overwrites it, and then says
that it was not kept. The last version of a name is always stored.
Meanwhile the keeper writes what will probably be left of it in the end (`inside/groundwork.py`).
"""

import math
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

from nbflow.analysis.replaced import columns_replaced
from nbflow.core.errors import StoreError
from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.plan import Recorded
from nbflow.core.run import Elsewhere, Event, RunId, StepResult
from nbflow.core.step import Step, StepId
from nbflow.core.task import Blob, Keep, StagedBlob
from nbflow.core.why import Grounds
from nbflow.execution.runner import Executed
from nbflow.project.line import Line, StartKeeper, cold_keeper
from nbflow.store.blobs import BlobStore
from nbflow.store.displays import Displays, Shown
from nbflow.store.history import Ledger

LARGE_BYTES: Final = 32 << 20
"""From this size on a table is worth a keeper that has to be started first."""

HUGE_BYTES: Final = 256 << 20
"""From this size on a version is not stored just because somebody might want it again."""

HOLD_SECONDS: Final = 10.0
"""How long a huge version may wait for the step that overwrites it before it is stored after all:
rows behind it wait, too, and that step may take hours."""

SYNC_SECONDS: Final = 0.25
"""How often rows are made to outlive a loss of power. A disk takes as long for a few as for one,
and steps do not wait for it."""

_HAND: Final = ".hand"
_BYTES_A_SECOND: Final = 30e6
"""A version that is overwritten is stored if making it took longer than this. A table becomes a
durable file five times as fast; but storing costs every run, making it again a few."""

_PART_OF_DISK: Final = 4
"""What is on its way takes this part of the free disk at most."""

_Key = tuple[str, str]
"""Digest and suffix: what a blob's file is known by."""

_Version = tuple[_Key, tuple[str, ...]]
"""A blob under its names: equal content of two names is stored once, and wanted twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Success:
    """A row that waits until its files are durable."""

    run: RunId
    fence: int
    result: StepResult
    recorded: Recorded | None
    event: Event
    parts: Mapping[str, Any] | None

    @property
    def blobs(self) -> Iterable[Blob]:
        return (*self.result.outputs, *(self.recorded.outputs.values() if self.recorded else ()))


class Behind:
    """The runner's recorder and committer of one run. All calls come from the runner's thread."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        ledger: Ledger,
        is_alive: Callable[[int, float | None], bool],
        displays: Displays,
        on_event: Callable[[Event], None] = lambda _: None,
        start: StartKeeper = cold_keeper,
        large: int = LARGE_BYTES,
    ) -> None:
        """`large`: from how many bytes on tables go through the keeper. 0 if starting one costs
        nothing: then everything does. `is_alive(pid, started)` tells whether another run's process
        is there."""
        self._blobs, self._ledger, self._tell = blobs, ledger, on_event
        self._displays = displays
        self._writer = ThreadPoolExecutor(1, "nbflow-displays")
        self._saving: dict[str, Future[None]] = {}
        self._start, self._large, self._is_alive = start, large, is_alive
        self._line: Line | None = None
        self._number = 0
        self._asked: dict[int, _Key] = {}
        self._staged: dict[_Key, Path] = {}
        self._kept: dict[_Key, Blob] = {}
        self._waiting: deque[_Success] = deque()
        self._under_way = 0
        self._sizes: dict[int, int] = {}
        self._failure: StoreError | None = None
        self._steps: dict[str, Step] = {}
        self._reading: dict[tuple[str, Name], set[str]] = {}
        self._prepared: dict[tuple[str, ...], Keep] = {}
        self._held: dict[_Version, StagedBlob] = {}
        self._held_since: dict[_Version, float] = {}
        self._heirs: dict[str, set[_Version]] = {}
        self._dropped: set[_Version] = set()
        self._costs: dict[str, float] = {}
        self._writers: dict[_Version, str] = {}
        self._succeeded: set[str] = set()
        self._syncer = ThreadPoolExecutor(1, "nbflow-sync")
        self._syncing: Future[None] | None = None
        self._synced = -math.inf

    def follow(self, graph: Graph) -> None:
        """The graph that the run goes by from now on: it tells which versions are overwritten."""
        self._steps = {step.id: step for step in graph.steps}
        self._reading.clear()
        for step in graph.steps:
            for one in step.inputs:
                self._reading.setdefault((one.writer, one.name), set()).add(step.id)

    # -- files -----------------------------------------------------------------------------------

    def hand_from(self) -> int | None:
        """From how many bytes on lanes may leave tables as hands; None where that is too much."""
        free = shutil.disk_usage(self._blobs.root).free
        prepared = sum(one.staged.blob.bytes for one in self._prepared.values())
        return self._large if self._under_way + prepared < free // _PART_OF_DISK else None

    def commit(self, staged: StagedBlob) -> Blob:
        """Take over a staged file; it may be read at `place` at once, and is durable later.

        Raises:
            StoreError: the disk is full or fails, also for an earlier file.
        """
        path, hand = Path(staged.path), Path(staged.path).with_suffix(_HAND)
        if hand.exists():
            self._staged[_key(staged.blob)] = hand
        if self._line is None and path != hand and self._large:
            return self._blobs.commit(staged)
        self._line = self._line or Line(self._start)
        self._staged[_key(staged.blob)] = hand if hand.exists() else path
        self._dropped.discard(_version(staged.blob))
        if staged.blob.bytes >= HUGE_BYTES and path == hand:
            # Whether it is stored shows when its step has succeeded.
            self._held[_version(staged.blob)] = staged
            self._held_since[_version(staged.blob)] = monotonic()
        else:
            self._ask(staged)
        return staged.blob

    def _ask(self, staged: StagedBlob) -> None:
        assert self._line is not None
        self._prepared.pop(staged.blob.names, None)
        self._number += 1
        self._asked[self._number] = _key(staged.blob)
        self._sizes[self._number] = Path(staged.path).stat().st_size
        self._under_way += self._sizes[self._number]
        self._line.ask(Keep(number=self._number, staged=staged, root=str(self._blobs.root)))

    def _decide(self, success: _Success) -> None:
        """Whether the large versions that a step left are stored, and those that it overwrote."""
        step, left = success.result.step_id, {_version(b): b for b in success.result.outputs}
        self._succeeded.add(step)
        for version in self._heirs.pop(step, set()) - left.keys():
            if self._held.pop(version, None) is not None:
                self._dropped.add(version)
        self._make_room()
        cost = self._costs.pop(step, 0.0) + (success.result.seconds or 0.0)
        for version in left.keys() & self._held.keys():
            heir = self._heir(step, left[version])
            if heir is None or cost >= left[version].bytes / _BYTES_A_SECOND:
                self._ask(self._held.pop(version))
            else:
                self._heirs.setdefault(heir, set()).add(version)
                self._writers[version] = step
                self._costs[heir] = max(cost, self._costs.get(heir, 0.0))
                self._prepare(step, self._held[version])
        self._forget_but({version[1] for version in self._held})

    def _prepare(self, step: str, staged: StagedBlob) -> None:
        """Let the keeper begin with what those that overwrite a version will leave of it."""
        assert self._line is not None
        passing = self._replaced(step, staged.blob)
        if passing is not None and self.hand_from() is not None:
            request = Keep(
                number=0,
                staged=staged,
                root=str(self._blobs.root),
                what="prepare",
                passing=tuple(sorted(passing)),
            )
            self._prepared[staged.blob.names] = request
            self._line.ask(request)

    def _replaced(self, step: str, blob: Blob) -> frozenset[str] | None:
        """Labels of the columns that steps below are seen to replace; None: perhaps of all."""
        found: frozenset[str] = frozenset()
        while (heir := self._heir(step, blob)) is not None:
            for source in self._steps[heir].sources:
                labels = columns_replaced(source, blob.names[0])
                if labels is None:
                    return None
                found |= labels
            step = heir
        return found

    def _forget_but(self, expected: Collection[tuple[str, ...]]) -> None:
        """Let the keeper go on with nothing of which no version is held any more."""
        for names in self._prepared.keys() - expected:
            assert self._line is not None
            self._line.ask(replace(self._prepared.pop(names), what="forget", passing=()))

    def _make_room(self) -> None:
        """Where the disk gets full, remove what was read by all and will not be stored."""
        spare = [v for v in self._writers if v in self._dropped and self._staged[v[0]].exists()]
        sizes = {version: self._staged[version[0]].stat().st_size for version in spare}
        free = shutil.disk_usage(self._blobs.root).free if spare else 0
        for version in spare:
            if sum(sizes.values()) < free // _PART_OF_DISK:
                return
            if self._is_read_by_all(version):
                self._staged[version[0]].unlink()
                del sizes[version]

    def _is_read_by_all(self, version: _Version) -> bool:
        read = self._writers[version], Name(version[1][0])
        shared = any(one != version and one[0] == version[0] for one in self._held)
        return not shared and self._reading.get(read, set()) <= self._succeeded

    def _heir(self, step: str, blob: Blob) -> str | None:
        """The step that reads a version and puts another in its place."""
        (name,) = map(Name, blob.names)
        readers = self._reading.get((step, name), set())
        overwriting = (
            one.id
            for one in self._steps.values()
            if one.id in readers and name in one.declared_writes and name in one.outputs
        )
        return next(overwriting, None)

    def place(self, blob: Blob) -> Path:
        """Where a reader finds a blob now."""
        staged = self._staged.get(_key(blob))
        return staged if staged is not None and staged.exists() else self._blobs.path(blob)

    def save(self, fingerprint: str, outputs: Shown) -> None:
        """See `Displays.save`: durable before the row of the step that has the fingerprint."""
        self._saving[fingerprint] = self._writer.submit(self._displays.save, fingerprint, outputs)

    def load(self, fingerprint: str) -> Shown:
        """See `Displays.load`."""
        return self._displays.load(fingerprint)

    def settle(self) -> None:
        """Wait until all that was committed is durable and recorded.

        Raises:
            StoreError: something could not be stored.
        """
        wanted = {_version(blob) for row in self._waiting for blob in row.blobs}
        for version in wanted & self._held.keys():  # nobody overwrote it, so it is the last
            self._ask(self._held.pop(version))
        while self._asked:
            self._take_answers(wait=True)
        futures.wait(self._saving.values())
        self._record()

    def finished(self, executed: Executed) -> Executed:
        """The same when all is durable, with what is known of its files now. Raises: as `settle`"""
        self.settle()
        return replace(executed, steps=tuple(map(self._as_kept, executed.steps)))

    def close(self) -> None:
        """End the keeper; what it was not done with is nobody's result."""
        self._writer.shutdown()
        self._syncer.shutdown()
        if self._line is not None:
            self._line.close()
            self._line = None

    def _take_answers(self, *, wait: bool = False) -> None:
        self._check()
        if self._line is None or not self._asked:
            return
        for answer in self._line.answers(wait=wait):
            key = self._asked.pop(answer.number)
            self._under_way -= self._sizes.pop(answer.number)
            if answer.blob is None:
                self._failure = self._failure or StoreError(answer.error, hint=answer.hint)
            else:
                self._kept[key] = answer.blob
        self._check()

    def _check(self) -> None:
        """What could not be stored once stops everything that comes after it."""
        if self._failure is not None:
            raise self._failure

    # -- rows ------------------------------------------------------------------------------------

    def append(self, event: Event) -> Event:
        """See `Ledger.append`."""
        self._pump()
        return self._ledger.append(event)

    def heartbeat(self, run: RunId, fence: int, at: str) -> None:
        """See `Ledger.heartbeat`."""
        self._pump()
        self._ledger.heartbeat(run, fence, at)

    def step_changed(self, run: RunId, fence: int, result: StepResult, event: Event) -> Event:
        """See `Ledger.step_changed`. What a step was before is recorded first."""
        self._settle_before(result)
        return self._ledger.step_changed(run, fence, result, event)

    def step_started(
        self, run: RunId, fence: int, result: StepResult, event: Event, grounds: Grounds | None
    ) -> Event:
        """See `Ledger.step_started`. What a step was before is recorded first."""
        self._settle_before(result)
        return self._ledger.step_started(run, fence, result, event, grounds)

    def _settle_before(self, result: StepResult) -> None:
        if any(one.result.step_id == result.step_id for one in self._waiting):
            self.settle()
        self._pump()

    def claim(
        self, run: RunId, fence: int, step: StepId, fingerprint: str, *, seen: str | None
    ) -> Elsewhere | None:
        """See `Ledger.claim`."""
        self._pump()
        return self._ledger.claim(run, fence, step, fingerprint, seen=seen, is_alive=self._is_alive)

    def is_claimed(self, fingerprint: str) -> bool:
        """See `Ledger.is_claimed`."""
        self._pump()
        return self._ledger.is_claimed(fingerprint, self._is_alive)

    def step_succeeded(
        self,
        run: RunId,
        fence: int,
        result: StepResult,
        recorded: Recorded | None,
        event: Event,
        *,
        fingerprint_parts: Mapping[str, Any] | None = None,
    ) -> Event:
        """See `Ledger.step_succeeded`: recorded, and told, when the step's files are durable.

        The event comes back without an id: it is not told yet.
        """
        success = _Success(
            run=run,
            fence=fence,
            result=result,
            recorded=recorded,
            event=event,
            parts=fingerprint_parts,
        )
        self._decide(success)
        self._waiting.append(success)
        self._pump()
        return event

    def tell(self, event: Event) -> None:
        """Pass on an event that is recorded; those that wait are told later."""
        if event.id:
            self._tell(event)

    def _pump(self) -> None:
        for version in list(self._held):
            if monotonic() - self._held_since[version] > HOLD_SECONDS:
                self._ask(self._held.pop(version))
        self._take_answers()
        self._record()

    def _record(self) -> None:
        """Write the rows whose files, and whose predecessors' files, are durable."""
        was_told = False
        while self._waiting and self._is_durable(self._waiting[0]):
            one = self._waiting.popleft()
            result = self._as_kept(one.result)
            recorded = one.recorded and self._recorded(one.recorded)
            told = self._ledger.step_succeeded(
                one.run,
                one.fence,
                result,
                recorded,
                replace(one.event, data=_with_facts(one.event.data, result)),
                fingerprint_parts=one.parts,
                # What may simply be made again can wait a little for the others.
                durable=recorded is None or recorded.never_reuse is not None,
            )
            self._tell(told)
            was_told = True
        if was_told:
            self._sync()

    def _sync(self) -> None:
        if self._syncing is not None:
            if not self._syncing.done():
                return
            self._syncing.result()  # raises what went wrong
        if monotonic() - self._synced > SYNC_SECONDS:
            self._synced = monotonic()
            self._syncing = self._syncer.submit(self._ledger.sync)

    def _is_durable(self, success: _Success) -> bool:
        shown = self._saving.get(success.recorded.fingerprint) if success.recorded else None
        if shown is not None and shown.done():
            shown.result()  # raises what went wrong
            shown = None
        return shown is None and not any(map(self._is_under_way, success.blobs))

    def _is_under_way(self, blob: Blob) -> bool:
        if _version(blob) in self._dropped:
            return False
        return _version(blob) in self._held or _key(blob) in self._asked.values()

    def _as_kept(self, result: StepResult) -> StepResult:
        outputs = (
            self._final(blob) for blob in result.outputs if _version(blob) not in self._dropped
        )
        return replace(result, outputs=tuple(outputs))

    def _recorded(self, recorded: Recorded) -> Recorded:
        there = {n: b for n, b in recorded.outputs.items() if _version(b) not in self._dropped}
        lost = min(recorded.outputs.keys() - there.keys(), default=None)
        why = None if lost is None else f"`{lost}` was not kept: a later step overwrote it"
        return replace(
            recorded,
            outputs={name: self._final(blob) for name, blob in there.items()},
            never_reuse=recorded.never_reuse or why,
        )

    def _final(self, blob: Blob) -> Blob:
        """A blob with what became known when it was stored."""
        kept = self._kept.get(_key(blob))
        if kept is None:
            return blob
        names = ("suffix", "bytes", "rows", "columns", "schema")
        return replace(blob, **{name: getattr(kept, name) for name in names})


def _with_facts(data: Mapping[str, Any], result: StepResult) -> dict[str, Any]:
    """An event's data with the outputs as they are now."""
    known = {", ".join(blob.names): blob for blob in result.outputs}
    now = [
        {**told, "bytes": blob.bytes, "rows": blob.rows, "columns": blob.columns}
        for told in data.get("outputs", ())
        if (blob := known.get(told["name"])) is not None
    ]
    return {**data, "outputs": now} if "outputs" in data else dict(data)


def _key(blob: Blob) -> _Key:
    return blob.digest, blob.suffix


def _version(blob: Blob) -> _Version:
    return _key(blob), blob.names
