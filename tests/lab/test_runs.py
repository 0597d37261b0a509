"""Goals of those who run: with parameters, look back, look at tables, add steps by choices."""

from typing import Any

import pytest

from tests.lab.conftest import tagged

SALES = (
    "import pandas as pd\n"
    "sales = pd.DataFrame({'shop': ['north', 'south', 'north'], 'units': [3, 5, 8]})\n"
    "sales = sales[sales['units'] >= least]"
)
PARAMETERS = tagged(
    "from datetime import date\n"
    "from typing import Annotated\n"
    "day: date = date(2026, 3, 14)  # the day to report\n"
    "least: Annotated[int, range(0, 101)] = 4\n"
    "loud: bool = False",
    "parameters",
)
TOTALS = "%%sql totals\nSELECT shop, sum(units) AS units FROM sales GROUP BY shop ORDER BY shop"


ENDED = """async ([path, count, deadline]) => {
    const { baseUrl, token } = window.jupyterapp.serviceManager.serverSettings;
    for (const end = Date.now() + deadline; Date.now() < end; ) {
        const answer = await fetch(`${baseUrl}nbflow/api/runs?path=${path}&token=${token}`);
        const { runs } = await answer.json();
        if (runs.filter(run => run.status === "succeeded").length >= count) {
            return true;
        }
        await new Promise(resolve => setTimeout(resolve, 100));
    }
    return false;
}"""
PATIENCE_MS = 90_000


class Runner:
    """Runs one notebook, and knows how often it has."""

    def __init__(self, window: Any, path: str) -> None:
        self.window = window
        self.path = path
        self.times = 0

    def dialog(self) -> Any:
        """Ask for the dialog; it is ready when it says what will happen."""
        self.window.command("nbflow:run")
        dialog = self.window.page.locator(".jp-Dialog")
        dialog.get_by_text("will run").wait_for()
        return dialog

    def run(self, **answers: str) -> None:
        """Run by the dialog, to the end."""
        dialog = self.dialog()
        for name, answer in answers.items():
            dialog.get_by_label(name, exact=True).fill(answer)
        dialog.locator("button.jp-mod-accept").click()
        self.ended()

    def ended(self) -> None:
        """One more run has succeeded."""
        self.times += 1
        assert self.window.page.evaluate(ENDED, [self.path, self.times, PATIENCE_MS])


def opened(window: Any, lab: Any, name: str, *more: str) -> Runner:
    lab.write(name, "%load_ext nbflow", PARAMETERS, SALES, TOTALS, *more)
    window.open(name)
    # A kernel that connects writes its language into the notebook: that is over then.
    window.page.locator("#jp-main-statusbar").get_by_text("Idle").wait_for()
    return Runner(window, name)


def notice(window: Any, text: str) -> Any:
    return window.page.locator(".Toastify__toast", has_text=text)


def test_run_with_parameters_and_open_the_result(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/parameters.ipynb")
    page = window.page
    runner.run(least="5")
    notice(window, "succeeded").get_by_role("button", name="Open Result").click()
    result = page.locator(".nbflow-Result")
    result.get_by_text("least = 5").first.wait_for()
    result.get_by_text("notebook is read-only").wait_for()
    result.locator('.jp-CodeCell .cm-content[aria-readonly="true"]').first.wait_for()
    page.locator("#jp-main-statusbar").get_by_text("Workflow succeeded").wait_for()

    # The last answers are there again, and what does not fit is not sent.
    page.locator(".lm-TabBar-tab", has_text="parameters.ipynb").first.click()
    dialog = runner.dialog()
    least = dialog.get_by_label("least", exact=True)
    assert (least.input_value(), least.get_attribute("type")) == ("5", "number")
    assert dialog.get_by_label("day", exact=True).get_attribute("type") == "date"
    least.fill("5.5")
    dialog.locator("button.jp-mod-accept:disabled").wait_for()
    least.fill("101")
    dialog.get_by_text("takes int at least 0, less than 101, not '101'").wait_for()
    assert least.get_attribute("aria-invalid") == "true"
    # The browser itself writes each answer to the console that is a refusal.
    assert len(window.complaints) == 1
    assert "api/plan" in window.complaints.pop()
    dialog.locator("button.jp-mod-accept:disabled").wait_for()
    dialog.get_by_role("button", name="Back to what the notebook says: 4").click()
    assert least.input_value() == "4"
    assert page.evaluate("document.activeElement.id") == "nbflow-run-least"
    dialog.get_by_text("will run").wait_for()
    dialog.locator("button.jp-mod-accept:enabled").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_a_path_is_typed_or_chosen_among_the_files(window: Any, lab: Any) -> None:
    source = "from pathlib import Path\nfolder: Path = Path('in')\ntop: int = 3"
    lab.write(
        "runs/path.ipynb",
        tagged(source, "parameters"),
        "print(sorted(file.name for file in folder.iterdir()), top)",
    )
    (lab.root / "runs" / "days" / "monday").mkdir(parents=True)
    (lab.root / "runs" / "days" / "monday" / "a.csv").write_text("n\n1\n")
    window.open("runs/path.ipynb")
    page = window.page
    page.locator("#jp-main-statusbar").get_by_text("Idle").wait_for()
    runner = Runner(window, "runs/path.ipynb")
    dialog = runner.dialog()
    dialog.get_by_label("top", exact=True).fill("5")
    dialog.get_by_role("button", name="Choose a file or folder for “folder”").click()
    page.locator(".jp-Open-Dialog .jp-DirListing-item", has_text="days").dblclick()
    page.locator(".jp-Open-Dialog .jp-DirListing-item", has_text="monday").click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()

    # The dialog is back with the other answers, and the path as the notebook sees it.
    folder = dialog.get_by_label("folder", exact=True)
    page.locator("#nbflow-run-folder:focus").wait_for()
    assert folder.input_value() == "days/monday"
    assert dialog.get_by_label("top", exact=True).input_value() == "5"
    dialog.get_by_text("will run").wait_for()
    dialog.locator("button.jp-mod-accept").click()
    runner.ended()

    dialog = runner.dialog()
    dialog.get_by_role("button", name="Choose a file or folder for “folder”").click()
    page.locator(".jp-Open-Dialog .jp-DirListing-item", has_text="path.ipynb").wait_for()
    page.locator(".jp-Dialog").get_by_role("button", name="Cancel").click()
    assert folder.input_value() == "days/monday"
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_runs_are_compared_repeated_and_deleted(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/history.ipynb")
    page = window.page
    runner.run()
    runner.run(least="5")
    window.command("nbflow:show-history")
    history = page.locator(".nbflow-History")
    rows = history.locator(".nbflow-RunList [role=option]")
    rows.nth(1).wait_for()
    rows.first.click()
    history.get_by_role("tab", name="Compare").click()
    history.locator(".nbflow-Differences", has_text="least").first.wait_for()
    history.get_by_role("tab", name="Log", exact=True).click()
    history.get_by_label("Step", exact=True).wait_for()
    history.get_by_role("tab", name="Steps × runs").click()
    history.locator(".nbflow-Matrix tbody tr", has_text="totals").wait_for()
    history.get_by_role("tab", name="Runs", exact=True).click()

    rows.first.click()
    history.get_by_role("button", name="Run again with the same parameters").click()
    runner.ended()
    rows.nth(2).wait_for()
    rows.first.get_by_text("reused").wait_for()
    rows.nth(2).click()
    history.get_by_role("button", name="Delete this run").click()
    press_through(window, "Delete")
    rows.nth(2).wait_for(state="detached")
    assert rows.count() == 2


def test_a_run_is_kept_seen_on_its_axis_and_opened_at_a_step(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/kept.ipynb")
    page = window.page
    runner.run()
    runner.run(least="5")
    window.command("nbflow:show-history")
    history = page.locator(".nbflow-History")
    rows = history.locator(".nbflow-RunList [role=option]")
    rows.nth(1).click()
    history.get_by_text("the notebook is still the same").wait_for()
    history.get_by_role("tab", name="Timeline").click()
    history.get_by_role("listitem", name="totals: ").wait_for()

    # What is kept stays, whatever else is deleted.
    keep = history.get_by_role("button", name="Keep this run…")
    keep.click()
    page.locator(".jp-Dialog input").fill("as sent")
    press_through(window, "Keep")
    rows.nth(1).get_by_text("as sent").wait_for()
    history.get_by_role("button", name="Delete this run").locator(":scope:disabled").wait_for()
    history.get_by_label("Runs of which status").select_option("succeeded")
    history.get_by_role("button", name="Delete the run listed here").click()
    press_through(window, "Delete")
    rows.nth(1).wait_for(state="detached")
    rows.first.click()

    # The step's result, at its cell, and with nothing to save.
    history.get_by_role("tab", name="Steps", exact=True).click()
    step = history.locator(".nbflow-StepList li", has_text="totals")
    step.get_by_role("button", name="Result").click()
    result = page.locator(".nbflow-Result")
    result.locator(".jp-Cell.jp-mod-active", has_text="sum(units)").wait_for()
    result.locator('.jp-CodeCell .cm-content[aria-readonly="true"]').first.wait_for()
    page.locator(".lm-TabBar-tab", has_text="Result of kept").wait_for()
    assert page.locator(".lm-TabBar-tab.jp-mod-dirty", has_text="Result of kept").count() == 0


def press_through(window: Any, button: str) -> None:
    """Accept the dialog that asks."""
    dialog = window.page.locator(".jp-Dialog")
    dialog.get_by_role("button", name=button, exact=True).click()
    dialog.wait_for(state="detached")


def test_tables_are_looked_at_and_queried(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/tables.ipynb", "best = totals.iloc[0]")
    page = window.page
    runner.run()
    window.cell(4).locator(".cm-content").click()
    window.command("nbflow:show-tables")
    tables = page.locator(".nbflow-Tables")
    tables.locator(".nbflow-OutputList [data-name=totals]").click()
    tables.locator(".nbflow-Grid td", has_text="north").wait_for()
    tables.get_by_role("tab", name="Columns").click()
    tables.locator(".nbflow-Grid th", has_text="units").wait_for()
    tables.get_by_role("button", name="SELECT from here").click()
    window.cell(5).get_by_text("FROM totals").wait_for()
    tables.get_by_role("button", name="Load into kernel").click()
    notice(window, "is in your kernel").wait_for()

    # A Series is a table of its labels and values.
    tables.locator(".nbflow-OutputList [data-name=best]").click()
    tables.locator(".nbflow-Grid td", has_text="shop").wait_for()
    tables.get_by_text("1–2 of 2").wait_for()
    tables.get_by_role("tab", name="Columns").click()
    tables.locator(".nbflow-Grid th", has_text="index").wait_for()


def test_a_step_added_by_choices_runs(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/gallery.ipynb")
    page = window.page
    runner.run()
    window.cell(4).locator(".cm-content").click()
    window.command("nbflow:add-step")
    gallery = page.locator(".nbflow-Gallery")
    gallery.locator("[data-recipe=filter]").click()
    gallery.locator("select#nbflow-field-table").select_option("totals")
    conditions = gallery.locator("[data-field=conditions]")
    conditions.get_by_role("button", name="Add").click()
    conditions.locator("[data-field=column] select").select_option("units")
    conditions.locator("[data-field=operator] select").select_option(">")
    conditions.locator("[data-field=value] input").fill("many")
    gallery.get_by_text("'many' is not a number").wait_for()
    conditions.locator("[data-field=value] input").fill("6")
    gallery.locator(".nbflow-Grid td", has_text="north").wait_for()
    gallery.get_by_role("button", name="Insert").click()
    window.cell(5).get_by_text("WHERE units > 6").wait_for()
    gallery.locator("[data-recipe=read]").wait_for()

    runner.run()
    window.command("nbflow:show-tables")
    tables = page.locator(".nbflow-Tables")
    tables.locator(".nbflow-OutputList [data-name=totals_selected]").click()
    tables.locator(".nbflow-Grid td", has_text="8").wait_for()


def test_a_table_is_drawn_and_written_to_a_file_by_choices(window: Any, lab: Any) -> None:
    pytest.importorskip("matplotlib")
    runner = opened(window, lab, "runs/shown.ipynb")
    runner.run()
    window.cell(4).locator(".cm-content").click()
    window.command("nbflow:add-step")
    gallery = window.page.locator(".nbflow-Gallery")
    gallery.locator("[data-recipe=chart]").click()
    gallery.locator("[data-field=x] select").select_option("shop")
    gallery.locator("[data-field=y]").get_by_role("checkbox", name="units").check()
    gallery.locator(".nbflow-Outcome", has_text="totals.plot.bar").wait_for()
    gallery.get_by_role("button", name="Insert").click()
    window.cell(6).get_by_text("totals.plot.bar").wait_for()

    gallery.locator("[data-recipe=export]").click()
    gallery.locator("[data-field=table] select").select_option("totals")
    gallery.locator("[data-field=file] input").fill("totals.csv")
    gallery.locator(".nbflow-Outcome", has_text="totals.to_csv").wait_for()
    gallery.get_by_role("button", name="Insert").click()
    window.cell(7).get_by_text("totals.to_csv").wait_for()

    runner.run()
    assert (lab.root / "runs" / "totals.csv").read_text() == "shop,units\nnorth,8\nsouth,5\n"
    # Not by the notice: that of the first run may still be there.
    window.command("nbflow:show-history")
    history = window.page.locator(".nbflow-History")
    history.locator(".nbflow-RunList [role=option]").nth(0).click()
    history.get_by_role("button", name="Open result").click()
    window.page.locator(".nbflow-Result .jp-RenderedImage img").wait_for()


def test_a_run_waits_for_the_save_that_was_begun_just_before(window: Any, lab: Any) -> None:
    """Two saves at once would have Lab ask whether somebody else has changed the file."""
    runner = opened(window, lab, "runs/saved.ipynb")
    window.write_cell(3, SALES.replace("8]", "9]"))
    held: list[Any] = []
    window.page.route(
        "**/api/contents/runs/saved.ipynb*",
        lambda route: held.append(route) if route.request.method == "PUT" else route.continue_(),
    )
    window.page.evaluate(
        """() => {
            const { commands } = window.jupyterapp;
            void commands.execute("docmanager:save");
            void commands.execute("nbflow:run", { jobs: 1 });
        }"""
    )
    while not held:
        window.page.wait_for_timeout(20)
    dialog = window.page.locator(".jp-Dialog")
    assert dialog.count() == 0
    held[0].continue_()
    window.page.unroute("**/api/contents/runs/saved.ipynb*")
    runner.ended()
    assert dialog.count() == 0


def test_a_wide_file_and_an_excel_sheet_are_read_by_choices(window: Any, lab: Any) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("openpyxl")
    runner = opened(window, lab, "runs/read.ipynb")
    wide = pd.DataFrame({f"measure {n}": [n * 1000.5] for n in range(12)})
    wide.to_csv(lab.root / "runs" / "wide.csv", index=False)
    pd.DataFrame({"shop": ["Bern"], "units": [17]}).to_excel(
        lab.root / "runs" / "shops.xlsx", index=False
    )
    window.cell(4).locator(".cm-content").click()
    window.command("nbflow:add-step")
    gallery = window.page.locator(".nbflow-Gallery")
    gallery.locator("[data-recipe=read]").click()
    file = gallery.locator("[data-field=file] input")
    file.fill("wide.csv")
    grid = gallery.locator(".nbflow-Grid")
    grid.get_by_text("measure 11").wait_for()
    # The rows scroll in their own frame; the panel does not become wider by them.
    assert grid.evaluate("e => e.scrollWidth > e.clientWidth")
    assert gallery.evaluate("e => e.scrollWidth === e.clientWidth")
    sheet = gallery.locator("[data-field=sheet]")
    assert sheet.count() == 0

    file.fill("shops.xlsx")
    sheet.wait_for()
    gallery.locator(".nbflow-Outcome", has_text="read_excel").wait_for()
    gallery.get_by_role("button", name="Insert").click()
    window.cell(5).get_by_text('pd.read_excel("shops.xlsx")').wait_for()
    runner.run()
    window.command("nbflow:show-tables")
    tables = window.page.locator(".nbflow-Tables")
    tables.locator(".nbflow-OutputList [data-name=shops]").click()
    tables.locator(".nbflow-Grid td", has_text="17").wait_for()


def test_an_output_of_an_earlier_run_is_taken_into_the_kernel(window: Any, lab: Any) -> None:
    runner = opened(window, lab, "runs/loaded.ipynb")
    runner.run()
    runner.run(least="8")
    window.command("nbflow:show-history")
    history = window.page.locator(".nbflow-History")
    rows = history.locator(".nbflow-RunList [role=option]")
    rows.nth(1).click()
    step = history.locator(".nbflow-StepList li", has_text="totals")
    step.get_by_role("button", name="Load").click()
    notice(window, "“totals” is in your kernel").wait_for()
    window.write_cell(4, "print(len(totals), 'shops')")
    window.command("notebook:run-cell")
    window.cell(4).locator(".jp-OutputArea", has_text="2 shops").wait_for()


def test_a_file_s_menu_leads_to_its_runs(window: Any, lab: Any) -> None:
    opened(window, lab, "menu.ipynb")
    page = window.page
    page.locator(".jp-DirListing-item", has_text="menu.ipynb").click(button="right")
    page.locator(".lm-Menu-item", has_text="Workflow").hover()
    page.locator(".lm-Menu-item", has_text="Show Runs").click()
    page.locator(".nbflow-History").get_by_text("has not run as a workflow").wait_for()


def test_a_cell_s_menu_is_about_the_cell_under_the_pointer(window: Any, lab: Any) -> None:
    opened(window, lab, "runs/pointed.ipynb")
    page = window.page
    window.cell(4).locator(".cm-content").click()
    page.locator('.nbflow-Badge[data-step="totals"]').wait_for()

    def choose(number: int, entry: str) -> None:
        window.cell(number).locator(".cm-content").click(button="right")
        page.locator(".lm-Menu-item", has_text="Workflow").hover()
        page.locator(".lm-Menu-item", has_text=entry).click()

    choose(3, "Edit Workflow Tags")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_text("Tags of sales").wait_for()
    dialog.get_by_role("button", name="Cancel").click()

    window.cell(3).locator(".cm-content").click()
    choose(4, "Combine with Previous Step")
    page.locator('.nbflow-Badge[data-step="totals"]').wait_for(state="detached")


def test_the_launcher_s_notebook_runs(window: Any, lab: Any) -> None:
    opened(window, lab, "runs/ways-in.ipynb")
    page = window.page
    window.command("launcher:create")
    card = page.locator(".jp-LauncherCard", has_text="Workflow")
    card.locator("img").wait_for()
    card.click()
    page.get_by_role("heading", name="Orders of a day").wait_for()
    path = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    Runner(window, path).run()


def test_two_cells_become_one_step(window: Any, lab: Any) -> None:
    opened(window, lab, "runs/combined.ipynb")
    window.cell(4).locator(".cm-content").click()
    window.page.locator('.nbflow-Badge[data-step="totals"]').wait_for()
    window.command("nbflow:combine-with-previous")
    window.page.locator('.nbflow-Badge[data-step="totals"]').wait_for(state="detached")
