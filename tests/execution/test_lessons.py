"""What a finished attempt teaches about its step."""

from dataclasses import replace

import pytest

from nbflow.core.graph import Definition, Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.step import Replay, Step, StepId, StepName
from nbflow.core.task import StepError, TaskOutcome, TaskReport
from nbflow.execution.lessons import evidence_of, lessons_of

STEP = Step(
    id=StepId("c"),
    name=StepName("clean"),
    title=None,
    language="python",
    position=0,
    cells=(),
    cell_indexes=(),
    sources=(),
    declared_writes=(Name("df"), Name("xs")),
    may_writes=(Name("xs"),),
)

ABOVE = replace(STEP, id=StepId("a"), name=StepName("load"), declared_writes=(Name("centre"),))
STEP = replace(STEP, position=2)
GRAPH = Graph(
    notebook="n.ipynb",
    parameters=(),
    steps=(ABOVE, STEP),
    definitions=(
        Definition(cell=CellId("d"), cell_index=1, names=(Name("np"),), replays=()),
        Definition(cell=CellId("e"), cell_index=3, names=(Name("late"),), replays=()),
    ),
    edges=(),
)


def ended(status: str, *untouched: str) -> TaskOutcome:
    return TaskOutcome(
        run="r", step="c", attempt=1, fence=1, status=status,  # type: ignore[arg-type]
        report=TaskReport(untouched=untouched),
    )  # fmt: skip


def test_what_was_left_alone_is_evidence() -> None:
    (lesson,) = evidence_of(STEP, ended("succeeded", "xs"))
    assert (lesson.step, lesson.name, lesson.what) == ("c", "xs", "keeps")
    assert lesson.reason == "`clean` left `xs` as it was"


def test_what_was_left_alone_and_shared_is_evidence_of_its_own() -> None:
    outcome = replace(ended("succeeded"), report=TaskReport(lent=("xs", "df")))
    (lesson,) = evidence_of(STEP, outcome)
    assert (lesson.step, lesson.name, lesson.what) == ("c", "xs", "lends")


def test_a_change_of_what_the_step_was_to_hand_on_is_a_lesson() -> None:
    outcome = replace(ended("succeeded"), report=TaskReport(found_mutations=("xs",)))
    assert lessons_of(STEP, GRAPH, outcome) == ()
    (lesson,) = lessons_of(replace(STEP, spared=(Name("xs"),)), GRAPH, outcome)
    assert (lesson.name, lesson.what) == ("xs", "writes")


def test_a_sure_write_of_the_same_content_is_none() -> None:
    assert evidence_of(STEP, ended("succeeded", "df")) == ()


def test_an_attempt_that_failed_shows_nothing() -> None:
    assert evidence_of(STEP, ended("failed", "xs")) == ()


def failed(kind: str, message: str) -> TaskOutcome:
    error = StepError(type=kind, message=message)
    return TaskOutcome(run="r", step="c", attempt=1, fence=1, status="failed", error=error)


@pytest.mark.parametrize("name", ["centre", "np"])
@pytest.mark.parametrize(
    ("kind", "before"), [("NameError", ""), ("PatsyError", "Error evaluating factor: NameError: ")]
)
def test_a_name_that_a_cell_above_makes_was_missing(name: str, kind: str, before: str) -> None:
    outcome = failed(kind, f"{before}name '{name}' is not defined")
    (lesson,) = lessons_of(STEP, GRAPH, outcome)
    assert (lesson.name, lesson.what) == (name, "reads")


def test_a_name_that_nobody_above_makes_teaches_nothing() -> None:
    assert lessons_of(STEP, GRAPH, failed("NameError", "name 'late' is not defined")) == ()


def test_what_was_replayed_and_yet_is_missing_teaches_nothing() -> None:
    replay = Replay(cell=CellId("d"), cell_index=1, line=1, source="", names=(Name("np"),))
    step = replace(STEP, replays=(replay,))
    assert lessons_of(step, GRAPH, failed("NameError", "name 'np' is not defined")) == ()


def test_a_part_of_a_library_that_somebody_else_imports_was_missing() -> None:
    outcome = failed("AttributeError", "module 'matplotlib' has no attribute 'pyplot'")
    (lesson,) = lessons_of(STEP, GRAPH, outcome)
    assert (lesson.name, lesson.what) == ("np", "reads")
    replay = Replay(cell=CellId("d"), cell_index=1, line=1, source="", names=(Name("np"),))
    assert lessons_of(replace(STEP, replays=(replay,)), GRAPH, outcome) == ()
