"""The open parts of a project: what every verb that looks at its history begins with."""

from dataclasses import dataclass
from datetime import UTC, datetime

from nbflow.project.layout import Layout
from nbflow.store.blobs import BlobStore
from nbflow.store.displays import Displays
from nbflow.store.history import Ledger
from nbflow.store.sweep import remove_stale_staging


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The open parts of a project that a run works with."""

    layout: Layout
    ledger: Ledger
    blobs: BlobStore
    displays: Displays


def open_desk(layout: Layout) -> Desk:
    """Open the project's store and history, and put right what a crash left.

    Raises:
        StoreError: they cannot be read or written.
    """
    layout.make()
    ledger = Ledger(layout.ledger)
    ledger.mark_lost(utc_now(), process_lives)
    remove_stale_staging(ledger, layout.staging)
    return Desk(
        layout=layout,
        ledger=ledger,
        blobs=BlobStore(layout.state),
        displays=Displays(layout.displays),
    )


def process_lives(pid: int, started: float | None) -> bool:
    """Whether the process that had that pid at that start time is still there."""
    import psutil  # a history without unfinished runs is read without it

    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False  # it has ended, though its parent has not looked yet
        return started is None or abs(found.create_time() - started) < 1.0
    except psutil.Error:
        return False


def utc_now() -> str:
    """Now, as records have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
