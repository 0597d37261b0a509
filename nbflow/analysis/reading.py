"""The reads of one cell: each name's version, and all that reading it brings along.

A function reads its globals where it is *called*, a value brings the definitions that it holds: so
one read leads to others, until nothing new comes up.
"""

import builtins
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nbflow.analysis.cell_link import CellLink, Resolved
from nbflow.analysis.facts import Certainty, Use
from nbflow.analysis.standing import Standing
from nbflow.analysis.values import SETTINGS
from nbflow.analysis.versions import Defined, Version, fold_match, in_order
from nbflow.core.names import Name, NameKind, kind_of

RANDOM_CHANNELS = (Name("@random"), Name("@numpy.random"))
"""Drawing matters only below a seeding step; other channels are settings for everything below."""

USED_UP = (*RANDOM_CHANNELS, Name("@control"))
"""Channels that only those look at who go on from what they find: drawing, numbering."""

_SHELL = {"display", "get_ipython", "In", "Out", "exit", "quit", "__file__", "__builtins__"}
_SHELL |= {"_", "__", "___", "_i", "_ih", "_oh", "_dh", "_exit_code"}
_SQL = "%%sql"
_PICTURES = "%config InlineBackend"
_DRAWN_BY = Name("@rcParams")
_ALWAYS_THERE = frozenset(dir(builtins)) | _SHELL


def read_cell(standing: Standing, link: CellLink) -> dict[Name, Use]:
    """Resolve all that a cell reads; returns what the functions that it may call write."""
    facts = link.facts
    if standing.replaying:
        link.replays.update(one for one in standing.setup if _concerns(one, link))
    lessons = (ls.name for ls in link.lessons if ls.what == "reads")
    reading = _Reading(standing=standing, link=link)
    real = [use for use in facts.reads if use.name not in facts.passes]
    reading.ask(use for use in real if not _is_spared_draw(use, link))
    reading.ask(Use(name=name, line=1, certainty=Certainty.MAY) for name in lessons)
    # Code that is made when a name is bound never sees what the name was before.
    reading.ask((use for use in facts.late if use.name not in facts.late_own), late=True)
    reading.ask(facts.late_writes, late=True)
    for fragment in facts.fragments:
        reading.ask((*fragment.late, *fragment.late_writes), late=True)
        reading.may_write((use.name for use in fragment.late_writes), fragment.line)
    reading.run()
    link.asked |= reading.seen
    reading.ask(use for use in facts.reads if use.name in facts.passes)
    reading.run()
    _read_settings(standing, link)
    return reading.written


def _concerns(setup: Defined, link: CellLink) -> bool:
    """Whether a cell needs what every kernel is told. How figures become pictures concerns those
    who draw: all drawing looks at matplotlib's settings."""
    if not setup.fragment.source.startswith(_PICTURES):
        return True
    told = {use.name for use in (*link.facts.reads, *link.facts.writes)}
    told |= {lesson.name for lesson in link.lessons if lesson.what == "reads"}
    if _DRAWN_BY in told:
        return True
    if _DRAWN_BY not in link.facts.settings or _DRAWN_BY in link.ignored:
        link.unasked.add(_DRAWN_BY)
        return False
    link.guessed.add(_DRAWN_BY)
    return True


def _is_spared_draw(use: Use, link: CellLink) -> bool:
    """It might draw from a generator, or count, but runs have shown that it does not."""
    may = use.certainty is Certainty.MAY
    return may and use.name in USED_UP and use.name in link.kept


def read_more(standing: Standing, link: CellLink, uses: Iterable[Use]) -> None:
    """Resolve further reads of a cell: of what it changes, or shares from now on."""
    reading = _Reading(standing=standing, link=link)
    reading.ask(uses)
    reading.run()
    link.asked |= reading.seen


def read_channel(standing: Standing, link: CellLink, use: Use) -> None:
    """Resolve an ambient channel, if something above set it."""
    version = standing.current.get(use.name)
    if version is not None:
        certainty = use.certainty.value
        link.inputs[use.name] = Resolved(version=version, line=use.line, certainty=certainty)
        link.doubts |= standing.doubts.get(use.name, frozenset())
        if use.name in RANDOM_CHANNELS:
            link.seeded.add(use.name)


def _read_settings(standing: Standing, link: CellLink) -> None:
    """Settings (options, styles, environment) hold for everything below that may look at them."""
    unused = (set(SETTINGS) - link.facts.settings) | link.ignored
    told = {use.name for use in (*link.facts.reads, *link.facts.writes)} | link.inputs.keys()
    for name in standing.channels:
        if name in told:
            continue
        if name in USED_UP or name in unused:
            link.unasked.add(name)
            continue
        read_channel(standing, link, Use(name=name, line=1))
        if name in SETTINGS:
            link.guessed.add(name)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """`waiting` holds reads with whether they are late: a late name may be bound below only.
    `for_sql`: what only the text of a view or macro reads."""

    standing: Standing
    link: CellLink
    waiting: deque[tuple[Use, bool]] = field(default_factory=deque)
    seen: set[Name] = field(default_factory=set)
    written: dict[Name, Use] = field(default_factory=dict)
    for_sql: set[Name] = field(default_factory=set)

    def ask(self, uses: Iterable[Use], *, late: bool = False) -> None:
        self.waiting.extend((use, late) for use in uses)

    def may_write(self, names: Iterable[Name], line: int) -> None:
        self.written |= {n: Use(name=n, line=line, certainty=Certainty.MAY) for n in names}

    def run(self) -> None:
        while self.waiting:
            use, late = self.waiting.popleft()
            if use.name not in self.seen:
                self.seen.add(use.name)
                self._resolve(use, late=late)

    def _resolve(self, use: Use, *, late: bool) -> None:
        kind = kind_of(use.name)
        if kind is NameKind.AMBIENT:
            read_channel(self.standing, self.link, use)
        elif kind is NameKind.VARIABLE:
            version = _version_of(use.name, self.standing.current, sql=self.link.facts.sql)
            if version is not None and self._is_own(version):
                # The cell makes it itself, and what it reads is what was there before.
                version, late = self.link.former.get(version.name), True
            if version is not None:
                self._read(version, use)
            elif not late:
                _unknown(self.standing, self.link, use)

    def _is_own(self, version: Version) -> bool:
        return version.defined is not None and version.defined.cell == self.link.cell.id

    def _read(self, version: Version, use: Use) -> None:
        if not self.link.facts.sql and version.name not in self.for_sql:
            self.link.python_reads.add(version.name)
        if version.defined is not None:
            self._replay(version.defined, use)
            return
        sure = use.certainty is Certainty.SURE and version.sure
        resolved = Resolved(version=version, line=use.line, certainty="sure" if sure else "may")
        self.link.inputs.setdefault(version.name, resolved)
        self.link.doubts |= self.standing.doubts.get(version.name, frozenset())
        for carried in in_order(version.carried):
            self._replay(carried, use)
        self._later(sorted(version.late | version.late_writes), use)
        self.may_write(sorted(version.late_writes), use.line)

    def _replay(self, defined: Defined, use: Use) -> None:
        for needed in defined.chain():
            self.link.replays.add(needed)
            fragment = needed.fragment
            names = [u.name for u in (*fragment.late, *fragment.late_writes)]
            self._later(self._tables(names) if fragment.source.startswith(_SQL) else names, use)
            self.may_write((u.name for u in fragment.late_writes), use.line)
            if fragment.mutable_state:
                self.standing.one_lane.append(
                    f"cell {self.link.cell.number} uses `{fragment.names[0]}`, a class whose "
                    "methods change the class itself, or act when an instance is stored"
                )

    def _tables(self, names: Iterable[Name]) -> list[Name]:
        """Names in SQL: case does not count, and Python code does not see them."""
        found = [fold_match(name, self.standing.current) or name for name in names]
        direct = {use.name for use in self.link.facts.reads}
        self.for_sql.update(name for name in found if name not in direct)
        return found

    def _later(self, names: Iterable[Name], use: Use) -> None:
        self.ask((Use(name=name, line=use.line) for name in names), late=True)


def _version_of(name: Name, current: Mapping[Name, Version], *, sql: bool) -> Version | None:
    known = fold_match(name, current) if sql else name
    return current.get(known) if known else None


def _unknown(standing: Standing, link: CellLink, use: Use) -> None:
    name = use.name
    if name in standing.skipped:
        standing.error(
            "reads-skipped",
            f"only cell {standing.skipped[name].number} writes `{name}`, and it is tagged `skip`",
            link.cell,
            line=use.line,
            hint="remove the tag `skip` there, or tag this cell `skip` too",
        )
    elif name not in _ALWAYS_THERE or link.facts.sql:
        link.unknown.append(use)
