"""May-edges dissolve where runs have shown that nothing is written, and only there.

`keep` below stands for the lesson of such a run; `stranger` is a library that nobody knows.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from simulator import notebook_of

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.core.graph import Graph, Learned, Lesson
from nbflow.core.names import Name
from nbflow.core.step import StepId


def linked(sources: Iterable[str], *lessons: Learned) -> Graph:
    notebook = notebook_of([*sources])
    return link(notebook, read_cells(notebook), {}, learned=lessons)


def keep(cell: int, *names: str, what: Lesson = "keeps") -> tuple[Learned, ...]:
    return tuple(
        Learned(step=StepId(f"c{cell}"), name=Name(name), what=what, reason="seen")
        for name in names
    )


def lends(cell: int, *names: str) -> tuple[Learned, ...]:
    return keep(cell, *names, what="lends")


def changes(cell: int, name: str) -> Learned:
    return Learned(step=StepId(f"c{cell}"), name=Name(name), what="writes", reason="seen")


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {
        (edge.writer, edge.reader, edge.kind)
        for edge in graph.edges
        if "definitions" not in (edge.writer, edge.reader)
    }


HEAD = "import wordcloud as stranger"
UNKNOWN = [HEAD, "xs = [1]", "n = stranger.look(xs)", "m = len(xs)"]


def test_an_unknown_call_is_obeyed_until_a_run_has_seen_it() -> None:
    assert ("c2", "c3", "data") in edges(linked(UNKNOWN))
    after = linked(UNKNOWN, *keep(2, "xs"))
    assert edges(after) == {("c1", "c2", "data"), ("c1", "c3", "data")}
    step = after.step(StepId("c2"))
    assert "xs" in step.spared
    assert "xs" not in step.declared_writes


def test_what_may_be_dissolved_is_told_beforehand() -> None:
    assert linked(UNKNOWN).step(StepId("c2")).may_writes == ("xs",)


def test_a_change_that_a_run_has_seen_outweighs_what_others_have_not() -> None:
    graph = linked(UNKNOWN, *keep(2, "xs"), changes(2, "xs"))
    assert ("c2", "c3", "data") in edges(graph)
    assert graph.step(StepId("c2")).may_writes == ()


@pytest.mark.parametrize(
    "cell",
    [
        "xs.append(2)",
        "xs += stranger.look(xs)",
        "if stranger.ask(xs):\n    xs = [2]",
        "for x in xs:\n    xs = [x]",
        "try:\n    xs = stranger.look(xs)\nexcept ValueError:\n    pass",
    ],
)
def test_visible_changes_and_bindings_on_some_path_never_dissolve(cell: str) -> None:
    sources = [HEAD, "xs = [1]", cell, "m = len(xs)"]
    assert ("c2", "c3", "data") in edges(linked(sources, *keep(2, "xs")))


def test_shared_names_dissolve_together() -> None:
    sources = [HEAD, "xs = [1]\nys = [xs]", "n = stranger.look(xs)", "m = len(ys)"]
    assert ("c2", "c3", "data") in edges(linked(sources))
    assert ("c2", "c3", "data") not in edges(linked(sources, *keep(2, "xs", "ys")))


def test_a_result_that_was_seen_apart_shares_nothing() -> None:
    sources = [HEAD, "xs = [1]", "ys = stranger.pick(xs)", "ys.append(2)", "print(xs)"]
    assert ("c3", "c4", "data") in edges(linked(sources))
    after = edges(linked(sources, *keep(2, "xs")))
    assert ("c3", "c4", "data") not in after
    assert ("c2", "c3", "data") in after


VIEW = [HEAD, "xs = [[1]]", "ys = stranger.pick(xs)", "m = len(xs)", "print(ys)"]


def test_an_input_of_which_a_result_holds_a_part_was_not_changed() -> None:
    assert ("c2", "c3", "data") in edges(linked(VIEW))
    after = linked(VIEW, *lends(2, "xs"))
    assert edges(after) == {("c1", "c2", "data"), ("c1", "c3", "data"), ("c2", "c4", "data")}
    step = after.step(StepId("c2"))
    assert step.spared == ("xs",)
    assert step.together == (("xs", "ys"),)


@pytest.mark.parametrize("change", ["ys.append(2)", "xs.append(2)", "stranger.look(ys)"])
def test_what_a_result_holds_may_change_by_way_of_it(change: str) -> None:
    cells = [*VIEW, change, "print(xs)", "print(ys)"]
    graph = linked(cells, *lends(2, "xs"))
    assert {("c2", "c5", "data"), ("c5", "c6", "data"), ("c5", "c7", "data")} <= edges(graph)
    assert "xs" in graph.step(StepId("c2")).declared_writes
    assert graph.step(StepId("c2")).may_writes == ("xs",)


def test_what_shares_from_above_stays_with_it() -> None:
    cells = [HEAD, "ys = [1]\nxs = [ys]", "stranger.look(xs)", "ys.append(1)", "print(xs)"]
    graph = linked(cells, *lends(2, "xs"))
    assert {("c2", "c3", "data"), ("c3", "c4", "data")} <= edges(graph)


def test_sharing_that_came_later_is_obeyed() -> None:
    cells = [*VIEW, "ys.append(2)", "print(xs)"]
    shared = edges(linked(cells, *keep(2, "xs"), shares(2, "xs")))
    assert shared == edges(linked(cells, *lends(2, "xs")))


def test_draws_that_were_never_seen_do_not_wait_for_the_seed() -> None:
    sources = [
        "import numpy as np, wordcloud as stranger",
        "np.random.seed(1)",
        "n = stranger.look(3)",
        "r = np.random.rand()",
    ]
    before = edges(linked(sources))
    assert {("c1", "c2", "ambient"), ("c2", "c3", "ambient")} <= before
    after = linked(sources, *keep(2, "@numpy.random"))
    assert edges(after) == {("c1", "c3", "ambient")}
    assert "@numpy.random" in after.step(StepId("c2")).spared


OUTSIDE = [
    HEAD,
    "xs = [1]",
    "n = stranger.look(xs)",
    "ys = [len(xs)]",
    "with open('out.txt', 'w') as f:\n    f.write(str(ys))",
]


def test_outside_effects_obey_every_may_edge_always() -> None:
    after = linked(OUTSIDE, *keep(2, "xs"))
    assert ("c2", "c3", "data") not in edges(after)
    waits = next(e for e in after.edges if (e.writer, e.reader) == ("c2", "c4"))
    assert (waits.kind, waits.certainty) == ("order", "may")
    assert "might change `xs`" in waits.because


def test_a_name_bound_anew_rests_on_no_doubt() -> None:
    sources = [*OUTSIDE[:3], "ys = [1]", *OUTSIDE[4:]]
    after = linked(sources, *keep(2, "xs"))
    assert all((e.writer, e.reader) != ("c2", "c4") for e in after.edges)


def test_in_one_kernel_nothing_dissolves() -> None:
    sources = ["xs = [1]", "eval('xs')", "print(xs)"]
    graph = linked(sources, *keep(1, "xs"))
    assert graph.one_lane
    assert not any(step.spared for step in graph.steps)


SHARED = [HEAD, "a = [1]", "b = a", "n = len(a)", "stranger.look(b)", "print(a)"]


def test_what_runs_have_seen_unchanged_shows_no_sharing() -> None:
    before = edges(linked(SHARED))
    assert ("c2", "c3", "data") in before
    assert ("c2", "c3", "data") not in edges(linked(SHARED, *keep(4, "a", "b")))


def test_a_change_that_a_run_has_seen_shows_only_sharing_above_it() -> None:
    sources = [*SHARED, "c = [a]", "print(a)", "print(c)"]
    lessons = (*keep(4, "a"), changes(4, "b"))
    found = edges(linked(sources, *lessons))
    assert ("c2", "c3", "data") in found
    assert ("c6", "c7", "data") not in found


def shares(cell: int, name: str) -> Learned:
    return Learned(step=StepId(f"c{cell}"), name=Name(name), what="shares", reason="seen")


def test_sharing_that_the_text_tells_is_left_to_the_text() -> None:
    cells = ["xs = [1]", "box = {1: xs}", "print(xs)", "print(box)"]
    assert edges(linked(cells, shares(1, "xs"))) == edges(linked(cells))
    changing = [*cells, "box[1].append(2)", "print(xs)"]
    assert edges(linked(changing, shares(1, "xs"))) == edges(linked(changing))


UNTOLD = [HEAD, "xs = [1]", "n = stranger.look(xs)  # nbflow: pure", "m = len(xs)"]


def test_sharing_that_only_a_run_has_seen_is_obeyed_where_somebody_changes_one() -> None:
    lesson = shares(2, "xs")
    assert edges(linked(UNTOLD, lesson)) == edges(linked(UNTOLD))
    for change in ("n.append(2)", "xs.append(2)"):
        cells = [*UNTOLD, change, "print(xs)", "print(n)"]
        assert ("c2", "c3", "data") not in edges(linked(cells))
        found = edges(linked(cells, lesson))
        assert {("c2", "c4", "data"), ("c4", "c5", "data"), ("c4", "c6", "data")} <= found


def test_what_a_run_has_seen_share_is_foreseen_in_the_next() -> None:
    step = linked([*UNTOLD, "n.append(2)"], shares(2, "xs")).step(StepId("c2"))
    assert step.together == (("n", "xs"),)
    assert step.may_writes == ("xs",)


MODEL = [
    HEAD,
    "xs = [[1]]",
    "model = stranger.Model(xs)",
    "print(xs)",
    "model.fit()",
    "print(xs, 1)",
    "print(model)",
]


def test_who_looks_at_an_unchanged_input_alone_reads_it_where_it_was_made() -> None:
    before = {("c2", "c3", "data"), ("c4", "c5", "data")}
    assert before <= edges(linked(MODEL))
    seen = (*lends(2, "xs"), *lends(4, "xs"), changes(4, "model"))
    graph = linked(MODEL, *seen)
    # What the model holds stays with the model, and is watched there.
    assert not before & edges(graph)
    assert {("c1", "c3", "data"), ("c1", "c5", "data"), ("c2", "c4", "data")} <= edges(graph)
    assert all("xs" in graph.step(StepId(cell)).spared for cell in ("c2", "c4"))
    assert "xs" in graph.step(StepId("c2")).declared_writes
    given = {one.name: one.writer for one in graph.step(StepId("c4")).inputs}
    assert given == {"model": "c2", "xs": "c2"}
    assert ("c4", "c5", "data") in edges(linked(MODEL, *seen, changes(4, "xs")))


@pytest.mark.parametrize(
    "cell", ["print(xs, model)", "xs.append(1)", "ys = xs\nys.append(1)", "stranger.look(xs)"]
)
def test_who_looks_at_more_or_changes_it_waits(cell: str) -> None:
    cells = [*MODEL[:3], cell, *MODEL[4:]]
    seen = (*lends(2, "xs"), *lends(4, "xs"), changes(4, "model"))
    assert ("c2", "c3", "data") in edges(linked(cells, *seen))


def test_what_reaches_outside_waits_for_those_who_only_seem_to_leave_it_alone() -> None:
    cells = [*MODEL[:3], "n = len(xs)", "open('out.txt', 'w').write(str(n))", "model.fit()"]
    seen = (*lends(2, "xs"), *lends(5, "xs"), changes(5, "model"))
    found = edges(linked(cells, *seen))
    assert ("c2", "c3", "data") not in found
    assert ("c2", "c4", "order") in found


STYLED = [
    f"{HEAD}\nimport matplotlib.pyplot as plt",
    "plt.rcParams['lines.linewidth'] = 8",
    "n = stranger.look([1])",
]


def ignores(cell: int, name: str = "@rcParams") -> Learned:
    return Learned(step=StepId(f"c{cell}"), name=Name(name), what="ignores", reason="seen")


def test_settings_that_a_run_has_seen_ignored_are_not_waited_for() -> None:
    before = linked(STYLED)
    assert ("c1", "c2", "ambient") in edges(before)
    assert before.step(StepId("c2")).may_reads == ("@rcParams",)
    after = linked(STYLED, ignores(2))
    assert ("c1", "c2", "ambient") not in edges(after)
    assert after.step(StepId("c2")).unasked == ("@rcParams",)


def test_settings_that_a_run_has_seen_read_are_waited_for() -> None:
    read = Learned(step=StepId("c2"), name=Name("@rcParams"), what="reads", reason="seen")
    assert ("c1", "c2", "ambient") in edges(linked(STYLED, ignores(2), read))


@pytest.mark.parametrize(
    "cell",
    [
        "print(plt.rcParams['lines.linewidth'])",
        "plt.rcParams['figure.dpi'] = 50",
        "stranger.look([1])\nopen('out.txt', 'w').write('x')",
    ],
)
def test_who_names_settings_or_reaches_outside_waits_all_the_same(cell: str) -> None:
    graph = linked([*STYLED[:2], cell], ignores(2))
    assert any(edge[:2] == ("c1", "c2") for edge in edges(graph))


PICTURED = [
    "%config InlineBackend.figure_format = 'retina'",
    f"{HEAD}\nimport matplotlib.pyplot as plt",
    "n = stranger.look([1])",
    "m = 1 + 1\nprint(m)",
]


def is_told(cell: int, *learned: Learned) -> bool:
    """Whether the cell's kernel is told how figures become pictures."""
    replays = linked(PICTURED, *learned).step(StepId(f"c{cell}")).replays
    return any(replay.source.startswith("%config") for replay in replays)


def test_how_figures_become_pictures_concerns_who_may_draw() -> None:
    read = Learned(step=StepId("c3"), name=Name("@rcParams"), what="reads", reason="seen")
    assert is_told(2)
    assert not is_told(3)
    assert is_told(3, read)


def test_who_may_draw_is_watched_and_may_be_seen_not_to() -> None:
    graph = linked(PICTURED)
    assert graph.step(StepId("c2")).may_reads == ("@rcParams",)
    assert graph.step(StepId("c3")).unasked == ("@rcParams",)
    read = Learned(step=StepId("c2"), name=Name("@rcParams"), what="reads", reason="seen")
    assert not is_told(2, ignores(2))
    assert is_told(2, ignores(2), read)


def test_generators_that_nobody_asks_for_are_watched() -> None:
    cells = ["import numpy as np", "np.random.seed(1)", "print(5)"]
    assert linked(cells).step(StepId("c2")).unasked == ("@numpy.random",)
