"""Displays that cells of other kernels change end as they do in one kernel."""

from typing import Any

import pytest

from nbflow.execution.display_ids import plain, settled


def shows(text: str, display_id: str | None = None) -> dict[str, Any]:
    own = {"transient": {"display_id": display_id}} if display_id else {}
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}, **own}


def changes(text: str, display_id: str) -> dict[str, Any]:
    return {**shows(text, display_id), "output_type": "update_display_data"}


CASES: dict[str, tuple[dict[str, list[dict[str, Any]]], dict[str, list[str]]]] = {
    "from below": ({"a": [shows("1", "d")], "b": [changes("2", "d")]}, {"a": ["2"], "b": []}),
    "the last one counts": (
        {"c": [changes("3", "d")], "b": [changes("2", "d")], "a": [shows("1", "d")]},
        {"a": ["3"], "b": [], "c": []},
    ),
    "not from above": ({"a": [changes("2", "d")], "b": [shows("1", "d")]}, {"a": [], "b": ["1"]}),
    "shown twice": ({"a": [shows("1", "d")], "b": [shows("2", "d")]}, {"a": ["2"], "b": ["2"]}),
    "other ids": ({"a": [shows("1", "d")], "b": [changes("2", "e")]}, {"a": ["1"], "b": []}),
    "no ids": ({"a": [shows("1")], "b": [shows("2")]}, {"a": ["1"], "b": ["2"]}),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_changes_are_settled_in_notebook_order(
    given: dict[str, list[dict[str, Any]]], expected: dict[str, list[str]]
) -> None:
    found = settled(given, ["a", "b", "c"])
    texts = {cell: [one["data"]["text/plain"] for one in shown] for cell, shown in found.items()}
    assert texts == expected
    assert not any("transient" in one for shown in found.values() for one in shown)


def test_what_was_given_is_not_touched() -> None:
    given = {"a": [shows("1", "d")], "b": [changes("2", "d")]}
    settled(given, ["a", "b"])
    assert given == {"a": [shows("1", "d")], "b": [changes("2", "d")]}


def test_one_cell_on_its_own() -> None:
    assert plain([shows("1", "d"), changes("2", "e")]) == [shows("1")]
