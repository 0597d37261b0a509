"""SQL in notebooks: definitions that lanes replay, tables that are read late, kernels that stay."""

from collections.abc import Sequence

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.core.graph import Graph
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import CellTags, Step


def linked(*sources: str, failing: Sequence[int] = ()) -> Graph:
    """The graph of code cells; those of `failing` are tagged `raises-exception`."""
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate(sources)
    )
    tags = {CellId(f"c{i}"): CellTags(raises_exception=True) for i in failing}
    notebook = Notebook(path="n.ipynb", cells=cells)
    return link(notebook, read_cells(notebook), tags)


def of(graph: Graph, cell: int) -> Step:
    """The step of a cell, by its place."""
    return next(step for step in graph.steps if f"c{cell}" in step.cells)


def steps(graph: Graph) -> set[str]:
    """The cells that are steps, by number."""
    return {c[1:] for step in graph.steps if step.id != "definitions" for c in step.cells}


def edges(graph: Graph) -> set[str]:
    """`writer>reader:names` by the cells' numbers."""
    return {
        f"{e.writer[1:]}>{e.reader[1:]}:{','.join(sorted(e.names))}"
        for e in graph.edges
        if e.writer != "definitions"
    }


def replayed(graph: Graph, cell: int) -> list[str]:
    """What a cell's lane replays, by name."""
    return [name for replay in of(graph, cell).replays for name in replay.names]


T = "%%sql t\nSELECT 1 AS n"
U = "%%sql u\nSELECT 2 AS n"


def test_a_macro_is_a_definition_that_its_callers_replay() -> None:
    graph = linked("%%sql\nCREATE MACRO f(x) AS x + 1", "%%sql a\nSELECT F(1)", "%%sql b\nSELECT 1")
    assert not graph.one_lane
    assert steps(graph) == {"1", "2"}
    assert (replayed(graph, 1), replayed(graph, 2)) == (["macro/f"], [])
    assert of(graph, 1).replays[0].source == "%%sql --later\nCREATE MACRO f(x) AS x + 1"


def test_a_macro_brings_the_macros_that_it_calls_as_they_are_where_it_is_called() -> None:
    graph = linked(
        "%%sql\nCREATE MACRO f(x) AS x + 1",
        "%%sql\nCREATE MACRO g(x) AS f(f(x))",
        "%%sql a\nSELECT g(1)",
        "%%sql\nCREATE OR REPLACE MACRO f(x) AS x + 2",
        "%%sql b\nSELECT g(1)",
    )
    assert [r.cell_index for r in of(graph, 2).replays] == [0, 1]
    assert [r.cell_index for r in of(graph, 4).replays] == [1, 3]


def test_a_macro_that_reads_a_table_is_a_step_whose_callers_read_the_table_later() -> None:
    graph = linked(
        T,
        "%%sql\nCREATE MACRO top() AS (SELECT max(n) FROM t)",
        "%%sql\nINSERT INTO t VALUES (5)",
        "%%sql a\nSELECT top()",
    )
    assert steps(graph) == {"0", "1", "2", "3"}
    assert edges(graph) == {"0>1:t", "0>2:t", "2>3:t"}
    assert replayed(graph, 3) == ["macro/top"]


def test_a_temporary_macro_hides_the_other_of_its_name() -> None:
    first, second = "%%sql\nCREATE TEMP MACRO f() AS 1", "%%sql\nCREATE MACRO f() AS 2"
    assert linked(first, second, "%%sql a\nSELECT f()").one_lane


def test_a_table_macro_is_known_where_it_is_called() -> None:
    graph = linked(T, "%%sql\nCREATE MACRO all_of() AS TABLE FROM t", "%%sql a\nFROM all_of()")
    assert not graph.one_lane
    assert not graph.diagnostics
    assert edges(graph) == {"0>1:t", "0>2:t"}


def test_a_table_function_that_nobody_knows_may_read_what_is_named() -> None:
    graph = linked(T, U, "%%sql a\nFROM histogram(t, n)")
    assert not graph.one_lane
    assert edges(graph) == {"0>2:t"}
    assert [d.code for d in graph.diagnostics] == ["opaque"]


def test_a_text_that_is_made_while_it_runs_reads_every_table() -> None:
    graph = linked(T, U, "f = 'FROM t'", "%%sql a\nFROM query($f)")
    assert not graph.one_lane
    assert {"0>3:t", "1>3:u"} <= edges(graph)


def test_a_view_is_a_step_and_its_readers_read_its_tables() -> None:
    graph = linked(
        T,
        "%%sql\nCREATE VIEW v AS SELECT n + 1 AS n FROM t",
        "%%sql\nUPDATE t SET n = 9",
        "%%sql a\nFROM v",
        "print(v.n)",
    )
    assert edges(graph) == {"0>1:t", "0>2:t", "2>3:t", "2>4:t"}
    assert replayed(graph, 3) == replayed(graph, 4) == ["v"]
    assert of(graph, 4).python_reads == ("v",)


def test_a_view_of_a_view_brings_both() -> None:
    graph = linked(
        T,
        "%%sql\nCREATE VIEW v AS FROM t",
        "%%sql\nCREATE VIEW w AS FROM V",
        "%%sql a\nFROM w",
    )
    assert replayed(graph, 3) == ["v", "w"]
    assert "0>3:t" in edges(graph)


def test_a_view_that_is_defined_again_is_another_version() -> None:
    graph = linked(
        T,
        U,
        "%%sql\nCREATE VIEW v AS FROM t",
        "%%sql a\nFROM v",
        "%%sql\nCREATE OR REPLACE VIEW v AS FROM u",
        "%%sql b\nFROM v",
    )
    assert {"0>3:t", "1>5:u"} <= edges(graph)
    assert "0>5:t" not in edges(graph)
    assert [r.cell_index for r in of(graph, 5).replays] == [4]


def test_if_not_exists_keeps_the_view_that_there_is() -> None:
    graph = linked(
        T,
        U,
        "%%sql\nCREATE VIEW v AS FROM t",
        "%%sql\nCREATE VIEW IF NOT EXISTS v AS FROM u",
        "%%sql a\nFROM v",
    )
    assert [r.cell_index for r in of(graph, 4).replays] == [2]


def test_a_dropped_view_frees_its_name() -> None:
    graph = linked(
        T,
        "%%sql\nCREATE VIEW v AS FROM t",
        "%%sql\nDROP VIEW v",
        "v = 3",
        "print(v)",
    )
    assert replayed(graph, 4) == []
    assert "3>4:v" in edges(graph)


def test_a_view_over_a_file_makes_its_readers_read_the_file() -> None:
    graph = linked(
        "%%sql\nCREATE VIEW v AS FROM 'x.csv'", "%%sql a\nFROM v", "print(v)", "v = 1", "print(v)"
    )
    files = [of(graph, cell).files_read for cell in (0, 1, 2, 4)]
    assert files == [("x.csv",), ("x.csv",), ("x.csv",), ()]


def test_a_view_or_macro_that_asks_for_the_time_makes_its_readers_run_again() -> None:
    graph = linked(
        "%%sql\nCREATE VIEW v AS SELECT now() AS n",
        "%%sql\nCREATE MACRO f() AS random()",
        "%%sql a\nFROM v",
        "print(v)",
        "%%sql b\nSELECT f()",
    )
    assert all(of(graph, cell).never_reuse for cell in (2, 3, 4))


def test_python_that_changes_a_view_in_place_takes_its_rows() -> None:
    graph = linked(T, "%%sql\nCREATE VIEW v AS FROM t", "v['m'] = 1", "print(v)")
    assert graph.one_lane  # said plainly, never wrong


def test_a_schema_is_replayed_where_its_tables_are_used() -> None:
    graph = linked(
        "%%sql\nCREATE SCHEMA mart",
        "%%sql\nCREATE TABLE mart.t AS SELECT 1 AS n",
        "%%sql a\nFROM mart.t",
        "%%sql b\nSELECT 1",
    )
    assert not graph.one_lane
    assert not graph.diagnostics
    assert edges(graph) == {"1>2:mart.t"}
    assert [replayed(graph, cell) for cell in (1, 2, 3)] == [["schema/mart"], ["schema/mart"], []]


def test_dropping_a_schema_drops_what_is_in_it() -> None:
    graph = linked(
        "%%sql\nCREATE SCHEMA s",
        "%%sql\nCREATE TABLE s.t AS SELECT 1 AS n",
        "%%sql\nDROP SCHEMA s CASCADE",
        "%%sql\nFROM s.t",
    )
    assert "1>2:s.t" in edges(graph)
    assert [d.code for d in graph.diagnostics] == []
    assert "2>3:s.t" in edges(graph)


def test_types_are_replayed_unless_a_table_made_them() -> None:
    graph = linked(
        T,
        "%%sql\nCREATE TYPE mood AS ENUM ('a')",
        "%%sql\nCREATE TYPE kind AS ENUM (SELECT n::VARCHAR FROM t)",
        "%%sql a\nSELECT 'a'::mood",
        "%%sql b\nSELECT '1'::KIND",
        "%%sql c\nSELECT 1",
    )
    assert replayed(graph, 3) == ["type/mood"]
    lanes = [of(graph, cell).lane for cell in (2, 3, 4, 5)]
    assert lanes[0] == lanes[2] is not None
    assert lanes[1] is lanes[3] is None


def test_a_sequence_stays_in_its_kernel_with_all_who_count() -> None:
    graph = linked(
        "%%sql\nCREATE SEQUENCE ids",
        "%%sql a\nSELECT nextval('ids') AS n",
        "x = 1",
        "%%sql b\nSELECT nextval('ids') AS n",
    )
    assert not graph.one_lane
    assert of(graph, 0).lane == of(graph, 1).lane == of(graph, 3).lane is not None
    assert of(graph, 2).lane is None
    assert {"0>1:sequence/ids", "1>3:sequence/ids"} <= edges(graph)


def test_an_attached_database_stays_in_its_kernel_unless_it_is_only_read() -> None:
    graph = linked(
        "%%sql\nATTACH 'w.duckdb' AS w",
        "%%sql\nCREATE TABLE w.t AS SELECT 1 AS n",
        "%%sql a\nFROM w.main.t",
        "%%sql\nATTACH 'r.duckdb' AS r (READ_ONLY)",
        "%%sql b\nFROM r.t",
    )
    assert not graph.one_lane
    assert not graph.diagnostics
    assert of(graph, 0).lane == of(graph, 1).lane == of(graph, 2).lane is not None
    assert of(graph, 4).lane is None
    assert of(graph, 4).files_read == ("r.duckdb",)


def test_settings_are_replayed_for_all_sql_below_them() -> None:
    graph = linked(
        T,
        "%%sql a\nFROM t ORDER BY n",
        "%%sql\nSET default_null_order = 'nulls_first'",
        "%%sql b\nFROM t ORDER BY n",
        "%%sql\nRESET default_null_order",
        "%%sql c\nFROM t ORDER BY n",
        "%%sql\nSET threads = 2",
    )
    assert not graph.one_lane
    assert steps(graph) == {"0", "1", "3", "5"}
    assert [len(of(graph, cell).replays) for cell in (1, 3, 5)] == [0, 1, 1]
    assert of(graph, 5).replays[0].cell_index == 4


def test_a_table_with_rules_stays_in_its_kernel_with_all_who_use_it() -> None:
    graph = linked(
        "%%sql\nCREATE TABLE t (i INTEGER PRIMARY KEY)",
        "%%sql\nALTER TABLE t ADD COLUMN j INTEGER DEFAULT 3",
        "%%sql\nINSERT INTO t (i) VALUES (1)",
        "%%sql a\nFROM t",
        "%%sql b\nFROM a",
        "%%sql\nCREATE OR REPLACE TABLE t AS SELECT 1 AS i",
        "%%sql c\nFROM t",
    )
    assert not graph.one_lane
    assert edges(graph) == {"0>1:t", "1>2:t", "2>3:t", "3>4:a", "5>6:t"}
    assert {of(graph, cell).lane for cell in range(4)} == {"t"}
    assert [of(graph, cell).lane for cell in (4, 5, 6)] == [None, None, None]


def test_an_index_is_a_rule() -> None:
    graph = linked(T, "%%sql\nCREATE UNIQUE INDEX i ON t (n)", "%%sql\nINSERT INTO t VALUES (1)")
    assert [of(graph, 0).lane is None, of(graph, 1).lane is None] == [True, False]
    assert of(graph, 1).lane == of(graph, 2).lane
    assert edges(graph) == {"0>1:t", "1>2:t"}


def test_merge_reads_and_writes_its_target() -> None:
    merge = (
        "%%sql\nMERGE INTO t USING u ON t.n = u.n WHEN MATCHED THEN UPDATE SET n = u.n "
        "WHEN NOT MATCHED THEN INSERT (n) VALUES (u.n)"
    )
    graph = linked(T, U, merge, "%%sql a\nFROM t")
    assert not graph.one_lane
    assert edges(graph) == {"0>2:t", "1>2:u", "2>3:t"}


def test_what_a_failing_cell_defines_stays_with_it() -> None:
    graph = linked("%%sql\nCREATE MACRO f(x) AS x", "%%sql a\nSELECT f(1)", failing=[0])
    assert not graph.one_lane
    assert of(graph, 0).lane == of(graph, 1).lane is not None


def test_what_a_line_magic_defines_stays_with_it() -> None:
    graph = linked(
        "if True:\n    %sql CREATE MACRO f(x) AS x", "%%sql a\nSELECT f(1)", "%%sql b\nSELECT 1"
    )
    assert not graph.one_lane
    assert of(graph, 0).lane == of(graph, 1).lane is not None
    assert of(graph, 2).lane is None


def test_a_macro_on_a_step_is_a_step() -> None:
    graph = linked(
        "%%sql a\nCREATE MACRO f(x) AS x;\nSELECT f(1) AS n",
        "%%sql\nCREATE MACRO g(x) AS f(x)",
        "%%sql b\nSELECT g(1) AS n",
    )
    assert steps(graph) == {"0", "1", "2"}
    assert replayed(graph, 2) == ["macro/f", "macro/g"]


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "SET TimeZone = 'UTC'",
        "CREATE TABLE k (i INTEGER REFERENCES t (n))",
        "FROM duckdb_tables()",
        "PREPARE p AS FROM t",
        "LOAD httpfs",
    ],
)
def test_what_changes_or_shows_the_whole_session_keeps_one_kernel(sql: str) -> None:
    graph = linked(T, f"%%sql\n{sql}")
    assert len(graph.one_lane) == 1
    assert graph.one_lane[0].startswith("cell 2 line 2: ")


DUCKDB = "import duckdb\nimport pandas as pd"
FRAME = "df = pd.DataFrame({'n': [1]})"


def test_the_default_connections_tables_stay_in_their_kernel() -> None:
    graph = linked(
        DUCKDB,
        FRAME,
        "duckdb.sql('CREATE TABLE t AS SELECT * FROM df')",
        "total = duckdb.sql('SELECT sum(n) FROM t').fetchone()",
        "x = 1",
    )
    assert not graph.one_lane
    assert of(graph, 2).lane == of(graph, 3).lane is not None
    assert of(graph, 4).lane is None


def test_sql_of_python_with_unknown_parts_may_read_any_table() -> None:
    graph = linked(
        DUCKDB,
        FRAME,
        "day = 3",
        "a = duckdb.sql(f'SELECT * FROM df WHERE n > {day}').df()",
        "x = 1",
    )
    assert not graph.one_lane
    assert "1>3:df" in edges(graph)


@pytest.mark.parametrize(
    "call",
    [
        "con.execute('CREATE VIEW v AS FROM df')",
        "con.execute(f'CREATE VIEW {name} AS FROM df')",
        "con.execute(text)",
        "con.execute('CREATE MACRO f() AS TABLE FROM df')",
    ],
)
def test_a_view_of_duckdb_over_variables_keeps_one_kernel(call: str) -> None:
    setup = "con = duckdb.connect()\nname = input()\ntext = input()"
    graph = linked(DUCKDB, FRAME, setup, call, "df = df * 2", "print(con.sql('FROM v'))")
    assert graph.one_lane


def test_macros_and_schemas_of_a_connection_stay_with_it() -> None:
    graph = linked(
        DUCKDB,
        "con = duckdb.connect()",
        "con.execute('CREATE SCHEMA s; CREATE MACRO f(x) AS x + 1')",
        "print(con.execute('SELECT f(1)').fetchall())",
        "x = 1",
    )
    assert not graph.one_lane
    assert of(graph, 1).lane == of(graph, 2).lane == of(graph, 3).lane is not None
    assert of(graph, 4).lane is None


JUPYSQL = "import pandas as pd\n%load_ext sql"


def test_cells_of_another_extension_share_a_kernel_and_others_are_free() -> None:
    graph = linked(
        JUPYSQL,
        "%sql duckdb://",
        FRAME,
        "%%sql --save big\nSELECT * FROM df",
        "k = sum([1])",
        "%%sql\nfound << SELECT * FROM big WHERE n > {{k}}",
        "print(found)",
        "print(k)",
    )
    assert not graph.one_lane
    kept = {of(graph, cell).lane for cell in (0, 1, 3, 5, 6)}
    assert len(kept) == 1
    assert kept != {None}
    assert [of(graph, cell).lane for cell in (2, 4, 7)] == [None, None, None]
    assert {"2>3:df", "3>5:database/JupySQL", "5>6:found", "4>7:k"} <= edges(graph)
    assert "df" in of(graph, 3).python_reads


def test_results_that_are_dataframes_may_leave_the_kernel() -> None:
    graph = linked(
        JUPYSQL, "%config SqlMagic.autopandas = True", "x = %sql SELECT 1", "print(x.describe())"
    )
    assert not graph.one_lane
    assert of(graph, 2).lane is not None
    assert of(graph, 3).lane is None
    assert "2>3:x" in edges(graph)


def test_another_database_is_an_outside_effect() -> None:
    graph = linked(JUPYSQL, "%sql sqlite:///shop.db", "%sql SELECT * FROM orders")
    assert [of(graph, cell).outside_effects for cell in (0, 1, 2)] == [False, True, False]


def test_two_extensions_with_the_same_magic_keep_one_kernel() -> None:
    assert linked("%load_ext nbflow", "%load_ext sql", "%%sql\nSELECT 1").one_lane
    assert linked("%load_ext sql", "%load_ext nbflow", "%%sql\nSELECT 1").one_lane


def test_a_saved_snippet_reads_its_tables_where_it_is_used() -> None:
    graph = linked(
        JUPYSQL,
        FRAME,
        "%%sql --save big\nSELECT * FROM df",
        "df = df * 2",
        "%sql SELECT * FROM big",
    )
    assert "3>4:df" in edges(graph)


def test_what_code_defines_by_a_cell_magic_stays_with_it() -> None:
    call = "get_ipython().run_cell_magic('sql', '', 'CREATE VIEW v AS FROM t')"
    graph = linked(T, f"if True:\n    {call}", "%%sql\nINSERT INTO t VALUES (2)", "print(v)")
    assert not graph.one_lane
    assert of(graph, 1).lane == of(graph, 3).lane is not None
    assert "2>3:t" in edges(graph)


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE IF NOT EXISTS k AS SELECT 1 AS n",
        "CREATE TEMP TABLE IF NOT EXISTS k (i INTEGER)",
        "CREATE TABLE IF NOT EXISTS k (i INTEGER PRIMARY KEY)",
        "CREATE VIEW IF NOT EXISTS k AS SELECT 1 AS n",
    ],
)
def test_if_not_exists_needs_nothing_above_it(create: str) -> None:
    graph = linked(f"%%sql\n{create}", "%%sql a\nFROM k")
    assert not graph.diagnostics
    assert not graph.one_lane


def test_if_not_exists_keeps_a_table_that_there_is() -> None:
    graph = linked(T, "%%sql\nCREATE TABLE IF NOT EXISTS t AS SELECT 2 AS n", "print(t)")
    assert edges(graph) == {"0>1:t", "1>2:t"}


def test_what_is_dropped_or_defined_again_is_held_by_no_value() -> None:
    graph = linked(
        "%%sql\nCREATE SCHEMA s; CREATE MACRO s.f(x) AS x",
        "x = [%sql SELECT s.f(1)]",
        "%%sql\nCREATE OR REPLACE MACRO s.f(x) AS x + 1",
        "print(x)",
        "%%sql\nDROP SCHEMA s CASCADE",
        "%%sql\nCREATE SCHEMA s",
    )
    assert not graph.one_lane
