"""One kernel: a process, a client that is connected to it, and its end with all that it started.

The process leads its own session, so a Ctrl-C in the terminal does not reach it. It dies with us:
ipykernel watches its parent, and on Linux the system kills it when the thread that started it ends.
Its sockets are files in a private folder, so that two runs cannot take each other's port.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty
from time import monotonic, sleep
from typing import Any, Final

import psutil
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from nbflow.core.errors import KernelError
from nbflow.lanes import process as processes
from nbflow.lanes.process import MARK, ColdProcess, Process

DEFAULT_KERNEL: Final = "python3"
STARTUP_SECONDS: Final = 120.0
SHUTDOWN_SECONDS: Final = 5.0
"""How long exit handlers of the user's code may take."""

_BIND_SECONDS: Final = 0.01
_READY_SECONDS: Final = 0.2
_DEATH_SECONDS: Final = 2.0
_CHUNK_BYTES: Final = 1 << 16
_POSIX: Final = os.name == "posix"
_LEAVE: Final = "from nbflow.lanes.settle import leave; leave()"
_SOCKET_PATH_BYTES: Final = 90
"""Longer paths of sockets are refused by the system (104 or 108, with what zmq adds)."""

Sink = Callable[[bytes], None]

Spawn = Callable[[Sequence[str], str, Mapping[str, str]], Process]
"""Starts a kernel's process: its command, folder and environment. May raise OSError."""


def installed_kernels() -> tuple[str, ...]:
    """The names of all kernels that can be found, sorted."""
    return tuple(sorted(KernelSpecManager().find_kernel_specs()))


def kernel_command(name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command that starts a kernel (with `{connection_file}` in it), and its own variables.

    Raises:
        KernelError: not installed, or not a Python kernel.
    """
    name = name or DEFAULT_KERNEL
    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        known = ", ".join(installed_kernels()) or "none"
        raise KernelError(
            f"the kernel `{name}` is not installed",
            hint=f"installed kernels: {known}; `python -m ipykernel install --user --name {name}`",
        ) from None
    if spec.language.lower() != "python":
        raise KernelError(
            f"the kernel `{name}` runs {spec.language}; nbflow runs Python notebooks",
            hint="choose a Python kernel for the notebook",
        )
    command = [*spec.argv]
    if command[0] in _PYTHONS:
        # As jupyter_client does: the environment of the caller, not the first python on the path.
        command[0] = sys.executable
    return tuple(command), dict(spec.env)


_PYTHONS: Final = frozenset(
    {
        "python",
        f"python{sys.version_info.major}",
        f"python{sys.version_info.major}.{sys.version_info.minor}",
    }
)


def start_cold(command: Sequence[str], folder: str, env: Mapping[str, str]) -> ColdProcess:
    """Start a kernel's process from nothing.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        command,
        cwd=folder or None,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return ColdProcess(process)


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The variables with which kernels start; `own` are those of the kernelspec."""
    return {
        # Sets of text come in one order in all lanes, and in a run that repeats them.
        "PYTHONHASHSEED": "0",
        **os.environ,
        **own,
        "JPY_PARENT_PID": str(os.getpid()),
    }


class Kernel:
    """A running kernel and a connected client. Make it with `start`; `close` ends all of it.

    `sink` receives what the process itself writes to stdout and stderr; it may be exchanged.
    `is_settled`: our side of it is there (`lanes/settle.py`); forked kernels come so. `is_used`: it
    has served a lane that is gone.
    """

    def __init__(self, *, process: Process, mark: str, folder: Path, sink: Sink) -> None:
        self.process = process
        self.sink = sink
        self.client: Any = None
        self._poller = zmq.Poller()
        self.is_settled = self.is_used = False
        self._mark, self._folder = mark, folder
        self._oom_kills = _oom_kills()
        self._pump = threading.Thread(target=self._pump_output, name="nbflow-log", daemon=True)
        self._pump.start()

    @classmethod
    def start(cls, *, name: str, folder: str, sink: Sink, spawn: Spawn = start_cold) -> "Kernel":
        """Start a kernel in a folder and wait until it answers.

        Raises:
            KernelError: not installed, died while starting, or never answered.
        """
        command, own = kernel_command(name)
        private = Path(tempfile.mkdtemp(prefix="nbf-"))
        mark = secrets.token_hex(8)
        try:
            connection, settings = _connection_file(private)
            env = {**environment(own), MARK: mark}
            process = spawn(_filled(command, connection), folder, env)
        except BaseException as error:
            shutil.rmtree(private, ignore_errors=True)
            if isinstance(error, OSError):
                raise KernelError(f"the kernel `{name}` cannot be started: {error}") from error
            raise
        kernel = cls(process=process, mark=mark, folder=private, sink=sink)
        try:
            kernel._connect(settings)
        except BaseException:
            kernel.discard()
            raise
        return kernel

    # -- life ------------------------------------------------------------------------------------

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative for a signal."""
        return self.process.poll()

    def listen(self, seconds: float) -> None:
        """Wait until it says something, on any channel, or for that long."""
        self._poller.poll(int(seconds * 1000))

    def memory(self) -> int:
        """Resident bytes now; 0 when it is gone."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def was_out_of_memory(self) -> bool:
        """Whether the system's out-of-memory killer struck in our control group since the start."""
        now = _oom_kills()
        return now is not None and self._oom_kills is not None and now > self._oom_kills

    def interrupt(self) -> None:
        """Ctrl-C for the kernel and the programs that it runs."""
        processes.send(self.process, signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with everything that it started."""
        strays = self._strays()
        processes.kill(self.process)
        self.process.wait(_DEATH_SECONDS)
        # Children that left the group, or came after we looked.
        for stray in (*strays, *self._strays()):
            with contextlib.suppress(psutil.Error):
                stray.kill()

    def drained(self) -> None:
        """Wait until everything that a dead process wrote has reached the sink."""
        self._pump.join(_DEATH_SECONDS)

    def close(self) -> None:
        """Let exit handlers run, then end it and everything that it started."""
        try:
            self._ask_to_leave()
        finally:
            self.discard()

    def discard(self) -> None:
        """End it at once, with everything that it started, and let go of it."""
        self.kill()
        self._pump.join(_DEATH_SECONDS)
        if self.client is not None:
            self.client.stop_channels()
            self.client.context.destroy(linger=0)
            self.client = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask_to_leave(self) -> None:
        """A shutdown request would let ipykernel close its threads and sockets one by one: that
        takes long, and now and then for ever."""
        if self.client is not None and self.exit_code is None:
            self.client.execute(_LEAVE, silent=True, store_history=False, allow_stdin=False)
            self.process.wait(SHUTDOWN_SECONDS)

    def _strays(self) -> list[psutil.Process]:
        return processes.strays(self.process, self._mark)

    def _pump_output(self) -> None:
        with open(self.process.output, "rb", buffering=0) as pipe:
            while chunk := pipe.read(_CHUNK_BYTES):
                self.sink(chunk)

    # -- connecting ------------------------------------------------------------------------------

    def _connect(self, settings: dict[str, Any]) -> None:
        deadline = monotonic() + STARTUP_SECONDS
        if settings["transport"] == "ipc":
            # A client that connects before the kernel has bound waits 100 ms for its next try.
            for port in ("shell_port", "iopub_port", "control_port"):
                socket = Path(f"{settings['ip']}-{settings[port]}")
                while not socket.exists():
                    self._check_start(deadline)
                    sleep(_BIND_SECONDS)
        self.client = BlockingKernelClient()
        self.client.load_connection_info(settings)
        self.client.start_channels(stdin=False, hb=False)
        for channel in (self.client.iopub_channel, self.client.shell_channel):
            self._poller.register(channel.socket, zmq.POLLIN)
        # Ready means: it answers, and what it publishes reaches us (a subscription takes a moment).
        while not self._answers():
            self._check_start(deadline)

    def _answers(self) -> bool:
        asked = self.client.kernel_info()
        try:
            while True:
                message = self.client.iopub_channel.get_msg(timeout=_READY_SECONDS)
                if message["parent_header"].get("msg_id") == asked:
                    break
            reply = self.client.shell_channel.get_msg(timeout=STARTUP_SECONDS)
        except Empty:
            return False
        return bool(reply["msg_type"] == "kernel_info_reply")

    def _check_start(self, deadline: float) -> None:
        if self.exit_code is not None:
            self.drained()
            raise KernelError(
                f"the kernel ended while it started ({ending(self.exit_code)})",
                hint="the step's log has what it wrote; try `jupyter run` with this kernel",
            )
        if monotonic() > deadline:
            raise KernelError(f"the kernel did not answer in {STARTUP_SECONDS:.0f} seconds")


def ending(code: int) -> str:
    """How a process ended, for people.

    >>> ending(-11), ending(3)
    ('signal 11, SIGSEGV', 'exit code 3')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _connection_file(private: Path) -> tuple[Path, dict[str, Any]]:
    path, sockets = private / "kernel.json", str(private / "s")
    by_file = _POSIX and len(os.fsencode(sockets)) < _SOCKET_PATH_BYTES
    _, settings = write_connection_file(
        str(path),
        key=secrets.token_hex(16).encode(),
        transport="ipc" if by_file else "tcp",
        ip=sockets if by_file else "",
    )
    return path, dict(settings)


def _filled(command: tuple[str, ...], connection: Path) -> list[str]:
    filled = [part.replace("{connection_file}", str(connection)) for part in command]
    if any("ipykernel" in part for part in command):
        # No input history on disk: lanes would wait for each other's SQLite lock.
        filled.append("--HistoryManager.hist_file=:memory:")
    return filled


def _oom_kills() -> int | None:
    """How often the out-of-memory killer struck in our control group; None where nobody counts."""
    try:
        group = Path("/proc/self/cgroup").read_text().splitlines()[-1].rpartition(":")[2]
        text = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])
    except (OSError, KeyError, IndexError, ValueError):
        return None
