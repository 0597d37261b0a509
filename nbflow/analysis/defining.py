"""Cells that are no steps: definitions, parameters and setup cells become what lanes replay."""

import sys
from collections.abc import Collection
from typing import Final

from nbflow.analysis.cell_link import CellLink
from nbflow.analysis.facts import CellFacts, Fragment, Use
from nbflow.analysis.parameter_cell import injected_fragments, parameter_fragments
from nbflow.analysis.standing import Standing
from nbflow.analysis.versions import Defined, Version
from nbflow.core.names import PLACES, Name, NameKind, kind_of
from nbflow.core.notebook import Cell

ENVIRON: Final = Name("@environ")
_LOOKED_AT_BY_IMPORTS: Final = (ENVIRON, Name("@warnings"))


def skip(standing: Standing, cell: Cell, facts: CellFacts) -> None:
    """Remember what only a skipped cell would write."""
    names = {use.name for use in facts.writes}
    names |= {name for fragment in facts.fragments for name in fragment.names}
    for name in names:
        if name not in standing.current and kind_of(name) is NameKind.VARIABLE:
            standing.skipped[name] = cell


def set_up(standing: Standing, link: CellLink) -> None:
    """Make a setup cell the version of all its names, ambient channels too."""
    facts, cell = link.facts, link.cell
    inner = facts.fragments
    fragment = Fragment(
        names=_written(facts),
        source=cell.source,
        line=1,
        needs=facts.reads,
        late=facts.late + tuple(u for f in inner for u in f.late),
        late_writes=facts.late_writes + tuple(u for f in inner for u in f.late_writes),
    )
    defined = _made(standing, cell, 0, fragment, setup=True)
    if defined is None:
        standing.error(
            "setup-reads-step",
            "a `setup` cell is replayed before every step: it cannot read what a step writes",
            cell,
            hint="remove the tag `setup`, or move what it reads into a setup cell above",
        )
        return
    _take(standing, cell, defined)
    _share(standing, facts)
    standing.setup.append(defined)


def define_parameters(standing: Standing, link: CellLink) -> bool:
    """Take a parameters cell apart; False if it holds more than plain values (it is a step)."""
    fragments = parameter_fragments(link.cell)
    if fragments is None:
        return False
    given = injected_fragments(standing.injected) if link.tags.parameters else ()
    for order, fragment in enumerate((*fragments, *given)):
        defined = _made(standing, link.cell, order, fragment, parameter=True)
        if defined is not None:
            _take(standing, link.cell, defined)
    _share(standing, link.facts)
    return True


def define_cell(standing: Standing, link: CellLink) -> bool:
    """Take a definition cell; False if it is a step after all."""
    facts = link.facts
    if not facts.is_definition or facts.syntax_error is not None:
        return False
    if link.tags.step is not None or link.tags.raises_exception:
        return False
    if any(map(standing.of_step, _LOOKED_AT_BY_IMPORTS)) and any(map(imports, facts.fragments)):
        return False  # a module may look at what the steps above have set, or warn
    if not _all_replayable(standing, facts):
        return False
    for order, fragment in enumerate(facts.fragments):
        define(standing, link.cell, order, fragment)
    return True


def imports(fragment: Fragment) -> bool:
    """Whether it brings in a module that is not Python's own."""
    library = (fragment.module or "").partition(".")[0]
    return bool(library) and library not in sys.stdlib_module_names


def define(
    standing: Standing,
    cell: Cell,
    order: int,
    fragment: Fragment,
    *,
    set_above: Collection[Name] = (),
) -> bool:
    """Make the fragment the current version of its names, if all it needs can be replayed.

    `set_above`: what the fragment's own cell has set above it.
    """
    defined = _made(standing, cell, order, fragment, set_above=set_above)
    if defined is not None:
        _take(standing, cell, defined)
        if fragment.for_its_effects:
            standing.setup.append(defined)
    return defined is not None


def _made(
    standing: Standing,
    cell: Cell,
    order: int,
    fragment: Fragment,
    *,
    parameter: bool = False,
    setup: bool = False,
    set_above: Collection[Name] = (),
) -> Defined | None:
    if any(standing.of_step(use.name) for use in fragment.needs):
        return None
    if fragment.mutable_state and not setup:
        return None  # a replay would begin again with the state that the text shows
    needs = (standing.definition(use.name) for use in fragment.needs)
    return Defined(
        cell=cell.id,
        cell_index=cell.index,
        order=order,
        fragment=fragment,
        needs=tuple(need for need in needs if need is not None),
        parameter=parameter,
        setup=setup,
        below=tuple(name for name in PLACES if name in set_above or standing.of_step(name)),
    )


def _take(standing: Standing, cell: Cell, defined: Defined) -> None:
    fragment = defined.fragment
    standing.made.append(defined)
    for name in fragment.names:
        standing.rebound(name, cell)
        standing.aliases.leave(name)
        standing.current[name] = Version(
            name=name, cell_index=cell.index, line=fragment.line, defined=defined
        )


def _all_replayable(standing: Standing, facts: CellFacts) -> bool:
    if any(fragment.mutable_state for fragment in facts.fragments):
        return False
    own = {name for fragment in facts.fragments for name in fragment.names}
    needs: list[Use] = [use for fragment in facts.fragments for use in fragment.needs]
    return all(use.name in own or not standing.of_step(use.name) for use in needs)


def _share(standing: Standing, facts: CellFacts) -> None:
    for group in facts.aliases:
        standing.aliases.join(name for name in group if name in standing.current)


def _written(facts: CellFacts) -> tuple[Name, ...]:
    names = [use.name for use in facts.writes if kind_of(use.name) is not NameKind.FILE]
    names += [name for fragment in facts.fragments for name in fragment.names]
    return tuple(dict.fromkeys(names))
