"""How a command ends: every exception and every status becomes an exit code here, and nowhere else.

0 succeeded · 1 a step or check failed · 2 wrong usage, or a notebook that cannot be used ·
3 environment · 4 nbflow's own fault · 5 waiting for a person · 130, 143 signals.
"""

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final, assert_never

import click

from nbflow.core.diagnostic import Severity
from nbflow.core.errors import (
    KernelError,
    MachineError,
    NbflowError,
    NotebookError,
    StoreError,
    UsageError,
)
from nbflow.core.run import Run, Status
from nbflow.faces import text

SUCCEEDED: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
ENVIRONMENT: Final = 3
OUR_FAULT: Final = 4
WAITING: Final = 5

# The run could not be carried through, whatever its code is like.
_ENVIRONMENT_REASONS: Final = frozenset({"kernel_missing", "disk_full", "storage", "locked"})

_KINDS: Final[tuple[tuple[type[Exception], str, int], ...]] = (
    (click.ClickException, "usage", UNUSABLE),
    (UsageError, "usage", UNUSABLE),
    (NotebookError, "notebook", UNUSABLE),
    (StoreError, "store", ENVIRONMENT),
    (KernelError, "kernel", ENVIRONMENT),
    (MachineError, "environment", ENVIRONMENT),
    (OSError, "environment", ENVIRONMENT),
    (MemoryError, "environment", ENVIRONMENT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An exception as people and scripts are told of it."""

    code: str
    exit_code: int
    message: str
    hint: str | None = None


def exit_code(run: Run) -> int:
    """What `run` and `resume` exit with."""
    match run.status:
        case Status.SUCCEEDED:
            return SUCCEEDED
        case Status.WAITING:
            return WAITING
        case Status.FAILED if run.reason in _ENVIRONMENT_REASONS:
            return ENVIRONMENT
        case (
            Status.FAILED
            | Status.LOST
            | Status.CANCELLED
            | Status.SKIPPED
            | Status.QUEUED
            | Status.RUNNING
        ):
            return FAILED
        case _:
            assert_never(run.status)


def trouble(error: Exception, root: Path | None) -> Trouble:
    """What to say about an exception. Where it is nbflow's own fault, the traceback goes to a file
    below `root` (or the temporary folder) that the message names."""
    for kind, code, number in _KINDS:
        if isinstance(error, kind):
            message, hint = _words(error)
            return Trouble(code=code, exit_code=number, message=message, hint=hint)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "nbflow").startswith("nbflow"):
        package = (error.name or "").partition(".")[0]
        return Trouble(
            code="environment",
            exit_code=ENVIRONMENT,
            message=f"the package {package!r} is missing from {sys.prefix}",
            hint=f"{sys.executable} -m pip install {package}",
        )
    return _own_fault(error, root)


def _words(error: Exception) -> tuple[str, str | None]:
    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "nbflow"
            return error.format_message(), f"{command} --help"
        case click.ClickException():
            return error.format_message(), None
        case NbflowError():
            return error.message, error.hint
        case OSError():
            what = error.strerror or str(error) or type(error).__name__
            return (f"{error.filename}: {what}" if error.filename else what), None
        case MemoryError():
            return "the machine's memory is used up", "close other programs, or use --jobs 1"
        case _:
            return str(error), None


def _own_fault(error: Exception, root: Path | None) -> Trouble:
    said = text.one_line(f"{type(error).__name__}: {error}", 200)
    saved = save_traceback(error, root)
    where = f"the details are in {saved}" if saved else "no folder could take the details"
    return Trouble(
        code="internal",
        exit_code=OUR_FAULT,
        message=f"nbflow itself failed: {said}",
        hint=f"{where}; please send them with your report, the notebook is not to blame",
    )


def save_traceback(error: BaseException, root: Path | None) -> Path | None:
    """Write the traceback aside; returns the file, None if no folder can be written."""
    moment = datetime.now().strftime("%Y%m%dT%H%M%S")
    name = f"crash-{moment}-{os.getpid()}.txt"
    state = root / ".nbflow" if root else None
    folders = [state] if state and state.is_dir() else []
    for folder in (*folders, Path(tempfile.gettempdir())):
        try:
            path = folder / name
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(traceback.format_exception(error))
        except OSError:
            continue  # the next folder may be writable
        return path
    return None


def trouble_text(error: Exception, said: Trouble, notebook: str | None) -> str:
    """The error form for stderr: every error of a notebook, or the one message."""
    found = error.diagnostics if isinstance(error, NotebookError) else ()
    errors = [each for each in found if each.severity is Severity.ERROR]
    if not errors:
        return text.error_text(said.code, said.message, hint=said.hint)
    return "\n\n".join(text.diagnostic_text(each, notebook or "the notebook") for each in errors)


@dataclass(slots=True)
class Signals:
    """Which signal asked the command to stop, if any."""

    received: list[int] = field(default_factory=list)

    @property
    def exit_code(self) -> int | None:
        """128 plus the first signal's number, None where none came."""
        return 128 + self.received[0] if self.received else None

    def told(self, number: object) -> None:
        """Somebody else caught the signal, and says which it was."""
        if isinstance(number, int):
            self.received.append(number)

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Ctrl-C and SIGTERM end a run in the same orderly way."""
        self.received.append(number)
        raise KeyboardInterrupt


@contextmanager
def listening(signals: Signals) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt, and remember which it was.

    Elsewhere than in the main thread Python allows no handlers; there nothing changes.
    """
    former = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            former[number] = signal.signal(number, signals.note)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
