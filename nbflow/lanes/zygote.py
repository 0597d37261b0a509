"""The zygote: a process that has imported everything and forks a kernel whenever it is asked.

It runs in the kernel's interpreter and does one thing at a time: no thread, no event loop, no zmq
context and no connection, since none of these survives a fork. Requests come through a socket as
JSON with file descriptors (`unix(7)`, SCM_RIGHTS). What becomes of a kernel is told through a pipe
of its own (`lanes/brood.py`).

A *branch* is a zygote that was forked off to import what one notebook imports; if that turns out to
be unfit for forking, only the branch is thrown away.
"""

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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from nbflow.core.homes import is_local
from nbflow.lanes.brood import Brood, Role, live, say_ready, tell
from nbflow.lanes.preload import ANSWERED_LATER, load_quietly, preload
from nbflow.lanes.proc import children
from nbflow.lanes.settle import settle

MESSAGE_BYTES: Final = 1 << 20
FDS: Final = 4
"""How many file descriptors a message brings at most."""

_INLINE: Final = "module://matplotlib_inline.backend_inline"


def main(control: str) -> None:
    """Serve until the other end of the socket is closed; forked processes take up their role."""
    live(Server(socket.socket(fileno=int(control))).serve)


class Server:
    """The loop of a zygote."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._brood = Brood()

    def serve(self) -> Role | None:
        """Answer requests. In a forked process its role comes back, here nothing at the end."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._brood.heard, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._brood.heard in ready:
                self._brood.bury()
            if self._control.fileno() in ready:
                request, fds = receive(self._control)
                if request is None:
                    self._end()
                else:
                    role = self._answer(request, fds)
                    if role is not None:
                        return role

    def _answer(self, request: Mapping[str, Any], fds: Sequence[int]) -> Role | None:
        match request["op"]:
            case "import":
                load_quietly(request["modules"])
                look_around()
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
        return self._brood.fork(role, status=status, given=given, ours=[self._control])

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


def receive(control: socket.socket) -> tuple[Mapping[str, Any] | None, Sequence[int]]:
    """A request and the file descriptors that came with it; None when nobody asks any more."""
    try:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, FDS)
    except ConnectionError:
        return None, ()
    return (json.loads(message) if message else None), fds


def look_around() -> None:
    """Find out now where modules come from: every kernel asks, and the answers are kept."""
    for module in list(sys.modules.values()):
        is_local(module)


def import_for(request: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Import what one notebook imports; the module that does not stand it comes back, and why."""
    os.chdir(request["folder"])
    # As ipykernel does in a kernel: matplotlib looks at it when it is imported.
    os.environ["MPLBACKEND"] = os.environ.get("MPLBACKEND") or _INLINE
    unfit = preload(request["modules"], folder=request["folder"], face=request["face"])
    if unfit is None:
        look_around()
        gc.collect()
    return unfit


def _branch(request: Mapping[str, Any], control: int, status: int) -> Role:
    """A zygote for one notebook: import, look at what that did, then serve."""
    unfit = import_for(request)
    if unfit is not None:
        tell(status, unfit=unfit)
        os._exit(0)
    return begin_serving(control, status)


def begin_serving(control: int, status: int) -> Role:
    """Say so, and serve."""
    say_ready(status)
    return Server(socket.socket(fileno=control)).serve


def _call(request: Mapping[str, Any], status: int) -> None:
    """A function of ours, in a process that has everything imported."""
    say_ready(status)
    home, _, name = request["function"].partition(":")
    getattr(importlib.import_module(home), name)(*request["arguments"])
    os._exit(0)


def _kernel(request: Mapping[str, Any], output: int, status: int) -> None:
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
    say_ready(status, new=sorted(set(sys.modules) - known))
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
