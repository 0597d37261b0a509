"""The face that a kernel sees: what the runner asks of it before and after the cells of a step.

`open_step` replays definitions and loads inputs, `close_step` captures what the step left. Both
run as silent requests, so nothing of them shows in the notebook. A kernel that several steps share
keeps one `_KernelSide` with its SQL session for all of them.
"""

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn

import msgspec
from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import ExecutionResult

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.names import PLACES
from nbflow.core.task import ReplaySource, StepError, TaskReport, TaskSpec
from nbflow.faces import magics
from nbflow.inside.ambient import (
    Start,
    Watch,
    changed_channels,
    start_here,
    watch_channels,
    write_channel,
)
from nbflow.inside.capture import capture, forget_peak_memory
from nbflow.inside.inputs import Loaded, load, restore_channels
from nbflow.inside.sql import SqlSession
from nbflow.inside.submodules import bring_in
from nbflow.inside.surroundings import changed_loggers, hooks, logger_states
from nbflow.inside.watch import watcher

_REPORT: Final = "report.json"
_PROBLEM: Final = "problem.json"
_side: "_KernelSide | None" = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What cells share without naming it, as it was at some moment."""

    start: Start
    channels: Watch
    loggers: Mapping[str, Any]
    hooks: Mapping[str, Any]


def open_step(spec_json: str) -> None:
    """Make the kernel ready for a step's cells."""
    global _side  # one kernel process, one side
    spec = msgspec.convert(json.loads(spec_json), TaskSpec)
    if _side is None:
        _side = _KernelSide(get_ipython(), spec)
    _side.open(spec)


def close_step() -> None:
    """Take over what the step left, into its staging folder."""
    assert _side is not None
    _side.close()


def footprint() -> Footprint:
    """What cells share in this process, before a module is imported into it."""
    start = start_here(os.getcwd())
    return Footprint(start, watch_channels(start), logger_states(), hooks())


def changes_since(before: Footprint) -> tuple[str, ...]:
    """What an import did to it, beyond what mere imports do."""
    channels = changed_channels(before.channels, before.start)
    now = hooks()
    hooked = (what for what, was in before.hooks.items() if now[what] != was)
    return (*hooked, *sorted(channels), *sorted(changed_loggers(before.loggers)))


class _KernelSide:
    """What nbflow keeps in one kernel process."""

    def __init__(self, shell: Any, spec: TaskSpec) -> None:
        self._shell = shell
        self._session = SqlSession(
            shell.user_ns,
            parse=parse_sql,
            threads=spec.threads,
            memory_limit=spec.memory_limit,
            temp_directory=str(Path(spec.staging) / "spill"),
        )
        self._start: Start = start_here(spec.working_directory)
        self._replayed: set[tuple[str, int, str]] = set()
        self._spec = spec
        self._loaded: Loaded | None = None
        self._is_used = False
        self._changed_libraries: set[str] = set()
        self._beginning = {**shell.user_ns}
        magics.register(shell, self._session)
        shell.events.register("post_run_cell", self._after_cell)
        sys.breakpointhook = _no_debugger
        session = shell.kernel.session
        session.pack = _packing_anything(session.pack)

    def open(self, spec: TaskSpec) -> None:
        """Replay, load, restore."""
        self._spec = spec
        self._changed_libraries.clear()
        if spec.lane is None:
            self._begin_anew()
        os.environ.update(spec.env)
        self._start = replace(self._start, environ={**self._start.environ, **spec.env})
        waiting: set[str] = set(PLACES)
        for replay in spec.replays:
            waiting -= self._restore(waiting.intersection(replay.below))
            self._replay(replay)
        self._restore(waiting)
        texts = [*(one.source for one in spec.replays), *(one.source for one in spec.cells)]
        bring_in(texts, self._shell.user_ns)
        self._session.settle()
        # Random generators are restored here, after the replays that might draw.
        self._loaded = load(self._shell.user_ns, self._session, spec, start=self._start)
        watcher().start(Path(spec.working_directory), own=[Path(spec.key_file).parent])

    def _restore(self, channels: set[str]) -> set[str]:
        restore_channels(self._shell.user_ns, self._spec, channels, start=self._start)
        return channels

    def _begin_anew(self) -> None:
        """A step of its own finds no name of the one that this kernel served before."""
        if self._is_used:
            names = self._shell.user_ns
            for name in names.keys() - self._beginning.keys():
                del names[name]
            names.update(self._beginning)
            names["Out"].clear()
            self._replayed.clear()
            write_channel("@environ", {"set": {}, "unset": []}, self._start)
            gc.collect()
            forget_peak_memory()
        self._is_used = True

    def _replay(self, replay: ReplaySource) -> None:
        """Run a definition, once in this kernel: classes must stay the same objects."""
        key = (replay.cell, replay.line, replay.source)
        if key in self._replayed:
            return
        # Warnings and tracebacks tell lines as they stand in the cell. A magic must come first.
        above = 0 if replay.source.startswith("%%") else replay.line - 1
        source = "#\n" * above + replay.source
        result = self._shell.run_cell(source, store_history=False, silent=True)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            _report_failed_replay(self._spec, replay, error, self._shell.user_ns)
            raise error
        self._replayed.add(key)

    def _after_cell(self, result: ExecutionResult) -> None:
        """A library's function that gave nothing to show was called for what it does."""
        if not result.success or result.result is not None or result.info is None:
            return
        for cell in self._spec.cells:
            if cell.shown_call and cell.source == result.info.raw_cell:
                self._changed_libraries.add(cell.shown_call.partition(".")[0])

    def close(self) -> None:
        """Capture, and write the report."""
        assert self._loaded is not None
        seen = watcher().stop()
        report = capture(self._shell.user_ns, self._session, self._spec, self._loaded)
        self._loaded = None
        report = self._with_libraries(seen.add_to(report))
        _write(Path(self._spec.staging) / _REPORT, msgspec.to_builtins(report))

    def _with_libraries(self, report: TaskReport) -> TaskReport:
        changed = (f"@module:{name}" for name in sorted(self._changed_libraries))
        return replace(
            report,
            found_mutations=(*report.found_mutations, *changed),
            clean=report.clean and not self._changed_libraries,
        )


def _report_failed_replay(
    spec: TaskSpec, replay: ReplaySource, error: BaseException, namespace: dict[str, Any]
) -> None:
    line = _line_in(error, namespace)
    kind, message = type(error).__name__, str(error)
    found = StepError(
        type=kind,
        message=message,
        cell=replay.cell,
        cell_index=replay.cell_index,
        line=line,
        traceback=tuple("".join(traceback.format_exception(error)).splitlines()[-100:]),
    )
    where = f"cell {replay.cell_index + 1}, which this step needs"
    text = f"{kind}: {message} (in {where})"
    _write(
        Path(spec.staging) / _PROBLEM, {"reason": "error", "message": text, "error": asdict(found)}
    )


def _line_in(error: BaseException, namespace: dict[str, Any]) -> int | None:
    """The line of the replayed text at which an error left it."""
    if isinstance(error, SyntaxError):
        return error.lineno
    step: TracebackType | None = error.__traceback__
    while step is not None:
        if step.tb_frame.f_globals is namespace:
            return step.tb_lineno
        step = step.tb_next
    return None


def _write(path: Path, value: Any) -> None:
    """All of the file, or nothing of it. Lone surrogates are escaped by JSON."""
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(value), encoding="utf-8")
    aside.replace(path)


def _no_debugger(*_: Any, **__: Any) -> NoReturn:
    raise StdinNotImplementedError("breakpoint() was called, but nobody can answer in a run")


def _packing_anything(pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """The kernel's message packer, for text with lone surrogates too.

    ipykernel would drop the whole output and print a traceback of its own instead.
    """

    def packed(message: Any) -> bytes:
        try:
            message_bytes = pack(message)
            message_bytes.decode("utf-8")
            return message_bytes
        except UnicodeError:
            return pack(_without_surrogates(message))

    return packed


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
        case list() | tuple():
            return [_without_surrogates(one) for one in value]
        case _:
            return value
