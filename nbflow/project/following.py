"""Following what happens in a project: the ledger's events as they are written, by whomever.

A look costs one question to SQLite that reads no table (`data_version`), so that waiting is cheap.
Who follows also declares runs lost whose process is gone, or nobody would ever be told.
"""

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Final

from nbflow.core.run import Event
from nbflow.project.desk import process_lives, utc_now
from nbflow.project.layout import Layout
from nbflow.store.history import Ledger

Told = tuple[Event, str]
"""An event, and the notebook of its run."""

_LOOK_SECONDS: Final = 0.1
_LOST_SECONDS: Final = 3.0
_PAGE: Final = 500


def follow(layout: Layout, after: int, stop: threading.Event) -> Iterator[tuple[Told, ...]]:
    """Events with a greater id than `after`, oldest first, several at a time, until `stop` is set.

    A project in which nothing has run is waited for; a ledger that was exchanged begins anew.
    """
    while not stop.is_set():
        if layout.ledger.exists():
            with Ledger(layout.ledger) as ledger:
                yield from _Reader(ledger, layout, after).read(stop)
            after = 0
        stop.wait(_LOOK_SECONDS)


class _Reader:
    """One ledger file that is being followed."""

    def __init__(self, ledger: Ledger, layout: Layout, after: int) -> None:
        self._ledger, self._layout, self._after = ledger, layout, after
        self._file = _file_number(layout)
        self._version: int | None = None
        self._looked = 0.0
        self._notebooks: dict[str, str] = {}

    def read(self, stop: threading.Event) -> Iterator[tuple[Told, ...]]:
        """New events, until `stop` is set or the file is another one."""
        while not stop.is_set() and _file_number(self._layout) == self._file:
            if self._lose_dead() or self._has_changed():
                while told := self._page():
                    yield told
            stop.wait(_LOOK_SECONDS)

    def _has_changed(self) -> bool:
        before, self._version = self._version, self._ledger.version()
        return before != self._version

    def _lose_dead(self) -> bool:
        """Now and then; what this connection writes itself does not show in its version."""
        if monotonic() - self._looked < _LOST_SECONDS:
            return False
        self._looked = monotonic()
        return bool(self._ledger.mark_lost(utc_now(), process_lives))

    def _page(self) -> tuple[Told, ...]:
        found = self._ledger.events(self._after, limit=_PAGE)
        unknown = {event.run for event in found} - self._notebooks.keys()
        self._notebooks |= self._ledger.notebooks(unknown) if unknown else {}
        self._after = found[-1].id if found else self._after
        return tuple((event, self._notebooks.get(event.run, "")) for event in found)


def _file_number(layout: Layout) -> int | None:
    try:
        return layout.ledger.stat().st_ino
    except OSError:
        return None
