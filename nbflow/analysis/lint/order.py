"""Names that Run All does not find: read above their writer, deleted before, or never written."""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches

from nbflow.analysis.facts import Certainty, Use
from nbflow.analysis.lint.certain import bound_in, deletes, first_line, sure_reads
from nbflow.analysis.lint.look import CodeCell, Look, is_session_object
from nbflow.analysis.mending import exchanged
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.names import Name, NameKind, kind_of

_QUOTED = re.compile(r"`([^`]+)`")
_MISSING = frozenset({"out-of-order", "undefined-name"})
_GIVEN = frozenset(dir(builtins)) | {"display", "get_ipython", "In", "Out", "exit", "quit"}


def sharpened(look: Look, found: Diagnostic) -> Diagnostic:
    """A missing name is an error where every run must ask for it, and a warning elsewhere."""
    cell = look.by_id.get(found.place.cell) if found.place.cell is not None else None
    quoted = _QUOTED.search(found.message)
    if found.code not in _MISSING or cell is None or quoted is None:
        return found
    if cell.tags.raises_exception or first_line(cell.tree, quoted[1]) is None:
        return found
    return replace(found, severity=Severity.ERROR)


def deleted_names(look: Look) -> Iterator[Diagnostic]:
    """Reads of what a cell above deleted and nobody wrote again."""
    gone: dict[str, CodeCell] = {}
    untold = _GIVEN | _global_in_functions(look)
    for cell in look.cells:
        if cell.cell.index >= look.hiding:
            return
        if cell.tree is None:
            yield from _deleted_in_sql(cell, gone)
            continue
        if "%" in cell.cell.source:  # `%time x = 1` binds x
            _forget(gone, (use.name for use in cell.facts.writes))
        for statement in cell.tree.body:
            for name, line in sure_reads(statement):
                if name in gone and not cell.tags.raises_exception:
                    yield _deleted(cell, name, line, gone.pop(name))
            _forget(gone, bound_in(statement))
            gone |= {name: cell for name, _ in deletes(statement) if name not in untold}


def _forget(gone: dict[str, CodeCell], names: Iterable[str]) -> None:
    for name in names:
        gone.pop(name, None)


def _global_in_functions(look: Look) -> set[str]:
    """Names that functions declare `global`: a call may write them."""
    trees = (cell.tree for cell in look.cells if "global" in cell.cell.source)
    nodes = (node for tree in trees if tree is not None for node in ast.walk(tree))
    return {name for node in nodes if isinstance(node, ast.Global) for name in node.names}


def _deleted_in_sql(cell: CodeCell, gone: dict[str, CodeCell]) -> Iterator[Diagnostic]:
    for use in cell.facts.reads if cell.facts.sql else ():
        if use.name in gone and use.certainty is Certainty.SURE:
            yield _deleted(cell, use.name, use.line, gone.pop(use.name))
    _forget(gone, (use.name for use in cell.facts.writes))


def _deleted(cell: CodeCell, name: str, line: int, by: CodeCell) -> Diagnostic:
    where = "above in this cell" if by is cell else f"in cell {by.number}"
    return cell.finding(
        "deleted-name",
        Severity.ERROR,
        f"`{name}` is read here, but was deleted {where}",
        line=line,
        hint=f"Run All fails here with a NameError; move `del {name}` below its last use",
        also=() if by is cell else (Place(cell=by.cell.id, cell_index=by.cell.index),),
    )


def function_globals(look: Look) -> Iterator[Diagnostic]:
    """Globals that functions ask for: never written at all, or only below the first call."""
    if not look.certain:
        return
    first = _first_writers(look)
    bodies: dict[str, tuple[Use, ...]] = {}
    for cell in look.cells:
        for fragment in cell.facts.fragments:
            globals_ = tuple(use for use in fragment.late if _is_asked_for(use.name))
            if fragment.module is None:
                bodies |= dict.fromkeys(fragment.names, globals_)
            for use in globals_:
                if use.name not in first:
                    yield _never_written(cell, use, first)
        yield from _called_too_early(cell, bodies, first)


def _called_too_early(
    cell: CodeCell, bodies: dict[str, tuple[Use, ...]], first: dict[str, CodeCell]
) -> Iterator[Diagnostic]:
    for function, line in _calls(cell.tree):
        for use in bodies.get(function, ()):
            writer = first.get(use.name)
            if writer is not None and writer.cell.index > cell.cell.index:
                yield cell.finding(
                    "out-of-order",
                    Severity.WARNING,
                    f"`{function}` reads `{use.name}`, which is first written below, in cell "
                    f"{writer.number}",
                    line=line,
                    hint=f"Run All fails here with a NameError if `{function}` gets to that line; "
                    "move the cell that writes it up",
                )


def _calls(tree: ast.Module | None) -> Iterator[tuple[str, int]]:
    """Functions called by name outside functions."""
    waiting: list[ast.AST] = list(tree.body) if tree is not None else []
    seen: set[str] = set()
    while waiting:
        node = waiting.pop(0)
        match node:
            case ast.Call(func=ast.Name(id=name)) if name not in seen:
                seen.add(name)
                yield name, node.lineno
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Try):
            waiting.extend(ast.iter_child_nodes(node))


def _never_written(cell: CodeCell, use: Use, known: dict[str, CodeCell]) -> Diagnostic:
    near = get_close_matches(use.name, known, n=3)
    return cell.finding(
        "undefined-name",
        Severity.WARNING,
        f"nothing in the notebook writes `{use.name}`, which this function reads",
        line=use.line,
        hint=f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else None,
        fix=exchanged(cell.cell.source, use.line, use.name, near[0]) if near else None,
    )


def _is_asked_for(name: Name) -> bool:
    if name in _GIVEN or name.startswith("__") or is_session_object(name):
        return False
    return kind_of(name) is NameKind.VARIABLE


def _first_writers(look: Look) -> dict[str, CodeCell]:
    """The first cell that binds each name, by its text and by what is known of it."""
    found: dict[str, CodeCell] = {}
    for cell in look.cells:
        names = {str(use.name) for use in (*cell.facts.writes, *cell.facts.late_writes)}
        names |= {str(name) for fragment in cell.facts.fragments for name in fragment.names}
        names |= {str(u.name) for fragment in cell.facts.fragments for u in fragment.late_writes}
        names |= bound_in(cell.tree) if cell.tree is not None else set()
        for name in names:
            found.setdefault(name, cell)
    return found
