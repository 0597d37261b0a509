"""Real kernels: whatever a cell does, an outcome comes back and nothing stays behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
from lane_bench import a_spec, opened, run, run_alone

from nbflow.core.errors import KernelError
from nbflow.core.task import Source
from nbflow.execution.display_ids import plain
from nbflow.lanes.client import KernelLane
from nbflow.lanes.kernel import kernel_command

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60.0
"""Far more than anything here takes; only a hanging test waits so long."""


@pytest.fixture(scope="module", params=[True, False], ids=["forked", "cold"])
def fork(request: pytest.FixtureRequest) -> bool:
    """Whatever kernel it is, it behaves alike."""
    return bool(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def lane(folder: Path, fork: bool) -> Iterator[KernelLane]:
    """One kernel for all cases that leave it alive."""
    with opened(a_spec(folder), fork=fork) as lane:
        yield lane


# -- what cells show -------------------------------------------------------------------------------


def test_cells_run_as_in_jupyter(lane: KernelLane, folder: Path) -> None:
    source = "import os\nprint(os.getcwd())\n6 * 7"
    outcome = run(lane, a_spec(folder, source, "# nothing", "", "print(_)"))
    assert (outcome.status, outcome.reason) == ("succeeded", None)
    [printed, result] = outcome.cell_outputs["c0"]
    assert printed == {"output_type": "stream", "name": "stdout", "text": f"{folder}\n"}
    assert (result["output_type"], result["data"]["text/plain"]) == ("execute_result", "42")
    assert outcome.cell_outputs["c2"] == []
    assert outcome.cell_outputs["c3"][0]["text"] == "42\n"
    assert set(outcome.cell_times) == {"c0", "c1", "c2", "c3"}


def test_nothing_of_ours_is_left_among_the_names(lane: KernelLane, folder: Path) -> None:
    source = "print(sorted(n for n in dir() if not n.startswith('_')))"
    outcome = run(lane, a_spec(folder, source))
    names = outcome.cell_outputs["c0"][0]["text"]
    assert "spec" not in names
    assert "nbflow" not in names


def test_an_update_reaches_the_cell_that_made_the_display(lane: KernelLane, folder: Path) -> None:
    first = "from IPython.display import display\nhandle = display('one', display_id=True)"
    outcome = run(lane, a_spec(folder, first, "handle.update('two')"))
    assert outcome.cell_outputs["c0"][0]["data"]["text/plain"] == "'two'"
    assert plain(outcome.cell_outputs["c1"]) == []


def test_c62_a_lone_surrogate_does_not_lose_the_output(lane: KernelLane, folder: Path) -> None:
    outcome = run(lane, a_spec(folder, r"print('a\ud800b\0c')"))
    assert outcome.cell_outputs["c0"][0]["text"] == "a\ufffdb␀c\n"


def test_c61_a_flood_is_cut_and_the_log_has_more(lane: KernelLane, folder: Path) -> None:
    source = "for n in range(40):\n    print('x' * 100_000, n)"
    outcome = run(lane, a_spec(folder, source, step="flood"))
    text = "".join(one["text"] for one in outcome.cell_outputs["c0"])
    assert len(text) < 1_100_000
    assert "characters left out" in text
    assert text.endswith(" 39\n")
    assert outcome.log is not None
    assert Path(outcome.log).stat().st_size > 4_000_000


# -- failures --------------------------------------------------------------------------------------

ERRORS = [
    ("error", "def f():\n    return 1 / 0\n\nf()", "error", "ZeroDivisionError", 2),
    ("syntax", "x = 1\nx = = 2", "error", "SyntaxError", 2),
    ("c09 sys.exit(0)", "import sys\nsys.exit(0)", "exited_early", "SystemExit", None),
    ("c58 input", "name = input('who? ')", "input_requested", "StdinNotImplementedError", 1),
    ("c58 getpass", "import getpass\ngetpass.getpass()", "input_requested", None, 2),
    ("c58 breakpoint", "breakpoint()", "input_requested", "StdinNotImplementedError", 1),
    ("memory", "raise MemoryError", "out_of_memory", "MemoryError", 1),
]


@pytest.mark.parametrize(
    ("source", "reason", "kind", "line"), [case[1:] for case in ERRORS], ids=[c[0] for c in ERRORS]
)
def test_a_failing_cell(
    lane: KernelLane, folder: Path, source: str, reason: str, kind: str | None, line: int | None
) -> None:
    outcome = run(lane, a_spec(folder, "ready = 1", source, "print('not reached')"))
    assert (outcome.status, outcome.reason) == ("failed", reason)
    assert outcome.error is not None
    assert (outcome.error.cell, outcome.error.cell_index, outcome.error.line) == ("c1", 1, line)
    assert outcome.error.type == (kind or outcome.error.type)
    assert set(outcome.cell_outputs) == {"c0", "c1"}


def test_an_expected_error_is_kept_and_the_step_goes_on(lane: KernelLane, folder: Path) -> None:
    cell = Source(cell="c0", cell_index=0, source="1 / 0", raises_exception=True)
    after = Source(cell="c1", cell_index=1, source="print('after')")
    outcome = run(lane, a_spec(folder, cells=(cell, after)))
    assert outcome.status == "succeeded"
    assert outcome.cell_outputs["c0"][0]["ename"] == "ZeroDivisionError"
    assert outcome.cell_outputs["c1"][0]["text"] == "after\n"


def test_c68_an_endless_message_is_cut(lane: KernelLane, folder: Path) -> None:
    outcome = run(lane, a_spec(folder, "raise ValueError('x' * 10_000_000)"))
    assert outcome.error is not None
    assert len(outcome.message) < 2_000
    assert len(outcome.error.message) < 20_000


FAR_DOWN = """
import ctypes, pandas
def down(n): return down(n - 1) if n else ctypes.string_at(0)
down(200)
"""

DEATHS = [
    ("c07 exit 0", "import os; os._exit(0)", 0, "exit code 0"),
    ("c07 exit 3", "import os; os._exit(3)", 3, "exit code 3"),
    ("c06 killed", "import os; os.kill(os.getpid(), 9)", -9, "signal 9, SIGKILL"),
    ("c08 segfault", "import ctypes; ctypes.string_at(0)", -11, "signal 11, SIGSEGV"),
    ("c08 segfault far down", FAR_DOWN, -11, "signal 11, SIGSEGV"),
]


@pytest.mark.parametrize(
    ("source", "code", "says"), [case[1:] for case in DEATHS], ids=[case[0] for case in DEATHS]
)
def test_a_kernel_that_dies_is_a_failed_step(
    tmp_path: Path, source: str, code: int, says: str, fork: bool
) -> None:
    outcome = run_alone(tmp_path, "print('before')", source, "print('not reached')", fork=fork)
    assert (outcome.status, outcome.reason, outcome.exit_code) == ("failed", "kernel_died", code)
    assert says in outcome.message
    assert outcome.error is not None
    assert outcome.error.cell == "c1"
    assert outcome.cell_outputs["c0"][0]["text"] == "before\n"
    if code == -11:
        assert any("Segmentation fault" in line for line in outcome.error.traceback)


def test_leaving_the_notebook_with_exit_is_a_failure(tmp_path: Path, fork: bool) -> None:
    outcome = run_alone(tmp_path, "exit()", fork=fork)
    assert (outcome.status, outcome.reason) == ("failed", "exited_early")


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    pass",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)",
    ],
    ids=["interrupted", "killed"],
)
def test_c59_a_step_that_never_ends_is_stopped(tmp_path: Path, source: str, fork: bool) -> None:
    outcome = run_alone(tmp_path, source, timeout=0.5, fork=fork)
    assert (outcome.status, outcome.reason) == ("failed", "timed_out")
    assert outcome.message == "it ran for more than 0.5 seconds"


def test_c13_a_cancelled_step_is_interrupted(tmp_path: Path, fork: bool) -> None:
    spec = a_spec(tmp_path, "print('on', flush=True)", "import time\ntime.sleep(600)")
    seen: list[str] = []
    with opened(spec, fork=fork) as lane:
        outcome = lane.run(
            spec, show=lambda cell, _: seen.append(cell), cancelled=lambda: bool(seen)
        )
    assert (outcome.status, outcome.error) == ("cancelled", None)


def test_a_capture_that_fails_is_not_a_success(tmp_path: Path, fork: bool) -> None:
    outcome = run_alone(
        tmp_path, "x = 1", "import shutil; shutil.rmtree('staging')", outputs=("x",), fork=fork
    )
    assert (outcome.status, outcome.reason) == ("failed", "capture_failed")


def test_a_long_temporary_folder_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert run_alone(tmp_path, "1", fork=fork).status == "succeeded"


# -- kernels that cannot be had --------------------------------------------------------------------


def test_c50_a_kernel_that_is_not_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(KernelError, match="`nope` is not installed") as found:
        kernel_command("nope")
    assert "python3" in str(found.value.hint)


def write_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    home = tmp_path / "share" / "kernels" / "broken"
    home.mkdir(parents=True)
    (home / "kernel.json").write_text(text)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))


def test_c50_a_kernel_that_dies_while_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    argv = '["python", "-c", "import sys; sys.exit(\'no licence\')", "{connection_file}"]'
    text = f'{{"argv": {argv}, "display_name": "b", "language": "python"}}'
    write_spec(tmp_path, monkeypatch, text)
    spec = a_spec(tmp_path, kernel_name="broken")
    with pytest.raises(KernelError, match="ended while it started"), opened(spec, fork=fork):
        pass
    [log] = (tmp_path / "logs").iterdir()
    assert "no licence" in log.read_text()


def test_a_kernel_of_another_language_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{"argv": ["R", "{connection_file}"], "display_name": "R", "language": "R"}'
    write_spec(tmp_path, monkeypatch, text)
    with pytest.raises(KernelError, match="runs R"):
        kernel_command("broken")


# -- nothing stays behind --------------------------------------------------------------------------


def is_gone(pid: int) -> bool:
    """Ended; a zombie that nobody reaps (a container's init) counts as ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not is_gone(pid):
        assert monotonic() < deadline, f"process {pid} is still there"
        sleep(0.02)


def test_c64_daemons_of_a_cell_end_with_its_kernel(tmp_path: Path, fork: bool) -> None:
    source = """
import subprocess, sys
command = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(command, start_new_session=True).pid)
"""
    outcome = run_alone(tmp_path, source, fork=fork)
    wait_until_gone(int(outcome.cell_outputs["c0"][0]["text"]))


RUNNER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from lane_bench import a_spec, opened, run
folder = Path({folder!r})
spec = a_spec(folder, "import time; time.sleep(600)")
with opened(spec, fork={fork}) as lane:
    print(lane._kernel.process.pid, flush=True)
    run(lane, spec)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_c02_no_kernel_outlives_its_runner(tmp_path: Path, number: int, fork: bool) -> None:
    script = RUNNER.format(tests=str(Path(__file__).parent), folder=str(tmp_path), fork=fork)
    # What a killed runner leaves behind of its kernel's folder goes with the test's own.
    found = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": found, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True
    ) as runner:
        assert runner.stdout is not None
        kernel = int(runner.stdout.readline())
        assert not is_gone(kernel)
        runner.send_signal(number)
        runner.wait(PATIENCE_SECONDS)
    wait_until_gone(kernel)
