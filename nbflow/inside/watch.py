"""What a step does outside its names: files, network, other programs, seen by an audit hook.

Python tells its audit hooks about every file that it opens, removes or renames. A hook can never be
removed again, so there is one per process; it listens only while a step's cells run. Not seen are
files that C++ or Rust code opens by itself (DuckDB, Arrow, polars): those are known from the text.

Files that are read are digested before the step writes to them, else at its end; if they changed in
between by other hands, they count as untracked.
"""

import dataclasses
import importlib
import os
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from nbflow.core.homes import homes
from nbflow.core.task import FileTouch, TaskReport

_CHUNK_BYTES: Final = 2**20
_WRITE_FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_SYSTEM: Final = ("/proc/", "/dev/", "/sys/", "/etc/", "/usr/share/", "/usr/lib/", "/run/")
_PROBES: Final = frozenset(
    {"lscpu", "uname", "ldconfig", "nvidia-smi", "sysctl", "fc-list", "getconf", "arch", "nproc"}
)
_IMPORTLIB: Final = str(Path(importlib.__file__).parent)
_OF_USER: Final = (
    ".cache",
    ".config",
    ".ipython",
    ".jupyter",
    ".matplotlib",
    ".local/share",
    ".duckdb",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a step did. Paths are relative to the notebook's folder where they lie in it (POSIX)."""

    files_read: tuple[FileTouch, ...] = ()
    files_written: tuple[FileTouch, ...] = ()
    untracked_files: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    def add_to(self, report: TaskReport) -> TaskReport:
        """The report with all of this in it."""
        return dataclasses.replace(
            report,
            files_read=(*report.files_read, *self.files_read),
            files_written=(*report.files_written, *self.files_written),
            untracked_files=(*report.untracked_files, *self.untracked_files),
            dynamic_effects=tuple(dict.fromkeys((*report.dynamic_effects, *self.effects))),
            clean=report.clean and not self.effects,
        )


@dataclass(slots=True, kw_only=True)
class _Touched:
    """One file, as the step came upon it."""

    read: bool = False
    written: bool = False
    digest: str | None = None
    digested: bool = False
    mark: tuple[int, int] | None = None
    was_there: bool = False


class Watcher:
    """Listens while a step's cells run. Use `watcher()`: one per process.

    All calls come from the audit hook, in any thread, in the middle of somebody's `open`: they must
    be quick, and what they open themselves must not be told again.
    """

    def __init__(self) -> None:
        self._listening = False
        self._busy = threading.local()
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._files: dict[str, _Touched] = {}
        self._untracked: set[str] = set()
        self._effects: set[str] = set()
        self._folder = ""
        self._ignored: tuple[str, ...] = ()

    # -- one step

    def start(self, folder: Path, *, own: Iterable[Path] = ()) -> None:
        """Begin to listen. `folder` is the notebook's; what lies in `own` is nbflow's business."""
        with self._lock:
            self._forget()
            self._folder = os.path.realpath(folder)
            self._ignored = _ignored_places(own)
            self._listening = True

    def pause(self) -> None:
        """Stop listening for nbflow's own work; `resume` goes on."""
        self._listening = False

    def resume(self) -> None:
        """Listen again after `pause`."""
        self._listening = True

    def stop(self) -> Seen:
        """Stop listening, and tell what was seen."""
        self._listening = False
        with self._lock:
            reads = tuple(self._touch(p, f) for p, f in sorted(self._files.items()) if f.read)
            writes = tuple(self._result(p) for p, f in sorted(self._files.items()) if _stays(p, f))
            seen = Seen(
                files_read=reads,
                files_written=writes,
                untracked_files=tuple(sorted(self._untracked)),
                effects=tuple(sorted(self._effects)),
            )
            self._forget()
        return seen

    # -- listening

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook. It never raises: that would break the author's code."""
        if not self._listening or event not in _EVENTS or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            if _is_pythons_own(sys._getframe(1)):
                return
            with self._lock:
                _EVENTS[event](self, *arguments)
        except Exception as error:  # whatever it is: the step must then not be reused
            self._untracked.add(f"{event}: {type(error).__name__}")
        finally:
            self._busy.now = False

    def opened(self, path: Any, _mode: Any, flags: Any) -> None:
        place = self._place(path)
        if place is None:
            return
        flags = flags if isinstance(flags, int) else 0
        writes = bool(flags & _WRITE_FLAGS)
        if not writes:
            self._read(place)
            return
        if not flags & (os.O_TRUNC | os.O_EXCL):
            self._read(place)  # what is there already stays, at least in part
        self._write(place)

    def listed(self, path: Any = ".", *_: Any) -> None:
        place = self._place(path if path is not None else ".")
        if place is not None:
            # What matters is which names there are; that has no digest that others compute too.
            self._untracked.add(self._shown(place) + "/")

    def removed(self, path: Any, *_: Any) -> None:
        place = self._place(path)
        if place is not None:
            self._write(place)

    def moved(self, source: Any, target: Any, *_: Any) -> None:
        start, end = self._place(source), self._place(target)
        if start is not None and end is not None:
            known = self._files.get(start)
            if known is None or not known.written:
                self._read(start)
        for place in (start, end):
            if place is not None:
                self._write(place)

    def database(self, path: Any, *_: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path) not in (
            "",
            ":memory:",
        ):
            place = self._place(path)
            if place is not None:
                self._untracked.add(self._shown(place))
                self._effects.add("database")

    def connected(self, _socket: Any, address: Any) -> None:
        if isinstance(address, tuple):  # others are names of sockets on this machine
            self._effects.add("network")

    def looked_up(self, *_: Any) -> None:
        # Whatever comes of it is told apart: who connects then has reached the network.
        self._effects.add("lookup")

    def launched(self, program: Any = "", *_: Any) -> None:
        if not _only_looks_at_the_machine(program):
            self._effects.add("subprocess")

    # -- remembering

    def _place(self, path: Any) -> str | None:
        """The real path, unless it is a descriptor or nobody's business."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        place = os.path.realpath(os.fsdecode(path))
        if "/__pycache__/" in place or place.startswith(self._ignored):
            return None
        return place

    def _read(self, place: str) -> None:
        known = self._files.setdefault(place, _Touched(was_there=Path(place).exists()))
        if not known.written and not known.read:
            known.read = True
            known.mark = _mark(place)

    def _write(self, place: str) -> None:
        known = self._files.setdefault(place, _Touched(was_there=Path(place).exists()))
        if known.read and not known.digested:
            known.digest, known.digested = file_digest(place), True
        known.written = True

    def _touch(self, place: str, known: _Touched) -> FileTouch:
        shown = self._shown(place)
        if not known.digested:
            known.digest, known.digested = file_digest(place), True
            if _mark(place) != known.mark:
                self._untracked.add(shown)
        return FileTouch(
            path=shown, digest=known.digest, size=known.mark[0] if known.mark else None
        )

    def _result(self, place: str) -> FileTouch:
        size = os.path.getsize(place) if os.path.isfile(place) else None
        return FileTouch(path=self._shown(place), digest=file_digest(place), size=size)

    def _shown(self, place: str) -> str:
        inside = place.startswith(self._folder + os.sep)
        return Path(os.path.relpath(place, self._folder) if inside else place).as_posix()


def _only_looks_at_the_machine(program: Any) -> bool:
    """Libraries ask such programs about processors, fonts and the like."""
    return isinstance(program, str | bytes) and Path(os.fsdecode(program)).name in _PROBES


def _is_pythons_own(frame: types.FrameType | None) -> bool:
    """Whether Python looks for modules, or for source lines to show in a traceback."""
    for _ in range(3):
        if frame is None:
            return False
        file = frame.f_code.co_filename
        if file.endswith("linecache.py"):
            return True
        if file.startswith(("<frozen importlib", _IMPORTLIB)):
            return True
        if not file.endswith(("tokenize.py", "pathlib.py")):
            return False
        frame = frame.f_back
    return False


def _stays(place: str, known: _Touched) -> bool:
    """A file that was made and removed again left nothing; folders hold files that are told."""
    return known.written and not os.path.isdir(place) and (known.was_there or os.path.exists(place))


def _mark(place: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(place)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def file_digest(place: str) -> str | None:
    """blake3 (hex) of a file's bytes; None for what is no readable file."""
    if not os.path.isfile(place):
        return None
    total = blake3()
    try:
        with open(place, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                total.update(chunk)
    except OSError:
        return None
    return total.hexdigest()


def _ignored_places(own: Iterable[Path]) -> tuple[str, ...]:
    home = Path.home()
    folders: list[str | Path] = [
        sys.prefix,
        sys.base_prefix,
        *(home / name for name in _OF_USER),
        *own,
    ]
    cells = os.path.join(tempfile.gettempdir(), "ipykernel_")
    return (*_SYSTEM, *homes(), cells, *_really(tuple(map(str, folders))))


@lru_cache(maxsize=1)
def _really(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Where folders lie, and nbflow itself. They are the same in all steps of a kernel."""
    package = str(Path(__file__).parent.parent)
    kept = {os.path.realpath(folder) for folder in (*folders, package)} - {"/", "/usr"}
    return tuple(f"{folder}{os.sep}" for folder in sorted(kept))


_EVENTS: Final[dict[str, Callable[..., None]]] = {
    "open": Watcher.opened,
    "os.listdir": Watcher.listed,
    "os.scandir": Watcher.listed,
    "os.remove": Watcher.removed,
    "os.rmdir": Watcher.removed,
    "os.mkdir": Watcher.removed,
    "os.truncate": Watcher.removed,
    "os.rename": Watcher.moved,
    "os.link": Watcher.moved,
    "os.symlink": Watcher.moved,
    "sqlite3.connect": Watcher.database,
    "socket.connect": Watcher.connected,
    "socket.sendto": Watcher.connected,
    "socket.getaddrinfo": Watcher.looked_up,
    "subprocess.Popen": Watcher.launched,
    "os.system": Watcher.launched,
    "os.posix_spawn": Watcher.launched,
    "os.spawn": Watcher.launched,
    "os.fork": Watcher.launched,
    "os.forkpty": Watcher.launched,
    "pty.spawn": Watcher.launched,
}

_watchers: list[Watcher] = []


def watcher() -> Watcher:
    """This process's watcher; its hook is added at the first call."""
    if not _watchers:
        _watchers.append(Watcher())
        sys.addaudithook(_watchers[0].hear)
    return _watchers[0]
