"""What the table says of all results of statsmodels at once: they tell of themselves and stay."""

import ast
import inspect
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import statsmodels
import statsmodels.api as sm

from nbflow.analysis.effects import load_effects
from nbflow.inside.digest import digest

EFFECTS = load_effects()

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.filterwarnings("ignore")]


def _data() -> tuple[pd.Series, pd.DataFrame]:
    chance = np.random.default_rng(3)
    x = pd.DataFrame({"const": 1.0, "a": chance.normal(size=60), "b": chance.normal(size=60)})
    return pd.Series(chance.poisson(np.exp(0.3 + 0.4 * x["a"])), name="y").astype(float), x


def _series() -> pd.Series:
    index = pd.period_range("2000-01", periods=60, freq="M")
    return pd.Series(np.random.default_rng(4).normal(size=60).cumsum() + 20, index=index)


RESULTS: dict[str, Callable[[], Any]] = {
    "OLS": lambda: sm.OLS(*_data()).fit(),
    "GLM": lambda: sm.GLM(*_data(), family=sm.families.Poisson()).fit(),
    "Poisson": lambda: sm.Poisson(*_data()).fit(disp=0),
    "Logit": lambda: sm.Logit((_data()[0] > 1).astype(float), _data()[1]).fit(disp=0),
    "RLM": lambda: sm.RLM(*_data()).fit(),
    "SARIMAX": lambda: sm.tsa.SARIMAX(_series(), order=(1, 0, 0)).fit(disp=0),
    "AutoReg": lambda: sm.tsa.AutoReg(_series(), 2).fit(),
    "Holt": lambda: sm.tsa.Holt(_series(), initialization_method="estimated").fit(),
    "UnobservedComponents": lambda: sm.tsa.UnobservedComponents(_series(), "llevel").fit(disp=0),
    "influence": lambda: sm.OLS(*_data()).fit().get_influence(),
    "prediction": lambda: sm.OLS(*_data()).fit().get_prediction(),
    "distribution": lambda: sm.Poisson(*_data()).fit(disp=0).get_distribution(),
    "diagnostic": lambda: sm.Poisson(*_data()).fit(disp=0).get_diagnostic(),
    "decomposed": lambda: sm.tsa.seasonal_decompose(_series().to_timestamp()),
    "stl": lambda: sm.tsa.STL(_series().to_timestamp(), period=12).fit(),
    "descr": lambda: sm.stats.DescrStatsW(_data()[1].to_numpy()),
    "table": lambda: sm.stats.Table2x2(np.array([[12, 5], [6, 9]])),
}


def _shown(result: Any) -> list[str]:
    """What later cells see of results: the values of their plain attributes, and their summary."""
    found = []
    for name in ("params", "bse", "pvalues", "fittedvalues", "resid", "llf", "aic", "trend"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = getattr(result, name)
            except (AttributeError, NotImplementedError, ValueError):
                continue
        if isinstance(value, int | float | np.ndarray | np.generic | pd.Series | pd.DataFrame):
            found.append(f"{name} {digest(value)}")
    return found


def _tells(name: str, kind: str) -> bool:
    """The table says that the method changes nothing and draws nothing."""
    rule = EFFECTS.method(kind, name)
    return rule is not None and not rule.mutates_self and not rule.words & {"may_draw", "seeded"}


@pytest.mark.parametrize("which", RESULTS)
def test_asking_results_changes_nothing(which: str) -> None:
    _ask_everything(RESULTS[which], "SMResults" if which[0].isupper() else "Found")


def _ask_everything(make: Callable[[], Any], kind: str) -> None:
    told, used = _shown(make()), make()
    asked = 0
    for name in dir(used):
        if name.startswith("_") or not _tells(name, kind):
            continue
        before = np.random.get_state()[1].tobytes()  # type: ignore[union-attr]
        try:
            member = getattr(used, name)
            if not callable(member) or isinstance(member, type):
                continue
            member()
        except Exception:  # it wants arguments, or is not for these data
            continue
        asked += 1
        plt.close("all")
        assert np.random.get_state()[1].tobytes() == before, f"{name} draws"  # type: ignore[union-attr]
        assert _shown(used) == told, f"{name} changes what is seen"
    assert asked


# -- libraries that are like it, where they are installed ------------------------------------------


def _panel() -> tuple[Any, Any]:
    models = pytest.importorskip("linearmodels")
    y, x = _data()
    index = pd.MultiIndex.from_product([range(6), range(10)], names=["who", "when"])
    given = (y.set_axis(index), x.set_axis(index))
    return given, models.PanelOLS(*given)


def _variables() -> tuple[Any, Any]:
    models = pytest.importorskip("linearmodels")
    y, x = _data()
    given = (y, x[["const"]], x[["a"]], x[["b"]])
    return given, models.IV2SLS(*given)


def _variance() -> tuple[Any, Any]:
    arch = pytest.importorskip("arch")
    y = _data()[0]
    return y, arch.arch_model(y, rescale=False)


def _regression() -> tuple[Any, Any]:
    given = _data()
    return given, sm.OLS(*given)


def _states() -> tuple[Any, Any]:
    y, x = _data()
    return (y, x), sm.tsa.SARIMAX(y, exog=x[["a"]])


MODELS = (_panel, _variables, _variance, _regression, _states)


@pytest.mark.parametrize("make", MODELS)
def test_a_fit_leaves_what_the_model_holds(make: Callable[[], tuple[Any, Any]]) -> None:
    given, model = make()
    before = digest(given)
    model.fit()
    assert digest(given) == before


@pytest.mark.parametrize("make", [_panel, _variables, _variance])
def test_results_of_other_libraries_stay_too(make: Callable[[], tuple[Any, Any]]) -> None:
    _ask_everything(lambda: make()[1].fit(), "SMResults")


def test_a_minimizer_leaves_its_cost_function_and_the_data() -> None:
    iminuit = pytest.importorskip("iminuit")
    cost = pytest.importorskip("iminuit.cost")
    x = np.linspace(0, 1, 20)
    y = 1 + 2 * x
    least = cost.LeastSquares(x, y, 0.1, lambda x, a, b: a + b * x)
    minimizer = iminuit.Minuit(least, a=0.0, b=0.0)
    before = digest((x, y, least.x, least.y, least.mask, least.loss, least.verbose))
    for name in ("migrad", "hesse", "minos", "simplex", "scan", "reset"):
        getattr(minimizer, name)()
    assert digest((x, y, least.x, least.y, least.mask, least.loss, least.verbose)) == before
    minimizer.migrad()
    told = repr(minimizer.params)
    params = minimizer.params
    points = [minimizer.contour("a", "b"), minimizer.profile("a"), minimizer.mnprofile("a")]
    points.append((minimizer.mncontour("a", "b", size=6),))
    drawn = digest(points)
    minimizer.values["a"] = 5.0
    minimizer.migrad()
    assert digest(points) == drawn
    minimizer.values["a"] = 5.0
    assert repr(params) == told  # it was no view
    for name in ("fval", "ndof", "nfit", "npar", "nfcn", "ngrad", "tol", "errordef", "parameters"):
        value = getattr(minimizer, name)
        assert isinstance(value, int | float | tuple), name


# -- who draws -------------------------------------------------------------------------------------

DRAWS = frozenset({"check_random_state", "rvs", "RandomState", "default_rng"})
"""What code of statsmodels that draws mentions."""

NO_FUNCTION_OF_THE_LIBRARY = frozenset(
    {
        *("check_random_state", "check_global_randomstate_usage", "initialize_generator"),
        *("make_dataframe", "rands_array"),
    }
)


def _drawing() -> Iterator[str]:
    """The public functions, and classes, of statsmodels in whose text something is drawn."""
    folder = Path(inspect.getfile(statsmodels)).parent
    for path in folder.rglob("*.py"):
        place = path.relative_to(folder).parts
        if {"tests", "sandbox", "examples", "datasets", "_pss_critical_values"} & set(place):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if public and DRAWS & _words(node):
                yield node.name


def _words(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_table_knows_which_functions_of_statsmodels_draw() -> None:
    drawing = set(_drawing()) - NO_FUNCTION_OF_THE_LIBRARY
    assert len(drawing) > 5
    unknown = {
        name
        for name in drawing
        if (rule := EFFECTS.function(f"statsmodels.api.{name}")) is None
        or "may_draw" not in rule.words
    }
    assert unknown == set()
