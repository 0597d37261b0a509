"""The promise, case by case: a workflow run gives what Jupyter's Run All gives.

`cases/*.txt` hold small notebooks, each named after its trap, in the percent format:

    ==== name_of_the_case
    why: what makes it nasty
    refusal: text            (optional: it may be refused, if the reason contains this text)
    everyday                 (optional: belongs to the slow tests; the others to the long ones)
    ---- file data.csv       (optional: a file beside the notebook; any number)
    # %%
    first cell
    # %% tags=["raises-exception"]
    second cell

Each notebook runs in two copies of its folder, once in one kernel by nbclient and once as a
workflow. What the cells show and the files that are left must be the same; where no file is
written, a second run, which reuses what it can, must show the same again. Notebooks print what
matters, so that outputs prove state. Where Run All stops at an error, cells below it are not
compared: a workflow may run those that do not need the failed one.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from nbflow.core.errors import NbflowError, NotebookError
from nbflow.core.run import Run, Status
from nbflow.notebook.shown import shown
from nbflow.project import Project

CASES_FOLDER = Path(__file__).parent / "cases"
NOTEBOOK = "case.ipynb"
CELL_TIMEOUT_SECONDS = 120
_NOT_COMPARED = frozenset({".nbflow", "__pycache__", ".ipynb_checkpoints", NOTEBOOK})


# -- the corpus ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCell:
    """One code cell of a case."""

    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One small notebook, with the files beside it."""

    name: str
    why: str
    cells: tuple[CaseCell, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    refusal: str | None = None
    everyday: bool = False

    def notebook(self) -> NotebookNode:
        """The case as a notebook of the newest format, with steady cell ids."""
        node = nbformat.v4.new_notebook()
        node.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        for number, cell in enumerate(self.cells, start=1):
            made = nbformat.v4.new_code_cell(cell.source, id=f"cell-{number}")
            made.metadata["tags"] = list(cell.tags)
            node.cells.append(made)
        return node

    def write(self, folder: Path) -> Path:
        """Lay out the notebook and its files in a new folder."""
        folder.mkdir(parents=True)
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        nbformat.write(self.notebook(), folder / NOTEBOOK)
        return folder / NOTEBOOK


def read_cases(text: str) -> Iterator[Case]:
    """The cases of one corpus file."""
    for block in re.split(r"^==== ", text, flags=re.MULTILINE)[1:]:
        head, *cells = re.split(r"^# %%", block, flags=re.MULTILINE)
        intro, *files = re.split(r"^---- file ", head, flags=re.MULTILINE)
        name, *lines = intro.strip().splitlines()
        said = {key.strip(): value.strip() for key, _, value in (ln.partition(":") for ln in lines)}
        yield Case(
            name=name,
            why=said["why"],
            refusal=said.get("refusal"),
            everyday="everyday" in said,
            files=dict(_file(part) for part in files),
            cells=tuple(_cell(part) for part in cells),
        )


def _file(part: str) -> tuple[str, str]:
    name, _, text = part.partition("\n")
    return name.strip(), text


def _cell(part: str) -> CaseCell:
    head, _, source = part.partition("\n")
    found = re.search(r"tags=(\[.*\])", head)
    return CaseCell(source=source.strip("\n"), tags=tuple(json.loads(found[1])) if found else ())


def all_cases() -> tuple[Case, ...]:
    """Every case, by file and place."""
    return tuple(
        case for path in sorted(CASES_FOLDER.glob("*.txt")) for case in read_cases(path.read_text())
    )


# -- the two ways of running -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one way of running left: what each cell shows, the files, and how it ended."""

    ended_well: bool
    cells: Mapping[str, tuple[str, ...]]
    files: Mapping[str, str]
    failed_cell: str | None = None
    refused: str | None = None


def run_all(notebook: Path) -> Seen:
    """Every cell in one kernel, in order; `skip` leaves a cell out, as it does in a run."""
    node = nbformat.read(notebook, as_version=4)
    node.cells = [cell for cell in node.cells if "skip" not in cell.metadata.get("tags", [])]
    client = NotebookClient(
        node,
        timeout=CELL_TIMEOUT_SECONDS,
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    ended_well = True
    try:
        client.execute()
    except CellExecutionError:
        ended_well = False
    cells = _shown(node, notebook.parent)
    stopped = [name for name, outputs in cells.items() if _has_error(outputs)]
    return Seen(
        ended_well=ended_well,
        cells=cells,
        files=_files(notebook.parent),
        failed_cell=None if ended_well else stopped[-1],
    )


def run_workflow(notebook: Path) -> Seen:
    """The same notebook as a workflow, with two lanes at a time."""
    try:
        run = Project.find(notebook.parent).run(notebook, jobs=2)
    except NbflowError as error:
        return Seen(ended_well=False, cells={}, files=_files(notebook.parent), refused=_why(error))
    assert run.result is not None
    result = Path(run.result)
    node = nbformat.read(result if result.is_absolute() else notebook.parent / result, as_version=4)
    ended_well = run.status is Status.SUCCEEDED
    return Seen(
        ended_well=ended_well,
        cells=_shown(node, notebook.parent),
        files=_files(notebook.parent),
        refused=None if ended_well else _reasons(run),
    )


def _why(error: NbflowError) -> str:
    found = error.diagnostics if isinstance(error, NotebookError) else ()
    return "; ".join([error.message, *(f"{d.code}: {d.message}" for d in found)])


def _reasons(run: Run) -> str:
    steps = [
        f"{step.step}: {step.reason}: {step.message}"
        for step in run.steps
        if step.status is not Status.SUCCEEDED
    ]
    return "; ".join([f"{run.reason}: {run.message}", *steps])


def _shown(node: NotebookNode, folder: Path) -> dict[str, tuple[str, ...]]:
    """Each cell's outputs. Warnings name files, and each way of running has a folder of its own."""
    return {
        cell.id: tuple(text.replace(str(folder), "…") for text in shown(cell.outputs))
        for cell in node.cells
        if cell.cell_type == "code" and "skip" not in cell.metadata.get("tags", [])
    }


def _has_error(outputs: tuple[str, ...]) -> bool:
    return any(text.startswith("error: ") for text in outputs)


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _NOT_COMPARED & set(path.relative_to(folder).parts)
    }


# -- the comparison --------------------------------------------------------------------------------


def differences(expected: Seen, actual: Seen) -> list[str]:
    """Every way in which the workflow is not what Run All is."""
    found: list[str] = []
    if expected.ended_well != actual.ended_well:
        found.append(
            f"Run All {_ending(expected)}, the workflow {_ending(actual)} ({actual.refused})"
        )
    for cell, outputs in expected.cells.items():
        if outputs != actual.cells.get(cell):
            found.append(f"{cell} shows {outputs} in Run All, {actual.cells.get(cell)} in nbflow")
        if cell == expected.failed_cell:
            break
    for path in sorted({*expected.files, *actual.files}):
        if expected.files.get(path) != actual.files.get(path):
            found.append(f"the file {path} {_file_difference(path, expected, actual)}")
    return found


def _ending(seen: Seen) -> str:
    return "succeeds" if seen.ended_well else "fails"


def _file_difference(path: str, expected: Seen, actual: Seen) -> str:
    if path not in actual.files:
        return "is only written by Run All"
    if path not in expected.files:
        return "is only written by the workflow"
    return "has other bytes"


CASES = all_cases()


@pytest.mark.slow
@pytest.mark.usefixtures("known_fonts")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case.everyday else (pytest.mark.ci,))
        for case in CASES
    ],
)
def test_workflow_gives_what_run_all_gives(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lanes fix the hash seed, so that sets keep their order from lane to lane; Run All follows.
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    notebook = case.write(tmp_path / "workflow" / "work")
    given = _files(notebook.parent)
    workflow = run_workflow(notebook)
    if case.refusal is not None and case.refusal in (workflow.refused or ""):
        return
    expected = run_all(case.write(tmp_path / "run-all" / "work"))
    found = differences(expected, workflow)
    if not found and expected.files == given:  # nothing written: a second run starts as the first
        found = [f"second run: {text}" for text in differences(expected, run_workflow(notebook))]
    assert not found, "\n".join([case.why, *found])


WARNS_TWICE = """==== warns_twice
why: the second warning is not shown
---- file noisy.py
import warnings


def old(x):
    warnings.warn("old is out of date")
    return x + 1
# %%
from noisy import old
# %%
a = old(1)
# %%
b = old(2)
# %%
print(a, b)
"""


@pytest.mark.slow
def test_a_reused_cell_shows_the_warning_that_cells_above_show_no_more(tmp_path: Path) -> None:
    [case] = read_cases(WARNS_TWICE)
    notebook = case.write(tmp_path / "work")
    assert "cell-3" not in _that_warn(run_workflow(notebook))
    quiet = replace(case.cells[1], source="a = 2")
    changed = replace(case, cells=(case.cells[0], quiet, *case.cells[2:]))
    nbformat.write(changed.notebook(), notebook)
    assert _that_warn(run_workflow(notebook)) == ["cell-3"]
    project = Project.find(notebook.parent)
    last = project.status(project.runs(limit=1)[0].id)
    assert [step.action for step in last.steps if "cell-3" in step.cells] == ["reuse"]


def _that_warn(seen: Seen) -> list[str]:
    return [cell for cell, outputs in seen.cells.items() if "old is out of date" in str(outputs)]


def test_every_case_has_its_own_name() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 70


def test_a_difference_is_seen() -> None:
    good = Seen(ended_well=True, cells={"a": ("stdout: 1\n",)}, files={"x": "1"})
    bad = Seen(ended_well=True, cells={"a": ("stdout: 2\n",)}, files={"y": "1"})
    assert not differences(good, good)
    assert len(differences(good, bad)) == 3
