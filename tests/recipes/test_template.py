"""The launcher's notebook: a good example from the first line, and equal to Run All."""

import json
from pathlib import Path

import nbformat
import pytest

from nbflow.core.diagnostic import Severity
from nbflow.core.run import Status
from nbflow.project import Project
from nbflow.recipes.template import workflow_notebook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "Workflow.ipynb"
    path.write_text(json.dumps(workflow_notebook()), encoding="utf-8")
    return path


def test_it_is_a_notebook_without_findings(path: Path) -> None:
    nbformat.validate(workflow_notebook())
    project = Project.find(path.parent)
    assert [one.code for one in project.check(path) if one.severity is not Severity.INFO] == []
    graph = project.inspect(path)
    assert [(one.name, one.type) for one in graph.parameters] == [
        ("day", "date"),
        ("smallest", "float"),
    ]
    names = {step.id: step.name for step in graph.steps}
    assert {(names[edge.writer], names[edge.reader]) for edge in graph.edges} >= {
        ("orders", "shops"),
        ("shops", "orders are right"),
        ("shops", "report"),
    }


@pytest.mark.slow
def test_it_runs_and_equals_run_all(path: Path) -> None:
    project = Project.find(path.parent)
    verified = project.verify(path)
    assert (verified.equal, verified.refused) == (True, ())
    assert project.run(path).status is Status.SUCCEEDED
    again = project.run(path, parameters={"day": "2026-03-13"})
    assert again.status is Status.SUCCEEDED
    failed = project.run(path, parameters={"day": "2026-03-01"})
    assert [step.step for step in failed.steps if step.status is Status.FAILED] == [
        "orders are right"
    ]
