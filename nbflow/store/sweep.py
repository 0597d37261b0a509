"""What may go from `.nbflow/`: what crashes left behind, and results beyond the space allowed.

Every function may be killed and repeated. The ledger decides: a file that no row speaks of is no
result, a folder of a run that has ended is nobody's. What a run that may still live could use is
left alone, so `Ledger.mark_lost` comes first.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final

from nbflow.store.history import Ledger

_BLOB_FILE: Final = re.compile(r"([0-9a-f]{64})\..+")


def unreferenced(ledger: Ledger, store_root: Path) -> tuple[Path, ...]:
    """Blob files, and what lies beside them under their name, that no row speaks of; sorted.

    None while a run has not ended: it may have put a file in place, or found an old one good, whose
    row comes next. Quarantined files (`.corrupt-…`) and strangers are never among them. The answer
    is of the moment: who deletes must ask and delete while no run can begin.

        with ledger.no_run_begins():
            for path in unreferenced(ledger, store_root):
                path.unlink()
    """
    files = sorted(_blob_files(store_root), key=itemgetter(1))
    if ledger.live_runs():
        return ()
    known = ledger.digests()
    return tuple(path for digest, path in files if digest not in known)


def evictable(ledger: Ledger, store_root: Path, budget: int) -> tuple[Path, ...]:
    """Files to remove until the store holds at most `budget` bytes, those first whose content is
    made again most cheaply for the space it takes; the latest result of each step comes last.

    Nothing breaks without them: a step whose result is gone runs again. What a kept run stored is
    not among them. None while a run has not ended, as for `unreferenced`.
    """
    if ledger.live_runs():
        return ()
    files: dict[str, list[Path]] = {}
    for digest, path in _blob_files(store_root):
        files.setdefault(digest, []).append(path)
    sizes = {digest: _bytes(paths) for digest, paths in files.items()}
    costs, kept = ledger.costs(), ledger.kept_digests()

    def worth(digest: str) -> tuple[bool, float, str]:
        is_latest, seconds = costs.get(digest, (False, 0.0))
        return is_latest, seconds / max(1, sizes[digest]), digest

    total, chosen = sum(sizes.values()), []
    for digest in sorted(files.keys() - kept, key=worth):
        if total <= budget:
            break
        total -= sizes[digest]
        chosen += files[digest]
    return tuple(sorted(chosen))


def store_bytes(store_root: Path) -> int:
    """How much the store holds."""
    return _bytes(path for _, path in _blob_files(store_root))


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _blob_files(store_root: Path) -> Iterator[tuple[str, Path]]:
    for path in store_root.glob("[0-9a-f][0-9a-f]/*"):
        name = _BLOB_FILE.fullmatch(path.name)
        if name and name[1].startswith(path.parent.name) and _is_plain(path):
            yield name[1], path


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and ".corrupt-" not in path.name


def remove_stale_staging(ledger: Ledger, staging_root: Path) -> tuple[Path, ...]:
    """Remove the folders `staging_root/RUN_ID` of runs that have ended; those removed come back.

    Folders of live runs, and of runs that the ledger does not know, stay. What cannot be removed
    (a file held open on Windows) is left for the next time.
    """
    folders = {found.name: found for found in staging_root.glob("*") if _is_folder(found)}
    stale = sorted(folders[run] for run in ledger.ended(folders))
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
    return tuple(folder for folder in stale if not folder.exists())


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
