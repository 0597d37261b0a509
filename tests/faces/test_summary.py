"""The last lines of a run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from nbflow.core.graph import Graph
from nbflow.core.run import Run, Status
from nbflow.core.task import StepError
from nbflow.faces import summary


def test_most_at_once_counts_only_what_ran_together(good_run: Run) -> None:
    assert summary.most_at_once(good_run.steps) == 2
    assert summary.most_at_once(good_run.steps[:2]) == 1
    assert summary.most_at_once(()) == 0


def test_what_was_reused_is_said_in_one_line(good_run: Run) -> None:
    steps = tuple(replace(step, action="reuse") for step in good_run.steps)
    run = replace(good_run, steps=steps, seconds=0.31)
    assert summary.headline(run) == "succeeded in 0.3 s · 5 steps: 5 reused"


def test_only_tables_that_nothing_waits_for_come_out(
    good_run: Run, shop: Graph, make: SimpleNamespace
) -> None:
    steps = (*good_run.steps[:3], *good_run.steps[3:])
    last = replace(steps[4], outputs=(make.blob("exceptions", 3),))
    run = replace(good_run, steps=(*steps[:4], last))
    facts = dict(summary.facts(run, shop, summary.Commands(), Path("/x")))
    assert facts["tables"] == "exceptions (3 rows × 3)"
    assert facts["look"] == "nbflow get 0193f2a1-7c3b exceptions"
    assert "again" not in facts


def test_many_failures_are_counted(bad_run: Run) -> None:
    failed = tuple(replace(bad_run.steps[2], step=f"s{number}") for number in range(8))
    blocks = summary.errors(replace(bad_run, steps=failed), None)
    assert len(blocks) == 6
    assert blocks[-1] == "and 3 more failed steps"


def test_c68_a_huge_message_is_cut(bad_run: Run) -> None:
    error = StepError(type="E", message="x" * 10_000_000, cell="c5", cell_index=4, line=2)
    failed = replace(bad_run.steps[2], error=error)
    [block] = summary.errors(replace(bad_run, steps=(failed,)), None)
    assert len(block) < 1000


def test_a_run_that_failed_as_a_whole_says_why(bad_run: Run) -> None:
    run = replace(bad_run, steps=(), reason="disk_full", message="/out: 3 MB left")
    assert summary.errors(run, None) == ["error[disk-full]: /out: 3 MB left"]


def test_a_line_that_is_not_in_the_cell_any_more_is_not_quoted(bad_run: Run, shop: Graph) -> None:
    error = bad_run.steps[2].error
    assert error is not None
    failed = replace(bad_run.steps[2], error=replace(error, line=99))
    [block] = summary.errors(replace(bad_run, steps=(failed,)), shop)
    assert block == "error[step-failed]: metrics: KeyError: 'store'\n  shop.ipynb cell 5, line 99"


def test_a_cancelled_run_says_how_to_go_on(good_run: Run) -> None:
    run = replace(good_run, status=Status.CANCELLED)
    labels = [label for label, _ in summary.facts(run, None, summary.Commands(), Path("/x"))]
    assert labels == ["result", "tables", "go on"]


def test_the_result_is_named_as_one_would_type_it(good_run: Run) -> None:
    run = replace(good_run, result="/x/p/out.ipynb")
    assert summary.facts(run, None, summary.Commands(), Path("/x"))[0] == (
        "result",
        "p/out.ipynb",
    )
