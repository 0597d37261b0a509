"""Exceptions and statuses become exit codes, each in one way."""

import errno
from pathlib import Path

import pytest

from nbflow.core.errors import NbflowError
from nbflow.core.run import Run, Status
from nbflow.faces import outcome

STATUSES = {
    Status.SUCCEEDED: 0,
    Status.FAILED: 1,
    Status.CANCELLED: 1,
    Status.LOST: 1,
    Status.SKIPPED: 1,
    Status.QUEUED: 1,
    Status.RUNNING: 1,
    Status.WAITING: 5,
}


@pytest.mark.parametrize("status", Status)
def test_every_status_has_an_exit_code(good_run: Run, status: Status) -> None:
    from dataclasses import replace

    assert outcome.exit_code(replace(good_run, status=status)) == STATUSES[status]


@pytest.mark.parametrize(
    ("error", "code", "number"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/out"), "environment", 3),
        (MemoryError(), "environment", 3),
        (ModuleNotFoundError("No module named 'duckdb'", name="duckdb"), "environment", 3),
        (ModuleNotFoundError("No module named 'nbflow.x'", name="nbflow.x"), "internal", 4),
        (NbflowError("odd"), "internal", 4),
        (AssertionError(), "internal", 4),
    ],
)
def test_other_exceptions(tmp_path: Path, error: Exception, code: str, number: int) -> None:
    said = outcome.trouble(error, tmp_path)
    assert (said.code, said.exit_code) == (code, number)
    assert said.message


def test_a_missing_package_is_named_with_the_remedy() -> None:
    error = ModuleNotFoundError("No module named 'duckdb.x'", name="duckdb.x")
    said = outcome.trouble(error, None)
    assert "'duckdb'" in said.message
    assert str(said.hint).endswith("-m pip install duckdb")


def test_without_a_project_the_details_go_to_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    outcome.trouble(RuntimeError("x" * 1000), None)
    [saved] = tmp_path.iterdir()
    assert saved.name.startswith("crash-")


def test_where_no_folder_can_be_written_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "gone"))
    said = outcome.trouble(RuntimeError("x"), None)
    assert str(said.hint).startswith("no folder could take the details")
