"""What every kernel of ours does first and last, however it came into being. Runs in the kernel."""

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

from nbflow.core.homes import is_local
from nbflow.lanes.calls import answer_calls
from nbflow.lanes.warned import warned

_PR_SET_PDEATHSIG: Final = 1


def settle() -> None:
    """Die with the process that started us, tell where a crash happened, answer calls, listen."""
    # ipykernel has redirected the descriptor; what it wrote to before is the step's log. The other
    # threads are ipykernel's: they would push what matters out of sight.
    faulthandler.enable(getattr(sys.stderr, "_original_stdstream_copy", 2), all_threads=False)
    die_with_parent(os.environ.get("JPY_PARENT_PID"))
    answer_calls()
    warned.listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, OutStream):
            _flush_what_there_is(stream)
    # What is here now stays. Whenever a step's garbage is looked for, it need not be gone through.
    gc.freeze()


def _flush_what_there_is(stream: OutStream) -> None:
    """ipykernel flushes six times a step, and each time has its other thread do so, and waits."""
    flush: Callable[[], None] = stream.flush

    def flush_if_written() -> None:
        with stream._buffer_lock:
            is_written = bool(stream._buffers)
        if is_written:
            flush()

    stream.flush = flush_if_written  # type: ignore[method-assign]


def die_with_parent(parent: str | None) -> None:
    """Have the system kill this process when its parent ends (on Linux). See prctl(2).

    The parent may have ended before we asked; `parent` is its pid, where that is known.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1 and parent != "1":
        os._exit(1)


def leave() -> NoReturn:
    """End this process as the interpreter would, without taking its modules apart.

    That takes tens of milliseconds in a process that shares its memory with others. Threads are
    waited for, exit handlers run (IPython's clears the namespace), objects nobody refers to are
    collected, and files that are still open get what was written to them.
    """
    app = IPKernelApp.instance()
    # These wait for other threads to close sockets that end with the process anyway.
    for handler in (app.close, app.iopub_thread.stop):
        atexit.unregister(handler)
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    for module in [module for module in sys.modules.values() if is_local(module)]:
        vars(module).clear()
    gc.collect()
    for found in gc.get_objects():
        if isinstance(found, io.IOBase) and not isinstance(found, OutStream):
            with contextlib.suppress(Exception):
                found.flush()
    os._exit(0)
