"""Graphs, plans and runs for people, in windows of any width."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.text import Text

from nbflow.core.graph import Graph
from nbflow.core.run import Run
from nbflow.faces.grid import table
from nbflow.faces.show import (
    cleaned_lines,
    difference_lines,
    graph_lines,
    plan_lines,
    runs_lines,
)


def widest(lines: list[Text]) -> int:
    return max(line.cell_len for line in lines)


@pytest.mark.parametrize("width", [50, 60, 80, 200])
def test_nothing_is_wider_than_the_window(
    shop: Graph, good_run: Run, make: SimpleNamespace, width: int
) -> None:
    assert widest(graph_lines(shop, width)) <= width
    assert widest(plan_lines(make.plan(shop), width)) <= width
    assert widest(runs_lines([good_run], width)) <= max(width, 62)


def test_in_a_narrow_window_the_edges_stand_below_the_step(shop: Graph) -> None:
    assert [line.plain for line in graph_lines(shop, 60)][3:] == [
        "  sales            cell 3",
        "  └ returns        cell 4 sql  ← sales",
        "    └ metrics      cell 5      ← returns  also sales",
        "      ├ dashboard  cell 6      ← metrics",
        "      └ report     cell 8",
        "            ← metrics  also metrics? from dashboard  →",
        "            out/report.csv",
        "",
        "  ? may change it; notebook order is kept until a run has",
        "  shown that it does not",
    ]


def test_c57_a_long_name_does_not_push_the_rest_away(make: SimpleNamespace) -> None:
    graph = make.graph((make.step("x" * 300, 1), make.step("../\n\x1b[2J", 2)), ())
    lines = [line.plain for line in graph_lines(graph, 80)]
    assert lines == [f"  {'x' * 39}…  cell 1", f"  {'../':<40}  cell 2"]


def test_runs_tell_their_parameters_on_one_line(good_run: Run) -> None:
    run = replace(good_run, parameters={"note": "a\nb\x1b"}, started=None, seconds=None)
    _, line = runs_lines([run], 100)
    assert line.plain.startswith("  ✓ 0193f2a1-7c3b  succeeded")
    assert line.plain.endswith("shop.ipynb note=a\\nb\\x1b")


def test_a_long_result_says_what_it_leaves_out() -> None:
    _, note = table(("n",), [(number,) for number in range(150)], 100)
    assert note.plain == "50 more rows: --csv or --json give all"


def test_two_runs_side_by_side(make: SimpleNamespace) -> None:
    found = make.difference("0193f2a1-7c3b-7def", "0193f2a1-9999-7def")
    assert [line.plain for line in difference_lines(found)] == [
        "shop.ipynb  0193f2a1-7c3b → 0193f2a1-9999",
        "",
        "sales",
        "  was failed, is succeeded",
        "  sales.csv changed: 3 rows added",
        "    + 4,5",
        "  → `sales` changed: 3 rows added",
        "",
        "3 steps the same",
    ]
    assert difference_lines(replace(found, steps=()))[-1].plain == "all 3 steps the same"


def test_room_that_was_made() -> None:
    done = SimpleNamespace(garbage=0, evicted=1_500_000, left=20, busy=False)
    assert [line.plain for line in cleaned_lines(done, dry_run=True)] == [
        "would remove 1.5 MB of results, the cheapest to make again first",
        "20 bytes are stored",
    ]
    busy = SimpleNamespace(garbage=0, evicted=0, left=20, busy=True)
    assert "a run is going on" in cleaned_lines(busy, dry_run=False)[0].plain
