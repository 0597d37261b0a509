"""One pass down the notebook: which version of each name every cell reads, and what it leaves.

The walk keeps the current version of every name. A cell's reads are resolved against them, with all
that follows: functions read globals where they are *called*, values carry the definitions that they
hold, names that share objects are written together. What comes out is one `CellLink` per code cell;
`link.py` turns these into steps and edges.
"""

import builtins
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nbflow.analysis.facts import CellFacts, Certainty, Effect, Fragment, Use
from nbflow.analysis.parameter_cell import injected_fragments, parameter_fragments
from nbflow.analysis.versions import PLAIN_TYPES, Aliases, Defined, Version, fold_match
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.graph import Learned
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.notebook import Cell, CellId
from nbflow.core.step import CellTags, StepId

RANDOM_CHANNELS = (Name("@random"), Name("@numpy.random"))
"""Drawing matters only below a seeding step; other channels are settings for everything below."""

_ALWAYS_THERE = frozenset(dir(builtins)) | {
    "display",
    "get_ipython",
    "In",
    "Out",
    "__file__",
    "__builtins__",
    "exit",
    "quit",
    "_",
    "__",
    "___",
    "_i",
    "_ih",
    "_oh",
    "_dh",
    "_exit_code",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A version that a cell needs, the line that asks for it, and how sure that is."""

    version: Version
    line: int
    certainty: str


@dataclass(slots=True, kw_only=True)
class CellLink:
    """What the walk found about one code cell. `key` groups cells into steps; None: no step."""

    cell: Cell
    facts: CellFacts
    tags: CellTags
    key: str | None
    lessons: tuple[Learned, ...] = ()
    inputs: dict[Name, Resolved] = field(default_factory=dict)
    replays: set[Defined] = field(default_factory=set)
    writes: dict[Name, Use] = field(default_factory=dict)
    learned: set[Name] = field(default_factory=set)
    left: dict[Name, Version] = field(default_factory=dict)
    affinity: dict[Name, str] = field(default_factory=dict)
    python_reads: set[Name] = field(default_factory=set)
    seeded: set[Name] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Group:
    """The cells of one step."""

    key: str
    links: list[CellLink] = field(default_factory=list)

    @property
    def id(self) -> StepId:
        """The cells' ids, joined."""
        return StepId("+".join(link.cell.id for link in self.links))

    @property
    def first(self) -> CellLink:
        """The first cell."""
        return self.links[0]

    def effects(self) -> frozenset[Effect]:
        """All effects of its cells."""
        return frozenset[Effect]().union(*(link.facts.effects for link in self.links))


@dataclass(slots=True, kw_only=True)
class Walk:
    """The walk's state. `replaying` is False when the notebook runs in one lane: every code cell
    then is a step of its own and nothing is replayed."""

    injected: str
    learned: Mapping[CellId, tuple[Learned, ...]]
    mutated_below: Mapping[Name, int]
    components: Mapping[Name, frozenset[Name]]
    replaying: bool = True
    current: dict[Name, Version] = field(default_factory=dict)
    aliases: Aliases = field(default_factory=Aliases)
    setup: list[Defined] = field(default_factory=list)
    skipped: dict[Name, Cell] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    one_lane: list[str] = field(default_factory=list)
    undefined: list[tuple[CellLink, Use]] = field(default_factory=list)
    _last_defined: Defined = field(init=False)

    def cell(self, cell: Cell, facts: CellFacts, tags: CellTags) -> CellLink:
        """Take one code cell; returns what it reads and leaves."""
        lessons = self.learned.get(cell.id, ())
        link = CellLink(cell=cell, facts=facts, tags=tags, key=None, lessons=lessons)
        if tags.skip:
            self._skip(cell, facts)
        elif self.replaying and tags.setup:
            self._setup(link)
        elif not (self.replaying and self._replayed(link)):
            self._step(link)
        return link

    def _replayed(self, link: CellLink) -> bool:
        """Take the cell as something to replay, if it can be."""
        marked = link.tags.parameters or link.tags.injected
        return (marked and self._parameters(link)) or self._definition(link)

    # -- cells that are no steps -------------------------------------------------------------

    def _skip(self, cell: Cell, facts: CellFacts) -> None:
        names = {use.name for use in facts.writes}
        names |= {name for fragment in facts.fragments for name in fragment.names}
        for name in names:
            if name not in self.current and kind_of(name) is NameKind.VARIABLE:
                self.skipped[name] = cell

    def _setup(self, link: CellLink) -> None:
        facts, cell = link.facts, link.cell
        fragment = Fragment(
            names=_bound_names(facts),
            source=cell.source,
            line=1,
            needs=facts.reads,
            late=facts.late + tuple(u for f in facts.fragments for u in f.late),
            late_writes=facts.late_writes
            + tuple(u for f in facts.fragments for u in f.late_writes),
        )
        if not self._define(cell, 0, fragment):
            self._error(
                "setup-reads-step",
                "a `setup` cell is replayed before every step: it cannot read what a step writes",
                cell,
                hint="remove the tag `setup`, or move what it reads into a setup cell above",
            )
            return
        self.setup.append(self._last_defined)

    def _parameters(self, link: CellLink) -> bool:
        fragments = parameter_fragments(link.cell)
        if fragments is None:
            return False
        for order, fragment in enumerate(fragments):
            self._define(link.cell, order, fragment, parameter=True)
        if link.tags.parameters:
            given = injected_fragments(self.injected)
            for order, fragment in enumerate(given, start=len(fragments)):
                self._define(link.cell, order, fragment, parameter=True)
        return True

    def _definition(self, link: CellLink) -> bool:
        facts = link.facts
        if not facts.is_definition or facts.syntax_error is not None:
            return False
        if link.tags.step is not None or not self._all_replayable(facts):
            return False
        for order, fragment in enumerate(facts.fragments):
            self._define(link.cell, order, fragment)
        return True

    def _all_replayable(self, facts: CellFacts) -> bool:
        own = {name for fragment in facts.fragments for name in fragment.names}
        return all(
            use.name in own or self._needs(use) is not _FROM_STEP
            for fragment in facts.fragments
            for use in fragment.needs
        )

    def _define(
        self, cell: Cell, order: int, fragment: Fragment, *, parameter: bool = False
    ) -> bool:
        """Make the fragment the current version of its names, if all it needs can be replayed."""
        found = [self._needs(use) for use in fragment.needs]
        if any(need is _FROM_STEP for need in found):
            return False
        defined = Defined(
            cell=cell.id,
            cell_index=cell.index,
            order=order,
            fragment=fragment,
            needs=tuple(need for need in found if isinstance(need, Defined)),
            parameter=parameter,
        )
        self._last_defined = defined
        for name in fragment.names:
            self._check_redefinition(name, cell)
            self.aliases.leave(name)
            self.current[name] = Version(
                name=name, cell_index=cell.index, line=fragment.line, defined=defined
            )
        return True

    def _needs(self, use: Use) -> "Defined | _FromStep | None":
        version = self.current.get(use.name)
        if version is None:
            return None
        return version.defined if version.defined is not None else _FROM_STEP

    def _check_redefinition(self, name: Name, cell: Cell) -> None:
        """A class or function that is defined twice may live on inside values of the first kind."""
        old = self.current.get(name)
        if old is None or old.defined is None or old.defined.fragment.module is not None:
            return
        holders = sorted(n for n, v in self.current.items() if old.defined in v.carried)
        if holders:
            self.one_lane.append(
                f"cell {cell.number} defines `{name}` again while `{holders[0]}` may still hold "
                f"the one of cell {old.cell_index + 1}"
            )

    # -- steps -------------------------------------------------------------------------------

    def _step(self, link: CellLink) -> None:
        facts = link.facts
        link.key = f"step:{link.tags.step}" if link.tags.step else f"cell:{link.cell.id}"
        self._one_lane_reasons(link)
        reads = [
            *facts.reads,
            *(_use(lesson.name) for lesson in link.lessons if lesson.what == "reads"),
        ]
        late = [*facts.late, *facts.late_writes]
        extra_writes: dict[Name, Use] = {}
        if self.replaying:
            link.replays.update(self.setup)
        self._resolve(link, reads, late_names=late, extra_writes=extra_writes)
        self._ambient_settings(link)
        self._writes(link, extra_writes)

    def _one_lane_reasons(self, link: CellLink) -> None:
        number = link.cell.number
        self.one_lane.extend(
            f"cell {number} line {line}: {why}" for line, why in link.facts.one_lane
        )

    def _resolve(
        self,
        link: CellLink,
        reads: Iterable[Use],
        *,
        late_names: Iterable[Use],
        extra_writes: dict[Name, Use],
    ) -> None:
        """Find the version of every read, and of all that reading it brings along."""
        waiting: deque[tuple[Use, bool]] = deque((use, False) for use in reads)
        waiting.extend((use, True) for use in late_names)
        for fragment in link.facts.fragments:
            waiting.extend((use, True) for use in (*fragment.late, *fragment.late_writes))
            extra_writes.update({use.name: _may(use) for use in fragment.late_writes})
        own = {n for f in link.facts.fragments for n in f.names} if not link.key else set()
        seen: set[Name] = set()
        while waiting:
            use, late = waiting.popleft()
            if use.name in seen or use.name in own:
                continue
            seen.add(use.name)
            self._resolve_one(link, use, late, waiting, extra_writes)

    def _resolve_one(
        self,
        link: CellLink,
        use: Use,
        late: bool,
        waiting: deque[tuple[Use, bool]],
        extra_writes: dict[Name, Use],
    ) -> None:
        kind = kind_of(use.name)
        if kind is NameKind.FILE:
            return
        if kind is NameKind.AMBIENT:
            self._read_ambient(link, use)
            return
        name = fold_match(use.name, self.current) if link.facts.sql else use.name
        version = self.current.get(name) if name else None
        if version is None:
            if not late:
                self._unknown(link, use)
            return
        if not link.facts.sql:
            link.python_reads.add(version.name)
        if version.defined is not None:
            self._use_definition(link, version.defined, use, waiting, extra_writes)
            return
        link.inputs.setdefault(
            version.name,
            Resolved(version=version, line=use.line, certainty=_weaker(use, version)),
        )
        for carried in version.carried:
            self._use_definition(link, carried, use, waiting, extra_writes)
        waiting.extend((Use(name=n, line=use.line), True) for n in version.late)
        for name in version.late_writes:
            waiting.append((Use(name=name, line=use.line), True))
            extra_writes[name] = Use(name=name, line=use.line, certainty=Certainty.MAY)

    def _use_definition(
        self,
        link: CellLink,
        defined: Defined,
        use: Use,
        waiting: deque[tuple[Use, bool]],
        extra_writes: dict[Name, Use],
    ) -> None:
        for needed in defined.chain():
            link.replays.add(needed)
            for late in (*needed.fragment.late, *needed.fragment.late_writes):
                waiting.append((Use(name=late.name, line=use.line), True))
            for write in needed.fragment.late_writes:
                extra_writes[write.name] = Use(
                    name=write.name, line=use.line, certainty=Certainty.MAY
                )
            if needed.fragment.mutable_state:
                self.one_lane.append(
                    f"cell {link.cell.number} uses `{needed.fragment.names[0]}`, a class whose "
                    "methods change the class itself"
                )

    def _read_ambient(self, link: CellLink, use: Use) -> None:
        version = self.current.get(use.name)
        if version is not None:
            link.inputs[use.name] = Resolved(version=version, line=use.line, certainty="sure")
            if use.name in RANDOM_CHANNELS:
                link.seeded.add(use.name)

    def _ambient_settings(self, link: CellLink) -> None:
        """Settings (options, styles, environment) hold for everything below their change."""
        for name, version in self.current.items():
            if kind_of(name) is NameKind.AMBIENT and name not in RANDOM_CHANNELS:
                link.inputs[name] = Resolved(version=version, line=1, certainty="sure")

    def _writes(self, link: CellLink, extra: Mapping[Name, Use]) -> None:
        facts = link.facts
        conditional = link.tags.raises_exception
        binds = frozenset() if conditional else facts.binds
        own = self._own_fragments(link)
        plain = {n for n, kind in facts.value_types if kind.rpartition(".")[2] in PLAIN_TYPES}
        writes = {use.name: use for use in facts.writes if use.name not in own}
        for fragment_name, use in self._fragment_writes(link, own).items():
            writes.setdefault(fragment_name, use)
        for name, use in extra.items():
            writes.setdefault(name, use)
        if link.tags.parameters:
            for name in (n for f in injected_fragments(self.injected) for n in f.names):
                writes.setdefault(name, Use(name=name, line=1))
        for lesson in link.lessons:
            if lesson.what == "writes":
                writes.setdefault(lesson.name, _use(lesson.name))
                link.learned.add(lesson.name)
        writes = self._canonical(link, writes)
        self._alias_writes(writes, binds)
        self._read_what_is_changed(link, writes, binds)
        for name in binds:
            self.aliases.leave(name)
        for group in facts.aliases:
            self._join(link, group, writes)
        self._leave(link, writes, binds, plain)

    def _own_fragments(self, link: CellLink) -> set[Name]:
        """Names of this cell's fragments that other lanes will replay instead of loading them."""
        own: set[Name] = set()
        if not self.replaying:
            return own
        for order, fragment in enumerate(link.facts.fragments):
            if link.tags.raises_exception or not self._define(link.cell, order, fragment):
                continue
            own.update(fragment.names)
        return own

    def _fragment_writes(self, link: CellLink, own: set[Name]) -> dict[Name, Use]:
        """Fragments that cannot be replayed (or in one lane): their names are ordinary writes."""
        return {
            name: Use(name=name, line=fragment.line)
            for fragment in link.facts.fragments
            for name in fragment.names
            if name not in own
        }

    def _canonical(self, link: CellLink, writes: Mapping[Name, Use]) -> dict[Name, Use]:
        if not link.facts.sql:
            return dict(writes)
        return {fold_match(name, self.current) or name: use for name, use in writes.items()}

    def _alias_writes(self, writes: dict[Name, Use], binds: frozenset[Name]) -> None:
        """Changing one name of a group may change them all."""
        for name, use in list(writes.items()):
            if name in binds:
                continue
            for other in self.aliases.of(name):
                if other not in writes and other in self.current:
                    writes[other] = Use(name=other, line=use.line, certainty=Certainty.MAY)

    def _read_what_is_changed(
        self, link: CellLink, writes: dict[Name, Use], binds: frozenset[Name]
    ) -> None:
        extra: dict[Name, Use] = {}
        for name, use in list(writes.items()):
            version = self.current.get(name)
            if version is None or (name in binds and name not in link.inputs):
                continue
            if version.defined is not None and name not in binds:
                self._change_of_definition(link, version, use, writes)
            elif name not in binds or name in link.inputs:
                self._resolve(link, [use], late_names=(), extra_writes=extra)

    def _change_of_definition(
        self, link: CellLink, version: Version, use: Use, writes: dict[Name, Use]
    ) -> None:
        """A parameter may be changed in place (its step then has the new version); a class may
        not."""
        defined = version.defined
        if defined is None:
            return
        if defined.parameter:
            link.replays.update(defined.chain())
            return
        if use.certainty is Certainty.SURE:
            self.one_lane.append(
                f"cell {link.cell.number} line {use.line} changes `{use.name}`, which cell "
                f"{version.cell_index + 1} defines"
            )
        writes.pop(use.name, None)

    def _join(self, link: CellLink, group: frozenset[Name], writes: dict[Name, Use]) -> None:
        """Names share objects from here on: if that can ever be seen, they are stored together."""
        members = self.aliases.join(
            name for name in group if name in writes or self._step_version(name)
        )
        visible = any(
            self.mutated_below.get(other, -1) > link.cell.index
            for name in members
            for other in self.components.get(name, frozenset({name}))
        )
        if not visible:
            return
        for name in members:
            if name not in writes and self._step_version(name):
                line = next((u.line for u in link.facts.reads if u.name == name), 1)
                writes[name] = Use(name=name, line=line, certainty=Certainty.MAY)
                self._resolve(link, [writes[name]], late_names=(), extra_writes={})

    def _step_version(self, name: Name) -> bool:
        version = self.current.get(name)
        return version is not None and version.step is not None

    def _leave(
        self,
        link: CellLink,
        writes: Mapping[Name, Use],
        binds: frozenset[Name],
        plain: set[Name],
    ) -> None:
        """Make the cell's versions the current ones."""
        carried, late, late_writes = self._carried(link)
        affinity = dict(link.facts.affinity)
        affinity.update({ls.name: ls.reason for ls in link.lessons if ls.what == "affinity"})
        for name, use in writes.items():
            kind = kind_of(name)
            if kind is NameKind.FILE or not self._counts(name, use):
                continue
            if kind is NameKind.AMBIENT:
                self._read_ambient(link, use)
            reason = affinity.get(name) or self._inherited_affinity(name, binds)
            if reason is not None:
                link.affinity[name] = reason
            free = name in plain or kind is NameKind.AMBIENT
            old = self.current.get(name)
            version = Version(
                name=name,
                cell_index=link.cell.index,
                line=use.line,
                step=link.key,
                sure=use.certainty is Certainty.SURE,
                carried=frozenset() if free else carried | _carried_before(old, name in binds),
                late=frozenset() if free else late,
                late_writes=frozenset() if free else late_writes,
                affinity=reason,
                sql=link.facts.sql,
            )
            link.writes[name] = use
            link.left[name] = version
        self.current.update(link.left)
        self._spread_affinity(link)

    def _counts(self, name: Name, use: Use) -> bool:
        """Drawing without a seed above changes nothing that another step could see."""
        if name not in RANDOM_CHANNELS or use.certainty is Certainty.SURE:
            return True
        return name in self.current

    def _inherited_affinity(self, name: Name, binds: frozenset[Name]) -> str | None:
        version = self.current.get(name)
        return version.affinity if version is not None and name not in binds else None

    def _spread_affinity(self, link: CellLink) -> None:
        for name, reason in list(link.affinity.items()):
            for other in self.aliases.of(name):
                version = self.current.get(other)
                if version is None or version.affinity is not None or version.step is None:
                    continue
                if other not in link.left:
                    continue
                updated = _with_affinity(version, reason)
                self.current[other] = link.left[other] = updated
                link.affinity[other] = reason

    def _carried(
        self, link: CellLink
    ) -> tuple[frozenset[Defined], frozenset[Name], frozenset[Name]]:
        inputs = [resolved.version for resolved in link.inputs.values()]
        carried = frozenset(
            d for d in link.replays if d.fragment.module is None and not d.parameter
        ).union(*(v.carried for v in inputs))
        invalid = [
            f
            for f in link.facts.fragments
            if any(self.current.get(n) is None or self.current[n].defined is None for n in f.names)
        ]
        own = frozenset(
            version.defined
            for f in link.facts.fragments
            for n in f.names
            if (version := self.current.get(n)) is not None
            and version.defined is not None
            and f.module is None
        )
        late = frozenset(
            u.name for u in (*link.facts.late, *(u for f in invalid for u in f.late))
        ).union(*(v.late for v in inputs))
        late_writes = frozenset(
            u.name for u in (*link.facts.late_writes, *(u for f in invalid for u in f.late_writes))
        ).union(*(v.late_writes for v in inputs))
        return carried | own, late, late_writes

    # -- findings ----------------------------------------------------------------------------

    def _unknown(self, link: CellLink, use: Use) -> None:
        name = use.name
        if name in self.skipped:
            self._error(
                "reads-skipped",
                f"only cell {self.skipped[name].number} writes `{name}`, and it is tagged `skip`",
                link.cell,
                line=use.line,
                hint="remove the tag `skip` there, or tag this cell `skip` too",
            )
        elif name not in _ALWAYS_THERE or link.facts.sql:
            self.undefined.append((link, use))

    def _error(
        self,
        code: str,
        message: str,
        cell: Cell,
        *,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.diagnostics.append(
            Diagnostic(
                code=code,
                severity=Severity.ERROR,
                message=message,
                place=Place(cell=cell.id, cell_index=cell.index, line=line),
                hint=hint,
            )
        )


class _FromStep:
    """Marks a need that only a step can satisfy, so the fragment cannot be replayed."""


_FROM_STEP = _FromStep()


def is_guard(facts: CellFacts) -> bool:
    """The cell may stop the notebook on purpose."""
    return Effect.RAISES in facts.effects


def _use(name: Name) -> Use:
    return Use(name=name, line=1, certainty=Certainty.MAY)


def _may(use: Use) -> Use:
    return Use(name=use.name, line=use.line, certainty=Certainty.MAY)


def _weaker(use: Use, version: Version) -> str:
    return "sure" if use.certainty is Certainty.SURE and version.sure else "may"


def _bound_names(facts: CellFacts) -> tuple[Name, ...]:
    names = [use.name for use in facts.writes if kind_of(use.name) is NameKind.VARIABLE]
    names += [name for fragment in facts.fragments for name in fragment.names]
    return tuple(dict.fromkeys(names))


def _carried_before(old: Version | None, rebound: bool) -> frozenset[Defined]:
    return frozenset() if old is None or rebound else old.carried


def _with_affinity(version: Version, reason: str) -> Version:
    return Version(
        name=version.name,
        cell_index=version.cell_index,
        line=version.line,
        step=version.step,
        sure=version.sure,
        carried=version.carried,
        late=version.late,
        late_writes=version.late_writes,
        affinity=reason,
        sql=version.sql,
    )
