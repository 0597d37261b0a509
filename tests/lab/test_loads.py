"""The extension is there, and JupyterLab is as it was."""

from typing import Any


def test_lab_has_the_panel_and_still_shows_an_editor(window: Any, lab: Any) -> None:
    window.open(lab.write("first.ipynb", "x = 1", "x + 1"))
    window.page.locator(".jp-Notebook .cm-content").nth(1).wait_for()
    window.panel()
