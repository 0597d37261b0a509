"""Where lanes get their kernels: forked, ahead of time, and cold where that cannot be."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from nbflow.lanes import forking
from nbflow.lanes.brood import say_ready
from nbflow.lanes.forking import ForkedProcess
from nbflow.lanes.kernel import Kernel
from nbflow.lanes.kernels import Kernels
from nbflow.lanes.process import ColdProcess

pytestmark = pytest.mark.slow


def drop(_: bytes) -> None:
    """What the process writes."""


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def kernels(tmp_path: Path, notices: list[str]) -> Iterator[Kernels]:
    with Kernels(name="", folder=str(tmp_path), ahead=1, expected=2, notice=notices.append) as made:
        yield made


def answers(kernel: Kernel) -> bool:
    kernel.client.kernel_info()
    return bool(kernel.client.shell_channel.get_msg(timeout=60)["msg_type"] == "kernel_info_reply")


def of_here() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_kernels_are_forked_and_nothing_is_left_of_them(tmp_path: Path) -> None:
    before = of_here()
    with Kernels(name="", folder=str(tmp_path), ahead=2, expected=3) as kernels:
        kernel = kernels.take(sink=drop)
        assert isinstance(kernel.process, ForkedProcess)
        assert answers(kernel)
        assert kernel.exit_code is None
        kernel.close()
        assert kernel.exit_code == 0
    assert of_here() == before


def test_no_file_stays_open_for_kernels_that_are_gone(tmp_path: Path) -> None:
    def once() -> int:
        with Kernels(name="", folder=str(tmp_path)) as kernels:
            for _ in range(3):
                kernels.take(sink=drop).close()
        return len(os.listdir("/proc/self/fd"))

    once()  # what libraries open for good
    assert once() == once()


def test_a_kernel_that_died_while_it_waited_is_not_given_out(kernels: Kernels) -> None:
    first = kernels.take(sink=drop)
    second = kernels.take(sink=drop)
    assert first.process.pid != second.process.pid
    for kernel in (first, second):
        assert answers(kernel)
        kernel.discard()


def test_as_long_as_kernels_come_back_clean_no_others_are_made(tmp_path: Path) -> None:
    with Kernels(name="", folder=str(tmp_path), ahead=1, expected=9) as kernels:
        kernel = kernels.take(sink=drop)
        pid = kernel.process.pid
        for after in range(3):
            kernels.give_back(kernel, after=after)
            kernel = kernels.take(sink=drop, at=after + 1)
            assert kernel.process.pid == pid
        assert kernels._ordered == 1
        # This one does not come back; from now on the next one is made ahead.
        kernels.take(sink=drop).discard()
        kernel.discard()
        assert kernels._ordered == 3


def test_kernels_get_ready_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)

    def connect(kernel: Kernel, settings: dict[str, Any]) -> None:
        both.wait(60)
        connect_alone(kernel, settings)

    connect_alone = Kernel._connect
    monkeypatch.setattr(Kernel, "_connect", connect)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Kernels(name="", folder=str(tmp_path), ahead=2, expected=2) as kernels:
        for _ in range(2):
            kernels.take(sink=drop).discard()


def test_who_is_ready_is_told_with_it() -> None:
    """The process that was forked may get to run before the one that forked it."""
    reading, writing = os.pipe()
    say_ready(writing, new=[])
    news = forking.News(reading)
    assert news.until("ready", 60) == {"pid": os.getpid(), "ready": True, "new": []}
    news.close()


def test_a_function_runs_in_a_process_of_its_own(kernels: Kernels, tmp_path: Path) -> None:
    ended = kernels.call("os:mkdir", str(tmp_path / "made"))
    assert ended is not None
    assert ended(60) == 0
    assert (tmp_path / "made").is_dir()


def test_without_a_zygote_kernels_are_cold_and_that_is_told(
    kernels: Kernels, notices: list[str]
) -> None:
    first = kernels.take(sink=drop)
    above = psutil.Process(first.process.pid).parents()
    zygote = next(one for one in above if one.ppid() == os.getpid())
    os.kill(zygote.pid, signal.SIGKILL)
    zygote.wait(60)
    for kernel in (kernels.take(sink=drop), kernels.take(sink=drop)):
        cold = kernel
        kernel.discard()
    assert isinstance(cold.process, ColdProcess)
    assert len(notices) == 1
    assert notices[0].startswith("kernels are started cold, not forked: ")
    assert first.process.wait(60) == -9
    first.discard()


def test_a_kernel_that_is_started_in_its_own_way_is_not_forked(
    tmp_path: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "share" / "kernels" / "special"
    home.mkdir(parents=True)
    code = "from ipykernel.kernelapp import main; main()"
    (home / "kernel.json").write_text(
        f'{{"argv": ["python", "-c", "{code}", "-f", "{{connection_file}}"],'
        ' "display_name": "s", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    with Kernels(name="special", folder=str(tmp_path), notice=notices.append) as kernels:
        kernel = kernels.take(sink=drop)
        assert answers(kernel)
        kernel.discard()
    [notice] = notices
    assert notice.endswith("the kernel `special` is not started by ipykernel_launcher")


def test_where_nothing_can_be_forked_nothing_is_said(
    tmp_path: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "can_fork", lambda: False)
    monkeypatch.setattr("nbflow.lanes.kernels.can_fork", lambda: False)
    with Kernels(name="", folder=str(tmp_path), notice=notices.append) as kernels:
        kernel = kernels.take(sink=drop)
        assert isinstance(kernel.process, ColdProcess)
        kernel.discard()
    assert notices == []


def test_a_module_beside_the_notebook_hides_the_installed_one(tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("HERE = True\n")
    with Kernels(name="", folder=str(tmp_path), modules=("requests", "pandas")) as kernels:
        kernel = kernels.take(sink=drop)
        kernel.client.execute("import requests; assert requests.HERE")
        reply = kernel.client.get_shell_msg(timeout=60)
        kernel.discard()
    assert reply["content"]["status"] == "ok", reply["content"]
