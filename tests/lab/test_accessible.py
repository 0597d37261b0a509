"""What people need who do not see the panels, or do not use a mouse: looked at by axe-core, and by
keys."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import need
from tests.lab.test_runs import Runner, opened

AXE = Path(__file__).parents[2] / "extension" / "node_modules" / "axe-core" / "axe.min.js"

THEMES = ("JupyterLab Light", "JupyterLab Dark")

LOOK = """async selector => {
    const found = await axe.run(document.querySelector(selector), {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
        rules: { region: { enabled: false } },
    });
    return found.violations.flatMap(({ id, nodes }) =>
        nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`));
}"""


def put_on(window: Any, theme: str) -> None:
    window.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    window.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)


def findings(window: Any, selector: str) -> list[str]:
    """What axe-core has to say about a part of the page, in both themes."""
    need(AXE.exists(), "axe-core is not installed: `npm install` in extension/")
    window.page.locator(selector).first.wait_for()
    if not window.page.evaluate("typeof axe !== 'undefined'"):
        window.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = []
    for theme in THEMES:
        put_on(window, theme)
        found += [f"{theme}: {each}" for each in window.page.evaluate(LOOK, selector)]
    return found


@pytest.fixture
def runner(window: Any, lab: Any) -> Runner:
    return opened(window, lab, "accessible/panels.ipynb")


def test_the_panels_have_names_roles_and_contrast(window: Any, runner: Runner) -> None:
    page = window.page
    runner.dialog()
    found = findings(window, ".jp-Dialog .nbflow-RunForm")
    page.keyboard.press("Escape")
    page.locator(".jp-Dialog").wait_for(state="detached")
    runner.run()
    runner.run(least="5")

    window.command("nbflow:show-history")
    history = page.locator(".nbflow-History")
    history.locator(".nbflow-StepList li").first.wait_for()
    for tab in ("Steps", "Timeline", "Log", "Compare", "Steps × runs"):
        history.get_by_role("tab", name=tab, exact=True).click()
        found += findings(window, ".nbflow-History")

    window.command("nbflow:show-tables")
    tables = page.locator(".nbflow-Tables")
    tables.locator(".nbflow-Grid td").first.wait_for()
    found += findings(window, ".nbflow-Tables")
    tables.get_by_role("tab", name="Columns").click()
    found += findings(window, ".nbflow-Tables")
    assert found == []


def test_the_gallery_has_names_roles_and_contrast(window: Any, runner: Runner) -> None:
    window.command("nbflow:add-step")
    gallery = window.page.locator(".nbflow-Gallery")
    found = findings(window, ".nbflow-Gallery")
    names = [each.get_attribute("data-recipe") for each in gallery.locator("[data-recipe]").all()]
    for name in names:
        gallery.locator(f"[data-recipe={name}]").click()
        for add in gallery.get_by_role("button", name="Add", exact=True).all():
            add.click()
        found += findings(window, ".nbflow-Gallery")
        gallery.get_by_role("button", name="All steps").click()
    assert found == []


def test_the_workflow_panel_has_names_roles_and_contrast(window: Any, runner: Runner) -> None:
    window.panel().locator("[data-step=totals]").wait_for()
    assert findings(window, "#nbflow-workflow") == []


def test_the_dialog_the_history_and_the_gallery_are_walked_by_keys(
    window: Any, runner: Runner
) -> None:
    page = window.page
    keys = page.keyboard
    window.cell(3).locator(".cm-content").click()
    keys.press("Escape")
    keys.press("Alt+Shift+R")
    page.locator(".jp-Dialog").get_by_text("will run").wait_for()
    assert page.evaluate("document.activeElement.id") == "nbflow-run-day"
    keys.press("Escape")
    page.locator(".jp-Dialog").wait_for(state="detached")
    # Where one was before.
    assert page.evaluate("document.activeElement.closest('.jp-Notebook') !== null")
    runner.run()
    runner.run(least="5")

    keys.press("Alt+Shift+H")
    rows = page.locator(".nbflow-RunList [role=option]")
    rows.nth(1).wait_for()
    page.locator(".nbflow-RunList").focus()
    keys.press("ArrowDown")
    page.locator(".nbflow-RunList [aria-selected=true]").get_by_text("least").wait_for(
        state="detached"
    )
    page.get_by_role("tab", name="Steps", exact=True).focus()
    keys.press("ArrowRight")
    page.get_by_role("tab", name="Timeline", selected=True).wait_for()

    window.command("nbflow:add-step")
    card = page.locator("[data-recipe=filter]")
    card.focus()
    keys.press("Enter")
    page.locator(".nbflow-Gallery h2:focus", has_text="Filter").wait_for()
    keys.press("Shift+Tab")
    keys.press("Enter")
    page.locator("[data-recipe=filter]:focus").wait_for()
