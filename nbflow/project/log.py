"""The log of a run: what cells printed and what their processes wrote, step by step."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbflow.core.errors import UsageError
from nbflow.core.run import EventKind, Run, RunId
from nbflow.project.conduct import Desk

_POLL_SECONDS = 0.3


def run_log(desk: Desk, run: Run, step: str | None, *, follow: bool) -> Iterator[str]:
    """Lines of a run, or of one of its steps; `follow` goes on until the run has ended.

    Raises:
        UsageError: the run has no such step.
    """
    names = {result.step for result in run.steps}
    if step is not None and step not in names:
        raise UsageError(
            f"run {run.id} has no step `{step}`", hint=f"its steps: {', '.join(sorted(names))}"
        )
    shown: dict[tuple[str, str], int] = {}
    after = 0
    while True:
        ended = desk.ledger.run(run.id).status.ended
        for event in desk.ledger.events(after, run=RunId(run.id)):
            after = event.id
            if event.kind is EventKind.STEP_OUTPUT and step in (None, event.step):
                yield from _new_lines(event.step or "", event.data, shown)
        if ended or not follow:
            break
        time.sleep(_POLL_SECONDS)
    for result in desk.ledger.run(run.id).steps:
        if step in (None, result.step) and result.log:
            yield from _process_lines(result.step, Path(result.log))


def _new_lines(
    step: str, data: Mapping[str, Any], shown: dict[tuple[str, str], int]
) -> Iterator[str]:
    """An event holds all that a cell has shown so far; only what is new is told."""
    text = "".join(_text_of(output) for output in data.get("outputs", ()))
    key = (step, str(data.get("cell")))
    fresh = text[shown.get(key, 0) :]
    shown[key] = len(text)
    for line in fresh.splitlines():
        yield f"{step} | {line}"


def _text_of(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "stream":
        return str(output.get("text", ""))
    if output.get("output_type") == "error":
        return f"{output.get('ename')}: {output.get('evalue')}\n"
    return ""


def _process_lines(step: str, path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        yield f"{step} | {line}"
