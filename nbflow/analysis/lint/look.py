"""What a lint check looks at: one notebook, read and linked, and the way to report a finding."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from nbflow.analysis.facts import CellFacts
from nbflow.analysis.ipython import read_code
from nbflow.analysis.lint.hidden import first_hiding
from nbflow.core.diagnostic import Diagnostic, Fix, Place, Severity
from nbflow.core.graph import Graph
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.sql import ObjectKind
from nbflow.core.step import CellTags

_PYTHON_INSIDE: Final = frozenset({"time", "timeit", "capture", "prun"})
"""Cell magics whose body is ordinary Python of the notebook."""


@dataclass(frozen=True, kw_only=True)
class CodeCell:
    """One code cell with what its text says. `tags` are parsed."""

    cell: Cell
    facts: CellFacts
    tags: CellTags

    @cached_property
    def tree(self) -> ast.Module | None:
        """The cell as Python, with the cell's line numbers; None where it is none."""
        code = read_code(self.cell.source)
        while code.magic is not None and code.magic.name in _PYTHON_INSIDE:
            above = self.cell.source.count("\n") - code.magic.body.lstrip("\n").count("\n")
            code = read_code("\n" * above + code.magic.body.lstrip("\n"))
        return code.tree

    @property
    def number(self) -> int:
        """What people call the cell."""
        return self.cell.number

    def finding(
        self,
        code: str,
        severity: Severity,
        message: str,
        *,
        line: int | None = None,
        hint: str | None = None,
        fix: Fix | None = None,
        also: tuple[Place, ...] = (),
    ) -> Diagnostic:
        """A finding in this cell."""
        return Diagnostic(
            code=code,
            severity=severity,
            message=message,
            place=Place(cell=self.cell.id, cell_index=self.cell.index, line=line),
            also=also,
            hint=hint,
            fix=fix,
        )


@dataclass(frozen=True, kw_only=True)
class Look:
    """A notebook as the checks see it. Cells tagged `skip` are no part of the workflow."""

    notebook: Notebook
    graph: Graph
    facts: tuple[CellFacts, ...]
    tags: Mapping[CellId, CellTags] = field(default_factory=dict)

    @cached_property
    def cells(self) -> tuple[CodeCell, ...]:
        """The code cells that a run executes, in notebook order."""
        return tuple(cell for cell in self.code if not cell.tags.skip)

    @cached_property
    def code(self) -> tuple[CodeCell, ...]:
        """All code cells, those tagged `skip` too."""
        facts = {one.cell: one for one in self.facts}
        return tuple(
            CodeCell(cell=cell, facts=facts[cell.id], tags=self.tags.get(cell.id, CellTags()))
            for cell in self.notebook.cells
            if cell.kind is CellKind.CODE and cell.id in facts
        )

    @cached_property
    def by_id(self) -> dict[CellId, CodeCell]:
        """The code cells that a run executes, by id."""
        return {cell.cell.id: cell for cell in self.cells}

    @cached_property
    def hiding(self) -> int:
        """The index of the first cell that may bind names which its text does not show."""
        return first_hiding(self.notebook, self.facts)

    @property
    def certain(self) -> bool:
        """Every cell shows the names that it binds."""
        return self.hiding >= len(self.notebook.cells)


def is_session_object(name: str) -> bool:
    """A macro, view, variable … of the SQL session: one may be missing where a table is meant.

    >>> is_session_object("view/sales"), is_session_object("sales"), is_session_object("a/b")
    (True, False, False)
    """
    kind, slash, _ = name.partition("/")
    return bool(slash) and kind in _OBJECT_KINDS


_OBJECT_KINDS: Final = frozenset(kind.value for kind in ObjectKind)

_LONGEST: Final = 4000
"""What stands further right on a line is data, and patterns would take for ever on megabytes."""


def lines_of(source: str) -> Iterator[tuple[int, str]]:
    """The lines of a cell, the beginning of very long ones, with their numbers from 1.

    >>> list(lines_of("a\\nb"))
    [(1, 'a'), (2, 'b')]
    """
    yield from (
        (number, line[:_LONGEST]) for number, line in enumerate(source.split("\n"), start=1)
    )
