"""Definitions of other cells wait as text, and are made when a statement or Python needs them."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import pytest

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import NotebookError
from nbflow.inside.sql import SqlSession
from nbflow.inside.sql_later import replacing


class Kernel:
    """A namespace with a session."""

    def __init__(self) -> None:
        self.ns: dict[str, Any] = {"pd": pd}
        self.session = SqlSession(self.ns, parse=parse_sql)

    def later(self, *texts: str) -> None:
        for text in texts:
            self.session.define(text)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        shown = self.session.run(text)
        assert shown is not None
        return [tuple(row) for row in shown.itertuples(index=False)]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.session.close()


def test_a_view_waits_for_its_tables(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS SELECT n + 1 AS n FROM t")
    kernel.session.run("CREATE TABLE t AS SELECT 1 AS n")
    assert kernel.rows("FROM V") == [(2,)]
    kernel.session.run("UPDATE t SET n = 10")
    assert kernel.rows("FROM v") == [(11,)]


def test_a_view_sees_what_python_holds_when_it_is_read(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS FROM Frame")
    kernel.ns["Frame"] = pd.DataFrame({"n": [1]})
    assert kernel.rows("FROM v") == [(1,)]
    kernel.ns["Frame"] = pd.DataFrame({"m": ["x", "y"]})
    assert kernel.rows("FROM v") == [("x",), ("y",)]


def test_texts_bring_the_texts_that_they_name(kernel: Kernel) -> None:
    kernel.later(
        "CREATE SCHEMA s",
        "CREATE TYPE mood AS ENUM ('low', 'high')",
        "CREATE MACRO s.twice(x) AS 2 * x",
        "CREATE MACRO four(x) AS s.twice(s.twice(x))",
        "CREATE VIEW s.inner_one AS SELECT four(n) AS n, 'high'::mood AS m FROM t",
        "CREATE VIEW outer_one AS FROM s.inner_one",
    )
    kernel.ns["t"] = pd.DataFrame({"n": [1]})
    assert kernel.rows("FROM outer_one") == [(4, "high")]


def test_nothing_is_made_that_nobody_asks_for(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS FROM nowhere", "CREATE MACRO f() AS (SELECT 1 FROM nowhere)")
    assert kernel.rows("SELECT 1 AS v") == [(1,)]
    with pytest.raises(NotebookError, match="no table nowhere"):
        kernel.session.run("FROM v")
    kernel.session.run("CREATE TABLE nowhere AS SELECT 3 AS n")
    assert kernel.rows("SELECT n, f() FROM v") == [(3, 1)]


def test_the_last_definition_of_a_name_counts(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 2")
    assert kernel.rows("FROM v") == [(2,)]
    kernel.later("CREATE VIEW v AS SELECT 3", "CREATE MACRO f() AS 3")
    assert kernel.rows("SELECT *, f() FROM v") == [(3, 3)]
    kernel.later("CREATE MACRO IF NOT EXISTS f() AS 4")
    assert kernel.rows("SELECT f()") == [(4,)]


def test_python_gets_a_view_that_waits(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS FROM t")
    kernel.ns["t"] = pd.DataFrame({"n": [5]})
    assert kernel.session.is_sql("v")
    assert kernel.session.names() == ("v",)
    kernel.session.materialise(["v"])
    assert kernel.ns["v"].n.tolist() == [5]
    assert eval("v.n.tolist()", kernel.ns) == [5]


def test_a_name_that_no_text_shows_is_found_as_well(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS SELECT 5 AS n")
    exec("r = eval('v.n.tolist()')", kernel.ns)
    assert kernel.ns["r"] == [5]


def test_what_python_binds_hides_a_view_that_waits(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS SELECT 5 AS n")
    kernel.ns["v"] = pd.DataFrame({"n": [6]})
    kernel.session.settle()
    assert not kernel.session.is_sql("v")
    assert kernel.rows("FROM v") == [(6,)]


def test_a_view_takes_the_place_of_a_table_of_its_name(kernel: Kernel) -> None:
    kernel.session.run("CREATE TABLE v AS SELECT 1 AS n")
    kernel.later("CREATE VIEW v AS SELECT 2 AS n")
    assert kernel.rows("FROM v") == [(2,)]


def test_the_cells_own_definition_comes_before_one_that_waits(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS FROM nowhere", "CREATE MACRO f() AS 1")
    kernel.session.run("CREATE VIEW v AS SELECT 2 AS n; CREATE MACRO f() AS 2")
    assert kernel.rows("SELECT n, f() FROM v") == [(2, 2)]
    kernel.later("CREATE MACRO g() AS 1")
    kernel.session.run("CREATE MACRO IF NOT EXISTS g() AS 2")
    assert kernel.rows("SELECT g()") == [(1,)]


def test_what_waits_can_be_dropped(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS FROM nowhere", "CREATE MACRO f() AS 1", "CREATE SCHEMA s")
    kernel.later("CREATE VIEW s.w AS SELECT 1")
    kernel.session.run("DROP VIEW v; DROP MACRO f; DROP SCHEMA s CASCADE")
    assert kernel.session.names() == ()
    with pytest.raises(duckdb.CatalogException):
        kernel.session.run("SELECT f()")
    with pytest.raises(NotebookError):
        kernel.session.run("FROM v")


def test_dropping_a_schema_forgets_its_tables(kernel: Kernel) -> None:
    kernel.session.run("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS n")
    kernel.session.run("DROP SCHEMA s CASCADE")
    assert kernel.session.names() == ()
    kernel.session.run("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 2 AS n")
    assert kernel.rows("FROM s.t") == [(2,)]


def test_settings_and_variables_hold_for_what_follows(kernel: Kernel) -> None:
    kernel.later("SET default_null_order = 'nulls_first'", "SET VARIABLE k = 3")
    rows = kernel.rows("SELECT n, getvariable('k') FROM (VALUES (1), (NULL)) v(n) ORDER BY n")
    assert [pd.isna(row[0]) for row in rows] == [True, False]
    assert rows[0][1] == 3
    kernel.later("RESET default_null_order")
    rows = kernel.rows("SELECT n FROM (VALUES (1), (NULL)) v(n) ORDER BY n")
    assert [pd.isna(row[0]) for row in rows] == [False, True]


def test_an_opaque_statement_gets_what_it_names_if_that_can_be_made(kernel: Kernel) -> None:
    kernel.later("CREATE VIEW v AS SELECT 1 AS n", "CREATE VIEW rowid AS FROM nowhere")
    kernel.session.run("CREATE TABLE t AS SELECT 7 AS k")
    assert kernel.rows("SELECT rowid, n FROM t, v") == [(0, 1)]


def test_a_syntax_error_is_told(kernel: Kernel) -> None:
    with pytest.raises(NotebookError, match="syntax error"):
        kernel.later("CREATE VIEW v AS FROM FROM")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE VIEW v AS FROM t", "CREATE OR REPLACE VIEW v AS FROM t"),
        ("create temp view v AS FROM t", "CREATE OR REPLACE temp view v AS FROM t"),
        ("CREATE OR REPLACE TEMP MACRO f(x) AS x", "CREATE OR REPLACE TEMP MACRO f(x) AS x"),
        ('CREATE VIEW IF NOT EXISTS "V 1" AS FROM t', 'CREATE OR REPLACE VIEW "V 1" AS FROM t'),
        ("CREATE FUNCTION s.f(x) AS x", "CREATE OR REPLACE FUNCTION s.f(x) AS x"),
        (
            "CREATE RECURSIVE VIEW v(a) AS SELECT 1",
            "CREATE OR REPLACE RECURSIVE VIEW v(a) AS SELECT 1",
        ),
        ("CREATE SCHEMA Mart", 'CREATE SCHEMA IF NOT EXISTS "mart"'),
        ("ATTACH 'x' AS y (READ_ONLY)", "ATTACH IF NOT EXISTS 'x' AS y (READ_ONLY)"),
        ("SET VARIABLE k = 1", "SET VARIABLE k = 1"),
    ],
)
def test_definitions_replace_what_was_there(text: str, expected: str) -> None:
    [statement] = parse_sql(text).statements
    assert replacing(statement).text == expected
