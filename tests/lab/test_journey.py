"""From an open notebook to a workflow that ran: what people do, in a real browser."""

from typing import Any

CELLS = (
    "md:# Load",
    "import pandas as pd",
    'orders = pd.DataFrame({"shop": ["a", "b", "a"], "sold": [1, 2, 3]})',
    "%%sql totals\nSELECT shop, sum(sold) AS sold FROM orders GROUP BY shop ORDER BY shop",
    "md:# Report",
    "best = sorted([1])",
    "print(best)",
)


def card(panel: Any, step: str) -> Any:
    """A step in the panel: a card of the drawing, or a row of the column."""
    return panel.locator(f'.nbflow-View [data-step="{step}"]')


def edge(panel: Any, ends: str) -> Any:
    return panel.locator(f'[data-edge="{ends}"]')


def badge(window: Any, step: str) -> Any:
    return window.page.locator(f'.nbflow-Badge[data-step="{step}"]')


def status(window: Any, step: str, wanted: str) -> None:
    """Wait until badge and card say so."""
    window.page.locator(f'.nbflow-Badge[data-step="{step}"][data-status="{wanted}"]').wait_for()
    window.page.locator(f'#nbflow-workflow [data-step="{step}"][data-status="{wanted}"]').wait_for()


def press_through(window: Any, button: str) -> None:
    """Accept the dialog that asks."""
    dialog = window.page.locator(".jp-Dialog")
    dialog.wait_for()
    dialog.get_by_role("button", name=button, exact=True).click()
    dialog.wait_for(state="detached")


def test_open_edit_run_fail_fix_resume(window: Any, lab: Any) -> None:
    page = window.page
    window.open(lab.write("journey.ipynb", *CELLS))
    panel = window.panel()

    # The graph is there without a run, and so are the badges.
    card(panel, "orders").wait_for()
    edge(panel, "c3→c4").wait_for(state="attached")
    badge(window, "totals").wait_for()
    assert edge(panel, "c4→c6").count() == 0
    assert badge(window, "definitions").count() == 0

    # An edit makes an edge.
    window.write_cell(6, 'best = totals["shop"].iloc[-1]')
    edge(panel, "c4→c6").wait_for(state="attached")

    # A run turns the badges.
    window.command("nbflow:run", jobs=2)
    press_through(window, "Save and Run")
    for step in ("orders", "totals", "best"):
        status(window, step, "succeeded")
    assert "3 rows" in badge(window, "orders").inner_text()

    # What was saved since is stale, and the panel says beforehand what a run would do.
    window.write_cell(6, 'best = totals["shop"].iloc[0]')
    window.command("docmanager:save")
    status(window, "best", "stale")
    status(window, "totals", "succeeded")
    panel.locator(".nbflow-Bar-summary", has_text="will run").wait_for()
    assert "will run" in badge(window, "best").inner_text()

    # It fails on purpose, and the failing line is one click away.
    window.write_cell(6, 'best = totals["shop"].iloc[-1]\nbest = totals["store"]')
    window.command("nbflow:run", jobs=2)
    status(window, "best", "failed")
    status(window, "totals", "reused")
    card(panel, "orders").click()
    window.wait_active(3)
    page.get_by_role("button", name="Show Failing Cell").last.click()
    window.wait_active(6)
    assert "KeyError" in panel.locator(".nbflow-Details-error").inner_text()

    # It is mended, and the run goes on.
    window.write_cell(6, 'best = totals["shop"].iloc[0]')
    window.command("nbflow:resume-latest")
    status(window, "best", "succeeded")
    status(window, "orders", "reused")
    panel.locator(".nbflow-Bar-summary", has_text="succeeded in").wait_for()
