"""Work that nobody uses, and names that SQL cannot tell apart."""

import ast
from collections.abc import Iterator

from nbflow.analysis.facts import Effect
from nbflow.analysis.lint.look import CodeCell, Look, is_session_object
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.step import Step

_HARMLESS = frozenset({Effect.CLOCK.value, Effect.RANDOM.value})
_MISSING = frozenset({"cycle", "out-of-order", "syntax-error", "undefined-name", "unknown-table"})
_BINDING = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def unused_results(look: Look) -> Iterator[Diagnostic]:
    """Steps that show nothing, change nothing outside, and whose names no step reads.

    The last step that computes something is what the notebook is for, so it never counts. Where a
    name is missing, its reader may have meant the one that nobody reads.
    """
    missing = any(found.code in _MISSING for found in look.graph.diagnostics)
    if missing or not look.certain:
        return
    read = {edge.writer for edge in look.graph.edges}
    mentioned = _mentions(look)
    for step in look.graph.steps[:-1]:
        cells = [look.by_id[cell] for cell in step.cells if cell in look.by_id]
        if step.id in read or not cells or not _only_binds(step, cells):
            continue
        names = list(step.declared_writes)
        later = {name for index, found in mentioned for name in found if index > step.position}
        if names and not later.intersection(names):
            yield _unused(cells[-1], names)


def _unused(cell: CodeCell, names: list[Name]) -> Diagnostic:
    line = next((use.line for use in cell.facts.writes if use.name == names[0]), None)
    shown = ", ".join(f"`{name}`" for name in names[:3]) + (", …" if len(names) > 3 else "")
    return cell.finding(
        "unused-result",
        Severity.INFO,
        f"nothing below reads {shown}, and the cell shows nothing",
        line=line,
        hint="show the result, use it, or delete the cell",
    )


def _only_binds(step: Step, cells: list[CodeCell]) -> bool:
    """All that the step can do for anybody is to leave new names."""
    if step.guard or step.outside_effects or step.options.check is not None or step.any_file:
        return False
    if set(step.effects) - _HARMLESS or step.files_written or step.options.after:
        return False
    if not all(_is_value(name) for name in step.declared_writes):
        return False
    return all(_cell_only_binds(cell) for cell in cells)


def _cell_only_binds(cell: CodeCell) -> bool:
    facts = cell.facts
    tagged = cell.tags.parameters or cell.tags.setup or cell.tags.injected
    if facts.displays or tagged or {use.name for use in facts.writes} - facts.binds:
        return False
    if cell.tree is None:
        return facts.sql
    return all(isinstance(statement, _BINDING) for statement in cell.tree.body)


def _mentions(look: Look) -> list[tuple[int, set[str]]]:
    """Every word of each cell, by index: a name that is only mentioned may still be wanted."""
    found: list[tuple[int, set[str]]] = []
    for cell in look.code:
        words = "".join(c if c.isalnum() or c == "_" else " " for c in cell.cell.source)
        found.append((cell.cell.index, set(words.split())))
    return found


def ambiguous_names(look: Look) -> Iterator[Diagnostic]:
    """SQL does not tell `Sales` from `sales`; Python does."""
    known: dict[str, CodeCell] = {}
    for cell in look.cells:
        written = [use.name for use in cell.facts.writes if _is_value(use.name)]
        if not cell.facts.sql:
            known |= {name: cell for name in written if name not in known}
            continue
        yield from _read_ambiguously(cell, known)
        yield from _written_ambiguously(cell, written, known)
        folded = {name.casefold() for name in known}
        known |= {name: cell for name in written if name.casefold() not in folded}


def _read_ambiguously(cell: CodeCell, known: dict[str, CodeCell]) -> Iterator[Diagnostic]:
    for use in cell.facts.reads:
        twins = sorted(name for name in known if name.casefold() == use.name.casefold())
        if len(twins) > 1:
            shown = " and ".join(f"`{name}` (cell {known[name].number})" for name in twins)
            yield cell.finding(
                "ambiguous-name",
                Severity.WARNING,
                f"SQL ignores case, so `{use.name}` may mean {shown}",
                line=use.line,
                hint="rename one of them",
                also=tuple(_place(known[name]) for name in twins),
            )


def _written_ambiguously(
    cell: CodeCell, written: list[Name], known: dict[str, CodeCell]
) -> Iterator[Diagnostic]:
    for name in written:
        for twin, other in known.items():
            differs = twin != name and twin.casefold() == name.casefold()
            if differs and not other.facts.sql:
                yield cell.finding(
                    "ambiguous-name",
                    Severity.WARNING,
                    f"SQL ignores case, so `{name}` replaces `{twin}` of cell {other.number}",
                    line=1,
                    hint=f"write `{twin}` if that is meant, else choose another name",
                    also=(_place(other),),
                )


def ambiguous_steps(look: Look) -> Iterator[Diagnostic]:
    """`step:` names that people would take for one."""
    first: dict[str, tuple[str, CodeCell]] = {}
    for cell in look.cells:
        name = cell.tags.step
        if name is None:
            continue
        known, other = first.setdefault(" ".join(name.casefold().split()), (name, cell))
        if known != name:
            yield cell.finding(
                "ambiguous-step",
                Severity.WARNING,
                f"the tags `step:{name}` and `step:{known}` (cell {other.number}) name two steps",
                hint=f"write `step:{known}` here if one step is meant, else choose another name",
                also=(_place(other),),
            )


def _is_value(name: Name) -> bool:
    return kind_of(name) is NameKind.VARIABLE and not is_session_object(name)


def _place(cell: CodeCell) -> Place:
    return Place(cell=cell.cell.id, cell_index=cell.cell.index)
