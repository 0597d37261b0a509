"""Runs that are killed, cancelled or interrupted, and resumed (FAULTS A).

What a crash leaves is looked at from outside: kernels, the history, the files that steps wrote.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, Said, cell_statuses, printed

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

HOLD = "hold"
"""While this file is there, the middle step waits."""

DEAF = """
import time, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
open('deaf', 'w').close()
time.sleep(600)
"""

APPEND = "with open('{0}.log', 'a') as file:\n    print('{0}', file=file)\n"

STORY = (
    "import time\nfrom pathlib import Path",
    (APPEND.format("first") + "a = [1, 2]", ["step:first"]),
    (
        APPEND.format("middle")
        + "print('waiting')\nwhile Path('hold').exists():\n    time.sleep(0.02)\nb = [*a, 3]",
        ["step:middle"],
    ),
    (APPEND.format("last") + "print('total', sum(b))", ["step:last"]),
    ("c = len(a)\nprint('aside', c)", ["step:aside"]),
)

NAMES = {"definitions", "first", "middle", "last", "aside"}


def held(bench: Bench, *words: str) -> "subprocess.Popen[str]":
    """A run that has got to its middle step and waits there; everything else is done."""
    bench.notebook(*STORY)
    bench.path(HOLD).touch()
    process = bench.start("run", "story.ipynb", "--json", *words)
    bench.await_file(process, "middle.log")
    bench.await_step(process, "aside", "succeeded")
    return process


def finished_after(bench: Bench, said: Said, *, middle: int) -> None:
    """The resumed run has the right result; finished steps were not repeated."""
    assert said.code == 0, said.out + said.err
    assert set(said.statuses().values()) == {"succeeded"}
    assert set(said.steps) == NAMES
    text = printed(bench.result(said))
    assert "total 6" in text
    assert "aside 2" in text
    assert bench.lines("first.log") == ["first"]
    # At least once: a step that was killed in its middle runs again from its beginning.
    assert bench.lines("middle.log") == ["middle"] * middle
    assert bench.lines("last.log") == ["last"]
    bench.await_silence()


def test_c02_kill_9_of_the_runner_then_resume(bench: Bench) -> None:
    process = held(bench)
    process.kill()
    bench.end(process)
    bench.await_silence()  # no orphan kernel, although nobody told it to go
    bench.path(HOLD).unlink()

    said = bench.say("resume", "latest", "--json")
    finished_after(bench, said, middle=2)
    assert said.ran() == {"definitions", "middle", "last"} - ({"definitions"} & said.reused())
    assert {"first", "aside"} <= said.reused()

    killed = bench.say("runs", "--json").document["runs"][1]
    assert killed["status"] == "lost"
    lost = bench.status(killed["run"])
    assert lost.statuses()["middle"] == "lost"
    assert lost.statuses()["last"] == "cancelled"
    assert lost.statuses()["first"] == "succeeded"
    why = bench.say("why", killed["run"], "middle").out
    assert "middle was lost" in why


def test_cancel_from_another_process(bench: Bench) -> None:
    process = held(bench)
    asked = bench.say("cancel", "latest")
    assert asked.code == 0
    said = bench.end(process)
    assert said.code == 1
    assert said.document["status"] == "cancelled"
    assert said.statuses()["middle"] == "cancelled"
    assert said.statuses()["last"] == "cancelled"
    assert said.statuses()["aside"] == "succeeded"
    bench.await_silence()
    node = bench.result(said)
    assert cell_statuses(node)["c3"] != "completed"
    assert cell_statuses(node)["c4"] == "pending"
    assert "waiting" in printed(node)

    bench.path(HOLD).unlink()
    finished_after(bench, bench.say("resume", "latest", "--json"), middle=2)
    again = bench.say("cancel", "latest")
    assert "succeeded" in again.out + again.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=LONG)]
)
def test_c13_a_signal_stops_in_order(bench: Bench, number: signal.Signals, code: int) -> None:
    process = held(bench, "-o", "out.ipynb")
    process.send_signal(number)
    said = bench.end(process)
    assert said.code == code
    assert said.document["status"] == "cancelled"
    node = bench.result(said)
    assert "aside 2" in printed(node)
    assert bench.path("out.ipynb").exists()
    bench.await_silence()
    bench.path(HOLD).unlink()
    finished_after(bench, bench.say("resume", "latest", "--json"), middle=2)


@LONG
def test_c13_a_second_signal_does_not_wait(bench: Bench) -> None:
    bench.notebook(
        ("import time\nprint('up', flush=True)\nopen('up', 'w').close()", ["step:up"]),
        (
            DEAF,
            ["step:deaf"],
        ),
    )
    process = bench.start("run", "story.ipynb")
    bench.await_file(process, "deaf")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said = bench.end(process)
    assert said.code == 130
    assert "Traceback" not in said.err
    bench.await_silence()
    assert bench.status().document["status"] in ("cancelled", "failed")


# Where the runner is killed, as (module, class, method, before or after, which call).
MOMENTS = {
    "c01_before_the_first_step": ("execution.executor", "LocalExecutor", "submit", "before", 1),
    "c04_before_a_file_is_in_place": ("project.behind", "Behind", "commit", "before", 1),
    "c04_before_the_row": ("store.history", "Ledger", "step_succeeded", "before", 2),
    "c04_after_the_row": ("store.history", "Ledger", "step_succeeded", "after", 2),
    "c05_before_the_notebook": ("project.ticket", "Ticket", "_publish", "before", 1),
    "c05_after_the_notebook": ("project.ticket", "Ticket", "_publish", "after", 1),
    "c05_after_the_last_row": ("store.history", "Ledger", "finish_run", "after", 1),
}

KILLER = """
import importlib, os, signal, sys
module, kind, method, when, call = {moment!r}
owner = getattr(importlib.import_module("nbflow." + module), kind)
genuine, calls = getattr(owner, method), []

def deadly(*given, **more):
    calls.append(1)
    if when == "before" and len(calls) == call:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = genuine(*given, **more)
    if len(calls) == call:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, method, deadly)
from nbflow.faces.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "moment", [pytest.param(moment, marks=LONG, id=name) for name, moment in MOMENTS.items()]
)
def test_kill_9_of_the_runner_at_any_moment(
    bench: Bench, moment: tuple[str, str, str, str, int]
) -> None:
    bench.notebook(*STORY)
    killed = bench.end(bench.start("run", "story.ipynb", program=KILLER.format(moment=moment)))
    assert killed.code == -signal.SIGKILL
    bench.await_silence()
    before = {name: len(bench.lines(f"{name}.log")) for name in ("first", "middle", "last")}
    status = bench.status()
    done = {name for name, state in status.statuses().items() if state == "succeeded"}

    said = bench.say("resume", "latest", "--json")
    assert said.code == 0, said.out + said.err
    assert set(said.statuses().values()) == {"succeeded"}
    assert "total 6" in printed(bench.result(said))
    for name, count in before.items():
        again = 0 if name in done else 1
        assert len(bench.lines(f"{name}.log")) == count + again, name
    assert json.loads(bench.say("get", "latest", "b").out) == [1, 2, 3]
    assert not list(bench.path(".nbflow").glob("store/**/*.tmp"))
    bench.await_silence()


@LONG
def test_resume_of_a_run_that_is_going_on_is_refused(bench: Bench) -> None:
    process = held(bench)
    said = bench.say("resume", "latest")
    assert said.code == 2
    assert "still running" in said.err
    assert "nbflow cancel" in said.err
    bench.path(HOLD).unlink()
    finished_after(bench, bench.end(process), middle=1)


@LONG
def test_resume_has_the_code_and_parameters_of_the_run(bench: Bench) -> None:
    cells = [
        ("factor = 1", ["parameters"]),
        ("a = [factor]\nopen('a.log', 'a').write('x')", ["step:a"]),
        ("if not a:\n    raise ValueError\nb = a[0] / zero", ["step:b"]),
    ]
    bench.notebook(*cells)
    assert bench.run("-p", "factor", "7").code == 1

    again = bench.say("resume", "latest", "--json")
    assert again.code == 1
    assert again.document["parameters"] == {"factor": 7}
    assert "a" in again.reused()
    assert again.steps["b"]["status"] == "failed"

    bench.notebook(cells[0], cells[1], ("print('got', a)", ["step:b"]))
    assert bench.say("resume", "latest", "--json").code == 1
    mended = bench.say("resume", "latest", "--latest-code", "--json")
    assert mended.code == 0
    assert "got [7]" in printed(bench.result(mended))
    assert bench.path("a.log").read_text() == "x"


LARGE = """df = pd.DataFrame(np.random.default_rng(1).random((1_500_000, {})))
df.columns = df.columns.map("c{{}}".format)
"""


@pytest.mark.parametrize("columns", [4, pytest.param(24, marks=LONG)], ids=["duckdb", "arrow"])
def test_kill_9_while_a_large_table_is_on_its_way_to_the_disk(bench: Bench, columns: int) -> None:
    """Readers had it already; the history must not say that it is there."""
    bench.notebook(
        "import numpy as np\nimport pandas as pd",
        (APPEND.format("first") + LARGE.format(columns), ["step:first"]),
        (APPEND.format("middle") + "df['e'] = df['c0'] + 1", ["step:middle"]),
        (APPEND.format("last") + "print('total', df.shape)", ["step:last"]),
    )
    process = bench.start("run", "story.ipynb", "--json")
    bench.await_file(process, "middle.log")
    process.kill()
    bench.end(process)
    bench.await_silence()
    for step in bench.status().document["steps"]:
        for output in step["outputs"]:
            assert step["status"] == "succeeded" or not output["bytes"]

    said = bench.say("resume", "latest", "--json")
    assert said.code == 0, said.out + said.err
    assert set(said.statuses().values()) == {"succeeded"}
    assert f"total (1500000, {columns + 1})" in printed(bench.result(said))
    assert said.ran() | said.reused() == {"definitions", "first", "middle", "last"}
    shape = bench.say("get", said.document["run"], "df")
    assert shape.code == 0, shape.err
    asked = bench.say("sql", "SELECT count(*), min(e - c0) > 0.9 FROM df", "--csv")
    assert "1500000,true" in asked.out.lower(), asked.out + asked.err
