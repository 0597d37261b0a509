"""What differs between two fingerprints, and how that is said."""

import pytest

from nbflow.planning.changes import changes, code, nearest, summary

CASES = [
    (
        {"version": "1", "source": "1", "replay:pd": "1"},
        {"version": "2", "source": "2", "replay:pd": "2"},
        "nbflow_changed",
        "the way in which nbflow compares steps changed",
    ),
    ({"source": "1"}, {"source": "2"}, "source_changed", "its code changed"),
    ({"input:df": "1"}, {"input:df": "2"}, "input_changed", "`df` changed"),
    ({}, {"input:df": "1"}, "input_changed", "`df` is read now, too"),
    ({"replay:tax": "1"}, {"replay:tax": "2"}, "definition_changed", "`tax` changed"),
    (
        {"parameter:n": "1"},
        {"parameter:n": "2"},
        "parameter_changed",
        "the parameter `n` changed: 1 → 2",
    ),
    (
        {"package:pandas": "3.0"},
        {"package:pandas": "3.1"},
        "package_changed",
        "the package pandas changed: 3.0 → 3.1",
    ),
    (
        {"python": "CPython 3.11"},
        {"python": "CPython 3.12"},
        "python_changed",
        "Python changed: CPython 3.11 → CPython 3.12",
    ),
    ({"file:a.csv": "1"}, {"file:a.csv": "absent"}, "file_changed", "a.csv is gone"),
    ({"file:a.csv": "absent"}, {"file:a.csv": "1"}, "file_changed", "a.csv is there now"),
    (
        {"environment:KEY": "unset"},
        {"environment:KEY": "1"},
        "environment_changed",
        "the environment variable KEY is set now",
    ),
    ({"module:a.py": "1"}, {}, "module_changed", "a.py is not used any more"),
    # what new code newly uses is no cause of its own
    (
        {"source": "1"},
        {"source": "2", "input:df": "1", "package:numpy": "2"},
        "source_changed",
        "its code changed",
    ),
    (
        {"source": "1", "file:a.csv": "1", "input:df": "1"},
        {"source": "2", "file:a.csv": "2", "input:df": "2"},
        "source_changed",
        "its code, `df` and a.csv changed",
    ),
]


@pytest.mark.parametrize(("old", "new", "reason", "message"), CASES)
def test_a_difference_is_told(
    old: dict[str, str], new: dict[str, str], reason: str, message: str
) -> None:
    found = changes(old, new)
    assert (code(found), summary(found, lambda _: "")) == (reason, message)


def test_equal_parts_do_not_differ() -> None:
    assert changes({"source": "1"}, {"source": "1"}) == ()


def test_the_former_run_that_comes_nearest_is_compared_with() -> None:
    """Not the latest one: after a run with another parameter, a changed file is the reason."""
    new = {"parameter:n": "1", "file:a.csv": "new"}
    latest = ("2", {"parameter:n": "2", "file:a.csv": "old"})
    same_parameter = ("1", {"parameter:n": "1", "file:a.csv": "old"})
    found = nearest([latest, same_parameter], new)
    assert found is not None
    assert (found[0], [change.name for change in found[1]]) == ("1", ["a.csv"])
    assert nearest([], new) is None
