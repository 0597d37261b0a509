"""Notebooks that are being edited: the quick look says what a fresh one says."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbflow.faces import wire
from nbflow.project import Project
from nbflow.project.drafts import MOST, Drafts


def content(*sources: str) -> dict[str, Any]:
    make: Any = nbformat.v4
    cells = [make.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


EDITS = (
    ("import pandas as pd", "a = pd.DataFrame()", "b = a.copy()", "%%sql t\nFROM b"),
    ("import pandas as pd", "a = pd.DataFrame()", "b = [1]", "%%sql t\nFROM a"),
    ("a = pd.DataFrame()", "b = a.copy()", "%%sql t\nFROM b"),
    ("import pandas as pd", "a = pd.DataFrame()", "a.x = 1", "b = a.copy()", "%%sql t\nFROM b"),
    ("def f(:",),
    ("import pandas as pd", "a = pd.DataFrame()", "b = a.copy()", "%%sql t\nFROM b"),
)


def test_after_each_edit_the_graph_is_that_of_a_fresh_look(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for sources in EDITS:
        path = tmp_path / "a.ipynb"
        seen = project.inspect_draft(path, content(*sources))
        fresh = Project(tmp_path).inspect_draft(path, content(*sources))
        assert wire.graph(seen) == wire.graph(fresh)
    assert not (tmp_path / ".nbflow").exists()


def test_few_notebooks_are_remembered(tmp_path: Path) -> None:
    drafts = Drafts()
    for number in range(MOST + 5):
        drafts.open(content("x = 1"), tmp_path / f"{number}.ipynb", tmp_path)
    assert len(drafts._known) == MOST


@pytest.mark.parametrize("tags", [["retries:many"], ["step:a", "step:b"]])
def test_tags_that_cannot_be_are_told_of_their_cell(tmp_path: Path, tags: list[str]) -> None:
    project = Project(tmp_path)
    made = content("x = [1]", "y = [x]")
    found = project.check_tags(tmp_path / "a.ipynb", made, "c1", tags)
    assert [each.place.cell for each in found] == ["c1"]
    assert "tags" not in made["cells"][1]["metadata"]
