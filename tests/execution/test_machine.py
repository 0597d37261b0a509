"""The machine's rules, one by one, and what must hold for every run."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from plays import Play, a_plan, a_step, an_edge, blob, retries, skipping

from nbflow.core.names import Name
from nbflow.core.plan import Plan, Recorded
from nbflow.core.run import MADE_ELSEWHERE, Status
from nbflow.core.step import StepId
from nbflow.execution import machine
from nbflow.execution.machine import AGAIN_LIMIT, Ended, Start

CHAIN = a_plan(a_step("a"), a_step("b", "a"), a_step("c", "b"))
SHARED = a_plan(a_step("a", lane="L"), a_step("b", "a", lane="L"), a_step("c", "a", lane="L"))


# -- order -----------------------------------------------------------------------------------------


def test_a_step_starts_when_what_it_reads_is_there() -> None:
    play = Play(CHAIN)
    assert play.starts() == ["a#1"]
    play.ok("a")
    assert play.starts() == ["a#1", "b#1"]
    assert play.last_start("b").inputs == {"a": blob("a", "1")}


def test_the_run_succeeds_when_all_steps_did() -> None:
    play = Play(CHAIN)
    for name in "abc":
        play.ok(name)
    assert play.finish().status is Status.SUCCEEDED
    assert play.notes("b") == ["queued", "succeeded"]


def test_no_more_tasks_run_than_there_are_slots() -> None:
    play = Play(a_plan(*(a_step(name) for name in "abcd")), jobs=2)
    assert play.starts() == ["a#1", "b#1"]
    play.ok("b")
    assert play.starts() == ["a#1", "b#1", "c#1"]


def test_an_empty_plan_ends_at_once() -> None:
    assert Play(a_plan()).finish().status is Status.SUCCEEDED


def test_a_late_end_of_a_former_attempt_changes_nothing() -> None:
    play = Play(a_plan(a_step("a", options=retries(1))))
    play.fail("a", retry_at=0.0)
    play.send(machine.Woke(now=0.0))
    before = play.state
    play.send(Ended(step=StepId("a"), attempt=1, status=Status.SUCCEEDED))
    assert play.state.tasks == before.tasks


def test_steps_that_wait_for_each_other_end_the_run_as_stuck() -> None:
    play = Play(a_plan(a_step("a"), a_step("b"), edges=[an_edge("a", "b"), an_edge("b", "a")]))
    assert play.finish().status is Status.FAILED
    assert play.reason("a") == "stuck"


# -- failures --------------------------------------------------------------------------------------


def test_a_failed_step_stops_only_what_needs_it() -> None:
    play = Play(a_plan(a_step("a"), a_step("b", "a"), a_step("c", "b"), a_step("d")))
    play.fail("a")
    play.ok("d")
    assert [play.status(name) for name in "abcd"] == ["failed", "skipped", "skipped", "succeeded"]
    assert (play.reason("c"), play.message("c")) == ("upstream_failed", "`a` failed before it")
    assert play.finish().status is Status.FAILED
    assert play.finish().message == "`a` failed: broken"


def test_below_a_failed_guard_the_reason_is_the_guard() -> None:
    guard = a_plan(
        a_step("guard", outputs=()),
        a_step("b"),
        a_step("c", "b"),
        edges=[an_edge("guard", "b", "guard")],
    )
    play = Play(guard)
    play.fail("guard")
    assert [play.reason(name) for name in "bc"] == ["guard_failed", "guard_failed"]


def test_c69_a_failed_step_is_tried_again_when_its_time_has_come() -> None:
    play = Play(a_plan(a_step("a", options=retries(2))))
    play.fail("a", retry_at=5.0)
    assert play.status("a") == "waiting"
    assert machine.next_wake(play.state) == 5.0
    play.send(machine.Woke(now=4.9))
    assert play.starts() == ["a#1"]
    play.send(machine.Woke(now=5.0))
    play.fail("a", retry_at=9.0)
    play.send(machine.Woke(now=9.0))
    play.ok("a")
    assert play.starts() == ["a#1", "a#2", "a#3"]
    assert play.finish().status is Status.SUCCEEDED


def test_retries_run_out() -> None:
    play = Play(a_plan(a_step("a", options=retries(1))))
    play.fail("a", retry_at=0.0)
    play.send(machine.Woke(now=0.0))
    play.fail("a", retry_at=0.0)
    assert (play.status("a"), play.starts()) == ("failed", ["a#1", "a#2"])


def test_what_must_not_be_tried_again_fails_at_once() -> None:
    play = Play(a_plan(a_step("a", options=retries(3))))
    play.fail("a", retry_at=None)
    assert play.finish().status is Status.FAILED


# -- skipped by the caller, reused -----------------------------------------------------------------


def test_steps_that_were_not_chosen_do_not_count_as_failures() -> None:
    play = Play(skipping(a_plan(a_step("a"), a_step("b")), "b"))
    play.ok("a")
    assert (play.status("b"), play.finish().status) == ("skipped", Status.SUCCEEDED)


def test_a_skipped_step_hands_over_what_is_recorded_of_it() -> None:
    plan = skipping(a_plan(a_step("a"), a_step("b", "a")), "a")
    old = Recorded(
        fingerprint="f", run="r", step=StepId("a"), finished="", outputs={"a": blob("a", "7")}
    )
    play = Play(replace(plan, tasks=(replace(plan.tasks[0], recorded=old), plan.tasks[1])))
    assert play.last_start("b").inputs == {"a": blob("a", "7")}


def test_a_value_that_nobody_left_is_named() -> None:
    play = Play(skipping(a_plan(a_step("a"), a_step("b", "a")), "a"))
    assert play.reason("b") == "missing_input"
    assert "`a` left no value for `a`" in play.message("b")


@pytest.mark.parametrize(
    ("plan", "force", "reusable"),
    [
        (a_plan(a_step("a")), (), True),
        (a_plan(a_step("a")), ("a",), False),
        (a_plan(a_step("a", lane="L")), (), False),
        (a_plan(a_step("a"), one_lane=("eval",)), (), False),
    ],
    ids=["plain", "forced", "shared lane", "one lane"],
)
def test_what_may_be_reused(plan: Plan, force: tuple[str, ...], reusable: bool) -> None:
    assert Play(plan, force=force).last_start("a").reusable is reusable


# -- lanes -----------------------------------------------------------------------------------------


def test_tasks_of_a_lane_run_one_after_the_other_and_find_values_in_it() -> None:
    play = Play(SHARED)
    play.ok("a")
    assert play.starts() == ["a#1", "b#1"]
    assert (play.last_start("b").inputs, play.last_start("b").lane_inputs) == ({}, ("a",))
    play.ok("b")
    play.ok("c")
    assert play.ended_lanes() == ["L"]


def test_a_lane_loads_what_another_kernel_made_and_then_has_it() -> None:
    lane = {"lane": "L"}
    play = Play(a_plan(a_step("x"), a_step("b", "x", **lane), a_step("c", "x", **lane)))
    play.ok("x")
    assert play.last_start("b").inputs == {"x": blob("x", "1")}
    play.ok("b")
    assert play.last_start("c").lane_inputs == ("x",)


def test_after_a_failure_a_lane_starts_with_a_new_kernel_and_stored_values() -> None:
    play = Play(SHARED)
    play.ok("a")
    play.fail("b")
    assert play.ended_lanes() == ["L"]
    assert play.last_start("c").inputs == {"a": blob("a", "1")}


def test_a_value_that_only_the_lost_kernel_had_is_made_again() -> None:
    play = Play(SHARED)
    play.ok("a", kept=frozenset({Name("a")}))
    play.fail("b")
    assert play.starts() == ["a#1", "b#1", "a#2"]
    play.ok("a", kept=frozenset({Name("a")}))
    assert play.last_start("c").lane_inputs == ("a",)
    play.ok("c")
    assert play.finish().message == "`b` failed: broken"


def test_many_values_that_only_the_lost_kernel_had_are_made_again_at_once() -> None:
    """They are one reason to run the step again, not a round for each."""
    names = [Name(f"x{number}") for number in range(AGAIN_LIMIT + 1)]
    maker = a_step("a", lane="L", outputs=tuple(names))
    reads = [f"{name}@a" for name in names]
    plan = a_plan(maker, a_step("b", "x0@a", lane="L"), a_step("c", *reads, lane="L"))
    play = Play(plan)
    play.ok("a", kept=frozenset(names))
    play.fail("b")
    assert play.starts() == ["a#1", "b#1", "a#2"]


def test_a_value_that_cannot_leave_its_kernel_is_refused_elsewhere() -> None:
    play = Play(a_plan(a_step("a"), a_step("b", "a")))
    play.ok("a", kept=frozenset({Name("a")}))
    assert play.reason("b") == "unstorable"
    assert "cannot leave the kernel of `a`" in play.message("b")


def test_where_all_runs_in_one_kernel_a_retry_starts_from_the_top() -> None:
    lane = {"lane": "main"}
    plan = a_plan(
        a_step("a", **lane), a_step("b", "a", options=retries(1), **lane), one_lane=("eval",)
    )
    play = Play(plan)
    play.ok("a")
    play.fail("b", retry_at=1.0)
    play.send(machine.Woke(now=1.0))
    assert play.starts() == ["a#1", "b#1", "a#2"]


# -- stale results ---------------------------------------------------------------------------------


def replanned(play: Play, plan: Plan) -> None:
    play.send(machine.Replanned(plan=plan))


def test_what_ran_with_a_version_that_turns_out_wrong_runs_again() -> None:
    before = a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a"))
    after = a_plan(
        a_step("a"),
        a_step("b", "a", outputs=(Name("b"), Name("a")), declared_writes=(Name("b"), Name("a"))),
        a_step("c", "a@b"),
    )
    play = Play(before)
    play.ok("a")
    play.ok("c")
    replanned(play, after)
    play.ok("b", "2")
    assert play.starts() == ["a#1", "b#1", "c#1", "c#2"]
    assert play.last_start("c").inputs == {"a": blob("a", "2")}
    assert "changed by `b`" in play.message("c")


def test_identical_content_from_another_writer_is_not_stale() -> None:
    after = a_plan(
        a_step("a"), a_step("b", "a", outputs=(Name("b"), Name("a"))), a_step("c", "a@b")
    )
    play = Play(a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a")))
    play.ok("a")
    play.ok("c")
    replanned(play, after)
    play.ok("b", "1")
    assert play.starts() == ["a#1", "b#1", "c#1"]
    assert play.finish().status is Status.SUCCEEDED


def test_a_failure_with_a_wrong_version_is_forgiven() -> None:
    after = a_plan(
        a_step("a"),
        a_step("b", "a", outputs=(Name("b"), Name("a"))),
        a_step("c", "a@b"),
        a_step("d", "c"),
    )
    play = Play(a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "c")))
    play.ok("a")
    play.fail("c")
    assert play.status("d") == "skipped"
    replanned(play, after)
    play.ok("b", "2")
    play.ok("c")
    play.ok("d")
    assert play.finish().status is Status.SUCCEEDED


def test_a_step_with_outside_effects_is_refused_a_second_run() -> None:
    after = a_plan(
        a_step("a"), a_step("b", "a", outputs=(Name("b"), Name("a"))), a_step("c", "a@b")
    )
    play = Play(a_plan(a_step("a"), a_step("b", "a"), a_step("c", "a")))
    play.ok("a")
    play.ok("c", touched=True)
    replanned(play, after)
    play.ok("b", "2")
    assert play.reason("c") == "must_run_again"
    assert "Run the notebook again" in play.message("c")
    assert play.finish().status is Status.FAILED


def test_a_step_that_has_to_hand_over_more_runs_again() -> None:
    play = Play(a_plan(a_step("a")))
    replanned(play, a_plan(a_step("a", outputs=(Name("a"), Name("x")))))
    play.send(
        Ended(
            step=StepId("a"),
            attempt=1,
            status=Status.SUCCEEDED,
            outputs={Name("a"): blob("a", "1")},
        )
    )
    assert play.starts() == ["a#1", "a#2"]


def test_inputs_that_never_settle_are_refused() -> None:
    play = Play(a_plan(a_step("a")))
    for _ in range(AGAIN_LIMIT):
        play.send(
            machine.RunAgain(
                step=StepId("a"),
                attempt=play.state.tasks[StepId("a")].attempt,
                message="more",
                touched=False,
            )
        )
    assert play.status("a") == "running"
    attempt = play.state.tasks[StepId("a")].attempt
    play.send(machine.RunAgain(step=StepId("a"), attempt=attempt, message="more", touched=False))
    assert play.reason("a") == "unstable"


def test_when_all_must_share_a_kernel_the_run_starts_over_in_it() -> None:
    lane = {"lane": "main"}
    plan = a_plan(
        a_step("a", **lane),
        a_step("b", "a", **lane),
        edges=[an_edge("a", "b")],
        one_lane=("a module changed",),
    )
    play = Play(a_plan(a_step("a"), a_step("b", "a")))
    play.ok("a")
    replanned(play, plan)
    play.ok("b")
    assert play.starts() == ["a#1", "b#1", "a#2"]
    play.ok("a")
    assert play.last_start("b").lane_inputs == ("a",)


def test_steps_that_a_new_plan_does_not_have_are_stopped() -> None:
    play = Play(a_plan(a_step("a"), a_step("b")))
    replanned(play, a_plan(a_step("a"), a_step("new")))
    assert play.kills() == ["b#1"]
    play.ok("a")
    play.ok("new")
    assert play.finish().status is Status.SUCCEEDED


# -- cancelling ------------------------------------------------------------------------------------


def test_c13_cancelling_stops_what_runs_and_starts_nothing() -> None:
    play = Play(a_plan(a_step("a"), a_step("b", "a")))
    play.send(machine.CancelAsked())
    assert (play.kills(), play.status("b")) == (["a#1"], "cancelled")
    play.send(Ended(step=StepId("a"), attempt=1, status=Status.CANCELLED, reason="cancelled"))
    assert play.finish().status is Status.CANCELLED


def test_what_ends_well_after_a_cancel_still_counts() -> None:
    play = Play(a_plan(a_step("a"), a_step("b", "a")))
    play.send(machine.CancelAsked())
    play.ok("a")
    assert (play.status("a"), play.finish().status) == ("succeeded", Status.CANCELLED)


# -- every run -------------------------------------------------------------------------------------

NAMES = tuple("abcdefg")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Steps that read steps above them, some in lanes, some with retries."""
    steps = []
    for place in range(draw(st.integers(1, len(NAMES)))):
        above = NAMES[:place]
        reads = draw(st.lists(st.sampled_from(above), unique=True, max_size=3)) if above else []
        lane = draw(st.sampled_from([None, None, "L", "M"]))
        options = retries(draw(st.integers(0, 2)))
        steps.append(a_step(NAMES[place], *reads, lane=lane, options=options))
    one_lane = ("eval",) if draw(st.booleans()) else ()
    if one_lane:
        steps = [replace(step, lane="main") for step in steps]
    return a_plan(*steps, one_lane=one_lane)


def check_start(play: Play, start: Start, jobs: int) -> None:
    """What must hold at every start; the machine's own state is asked, before the start counts."""
    tasks, graph = play.state.tasks, play.state.plan.graph
    assert all(tasks[parent].passes for parent in graph.ancestors([start.step]))
    running = [step for step, task in tasks.items() if task.status is Status.RUNNING]
    lanes = [graph.step(step).lane for step in running if graph.step(step).lane]
    assert len(lanes) == len(set(lanes))
    assert len(running) <= jobs
    named = {given.name for given in graph.step(start.step).inputs}
    assert named == {*start.inputs, *start.lane_inputs}


@given(plan=plans(), jobs=st.integers(1, 3), data=st.data())
def test_every_run_ends_and_every_start_is_allowed(
    plan: Plan, jobs: int, data: st.DataObject
) -> None:
    play = Play(plan, jobs=jobs)
    seen = 0
    for _ in range(2000):
        starts = [c for c in play.commands if isinstance(c, Start)]
        for start in starts[seen:]:
            check_start(play, start, jobs)
        seen = len(starts)
        if play.state.finished:
            break
        choose_event(play, data)
    assert play.finish().status.ended
    assert all(task.status.ended for task in play.state.tasks.values())


def choose_event(play: Play, data: st.DataObject) -> None:
    running = [step for step, task in play.state.tasks.items() if task.status is Status.RUNNING]
    if not running:
        wake = machine.next_wake(play.state)
        assert wake is not None, "nothing runs, nothing waits, and the run goes on"
        play.send(machine.Woke(now=wake))
        return
    step = data.draw(st.sampled_from(running))
    match data.draw(st.sampled_from(["ok", "ok", "ok", "kept", "fail", "cancel"])):
        case "ok":
            play.ok(step, data.draw(st.sampled_from("12")), touched=data.draw(st.booleans()))
        case "kept":
            play.ok(step, kept=frozenset(play.state.plan.graph.step(step).outputs))
        case "fail":
            play.fail(step, retry_at=data.draw(st.sampled_from([None, 0.0, 3.0])))
        case _:
            play.send(machine.CancelAsked())
            play.send(
                Ended(
                    step=step,
                    attempt=play.state.tasks[step].attempt,
                    status=Status.CANCELLED,
                    reason="cancelled",
                )
            )


def test_a_step_that_is_made_elsewhere_takes_no_slot_and_starts_when_it_is_free() -> None:
    play = Play(a_plan(a_step("a"), a_step("b")), jobs=1)
    play.send(machine.Begun())
    assert play.starts() == ["a#1"]
    play.send(machine.Held(step=StepId("a"), attempt=1, reason=MADE_ELSEWHERE, message="run 2"))
    assert play.status("a") == "waiting"
    assert play.starts()[-1] == "b#1"
    play.ok("b")
    play.send(machine.Woke(now=1000.0))
    assert play.status("a") == "waiting"
    play.send(machine.Freed(step=StepId("a")))
    assert play.last_start("a").attempt == 1
    play.ok("a")
    assert play.finish().status is Status.SUCCEEDED


def test_a_held_step_is_cancelled_with_its_run() -> None:
    play = Play(a_plan(a_step("a")))
    play.send(machine.Begun())
    play.send(machine.Held(step=StepId("a"), attempt=1, reason=MADE_ELSEWHERE, message="run 2"))
    play.send(machine.CancelAsked())
    assert play.status("a") == "cancelled"
    assert play.finish().status is Status.CANCELLED
    play.send(machine.Freed(step=StepId("a")))
    assert play.status("a") == "cancelled"
