"""Whoever ran a notebook and still looks at it will run it again: what it imports is kept ready."""

from collections import OrderedDict
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from nbflow.core.errors import NbflowError
from nbflow.core.run import Event, EventKind

if TYPE_CHECKING:
    from nbflow.project import Project

_MOST: Final = 4
"""So many notebooks: each takes the memory of what it imports."""


class Warmth(Protocol):
    """What a project keeps ready."""

    @property
    def is_over(self) -> bool: ...

    def close(self) -> None: ...


class Warming:
    """What is kept ready for runs to come. It ends by itself when nothing runs for long, and with
    the server."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._kept: OrderedDict[Path, Warmth] = OrderedDict()

    def hear(self, project: "Project", event: Event, notebook: str) -> None:
        """Something happened in a project: once a run has ended, there is time for this."""
        if event.kind is EventKind.RUN_FINISHED:
            self._pool.submit(self._keep, project, project.root / notebook)

    def _keep(self, project: "Project", file: Path) -> None:
        known = self._kept.pop(file, None)
        if known is not None and known.is_over:
            known.close()
            known = None
        with suppress(NbflowError):  # whoever runs it again will be told
            self._kept[file] = known or project.keep_warm(file)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)[1].close()
