"""From the cells of a group to the `Step` that runs them: what it loads, replays and captures."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nbflow.analysis.cell_link import CellLink, Group
from nbflow.analysis.facts import OUTSIDE, Certainty, Effect, Fragment, Use
from nbflow.analysis.files import FileUse, file_uses
from nbflow.analysis.labels import title_above
from nbflow.analysis.reading import RANDOM_CHANNELS, USED_UP
from nbflow.analysis.standing import Standing
from nbflow.analysis.versions import Defined, in_order
from nbflow.core.names import ANY_FILE, Name, NameKind, kind_of, path_of
from nbflow.core.notebook import Notebook
from nbflow.core.step import CheckMode, Input, Replay, Step, StepName, StepOptions

_INNER = frozenset({Effect.RAISES_INSIDE, Effect.UNSEEDED})
"""What only the analysis tells apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMaker:
    """Makes the steps of one notebook. `read` holds the versions that other steps read, as (group
    key, name); `lanes` are their names, None for steps that get a kernel of their own."""

    notebook: Notebook
    standing: Standing
    groups: Mapping[str, Group]
    names: Mapping[str, StepName]
    lanes: Mapping[str, str | None]
    read: frozenset[tuple[str, Name]]
    learned: frozenset[tuple[str, Name]]

    def step(self, group: Group) -> Step:
        """The step of a group."""
        links = group.links
        files = [use for link in links for use in file_uses(link)]
        any_file = any(use.name == ANY_FILE for use in files)
        replays = in_order({defined for link in links for defined in link.replays})
        writes = _unique(name for link in links for name in link.left)
        needed = {name for name in writes if (group.key, name) in self.read}
        extra = tuple(n for n in writes if n not in needed and self._is_final(group.key, n))
        return Step(
            id=group.id,
            name=self.names[group.key],
            title=title_above(self.notebook.cells, group.first.cell.index),
            language=_language(group),
            position=group.first.cell.index,
            cells=tuple(link.cell.id for link in links),
            cell_indexes=tuple(link.cell.index for link in links),
            sources=tuple(self._source(link) for link in links),
            shown_calls=tuple((ln.cell.id, s) for ln in links if (s := ln.facts.shown_call)),
            tags=tuple(dict.fromkeys(tag for link in links for tag in link.cell.tags)),
            options=options_of(group),
            inputs=tuple(self._inputs(group)),
            outputs=tuple(n for n in writes if n in needed or n in extra),
            optional_outputs=extra,
            reads=_unique(name for link in links for name in link.inputs),
            declared_writes=writes,
            may_writes=tuple(name for name in writes if self._may_keep(group, name)),
            passes=_unique(n for link in links for n in link.passed),
            may_reads=_guessed(group),
            unasked=_unasked(links),
            spared=_spared(links),
            together=_groups(group for link in links for group in link.together),
            unseen=_groups(group for link in links for group in link.unseen),
            defines=tuple(sorted({n for link in links for n in link.defines} - set(writes))),
            python_reads=tuple(sorted({n for link in links for n in link.python_reads})),
            replays=tuple(replay_of(defined) for defined in replays),
            files_read=_paths(files, writes=False),
            files_written=_paths(files, writes=True),
            any_file=any_file,
            effects=tuple(sorted(e.value for e in group.effects() - _INNER)),
            outside_effects=bool(group.effects() & OUTSIDE),
            guard=may_stop(group),
            lane=self.lanes[group.key],
            environment=tuple(sorted(_environment(group, replays))),
            knows_folder=any(use.name in _FOLDER for ln in links for use in ln.facts.reads),
            parameters=_unique(n for d in replays if d.parameter for n in d.fragment.names),
            modules=_modules(group, replays),
            never_reuse=_never_reuse(group, self.lanes[group.key], any_file=any_file),
        )

    def _source(self, link: CellLink) -> str:
        """The cell's text; given parameters follow a parameters cell that is a step itself."""
        given = self.standing.injected if link.tags.parameters else ""
        return f"{link.cell.source}\n{given}" if given else link.cell.source

    def _may_keep(self, group: Group, name: Name) -> bool:
        """Only calls whose effect is not known might change it: running will tell."""
        if kind_of(name) is not NameKind.VARIABLE and name not in USED_UP:
            return False
        if (group.key, name) in self.learned or not any(name in ln.inputs for ln in group.links):
            return False
        return not any(
            name in link.facts.bound or link.writes[name].certainty is Certainty.SURE
            for link in group.links
            if name in link.writes
        )

    def _inputs(self, group: Group) -> Iterator[Input]:
        seen: set[Name] = set()
        for link in group.links:
            for name, resolved in link.inputs.items():
                writer = resolved.version.step
                if writer is None or writer == group.key or name in seen:
                    continue
                seen.add(name)
                learned = (writer, name) in self.learned
                sure = resolved.certainty == "sure"
                yield Input(
                    name=name,
                    writer=self.groups[writer].id,
                    certainty="learned" if learned else "sure" if sure else "may",
                )

    def _is_final(self, key: str, name: Name) -> bool:
        """It is the name's last version: what `get` and `verify` ask for."""
        if name.startswith("_") or kind_of(name) is not NameKind.VARIABLE:
            return False
        final = self.standing.current.get(name)
        while final is not None and final.step is not None and final.step != key:
            # Perhaps that step leaves the name alone: then the version before it is the last one.
            before = (link.passed.get(name) for link in self.groups[final.step].links)
            final = next((version for version in before if version is not None), None)
        return final is not None and final.step == key


def versions_read(groups: Iterable[Group]) -> frozenset[tuple[str, Name]]:
    """The versions, as (group key, name), that a step reads which did not write them."""
    return frozenset(
        (resolved.version.step, name)
        for group in groups
        for link in group.links
        for name, resolved in link.inputs.items()
        if resolved.version.step is not None and resolved.version.step != group.key
    )


def replay_of(defined: Defined) -> Replay:
    """What lanes replay for a definition."""
    return Replay(
        cell=defined.cell,
        cell_index=defined.cell_index,
        line=defined.fragment.line,
        source=defined.fragment.source,
        names=defined.fragment.names,
        below=defined.below,
    )


def may_stop(group: Group) -> bool:
    """A guard by its code, or a check by its tag (one that only warns stops nothing).

    Functions that raise are guards where they are called for nothing else.
    """
    if options_of(group).check not in (None, CheckMode.WARN):
        return True
    effects = group.effects()
    if Effect.RAISES in effects:
        return True
    written = (use for link in group.links for use in link.writes.values())
    changes = any(use.certainty is Certainty.SURE for use in written)
    return Effect.RAISES_INSIDE in effects and not changes


def options_of(group: Group) -> StepOptions:
    """The options of all cells of a step, the strongest of each."""
    if len(group.links) == 1 and not group.first.tags.raises_exception:
        return group.first.tags.options
    parts = [link.tags.options for link in group.links]
    return StepOptions(
        retries=max(part.retries for part in parts),
        backoff=max(part.backoff for part in parts),
        timeout=min(part.timeout for part in parts),
        after=tuple(dict.fromkeys(name for part in parts for name in part.after)),
        check=next((part.check for part in parts if part.check is not None), None),
        cache=next((part.cache for part in parts if part.cache is not None), None),
        raises_exception=tuple(ln.cell.id for ln in group.links if ln.tags.raises_exception),
    )


def top_modules(modules: Iterable[str | None]) -> tuple[str, ...]:
    """The top-level names of dotted modules, sorted.

    >>> top_modules(["os.path", None, "json"])
    ('json', 'os')
    """
    return tuple(sorted({module.partition(".")[0] for module in modules if module}))


def _modules(group: Group, replays: list[Defined]) -> tuple[str, ...]:
    return top_modules(fragment.module for fragment in _fragments(group, replays))


def _environment(group: Group, replays: list[Defined]) -> set[str]:
    """What its cells look at, and what the modules name that it imports."""
    found = {name for link in group.links for name in link.facts.environment_reads}
    return found.union(*(fragment.environment for fragment in _fragments(group, replays)))


def _fragments(group: Group, replays: list[Defined]) -> list[Fragment]:
    own = [fragment for link in group.links for fragment in link.facts.fragments]
    return [*(defined.fragment for defined in replays), *own]


def _guessed(group: Group) -> tuple[Name, ...]:
    """Settings that no cell of a step surely looks at, or changes. What reaches the outside world
    is not left to what runs have seen."""
    if group.effects() & OUTSIDE:
        return ()
    links = group.links
    sure = {n for link in links for n in {*link.inputs, *link.left} - link.guessed}
    return tuple(sorted({n for link in links for n in link.guessed} - sure))


def _unasked(links: Iterable[CellLink]) -> tuple[Name, ...]:
    """Channels that stand above a step, and that none of its cells looks at or changes."""
    touched = {name for link in links for name in (*link.inputs, *link.left)}
    return tuple(sorted({name for link in links for name in link.unasked} - touched))


def _spared(links: Iterable[CellLink]) -> tuple[Name, ...]:
    """What the step is not expected to change, whether it leaves it or not."""
    known = list(links)
    changed = {name for link in known for name in link.left.keys() - link.steady}
    found = (name for link in known for name in (*link.spared, *sorted(link.steady)))
    return _unique(name for name in found if name not in changed)


def _groups(found: Iterable[frozenset[Name]]) -> tuple[tuple[Name, ...], ...]:
    return tuple(sorted({tuple(sorted(group)) for group in found}))


def _unique(names: Iterable[Name]) -> tuple[Name, ...]:
    return tuple(dict.fromkeys(names))


def _language(group: Group) -> str:
    languages = {"sql" if link.facts.sql else "python" for link in group.links}
    return languages.pop() if len(languages) == 1 else "mixed"


def _paths(uses: list[FileUse], *, writes: bool) -> tuple[str, ...]:
    found = (use.name for use in uses if use.writes is writes and use.name != ANY_FILE)
    return tuple(dict.fromkeys(path_of(name) for name in found))


_DIFFERS = {
    Effect.NETWORK: "it touches the network",
    Effect.DATABASE: "it writes to a database",
    Effect.SUBPROCESS: "it starts another program",
    Effect.CLOCK: "it asks the clock, or else what differs each time",
    Effect.UNSEEDED: "it draws random numbers without a seed",
    Effect.RANDOM: "it draws random numbers without a seed",
}
"""What a result that cannot be used again depends on; what comes first is told."""

_FOLDER = frozenset({"@cwd", "@sys.path"})

# -- reuse ---------------------------------------------------------------------------------------


def _never_reuse(group: Group, lane: str | None, *, any_file: bool) -> str | None:
    """Why a step's results cannot be used again, or None."""
    effects = group.effects()
    if lane is not None:
        return "it shares a kernel with other steps"
    if all(_is_seeded(link) for link in group.links):
        effects -= {Effect.RANDOM}
    for effect, why in _DIFFERS.items():
        if effect in effects:
            return why + _first_act(group, effect)
    for link in group.links if any_file else ():
        for use in file_uses(link):
            if use.name == ANY_FILE:
                where = f"cell {link.facts.index + 1} line {use.line}"
                return f"it touches files that its text does not name, in {where}"
    return None


def _first_act(group: Group, effect: Effect) -> str:
    """What has the effect, and where, as far as the text tells."""
    for link in group.links:
        for found, what, line in link.facts.acts:
            if found is effect:
                return f": {what} in cell {link.facts.index + 1} line {line}"
    return ""


def _is_seeded(link: CellLink) -> bool:
    """Every channel that the cell surely draws from is seeded above, or here."""
    seeds = {use.name for use in _channels(link.facts.writes) if use.name in link.facts.binds}
    drawn = _channels(link.facts.reads)
    certain = {use.name for use in drawn} - {
        use.name for use in drawn if use.certainty is Certainty.MAY
    }
    return certain <= link.seeded | seeds


def _channels(uses: Iterable[Use]) -> list[Use]:
    return [use for use in uses if use.name in RANDOM_CHANNELS]
