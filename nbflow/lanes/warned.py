"""Which warnings a cell shows, and when it changes Python's filters. Runs in the kernel.

Python shows a warning once per place: the registry of a module remembers it, until somebody changes
the filters, be it for a moment. Kernels serve cells in any order, so registries are emptied before
each cell, which then shows all that it has to. Which of them one kernel would have shown is found
when all is known (`execution/shown_once.py`), by what is told here, in the order of the cell:

    {"moved": true, "imported": [], "keys": [[file, line, category, text]], "pieces": [[…, text]]}

First what happened to the filters since the last warning: whether they were changed, and by which
modules while these were imported, which happens once in a kernel (packages that the cell imports
count at once: a forked kernel has them already). Then where registries remember
the warning, and what was written of it to which stream.
"""

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

Told = list[dict[str, Any]]

_MUTATED: Final = next(
    name for name in ("_filters_mutated_lock_held", "_filters_mutated") if hasattr(warnings, name)
)
"""Whoever changes the filters calls it, and the registries are empty; Python 3.14 renamed it."""

_IMPORTS: Final = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^#;\n]+)", re.MULTILINE)

_HERE_ALREADY: Final = sys.stdlib_module_names | {"IPython"}
"""Packages that kernels have imported before their first cell, or that leave the filters alone."""


class Warned:
    """Listens in this process."""

    def __init__(self) -> None:
        self._empty_registries: Callable[[], None] = vars(warnings)[_MUTATED]
        self._show: Callable[[warnings.WarningMessage], None] = vars(warnings)["_showwarnmsg"]
        self._pid: int | None = None
        self._namespace: Mapping[str, Any] = {}
        self._recorder = _Recorder({})
        self._told: Told = []
        self._moved = False
        self._imported: list[str] = []

    def listen(self) -> None:
        """Hear of every warning, and of every change of the filters."""
        vars(warnings).update({_MUTATED: self._filters_changed, "_showwarnmsg": self._shown})

    def serve(self, namespace: Mapping[str, Any], streams: Mapping[str, Any]) -> None:
        """From now on there are cells: their names, and the streams whose texts they show."""
        self._namespace, self._recorder = namespace, _Recorder(streams)

    def begin(self, source: str) -> None:
        """A cell begins."""
        self._empty_registries()
        self._told, self._moved = [], False
        # What the kernel has imported already might have changed the filters now.
        self._imported = sorted(_packages_in(source) - _HERE_ALREADY)
        self._pid = os.getpid()

    def end(self) -> Told:
        """All that there is to tell of the cell."""
        self._pid = None
        if self._moved or self._imported:
            self._tell([], [])
        return self._told

    def _filters_changed(self) -> None:
        self._empty_registries()
        if self._moved:
            return
        module = _importing(sys._getframe(1))
        if module is None:
            self._moved = True
        elif module not in self._imported:
            self._imported.append(module)

    def _shown(self, message: warnings.WarningMessage) -> None:
        """A warning is to be shown; a registry, if there is one, remembers it already."""
        keys = self._keys_of(message) if self._pid == os.getpid() else []
        if not keys:
            self._show(message)
            return
        with self._recorder.recording() as pieces:
            self._show(message)
        self._tell(keys, pieces)

    def _keys_of(self, message: warnings.WarningMessage) -> list[list[Any]]:
        """Where it is remembered. IPython itself empties the registry of the author's own code."""
        names = _names_at(message.filename, message.lineno)
        if names is None or names is self._namespace:
            return []
        registry = names.get("__warningregistry__", {})
        text, category = str(message.message), message.category
        kind = f"{category.__module__}.{category.__qualname__}"
        found = {message.lineno: (text, category, message.lineno), None: (text, category)}
        return [
            [message.filename, line, kind, text] for line, key in found.items() if key in registry
        ]

    def _tell(self, keys: list[list[Any]], pieces: list[list[str]]) -> None:
        before = {"moved": self._moved, "imported": self._imported}
        self._told.append({**before, "keys": keys, "pieces": pieces})
        self._moved, self._imported = False, []


class _Recorder:
    """Records what a thread writes to some streams while it is asked to."""

    def __init__(self, streams: Mapping[str, Any]) -> None:
        self._streams = streams
        self._lock = threading.Lock()
        self._of_thread: dict[int, list[list[str]]] = {}

    @contextmanager
    def recording(self) -> Iterator[list[list[str]]]:
        """The pieces that this thread writes: of which stream, and what."""
        thread, pieces = threading.get_ident(), list[list[str]]()
        with self._lock:
            outer = self._of_thread.get(thread)
            self._of_thread[thread] = pieces
            for name, stream in self._streams.items():
                stream.write = self._writes(name, stream)
        try:
            yield pieces
        finally:
            with self._lock:
                del self._of_thread[thread]
                if outer is not None:
                    self._of_thread[thread] = outer
                if not self._of_thread:
                    for stream in self._streams.values():
                        vars(stream).pop("write", None)

    def _writes(self, name: str, stream: Any) -> Callable[[str], Any]:
        usual = type(stream).write

        def write(text: str) -> Any:
            self._note(name, text)
            return usual(stream, text)

        return write

    def _note(self, name: str, text: str) -> None:
        pieces = self._of_thread.get(threading.get_ident())
        if pieces is None:
            return
        if pieces and pieces[-1][0] == name:
            pieces[-1][1] += text
        else:
            pieces.append([name, text])


def _names_at(filename: str, line: int) -> Mapping[str, Any] | None:
    """The names of the module that is warned of, which somewhere above runs its line."""
    frame: FrameType | None = sys._getframe(3)
    while frame is not None:
        if frame.f_lineno == line and frame.f_code.co_filename == filename:
            return frame.f_globals
        frame = frame.f_back
    return None


def _importing(frame: FrameType | None) -> str | None:
    """The module that is being imported."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            spec = frame.f_globals.get("__spec__")
            if getattr(spec, "_initializing", False):
                return str(frame.f_globals.get("__name__"))
        frame = frame.f_back
    return None


def _packages_in(source: str) -> set[str]:
    """What a text imports, by the names of packages.

    >>> sorted(_packages_in("import a.b as c, d\\nfrom e.f import g"))
    ['a', 'd', 'e']
    """
    modules = (part.partition(" import ")[0].split(",") for part in _IMPORTS.findall(source))
    return {re.split(r"[.\s]", one.strip())[0] for each in modules for one in each}


warned: Final = Warned()
"""Of this process."""
