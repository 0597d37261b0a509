"""Queries of stored tables give Python's values."""

from datetime import UTC, datetime

from nbflow.store.query import query


def test_moments_of_a_time_zone_are_values() -> None:
    text = "SELECT TIMESTAMPTZ '2026-01-05 10:00:00+00' AS t, [NULL::TIMESTAMPTZ] AS l, 1 AS n"
    found = query(text, [])
    assert found.columns == ("t", "l", "n")
    assert found.rows == ((datetime(2026, 1, 5, 10, tzinfo=UTC), [None], 1),)
    assert query(f"{text} WHERE false", []).rows == ()
