"""The command line as scripts and people meet it: verbs, exit codes, stdout and stderr."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.choices import Choices
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.errors import (
    KernelError,
    MachineError,
    NotebookError,
    StoreError,
    UsageError,
)
from nbflow.core.run import Run, Status
from nbflow.faces.cli import PAGE, main
from nbflow.faces.commands import nbflow as commands

Call = Callable[..., Any]


def asked(project: Any, verb: str) -> dict[str, Any]:
    """What the project was asked, once."""
    found = [facts for name, facts in project.asked if name == verb]
    assert len(found) == 1
    return dict(found[0])


# Running.


def test_run_hands_everything_to_the_project(nbflow: Call, project: Any, folder: Path) -> None:
    (folder / "p.yaml").write_text("day: 2026-01-06\ntop: 5\n")
    line = (
        "run shop.ipynb -p top -5 -f p.yaml -o out.ipynb --jobs 3 --force-step a --force-step b"
        " --until c --from d --only e --one-lane --executor local"
    )
    assert nbflow(*line.split()).code == 0
    given = asked(project, "run")
    assert given["parameters"] == {"day": date(2026, 1, 6), "top": "-5"}
    assert (given["output"], given["jobs"], given["actor"]) == ("out.ipynb", 3, "ada")
    assert given["choices"] == Choices(
        force_steps=("a", "b"),
        until=("c",),
        from_=("d",),
        only=("e",),
        one_lane=True,
        executor="local",
    )


def test_run_in_a_pipe_prints_plain_lines_and_the_way_on(nbflow: Call) -> None:
    ended = nbflow("run", "shop.ipynb", "-p", "top", "5")
    assert ended.err == ""
    assert ended.out == (
        "shop.ipynb  5 steps · 1 definition cell\n"
        "\n"
        "● sales      started\n"
        "✓ sales      1.0 s  48,210 rows  ran: sales.csv changed\n"
        "↺ returns    1,204 rows  reused: same inputs as run 0193f2a0\n"
        "● metrics    started\n"
        "✓ metrics    1.0 s  12 rows  ran: first run\n"
        "● dashboard  started\n"
        "✓ dashboard  1.0 s  ran: first run\n"
        "● report     started\n"
        "✓ report     1.0 s  ran: first run\n"
        "\n"
        "✓ succeeded in 4.0 s · 5 steps: 4 ran, 1 reused, up to 2 at once\n"
        "\n"
        "  result  .nbflow/runs/1/shop.ipynb\n"
        "  tables  metrics (12 rows × 5), returns (1,204 rows × 3), sales (48,210 rows × 3)\n"
        "  files   out/report.csv\n"
        "  look    nbflow get 0193f2a1-7c3b metrics\n"
        "  again   nbflow run shop.ipynb -p top 5\n"
    )


def test_a_failed_run_names_the_cell_the_line_and_how_to_go_on(
    nbflow: Call, project: Any, bad_run: Run
) -> None:
    project.outcome = bad_run
    ended = nbflow("run", "shop.ipynb")
    assert ended.code == 1
    assert ended.out.endswith(
        "✗ failed in 4.0 s · 5 steps: 1 ran, 1 reused, 1 failed, 2 skipped\n"
        "\n"
        "error[step-failed]: metrics: KeyError: 'store'\n"
        "  shop.ipynb cell 5, line 2\n"
        "      1 | m = sales.join(returns)\n"
        "    > 2 | metrics = m.groupby('store')\n"
        "      3 | metrics\n"
        "\n"
        "  result  .nbflow/runs/1/shop.ipynb\n"
        "  tables  returns (1,204 rows × 3), sales (48,210 rows × 3)\n"
        "  log     nbflow logs 0193f2a1-7c3b metrics\n"
        "  go on   nbflow resume 0193f2a1-7c3b\n"
        "  mended  nbflow resume 0193f2a1-7c3b --latest-code\n"
    )
    assert "Traceback" not in ended.out + ended.err


def test_resume_quotes_lines_only_of_code_that_it_runs(
    nbflow: Call, project: Any, bad_run: Run
) -> None:
    project.outcome = bad_run
    assert "> 2 |" not in nbflow("resume", "0193f2a1-7c3b").out
    assert "> 2 |" in nbflow("resume", "0193f2a1-7c3b", "--latest-code").out
    assert [facts["latest_code"] for verb, facts in project.asked if verb == "resume"] == [0, 1]


def test_c58_a_step_that_asks_is_told_about_parameters(
    nbflow: Call, project: Any, bad_run: Run
) -> None:
    steps = tuple(
        replace(step, reason="input_requested") if step.step == "metrics" else step
        for step in bad_run.steps
    )
    project.outcome = replace(bad_run, steps=steps)
    assert (
        "hint: nobody can answer in a run: make it a parameter" in nbflow("run", "shop.ipynb").out
    )


def test_events_are_json_lines_and_nothing_else(nbflow: Call) -> None:
    ended = nbflow("run", "shop.ipynb", "--events")
    kinds = [json.loads(line)["kind"] for line in ended.out.splitlines()]
    assert (kinds[0], kinds[-1], len(kinds)) == ("run_started", "run_finished", 11)
    assert ended.err == ""


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (Status.SUCCEEDED, None, 0),
        (Status.FAILED, "error", 1),
        (Status.FAILED, "disk_full", 3),
        (Status.CANCELLED, "cancelled", 1),
        (Status.LOST, None, 1),
        (Status.WAITING, None, 5),
    ],
)
def test_a_run_exits_by_its_status(
    nbflow: Call, project: Any, status: Status, reason: str | None, code: int
) -> None:
    project.outcome = replace(project.outcome, status=status, reason=reason)
    assert nbflow("run", "shop.ipynb").code == code
    assert nbflow("run", "shop.ipynb", "--json").code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_code_and_the_way_on(
    nbflow: Call, project: Any, number: signal.Signals, code: int
) -> None:
    before = signal.getsignal(number)
    project.during = lambda: os.kill(os.getpid(), number)
    ended = nbflow("run", "shop.ipynb")
    assert ended.code == code
    assert ended.err == "stopped\n  go on  nbflow resume 0193f2a1-7c3b\n"
    assert signal.getsignal(number) is before


def test_a_signal_that_the_runner_took_is_told_by_its_event(nbflow: Call, project: Any) -> None:
    project.outcome = replace(project.outcome, status=Status.CANCELLED)
    project.stopped_by = 15
    assert nbflow("run", "shop.ipynb").code == 143


# JSON: one document on stdout, nothing else.

JSON_COMMANDS: dict[str, str] = {
    "run shop.ipynb": "run",
    "resume latest": "run",
    "cancel latest": "run",
    "show shop.ipynb": "steps",
    "check shop.ipynb": "diagnostics",
    "plan shop.ipynb": "tasks",
    "verify shop.ipynb": "equal",
    "runs": "runs",
    "status": "steps",
    "logs latest": "lines",
    "get latest metrics": "text",
    "why latest metrics": "because",
    "diff 0193 latest": "steps",
    "sql SELECT": "rows",
    "init": "created",
    "demo d": "run",
    "doctor": "checks",
    "gc": "evicted_bytes",
    "keep latest --label sent": "label",
}


def test_every_command_has_a_json_form() -> None:
    assert {line.split()[0] for line in JSON_COMMANDS} == offered()


def offered() -> set[str]:
    """The commands that people are told of."""
    return {name for name, command in commands.commands.items() if not command.hidden}


@pytest.mark.parametrize("line", JSON_COMMANDS)
def test_json_is_one_document_and_nothing_else(
    nbflow: Call, project: Any, make: Any, line: str
) -> None:
    project.answers["doctor"] = (make.answer(name="disk", ok=True, message="fine", hint=None),)
    project.answers["verify"] = make.answer(
        equal=True,
        failed=None,
        differences=(),
        nondeterministic=(),
        not_compared=(),
        refused=(),
        run_all_seconds=1.0,
        workflow_seconds=1.0,
    )
    ended = nbflow(*line.split(), "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["schema_version"] == 1
    assert JSON_COMMANDS[line] in ended.json


@pytest.mark.parametrize("line", JSON_COMMANDS)
def test_every_command_turns_an_error_into_its_exit_code(
    nbflow: Call, project: Any, line: str
) -> None:
    project.error = StoreError("the ledger is locked", hint="stop run 7")
    ended = nbflow(*line.split(), "--json")
    assert ended.code == 3
    assert ended.json["error"] == {
        "code": "store",
        "message": "the ledger is locked",
        "hint": "stop run 7",
        "fields": {},
        "diagnostics": [],
    }
    assert ended.err == "error[store]: the ledger is locked\nhint: stop run 7\n"


# Errors.

CYCLE = Diagnostic(
    code="cycle",
    severity=Severity.ERROR,
    message="these steps wait for each other",
    place=Place(cell_index=3),
    also=(Place(cell_index=6, line=2),),
    hint="split one of them",
)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            UsageError("no run 12", hint="nbflow runs"),
            2,
            "error[usage]: no run 12\nhint: nbflow runs\n",
        ),
        (
            NotebookError("shop.ipynb: line 1: not JSON"),
            2,
            "error[notebook]: shop.ipynb: line 1: not JSON\n",
        ),
        (
            NotebookError("a cycle", diagnostics=(CYCLE,)),
            2,
            (
                "error[cycle]: these steps wait for each other\n  shop.ipynb cell 4\n"
                "  shop.ipynb cell 7, line 2\nhint: split one of them\n"
            ),
        ),
        (KernelError("no kernel ir"), 3, "error[kernel]: no kernel ir\n"),
        (MachineError("too old"), 3, "error[environment]: too old\n"),
        (
            PermissionError(13, "Permission denied", "/x"),
            3,
            "error[environment]: /x: Permission denied\n",
        ),
    ],
)
def test_expected_trouble_is_one_message_and_a_code(
    nbflow: Call, project: Any, error: Exception, code: int, said: str
) -> None:
    project.error = error
    ended = nbflow("run", "shop.ipynb", "--events")
    assert (ended.code, ended.out, ended.err) == (code, "", said)


def test_c41_an_unusable_notebook_is_one_line_without_traceback(nbflow: Call, project: Any) -> None:
    message = "shop.ipynb: line 1, column 1: the file is empty"
    found = Diagnostic(code="empty-file", severity=Severity.ERROR, message=message)
    for diagnostics, code in (((), "notebook"), ((found,), "empty-file")):
        project.error = NotebookError(message, diagnostics=diagnostics)
        ended = nbflow("plan", "shop.ipynb")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"error[{code}]: {message}\n"


def test_our_own_fault_is_short_and_its_traceback_lies_in_the_project(
    nbflow: Call, project: Any, folder: Path
) -> None:
    (folder / ".nbflow").mkdir()
    project.error = RuntimeError("wires crossed\nsecond line")
    ended = nbflow("plan", "shop.ipynb")
    [saved] = (folder / ".nbflow").iterdir()
    assert ended.code == 4
    assert ended.err == (
        "error[internal]: nbflow itself failed: RuntimeError: wires crossed\n"
        f"hint: the details are in {saved}; please send them with your report,"
        " the notebook is not to blame\n"
    )
    assert "Traceback" in saved.read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rum", "No such command 'rum'"),
        ("run", "Missing argument 'NOTEBOOK'"),
        ("run nix.ipynb", "File 'nix.ipynb' does not exist"),
        ("run -", "File '-' does not exist"),
        ("run s3://bucket/a.ipynb", "does not exist"),
        ("run shop.ipynb --jobs 0", "Invalid value for '--jobs'"),
        ("run shop.ipynb --json --events", "--json and --events exclude each other"),
        ("run shop.ipynb -p ../x 1", "'../x' cannot be a parameter's name"),
        ("run shop.ipynb -p class 1", "'class' cannot be a parameter's name"),
        ("run shop.ipynb -p a 1 -p a 2", "the parameter 'a' is given twice"),
        ("show shop.ipynb --svg --mermaid", "exclude each other"),
        ("status ../../etc/passwd", "'../../etc/passwd' is no run"),
        ("logs latest --follow --json", "exclude each other"),
    ],
)
def test_c70_c72_wrong_usage_exits_2_and_asks_nothing(
    nbflow: Call, project: Any, line: str, said: str
) -> None:
    ended = nbflow(*line.split())
    assert (ended.code, ended.out if "--json" not in line else "") == (2, "")
    assert ended.err.startswith("error[usage]: ")
    assert said in ended.err
    assert project.asked == []


def test_wrong_usage_under_json_is_a_document_too(nbflow: Call) -> None:
    ended = nbflow("run", "--json")
    assert ended.json["error"]["code"] == "usage"
    assert ended.code == 2


VALUES = ["", "-5", "a'b\"c\\d\n'; DROP TABLE x", "é\u202e", "x" * 100_000]


@pytest.mark.parametrize("value", VALUES)
def test_c71_values_reach_the_project_as_they_were_typed(
    nbflow: Call, project: Any, value: str
) -> None:
    assert nbflow("plan", "shop.ipynb", "-p", "day", value).code == 0
    assert asked(project, "plan")["parameters"] == {"day": value}


# Looking.


def test_check_exits_2_only_for_errors(nbflow: Call, project: Any) -> None:
    assert nbflow("check", "shop.ipynb").code == 0
    project.graph = replace(project.graph, diagnostics=(CYCLE,))
    ended = nbflow("check", "shop.ipynb")
    assert ended.code == 2
    assert ended.out.endswith("✗ shop.ipynb: 1 error\n")


def test_check_goes_on_after_a_notebook_that_cannot_be_read(
    nbflow: Call, project: Any, folder: Path
) -> None:
    (folder / "b.ipynb").write_text("")
    project.error = NotebookError("not JSON")
    ended = nbflow("check", "shop.ipynb", "b.ipynb", "--json")
    assert ended.code == 2
    assert [each["notebook"] for each in ended.json["diagnostics"]] == ["shop.ipynb", "b.ipynb"]


def test_show_is_the_tree_with_names_on_its_edges(nbflow: Call) -> None:
    assert nbflow("show", "shop.ipynb").out == (
        "shop.ipynb  5 steps · 1 definition cell\n"
        "\n"
        "  -p day = '2026-01-05'\n"
        "  -p top is required  how many\n"
        "\n"
        "  sales            cell 3\n"
        "  └ returns        cell 4 sql  ← sales\n"
        "    └ metrics      cell 5      ← returns  also sales\n"
        "      ├ dashboard  cell 6      ← metrics\n"
        "      └ report     cell 8      ← metrics  also metrics? from dashboard"
        "  → out/report.csv\n"
        "\n"
        "  ? may change it; notebook order is kept until a run has shown that it does not\n"
        "\n"
        "warning[may-write]: plot() may change metrics; cell 8 waits for cell 6\n"
        "  shop.ipynb cell 6, line 1\n"
        "hint: nothing to do: a run finds out\n"
    )


def test_plan_tells_step_action_and_reason(nbflow: Call) -> None:
    assert nbflow("plan", "shop.ipynb").out == (
        "    step       action  reason\n"
        "  ↺ sales      reuse   same inputs as run 0193f2a0\n"
        "  ● returns    run     its source changed\n"
        "  ● metrics    run     its source changed\n"
        "  ● dashboard  run     its source changed\n"
        "  ● report     run     its source changed\n"
        "\n"
        "  4 to run · 1 reused · about 6.0 s of work\n"
    )


def test_no_runs_yet_says_how_to_begin(nbflow: Call, project: Any) -> None:
    project.answers["runs"] = ()
    assert nbflow("runs").out == "no runs yet: nbflow run NOTEBOOK, or nbflow demo\n"


def test_status_of_a_notebook_that_is_gone_is_told_from_the_record(
    nbflow: Call, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise NotebookError("shop.ipynb is gone")

    monkeypatch.setattr(type(project), "inspect", gone)
    ended = nbflow("status")
    assert ended.code == 0
    assert " ✓ sales" in ended.out
    assert "succeeded in 4.0 s" in ended.out


def test_logs_in_a_pipe_are_the_steps_own_words(nbflow: Call) -> None:
    assert nbflow("logs", "latest").out == "one\ntwo \x1b[31mred\x1b[0m\n"


def test_csv_is_exact(nbflow: Call, project: Any, make: Any) -> None:
    project.answers["sql"] = make.answer(columns=("a", "b"), rows=[('x,"y"', None), ("é", 1.5)])
    assert nbflow("sql", "SELECT 1", "--csv").out == 'a,b\n"x,""y""",\né,1.5\n'


def test_sql_in_a_pipe_shows_every_row(nbflow: Call, project: Any, make: Any) -> None:
    rows = [(f"store {number}", number) for number in range(500)]
    project.answers["sql"] = make.answer(columns=("store", "n"), rows=rows)
    ended = nbflow("sql", "SELECT 1")
    assert "store 499" in ended.out
    assert ended.out.endswith("500 rows\n")


def test_verify_exits_1_where_the_two_ways_differ(nbflow: Call, project: Any, make: Any) -> None:
    difference = make.answer(name="m", kind="table", run_all="3 rows", workflow="4 rows")
    project.answers["verify"] = make.answer(
        equal=False,
        failed=None,
        differences=[difference],
        nondeterministic=("noise",),
        not_compared=("model",),
        refused=(),
        run_all_seconds=2.0,
        workflow_seconds=1.0,
    )
    ended = nbflow("verify", "shop.ipynb")
    assert ended.code == 1
    assert ended.out == (
        "✗ not equal: the workflow does not give what Run All gives"
        "  Run All 2.0 s · workflow 1.0 s\n"
        "\n"
        "m  table\n"
        "  Run All   3 rows\n"
        "  workflow  4 rows\n"
        "\n"
        "differs between two Run Alls too: noise\n"
        "\n"
        "not compared, as no file can hold them: model\n"
    )


def test_verify_says_where_run_all_itself_fails(nbflow: Call, project: Any, make: Any) -> None:
    project.answers["verify"] = make.answer(
        equal=True,
        failed="cell 3: ZeroDivisionError: division by zero",
        differences=(),
        nondeterministic=(),
        not_compared=(),
        refused=(),
        run_all_seconds=2.0,
        workflow_seconds=1.0,
    )
    ended = nbflow("verify", "shop.ipynb")
    assert ended.code == 0
    assert ended.out == (
        "✓ equal up to there: the workflow fails as Run All does"
        "  Run All 2.0 s · workflow 1.0 s\n"
        "\n"
        "Run All fails: cell 3: ZeroDivisionError: division by zero\n"
    )


def test_verify_says_that_a_refused_notebook_was_not_compared(
    nbflow: Call, project: Any, make: Any
) -> None:
    project.answers["verify"] = make.answer(
        equal=True,
        failed=None,
        differences=(),
        nondeterministic=(),
        not_compared=(),
        refused=(make.answer(cell="c3", code="bad-tag", message="no tag 'retires:3'"),),
        run_all_seconds=None,
        workflow_seconds=None,
    )
    ended = nbflow("verify", "shop.ipynb")
    assert ended.code == 2
    assert ended.out == (
        "– not compared: the workflow refuses this notebook"
        "  Run All did not run · workflow did not run\n"
        "\n"
        "error[bad-tag]: no tag 'retires:3'\n"
    )


def test_doctor_exits_3_and_gives_the_remedy(nbflow: Call, project: Any, make: Any) -> None:
    project.answers["doctor"] = (
        make.answer(name="python", ok=True, message="3.11", hint=None),
        make.answer(name="disk", ok=False, message="3 MB left", hint="make room"),
    )
    ended = nbflow("doctor")
    assert ended.code == 3
    assert ended.out == "  ✓ python  3.11\n  ✗ disk    3 MB left\n    hint: make room\n"


def test_demo_writes_the_notebook_and_runs_it(nbflow: Call, project: Any) -> None:
    ended = nbflow("demo", "play")
    assert ended.code == 0
    assert asked(project, "run")["notebook"] == Path("play/shop.ipynb")
    assert "again   nbflow run play/shop.ipynb\n" in ended.out


def test_commands_to_type_find_a_project_elsewhere(
    nbflow: Call, project: Any, folder: Path, bad_run: Run
) -> None:
    project.outcome = bad_run
    project.root = folder / "sub dir"
    ended = nbflow("run", "shop.ipynb")
    assert f"go on   cd '{folder}/sub dir' && nbflow resume 0193f2a1-7c3b\n" in ended.out


# The program itself.


def test_help_lists_every_command(nbflow: Call) -> None:
    ended = nbflow("--help")
    assert ended.code == 0
    for name in offered():
        assert f"\n  {name} " in ended.out


def test_the_front_page_is_what_click_makes_of_the_commands() -> None:
    with commands.make_context("nbflow", [], max_content_width=80, terminal_width=78) as context:
        assert commands.get_help(context) + "\n" == PAGE
    assert PAGE.isascii()


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_the_front_page_comes_without_click(words: tuple[str, ...]) -> None:
    code = "from nbflow.faces.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )
    lines = done.stderr.splitlines()
    loaded = [line.rpartition("|")[2].strip() for line in lines if "import time" in line]
    assert not {"click", "typing", "dataclasses"} & set(loaded)
    assert done.stdout == PAGE


def test_a_narrow_window_gets_the_page_wrapped(
    nbflow: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    ended = nbflow("--help")
    assert "\n  Run ordinary Jupyter notebooks as workflows: in parallel\n" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 60


def test_a_commands_help_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "nbflow", "run", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
    }
    heavy = {"rich", "pandas", "duckdb", "papermill", "sqlglot", "IPython", "pyarrow", "yaml"}
    assert "click" in loaded
    assert not heavy & loaded
    assert "--force" in done.stdout


def test_a_reader_who_goes_away_does_not_change_the_result(folder: Path) -> None:
    code = (
        "import sys; from nbflow.faces.screen import Screen\n"
        "screen = Screen()\n"
        "for number in range(100_000): screen.data('line\\n')\n"
        "screen.say('more'); sys.exit(7)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    said = writer.stderr.read()
    writer.stderr.close()
    assert (writer.wait(), said) == (7, b"")


def test_main_reads_the_command_line_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nbflow"])
    assert main() == 0
    assert "Usage: nbflow" in capfd.readouterr().out
