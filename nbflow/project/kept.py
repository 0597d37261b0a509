"""What a resumed run keeps: the finished steps of the runs that it goes on with.

A finished step is not repeated, even if its result is never reused otherwise. What the notebook
itself writes must not speak against it either: a step that appends to a file, or whose file a later
step changed, would never find it as it was before. What somebody else changed does count.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from nbflow.core.plan import Recorded
from nbflow.core.run import Status
from nbflow.core.step import Step, StepId
from nbflow.execution import surroundings
from nbflow.planning.fingerprint import Parts
from nbflow.store.history import Ledger

_FILE = "file:"


class Kept:
    """The successes of some runs of one notebook; `writes` are the paths that its steps write."""

    def __init__(
        self, ledger: Ledger, runs: Iterable[str], *, folder: Path, writes: Iterable[str]
    ) -> None:
        self._ledger, self._folder = ledger, folder
        self._successes: dict[StepId, Recorded] = {}
        for run in sorted(runs):  # ids sort by time: the latest wins
            self._successes.update(_successes(ledger, run))
        written = {
            touch.path for recorded in self._successes.values() for touch in recorded.files_written
        }
        self._own = {self._full(path) for path in (*writes, *written)}

    def find(self, step: Step, parts: Parts) -> Recorded | None:
        """The success of a step that is the same as it would be now, but for own files."""
        recorded = self._successes.get(step.id)
        if recorded is None or step.lane is not None:
            return None
        before = self._ledger.parts(recorded.fingerprint)
        if before is None or self._others(before) != self._others(parts):
            return None
        return recorded if self._files_stand(recorded) else None

    def _others(self, parts: Parts) -> Mapping[str, str]:
        return {
            key: value
            for key, value in parts.items()
            if not (key.startswith(_FILE) and self._is_own(key.removeprefix(_FILE)))
        }

    def _files_stand(self, recorded: Recorded) -> bool:
        """Files of others are unchanged, and what the step wrote is still there."""
        for touch in (*recorded.files_read, *recorded.files_written):
            now = surroundings.path_digest(touch.path, self._folder)
            then = touch.digest or "absent"
            if now != then and (now == "absent" or not self._is_own(touch.path)):
                return False
        return True

    def _is_own(self, path: str) -> bool:
        return self._full(path) in self._own

    def _full(self, path: str) -> Path:
        return (self._folder / Path(path).expanduser()).resolve()


def _successes(ledger: Ledger, run: str) -> dict[StepId, Recorded]:
    found: dict[StepId, Recorded] = {}
    for result in ledger.run(run).steps:
        if result.status is Status.SUCCEEDED and result.fingerprint is not None:
            recorded = ledger.recorded(result.fingerprint)
            if recorded is not None:
                found[StepId(result.step_id)] = recorded
    return found
