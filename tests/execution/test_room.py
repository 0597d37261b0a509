"""Memory for steps that run at the same time."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plays import a_step, blob

from nbflow.execution import room
from nbflow.execution.room import Room, free_memory


def test_what_a_step_took_last_time_counts_else_its_inputs_three_times() -> None:
    known = {"a": 700}
    made = Room(known=lambda step: known.get(step.id), free=lambda: 0)
    given = {
        "x": replace(blob("x", "1"), bytes=10),
        "y": replace(blob("y", "2"), bytes=5),
    }
    assert made.need(a_step("a"), given) == 700
    assert made.need(a_step("b"), given) == 45


def test_what_was_promised_to_others_is_not_free_although_nobody_has_it_yet() -> None:
    made = Room(known=lambda _: None, free=lambda: 1000)
    assert made.lacks(5000) == ""
    made.enter(a_step("a"), 1, 700)
    assert made.lacks(300) == ""
    assert "beside `a`" in made.lacks(301)
    made.leave("a", 1)
    assert made.lacks(301) == ""


def test_what_others_have_taken_meanwhile_is_not_free() -> None:
    free = [1000]
    made = Room(known=lambda _: None, free=lambda: free[0])
    made.enter(a_step("a"), 1, 100)
    free[0] = 50
    assert made.lacks(60)


def limits(root: Path, group: str, **files: str) -> None:
    (root / group).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / group / name.replace("_", ".", 1)).write_text(text)


@pytest.mark.parametrize(
    ("inner", "outer", "left"),
    [("1000", "5000", 400), ("5000", "900", 250), ("max", "900", 250)],
)
def test_the_narrowest_control_group_counts(
    inner: str, outer: str, left: int, tmp_path: Path
) -> None:
    files = {"memory_current": "700", "memory_stat": "anon 1\ninactive_file 100\n"}
    limits(tmp_path, "user/run", memory_max=inner, **files)
    files = {"memory_current": "750", "memory_stat": "inactive_file 100\n"}
    limits(tmp_path, "user", memory_max=outer, **files)
    found = room._left(tmp_path, "/user/run", limit="memory.max", used="memory.current")
    assert min(found) == left


def test_there_is_some_memory_here() -> None:
    assert free_memory() > 1 << 20
