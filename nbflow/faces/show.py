"""What people see of graphs, plans, runs and answers: lines, ready to print."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from nbflow.core.graph import Graph
from nbflow.core.plan import Action, Plan, Task
from nbflow.core.run import Run
from nbflow.core.step import Parameter, Step, StepId
from nbflow.core.why import RunDifference
from nbflow.faces import text
from nbflow.faces.drawing import cell_numbers
from nbflow.faces.grid import columns, crop
from nbflow.faces.tree import Branch, branches, edge_label
from nbflow.faces.wire import Cleaned, Health, Verified

_WIDEST_NAME: Final = 40
_MARKS: Final = {"run": ("●", "blue"), "reuse": ("↺", "cyan"), "skip": ("–", "dim")}


_TOTALS: Final[tuple[tuple[Action, str], ...]] = (
    ("run", "to run"),
    ("reuse", "reused"),
    ("skip", "skipped"),
)


def graph_lines(graph: Graph, width: int) -> list[Text]:
    """Parameters, then the steps as a tree, each with what it waits for."""
    names = {step.id: str(step.name) for step in graph.steps}
    lines = branches(graph)
    labels = [branch.stem + _name(branch.step) for branch in lines]
    widest = min(max(map(cell_len, labels), default=0), _WIDEST_NAME)
    cells = max((len(_cells(branch.step)) for branch in lines), default=0)
    found = [Text(f"  {_parameter(each)}", "dim") for each in graph.parameters]
    found += [Text()] if found else []
    for branch, label in zip(lines, labels, strict=True):
        found += _branch_lines(branch, label, widest, cells, names, width)
    if any(edge.certainty == "may" for edge in graph.edges):
        doubt = "? may change it; notebook order is kept until a run has shown that it does not"
        found += [Text(), *_wrapped(doubt, "  ", width)]
    return found


def _branch_lines(
    branch: Branch,
    label: str,
    widest: int,
    cells: int,
    names: Mapping[StepId, str],
    width: int,
) -> list[Text]:
    shown = set_cell_size(crop(label, widest), widest)
    where = _cells(branch.step).ljust(cells)
    line = Text.assemble("  ", shown, (f"  {where}", "dim"), no_wrap=True)
    waits = _waits(branch, names)
    if line.cell_len + 2 + cell_len(waits) <= width:
        line.append(f"  {waits}", "cyan")
        line.rstrip()
        return [line]
    line.rstrip()
    return [line, *_wrapped(waits, " " * (6 + cell_len(branch.stem)), width, "cyan")]


def _waits(branch: Branch, names: Mapping[StepId, str]) -> str:
    files = [text.visible(path) for path in branch.step.files_written]
    written = f"→ {text.listed(files)}" if files else ""
    guard = "stops the rest if it fails" if branch.step.guard else ""
    return "  ".join(part for part in (edge_label(branch, names), written, guard) if part)


def _wrapped(words: str, indent: str, width: int, style: str = "dim") -> list[Text]:
    room = max(20, min(width, 120))
    lines = textwrap.wrap(words, room, initial_indent=indent, subsequent_indent=indent)
    return [Text(line, style) for line in lines]


def _name(step: Step) -> str:
    return text.one_line(str(step.name), _WIDEST_NAME)


def _cells(step: Step) -> str:
    return cell_numbers(step) + ("" if step.language == "python" else f" {step.language}")


def _parameter(parameter: Parameter) -> str:
    value = "is required" if parameter.required else f"= {parameter.default!r}"
    note = f"  {parameter.help}" if parameter.help else ""
    return text.one_line(f"-p {parameter.name} {value}{note}")


def plan_lines(plan: Plan, width: int) -> list[Text]:
    """Step, action, reason; then how much that is."""
    rows = [
        (text.one_line(str(task.name), _WIDEST_NAME), task.action, text.one_line(task.message))
        for task in plan.tasks
    ]
    heading = ("step", "action", "reason")
    lines = columns([heading, *rows], width - 4)
    found = [Text(f"    {lines[0]}", "dim")]
    for task, line in zip(plan.tasks, lines[1:], strict=True):
        mark, colour = _MARKS[task.action]
        found.append(Text.assemble("  ", (f"{mark} ", colour), line))
    return [*found, Text(), Text(f"  {_plan_total(plan.tasks)}", "dim")]


def _plan_total(tasks: Sequence[Task]) -> str:
    counts = Counter(task.action for task in tasks)
    parts = [f"{counts[action]} {word}" for action, word in _TOTALS if counts[action]]
    known = [task.expected_seconds for task in tasks if task.action == "run"]
    if known and None not in known:
        total = sum(seconds for seconds in known if seconds is not None)
        parts.append(f"about {text.duration(total)} of work")
    return " · ".join(parts) or "nothing to do"


def runs_lines(runs: Sequence[Run], width: int) -> list[Text]:
    """One line per run: id, state, when, how long, notebook and parameters."""
    if not runs:
        return [Text("no runs yet: nbflow run NOTEBOOK, or nbflow demo")]
    from nbflow.faces.live import mark_of_status

    rows = [
        (
            text.short_id(run.id),
            run.status.value,
            text.local_time(run.started)[:16],
            text.duration(run.seconds),
            text.one_line(" ".join((run.notebook, *_given(run), *_keeping(run)))),
        )
        for run in runs
    ]
    heading = ("run", "status", "started", "took", "notebook")
    lines = columns([heading, *rows], width - 4, right=(3,))
    found = [Text(f"    {lines[0]}", "dim")]
    for run, line in zip(runs, lines[1:], strict=True):
        mark, colour = mark_of_status(run.status)
        found.append(Text.assemble("  ", (f"{mark} ", colour), line))
    return found


def _keeping(run: Run) -> list[str]:
    return [f"(kept: {run.label})" if run.label else "(kept)"] if run.kept else []


def _given(run: Run) -> list[str]:
    return [f"{name}={value}".replace("\n", "\\n") for name, value in run.parameters.items()]


def verification_lines(answer: Verified) -> list[Text]:
    """Equal or not, and where not."""
    took = (
        f"Run All {text.duration(answer.run_all_seconds) or 'did not run'}"
        f" · workflow {text.duration(answer.workflow_seconds) or 'did not run'}"
    )
    found = [Text.assemble(_verdict(answer), (f"  {took}", "dim"))]
    if answer.failed:
        found += [Text(), Text(f"Run All fails: {text.one_line(answer.failed)}", "yellow")]
    for each in answer.differences:
        found += [
            Text(),
            Text.assemble((text.one_line(each.name), "bold"), f"  {text.one_line(each.kind)}"),
            Text(f"  Run All   {text.one_line(each.run_all)}"),
            Text(f"  workflow  {text.one_line(each.workflow)}"),
        ]
    for refused in answer.refused:
        found += [Text(), Text(text.error_text(refused.code, refused.message))]
    if answer.nondeterministic:
        names = text.listed((text.visible(name) for name in answer.nondeterministic), 8)
        found += [Text(), Text(f"differs between two Run Alls too: {names}", "dim")]
    if answer.not_compared:
        names = text.listed((text.visible(name) for name in answer.not_compared), 8)
        found += [Text(), Text(f"not compared, as no file can hold them: {names}", "dim")]
    return found


def _verdict(answer: Verified) -> tuple[str, str]:
    if answer.refused:
        return "– not compared: the workflow refuses this notebook", "bold yellow"
    if answer.equal and answer.failed:
        return "✓ equal up to there: the workflow fails as Run All does", "bold yellow"
    if answer.equal:
        return "✓ equal: the workflow gives what Run All gives", "bold green"
    return "✗ not equal: the workflow does not give what Run All gives", "bold red"


def difference_lines(answer: RunDifference) -> list[Text]:
    """Each step that differs: what it depends on, and what it made."""
    runs = f"{text.short_id(answer.before)} → {text.short_id(answer.after)}"
    found = [Text.assemble((text.visible(answer.notebook), "bold"), (f"  {runs}", "dim"))]
    for each in answer.steps:
        found += [Text(), Text(text.one_line(each.step), "bold")]
        if each.before != each.after:
            states = (each.before, each.after)
            was, now = (state.value if state else "not there" for state in states)
            found.append(Text(f"  was {was}, is {now}"))
        for cause in each.causes:
            lines = (cause.message, *(f"  {line}" for line in cause.details))
            found += [Text(f"  {text.visible(line)}") for line in lines]
        found += [Text(f"  → {text.visible(cause.message)}") for cause in each.outputs]
    count = text.counted(answer.same, "step")
    return [*found, Text(), Text(f"{count} the same" if answer.steps else f"all {count} the same")]


def cleaned_lines(answer: Cleaned, *, dry_run: bool) -> list[Text]:
    """What went, and what is left."""
    if answer.busy:
        return [Text("a run is going on: nothing was removed. Try again when it has ended")]
    would = "would remove" if dry_run else "removed"
    rows = [
        (answer.garbage, "that nothing speaks of"),
        (answer.evicted, "of results, the cheapest to make again first"),
    ]
    found = [Text(f"{would} {text.size(number)} {what}") for number, what in rows if number]
    return [*(found or [Text("nothing to remove")]), Text(f"{text.size(answer.left)} are stored")]


def health_lines(checks: Sequence[Health]) -> list[Text]:
    """One line per check, with the remedy below what is not well."""
    rows = columns([(each.name, text.one_line(each.message, 500)) for each in checks], 10_000)
    found: list[Text] = []
    for each, line in zip(checks, rows, strict=True):
        mark = ("✓ ", "green") if each.ok else ("✗ ", "red")
        found.append(Text.assemble("  ", mark, line))
        if each.hint and not each.ok:
            found.append(Text(f"    hint: {text.visible(each.hint)}"))
    return found
