"""What a notebook imports is ready for its next run, and goes with the server."""

from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
import requests

from tests.faces.server.conftest import PATIENCE_SECONDS, TOKEN, start_server

pytestmark = pytest.mark.slow


def incubators(server: int) -> list[psutil.Process]:
    """Processes of the server that keep imports ready."""
    found = psutil.Process(server).children(recursive=True)
    return [each for each in found if any("incubator" in word for word in words(each))]


def words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def awaited(server: int) -> list[psutil.Process]:
    """The same, once there are some."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not (found := incubators(server)):
        assert monotonic() < deadline, "nothing is kept ready"
        sleep(0.1)
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="kernels are forked on Linux")
def test_who_looks_at_a_run_finds_the_next_one_prepared(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    running = start_server(tmp_path / "server", root)
    try:
        asking = running.asking
        path = asking.notebook("a.ipynb", "import json", "x = json.dumps([1])\nx")
        stream = requests.get(
            f"{asking.url}nbflow/api/events",
            headers={"Authorization": f"token {TOKEN}"},
            stream=True,
            timeout=PATIENCE_SECONDS,
        )
        with stream:
            lines = stream.iter_lines()
            next(lines)  # it listens from now on, as long as `lines` are there
            first = asking.ended(asking.post("runs", path=path).json()["run"], path)
            ready = awaited(running.process.pid)
            again = asking.post("runs", path=path, force=True).json()["run"]
            assert [first["status"], asking.ended(again, path)["status"]] == ["succeeded"] * 2
    finally:
        running.stop()
    assert psutil.wait_procs(ready, PATIENCE_SECONDS)[1] == []
