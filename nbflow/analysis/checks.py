"""Findings about a linked notebook. Each check is one function from what was linked to diagnostics.

`CHECKS` is the pipeline; a new check is one more function in it. Codes are stable.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from nbflow.analysis.cell_link import CellLink, Group
from nbflow.analysis.facts import Effect
from nbflow.analysis.lint.hidden import first_hiding
from nbflow.analysis.lint.ignores import kept
from nbflow.analysis.lint.look import is_session_object
from nbflow.analysis.mending import exchanged
from nbflow.analysis.standing import Standing
from nbflow.analysis.trust import PURE, pure_lines
from nbflow.analysis.versions import Defined, Version
from nbflow.core.diagnostic import Diagnostic, Fix, Place, Severity
from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.notebook import Notebook
from nbflow.core.step import StepId

_PURE: Final = re.compile(rf"\s*{PURE.pattern}")
_ASKS: Final = re.compile(r"\b(input|getpass|breakpoint|set_trace)\s*\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What the checks look at."""

    graph: Graph
    notebook: Notebook
    standing: Standing
    groups: Mapping[str, Group]


def findings(
    graph: Graph, notebook: Notebook, standing: Standing, groups: Mapping[str, Group]
) -> tuple[Diagnostic, ...]:
    """All diagnostics but those that a comment silences, in notebook order, errors first."""
    linked = Linked(graph=graph, notebook=notebook, standing=standing, groups=groups)
    found = [*standing.diagnostics, *(d for check in CHECKS for d in check(linked))]
    order = list(Severity)
    return tuple(
        sorted(
            kept(notebook, found),
            key=lambda d: (d.place.cell_index or 0, order.index(d.severity), d.code),
        )
    )


def _syntax_errors(linked: Linked) -> Iterator[Diagnostic]:
    for link in _links(linked):
        if link.facts.syntax_error is not None:
            line, message = link.facts.syntax_error
            yield _finding("syntax-error", Severity.ERROR, message, link, line=line)


def _undefined(linked: Linked) -> Iterator[Diagnostic]:
    """Names that nothing above writes: wrong in SQL, a `NameError` to come in Python. Where code
    above binds names that its text does not show, nobody can tell."""
    missing = [(link, use) for link in _links(linked) for use in link.unknown]
    facts = (link.facts for link in _links(linked))
    hiding = first_hiding(linked.notebook, facts) if missing else 0
    for link, use in missing:
        if is_session_object(use.name):
            continue
        below = _first_writer_below(linked, use.name, link)
        if link.facts.sql:
            yield _unknown_table(linked, link, use.name, use.line, below)
        elif link.cell.index >= hiding:
            continue
        elif below is not None:
            yield _finding(
                "out-of-order",
                Severity.WARNING,
                f"`{use.name}` is read here but first written below, in cell {below}",
                link,
                line=use.line,
                hint="Run All fails here with a NameError; move the cell that writes it up",
            )
        else:
            near = _nearest(use.name, linked.standing.current)
            yield _finding(
                "undefined-name",
                Severity.WARNING,
                f"nothing above writes `{use.name}`",
                link,
                line=use.line,
                hint=_meant(near),
                fix=exchanged(link.cell.source, use.line, use.name, near[0]) if near else None,
            )


def _unknown_table(
    linked: Linked, link: CellLink, name: Name, line: int, below: int | None
) -> Diagnostic:
    # A database that code attached, or text nobody could read, may know the table all the same.
    certain = not linked.graph.one_lane and not any(g.facts.opaque for g in _links(linked))
    known = f"; cell {below} writes it, but stands below" if below is not None else ""
    near = _nearest(name, linked.standing.current)
    return _finding(
        "unknown-table",
        Severity.ERROR if certain else Severity.WARNING,
        f"nothing above writes the table or variable `{name}`{known}",
        link,
        line=line,
        hint=_meant(near)
        or "give the cell that makes it a name (`%%sql NAME`), or quote a file: FROM 'data.csv'",
        fix=exchanged(link.cell.source, line, name, near[0], any_case=True) if near else None,
    )


def _cycles(linked: Linked) -> Iterator[Diagnostic]:
    cycle = find_cycle(linked.graph)
    if not cycle:
        return
    steps = [linked.graph.step(step) for step in cycle]
    path = " → ".join([*(s.name for s in steps), steps[0].name])
    places = tuple(Place(cell=s.cells[0], cell_index=s.cell_indexes[0]) for s in steps)
    yield Diagnostic(
        code="cycle",
        severity=Severity.ERROR,
        message=f"these steps wait for each other: {path} "
        f"(cells {', '.join(str(s.cell_indexes[0] + 1) for s in steps)})",
        place=places[0],
        also=places[1:],
        hint="cells of one step run together: split the step, or remove the `after:` tag that "
        "closes the circle",
    )


def find_cycle(graph: Graph) -> tuple[StepId, ...]:
    """One circle of steps in waiting order, or nothing."""
    children = {step: sorted(found) for step, found in graph.children().items()}
    done: set[StepId] = set()
    for start in children:
        path: list[StepId] = []
        trail: list[Iterator[StepId]] = []
        if start in done:
            continue
        path.append(start)
        trail.append(iter(children[start]))
        while trail:
            following = next(trail[-1], None)
            if following is None:
                trail.pop()
                done.add(path.pop())
            elif following in path:
                return tuple(path[path.index(following) :])
            elif following not in done:
                path.append(following)
                trail.append(iter(children[following]))
    return ()


def _split_steps(linked: Linked) -> Iterator[Diagnostic]:
    """Steps of several cells that no order lets see what Run All shows: they load each name once,
    before their first cell, and leave it once, after their last."""
    for group in linked.groups.values():
        if len(group.links) > 1:
            yield from _seen_between(linked, group)
            yield from _wants_two(group)


def _seen_between(linked: Linked, group: Group) -> Iterator[Diagnostic]:
    """Another step reads a name between two cells of the step that both write it."""
    own = {link.cell.index for link in group.links}
    for link in _links(linked):
        if link.cell.index in own:
            continue
        for name, resolved in link.inputs.items():
            later = [ln for ln in group.links if ln.cell.index > link.cell.index]
            again = next((ln for ln in later if name in ln.left), None)
            if resolved.version.cell_index in own and again is not None:
                yield _split(
                    group,
                    link,
                    f"`{name}` is read here between two cells of the step "
                    f"`{group.first.tags.step}` that both write it (cells "
                    f"{resolved.version.cell_index + 1} and {again.cell.number})",
                )


def _wants_two(group: Group) -> Iterator[Diagnostic]:
    """Its cells need a name in two versions, or their own where another step made a newer one."""
    held: dict[Name, Version] = {}
    code: dict[Name, Defined] = {}
    for link in group.links:
        found = {name: resolved.version for name, resolved in link.inputs.items()}
        for name, version in found.items():
            if version.step != group.key and held.setdefault(name, version) is not version:
                yield _split(group, link, _two_versions(group, name, version.cell_index))
        for defined in link.replays:
            for name in defined.fragment.names:
                if code.setdefault(name, defined) is not defined:
                    yield _split(group, link, _two_versions(group, name, defined.cell_index))
        held.update(link.left)


def _two_versions(group: Group, name: Name, cell_index: int) -> str:
    return (
        f"the step `{group.first.tags.step}` needs `{name}` here as cell {cell_index + 1} leaves "
        "it, and another version of it in its cells above"
    )


def _split(group: Group, link: CellLink, message: str) -> Diagnostic:
    hint = "give the cells of the step different `step:` names"
    return _finding("split-step", Severity.ERROR, message, link, hint=hint)


def _after_tags(linked: Linked) -> Iterator[Diagnostic]:
    names = {step.name for step in linked.graph.steps}
    for link in _links(linked):
        for wanted in link.tags.options.after:
            if wanted not in names:
                near = get_close_matches(wanted, names, n=1)
                yield _finding(
                    "unknown-step",
                    Severity.ERROR,
                    f"the tag `after:{wanted}` names no step",
                    link,
                    hint=f"did you mean `after:{near[0]}`?"
                    if near
                    else f"steps are: {', '.join(sorted(names))}",
                    fix=Fix(old=_after_tag(link, wanted), new=f"after:{near[0]}") if near else None,
                )


def _after_tag(link: CellLink, wanted: str) -> str:
    """The tag as it is written."""
    same = re.compile(rf"\s*after\s*:\s*{re.escape(wanted)}\s*")
    return next((tag for tag in link.cell.tags if same.fullmatch(tag)), f"after:{wanted}")


def _opaque(linked: Linked) -> Iterator[Diagnostic]:
    for link in _links(linked):
        for line, why in link.facts.opaque:
            yield _finding("opaque", Severity.WARNING, why, link, line=line)


def _not_pure(linked: Linked) -> Iterator[Diagnostic]:
    """The author vouched for a cell's calls, and a run has seen them change something."""
    for link in _links(linked):
        lines = pure_lines(link.cell.source)
        changed = [lesson.name for lesson in link.lessons if lesson.what == "writes"]
        if lines and changed:
            yield _finding(
                "not-pure",
                Severity.WARNING,
                f"a run saw this cell change `{changed[0]}`, though a line is marked as pure",
                link,
                line=min(lines),
                hint="remove `# nbflow: pure` from the line that changes it",
                fix=_without_pure(link, min(lines)) if len(lines) == 1 else None,
            )


def _without_pure(link: CellLink, line: int) -> Fix | None:
    text = link.cell.source.split("\n")[line - 1]
    found = list(_PURE.finditer(text))
    return Fix(old=found[-1][0], new="", line=line, column=found[-1].start()) if found else None


def _one_lane(linked: Linked) -> Iterator[Diagnostic]:
    for reason in linked.graph.one_lane:
        yield Diagnostic(
            code="one-lane",
            severity=Severity.INFO,
            message=f"the notebook runs in one kernel, cell after cell: {reason}",
            hint="steps then neither run in parallel nor are reused",
        )


def _interactive(linked: Linked) -> Iterator[Diagnostic]:
    for link in _links(linked):
        if Effect.INPUT in link.facts.effects:
            yield _finding(
                "interactive-input",
                Severity.WARNING,
                "this cell asks a person for input, which a run cannot give",
                link,
                line=_line_of(_ASKS, link),
                hint="make it a parameter: tag a cell `parameters` and set the value there",
            )


CHECKS: tuple[Callable[[Linked], Iterator[Diagnostic]], ...] = (
    _syntax_errors,
    _undefined,
    _cycles,
    _split_steps,
    _after_tags,
    _opaque,
    _not_pure,
    _one_lane,
    _interactive,
)


def _links(linked: Linked) -> list[CellLink]:
    return [link for group in linked.groups.values() for link in group.links]


def _line_of(pattern: re.Pattern[str], link: CellLink) -> int | None:
    """The first line of the cell's text on which the pattern is found."""
    lines = enumerate(link.cell.source.split("\n"), start=1)
    return next((number for number, text in lines if pattern.search(text)), None)


def _first_writer_below(linked: Linked, name: Name, link: CellLink) -> int | None:
    folded = name.casefold()
    for other in _links(linked):
        if other.cell.index <= link.cell.index:
            continue
        fragments = {n for f in other.facts.fragments for n in f.names}
        for written in (*other.left, *fragments):
            if written == name or (link.facts.sql and written.casefold() == folded):
                return other.cell.number
    return None


def _nearest(name: Name, known: Mapping[Name, object]) -> list[Name]:
    return [Name(near) for near in get_close_matches(name, known.keys() - {name}, n=3)]


def _meant(near: Iterable[Name]) -> str | None:
    names = " or ".join(f"`{name}`" for name in near)
    return f"did you mean {names}?" if names else None


def _finding(
    code: str,
    severity: Severity,
    message: str,
    link: CellLink,
    *,
    line: int | None = None,
    hint: str | None = None,
    fix: Fix | None = None,
) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=severity,
        message=message,
        place=Place(cell=link.cell.id, cell_index=link.cell.index, line=line),
        hint=hint,
        fix=fix,
    )
