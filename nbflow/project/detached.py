"""Runs in processes of their own, which outlive whoever started them.

The run stands in the ledger, queued, before its process exists; that process takes it. If it dies
first, the one who started it says so with its last words, and if that one is gone too, the ledger
declares the run lost as it does with every run whose process is gone.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, Final

import psutil

from nbflow.core.errors import NbflowError
from nbflow.core.run import Event, EventKind, Run, RunId, Status
from nbflow.planning.select import forced, selected
from nbflow.project.desk import Desk, utc_now
from nbflow.project.layout import Layout
from nbflow.project.opened import Opened, refuse_errors
from nbflow.project.order import Order
from nbflow.project.snapshot import keep_snapshot
from nbflow.store.history import Ledger

NOT_STARTED: Final = "not_started"
"""The reason of a run whose process ended before the run began."""

_LAST_BYTES: Final = 2000


def start(desk: Desk, opened: Opened, values: Mapping[str, Any], order: Order) -> Run:
    """Queue a run and start its process; returns at once.

    Raises:
        NotebookError, UsageError: nothing was started.
    """
    past = desk.ledger.learned(opened.notebook.path)
    graph = opened.graph(values=values, learned=past, one_lane=order.choices.one_lane)
    refuse_errors(graph)
    selected(graph, order.choices)
    forced(graph, order.choices)
    run = _queued(opened, values, order)
    keep_snapshot(desk.layout, opened, run.id)
    event = Event(at=utc_now(), run=run.id, kind=EventKind.RUN_QUEUED, status=run.status)
    desk.ledger.queue_run(run, event)
    _spawn(desk, run.id, _words(order))
    return run


def refuse(ledger: Ledger, run: RunId, error: Exception) -> None:
    """A queued run cannot begin: the ledger says why. Nothing changes once it has begun."""
    message = error.message if isinstance(error, NbflowError) else f"{error or type(error)}"
    ledger.refuse_run(run, utc_now(), reason=NOT_STARTED, message=message)


def _queued(opened: Opened, values: Mapping[str, Any], order: Order) -> Run:
    own = psutil.Process()
    return Run(
        id=order.run,
        status=Status.QUEUED,
        notebook=opened.notebook.path,
        notebook_hash=opened.notebook.content_hash,
        parameters=dict(values),
        trigger=order.trigger,
        actor=order.actor,
        pid=own.pid,
        pid_started=own.create_time(),
        heartbeat=utc_now(),
    )


def _words(order: Order) -> list[str]:
    """What the command line needs to know beyond what the ledger holds.

    >>> from nbflow.core.choices import Choices
    >>> _words(Order(jobs=2, choices=Choices(force=True, until=("a b",))))
    ['--jobs=2', '--force', '--until=a b']
    """
    choices = order.choices
    words = [] if order.jobs is None else [f"--jobs={order.jobs}"]
    words += ["--force"] if choices.force else []
    words += ["--one-lane"] if choices.one_lane else []
    for option, names in (
        ("--force-step", choices.force_steps),
        ("--until", choices.until),
        ("--from", choices.from_),
        ("--only", choices.only),
    ):
        words += [f"{option}={name}" for name in names]
    return words


def _spawn(desk: Desk, run: RunId, words: Sequence[str]) -> None:
    log = desk.layout.run(run) / "process.log"
    # -P: what lies beside the notebook must not stand in for a module of ours.
    command = [sys.executable, "-P", "-m", "nbflow", "carry-out", run, *words]
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=desk.layout.root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        refuse(desk.ledger, run, error)
        return
    desk.ledger.hand_over(run, process.pid, _started(process.pid))
    name = f"nbflow run {run}"
    Thread(target=_attend, args=(process, desk.layout, run, log), name=name, daemon=True).start()


def _started(pid: int) -> float:
    """When a child was started: it may have ended, but nobody has reaped it yet."""
    return psutil.Process(pid).create_time()


def _attend(process: "subprocess.Popen[bytes]", layout: Layout, run: RunId, log: Path) -> None:
    """Wait for the process, so that it does not stay behind; tell if it came to nothing."""
    code = process.wait()
    if not layout.ledger.exists():
        return  # the project was removed meanwhile
    said = _last_words(log)
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    message = f"its process {ended} before the run began" + (f": {said}" if said else "")
    with Ledger(layout.ledger) as ledger:
        ledger.refuse_run(run, utc_now(), reason=NOT_STARTED, message=message)


def _last_words(log: Path) -> str:
    try:
        return log.read_bytes()[-_LAST_BYTES:].decode("utf-8", "replace").strip()
    except OSError:
        return ""
