"""What `nbflow verify` compares, and what it calls equal."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import nbformat
import pytest

from nbflow.core.task import StepError, TaskOutcome
from nbflow.project import Project
from nbflow.project import verify as verifying
from nbflow.project.verify import Difference, Verification

pytestmark = pytest.mark.slow


def verified(folder: Path, *cells: str) -> Verification:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    nbformat.write(node, folder / "n.ipynb")
    return Project.find(folder).verify(folder / "n.ipynb")


def test_what_cells_show_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conducted = verifying.run_through_papermill

    def run_badly(ticket: verifying.Ticket, output: str | None) -> object:
        """As a fault of nbflow would: a cell shows something else, and leaves the same."""
        run = conducted(ticket, output)
        assert ticket.conducted is not None
        shown = ticket.conducted.executed.cell_outputs
        last = [cell.id for cell in ticket.opened.notebook.cells][-1]
        shown[last][0]["text"] = "4\n"
        return run

    monkeypatch.setattr(verifying, "run_through_papermill", run_badly)
    found = verified(tmp_path, "a = 1", "print(a + 2)")
    assert found.differences == (
        Difference(name="cell 2", kind="output", run_all="stdout: 3\n", workflow="stdout: 4\n"),
    )
    assert not found.equal


def test_what_two_run_alls_show_differently_is_no_difference(tmp_path: Path) -> None:
    found = verified(tmp_path, "import uuid", "print(uuid.uuid4())", "print(1)")
    assert found.equal
    assert found.nondeterministic == ("cell 2",)


def test_names_that_share_are_compared_one_by_one(tmp_path: Path) -> None:
    """In one kernel all three share the list, in several only two do when their cell has ended."""
    found = verified(
        tmp_path, "base = [1]", "first = {'b': base}", "second = {'b': base}", "print(first)"
    )
    assert found.equal, found.differences


def test_what_an_object_remembers_of_being_read_is_no_difference(tmp_path: Path) -> None:
    found = verified(
        tmp_path,
        "import pandas as pd\nindex = pd.Index([3, 1])\n"
        "groups = pd.DataFrame({'a': [1, 1], 'b': [2, 3]}).groupby('a')",
        "print(groups.ngroups, index.is_unique)",
        "print(groups.indices)",
    )
    assert found.equal, found.differences


STATISTICS = (
    "import numpy as np\nimport statsmodels.api as sm\n"
    "from statsmodels.tsa.arima.model import ARIMA\n"
    "rng = np.random.default_rng(1)\nx, y = rng.normal(size=(2, 40))"
)


def test_what_results_have_computed_when_asked_is_no_difference(tmp_path: Path) -> None:
    found = verified(
        tmp_path,
        STATISTICS,
        "res = sm.OLS(y, sm.add_constant(x)).fit()\nseveral = [sm.OLS(y, x).fit()]",
        "model = ARIMA(y, order=(1, 0, 0)).fit()",
        "print(res.bse, res.HC0_se, several[0].rsquared)",
        "print(model.predict(0, 2), model.aic)",
        "print(res.summary().tables[1], model.forecast(2))",
    )
    assert found.equal, found.differences
    assert not {"res", "several", "model"} & {*found.not_compared, *found.nondeterministic}


def test_chance_that_shows_the_same_twice_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = verifying._run_all
    sides = iter(["1", "1", "2"])

    def run(*args: object) -> object:
        side = whole(*args)  # type: ignore[arg-type]
        return replace(side, outputs={"cell 1": next(sides), "cell 2": uuid4().hex})

    monkeypatch.setattr(verifying, "_run_all", run)
    found = verified(tmp_path, "import random\nprint(random.random())", "print(random.random())")
    assert found.nondeterministic == ("cell 1", "cell 2")


def test_cells_below_a_failure_are_not_compared(tmp_path: Path) -> None:
    """A workflow may run those that do not need it."""
    found = verified(tmp_path, "a = [1]", "print(a)\n1 / 0", "b = [2]\nopen('b.txt', 'w').close()")
    assert found.equal, found.differences
    assert found.failed == "cell 2: ZeroDivisionError: division by zero"


def test_what_no_file_can_hold_is_not_compared_and_named(tmp_path: Path) -> None:
    found = verified(
        tmp_path,
        "data = [1, 2]",
        "total = sum(data)",
        "gate = __import__('threading').Lock()\nheld = [gate, data]",
        "print(total, held[0] is gate)",
    )
    assert found.equal, found.differences
    assert found.not_compared == ("gate", "held")


def test_a_run_that_would_have_to_do_something_twice_is_a_refusal(tmp_path: Path) -> None:
    found = verified(
        tmp_path,
        "class Limit:\n    top = 3",
        "with open('log.txt', 'a') as log:\n    count = log.write('once')",
        "type.__setattr__(Limit, 'top', count)",
        "print(Limit.top)",
    )
    assert [each.code for each in found.refused] == ["must_run_again"]
    assert not found.differences


def test_run_all_is_compared_up_to_the_cell_that_fails() -> None:
    outcome = TaskOutcome(
        run="r",
        step="s",
        attempt=1,
        fence=0,
        status="failed",
        error=StepError(type="E", message="", cell="b"),
    )
    cells = [verifying.Source(cell=c, cell_index=n, source="") for n, c in enumerate("abc")]
    assert list(verifying._reached(cells, outcome)) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("stdout: 3", "", ("stdout: 3", "nothing")),
        ("x" * 100 + "1", "x" * 100 + "2", ("…" + "x" * 30 + "1", "…" + "x" * 30 + "2")),
        ("a" * 500, "b", ("a" * 200 + "…", "b")),
        ("same", "same and more", ("same", "same and more")),
    ],
)
def test_a_difference_is_shown_where_it_begins(
    one: str, other: str, expected: tuple[str, str]
) -> None:
    assert verifying._where_they_part(one, other) == expected
