"""`# nbflow: ignore[code]`: findings that the author has seen and accepts.

Errors stay, for a run would stop all the same; only claims about missing names and tables can be
contradicted, because then the run goes on and asks Python itself.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from nbflow.analysis.ipython import read_code
from nbflow.analysis.lint.codes import CODES
from nbflow.analysis.mending import exchanged
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook

_COMMENT: Final = re.compile(r"(?:#|--)\s*nbflow:\s*ignore\b(?:\[([^\]\n]*)\])?")
_CLAIMS: Final = frozenset({"deleted-name", "out-of-order", "undefined-name", "unknown-table"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """A comment in a cell, and the lines that it speaks of."""

    line: int
    codes: tuple[str, ...]
    lines: range


def ignores_in(source: str) -> tuple[Ignore, ...]:
    """The comments of a cell. One on any line of a statement speaks of the whole statement.

    >>> ignores_in("x = f(\\n    y)  # nbflow: ignore[out-of-order, opaque]")
    (Ignore(line=2, codes=('out-of-order', 'opaque'), lines=range(1, 3)),)
    """
    if "nbflow:" not in source:
        return ()
    spans = _spans(source)
    return tuple(
        Ignore(line=line, codes=_codes(found[1]), lines=spans.get(line, range(line, line + 1)))
        for line, text in enumerate(source.split("\n"), start=1)
        if (found := _COMMENT.search(text)) is not None
    )


def _codes(listed: str | None) -> tuple[str, ...]:
    return tuple(code.strip() for code in (listed or "").split(",") if code.strip())


def _spans(source: str) -> dict[int, range]:
    """The lines of the simple statement that stands on each line."""
    tree = read_code(source).tree
    spans: dict[int, range] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            spans |= dict.fromkeys(span, span)
    return spans


def kept(notebook: Notebook, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings that no comment silences. One about a whole cell is silenced on its first
    line."""
    ignored: dict[CellId, tuple[Ignore, ...]] = {}
    for cell in _code(notebook):
        comments = ignores_in(cell.source)
        if comments:
            ignored[cell.id] = comments
    return tuple(each for each in found if not _is_silenced(each, ignored))


def _is_silenced(found: Diagnostic, ignored: dict[CellId, tuple[Ignore, ...]]) -> bool:
    if found.severity is Severity.ERROR and found.code not in _CLAIMS:
        return False
    if found.place.cell is None:
        return False
    line = found.place.line or 1
    comments = ignored.get(found.place.cell, ())
    return any(found.code in comment.codes and line in comment.lines for comment in comments)


def unknown_codes(notebook: Notebook) -> Iterator[Diagnostic]:
    """Comments that silence nothing, because there is no such code."""
    for cell in _code(notebook):
        for comment in ignores_in(cell.source):
            if not comment.codes:
                yield _complaint(
                    cell,
                    comment.line,
                    "this comment does not say which finding it silences",
                    "write the code: nbflow: ignore[unused-result]",
                )
            for code in comment.codes:
                if code not in CODES:
                    near = get_close_matches(code, CODES, n=1)
                    hint = f"did you mean {near[0]}?" if near else "`nbflow check` shows the codes"
                    found = _complaint(cell, comment.line, f"there is no code {code!r}", hint)
                    fix = exchanged(cell.source, comment.line, code, near[0]) if near else None
                    yield replace(found, fix=fix)


def _complaint(cell: Cell, line: int, message: str, hint: str) -> Diagnostic:
    place = Place(cell=cell.id, cell_index=cell.index, line=line)
    return Diagnostic(
        code="unknown-code", severity=Severity.WARNING, message=message, place=place, hint=hint
    )


def _code(notebook: Notebook) -> Iterator[Cell]:
    return (cell for cell in notebook.cells if cell.kind is CellKind.CODE)
