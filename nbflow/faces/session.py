"""What the commands of one call share: the project they found, the screen, and what was typed."""

import getpass
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbflow.faces import text, wire
from nbflow.faces.outcome import Signals
from nbflow.faces.screen import Screen

if TYPE_CHECKING:
    from nbflow.project import Project

Find = Callable[[Path | None], "Project"]
"""Opens the project of a folder, or of the current one."""


@dataclass(slots=True)
class Session:
    """One call. `root` and `notebook` are known once a command asked for them, `run` once a run
    has told its first event."""

    find: Find
    screen: Screen
    argv: tuple[str, ...]
    signals: Signals = field(default_factory=Signals)
    json: bool = False
    root: Path | None = None
    notebook: str | None = None
    run: str | None = None

    def project(self, start: Path | None = None) -> "Project":
        """The project of a notebook's folder, or of the current one."""
        found = self.find(start)
        self.root = found.root
        return found

    def project_of(self, notebook: Path) -> "Project":
        """The project that a notebook belongs to."""
        self.notebook = str(notebook)
        return self.project(notebook.absolute().parent)

    @property
    def actor(self) -> str:
        """Who is asking."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "unknown"  # a container's user without a name

    @property
    def again(self) -> str:
        """The command as it was typed."""
        return shlex.join(("nbflow", *self.argv))

    @property
    def prefix(self) -> str:
        """A `cd` for commands that would not find the project from here."""
        here, root = Path.cwd(), self.root
        if root is None or here == root:
            return ""
        marked = (root / "nbflow.toml").exists() or (root / ".git").exists()
        return "" if marked and here.is_relative_to(root) else f"cd {shlex.quote(str(root))} && "

    @property
    def way_on(self) -> str:
        """How to go on with a run that was stopped; empty where none had begun."""
        if self.run is None:
            return ""
        return f"\n  go on  {self.prefix}nbflow resume {text.short_id(self.run)}"

    def document(self, content: dict[str, Any]) -> None:
        """Print the one JSON document of this call."""
        self.screen.data(wire.document(content))
