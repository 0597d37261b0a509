"""Before a step: its inputs into the namespace, and a look at everything that it must not change.

Tables that only SQL reads are attached and never fetched. Of an alias group all members are loaded,
but only those that were asked for are bound; the others are watched.
"""

import functools
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from blake3 import blake3

from nbflow.core.errors import StoreError
from nbflow.core.mapping import map_file
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.task import StagedBlob, TaskSpec
from nbflow.inside import arrow_file, hand, looked, surroundings, tables, values
from nbflow.inside.acting import trust
from nbflow.inside.ambient import Start, Watch, start_here, watch_channels, write_channel
from nbflow.inside.digest import (
    MANY_THREADS_BYTES,
    Looks,
    NamedIndex,
    Snapshot,
    Undigestible,
)
from nbflow.inside.grown import Parts, parts_of
from nbflow.inside.seal import read_seal
from nbflow.inside.values import Packing

SUM_SUFFIX: Final = ".sum"
"""Beside a stored file: the keyed digest of its bytes (see store/blobs.py)."""


class Session(Protocol):
    """What loading and capturing need of a kernel's SQL session (`inside.sql.SqlSession`)."""

    def is_sql(self, name: str) -> bool:
        """Whether SQL is the truth of a name."""
        ...

    def attach(self, name: str, path: Path, *, read: Callable[[], Any] | None = None) -> None:
        """Show a table file under a name; `read` gives Python's exact object of it."""
        ...

    def materialise(self, names: Iterable[str]) -> None:
        """Put DataFrames of SQL's names into the namespace."""
        ...

    def settle(self, names: Iterable[str] | None = None) -> None:
        """After Python ran: what it rebound or changed is Python's."""
        ...

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of SQL was used yet."""
        ...

    def take_changes(self) -> frozenset[str]:
        """The names that SQL changed, or Python took over, since last asked."""
        ...

    def export(self, name: str, path: Path) -> None:
        """Write an SQL table into a new table file."""
        ...

    def forget(self, name: str) -> None:
        """Drop SQL's table of a name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A Python value that the step may read, and what it was like (None: it has no content).

    parts: what was in it, if it remembers what it is asked for.
    """

    name: str
    value: Any = field(repr=False)
    before: Snapshot | None
    indexes: tuple[NamedIndex, ...] = ()
    hidden: bool = False
    parts: Parts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was there before the step's first cell ran. listened: see `looked.listen`."""

    packing: Packing = field(repr=False)
    start: Start = field(repr=False)
    watched: tuple[Watched, ...]
    tables: frozenset[str]
    ambient: Watch = field(repr=False)
    modules: Mapping[str, str] = field(repr=False)
    loggers: Mapping[str, Any] = field(repr=False)
    living: "surroundings.Living" = field(repr=False)
    process: Mapping[str, Any] = field(repr=False)
    listened: bool = False


def load(
    namespace: dict[str, Any], session: Session, spec: TaskSpec, *, start: Start | None = None
) -> Loaded:
    """Bind the step's inputs, restore its ambient channels, and remember how everything was.

    `start` is the kernel's own beginning, where the caller kept it (it counts for `@environ`).

    Raises:
        StoreError: an input is missing, damaged, or not sealed by this project.
        PickleForbidden: an input is a pickle, and pickles are forbidden.
    """
    start = start or start_here(spec.working_directory)
    packing = _packing(namespace, spec)
    loading = _Loading(
        namespace=namespace, session=session, spec=spec, packing=packing, start=start
    )
    trust(spec.provided)
    loading.take_all()
    session.take_changes()
    return Loaded(
        packing=packing,
        start=start,
        watched=tuple(loading.watch()),
        tables=frozenset(loading.tables()),
        ambient=watch_channels(start),
        modules=surroundings.module_states(),
        loggers=surroundings.logger_states(),
        living=surroundings.living(),
        process=surroundings.process_state(),
        listened=looked.listen(),
    )


def restore_channels(
    namespace: dict[str, Any], spec: TaskSpec, channels: Collection[str], *, start: Start
) -> None:
    """Restore some of the step's ambient channels, before anything else is loaded.

    Raises:
        StoreError, PickleForbidden: as `load`.
    """
    ambient = (staged for staged in spec.inputs if staged.blob.kind == "ambient")
    wanted = [staged for staged in ambient if not set(channels).isdisjoint(staged.blob.names)]
    if not wanted:
        return  # as before most replays: the key need not be read for that
    packing = _packing(namespace, spec)
    for staged in wanted:
        _restore(staged, packing, start)


def _packing(namespace: dict[str, Any], spec: TaskSpec) -> Packing:
    seal = read_seal(Path(spec.key_file), allow_pickle=spec.allow_pickle)
    return Packing(seal=seal, namespace=namespace, provided=frozenset(spec.provided))


def _restore(staged: StagedBlob, packing: Packing, start: Start) -> None:
    path = Path(staged.path)
    check_file(path, packing.seal.key)
    kind = "json" if staged.blob.suffix == "json" else "pickle"
    value = values.load_file(path, kind, packing=packing)
    for channel in staged.blob.names:
        write_channel(channel, value, start)


@dataclass(slots=True, kw_only=True)
class _Loading:
    """One load on its way."""

    namespace: dict[str, Any]
    session: Session
    spec: TaskSpec
    packing: Packing
    start: Start
    hidden: dict[str, Any] = field(default_factory=dict)

    def take_all(self) -> None:
        """Load every input. What has a newer version elsewhere is left out of its group."""
        superseded = self.spec.superseded or ((),) * len(self.spec.inputs)
        for staged, old in zip(self.spec.inputs, superseded, strict=True):
            self._take(staged, old)

    def _take(self, staged: StagedBlob, superseded: tuple[str, ...]) -> None:
        blob = staged.blob
        names = [name for name in blob.names if name not in superseded]
        wanted = [name for name in names if name in self.spec.input_names]
        if blob.kind == "absent":
            for name in wanted:
                self._unbind(name)
            return
        if blob.kind == "ambient":
            _restore(staged, self.packing, self.start)
            return
        path = Path(staged.path)
        if path.suffix == hand.SUFFIX:
            value = values.load_hand(path, packing=self.packing)
            for name in wanted:
                self._bind(name, value)
            return
        check_file(path, self.packing.seal.key)
        if blob.kind == "table" and len(blob.names) == 1:
            for name in wanted:
                self._table(name, path)
            return
        value = values.load_file(path, blob.kind, packing=self.packing)
        members = value if len(blob.names) > 1 else {blob.names[0]: value}
        for name in names:
            if name in wanted:
                self._bind(name, members[name])
            else:
                self.hidden[name] = members[name]

    def _unbind(self, name: str) -> None:
        if kind_of(Name(name)) is NameKind.VARIABLE:
            self.namespace.pop(name, None)
            self.session.forget(name)

    def _table(self, name: str, path: Path) -> None:
        read = functools.partial(values.load_file, path, "table", packing=self.packing)
        python = name in self.spec.python_reads
        if path.suffix == arrow_file.SUFFIX:  # SQL scans it where it lies
            self._bind(name, read())
            return
        if python and tables.is_from_python(path):
            self._bind(name, read())
            return
        self.namespace.pop(name, None)
        self.session.attach(name, path, read=read)
        if python:
            self.session.materialise([name])

    def _bind(self, name: str, value: Any) -> None:
        self.session.forget(name)
        self.namespace[name] = value

    def watch(self) -> Iterable[Watched]:
        looks = Looks()
        for name in (*self.spec.input_names, *self.spec.lane_inputs):
            if name in self.namespace and not self.session.is_sql(name):
                yield _watched(name, self.namespace[name], looks)
        for name, value in self.hidden.items():
            yield _watched(name, value, looks, hidden=True)

    def tables(self) -> Iterable[str]:
        """Inputs whose truth is SQL's: the session itself tells what becomes of them."""
        names = (*self.spec.input_names, *self.spec.lane_inputs)
        return (name for name in names if self.session.is_sql(name))


def _watched(name: str, value: Any, looks: Looks, *, hidden: bool = False) -> Watched:
    try:
        look = looks.at(value)
    except Undigestible:  # it stays in its lane, and so do all who could change it
        return Watched(name=name, value=value, before=None, hidden=hidden)
    return Watched(
        name=name,
        value=value,
        before=look.snapshot,
        indexes=look.indexes,
        hidden=hidden,
        parts=parts_of(value),
    )


def check_file(path: Path, key: bytes) -> None:
    """Look that a stored file holds what was committed, if a sum lies beside it.

    Raises:
        StoreError: it is missing, or its bytes changed.
    """
    try:
        recorded = path.with_name(path.name + SUM_SUFFIX).read_bytes()
    except FileNotFoundError:
        return
    try:
        is_large = path.stat().st_size >= MANY_THREADS_BYTES
        total = blake3(key=key, max_threads=blake3.AUTO if is_large else 1)
        total.update(map_file(path) if is_large else path.read_bytes())
    except OSError as error:
        raise StoreError(f"stored value {path} cannot be read: {error.strerror}") from error
    if not secrets.compare_digest(recorded, total.hexdigest().encode()):
        raise StoreError(
            f"stored value {path} is damaged: its bytes are not those that were written",
            hint="run again: what is damaged is put aside and made anew",
        )
