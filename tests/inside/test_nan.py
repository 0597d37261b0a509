"""NaNs that everybody uses come back as the very objects, out of pickles that anybody can read."""

import math
import pickle

import cloudpickle
import numpy as np
import pytest

from nbflow.inside.nan import dumped
from nbflow.inside.values import from_plain, to_plain


@pytest.mark.parametrize("pickler", [pickle.Pickler, cloudpickle.Pickler])
def test_an_ordinary_pickle_holds_the_objects(pickler: type) -> None:
    own = float("nan")
    value = {"long": "x" * 100_000, "list": [np.nan, math.nan, own] * 3, np.nan: {"in": (np.nan,)}}
    back = pickle.loads(dumped(value, pickler, 5))
    first, second, third = back["list"][-3:]
    assert first is np.nan
    assert second is math.nan
    assert math.isnan(third)
    assert third not in (np.nan, math.nan)
    assert back[np.nan]["in"][0] is np.nan


def test_without_nan_it_is_the_pickle_that_it_was() -> None:
    value = [1.5, "nan", np.array([np.nan])]
    assert dumped(value, pickle.Pickler, 5) == pickle.dumps(value, protocol=5)


def test_typed_json_knows_them_too() -> None:
    first, second, third = from_plain(to_plain([np.nan, math.nan, -float("nan")]))
    assert first is np.nan
    assert second is math.nan
    assert math.copysign(1, third) == -1
