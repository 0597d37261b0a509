"""The processes that were forked here: making them, telling of them, burying them. Runs in zygotes.

Whoever asked for a process hears of it through a pipe of its own, a line of JSON each: that it is
`ready`, and which, then how it `ended`; or why there is none.
"""

import ctypes
import gc
import json
import os
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from nbflow.lanes.preload import strange_threads
from nbflow.lanes.settle import die_with_parent

_PR_SET_CHILD_SUBREAPER: Final = 36
_INHERITED_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)

Role = Callable[[], "Role | None"]
"""What a process does once it has left the loop it was forked in, and what it does after that."""


def live(role: Role | None) -> None:
    """Play a role, and those that follow from it."""
    # Ctrl-C in the terminal is the runner's; it tells us by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while role is not None:
        role = role()


class Brood:
    """`heard` can be read when a child has ended: then `bury`."""

    def __init__(self) -> None:
        # Orphans that kernels leave behind come to us. See prctl(2).
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._children: dict[int, int | None] = {}
        self.newest = 0
        self.heard, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self.heard, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def fork(
        self,
        role: Role,
        *,
        status: int | None,
        given: tuple[int, ...],
        ours: Iterable[socket.socket],
        bound: bool = True,
    ) -> Role | None:
        """Make a process: in it, its role comes back; here nothing.

        `given` are descriptors for it alone, `ours` what it has no business with. One that is
        `bound` ends when we do.
        """
        strange = strange_threads()
        if strange:
            tell(status, refused=f"the process has other threads ({', '.join(strange)})")
            _close(*given, status)
            return None
        gc.freeze()
        pid = os.fork()
        if pid:
            self._children[pid], self.newest = status, pid
            _close(*given)
            return None
        self._leave(ours)
        if bound:
            die_with_parent(None)
        return role

    def _leave(self, ours: Iterable[socket.socket]) -> None:
        """In a forked process: what was the server's is none of its own."""
        signal.set_wakeup_fd(-1)
        for one in ours:
            one.close()
        _close(self.heard, self._wake, *self._children.values())
        for number in _INHERITED_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def bury(self) -> None:
        """Tell of those that ended; orphans are only buried."""
        with suppress(BlockingIOError):
            while os.read(self.heard, 4096):
                pass
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                told = self._children.pop(pid, None)
                tell(told, ended=os.waitstatus_to_exitcode(status))
                _close(told)


def tell(status: int | None, **news: Any) -> None:
    """Write a line to the pipe; nobody may be listening any more."""
    if status is not None:
        with suppress(OSError):
            os.write(status, json.dumps(news).encode() + b"\n")


def say_ready(status: int, **news: Any) -> None:
    """Tell who is ready, in the forked process itself: in one line, so that both are known at once
    however late its parent gets to run."""
    tell(status, pid=os.getpid(), ready=True, **news)
    os.close(status)


def _close(*fds: int | None) -> None:
    for fd in fds:
        if fd is not None:
            os.close(fd)
