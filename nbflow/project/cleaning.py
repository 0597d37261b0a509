"""`nbflow gc`: room in the store."""

from dataclasses import dataclass
from pathlib import Path

from nbflow.core.errors import StoreError
from nbflow.project.desk import Desk
from nbflow.store.sweep import evictable, store_bytes, unreferenced


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was removed, or would be: bytes of files that nobody speaks of, bytes of results beyond
    the budget, and what is left. `busy`: a run is going on, so nothing was touched."""

    garbage: int = 0
    evicted: int = 0
    left: int = 0
    busy: bool = False


def clean(desk: Desk, budget: int | None, *, dry_run: bool) -> Cleaned:
    """Remove what may go, while no run can begin.

    Raises:
        StoreError: a file cannot be removed.
    """
    with desk.ledger.no_run_begins():
        total = store_bytes(desk.layout.store)
        if desk.ledger.live_runs():
            return Cleaned(left=total, busy=True)
        garbage = _removed(unreferenced(desk.ledger, desk.layout.store), dry_run=dry_run)
        # What would be garbage still counts for the budget of a dry run.
        allowed = None if budget is None else budget + (garbage if dry_run else 0)
        found = () if allowed is None else evictable(desk.ledger, desk.layout.store, allowed)
        evicted = _removed(found, dry_run=dry_run)
    return Cleaned(garbage=garbage, evicted=evicted, left=total - garbage - evicted)


def _removed(paths: tuple[Path, ...], *, dry_run: bool) -> int:
    """Remove files; their size comes back."""
    size = 0
    for path in paths:
        size += path.stat().st_size
        if not dry_run:
            try:
                path.unlink()
            except OSError as error:
                raise StoreError(f"{path} cannot be removed: {error.strerror}") from error
    return size
