"""What the planner may ask about the past and the surroundings, put together from store and
ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from nbflow.core.plan import Recorded
from nbflow.core.step import Step, StepId
from nbflow.core.task import Blob
from nbflow.core.why import Change
from nbflow.execution import surroundings
from nbflow.planning.build import Known
from nbflow.planning.canonical import names_may_show
from nbflow.planning.changes import ABSENT
from nbflow.planning.fingerprint import Parts, step_parts
from nbflow.project.contents import Contents
from nbflow.project.kept import Kept
from nbflow.store.blobs import BlobStore
from nbflow.store.displays import Displays
from nbflow.store.history import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class _Local:
    """What a step uses of the user's own modules, and whether they may look at its locals."""

    digests: Mapping[str, str]
    names_show: bool


class Memory:
    """Answers for one notebook; `known()` hands them to the planner."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        blobs: BlobStore,
        displays: Displays,
        notebook: str,
        folder: Path,
        now: datetime,
        kept: Kept,
        contents: Contents,
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._displays = displays
        self._notebook = notebook
        self._folder = folder
        self._now = now
        self._kept = kept
        self._contents = contents
        self._static: dict[StepId, _Local] = {}
        self._packages: dict[tuple[str, ...], Mapping[str, str]] = {}

    def known(self) -> Known:
        """The look-ups as the planner wants them."""
        return Known(
            parts=self.parts,
            recorded=self._ledger.recorded,
            untrue=self.untrue,
            kept=self.kept,
            expired=self.expired,
            earlier=self._earlier,
            detail=self._contents.detail,
            seconds=self._seconds,
        )

    def parts(self, step: Step, inputs: Mapping[str, Blob]) -> Parts:
        """The fingerprint's parts as the world is now."""
        local = self._local(step)
        used = (*step.modules, *_used(step, inputs))
        return step_parts(
            step,
            inputs={name: blob.digest for name, blob in inputs.items()},
            files=surroundings.file_digests(step.files_read, self._folder),
            modules=local.digests,
            environment=surroundings.environment_digests(step.environment),
            packages=self._versions(tuple(dict.fromkeys(used))),
            python=surroundings.PYTHON,
            platform=surroundings.PLATFORM,
            folder=str(self._folder.resolve()),
            names_show=local.names_show,
        )

    def kept(self, step: Step, parts: Parts) -> Recorded | None:
        """What the resumed run has of a step, if its results are all there."""
        recorded = self._kept.find(step, parts)
        return None if recorded is None or self._damage(recorded) else recorded

    def untrue(self, recorded: Recorded) -> Change | str | None:
        """Why a recorded success cannot be used any more: a file, or in words; None if it can."""
        for touch in (*recorded.files_read, *recorded.files_written):
            now = surroundings.path_digest(touch.path, self._folder)
            then = touch.digest or ABSENT
            if now != then:
                return Change(kind="file", name=touch.path, old=then, new=now)
        return self._damage(recorded)

    def _damage(self, recorded: Recorded) -> str | None:
        """What is not in the store any more, or not as it was put there."""
        for name, blob in recorded.outputs.items():
            if not self._blobs.verify(blob):
                return f"the stored `{name}` is missing or damaged"
        if not self._displays.has(recorded.fingerprint):
            return "what it showed is not stored"
        return None

    def expired(self, step: Step, recorded: Recorded) -> bool:
        """The tag `cache:DURATION` says that the result is too old."""
        policy = step.options.cache
        if policy is None or policy.seconds is None:
            return False
        age = self._now - datetime.fromisoformat(recorded.finished)
        return age > timedelta(seconds=policy.seconds)

    def _local(self, step: Step) -> "_Local":
        found = self._static.get(step.id)
        if found is None:
            sources = surroundings.module_sources(step.modules, self._folder)
            texts = (text.decode("utf-8", "replace") for text in sources.values())
            found = self._static[step.id] = _Local(
                digests=surroundings.digests_of(sources),
                names_show=any(map(names_may_show, texts)),
            )
        return found

    def _versions(self, modules: tuple[str, ...]) -> Mapping[str, str]:
        found = self._packages.get(modules)
        if found is None:
            found = surroundings.package_versions(modules, self._folder)
            self._packages[modules] = found
        return found

    def _earlier(self, step: StepId) -> tuple[tuple[str, Parts], ...]:
        return self._ledger.earlier(self._notebook, step)

    def _seconds(self, step: StepId) -> float | None:
        recorded = self._ledger.recorded_for_step(self._notebook, step)
        return recorded.seconds if recorded is not None else None


def _used(step: Step, inputs: Mapping[str, Blob]) -> Iterator[str]:
    """Packages that do a step's work although it does not import them: the types of its inputs, and
    what runs SQL."""
    for blob in inputs.values():
        module, dot, _ = blob.python_type.partition(".")
        if dot:
            yield module
    if any(source.lstrip().startswith(("%%sql", "%sql")) for source in step.sources):
        yield "duckdb"
