"""An open notebook: cells run in a real IPython with nbflow's SQL."""

import atexit
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbflow.core.recipe import NewCell
from nbflow.faces import magics


class Notebook:
    """Runs cells and raises what they raise."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cells: Iterable[NewCell]) -> Any:
        """The result of the last cell."""
        shown = None
        for cell in cells:
            result = self.shell.run_cell(cell.source)
            result.raise_error()
            shown = result.result
        return shown

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name] if name in self.shell.user_ns else self._fetched(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.shell.user_ns[name] = value

    def _fetched(self, name: str) -> Any:
        session = magics.session_of(self.shell)
        assert session is not None
        return session.fetch(name)


@contextmanager
def open_notebook() -> Iterator[Notebook]:
    """A new shell; the process is afterwards as it was."""
    main, hook = sys.modules["__main__"], sys.displayhook
    config = Config()
    config.HistoryManager.enabled = False  # no SQLite thread, no file of the person
    shell = InteractiveShell(config=config)
    try:
        yield Notebook(shell)
    finally:
        session = magics.session_of(shell)
        if session is not None:
            session.close()
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        sys.modules["__main__"], sys.displayhook = main, hook
