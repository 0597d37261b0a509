"""The runner's end of a zygote: starting one, branching it, and the kernels that it forks."""

import json
import math
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

import nbflow
from nbflow.lanes.proc import descendants

FACE: Final = "nbflow.faces.lane"
"""The module through which a kernel and its lane speak; imported before the fork."""

KERNEL_MODULES: Final = ("ipykernel.kernelapp", "ipykernel.ipkernel", FACE)

START_SECONDS: Final = 60.0
"""How long imports may take before a zygote is given up."""

_BOOT: Final = """
import importlib, importlib.util, sys
root, home, *given = sys.argv[1:]
del sys.path[0]
found = importlib.util.spec_from_file_location(
    "nbflow", root + "/__init__.py", submodule_search_locations=[root]
)
sys.modules["nbflow"] = importlib.util.module_from_spec(found)
found.loader.exec_module(sys.modules["nbflow"])
importlib.import_module(home).main(*given)
"""
_READ_BYTES: Final = 1 << 16


Called = Callable[[float], int | None]
"""Waits for the end of a called function's process, that many seconds: its exit code, or None."""


def can_fork() -> bool:
    """Whether kernels may be forked here: what it takes is Linux's."""
    return sys.platform == "linux"


class RefusedError(Exception):
    """The zygote cannot fork now, or is gone; a kernel can be started without it."""


class UnfitError(Exception):
    """A module does something when it is imported that must happen in the kernel itself."""

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"`{module}`: {why}")
        self.module, self.why = module, why


def boot(
    interpreter: Sequence[str],
    module: str,
    *given: str,
    control: socket.socket,
    folder: str,
    env: Mapping[str, str],
) -> "subprocess.Popen[bytes]":
    """Run the `main` of one of our modules in a new process, with a socket's number and `given`.

    Raises:
        RefusedError: it cannot be started.
    """
    root, fd = str(Path(nbflow.__file__).parent), control.fileno()
    try:
        return subprocess.Popen(
            [*interpreter, "-c", _BOOT, root, module, str(fd), *given],
            cwd=folder or None,
            env={**env, "JPY_PARENT_PID": str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(fd,),
            start_new_session=True,
        )
    except OSError as error:
        raise RefusedError(str(error)) from error


class Asking:
    """Our end of a socket at which a process forks others off."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()

    def load(self, modules: Sequence[str]) -> None:
        """Have modules imported, as far as they can be; what follows waits for it."""
        self._send({"op": "import", "modules": list(modules)}, ())

    def zygote(self, request: Mapping[str, Any]) -> "Zygote":
        """A zygote that is forked off as requested.

        Raises:
            UnfitError: a module must not be imported before the fork.
            RefusedError: there is none to be had.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                news = self.ask(request, theirs.fileno())
            try:
                found = news.until("ready", START_SECONDS)
            finally:
                news.close()
        except BaseException:
            ours.close()
            raise
        return Zygote(found["pid"], ours)

    @property
    def has_hung_up(self) -> bool:
        """Whether the other side has ended."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        return bool(poll.poll(0))

    def hang_up(self) -> None:
        """Nothing more is asked."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    def close(self, seconds: float = 0.0) -> bool:
        """Wait for the end of the other side, that long; whether it came."""
        self.hang_up()
        with self._control:
            poll = select.poll()
            poll.register(self._control, select.POLLIN)
            return bool(poll.poll(seconds * 1000))

    def ask(self, request: Mapping[str, Any], *fds: int) -> "News":
        """Send a request; what becomes of it."""
        reading, writing = os.pipe()
        try:
            self._send(request, (*fds, writing))
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return News(reading)

    def _send(self, request: Mapping[str, Any], fds: tuple[int, ...]) -> None:
        message = json.dumps(request).encode()
        try:
            with self._lock:
                socket.send_fds(self._control, [message], fds)
        except OSError as error:
            raise RefusedError(f"the zygote has ended: {error}") from error


class Zygote(Asking):
    """A zygote that was started, or forked off another one."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        super().__init__(control)
        self.pid = pid

    @classmethod
    def start(
        cls, interpreter: Sequence[str], *, folder: str, env: Mapping[str, str]
    ) -> "tuple[Zygote, subprocess.Popen[bytes]]":
        """Start one with an interpreter (and its flags); it serves as soon as it can.

        Raises:
            RefusedError: it cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                process = boot(
                    interpreter, "nbflow.lanes.zygote", control=theirs, folder=folder, env=env
                )
        except BaseException:
            ours.close()
            raise
        return cls(process.pid, ours), process

    def branch(self, modules: Sequence[str], *, folder: str) -> "Zygote":
        """A zygote that has also imported what a notebook in `folder` imports. Raises: as
        `zygote`."""
        return self.zygote(branch_request(modules, folder))

    def fork(
        self, command: Sequence[str], *, folder: str, env: Mapping[str, str]
    ) -> "tuple[ForkedProcess, tuple[str, ...]]":
        """A kernel that has bound its sockets, and the modules that it had to import for itself.

        Raises:
            RefusedError: none can be forked, or it ended while it started.
        """
        output, writing = os.pipe()
        request = {
            "op": "fork",
            "command": list(command),
            "folder": folder,
            "env": dict(env),
            "face": FACE,
        }
        try:
            news = self.ask(request, writing)
        finally:
            os.close(writing)
        try:
            found = news.until("ready", START_SECONDS)
        except BaseException:
            news.close()
            os.close(output)
            raise
        process = ForkedProcess(found["pid"], output, news, zygote=self.pid)
        return process, tuple(found.get("new", ()))

    def call(self, function: str, arguments: Sequence[str]) -> "Called":
        """Run `module:function` in a forked process.

        Raises:
            RefusedError: it cannot be forked.
        """
        request = {"op": "call", "function": function, "arguments": list(arguments)}
        news = self.ask(request)
        try:
            news.until("ready", START_SECONDS)
        except BaseException:
            news.close()
            raise
        return news.ended


def branch_request(modules: Sequence[str], folder: str) -> dict[str, Any]:
    """Asks for what a notebook in `folder` imports."""
    return {"op": "branch", "modules": list(modules), "folder": folder, "face": FACE}


class ForkedProcess:
    """A kernel's process that a zygote forked."""

    def __init__(self, pid: int, output: int, news: "News", *, zygote: int) -> None:
        self.pid, self.output = pid, output
        self._news, self._zygote = news, zygote

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        return self.wait(0)

    def wait(self, seconds: float) -> int | None:
        """Wait for its end."""
        return self._news.ended(seconds)

    def candidates(self) -> Iterator[int]:
        """All that descends from the zygote: orphans come to it."""
        return iter(descendants(self._zygote))


class News:
    """What a zygote tells about one process, line by line. The pipe closes after the last."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._rest = b""
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._is_open = True

    def until(self, key: str, seconds: float) -> Mapping[str, Any]:
        """All news up to the one that is waited for.

        Raises:
            UnfitError, RefusedError: there will be no such news.
        """
        deadline = monotonic() + seconds
        while key not in self._known:
            if not self._read(deadline - monotonic()):
                raise RefusedError("it did not answer in time")
            match self._known:
                case {"unfit": unfit}:
                    raise UnfitError(unfit["module"], unfit["why"])
                case {"refused": why}:
                    raise RefusedError(why)
                case {"ended": code} if key not in self._known:
                    raise RefusedError(f"it ended while it started (exit code {code})")
        return self._known

    def ended(self, seconds: float) -> int | None:
        """The exit code; None if there is none yet. A zygote that ended took all with it."""
        with self._lock:
            deadline = monotonic() + seconds
            while "ended" not in self._known and self._read(deadline - monotonic()):
                pass
            if "ended" in self._known:
                self._shut()
            return self._known.get("ended")

    def close(self) -> None:
        """No more is wanted."""
        with self._lock:
            self._shut()

    def _read(self, seconds: float) -> bool:
        """Take in what came within the time; whether there was anything."""
        if not self._is_open:
            return False
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        if not poll.poll(None if seconds == math.inf else max(0.0, seconds) * 1000):
            return False
        found = os.read(self._pipe, _READ_BYTES)
        if not found:
            self._known.setdefault("ended", -9)
            self._shut()
            return True
        *lines, self._rest = (self._rest + found).split(b"\n")
        for line in lines:
            self._known.update(json.loads(line))
        return True

    def _shut(self) -> None:
        if self._is_open:
            self._is_open = False
            with suppress(OSError):
                os.close(self._pipe)
