"""One namespace for SQL and Python: who owns a name, and that nothing is lost on the way."""

import datetime as dt
import decimal
import math
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import NotebookError, StoreError
from nbflow.inside.interrupt import interruptible
from nbflow.inside.seal import KEY_BYTES, Seal
from nbflow.inside.sql import SqlSession
from nbflow.inside.sql_values import bindable
from nbflow.inside.tables import read_frame, write_frame

SEAL = Seal(key=b"k" * KEY_BYTES)


class Kernel:
    """A namespace with a session, and cells as a kernel runs them."""

    def __init__(self) -> None:
        self.ns: dict[str, Any] = {"pd": pd}
        self.session = SqlSession(self.ns, parse=parse_sql)

    def sql(self, text: str, name: str | None = None) -> Any:
        return self.session.run(text, name=name)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        shown = self.sql(text)
        return [tuple(row) for row in shown.itertuples(index=False)]

    def python(self, source: str, *reads: str) -> None:
        self.session.settle()
        self.session.materialise(reads)
        exec(source, self.ns)
        self.session.settle()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.session.close()


@pytest.fixture
def sales(kernel: Kernel) -> pd.DataFrame:
    kernel.ns["sales"] = pd.DataFrame({"shop": ["a", "b", "a"], "n": [1, 2, 3]})
    return kernel.ns["sales"]


# -- reading Python, binding results


def test_sql_reads_a_dataframe_of_python(kernel: Kernel, sales: pd.DataFrame) -> None:
    assert kernel.rows("SELECT shop, sum(n) AS n FROM sales GROUP BY shop ORDER BY 1") == [
        ("a", 4),
        ("b", 2),
    ]
    assert kernel.ns["sales"] is sales
    assert kernel.session.names() == ()


@pytest.mark.parametrize(
    "value",
    [
        pa.table({"n": [1, 2]}),
        pa.RecordBatch.from_pydict({"n": [1, 2]}),
        pl.DataFrame({"n": [1, 2]}),
        pd.DataFrame({"n": [1, 2]}, index=["x", "y"]),
    ],
    ids=lambda v: type(v).__module__.split(".")[0],
)
def test_sql_reads_tables_of_every_kind(kernel: Kernel, value: Any) -> None:
    kernel.ns["t"] = value
    assert kernel.rows("SELECT sum(n) FROM t") == [(3,)]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([{"n": 1}], "list"),
        ({"n": [1]}, "dict"),
        (pd.Series([1]), "Series"),
        (np.array([1]), "ndarray"),
        (5, "int"),
        (pl.LazyFrame({"n": [1]}), "LazyFrame"),
    ],
)
def test_what_is_no_table_is_refused_with_a_hint(kernel: Kernel, value: Any, kind: str) -> None:
    kernel.ns["t"] = value
    with pytest.raises(NotebookError, match=f"t is a {kind}, not a table") as caught:
        kernel.sql("SELECT * FROM t")
    assert caught.value.hint


def test_a_result_is_a_table_for_sql_and_not_yet_in_python(kernel: Kernel, sales: Any) -> None:
    assert kernel.sql("SELECT shop, sum(n) AS n FROM sales GROUP BY 1 ORDER BY 1", "daily") is None
    assert kernel.session.is_sql("daily")
    assert "daily" not in kernel.ns
    assert kernel.session.columns("daily") == (("shop", "VARCHAR"), ("n", "HUGEINT"))
    assert kernel.rows("SELECT max(n) FROM daily") == [(4,)]


def test_types_survive_from_sql_to_sql(kernel: Kernel, tmp_path: Path) -> None:
    kernel.sql(
        """SELECT 1.10::DECIMAL(30, 2) AS d, 170141183460469231731687303715884105727::HUGEINT AS h,
        TIMESTAMP '2020-01-01 00:00:00' AS t, TIMESTAMP_NS '2020-01-01 00:00:00.000000001' AS n,
        TIMESTAMPTZ '2020-01-01 00:00:00+00' AS z, DATE '2020-01-01' AS day, TIME '01:00:00' AS ti,
        INTERVAL 40 DAYS AS i, '101'::BIT AS b, 'a'::ENUM('a', 'b') AS e, {'a': 1} AS s,
        MAP {'k': 1} AS m, [1, 2]::INTEGER[2] AS ar, 'x'::BLOB AS bl, 1::UTINYINT AS u,
        '00000000-0000-0000-0000-000000000005'::UUID AS id, TIMETZ '01:00:00+02' AS tz""",
        "one",
    )
    kernel.sql("SELECT * FROM one", "two")
    kernel.session.export("two", tmp_path / "two.duckdb")
    other = Kernel()
    other.session.attach("two", tmp_path / "two.duckdb")
    other.sql("SELECT * FROM two", "three")
    types = dict(kernel.session.columns("one"))
    assert types["d"] == "DECIMAL(30,2)"
    assert types["h"] == "HUGEINT"
    assert types["n"] == "TIMESTAMP_NS"
    assert dict(other.session.columns("three")) == types
    shown = "SELECT columns(*)::VARCHAR FROM "
    assert other.rows(shown + "three") == kernel.rows(shown + "one")
    other.session.close()


def test_order_and_names_of_columns_are_kept(kernel: Kernel) -> None:
    kernel.sql("SELECT 5 - i AS i, i AS I FROM range(5) t(i) ORDER BY 1 DESC", "r")
    assert kernel.rows("FROM r") == [(5, 0), (4, 1), (3, 2), (2, 3), (1, 4)]
    assert kernel.session.columns("r")[1][0] == "I_1"


def test_several_statements_the_last_gives_the_result(kernel: Kernel) -> None:
    shown = kernel.sql(
        "CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2); SELECT sum(a) FROM t"
    )
    assert shown.iloc[0, 0] == 3
    assert kernel.sql("SELECT 1; CREATE TABLE u AS SELECT 1 AS a") is None
    assert kernel.session.names() == ("t", "u")


def test_text_without_statements_shows_nothing(kernel: Kernel) -> None:
    assert kernel.sql("-- nothing") is None


@pytest.mark.parametrize(
    "query",
    [
        "FROM sales",
        "DESCRIBE sales",
        "SUMMARIZE sales",
        "PIVOT sales ON shop USING sum(n)",
        "WITH q AS (FROM sales) FROM q",
        "VALUES (1), (2)",
        "(FROM sales) UNION ALL (FROM sales)",
        "EXPLAIN FROM sales",
        "INSERT INTO sales VALUES ('c', 4) RETURNING n",
        "WITH q AS (INSERT INTO sales VALUES ('c', 4) RETURNING n) FROM q",
    ],
)
def test_every_kind_of_result_can_be_kept(kernel: Kernel, sales: Any, query: str) -> None:
    expected = Kernel()
    expected.ns["sales"] = sales
    kernel.sql(query, "kept")
    shown = expected.sql(query)
    kernel.session.materialise(["kept"])
    assert kernel.ns["kept"].columns.tolist() == shown.columns.tolist()
    assert len(kernel.ns["kept"]) == len(shown)
    expected.session.close()


def test_a_result_may_replace_what_it_reads(kernel: Kernel, sales: Any) -> None:
    kernel.sql("SELECT * FROM sales WHERE n > 1", "sales")
    kernel.sql("SELECT * FROM sales WHERE n > 2", "sales")
    assert kernel.rows("SELECT n FROM sales") == [(3,)]
    assert "sales" not in kernel.ns


def test_a_failing_query_leaves_the_old_result(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    with pytest.raises(duckdb.ConversionException):
        kernel.sql("SELECT (a || 'x')::INTEGER FROM r", "r")
    assert kernel.rows("FROM r") == [(1,)]


@pytest.mark.parametrize("name", ["a b", "class", "a.b", "1a"])
def test_a_result_needs_the_name_of_a_variable(kernel: Kernel, name: str) -> None:
    with pytest.raises(NotebookError, match="name of a variable"):
        kernel.sql("SELECT 1", name)


def test_a_named_cell_needs_a_result(kernel: Kernel) -> None:
    with pytest.raises(NotebookError, match="no result that could become r"):
        kernel.sql("CREATE TABLE t AS SELECT 1", "r")
    assert kernel.session.names() == ()


# -- Python reads SQL


def test_python_reads_a_result_and_sql_stays_its_truth(kernel: Kernel) -> None:
    kernel.sql("SELECT 1.10::DECIMAL(30, 2) AS d, sum(i) AS s FROM range(4) t(i)", "r")
    kernel.python("seen = r.s.iloc[0]", "r")
    assert kernel.ns["seen"] == 6
    assert kernel.session.is_sql("r")
    assert kernel.session.columns("r") == (("d", "DECIMAL(30,2)"), ("s", "HUGEINT"))


def test_a_change_in_place_makes_python_the_truth(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("r.loc[0, 'a'] = 7", "r")
    assert not kernel.session.is_sql("r")
    assert kernel.rows("FROM r") == [(7,)]


def test_a_change_through_an_alias_is_seen(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("other = r", "r")
    kernel.python("other['b'] = 2")
    assert not kernel.session.is_sql("r")
    assert kernel.rows("FROM r") == [(1, 2)]


def test_rebinding_and_deleting_make_python_the_truth(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("r = pd.DataFrame({'a': [5]})")
    assert kernel.rows("FROM r") == [(5,)]
    kernel.sql("SELECT 2 AS a", "r")
    assert kernel.rows("FROM r") == [(2,)]
    kernel.python("del r", "r")
    with pytest.raises(NotebookError, match="there is no table r"):
        kernel.sql("FROM r")


def test_binding_a_name_to_no_table_hides_the_sql_table(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("r = 5")
    with pytest.raises(NotebookError, match="r is a int, not a table"):
        kernel.sql("FROM r")


def test_python_gets_one_object_as_long_as_nothing_changes(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("first = r", "r")
    kernel.sql("SELECT * FROM r")
    kernel.python("same = first is r", "r")
    assert kernel.ns["same"]


def test_a_name_that_no_text_shows_is_fetched_when_asked_for(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("got = eval('r')['a'].iloc[0] + (lambda: len(r))()")
    assert kernel.ns["got"] == 2
    with pytest.raises(NameError, match="nowhere"):
        kernel.python("nowhere")
    with pytest.raises(NameError, match="nowhere"):
        kernel.python("def f():\n    return nowhere\nf()")


def test_builtins_still_work_and_sql_names_hide_them(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "max")
    kernel.python("kinds = type(max).__name__, len([1]), min(1, 2)")
    assert kernel.ns["kinds"] == ("DataFrame", 1, 1)


# -- DML and DDL


def test_dml_on_a_dataframe_makes_sql_the_truth(kernel: Kernel, sales: pd.DataFrame) -> None:
    before = sales.copy()
    kernel.sql("INSERT INTO sales VALUES ('c', 4); UPDATE sales SET n = n * 10 WHERE shop = 'b'")
    assert kernel.session.is_sql("sales")
    assert "sales" not in kernel.ns
    kernel.python("total = int(sales.n.sum())", "sales")
    assert kernel.ns["total"] == 1 + 20 + 3 + 4
    pd.testing.assert_frame_equal(sales, before)


def test_dml_that_fails_leaves_python_the_truth(kernel: Kernel, sales: pd.DataFrame) -> None:
    with pytest.raises(duckdb.Error):
        kernel.sql("INSERT INTO sales VALUES ('c', 'no number')")
    assert kernel.ns["sales"] is sales
    assert kernel.session.names() == ()
    assert kernel.rows("SELECT count(*) FROM sales") == [(3,)]


def test_dml_replaces_what_python_had_read(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.python("old = r", "r")
    kernel.sql("DELETE FROM r")
    assert "r" not in kernel.ns
    kernel.python("now = len(r)", "r")
    assert (kernel.ns["now"], len(kernel.ns["old"])) == (0, 1)


def test_merge_truncate_alter_and_drop(kernel: Kernel, sales: Any) -> None:
    kernel.sql(
        "MERGE INTO sales USING (SELECT 'a' AS shop) s USING (shop) WHEN MATCHED THEN DELETE"
    )
    assert kernel.rows("SELECT shop FROM sales") == [("b",)]
    kernel.sql("ALTER TABLE sales ADD COLUMN x INTEGER; ALTER TABLE sales RENAME TO Kept")
    assert kernel.session.names() == ("Kept",)
    assert kernel.rows("SELECT shop, x IS NULL FROM kept") == [("b", True)]
    kernel.sql("TRUNCATE Kept")
    assert kernel.rows("SELECT count(*) FROM Kept") == [(0,)]
    kernel.sql("DROP TABLE Kept")
    assert kernel.session.names() == ()
    with pytest.raises(NotebookError, match="there is no table"):
        kernel.sql("FROM kept")


def test_drop_of_a_dataframe_unbinds_it(kernel: Kernel, sales: Any) -> None:
    kernel.sql("DROP TABLE IF EXISTS sales; DROP TABLE IF EXISTS never")
    assert "sales" not in kernel.ns
    kernel.sql("CREATE TABLE sales AS SELECT 1 AS a")
    assert kernel.rows("FROM sales") == [(1,)]


def test_create_over_a_dataframe_rebinds_the_name(kernel: Kernel, sales: Any) -> None:
    kernel.sql("CREATE TABLE sales AS SELECT sum(n)::INTEGER AS n FROM sales")
    assert kernel.rows("FROM sales") == [(6,)]
    assert kernel.session.is_sql("sales")


def test_create_if_not_exists_keeps_what_there_is(kernel: Kernel, sales: Any) -> None:
    kernel.sql(
        "CREATE TABLE IF NOT EXISTS sales AS SELECT 0 AS n;"
        "CREATE TABLE IF NOT EXISTS u AS SELECT 0 AS n"
    )
    assert kernel.rows("SELECT count(*) FROM sales") == [(3,)]
    assert kernel.rows("SELECT count(*) FROM u") == [(1,)]


def test_temporary_tables_live_as_long_as_the_session(kernel: Kernel) -> None:
    kernel.sql("CREATE TEMP TABLE t AS SELECT 1 AS a")
    kernel.sql("INSERT INTO t VALUES (2)")
    assert kernel.rows("SELECT sum(a) FROM t") == [(3,)]
    with pytest.raises(NotebookError, match="temporary"):
        kernel.sql("CREATE TABLE t AS SELECT 5 AS a")
    kernel.sql("SELECT 9 AS a", "t")
    assert kernel.rows("FROM t") == [(9,)]


def test_tables_in_schemas(kernel: Kernel, sales: Any, tmp_path: Path) -> None:
    kernel.sql(
        "CREATE SCHEMA mart; CREATE TABLE mart.Daily AS FROM sales;"
        "DELETE FROM mart.daily WHERE n = 1"
    )
    assert kernel.session.names() == ("mart.Daily",)
    kernel.session.export("mart.Daily", tmp_path / "d.duckdb")
    other = Kernel()
    other.session.attach("mart.Daily", tmp_path / "d.duckdb")
    other.sql("INSERT INTO mart.daily VALUES ('z', 9)")
    assert other.rows("SELECT n FROM mart.DAILY ORDER BY n") == [(2,), (3,), (9,)]
    other.session.close()


def test_views_show_what_python_holds_now(kernel: Kernel, sales: Any) -> None:
    kernel.sql("CREATE VIEW v AS SELECT sum(n) AS n FROM sales")
    assert kernel.rows("FROM v") == [(6,)]
    kernel.python("sales.loc[0, 'n'] = 100; seen = int(v.n.iloc[0])", "v")
    assert kernel.rows("FROM v") == [(105,)]
    kernel.python("seen = int(v.n.iloc[0])", "v")
    assert kernel.ns["seen"] == 105
    kernel.sql("DELETE FROM sales WHERE n = 100")
    kernel.python("seen = int(v.n.iloc[0])", "v")
    assert kernel.ns["seen"] == 5


@pytest.mark.parametrize(
    "text", ["CREATE TABLE sales (n INTEGER PRIMARY KEY)", "CREATE VIEW sales AS SELECT 1 AS n"]
)
def test_tables_with_rules_and_views_may_take_a_variables_name(
    kernel: Kernel, sales: Any, text: str
) -> None:
    kernel.sql(text)
    assert kernel.session.is_sql("sales")
    assert kernel.sql("FROM sales").columns.tolist() == ["n"]


def test_macros_see_what_python_holds_now(kernel: Kernel, sales: Any) -> None:
    kernel.sql("CREATE MACRO total() AS (SELECT sum(n) FROM sales)")
    assert kernel.rows("SELECT total()") == [(6,)]
    kernel.python("sales = sales.head(1)")
    assert kernel.rows("SELECT total()") == [(1,)]


def test_prepared_statements_change_tables_that_python_read(kernel: Kernel) -> None:
    kernel.sql("CREATE TABLE t AS SELECT 1 AS a")
    kernel.python("before = len(t)", "t")
    kernel.sql("PREPARE p AS INSERT INTO t VALUES (2)")
    kernel.sql("EXECUTE p")
    kernel.python("after = len(t)", "t")
    assert (kernel.ns["before"], kernel.ns["after"]) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "USE memory.main",
        "SET schema = 'main'",
        "SET search_path = 'x'",
        "SELECT ?",
        "SELECT $1",
        "SELECT * FROM t WHERE x = {{ x }}",
    ],
)
def test_what_would_break_the_shared_session_is_refused(kernel: Kernel, text: str) -> None:
    with pytest.raises(NotebookError, match="SQL, line 1"):
        kernel.sql(text)


# -- names


def test_c53_an_unknown_table_is_named_with_its_nearest(kernel: Kernel, sales: Any) -> None:
    kernel.sql("SELECT 1 AS a", "Daily")
    with pytest.raises(NotebookError, match="there is no table dayli") as caught:
        kernel.sql("FROM dayli")
    assert caught.value.hint == "did you mean Daily?"
    with pytest.raises(NotebookError, match="there is no table zzz") as caught:
        kernel.sql("FROM zzz")
    assert caught.value.hint == "the tables here are Daily, sales"


def test_c53_names_are_found_whatever_their_case(kernel: Kernel, sales: Any) -> None:
    assert kernel.rows("SELECT count(*) FROM SALES") == [(3,)]
    kernel.sql("SELECT 1 AS a", "Daily")
    assert kernel.rows("FROM DAILY") == [(1,)]
    kernel.sql("INSERT INTO sAlEs VALUES ('d', 1)")
    assert kernel.session.names() == ("Daily", "sales")


def test_c53_the_exact_spelling_wins_and_ambiguity_is_refused(kernel: Kernel) -> None:
    kernel.ns["T"] = pd.DataFrame({"a": [1]})
    kernel.ns["t"] = pd.DataFrame({"a": [2]})
    assert kernel.rows("FROM T") == [(1,)]
    assert kernel.rows("FROM t") == [(2,)]
    with pytest.raises(NotebookError, match="differ only in case"):
        kernel.sql("SELECT * FROM T JOIN t USING (a)")
    kernel.ns["Tt"] = kernel.ns["tT"] = kernel.ns["T"]
    with pytest.raises(NotebookError, match="tt may mean Tt, tT"):
        kernel.sql("FROM tt")


def test_c53_two_sql_tables_never_differ_in_case_only(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "daily")
    with pytest.raises(NotebookError, match="Daily and daily differ only in case"):
        kernel.sql("SELECT 1 AS a", "Daily")
    with pytest.raises(NotebookError, match="differ only in case"):
        kernel.sql("CREATE OR REPLACE TABLE Daily AS SELECT 2 AS a")


def test_c57_names_with_keywords_quotes_and_accents(kernel: Kernel) -> None:
    kernel.ns["été"] = pd.DataFrame({"a b": [1], 'q"': [2]})
    assert kernel.rows('SELECT "a b", "q""" FROM été') == [(1, 2)]
    kernel.sql("SELECT 3 AS a", "order")
    assert kernel.rows('FROM "order"') == [(3,)]
    kernel.sql('CREATE TABLE "odd \'name""" AS SELECT 4 AS a')
    assert kernel.rows('SELECT * FROM "odd \'name"""') == [(4,)]


def test_python_variables_of_nbflow_are_never_read(kernel: Kernel) -> None:
    with pytest.raises(NotebookError, match="there is no table statement"):
        kernel.sql("FROM statement")


def test_a_cte_hides_a_python_name(kernel: Kernel, sales: Any) -> None:
    kernel.ns["sales"] = 5
    assert kernel.rows("WITH sales AS (SELECT 1 AS a) FROM sales") == [(1,)]


# -- parameters


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        (1, "INTEGER", 1),
        (2**100, "HUGEINT", None),
        (-math.inf, "DOUBLE", -math.inf),
        ("'; DROP TABLE sales; --\n\\ $x é\0", "VARCHAR", "'; DROP TABLE sales; --\n\\ $x é\0"),
        ("x" * 2**20, "VARCHAR", "x" * 2**20),
        (b"a\0b", "BLOB", b"a\0b"),
        (True, "BOOLEAN", True),
        (decimal.Decimal("1.10"), "DECIMAL(3,2)", None),
        (dt.date(2026, 3, 29), "DATE", None),
        (dt.datetime(2026, 3, 29, 1, 2, 3, 4), "TIMESTAMP", None),
        (dt.datetime(2026, 3, 29, tzinfo=dt.UTC), "TIMESTAMP WITH TIME ZONE", None),
        (dt.timedelta(days=40), "INTERVAL", None),
        (uuid.UUID(int=5), "UUID", None),
        (np.int64(3), "INTEGER", 3),
        (np.float64(1.5), "DOUBLE", 1.5),
        (np.bool_(True), "BOOLEAN", True),
        (np.str_("s"), "VARCHAR", "s"),
        (np.datetime64("2020-01-01"), "DATE", None),
        (np.datetime64("2020-01-01T00:00:00.5", "ns"), "TIMESTAMP", None),
        (pd.Timestamp("2020-01-01"), "TIMESTAMP", None),
        (pd.Timestamp("2020-01-01", tz="Europe/Paris"), "TIMESTAMP WITH TIME ZONE", None),
        (pd.Timedelta("1h"), "INTERVAL", None),
        (pd.NaT, '"NULL"', None),
        (pd.NA, '"NULL"', None),
        (None, '"NULL"', None),
        (Path("a/b"), "VARCHAR", str(Path("a/b"))),
        ([1, np.int64(2)], "INTEGER[]", None),
        (("a", "b"), "VARCHAR[]", None),
        (np.array([1, 2]), "INTEGER[]", None),
        ({"a": np.int64(1)}, "STRUCT(a INTEGER)", None),
    ],
)
def test_c71_values_are_bound_with_their_types(
    kernel: Kernel, value: Any, kind: str, back: Any
) -> None:
    kernel.ns["x"] = value
    [(seen, got)] = kernel.rows("SELECT typeof($x), $x AS v")
    assert seen == kind
    if back is not None:
        assert got == back


def test_c71_nan_stays_nan(kernel: Kernel) -> None:
    kernel.ns["x"] = math.nan
    assert kernel.rows("SELECT isnan($x), $x IS NULL") == [(True, False)]


@pytest.mark.parametrize(
    "value",
    [
        2**130,
        "\ud800",
        object(),
        {1, 2},
        pd.DataFrame(),
        pd.Timestamp("2020-01-01 00:00:00.000000001"),
        pd.Timedelta(1, "ns"),
        1j,
        [object()],
    ],
    ids=lambda v: type(v).__name__,
)
def test_values_that_sql_cannot_bind_exactly_are_refused(value: Any) -> None:
    with pytest.raises(NotebookError, match=r"\$x is a .* that SQL cannot bind"):
        bindable("x", value)


def test_only_the_named_parameters_are_bound_each_in_its_statement(kernel: Kernel) -> None:
    kernel.ns |= {"a": 1, "b": 2, "unused": object()}
    assert kernel.rows("CREATE TABLE t AS SELECT $a AS x; INSERT INTO t VALUES ($b); FROM t") == [
        (1,),
        (2,),
    ]
    assert kernel.rows("SELECT $B") == [(2,)]


def test_a_parameter_without_a_value_is_named(kernel: Kernel) -> None:
    kernel.ns["region"] = "north"
    with pytest.raises(NotebookError, match=r"\$regoin has no value") as caught:
        kernel.sql("SELECT $regoin")
    assert caught.value.hint == "did you mean region?"


def test_parameters_bind_in_results_and_copies(kernel: Kernel, sales: Any, tmp_path: Path) -> None:
    kernel.ns |= {"shop": "a", "path": tmp_path / "o.csv"}
    kernel.sql("SELECT n FROM sales WHERE shop = $shop", "mine")
    kernel.sql("COPY mine TO $path")
    assert (tmp_path / "o.csv").read_text() == "n\n1\n3\n"


# -- errors leave a session that works


def test_errors_that_come_late_fail_the_statement(kernel: Kernel) -> None:
    late = (
        "SELECT (CASE i WHEN 900000 THEN 'x' ELSE '1' END)::INTEGER AS i FROM range(1000000) t(i)"
    )
    for name in ("r", None):
        with pytest.raises(duckdb.ConversionException):
            kernel.sql(late, name)
    with pytest.raises(duckdb.ConversionException):
        kernel.sql(f"{late}; SELECT 1")
    assert kernel.rows("SELECT 1") == [(1,)]
    assert kernel.session.names() == ()


def test_syntax_errors_name_the_line(kernel: Kernel) -> None:
    with pytest.raises(NotebookError, match="SQL, line 2: syntax error"):
        kernel.sql("SELECT 1;\nSELEC 2")


def test_nothing_is_downloaded(kernel: Kernel) -> None:
    with pytest.raises(duckdb.Error):
        kernel.sql("FROM 'https://localhost:1/a.parquet'")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_d60_a_long_query_is_stopped_and_the_session_goes_on(kernel: Kernel) -> None:
    kernel.ns["before"] = pd.DataFrame({"a": [1]})
    kernel.rows("FROM before")  # opened and warm
    handler = signal.getsignal(signal.SIGINT)
    stopped = threading.Event()

    def interrupt() -> None:
        while signal.getsignal(signal.SIGINT) is handler and not stopped.wait(0.01):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt, daemon=True)
    sender.start()
    # Without the watchdog this would not end before the sun does.
    n = 10**9
    endless = f"SELECT count(*) FROM range({n}) a, range({n}) b WHERE a.range + b.range < 0"
    with pytest.raises(KeyboardInterrupt):
        kernel.sql(endless)
    stopped.set()
    sender.join()
    assert signal.getsignal(signal.SIGINT) is handler
    assert kernel.rows("FROM before") == [(1,)]


def test_a_signal_at_the_very_end_is_not_lost() -> None:
    with duckdb.connect() as connection, pytest.raises(KeyboardInterrupt):
        interruptible(connection, lambda: signal.raise_signal(signal.SIGINT))


def test_queries_run_in_other_threads_too(kernel: Kernel) -> None:
    seen: list[Any] = []
    worker = threading.Thread(target=lambda: seen.extend(kernel.rows("SELECT 1")))
    worker.start()
    worker.join()
    assert seen == [(1,)]


# -- files


def test_an_attached_input_is_read_and_never_changed(kernel: Kernel, tmp_path: Path) -> None:
    path = tmp_path / "in.duckdb"
    kernel.sql("SELECT i AS a FROM range(3) t(i)", "r")
    kernel.session.export("r", path)
    assert not (tmp_path / "in.duckdb.wal").exists()
    assert path.stat().st_size <= 64 * 1024
    before = path.read_bytes()
    path.chmod(0o444)
    other = Kernel()
    other.session.attach("r", path)
    assert other.session.is_sql("r")
    assert other.rows("SELECT sum(a) FROM R") == [(3,)]
    assert other.session.take_changes() == frozenset()
    other.sql("UPDATE r SET a = 10 WHERE a = 0; CREATE TABLE copy AS FROM r")
    assert other.session.take_changes() == {"r", "copy"}
    assert other.rows("SELECT sum(a) FROM r") == [(13,)]
    other.session.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "DROP TABLE r",
        "CREATE OR REPLACE TABLE r AS SELECT 5 AS a",
        "CREATE OR REPLACE TABLE r AS SELECT a + 1 AS a FROM r",
        "CREATE TABLE IF NOT EXISTS r AS SELECT 5 AS a",
        "ALTER TABLE r RENAME TO s",
        "DELETE FROM r WHERE a = 1",
        "TRUNCATE r",
        "INSERT INTO r SELECT a + 10 FROM r",
        "COMMENT ON TABLE r IS 'x'",
    ],
)
def test_an_attached_input_behaves_like_the_table_it_was(
    kernel: Kernel, tmp_path: Path, text: str
) -> None:
    kernel.sql("SELECT i AS a FROM range(3) t(i)", "r")
    kernel.session.export("r", tmp_path / "r.duckdb")
    lane = Kernel()
    lane.session.attach("r", tmp_path / "r.duckdb")
    for one in (kernel, lane):
        one.sql(text)
    assert lane.session.names() == kernel.session.names()
    for name in kernel.session.names():
        assert lane.rows(f"FROM {name}") == kernel.rows(f"FROM {name}")
    lane.session.close()


def test_a_failed_change_of_an_input_leaves_it_as_it_was(kernel: Kernel, tmp_path: Path) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.session.export("r", tmp_path / "r.duckdb")
    lane = Kernel()
    lane.session.attach("r", tmp_path / "r.duckdb")
    for text in (
        "INSERT INTO r VALUES ('x')",
        "CREATE OR REPLACE TABLE r AS SELECT 'x'::INTEGER AS a",
    ):
        with pytest.raises(duckdb.Error):
            lane.sql(text)
        assert lane.rows("FROM r") == [(1,)]
        assert lane.session.is_sql("r")
    lane.session.close()


def test_an_input_that_python_wrote_comes_back_exactly_or_not_at_all(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    write_frame(frame, tmp_path / "f.duckdb", seal=SEAL)
    lane = Kernel()
    lane.session.attach("f", tmp_path / "f.duckdb")
    assert lane.rows("SELECT sum(a) FROM f") == [(3,)]
    with pytest.raises(NotebookError, match="handed on for SQL only"):
        lane.session.materialise(["f"])
    lane.session.attach(
        "f", tmp_path / "f.duckdb", read=lambda: read_frame(tmp_path / "f.duckdb", seal=SEAL)
    )
    lane.session.materialise(["f"])
    pd.testing.assert_frame_equal(lane.ns["f"], frame)
    lane.session.settle()
    assert lane.session.is_sql("f")
    lane.session.close()


def test_sql_sees_the_same_of_a_frame_here_and_in_a_lane(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [1.5, math.nan],
            "s": ["a", None],
            "d": pd.to_datetime(["2026-01-01", None]),
            "c": pd.Categorical(["x", "y"]),
            "b": [True, False],
            "dec": [decimal.Decimal("1.10"), decimal.Decimal("2.20")],
            "td": pd.to_timedelta(["1h", "2h"]),
            "tz": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Paris"),
        }
    )
    write_frame(frame, tmp_path / "f.duckdb", seal=SEAL)
    here, lane = Kernel(), Kernel()
    here.ns["f"] = frame
    lane.session.attach("f", tmp_path / "f.duckdb")
    for query in ("DESCRIBE f", "SELECT columns(*)::VARCHAR FROM f"):
        pd.testing.assert_frame_equal(lane.sql(query), here.sql(query))
    here.session.close()
    lane.session.close()


@pytest.mark.parametrize(
    "column",
    [
        "a INTEGER PRIMARY KEY",
        "a INTEGER DEFAULT 3",
        "a INTEGER NOT NULL",
        "a INTEGER CHECK (a > 0)",
    ],
)
def test_tables_with_rules_come_back_with_them(kernel: Kernel, tmp_path: Path, column: str) -> None:
    kernel.sql("CREATE SCHEMA s")
    kernel.sql(f'CREATE TABLE s."T 1" ({column}, "b (c" VARCHAR)')
    kernel.sql("INSERT INTO s.\"T 1\" VALUES (7, 'x')")
    kernel.session.export("s.T 1", tmp_path / "t.duckdb")
    other = Kernel()
    other.session.attach("s.T 1", tmp_path / "t.duckdb")
    for query in ('DESCRIBE s."T 1"', 'FROM s."T 1"'):
        pd.testing.assert_frame_equal(other.sql(query), kernel.sql(query))
    tables = "SELECT sql FROM duckdb_tables() WHERE table_name = 'T 1'"
    assert other.rows(tables) == kernel.rows(tables)
    other.session.close()


def test_indexes_come_back_too(kernel: Kernel, tmp_path: Path) -> None:
    kernel.sql("CREATE TEMP TABLE t AS SELECT 1 AS a, 2 AS b")
    kernel.sql("CREATE UNIQUE INDEX i ON t (a, b)")
    kernel.session.export("t", tmp_path / "t.duckdb")
    other = Kernel()
    other.session.attach("t", tmp_path / "t.duckdb")
    with pytest.raises(duckdb.ConstraintException):
        other.sql("INSERT INTO t VALUES (1, 2)")
    assert other.rows("FROM t") == [(1, 2)]
    other.session.close()


def test_a_default_that_counts_is_not_handed_on(kernel: Kernel, tmp_path: Path) -> None:
    kernel.sql("CREATE SEQUENCE ids")
    kernel.sql("CREATE TABLE t (i INTEGER DEFAULT nextval('ids'))")
    with pytest.raises(NotebookError, match="rules which cannot be handed on"):
        kernel.session.export("t", tmp_path / "t.duckdb")


def test_exports_of_views_and_of_what_is_not_sql(
    kernel: Kernel, sales: Any, tmp_path: Path
) -> None:
    kernel.sql("CREATE VIEW v AS SELECT sum(n) AS n FROM sales")
    kernel.session.export("v", tmp_path / "v.duckdb")
    lane = Kernel()
    lane.session.attach("v", tmp_path / "v.duckdb")
    assert lane.rows("FROM v") == [(6,)]
    lane.session.close()
    with pytest.raises(NotebookError, match="there is no table sales"):
        kernel.session.export("sales", tmp_path / "s.duckdb")


def test_a_damaged_input_is_a_store_error(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "bad.duckdb").write_bytes(b"not a database")
    with pytest.raises(StoreError, match=r"bad\.duckdb"):
        kernel.session.attach("r", tmp_path / "bad.duckdb")


def test_a_big_table_goes_through_a_file(kernel: Kernel, tmp_path: Path) -> None:
    kernel.sql("SELECT i, i % 7 AS g, i::VARCHAR AS s FROM range(300000) t(i)", "big")
    kernel.session.export("big", tmp_path / "b.duckdb")
    lane = Kernel()
    lane.session.attach("big", tmp_path / "b.duckdb")
    query = "SELECT g, sum(i), min(s) FROM big GROUP BY g ORDER BY g"
    assert lane.rows(query) == kernel.rows(query)
    lane.session.close()


# -- bookkeeping


def test_changes_are_told_once(kernel: Kernel, sales: Any) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.sql("SELECT * FROM r, sales")
    assert kernel.session.take_changes() == {"r"}
    kernel.python("r['b'] = 1", "r")
    kernel.sql("DELETE FROM sales; DROP TABLE IF EXISTS x")
    assert kernel.session.take_changes() == {"r", "sales", "x"}
    assert kernel.session.take_changes() == frozenset()


def test_nothing_is_opened_before_sql_is_used(tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.python("x = 1")
    kernel.session.settle()
    assert kernel.session.tables() == ()
    assert "__builtins__" not in kernel.ns or type(kernel.ns["__builtins__"]) is dict
    kernel.session.close()


def test_forget_lets_go_of_a_name(kernel: Kernel) -> None:
    kernel.sql("SELECT 1 AS a", "r")
    kernel.session.forget("r")
    kernel.session.forget("never")
    assert kernel.session.names() == ()


def test_an_error_quotes_the_authors_text_only() -> None:
    session = SqlSession({}, parse=parse_sql)
    with pytest.raises(duckdb.ConversionException) as caught:
        session.run("SELECT s,\n  CAST(s AS INTEGER) FROM (SELECT 'x' AS s)", name="b")
    assert "nbflow" not in str(caught.value)
    quoted, caret = str(caught.value).splitlines()[-2:]
    assert quoted == "LINE 2:   CAST(s AS INTEGER) FROM (SELECT 'x' AS s)"
    assert caret.index("^") == quoted.index("CAST")
