"""One notebook with its findings: what all forms of `nbflow check` print."""

from dataclasses import dataclass

from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.faces.file_lines import FileLines


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One notebook with its findings; `path` as it was named."""

    path: str
    found: tuple[Diagnostic, ...]
    lines: FileLines

    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity."""
        return {s: sum(each.severity is s for each in self.found) for s in Severity}

    def quote(self, place: Place) -> str | None:
        """The line of a place; None where it is unknown, empty, or holds a secret."""
        line = self.lines.at(place) if place.line is not None else None
        if line is None or not line.text.strip() or self._is_secret(place):
            return None
        return line.text

    def _is_secret(self, place: Place) -> bool:
        return any(
            each.code == "secret"
            and (each.place.cell_index, each.place.line) == (place.cell_index, place.line)
            for each in self.found
        )
