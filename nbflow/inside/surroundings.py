"""What surrounds a step's names in its process: modules' state, loggers, threads, tasks."""

import asyncio
import atexit
import builtins
import contextlib
import itertools
import logging
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeGuard

from IPython.core.getipython import get_ipython

from nbflow.core.homes import is_installed, is_local
from nbflow.inside.digest import Undigestible, digest

# Kept for later use by the libraries that made them; they do nothing now.
_IDLE_THREADS: Final = ("tqdm", "joblib", "ipykernel", "IPython", "zmq", "tornado", "nbflow")
_IDLE_CHILDREN: Final = (
    b"loky",
    b"multiprocessing.resource_tracker",
    b"multiprocessing.forkserver",
)
_LOOKS_AT_A_START: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """Threads, child processes (pids) and asyncio tasks that were alive at some moment."""

    threads: frozenset[int]
    children: frozenset[int]
    tasks: frozenset[int]


def living() -> Living:
    """Those alive now."""
    return Living(
        threads=frozenset(t.ident for t in _threads() if t.ident is not None),
        children=frozenset(_children()),
        tasks=frozenset(map(id, _tasks())),
    )


def left_behind(before: Living) -> tuple[str, ...]:
    """Which kinds a step left alive: of `threads`, `children`, `tasks`."""
    now = living()
    found = {
        "threads": now.threads - before.threads,
        "children": now.children - before.children,
        "tasks": now.tasks - before.tasks,
    }
    return tuple(kind for kind, new in found.items() if new)


def _threads() -> Iterator[threading.Thread]:
    for thread in threading.enumerate():
        if (
            thread.is_alive()
            and not any(home in _IDLE_THREADS for home in _homes(thread))
            and not thread.name.startswith("asyncio_")
            and not _is_of_script_magics(thread)
        ):
            yield thread


def _homes(thread: threading.Thread) -> Iterator[str]:
    """The packages whose thread it is: by its class, or by what a plain one runs."""
    for part in (type(thread), getattr(thread, "_target", None)):
        yield str(getattr(part, "__module__", None)).partition(".")[0]


def _is_of_script_magics(thread: threading.Thread) -> bool:
    """Whether it is the thread that IPython keeps after the first `%%bash` or `!command`."""
    shell = get_ipython()
    magics = shell.magics_manager.registry.get("ScriptMagics") if shell is not None else None
    loop = getattr(magics, "event_loop", None)
    return loop is not None and getattr(getattr(thread, "_target", None), "__self__", None) is loop


def _children() -> Iterator[int]:
    """Pids of direct children, on Linux; elsewhere none are found."""
    threads = list[str]()
    if sys.platform == "linux":
        # Most steps have none, and there are a dozen threads to ask.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            threads = os.listdir("/proc/self/task")
    for thread in threads:
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children") as listing:
            for pid in map(int, listing.read().split()):
                if not _is_idle(pid):
                    yield pid


def _is_idle(pid: int) -> bool:
    command = _command(pid)
    return command is None or any(known in command for known in _IDLE_CHILDREN)


def _command(pid: int) -> bytes | None:
    """What a child runs; `None` where it has ended, be it that nobody waited for it yet.

    A program that is only being started has no command line for a moment (`Popen` returns before
    Linux has laid it out), and one may take its own away.
    """
    for _ in range(_LOOKS_AT_A_START):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if command or _has_ended(pid):
                return command or None
        except OSError:
            return None
        time.sleep(0.001)
    return b""


def _has_ended(pid: int) -> bool:
    """By the letter after the program's name, which may hold brackets itself (proc(5))."""
    state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    return state in (b"Z", b"X")


def _tasks() -> Iterator["asyncio.Task[Any]"]:
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:  # no loop runs here
        return
    for task in tasks:
        code = getattr(task.get_coro(), "cr_code", None)
        if code is not None and not is_installed(code.co_filename) and task.done() is False:
            yield task


# -- the process

# Builtins that IPython sets anew around every cell.
_OF_SHELL: Final = frozenset(
    {"_", "__IPYTHON__", "display", "exit", "get_ipython", "input", "quit"}
)


_SIGNALS: Final = tuple(map(int, signal.valid_signals()))


def hooks() -> Mapping[str, Any]:
    """What Python itself calls in this process."""
    found = (sys.excepthook, sys.displayhook, sys.breakpointhook, threading.excepthook)
    return {
        "signal handlers": [signal.getsignal(number) for number in _SIGNALS],
        "hooks": (*found, builtins.__import__),
        "the recursion limit": sys.getrecursionlimit(),
    }


def process_state() -> Mapping[str, Any]:
    """What code can do to its process beside the channels that cells share."""
    return {
        **hooks(),
        "builtins": {n: id(v) for n, v in vars(builtins).items() if n not in _OF_SHELL},
        "open files": _open_files(),
        "open figures": _open_figures(),
        "exit handlers": atexit._ncallbacks(),
        "the shell": _shell_state(),
    }


def _open_files() -> frozenset[str]:
    """Files that the process holds open, as Linux tells."""
    found, numbers = set(), list[str]()
    with contextlib.suppress(OSError):
        numbers = os.listdir("/proc/self/fd")
    for number in numbers:
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{number}")
            if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
                found.add(target)
    return frozenset(found)


def _open_figures() -> tuple[int, ...]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return tuple(pyplot.get_fignums()) if pyplot is not None else ()


def _shell_state() -> Any:
    shell = get_ipython()
    if shell is None:
        return None
    magics = shell.magics_manager.magics
    return (
        {kind: len(found) for kind, found in magics.items()},
        sorted(shell.extension_manager.loaded if shell.extension_manager else ()),
        len(shell.ast_transformers),
        len(shell.input_transformers_cleanup),
        len(shell.input_transformers_post),
        shell.ast_node_interactivity,
        _inline_state(),
    )


def _inline_state() -> Any:
    """How figures become pictures, as `%config InlineBackend` sets it."""
    module = sys.modules.get("matplotlib_inline.config")
    backend = getattr(getattr(module, "InlineBackend", None), "_instance", None)
    return None if backend is None else repr(sorted(backend.trait_values(config=True).items()))


# -- modules

_NOTEBOOK: Final = "__main__"
_CODE: Final = (
    *(types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type),
    *(property, classmethod, staticmethod, types.MemberDescriptorType, types.GetSetDescriptorType),
)


def module_states() -> Mapping[str, str]:
    """`module:NAME` → digest, for the globals of local modules that hold data, and for the data
    that the notebook's own classes and functions hold: those are replayed, not handed on."""
    found = _definition_states()
    for module in _local_modules():
        for name, value in list(vars(module).items()):
            total = _state_digest(name, value)
            if total is not None:
                found[f"{module.__name__}:{name}"] = total
    return found


@dataclass(slots=True)
class _Known:
    """What was found out about loaded modules: those that are local, by their place in
    `sys.modules`, and the last one that was looked at."""

    local: dict[str, types.ModuleType] = field(default_factory=dict)
    newest: str = ""


_known = _Known()


def _local_modules() -> Iterator[types.ModuleType]:
    """Only new modules are looked at: there are a thousand, around every step, and in a forked
    process each object that is touched costs a page of memory."""
    places = [*_known.local, *_later_than(_known.newest)]
    _known.newest = next(reversed(sys.modules))
    _known.local.clear()
    for place in places:
        module = sys.modules.get(place)
        if module is not None and is_local(module):
            _known.local[place] = module
    return iter(_known.local.values())


def _later_than(newest: str) -> list[str]:
    """Places in `sys.modules` that were filled after one; all where that is not known."""
    names = reversed(sys.modules.copy()) if newest not in sys.modules else reversed(sys.modules)
    return list(itertools.takewhile(lambda name: name != newest, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Local modules whose data are not what they were, and names of classes and functions of the
    notebook that do not hold what they held."""

    modules: frozenset[str] = frozenset()
    definitions: frozenset[str] = frozenset()


def changed_since(before: Mapping[str, str]) -> Changed:
    """What changed of modules and definitions. Modules imported since do not count."""
    now = module_states()
    known = {place.partition(":")[0] for place in before} - {_NOTEBOOK}
    gone = {p for p in before.keys() - now.keys() if p.startswith(f"{_NOTEBOOK}:")}
    places = {*before, *(place for place in now if place.partition(":")[0] in known)} - gone
    changed = [p.partition(":") for p in places if before.get(p) != now.get(p)]
    return Changed(
        modules=frozenset(module for module, _, _ in changed if module != _NOTEBOOK),
        definitions=frozenset(n.partition("@")[0] for m, _, n in changed if m == _NOTEBOOK),
    )


def _definition_states() -> dict[str, str]:
    """The same for classes and functions of the notebook, told apart by identity: what is defined
    anew is another one."""
    found: dict[str, str] = {}
    for name, value in list(vars(sys.modules[_NOTEBOOK]).items()):
        # By its type: `isinstance` would ask the value, too.
        code = issubclass(type(value), type | types.FunctionType)
        if code and value.__module__ == _NOTEBOOK:
            held = vars(value) if isinstance(value, type) else _held_by(value)
            states = ((key, _state_digest(key, part)) for key, part in list(held.items()))
            told = sorted(f"{key}={state}" for key, state in states if state is not None)
            found[f"{_NOTEBOOK}:{name}@{id(value)}"] = " ".join(told)
    return found


def _held_by(function: types.FunctionType) -> dict[str, Any]:
    defaults = {"defaults": function.__defaults__, "more": function.__kwdefaults__}
    return {**vars(function), **defaults}


def _state_digest(name: str, value: Any) -> str | None:
    if name.startswith("__") or isinstance(value, _CODE):
        return None
    try:
        return digest(value)
    except Undigestible:
        return None


# -- loggers


def logger_states() -> Mapping[str, Any]:
    """How each logger is set up: level, handlers, filters, whether it passes records on."""
    loggers = [one for one in logging.root.manager.loggerDict.values() if _is_logger(one)]
    return {logger.name: _set_up(logger) for logger in (logging.root, *loggers)}


def changed_loggers(before: Mapping[str, Any]) -> frozenset[str]:
    """The loggers that are set up otherwise than before.

    What a library does to its own loggers while it is imported does not count.
    """
    return frozenset(
        name
        for name, now in logger_states().items()
        if now != before.get(name, _PLAIN_LOGGER)
        and (name in before or name.partition(".")[0] not in sys.modules)
    )


def _is_logger(value: object) -> TypeGuard[logging.Logger]:
    return isinstance(value, logging.Logger)


def _set_up(logger: logging.Logger) -> Any:
    handlers = [(h, h.level) for h in logger.handlers if type(h) is not logging.NullHandler]
    return (logger.level, handlers, [*logger.filters], logger.propagate, logger.disabled)


_PLAIN_LOGGER: Final[Any] = (logging.NOTSET, [], [], True, False)
