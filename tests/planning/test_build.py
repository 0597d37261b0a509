"""Plans from graphs and memories: what runs, what is reused, and why."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from graphs import a_graph, a_step

from nbflow.core.choices import Choices
from nbflow.core.errors import UsageError
from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.plan import Plan, Recorded
from nbflow.core.step import CachePolicy, Step, StepId, StepOptions
from nbflow.core.task import Blob
from nbflow.core.why import Change
from nbflow.planning.build import Known, build, decide
from nbflow.planning.fingerprint import digest

CHAIN = a_graph(
    a_step("raw"),
    a_step("clean", reads=[("raw", "raw")]),
    a_step("report", reads=[("clean", "clean")]),
    a_step("other"),
)


def parts_of(step: Step, inputs: dict[str, Blob]) -> dict[str, str]:
    return {"source": step.sources[0], **{f"input:{n}": b.digest for n, b in inputs.items()}}


class Past:
    """A memory in which chosen steps succeeded as the graph has them."""

    def __init__(
        self, graph: Graph, *steps: str, untrue: dict[str, Change | str] | None = None
    ) -> None:
        self.untrue = untrue or {}
        self.recorded: dict[str, Recorded] = {}
        self.last: dict[StepId, dict[str, str]] = {}
        outputs: dict[str, Blob] = {}
        for step in graph.steps:
            blob = Blob(names=(step.name,), kind="json", digest=f"of {step.sources[0]}")
            outputs[step.name] = blob
            if step.name in steps:
                inputs = {g.name: outputs[g.name] for g in step.inputs}
                fingerprint = digest(parts_of(step, inputs))
                self.last[step.id] = parts_of(step, inputs)
                self.recorded[fingerprint] = Recorded(
                    fingerprint=fingerprint,
                    run="00000000-run1-7000",
                    step=step.id,
                    finished="2026-01-01T00:00:00+00:00",
                    outputs={step.name: blob},
                )

    def known(self, *, expired: bool = False, resumed: bool = False) -> Known:
        return Known(
            parts=parts_of,  # type: ignore[arg-type]
            recorded=self.recorded.get,
            untrue=lambda recorded: self.untrue.get(recorded.step),
            kept=lambda step, parts: self.recorded.get(digest(parts)) if resumed else None,
            expired=lambda step, recorded: expired,
            earlier=lambda step: [("run-1", self.last[step])] if step in self.last else [],
            detail=lambda change: "3 rows added" if change.kind == "file" else "",
            seconds=lambda step: 2.0,
        )


def plan(graph: Graph, past: Past, choices: Choices | None = None) -> Plan:
    return build(graph, choices or Choices(), past.known(), parameters={})


def actions(made: Plan) -> dict[str, tuple[str, str]]:
    return {task.name: (task.action, task.reason) for task in made.tasks}


def test_everything_runs_the_first_time() -> None:
    assert actions(plan(CHAIN, Past(CHAIN))) == {
        "raw": ("run", "first_time"),
        "clean": ("run", "upstream_runs"),
        "report": ("run", "upstream_runs"),
        "other": ("run", "first_time"),
    }


def test_everything_is_reused_when_nothing_changed() -> None:
    made = plan(CHAIN, Past(CHAIN, "raw", "clean", "report", "other"))
    assert {task.action for task in made.tasks} == {"reuse"}
    assert made.task(StepId("raw")).message == "same inputs as run 00000000-run1"


def test_a_changed_cell_runs_with_what_needs_it_and_nothing_else() -> None:
    past = Past(CHAIN, "raw", "clean", "report", "other")
    changed = a_graph(
        CHAIN.steps[0],
        a_step("clean", reads=[("raw", "raw")], sources=("clean = 2",)),
        *CHAIN.steps[2:],
    )
    assert actions(plan(changed, past)) == {
        "raw": ("reuse", "reused"),
        "clean": ("run", "source_changed"),
        "report": ("run", "upstream_runs"),
        "other": ("reuse", "reused"),
    }


@pytest.mark.parametrize(
    ("untrue", "expected"),
    [
        (
            Change(kind="file", name="sales.csv", old="1", new="2"),
            ("run", "file_changed", "sales.csv changed: 3 rows added"),
        ),
        ("the stored `raw` is damaged", ("run", "result_damaged", "the stored `raw` is damaged")),
    ],
)
def test_what_speaks_against_a_result_is_named(
    untrue: Change | str, expected: tuple[str, str, str]
) -> None:
    past = Past(CHAIN, "raw", "clean", "report", "other", untrue={"raw": untrue})
    task = plan(CHAIN, past).task(StepId("raw"))
    assert (task.action, task.reason, task.message) == expected


def test_force_runs_everything_and_force_step_one() -> None:
    past = Past(CHAIN, "raw", "clean", "report", "other")
    assert {t.action for t in plan(CHAIN, past, Choices(force=True)).tasks} == {"run"}
    assert actions(plan(CHAIN, past, Choices(force_steps=("other",)))) == {
        "raw": ("reuse", "reused"),
        "clean": ("reuse", "reused"),
        "report": ("reuse", "reused"),
        "other": ("run", "forced"),
    }


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (
            Choices(until=("clean",)),
            {"raw": "reuse", "clean": "reuse", "report": "skip", "other": "skip"},
        ),
        (
            Choices(from_=("clean",)),
            {"raw": "reuse", "clean": "reuse", "report": "reuse", "other": "skip"},
        ),
        (
            Choices(only=("clean",)),
            {"raw": "reuse", "clean": "run", "report": "skip", "other": "skip"},
        ),
    ],
)
def test_choices_select_steps(choices: Choices, expected: dict[str, str]) -> None:
    past = Past(CHAIN, "raw", "clean", "report", "other")
    assert {t.name: t.action for t in plan(CHAIN, past, choices).tasks} == expected


def test_only_brings_missing_inputs_up_to_date() -> None:
    made = actions(plan(CHAIN, Past(CHAIN), Choices(only=("clean",))))
    assert made["raw"] == ("run", "needed")
    assert made["clean"][0] == "run"


def test_an_unknown_step_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        plan(CHAIN, Past(CHAIN), Choices(until=("claen",)))
    assert caught.value.hint == "did you mean `clean`?"


@pytest.mark.parametrize(
    ("policy", "never", "expired", "expected"),
    [
        (None, "it asks for the time", False, ("run", "never_reused")),
        (CachePolicy(mode="always"), "it asks for the time", False, ("reuse", "reused")),
        (CachePolicy(mode="never"), None, False, ("run", "cache_never")),
        (CachePolicy(mode="duration", seconds=60), None, True, ("run", "cache_expired")),
        (
            CachePolicy(mode="duration", seconds=60),
            "it asks for the time",
            False,
            ("reuse", "reused"),
        ),
    ],
)
def test_cache_tags_override_what_nbflow_works_out(
    policy: CachePolicy | None, never: str | None, expired: bool, expected: tuple[str, str]
) -> None:
    graph = a_graph(a_step("x", never_reuse=never, options=StepOptions(cache=policy)))
    made = build(graph, Choices(), Past(graph, "x").known(expired=expired), parameters={})
    assert actions(made)["x"] == expected


def test_a_resumed_run_keeps_what_it_finished_even_if_that_is_never_reused() -> None:
    graph = a_graph(a_step("x", never_reuse="it touches the network or a database"))
    made = build(graph, Choices(), Past(graph, "x").known(resumed=True), parameters={})
    assert actions(made)["x"] == ("reuse", "reused")


def test_a_step_in_a_shared_kernel_is_not_kept_by_a_resumed_run() -> None:
    graph = a_graph(a_step("x", lane="x", never_reuse="it shares a kernel with other steps"))
    made = build(graph, Choices(), Past(graph, "x").known(resumed=True), parameters={})
    assert actions(made)["x"] == ("run", "never_reused")


def test_what_may_be_cut_off_early_says_so() -> None:
    """A reader of a step that runs anyway is reused if its input comes out the same again."""
    past = Past(CHAIN, "raw", "clean", "report", "other")
    forced = plan(CHAIN, past, Choices(force_steps=("raw",)))
    message = "`raw` runs before it; reused if that gives the same again"
    assert forced.task(StepId("clean")).message == message
    assert plan(CHAIN, Past(CHAIN)).task(StepId("clean")).message == "`raw` runs before it"
    changed = a_graph(
        a_step("raw", sources=("raw = 2",)),
        a_step("clean", reads=[("raw", "raw")], sources=("clean = 2",)),
        *CHAIN.steps[2:],
    )
    assert plan(changed, past).task(StepId("clean")).message == "`raw` runs before it"


@pytest.mark.parametrize("resumed", [False, True])
def test_a_result_without_all_that_is_wanted_is_not_reused(resumed: bool) -> None:
    """A cell with the same code had other outputs to leave."""
    past = Past(CHAIN, "raw", "clean")
    wanting = a_graph(replace(CHAIN.steps[0], outputs=(Name("raw"), Name("more"))), CHAIN.steps[1])
    made = build(wanting, Choices(), past.known(resumed=resumed), parameters={})
    assert actions(made) == {
        "raw": ("run", "output_missing"),
        "clean": ("run", "upstream_runs"),
    }
    message = "its result is there without `more`, which is wanted now"
    assert made.task(StepId("raw")).message == message
    optional = replace(wanting.steps[0], optional_outputs=(Name("more"),))
    past.recorded = {key: replace(one, asked=("more",)) for key, one in past.recorded.items()}
    made = build(a_graph(optional), Choices(), past.known(resumed=resumed), parameters={})
    assert actions(made) == {"raw": ("reuse", "reused")}


def test_who_cannot_use_what_is_stored_says_that_it_knows_of_it() -> None:
    """A step may need more outputs than were stored, also by this very run: it is made again."""
    past = Past(CHAIN, "raw")
    step = CHAIN.steps[0]
    found = decide(step, {}, past.known(), force=False)
    assert found.recorded is not None
    assert found.seen == found.recorded.run


def test_what_a_step_did_not_look_at_is_no_part_of_its_fingerprint() -> None:
    known = Past(CHAIN).known()
    style = Blob(names=("@rcParams",), kind="ambient", digest="wide lines")
    alone = decide(CHAIN.steps[3], {}, known, force=False)
    styled = decide(CHAIN.steps[3], {"@rcParams": style}, known, force=False)
    assert styled.fingerprint != alone.fingerprint
    assert styled.without({"@rcParams"}).fingerprint == alone.fingerprint
    assert styled.without({"@rcParams"}).grounds.parts == alone.grounds.parts
