"""Notebooks that are looked at: what was read of each stays, so that the next look is quick."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nbflow.analysis.editing import CellReader
from nbflow.project.opened import Opened, open_document, open_notebook
from nbflow.project.readings import read_sql

MOST: Final = 32
"""So many notebooks are remembered; nobody works on more at a time."""


@dataclass(slots=True)
class _Draft:
    """One notebook's reader, which one thread may use at a time."""

    reader: CellReader = field(default_factory=lambda: CellReader(read_sql))
    lock: threading.Lock = field(default_factory=threading.Lock)


class Drafts:
    """The notebooks of a project that were looked at last."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Draft] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, document: dict[str, Any], path: Path, root: Path) -> Opened:
        """`open_document`, sooner where little has changed since last time.

        Raises:
            NotebookError: it is no notebook that can be used.
        """
        draft = self._draft(path)
        with draft.lock:
            return open_document(document, path, root, reader=draft.reader.read)

    def open_file(self, path: Path, root: Path) -> Opened:
        """`open_notebook`, sooner where little has changed since last time.

        Raises:
            NotebookError: the file is no notebook that can be used.
        """
        draft = self._draft(path)
        with draft.lock:
            return open_notebook(path, root, reader=draft.reader.read)

    def _draft(self, path: Path) -> _Draft:
        with self._lock:
            draft = self._known.pop(path, None) or _Draft()
            self._known[path] = draft
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return draft
