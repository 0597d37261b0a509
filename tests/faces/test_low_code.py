"""Low code as JSON: golden files that the gallery's tests read too."""

from pathlib import Path

from nbflow.core.recipe import NamedTable, Scene
from nbflow.core.table import Column, TablePage
from nbflow.faces import low_code, wire
from nbflow.faces.server import documents
from nbflow.recipes.gallery import RECIPES, write
from nbflow.recipes.template import workflow_notebook

WIRE = Path(__file__).parents[1] / "wire"

SALES = (
    Column(name="store", type="VARCHAR"),
    Column(name="amount", type="DOUBLE"),
)
SCENE = Scene(
    names=frozenset({"sales"}), loaded=frozenset({"%%sql"}), tables={"sales": SALES, "stores": ()}
)
KEPT = TablePage(name="", columns=SALES, rows=(("Uster", 1203.5), ("Chur", 240.0)), total=2)


def served() -> dict[str, str]:
    condition = {"column": "amount", "operator": ">", "value": "100"}
    good = write("filter", {"table": "sales", "conditions": [condition]}, SCENE)
    wrong = write(
        "filter", {"table": "sales", "conditions": [{**condition, "value": "much"}]}, SCENE
    )
    tables = (
        NamedTable(name="sales", columns=SALES, rows=48210),
        NamedTable(name="stores"),
    )
    made = {
        "recipes.json": low_code.gallery(RECIPES),
        "recipe.json": low_code.draft(good.cells, good.findings, documents.table(KEPT)),
        "recipe-wrong.json": low_code.draft(wrong.cells, wrong.findings, None),
        "tables.json": low_code.tables(tables),
        "template.json": low_code.template(workflow_notebook()),
    }
    return {name: wire.document(document) for name, document in made.items()}


def test_served_documents_are_those_of_the_golden_files(write_expected: bool) -> None:
    made = served()
    if write_expected:
        for name, content in made.items():
            (WIRE / name).write_text(content, encoding="utf-8")
    assert {name: (WIRE / name).read_text(encoding="utf-8") for name in made} == made
