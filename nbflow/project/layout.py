"""Where a project lies, and where things lie in it."""

from dataclasses import dataclass
from pathlib import Path

from nbflow.core.errors import StoreError

STATE_FOLDER = ".nbflow"
CONFIG_FILE = "nbflow.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one project. `root` is absolute and resolved."""

    root: Path

    @property
    def state(self) -> Path:
        """`.nbflow/`, which git ignores."""
        return self.root / STATE_FOLDER

    @property
    def ledger(self) -> Path:
        """The SQLite history."""
        return self.state / "ledger.sqlite"

    @property
    def store(self) -> Path:
        """Step outputs, named by content."""
        return self.state / "store"

    @property
    def staging(self) -> Path:
        """What lanes write before it is committed."""
        return self.state / "staging"

    @property
    def displays(self) -> Path:
        """What cells showed, by fingerprint."""
        return self.state / "displays"

    @property
    def sketches(self) -> Path:
        """What is remembered of files that steps read."""
        return self.state / "sketches"

    @property
    def runs(self) -> Path:
        """One folder per run: result notebook and logs."""
        return self.state / "runs"

    def run(self, run: str) -> Path:
        """The folder of one run."""
        return self.runs / run

    def relative(self, path: Path) -> str:
        """A path as notebooks are known: POSIX, from the root."""
        return path.resolve().relative_to(self.root).as_posix()

    def make(self) -> None:
        """Create `.nbflow/` with its `.gitignore`.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            for folder in (self.state, self.store, self.staging, self.displays, self.runs):
                folder.mkdir(parents=True, exist_ok=True)
            ignore = self.state / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{self.state} cannot be written: {error.strerror}",
                hint="run in a folder that you may write to, or change its permissions",
            ) from error


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` with `nbflow.toml`, else with `.git`, else `start`'s
    own.

    `start` may be a notebook or a folder.
    """
    home = (start if start.is_dir() else start.parent).resolve()
    for marker in (CONFIG_FILE, ".git"):
        for folder in (home, *home.parents):
            if (folder / marker).exists():
                return folder
    return home
