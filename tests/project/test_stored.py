"""`get`: which value a name means."""

import pytest

from nbflow.core.errors import UsageError
from nbflow.core.run import Run, RunId, Status, StepResult
from nbflow.core.task import Blob
from nbflow.project.stored import find_output


def a_blob(name: str, digest: str) -> Blob:
    return Blob(names=(name,), kind="json", digest=digest, suffix="json")


def a_run(*steps: tuple[str, Blob]) -> Run:
    return Run(
        id=RunId("r"),
        status=Status.SUCCEEDED,
        notebook="n.ipynb",
        notebook_hash="",
        steps=tuple(
            StepResult(step=name, step_id=name, status=Status.SUCCEEDED, outputs=(blob,))
            for name, blob in steps
        ),
    )


RUN = a_run(("df", a_blob("df", "1")), ("df-2", a_blob("df", "2")))


@pytest.mark.parametrize(("name", "digest"), [("df", "2"), ("df.df", "1"), ("df-2.df", "2")])
def test_a_name_is_its_last_version_unless_a_step_is_named(name: str, digest: str) -> None:
    assert find_output(RUN, name).digest == digest


def test_a_run_that_stored_nothing_says_what_is_stored() -> None:
    with pytest.raises(UsageError) as caught:
        find_output(a_run(), "rate")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("it stored none: ")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_output(a_run(("sales", a_blob("sales", "1"))), "sale")
    assert caught.value.hint == "did you mean sales?"
