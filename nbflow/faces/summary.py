"""The last lines of a run: what came out, where it is, and the command to go on."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nbflow.core.graph import Graph
from nbflow.core.run import Run, Status, StepResult
from nbflow.core.task import Blob, StepError
from nbflow.faces import text

# What the author can do about a reason that the code itself does not show.
_HINTS: Final = {
    "input_requested": "nobody can answer in a run: make it a parameter and give it with -p",
    "timed_out": "give the step more time with a tag such as timeout:2h",
    "out_of_memory": "read less at once, or let DuckDB do it in an %%sql cell",
    "kernel_died": "the step's log has the process's last words",
    "unstorable": "keep the value and its readers in one step: tag their cells step:NAME",
}
_MOST_ERRORS: Final = 5
_LISTS: Final = frozenset({"tables", "files"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """What to type next: `again` repeats the run as it was typed (empty where it was not typed),
    `prefix` (a `cd`) makes the others find the project."""

    again: str = ""
    prefix: str = ""

    def of(self, *words: str) -> str:
        """A command of nbflow that works from where the reader is."""
        return f"{self.prefix}{shlex.join(('nbflow', *words))}"


def headline(run: Run) -> str:
    """How it ended, in one line."""
    took = f" in {text.duration(run.seconds)}" if run.seconds is not None else ""
    steps = text.counted(len(run.steps), "step")
    at_once = most_at_once(run.steps)
    beside = f", up to {at_once} at once" if at_once > 1 else ""
    return f"{run.status.value}{took} · {steps}: {_tally(run.steps)}{beside}"


def _tally(steps: Iterable[StepResult]) -> str:
    counts = Counter(_word(step) for step in steps)
    order = ("ran", "reused", "failed", "skipped", "cancelled", "lost", "queued", "running")
    words = sorted(counts, key=lambda word: order.index(word) if word in order else len(order))
    return ", ".join(f"{counts[word]} {word}" for word in words) or "nothing to do"


def _word(step: StepResult) -> str:
    if step.status is not Status.SUCCEEDED:
        return step.status.value
    return "reused" if step.action == "reuse" else "ran"


def most_at_once(steps: Iterable[StepResult]) -> int:
    """The most steps that ran at the same moment."""
    moments: list[tuple[str, int]] = []
    for step in steps:
        if step.started and step.finished and step.action == "run":
            moments += [(step.started, 1), (step.finished, -1)]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def errors(run: Run, graph: Graph | None) -> list[str]:
    """Each failed step: the error and the author's line. `graph` is the notebook as it ran, None
    where that is not known."""
    failed = [step for step in run.steps if step.status in (Status.FAILED, Status.LOST)]
    blocks = [_failure(step, run, graph) for step in failed[:_MOST_ERRORS]]
    if len(failed) > _MOST_ERRORS:
        blocks.append(f"and {text.counted(len(failed) - _MOST_ERRORS, 'more failed step')}")
    if not failed and run.status is Status.FAILED and run.message:
        blocks.append(text.error_text((run.reason or "run-failed").replace("_", "-"), run.message))
    return blocks


def _failure(step: StepResult, run: Run, graph: Graph | None) -> str:
    error = step.error
    said = text.step_error_text(error) if error else text.one_line(step.message, 500)
    block = text.error_text(_code(step), f"{step.step}: {said or step.status.value}")
    lines = [block]
    if error and error.cell_index is not None:
        lines.append(f"  {run.notebook} {text.where_text(error)}")
        lines += (f"    {line}" for line in _source_lines(error, graph))
    if error and step.message and step.message not in said and said not in step.message:
        lines.append(f"  {text.one_line(step.message, 300)}")
    hint = _HINTS.get(step.reason or "")
    return "\n".join([*lines, f"hint: {hint}"] if hint else lines)


def _code(step: StepResult) -> str:
    """The cell's own error is the ordinary case; other reasons have names that tell more."""
    return "step-failed" if step.reason in (None, "error") else step.reason.replace("_", "-")


def _source_lines(error: StepError, graph: Graph | None) -> tuple[str, ...]:
    for step in graph.steps if graph else ():
        for cell, source in zip(step.cells, step.sources, strict=True):
            if cell == error.cell and error.line and error.line <= len(source.splitlines()):
                return text.excerpt(source, error.line)
    return ()


def facts(run: Run, graph: Graph | None, commands: Commands, here: Path) -> list[tuple[str, str]]:
    """Label and text of the last lines, those that apply.

    `go on` takes the notebook as it was, `mended` as it is now.
    """
    found = [("result", nearby(run.result, here) if run.result else "")]
    found += [("tables", _tables(run, graph)), ("files", _files(run, graph))]
    found += _next(run, graph, commands)
    return [(label, said) for label, said in found if said]


def _next(run: Run, graph: Graph | None, commands: Commands) -> list[tuple[str, str]]:
    this = text.short_id(run.id)
    if run.status is Status.SUCCEEDED:
        table = next(iter(_final_tables(run, graph)), None)
        look = commands.of("get", this, table.names[0]) if table else ""
        return [("look", look), ("again", commands.again)]
    failed = [step.step for step in run.steps if step.status is Status.FAILED]
    log = commands.of("logs", this, failed[0]) if failed else ""
    mended = commands.of("resume", this, "--latest-code") if failed else ""
    return [("log", log), ("go on", commands.of("resume", this)), ("mended", mended)]


def _final_tables(run: Run, graph: Graph | None) -> list[Blob]:
    """Tables of the steps that nothing waits for, else every table; the last comes first."""
    made = [(step, blob) for step in run.steps for blob in step.outputs if blob.kind == "table"]
    read = {edge.writer for edge in graph.edges} if graph else set()
    last = [blob for step, blob in made if step.step_id not in read]
    return (last or [blob for _, blob in made])[::-1]


def _tables(run: Run, graph: Graph | None) -> str:
    latest: dict[str, Blob] = {}
    for blob in _final_tables(run, graph):
        latest.update((name, blob) for name in blob.names if name not in latest)
    return text.listed([_table(name, blob) for name, blob in latest.items()], 4)


def _table(name: str, blob: Blob) -> str:
    if blob.rows is None:
        return text.visible(name)
    columns = "" if blob.columns is None else f" × {blob.columns:,}"
    return f"{text.visible(name)} ({text.counted(blob.rows, 'row')}{columns})"


def _files(run: Run, graph: Graph | None) -> str:
    done = {step.step_id for step in run.steps if step.status is Status.SUCCEEDED}
    written = (step.files_written for step in (graph.steps if graph else ()) if step.id in done)
    return text.listed(dict.fromkeys(text.visible(path) for paths in written for path in paths), 4)


def nearby(path: str, here: Path) -> str:
    """A path as one would type it from `here`."""
    try:
        return str(Path(path).relative_to(here))
    except ValueError:
        return path


def labelled(pairs: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Label and text in two columns; lists are wrapped, commands stay whole to be copied.

    >>> labelled([("result", "out.ipynb"), ("tables", "daily, weekly")], 18)
    ['  result  out.ipynb', '  tables  daily,', '          weekly']
    """
    column = max((len(label) for label, _ in pairs), default=0)
    lines: list[str] = []
    for label, said in pairs:
        head = f"  {label:<{column}}  "
        room = width - len(head)
        parts = textwrap.wrap(said, max(room, 1)) if label in _LISTS and room > 0 else [said]
        lines += [head + parts[0], *(" " * len(head) + part for part in parts[1:])]
    return lines
