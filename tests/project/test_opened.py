"""Opening a notebook changes nothing around it."""

import gc
from pathlib import Path

import nbformat
import pytest

from nbflow.analysis.facts import CellFacts
from nbflow.core.notebook import Notebook
from nbflow.project.opened import open_notebook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    nbformat.write(node, tmp_path / "n.ipynb")
    return tmp_path / "n.ipynb"


def broken(notebook: Notebook, *, find_source: object) -> tuple[CellFacts, ...]:
    assert not gc.isenabled()
    raise RuntimeError(notebook.path)


def test_the_collector_works_again_when_a_notebook_was_read(path: Path) -> None:
    assert open_notebook(path, path.parent).graph().steps
    assert gc.isenabled()


def test_the_collector_works_again_when_reading_broke_off(path: Path) -> None:
    with pytest.raises(RuntimeError):
        open_notebook(path, path.parent, reader=broken)
    assert gc.isenabled()


def test_a_collector_that_was_stopped_stays_so(path: Path) -> None:
    gc.disable()
    try:
        assert open_notebook(path, path.parent).graph().steps
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_read_counts_as_old(path: Path) -> None:
    opened = open_notebook(path, path.parent)
    assert any(one is opened.facts for one in gc.get_objects(generation=2))


def test_what_a_process_keeps_frozen_stays_so(path: Path) -> None:
    gc.freeze()
    try:
        assert open_notebook(path, path.parent).graph().steps
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
