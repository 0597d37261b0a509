"""Where things lie: Jupyter's contents paths on one side, projects and files on the other.

A contents path is POSIX, relative to the server's root, without a leading slash. What Jupyter
would not show (outside the root, hidden) is not there for us either.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from nbflow.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from nbflow.project import Project


ABOVE: Final = ".."
"""The key of a project that the server's root lies in; there is only one."""


_LONGEST: Final = 255
"""Bytes of a file's name; file systems allow no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A contents path with its file and its project."""

    file: Path
    project: "Project"

    @property
    def identity(self) -> str:
        """How the project knows the notebook.

        Raises:
            UsageError: it lies outside of its own project, over a link.
        """
        try:
            return self.project.layout.relative(self.file)
        except ValueError as error:
            raise UsageError(f"{self.file.name} lies outside of its project") from error


@dataclass(slots=True)
class Places:
    """The contents below a server's root. `shows_hidden` is Jupyter's `allow_hidden`; `has_files`:
    the contents are files of this machine; `on_project` is told of each project before anything is
    done in it for the first time."""

    root: Path
    shows_hidden: bool = False
    has_files: bool = True
    on_project: Callable[["Project"], None] = lambda _: None
    _projects: dict[Path, "Project"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, path: str) -> Place:
        """What a contents path names: a notebook, or a folder (empty: the root).

        Raises:
            NotFound: it lies outside the root, or is hidden. UsageError: nothing here is a file.
        """
        if not self.has_files:
            raise UsageError(
                "this Jupyter server does not keep its notebooks as files",
                hint="nbflow reads and runs notebooks that are files of the server's machine",
            )
        file = self._file(path)
        return Place(file=file, project=self._project(file))

    def projects(self) -> tuple["Project", ...]:
        """Those that were asked for so far."""
        with self._lock:
            return tuple(self._projects.values())

    def path_of(self, project: "Project", notebook: str) -> str | None:
        """The contents path of a project's notebook; None if Jupyter does not show it."""
        file = Path(os.path.normpath(project.root / notebook))
        for top in (self.root, self.root.resolve()):
            if file.is_relative_to(top):
                path = file.relative_to(top)
                return None if self._is_hidden(path.parts) else path.as_posix()
        return None

    def key_of(self, project: "Project") -> str:
        """A project as a text that `with_key` understands after a restart, too."""
        path = self.path_of(project, ".")
        return ABOVE if path is None else path

    def with_key(self, key: str) -> "Project":
        """The project that had that key.

        Raises:
            NotFound: there is none.
        """
        return self.at("" if key == ABOVE else key).project

    def _file(self, path: str) -> Path:
        parts = PurePosixPath(path.strip("/")).parts
        if not all(map(_is_name, parts)) or self._is_hidden(parts):
            raise NotFound(f"there is no {path[:_LONGEST]!r} below the server's folder")
        return self.root.joinpath(*parts)

    def _is_hidden(self, parts: tuple[str, ...]) -> bool:
        return not self.shows_hidden and any(part.startswith(".") for part in parts)

    def _project(self, file: Path) -> "Project":
        from nbflow.project import Project  # it brings all that a run needs

        found = Project.find(file)
        with self._lock:
            known = self._projects.setdefault(found.root, found)
        if known is found:
            self.on_project(found)
        return known


def _is_name(part: str) -> bool:
    """Whether a file can be called so, and is not somewhere else."""
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        return False
    return part != ".." and length <= _LONGEST and not {"\0", os.sep, os.altsep} & set(part)
