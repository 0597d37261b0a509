"""Identifiers: which need quotes is DuckDB's to say."""

import duckdb
import pytest

from nbflow.recipes.python import call, text_literal
from nbflow.recipes.sql import RESERVED, column, table, text_of


def test_the_words_that_need_quotes_are_duckdbs() -> None:
    words = duckdb.sql(
        "SELECT DISTINCT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
    assert {word for (word,) in words} == RESERVED


def test_every_other_keyword_can_stand_as_it_is() -> None:
    words = duckdb.sql("SELECT DISTINCT keyword_name FROM duckdb_keywords()").fetchall()
    with duckdb.connect(config={"threads": 1}) as connection:
        for (word,) in words:
            name, place = text_of(column(word)), text_of(table(word))
            query = f"SELECT {name}, max({name}) AS {name} FROM {place} GROUP BY {name}"
            connection.execute(f'CREATE TABLE "{word}" AS SELECT 1 AS "{word}"')
            assert connection.execute(query).fetchall() == [(1, 1)], word


@pytest.mark.parametrize("text", ["", "it's", '"', "'\"", "a\\b", "a\nb", "ü\u2028", "\x00"])
def test_a_literal_is_the_text(text: str) -> None:
    assert eval(text_literal(text)) == text


def test_a_long_call_has_one_argument_a_line() -> None:
    assert call("f", ["a" * 50, "b" * 50]) == f"f(\n    {'a' * 50},\n    {'b' * 50},\n)"
