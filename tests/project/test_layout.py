"""Where a project lies."""

from pathlib import Path

import pytest

from nbflow.project.layout import Layout, find_root


def test_the_nearest_config_wins_over_git(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "team" / "notebooks"
    inner.mkdir(parents=True)
    (tmp_path / "team" / "nbflow.toml").touch()
    assert find_root(inner / "a.ipynb") == tmp_path / "team"


def test_without_a_config_git_marks_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "notebooks").mkdir()
    assert find_root(tmp_path / "notebooks") == tmp_path


def test_without_any_mark_the_notebooks_folder_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert find_root(tmp_path / "a.ipynb") == tmp_path


def test_the_state_folder_is_kept_out_of_git(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path)
    layout.make()
    assert (tmp_path / ".nbflow" / ".gitignore").read_text() == "*\n"
