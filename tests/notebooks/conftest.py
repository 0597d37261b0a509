"""Golden notebooks: each test works on its own copy, so that the checkout stays as it is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def golden(repository: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy a notebook, with the Python files beside it, and return the copy's path."""

    def copy(name: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        for file in sorted((repository / "notebooks").glob("*.py")):
            shutil.copy(file, folder)
        return Path(shutil.copy(repository / "notebooks" / f"{name}.ipynb", folder))

    return copy


@pytest.fixture(scope="session")
def expected(repository: Path) -> Path:
    """Where the facts about the golden notebooks lie."""
    return repository / "tests" / "notebooks" / "expected"
