"""The zygote: a process that has imported everything and forks a kernel whenever it is asked.

It runs in the kernel's interpreter and does one thing at a time: no thread, no event loop, no zmq
context and no connection, since none of these survives a fork. Requests come through a socket as
JSON with file descriptors (`unix(7)`, SCM_RIGHTS). What becomes of a kernel is told through a pipe
of its own, a line of JSON each: `pid`, `ready`, `ended`.

A *branch* is a zygote that was forked off to import what one notebook imports; if that turns out to
be unfit for forking, only the branch is thrown away.
"""

import ctypes
import gc
import importlib.util
import itertools
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from nbflow.core.homes import is_local
from nbflow.lanes.preload import ANSWERED_LATER, load_quietly, preload, strange_threads
from nbflow.lanes.proc import children
from nbflow.lanes.settle import die_with_parent, settle

MESSAGE_BYTES: Final = 1 << 20
_LONGEST: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_INLINE: Final = "module://matplotlib_inline.backend_inline"
_INHERITED_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)

Role = Callable[[], "Role | None"]
"""What a process does once it has left the server's loop, and what it does after that."""


def main(control: int) -> None:
    """Serve until the other end of the socket is closed; forked processes take up their role."""
    # Ctrl-C in the terminal is the runner's; it tells us by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    role: Role | None = _Server(socket.socket(fileno=control)).serve
    while role is not None:
        role = role()


class _Server:
    """The loop of a zygote."""

    def __init__(self, control: socket.socket) -> None:
        # Orphans that kernels leave behind come to us. See prctl(2).
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._control = control
        self._children: dict[int, int] = {}
        self._heard, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._heard, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def serve(self) -> Role | None:
        """Answer requests. In a forked process its role comes back, here nothing at the end."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._heard, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._heard in ready:
                self._reap()
            if self._control.fileno() in ready:
                message, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, _LONGEST)
                if not message:
                    self._end()
                role = self._answer(json.loads(message), fds)
                if role is not None:
                    return role

    def _answer(self, request: dict[str, Any], fds: Sequence[int]) -> Role | None:
        match request["op"]:
            case "import":
                load_quietly(request["modules"])
                _look_around()
                return None
            case "branch":
                control, status = fds
                return self._fork(status, (control,), lambda: _branch(request, control, status))
            case "call":
                (status,) = fds
                return self._fork(status, (), lambda: _call(request, status))
            case _:
                output, status = fds
                return self._fork(status, (output,), lambda: _kernel(request, output, status))

    def _fork(self, status: int, given: tuple[int, ...], role: Role) -> Role | None:
        strange = strange_threads()
        if strange:
            tell(status, refused=f"the process has other threads ({', '.join(strange)})")
            for fd in (*given, status):
                os.close(fd)
            return None
        gc.freeze()
        pid = os.fork()
        if pid:
            self._children[pid] = status
            tell(status, pid=pid)
            for fd in given:
                os.close(fd)
            return None
        self._leave()
        return role

    def _leave(self) -> None:
        """In a forked process: what was the server's is none of ours."""
        signal.set_wakeup_fd(-1)
        self._control.close()
        for fd in (self._heard, self._wake, *self._children.values()):
            os.close(fd)
        for number in _INHERITED_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        die_with_parent(None)

    def _reap(self) -> None:
        """Tell of those that ended; orphans are only buried."""
        with suppress(BlockingIOError):
            while os.read(self._heard, 4096):
                pass
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                told = self._children.pop(pid, None)
                if told is not None:
                    tell(told, ended=os.waitstatus_to_exitcode(status))
                    os.close(told)

    def _end(self) -> None:
        """Nobody asks any more: leave nothing behind that came from here."""
        while left := children(os.getpid()):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)
        # Nothing here is worth an orderly end of the interpreter.
        os._exit(0)


def _look_around() -> None:
    """Find out now where modules come from: every kernel asks, and the answers are kept."""
    for module in list(sys.modules.values()):
        is_local(module)


def tell(status: int, **news: Any) -> None:
    """Write a line to the pipe; nobody may be listening any more."""
    with suppress(OSError):
        os.write(status, json.dumps(news).encode() + b"\n")


def _branch(request: dict[str, Any], control: int, status: int) -> Role:
    """A zygote for one notebook: import, look at what that did, then serve."""
    os.chdir(request["folder"])
    # As ipykernel does in a kernel: matplotlib looks at it when it is imported.
    os.environ["MPLBACKEND"] = os.environ.get("MPLBACKEND") or _INLINE
    unfit = preload(request["modules"], folder=request["folder"], face=request["face"])
    if unfit is not None:
        tell(status, unfit=unfit)
        os._exit(0)
    _look_around()
    gc.collect()
    tell(status, ready=True)
    os.close(status)
    return _Server(socket.socket(fileno=control)).serve


def _call(request: dict[str, Any], status: int) -> None:
    """A function of ours, in a process that has everything imported."""
    tell(status, ready=True)
    os.close(status)
    home, _, name = request["function"].partition(":")
    getattr(importlib.import_module(home), name)(*request["arguments"])
    os._exit(0)


def _kernel(request: dict[str, Any], output: int, status: int) -> None:
    """A kernel like one that `python -m ipykernel_launcher` would have started."""
    os.setsid()
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(request["folder"])
    os.environ.update(request["env"])
    command = request["command"]
    sys.orig_argv[:] = command
    launcher = importlib.util.find_spec("ipykernel_launcher")
    options = command[command.index("ipykernel_launcher") + 1 :]
    sys.argv[:] = [str(launcher and launcher.origin), *options]
    _begin_anew()
    known = set(sys.modules)
    app = _application(options)
    settle()
    importlib.import_module(request["face"])
    tell(status, ready=True, new=sorted(set(sys.modules) - known))
    os.close(status)
    app.start()


def _application(argv: list[str]) -> Any:
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    # Without a parent to watch, ipykernel greets people on stdout.
    app.parent_handle = os.getppid()
    app.initialize(argv)  # type: ignore[no-untyped-call]
    for package, told in ANSWERED_LATER.items():
        if package in sys.modules:
            getattr(sys.modules[package], told)()
    return app


def _begin_anew() -> None:
    """What was counted or seeded here, a new process begins anew; `random` looks after itself."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    vars(threading)["_counter"] = itertools.count(1).__next__
