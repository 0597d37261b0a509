"""One run from beginning to end: what was asked, what was carried out, what is left behind.

Wiring only: planner, runner, store, ledger and notebook are introduced to each other here.
Papermill's engine calls `conduct`; everything about a run's status comes from the ledger.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from nbflow.core.errors import UsageError
from nbflow.core.graph import Graph, Learned
from nbflow.core.plan import Plan
from nbflow.core.run import Event, EventKind, Run, Status
from nbflow.execution.executor import LocalExecutor
from nbflow.execution.room import Room
from nbflow.execution.runner import Executed, Runner, SystemClock
from nbflow.execution.surroundings import files_in_text
from nbflow.lanes.client import open_lane
from nbflow.lanes.kernel import kernel_command
from nbflow.lanes.kernels import Kernels
from nbflow.planning.build import decide
from nbflow.planning.changes import ABSENT
from nbflow.planning.select import forced
from nbflow.project.behind import LARGE_BYTES, Behind
from nbflow.project.desk import Desk, process_lives, utc_now
from nbflow.project.line import Ended, cold_keeper
from nbflow.project.opened import Opened
from nbflow.project.order import Order
from nbflow.project.plans import contents_of, make_plan, memory_of
from nbflow.project.snapshot import keep_snapshot
from nbflow.project.specs import SpecMaker

_DECIDE_IMPORTS = frozenset({"@environ", "@sys.path", "@locale"})

RESERVE_BYTES = 64 << 20
"""A run does not start on a disk with less room than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conducted:
    """A run that ended, and how its plan was carried out."""

    run: Run
    executed: Executed


Publish = Callable[[Conducted], str | None]
"""Leaves the result notebook behind, durably; its path comes back."""


def conduct(
    desk: Desk, opened: Opened, values: Mapping[str, Any], order: Order, publish: Publish
) -> Conducted:
    """Plan and run; returns when the run has ended, however it did.

    The result notebook is there before the ledger says that the run has ended.

    Raises:
        NotebookError, UsageError: nothing was started.
        KernelError: no kernel can be had; nothing was started.
        StoreError: results or history cannot be written.
    """
    if order.choices.executor not in (None, "local"):
        raise UsageError(
            f"there is no executor `{order.choices.executor}`", hint="the only one is `local`"
        )
    plan = make_plan(desk, opened, values, order)
    kernel_command(opened.kernel_name)  # a missing kernel is told before anything starts
    desk.blobs.check_room(RESERVE_BYTES)
    jobs = order.jobs or opened.config.jobs or _default_jobs()
    run = _new_run(opened, values, order)
    keep_snapshot(desk.layout, opened, order.run)
    fence = desk.ledger.take_run(run) if order.queued else desk.ledger.create_run(run)
    try:
        with (
            _kernels(desk, opened, order, plan, jobs) as kernels,
            _executor(desk, order, kernels, jobs) as executor,
            closing(_behind(desk, order, kernels)) as behind,
        ):
            _tell(desk, order, run, EventKind.RUN_STARTED)
            runner = _runner(desk, behind, opened, values, order, plan, executor, fence, jobs)
            executed = behind.finished(runner.execute())
            _remember_contents(desk, executed, order.folder or opened.path.parent)
            conducted = Conducted(run=_ended(run, executed), executed=executed)
            finished = replace(conducted.run, result=publish(conducted))
    except BaseException as error:
        _give_up(desk, order, run, fence, error)
        raise
    shutil.rmtree(desk.layout.staging / order.run, ignore_errors=True)
    _finish(desk, order, finished, fence, signal=executed.stopped_by)
    return replace(conducted, run=finished)


def _kernels(desk: Desk, opened: Opened, order: Order, plan: Plan, jobs: int) -> Kernels:
    """The kernels of a run; none is started where nothing has to run."""
    expected = sum(task.action == "run" for task in plan.tasks)
    kernels = Kernels(
        name=opened.kernel_name,
        folder=str(order.folder or opened.path.parent),
        modules=_preloaded(opened, plan.graph),
        ahead=jobs,
        expected=1 if plan.graph.one_lane else expected,
        # A package that is exchanged while the notebook runs must not have been imported before.
        fork=not opened.installs(),
        notice=partial(_alert, desk, order),
    )
    if expected:
        kernels.warm()
    return kernels


def _preloaded(opened: Opened, graph: Graph) -> tuple[str, ...]:
    """What may be imported before the first cell: all, unless cells decide how it is imported."""
    written = {name for step in graph.steps for name in step.declared_writes}
    return () if graph.one_lane or _DECIDE_IMPORTS & written else opened.imports()


def _behind(desk: Desk, order: Order, kernels: Kernels) -> Behind:
    def start(address: str) -> Ended:
        called = kernels.call("nbflow.project.keeper:serve", address)
        if called is None:
            return cold_keeper(address)
        return lambda seconds: called(seconds) is not None

    return Behind(
        blobs=desk.blobs,
        ledger=desk.ledger,
        is_alive=process_lives,
        displays=desk.displays,
        on_event=order.on_event,
        start=start,
        large=0 if kernels.forks else LARGE_BYTES,
    )


def _executor(desk: Desk, order: Order, kernels: Kernels, jobs: int) -> LocalExecutor:
    logs = desk.layout.run(order.run) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return LocalExecutor(open_lane=partial(open_lane, kernels=kernels, logs=logs), capacity=jobs)


def _remember_contents(desk: Desk, executed: Executed, folder: Path) -> None:
    """Sketch what the steps that ran had read, so that the next run can say what changed in it."""
    found: dict[str, str] = {}
    for result in executed.steps:
        if result.action == "run" and result.fingerprint is not None:
            found.update(desk.ledger.parts(result.fingerprint) or {})
            recorded = desk.ledger.recorded(result.fingerprint)
            for touch in recorded.files_read if recorded else ():
                found[f"file:{touch.path}"] = touch.digest or ABSENT
    contents_of(desk, folder).remember(found.items())


def _runner(
    desk: Desk,
    behind: Behind,
    opened: Opened,
    values: Mapping[str, Any],
    order: Order,
    plan: Plan,
    executor: LocalExecutor,
    fence: int,
    jobs: int,
) -> Runner:
    known = memory_of(desk, opened, order, plan.graph).known()
    behind.follow(plan.graph)
    folder = order.folder or opened.path.parent

    def remember(lessons: Iterable[Learned]) -> frozenset[Learned]:
        signed = frozenset(opened.signed(lessons))
        desk.ledger.learn(opened.notebook.path, *signed)
        return signed

    def replan(lessons: frozenset[Learned]) -> Plan:
        behind.settle()  # what this run has made counts for its new plan
        made = make_plan(desk, opened, values, order, remember(lessons))
        behind.follow(made.graph)
        return made

    return Runner(
        plan,
        run=order.run,
        fence=fence,
        executor=executor,
        recorder=behind,
        displays=behind,
        spec_for=SpecMaker(
            layout=desk.layout,
            key=desk.blobs.key(),
            place=behind.place,
            hand_from=behind.hand_from,
            run=order.run,
            fence=fence,
            notebook=opened.notebook.path,
            folder=folder,
            kernel_name=opened.kernel_name,
            jobs=jobs,
            keep_all=order.keep_all,
        ),
        decide=lambda step, inputs, *, force: decide(step, inputs, known, force=force),
        commit=behind.commit,
        replan=replan,
        remember=remember,
        written=lambda step: files_in_text(step.files_written, folder),
        clock=SystemClock(),
        jobs=jobs,
        cancelled=lambda: desk.ledger.cancel_requested(order.run),
        on_event=behind.tell,
        force=forced(plan.graph, order.choices),
        room=Room(known=lambda step: desk.ledger.peak_memory(opened.notebook.path, step.id)),
    )


def _default_jobs() -> int:
    return max(1, os.cpu_count() or 1)


def _new_run(opened: Opened, values: Mapping[str, Any], order: Order) -> Run:
    own = psutil.Process()
    return Run(
        id=order.run,
        status=Status.RUNNING,
        notebook=opened.notebook.path,
        notebook_hash=opened.notebook.content_hash,
        parameters=dict(values),
        trigger=order.trigger,
        actor=order.actor,
        started=utc_now(),
        pid=own.pid,
        pid_started=own.create_time(),
        heartbeat=utc_now(),
    )


def _ended(run: Run, executed: Executed) -> Run:
    finished = utc_now()
    return replace(
        run,
        status=executed.status,
        finished=finished,
        seconds=_seconds(run.started, finished),
        steps=executed.steps,
        learned=tuple(lesson.reason for lesson in executed.learned),
        reason=executed.reason,
        message=executed.message,
    )


def _finish(desk: Desk, order: Order, run: Run, fence: int, *, signal: int | None = None) -> None:
    event = Event(
        at=run.finished or utc_now(),
        run=run.id,
        kind=EventKind.RUN_FINISHED,
        status=run.status,
        reason=run.reason,
        message=run.message,
        data={} if signal is None else {"signal": signal},
    )
    order.on_event(desk.ledger.finish_run(run, fence, event))


def _give_up(desk: Desk, order: Order, run: Run, fence: int, error: BaseException) -> None:
    """Say that the run has failed before the error goes on; if even that fails, it will be lost."""
    failed = replace(
        run, status=Status.FAILED, finished=utc_now(), reason="internal", message=str(error)
    )
    try:
        _finish(desk, order, failed, fence)
    except Exception:  # the first error is the one to tell
        return


def _tell(desk: Desk, order: Order, run: Run, kind: EventKind) -> None:
    event = Event(at=utc_now(), run=run.id, kind=kind, status=run.status)
    order.on_event(desk.ledger.append(event))


def _alert(desk: Desk, order: Order, message: str) -> None:
    event = Event(at=utc_now(), run=order.run, kind=EventKind.ALERT, message=message)
    order.on_event(desk.ledger.append(event))


def _seconds(started: str | None, finished: str) -> float | None:
    if started is None:
        return None
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
