"""Readings of SQL that outlive the process: exactly what was kept, or nothing."""

from pathlib import Path

import pytest

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.sql import SqlText
from nbflow.store import readings
from nbflow.store.readings import Readings

TEXTS = (
    "",
    "SELECT 1",
    "CREATE TABLE daily AS SELECT * FROM sales WHERE day = $day; FROM daily",
    "SELECT * FROM read_csv('a*.csv') JOIN mart.T USING (id)",
    "CREATE MACRO net(x) AS x * 0.8; CREATE VIEW v AS SELECT net(1), now(), random()",
    "CREATE TYPE mood AS ENUM ('a', 'b'); SET threads = 1; SELECT nextval('s'), getvariable('v')",
    "INSERT INTO t SELECT * FROM 'https://example.org/x.parquet'; DROP TABLE IF EXISTS t",
    "COPY t TO 'out.csv'; ATTACH 'other.db'; PIVOT t ON a USING sum(b)",
    "SELECT ?; SELEC 1",
    "{{ template }}",
    "SELECT 'ä\u20ac\U0001f600'",
)


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_kept_comes_back_exactly(text: str, tmp_path: Path) -> None:
    reading = parse_sql(text)
    Readings(tmp_path / "sql", "1").keep(text, reading)
    assert Readings(tmp_path / "sql", "1").find(text) == reading


def test_another_reader_or_text_knows_nothing(tmp_path: Path) -> None:
    Readings(tmp_path, "1").keep("SELECT 1", parse_sql("SELECT 1"))
    assert Readings(tmp_path, "2").find("SELECT 1") is None
    assert Readings(tmp_path, "1").find("SELECT 2") is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"statements": [1]}', b"\xff"])
def test_a_damaged_reading_is_none(data: bytes, tmp_path: Path) -> None:
    known = Readings(tmp_path, "1")
    known.keep("SELECT 1", parse_sql("SELECT 1"))
    (path,) = tmp_path.iterdir()
    path.write_bytes(data)
    assert known.find("SELECT 1") is None


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "sql").write_text("a file")
    known = Readings(tmp_path / "sql", "1")
    known.keep("SELECT 1", SqlText())
    assert known.find("SELECT 1") is None


def test_a_text_that_is_no_unicode_is_not_kept(tmp_path: Path) -> None:
    known = Readings(tmp_path, "1")
    known.keep("SELECT '\ud800'", SqlText(error="at '\ud800'"))
    assert known.find("SELECT '\ud800'") is None
    assert not list(tmp_path.iterdir())


def test_the_older_half_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "MOST_FILES", 10)
    known = Readings(tmp_path, "1")
    for number in range(25):
        known.keep(f"SELECT {number}", SqlText())
    assert 5 <= len(list(tmp_path.iterdir())) <= 10
    assert known.find("SELECT 24") is not None
