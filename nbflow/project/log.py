"""The log of a run: what cells printed and what their processes wrote, step by step.

Each attempt of a step writes one file as it goes; here they are told in the order of the plan.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from nbflow.core.errors import NotFound
from nbflow.core.run import Event, Run, StepResult
from nbflow.lanes.log import log_name
from nbflow.project.desk import Desk

_POLL_SECONDS = 0.3


def run_log(desk: Desk, run: Run, step: str | None, *, follow: bool) -> Iterator[str]:
    """Lines of a run, or of one of its steps; `follow` goes on until the run has ended.

    Raises:
        NotFound: the run has no such step.
    """
    _check_step(run, step)
    told: dict[Path, int] = {}
    while True:
        now = desk.ledger.run(run.id)
        last = now.status.ended or not follow
        for result in now.steps:
            if step in (None, result.step):
                for file in _files(desk, now, result):
                    yield from _new_lines(result.step, file, told, whole=last)
        if last:
            break
        time.sleep(_POLL_SECONDS)
    if step is not None and not any(path.exists() for path in told):
        message = next(result.message for result in now.steps if result.step == step)
        yield f"{step} | [nbflow: it wrote nothing in this run: {message or 'it did not run'}]"


def run_events(desk: Desk, run: Run) -> Iterator[Event]:
    """Everything that happened in a run, oldest first."""
    after = 0
    while page := desk.ledger.events(after, run=run.id):
        yield from page
        after = page[-1].id


def _check_step(run: Run, step: str | None) -> None:
    names = [result.step for result in run.steps]
    if step is not None and step not in names:
        raise NotFound(f"run {run.id} has no step `{step}`", hint=f"its steps: {', '.join(names)}")


def _files(desk: Desk, run: Run, result: StepResult) -> Iterator[Path]:
    folder = desk.layout.run(run.id) / "logs"
    for attempt in range(1, result.attempts + 1):
        yield folder / log_name(result.step_id, result.step, attempt)


def _new_lines(step: str, path: Path, told: dict[Path, int], *, whole: bool) -> Iterator[str]:
    """What came since the last look; a line that is still being written waits, unless `whole`."""
    try:
        with path.open("rb") as file:
            file.seek(told.setdefault(path, 0))
            for line in file:
                if not whole and not line.endswith(b"\n"):
                    return
                told[path] += len(line)
                yield f"{step} | {line.decode('utf-8', 'replace').rstrip(chr(10))}"
    except OSError:
        return  # a reused step has none
