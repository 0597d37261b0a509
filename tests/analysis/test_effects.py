"""The table of effects: it can be read, and what it says of real libraries is true."""

import builtins
import importlib

import pandas as pd
import pytest

from nbflow.analysis.effects import Effects, load_effects, parse_rule

CHECKED_MODULES = (
    *("os", "os.path", "shutil", "glob", "json", "pickle", "random", "time", "datetime", "heapq"),
    *("bisect", "copy", "warnings", "sqlite3", "threading", "numpy", "numpy.random", "pandas"),
    *("matplotlib.pyplot", "functools", "collections", "dataclasses", "contextlib", "hashlib"),
)

CHECKED_TYPES = {
    "list": list,
    "dict": dict,
    "set": set,
    "str": str,
    "DataFrame": pd.DataFrame,
}

DEQUE_AND_COUNTER = frozenset(
    {"appendleft", "extendleft", "popleft", "rotate", "subtract", "move_to_end", "elements"}
    | {"most_common", "total"}
)
"""Methods of the types that share a list's or a dict's rules."""


@pytest.fixture(scope="module")
def effects() -> Effects:
    return load_effects()


def test_every_rule_can_be_read(effects: Effects) -> None:
    assert sum(len(rules) for rules in effects.functions.values()) > 600
    assert sum(len(rules) for rules in effects.methods.values()) > 300


@pytest.mark.parametrize("module", CHECKED_MODULES)
def test_names_exist(effects: Effects, module: str) -> None:
    """A name that is misspelled here would be an unknown call, or hide one."""
    real = importlib.import_module(module)
    gone = {
        name for name in effects.functions[module] if name[0] != "*" and not hasattr(real, name)
    }
    assert gone <= GONE.get(module, set())


GONE = {
    # Older names that notebooks still use.
    "numpy": {"in1d"},
    "pandas": {"read_gbq"},
    "numpy.random": {"random_integers"},
}


@pytest.mark.parametrize("kind", CHECKED_TYPES)
def test_methods_exist(effects: Effects, kind: str) -> None:
    real = CHECKED_TYPES[kind]
    gone = {n for n in effects.methods[kind] if n[0] != "*" and not hasattr(real, n)}
    assert gone - DEQUE_AND_COUNTER <= {"applymap", "swapaxes", "to_frame"}  # of older versions


def test_every_builtin_is_known(effects: Effects) -> None:
    special = {"copyright", "credits", "license", "compile", "eval", "exec", "globals", "locals"}
    special |= {"open", "vars", "id", "__import__", "__build_class__", "__debug__", "__doc__"}
    special |= {"__loader__", "__name__", "__package__", "__spec__", "_", "get_ipython", "display"}
    special |= {"Ellipsis", "False", "None", "NotImplemented", "True"}
    callables = {
        name
        for name in dir(builtins)
        if not (isinstance(getattr(builtins, name), type) and name.endswith(("Error", "Warning")))
    }
    unknown = {n for n in callables - special if effects.function(f"builtins.{n}") is None}
    assert unknown <= {
        "BaseExceptionGroup",
        "ExceptionGroup",
        "GeneratorExit",
        "StopAsyncIteration",
    }


@pytest.mark.parametrize("method", ["append", "extend", "insert", "pop", "remove", "sort", "clear"])
def test_mutators_of_lists(effects: Effects, method: str) -> None:
    rule = effects.method("list", method)
    assert rule is not None
    assert "self" in rule.words


@pytest.mark.parametrize(
    "method",
    ["head", "dropna", "merge", "assign", "groupby", "sort_values", "rename", "astype", "describe"],
)
def test_tables_are_not_changed_by_looking(effects: Effects, method: str) -> None:
    rule = effects.method("DataFrame", method)
    assert rule is not None
    assert not rule.words & {"self"}


def test_the_longest_section_wins(effects: Effects) -> None:
    seed = effects.function("numpy.random.seed")
    other = effects.function("numpy.something_new")
    assert seed is not None
    assert seed.seeds == ("@numpy.random",)
    assert other is not None
    assert other.returns == "ndarray"
    assert effects.function("unknown_library.go") is None


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown words"):
        parse_rule("None slef")


def test_settings_have_channels(effects: Effects) -> None:
    assert effects.channel("matplotlib.pyplot.rcParams") == "@rcParams"
    assert effects.channel("pandas.options.display.width") == "@pandas.options"
    assert effects.channel("numpy.pi") is None
