"""The runner's end of the keeper: starting one, asking it, hearing what it has stored."""

import contextlib
import math
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from nbflow.core.errors import StoreError
from nbflow.core.task import Keep, Kept

_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_CHUNK_BYTES: Final = 1 << 16

Ended = Callable[[float], bool]
"""Waits for a keeper's end, that many seconds; whether it has ended."""

StartKeeper = Callable[[str], Ended]
"""Starts a keeper that connects to an address."""


def cold_keeper(address: str) -> Ended:
    """A keeper in a new process of its own."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        # -P: modules in the folder of the notebook are the lanes' business, not the keeper's.
        [sys.executable, "-P", "-m", "nbflow.project.keeper", address],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is the runner's business
    )

    def ended(seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(None if seconds == math.inf else seconds)
        return process.returncode is not None

    return ended


class Line:
    """The connection to a keeper, which may still be starting: nobody waits for that. StoreError
    says that it is gone."""

    def __init__(self, start: StartKeeper) -> None:
        self._folder = tempfile.mkdtemp(prefix="nbf-")
        self._door = socket.socket(socket.AF_UNIX)
        self._socket: socket.socket | None = None
        self._unsent: list[bytes] = []
        self._begun = b""
        try:
            self._door.bind(f"{self._folder}/keeper")
            self._door.listen(1)
        except OSError as error:
            self._close_door()
            raise _impossible(error) from error
        starter = ThreadPoolExecutor(1, "nbflow-keeper")
        self._starting: Future[Ended] = starter.submit(start, f"{self._folder}/keeper")
        starter.shutdown(wait=False)

    def ask(self, request: Keep) -> None:
        """Send a request, now or when the keeper is there."""
        self._unsent.append(msgspec.json.encode(request) + b"\n")
        self._send(wait=False)

    def _send(self, *, wait: bool) -> None:
        try:
            if self._socket is None and self._has_come(wait=wait):
                self._socket, _ = self._door.accept()
                self._close_door()
            if self._socket is not None and self._unsent:
                self._socket.sendall(b"".join(self._unsent))
                self._unsent.clear()
        except OSError as error:
            raise _gone() from error

    def _has_come(self, *, wait: bool) -> bool:
        deadline = monotonic() + _START_SECONDS
        while not has_news(self._door, _LOOK_SECONDS if wait else 0.0):
            if self._has_ended() or monotonic() > deadline:
                raise _gone()
            if not wait:
                return False
        return True

    def _has_ended(self) -> bool:
        if not self._starting.done():
            return False
        if isinstance(error := self._starting.exception(), OSError):
            raise _impossible(error) from error
        return self._starting.result()(0.0)

    def _close_door(self) -> None:
        self._door.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def answers(self, *, wait: bool) -> list[Kept]:
        """What has been answered since last asked; with `wait`, there is something."""
        found: list[Kept] = []
        self._send(wait=wait)
        while self._socket is not None and ((wait and not found) or has_news(self._socket)):
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except OSError as error:
                raise _gone() from error
            if not data:
                raise _gone()
            *whole, self._begun = (self._begun + data).split(b"\n")
            found += [msgspec.json.decode(one, type=Kept) for one in whole]
        return found

    def close(self) -> None:
        """Hang up, and wait until the keeper has ended."""
        if self._socket is None:  # it would wait for ever otherwise
            with contextlib.suppress(StoreError):
                self._send(wait=True)
        if self._socket is not None:
            self._socket.close()
        self._close_door()
        with contextlib.suppress(OSError):  # there never was one
            self._starting.result()(math.inf)


def has_news(line: socket.socket, seconds: float = 0.0) -> bool:
    """Whether there is something to receive, now or within that time.

    By poll(2): a process that has run long may have more files open than select(2) can look at.
    """
    looker = select.poll()
    looker.register(line, select.POLLIN)
    return bool(looker.poll(seconds * 1000))


def _impossible(error: OSError) -> StoreError:
    return StoreError(f"results cannot be stored: {error}")


def _gone() -> StoreError:
    return StoreError(
        "results cannot be stored: the process that stores them has ended",
        hint="resume the run; if that happens again, look for messages about memory in the log",
    )
