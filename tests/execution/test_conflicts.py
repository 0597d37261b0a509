"""Files at which two steps met without an edge between them."""

from dataclasses import replace

import pytest

from nbflow.core.graph import Edge, Graph
from nbflow.core.notebook import CellId
from nbflow.core.plan import Recorded
from nbflow.core.step import Step, StepId, StepName
from nbflow.core.task import FileTouch, TaskReport
from nbflow.execution.conflicts import Touch, file_conflicts, touch_again, touch_of


def a_step(
    name: str, position: int, *, told: tuple[str, ...] = (), lane: str | None = None
) -> Step:
    return Step(
        files_read=told,
        lane=lane,
        id=StepId(name),
        name=StepName(name),
        title=None,
        language="python",
        position=position,
        cells=(CellId(name),),
        cell_indexes=(position,),
        sources=("",),
    )


FIRST, SECOND = a_step("first", 0), a_step("second", 1)


def a_touch(step: Step, reads: str, writes: str, when: tuple[float, float]) -> Touch:
    report = TaskReport(
        files_read=tuple(FileTouch(path=path, digest="d") for path in reads.split()),
        files_written=tuple(FileTouch(path=path, digest="d") for path in writes.split()),
    )
    return touch_of(step, report, began=when[0], ended=when[1])


def a_graph(*, joined: bool) -> Graph:
    edge = Edge(
        writer=FIRST.id,
        reader=SECOND.id,
        names=(),
        kind="order",
        certainty="sure",
        from_line=None,
        to_line=None,
        because="",
    )
    return Graph(
        notebook="n.ipynb",
        parameters=(),
        steps=(FIRST, SECOND),
        definitions=(),
        edges=(edge,) if joined else (),
    )


@pytest.mark.parametrize(
    ("first", "second", "met"),
    [
        (("", "a.csv"), ("a.csv", ""), ["a.csv"]),
        (("a.csv", ""), ("", "a.csv"), ["a.csv"]),
        (("", "a.csv"), ("", "a.csv"), ["a.csv"]),
        (("a.csv", ""), ("a.csv", ""), []),
        (("", "a.csv"), ("b.csv", ""), []),
    ],
    ids=["read after write", "write after read", "write after write", "both read", "others"],
)
def test_only_a_write_makes_a_conflict(
    first: tuple[str, str], second: tuple[str, str], met: list[str]
) -> None:
    one, other = a_touch(FIRST, *first, (0.0, 2.0)), a_touch(SECOND, *second, (1.0, 3.0))
    found = file_conflicts(other, {FIRST.id: one}, a_graph(joined=False))
    assert [conflict.path for conflict in found] == met


@pytest.mark.parametrize("told", ["out/a.csv", "out", "out/*.csv", "."])
def test_a_path_in_the_text_counts_as_read(told: str) -> None:
    """Nobody sees what `os.path.exists` and C++ code look at."""
    reader = a_step("second", 1, told=(told,))
    one, other = a_touch(FIRST, "", "out/a.csv", (0.0, 2.0)), a_touch(reader, "", "", (1.0, 3.0))
    (conflict,) = file_conflicts(other, {FIRST.id: one}, a_graph(joined=False))
    assert not conflict.in_order
    assert {lesson.what for lesson in conflict.lessons} == {"reads", "writes"}


@pytest.mark.parametrize(("taken", "in_order"), [(0.5, False), (2.5, True)])
def test_a_result_used_again_has_read_its_files(taken: float, in_order: bool) -> None:
    recorded = Recorded(
        fingerprint="f",
        run="r",
        step=SECOND.id,
        finished="then",
        outputs={},
        files_read=(FileTouch(path="a.csv", digest=None),),
    )
    other = touch_again(SECOND, recorded, at=taken)
    one = a_touch(FIRST, "", "a.csv", (0.0, 2.0))
    (conflict,) = file_conflicts(one, {SECOND.id: other}, a_graph(joined=False))
    assert conflict.in_order is in_order


def test_a_result_used_again_from_above_never_comes_too_late() -> None:
    reader = replace(FIRST, files_read=("a.csv",))
    recorded = Recorded(fingerprint="f", run="r", step=FIRST.id, finished="then", outputs={})
    one = touch_again(reader, recorded, at=1.0)
    other = a_touch(SECOND, "", "a.csv", (0.0, 2.0))
    (conflict,) = file_conflicts(other, {FIRST.id: one}, a_graph(joined=False))
    assert conflict.in_order


def test_one_lane_keeps_its_steps_in_order() -> None:
    first, second = a_step("first", 0, lane="a"), a_step("second", 1, lane="a")
    one, other = a_touch(first, "", "a.csv", (0.0, 1.0)), a_touch(second, "a.csv", "", (2.0, 3.0))
    assert not file_conflicts(other, {first.id: one}, a_graph(joined=False))
    elsewhere = a_touch(a_step("second", 1, lane="b"), "a.csv", "", (2.0, 3.0))
    assert file_conflicts(elsewhere, {first.id: one}, a_graph(joined=False))


@pytest.mark.parametrize(
    ("first", "second", "in_order"),
    [
        ((0.0, 1.0), (1.0, 2.0), True),
        ((0.0, 2.0), (1.0, 3.0), False),
        ((2.0, 3.0), (0.0, 1.0), False),
    ],
    ids=["one after the other", "at the same time", "the later cell first"],
)
def test_what_counts_is_the_notebooks_order(
    first: tuple[float, float], second: tuple[float, float], in_order: bool
) -> None:
    one, other = a_touch(FIRST, "", "a.csv", first), a_touch(SECOND, "a.csv", "", second)
    (conflict,) = file_conflicts(other, {FIRST.id: one}, a_graph(joined=False))
    assert conflict.in_order is in_order


def test_steps_that_wait_for_each_other_do_not_conflict() -> None:
    one = a_touch(FIRST, "", "a.csv", (0.0, 1.0))
    other = a_touch(SECOND, "a.csv", "", (1.0, 2.0))
    assert file_conflicts(other, {FIRST.id: one}, a_graph(joined=True)) == ()


def test_the_lesson_names_the_file_on_both_sides() -> None:
    one = a_touch(FIRST, "", "a.csv", (0.0, 2.0))
    other = a_touch(SECOND, "a.csv", "", (1.0, 3.0))
    (conflict,) = file_conflicts(other, {FIRST.id: one}, a_graph(joined=False))
    assert {(found.step, found.name, found.what) for found in conflict.lessons} == {
        ("first", "file:a.csv", "writes"),
        ("second", "file:a.csv", "reads"),
    }
