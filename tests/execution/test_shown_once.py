"""Warnings that cells of several kernels show are shown as often as one kernel shows them."""

from collections.abc import Iterable
from typing import Any

import pytest

from nbflow.core.task import WARNED
from nbflow.execution.display_ids import plain, settled

Entry = dict[str, Any]

OLD = "a.py:1: FutureWarning: old\n"
NEW = "a.py:2: FutureWarning: new\n"


def warns(
    text: str,
    *,
    moved: bool = False,
    imported: Iterable[str] = (),
    line: int | None = 1,
    stream: str = "stderr",
) -> Entry:
    keys = [["a.py", line, "builtins.FutureWarning", text]]
    pieces = [[stream, text]] if stream else []
    return {"moved": moved, "imported": [*imported], "keys": keys, "pieces": pieces}


def changes(*, imported: Iterable[str] = ()) -> Entry:
    return {"moved": not imported, "imported": [*imported], "keys": [], "pieces": []}


def text(value: str, stream: str = "stderr") -> dict[str, Any]:
    return {"output_type": "stream", "name": stream, "text": value}


def cell(*entries: Entry, around: str = "") -> list[dict[str, Any]]:
    shown = "".join(piece for one in entries for _, piece in one["pieces"])
    return [text(around + shown + around), {"output_type": WARNED, "told": [*entries]}]


CASES: dict[str, tuple[dict[str, list[dict[str, Any]]], dict[str, str]]] = {
    "once": ({"b": cell(warns(OLD)), "a": cell(warns(OLD))}, {"a": OLD, "b": ""}),
    "another text": ({"a": cell(warns(OLD)), "b": cell(warns(NEW))}, {"a": OLD, "b": NEW}),
    "text around it stays": (
        {"a": cell(warns(OLD)), "b": cell(warns(OLD), around="x\n")},
        {"a": OLD, "b": "x\nx\n"},
    ),
    "changed before": (
        {"a": cell(warns(OLD)), "b": cell(warns(OLD, moved=True))},
        {"a": OLD, "b": OLD},
    ),
    "changed after": (
        {"a": cell(warns(OLD), changes()), "b": cell(warns(OLD))},
        {"a": OLD, "b": OLD},
    ),
    "changed between": (
        {"a": cell(warns(OLD)), "b": cell(changes()), "c": cell(warns(OLD))},
        {"a": OLD, "b": "", "c": OLD},
    ),
    "changed elsewhere": (
        {"a": cell(changes()), "b": cell(warns(OLD)), "c": cell(warns(OLD))},
        {"a": "", "b": OLD, "c": ""},
    ),
    "imported for the first time": (
        {"a": cell(warns(OLD)), "b": cell(changes(imported=["numpy"])), "c": cell(warns(OLD))},
        {"a": OLD, "b": "", "c": OLD},
    ),
    "imported again": (
        {
            "a": cell(changes(imported=["numpy"]), warns(OLD)),
            "b": cell(changes(imported=["numpy"])),
            "c": cell(warns(OLD)),
        },
        {"a": OLD, "b": "", "c": ""},
    ),
    "again in the same cell": (
        {"a": cell(warns(OLD)), "b": cell(warns(OLD), warns(OLD, moved=True))},
        {"a": OLD, "b": OLD},
    ),
    "caught": ({"a": cell(warns(OLD, stream="")), "b": cell(warns(OLD))}, {"a": "", "b": ""}),
    "gone": (
        {"a": cell(warns(OLD)), "b": [text("y\n"), *cell(warns(OLD))[1:]]},
        {"a": OLD, "b": "y\n"},
    ),
    "not told": ({"a": [text(OLD)], "b": [text(OLD)]}, {"a": OLD, "b": OLD}),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_it_is_shown_as_in_one_kernel(
    given: dict[str, list[dict[str, Any]]], expected: dict[str, str]
) -> None:
    found = settled(given, ["a", "b", "c"])
    assert list(found) == list(given)
    assert {name: "".join(one["text"] for one in own) for name, own in found.items()} == expected


def test_once_per_module_whatever_the_line() -> None:
    """The registry remembers a text without its line, too, if a filter says `module` or `once`."""
    one, other = warns(OLD, line=1), warns(OLD, line=2)
    for told in (one, other):
        told["keys"].append([*told["keys"][0][:1], None, *told["keys"][0][2:]])
    assert settled({"a": cell(one), "b": cell(other)}, ["a", "b"])["b"] == []


def test_what_stood_around_it_is_one_again() -> None:
    told = {"output_type": WARNED, "told": [warns(OLD)]}
    split = [text("1\n", "stdout"), text(OLD), text("2\n", "stdout"), told]
    found = settled({"a": cell(warns(OLD)), "b": split}, ["a", "b"])
    assert found["b"] == [text("1\n2\n", "stdout")]


def test_what_was_given_is_not_touched() -> None:
    given = {"a": cell(warns(OLD)), "b": cell(warns(OLD))}
    settled(given, ["a", "b"])
    assert given == {"a": cell(warns(OLD)), "b": cell(warns(OLD))}


def test_nothing_of_it_is_told_to_people() -> None:
    assert plain(cell(warns(OLD))) == [text(OLD)]
