"""Kernel messages to notebook outputs: order, limits, and text that a file can hold."""

from typing import Any

import nbformat
import pytest

from nbflow.execution.display_ids import plain
from nbflow.lanes import outputs
from nbflow.lanes.outputs import CellOutputs, LaneOutputs, rich_output


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"name": name, "text": text}


def display(text: str, display_id: str | None = None) -> dict[str, Any]:
    transient = {"display_id": display_id} if display_id else {}
    return {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


def taken(*messages: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    lane = LaneOutputs()
    lane.begin("a")
    for kind, content in messages:
        lane.take("a", kind, content)
    return lane.of("a")


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [one["text"] if "text" in one else one["data"]["text/plain"] for one in found]


CASES: list[tuple[str, list[tuple[str, dict[str, Any]]], list[str]]] = [
    ("joined", [("stream", stream("a")), ("stream", stream("b"))], ["ab"]),
    ("kept apart", [("stream", stream("a")), ("stream", stream("b", "stderr"))], ["a", "b"]),
    ("progress", [("stream", stream(f"\r{n}%")) for n in range(3)], ["2%"]),
    ("progress in lines", [("stream", stream("1%\r")), ("stream", stream("2%\n"))], ["2%\n"]),
    ("progress that ends in returns", [("stream", stream(f"{n}%\r")) for n in range(3)], ["2%\r"]),
    (
        "returns before newlines",
        [("stream", stream("a\r\nb\r")), ("stream", stream("\n"))],
        ["a\r\nb\r\n"],
    ),
    ("a line in parts", [("stream", stream("10%")), ("stream", stream("\r9"))], ["90%"]),
    ("cleared", [("stream", stream("a")), ("clear_output", {"wait": False})], []),
    ("waits to clear", [("stream", stream("a")), ("clear_output", {"wait": True})], ["a"]),
    (
        "cleared by the next",
        [
            ("stream", stream("a")),
            ("clear_output", {"wait": True}),
            ("display_data", display("b")),
        ],
        ["b"],
    ),
    ("c62 surrogate and NUL", [("stream", stream("a\ud800\0"))], ["a\ufffd␀"]),
]


@pytest.mark.parametrize(
    ("messages", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_text_outputs(messages: list[tuple[str, dict[str, Any]]], expected: list[str]) -> None:
    assert texts(taken(*messages)) == expected


def test_c61_a_flood_keeps_its_head_and_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "STREAM_LIMIT", 100)
    cell = CellOutputs()
    for n in range(1000):
        cell.stream("stdout", f"{n:03d}\n")
    [text] = texts(cell.outputs())
    assert text.startswith("000\n001\n")
    assert text.endswith("998\n999\n")
    assert "3900 characters left out" in text


def test_c61_one_line_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "STREAM_LIMIT", 100)
    cell = CellOutputs()
    for _ in range(50):
        cell.stream("stdout", "x" * 40)
    [text] = texts(cell.outputs())
    assert len(text) < 200


def test_c61_alternating_streams_do_not_add_up() -> None:
    cell = CellOutputs()
    for n in range(1000):
        cell.stream("stdout" if n % 2 else "stderr", f"{n}\n")
    found = cell.outputs()
    assert len(found) <= outputs.STREAMS_LIMIT + 2
    assert sum(text.count("\n") for text in texts(found)) == 1000


def test_too_many_displays_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "OUTPUTS_LIMIT", 2)
    shown = taken(*(("display_data", display(str(n))) for n in range(5)))
    assert texts(shown) == ["0", "1", "[… 3 more outputs left out …]\n"]


def test_c63_a_value_that_is_too_big_leaves_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MIME_LIMIT", 10)
    content = {"data": {"image/png": "x" * 11, "text/plain": "<Figure>"}, "metadata": {}}
    found = rich_output("display_data", content)
    assert list(found["data"]) == ["text/plain"]
    assert found["data"]["text/plain"].startswith("[image/png of 0 MB left out")


def test_c68_a_huge_error_is_bounded() -> None:
    [error] = taken(
        (
            "error",
            {"ename": "E", "evalue": "x" * 10**6, "traceback": ["y" * 10**6, *["z"] * 5000]},
        )
    )
    assert len(error["evalue"]) < 11_000
    assert len(error["traceback"]) <= outputs.TRACEBACK_LINES + 1
    assert max(map(len, error["traceback"])) < 11_000


def test_a_display_id_reaches_back_to_the_cell_that_made_it() -> None:
    lane = LaneOutputs()
    lane.begin("a")
    lane.take("a", "display_data", display("one", "bar"))
    lane.begin("b")
    assert lane.take("b", "update_display_data", display("two", "bar")) == {"a"}
    assert texts(lane.of("a")) == ["two"]
    assert plain(lane.of("b")) == []


def test_a_change_of_a_display_of_another_lane_is_told() -> None:
    changes = [("update_display_data", display(text, "far")) for text in ("one", "two")]
    [told] = taken(*changes)
    assert (told["output_type"], texts([told])) == ("update_display_data", ["two"])
    assert told["transient"] == {"display_id": "far"}


def test_a_change_of_a_display_of_the_same_cell_is_no_output() -> None:
    found = taken(
        ("display_data", display("one", "bar")), ("update_display_data", display("two", "bar"))
    )
    assert texts(found) == ["two"]


def test_what_comes_out_is_a_valid_notebook() -> None:
    found = taken(
        ("stream", stream("a")),
        ("execute_result", {**display("1"), "execution_count": 3}),
        ("display_data", display("b", "id")),
        ("error", {"ename": "E", "evalue": "v", "traceback": []}),
    )
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(one) for one in plain(found)])
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
