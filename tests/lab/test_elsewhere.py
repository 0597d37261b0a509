"""The same extension in Notebook 7, and in two browsers that look at one notebook."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.lab.conftest import PATIENCE_MS, Lab, Window, serving, tagged

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What Notebook 7 says to its console with nothing of ours in it.
_USUAL_IN_NOTEBOOK_7 = (
    "Menu entry",
    "Not same Y.Doc",
    "reading 'schema'",
)

# What a Lab says whose kernel another one uses, too.
_USUAL_WITH_ONE_KERNEL = ("Comm not found",)

CELLS = ("n = [3]", "twice = [2 * each for each in n]", "print(sum(twice))")


@contextmanager
def tab(browser: "Browser", lab: Lab, *usual: str) -> Iterator[Window]:
    """A browser of its own: nothing is shared with another tab but the server."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    window = Window(context.new_page(), lab)
    yield window
    context.close()
    found = [each for each in window.complaints if not any(word in each for word in usual)]
    assert found == []


def wait_for_badges(window: Window, status: str, count: int) -> None:
    """So many cells wear that state."""
    window.page.wait_for_function(
        "([status, count]) => document.querySelectorAll("
        "`.nbflow-Badge[data-status='${status}']`).length === count",
        arg=[status, count],
    )


def save_and_run(window: Window) -> None:
    """Run what was just edited, as the dialog offers it."""
    window.page.wait_for_function(
        "() => window.jupyterapp?.commands.hasCommand('nbflow:run')"
        " && window.jupyterapp.commands.isEnabled('nbflow:run')"
    )
    window.command("nbflow:run", jobs=1)
    dialog = window.page.locator(".jp-Dialog")
    dialog.get_by_role("checkbox").uncheck()  # so that it asks the next time, too
    dialog.get_by_role("button", name="Save and Run", exact=True).click()
    dialog.wait_for(state="detached")


def test_notebook_7_shows_the_steps_of_a_run(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> None:
    if importlib.util.find_spec("notebook") is None:
        pytest.skip("Notebook 7 is not installed")
    home = tmp_path_factory.mktemp("notebook7")
    with (
        serving(home, module="notebook", app="JupyterNotebookApp") as server,
        tab(browser, server, *_USUAL_IN_NOTEBOOK_7) as window,
    ):
        path = server.write("story.ipynb", *CELLS)
        window.page.goto(f"{server.url}notebooks/{path}?token={server.token}")
        window.page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.wait_for()
        window.page.locator(".nbflow-Badge").nth(2).wait_for()
        window.write_cell(3, "print(max(twice))")
        save_and_run(window)
        wait_for_badges(window, "succeeded", 3)
        window.write_cell(3, "print(max(twice) / 0)")
        save_and_run(window)
        wait_for_badges(window, "failed", 1)
        wait_for_badges(window, "reused", 2)


def test_notebook_7_has_the_form_of_parameters_and_its_run_below_it(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> None:
    for module in ("notebook", "ipywidgets"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    home = tmp_path_factory.mktemp("form")
    with (
        serving(home, module="notebook", app="JupyterNotebookApp") as server,
        tab(browser, server, *_USUAL_IN_NOTEBOOK_7) as window,
    ):
        given = tagged("top = 3", "parameters")
        path = server.write("form.ipynb", given, "print(top)", "import nbflow\nnbflow.parameters()")
        page = window.page
        page.goto(f"{server.url}notebooks/{path}?token={server.token}")
        page.locator(".nbflow-Badge").first.wait_for()
        window.cell(3).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.locator(".widget-text input").fill("7")
        page.locator(".jupyter-button", has_text="Run").click()
        page.locator(".jp-OutputArea svg .step.succeeded").nth(1).wait_for()
        assert page.locator(".jp-OutputArea svg .step.queued").count() == 0


def test_two_browsers_see_one_run(browser: "Browser", lab: Lab) -> None:
    path = lab.write("shared.ipynb", *CELLS)
    with (
        tab(browser, lab, *_USUAL_WITH_ONE_KERNEL) as one,
        tab(browser, lab, *_USUAL_WITH_ONE_KERNEL) as other,
    ):
        for window in (one, other):
            window.open(path)
            window.page.locator(".nbflow-Badge").nth(2).wait_for()
        one.write_cell(3, "print(max(twice))")
        save_and_run(one)
        for window in (one, other):
            wait_for_badges(window, "succeeded", 3)


def test_two_browsers_that_edit_together_see_one_run(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("together")
    packages = _collaboration(home / "packages")
    more = {
        "PYTHONPATH": os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_PATH": str(packages / "share" / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(packages / "etc" / "jupyter"),
    }
    with (
        serving(home, **more) as lab,
        tab(browser, lab, *_USUAL_WITH_ONE_KERNEL) as one,
        tab(browser, lab, *_USUAL_WITH_ONE_KERNEL) as other,
    ):
        path = lab.write("together.ipynb", *CELLS)
        for window in (one, other):
            window.open(path)
            window.page.locator(".nbflow-Badge").nth(2).wait_for()
        one.write_cell(2, "thrice = [3 * each for each in n]")
        other.page.locator('.nbflow-Badge[data-step="thrice"]').wait_for()
        one.write_cell(2, CELLS[1])
        other.page.locator('.nbflow-Badge[data-step="twice"]').wait_for()
        _start(lab, path)
        for window in (one, other):
            wait_for_badges(window, "succeeded", 3)


def _start(lab: Lab, path: str) -> None:
    """Start a run of the saved file: these two save for themselves, nobody knows when."""
    answer = requests.post(
        f"{lab.url}nbflow/api/runs",
        json={"path": path},
        headers={"Authorization": f"token {lab.token}"},
        timeout=60,
    )
    answer.raise_for_status()


def _collaboration(target: Path) -> Path:
    """jupyter-collaboration, beside the environment: other journeys go on without it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target]
    subprocess.run([*command, "jupyter-collaboration>=5.0,<6"], check=True)
    return target
