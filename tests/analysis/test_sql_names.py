"""What SQL statements read and write: right, or opaque; never a table or file that is missed."""

import os
import subprocess
import sys
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.sql import SqlObject, SqlStatement


class Case(NamedTuple):
    """Expected names, space-separated; files after `<` (read) and `>` (written)."""

    sql: str
    reads: str = ""
    writes: str = ""
    files: str = ""


UNDERSTOOD = [
    # plain queries
    Case("SELECT 1"),
    Case("SELECT * FROM a", "a"),
    Case("FROM a", "a"),
    Case("FROM a SELECT x", "a"),
    Case("TABLE a", "a"),
    Case("VALUES (1), (2)"),
    Case("SELECT * FROM A, b AS c, C", "a b c"),
    Case('SELECT * FROM "Quoted Name"', "quoted name"),
    Case("SELECT * FROM 'lit'", "lit"),
    Case("SELECT * FROM main.a JOIN memory.main.b USING (i) JOIN memory.c USING (i)", "a b c"),
    Case("SELECT * FROM mart.sales", "mart.sales"),
    Case("SELECT * FROM shop.mart.sales", "shop.mart.sales"),
    Case("SELECT * FROM a NATURAL JOIN b CROSS JOIN c", "a b c"),
    Case("SELECT * FROM a ASOF JOIN b USING (t)", "a b"),
    Case("SELECT * FROM a POSITIONAL JOIN b", "a b"),
    Case("SELECT * FROM a SEMI JOIN b USING (i) ANTI JOIN c USING (i)", "a b c"),
    Case("SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.i = a.i)", "a b"),
    Case("SELECT * FROM a LEFT JOIN LATERAL (FROM b) ON true", "a b"),
    Case("SELECT * FROM (FROM a) x, (VALUES (1)) y", "a"),
    Case("SELECT * FROM a, unnest(a.arr) u(x)", "a"),
    Case("SELECT * FROM range(3), generate_series(1, 2)"),
    Case("SELECT (SELECT max(i) FROM b) FROM a", "a b"),
    Case("SELECT i IN (FROM b), EXISTS (FROM c), i = ANY (SELECT i FROM d) FROM a", "a b c d"),
    Case("SELECT ARRAY(SELECT i FROM a), {'k': (SELECT 1 FROM b)}, [(SELECT 2 FROM c)]", "a b c"),
    Case("SELECT i, row_number() OVER w FROM a WINDOW w AS (ORDER BY i) QUALIFY i > 1", "a"),
    Case(
        "SELECT CASE WHEN (SELECT 1 FROM b) = 1 THEN 1 END FROM a ORDER BY (SELECT 1 FROM c)",
        "a b c",
    ),
    Case("SELECT * FROM a LIMIT (SELECT n FROM b)", "a b"),
    Case("(SELECT * FROM a) UNION ALL BY NAME (FROM b) EXCEPT FROM c INTERSECT FROM d", "a b c d"),
    Case("SELECT extract(year FROM d), substring(s FROM 2), trim(BOTH ' ' FROM s) FROM a", "a"),
    Case("SELECT x IS DISTINCT FROM y, x IS NOT DISTINCT FROM z FROM a", "a"),
    Case("SELECT COLUMNS(*), a.* EXCLUDE (x) REPLACE (1 AS y) FROM a", "a"),
    Case("SELECT [x + 1 FOR x IN arr IF x > 0], list_transform(arr, lambda x: x + 1) FROM a", "a"),
    Case("SELECT sum(x) FILTER (WHERE x > (SELECT avg(x) FROM b)) FROM a GROUP BY ALL", "a b"),
    Case("SELECT * FROM a GROUP BY GROUPING SETS ((x), ()) HAVING count(*) > 1 ORDER BY ALL", "a"),
    Case("SELECT x::DECIMAL(10,2), x->>'$.k', $$from nowhere$$, 'FROM no; x' FROM a", "a"),
    Case("SELECT /* FROM no */ 1 -- FROM no\nFROM a", "a"),
    Case("SELECT x FROM a ORDER BY x DESC NULLS LAST LIMIT 3", "a"),
    # CTEs and their scopes
    Case("WITH a AS (FROM b) FROM a", "b"),
    Case("WITH a AS MATERIALIZED (FROM b), c AS NOT MATERIALIZED (FROM a) FROM c", "b"),
    Case("WITH sales AS (SELECT * FROM sales) FROM sales", "sales"),
    Case("WITH x AS (FROM y), y AS (SELECT 1) FROM x", "y"),
    Case("WITH X AS (FROM b) FROM x", "b"),
    Case("WITH x AS (FROM b) FROM main.x", "b x"),
    Case("SELECT * FROM (WITH x AS (FROM b) FROM x) JOIN x USING (i)", "b x"),
    Case("WITH x AS (WITH y AS (FROM c) FROM y) SELECT * FROM x, y", "c y"),
    Case("WITH x AS (SELECT 1) SELECT (WITH x AS (FROM d) SELECT max(i) FROM x) FROM x", "d"),
    Case("WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t"),
    Case("WITH RECURSIVE t AS (FROM seed UNION ALL SELECT n + 1 FROM t) FROM t", "seed"),
    Case("WITH RECURSIVE t AS (FROM t UNION ALL SELECT n + 1 FROM t) FROM t", "t"),
    Case("WITH RECURSIVE t AS (FROM t) FROM t", "t"),
    Case("WITH RECURSIVE a(x, y) USING KEY (x) AS (FROM b UNION FROM recurring.a) FROM a", "b"),
    # pivots, summaries
    Case("PIVOT t ON x USING sum(y)", "t"),
    Case("PIVOT (FROM t JOIN u USING (i)) ON x USING sum(y) GROUP BY z", "t u"),
    Case("FROM t PIVOT (sum(y) FOR x IN (1, 2))", "t"),
    Case("UNPIVOT t ON a, b INTO NAME n VALUE v", "t"),
    Case("FROM t UNPIVOT (v FOR n IN (a, b))", "t"),
    Case("WITH p AS (PIVOT t ON x USING sum(y)) FROM p JOIN u USING (i)", "t u"),
    Case("CREATE TABLE p AS PIVOT t ON x USING sum(y)", "t", "p"),
    Case("CREATE OR REPLACE TEMP TABLE p AS UNPIVOT t ON a, b", "t", "p"),
    Case("DESCRIBE t", "t"),
    Case("DESCRIBE TABLE t", "t"),
    Case("DESC t", "t"),
    Case("SHOW t", "t"),
    Case("DESCRIBE SELECT * FROM t", "t"),
    Case("SUMMARIZE t", "t"),
    Case("SUMMARIZE SELECT * FROM t", "t"),
    Case("FROM (DESCRIBE t)", "t"),
    Case("SELECT * FROM (SUMMARIZE t) WHERE x", "t"),
    Case("SELECT * FROM t TABLESAMPLE 10%", "t"),
    Case("SELECT * FROM query_table('T')", "t"),
    Case("SELECT * FROM query('SELECT * FROM a JOIN b USING (i)')", "a b"),
    # files
    Case("FROM 'x.csv'", files="<x.csv"),
    Case('FROM "x.csv" t', files="<x.csv"),
    Case("FROM data.csv", files="<data.csv"),
    Case("FROM 'out/*.parquet' JOIN a USING (i)", "a", files="<out/*.parquet"),
    Case("FROM 'a.json.gz', 'folder/b'", files="<a.json.gz <folder/b"),
    Case("FROM read_csv('x.csv', header = true)", files="<x.csv"),
    Case("FROM READ_CSV_AUTO('x')", files="<x"),
    Case("FROM read_parquet(['a', 'b'], union_by_name = true)", files="<a <b"),
    Case("FROM read_parquet('a' || $day)", files="<*"),
    Case("FROM read_parquet(['a'] || more)", files="<*"),
    Case("FROM read_csv($path)", files="<*"),
    Case("FROM read_json_auto(getenv('X'))", files="<*"),
    Case("FROM glob('d/*')", files="<d/*"),
    Case(
        "SELECT content FROM read_text('n.txt') UNION ALL SELECT content FROM read_blob('b')",
        files="<n.txt <b",
    ),
    Case("FROM sniff_csv('x.csv')", files="<x.csv"),
    Case("FROM parquet_schema('x.parquet')", files="<x.parquet"),
    Case("CREATE TABLE t AS FROM read_csv('x.csv')", "", "t", "<x.csv"),
    Case("INSERT INTO t SELECT * FROM 'x.csv', b", "b t", "t", "<x.csv"),
    Case("COPY t TO 'o.csv'", "t", "", ">o.csv"),
    Case("COPY 't' TO 'o.csv'", "t", "", ">o.csv"),
    Case("COPY t TO 'o' (FORMAT parquet, PARTITION_BY (x))", "t", "", ">o"),
    Case("COPY (FROM a JOIN 'x.csv' USING (i)) TO 'o.csv' (HEADER)", "a", "", "<x.csv >o.csv"),
    Case("COPY (WITH q AS (FROM a) FROM q) TO 'o.csv'", "a", "", ">o.csv"),
    Case("COPY t TO $path", "t", "", ">*"),
    Case("COPY t TO ('a' || 'b')", "t", "", ">*"),
    Case("COPY t FROM 'x.csv'", "t", "t", "<x.csv"),
    Case("COPY mart.t (a, b) FROM 'x.csv' (HEADER)", "mart.t", "mart.t", "<x.csv"),
    # DML
    Case("INSERT INTO t VALUES (1)", "t", "t"),
    Case("INSERT INTO t (a, b) SELECT a, b FROM u", "t u", "t"),
    Case("INSERT INTO t (SELECT * FROM u)", "t u", "t"),
    Case("INSERT INTO t BY NAME FROM u", "t u", "t"),
    Case("INSERT INTO t BY POSITION FROM u", "t u", "t"),
    Case("INSERT INTO t DEFAULT VALUES", "t", "t"),
    Case("INSERT OR REPLACE INTO t FROM u", "t u", "t"),
    Case("INSERT OR IGNORE INTO t FROM u RETURNING *", "t u", "t"),
    Case(
        "INSERT INTO t FROM u ON CONFLICT (i) DO UPDATE SET x = (SELECT max(x) FROM v)",
        "t u v",
        "t",
    ),
    Case("WITH q AS (FROM u) INSERT INTO t FROM q", "t u", "t"),
    Case("WITH t AS (SELECT 7) INSERT INTO t FROM t", "t", "t"),
    Case("INSERT INTO t WITH q AS (FROM u) FROM q", "t u", "t"),
    Case("UPDATE t SET a = 1", "t", "t"),
    Case("UPDATE t AS x SET a = (SELECT max(b) FROM u) FROM v WHERE x.i = v.i", "t u v", "t"),
    Case("UPDATE t SET a = 1 WHERE i IN (WITH q AS (FROM u) FROM q)", "t u", "t"),
    Case("DELETE FROM t", "t", "t"),
    Case("DELETE FROM t USING u WHERE t.i = u.i", "t u", "t"),
    Case("DELETE FROM t WHERE i NOT IN (SELECT i FROM u) RETURNING *", "t u", "t"),
    Case("TRUNCATE t", "t", "t"),
    Case("TRUNCATE TABLE t", "t", "t"),
    Case("MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN DELETE", "s t", "t"),
    Case(
        "MERGE INTO t USING (FROM s JOIN r USING (i)) q ON t.i = q.i "
        "WHEN MATCHED THEN UPDATE SET a = q.a WHEN NOT MATCHED THEN INSERT VALUES (q.i)",
        "r s t",
        "t",
    ),
    Case(
        "WITH s AS (FROM r) MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN DELETE", "r t", "t"
    ),
    Case("WITH q AS (INSERT INTO t FROM u RETURNING i) FROM q", "t u", "t"),
    Case(
        "WITH q AS (DELETE FROM t RETURNING i), r AS (UPDATE u SET i = 2 RETURNING i) FROM q, r",
        "t u",
        "t u",
    ),
    # DDL
    Case("CREATE TABLE t AS FROM u", "u", "t"),
    Case("CREATE TABLE t AS (WITH q AS (FROM u) FROM q)", "u", "t"),
    Case("CREATE TABLE t AS TABLE u", "u", "t"),
    Case("CREATE TABLE t AS VALUES (1)", "", "t"),
    Case("CREATE TABLE t AS DESCRIBE u", "u", "t"),
    Case("CREATE TABLE t (a, b) AS SELECT 1, 2 FROM u", "u", "t"),
    Case("CREATE OR REPLACE TABLE t AS FROM t JOIN u USING (i)", "t u", "t"),
    Case("CREATE TABLE IF NOT EXISTS t AS FROM u", "t u", "t"),
    Case("CREATE TEMP TABLE t (i INTEGER, s VARCHAR, l INTEGER[], st STRUCT(a INT))", "", "t"),
    Case("CREATE TABLE mart.t AS FROM mart.u", "mart.u", "mart.t"),
    Case("DROP TABLE a", "a", "a"),
    Case("DROP TABLE IF EXISTS mart.b", "", "mart.b"),
    Case("DROP VIEW IF EXISTS a CASCADE", "", "a"),
    Case("ALTER TABLE t RENAME TO u", "t", "t u"),
    Case("ALTER TABLE mart.t RENAME TO u", "mart.t", "mart.t mart.u"),
    Case("ALTER TABLE t RENAME COLUMN a TO b", "t", "t"),
    Case("ALTER TABLE t ADD COLUMN x INTEGER", "t", "t"),
    Case("ALTER TABLE t DROP COLUMN x", "t", "t"),
    Case("COMMENT ON TABLE t IS 'x'", "t", "t"),
    Case("ALTER TABLE t RENAME a TO b", "t", "t"),
    Case("ALTER TABLE t ALTER a TYPE VARCHAR USING a::VARCHAR", "t", "t"),
    Case("ALTER TABLE t ALTER COLUMN a SET DATA TYPE BIGINT", "t", "t"),
    Case("ALTER TABLE t ADD COLUMN s.k INTEGER", "t", "t"),
    Case("ALTER TABLE mart.t ADD COLUMN s.k INTEGER", "mart.t", "mart.t"),
    Case("ALTER TABLE IF EXISTS t DROP COLUMN a", "t", "t"),
    Case("CREATE TABLE t AS FROM u WITH NO DATA", "u", "t"),
    Case("CREATE TABLE t (i DECIMAL(10, 2), m MAP(VARCHAR, INTEGER), u UNION(a INT))", "", "t"),
    Case("COMMENT ON COLUMN t.a IS 'x'", "t", "t"),
    Case("COMMENT ON COLUMN mart.t.a IS 'x'", "mart.t", "mart.t"),
    Case("COMMENT ON VIEW v IS 'x'", "v", "v"),
    # MERGE, in all its branches
    Case(
        "MERGE INTO d USING s ON d.i = s.i WHEN MATCHED THEN UPDATE SET a = s.a, b = s.b "
        "WHEN NOT MATCHED THEN INSERT (i, a) VALUES (s.i, s.a)",
        "d s",
        "d",
    ),
    Case(
        "MERGE INTO d USING s USING (i) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT",
        "d s",
        "d",
    ),
    Case("MERGE INTO d USING s USING (i) WHEN NOT MATCHED THEN INSERT BY NAME", "d s", "d"),
    Case("MERGE INTO d USING s USING (i) WHEN NOT MATCHED THEN INSERT BY POSITION", "d s", "d"),
    Case("MERGE INTO d USING s USING (i) WHEN MATCHED THEN ERROR", "d s", "d"),
    Case(
        "MERGE INTO mart.d AS x USING (SELECT 1 AS i) AS y ON x.i = y.i WHEN MATCHED AND "
        "x.j > (SELECT max(j) FROM u) THEN DELETE WHEN MATCHED THEN DO NOTHING",
        "mart.d u",
        "mart.d",
    ),
    Case(
        "MERGE INTO d USING s ON d.i = s.i WHEN NOT MATCHED BY SOURCE THEN DELETE "
        "WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (s.i) RETURNING merge_action, *",
        "d s",
        "d",
    ),
    # PIVOT wherever a query may stand
    Case(
        "CREATE TABLE mart.m AS PIVOT (SELECT y, c, n FROM sales) ON c IN ('a', 'b') "
        "USING round(sum(n), 2) GROUP BY y ORDER BY y",
        "sales",
        "mart.m",
    ),
    Case("CREATE TABLE m AS PIVOT t ON c USING sum(n) ORDER BY c LIMIT 3", "t", "m"),
    Case("CREATE TABLE m AS UNPIVOT t ON COLUMNS(*) INTO NAME a VALUE b ORDER BY a", "t", "m"),
    Case(
        "CREATE TABLE m AS FROM (PIVOT t ON c USING sum(n) ORDER BY 1) JOIN u USING (i)", "t u", "m"
    ),
    Case("INSERT INTO m PIVOT t ON c USING sum(n)", "m t", "m"),
    Case("INSERT INTO m BY NAME (PIVOT t ON c USING sum(n) GROUP BY y)", "m t", "m"),
    Case("PIVOT t ON c USING sum(n) ORDER BY c LIMIT 3", "t"),
    Case("PIVOT t ON c IN (SELECT d FROM u) USING sum(n)", "t u"),
    Case("COPY (PIVOT t ON c USING sum(n) ORDER BY 1) TO 'x.csv'", "t", "", ">x.csv"),
    Case("WITH x AS (FROM t) UNPIVOT x ON a, b", "t"),
    Case("WITH p AS (PIVOT t ON c USING sum(n) ORDER BY 1) FROM p", "t"),
    Case("FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (COLUMNS(*)))", "t"),
    # more queries
    Case("SUMMARIZE mart.t", "mart.t"),
    Case("DESCRIBE FROM t", "t"),
    Case("VALUES (1, 2), (3, 4) ORDER BY 1 LIMIT 1"),
    Case("SELECT * FROM t AT (VERSION => 3)", "t"),
    Case("SELECT a: 1, b: c FROM t", "t"),
    Case("SELECT DISTINCT ON (a) * FROM t", "t"),
    Case("SELECT * FROM t ASOF LEFT JOIN u ON t.a >= u.a", "t u"),
    Case("SELECT first(a ORDER BY (SELECT 1 FROM w)) FROM t", "t w"),
    Case("SELECT * FROM (VALUES (1)) v(x) WHERE x IN (TABLE t)", "t"),
    Case("WITH t AS (FROM t) UPDATE u SET a = 1 FROM t", "t u", "u"),
    Case("WITH x AS (FROM t) DELETE FROM u WHERE i IN (FROM x)", "t u", "u"),
    Case(
        "UPDATE t SET a = u.b FROM u JOIN w USING (i) WHERE t.i = u.i RETURNING t.*", "t u w", "t"
    ),
    Case("SELECT nextval('ids'), getvariable('day') FROM t", "t"),
    Case("FROM t, my_macro('u')", "t"),
    Case("SET SESSION threads = 2"),
    Case("RESET threads"),
    Case("PRAGMA threads = 4"),
    Case("PRAGMA disable_progress_bar"),
    # EXPLAIN
    Case("EXPLAIN SELECT * FROM a", "a"),
    Case("EXPLAIN (FROM a)", "a"),
    Case("EXPLAIN (FORMAT json) FROM a", "a"),
    Case("EXPLAIN INSERT INTO t FROM u", "t u"),
    Case("EXPLAIN ANALYZE INSERT INTO t FROM u", "t u", "t"),
    Case("EXPLAIN (ANALYZE, FORMAT json) DELETE FROM t", "t", "t"),
    Case("EXPLAIN ANALYZE COPY t TO 'o.csv'", "t", "", ">o.csv"),
    # nothing that SQL can see
    Case("CHECKPOINT"),
    Case("VACUUM"),
    Case("ANALYZE"),
    Case("SET threads = 2"),
    Case("SET memory_limit = '1GB'"),
]

OPAQUE = [
    "ATTACH 'x.duckdb' AS y (TYPE sqlite)",
    "ATTACH 'postgres:dbname=x' AS y",
    "ATTACH $path AS y",
    "SET enable_external_access = false",
    "SET default_null_order = (SELECT 'nulls_first')",
    "CREATE MACRO f(t) AS TABLE FROM query_table(t)",
    "CREATE MACRO f(x) AS setseed(x)",
    "CREATE SCHEMA other.mart",
    "CREATE TABLE t (i INTEGER DEFAULT nextval('s'))",
    "CREATE TABLE t (i INTEGER, FOREIGN KEY (i) REFERENCES u (i))",
    "SELECT nextval(name) FROM t",
    "SELECT getvariable(name) FROM t",
    "SELECT setval('s', 4)",
    "FROM pragma_version()",
    "INSERT INTO t FROM duckdb_columns()",
    "EXPLAIN ANALYZE CREATE MACRO f(x) AS x",
    "USE y",
    "LOAD httpfs",
    "INSTALL httpfs",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "COPY FROM DATABASE a TO b",
    "SET TimeZone = 'UTC'",
    "SET schema = 'mart'",
    "PRAGMA table_info('t')",
    "PRAGMA enable_verification",
    "CALL pragma_table_info('t')",
    "PREPARE p AS SELECT * FROM t",
    "EXECUTE p(1)",
    "DEALLOCATE p",
    "BEGIN TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "CREATE SECRET s (TYPE s3)",
    "CREATE TABLE t (i INTEGER REFERENCES u (i))",
    "CREATE TABLE t (i INTEGER, j INTEGER GENERATED ALWAYS AS (i + 1))",
    "CREATE TABLE 'x.csv' AS SELECT 1",
    "ALTER VIEW v RENAME TO w",
    "DROP INDEX i",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "FROM (SHOW TABLES)",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM duckdb_tables()",
    "FROM duckdb_tables",
    "FROM sqlite_master",
    "FROM pragma_table_info('t')",
    "FROM query('SELECT * FROM ' || $name)",
    "FROM query($text)",
    "FROM query_table($name)",
    "FROM query_table(['a', 'b'])",
    "SELECT setseed(0.5)",
    "SELECT rowid FROM t",
    "SELECT ?",
    "SELECT $1",
    "SELECT * FROM t WHERE day = {{ day }}",
    "{% for x in y %} SELECT 1 {% endfor %}",
    "VACUUM t",
    "EXPLAIN CREATE VIEW v AS FROM t",
]


DEFINITIONS = [
    # what it is about (`-`: it is dropped), the tables that its text reads
    ("CREATE VIEW v AS FROM t", "view/v", "t"),
    ("CREATE OR REPLACE TEMP VIEW V AS FROM t JOIN u USING (i)", "view/v", "t u"),
    ("CREATE VIEW IF NOT EXISTS mart.v (a, b) AS SELECT 1, 2 FROM t", "view/mart.v", "mart.v t"),
    ("CREATE VIEW v AS PIVOT t ON c IN ('a') USING sum(n) ORDER BY 1", "view/v", "t"),
    ("CREATE RECURSIVE VIEW v(a) AS SELECT 1 UNION ALL SELECT a FROM v", "view/v", ""),
    ("CREATE RECURSIVE VIEW v(a) AS SELECT 1 FROM t UNION ALL SELECT a FROM v", "view/v", "t"),
    ("DROP VIEW IF EXISTS v", "-view/v", ""),
    ("CREATE MACRO f(x) AS x + 1", "macro/f", ""),
    ("CREATE OR REPLACE TEMP MACRO F(x, y := 2) AS x + y", "macro/f", ""),
    ("CREATE MACRO memory.main.f(x) AS x", "macro/f", ""),
    ("CREATE MACRO mart.f(x) AS x", "macro/mart.f", ""),
    ("CREATE MACRO IF NOT EXISTS f(x) AS x", "macro/f", ""),
    ("CREATE MACRO f(x) AS TABLE SELECT * FROM t", "macro/f", "t"),
    ("CREATE MACRO f(x) AS TABLE SELECT a, (b) AS c FROM t", "macro/f", "t"),
    ("CREATE MACRO f() AS TABLE WITH q AS (FROM t) FROM q", "macro/f", "t"),
    ("CREATE FUNCTION f(x) AS (SELECT max(a) FROM t)", "macro/f", "t"),
    ("CREATE MACRO f(x) AS x, (x, y) AS x + (SELECT 1 FROM u)", "macro/f", "u"),
    ("CREATE MACRO f(x) AS TABLE (FROM t), (x, y) AS TABLE (FROM u)", "macro/f", "t u"),
    ("DROP MACRO f", "-macro/f", ""),
    ("DROP MACRO TABLE IF EXISTS f", "-macro/f", ""),
    ("DROP FUNCTION mart.f", "-macro/mart.f", ""),
    ("CREATE SCHEMA mart", "schema/mart", ""),
    ('CREATE SCHEMA IF NOT EXISTS "Mart One"', "schema/mart one", ""),
    ("DROP SCHEMA IF EXISTS mart CASCADE", "-schema/mart", ""),
    ("CREATE TYPE mood AS ENUM ('a', 'b')", "type/mood", ""),
    ("CREATE TYPE mood AS ENUM (SELECT a FROM t)", "type/mood", "t"),
    ("CREATE TYPE point AS STRUCT(x INTEGER, y INTEGER)", "type/point", ""),
    ("DROP TYPE mood", "-type/mood", ""),
    ("CREATE SEQUENCE s START 3", "sequence/s", ""),
    ("DROP SEQUENCE s", "-sequence/s", ""),
    ("SET default_null_order = 'nulls_last'", "setting/default_null_order", ""),
    ("SET SESSION integer_division = true", "setting/integer_division", ""),
    ("RESET default_null_order", "setting/default_null_order", ""),
    ("SET VARIABLE v = 1", "variable/v", ""),
    ("SET VARIABLE v = (SELECT max(a) FROM t)", "variable/v", "t"),
    ("RESET VARIABLE v", "-variable/v", ""),
    ("ATTACH 'x.duckdb' AS Y (READ_ONLY)", "database/y", ""),
    ("ATTACH ':memory:' AS y", "database/y", ""),
    ("DETACH y", "-database/y", ""),
    ("CREATE TABLE t (i INTEGER PRIMARY KEY)", "rules/t", ""),
    ("CREATE TABLE t (i INTEGER DEFAULT 3)", "rules/t", ""),
    ("CREATE TABLE t (i INTEGER NOT NULL)", "rules/t", ""),
    ("CREATE TABLE t (i INTEGER, CHECK (i > 0))", "rules/t", ""),
    ("CREATE TABLE mart.t (i INTEGER, UNIQUE (i))", "rules/mart.t", ""),
    ("CREATE INDEX i ON t (a)", "rules/t", "t"),
    ("CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a, b)", "rules/t", "t"),
    ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 3", "rules/t", "t"),
    ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "rules/t", "t"),
    ("ALTER TABLE t ADD PRIMARY KEY (a)", "rules/t", "t"),
    ("ALTER TABLE t ADD COLUMN x INTEGER DEFAULT 3", "rules/t", "t"),
]


def one(sql: str) -> SqlStatement:
    text = parse_sql(sql)
    assert text.error is None, text.error
    [statement] = text.statements
    return statement


@pytest.mark.parametrize("case", UNDERSTOOD, ids=lambda case: case.sql[:60])
def test_statement_is_understood(case: Case) -> None:
    statement = one(case.sql)
    files = sorted(f"<{p}" for p in statement.files_read)
    files += sorted(f">{p}" for p in statement.files_written)
    assert statement.opaque is None
    assert " ".join(sorted(_names(statement.reads))) == _sorted(case.reads)
    assert " ".join(sorted(_names(statement.writes))) == _sorted(case.writes)
    assert files == sorted(case.files.split(), key=lambda f: (f[0] == ">", f))


def _names(uses: tuple[object, ...]) -> list[str]:
    return [str(use.table) for use in uses]  # type: ignore[attr-defined]


def _sorted(names: str) -> str:
    # One name may hold a space; it stands alone then.
    return names if names == "quoted name" else " ".join(sorted(names.split()))


@pytest.mark.parametrize("sql", OPAQUE)
def test_statement_is_opaque_with_a_reason(sql: str) -> None:
    assert one(sql).opaque


@pytest.mark.parametrize(("sql", "key", "reads"), DEFINITIONS, ids=lambda x: x[:60])
def test_what_a_statement_defines(sql: str, key: str, reads: str) -> None:
    statement = one(sql)
    about = statement.removes if key.startswith("-") else statement.defines
    other = statement.defines if key.startswith("-") else statement.removes
    assert statement.opaque is None
    assert about is not None
    assert about.key == key.removeprefix("-")
    assert other is None
    assert " ".join(sorted(_names(statement.reads))) == _sorted(reads)


@pytest.mark.parametrize(
    ("sql", "key", "used"),
    [
        ("SELECT mart.F(1)", "macro/mart.f", True),
        ("SELECT x.f() FROM t", "macro/f", True),
        ("SELECT f FROM t", "macro/f", False),
        ("SELECT 'f(1)'", "macro/f", False),
        ("FROM f(1)", "macro/f", True),
        ("SELECT x::MOOD FROM t", "type/mood", True),
        ("CREATE TABLE t (m mood)", "type/mood", True),
        ("FROM mart.t", "schema/mart", True),
        ("CREATE MACRO mart.f(x) AS x", "schema/mart", True),
        ("FROM t", "schema/mart", False),
        ("SELECT getvariable('K')", "variable/k", True),
        ("SELECT nextval('main.s')", "sequence/s", True),
        ("FROM db.t", "database/db", True),
        ("FROM db.main.t", "database/db", True),
        ("INSERT INTO t VALUES (1)", "rules/t", True),
        ("FROM t", "rules/t", False),
        ("FROM V", "view/v", True),
        ("FROM t", "setting/default_order", True),
        ("SET default_order = 'desc'", "setting/default_order", False),
    ],
)
def test_what_a_statement_uses(sql: str, key: str, used: bool) -> None:
    assert one(sql).may_use(SqlObject.of(key)) is used


@pytest.mark.parametrize(
    ("sql", "calls", "reading"),
    [
        ("FROM histogram(t, x)", ("histogram",), True),
        ("INSERT INTO t FROM my_macro('t')", ("my_macro",), False),
        ("UPDATE t SET a = 1 FROM my_macro('u')", ("my_macro",), False),
        ("FROM query('FROM my_macro(1)')", ("my_macro",), True),
        ("CREATE VIEW v AS FROM my_macro(1)", ("my_macro",), False),
        ("CREATE MACRO f(x) AS TABLE FROM my_macro(x)", ("my_macro",), False),
        ("FROM range(3), read_csv('x'), unnest([1])", (), True),
    ],
)
def test_table_functions_that_are_no_part_of_duckdb(
    sql: str, calls: tuple[str, ...], reading: bool
) -> None:
    statement = one(sql)
    assert (statement.unknown_calls, statement.reading) == (calls, reading)


def test_a_text_that_is_made_while_it_runs_may_read_any_table() -> None:
    statement = one("FROM query('FROM ' || $name)")
    assert statement.opaque
    assert statement.reading
    assert "*" in statement.words


def test_there_are_at_least_the_85_kinds_of_the_lab() -> None:
    assert len(UNDERSTOOD) + len(OPAQUE) + len(DEFINITIONS) >= 300


def test_statements_are_split_with_their_lines_and_clean_texts() -> None:
    text = "-- first\nSELECT ';' FROM a; -- same line\n\n/* ; */ INSERT INTO b\nFROM\n  C; \n;"
    first, second = parse_sql(text).statements
    assert (first.text, first.line, first.kind) == ("SELECT ';' FROM a", 2, "select")
    assert (second.text, second.line, second.kind) == ("INSERT INTO b\nFROM\n  C", 4, "insert")
    assert [(str(u.table), u.line, u.written) for u in second.reads] == [
        ("b", 4, "b"),
        ("c", 6, "C"),
    ]


def test_lines_inside_explain_and_pivot_are_those_of_the_text() -> None:
    [explain] = parse_sql("\nEXPLAIN\nANALYZE\nINSERT INTO t\nFROM u").statements
    assert [(u.written, u.line) for u in explain.reads] == [("t", 4), ("u", 5)]
    [pivot] = parse_sql("CREATE TABLE p AS\nPIVOT\n  t ON x USING sum(y)").statements
    assert [(u.written, u.line) for u in pivot.reads] == [("t", 3)]


def test_syntax_errors_are_duckdbs_own_with_the_line() -> None:
    text = parse_sql("SELECT 1;\nSELEC 2")
    assert text.statements == ()
    assert text.error is not None
    assert "SELEC" in text.error
    assert text.error_line == 2


@pytest.mark.parametrize("text", ["", "  \n", "-- nothing", ";"])
def test_text_without_statements(text: str) -> None:
    parsed = parse_sql(text)
    assert parsed.statements == ()


def test_parameters_are_named_once() -> None:
    assert one("SELECT $b, $a, '$no' FROM t WHERE x = $b").parameters == ("a", "b")


@pytest.mark.parametrize(
    ("sql", "volatile"),
    [
        ("SELECT now()", ("now",)),
        ("SELECT current_date, random() FROM t", ("current_date", "random")),
        ("SELECT uuid()", ("uuid",)),
        ("SELECT today() - d FROM t", ("today",)),
        ("SELECT age(d) FROM t", ("age",)),
        ("SELECT age(d, e) FROM t", ()),
        ("SELECT 'now()', \"x y\" FROM t", ()),
        ("FROM t USING SAMPLE 5", ("sample",)),
        ("FROM t TABLESAMPLE reservoir(5)", ("sample",)),
        ("EXPLAIN FROM t", ("explain",)),
    ],
)
def test_volatile_calls(sql: str, volatile: tuple[str, ...]) -> None:
    assert one(sql).volatile == volatile


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1", True),
        ("FROM a", True),
        ("PIVOT t ON x", True),
        ("DESCRIBE t", True),
        ("INSERT INTO t FROM u RETURNING *", True),
        ("INSERT INTO t FROM u", False),
        ("CREATE TABLE t AS SELECT 1", False),
        ("CREATE TABLE p AS PIVOT t ON x", False),
        ("EXPLAIN FROM t", True),
        ("COPY t TO 'x.csv'", False),
    ],
)
def test_returns_rows(sql: str, rows: bool) -> None:
    assert one(sql).returns_rows is rows


@pytest.mark.parametrize(
    ("sql", "remote"),
    [
        ("FROM 's3://bucket/a.parquet'", True),
        ("FROM read_csv('https://host/a.csv')", True),
        ("COPY t TO 'gs://bucket/a.csv'", True),
        ("FROM 'file:///tmp/a.csv'", False),
        ("FROM 'a.csv'", False),
    ],
)
def test_remote_files(sql: str, remote: bool) -> None:
    assert one(sql).remote is remote


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("CREATE TABLE t AS SELECT 1", "create_table"),
        ("CREATE OR REPLACE TEMP TABLE t AS SELECT 1", "replace_table"),
        ("CREATE VIEW v AS SELECT 1", "create_view"),
        ("DROP TABLE IF EXISTS t", "drop_table"),
        ("ALTER TABLE t RENAME TO u", "alter_table"),
        ("WITH q AS (SELECT 1) FROM q", "select"),
        ("WITH q AS (SELECT 1) INSERT INTO t FROM q", "insert"),
        ("(SELECT 1)", "select"),
        ("SUMMARIZE t", "summarize"),
        ("PIVOT t ON x", "select"),
    ],
)
def test_kinds(sql: str, kind: str) -> None:
    assert one(sql).kind == kind


def test_renames_and_drops_tell_what_goes_and_what_comes() -> None:
    rename = one("ALTER TABLE T RENAME TO U")
    assert [u.written for u in rename.creates] == ["U"]
    assert [u.written for u in rename.drops] == ["T"]
    assert [u.written for u in one("DROP TABLE Mart.B").drops] == ["Mart.B"]


def test_long_chains_do_not_exhaust_the_stack() -> None:
    chain = " OR ".join(f"x = {n}" for n in range(900))
    statement = one(f"SELECT * FROM a WHERE {chain}")
    assert _names(statement.reads) == ["a"] or statement.opaque


def test_importing_opens_no_connection_and_stays_cheap() -> None:
    code = (
        "import sys, nbflow.analysis.sql_names; "
        "assert not {'duckdb', 'sqlglot'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_of_a_process_that_parsed_may_fork_parse_and_exit() -> None:
    code = (
        "import os\n"
        "from nbflow.analysis.sql_names import parse_sql\n"
        "parse_sql('SELECT 1')\n"
        "child = os.fork()\n"
        "parse_sql('FROM a')\n"
        "if child:\n"
        "    assert os.waitpid(child, 0)[1] == 0, 'the child crashed'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


TABLES = st.sampled_from(["a", "b", "Mart.c", '"d e"', "f"])


def _queries() -> st.SearchStrategy[tuple[str, frozenset[str]]]:
    """SQL texts made bottom-up, with the tables that they surely read."""
    plain = TABLES.map(lambda t: (f"SELECT * FROM {t}", frozenset([t.strip('"').lower()])))
    pair_forms = st.sampled_from(
        [
            "SELECT * FROM ({0}) x, ({1}) y",
            "({0}) UNION ALL ({1})",
            "SELECT (SELECT 1 FROM ({0}) s WHERE 1 IN ({1}))",
            # q is no table: only the CTE can be meant.
            "WITH q AS ({0}) SELECT * FROM q, ({1}) z",
            # The CTE hides `a` in the body; its own text still means the table.
            "WITH a AS ({0}) SELECT (SELECT 1 FROM a), ({1})",
        ]
    )
    return st.recursive(
        plain,
        lambda inner: st.builds(
            lambda form, one, two: (form.format(one[0], two[0]), one[1] | two[1]),
            pair_forms,
            inner,
            inner,
        ),
        max_leaves=5,
    )


@given(_queries())
def test_no_table_of_a_made_query_is_missed(query: tuple[str, frozenset[str]]) -> None:
    sql, tables = query
    statement = one(sql)
    # A CTE named `a` may hide the table; no other name is ever hidden, and none is made up.
    assert statement.opaque is None
    assert tables - {"a"} <= set(_names(statement.reads)) <= tables
