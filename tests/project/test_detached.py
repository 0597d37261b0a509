"""Runs as processes of their own: known at once, and told of if they come to nothing."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import nbformat
import pytest

from nbflow.core.choices import Choices
from nbflow.core.errors import NotebookError, StoreError, UsageError
from nbflow.core.run import EventKind, Run, Status
from nbflow.project import Project, detached
from nbflow.store.history import Ledger

PATIENCE_SECONDS = 120.0


@pytest.fixture
def story(tmp_path: Path) -> Path:
    make: Any = nbformat.v4
    cells = [
        make.new_code_cell(source, id=f"c{n}") for n, source in enumerate(("x = [1]", "y = x"))
    ]
    nbformat.write(make.new_notebook(cells=cells), tmp_path / "a.ipynb")
    return tmp_path / "a.ipynb"


Interpreter = Callable[[str], None]


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Interpreter:
    """Lets runs be started with a shell script instead of Python."""

    def install(script: str) -> None:
        path = tmp_path / "interpreter"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(detached.sys, "executable", str(path))

    return install


def ended(project: Project, run: Run) -> Run:
    deadline = monotonic() + PATIENCE_SECONDS
    while not (now := project.status(run.id)).status.ended:
        assert monotonic() < deadline, now
        sleep(0.02)
    return now


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no module named pandas >&2; exit 3", "ended with code 3 before the run began"),
        ("kill -9 $$", "was ended by signal 9 before the run began"),
    ],
)
def test_a_process_that_dies_before_the_run_begins_is_reported_with_its_words(
    story: Path, interpreter: Interpreter, script: str, says: str
) -> None:
    interpreter(script)
    project = Project(story.parent)
    run = ended(project, project.start(story, actor="ada"))
    assert (run.status, run.reason, run.actor) == (Status.FAILED, detached.NOT_STARTED, "ada")
    assert says in (run.message or "")
    assert ("no module named pandas" in (run.message or "")) == ("echo" in script)
    with Ledger(project.layout.ledger) as ledger:
        kinds = [event.kind for event in ledger.events(0)]
    assert kinds == [EventKind.RUN_QUEUED, EventKind.RUN_FINISHED]


def test_a_process_that_cannot_be_started_is_reported_at_once(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detached.sys, "executable", str(story.parent / "nothing"))
    project = Project(story.parent)
    run = project.status(project.start(story).id)
    assert (run.status, run.reason) == (Status.FAILED, detached.NOT_STARTED)


def test_what_cannot_be_run_is_refused_before_anything_is_queued(
    story: Path, interpreter: Interpreter
) -> None:
    interpreter("exit 0")
    project = Project(story.parent)
    with pytest.raises(UsageError):
        project.start(story, parameters={"zz": 1})
    with pytest.raises(UsageError):
        project.start(story, choices=Choices(until=("nobody",)))
    story.write_text("{")
    with pytest.raises(NotebookError):
        project.start(story)
    assert project.runs() == ()


def test_the_process_is_asked_for_what_was_asked_for(story: Path, interpreter: Interpreter) -> None:
    interpreter('echo "$@"')
    project = Project(story.parent)
    choices = Choices(force=True, force_steps=("x",), until=("y",), one_lane=True)
    run = ended(project, project.start(story, choices=choices, jobs=3))
    words = f"-P -m nbflow carry-out {run.id} --jobs=3 --force --one-lane --force-step=x --until=y"
    assert (run.message or "").endswith(words)


def test_a_run_is_carried_out_once(story: Path, interpreter: Interpreter) -> None:
    interpreter("exit 0")
    project = Project(story.parent)
    run = ended(project, project.start(story))
    with pytest.raises(StoreError, match="not this process's to write"):
        project.carry_out(run.id)
    assert project.status(run.id).message == run.message


def test_a_queued_run_whose_starter_is_gone_too_is_lost(
    story: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter("exit 0")
    codes: list[int] = []
    monkeypatch.setattr(detached, "_attend", lambda process, *_: codes.append(process.wait()))
    monkeypatch.setattr(detached, "utc_now", lambda: "2026-01-05T06:00:00.000+00:00")
    project = Project(story.parent)
    run = project.start(story)
    while not codes:
        sleep(0.02)
    assert project.status(run.id).status is Status.LOST


def test_a_run_that_goes_on_cannot_be_removed(story: Path, interpreter: Interpreter) -> None:
    interpreter("read line < wait")
    os.mkfifo(story.parent / "wait")
    project = Project(story.parent)
    run = project.start(story)
    with pytest.raises(UsageError, match="has not ended"):
        project.forget(run.id)
    (story.parent / "wait").write_text("go\n")
    project.forget(ended(project, run).id)
    assert project.runs() == ()
    assert not project.layout.run(run.id).exists()
