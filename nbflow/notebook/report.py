"""Executed node + run → the result notebook that people open: summary first, failures signposted.

The summary is markdown for readers who may know no Python. Whatever stands in it came from
somewhere else (step names, error messages, parameters), so all of it is escaped: it can neither
format the page, nor add HTML, nor turn around the direction of the text.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from nbflow.core.run import Run, Status, StepResult
from nbflow.notebook.assemble import Times, failing_cell
from nbflow.notebook.read import MADE_KEY
from nbflow.notebook.save import save_atomically, write_atomic

__all__ = [
    "escaped",
    "save_atomically",
    "with_report",
    "write_atomic",
]

_NBFORMAT: Final[Any] = nbformat
"""Its functions carry no types; seen as Any, they can be called under mypy --strict."""

SUMMARY_ID: Final = "nbflow-summary"
FAILED_ID: Final = "nbflow-failed"

_LONGEST_TEXT: Final = 300
_MOST_ROWS: Final = 200
"""A table of thousands of rows hides the failures; what is left out is counted below it."""

_HARMLESS: Final = re.compile(r"[\w .,()%=+;?'–—…✓-]", re.UNICODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """A failed step and the cell where it stopped."""

    step: StepResult
    cell: str
    anchor: str


def with_report(
    node: NotebookNode, run: Run, *, times: Times, notices: Sequence[str] = ()
) -> NotebookNode:
    """A copy of an assembled node with the summary on top and a signpost before each failure.

    `notices` are sentences that concern the whole run (`the source changed since …`).
    """
    result: NotebookNode = _NBFORMAT.from_dict(node)
    numbers = {cell["id"]: index + 1 for index, cell in enumerate(node["cells"])}
    failures = _failures(run, times, numbers)
    top = _made(SUMMARY_ID, "summary", _summary(run, failures, numbers, notices))
    before = {failure.cell: failure for failure in failures}
    cells = [top]
    for cell in result["cells"]:
        if (failure := before.get(cell["id"])) is not None:
            cells.append(_made(failure.anchor, "anchor", _signpost(failure)))
        cells.append(cell)
    result["cells"] = cells
    return result


def _failures(run: Run, times: Times, numbers: Mapping[str, int]) -> list[_Failure]:
    failed = [step for step in run.steps if step.status is Status.FAILED]
    places = [(step, failing_cell(step, times)) for step in failed]
    known = [(step, cell) for step, cell in places if cell is not None and cell in numbers]
    return [
        _Failure(step=step, cell=cell, anchor=f"{FAILED_ID}-{number}")
        for number, (step, cell) in enumerate(known, 1)
    ]


def _made(cell_id: str, kind: str, source: str) -> NotebookNode:
    cell: NotebookNode = _NBFORMAT.v4.new_markdown_cell(source, id=cell_id)
    cell["metadata"]["nbflow"] = {MADE_KEY: kind}
    # papermill's own readers expect its block in every cell
    cell["metadata"]["papermill"] = {
        "status": "completed",
        "exception": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
    }
    return cell


def _signpost(failure: _Failure) -> str:
    why = _why(failure.step)
    return (
        f'<span id="{failure.anchor}"></span>\n\n'
        f"**{Status.FAILED.sign} The step {escaped(failure.step.step)} failed here**"
        + (f": {why}" if why else "")
    )


def _summary(
    run: Run, failures: Sequence[_Failure], numbers: Mapping[str, int], notices: Sequence[str]
) -> str:
    parts = [
        f"### {run.status.sign} {escaped(run.notebook)}: {run.status.value}",
        *(f"**Note:** {escaped(notice)}" for notice in notices),
        *(_failure_line(failure, numbers) for failure in failures),
        _headline(run),
        _parameter_table(run),
        _step_table(run, failures),
    ]
    return "\n\n".join(part for part in parts if part)


def _failure_line(failure: _Failure, numbers: Mapping[str, int]) -> str:
    """A link that Jupyter and HTML exports follow: both know cells by `#cell-id=`."""
    why = _why(failure.step)
    link = f"[cell {numbers[failure.cell]}](#cell-id={failure.anchor})"
    return f"**{escaped(failure.step.step)}** failed in {link}" + (f": {why}" if why else "")


def _why(step: StepResult) -> str:
    if step.message:
        return escaped(step.message)
    return escaped(f"{step.error.type}: {step.error.message}") if step.error is not None else ""


def _headline(run: Run) -> str:
    facts = [
        f"started {_moment(run.started)}" if run.started else "",
        f"took {duration(run.seconds)}" if run.seconds is not None else "",
        f"run `{run.id}`" if re.fullmatch(r"[\w-]+", run.id) else f"run {escaped(run.id)}",
    ]
    reason = escaped(run.message or run.reason or "")
    return " · ".join(fact for fact in facts if fact) + (f"\n\n**Why:** {reason}" if reason else "")


def _moment(text: str) -> str:
    """An ISO moment as people read it, in its own zone.

    >>> _moment("2026-01-31T06:30:12.345678+00:00")
    '2026-01-31 06:30:12 UTC'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return escaped(text)
    zone = moment.strftime("%Z")
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f" {zone}" if zone else "")


def duration(seconds: float) -> str:
    """A length of time as people say it.

    >>> duration(0.034), duration(12.34), duration(75.2), duration(7384)
    ('0.03 s', '12.3 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _parameter_table(run: Run) -> str:
    if not run.parameters:
        return ""
    rows = [f"| {escaped(name)} | {escaped(str(v))} |" for name, v in run.parameters.items()]
    return "\n".join(["| Parameter | Value |", "|:--|:--|", *rows])


def _step_table(run: Run, failures: Sequence[_Failure]) -> str:
    if not run.steps:
        return ""
    anchors = {failure.step.step_id: failure.anchor for failure in failures}
    rows = [_row(step, anchors.get(step.step_id)) for step in _shown(run.steps)]
    table = "\n".join(["| Step | Status | Time | |", "|:--|:--|--:|:--|", *rows])
    left_out = len(run.steps) - len(rows)
    return table + (f"\n\n… and {left_out:,} more steps" if left_out else "")


def _shown(steps: Sequence[StepResult]) -> list[StepResult]:
    """As many steps as the table holds, in notebook order; successes give way first."""
    rank = sorted(range(len(steps)), key=lambda i: (steps[i].status is Status.SUCCEEDED, i))
    return [steps[index] for index in sorted(rank[:_MOST_ROWS])]


def _row(step: StepResult, anchor: str | None) -> str:
    name = escaped(step.step)
    if step.item is not None:
        name += f" ({escaped(step.item)})"
    if anchor is not None:
        name = f"[{name}](#cell-id={anchor})"
    status = "reused" if step.action == "reuse" else step.status.value
    time = duration(step.seconds) if step.seconds is not None else ""
    why = _why(step) if step.status is not Status.SUCCEEDED or step.action == "reuse" else ""
    return f"| {name} | {step.status.sign} {status} | {time} | {why} |"


def escaped(text: str, *, longest: int = _LONGEST_TEXT) -> str:
    r"""Text as one line of markdown that shows these characters and does nothing else.

    It must not stand at the start of a line, where `-` or `1.` would begin a list.
    Control characters, surrogates and marks that turn the writing direction become visible escapes.

    >>> escaped("a_b <b>\nc")
    'a&#95;b &#60;b&#62; c'
    >>> escaped("\u202eabc")
    '&#92;u202eabc'
    """
    if len(text) > longest:
        text = text[:longest] + "…"
    line = " ".join(text.split())
    return "".join(_escaped_character(character) for character in line)


def _escaped_character(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        visible = f"{ord(character):04x}"
        return f"&#92;u{visible}" if len(visible) == 4 else f"&#92;U{visible:0>8}"
    if character != "_" and _HARMLESS.fullmatch(character):
        return character
    return f"&#{ord(character)};" if character.isascii() else character
