"""Zygotes that outlive a run: found by those whom they fit, and nothing shows of it."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from lane_bench import a_spec, run

from nbflow.lanes import incubator, warm
from nbflow.lanes.client import open_lane
from nbflow.lanes.kernel import Kernel, environment
from nbflow.lanes.kernels import Kernels
from nbflow.lanes.warmth import Warmth, keep_warm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux"),
]

HERE = [sys.executable]


def drop(_: bytes) -> None:
    """What the process writes."""


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nobody else's; short, because paths of sockets are."""
    with tempfile.TemporaryDirectory(prefix="nbw-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        before = set(of_here())
        yield Path(folder)
        _, alive = psutil.wait_procs(set(of_here()) - before, timeout=60)
        assert not alive


@pytest.fixture
def warmth(tmp_path: Path) -> Iterator[Warmth]:
    with keep_warm(name="", folder=str(tmp_path), modules=["psutil"]) as made:
        yield made


def zygote_of(kernel: Kernel) -> psutil.Process:
    parent = psutil.Process(kernel.process.pid).parent()
    assert parent is not None
    return parent


def shown(folder: Path, code: str, module: str = "psutil") -> str:
    """What a cell prints, in a kernel that is taken as a run takes it."""
    spec = a_spec(folder, code)
    with Kernels(name="", folder=str(folder), modules=[module], notice=pytest.fail) as kernels:
        lane = open_lane(spec, kernels=kernels, logs=folder / "logs")
        try:
            outcome = run(lane, spec)
        finally:
            lane.close()
    [output] = (one for one in outcome.cell_outputs["c0"] if one["output_type"] == "stream")
    return str(output["text"]).strip()


def is_there(runtime: Path) -> bool:
    return any((runtime / "nbflow").iterdir())


def of_here() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_run_takes_kernels_from_it_and_leaves_nothing(warmth: Warmth, tmp_path: Path) -> None:
    with Kernels(name="", folder=str(tmp_path), modules=["psutil"]) as kernels:
        kernel = kernels.take(sink=drop)
        zygote = zygote_of(kernel)
        warm_branch = zygote.parent()
        assert warm_branch is not None
        assert os.getpid() not in (zygote.pid, warm_branch.pid)
        kernel.discard()
    _, alive = psutil.wait_procs([zygote], timeout=60)
    assert not alive
    assert warm_branch.is_running()
    assert not warmth.is_over


def test_two_runs_at_once_have_a_zygote_each(warmth: Warmth, tmp_path: Path) -> None:
    with (
        Kernels(name="", folder=str(tmp_path)) as one,
        Kernels(name="", folder=str(tmp_path)) as other,
    ):
        first, second = one.take(sink=drop), other.take(sink=drop)
        assert zygote_of(first).pid != zygote_of(second).pid
        first.discard()
        one.close()
        assert second.exit_code is None
        second.discard()


def test_a_kernel_has_the_surroundings_of_its_runner(
    warmth: Warmth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.setenv("SHLVL", "77")
    code = "import os, sys; print(os.environ['SHLVL'], os.getcwd(), sys.stdin.read() == '')"
    assert shown(tmp_path / "below", code) == f"77 {tmp_path / 'below'} True"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: m.setenv("OMP_NUM_THREADS", "1"), id="variables"),
        pytest.param(lambda m: m.setattr(warm, "packages", lambda _: ("newer",)), id="packages"),
        pytest.param(lambda m: m.setattr(os, "sched_getscheduler", lambda _: 3), id="rights"),
    ],
)
def test_one_that_does_not_fit_is_not_found(
    change: object, warmth: Warmth, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> bool:
        door = warm.find(HERE, env=environment({}))
        if door is not None:
            door.close()
        return door is not None

    assert found()
    assert callable(change)
    change(monkeypatch)
    assert not found()


def test_a_folder_that_others_may_enter_is_not_used(runtime: Path) -> None:
    (runtime / "nbflow").mkdir(mode=0o755)
    with keep_warm(name="", folder=str(runtime), modules=[]) as none:
        assert none.is_over
    assert not is_there(runtime)


def test_a_module_that_came_to_lie_beside_the_notebook_hides_the_installed_one(
    tmp_path: Path,
) -> None:
    # One that kernels do not import for themselves.
    code = "import requests; print(getattr(requests, 'local', 'installed'))"
    with keep_warm(name="", folder=str(tmp_path), modules=["requests"]) as warmth:
        assert not warmth.is_over
        assert shown(tmp_path, code, "requests") == "installed"
        (tmp_path / "requests.py").write_text("local = 'mine'")
        assert shown(tmp_path, code, "requests") == "mine"


def test_a_file_that_was_exchanged_makes_what_was_imported_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_once.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("imported_once")
    before = incubator._state_of_modules("")
    assert incubator._state_of_modules("", before) == before
    (tmp_path / "imported_once.py").write_text("x = 22")
    assert incubator._state_of_modules("", before) != before


def test_a_runner_that_is_killed_takes_its_kernels_along(
    warmth: Warmth, tmp_path: Path, runtime: Path
) -> None:
    code = f"""
        import time
        from nbflow.lanes.kernels import Kernels
        kernels = Kernels(name="", folder={str(tmp_path)!r}, modules=["psutil"])
        kernel = kernels.take(sink=lambda _: None)
        print(kernel.process.pid, kernel.process._zygote, flush=True)
        time.sleep(600)
    """
    runner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    with runner.stdout as told:
        kernel, zygote = (psutil.Process(int(pid)) for pid in told.readline().split())
    assert runner.pid not in {parent.pid for parent in kernel.parents()}
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    psutil.wait_procs([kernel, zygote], timeout=60)
    assert not any(one.is_running() and one.status() != "zombie" for one in (kernel, zygote))
    assert shown(tmp_path, "print(1)") == "1"


def test_it_ends_when_nobody_wants_it_any_more(tmp_path: Path, runtime: Path) -> None:
    before = set(of_here())
    with keep_warm(name="", folder=str(tmp_path), modules=["psutil"]) as warmth:
        assert is_there(runtime)
        kept = set(of_here()) - before
        assert kept
    assert warmth.is_over
    _, alive = psutil.wait_procs(kept, timeout=60)
    assert not alive
    assert not is_there(runtime)


def test_it_ends_when_nothing_runs_for_long(tmp_path: Path, runtime: Path) -> None:
    before = set(of_here())
    with keep_warm(name="", folder=str(tmp_path), modules=[], idle=0.0) as warmth:
        _, alive = psutil.wait_procs(set(of_here()) - before, timeout=60)
        assert not alive
        assert warmth.is_over


def test_it_ends_with_the_server_that_wanted_it(tmp_path: Path, runtime: Path) -> None:
    code = f"""
        import os, signal
        from nbflow.lanes.warmth import keep_warm
        kept = keep_warm(name="", folder={str(tmp_path)!r}, modules=["psutil"])
        assert not kept.is_over
        os.kill(os.getpid(), signal.SIGKILL)
    """
    server = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert server.returncode == -signal.SIGKILL
    left = [one for one in psutil.process_iter() if str(runtime) in _command(one)]
    _, alive = psutil.wait_procs(left, timeout=60)
    assert not alive
    assert not is_there(runtime)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_what_a_killed_one_left_is_no_obstacle(tmp_path: Path, runtime: Path) -> None:
    before = set(of_here())
    with keep_warm(name="", folder=str(tmp_path), modules=[]) as first:
        for process in set(of_here()) - before:
            process.kill()
        assert shown(tmp_path, "print(1)") == "1"
        assert first.is_over
        with keep_warm(name="", folder=str(tmp_path), modules=[]) as second:
            assert not second.is_over
            assert shown(tmp_path, "print(2)") == "2"
            assert len(list((runtime / "nbflow").iterdir())) == 1
