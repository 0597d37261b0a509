"""Jupyter's server as a process of its own, with nbflow in it, and one who asks it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import nbformat
import pytest
import requests

PATIENCE_SECONDS = 120.0
"""A bound for a machine that is busy with other things, not an expectation."""

TOKEN = "a-token"

AUTHORIZER = '''
from jupyter_server.auth import Authorizer

class ByHeader(Authorizer):
    """Forbids what a header names: `nbflow:read kernels:execute`."""

    def is_authorized(self, handler, user, action, resource):
        denied = handler.request.headers.get("X-Denied", "")
        return f"{resource}:{action}" not in denied.split()
'''


@dataclass(kw_only=True)
class Asking:
    """One who asks a server. `root` is the server's folder."""

    url: str
    root: Path
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request, below `/nbflow/api/`."""
        headers = {"Authorization": f"token {TOKEN}", **self.headers, **more.pop("headers", {})}
        return requests.request(
            method, f"{self.url}nbflow/api/{path}", headers=headers, timeout=60, **more
        )

    def get(self, path: str, /, **query: Any) -> requests.Response:
        """GET with a query."""
        return self.call("GET", path, params=query)

    def post(self, path: str, /, **body: Any) -> requests.Response:
        """POST with a JSON object."""
        return self.call("POST", path, json=body)

    def notebook(self, path: str, *sources: str, tags: dict[int, list[str]] | None = None) -> str:
        """Write a notebook with these cells, known as c1, c2, …; its path comes back."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content(*sources, tags=tags)), encoding="utf-8")
        return path

    def ended(self, run: str, path: str) -> dict[str, Any]:
        """The run's document once it has ended."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            document: dict[str, Any] = self.get(f"runs/{run}", path=path).json()
            if document.get("status") not in ("queued", "running", "waiting"):
                return document
            assert monotonic() < deadline, document
            sleep(0.05)


def content(*sources: str, tags: dict[int, list[str]] | None = None) -> dict[str, Any]:
    """A notebook as an editor holds it."""
    make: Any = nbformat.v4
    cells = [
        make.new_code_cell(source, id=f"c{number}", metadata={"tags": (tags or {}).get(number, [])})
        for number, source in enumerate(sources, start=1)
    ]
    node = make.new_notebook(cells=cells)
    node.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python",
        "language": "python",
    }
    document: dict[str, Any] = json.loads(nbformat.writes(node))
    return document


@dataclass(kw_only=True)
class Running:
    """A server that runs."""

    process: "subprocess.Popen[bytes]"
    asking: Asking

    def stop(self) -> None:
        """End it, as Ctrl-C twice would."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_SECONDS)


def start_server(folder: Path, root: Path, *options: str) -> Running:
    """Start a server on `root`; `folder` takes its own files."""
    for name in ("config", "data", "runtime"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "by_header.py").write_text(AUTHORIZER)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                f"--ServerApp.port={_free_port()}",
                f"--ServerApp.root_dir={root}",
                f"--IdentityProvider.token={TOKEN}",
                "--ServerApp.jpserver_extensions=nbflow=True",
                "--ServerApp.authorizer_class=by_header.ByHeader",
                *options,
            ],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = _address(process, folder)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Running(process=process, asking=Asking(url=url, root=root))


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def _address(process: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Where it listens, once it answers."""
    told = folder / "runtime" / f"jpserver-{process.pid}.json"
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert monotonic() < deadline, (folder / "log").read_text()
        try:
            url = str(json.loads(told.read_text())["url"])
            requests.get(f"{url}api", timeout=5)
        except (OSError, ValueError):
            sleep(0.05)  # not there yet, or half written
            continue
        return url


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A server for all tests of this folder."""
    folder = tmp_path_factory.mktemp("server")
    root = folder / "root"
    root.mkdir()
    running = start_server(folder, root)
    yield running.asking
    running.stop()


@pytest.fixture
def asking(served: Asking, request: pytest.FixtureRequest) -> Asking:
    """The same, with a project folder of the test's own: `path` below is its name."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    (served.root / name).mkdir(exist_ok=True)
    (served.root / name / "nbflow.toml").touch()
    return Asking(url=served.url, root=served.root, headers={"X-Test": name})


@pytest.fixture
def home(asking: Asking) -> str:
    """The test's own folder, as Jupyter calls it."""
    return asking.headers["X-Test"]
