"""Fingerprints: what counts, what does not, and what is said about a difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.planning.fingerprint import digest, normal_source

SAME = [
    ("x = 1", "x=1  # a comment"),
    ("x = 1\n\n\ny = 2", "x = 1\ny = 2"),
    ("f(a,\n  b)", "f(a, b)"),
    ("%%sql t\nSELECT 1", "%%sql t\nSELECT 1  \n"),
]
DIFFERENT = [
    ("x = 1", "x = 2"),
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = '1'", "x = 1"),
    ("df", "df;"),
    ("%%sql t\nSELECT 1", "%%sql t\nSELECT 2"),
    ("x = 'a b'", "x = 'a  b'"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_layout_does_not_count(one: str, other: str) -> None:
    assert normal_source(one) == normal_source(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_f38_meaning_counts(one: str, other: str) -> None:
    assert normal_source(one) != normal_source(other)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_a_digest_is_a_function_of_the_parts(parts: dict[str, str]) -> None:
    shuffled = dict(reversed(parts.items()))
    assert digest(parts) == digest(shuffled)
    assert digest({**parts, "source": "new"}) != digest({**parts, "source": "newer"})
