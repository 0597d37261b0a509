"""Outputs and statuses back in the author's notebook: nothing is `completed` that did not run."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill import execute as papermill_execute
from papermill.exceptions import PapermillExecutionError

sys.path.insert(0, str(Path(__file__).parent))
from notebook_runs import (
    T0,
    T1,
    T2,
    book,
    code,
    error,
    error_output,
    markdown,
    result,
    run,
    stream,
    value,
)

from nbflow.core.run import Status
from nbflow.notebook.assemble import LONGEST_ERROR, assemble, expected_errors_as_text

S = Status


def raise_for_execution_errors(node: Any) -> None:
    """papermill's last look at the notebook; it puts banners into the node that it gets."""
    papermill_execute.raise_for_execution_errors(copy.deepcopy(node), None)


def statuses(node: Any) -> list[str]:
    return [cell["metadata"]["papermill"]["status"] for cell in node["cells"]]


def exceptions(node: Any) -> list[bool | None]:
    return [cell["metadata"]["papermill"]["exception"] for cell in node["cells"]]


def counts(node: Any) -> list[int | None]:
    return [cell.get("execution_count") for cell in node["cells"]]


def test_outputs_return_to_their_cells_in_the_authors_order() -> None:
    node = book(markdown("m"), code("a"), code("b"), code("c", ""), code("d"))
    steps = [result(name, S.SUCCEEDED, name, seconds=1.0) for name in ("d", "b", "a", "c")]
    outputs = {"d": [value("4", 1)], "a": [stream("one\n")], "b": [value("2", 7)]}
    made = assemble(node, run(S.SUCCEEDED, *steps), outputs=outputs, times={"a": (T0, T1)})
    assert [cell["id"] for cell in made["cells"]] == ["m", "a", "b", "c", "d"]
    assert counts(made) == [None, 1, 2, None, 3]
    assert made["cells"][1]["outputs"] == [stream("one\n")]
    assert made["cells"][2]["outputs"][0]["execution_count"] == 2
    assert made["cells"][4]["outputs"][0]["execution_count"] == 3
    assert statuses(made) == ["completed"] * 5
    assert exceptions(made) == [False] * 5
    assert made["cells"][1]["metadata"]["papermill"] == {
        "status": "completed",
        "exception": False,
        "start_time": T0,
        "end_time": T1,
        "duration": 1.5,
    }
    nbformat.validate(made)


def test_neither_the_given_node_nor_the_outputs_are_changed() -> None:
    node = book(markdown("m"), code("a"))
    outputs = {"a": [value("1", 9), error_output()]}
    before = copy.deepcopy((node, outputs))
    made = assemble(
        node, run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")), outputs=outputs, times={}
    )
    made["cells"][1]["outputs"].clear()
    made["metadata"]["papermill"]["parameters"]["x"] = 1
    assert (node, outputs) == before


def test_a_failed_step_stops_at_its_cell_and_the_rest_is_pending() -> None:
    node = book(markdown("m"), code("a"), code("b"), code("c"), code("d"))
    steps = [
        result("load", S.FAILED, "a", "b", "c", error=error("b"), reason="error"),
        result("d", S.SKIPPED, "d", reason="upstream_failed", message="load failed"),
    ]
    made = assemble(
        node,
        run(S.FAILED, *steps),
        outputs={"a": [stream("x")], "b": [error_output()]},
        times={"a": (T0, T1), "b": (T1, T2)},
    )
    assert statuses(made) == ["completed", "completed", "failed", "pending", "pending"]
    assert exceptions(made) == [False, False, True, None, None]
    assert counts(made) == [None, 1, 2, None, None]
    assert made["metadata"]["papermill"]["exception"] is True
    assert made["cells"][4]["metadata"]["nbflow"] == {
        "step": "d",
        "status": "skipped",
        "action": "run",
        "reason": "upstream_failed",
        "message": "load failed",
    }


def test_c06_a_kernel_that_died_leaves_a_failed_cell_that_says_so() -> None:
    node = book(code("a"), code("b"), code("c"))
    step = result(
        "load", S.FAILED, "a", "b", "c", reason="kernel_died", message="the kernel died: signal 9"
    )
    made = assemble(
        node,
        run(S.FAILED, step),
        outputs={"a": [stream("x")], "b": [stream("before")]},
        times={"a": (T0, T1), "b": (T1, "")},
    )
    assert statuses(made) == ["completed", "failed", "pending"]
    assert made["cells"][1]["outputs"][0] == stream("before")
    shown = made["cells"][1]["outputs"][1]
    assert (shown["output_type"], shown["ename"]) == ("error", "kernel_died")
    assert "signal 9" in shown["evalue"]
    with pytest.raises(PapermillExecutionError):
        raise_for_execution_errors(made)


@pytest.mark.parametrize("text", ["", "0"])
def test_c09_a_quiet_exit_is_a_failure_for_papermill_too(text: str) -> None:
    step = result(
        "load", S.FAILED, "a", error=error("a", "SystemExit", text), reason="exited_early"
    )
    made = assemble(
        book(code("a"), code("b")),
        run(S.FAILED, step),
        outputs={"a": [error_output("SystemExit", text)]},
        times={"a": (T0, T1)},
    )
    assert [o["ename"] for o in made["cells"][0]["outputs"]] == ["SystemExit", "ExitedEarly"]
    with pytest.raises(PapermillExecutionError):
        raise_for_execution_errors(made)


def test_c50_a_kernel_that_never_started_leaves_every_cell_pending_but_the_first() -> None:
    step = result("a", S.FAILED, "a", reason="kernel_missing", message="no kernel 'nope'")
    made = assemble(
        book(code("a"), code("b")),
        run(S.FAILED, step, result("b", S.SKIPPED, "b", reason="upstream_failed")),
        outputs={},
        times={},
    )
    assert statuses(made) == ["failed", "pending"]
    assert "nope" in made["cells"][0]["outputs"][0]["evalue"]
    assert made["metadata"]["papermill"]["exception"] is True


def test_c50_a_run_that_failed_before_any_step_completed_nothing() -> None:
    made = assemble(
        book(code("a"), code("b")),
        run(S.FAILED, reason="kernel_missing"),
        outputs={},
        times={},
    )
    assert statuses(made) == ["pending", "pending"]
    assert counts(made) == [None, None]
    assert made["metadata"]["papermill"]["exception"] is True


def test_cells_tagged_skip_are_marked_and_never_completed() -> None:
    node = book(code("a"), code("b", "x", "skip"))
    made = assemble(node, run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")), outputs={}, times={})
    assert statuses(made) == ["completed", "pending"]
    assert made["cells"][1]["metadata"]["nbflow"] == {"status": "skipped", "reason": "tagged_skip"}
    assert counts(made) == [1, None]


def test_a_reused_step_is_completed_without_times_of_this_run() -> None:
    step = result("a", S.SUCCEEDED, "a", action="reuse", reason="reused", message="same inputs")
    made = assemble(
        book(code("a")), run(S.SUCCEEDED, step), outputs={"a": [value("1", 5)]}, times={}
    )
    block = made["cells"][0]["metadata"]
    assert (block["papermill"]["status"], block["papermill"]["start_time"]) == ("completed", None)
    assert block["nbflow"]["action"] == "reuse"
    assert made["cells"][0]["outputs"][0]["execution_count"] == 1


def test_a_step_of_one_cell_gives_its_times_to_the_cell() -> None:
    step = result("a", S.SUCCEEDED, "a", started=T0, finished=T2)
    made = assemble(book(code("a")), run(S.SUCCEEDED, step), outputs={}, times={})
    assert made["cells"][0]["metadata"]["papermill"]["duration"] == 4.0


def test_a_run_in_progress_says_what_is_running() -> None:
    steps = [
        result("a", S.SUCCEEDED, "a"),
        result("b", S.RUNNING, "b", "c", "d"),
        result("e", S.QUEUED, "e"),
    ]
    made = assemble(
        book(markdown("m"), *(code(name) for name in "abcde")),
        run(S.RUNNING, *steps),
        outputs={},
        times={"b": (T0, T1), "c": (T1, "")},
    )
    assert statuses(made) == ["pending", "completed", "completed", "running", "pending", "pending"]
    assert made["metadata"]["papermill"]["exception"] is None
    assert made["metadata"]["papermill"]["end_time"] is None


@pytest.mark.parametrize("status", [S.CANCELLED, S.LOST])
def test_a_run_that_did_not_finish_claims_only_what_ended(status: Status) -> None:
    made = assemble(
        book(code("a"), code("b"), code("c")),
        run(status, result("x", status, "a", "b", "c")),
        outputs={},
        times={"a": (T0, T1), "b": (T1, "")},
    )
    assert statuses(made) == ["completed", "pending", "pending"]
    assert made["metadata"]["papermill"]["exception"] is True


def test_definitions_without_a_step_are_completed_only_if_they_ran() -> None:
    node = book(code("defs"), code("setup", "x", "setup"), code("a"))
    made = assemble(
        node,
        run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")),
        outputs={"defs": []},
        times={"setup": (T0, T1)},
    )
    assert statuses(made) == ["completed", "completed", "completed"]


@pytest.mark.parametrize(("times", "status"), [({"a": (T0, T1)}, "completed"), ({}, "pending")])
def test_given_parameters_hold_for_whatever_ran(
    times: dict[str, tuple[str, str]], status: str
) -> None:
    node = book(code("given", "day = 2", "injected-parameters"), code("a"))
    made = assemble(node, run(S.CANCELLED, result("a", S.CANCELLED, "a")), outputs={}, times=times)
    assert statuses(made)[0] == status


def test_the_notebooks_own_block_is_papermills() -> None:
    node = book(code("a"))
    node["metadata"]["papermill"] = {
        "parameters": {"day": "old"},
        "input_path": "a.ipynb",
        "version": "1.0",
    }
    done = run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a"), parameters={"limit": float("nan")})
    made = assemble(node, done, outputs={}, times={}, output_path="out.ipynb")
    block = made["metadata"]["papermill"]
    assert block == {
        "default_parameters": {},
        "environment_variables": {},
        "parameters": {"limit": "nan"},
        "input_path": "a.ipynb",
        "output_path": "out.ipynb",
        "version": block["version"],
        "start_time": T0,
        "end_time": T2,
        "duration": 4.0,
        "exception": None,
    }
    assert block["version"] != "1.0"
    assert made["metadata"]["nbflow"]["run"] == "019c-run"
    json.dumps(made["metadata"], allow_nan=False)


def test_marks_of_an_earlier_run_are_gone() -> None:
    node = book(code("a"), markdown("m"))
    node["cells"][0]["metadata"]["nbflow"] = {"step": "old", "status": "failed"}
    node["cells"][1]["metadata"]["nbflow"] = {"step": "old", "status": "failed"}
    made = assemble(node, run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")), outputs={}, times={})
    assert made["cells"][0]["metadata"]["nbflow"] == {
        "step": "a",
        "status": "succeeded",
        "action": "run",
    }
    assert "nbflow" not in made["cells"][1]["metadata"]


def test_expected_errors_do_not_stop_papermill() -> None:
    node = book(code("a", "1/0", "raises-exception"))
    made = assemble(
        node,
        run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")),
        outputs={"a": [error_output("ZeroDivisionError", "division by zero", "line 1", "line 2")]},
        times={},
    )
    assert made["cells"][0]["outputs"][0]["output_type"] == "error"
    with pytest.raises(PapermillExecutionError):
        raise_for_execution_errors(made)
    softened = expected_errors_as_text(made)
    raise_for_execution_errors(softened)
    assert softened["cells"][0]["outputs"] == [
        {"output_type": "stream", "name": "stderr", "text": "line 1\nline 2\n"}
    ]
    nbformat.validate(softened)


def test_a_check_that_only_warns_does_not_fail_the_notebook() -> None:
    """The run succeeded although the step did not: papermill must not raise for it."""
    step = result("check", S.FAILED, "a", error=error("a", "AssertionError"), reason="check_failed")
    made = assemble(
        book(code("a")), run(S.SUCCEEDED, step), outputs={"a": [error_output()]}, times={}
    )
    assert statuses(made) == ["completed"]
    assert made["cells"][0]["metadata"]["nbflow"]["status"] == "failed"
    raise_for_execution_errors(expected_errors_as_text(made))


def test_real_errors_stay_errors_for_papermill() -> None:
    made = assemble(
        book(code("a")),
        run(S.FAILED, result("a", S.FAILED, "a", error=error("a"))),
        outputs={"a": [error_output()]},
        times={},
    )
    with pytest.raises(PapermillExecutionError, match="no sales"):
        raise_for_execution_errors(expected_errors_as_text(made))


def test_tracebacks_speak_of_the_cells_own_number() -> None:
    node = book(code("a"), code("b"), code("c"))
    steps = [result(name, S.SUCCEEDED, name) for name in "ab"]
    steps.append(result("c", S.FAILED, "c", error=error("c")))
    lines = ["Cell \x1b[32mIn[1]\x1b[39m, line 1", "In[1] again", "x[1]"]
    outputs = {
        "c": [error_output("E", "v", *lines)],
        "a": [error_output("E", "v", "In[1]", "In[2]")],
    }
    made = assemble(node, run(S.FAILED, *steps), outputs=outputs, times={})
    assert made["cells"][2]["outputs"][0]["traceback"] == [
        "Cell \x1b[32mIn[3]\x1b[39m, line 1",
        "In[3] again",
        "x[1]",
    ]
    assert made["cells"][0]["outputs"][0]["traceback"] == ["In[1]", "In[2]"]


def test_c62_strange_characters_in_outputs_are_kept() -> None:
    strange = "nul \x00 ansi \x1b[31m bidi \u202e surrogate \ud800"
    made = assemble(
        book(code("a")),
        run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")),
        outputs={"a": [stream(strange)]},
        times={},
    )
    assert made["cells"][0]["outputs"][0]["text"] == strange


def test_c63_rich_outputs_pass_untouched() -> None:
    data = {
        "image/png": "bm90IGEgcG5n",
        "application/pdf": "%%%",
        "application/vnd.plotly.v1+json": {"data": [{"y": [1, None]}]},
        "application/x-unknown": "<script>alert(1)</script>",
    }
    shown = {"output_type": "display_data", "data": data, "metadata": {"image/png": {"width": 3}}}
    made = assemble(
        book(code("a")),
        run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")),
        outputs={"a": [shown]},
        times={},
    )
    assert made["cells"][0]["outputs"] == [shown]


def test_c68_a_huge_error_keeps_its_head_and_tail_and_says_so() -> None:
    text = "start" + "x" * 10_000_000 + "end"
    made = assemble(
        book(code("a"), code("b")),
        run(
            S.FAILED,
            result("a", S.FAILED, "a", error=error("a")),
            result("b", S.FAILED, "b", error=error("b", "E", text), message=text),
        ),
        outputs={"a": [error_output("E", text, text)]},
        times={},
    )
    first, second = (cell["outputs"][0] for cell in made["cells"])
    for shown in (first["evalue"], first["traceback"][0], second["evalue"]):
        assert len(shown) < LONGEST_ERROR + 100
        assert shown.startswith("start")
        assert shown.endswith("end")
        assert "characters left out" in shown
    assert len(json.dumps(made)) < 10 * LONGEST_ERROR
