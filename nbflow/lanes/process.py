"""A kernel's process as its lane sees it, started by us or forked by a zygote."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Protocol

import psutil

MARK: Final = "NBFLOW_LANE"
"""The environment variable by which all descendants of a kernel are known."""

_POSIX: Final = os.name == "posix"


class Process(Protocol):
    """A process that leads a session of its own, and the pipe to which it writes."""

    pid: int
    output: int
    """Where its stdout and stderr are read: a file descriptor, the reader's to close."""

    def poll(self) -> int | None:
        """None while it lives, else its exit code, negative for a signal."""

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; None if it still lives after that."""

    def candidates(self) -> Iterator[int]:
        """Pids among which the processes are that it started, however far they went."""


class ColdProcess:
    """A process that was started from nothing."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        assert popen.stdout is not None
        self._popen = popen
        self.pid = popen.pid
        self.output = os.dup(popen.stdout.fileno())
        popen.stdout.close()

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        return self._popen.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end."""
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(seconds)
        return None

    def candidates(self) -> Iterator[int]:
        """All processes: a daemon's parent tells nothing."""
        return iter(psutil.pids())


def send(process: Process, number: int) -> None:
    """Send a signal to the process and all others of its group."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        if _POSIX:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)


def kill(process: Process) -> None:
    """End the process and its group at once."""
    send(process, signal.SIGKILL if _POSIX else signal.SIGTERM)


def strays(process: Process, mark: str) -> list[psutil.Process]:
    """Living descendants, also those that became daemons: they have our mark or its session."""
    found = []
    for pid in process.candidates():
        with suppress(psutil.Error, OSError):
            if pid != process.pid and (_session(pid) == process.pid or _mark(pid) == mark):
                found.append(psutil.Process(pid))
    return found


def _session(pid: int) -> int | None:
    return os.getsid(pid) if _POSIX else None


def _mark(pid: int) -> str | None:
    return psutil.Process(pid).environ().get(MARK)
