"""From the graph and what is remembered to the plan: run, reuse or skip, each with its reason.
Pure.

What depends on a step that will run cannot be known yet; it is planned to run, and the runner asks
again (`decide`) when its inputs are there: identical content leaves the readers reused.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from nbflow.core.choices import Choices
from nbflow.core.graph import Graph
from nbflow.core.plan import Plan, Recorded, Task
from nbflow.core.step import Step, StepId
from nbflow.core.task import Blob
from nbflow.core.why import Change, Grounds
from nbflow.planning.changes import Detail, clause, code, nearest, summary
from nbflow.planning.fingerprint import Parts, digest
from nbflow.planning.order import topological
from nbflow.planning.select import forced, selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the caller remembers and can look up.

    parts: the fingerprint's parts of a step, given its inputs. recorded: a success under a
    fingerprint.
    untrue: why a recorded success no longer holds (a changed file, or in words), or None.
    kept: the step's success in the run that is being resumed: it holds even if it is never reused.
    expired: its tag `cache:DURATION` says that the result is too old. earlier: runs and parts of
    the step's former successes, newest first. detail: how a file or an input differs, in words.
    seconds: how long it took last time.
    """

    parts: Callable[[Step, Mapping[str, Blob]], Parts]
    recorded: Callable[[str], Recorded | None]
    untrue: Callable[[Recorded], Change | str | None]
    kept: Callable[[Step, Parts], Recorded | None]
    expired: Callable[[Step, Recorded], bool]
    earlier: Callable[[StepId], Iterable[tuple[str, Parts]]]
    detail: Detail
    seconds: Callable[[StepId], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with one step whose inputs are known, and what that rests on. `seen` is the run
    whose result is stored under its fingerprint, good or not."""

    action: str
    reason: str
    message: str
    fingerprint: str
    grounds: Grounds
    recorded: Recorded | None = None
    seen: str | None = None

    def without(self, names: Collection[str]) -> "Decision":
        """The same, found under what counts where the step was seen not to look at some inputs."""
        ignored = {f"input:{name}" for name in names}
        parts = {key: part for key, part in self.grounds.parts.items() if key not in ignored}
        grounds = replace(self.grounds, parts=parts)
        return replace(self, fingerprint=digest(parts), grounds=grounds)


def decide(step: Step, inputs: Mapping[str, Blob], known: Known, *, force: bool) -> Decision:
    """Run or reuse one step, given the blobs of all its inputs."""
    parts = known.parts(step, inputs)
    kept = known.kept(step, parts) if step.lane is None and not force else None
    if kept is not None and not _lacking(step, kept):
        return _reuse(kept, parts, f"it succeeded in run {short(kept.run)}")
    fingerprint = digest(parts)
    recorded = known.recorded(fingerprint)
    reason, message = _forbidden(step, recorded, known, force=force)
    grounds = Grounds(parts=parts)
    if not reason:
        reason, message, grounds = _outdated(step, parts, recorded, known)
    if recorded is not None and not reason:
        return _reuse(recorded, parts, f"same inputs as run {short(recorded.run)}")
    return Decision(
        action="run",
        reason=reason,
        message=message,
        fingerprint=fingerprint,
        grounds=grounds,
        seen=recorded.run if recorded else None,
    )


def _reuse(recorded: Recorded, parts: Parts, message: str) -> Decision:
    return Decision(
        action="reuse",
        reason="reused",
        message=message,
        fingerprint=recorded.fingerprint,
        grounds=Grounds(parts=parts, compared=recorded.run),
        recorded=recorded,
        seen=recorded.run,
    )


def _forbidden(
    step: Step, recorded: Recorded | None, known: Known, *, force: bool
) -> tuple[str, str]:
    """Why no result may be reused, whatever is stored: (code, message), empty if one may."""
    if force:
        return "forced", "asked for"
    policy = step.options.cache.mode if step.options.cache else None
    if policy == "never":
        return "cache_never", "its tag `cache:never` asks for it"
    if step.never_reuse is not None and policy is None:
        return "never_reused", step.never_reuse
    if recorded is None:
        return "", ""
    if recorded.never_reuse is not None and policy is None:
        return "never_reused", recorded.never_reuse
    if known.expired(step, recorded):
        return "cache_expired", "its result is older than its tag `cache:` allows"
    if lacking := _lacking(step, recorded):
        return "output_missing", f"its result is there without `{lacking[0]}`, which is wanted now"
    return "", ""


def _lacking(step: Step, recorded: Recorded) -> list[str]:
    """Outputs that a result does not have: a cell with the same code, or this one before cells
    below it were changed, had others to leave. What was asked for and not there is not there."""
    was_asked = {*recorded.outputs, *recorded.asked}
    lacking = {*step.outputs} - was_asked | step.needed_outputs - recorded.outputs.keys()
    return sorted(map(str, lacking))


def _outdated(
    step: Step, parts: Parts, recorded: Recorded | None, known: Known
) -> tuple[str, str, Grounds]:
    """What has changed since the step ran: (code, message, grounds); no code if nothing has."""
    if recorded is None:
        found = nearest(known.earlier(step.id), parts)
        if found is None:
            return "first_time", "it has not run before", Grounds(parts=parts)
        run, changed = found
        grounds = Grounds(parts=parts, compared=run, changes=changed)
        return code(changed), summary(changed, known.detail), grounds
    why = known.untrue(recorded)
    grounds = Grounds(parts=parts, compared=recorded.run)
    if isinstance(why, Change):
        message = clause(why, known.detail(why))
        return "file_changed", message, replace(grounds, changes=(why,))
    return ("result_damaged", why, grounds) if why else ("", "", grounds)


def build(
    graph: Graph, choices: Choices, known: Known, *, parameters: Mapping[str, object]
) -> Plan:
    """The plan of a run.

    Raises:
        UsageError: a chosen name is no step, or an unselected step has no stored result to read.
    """
    wanted, force = selected(graph, choices), forced(graph, choices)
    parents = graph.parents()
    tasks: dict[StepId, Task] = {}
    for step in topological(graph):
        running = [p for p in sorted(parents[step.id]) if _runs(tasks.get(p))]
        if step.id not in wanted:
            tasks[step.id] = _unselected(step, tasks, known, needed=_is_needed(step, wanted, graph))
        elif running and step.id not in force:
            tasks[step.id] = _waits(step, graph.step(running[0]), known)
        else:
            tasks[step.id] = _decided(step, tasks, known, force=step.id in force)
    ordered = tuple(tasks[step.id] for step in graph.steps)
    return Plan(graph=graph, tasks=ordered, parameters=dict(parameters))


def _runs(task: Task | None) -> bool:
    return task is not None and task.action == "run"


def _is_needed(step: Step, wanted: frozenset[StepId], graph: Graph) -> bool:
    return any(
        given.writer == step.id
        for other in graph.steps
        if other.id in wanted
        for given in other.inputs
    )


def _known_inputs(step: Step, tasks: Mapping[StepId, Task]) -> dict[str, Blob] | None:
    found: dict[str, Blob] = {}
    for given in step.inputs:
        task = tasks.get(given.writer)
        if task is None or task.recorded is None:
            return None
        blob = task.recorded.outputs.get(given.name)
        if blob is None:
            return None
        found[given.name] = blob
    return found


def _decided(step: Step, tasks: Mapping[StepId, Task], known: Known, *, force: bool) -> Task:
    inputs = _known_inputs(step, tasks)
    if inputs is None:
        reason = ("forced", "asked for") if force else ("upstream_runs", "its inputs are made anew")
        return _task(step, "run", *reason, known)
    decision = decide(step, inputs, known, force=force)
    if decision.action == "reuse":
        return _task(step, "reuse", decision.reason, decision.message, known, decision.recorded)
    return _task(step, "run", decision.reason, decision.message, known)


def _waits(step: Step, parent: Step, known: Known) -> Task:
    # Its inputs may turn out to be what they were: the run decides when they are there.
    same = "; reused if that gives the same again" if _may_be_reused(step, known) else ""
    message = f"`{parent.name}` runs before it{same}"
    return _task(step, "run", "upstream_runs", message, known)


def _may_be_reused(step: Step, known: Known) -> bool:
    """Whether there is a former success that could hold again, whatever its inputs will be."""
    if step.lane is not None or _forbidden(step, None, known, force=False)[0]:
        return False
    former = [_without_inputs(parts) for _, parts in known.earlier(step.id)]
    return bool(former) and _without_inputs(known.parts(step, {})) in former


def _without_inputs(parts: Parts) -> Parts:
    """What is known of a step before its inputs are; packages may be used for their sake alone."""
    return {k: v for k, v in parts.items() if not k.startswith(("input:", "package:"))}


def _unselected(step: Step, tasks: Mapping[StepId, Task], known: Known, *, needed: bool) -> Task:
    if not needed:
        return _task(step, "skip", "not_selected", "not chosen", known)
    inputs = _known_inputs(step, tasks)
    recorded = None
    if inputs is not None:
        decision = decide(step, inputs, known, force=False)
        recorded = decision.recorded
    if recorded is None:
        # What a chosen step reads has to exist: bring it up to date rather than fail.
        return _task(step, "run", "needed", "a chosen step reads its result", known)
    return _task(
        step, "reuse", "reused", f"same inputs as run {short(recorded.run)}", known, recorded
    )


def _task(
    step: Step,
    action: str,
    reason: str,
    message: str,
    known: Known,
    recorded: Recorded | None = None,
) -> Task:
    assert action in ("run", "reuse", "skip")
    return Task(
        step=step.id,
        name=step.name,
        action=action,  # type: ignore[arg-type]  # narrowed by the assertion above
        reason=reason,
        message=message,
        expected_seconds=known.seconds(step.id) if action == "run" else None,
        recorded=recorded,
    )


def short(run: str) -> str:
    """The beginning of a run's id, enough to type.

    >>> short("01934b2c-7c1e-7b3a-9f00-aabbccddeeff")
    '01934b2c-7c1e'
    """
    return run[:13]
