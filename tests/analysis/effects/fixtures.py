"""What recipes call libraries with: small fresh values, each known by a short name."""

import importlib
import json
import pickle
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MODULES = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "mpl": "matplotlib",
    "sns": "seaborn",
    "pl": "polars",
    "pa": "pyarrow",
    "sa": "sqlalchemy",
    "sm": "statsmodels.api",
    "smf": "statsmodels.formula.api",
    "nx": "networkx",
    "sp": "sympy",
    "dt": "datetime",
}
"""Short names of modules; any other module goes by its own name."""

FIXTURES: dict[str, Callable[[], Any]] = {}


def fixture(make: Callable[[], Any]) -> Callable[[], Any]:
    """Gives recipes a value under the function's name."""
    FIXTURES[make.__name__] = make
    return make


def make(name: str) -> Any:
    """The value of a name in a recipe: a fresh fixture or a module.

    Raises:
        KeyError: there is none.
    """
    if name in FIXTURES:
        return FIXTURES[name]()
    try:
        return importlib.import_module(MODULES.get(name, name))
    except ImportError:
        raise KeyError(name) from None


# -- tables ----------------------------------------------------------------------------------------


@fixture
def df() -> pd.DataFrame:
    return pd.DataFrame(
        {"k": ["a", "b", "a", "b"], "x": [1.0, 2.0, 3.0, 4.0], "n": [4, 3, 2, 1]},
        index=[10, 11, 12, 13],
    )


@fixture
def df2() -> pd.DataFrame:
    return pd.DataFrame({"k": ["a", "b"], "z": [7.0, 8.0]}, index=[10, 11])


@fixture
def nums() -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 4.0, 3.0], "y": [4.0, 3.5, 2.5, 1.0]})


@fixture
def nums2() -> pd.DataFrame:
    return nums() * 2 + 1


@fixture
def holes() -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [np.nan, 5.0, 6.0]})


@fixture
def nested() -> pd.DataFrame:
    return pd.DataFrame({"l": [[1], [2]], "x": [1, 2]})


@fixture
def daily() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(6.0)}, index=pd.date_range("2024-01-01", periods=6))


@fixture
def levels() -> pd.DataFrame:
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["one", "two"])
    return pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index=index)


@fixture
def s() -> "pd.Series[Any]":
    return pd.Series([3.0, 1.0, 2.0, 2.0], index=list("pqrs"), name="s")


@fixture
def s2() -> "pd.Series[Any]":
    return pd.Series([5.0, 6.0, 7.0, 8.0], index=list("pqrs"), name="s2")


@fixture
def one() -> "pd.Series[Any]":
    return pd.Series([7.0])


@fixture
def words() -> "pd.Series[Any]":
    return pd.Series(["ab c", "de", "f g"], name="w")


@fixture
def flags() -> "pd.Series[Any]":
    return pd.Series([True, False, True, True], index=list("pqrs"))


@fixture
def dates() -> "pd.Series[Any]":
    return pd.Series(pd.date_range("2024-01-01", periods=4, freq="D"))


@fixture
def zoned() -> "pd.Series[Any]":
    return pd.Series(pd.date_range("2024-01-01", periods=3, tz="UTC"))


@fixture
def periods() -> "pd.Series[Any]":
    return pd.Series(pd.period_range("2024-01", periods=3, freq="M"))


@fixture
def spans() -> "pd.Series[Any]":
    return pd.Series(pd.to_timedelta([1, 2, 3], unit="D"))


@fixture
def cats() -> "pd.Series[Any]":
    return pd.Series(["a", "b", "a"], dtype="category")


@fixture
def lists() -> "pd.Series[Any]":
    return pd.Series([[1, 2], [3]])


@fixture
def idx() -> Any:
    return pd.Index(["b", "a", "c"], name="i")


@fixture
def intidx() -> Any:
    return pd.Index([3, 1, 2], name="i")


@fixture
def dateidx() -> Any:
    return pd.date_range("2024-01-01", periods=3, name="d")


@fixture
def zoneidx() -> Any:
    return pd.date_range("2024-01-01", periods=3, tz="UTC")


@fixture
def multi() -> Any:
    return pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["one", "two"])


@fixture
def groups() -> Any:
    return nums().assign(k=list("abab")).groupby("k")


@fixture
def sgroups() -> Any:
    return nums().assign(k=list("abab")).groupby("k")["x"]


@fixture
def rolls() -> Any:
    return nums().rolling(2)


@fixture
def grows() -> Any:
    return nums().expanding()


@fixture
def decays() -> Any:
    return nums().ewm(span=2)


@fixture
def weekly() -> Any:
    return daily().resample("2D")


# -- arrays ----------------------------------------------------------------------------------------


@fixture
def arr() -> Any:
    return np.array([3.0, 1.0, 2.0, 5.0])


@fixture
def arr2() -> Any:
    return np.array([1.5, 2.5, 3.5, 0.5])


@fixture
def ints() -> Any:
    return np.array([3, 1, 2, 2])


@fixture
def bools() -> Any:
    return np.array([True, False, True, True])


@fixture
def mat() -> Any:
    return np.array([[2.0, 1.0], [1.0, 3.0]])


@fixture
def mat2() -> Any:
    return np.array([[1.0, 2.0], [3.0, 5.0]])


@fixture
def row() -> Any:
    return np.array([[1.0, 2.0, 3.0]])


@fixture
def strs() -> Any:
    return np.array(["a b", "cd"])


@fixture
def cplx() -> Any:
    return np.array([1 + 2j, 3 - 1j])


@fixture
def days() -> Any:
    return np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")


@fixture
def rng() -> Any:
    return np.random.default_rng(3)


@fixture
def oldrng() -> Any:
    return np.random.RandomState(3)


@fixture
def pyrng() -> Any:
    import random

    return random.Random(3)


# -- builtins --------------------------------------------------------------------------------------


@fixture
def lst() -> list[Any]:
    return [3, 1, 2]


@fixture
def deep() -> list[Any]:
    return [[3], [1], [2]]


@fixture
def many() -> list[Any]:
    """So long that shuffling surely moves something."""
    return [[number] for number in range(30)]


@fixture
def dic() -> dict[str, Any]:
    return {"a": 1, "b": 2}


@fixture
def deepdic() -> dict[str, Any]:
    return {"a": [1], "b": [2]}


@fixture
def st() -> set[int]:
    return {1, 2, 3}


@fixture
def st2() -> set[int]:
    return {3, 4}


@fixture
def tup() -> tuple[Any, ...]:
    return (1, [2], 3)


@fixture
def deq() -> Any:
    import collections

    return collections.deque([1, 2, 3])


@fixture
def counter() -> Any:
    import collections

    return collections.Counter("abca")


@fixture
def ddict() -> Any:
    import collections

    return collections.defaultdict(list, a=[1])


@fixture
def odict() -> Any:
    import collections

    return collections.OrderedDict(a=1, b=2)


@fixture
def frozen() -> frozenset[int]:
    return frozenset({1, 2})


@fixture
def memory() -> bytearray:
    return bytearray(b"abc")


@fixture
def text() -> str:
    return "ab,c"


@fixture
def blob() -> bytes:
    return b"ab c"


@fixture
def moment() -> Any:
    import datetime

    return datetime.datetime(2024, 1, 2, 3)


@fixture
def day() -> Any:
    import datetime

    return datetime.date(2024, 1, 2)


@fixture
def pattern() -> Any:
    import re

    return re.compile("(a)b")


@fixture
def opened() -> Any:
    return open("text.txt", "r+")


@fixture
def settings() -> Any:
    import configparser

    found = configparser.ConfigParser()
    found.read_string("[a]\nn = 1\nyes = true\n")
    return found


@fixture
def hashed() -> Any:
    import hashlib

    return hashlib.sha256(b"a")


@fixture
def decimal_one() -> Any:
    import decimal

    return decimal.Decimal(1)


class Box:
    """An object with an attribute."""

    def __init__(self) -> None:
        self.value = [1]


@fixture
def box() -> Box:
    return Box()


@fixture
def buffer() -> Any:
    import io

    return io.StringIO("a,b\n1,2\n")


@fixture
def cursor() -> Any:
    return sqlite3.connect(":memory:").execute("select 1")


@fixture
def binary() -> Any:
    import io

    return io.BytesIO()


# -- plots -----------------------------------------------------------------------------------------


@fixture
def fig() -> Any:
    """A figure with one line on one axes; pyplot's current one."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot([1, 2, 3], [3, 1, 2], label="l")
    return figure


@fixture
def ax() -> Any:
    return fig().axes[0]


@fixture
def grid() -> Any:
    """Two axes of one figure, in an array."""
    from matplotlib import pyplot as plt

    return plt.subplots(1, 2, figsize=(2, 2))[1]


# -- other tables ----------------------------------------------------------------------------------


@fixture
def pdf() -> Any:
    import polars as pl

    return pl.DataFrame({"k": ["a", "b", "a"], "x": [1.0, 2.0, 3.0]})


@fixture
def pdf2() -> Any:
    import polars as pl

    return pl.DataFrame({"k": ["a", "b"], "z": [5, 6]})


@fixture
def pser() -> Any:
    import polars as pl

    return pl.Series("s", [3, 1, 2])


@fixture
def lazy() -> Any:
    return pdf().lazy()


@fixture
def rel() -> Any:
    import duckdb

    return duckdb.connect().sql("select 1 as a union all select 2")


@fixture
def engine() -> Any:
    import sqlalchemy

    return sqlalchemy.create_engine("sqlite://")


@fixture
def graph() -> Any:
    import networkx

    return networkx.path_graph(4)


@fixture
def graph2() -> Any:
    import networkx

    return networkx.cycle_graph(4)


@fixture
def symbol() -> Any:
    import sympy

    return sympy.Symbol("x")


@fixture
def expr() -> Any:
    import sympy

    return sympy.Symbol("x") ** 2 - 1


# -- models ----------------------------------------------------------------------------------------


@fixture
def features() -> Any:
    return np.abs(np.random.RandomState(0).randn(12, 3)) + 0.1


@fixture
def labels() -> Any:
    return np.array([0, 1] * 6)


@fixture
def targets() -> Any:
    return np.random.RandomState(1).randn(12)


@fixture
def counts() -> Any:
    return np.array([[10, 20], [30, 25]])


@fixture
def data() -> pd.DataFrame:
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"x": rng.randn(30), "g": list("ab") * 15})
    table["y"] = table["x"] * 2 + rng.randn(30)
    table["b"] = (table["y"] + rng.randn(30) > 0).astype(float)
    return table


@fixture
def design() -> Any:
    return np.column_stack([np.ones(12), features()])


@fixture
def fitted() -> Any:
    """A fitted estimator that does not keep its data."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(features(), labels())


@fixture
def scaled() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(pd.DataFrame(features(), columns=list("abc")))


@fixture
def near() -> Any:
    """A fitted estimator that keeps its data."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(2).fit(features(), labels())


@fixture
def model() -> Any:
    import statsmodels.api as sm

    return sm.OLS(targets(), design())


@fixture
def results() -> Any:
    return model().fit()


# -- files -----------------------------------------------------------------------------------------

PATHS = (
    "opened",
    "csv",
    "txt",
    "jsn",
    "pkl",
    "npy",
    "parquet",
    "sqlite",
    "new",
    "folder",
    "here",
    "png",
    "picture",
)
"""Fixtures that are paths in the sandbox; it is filled anew where a recipe mentions one."""

FIXTURES |= {
    "csv": lambda: "table.csv",
    "txt": lambda: "text.txt",
    "jsn": lambda: "data.json",
    "pkl": lambda: "data.pkl",
    "npy": lambda: "data.npy",
    "parquet": lambda: "table.parquet",
    "sqlite": lambda: "data.sqlite",
    "new": lambda: "new.out",
    "folder": lambda: "sub",
    "here": lambda: Path("text.txt"),
    "png": lambda: "new.png",
    "picture": lambda: "picture.png",
}

_templates: list[Path] = []


def fill(folder: Path) -> None:
    """Empties the sandbox and puts the files into it that path fixtures name."""
    if not _templates:
        _templates.append(_template())
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    shutil.copytree(_templates[0], folder, dirs_exist_ok=True)


def _template() -> Path:
    made = Path(tempfile.mkdtemp())
    table = nums()
    table.to_csv(made / "table.csv", index=False)
    table.to_parquet(made / "table.parquet")
    np.save(made / "data.npy", arr())
    (made / "settings.ini").write_text("[b]\nm = 2\n")
    (made / "text.txt").write_text("1 2\n3 4\n")
    (made / "data.json").write_text(json.dumps([{"a": 1}, {"a": 2}]))
    (made / "data.pkl").write_bytes(pickle.dumps({"a": 1}))
    pyplot = importlib.import_module("matplotlib.pyplot")
    pyplot.imsave(made / "picture.png", mat())
    (made / "empty").mkdir()
    (made / "sub").mkdir()
    (made / "sub" / "inner.txt").write_text("x")
    with sqlite3.connect(made / "data.sqlite") as connection:
        connection.execute("create table t as select 1 as a")
    connection.close()
    return made
