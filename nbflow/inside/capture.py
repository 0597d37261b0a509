"""After a step: its outputs into staged files, and what it did beyond its declaration.

Names that share mutable objects (or array memory) are one group and one file. Inputs that changed
without being declared, groups that reach into undeclared inputs, values that cannot be stored: all
are reported, none is passed over.
"""

import contextlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
from blake3 import blake3

from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.task import Blob, StagedBlob, TaskReport, TaskSpec, Unstorable
from nbflow.inside import hand, looked, surroundings, tables, values
from nbflow.inside.ambient import changed_channels, channel_digest, read_channel
from nbflow.inside.digest import Examined, Looks, Undigestible, examine
from nbflow.inside.grown import parts_of, places_in
from nbflow.inside.inputs import Loaded, Session, Watched
from nbflow.inside.pictures import pictured
from nbflow.inside.seal import PickleForbidden
from nbflow.inside.values import CannotStore, Packing, Stored

if sys.platform != "win32":
    import resource

ABSENT_DIGEST: Final = blake3(b"absent").hexdigest()
# Every cell may draw: a generator counts only where the plan follows it.
_NUMPY: Final = "@numpy.random"
_GENERATORS: Final = frozenset({"@random", _NUMPY})


def capture(
    namespace: dict[str, Any], session: Session, spec: TaskSpec, loaded: Loaded
) -> TaskReport:
    """Stage the step's outputs into `spec.staging` and tell what it did.

    Files and network are told by `inside.watch`; the caller puts both together.

    Raises:
        StoreError, OSError: a file cannot be written.
    """
    has_looked = looked.has_looked(loaded.listened)
    session.settle()
    changed_tables = session.take_changes()
    seen = _Seen(
        namespace=namespace, session=session, spec=spec, loaded=loaded, has_looked=has_looked
    )
    seen.look()
    mutations = tuple(sorted(seen.mutations(changed_tables)))
    seen.look_at_changed(mutations)
    seen.look_at_sharing()
    staging = _Staging(
        folder=Path(spec.staging),
        packing=loaded.packing,
        hand_from=spec.hand_from,
        each=spec.each,
    )
    for group in seen.groups():
        staging.add_group({name: seen.outputs[name] for name in group}, seen)
    for name in sorted(seen.sql):
        staging.add_sql(name, session)
    for name in seen.absent:
        staging.add_absent(name)
    for channel in sorted(n for n in spec.outputs if kind_of(Name(n)) is NameKind.AMBIENT):
        staging.add_channel(channel, read_channel(channel, loaded.start))
    unstorable = (*seen.unstorable, *staging.unstorable)
    apart, lent = seen.left_alone(changed_tables)
    return TaskReport(
        outputs=tuple(staging.staged),
        unstorable=unstorable,
        found_mutations=mutations,
        # What cannot be stored cannot be looked through: it may hold on to anything (a weakref).
        untouched=() if unstorable else tuple(sorted(apart)),
        lent=() if unstorable else tuple(sorted(lent)),
        found_reads=seen.found_reads(),
        unread=seen.unread(),
        alias_groups=tuple(seen.undeclared_groups()),
        dynamic_effects=(*seen.around.living, *seen.renamed_indexes()),
        peak_memory=_peak_memory(),
        clean=not unstorable and seen.is_clean(),
    )


# -- looking


@dataclass(slots=True, kw_only=True)
class _Seen:
    """The values after the step, each walked once (they stay alive here)."""

    namespace: dict[str, Any]
    session: Session
    spec: TaskSpec
    loaded: Loaded
    has_looked: bool
    outputs: dict[str, Any] = field(default_factory=dict)
    sql: set[str] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)
    unstorable: list[Unstorable] = field(default_factory=list)
    around: "_Around" = field(init=False)
    looks: Looks = field(default_factory=Looks)
    sharing: list[list[str]] = field(default_factory=list)

    def look(self) -> None:
        self.around = _around(self.loaded)
        variables = {n for n in self.spec.outputs if kind_of(Name(n)) is NameKind.VARIABLE}
        for name in sorted(variables):
            if self.session.is_sql(name):
                self.sql.add(name)
            elif name in self.namespace:
                if name not in self.spec.optional or _is_light(self.namespace[name]):
                    self._look_at(name, self.namespace[name])
            elif name not in self.spec.passes:
                self.absent.append(name)
        self._take_shared_tables()

    def look_at_changed(self, names: Iterable[str]) -> None:
        """What the step changed unforeseen is left by it, too: who asks for it later must not get
        what it was before."""
        for name in set(names) & self.namespace.keys() - self.outputs.keys() - self.sql:
            if self.spec.each or _is_light(self.namespace[name]):
                self._look_at(name, self.namespace[name])

    def look_at_sharing(self) -> None:
        """Which names share what, of all that was looked at by now."""
        self.sharing = self._shared()

    def _take_shared_tables(self) -> None:
        """An SQL result that Python also keeps under another name is stored with that name."""
        for group in self._shared() if self.sql else ():
            if len(group) > 1:
                for name in self.sql & set(group):
                    self.sql.discard(name)
                    self._look_at(name, self.namespace[name])

    def _look_at(self, name: str, value: Any) -> None:
        try:
            self.looks.at(value)
            values.refuse(value)
            self.outputs[name] = value
        except (Undigestible, CannotStore) as error:
            kind = values.qualified_type(value)
            self.unstorable.append(Unstorable(name=name, python_type=kind, why=str(error)))

    def of(self, value: Any) -> Examined | None:
        try:
            return self.looks.at(value)
        except Undigestible:
            return None

    # -- what changed

    def mutations(self, changed_tables: frozenset[str]) -> Iterator[str]:
        declared = set(self.spec.declared_writes) - set(self.spec.spared)
        for watched in self.loaded.watched:
            if watched.name not in declared and self._changed(watched):
                yield watched.name
        yield from (self.loaded.tables & changed_tables) - declared
        followed = {*self.spec.input_names, *self.spec.spared}
        for channel in (self.around.channels | self.around.brought_in) - declared:
            if channel not in _GENERATORS or channel in followed:
                yield channel
        # Steps above have set these, and nobody thought that the step would go on from there.
        strange = self.around.channels & set(self.spec.unasked) & _GENERATORS
        yield from strange - declared - followed
        for module in self.around.modules:
            yield f"@module:{module}"
        # What every kernel replays cannot be handed on as it is now.
        if self.around.definitions - (declared - set(self.spec.provided)):
            yield "@module:__main__"
        if self.around.loggers:
            yield "@module:logging"

    def is_clean(self) -> bool:
        """Whether the process is, but for names and modules, what it was before the step."""
        cells, replays = self.spec.cells, self.spec.replays
        sources = [*(one.source for one in cells), *(one.source for one in replays)]
        return (
            self.session.is_untouched
            # The library's own connection is there for the whole process.
            and not any("duckdb" in source for source in sources)
            and self.around == _NOTHING_AROUND
            and surroundings.process_state() == self.loaded.process
        )

    def left_alone(self, changed_tables: frozenset[str]) -> tuple[set[str], set[str]]:
        """Names that the step might have changed, but did not: those that it cannot change later
        either, by way of what it wrote, and those that share with what it wrote, as its text says.
        What has no content to compare is not among them."""
        wanted = set(self.spec.may_writes)
        same = {
            one.name
            for one in self.loaded.watched
            if one.name in wanted and one.before is not None and not self._changed(one)
        }
        same |= (self.loaded.tables & wanted) - changed_tables
        same -= self.around.definitions
        written = set(self.spec.declared_writes) - same
        sharing = [group for group in self.sharing if written.intersection(group)]
        lent = {name for group in sharing if self._is_expected(group) for name in group} & same
        channels = {name for name in wanted if kind_of(Name(name)) is NameKind.AMBIENT}
        channels -= self.around.channels | self.around.brought_in
        return same.difference(*sharing) | channels, lent

    def found_reads(self) -> tuple[str, ...]:
        """Settings that the step looked at, though nobody thought so."""
        return tuple(sorted(looked.SEEN & set(self.spec.unasked))) if self.has_looked else ()

    def unread(self) -> tuple[str, ...]:
        """Settings that the step did not look at, though its text could not say so."""
        return () if self.has_looked else tuple(sorted(looked.SEEN & set(self.spec.may_reads)))

    def renamed_indexes(self) -> Iterator[str]:
        """Other tables may use the same Index object, and are not here to be looked at."""
        if any(one.renamed for watched in self.loaded.watched for one in watched.indexes):
            yield "index_names"

    def _changed(self, watched: Watched) -> bool:
        if not watched.hidden:
            missing = object()
            if self.namespace.get(watched.name, missing) is not watched.value:
                return True  # rebound or deleted, and no text said so
        if watched.before is None:
            return False
        now = self.of(watched.value)
        if now is not None and not watched.before.changed(now.snapshot):
            return False
        later = parts_of(watched.value) if watched.parts is not None else None
        return watched.parts is None or later is None or not watched.parts.outlast(later)

    # -- what is shared

    def groups(self) -> list[tuple[str, ...]]:
        """The outputs in groups that are stored jointly, sorted; most have one member."""
        members = ((n for n in group if n in self.outputs) for group in self.sharing)
        return sorted(tuple(sorted(names)) for names in map(list, members) if names)

    def undeclared_groups(self) -> Iterator[tuple[str, ...]]:
        """Groups of outputs that an input belongs to which the step is not known to change, nor to
        share."""
        declared = set(self.spec.declared_writes)
        for group in self.sharing:
            inner, outer = set(group) & self.outputs.keys(), set(group) - self.outputs.keys()
            if inner and outer - declared and not self._is_expected(group):
                yield tuple(sorted(group))

    def _is_expected(self, group: Collection[str]) -> bool:
        """Whether the text says that these may share."""
        return any(set(group) <= set(known) for known in self.spec.together)

    def is_unseen(self, group: Collection[str]) -> bool:
        """Whether nobody below can see that these share."""
        return any(set(group) <= set(known) for known in self.spec.unseen)

    def _shared(self) -> list[list[str]]:
        nodes = dict(self.outputs)
        for watched in self.loaded.watched:
            still_there = self.namespace.get(watched.name) is watched.value
            if watched.name not in nodes and (watched.hidden or still_there):
                nodes[watched.name] = watched.value
        for name in self.sql | self.loaded.tables:
            if name in self.namespace and self.session.is_sql(name):
                nodes.setdefault(name, self.namespace[name])
        looks = {name: self.of(value) for name, value in nodes.items()}
        return connected({name: look for name, look in looks.items() if look is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What changed around the step's names. brought_in: generators that the step itself brought in,
    and may have drawn from. definitions: classes and functions of the notebook that hold something
    else now."""

    channels: frozenset[str] = frozenset()
    brought_in: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    definitions: frozenset[str] = frozenset()
    loggers: frozenset[str] = frozenset()
    living: tuple[str, ...] = ()


_NOTHING_AROUND: Final = _Around()


def _around(loaded: Loaded) -> _Around:
    brought_in = loaded.ambient.values[_NUMPY] is None and "numpy.random" in sys.modules
    changed = surroundings.changed_since(loaded.modules)
    return _Around(
        channels=frozenset(changed_channels(loaded.ambient, loaded.start)),
        brought_in=frozenset({_NUMPY}) if brought_in else frozenset(),
        modules=changed.modules,
        definitions=changed.definitions,
        loggers=surroundings.changed_loggers(loaded.loggers),
        living=surroundings.left_behind(loaded.living),
    )


def _is_light(value: Any) -> bool:
    """Tables, columns and plain values: what people ask for afterwards, and cheap to keep."""
    column = issubclass(type(value), pd.Series)
    if tables.is_table(value) or values.is_plain_array(value) or column:
        return True
    try:
        values.to_plain(value)
    except values.NotPlain:
        return False
    return True


def connected(looks: Mapping[str, Examined]) -> list[list[str]]:
    """Names in groups that share mutable objects or array memory, directly or through others."""
    leader = {name: name for name in looks}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for one, other in _links(looks):
        leader[find(one)] = find(other)
    groups: dict[str, list[str]] = {}
    for name in looks:
        groups.setdefault(find(name), []).append(name)
    return list(groups.values())


def _links(looks: Mapping[str, Examined]) -> Iterator[tuple[str, str]]:
    first: dict[int, str] = {}
    for name, look in looks.items():
        for key in look.met:
            yield name, first.setdefault(key, name)
    owner = {id(memory): name for name, look in looks.items() for memory in look.arrays}
    memories = [memory for look in looks.values() for memory in look.arrays]
    for one, other in values.overlapping(memories):
        yield owner[id(one)], owner[id(other)]


# -- staging


@dataclass(slots=True, kw_only=True)
class _Staging:
    """The files of one attempt."""

    folder: Path
    packing: Packing
    hand_from: int | None
    each: bool = False
    staged: list[StagedBlob] = field(default_factory=list)
    unstorable: list[Unstorable] = field(default_factory=list)

    def _stem(self) -> Path:
        return self.folder / f"{len(self.staged) + len(self.unstorable):03d}"

    def add_group(self, members: dict[str, Any], seen: _Seen) -> None:
        try:
            staged = self._stored(members, seen)
            told = _each(members, seen) if self.each else ()
            places = _places(members) if self.each else ()
            blob = replace(staged.blob, each=told, places=places)
            self.staged.append(replace(staged, blob=blob))
        except (CannotStore, PickleForbidden, Undigestible) as error:
            if len(members) > 1 and seen.is_unseen(members):
                for name, value in members.items():
                    self.add_group({name: value}, seen)
                return
            for name, value in members.items():
                kind = values.qualified_type(value)
                self.unstorable.append(Unstorable(name=name, python_type=kind, why=str(error)))

    def _stored(self, members: dict[str, Any], seen: _Seen) -> StagedBlob:
        names = tuple(members)
        if len(names) > 1:
            look = examine(members)
            stored = values.store_group(members, look, self._stem(), packing=self.packing)
            kinds = ", ".join(f"{n}: {values.qualified_type(v)}" for n, v in members.items())
            return _staged(names, stored, look.digest, python_type=kinds)
        (value,) = members.values()
        one = seen.looks.digested(value)
        stored = values.store_value(
            value, one, self._stem(), packing=self.packing, hand_from=self.hand_from
        )
        if stored.path.suffix == hand.SUFFIX:
            return _staged_hand(names, stored, one.digest, value)
        return _staged(
            names,
            stored,
            one.digest,
            python_type=values.qualified_type(value),
            preview="" if stored.kind == "table" else values.preview(value),
        )

    def add_sql(self, name: str, session: Session) -> None:
        path = Path(f"{self._stem()}.duckdb")
        session.export(name, path)
        stored = Stored(kind="table", suffix="duckdb", path=path)
        total = tables.content_digest(tables.read_natural(path))
        self.staged.append(_staged((name,), stored, total, python_type="pandas.DataFrame"))

    def add_absent(self, name: str) -> None:
        blob = Blob(names=(name,), kind="absent", digest=ABSENT_DIGEST)
        self.staged.append(StagedBlob(blob=blob, path=""))

    def add_channel(self, channel: str, value: Any) -> None:
        try:
            look = examine(value)
            stored = values.store_value(value, look, self._stem(), packing=self.packing)
            total = channel_digest(channel, value)
        except (CannotStore, PickleForbidden, Undigestible) as error:
            self.unstorable.append(Unstorable(name=channel, python_type="", why=str(error)))
            return
        ambient = Stored(kind="ambient", suffix=stored.suffix, path=stored.path)
        self.staged.append(_staged((channel,), ambient, total))


def _each(members: Mapping[str, Any], seen: _Seen) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (
            name,
            values.qualified_type(value),
            pictured(value) or seen.looks.digested(value).snapshot.core,
        )
        for name, value in members.items()
    )


def _places(members: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, place, what) for name, value in members.items() for place, what in places_in(value)
    )


def _staged_hand(
    names: tuple[str, ...], stored: Stored, total: str, frame: pd.DataFrame
) -> StagedBlob:
    """What DuckDB says of its types, and how large the file is, is known when it is stored."""
    blob = Blob(
        names=names,
        kind=stored.kind,
        digest=total,
        suffix=stored.suffix,
        bytes=values.size_of(frame),
        python_type=values.qualified_type(frame),
        rows=frame.shape[0],
        columns=frame.shape[1],
    )
    return StagedBlob(blob=blob, path=str(stored.path.resolve()))


def _staged(
    names: tuple[str, ...],
    stored: Stored,
    total: str,
    *,
    python_type: str = "",
    preview: str = "",
) -> StagedBlob:
    facts = stored.facts
    if facts is None and stored.kind == "table":
        facts = tables.read_facts(stored.path)
    blob = Blob(
        names=names,
        kind=stored.kind,
        digest=total,
        suffix=stored.suffix,
        bytes=stored.path.stat().st_size,
        python_type=python_type,
        rows=facts.rows if facts else None,
        columns=facts.columns if facts else None,
        schema=facts.schema if facts else (),
        preview=preview,
    )
    return StagedBlob(blob=blob, path=str(stored.path.resolve()))


def _peak_memory() -> int | None:
    """Bytes that this process has held at most since `forget_peak_memory`."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        return next((int(line.split()[1]) * 1024 for line in status if "VmHWM" in line), None)
    if sys.platform == "win32":
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak_memory() -> None:
    """Begin to count anew, where the system can (on Linux, see proc(5): clear_refs)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as counter:
        counter.write("5")
