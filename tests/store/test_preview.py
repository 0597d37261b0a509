"""A preview shows few rows, soon, and touches nothing but what it was given."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from nbflow.core.errors import UsageError
from nbflow.store.preview import columns_of_file, preview
from nbflow.store.query import StoredTable, query


@pytest.fixture
def stored(tmp_path: Path) -> StoredTable:
    path = tmp_path / "it's stored.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE data AS"
            " SELECT range AS n, DATE '2026-03-14' + range::INT AS day FROM range(200)"
        )
    return StoredTable(step="load it", name="days", path=path)


def test_the_first_rows_come_in_the_order_of_the_query(stored: StoredTable) -> None:
    found = preview("SELECT n, day FROM days ORDER BY n DESC -- all", tables=[stored], rows=2)
    assert found.rows == ((199, "2026-09-29"), (198, "2026-09-28"))
    assert found.total == 3
    assert [(each.name, each.type) for each in found.columns] == [("n", "BIGINT"), ("day", "DATE")]


def test_values_are_bound(stored: StoredTable) -> None:
    found = preview("SELECT n FROM days WHERE n = $wanted", tables=[stored], values={"wanted": 7})
    assert found.rows == ((7,),)


def test_a_chosen_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    path.write_text("a,b\n1,x\n", encoding="utf-8")
    query = f"FROM '{str(path).replace(chr(39), chr(39) * 2)}'"
    assert preview(query, files=[path]).rows == ((1, "x"),)
    assert [each.name for each in columns_of_file(query, path)] == ["a", "b"]


def test_large_tables_lie_in_arrow_files(tmp_path: Path, stored: StoredTable) -> None:
    path = tmp_path / "it's large.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, LARGE.schema) as writer:
        writer.write_table(LARGE)
    table = StoredTable(step="other step", name="large", path=path)
    joined = 'SELECT sum(large.n) FROM days JOIN "other step".large USING (n)'
    assert preview(joined, tables=[stored, table]).rows == ((19900,),)
    assert query(joined, [stored, table]).rows == ((19900,),)
    path.write_bytes(b"cut off")
    with pytest.raises(UsageError, match="large"):
        query("FROM large", [table])


LARGE = pa.table({"n": range(1000)})


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM '{folder}/*.csv'",
        "SELECT * FROM glob('/*')",
        "COPY days TO '{folder}/out.csv'",
        "ATTACH '{folder}/new.duckdb'",
        "SELECT 1) LIMIT 1; COPY (SELECT 1) TO '{folder}/out.csv'; SELECT * FROM (SELECT 2",
        "SELECT 1) LIMIT 1; SET enable_external_access = true; SELECT * FROM (SELECT 2",
        "SELECT getenv('HOME')",
    ],
)
def test_nothing_else_is_touched(stored: StoredTable, tmp_path: Path, query: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError):
        preview(query.format(folder=tmp_path, other=other), tables=[stored])
    assert sorted(tmp_path.iterdir()) == before


def test_what_takes_too_long_is_given_up() -> None:
    endless = "SELECT max(sqrt(a.range * b.range)) FROM range(1000000) a, range(1000000) b"
    with pytest.raises(UsageError, match=r"longer than 0\.1 s"):
        preview(endless, seconds=0.1)
