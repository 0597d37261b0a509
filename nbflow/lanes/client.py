"""A lane: runs the cells of a task in its kernel and collects what they show.

The task's inputs are loaded and its outputs captured by two calls of `nbflow.faces.lane` in the
kernel (`lanes/calls.py`); between them the cells run as they would in Jupyter. Whatever happens to
the kernel, an outcome comes back: an error names the cell and line, a death its signal or exit
code.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any, Final, Literal, cast

import psutil

import nbflow
from nbflow.core.step import DEFAULT_TIMEOUT_SECONDS
from nbflow.core.task import Source, StepError, TaskOutcome, TaskSpec
from nbflow.lanes.forking import FACE
from nbflow.lanes.kernel import STARTUP_SECONDS, Kernel, ending
from nbflow.lanes.kernels import Kernels
from nbflow.lanes.log import StepLog, log_name
from nbflow.lanes.outputs import LaneOutputs, clip, displayable

GRACE_SECONDS: Final = 10.0
"""After an interrupt, before the kill."""

PROBLEM_NAME: Final = "problem.json"
"""The file in the staging folder in which the kernel's side explains why it could not go on."""

_TICK_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 3.0
_IDLE_SECONDS: Final = 5.0
_SCARCE_MEMORY: Final = 0.1
_SENTENCE_LENGTH: Final = 1000
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PLACE: Final = re.compile(r"Cell In\[(\d+)\], line (\d+)")

Show = Callable[[str, list[dict[str, Any]]], None]

_Call = Mapping[str, Any] | None
"""What is called around a cell, if anything is."""

_BOOT: Final = """
import importlib.util, os, sys
if "nbflow" not in sys.modules:
    found = importlib.util.spec_from_file_location(
        "nbflow", os.path.join(root, "__init__.py"), submodule_search_locations=[root]
    )
    sys.modules["nbflow"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(sys.modules["nbflow"])
from nbflow.lanes.settle import settle
settle()
import nbflow.faces.lane
"""
"""Runs once in a new kernel: die with the runner, and speak with the nbflow that started it."""

_AS_CELL: Final = {
    "silent": False,
    "store_history": True,
    "user_expressions": {},
    "allow_stdin": False,
    "stop_on_error": False,
}
"""The content of a request as Jupyter sends it, but that there is nobody to ask."""

_AS_OURS: Final = {**_AS_CELL, "silent": True, "store_history": False}

_OPEN: Final = f"{FACE}:open_step"
_CLOSE: Final = f"{FACE}:close_step"
# As `calls.CALL`, `calls.REPLY` and `calls.AROUND`: that module is for kernels alone.
_CALL: Final = "nbflow_call"
_REPLY: Final = "nbflow_reply"
_AROUND: Final = "nbflow"
_CELL_REPLY: Final = "execute_reply"
_REACHED: Final = "reached"
"""The file in the staging folder that tells which cell runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Why a task cannot go on."""

    status: Literal["failed", "cancelled"] = "failed"
    reason: str
    message: str
    error: StepError | None = None
    exit_code: int | None = None


class _EndError(Exception):
    """Carries the end up to the task."""

    def __init__(self, end: _End) -> None:
        super().__init__(end.message)
        self.end = end


def open_lane(
    spec: TaskSpec,
    *,
    kernels: Kernels,
    logs: Path,
    grace: float = GRACE_SECONDS,
    fresh: bool = False,
) -> "KernelLane":
    """A lane with a kernel of its own, for a first task; `logs` is where the run's step logs are.

    Unless it has to be `fresh`, the kernel may have served steps above that left it clean.

    Raises:
        KernelError: no kernel could be had.
    """
    log = _log_of(spec, logs)
    try:
        kernel = kernels.take(sink=log.write, at=None if fresh else _place(spec))
    finally:
        log.close()
    return KernelLane(kernel, kernels=kernels, logs=logs, grace=grace)


def _place(spec: TaskSpec) -> int | None:
    """Where a step stands that any clean kernel can serve."""
    return spec.cells[0].cell_index if spec.cells and spec.lane is None else None


def _log_of(spec: TaskSpec, logs: Path) -> StepLog:
    return StepLog(logs / log_name(spec.step, spec.step_name, spec.attempt))


class KernelLane:
    """One kernel and the tasks that run in it, one after the other."""

    def __init__(self, kernel: Kernel, *, kernels: Kernels, logs: Path, grace: float) -> None:
        self._kernel, self._kernels, self._logs, self._grace = kernel, kernels, logs, grace
        self._outputs = LaneOutputs()
        self._cell_of: dict[str, str] = {}
        self._last = 0

    def run(self, spec: TaskSpec, *, show: Show, cancelled: Callable[[], bool]) -> TaskOutcome:
        """Run one task to its end; the report is left to the caller."""
        self._last = max([self._last, *(cell.cell_index for cell in spec.cells)])
        log = _log_of(spec, self._logs)
        self._kernel.sink = log.write
        task = _Running(self, spec, log, show, cancelled)
        try:
            return task.outcome()
        finally:
            self._kernel.sink = _drop
            log.close()

    @property
    def is_used(self) -> bool:
        """Whether the kernel has served another lane before."""
        return self._kernel.is_used

    def close(self) -> None:
        """End the kernel and all that it started."""
        if self._kernel.is_settled:
            self._kernel.close()
        else:
            self._kernel.discard()

    def pass_on(self) -> None:
        """Give the kernel back, for a step below those that it served."""
        self._kernels.give_back(self._kernel, after=self._last)


def _drop(_: bytes) -> None:
    """Between tasks nobody reads what the process writes."""


class _Running:
    """One task on its way through the lane."""

    def __init__(
        self,
        lane: KernelLane,
        spec: TaskSpec,
        log: StepLog,
        show: Show,
        cancelled: Callable[[], bool],
    ) -> None:
        self.lane, self.kernel, self.spec = lane, lane._kernel, spec
        self.log, self.show, self.cancelled = log, show, cancelled
        self.began = monotonic()
        self.timeout = spec.timeout or DEFAULT_TIMEOUT_SECONDS
        self.deadline = self.began + STARTUP_SECONDS
        self.cell: Source | None = None
        self.shown: dict[str, list[dict[str, Any]]] = {}
        self.times: dict[str, tuple[str, str]] = {}
        self.expected_error: StepError | None = None
        self.peak_memory = 0
        self.looked = 0.0
        self.changed: set[str] = set()
        self.stopping: _Stopping | None = None
        self.request = ""
        self.replies: dict[str, Mapping[str, Any]] = {}
        self.is_idle = False
        self.asked: Source | None = None
        self.started = ""

    # -- the story -------------------------------------------------------------------------------

    def outcome(self) -> TaskOutcome:
        try:
            self._run()
        except _EndError as error:
            return self._outcome(error.end)
        return self._outcome(None)

    def _run(self) -> None:
        if not self.kernel.is_settled:
            self._boot()
            self._must(_CELL_REPLY, "load_failed")
            self.kernel.is_settled = True
        # What the kernel itself needs to get ready is not the step's time.
        self.deadline = monotonic() + self.timeout
        opening, closing = _call(_OPEN, json.dumps(asdict(self.spec), default=str)), _call(_CLOSE)
        coded = [number for number, cell in enumerate(self.spec.cells) if _has_code(cell)]
        if not coded:
            self._send(_CALL, opening)
            self._must(_REPLY, "load_failed")
        for number, cell in enumerate(self.spec.cells):
            before = opening if number in coded[:1] else None
            after = closing if number in coded[-1:] else None
            self._run_cell(cell, number, before, after)
        self.cell = None
        if not coded:
            self._send(_CALL, closing)
        self._must(_REPLY, "capture_failed")
        for changed in sorted(self.changed):
            self._shows(changed)

    def _run_cell(self, cell: Source, number: int, before: _Call, after: _Call) -> None:
        self.lane._outputs.begin(cell.cell)
        self.asked, self.cell, self.started = cell, None if before else cell, _now()
        reply: Mapping[str, Any] = {}
        try:
            if _has_code(cell):
                self._execute(cell, number, before, after)
                reply = self._cell_reply(waits=after is None)
        finally:
            if self.cell is not None:
                self._cell_ended(cell)
        if _asks_to_exit(reply):
            error = self._error_here(_EXITED)
            raise _EndError(_End(reason="exited_early", message=_EXITED, error=error))
        if reply.get("status") == "error":
            error = _step_error(reply, cell)
            if not cell.raises_exception:
                raise _EndError(_failure(error))
            self.expected_error = error

    def _cell_reply(self, *, waits: bool) -> Mapping[str, Any]:
        """What a cell came to. It `waits` for all that the cell shows unless a call follows it."""
        self._wait(_CELL_REPLY, _REPLY, idle=False)
        if _CELL_REPLY not in self.replies:
            self._must(_REPLY, "load_failed")
        self.cell, reply = self.asked, self.replies[_CELL_REPLY]
        if waits or reply.get("status") == "error" or _asks_to_exit(reply):
            self._wait(_CELL_REPLY, idle=True)
        return reply

    def _cell_ended(self, cell: Source) -> None:
        # A cell that was cancelled has not come to its end, whatever it still said.
        was_cancelled = self.stopping is not None and self.stopping.reason == "cancelled"
        self.times[cell.cell] = (self.started, "" if was_cancelled else _now())
        # Cells that ended earlier may have been changed, too: each is told once.
        for changed in sorted({cell.cell, *self.changed}):
            self._shows(changed)
        self.changed.clear()

    def _shows(self, cell: str) -> None:
        self.shown[cell] = self.lane._outputs.of(cell)
        self.show(cell, self.shown[cell])

    def _must(self, kind: str, reason: str) -> None:
        """Wait for the end of something of our own; without it the task cannot go on."""
        self._wait(kind, idle=True)
        reply = self.replies[kind]
        if reply.get("status") == "ok":
            return
        if reply.get("status") == "aborted":
            error = self._error_here(_INTERRUPTED, "KeyboardInterrupt")
            raise _EndError(_End(reason="error", message=_INTERRUPTED, error=error))
        end = _read_problem(Path(self.spec.staging) / PROBLEM_NAME)
        if end is not None:
            raise _EndError(end)
        message = f"{reply.get('ename')}: {clip(displayable(str(reply.get('evalue'))))}"
        self.log.text("\n".join(map(str, reply.get("traceback", ()))) + "\n")
        error = _step_error(reply, None)
        raise _EndError(_End(reason=reason, message=message, error=error))

    def _outcome(self, end: _End | None) -> TaskOutcome:
        begun = self._reached() if end is not None else None
        if begun is not None and begun.cell not in self.times:
            self.times[begun.cell] = (_now(), "")
            self._shows(begun.cell)
        return TaskOutcome(
            run=self.spec.run,
            step=self.spec.step,
            attempt=self.spec.attempt,
            fence=self.spec.fence,
            status=end.status if end else "succeeded",
            reason=end.reason if end else None,
            message=end.message if end else "",
            error=end.error if end else self.expected_error,
            cell_outputs=self.shown,
            cell_times=self.times,
            exit_code=end.exit_code if end else None,
            peak_memory=self.peak_memory or None,
            log=str(self.log.path),
            seconds=monotonic() - self.began,
        )

    def _reached(self) -> Source | None:
        """The cell that began last, whatever we have heard of it; None before and after them."""
        with suppress(OSError, ValueError):
            number = int((Path(self.spec.staging) / _REACHED).read_text(encoding="utf-8"))
            if 0 <= number < len(self.spec.cells):
                return self.spec.cells[number]
        return None

    # -- one request -----------------------------------------------------------------------------

    def _boot(self) -> None:
        root = str(Path(nbflow.__file__).parent)
        code = f"exec({_BOOT!r}, {{'root': {root!r}}})"
        self._send("execute_request", {**_AS_OURS, "code": code})

    def _execute(self, cell: Source, number: int, before: _Call, after: _Call) -> None:
        """Have a cell executed, which receives what it shows, and what is called around it."""
        around = {
            "before": before,
            "after": after,
            "may_fail": cell.raises_exception,
            "reached": str(Path(self.spec.staging) / _REACHED),
            "number": number,
        }
        content = {**_AS_CELL, "code": cell.source}
        self._send("execute_request", content, {_AROUND: around})
        self.lane._cell_of[self.request] = cell.cell

    def _send(
        self, kind: str, content: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        client = self.kernel.client
        message = client.session.msg(kind, content, metadata=metadata)
        self.request, self.replies, self.is_idle = str(message["header"]["msg_id"]), {}, False
        client.shell_channel.send(message)

    def _wait(self, *kinds: str, idle: bool) -> None:
        """Wait for a reply to the request, of some kind; until `idle`, for all that it shows."""
        heard = monotonic()
        while not self._has(kinds) or (idle and not self.is_idle):
            self.kernel.listen(_TICK_SECONDS)
            message = _next(self.kernel.client.iopub_channel)
            if message is not None:
                heard = monotonic()
                self._hear(message)
            self._take_reply()
            self._watch()
            if self._has(kinds) and monotonic() - heard > _IDLE_SECONDS:
                self.log.text("[nbflow: some output of this cell was lost on its way]\n")
                break
        if self.stopping is not None:
            raise _EndError(self._stopped())

    def _has(self, kinds: Iterable[str]) -> bool:
        return any(kind in self.replies for kind in kinds)

    def _take_reply(self) -> None:
        message = _next(self.kernel.client.shell_channel)
        if message is not None and message["parent_header"].get("msg_id") == self.request:
            self.replies[str(message["msg_type"])] = message["content"]

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Take in what the kernel published."""
        parent = message["parent_header"].get("msg_id")
        kind, content = str(message["msg_type"]), message["content"]
        if kind == "status":
            self.is_idle |= parent == self.request and content["execution_state"] == "idle"
            return
        if kind == "execute_input" and parent == self.request:
            self.cell, self.started = self.asked, _now()
        elif kind == "stream":
            self.log.text(str(content["text"]))
        elif kind == "error":
            self.log.text(_plain("\n".join(map(str, content["traceback"]))) + "\n")
        # A thread of an earlier cell may still write; that belongs to the earlier cell.
        cell = self.lane._cell_of.get(parent or "")
        if cell is not None:
            self.changed |= {cell, *self.lane._outputs.take(cell, kind, content)}

    # -- watching --------------------------------------------------------------------------------

    def _watch(self) -> None:
        now = monotonic()
        if self.kernel.exit_code is not None:
            raise _EndError(self._died(self.kernel.exit_code))
        if now - self.looked > _LOOK_SECONDS:
            self.looked = now
            self.peak_memory = max(self.peak_memory, self.kernel.memory())
        if self.stopping is None:
            self._look_for_stop(now)
        elif now > self.stopping.deadline:
            self.kernel.kill()
            raise _EndError(self._stopped())
        elif now > self.stopping.again:
            self.stopping.again = now + _AGAIN_SECONDS
            self.kernel.interrupt()

    def _look_for_stop(self, now: float) -> None:
        if self.cancelled():
            reason, message = "cancelled", "cancelled while it ran"
        elif now > self.deadline:
            reason, message = "timed_out", f"it ran for more than {self.timeout:g} seconds"
        else:
            return
        self.stopping = _Stopping(
            reason=reason,
            message=message,
            deadline=now + self.lane._grace,
            again=now + _AGAIN_SECONDS,
        )
        self.kernel.interrupt()

    def _stopped(self) -> _End:
        assert self.stopping is not None
        is_cancel = self.stopping.reason == "cancelled"
        self._drain()
        return _End(
            status="cancelled" if is_cancel else "failed",
            reason=self.stopping.reason,
            message=self.stopping.message,
            error=None if is_cancel else self._error_here(self.stopping.message, "TimeoutError"),
        )

    def _died(self, code: int) -> _End:
        self._drain()
        self.kernel.drained()
        if self.stopping is not None:
            return self._stopped()
        self.cell = self._reached()
        how = ending(code)
        memory = f"{self.peak_memory / 1e6:.0f} MB"
        if code == -9 and (self.kernel.was_out_of_memory() or self._is_memory_scarce()):
            message = f"the kernel ran out of memory ({how}); it held {memory} when last seen"
            return self._dead("out_of_memory", message, code)
        hint = " " + _EXIT_HINT if code >= 0 else ""
        message = f"the kernel died ({how}); it held {memory} when last seen.{hint}"
        return self._dead("kernel_died", message, code)

    def _dead(self, reason: str, message: str, code: int) -> _End:
        error = self._error_here(message, "KernelDied", self.log.tail())
        return _End(reason=reason, message=message, error=error, exit_code=code)

    def _is_memory_scarce(self) -> bool:
        memory = psutil.virtual_memory()
        return bool(
            memory.available < _SCARCE_MEMORY * memory.total or self.peak_memory > memory.total // 2
        )

    def _drain(self) -> None:
        """Take in what was published before the end."""
        while (message := _next(self.kernel.client.iopub_channel)) is not None:
            self._hear(message)

    def _error_here(self, message: str, kind: str = "SystemExit", traceback: str = "") -> StepError:
        return StepError(
            type=kind,
            message=message,
            cell=self.cell.cell if self.cell else None,
            cell_index=self.cell.cell_index if self.cell else None,
            traceback=tuple(traceback.splitlines()),
        )


@dataclass(slots=True, kw_only=True)
class _Stopping:
    """The kernel was interrupted and has until `deadline` to end the cell."""

    reason: str
    message: str
    deadline: float
    again: float


_INTERRUPTED: Final = "the kernel was interrupted"
_EXITED: Final = "the notebook was left with exit() before its end"
_EXIT_HINT: Final = "A step must not end its process: raise an error instead."
_INPUT: Final = "interactive input is not available in a run; make the value a parameter"


def _failure(error: StepError) -> _End:
    match error.type:
        case "StdinNotImplementedError":
            return _End(reason="input_requested", message=_INPUT, error=error)
        case "SystemExit":
            message = f"it called sys.exit({error.message}) before its end"
            return _End(reason="exited_early", message=message, error=error)
        case "MemoryError":
            return _End(reason="out_of_memory", message="it ran out of memory", error=error)
        case _:
            message = f"{error.type}: {error.message}" if error.message else error.type
            message = clip(message, _SENTENCE_LENGTH)
            return _End(reason="error", message=message, error=error)


def _step_error(reply: Mapping[str, Any], cell: Source | None) -> StepError:
    traceback = _plain("\n".join(map(str, reply.get("traceback", ()))))
    return StepError(
        type=clip(displayable(str(reply.get("ename", "Error")))),
        message=clip(displayable(str(reply.get("evalue", "")))),
        cell=cell.cell if cell else None,
        cell_index=cell.cell_index if cell else None,
        line=_line(traceback, int(reply.get("execution_count") or 0)) if cell else None,
        traceback=tuple(clip(traceback, 20_000).splitlines()),
    )


def _line(traceback: str, execution_count: int) -> int | None:
    """The deepest line of the cell itself in a traceback.

    >>> _line("Cell In[3], line 2\\n ...\\nCell In[1], line 9, in f(x)", 3)
    2
    """
    found = [
        int(line) for count, line in _PLACE.findall(traceback) if int(count) == execution_count
    ]
    return found[-1] if found else None


def _plain(text: str) -> str:
    return _ANSI.sub("", displayable(text))


def _call(function: str, *arguments: str) -> dict[str, Any]:
    """A function of ours to be called; no name of it stays in the user's namespace."""
    return {"function": function, "arguments": arguments}


def _asks_to_exit(reply: Mapping[str, Any]) -> bool:
    return any(one.get("source") == "ask_exit" for one in reply.get("payload", ()))


def _has_code(cell: Source) -> bool:
    return bool(cell.source.strip())


def _read_problem(path: Path) -> _End | None:
    """What the kernel's side wrote about its failure, if it could."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        error = found["error"]
        error["traceback"] = tuple(error.get("traceback", ()))
        return _End(reason=found["reason"], message=found["message"], error=StepError(**error))
    return None


def _next(channel: Any) -> Mapping[str, Any] | None:
    """A message that is there."""
    try:
        return cast(Mapping[str, Any], channel.get_msg(timeout=0))
    except Empty:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
