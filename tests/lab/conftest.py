"""A JupyterLab of its own and a browser that looks at it.

The Lab runs in this interpreter's environment, with settings and notebooks in a temporary folder,
and takes the extension as it was built last (`nbflow/labextension`). Chromium is the machine's.
Tests wait for what they want to see, never for time to pass.
"""

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

import nbflow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

BUILT = Path(nbflow.__file__).parent / "labextension"
CHROMIUM = Path(os.environ.get("NBFLOW_CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 180
PATIENCE_MS = 90_000
"""Machines under load are slow: this is how long a test waits for what will not come."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ci)


class Lab:
    """A running JupyterLab."""

    def __init__(self, *, url: str, token: str, root: Path, log: Path) -> None:
        self.url = url
        self.token = token
        self.root = root
        self.log = log

    def write(self, name: str, *cells: str | dict[str, Any]) -> str:
        """A notebook below the root: texts are code, `md:` Markdown, dicts cells as they are."""
        notebook = nbformat.v4.new_notebook(
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
            cells=[_cell(number, each) for number, each in enumerate(cells, 1)],
        )
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, place)
        return name

    def address(self, name: str) -> str:
        return f"{self.url}lab/tree/{name}?reset&token={self.token}"


def tagged(source: str, *tags: str) -> dict[str, Any]:
    """A cell of code with tags."""
    cell = {"cell_type": "code", "source": source, "execution_count": None, "outputs": []}
    return {**cell, "metadata": {"tags": [*tags]}}


def _cell(number: int, given: str | dict[str, Any]) -> Any:
    if isinstance(given, dict):
        return nbformat.from_dict({"id": f"c{number}", "metadata": {}, **given})
    if given.startswith("md:"):
        return nbformat.v4.new_markdown_cell(given.removeprefix("md:"), id=f"c{number}")
    return nbformat.v4.new_code_cell(given, id=f"c{number}")


class Window:
    """One tab of the browser, and what its console said."""

    def __init__(self, page: "Page", lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", self._page_error)

    def _page_error(self, error: Any) -> None:
        # While a theme is changed Lab's own splash screen may be taken away twice, by a timer.
        by_lab = "removeChild" in error.stack and "/static/lab/" in error.stack
        if not by_lab or "labextensions/nbflow" in error.stack:
            self.complaints.append(f"page error: {error.stack}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def open(self, name: str) -> None:
        """Open a notebook; it is there when its code can be typed in (Markdown is soon shown)."""
        self.page.goto(self.lab.address(name))
        self.page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.wait_for()

    def command(self, name: str, **arguments: Any) -> None:
        """Give one of Lab's commands. It may ask something: nobody waits for its end."""
        self.page.evaluate(
            "([name, args]) => { window.jupyterapp.commands.execute(name, args); }",
            [name, arguments],
        )

    def panel(self) -> "Locator":
        """The workflow panel, shown."""
        self.command("nbflow:show-graph")
        panel = self.page.locator("#nbflow-workflow")
        panel.wait_for()
        return panel

    def cell(self, number: int) -> "Locator":
        """A cell of the notebook, from 1."""
        return self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number - 1}"]')

    def wait_active(self, number: int) -> None:
        """The notebook's cursor is in this cell."""
        self.page.locator(
            f'.jp-Notebook .jp-mod-active[data-windowed-list-index="{number - 1}"]'
        ).wait_for()

    def write_cell(self, number: int, text: str) -> None:
        """Type `text` into a cell instead of what it says."""
        editor = self.cell(number).locator(".cm-content")
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with the extension, for all tests of the session; below an address as a hub's."""
    with serving(tmp_path_factory.mktemp("lab"), base="/user/ana/") as lab:
        yield lab


@contextmanager
def serving(
    home: Path, *, module: str = "jupyterlab", app: str = "LabApp", base: str = "/", **more: str
) -> Iterator[Lab]:
    """A Lab, or another of Jupyter's applications, with its files in `home` and its addresses below
    `base`; `more` goes into its environment."""
    need(BUILT.joinpath("package.json").exists(), "the extension is not built")
    _furnish(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    address = f"http://127.0.0.1:{port}{base}"
    lab = Lab(url=address, token=token, root=home / "root", log=home / "lab.log")
    command = [
        *(sys.executable, "-m", module, "--no-browser", "--allow-root"),
        f"--ServerApp.port={port}",
        f"--ServerApp.base_url={base}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home / 'root'}",
        f"--IdentityProvider.token={token}",
        f"--{app}.expose_app_in_browser=True",
    ]
    process = _started(home, command, more)
    try:
        _wait_for_answer(process, lab)
        yield lab
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server. Threads of AnyIO that Jupyter's own handlers used may keep Python from ending
    once the loop that would stop them is gone; ours cannot (`faces/server/workers.py`)."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def need(there: bool, what: str) -> None:
    """What these tests stand on: a person may be without it, the continuous check may not."""
    if not there:
        (pytest.fail if "CI" in os.environ else pytest.skip)(what)


def _furnish(home: Path) -> None:
    """The extension as it was built, and no news from the network."""
    extensions = home / "data" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "nbflow").symlink_to(BUILT)
    news = home / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    (home / "config").mkdir()
    enabled = {"ServerApp": {"jpserver_extensions": {"nbflow": True}}}
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(enabled))
    (home / "root").mkdir()


def _started(home: Path, command: list[str], more: dict[str, str]) -> "subprocess.Popen[bytes]":
    own = {
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    environment = os.environ | {name: str(value) for name, value in own.items()} | more
    with (home / "lab.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)


def _wait_for_answer(process: "subprocess.Popen[bytes]", lab: Lab) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{lab.url}api/status?token={lab.token}", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{lab.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests of the session."""
    need(importlib.util.find_spec("playwright") is not None, "playwright is not installed")
    need(CHROMIUM.exists(), f"there is no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(browser: "Browser", lab: Lab) -> Iterator[Window]:
    """A tab with a clean profile; its console must have nothing to complain about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    window = Window(context.new_page(), lab)
    yield window
    context.close()
    assert window.complaints == []
