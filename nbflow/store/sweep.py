"""What crashes leave behind in `.nbflow/`, found and put away at the next start.

Every function may be killed and repeated. The ledger decides: a file that no row speaks of is no
result, a folder of a run that has ended is nobody's. What a run that may still live could use is
left alone, so `Ledger.mark_lost` comes first.
"""

import re
import shutil
from collections.abc import Iterator
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
