"""Threads beside the event loop, which never keep the server from ending.

Python waits at its end for the threads of a `ThreadPoolExecutor`, and a notebook may be one that
takes very long to understand.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any


class Workers(Executor):
    """So many daemon threads, started when there is work for the first time."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        """Have something done; the future tells how it went."""
        with self._lock:
            if not self._threads:
                self._start()
        future: Future[Any] = Future()
        self._waiting.put((future, lambda: work(*args, **more)))
        return future

    def _start(self) -> None:
        for number in range(self._count):
            name = f"{self._name}-{number}"
            self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
            self._threads[-1].start()

    def _serve(self) -> None:
        while True:
            future, work = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(answer)
