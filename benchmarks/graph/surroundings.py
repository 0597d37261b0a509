"""What cells share beside names: files, settings, random state. Watched around each cell."""

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbflow.inside import ambient

DRAWN = ("@random", "@numpy.random")
"""Channels whose value is a result: who changes them, reads them."""

_FOREIGN = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        *sysconfig.get_paths().values(),
        sys.base_prefix,
        sys.prefix,
        "/proc",
        "/dev",
        "/sys",
        "/etc",
        "/usr",
        os.path.expanduser("~/.cache"),
        os.path.expanduser("~/.config"),
        os.path.expanduser("~/.ipython"),
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.rename", "os.link"}
_CHANGES |= {"os.symlink", "os.chmod", "os.utime"}
_LISTS = {"os.listdir", "os.scandir"}
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}


class FileWatch:
    """Notes the files that Python code opens, makes, moves and removes; refuses the network."""

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.armed = False
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        sys.addaudithook(self._hear)

    def start(self) -> None:
        """Begin a new cell."""
        self.reads, self.writes, self.armed = set(), set(), True

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _NETWORK and not _is_local_address(event, args):
            raise OSError("no network in this benchmark")
        if not self.armed:
            return
        if event == "open":
            path, _, flags = args
            self._note(path, self.writes if flags & _WRITING else self.reads)
        elif event in _CHANGES:
            for path in args[:2]:
                self._note(path, self.writes)
        elif event in _LISTS:
            self._note(args[0] or ".", self.reads, folder=True)

    def _note(self, path: object, where: set[str], *, folder: bool = False) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        full = os.path.realpath(os.fsdecode(path))
        if full.startswith((self.folder + os.sep, self.folder)):
            name = os.path.relpath(full, self.folder)
            if "__pycache__" not in name and ".ipynb_checkpoints" not in name:
                where.add(name + ("/" if folder else ""))
        elif not full.startswith(_FOREIGN) and not folder:
            where.add(full.replace(tempfile.gettempdir(), "TMP"))


def _is_local_address(event: str, args: tuple[Any, ...]) -> bool:
    if event == "socket.connect":
        address = args[1]
        return isinstance(address, str | bytes) or str(address[0]).startswith(("127.", "::1"))
    if event == "urllib.Request":
        return str(args[0]).startswith("file:")
    host = args[0]
    return host in (None, b"localhost", "localhost", "127.0.0.1", "")


def files_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of each file below a folder: what changed was written, by whatever code."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            stat = path.stat()
            found[path.relative_to(folder).as_posix()] = (stat.st_mtime_ns, stat.st_size)
    return found


def file_digest(path: Path) -> str:
    """Digest of a file's bytes; empty if it is gone."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class ChannelWatch:
    """Notes which ambient channels a cell changed."""

    def __init__(self, folder: Path) -> None:
        self.begin = ambient.start_here(str(folder))
        self.before = ambient.watch_channels(self.begin)

    def start(self) -> None:
        """Begin a new cell."""
        self.before = ambient.watch_channels(self.begin)

    def changed(self) -> set[str]:
        """The channels that are other than at the beginning of the cell."""
        return set(ambient.changed_channels(self.before, self.begin))

    def drawn(self) -> Mapping[str, str]:
        """Digests of the random generators, now."""
        return {c: ambient.channel_digest(c, ambient.read_channel(c, self.begin)) for c in DRAWN}
