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
class Fix:
    """One change of a finding's cell that mends it: `old` becomes `new`.

    With a `line` (from 1) and a `column` (from 0, in characters) it is a piece of the cell's text,
    without them one of its tags. Whoever makes the change looks first whether `old` stands there.
    """

    old: str
    new: str
    line: int | None = None
    column: int = 0

    def applied(self, source: str) -> str:
        """A cell's text after the change; as it was where `old` does not stand there.

        >>> Fix(old="saels", new="sales", line=2, column=6).applied("x = 1\\nprint(saels)")
        'x = 1\\nprint(sales)'
        """
        lines = source.split("\n")
        if self.line is None or self.line > len(lines):
            return source
        text, end = lines[self.line - 1], self.column + len(self.old)
        if text[self.column : end] != self.old:
            return source
        lines[self.line - 1] = text[: self.column] + self.new + text[end:]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a notebook.

    `code` is stable kebab-case (`unknown-table`, `bad-tag`); `also` names the other places involved
    (the whole cycle, the second cell of a duplicate id); `hint` says what to do next; `fix` does
    it, where a machine can.
    """

    code: str
    severity: Severity
    message: str
    place: Place = Place()
    also: tuple[Place, ...] = ()
    hint: str | None = None
    fix: Fix | None = None
