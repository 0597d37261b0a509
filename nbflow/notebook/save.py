"""Notebooks → disk, whole or not at all: written aside, flushed to the disk, then renamed.

papermill opens its output for writing at every save, so that a full disk or a crash leaves half a
file in the place of a good one. Its local handler can be given our way of writing, see
`save_atomically`.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import nbformat
from nbformat import NotebookNode

from nbflow.core.errors import StoreError, UsageError

_NBFORMAT: Final[Any] = nbformat
"""Its functions carry no types; seen as Any, they can be called under mypy --strict."""

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_FOLDER_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""Some file systems cannot flush a folder, and say so; every other error counts."""


def notebook_text(node: NotebookNode) -> str:
    """The node as the text of an .ipynb file, in valid JSON, to the letter as nbformat writes it.

    JSON has no NaN: Jupyter could not open the file, so such numbers become text.
    """
    return "".join(_pieces(node))


def _pieces(node: NotebookNode) -> Iterator[str]:
    """The text cell by cell: nbformat splits all of it into lines before it writes the first, which
    takes six times the room of what the cells have printed."""
    before, after = _json({**node, "cells": []}).split(_NO_CELLS, 1)
    yield before
    for number, cell in enumerate(node["cells"]):
        yield _CELLS if number == 0 else ",\n"
        yield _cell_text(cell)
    yield f"{_CELLS_END if node['cells'] else _NO_CELLS}{after}\n"


_NO_CELLS: Final = '\n "cells": []'
_CELLS: Final = '\n "cells": [\n'
_CELLS_END: Final = "\n ]"
"""As nbformat indents them. Elsewhere such a line cannot begin: in JSON's texts no line ends."""


def _cell_text(cell: NotebookNode) -> str:
    """A cell as it stands in a file."""
    alone = _json({"cells": [cell], "metadata": {}})
    return alone[alone.index(_CELLS) + len(_CELLS) : alone.rindex(_CELLS_END)]


def _json(document: dict[str, Any]) -> str:
    node = _NBFORMAT.from_dict(document)
    try:
        text: str = _NBFORMAT.v4.writes(node, allow_nan=False)
    except ValueError:
        text = _NBFORMAT.v4.writes(_finite(node), allow_nan=False)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return repr(value)
    if isinstance(value, dict):
        return _NBFORMAT.from_dict({key: _finite(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def write_atomic(node: NotebookNode, path: Path, *, source: Path | None = None) -> None:
    """Write the notebook, replacing what is there; on any failure the old file stays as it was.

    `source` is the notebook that was run: it is never overwritten, whatever its name here.

    Raises:
        UsageError: the path is a folder, a symbolic link, the source itself, or in no folder.
        StoreError: the disk is full or refuses.
    """
    refuse_target(path, source=source)
    _write([_bytes(piece) for piece in _pieces(node)], path)


def refuse_target(path: Path, *, source: Path | None = None) -> None:
    """Refuse a place where a result must not be written.

    Raises:
        UsageError: the path is a folder, a symbolic link, the source itself, or in no folder.
    """
    if path.is_symlink():
        raise UsageError(
            f"{path}: the output is a symbolic link", hint="name the file that it points to"
        )
    if path.is_dir():
        raise UsageError(f"{path}: the output is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise _no_folder(path)
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise UsageError(
            f"{path}: the output is the notebook itself, which is never overwritten",
            hint="name another output file",
        )


def _no_folder(path: Path) -> UsageError:
    return UsageError(
        f"{path}: the folder {path.parent} does not exist", hint="make the folder first"
    )


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all. Devices and pipes are simply written to.

    Raises:
        StoreError: the disk is full or refuses; the old file is as it was.
    """
    _write([_bytes(text)], path)


def _write(pieces: Sequence[bytes], path: Path) -> None:
    size = sum(map(len, pieces))
    try:
        if _is_stream(path):
            with path.open("wb") as stream:
                stream.writelines(pieces)
            return
    except OSError as error:
        raise _trouble(path, size, error) from error
    aside = _write_aside(pieces, path)
    try:
        _take_mode(aside, path)
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _trouble(path, size, error) from error


def _bytes(text: str) -> bytes:
    r"""UTF-8; lone surrogates, which UTF-8 cannot say, as the escapes that JSON has for them.

    >>> _bytes('"\ud800é"')
    b'"\\ud800\xc3\xa9"'
    """
    return text.encode("utf-8", "backslashreplace")


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _write_aside(pieces: Sequence[bytes], path: Path) -> Path:
    """A flushed file with that content, beside the target: renames do not cross file systems."""
    aside = path.with_name(f".nbflow-{secrets.token_hex(8)}.tmp")
    try:
        with aside.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:  # Ctrl-C too must leave nothing behind
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _trouble(path, sum(map(len, pieces)), error) from error
        raise
    return aside


def _take_mode(aside: Path, path: Path) -> None:
    """A file that is replaced keeps its permissions, as if it had been written to."""
    with suppress(FileNotFoundError):
        aside.chmod(stat.S_IMODE(path.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Without this a power cut may take back the rename (FAULTS 16)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


def _trouble(path: Path, needed: int, error: OSError) -> StoreError:
    if error.errno not in _DISK_FULL:
        reason = error.strerror or str(error)
        return StoreError(f"{path}: cannot be written: {reason}", hint="check the folder")
    free = _free_bytes(path.parent)
    shown = f", {free:,} are free" if free is not None else ""
    return StoreError(
        f"{path}: the disk is full: {needed:,} bytes are needed{shown}",
        hint="make room and run again; what was there before is untouched",
    )


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


class _LocalHandler(Protocol):
    """papermill's handler for local paths, as far as we use it."""

    write: Callable[[str, str], None]


class _Registry(Protocol):
    """`papermill.iorw.papermill_io`, as far as we use it."""

    def get_handler(self, path: str) -> Any: ...


def save_atomically(registry: _Registry) -> None:
    """Make papermill's local handler write whole files only; again and again does no harm.

    A second handler for `local` would not do: papermill falls back to the one registered first.
    """
    handler: _LocalHandler = registry.get_handler("local")
    if not isinstance(handler.write, _AtomicWrite):
        handler.write = _AtomicWrite(handler)


class _AtomicWrite:
    """`LocalHandler.write` with the same paths and the same complaint about a missing folder."""

    def __init__(self, handler: _LocalHandler) -> None:
        self._handler = handler

    def __call__(self, buf: str, path: str) -> None:
        # papermill sets the handler's folder around a run; it has no public way to ask for it
        target = Path(getattr(self._handler, "_cwd", None) or ".", path)
        if not target.parent.is_dir():
            raise FileNotFoundError(f"output folder {target.parent} doesn't exist.")
        refuse_target(target)
        write_text(buf, target)
