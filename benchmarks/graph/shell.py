"""One process that runs cells as a kernel would and tells what they showed and touched."""

import io
import os
import random
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3
from IPython.core import pylabtools
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from benchmarks.graph import looks
from benchmarks.graph.looks import Look, is_result_name, is_traced, look_at_all
from benchmarks.graph.namespace import Namespace, Seen, class_body_names
from benchmarks.graph.surroundings import DRAWN, ChannelWatch, FileWatch, file_digest, files_in

_CHANCE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "0x"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "HEX"),
    (re.compile(r"T_[0-9a-f]{5}"), "T_"),
    (re.compile(r"sk-([a-z-]*)id-\d+"), r"sk-\1id"),
    (re.compile(r"(itables_|altair-viz-)[0-9a-f_]+"), r"\1"),
    (re.compile(r"\b\d{1,2}:\d{2}:\d{2}(\.\d+)?\b"), "HH:MM:SS"),
    (re.compile(r"(CPU times|Wall time):?.*"), r"\1"),
    (re.compile(r"[\d.]+ [mµun]?s ± .*"), "timeit"),
    (re.compile(r"time = [\d.]+ m?sec"), lambda found: " " * len(found[0])),
    (re.compile(r"<ipython-input-[^>]*>|/tmp/ipykernel_[^ :]*"), "CELL"),
)


def normal(text: str, folder: str) -> str:
    """A text without what chance put into it: addresses, ids, times of day, the folder.

    >>> normal("<A at 0x7fab12> in /tmp/x/a.csv", "/tmp/x")
    '<A at 0x> in CWD/a.csv'
    """
    text = text.replace(folder, "CWD")
    for pattern, instead in _CHANCE:
        text = pattern.sub(instead, text)
    return text


@dataclass(slots=True)
class Shown:
    """The outputs of one cell, as they come."""

    parts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Add an output; pieces of one stream are joined."""
        if self.parts and self.parts[-1][0] == kind and kind in ("stdout", "stderr"):
            self.parts[-1] = (kind, self.parts[-1][1] + text)
        else:
            self.parts.append((kind, text))

    def bundle(self, data: dict[str, Any]) -> None:
        """Add a display."""
        for kind, value in sorted(data.items()):
            if kind == "text/plain" and ("image/png" in data or "text/html" in data):
                continue
            text = value if isinstance(value, str) else blake3(repr(value).encode()).hexdigest()
            self.add(kind, text)


class _Stream:
    """Stands in for stdout or stderr."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, shown: Shown, kind: str) -> None:
        self.shown, self.kind = shown, kind

    def write(self, text: str) -> int:
        self.shown.add(self.kind, str(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1 if self.kind == "stdout" else 2


SHOWN = Shown()


class Pictures:
    """Draws figures small, or not at all: most cells of a replay only prepare the last one."""

    wanted = True
    dpi = 40.0

    @classmethod
    def print_figure(cls, figure: Any, fmt: str = "png", **_: Any) -> str:
        """Stands in for IPython's function; a digest of the picture is enough."""
        if not cls.wanted:
            return "not drawn"
        held = io.BytesIO()
        figure.canvas.print_figure(held, format=fmt, dpi=cls.dpi)
        return blake3(held.getvalue()).hexdigest()


pylabtools.print_figure = Pictures.print_figure


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    def publish(self, data: Any, **_: Any) -> None:
        """Keep a display."""
        SHOWN.bundle(data)

    def clear_output(self, wait: bool = False) -> None:
        """Outputs are compared whole."""


class _Hook(DisplayHook):  # type: ignore[misc]
    def write_output_prompt(self) -> None:
        """No prompt."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Keep a result."""
        SHOWN.bundle(format_dict)


class Shell(InteractiveShell):  # type: ignore[misc]
    """IPython's shell with a namespace that tells who reads and binds its names."""

    system = InteractiveShell.system_piped

    @property
    def user_global_ns(self) -> Any:
        """The same dict for cells and for the functions that they define."""
        return self.user_ns

    def init_history(self) -> None:
        """Keep none on disk."""
        self.config.HistoryManager.enabled = False
        super().init_history()

    def enable_gui(self, gui: Any = None) -> None:
        """No event loops."""


@dataclass(slots=True, kw_only=True)
class CellTrace:
    """What running one cell told. `reads` are of values from before the cell; `asked` are names
    that libraries looked for in the notebook."""

    cell: int
    shown: str = ""
    text: str = ""
    failed: str = ""
    reads: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    resources: dict[str, str] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    files_read: list[str] = field(default_factory=list)
    files_written: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


class Room:
    """A shell in a folder, ready to run cells.

    own: whether the notebook loads nbflow's extension; its lanes all have it from the start.
    """

    def __init__(self, folder: Path, *, own: bool) -> None:
        self.folder = folder
        self.seen = Seen()
        os.chdir(folder)
        _new_chance()
        sys.path.insert(0, str(folder))
        # A warning is shown each time, whoever caused it before: else outputs tell of the order.
        warnings.simplefilter("always", append=True)
        space = Namespace(seen=self.seen)
        self.shell: Any = Shell.instance(
            user_ns=space, display_pub_class=_Publisher, displayhook_class=_Hook
        )
        self.space: Namespace = self.shell.user_ns
        sys.stdout, sys.stderr = _Stream(SHOWN, "stdout"), _Stream(SHOWN, "stderr")  # type: ignore[assignment]
        self._inline()
        if own:
            self.shell.run_line_magic("load_ext", "nbflow")
        self.files = FileWatch(folder)
        self.channels = ChannelWatch(folder)
        self.looks: dict[str, Look] = look_at_all(self.space, {})

    def _inline(self) -> None:
        import matplotlib_inline.backend_inline as inline

        if "matplotlib" in sys.modules:
            import matplotlib as mpl

            mpl.use("module://matplotlib_inline.backend_inline")
            inline.configure_inline_support(self.shell, "inline")

    def run(self, cell: int, source: str) -> CellTrace:
        """Run a cell and only tell what it showed."""
        SHOWN.parts.clear()
        done = self.shell.run_cell(source, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        text = normal("\n".join(f"[{k}] {t}" for k, t in SHOWN.parts), str(self.folder))
        if error:
            text += normal(f"[error] {type(error).__name__}: {error}", str(self.folder))
        return CellTrace(
            cell=cell,
            shown=blake3(text.encode("utf-8", "surrogatepass")).hexdigest(),
            text=_short(text),
            failed=f"{type(error).__name__}: {error}"[:200] if error else "",
        )

    def trace(self, cell: int, source: str) -> CellTrace:
        """Run a cell and tell all that it read and wrote."""
        held = dict(dict.items(self.space))
        before, files = self.looks, files_in(self.folder)
        self.channels.start()
        self.files.start()
        self.seen.start()
        trace = self.run(cell, source)
        self.seen.armed = self.files.armed = False
        touched = self.seen.reads | self.seen.asked | self.seen.bound | self._class_names(source)
        self.looks = look_at_all(self.space, looks.untouched(before, touched))
        self._names(trace, before, source)
        trace.channels = sorted(self.channels.changed())
        trace.files_read = sorted(self.files.reads)
        now = files_in(self.folder)
        written = {path for path in {*now, *files} if now.get(path) != files.get(path)}
        trace.files_written = sorted(self.files.writes | written)
        trace.values = self.values(self.results(trace))
        held.clear()  # the old values lived till here, so that no id was given twice
        return trace

    def _names(self, trace: CellTrace, before: dict[str, Look], source: str) -> None:
        now = self.looks
        bound = {name for name in self.seen.bound if is_traced(name)}
        for name in {*before, *now} - bound:
            was, later = before.get(name), now.get(name)
            if is_result_name(name):
                if was is None or later is None or was.identity != later.identity:
                    bound.add(name)
            elif was is None or later is None or was.changed(later):
                trace.changed.append(name)  # also what a magic bound: it may only have fetched it
        reads = {name for name in self.seen.reads if is_traced(name)} & set(before)
        reads |= self._class_names(source) & set(before)
        asked = {name for name in self.seen.asked if is_traced(name)} & set(before) - reads
        for name in (reads | asked) & set(now) - bound:
            if now[name].snapshot is None:
                trace.resources[name] = now[name].why
        trace.reads, trace.asked, trace.bound = sorted(reads), sorted(asked), sorted(bound)
        trace.changed.sort()

    def _class_names(self, source: str) -> set[str]:
        try:
            code = compile(self.shell.transform_cell(source), "<cell>", "exec", dont_inherit=True)
        except SyntaxError:
            return set()
        return class_body_names(code)

    def results(self, trace: CellTrace) -> list[str]:
        """The names of what a cell left that a replay has to leave, too."""
        names = [n for n in (*trace.bound, *trace.changed) if not is_result_name(n)]
        drawn = [channel for channel in trace.channels if channel in DRAWN]
        return names + drawn + [f"file:{path}" for path in trace.files_written]

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """Digests of names, channels and files, as they are now; `?` where there is none."""
        drawn = self.channels.drawn()
        found = {}
        for name in names:
            if name.startswith("file:"):
                found[name] = file_digest(self.folder / name.removeprefix("file:"))
            elif name.startswith("@"):
                found[name] = drawn[name]
            elif dict.__contains__(self.space, name):
                found[name] = self._digest(dict.__getitem__(self.space, name))
            else:
                found[name] = "absent"
        return found

    def _digest(self, value: object) -> str:
        if isinstance(value, types.ModuleType):
            return value.__name__
        snapshot = looks.look_at(value).snapshot
        return snapshot.core if snapshot else "?"


def _new_chance() -> None:
    """Let no two processes draw the same: the zygote's generators were copied by the fork."""
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _short(text: str) -> str:
    return text if len(text) < 1500 else text[:700] + " … " + text[-700:]


def as_json(trace: CellTrace) -> dict[str, Any]:
    """A trace for the wire."""
    return asdict(trace)
