"""What a finished attempt teaches about its step."""

from nbflow.core.names import Name
from nbflow.core.step import Step, StepId, StepName
from nbflow.core.task import TaskOutcome, TaskReport
from nbflow.execution.lessons import evidence_of

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


def ended(status: str, *untouched: str) -> TaskOutcome:
    return TaskOutcome(
        run="r", step="c", attempt=1, fence=1, status=status,  # type: ignore[arg-type]
        report=TaskReport(untouched=untouched),
    )  # fmt: skip


def test_what_was_left_alone_is_evidence() -> None:
    (lesson,) = evidence_of(STEP, ended("succeeded", "xs"))
    assert (lesson.step, lesson.name, lesson.what) == ("c", "xs", "keeps")
    assert lesson.reason == "`clean` left `xs` as it was"


def test_a_sure_write_of_the_same_content_is_none() -> None:
    assert evidence_of(STEP, ended("succeeded", "df")) == ()


def test_an_attempt_that_failed_shows_nothing() -> None:
    assert evidence_of(STEP, ended("failed", "xs")) == ()
