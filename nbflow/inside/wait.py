"""`nbflow.wait_for`: a cell that waits until data has arrived."""

import time
from datetime import timedelta
from pathlib import Path

_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 5.0


def wait_for(path: str | Path, *, timeout: float | timedelta) -> Path:
    """Wait until a file or folder exists and has stopped growing, then return its path.

    A file counts as arrived when two looks in a row see the same size and time of change, so that a
    half-copied delivery is not read. `timeout` is in seconds, or a `timedelta`.

    Raises:
        TimeoutError: it did not arrive in time; the message names the path and the time waited.
    """
    wanted = Path(path)
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    deadline = time.monotonic() + seconds
    pause = _FIRST_POLL_SECONDS
    before = None
    while True:
        now = _state(wanted)
        if now is not None and now == before:
            return wanted
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{wanted} did not arrive within {seconds:g} seconds")
        before = now
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = _FIRST_POLL_SECONDS if now is not None else min(pause * 2, _LONGEST_POLL_SECONDS)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns
