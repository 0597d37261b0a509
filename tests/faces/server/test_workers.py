"""Threads beside the event loop: they answer, they fail as calls do, and they never hold an end."""

import subprocess
import sys
import threading

import pytest

from nbflow.faces.server.workers import Workers


def test_answers_and_errors_come_back() -> None:
    workers = Workers(2, "test")
    assert workers.submit(pow, 2, 5).result(60) == 32
    assert workers.submit(int, "ff", base=16).result(60) == 255
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 / 0).result(60)
    assert workers.submit(pow, 2, 6).result(60) == 64


def test_what_waits_can_be_called_off() -> None:
    workers = Workers(1, "test")
    go = threading.Event()
    first = workers.submit(go.wait, 60)
    second, third = workers.submit(pow, 2, 5), workers.submit(pow, 2, 6)
    assert second.cancel()
    go.set()
    assert (first.result(60), third.result(60)) == (True, 64)


def test_a_process_ends_though_one_of_them_is_busy_for_ever() -> None:
    program = """
import threading
from nbflow.faces.server.workers import Workers
begun = threading.Event()
def endless():
    begun.set()
    threading.Event().wait()
Workers(1, "test").submit(endless)
begun.wait()
print("end")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
