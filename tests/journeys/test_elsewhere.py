"""Other doors and other people: papermill, two runs at once, edits while a run goes on."""

import sys
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, cell_statuses, code_cells, printed

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

PARAMETERS = ("day = 'monday'\nfactor = 1", ["parameters"])
CELLS = (
    PARAMETERS,
    ("import os\namounts = [factor, 2 * factor]", []),
    ("%%sql told\nSELECT $day AS day, $factor AS factor", []),
    ("print(day, amounts, told.factor[0], os.path.basename(os.getcwd()))", []),
    "sum(amounts)",
)


def test_papermill_gives_the_same_as_nbflow_run(bench: Bench) -> None:
    bench.notebook(*CELLS)
    own = bench.run("-p", "factor", "7", "-o", "own.ipynb")
    assert own.code == 0, own.out + own.err
    pm = bench.say(
        *("story.ipynb", "pm.ipynb", "--engine", "nbflow", "-p", "factor", "7"), module="papermill"
    )
    assert pm.code == 0, pm.err
    made, theirs = (
        nbformat.read(bench.path(name), as_version=4) for name in ("own.ipynb", "pm.ipynb")
    )
    nbformat.validate(theirs)
    assert printed(made) == printed(theirs)
    assert "monday [7, 14] 7 project" in printed(theirs)
    assert [c["source"] for c in made["cells"]][1:] == [c["source"] for c in theirs["cells"]][1:]
    assert cell_statuses(made) == cell_statuses(theirs)
    assert "nbflow-injected-parameters" in cell_statuses(theirs)
    assert set(cell_statuses(theirs).values()) == {"completed"}
    assert theirs["metadata"]["papermill"]["parameters"] == {"factor": 7}
    runs = bench.say("runs", "--json").document["runs"]
    assert [run["trigger"] for run in runs] == ["papermill", "manual"]
    assert bench.status().reused() >= {"amounts", "told"}


def test_papermill_never_calls_a_dead_kernel_completed(bench: Bench) -> None:
    bench.notebook(
        "import os",
        ("fine = [1]\nprint('fine', fine)", []),
        ("dead = [1]\nos._exit(0)", ["step:gone"]),
        ("print(dead)", ["step:reader"]),
    )
    said = bench.say("story.ipynb", "out.ipynb", "--engine", "nbflow", module="papermill")
    assert said.code != 0
    assert "the kernel died (exit code 0)" in said.err
    node = nbformat.read(bench.path("out.ipynb"), as_version=4)
    assert {i: s for i, s in cell_statuses(node).items() if i.startswith("c")} == {
        "c1": "completed",
        "c2": "completed",
        "c3": "failed",
        "c4": "pending",
    }
    assert "fine [1]" in printed(node)
    assert bench.status().document["status"] == "failed"
    bench.await_silence()


@LONG
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "facto", "7"), "did you mean factor?"),
        pytest.param(("-p", "factor", "seven"), "factor takes int", marks=LONG),
    ],
)
def test_papermill_says_what_nbflow_refuses(
    bench: Bench, words: tuple[str, ...], message: str
) -> None:
    bench.notebook(*CELLS)
    said = bench.say("story.ipynb", "out.ipynb", "--engine", "nbflow", *words, module="papermill")
    assert said.code != 0
    assert message in said.err
    assert bench.say("runs", "--json").document["runs"] == []


@LONG
def test_papermill_onto_the_source_is_refused(bench: Bench) -> None:
    bench.notebook("open('ran', 'w').close()")
    said = bench.say("story.ipynb", "story.ipynb", "--engine", "nbflow", module="papermill")
    assert said.code != 0
    assert "the output is the notebook itself" in said.err
    assert not bench.path("ran").exists()


def test_two_runs_of_one_notebook_at_once(bench: Bench) -> None:
    bench.notebook(
        ("a = [1, 2]", ["step:a"]),
        ("%%sql squares\nSELECT x, x * x AS y FROM range(1000) AS t(x)", ["step:squares"]),
        ("print('sum', sum(a), squares.y.sum())", ["step:sum"]),
    )
    both = [bench.start("run", "story.ipynb", "--json", "-o", f"{n}.ipynb") for n in "ab"]
    for said in [bench.end(process) for process in both]:
        assert said.code == 0, said.out + said.err
        assert set(said.statuses().values()) == {"succeeded"}
        assert "sum 3 332833500" in printed(bench.result(said))
    runs = bench.say("runs", "--json").document["runs"]
    assert len({run["run"] for run in runs}) == 2
    assert bench.run().reused() == {"a", "squares", "sum"}
    assert bench.say("doctor").code in (0, 3)
    bench.await_silence()


def test_c30_the_notebook_is_edited_while_it_runs(bench: Bench) -> None:
    first = ("from pathlib import Path\nimport time", [])
    wait = ("while Path('hold').exists():\n    time.sleep(0.02)\nx = [1]", ["step:wait"])
    bench.notebook(first, wait, ("print('old', x)", ["step:tell"]))
    bench.path("hold").touch()
    process = bench.start("run", "story.ipynb", "--json")
    bench.await_step(process, "wait", "running")
    bench.notebook(first, wait, ("print('new', x)", ["step:tell"]))
    bench.path("hold").unlink()
    said = bench.end(process)
    assert said.code == 0, said.out + said.err
    node = bench.result(said)
    assert "old [1]" in printed(node)
    assert "print('old', x)" in code_cells(node)["c3"]["source"]
    summary = node["cells"][0]["source"]
    assert "changed" in summary
    assert "print('new', x)" in bench.path("story.ipynb").read_text()


@LONG
def test_c31_the_notebook_is_removed_while_it_runs(bench: Bench) -> None:
    bench.notebook(
        ("from pathlib import Path\nimport time", []),
        ("while Path('hold').exists():\n    time.sleep(0.02)\nx = [1]", ["step:wait"]),
        ("print('done', x)", ["step:tell"]),
    )
    bench.path("hold").touch()
    process = bench.start("run", "story.ipynb", "--json")
    bench.await_step(process, "wait", "running")
    bench.path("story.ipynb").unlink()
    bench.path("hold").unlink()
    said = bench.end(process)
    assert said.code == 0, said.out + said.err
    assert "done [1]" in printed(bench.result(said))


@LONG
def test_the_source_is_never_touched(bench: Bench) -> None:
    path = bench.notebook("x = [1]\nprint(x)", "1 / 0")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert bench.run().code == 1
    bench.say("show", "story.ipynb")
    bench.say("resume", "latest")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_people_see_plain_lines_in_a_pipe(bench: Bench) -> None:
    bench.notebook(("x = [1]", ["step:good"]), ("x[5]", ["step:bad"]), ("x.sort()", []))
    said = bench.say("run", "story.ipynb")
    assert said.code == 1
    assert said.err == ""
    assert "\x1b[" not in said.out
    assert "error[step-failed]: bad: IndexError: list index out of range" in said.out
    assert "story.ipynb cell 2, line 1" in said.out
    assert "> 1 | x[5]" in said.out
    run = bench.status().document["run"][:13]
    assert f"nbflow resume {run}" in said.out
    assert f"nbflow logs {run} bad" in said.out


@LONG
def test_events_are_json_lines(bench: Bench) -> None:
    import json

    bench.notebook(("print('hi')", ["step:hi"]))
    said = bench.say("run", "story.ipynb", "--events")
    events = [json.loads(line) for line in said.out.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert [event["kind"] for event in events if event["step"] == "hi"] == [
        "step_queued",
        "step_started",
        "step_output",
        "step_finished",
    ]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)


LOOKING_BACK = ("runs", "status", "why latest x", "diff latest latest", "get latest x", "gc")


@pytest.mark.parametrize("words", LOOKING_BACK)
def test_looking_back_leaves_a_folder_as_it_is(bench: Bench, words: str) -> None:
    """Where nothing has run there is nothing to see, and no history is begun for it."""
    said = bench.say(*words.split())
    assert said.code == (0 if words in ("runs", "gc") else 2), said.err
    assert said.code == 0 or "nothing has run yet" in said.err
    assert not bench.path(".nbflow").exists()
