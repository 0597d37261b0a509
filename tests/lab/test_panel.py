"""The workflow panel by itself: large notebooks, the keyboard, tags, findings."""

import json
from pathlib import Path
from typing import Any

from tests.lab.conftest import tagged
from tests.lab.test_elsewhere import save_and_run
from tests.lab.test_journey import press_through

MANY = 300
WIRE = Path(__file__).parent.parent / "wire"


def as_drawing(panel: Any) -> Any:
    """The panel shows cards, however narrow it is."""
    panel.locator("[data-step]").first.wait_for()
    toggle = panel.get_by_role("button", name="Show as a graph")
    if toggle.count():
        toggle.click()
    return panel.locator(".nbflow-Graph")


def show_as_list(panel: Any) -> None:
    panel.get_by_role("button", name="Show as a list").click()


def test_three_hundred_steps(window: Any, lab: Any) -> None:
    cells = ["s0 = [1]"] + [f"s{n} = sorted(s{max(n - 1 - n % 3, 0)})" for n in range(1, MANY)]
    window.open(lab.write("large.ipynb", *cells))
    window.command("nbflow:open-graph")
    view = window.page.locator(".jp-MainAreaWidget .nbflow-View")
    graph = as_drawing(view)
    graph.locator('[data-step="s0"]').wait_for()

    # Only what is seen is in the document, until all is to be seen.
    assert graph.locator(".nbflow-Card").count() < MANY
    view.get_by_role("button", name="Show all (F)").click()
    graph.locator(f'[data-step="s{MANY - 1}"]').wait_for()
    assert graph.locator(".nbflow-Card").count() == MANY

    # A step far away is found, and its cell is gone to.
    view.get_by_role("button", name="Find a step (/)").click()
    view.get_by_role("searchbox").fill("s250")
    view.locator(".nbflow-Search-count", has_text="1").wait_for()
    window.page.keyboard.press("Enter")
    window.wait_active(251)

    # An edit below changes the graph.
    window.write_cell(251, "s250 = sorted(s7)")
    view.locator(".nbflow-Details").get_by_role("button", name="s7", exact=True).wait_for()


def test_the_graph_is_walked_by_keyboard(window: Any, lab: Any) -> None:
    window.open(lab.write("walk.ipynb", "a = [1]", "b = sorted(a)", "c = sorted(b + a)"))
    graph = as_drawing(window.panel())
    graph.locator('[data-step="a"]').focus()
    window.page.keyboard.press("ArrowDown")
    graph.locator('[data-step="b"]:focus').wait_for()
    window.page.keyboard.press("ArrowDown")
    graph.locator('[data-step="c"]:focus').wait_for()
    window.page.keyboard.press("Home")
    graph.locator('[data-step="a"]:focus').wait_for()
    window.page.keyboard.press("End")
    window.page.keyboard.press("Enter")
    window.wait_active(3)
    assert "needs b, a" in (graph.locator('[data-step="c"]').get_attribute("aria-label") or "")


def test_an_edge_says_why_it_is_there(window: Any, lab: Any) -> None:
    window.open(lab.write("why.ipynb", "sales = [1]", "total = sum(sales)"))
    graph = as_drawing(window.panel())
    edge = graph.locator('[data-edge="c1→c2"] .nbflow-Line-reach')
    edge.wait_for(state="attached")
    edge.hover(force=True)
    graph.locator(".nbflow-EdgeLabel", has_text="sales").wait_for()
    edge.click(force=True)
    graph.get_by_role("dialog").wait_for()
    assert "cell 1" in graph.get_by_role("dialog").inner_text()


def test_tags_are_set_by_a_form(window: Any, lab: Any) -> None:
    window.open(lab.write("tags.ipynb", "a = [1]", "b = sorted(a)"))
    panel = window.panel()
    panel.locator('[data-step="b"]').click()
    window.wait_active(2)
    window.command("nbflow:edit-tags")
    form = window.page.locator(".nbflow-TagEditor")
    form.get_by_label("Retries").fill("2")
    form.get_by_label("Time limit").fill("soon")
    form.get_by_text("write a duration").wait_for()
    form.get_by_label("Time limit").fill("5m")
    window.page.locator(".jp-Dialog").get_by_role("button", name="Save").click()
    graph = as_drawing(panel)
    chips = graph.locator('[data-step="b"] .nbflow-Chip')
    chips.nth(1).wait_for()
    assert chips.all_inner_texts() == ["retries:2", "timeout:5m"]


def test_a_finding_leads_to_its_line(window: Any, lab: Any) -> None:
    wrong = tagged("b = sorted(a)", "retries:many")
    window.open(lab.write("wrong.ipynb", "a = [1]", wrong))
    panel = window.panel()
    panel.get_by_role("tab", name="Problems 1").click()
    panel.locator('[data-code="bad-tag"] button').first.click()
    window.wait_active(2)


def test_a_finding_is_mended_by_one_click(window: Any, lab: Any) -> None:
    wrong = tagged("print(saels)", "retires:2")
    window.open(lab.write("mended.ipynb", "sales = [1]", wrong))
    panel = window.panel()
    panel.get_by_role("tab", name="Problems 2").click()
    fixes = panel.locator(".nbflow-Problems").get_by_role("button", name="Fix", exact=True)
    panel.locator('[data-code="undefined-name"]').get_by_role("button", name="Fix").click()
    text = window.cell(2).locator(".cm-content")
    text.get_by_text("print(sales)").wait_for()
    panel.get_by_role("tab", name="Problems 1").wait_for()
    fixes.click()
    panel.locator(".nbflow-Problems", has_text="this notebook can run").wait_for()

    # A change of the text is undone as if it had been typed.
    text.click()
    window.page.keyboard.press("Control+z")
    text.get_by_text("print(saels)").wait_for()
    panel.get_by_role("tab", name="Problems 1").wait_for()


def test_an_edge_that_is_not_true_is_denied(window: Any, lab: Any) -> None:
    cells = ("from drawing import plot\n\nsales = [1]", "plot(sales)", "print(sales)")
    window.open(lab.write("denied.ipynb", *cells))
    graph = as_drawing(window.panel())
    doubtful = graph.locator('.nbflow-mod-may[data-edge="c2→c3"]')
    doubtful.locator(".nbflow-Line-reach").click(force=True)
    graph.get_by_role("button", name="Not true").click()
    text = window.cell(2).locator(".cm-content")
    text.get_by_text("plot(sales)  # nbflow: pure").wait_for()
    graph.locator('[data-edge="c1→c3"]').wait_for(state="attached")
    doubtful.wait_for(state="detached")

    text.click()
    window.page.keyboard.press("Control+z")
    doubtful.wait_for(state="attached")
    assert text.inner_text() == "plot(sales)"


def test_a_server_that_lets_nobody_in_is_named(window: Any, lab: Any) -> None:
    window.open(lab.write("session.ipynb", "a = [1]", "b = [2]"))
    panel = window.panel()
    panel.locator('[data-step="b"]').wait_for()
    pattern = f"{lab.url}nbflow/api/graph?*"
    window.page.route(pattern, lambda route: route.fulfill(status=403, json={"message": "no"}))
    window.write_cell(2, "b = sorted(a)")
    banner = panel.locator(".nbflow-Banner", has_text="Log in again")
    banner.wait_for()
    window.page.unroute(pattern)
    # The panel may ask again by itself, and take the button away from under the pointer.
    again = "banner => [...banner.querySelectorAll('button')].forEach(button => button.click())"
    for shown in banner.element_handles():
        shown.evaluate(again)
    banner.wait_for(state="detached")
    panel.locator('[data-edge="c1→c2"]').wait_for(state="attached")
    assert all("403" in each for each in window.complaints)
    window.complaints.clear()


def test_a_notebook_is_followed_to_its_new_name(window: Any, lab: Any) -> None:
    window.open(lab.write("before.ipynb", "a = [1]", "print(a)"))
    badge = window.page.locator('.nbflow-Badge[data-step="a"]')
    badge.wait_for()
    rename = "names => window.jupyterapp.serviceManager.contents.rename(...names)"
    window.page.evaluate(rename, ["before.ipynb", "after.ipynb"])
    window.page.locator(".lm-TabBar-tabLabel", has_text="after.ipynb").wait_for()
    window.write_cell(2, "print(max(a))")
    window.command("nbflow:run", path="after.ipynb", jobs=1)
    press_through(window, "Save and Run")
    window.page.locator('.nbflow-Badge[data-step="a"][data-status="succeeded"]').wait_for()


def sample(name: str) -> Any:
    return json.loads((WIRE / f"{name}.json").read_text("utf-8"))


def answer(window: Any, pattern: str, document: Any) -> None:
    """What a server of a later version would say."""
    body = json.dumps(document)
    window.page.route(
        f"{window.lab.url}nbflow/api/{pattern}",
        lambda route: route.fulfill(content_type="application/json", body=body),
    )


def later(window: Any, lab: Any, *, able: bool) -> Any:
    """A notebook with all that is planned; `able`: the server says that it can do it."""
    run, capabilities = sample("later-run"), sample("capabilities")
    if able:
        capabilities["features"] = dict.fromkeys(capabilities["features"], True)
    summary = {name: value for name, value in run.items() if name not in ("steps", "learned")}
    answer(window, "capabilities?*", capabilities)
    answer(window, "graph?*", sample("later-show"))
    answer(window, "runs?*", {"schema_version": 1, "runs": [summary]})
    answer(window, f"runs/{run['run']}?*", run)
    answer(window, "schedules?*", sample("schedules"))
    window.open(lab.write("later.ipynb", *[f"x{n} = [{n}]" for n in range(8)]))
    graph = as_drawing(window.panel())
    window.panel().get_by_role("button", name="Show all (F)").click()
    graph.locator('[data-step="prices"][data-status="waiting"]').wait_for()
    return graph


def test_what_a_later_version_brings_is_drawn(window: Any, lab: Any) -> None:
    graph = later(window, lab, able=True)
    clean = graph.locator('[data-step="clean"].nbflow-mod-stack')
    clean.get_by_text("4/6").wait_for()
    assert clean.get_attribute("data-status") == "failed"
    assert "waits for approval" in graph.locator('[data-step="prices"]').inner_text()
    assert "condition false" in graph.locator('[data-step="short_note"]').inner_text()
    chips = graph.locator(".nbflow-Chip").all_inner_texts()
    assert {"foreach:region=regions", "when:is_large", "approve", "publish:prices"} <= set(chips)
    badge = window.page.locator('.nbflow-Badge[data-step="prices"]')
    assert "waits for approval" in badge.inner_text()
    schedules = {
        row.get_attribute("data-schedule"): row.inner_text()
        for row in window.panel().locator(".nbflow-Schedules-row").all()
    }
    assert "Monday to Friday at 06:00" in schedules["weekdays"]
    assert "next" in schedules["weekdays"]
    assert "the run before had not ended" in schedules["hourly"]
    assert "paused" in schedules["month-end"]

    # The same as a column, with its doubtful lines.
    show_as_list(window.panel())
    column = window.panel().locator(".nbflow-List")
    column.locator('[data-step="clean"]').get_by_text("4/6").wait_for()
    assert "waits for approval" in column.locator('[data-step="prices"]').inner_text()
    assert "condition false" in column.locator('[data-step="short_note"]').inner_text()
    doubts = sample("later-show")["edges"]
    assert column.locator(".nbflow-Lane.nbflow-mod-may").count() == sum(
        edge["certainty"] == "may" for edge in doubts
    )


def test_what_the_server_cannot_do_is_not_drawn(window: Any, lab: Any) -> None:
    graph = later(window, lab, able=False)
    chips = graph.locator(".nbflow-Chip").all_inner_texts()
    assert sorted(chips) == ["partial", "pool:db=2", "retries:2"]
    assert graph.locator(".nbflow-mod-stack").count() == 0
    assert window.panel().locator(".nbflow-Schedules").count() == 0


def own_output(source: str, text: str) -> dict[str, Any]:
    """A cell that its author has run."""
    shown = {"output_type": "stream", "name": "stdout", "text": text}
    return {"cell_type": "code", "source": source, "execution_count": 1, "outputs": [shown]}


def test_from_a_cell_to_what_it_needs_and_feeds(window: Any, lab: Any) -> None:
    cells = ("a = [1]", "b = [2]", "", "# later", "c = sorted(a + b)", "print(c)")
    window.open(lab.write("near.ipynb", *cells))
    panel = window.panel()
    panel.locator('.nbflow-View [data-step="c"]').click()
    window.wait_active(5)
    needs = window.page.get_by_role("button", name="Needs a, b", exact=True)
    needs.wait_for()
    # Only the active cell wears them, and cells that say nothing are not drawn.
    assert window.page.locator(".nbflow-Near").count() == 2
    assert panel.get_by_text("Definitions").count() == 0

    needs.click()
    window.page.locator(".nbflow-NearMenu").get_by_text("b", exact=True).click()
    window.wait_active(2)
    feeds = window.page.get_by_role("button", name="Feeds c", exact=True)
    feeds.focus()
    window.page.keyboard.press("Enter")
    window.wait_active(5)
    # The keyboard goes on in the notebook: the next cell is one key away.
    window.page.keyboard.press("ArrowDown")
    window.wait_active(6)


def test_outputs_of_a_run_are_shown_and_never_written(window: Any, lab: Any) -> None:
    name = lab.write("whose.ipynb", own_output("n = 2\nprint(n)", "old\n"), "print(n + 1)")
    window.open(name)
    panel = window.panel()
    panel.locator(".nbflow-View [data-step]").first.wait_for()
    window.write_cell(2, "print(n + 2)")
    save_and_run(window)
    badges = window.page.locator('.nbflow-Badge[data-status="succeeded"]')
    badges.nth(1).wait_for()
    before = (lab.root / name).read_text()

    own = window.cell(1).locator(".jp-Cell-outputWrapper").get_by_text("old")
    own.wait_for()
    panel.get_by_role("button", name="Show the outputs of the run in the notebook").click()
    banner = window.page.locator(".nbflow-OutputsBanner")
    banner.get_by_text("Your own are kept").wait_for()
    window.cell(1).locator(".nbflow-RunOutputs").get_by_text("2", exact=True).wait_for()
    window.cell(2).locator(".nbflow-RunOutputs").get_by_text("4", exact=True).wait_for()
    assert window.page.get_by_text("has changed since").count() == 0
    assert not own.is_visible()

    banner.get_by_role("button", name="Keep Mine").click()
    own.wait_for()
    assert window.page.locator(".nbflow-RunOutputs").count() == 0
    assert (lab.root / name).read_text() == before


def test_a_step_is_compared_with_the_run_before(window: Any, lab: Any) -> None:
    window.open(lab.write("twice.ipynb", "n = [1]", "print(n)"))
    badge = window.page.locator('.nbflow-Badge[data-step="n"]')
    badge.wait_for()
    for text, status in (("n = [2]", "succeeded"), ("n = [3][1]", "failed")):
        window.write_cell(1, text)
        save_and_run(window)
        window.page.locator(f'.nbflow-Badge[data-step="n"][data-status="{status}"]').wait_for()
    badge.click()
    window.page.locator(".nbflow-StepMenu").get_by_text("Compare with Previous Run").click()
    difference = window.page.locator(".nbflow-Differences > [aria-current]")
    difference.get_by_text("succeeded → failed").wait_for()
    assert difference.locator("strong").inner_text() == "n"
