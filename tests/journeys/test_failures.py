"""Steps that fail: each with its reason, stopping only what needs it (FAULTS A 6–9, D 58–69)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, cell_statuses, code_cells, printed

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci


def test_c07_a_dead_kernel_stops_only_what_needs_it(bench: Bench) -> None:
    bench.notebook(
        "import os",
        ("dead = [1]\nos._exit(0)", ["step:gone"]),
        ("print(dead)", ["step:reader"]),
        ("fine = [2]", ["step:fine"]),
        ("print('sum', sum(fine))", ["step:sum"]),
    )
    said = bench.run()
    assert said.code == 1
    assert said.document["status"] == "failed"
    assert said.statuses() == {
        "definitions": "succeeded",
        "gone": "failed",
        "reader": "skipped",
        "fine": "succeeded",
        "sum": "succeeded",
    }
    gone, reader = said.steps["gone"], said.steps["reader"]
    assert gone["reason"] == "kernel_died"
    assert "exit code 0" in gone["message"]
    assert gone["error"]["cell_index"] == 1
    assert (reader["reason"], reader["message"]) == ("upstream_failed", "`gone` failed before it")

    node = bench.result(said)
    assert cell_statuses(node) == {
        "c1": "completed",
        "c2": "failed",
        "c3": "pending",
        "c4": "completed",
        "c5": "completed",
    }
    assert "sum 2" in printed(node)
    assert node["metadata"]["papermill"]["exception"] is True
    summary = node["cells"][0]["source"]
    anchor = next(c for c in node["cells"] if c["id"].startswith("nbflow-failed"))
    assert f"(#cell-id={anchor['id']})" in summary
    assert f'id="{anchor["id"]}"' in anchor["source"]
    assert node["cells"].index(anchor) + 1 == node["cells"].index(code_cells(node)["c2"])

    why = bench.say("why", "latest", "reader")
    assert why.out.splitlines()[0] == "reader was skipped: `gone` failed before it"
    bench.await_silence()


@pytest.mark.parametrize(
    ("source", "tags", "reason", "words"),
    [
        pytest.param("os._exit(3)", [], "kernel_died", "exit code 3", id="c07_exit_3", marks=LONG),
        pytest.param(
            "os.kill(os.getpid(), 9)", [], "kernel_died", "signal 9", id="c06_kill_9", marks=LONG
        ),
        pytest.param(
            "import faulthandler\nfaulthandler._sigsegv()",
            [],
            "kernel_died",
            "signal 11, SIGSEGV",
            id="c08_segfault",
        ),
        pytest.param("sys.exit(0)", [], "exited_early", "sys.exit(0)", id="c09_sys_exit_0"),
        pytest.param("exit()", [], "exited_early", "before its end", id="c09_exit", marks=LONG),
        pytest.param(
            "input('who? ')", [], "input_requested", "make the value a parameter", id="c58_input"
        ),
        pytest.param(
            "import getpass\ngetpass.getpass()",
            [],
            "input_requested",
            "make the value a parameter",
            id="c58_getpass",
            marks=LONG,
        ),
        pytest.param(
            "while True: pass",
            ["timeout:1s"],
            "timed_out",
            "more than 1 second",
            id="c59_endless_loop",
        ),
        pytest.param(
            "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass",
            ["timeout:1s"],
            "timed_out",
            "more than 1 second",
            id="c59_endless_loop_that_cannot_be_interrupted",
            marks=LONG,
        ),
        pytest.param(
            "raise MemoryError",
            [],
            "out_of_memory",
            "ran out of memory",
            id="c65_memory_error",
            marks=LONG,
        ),
        pytest.param(
            "class Deep(Exception):\n    def __str__(self): return 'x' * 10_000_000\nraise Deep()",
            [],
            "error",
            "Deep: xxx",
            id="c68_exception_of_10_mb",
            marks=LONG,
        ),
        pytest.param(
            "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\n1 / 0",
            [],
            "error",
            "ZeroDivisionError",
            id="c64_daemon_left_behind",
            marks=LONG,
        ),
    ],
)
def test_a_failed_step_says_why(
    bench: Bench, source: str, tags: list[str], reason: str, words: str
) -> None:
    bench.notebook("import os, sys", ("before = [1]", []), (source, [*tags, "step:bad"]))
    said = bench.run()
    assert said.code == 1
    bad = said.steps["bad"]
    assert (bad["status"], bad["reason"]) == ("failed", reason)
    assert words in bad["message"]
    assert len(said.out) < 100_000
    assert bad["error"]["cell_index"] == 2
    node = bench.result(said)
    assert cell_statuses(node)["c3"] == "failed"
    assert words in node["cells"][0]["source"].replace("&#58;", ":")
    shown = bench.say("status")
    assert words in " ".join(shown.out.split())
    why = bench.say("why", "latest", "bad").out.splitlines()
    assert why[0].startswith("bad ran because it ")
    assert why[1].startswith("it failed in cell 3")
    bench.await_silence()


def test_c08_the_last_words_of_a_process_are_in_its_log(bench: Bench) -> None:
    bench.notebook(
        ("print('so far')", ["step:bad"]),  # a cell's own last words may die with its process
        ("import faulthandler\nfaulthandler._sigsegv()", ["step:bad"]),
        ("print('hello')", ["step:good"]),
    )
    assert bench.run().code == 1
    bad = bench.say("logs", "latest", "bad")
    assert "bad | so far" in bad.out.splitlines()
    assert "Segmentation fault" in bad.out
    assert "line 2 in <module>" in bad.out  # where the cell was, as faulthandler tells it
    everything = bench.say("logs", "latest")
    assert everything.out.splitlines().count("good | hello") == 1


@LONG
def test_a_failing_replay_names_the_definition(bench: Bench) -> None:
    bench.notebook("import os\nimport not_there_at_all", "x = [1]\nprint(os.sep, x)")
    said = bench.run()
    assert said.code == 1
    assert "not_there_at_all" in said.steps["definitions"]["message"]
    assert said.steps["definitions"]["error"]["cell_index"] == 0
