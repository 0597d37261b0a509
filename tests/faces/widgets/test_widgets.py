"""What a notebook shows of its own runs: live while one goes on, and there in exported files."""

import json
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

from nbflow.core.errors import NotFound, UsageError
from nbflow.core.graph import Graph
from nbflow.core.run import Event, EventKind, Run, Status
from nbflow.faces.drawing import Mark, svg
from nbflow.faces.live import Story, story_of
from nbflow.faces.widgets import here
from nbflow.faces.widgets.picture import _Picture, marks_of

NS = "{http://www.w3.org/2000/svg}"


def notebook(path: Path, *sources: str) -> Path:
    make: Any = nbformat.v4
    cells = [make.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources, start=1)]
    nbformat.write(make.new_notebook(cells=cells), path)
    return path


# -- the picture ---------------------------------------------------------------------------------


def test_each_step_wears_its_state(shop: Graph, bad_run: Run) -> None:
    root = ElementTree.fromstring(svg(shop, marks_of(story_of(bad_run)), themed=True))
    classes = [each.get("class", "").split() for each in root.iter(f"{NS}g")]
    states = [words[-1] for words in classes if words[:1] == ["step"]]
    assert states == ["succeeded", "reused", "failed", "skipped", "skipped"]
    texts = ["".join(each.itertext()) for each in root.iter(f"{NS}text")]
    assert any("✓ 1.0 s" in each for each in texts)
    assert any("↺ reused" in each for each in texts)


def test_the_picture_keeps_its_measures_while_steps_go_on(shop: Graph, good_run: Run) -> None:
    def measures(story: Story) -> tuple[str | None, ...]:
        root = ElementTree.fromstring(svg(shop, marks_of(story), themed=True))
        return root.get("viewBox"), *(each.get("width") for each in root.iter(f"{NS}rect"))

    assert measures(Story()) == measures(story_of(good_run))


def test_without_marks_the_picture_is_what_it_was(shop: Graph) -> None:
    assert "var(" not in svg(shop)
    assert "var(--jp-" in svg(shop, themed=True)


def test_what_a_run_says_stays_text(shop: Graph) -> None:
    hostile = Mark(state="failed", sign="✗", note="<script>", said='"><img onerror=1>\x1b[0m')
    drawn = svg(shop, {shop.steps[0].name: hostile}, themed=True)
    assert "<script>" not in drawn
    assert "<img" not in drawn
    ElementTree.fromstring(drawn)


def test_a_picture_follows_the_events_of_its_own_run(shop: Graph, good_run: Run) -> None:
    from dataclasses import replace

    running = replace(good_run, status=Status.RUNNING, steps=())
    picture = _Picture(graph=shop, run=running, story=Story())
    at = "2026-01-05T06:00:00+00:00"

    def told(kind: EventKind, run: Any = running.id, **more: Any) -> tuple[Event, str]:
        return Event(at=at, run=run, kind=kind, **more), "shop.ipynb"

    assert picture.draw([told(EventKind.STEP_STARTED, step="sales")]).live
    assert "● sales  running" in picture.draw([]).text
    other = [told(EventKind.RUN_FINISHED, run="another", status=Status.FAILED)]
    assert picture.draw(other).live
    ended = picture.draw([told(EventKind.RUN_FINISHED, status=Status.SUCCEEDED)])
    assert not ended.live
    assert "✓ succeeded" in ended.text


# -- which notebook ------------------------------------------------------------------------------


def test_the_front_end_tells_which_notebook_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.ipynb", "b.ipynb"):
        notebook(tmp_path / name, "x = 1")
    monkeypatch.setenv("JPY_SESSION_NAME", "reports/b.ipynb")
    assert here.own() == tmp_path / "b.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "a.ipynb"))
    assert here.own() == tmp_path / "a.ipynb"
    monkeypatch.delenv("JPY_SESSION_NAME")
    with pytest.raises(UsageError, match="does not tell"):
        here.own()
    (tmp_path / "a.ipynb").unlink()
    assert here.own() == tmp_path / "b.ipynb"
    with pytest.raises(NotFound):
        here.find("no.ipynb")


def test_a_form_needs_ipywidgets_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from nbflow.faces.widgets import parameters

    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(UsageError, match="ipywidgets") as caught:
        parameters(notebook(tmp_path / "a.ipynb", "x = 1"))
    assert caught.value.hint == "pip install ipywidgets"


# -- in a kernel ---------------------------------------------------------------------------------

STORY = ("x = [1]", "y = [*x, 2]", "%%sql t\nSELECT 1 AS a", "print(y, len(t))")

WATCHES = (
    "import nbflow",
    "nbflow.show('story.ipynb')",
    """\
import pathlib, time
project = nbflow.Project.find()
run = project.start(pathlib.Path("story.ipynb").absolute())
nbflow.show("story.ipynb")
nbflow.runs("story.ipynb")
import threading
following = [each for each in threading.enumerate() if each.name == "nbflow display"]
for each in following:
    each.join(120)""",
    "print(len(following), [each.is_alive() for each in following])",
    "nbflow.load('y')",
)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The outputs of a notebook that watches a run of another one."""
    folder = tmp_path_factory.mktemp("watching")
    notebook(folder / "story.ipynb", *STORY)
    path = notebook(folder / "watching.ipynb", *WATCHES)
    node = nbformat.read(path, as_version=4)
    NotebookClient(node, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell["outputs"] for cell in node["cells"]]


@pytest.mark.slow
def test_a_notebook_that_never_ran_is_shown_without_states(watched: list[Any]) -> None:
    [shown] = watched[1]
    assert "it has not run yet" in shown["data"]["text/plain"]
    assert "<svg" in shown["data"]["text/html"]


@pytest.mark.slow
def test_what_was_shown_while_a_run_began_says_at_last_how_it_ended(watched: list[Any]) -> None:
    picture, table = watched[2]
    assert "✓ succeeded" in picture["data"]["text/plain"]
    assert "✓ y  succeeded" in picture["data"]["text/plain"]
    assert picture["data"]["text/html"].count("succeeded") > 3
    assert "✓ succeeded" in table["data"]["text/plain"]
    assert "4 succeeded" in table["data"]["text/html"]


@pytest.mark.slow
def test_the_threads_end_with_the_run(watched: list[Any]) -> None:
    assert watched[3][0]["text"] == "2 [False, False]\n"


@pytest.mark.slow
def test_a_value_of_the_run_is_loaded_into_the_kernel(watched: list[Any]) -> None:
    assert watched[4][0]["data"]["text/plain"] == "[1, 2]"


def exported(bundle: dict[str, str]) -> str:
    """The page that nbconvert makes of a notebook with this output."""
    exporters: Any = pytest.importorskip("nbconvert").HTMLExporter
    make: Any = nbformat.v4
    cell = make.new_code_cell("shown", outputs=[make.new_output("display_data", data=bundle)])
    page, _ = exporters().from_notebook_node(make.new_notebook(cells=[cell]))
    return str(page)


def test_an_exported_page_has_the_values_of_the_form(tmp_path: Path) -> None:
    from nbflow.faces.widgets import parameters

    source = "n: Annotated[int, range(1, 9)] = 3  # <how> many"
    path = notebook(tmp_path / "a.ipynb", source)
    node = json.loads(path.read_text())
    node["cells"][0]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(node))
    form = parameters(path)
    number = form.children[0]
    assert (type(number).__name__, number.min, number.max) == ("BoundedIntText", 1, 8)
    number.value = 7
    bundle = form._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    page = exported(bundle)
    assert '<th style="text-align:left;padding:2px 12px 2px 0;font-weight:normal">n</th>' in page
    assert ">7</td>" in page
    assert "&lt;how&gt; many" in page


def test_an_exported_page_has_the_picture(shop: Graph, good_run: Run) -> None:
    picture = _Picture(graph=shop, run=good_run, story=story_of(good_run))
    page = exported(picture.draw(()).bundle())
    assert "<svg" in page
    assert all(str(step.name) in page for step in shop.steps)


@pytest.mark.slow
def test_a_form_has_a_control_for_each_type_and_starts_a_run(tmp_path: Path) -> None:
    from nbflow import Project
    from nbflow.faces.widgets import parameters

    source = 'n = 3\nrate = 0.5\nday = "2026-01-05"\non = True\nnames = ["a"]'
    path = notebook(tmp_path / "a.ipynb", source, "print(n, rate, names)")
    node = json.loads(path.read_text())
    node["cells"][0]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(node))
    form = parameters(path)
    *fields, button, _said, picture = form.children
    kinds = {field.description: type(field).__name__ for field in fields}
    assert kinds["n"] == "IntText"
    assert kinds["rate"] == "FloatText"
    assert kinds["on"] == "Checkbox"
    assert kinds["names"] == "Textarea"
    next(field for field in fields if field.description == "n").value = 7
    button.click()
    [run] = Project(tmp_path).runs()
    assert run.parameters["n"] == 7
    assert run.parameters["names"] == ["a"]
    for each in threading.enumerate():
        if each.name.startswith("nbflow"):
            each.join(120)
    assert Project(tmp_path).status(run.id).status is Status.SUCCEEDED
    assert 'class="step succeeded"' in picture.value
    assert 'class="step queued"' not in picture.value
