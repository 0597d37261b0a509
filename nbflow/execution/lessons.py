"""What a finished attempt teaches: writes and reads that its step's text did not show. Pure."""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from nbflow.core.graph import Graph, Learned, Lesson
from nbflow.core.names import Name
from nbflow.core.step import Step
from nbflow.core.task import TaskOutcome, TaskReport

MODULE_PREFIX: Final = "@module:"
"""A found mutation of a local module's state, not of a name."""

_NEEDS_ONE_LANE: Final = {
    "threads": "it leaves threads running",
    "children": "it leaves child processes running",
    "tasks": "it leaves asyncio tasks running",
    "index_names": "it renames an index in place, which other tables may use, too",
}
_NAME_ERROR: Final = re.compile(r"name '(\w+)' is not defined")
_PART_MISSING: Final = re.compile(r"\bmodule '[\w.]+' has no attribute '\w+'")


def lessons_of(step: Step, graph: Graph, outcome: TaskOutcome) -> tuple[Learned, ...]:
    """Everything that the attempt taught and the graph does not know yet.

    In one lane there is nothing to learn: what a step changes is there for the next, as in Run All.
    """
    if graph.one_lane:
        return ()
    if outcome.report is not None and outcome.status == "succeeded":
        found = [*_from_report(step, graph, outcome.report)]
    else:
        found = [*_found_read(step, graph, outcome)]
    return tuple(dict.fromkeys(found))


def evidence_of(step: Step, outcome: TaskOutcome) -> tuple[Learned, ...]:
    """What the attempt showed that the step leaves alone, or does not look at, though its text
    could not say so."""
    if outcome.report is None or outcome.status != "succeeded":
        return ()
    report = outcome.report
    kept = (name for name in report.untouched if name in step.may_writes)
    lent = (name for name in report.lent if name in step.may_writes)
    unread = (name for name in report.unread if name in step.may_reads)
    return (
        *(_learned(step, n, "keeps", f"`{step.name}` left `{n}` as it was") for n in kept),
        *(_learned(step, n, "lends", f"`{step.name}` did not change `{n}`") for n in lent),
        *(_learned(step, n, "ignores", f"`{step.name}` did not look at `{n}`") for n in unread),
    )


def _from_report(step: Step, graph: Graph, report: TaskReport) -> Iterator[Learned]:
    for name in report.found_mutations:
        if name.startswith(MODULE_PREFIX):
            module = name.removeprefix(MODULE_PREFIX)
            own = "a class or function of the notebook"
            what = own if module == "__main__" else f"the module `{module}`"
            why = f"`{step.name}` changes {what}"
            yield _learned(step, name, "one_lane", why)
        elif name not in step.declared_writes or name in step.spared:
            yield _learned(step, name, "writes", f"`{step.name}` changed `{name}` when it ran")
    for name in report.found_reads:
        yield _learned(step, name, "reads", f"`{step.name}` looked at `{name}` when it ran")
    for group in report.alias_groups:
        yield from _shared(step, group)
    for name in (one.name for one in report.unstorable):
        if _is_read_elsewhere(step, graph, name):
            why = next(one.why for one in report.unstorable if one.name == name)
            yield _learned(step, name, "affinity", f"`{name}` cannot leave its kernel: {why}")
    for effect, why in _NEEDS_ONE_LANE.items():
        if effect in report.dynamic_effects:
            yield _learned(step, f"@{effect}", "one_lane", f"`{step.name}`: {why}")


def _shared(step: Step, group: tuple[str, ...]) -> Iterator[Learned]:
    """An input that shares objects with what the step wrote: who changes one changes both."""
    undeclared = [name for name in group if name not in step.declared_writes]
    if len(undeclared) == len(group):
        return
    for name in undeclared:
        others = ", ".join(f"`{other}`" for other in group if other != name)
        yield _learned(step, name, "shares", f"`{name}` shares objects with {others}")


def _is_read_elsewhere(step: Step, graph: Graph, name: str) -> bool:
    return any(
        given.name == name
        and given.writer == step.id
        and (step.lane is None or other.lane != step.lane)
        for other in graph.steps
        for given in other.inputs
    )


def _found_read(step: Step, graph: Graph, outcome: TaskOutcome) -> Iterator[Learned]:
    """Names that were missing although cells above make them."""
    message = outcome.error.message if outcome.error else ""
    replayed = {name for replay in step.replays for name in replay.names}
    above = [*takewhile(lambda other: other.id != step.id, graph.steps)]
    defined = {n for d in graph.definitions for n in d.names if d.cell_index < step.position}
    wanted: set[Name] = set()
    # Libraries that look names up for the author (in a formula) wrap the error in one of their own.
    if (found := _NAME_ERROR.search(message)) is not None:
        wanted = {Name(found[1])} & (defined | {n for one in above for n in one.declared_writes})
    elif _PART_MISSING.search(message) is not None:
        # `matplotlib.pyplot` is there once anybody has imported it: some import above did.
        wanted = defined | {name for one in above for name in one.defines}
    for name in sorted(wanted - replayed - {given.name for given in step.inputs}):
        yield _learned(step, name, "reads", f"`{step.name}` asked for `{name}` when it ran")


def _learned(step: Step, name: str, what: Lesson, reason: str) -> Learned:
    return Learned(step=step.id, name=Name(name), what=what, reason=reason)
