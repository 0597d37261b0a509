"""The table of effects: its language, and that it names arguments in every way they can be given.

That it is true is proven in `effects/`, by calling the real libraries."""

import builtins
import importlib
import inspect
from collections.abc import Iterator

import pytest

from nbflow.analysis.effects import Effects, Rule, load_effects, parse_rule


@pytest.fixture(scope="module")
def effects() -> Effects:
    return load_effects()


def test_every_rule_can_be_read(effects: Effects) -> None:
    assert sum(len(rules) for rules in effects.functions.values()) > 600
    assert sum(len(rules) for rules in effects.methods.values()) > 300


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


def test_positions_count_as_keywords(effects: Effects) -> None:
    """`np.save(file="x", arr=a)` writes the same file as `np.save("x", a)`."""
    missing = []
    for section, rules in effects.functions.items():
        for name, rule in rules.items():
            for keys in (rule.mutates, rule.reads, rule.writes):
                lost = other_names(section, name, keys) - set(keys)
                missing += [f"{section}.{name}: {key}" for key in sorted(lost)]
    assert missing == []


def other_names(section: str, name: str, keys: tuple[str, ...]) -> set[str]:
    """Positions of the keywords, and keywords of the positions, as the real signature says."""
    parameters = parameters_of(section, name) if keys else []
    both = [
        (str(position), parameter.name)
        for position, parameter in enumerate(parameters)
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return {key for pair in both if set(pair) & set(keys) for key in pair}


def parameters_of(section: str, name: str) -> list[inspect.Parameter]:
    """The parameters of a real function; none where it is not installed or does not tell them."""
    try:
        function = getattr(importlib.import_module(section), name)
        return list(inspect.signature(function).parameters.values())
    except (ImportError, AttributeError, TypeError, ValueError):
        return []


def test_rules_that_matter_most(effects: Effects) -> None:
    """What notebooks call most often; the proofs would not notice if an entry went missing."""
    for kind, names in PURE.items():
        for name in names.split():
            rule = effects.method(kind, name)
            assert rule is not None, (kind, name)
            assert not rule.mutates_self, (kind, name)
    for kind, name, rule in mutators(effects):
        assert rule is not None, (kind, name)
        assert rule.mutates_self, (kind, name)


PURE = {
    "DataFrame": "head tail describe dropna merge assign groupby sort_values rename astype join",
    "Series": "head value_counts unique map apply astype mean median std sum",
    "GroupBy": "agg mean sum size apply transform",
    "Estimator": "predict predict_proba transform score",
    "SMResults": "summary conf_int predict",
    "PolarsFrame": "select filter with_columns group_by join sort",
}

MUTATORS = {
    "list": "append extend insert pop remove sort clear",
    "dict": "update pop setdefault clear",
    "DataFrame": "insert pop update isetitem",
    "Estimator": "fit fit_transform partial_fit",
    "PolarsFrame": "extend insert_column replace_column",
}


def mutators(effects: Effects) -> Iterator[tuple[str, str, Rule | None]]:
    for kind, names in MUTATORS.items():
        for name in names.split():
            yield kind, name, effects.method(kind, name)
