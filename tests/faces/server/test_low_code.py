"""The gallery over the wire."""

import pytest

from tests.faces.server.conftest import Asking, content

pytestmark = pytest.mark.slow

SALES = "sales = pd.DataFrame({'shop': ['a', 'b', 'b'], 'units': [1, 2, 3]})"


@pytest.fixture
def path(asking: Asking, home: str) -> str:
    return asking.notebook(f"{home}/shop.ipynb", "import pandas as pd", SALES)


def test_the_gallery_and_its_template_are_told(asking: Asking) -> None:
    names = [each["name"] for each in asking.get("recipes").json()["recipes"]]
    assert names == ["read", "query", "filter", "join", "aggregate", "check", "chart", "export"]
    assert asking.get("template").json()["content"]["nbformat"] == 4


def test_a_form_becomes_cells_and_rows(asking: Asking, path: str) -> None:
    run = asking.post("runs", path=path).json()["run"]
    assert asking.ended(run, path)["status"] == "succeeded"
    body = {"path": path, "content": content("import pandas as pd", SALES), "cell": "c2"}
    assert asking.post("tables", **body).json()["tables"] == [
        {
            "name": "sales",
            "columns": [
                {"name": "shop", "type": "VARCHAR"},
                {"name": "units", "type": "BIGINT"},
            ],
            "rows": 3,
        }
    ]
    condition = {"column": "units", "operator": ">", "value": "1"}
    values = {"table": "sales", "conditions": [condition]}
    drafted = asking.post("recipes/filter", **body, values=values).json()
    assert drafted["preview"]["rows"] == [["b", 2], ["b", 3]]
    assert [cell["source"] for cell in drafted["cells"]] == [
        "%load_ext nbflow",
        "%%sql sales_selected\nSELECT *\nFROM sales\nWHERE units > 1",
    ]
    wrong = {"table": "sales", "conditions": [{**condition, "value": "x"}]}
    told = asking.post("recipes/filter", **body, values=wrong).json()
    assert (told["cells"], told["diagnostics"][0]["field"]) == ([], "conditions.0.value")


def test_a_file_beside_the_notebook_has_columns(asking: Asking, path: str) -> None:
    folder = (asking.root / path).parent
    (folder / "it's.csv").write_text("id,shop\n1,a\n", encoding="utf-8")
    body = {"path": path, "content": content("1")}
    found = asking.post("columns", **body, file="it's.csv").json()["columns"]
    assert [each["name"] for each in found] == ["id", "shop"]


@pytest.mark.parametrize("file", ["gone.csv", "a\x00b.csv", "a" * 5000, "*\x00.csv", "a.exe"])
def test_a_file_that_cannot_be_read_is_refused(asking: Asking, path: str, file: str) -> None:
    answer = asking.post("columns", path=path, content=content("1"), file=file)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
    drafted = asking.post("recipes/read", path=path, content=content("1"), values={"file": file})
    assert drafted.status_code == 200


def test_an_unknown_recipe_is_refused(asking: Asking, path: str) -> None:
    answer = asking.post("recipes/nothing", path=path, content=content("1"), values={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
