"""The ledger's SQLite file: opening it, transactions, errors in words, exact JSON for its columns.

Every statement goes through `Database`, so that the lock, text that is not UTF-8 and the
translation of SQLite's errors each live in one place. Nothing here knows what a run is.

Never open the file beside SQLite in the same process (not even to read it): closing any descriptor
of it drops the locks that SQLite holds ("How To Corrupt An SQLite Database File", section 2.2).
"""

import json
import math
import os
import re
import shlex
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, Final

from nbflow.core.errors import StoreError, UsageError

if sys.platform == "darwin":
    import fcntl

BUSY_SECONDS = 30.0
"""How long a statement waits for another process before it gives up (SQLite waits with backoff)."""

WAL_PAUSE_SECONDS: Final = 0.02
"""Between tries to switch a new file to WAL, which does not wait as statements do."""

PRAGMAS: Final = (
    "synchronous = FULL",  # NORMAL may lose the last commits in a power cut
    "fullfsync = ON",  # macOS: a plain fsync does not reach the disk
    "foreign_keys = ON",
)

Row = dict[str, Any]


class Database:
    """One connection, which the threads of one process use in turn; other processes have theirs."""

    def __init__(self, path: Path) -> None:
        """Open the file, made when missing.

        Raises:
            StoreError: it cannot be opened or made.
        """
        self.path = path
        self._lock = threading.RLock()
        with self._in_words():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)

    def close(self) -> None:
        """Give the file back. Closing twice is harmless."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[None]:
        """One transaction: all of it is on disk when the block ends, or nothing of it ever is.

        What is not `durable` survives the end of any process, but waits for the next durable one,
        or for `sync`, to survive a loss of power
        (https://www.sqlite.org/pragma.html#pragma_synchronous).
        """
        pace = nullcontext() if durable else self._less_synchronous()
        with self._lock, pace, self._transaction("BEGIN IMMEDIATE"):
            yield

    def sync(self) -> None:
        """Have all that was committed by now survive a loss of power; in whatever thread.

        Nobody who writes waits for it, as for a durable commit. SQLite holds no locks on its log,
        so that this alone may be opened beside it.

        Raises:
            StoreError: the disk fails.
        """
        with self._in_words(), suppress(FileNotFoundError):
            _fsync_log(self.path.with_name(f"{self.path.name}-wal"))

    @contextmanager
    def _less_synchronous(self) -> Iterator[None]:
        self.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All statements of the block see the same moment."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._lock:
            try:
                self.execute(begin)
                yield
                self.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself after some errors (disk full, I/O)
                if self._connection.in_transaction:
                    self.execute("ROLLBACK")
                raise

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Run one statement.

        Raises:
            StoreError: locked for too long, damaged, full, not writable; with what to do about it.
        """
        with self._lock, self._in_words():
            return self._connection.execute(sql, tuple(map(_bound, values)))

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of a query, by column name.

        Raises:
            StoreError: as `execute`.
        """
        with self._lock, self._in_words():
            found = self._connection.execute(sql, tuple(map(_bound, values)))
            return [_row(row) for row in found]

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, *values)), None)

    def insert(self, table: str, columns: Mapping[str, object]) -> int:
        """Add a row; its rowid comes back."""
        names = ", ".join(map(_quoted, columns))
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})"
        return self.execute(sql, *columns.values()).lastrowid or 0

    def update(self, table: str, columns: Mapping[str, object], where: Mapping[str, object]) -> int:
        """Change the rows that are as in `where` (None matches NULL); their count comes back."""
        changes = ", ".join(f"{_quoted(name)} = ?" for name in columns)
        tests = " AND ".join(f"{_quoted(name)} IS ?" for name in where)
        sql = f"UPDATE {_quoted(table)} SET {changes} WHERE {tests}"
        return self.execute(sql, *columns.values(), *where.values()).rowcount

    def use_wal(self) -> None:
        """Readers do not wait for the writer from now on (it stays so in the file)."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except StoreError as error:
                # two first openers met: one is refused at once, whatever the busy timeout
                busy = _primary_code(error.__cause__) == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
            time.sleep(WAL_PAUSE_SECONDS)

    def back_up(self, target: Path) -> None:
        """A complete copy; an older `target` stays until the new one is whole.

        Raises:
            StoreError: it cannot be written.
        """
        aside = target.with_name(f"{target.name}.{os.getpid()}.new")
        with self._in_words():
            try:
                self._copy_into(aside)
                _fsync(aside)
                aside.replace(target)
            finally:
                aside.unlink(missing_ok=True)
            _fsync(target.parent)

    def _copy_into(self, path: Path) -> None:
        # A connection of its own: SQLite refuses to copy through one that holds the write lock.
        source, copy = _connect(self.path), _connect(path)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
            source.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a fault of ours, not of the machine
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.path) from error


def explained(error: Exception, path: Path) -> StoreError:
    """What a failure of SQLite means for people: the file, the reason, and what to do."""
    match _primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(
                f"{path} is locked by {_holder(path)}",
                hint="wait until it ends, or end it, and try again",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(f"{path} is damaged: {error}", hint=_repair(path))
        case sqlite3.SQLITE_FULL:
            return StoreError(
                f"{path} cannot grow: the disk is full",
                hint="free some space; what was recorded before is intact",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreError(
                f"{path} cannot be opened for writing: {error}",
                hint="check that the folder exists and belongs to you",
            )
        case _:
            return StoreError(
                f"{path}: {error}", hint="the ledger must lie on a healthy local disk"
            )


def _primary_code(error: BaseException | None) -> int:
    # SQLITE_BUSY_RECOVERY and its like carry the plain code in the low byte
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _repair(path: Path) -> str:
    """The commands that put a damaged file and its -wal aside, and a copy back if there is one."""
    file, aside = shlex.quote(str(path)), shlex.quote(f"{path.parent}/damaged")
    # A ledger that was closed has no -wal: `mv` would complain of a pattern that matches nothing.
    beside = sorted(path.parent.glob(f"{path.name}-*"))
    moved = " ".join(shlex.quote(str(one)) for one in (path, *beside))
    commands = f"mkdir {aside} && mv {moved} {aside}"
    copies = sorted(path.parent.glob(f"{path.name}.v*.backup"), key=_modified)
    if copies:
        return f"put the last copy back: {commands}; cp {shlex.quote(str(copies[-1]))} {file}"
    return f"put it aside ({commands}): a new ledger begins, and steps run again"


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _holder(path: Path) -> str:
    """Who holds the write lock, as far as the system tells (Linux does)."""
    try:
        inode = Path(f"{path}-shm").stat().st_ino
        pid = write_lock_holder(Path("/proc/locks").read_text(), inode)
        if pid is None:
            return "another process"
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "another process"
    return f"process {pid} ({command.decode(errors='replace').strip()})"


def write_lock_holder(locks: str, inode: int) -> int | None:
    """The process that `/proc/locks` shows with SQLite's write lock: byte 120 of the `-shm` file.

    >>> write_lock_holder("1: POSIX  ADVISORY  WRITE 71 fe:00:2146 120 120", 2146)
    71
    >>> write_lock_holder("1: POSIX  ADVISORY  READ 71 fe:00:2146 124 124", 2146)
    """
    held = re.search(rf"WRITE (\d+) \w+:\w+:{inode} 120 120$", locks, flags=re.MULTILINE)
    return int(held[1]) if held else None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_log(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        if sys.platform == "darwin":  # as `fullfsync` has SQLite do
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _bound(value: object) -> object:
    """Text that is not UTF-8 (a file name, a lone surrogate in a tag) is kept exactly, as bytes."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


def _row(found: sqlite3.Row) -> Row:
    return {
        name: value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
        for name, value in zip(found.keys(), found, strict=True)
    }


def to_json(value: object) -> str:
    """A value as JSON text from which `from_json` gives the same value back, types included.

    What JSON has no word for becomes an object with one key that begins with `$`.

    >>> to_json({"day": date(2026, 1, 2), "n": 1, "limit": float("inf")})
    '{"day": {"$date": "2026-01-02"}, "n": 1, "limit": {"$float": "inf"}}'

    Raises:
        UsageError: a value that cannot be written down exactly.
    """
    return json.dumps(_plain(value), allow_nan=False)


def from_json(text: str) -> Any:
    """The value that `to_json` wrote.

    >>> from_json('{"pair": {"$tuple": [1, "1"]}}')
    {'pair': (1, '1')}
    """
    return json.loads(text, object_hook=_revived)


_REVIVE: Final[dict[str, Callable[[Any], object]]] = {
    "$float": float,
    "$tuple": tuple,
    "$set": set,
    "$dict": dict,
    "$bytes": bytes.fromhex,
    "$date": date.fromisoformat,
    "$datetime": datetime.fromisoformat,
    "$path": Path,
}


def _revived(found: dict[str, Any]) -> object:
    if len(found) == 1:
        ((key, value),) = found.items()
        if key in _REVIVE:
            return _REVIVE[key](value)
    return found


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"$float": str(float(value))}
        case list():
            return [_plain(item) for item in value]
        case Mapping():
            return _plain_mapping(value)
        case tuple():
            return {"$tuple": [_plain(item) for item in value]}
        case set():
            return {"$set": [_plain(item) for item in value]}
        case bytes():
            return {"$bytes": value.hex()}
        case datetime() if isinstance(value.tzinfo, timezone | None):
            return {"$datetime": value.isoformat()}
        case date() if not isinstance(value, datetime):
            return {"$date": value.isoformat()}
        case Path():
            return {"$path": str(value)}
    raise UsageError(
        f"a value of type {type(value).__qualname__} cannot be recorded: {value!r:.80}",
        hint="give numbers, text, dates (times with a fixed offset), or lists and dicts of these",
    )


def _plain_mapping(value: Mapping[Any, object]) -> dict[str, object]:
    looks_special = len(value) == 1 and next(iter(value)) in _REVIVE
    if looks_special or not all(isinstance(key, str) for key in value):
        return {"$dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    return {key: _plain(item) for key, item in value.items()}
