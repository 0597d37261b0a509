"""Expected trouble as a value: what, where, how bad, and the way out."""

from dataclasses import dataclass
from enum import StrEnum

from nbflow.core.notebook import CellId


class Severity(StrEnum):
    """`error` stops before the run (exit 2); `warning` and `info` do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands. `cell_index` is 0-based over all cells, `line` 1-based in the
    cell."""

    cell: CellId | None = None
    cell_index: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a notebook.

    `code` is stable kebab-case (`unknown-table`, `bad-tag`); `also` names the other places involved
    (the whole cycle, the second cell of a duplicate id); `hint` says what to do next; `fix` is a
    machine-applicable replacement of the cell's source, where one exists.
    """

    code: str
    severity: Severity
    message: str
    place: Place = Place()
    also: tuple[Place, ...] = ()
    hint: str | None = None
    fix: str | None = None
