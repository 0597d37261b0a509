"""The gallery of a notebook: what it offers, and the rows that a form would give."""

import json
from pathlib import Path
from typing import Any

import pytest

from nbflow.project.desk import open_desk
from nbflow.project.layout import Layout
from nbflow.project.low_code import Draft, LowCode
from nbflow.project.opened import open_notebook
from nbflow.project.project import Project

CELLS = (
    ("load", "%load_ext nbflow\nimport pandas as pd\nfrom pathlib import Path as P", ()),
    ("parameters", "least: int = 2\nneeded: str", ("parameters",)),
    ("made", "sales = pd.DataFrame({'shop': ['a', 'b', 'b'], 'units': [1, 2, 3]})", ()),
    ("sql", "%%sql Totals\nSELECT shop, sum(units) AS units FROM sales GROUP BY shop", ()),
    ("later", "import matplotlib.pyplot as mpl\nlate = Totals.copy()", ()),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    cells = [
        {
            "cell_type": "code",
            "id": name,
            "source": source,
            "metadata": {"tags": list(tags)},
            "outputs": [],
            "execution_count": None,
        }
        for name, source, tags in CELLS
    ]
    path = tmp_path / "shop.ipynb"
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    path.write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "beside.csv").write_text("id,shop\n1,a\n2,c\n", encoding="utf-8")
    return path


def drafted(path: Path, recipe: str, values: dict[str, Any], below: str | None = None) -> Draft:
    opened = open_notebook(path, path.parent)
    if not Layout(root=path.parent).ledger.exists():
        return LowCode(opened, None, below).draft(recipe, values)
    desk = open_desk(Layout(root=path.parent))
    try:
        return LowCode(opened, desk, below).draft(recipe, values)
    finally:
        desk.ledger.close()


def told(draft: Draft) -> list[tuple[str, str]]:
    return [(one.severity, one.message) for one in draft.written.findings]


def test_before_a_run_only_sql_is_known_to_give_tables(path: Path) -> None:
    low_code = LowCode(open_notebook(path, path.parent), None)
    assert [(each.name, each.columns, each.rows) for each in low_code.tables()] == [
        ("Totals", (), None)
    ]


def test_without_a_run_the_cells_come_without_a_preview(path: Path) -> None:
    draft = drafted(path, "filter", {"table": "Totals"})
    assert draft.written.cells
    assert draft.preview is None
    assert told(draft) == [("info", "no preview: Totals was not made by a run yet")]


def test_what_is_loaded_above_is_not_loaded_again(path: Path) -> None:
    read = {"file": "beside.csv", "how": "pandas"}
    assert len(drafted(path, "read", read, "load").written.cells) == 1
    chart = {"table": "Totals", "x": "shop", "y": ["units"]}
    assert len(drafted(path, "chart", chart, "later").written.cells) == 1
    above = drafted(path, "chart", chart, "sql").written.cells
    assert above[0].source == "import matplotlib.pyplot as mpl"
    export = {"table": "Totals", "file": "out/totals.csv"}
    assert drafted(path, "export", export).written.cells[0].source.startswith('P("out")')


def test_a_file_beside_the_notebook_is_shown(path: Path) -> None:
    draft = drafted(path, "read", {"file": "beside.csv", "columns": ["shop"]})
    assert draft.preview is not None
    assert draft.preview.rows == (("a",), ("c",))
    assert told(drafted(path, "read", {"file": "beside.csv", "columns": ["nope"]}))[0] == (
        "error",
        "there is no column nope",
    )
    patterned = drafted(path, "read", {"file": "*side.csv", "name": "found"})
    assert patterned.preview is not None
    assert len(patterned.preview.rows) == 2
    counted = drafted(path, "query", {"sql": "SELECT count(*) AS n FROM '*.csv'"})
    assert told(counted) == [("info", "no preview: it would take all the files of a pattern")]


def test_a_file_that_is_missing_or_broken_is_told(path: Path) -> None:
    missing = drafted(path, "read", {"file": "gone.csv"})
    assert missing.written.cells
    assert told(missing) == [("info", "no preview: there is no file gone.csv beside the notebook")]
    (path.parent / "bad.parquet").write_bytes(b"not parquet")
    broken = drafted(path, "read", {"file": "bad.parquet"})
    assert [one.severity for one in broken.written.findings] == ["warning", "info"]


@pytest.mark.slow
def test_after_a_run_its_tables_are_known(path: Path) -> None:
    Project(path.parent).run(path, parameters={"needed": "x"})
    desk = open_desk(Layout(root=path.parent))
    low_code = LowCode(open_notebook(path, path.parent), desk)
    assert [(each.name, each.rows) for each in low_code.tables()] == [
        ("sales", 3),
        ("Totals", 2),
        ("late", 2),
    ]
    assert [each.name for each in low_code.columns(table="sales")] == ["shop", "units"]
    assert low_code.columns(table="nothing") == ()
    above = LowCode(open_notebook(path, path.parent), desk, "made")
    assert [each.name for each in above.tables()] == ["sales"]
    desk.ledger.close()

    condition = {"column": "units", "operator": ">=", "value": "$least"}
    kept = drafted(path, "filter", {"table": "sales", "conditions": [condition]})
    assert kept.preview is not None
    assert kept.preview.rows == (("b", 2), ("b", 3))
    assert told(kept) == []

    by_hand = {"sql": "SELECT * FROM totals JOIN 'beside.csv' USING (shop)", "name": "by_hand"}
    joined = drafted(path, "query", by_hand)
    assert joined.preview is not None
    assert len(joined.preview.rows) == 1

    unknown = drafted(path, "query", {"sql": "SELECT $needed AS x FROM sales"})
    assert told(unknown) == [("info", "no preview: the value of $needed is only known in a run")]
    wrong = drafted(path, "query", {"sql": "SELECT nothing FROM sales"})
    assert wrong.written.cells
    assert "nothing" in told(wrong)[0][1]
