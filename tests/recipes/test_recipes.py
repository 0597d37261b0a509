"""What each recipe writes: the text that a good analyst would write, and it runs and is right."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shell import Notebook

from nbflow.core.errors import UsageError
from nbflow.core.recipe import Scene, Written
from nbflow.core.table import Column
from nbflow.recipes.gallery import RECIPES, write

Values = dict[str, Any]

SALES = pd.DataFrame(
    {
        "shop": ["Bern", "Chur", "Bern", "Zug", None],
        "day": pd.to_datetime(
            ["2026-03-13", "2026-03-14", "2026-03-14", "2026-03-15", "2026-03-15"]
        ),
        "units": [3, 5, 2, 8, 1],
        "price": [1.5, 2.0, None, 4.0, 1.0],
    }
)
SHOPS = pd.DataFrame(
    {"shop": ["Bern", "Chur", "Uri"], "city": ["Bern", "Chur", "Altdorf"], "units": [1, 2, 3]}
)
COLUMNS = {
    "sales": (
        Column(name="shop", type="VARCHAR"),
        Column(name="day", type="TIMESTAMP"),
        Column(name="units", type="BIGINT"),
        Column(name="price", type="DOUBLE"),
    ),
    "shops": (
        Column(name="shop", type="VARCHAR"),
        Column(name="city", type="VARCHAR"),
        Column(name="units", type="BIGINT"),
    ),
}
SCENE = Scene(
    names=frozenset({"sales", "shops", "day", "pd"}),
    modules={"pandas": "pd"},
    loaded=frozenset({"pandas", "%%sql"}),
    tables=COLUMNS,
)


def source_of(written: Written) -> str:
    assert [one for one in written.findings if one.severity == "error"] == []
    return written.cells[-1].source


def given(notebook: Notebook) -> None:
    notebook.shell.run_line_magic("load_ext", "nbflow")
    notebook["pd"] = pd
    notebook["sales"], notebook["shops"] = SALES.copy(), SHOPS.copy()
    notebook["day"] = date(2026, 3, 14)


def condition(column: str, operator: str, value: str = "") -> Values:
    return {"column": column, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("conditions", "match", "where", "units"),
    [
        ([condition("shop", "is", "Bern")], "all", "WHERE shop = 'Bern'", [3, 2]),
        (
            [condition("shop", "is not", "Bern")],
            "all",
            "WHERE shop IS DISTINCT FROM 'Bern'",
            [5, 8, 1],
        ),
        ([condition("units", ">=", "3")], "all", "WHERE units >= 3", [3, 5, 8]),
        ([condition("units", "<", " 2.5 ")], "all", "WHERE units < 2.5", [2, 1]),
        ([condition("price", "missing")], "all", "WHERE price IS NULL", [2]),
        ([condition("shop", "present")], "all", "WHERE shop IS NOT NULL", [3, 5, 2, 8]),
        ([condition("shop", "contains", "er")], "all", "WHERE contains(shop, 'er')", [3, 2]),
        ([condition("shop", "starts with", "Z")], "all", "WHERE starts_with(shop, 'Z')", [8]),
        ([condition("shop", "in", "Bern, Zug")], "all", "WHERE shop IN ('Bern', 'Zug')", [3, 2, 8]),
        ([condition("units", "in", "1,8,")], "all", "WHERE units IN (1, 8)", [8, 1]),
        (
            [condition("day", "<", "2026-03-14")],
            "all",
            "WHERE day < TIMESTAMP '2026-03-14'",
            [3],
        ),
        ([condition("day", "is", "$day")], "all", "WHERE day = $day", [5, 2]),
        (
            [condition("shop", "is", "Bern"), condition("units", ">", "2")],
            "all",
            "WHERE shop = 'Bern'\n  AND units > 2",
            [3],
        ),
        (
            [condition("shop", "is", "Zug"), condition("units", "is", "3")],
            "any",
            "WHERE shop = 'Zug'\n   OR units = 3",
            [3, 8],
        ),
    ],
)
def test_a_filter_keeps_the_rows_that_meet_the_conditions(
    notebook: Notebook, conditions: list[Values], match: str, where: str, units: list[int]
) -> None:
    values = {"table": "sales", "conditions": conditions, "match": match}
    written = write("filter", values, SCENE)
    assert source_of(written) == f"%%sql sales_selected\nSELECT *\nFROM sales\n{where}"
    given(notebook)
    notebook.run(written.cells)
    assert sorted(notebook["sales_selected"]["units"]) == sorted(units)


def test_a_filter_chooses_columns_sorts_and_stops(notebook: Notebook) -> None:
    values = {
        "table": "sales",
        "columns": ["shop", "units"],
        "order": [{"column": "units", "descending": True}, {"column": "shop"}],
        "limit": 2,
        "name": "top",
    }
    written = write("filter", values, SCENE)
    assert source_of(written) == (
        "%%sql top\nSELECT shop, units\nFROM sales\nORDER BY units DESC, shop\nLIMIT 2"
    )
    given(notebook)
    notebook.run(written.cells)
    assert notebook["top"].values.tolist() == [["Zug", 8], ["Chur", 5]]


def test_rows_left_to_chance_are_said_so() -> None:
    written = write("filter", {"table": "sales", "limit": 2}, SCENE)
    assert [(one.field, one.severity) for one in written.findings] == [("limit", "warning")]


@pytest.mark.parametrize(
    ("values", "query", "rows"),
    [
        (
            {"columns": ["city"]},
            "SELECT sales.*, shops.city\nFROM sales\nLEFT JOIN shops USING (shop)",
            [("Bern", "Bern"), ("Bern", "Bern"), ("Chur", "Chur"), ("Zug", None), (None, None)],
        ),
        (
            {},
            """SELECT sales.*, shops.city, shops.units AS shops_units
FROM sales
LEFT JOIN shops USING (shop)""",
            [("Bern", "Bern"), ("Bern", "Bern"), ("Chur", "Chur"), ("Zug", None), (None, None)],
        ),
        (
            {"kind": "inner", "columns": ["city"]},
            "SELECT sales.*, shops.city\nFROM sales\nJOIN shops USING (shop)",
            [("Bern", "Bern"), ("Bern", "Bern"), ("Chur", "Chur")],
        ),
        (
            {"kind": "full", "columns": ["city"]},
            """SELECT shop, sales.day, sales.units, sales.price, shops.city
FROM sales
FULL JOIN shops USING (shop)""",
            [
                ("Bern", "Bern"), ("Bern", "Bern"), ("Chur", "Chur"),
                ("Uri", "Altdorf"), ("Zug", None), (None, None),
            ],
        ),
        (
            {"kind": "left", "keys": [{"left": "shop", "right": "city"}], "columns": ["city"]},
            "SELECT sales.*, shops.city\nFROM sales\nLEFT JOIN shops ON sales.shop = shops.city",
            [("Bern", "Bern"), ("Bern", "Bern"), ("Chur", "Chur"), ("Zug", None), (None, None)],
        ),
    ],
)  # fmt: skip
def test_a_join_puts_columns_beside_each_other(
    notebook: Notebook, values: Values, query: str, rows: list[tuple[str | None, str | None]]
) -> None:
    form = {"left": "sales", "right": "shops", "keys": [{"left": "shop"}], **values}
    written = write("join", form, SCENE)
    assert source_of(written) == f"%%sql sales_with_shops\n{query}"
    given(notebook)
    notebook.run(written.cells)
    joined = notebook["sales_with_shops"][["shop", "city"]].astype(object)
    found = [tuple(None if pd.isna(cell) else cell for cell in row) for row in joined.values]
    assert sorted(found, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(("kind", "units"), [("semi", [2, 3, 5]), ("anti", [1, 8])])
def test_a_join_can_only_choose_rows(notebook: Notebook, kind: str, units: list[int]) -> None:
    form = {"left": "sales", "right": "shops", "keys": [{"left": "shop"}], "kind": kind}
    written = write("join", form, SCENE)
    assert source_of(written).splitlines()[1] == "SELECT *"
    given(notebook)
    notebook.run(written.cells)
    assert sorted(notebook["sales_with_shops"]["units"]) == units


def test_an_aggregate_works_out_each_group(notebook: Notebook) -> None:
    values = {
        "table": "sales",
        "by": ["shop"],
        "measures": [
            {"function": "rows"},
            {"function": "sum", "column": "units"},
            {"function": "mean", "column": "price"},
            {"function": "distinct", "column": "day", "name": "days"},
        ],
    }
    written = write("aggregate", values, SCENE)
    assert source_of(written) == (
        "%%sql sales_by_shop\n"
        "SELECT shop,\n"
        "       count(*) AS row_count,\n"
        "       CAST(sum(units) AS BIGINT) AS units_sum,\n"
        "       avg(price) AS price_mean,\n"
        "       count(DISTINCT day) AS days\n"
        "FROM sales\n"
        "GROUP BY shop\n"
        "ORDER BY shop"
    )
    given(notebook)
    notebook.run(written.cells)
    found = notebook["sales_by_shop"].set_index("shop").loc["Bern"]
    assert found.tolist() == [2, 5, 1.5, 2]
    assert notebook["sales_by_shop"]["units_sum"].dtype == "int64"


def test_an_aggregate_without_groups_is_one_row(notebook: Notebook) -> None:
    values = {"table": "sales", "measures": [{"function": "max", "column": "day"}]}
    written = write("aggregate", values, SCENE)
    assert source_of(written) == "%%sql sales_total\nSELECT max(day) AS day_max\nFROM sales"
    given(notebook)
    notebook.run(written.cells)
    assert len(notebook["sales_total"]) == 1


@pytest.mark.parametrize(
    ("expectation", "problems"),
    [
        ({"kind": "present", "columns": ["shop", "units"]}, [("shop is missing", 1)]),
        ({"kind": "present", "columns": ["units"]}, []),
        ({"kind": "unique", "columns": ["shop"]}, [("shop not unique", 1)]),
        ({"kind": "unique", "columns": ["units"]}, []),
        ({"kind": "unique", "columns": ["shop", "day"]}, []),
        ({"kind": "range", "column": "units", "low": "2"}, [("units is less than 2", 1)]),
        ({"kind": "range", "column": "units", "high": "4"}, [("units is more than 4", 2)]),
        (
            {"kind": "range", "column": "units", "low": "2", "high": "4"},
            [("units is not between 2 and 4", 3)],
        ),
        ({"kind": "range", "column": "day", "low": "$day"}, [("day is less than $day", 1)]),
        (
            {"kind": "values", "column": "shop", "values": "Bern, Chur"},
            [("shop is none of Bern, Chur", 1)],
        ),
        (
            {"kind": "pattern", "column": "shop", "pattern": "[A-C].*"},
            [("shop does not match [A-C].*", 1)],
        ),
        (
            {"kind": "pattern", "column": "units", "pattern": "[1-5]"},
            [("units does not match [1-5]", 1)],
        ),
        ({"kind": "found", "column": "shop", "other": "shops"}, [("shop is not in shops", 1)]),
        ({"kind": "found", "column": "units", "other": "sales"}, []),
        (
            {"kind": "found", "column": "units", "other": "shops", "key": "units"},
            [("units is not in shops", 2)],
        ),
        ({"kind": "holds", "condition": "units > 1 or price > 0"}, []),
        ({"kind": "holds", "condition": "day >= $day"}, [("not true: day >= $day", 1)]),
        ({"kind": "rows", "low": "6"}, [("there are fewer than 6 rows", 5)]),
        ({"kind": "rows", "low": "1", "high": "5"}, []),
        ({"kind": "fresh", "column": "day", "days": 1, "today": "$day"}, []),
        (
            {"kind": "fresh", "column": "day", "days": 0, "today": "2026-03-16"},
            [("the newest day is more than 0 days old", 5)],
        ),
    ],
)
def test_a_check_returns_one_row_for_each_problem(
    notebook: Notebook, expectation: Values, problems: list[tuple[str, int]]
) -> None:
    written = write("check", {"table": "sales", "expectations": [expectation]}, SCENE)
    assert written.cells[-1].tags == ("check", "step:sales is right")
    given(notebook)
    shown = notebook.run(written.cells)
    assert [tuple(row) for row in shown[["problem", "rows"]].values] == problems


def test_a_check_reads_well() -> None:
    expectations = [
        {"kind": "present", "columns": ["shop"]},
        {"kind": "unique", "columns": ["shop", "day"]},
        {"kind": "rows", "low": "1"},
    ]
    values = {"table": "sales", "expectations": expectations, "failing": "warn"}
    written = write("check", values, SCENE)
    assert written.cells[-1].tags[0] == "check:warn"
    assert source_of(written) == (
        "%%sql\n"
        "-- One row for each problem; no row, no complaint.\n"
        "SELECT 'shop is missing' AS problem, count(*) AS rows\n"
        "FROM sales\n"
        "WHERE shop IS NULL\n"
        "HAVING count(*) > 0\n"
        "UNION ALL\n"
        "SELECT 'shop, day not unique', count(*) - count(DISTINCT (shop, day))\n"
        "FROM sales\n"
        "HAVING count(*) > count(DISTINCT (shop, day))\n"
        "UNION ALL\n"
        "SELECT 'there are fewer than 1 rows', count(*)\n"
        "FROM sales\n"
        "HAVING count(*) < 1"
    )


def test_a_check_against_another_table_reads_well() -> None:
    expectations = [
        {"kind": "found", "column": "shop", "other": "shops"},
        {"kind": "pattern", "column": "shop", "pattern": "[A-Z].*"},
        {"kind": "holds", "condition": "units > 0"},
    ]
    written = write("check", {"table": "sales", "expectations": expectations}, SCENE)
    assert source_of(written) == (
        "%%sql\n"
        "-- One row for each problem; no row, no complaint.\n"
        "SELECT 'shop is not in shops' AS problem, count(*) AS rows\n"
        "FROM sales\n"
        "ANTI JOIN shops ON shops.shop = sales.shop\n"
        "WHERE sales.shop IS NOT NULL\n"
        "HAVING count(*) > 0\n"
        "UNION ALL\n"
        "SELECT 'shop does not match [A-Z].*', count(*)\n"
        "FROM sales\n"
        "WHERE NOT regexp_full_match(shop, '[A-Z].*')\n"
        "HAVING count(*) > 0\n"
        "UNION ALL\n"
        "SELECT 'not true: units > 0', count(*)\n"
        "FROM sales\n"
        "WHERE NOT (units > 0)\n"
        "HAVING count(*) > 0"
    )


def test_an_empty_table_is_not_fresh(notebook: Notebook) -> None:
    fresh = {"kind": "fresh", "column": "day", "days": 1}
    written = write("check", {"table": "sales", "expectations": [fresh]}, SCENE)
    given(notebook)
    notebook["sales"] = SALES.head(0)
    assert len(notebook.run(written.cells)) == 1


def test_all_problems_are_told_at_once(notebook: Notebook) -> None:
    expectations = [
        {"kind": "present", "columns": ["shop", "price"]},
        {"kind": "rows", "high": "3"},
    ]
    written = write("check", {"table": "sales", "expectations": expectations}, SCENE)
    given(notebook)
    assert len(notebook.run(written.cells)) == 3


@pytest.mark.parametrize("how", ["sql", "pandas"])
@pytest.mark.parametrize("name", ["sales.csv", "sales.parquet", "it's 100% [1].csv", "größe.tsv"])
def test_a_file_is_read(notebook: Notebook, tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / name
    if name.endswith(".parquet"):
        SALES.to_parquet(path)
    else:
        SALES.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    values = {"file": name, "how": how, "columns": ["units", "shop"], "name": "found"}
    written = write("read", values, Scene())
    notebook.run(written.cells)
    assert sorted(notebook["found"].columns) == ["shop", "units"]
    assert notebook["found"]["units"].sum() == 19


def test_a_file_is_read_as_one_writes_it() -> None:
    as_sql = write("read", {"file": "data/sales.csv"}, Scene())
    assert [cell.source for cell in as_sql.cells] == [
        "%load_ext nbflow",
        "%%sql sales\nSELECT *\nFROM 'data/sales.csv'",
    ]
    as_frame = write("read", {"file": "data/sales.csv", "how": "pandas"}, Scene())
    assert [cell.source for cell in as_frame.cells] == [
        "import pandas as pd",
        'sales = pd.read_csv("data/sales.csv")\nsales.head()',
    ]


def test_excel_is_read_and_written(notebook: Notebook) -> None:
    pytest.importorskip("openpyxl")
    given(notebook)
    notebook.run(write("export", {"table": "shops", "file": "out/shops.xlsx"}, SCENE).cells)
    values = {"file": "out/shops.xlsx", "sheet": "Sheet1", "name": "back"}
    written = write("read", values, Scene())
    assert [one.severity for one in written.findings] == ["info"]
    notebook.run(written.cells)
    assert notebook["back"].equals(SHOPS)


@pytest.mark.parametrize(("file", "asked"), [("a.csv", False), ("A.XLSX", True), ("a.xls", True)])
def test_a_sheet_has_a_say_where_the_file_has_some(file: str, asked: bool) -> None:
    written = write("read", {"file": file, "sheet": "May", "how": "pandas"}, Scene())
    assert ("sheet_name='May'" in written.cells[-1].source.replace('"', "'")) is asked


@pytest.mark.parametrize("file", ["sales.csv", "out/deep/it's.csv", "out/sales.parquet"])
def test_a_table_is_written_to_a_file(notebook: Notebook, tmp_path: Path, file: str) -> None:
    given(notebook)
    written = write("export", {"table": "sales", "file": file}, SCENE)
    assert written.cells[-1].tags == ("step:export sales",)
    notebook.run(written.cells)
    read = pd.read_parquet if file.endswith("parquet") else pd.read_csv
    assert len(read(tmp_path / file)) == 5


def test_an_export_makes_its_folder() -> None:
    written = write("export", {"table": "sales", "file": "out/sales.csv"}, SCENE)
    assert [cell.source for cell in written.cells] == [
        "from pathlib import Path",
        """Path("out").mkdir(parents=True, exist_ok=True)
sales.to_csv("out/sales.csv", index=False)""",
    ]


@pytest.mark.parametrize(
    ("kind", "y"),
    [
        ("bar", ["units"]),
        ("bar", ["units", "price"]),
        ("barh", ["price"]),
        ("line", ["units", "price"]),
        ("scatter", ["price"]),
        ("hist", ["units", "price"]),
    ],
)
def test_a_chart_is_drawn(notebook: Notebook, kind: str, y: list[str]) -> None:
    notebook.shell.run_cell("import matplotlib\nmatplotlib.use('agg')").raise_error()
    given(notebook)
    x = "price" if kind == "scatter" else "day"
    values = {"table": "sales", "kind": kind, "x": x, "y": y, "title": 'Sales "by" day'}
    written = write("chart", values, SCENE)
    assert written.cells[-1].tags == ("step:chart of sales",)
    notebook.run(written.cells)
    assert notebook["ax"].get_title() == 'Sales "by" day'
    notebook.shell.run_cell("plt.close('all')").raise_error()


def test_a_chart_draws_decimals_and_takes_free_names(notebook: Notebook) -> None:
    notebook.shell.run_cell("import matplotlib\nmatplotlib.use('agg')").raise_error()
    given(notebook)
    notebook["sales"] = SALES.assign(units=[Decimal(n) for n in range(5)])
    columns = (Column(name="day", type="TIMESTAMP"), Column(name="units", type="DECIMAL(4,0)"))
    scene = Scene(names=frozenset({"fig", "plt", "sales"}), tables={"sales": columns})
    written = write("chart", {"table": "sales", "x": "day", "y": ["units"]}, scene)
    assert written.cells[0].source == "import matplotlib.pyplot as plt_2"
    assert "fig_2, ax = plt_2.subplots(" in source_of(written)
    notebook.run(written.cells)
    notebook.shell.run_cell("plt_2.close('all')").raise_error()


def test_a_query_is_kept_as_it_was_written(notebook: Notebook) -> None:
    text = "-- the large ones\nselect SHOP, units from sales where day = $day ;\n"
    written = write("query", {"sql": text, "name": "large"}, SCENE)
    assert source_of(written) == f"%%sql large\n{text.strip()[:-2]}"
    given(notebook)
    notebook.run(written.cells)
    assert notebook["large"]["units"].tolist() == [5, 2]


HOSTILE = [
    "select", "Order", "a b", 'say "hi"', "it's", "größe", "数", "x; DROP TABLE t; --", "%s",
    "$day", "a.b", "\\n", "{x}", "-", "1st",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_columns_may_have_any_name(notebook: Notebook, name: str) -> None:
    notebook.shell.run_line_magic("load_ext", "nbflow")
    notebook["t"] = pd.DataFrame({name: ["it's", 'b"', None], "n": [1, 2, 3]})
    notebook["u"] = pd.DataFrame({name: ["it's"], "more": [7]})
    columns = (Column(name=name, type="VARCHAR"), Column(name="n", type="BIGINT"))
    more = (Column(name=name, type="VARCHAR"), Column(name="more", type="BIGINT"))
    scene = Scene(loaded=frozenset({"%%sql"}), tables={"t": columns, "u": more})
    largest = {"function": "max", "column": name}
    forms: list[tuple[str, Values]] = [
        ("filter", {"columns": [name], "conditions": [condition(name, "is", "it's")]}),
        ("join", {"left": "t", "right": "u", "kind": "inner", "keys": [{"left": name}]}),
        ("aggregate", {"by": [name], "measures": [largest]}),
        ("check", {"expectations": [{"kind": "unique", "columns": [name]}]}),
    ]
    for recipe, values in forms:
        written = write(recipe, {"table": "t", **values}, scene)
        assert source_of(written)
        notebook.run(written.cells)
    assert notebook["t_selected"][name].tolist() == ["it's"]
    assert notebook["t_with_u"]["more"].tolist() == [7]


@pytest.mark.parametrize("name", ["größe", "Order", "select_", "数"])
def test_tables_may_have_any_name_of_python(notebook: Notebook, name: str) -> None:
    notebook.shell.run_line_magic("load_ext", "nbflow")
    notebook[name] = SHOPS.copy()
    scene = Scene(loaded=frozenset({"%%sql"}), names=frozenset({name}), tables={name: ()})
    written = write("filter", {"table": name, "name": "kept"}, scene)
    notebook.run(written.cells)
    assert len(notebook["kept"]) == 3


def test_a_table_that_python_cannot_name_is_copied(notebook: Notebook, tmp_path: Path) -> None:
    notebook.shell.run_line_magic("load_ext", "nbflow")
    notebook.shell.run_cell('%%sql\nCREATE TABLE "my table" AS SELECT 1 AS a').raise_error()
    scene = Scene(loaded=frozenset({"%%sql"}), tables={"my table": ()})
    notebook.run(write("export", {"table": "my table", "file": "it's.csv"}, scene).cells)
    assert pd.read_csv(tmp_path / "it's.csv").values.tolist() == [[1]]
    chart = write("chart", {"table": "my table", "x": "a", "y": ["a"]}, scene)
    assert [one.field for one in chart.findings] == ["table"]


@pytest.mark.parametrize(
    ("recipe", "values", "fields"),
    [
        ("read", {}, ["file"]),
        ("read", {"file": "a.exe"}, ["file"]),
        ("read", {"file": "a.csv", "how": "magic"}, ["how"]),
        ("read", {"file": "a.csv", "name": "class"}, ["name"]),
        ("read", {"file": "a.csv", "name": "SALES"}, ["name"]),
        ("read", {"file": "*.csv", "how": "pandas"}, ["file"]),
        ("query", {"sql": "  "}, ["sql"]),
        ("query", {"sql": "%%sql x\nSELECT 1"}, ["sql"]),
        ("query", {"sql": "DROP TABLE x"}, ["sql"]),
        ("query", {"sql": "-- nothing"}, ["sql"]),
        ("filter", {"table": ["sales"]}, ["table"]),
        ("filter", {"table": "sales", "columns": ["nope"]}, ["columns"]),
        ("filter", {"table": "sales", "limit": "many"}, ["limit"]),
        (
            "filter",
            {"table": "sales", "conditions": [condition("units", "is", "many")]},
            ["conditions.0.value"],
        ),
        (
            "filter",
            {"table": "sales", "conditions": [{}, condition("day", "<", "soon")]},
            ["conditions.0.column", "conditions.0.value"],
        ),
        (
            "filter",
            {"table": "sales", "conditions": [condition("shop", "is", "$nobody")]},
            ["conditions.0.value"],
        ),
        ("join", {"left": "sales", "right": "sales", "keys": [{"left": "shop"}]}, ["right"]),
        ("join", {"left": "sales", "right": "shops", "keys": [{"left": "day"}]}, ["keys.0.right"]),
        ("aggregate", {"table": "sales"}, ["measures"]),
        (
            "aggregate",
            {"table": "sales", "measures": [{"function": "sum"}]},
            ["measures.0.column"],
        ),
        (
            "check",
            {"table": "sales", "expectations": [{"kind": "range", "column": "units"}]},
            ["expectations.0.low"],
        ),
        ("check", {"table": "sales", "expectations": [{"kind": "rows"}]}, ["expectations.0.low"]),
        *(
            (
                "check",
                {"table": "sales", "expectations": [{"kind": "holds", "condition": condition}]},
                ["expectations.0.condition"],
            )
            for condition in (
                *(
                    "",
                    "units >",
                    "units > 1; DROP TABLE x",
                    "units > 1 ORDER BY day",
                    "$nobody > 1",
                ),
                *("sum(units) > 1", "true UNION SELECT 1", "units > 1) OR (1 = 1", "true --"),
            )
        ),
        (
            "check",
            {
                "table": "sales",
                "expectations": [{"kind": "found", "column": "day", "other": "shops"}],
            },
            ["expectations.0.key"],
        ),
        ("chart", {"table": "sales", "x": "day", "y": []}, ["y"]),
        ("export", {"table": "sales", "file": "sales.doc"}, ["file"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(recipe: str, values: Values, fields: list[str]) -> None:
    written = write(recipe, values, SCENE)
    assert written.cells == ()
    assert [one.field for one in written.findings if one.severity == "error"] == fields


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
@pytest.mark.parametrize("junk", [None, 7, True, [], [[]], {}, "x\ny", [{"column": 3}], 1e400])
def test_no_junk_breaks_a_form(recipe: str, junk: Any) -> None:
    fields = next(each.fields for each in RECIPES if each.name == recipe)
    written = write(recipe, {field.name: junk for field in fields}, SCENE)
    assert written.findings or written.cells


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(UsageError, match="fliter"):
        write("fliter", {}, SCENE)


def test_new_names_differ_from_those_of_the_notebook() -> None:
    scene = Scene(
        names=frozenset({"sales", "Sales_Selected"}), loaded=frozenset({"%%sql"}), tables=COLUMNS
    )
    assert "%%sql sales_selected_2\n" in source_of(write("filter", {"table": "sales"}, scene))


def test_fields_speak_of_fields_that_there_are() -> None:
    for recipe in RECIPES:
        names = {field.name for field in recipe.fields}
        for field in recipe.fields:
            inner = {each.name for each in field.fields}
            for each in (field, *field.fields):
                assert each.of is None or each.of in names | inner
                assert set(each.when) <= (inner if each in field.fields else names)
