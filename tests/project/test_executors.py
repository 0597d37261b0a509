"""Where steps run is asked for by name."""

import json
from pathlib import Path

import pytest

from nbflow.core.choices import Choices
from nbflow.core.errors import UsageError
from nbflow.project import Project


def test_an_unknown_executor_is_refused_before_anything_starts(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    with pytest.raises(UsageError, match="no executor `mars`"):
        Project.find(tmp_path).run(notebook, choices=Choices(executor="mars"))
    assert Project.find(tmp_path).runs() == ()
