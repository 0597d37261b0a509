"""Results become durable behind the run: readers go on with what was staged, meanwhile.

`Behind` stands between the runner and the store and ledger. A commit only hands the staged file to
the keeper (`project/keeper.py`); the step's row in the ledger, the commit point, waits until all of
its files are durable, and rows keep their order. So a crash at any moment leaves a step whole or
not at all, and nothing counts as succeeded that is not on disk: a run ends after `settle`.

What is on its way is bounded: beyond a part of the free disk, lanes store their tables themselves.
"""

import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from nbflow.core.errors import StoreError
from nbflow.core.plan import Recorded
from nbflow.core.run import Elsewhere, Event, RunId, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob, Keep, Kept, StagedBlob
from nbflow.core.why import Grounds
from nbflow.execution.runner import Executed
from nbflow.store.blobs import BlobStore
from nbflow.store.history import Ledger

LARGE_BYTES: Final = 32 << 20
"""From this size on a table is worth a keeper that has to be started first."""

_HAND: Final = ".hand"
_START_SECONDS: Final = 60.0
_CHUNK_BYTES: Final = 1 << 16
_PART_OF_DISK: Final = 4
"""What is on its way takes this part of the free disk at most."""

_Key = tuple[str, str]
"""Digest and suffix: what a blob's file is known by."""

StartKeeper = Callable[[str], Callable[[], None]]
"""Starts a keeper that connects to an address; what comes back waits for its end."""


def cold_keeper(address: str) -> Callable[[], None]:
    """A keeper in a new process of its own."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        # -P: modules in the folder of the notebook are the lanes' business, not the keeper's.
        [sys.executable, "-P", "-m", "nbflow.project.keeper", address],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is the runner's business
    )

    def wait() -> None:
        process.wait()

    return wait


class Line:
    """The connection to a keeper. Everything raises StoreError if it is gone."""

    def __init__(self, start: StartKeeper) -> None:
        folder = tempfile.mkdtemp(prefix="nbf-")
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.bind(f"{folder}/keeper")
                door.listen(1)
                door.settimeout(_START_SECONDS)
                self._wait = start(f"{folder}/keeper")
                self._socket, _ = door.accept()
        except OSError as error:
            raise StoreError(f"results cannot be stored: no keeper came up ({error})") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._begun = b""

    def ask(self, request: Keep) -> None:
        """Send a request."""
        try:
            self._socket.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as error:
            raise _gone() from error

    def answers(self, *, wait: bool) -> list[Kept]:
        """What has been answered since last asked; with `wait`, there is something."""
        found: list[Kept] = []
        while (wait and not found) or select.select([self._socket], [], [], 0)[0]:
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except OSError as error:
                raise _gone() from error
            if not data:
                raise _gone()
            *whole, self._begun = (self._begun + data).split(b"\n")
            found += [msgspec.json.decode(one, type=Kept) for one in whole]
        return found

    def close(self) -> None:
        """Hang up, and wait until the keeper has ended."""
        self._socket.close()
        self._wait()


def _gone() -> StoreError:
    return StoreError(
        "results cannot be stored: the process that stores them has ended",
        hint="resume the run; if that happens again, look for messages about memory in the log",
    )


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
        on_event: Callable[[Event], None] = lambda _: None,
        start: StartKeeper = cold_keeper,
        large: int = LARGE_BYTES,
    ) -> None:
        """`large`: from how many bytes on tables go through the keeper. 0 if starting one costs
        nothing: then everything does. `is_alive(pid, started)` tells whether another run's process
        is there."""
        self._blobs, self._ledger, self._tell = blobs, ledger, on_event
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

    # -- files -----------------------------------------------------------------------------------

    def hand_from(self) -> int | None:
        """From how many bytes on lanes may leave tables as hands; None where that is too much."""
        free = shutil.disk_usage(self._blobs.root).free
        return self._large if self._under_way < free // _PART_OF_DISK else None

    def commit(self, staged: StagedBlob) -> Blob:
        """Take over a staged file; it may be read at `place` at once, and is durable later.

        Raises:
            StoreError: the disk is full or fails, also for an earlier file.
        """
        if self._line is None and Path(staged.path).suffix != _HAND and self._large:
            return self._blobs.commit(staged)
        self._line = self._line or Line(self._start)
        key = _key(staged.blob)
        self._number += 1
        self._asked[self._number], self._staged[key] = key, Path(staged.path)
        self._sizes[self._number] = Path(staged.path).stat().st_size
        self._under_way += self._sizes[self._number]
        self._line.ask(Keep(number=self._number, staged=staged, root=str(self._blobs.root)))
        return replace(staged.blob, bytes=staged.blob.bytes or self._sizes[self._number])

    def place(self, blob: Blob) -> Path:
        """Where a reader finds a blob now."""
        staged = self._staged.get(_key(blob))
        return staged if staged is not None and staged.exists() else self._blobs.path(blob)

    def settle(self) -> None:
        """Wait until all that was committed is durable and recorded.

        Raises:
            StoreError: something could not be stored.
        """
        while self._asked:
            self._take_answers(wait=True)
        self._record()

    def finished(self, executed: Executed) -> Executed:
        """The same when all is durable, with what is known of its files now. Raises: as `settle`"""
        self.settle()
        return replace(executed, steps=tuple(map(self._as_kept, executed.steps)))

    def close(self) -> None:
        """End the keeper; what it was not done with is nobody's result."""
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
        self._waiting.append(
            _Success(
                run=run,
                fence=fence,
                result=result,
                recorded=recorded,
                event=event,
                parts=fingerprint_parts,
            )
        )
        self._pump()
        return event

    def tell(self, event: Event) -> None:
        """Pass on an event that is recorded; those that wait are told later."""
        if event.id:
            self._tell(event)

    def _pump(self) -> None:
        self._take_answers()
        self._record()

    def _record(self) -> None:
        """Write the rows whose files, and whose predecessors' files, are durable."""
        under_way = set(self._asked.values())
        while self._waiting and not under_way & {_key(b) for b in self._waiting[0].blobs}:
            one = self._waiting.popleft()
            result = self._as_kept(one.result)
            recorded = one.recorded and replace(
                one.recorded,
                outputs={name: self._final(b) for name, b in one.recorded.outputs.items()},
            )
            told = self._ledger.step_succeeded(
                one.run,
                one.fence,
                result,
                recorded,
                replace(one.event, data=_with_facts(one.event.data, result)),
                fingerprint_parts=one.parts,
            )
            self._tell(told)

    def _as_kept(self, result: StepResult) -> StepResult:
        return replace(result, outputs=tuple(map(self._final, result.outputs)))

    def _final(self, blob: Blob) -> Blob:
        """A blob with what became known when it was stored."""
        kept = self._kept.get(_key(blob))
        if kept is None:
            return blob
        facts = {name: getattr(kept, name) for name in ("bytes", "rows", "columns", "schema")}
        return replace(blob, **facts)


def _with_facts(data: Mapping[str, Any], result: StepResult) -> dict[str, Any]:
    """An event's data with the sizes of the outputs as they are now."""
    outputs = data.get("outputs", ())
    if len(outputs) != len(result.outputs):
        return dict(data)
    now = [
        {**told, "bytes": blob.bytes, "rows": blob.rows, "columns": blob.columns}
        for told, blob in zip(outputs, result.outputs, strict=True)
    ]
    return {**data, "outputs": now}


def _key(blob: Blob) -> _Key:
    return blob.digest, blob.suffix
