"""The final tables of the golden notebooks: by Run All in one kernel, and by a run of nbflow.

The expected tables are what Jupyter's Run All gives (`--write-expected` writes them); a workflow
run has to give the same, to the last digit.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from nbflow.core.choices import Choices
from nbflow.core.run import Status
from nbflow.project import Project

TABLES = {
    "retail_daily_sales": (
        "store_metrics",
        "regions",
        "hourly",
        "best_sellers",
        "intake",
        "exceptions",
    ),
    "flights_delays": ("by_hour", "carriers", "routes", "weather_effect", "age_effect", "verdict"),
    "plain": ("table",),
    "churn_model": ("metrics", "at_risk", "segments"),
    "warehouse": ("months", "best_sellers", "cities", "dim_customer", "fct_returns"),
    "showcase_traps": ("summary", "prices", "stock", "depots"),
}
"""The tables that each notebook exists for."""

FILES = {
    "retail_daily_sales": ("reports/exceptions-2026-03-14.csv",),
    "flights_delays": (),
    "plain": ("bike_counts.csv",),
    "churn_model": (),
    "warehouse": (),
    "showcase_traps": (
        "traps/part-1.csv",
        "traps/part-2.csv",
        "traps/note.txt",
        "traps/prices.csv",
    ),
}
"""The files that each notebook writes."""

pytestmark = pytest.mark.slow


def _every_day_or_ci(name: str) -> Any:
    """Long notebooks take a minute each: one of them is enough for every day."""
    every_day = name in ("plain", "retail_daily_sales")
    return pytest.param(name, id=name, marks=() if every_day else (pytest.mark.ci,))


@pytest.mark.parametrize("name", TABLES)
def test_run_all_gives_the_expected_tables(
    name: str, golden: Callable[[str], Path], expected: Path, write_expected: bool
) -> None:
    notebook = golden(name)
    run_all(notebook, TABLES[name])
    for table in TABLES[name]:
        found = notebook.parent / f"{table}.csv"
        if write_expected:
            shutil.copy(found, expected / name)
        assert_same_table(found, expected / name / f"{table}.csv")


@pytest.mark.parametrize("name", [_every_day_or_ci(name) for name in TABLES])
def test_a_run_gives_the_tables_of_run_all(
    name: str, golden: Callable[[str], Path], expected: Path
) -> None:
    notebook = golden(name)
    before = notebook.read_bytes()
    project = Project.find(notebook.parent)
    run = project.run(notebook, parameters={}, choices=Choices(), jobs=2, actor="test")
    assert [(s.step, s.status, s.message) for s in run.steps if s.status != Status.SUCCEEDED] == []
    assert run.status == Status.SUCCEEDED
    assert notebook.read_bytes() == before
    for table in TABLES[name]:
        found = notebook.parent / f"{table}.csv"
        project.get(run.id, table, output=found, actor="test")
        assert_same_table(found, expected / name / f"{table}.csv")
    for file in FILES[name]:
        assert (notebook.parent / file).is_file()


@pytest.mark.parametrize("name", [_every_day_or_ci(n) for n, files in FILES.items() if files])
def test_a_run_writes_the_files_of_run_all(
    name: str, golden: Callable[[str], Path], tmp_path: Path
) -> None:
    notebook = golden(name)
    alone = Path(shutil.copytree(notebook.parent, tmp_path / "run_all")) / notebook.name
    run_all(alone, ())
    project = Project.find(notebook.parent)
    project.run(notebook, parameters={}, choices=Choices(), jobs=2, actor="test")
    for file in FILES[name]:
        assert (notebook.parent / file).read_bytes() == (alone.parent / file).read_bytes()


def run_all(notebook: Path, tables: tuple[str, ...]) -> None:
    """Run the notebook in one kernel from top to bottom, and write the tables beside it."""
    node = nbformat.read(notebook, as_version=4)
    for table in tables:
        node.cells.append(nbformat.v4.new_code_cell(f"{table}.to_csv('{table}.csv')"))
    NotebookClient(
        node, timeout=300, kernel_name="python3", resources={"metadata": {"path": notebook.parent}}
    ).execute()


def assert_same_table(found: Path, expected: Path) -> None:
    """Same columns, rows, order and values, as text shows them."""
    pd.testing.assert_frame_equal(_rows(found), _rows(expected), check_exact=True)


def _rows(path: Path) -> pd.DataFrame:
    """The table without the index that `to_csv` writes where it is only a row number."""
    frame = pd.read_csv(path)
    first = frame.columns[0]
    if first.startswith("Unnamed") and list(frame[first]) == list(range(len(frame))):
        frame = frame.drop(columns=first)
    return frame
