"""What one cell leaves: new versions of all names that it writes, surely or perhaps.

Changing a name changes whatever shares objects with it, and is a read of what it was. A version
takes along the definitions and late globals of all that the cell had in its hands.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from nbflow.analysis.cell_link import CellLink
from nbflow.analysis.defining import ENVIRON, define, imports
from nbflow.analysis.facts import Certainty, Fragment, Use
from nbflow.analysis.parameter_cell import injected_fragments
from nbflow.analysis.reading import RANDOM_CHANNELS, USED_UP, read_channel, read_more
from nbflow.analysis.sharing import untold
from nbflow.analysis.standing import Standing
from nbflow.analysis.values import TABLES
from nbflow.analysis.versions import PLAIN_TYPES, Defined, Version, fold_match
from nbflow.core.names import Name, NameKind, kind_of


def leave_cell(standing: Standing, link: CellLink, called: Mapping[Name, Use]) -> None:
    """Make the cell's versions the current ones. `called`: what functions it calls may write."""
    _Leaving(standing=standing, link=link).leave(called)


def leave_all(standing: Standing, link: CellLink) -> None:
    """Let a cell leave all variables of the steps above as they then are."""
    for name, version in standing.current.items():
        if version.step is not None and kind_of(name) is NameKind.VARIABLE:
            link.left[name] = replace(version, step=link.key)
    standing.hold(link.left)


@dataclass(slots=True, kw_only=True)
class _Load:
    """What values of the cell may take along."""

    carried: frozenset[Defined]
    late: frozenset[Name]
    late_writes: frozenset[Name]
    pinned: str | None

    @property
    def has_classes(self) -> bool:
        """Whether values may be, or hold, instances of classes of the notebook."""
        return any(d.fragment.source.lstrip().startswith(("class", "@")) for d in self.carried)


_NOTHING = _Load(carried=frozenset(), late=frozenset(), late_writes=frozenset(), pinned=None)


@dataclass(slots=True, kw_only=True)
class _Leaving:
    """`writes` grows while it is found out what the cell's own writes entail. `own` are names of
    its fragments that other lanes will replay instead of loading them; `entailed` names that it may
    change by way of others."""

    standing: Standing
    link: CellLink
    writes: dict[Name, Use] = field(default_factory=dict)
    binds: frozenset[Name] = frozenset()
    own: set[Name] = field(default_factory=set)
    entailed: set[Name] = field(default_factory=set)

    def leave(self, called: Mapping[Name, Use]) -> None:
        facts = self.link.facts
        self.binds = frozenset() if self.link.tags.raises_exception else facts.binds
        self._collect(called)
        self._spread()
        self._read_what_is_changed()
        load = self._load()
        for name in self.binds:
            self.standing.aliases.leave(name)
        index, live = self.link.cell.index, self.standing.liveness.is_live_below
        groups = [*facts.aliases_among([name for name in facts.bound if live(name, index)])]
        groups += [shared] if (shared := untold(self.link.lessons, facts)) else []
        for group in groups:
            self._join(group, load)
        self._make_versions(self._load() if groups else load)
        together = {self.standing.aliases.of(n) for n in self.link.left.keys() | self.link.spared}
        self.link.together |= {group for group in together if len(group) > 1}
        shown = self.standing.sharing.shows
        self.link.unseen |= {g for g in self.link.together if not shown(g, self.link.cell.index)}

    # -- which names -------------------------------------------------------------------------

    def _collect(self, called: Mapping[Name, Use]) -> None:
        self._define_own()
        found = [use for use in self.link.facts.writes if use.name not in self.own]
        found += self._undefined_fragments()
        found += called.values()
        self.entailed.update(called)
        found += self._given()
        for lesson in self.link.lessons:
            if lesson.what == "writes":
                found.append(Use(name=lesson.name, line=1, certainty=Certainty.MAY))
                self.entailed.add(lesson.name)
        for use in self._without_kept(found):
            self.writes.setdefault(self._canonical(use.name), use)
        learned = {ls.name for ls in self.link.lessons if ls.what == "writes"}
        sure = {u.name for u in self.link.facts.writes if u.certainty is Certainty.SURE}
        self.link.learned |= learned - sure

    def _without_kept(self, found: list[Use]) -> Iterator[Use]:
        """All but what the cell only seems to change, as runs have shown."""
        sure = {use.name for use in found if use.certainty is Certainty.SURE}
        for use in found:
            if use.name in sure or not self._is_kept(use.name):
                yield use
            else:
                self._spare(use.name, use.line)

    def _is_kept(self, name: Name) -> bool:
        if name not in self.link.kept or name in self.link.facts.bound:
            return False
        if name in USED_UP or name in self.link.apart:
            return name in USED_UP or self.standing.of_step(name)
        # It shares with what the cell writes: if that can be seen, they are stored together.
        members = self.standing.aliases.of(name)
        shared = len(members) > 1 and self._is_stored_together(members, _NOTHING)
        return self.standing.of_step(name) and not shared

    def _spare(self, name: Name, line: int) -> None:
        """It still reads the name, and must not do so before those who change it."""
        if name not in self.standing.current or self.link.key is None:
            return
        self.link.spared.setdefault(name, line)
        if name not in USED_UP:
            use = Use(name=name, line=line, certainty=Certainty.MAY)
            read_more(self.standing, self.link, [use])

    def _define_own(self) -> None:
        if not self.standing.replaying:
            return
        if self.link.tags.raises_exception:
            self._set_for_all(self.link.facts.fragments)
            return
        writes = self.link.facts.writes
        written = {use.name for use in writes}
        for order, fragment in enumerate(self.link.facts.fragments):
            here = written.intersection(use.name for use in fragment.needs)
            above = {use.name for use in writes if use.line < fragment.line}
            for name in fragment.names:
                self.link.former.setdefault(name, self.standing.current.get(name))
            if not here and define(self.standing, self.link.cell, order, fragment, set_above=above):
                self.own.update(fragment.names)
            else:
                written.update(fragment.names)
                self._set_for_all((fragment,))
        self.link.defines |= self.own

    def _set_for_all(self, fragments: Iterable[Fragment]) -> None:
        """What says how all cells show their results has to be said in every kernel."""
        if any(one.for_its_effects and one.module is None for one in fragments):
            number = self.link.cell.number
            self.standing.one_lane.append(f"cell {number} changes how the kernel shows results")

    def _undefined_fragments(self) -> Iterator[Use]:
        """Fragments that cannot be replayed (or in one lane): their names are ordinary writes."""
        for fragment in self.link.facts.fragments:
            for name in fragment.names:
                if name not in self.own:
                    yield Use(name=name, line=fragment.line)

    def _given(self) -> Iterator[Use]:
        """Parameters whose values are given are bound in their cell, if it is a step."""
        if self.link.tags.parameters:
            for fragment in injected_fragments(self.standing.injected):
                yield from (Use(name=name, line=1) for name in fragment.names)

    def _canonical(self, name: Name) -> Name:
        if not self.link.facts.sql:
            return name
        return fold_match(name, self.standing.current) or name

    def _spread(self) -> None:
        """Changing one name of a group may change them all."""
        for name, use in list(self.writes.items()):
            if name in self.binds or self._only_binds(name):
                continue
            for other in sorted(self._who_may_see(name) - {name}):
                if other in self.standing.current:
                    self._may_write(other, use.line)

    def _only_binds(self, name: Name) -> bool:
        """What the name was, and still is on some path, is not changed, and need not be stored
        together with what shares with it."""
        if name in self.entailed or not self.link.facts.only_binds(name):
            return False
        return not self._is_stored_together(self.standing.aliases.of(name), _NOTHING)

    def _who_may_see(self, name: Name) -> frozenset[Name]:
        """The names that a change of this one may concern, or that are stored with it: not those
        of things that it only holds, if nothing below changes them."""
        members = self.standing.aliases.of(name)
        if name in self.entailed or name not in self.link.facts.own:
            return members
        seen = self.standing.sharing.seers(name, self.link.cell.index)
        if seen is None or self._is_stored_together(members, _NOTHING):
            return members
        return members & seen

    def _is_stored_together(self, members: frozenset[Name], load: _Load) -> bool:
        """It can ever be seen below that the names share objects."""
        shown = self.standing.sharing.shows(members, self.link.cell.index)
        return shown or self._told_apart(members, load)

    def _may_write(self, name: Name, line: int) -> None:
        if self._is_kept(name):
            self._spare(name, line)
        else:
            self._write(name, line)

    def _write(self, name: Name, line: int) -> None:
        self.entailed.add(name)
        self.writes.setdefault(name, Use(name=name, line=line, certainty=Certainty.MAY))

    def _read_what_is_changed(self) -> None:
        told = {use.name for use in self.link.facts.writes}
        for name, use in list(self.writes.items()):
            if name not in self.standing.current:
                continue
            if name in self.link.facts.passes and name in told - self.entailed:
                continue
            defined = self.standing.definition(name)
            if defined is not None and name not in self.binds:
                self._change_definition(defined, use, name)
            elif name not in self.binds or name in self.link.inputs:
                read_more(self.standing, self.link, [replace(use, name=name)])

    def _change_definition(self, defined: Defined, use: Use, name: Name) -> None:
        """Parameters and setup values may be changed in place: the step then has the new version.
        Functions and classes may not."""
        if defined.changeable:
            self.link.replays.update(defined.chain())
            return
        if use.certainty is Certainty.SURE:
            self.standing.one_lane.append(
                f"cell {self.link.cell.number} line {use.line} changes `{name}`, which cell "
                f"{defined.cell_index + 1} defines"
            )
        del self.writes[name]

    # -- sharing -----------------------------------------------------------------------------

    def _join(self, group: frozenset[Name], load: _Load) -> None:
        """Names share objects from here on: if that can ever be seen, they are stored together."""
        sharers = (n for n in group if n in self.writes or self._may_be_shared(n))
        members = self.standing.aliases.join(sharers)
        if not self._is_stored_together(members, load):
            return
        for name in sorted(members - self.writes.keys()):
            if self._may_be_shared(name):
                line = next((u.line for u in self.link.facts.reads if u.name == name), 1)
                self._write(name, line)
                read_more(self.standing, self.link, [self.writes[name]])

    def _may_be_shared(self, name: Name) -> bool:
        if name in self.link.apart and self._is_kept(name):
            return False
        defined = self.standing.definition(name)
        return self.standing.of_step(name) or (defined is not None and defined.changeable)

    def _told_apart(self, members: frozenset[Name], load: _Load) -> bool:
        """They may hold instances that equal nothing but themselves."""
        current = self.standing.current
        found = [version.carried for n in members if (version := current.get(n)) is not None]
        return any(d.compares_by_identity() for d in load.carried.union(*found))

    # -- versions ----------------------------------------------------------------------------

    def _make_versions(self, load: _Load) -> None:
        facts, link = self.link.facts, self.link
        plain = {n for n, kind in facts.value_types if kind.rpartition(".")[2] in PLAIN_TYPES}
        why = self._affinities()
        for name, use in self.writes.items():
            if kind_of(name) is NameKind.FILE or not self._counts(name, use):
                continue
            if kind_of(name) is NameKind.AMBIENT:
                read_channel(self.standing, link, use)
                self._keep_for_imports(name, use)
            self.standing.rebound(name, link.cell)
            free = name in plain or kind_of(name) is NameKind.AMBIENT
            if free and load.has_classes and dict(facts.value_types).get(name) in TABLES:
                free = False  # instances may stand in its columns
            link.writes[name] = use
            if self._is_steady(name, use):
                link.steady.add(name)
            link.left[name] = self._version(name, use, _NOTHING if free else load, why.get(name))
        self._even_out()
        self.standing.hold(link.left)
        self._pass_doubts_on()

    def _keep_for_imports(self, name: Name, use: Use) -> None:
        """A module that found other values than those that steps below it get is imported once."""
        made = self.standing.made if name == ENVIRON else ()
        cell = self.link.cell
        if any(imports(d.fragment) and name in d.below and d.cell != cell.id for d in made):
            self.standing.one_lane.append(
                f"cell {cell.number} line {use.line}: it sets environment variables below imports "
                "that may have looked at other ones"
            )

    def _is_steady(self, name: Name, use: Use) -> bool:
        """It is left because of those that share with it, and no run has seen it change."""
        return (
            use.certainty is Certainty.MAY
            and name in self.link.kept - self.link.facts.bound
            and kind_of(name) is NameKind.VARIABLE
            and self.standing.of_step(name)
        )

    def _pass_doubts_on(self) -> None:
        """What rests on a doubt hands it on; and the cell's own begin below it."""
        link, doubts = self.link, self.standing.doubts
        for name in link.left:
            old = frozenset() if name in self.binds else doubts.get(name, frozenset())
            doubts[name] = old | link.doubts
        for name in link.spared.keys() - link.left.keys():
            assert link.key is not None
            doubts[name] = doubts.get(name, frozenset()) | {(link.key, name)}

    def _version(self, name: Name, use: Use, load: _Load, affinity: str | None) -> Version:
        old = None if name in self.binds else self.standing.current.get(name)
        return Version(
            name=name,
            cell_index=self.link.cell.index,
            line=use.line,
            step=self.link.key,
            sure=use.certainty is Certainty.SURE,
            carried=load.carried | (old.carried if old else frozenset()),
            late=load.late,
            late_writes=load.late_writes,
            affinity=affinity or load.pinned or (old.affinity if old else None),
            pinned=load.pinned,
            sql=self.link.facts.sql,
            content=old if name in self.link.steady else None,
            together=self.standing.aliases.of(name),
        )

    def _affinities(self) -> dict[Name, str]:
        found = {ls.name: ls.reason for ls in self.link.lessons if ls.what == "affinity"}
        found.update(self.link.facts.affinity)
        return found

    def _even_out(self) -> None:
        """Names that share are stored together, so each needs what the others need."""
        left, link = self.link.left, self.link
        for name in list(left):
            group = [left[other] for other in self.standing.aliases.of(name) if other in left]
            if group == [left[name]]:
                continue
            left[name] = replace(
                left[name],
                carried=left[name].carried.union(*(v.carried for v in group)),
                late=left[name].late.union(*(v.late for v in group)),
                late_writes=left[name].late_writes.union(*(v.late_writes for v in group)),
                affinity=next((v.affinity for v in [left[name], *group] if v.affinity), None),
            )
        link.affinity = {name: v.affinity for name, v in left.items() if v.affinity}

    def _counts(self, name: Name, use: Use) -> bool:
        """Drawing without a seed above changes nothing that another step could see."""
        if name not in RANDOM_CHANNELS or use.certainty is Certainty.SURE:
            return True
        return name in self.standing.current

    # -- what values take along --------------------------------------------------------------

    def _load(self) -> _Load:
        facts, link = self.link.facts, self.link
        inputs = [resolved.version for resolved in link.inputs.values()]
        kept = [f for f in facts.fragments if not self.own.issuperset(f.names)]
        mentioned = self.standing.sharing.mentioned
        held = {d for d in link.replays | self._own_definitions() if d.is_held(mentioned)}
        late = {u.name for u in (*facts.late, *(u for f in kept for u in f.late))}
        writes = {u.name for u in (*facts.late_writes, *(u for f in kept for u in f.late_writes))}
        # Whatever works with a class that has a state of its own may change that state.
        writes |= {name for fragment in kept if fragment.mutable_state for name in fragment.names}
        return _Load(
            carried=frozenset(held).union(*(v.carried for v in inputs)),
            late=frozenset(late).union(*(v.late for v in inputs)),
            late_writes=frozenset(writes).union(*(v.late_writes for v in inputs)),
            pinned=self._pinned(inputs),
        )

    def _own_definitions(self) -> set[Defined]:
        found = (self.standing.definition(name) for name in self.own)
        return {defined for defined in found if defined is not None}

    def _pinned(self, inputs: list[Version]) -> str | None:
        """Instances of a class that no other kernel can make again cannot leave its lane."""
        if self.standing.replaying:
            for fragment in self.link.facts.fragments:
                if fragment.mutable_state and not self.own.issuperset(fragment.names):
                    return f"`{fragment.names[0]}` has a state of its own"
            for name in _classes_in(self.link.cell.source):
                if name not in self.own:
                    return f"the class `{name}` depends on what steps left"
        return next((version.pinned for version in inputs if version.pinned), None)


@lru_cache(maxsize=4096)
def _classes_in(source: str) -> tuple[Name, ...]:
    """Classes that a cell makes outside functions.

    >>> _classes_in("if x:\\n    class C: pass\\ndef f():\\n    class D: pass")
    ('C',)
    """
    if "class" not in source:
        return ()
    try:
        waiting: list[ast.AST] = [ast.parse(source)]
    except SyntaxError:
        return ()
    found: list[Name] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            found.append(Name(node.name))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return tuple(found)
