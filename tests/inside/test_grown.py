"""Results of statistics libraries may grow; what was in them may not change."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.tsa.arima.model import ARIMA

from nbflow.inside.digest import snapshot
from nbflow.inside.grown import parts_of, places_in


def fitted() -> Any:
    x = pd.DataFrame({"x": np.arange(8.0)})
    return sm.OLS(np.array([1.0, 2, 4, 3, 5, 6, 9, 8]), sm.add_constant(x)).fit()


def outlasts(value: Any, act: Callable[[Any], object]) -> bool:
    before = parts_of(value)
    assert before is not None
    act(value)
    later = parts_of(value)
    assert later is not None
    return before.outlast(later)


@pytest.mark.parametrize(
    "ask",
    [
        lambda res: res.summary(),
        lambda res: (res.bse, res.HC0_se, res.resid_pearson),
        lambda res: res.get_prediction().summary_frame(),
        lambda res: setattr(res, "table", [1]),
    ],
)
def test_who_asks_makes_it_grow(ask: Callable[[Any], object]) -> None:
    assert outlasts(fitted(), ask)


def arima() -> Any:
    y = np.random.default_rng(0).normal(size=60).cumsum()
    return ARIMA(y, order=(1, 0, 0)).fit()


@pytest.mark.parametrize(
    "ask",
    [
        lambda res: res.predict(0, 2),
        lambda res: (res.aic, res.resid[:3]),
        lambda res: res.summary(),
        lambda res: res.get_forecast(3).summary_frame(),
    ],
)
def test_state_space_models_hold_iterators_of_their_own(ask: Callable[[Any], object]) -> None:
    assert outlasts(arima(), ask)


def test_a_state_space_model_that_changes_is_seen() -> None:
    assert not outlasts(arima(), lambda res: res.model.endog.fill(0))
    assert not outlasts(arima(), lambda res: res.model.ssm["design"].fill(3))


def test_an_iterator_beside_a_result_is_not_looked_past() -> None:
    assert parts_of([fitted(), iter([1, 2])]) is None


def test_what_only_grew_is_another_value_to_a_snapshot() -> None:
    res = fitted()
    before = snapshot(res)
    assert res.HC0_se is not None
    assert before.changed(snapshot(res))


def overwrite(res: Any) -> None:
    res._results.params[0] = 5.0


@pytest.mark.parametrize(
    "change",
    [
        overwrite,
        lambda res: setattr(res._results, "params", np.zeros(2)),
        lambda res: setattr(res._results, "model", None),
        lambda res: res.model.exog.fill(0),
        lambda res: delattr(res._results, "model"),
        lambda res: res.remove_data(),
    ],
)
def test_who_changes_what_is_there_is_seen(change: Callable[[Any], object]) -> None:
    assert not outlasts(fitted(), change)


def test_a_remembered_number_that_changes_is_seen() -> None:
    res = fitted()
    assert res.bse is not None
    assert not outlasts(res, lambda res: res._results._cache["bse"].fill(0))


def test_results_in_lists_and_dicts_are_looked_into() -> None:
    assert outlasts([fitted()], lambda several: several[0].summary())
    assert outlasts({"a": fitted()}, lambda several: several["a"].summary())
    assert not outlasts([fitted()], lambda several: several.append(1))
    assert not outlasts({"a": fitted()}, lambda several: several.update(b=1))


@pytest.mark.parametrize("value", [[1], {}, pd.DataFrame(), object(), "text", 5])
def test_nothing_else_remembers(value: object) -> None:
    assert parts_of(value) is None


# -- in two processes


def is_like(one: object, other: object) -> bool:
    first, second = dict(places_in(one)), dict(places_in(other))
    assert first.keys() & second.keys()
    return all(first[place] == second[place] for place in first.keys() & second.keys())


@pytest.mark.parametrize("made", [fitted, arima, lambda: [fitted(), fitted()]])
def test_two_that_were_made_alike_are_alike(made: Callable[[], Any]) -> None:
    assert places_in(made()) == places_in(made())


@pytest.mark.parametrize(
    ("made", "ask"),
    [
        (fitted, lambda res: (res.bse, res.HC0_se, res.summary(), res.get_influence())),
        (arima, lambda res: (res.aic, res.resid, res.predict(0, 2), res.summary())),
        (lambda: [fitted(), fitted()], lambda several: several[0].summary()),
    ],
)
def test_what_one_was_asked_for_does_not_tell_them_apart(
    made: Callable[[], Any], ask: Callable[[Any], object]
) -> None:
    asked = made()
    ask(asked)
    assert is_like(made(), asked)
    assert is_like(asked, made())


@pytest.mark.parametrize("change", [overwrite, lambda res: res.model.exog.fill(0)])
def test_other_numbers_tell_them_apart(change: Callable[[Any], object]) -> None:
    changed = fitted()
    change(changed)
    assert not is_like(fitted(), changed)


def test_one_more_result_tells_lists_apart() -> None:
    assert not is_like([fitted()], [fitted(), fitted()])


def test_nothing_else_has_places() -> None:
    assert places_in([1]) == ()
