"""Importing a notebook's packages before it runs, as far as nobody can tell. Runs in the zygote.

An import that would show in Run All (it prints, warns, asks for IPython, changes settings that
cells share) or that must not be forked (it starts a thread) is left to the cells.
"""

import builtins
import contextlib
import importlib
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from types import FrameType
from typing import Any, Final

from nbflow.core.homes import is_installed
from nbflow.lanes.proc import children, own_threads

_HARMLESS_THREADS: Final = frozenset({"jemalloc_bg_thd"})
"""They know of forks."""

ANSWERED_LATER: Final = {"ipywidgets": "_handle_ipython"}
"""They look for a kernel when they are imported, and can be told of it after the fork: by this."""

_OF_NO_MEANING: Final = frozenset({"@random", "@numpy.random"})
"""Kernels are seeded anew."""

_NEVER: Final = frozenset({"matplotlib_inline", "IPython", "ipykernel", "nbflow"})
"""They belong to the kernel in which they are imported."""


def load_quietly(modules: Sequence[str]) -> None:
    """Import what can be imported; `a.b:c` is `from a.b import c`. The cells see what fails.

    What asks for its shell (pandas: how wide it may print) is told that it is a kernel's.
    """
    vars(builtins)["get_ipython"] = _ShellToBe
    try:
        for wanted in modules:
            with contextlib.suppress(Exception, SystemExit):
                _load(wanted)
    finally:
        del vars(builtins)["get_ipython"]


class _ShellToBe:
    """By this a shell with a kernel is told from one in a terminal."""

    kernel = None


def preload(modules: Sequence[str], *, folder: str, face: str) -> Mapping[str, str] | None:
    """Import installed modules one after the other, and look after each what it did.

    `folder` is where the notebook lies: a module there hides an installed one of the same name.
    `face` is the module that knows what cells share. The first module that does not do, and why,
    comes back; the process is not to be used then.
    """
    sides = importlib.import_module(face)
    for wanted in modules:
        if not _is_fit_by_name(wanted, folder):
            continue
        before, start = sides.footprint(), _living()
        why = _trouble_of_import(wanted)
        why = why or next(iter(_changes(start, _living())), None)
        changed = (one for one in sides.changes_since(before) if one not in _OF_NO_MEANING)
        why = why or next((f"it changes {one}" for one in changed), None)
        if why is not None:
            return {"module": wanted, "why": why}
    return None


def strange_threads() -> tuple[str, ...]:
    """Names of threads, beside this one, that a fork would cut off.

    Libraries that end their threads before a fork are given the opportunity first.
    """
    if not _threads_to_lose():
        return ()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return _threads_to_lose()


def _threads_to_lose() -> tuple[str, ...]:
    return tuple(name for name in own_threads() if name not in _HARMLESS_THREADS)


def _is_fit_by_name(wanted: str, folder: str) -> bool:
    top = wanted.partition(":")[0].partition(".")[0]
    # Python's own modules cost little, and some do things when they are imported.
    if top in _NEVER or top in sys.stdlib_module_names:
        return False
    try:
        spec = PathFinder.find_spec(top, [folder, *sys.path])
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and is_installed(spec.origin)


def _load(wanted: str) -> None:
    home, _, name = wanted.partition(":")
    with _encoding_of_kernels():
        module = importlib.import_module(home)
        if name and not hasattr(module, name):
            importlib.import_module(f"{home}.{name}")


@contextlib.contextmanager
def _encoding_of_kernels() -> Iterator[None]:
    """pandas remembers for which encoding it prints; here it may be the system's, and spelled
    otherwise."""
    screen = sys.stdout
    if not isinstance(screen, io.TextIOWrapper):
        yield
        return
    encoding, errors = screen.encoding, screen.errors
    screen.reconfigure(encoding="UTF-8", errors=errors)
    try:
        yield
    finally:
        screen.reconfigure(encoding=encoding, errors=errors)


def _trouble_of_import(wanted: str) -> str | None:
    """Import it; why that would show, None if it does not."""
    # A warning that is shown is written to stderr.
    with _asking() as asked, _writing() as written:
        try:
            _load(wanted)
        except BaseException as error:
            return f"its import fails: {type(error).__name__}"
    if not set(asked) <= ANSWERED_LATER.keys():
        return "it looks for IPython"
    return "its import prints or warns" if written() else None


@contextlib.contextmanager
def _asking() -> Iterator[list[str]]:
    """Note whether somebody asks which shell it runs in."""
    from IPython.core.interactiveshell import InteractiveShell

    asked: list[str] = []

    def initialized() -> bool:
        asked.append(_asker())
        return False

    def get_ipython() -> None:
        asked.append(_asker())

    before = vars(InteractiveShell).get("initialized")
    InteractiveShell.initialized = initialized  # type: ignore[method-assign]
    vars(builtins).update(get_ipython=get_ipython, __IPYTHON__=True)
    try:
        yield asked
    finally:
        if before is None:
            del InteractiveShell.initialized
        else:
            InteractiveShell.initialized = before  # type: ignore[method-assign]
        for name in ("get_ipython", "__IPYTHON__"):
            vars(builtins).pop(name, None)


def _asker() -> str:
    """The package whose code asks, through IPython or at first hand."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _package_of(frame) == "IPython":
        frame = frame.f_back
    return "" if frame is None else _package_of(frame)


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


@contextlib.contextmanager
def _writing() -> Iterator[Callable[[], bool]]:
    """Tell whether anything was written to stdout or stderr, by whatever means."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as aside:
        kept = os.dup(1), os.dup(2)
        os.dup2(aside.fileno(), 1)
        os.dup2(aside.fileno(), 2)
        sizes: list[int] = []
        try:
            yield lambda: sizes[0] > 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(kept, start=1):
                os.dup2(copy, number)
                os.close(copy)
            sizes.append(os.fstat(aside.fileno()).st_size)


def _living() -> Mapping[str, Any]:
    """What must not be there when a process forks."""
    return {
        "threads": (threading.active_count(), strange_threads()),
        "child processes": children(os.getpid()),
    }


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    return (f"it changes {what}" for what in before if before[what] != now[what])
