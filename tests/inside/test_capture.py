"""A step's outputs leave the lane exactly, shared parts stay shared, and no change goes unseen."""

import asyncio
import dataclasses
import logging
import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from blake3 import blake3

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import StoreError
from nbflow.core.task import Blob, StagedBlob, TaskReport, TaskSpec
from nbflow.inside import tables
from nbflow.inside.capture import capture
from nbflow.inside.inputs import load
from nbflow.inside.seal import read_seal
from nbflow.inside.sql import SqlSession
from nbflow.store.blobs import BlobStore


class FakeSession:
    """SQL's side: tables by name as Arrow, with what they were made of."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.held: dict[str, Any] = {}
        self.reads: dict[str, Callable[[], Any] | None] = {}
        self.changed: set[str] = set()

    def is_sql(self, name: str) -> bool:
        return name in self.held

    def attach(self, name: str, path: Path, *, read: Callable[[], Any] | None = None) -> None:
        self.held[name] = tables.read_natural(path)
        self.reads[name] = read

    def materialise(self, names: Any) -> None:
        for name in names:
            read = self.reads[name]
            assert read is not None
            self.namespace[name] = read()

    def settle(self, names: Any = None) -> None:
        return None

    @property
    def is_untouched(self) -> bool:
        return not self.held

    def take_changes(self) -> frozenset[str]:
        changed, self.changed = frozenset(self.changed), set()
        return changed

    def export(self, name: str, path: Path) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.register("t", self.held[name])
            connection.execute("CREATE TABLE data AS FROM t").fetchall()

    def forget(self, name: str) -> None:
        self.held.pop(name, None)


class Bench:
    """A store, and one lane after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = BlobStore(folder / ".nbflow")
        self.count = 0

    def run(
        self,
        source: str | Callable[[dict[str, Any], FakeSession], None],
        *,
        inputs: tuple[StagedBlob, ...] = (),
        namespace: dict[str, Any] | None = None,
        session: Any = None,
        **wanted: Any,
    ) -> TaskReport:
        self.count += 1
        staging = self.folder / f"staging{self.count}"
        staging.mkdir()
        spec = TaskSpec(
            run="r", step="s", step_name="s", attempt=1, fence=1, notebook="n.ipynb", cells=(),
            inputs=inputs, staging=str(staging), key_file=str(self.store.key()),
            working_directory=str(self.folder), **wanted,
        )  # fmt: skip
        self.namespace: dict[str, Any] = (
            {"__name__": "__main__"} if namespace is None else namespace
        )
        self.session = session or FakeSession(self.namespace)
        loaded = load(self.namespace, self.session, spec)
        if callable(source):
            source(self.namespace, self.session)
        else:
            exec(compile(source, "<cell>", "exec"), self.namespace)
        return capture(self.namespace, self.session, spec, loaded)

    def commit(self, report: TaskReport) -> tuple[StagedBlob, ...]:
        blobs = [self.store.commit(staged) for staged in report.outputs]
        return tuple(
            StagedBlob(blob=b, path="" if b.kind == "absent" else str(self.store.path(b)))
            for b in blobs
        )

    def made(self, source: Any, *names: str, **wanted: Any) -> tuple[StagedBlob, ...]:
        report = self.run(source, outputs=names, declared_writes=names, **wanted)
        assert report.unstorable == ()
        return self.commit(report)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def names_of(report: TaskReport) -> list[tuple[str, ...]]:
    return [staged.blob.names for staged in report.outputs]


# -- outputs


def test_outputs_come_back_in_another_lane(bench: Bench) -> None:
    made = bench.made(
        "import pandas as pd, numpy as np\n"
        "df = pd.DataFrame({'a': [1, 2]}); n = 3; a = np.arange(3); s = pd.Series([1.5])",
        "df", "n", "a", "s",
    )  # fmt: skip
    kinds = {staged.blob.names[0]: staged.blob.kind for staged in made}
    assert kinds == {"df": "table", "n": "json", "a": "array", "s": "pickle"}
    names = ("df", "n", "a", "s")
    report = bench.run("", inputs=made, input_names=names, python_reads=names)
    assert report.found_mutations == ()
    assert bench.namespace["df"].equals(pd.DataFrame({"a": [1, 2]}))
    assert bench.namespace["n"] == 3
    assert bench.namespace["a"].tolist() == [0, 1, 2]
    assert bench.namespace["s"].tolist() == [1.5]


def test_a_table_tells_rows_columns_and_schema(bench: Bench) -> None:
    (made,) = bench.made("import pandas as pd; df = pd.DataFrame({'a': [1, 2], 'b': 'x'})", "df")
    blob = made.blob
    assert (blob.rows, blob.columns) == (2, 2)
    assert blob.schema == (("a", "BIGINT"), ("b", "VARCHAR"))
    assert blob.bytes > 0
    assert blob.python_type == "pandas.DataFrame"


def test_a_name_without_value_is_absent_and_unbinds_the_name(bench: Bench) -> None:
    made = bench.made("", "gone")
    assert made[0].blob.kind == "absent"
    bench.run("", inputs=made, input_names=("gone",), namespace={"gone": 1})
    assert "gone" not in bench.namespace


def test_what_cannot_be_stored_is_reported_and_the_rest_is_kept(bench: Bench) -> None:
    report = bench.run("g = (i for i in [1]); n = 1", outputs=("g", "n"))
    assert names_of(report) == [("n",)]
    (one,) = report.unstorable
    assert (one.name, one.python_type) == ("g", "generator")
    assert "list(" in one.why


def test_equal_outputs_have_equal_digests_in_different_runs(bench: Bench) -> None:
    source = "import pandas as pd; df = pd.DataFrame({'a': ['x', 'y']}); d = {'b': {1, 2}}"
    first, second = (bench.made(source, "df", "d") for _ in range(2))
    assert [one.blob.digest for one in first] == [one.blob.digest for one in second]


# -- sharing


def test_names_that_share_a_list_stay_one_list(bench: Bench) -> None:
    made = bench.made("a = [1]; b = {'k': a}; c = [1]", "a", "b", "c")
    assert [staged.blob.names for staged in made] == [("a", "b"), ("c",)]
    report = bench.run("a.append(2)", inputs=made, input_names=("a", "b"), declared_writes=("a",))
    assert bench.namespace["b"] == {"k": [1, 2]}
    assert report.found_mutations == ("b",)


def test_a_hidden_member_of_a_group_is_watched(bench: Bench) -> None:
    made = bench.made("a = [1]; b = {'k': a}", "a", "b")
    report = bench.run("a.append(2)", inputs=made, input_names=("a",), declared_writes=("a",))
    assert "b" not in bench.namespace
    assert report.found_mutations == ("b",)


def test_one_frame_under_two_names_stays_one_frame(bench: Bench) -> None:
    made = bench.made("import pandas as pd; df = pd.DataFrame({'a': [1]}); same = df", "df", "same")
    assert [staged.blob.names for staged in made] == [("df", "same")]
    bench.run("df['b'] = 2", inputs=made, input_names=("df", "same"))
    assert list(bench.namespace["same"].columns) == ["a", "b"]


def test_frames_that_pandas_keeps_apart_are_stored_apart(bench: Bench) -> None:
    source = (
        "import pandas as pd; df = pd.DataFrame({'a': [1], 'b': [2]})\n"
        "part = df[['a']]; c = df.copy()"
    )
    made = bench.made(source, "df", "part", "c")
    assert [staged.blob.kind for staged in made] == ["table"] * 3


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np; a = np.arange(9.); b = a[2:5]",
        "import numpy as np; a = np.arange(9.).reshape(3, 3); b = a.T",
        "import pandas as pd; a = pd.DataFrame({'x': [1., 2.]}); b = a['x'].values",
        "import pandas as pd; row = []; a = pd.DataFrame({'x': [row]}); b = pd.Series([row])",
        "def make():\n    n = [0]\n    return (lambda: n.append(1)), (lambda: n)\na, b = make()",
    ],
)
def test_shared_memory_makes_a_group(bench: Bench, source: str) -> None:
    assert [staged.blob.names for staged in bench.made(source, "a", "b")] == [("a", "b")]


def test_two_plots_are_two_values(bench: Bench) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    source = (
        "from matplotlib.figure import Figure\n"
        "one, other = Figure(), Figure()\n"
        "ax = one.subplots(); ax.plot([1, 2], label='x'); ax.legend()\n"
        "other.subplots().bar(['a'], [1])\n"
    )
    made = bench.made(source, "one", "other", "ax")
    assert sorted(staged.blob.names for staged in made) == [("ax", "one"), ("other",)]


def test_an_output_that_is_an_undeclared_input_is_reported(bench: Bench) -> None:
    made = bench.made("a = [1]", "a")
    report = bench.run(
        "b = a", inputs=made, input_names=("a",), outputs=("b",), declared_writes=("b",)
    )
    assert report.alias_groups == (("a", "b"),)
    assert report.found_mutations == ()
    again = bench.run(
        "b = a", inputs=made, input_names=("a",), outputs=("a", "b"), declared_writes=("a", "b")
    )
    assert again.alias_groups == ()
    assert names_of(again) == [("a", "b")]


# -- changes


@pytest.mark.parametrize(
    ("make", "change"),
    [
        ("x = [1]", "x.append(2)"),
        ("x = [[1]]", "x[0].append(2)"),
        ("x = [1]", "x[0] = True"),
        ("x = {'a': 1, 'b': 2}", "x['a'] = x.pop('a')"),
        ("x = {1}", "x.add(2)"),
        ("import numpy as np; x = np.zeros(3)", "x[0] = -0.0"),
        ("import numpy as np; x = np.zeros(3)", "x.flags.writeable = False"),
        ("import pandas as pd; x = pd.DataFrame({'a': [1]})", "x.loc[0, 'a'] = 2"),
        ("import pandas as pd; x = pd.DataFrame({'a': [1]})", "x.columns = ['b']"),
        ("import pandas as pd; x = pd.DataFrame({'a': [1]})", "x.attrs['k'] = 1"),
        ("import pandas as pd; x = pd.DataFrame({'a': [1]})", "x.index.name = 'k'"),
        ("import pandas as pd; x = pd.DataFrame({'a': [[1]]})", "x['a'][0].append(2)"),
        ("import pandas as pd; x = pd.Series([1, 2])", "x.iloc[0] = 5"),
        ("import types; x = types.SimpleNamespace(a=1)", "x.b = 2"),
        ("x = 1", "globals()['x'] = 1.0"),
        ("x = [1]", "del x"),
        ("import collections; x = collections.deque([1])", "x.append(1)"),
        ("import random; x = random.Random(1)", "x.random()"),
        ("import numpy as np; x = np.random.default_rng(1)", "x.random()"),
        ("import itertools, io; x = io.StringIO('ab')", "x.read(1)"),
    ],
)
def test_an_undeclared_change_is_found(bench: Bench, make: str, change: str) -> None:
    made = bench.made(make, "x")
    given: dict[str, Any] = {"inputs": made, "input_names": ("x",), "python_reads": ("x",)}
    assert bench.run("x", **given).found_mutations == ()
    assert bench.run(change, **given).found_mutations == ("x",)
    assert bench.run(change, **given, declared_writes=("x",)).found_mutations == ()


def test_a_change_of_a_value_left_in_the_lane_is_found(bench: Bench) -> None:
    report = bench.run("x.append(1)", namespace={"x": [0]}, lane_inputs=("x",))
    assert report.found_mutations == ("x",)


READ_ONLY = {
    "frame": (
        "import pandas as pd; x = pd.DataFrame({'a': [1., 2.], 'b': ['u', 'v'], 'c': [1., None]})",
        """x.describe(); x.groupby('b').a.sum(); x.values; x.b.str.upper(); x.T; x.index.is_unique
x.sort_values('a'); x.loc[0]; x.to_numpy(); x.memory_usage(deep=True); x.merge(x, on='b')""",
    ),
    "index": (
        "import pandas as pd; x = pd.date_range('2026', periods=3)",
        "x.get_loc('2026-01-02'); x.year",
    ),
    "multiindex": (
        """import pandas as pd
x = pd.DataFrame({'v': [1, 2]}, index=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)]))""",
        "x.loc['a']; x.index.is_monotonic_increasing; x.unstack(); x.xs(1, level=1)",
    ),
    "cached property": (
        "import functools, types\nfrom fractions import Fraction\nx = Fraction(1, 3)",
        "hash(x); x + 1",
    ),
    "regex": ("import re; x = [re.compile('a')]", "x[0].match('a')"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_ONLY)
def test_reading_a_value_is_no_change(bench: Bench, name: str) -> None:
    make, read = READ_ONLY[name]
    made = bench.made(make, "x")
    report = bench.run(read, inputs=made, input_names=("x",), python_reads=("x",))
    assert report.found_mutations == ()


@pytest.mark.parametrize(
    "estimator",
    [
        "linear_model.LinearRegression()",
        "ensemble.RandomForestRegressor(n_estimators=3)",
        "neighbors.KNeighborsRegressor(n_neighbors=1, algorithm='kd_tree')",
        "pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge())",
        "ensemble.HistGradientBoostingRegressor(max_iter=3)",
        "svm.SVR()",
    ],
)
def test_predicting_is_no_change_and_fitting_is(bench: Bench, estimator: str) -> None:
    pytest.importorskip("sklearn")
    imports = (
        "import numpy as np\nfrom sklearn import ensemble, linear_model, neighbors\n"
        "from sklearn import pipeline, preprocessing, svm\n"
    )
    data = "X = np.arange(20.).reshape(10, 2); y = X[:, 0] * 3\n"
    made = bench.made(f"{imports}{data}m = {estimator}.fit(X, y)", "m")
    given: dict[str, Any] = {"inputs": made, "input_names": ("m",)}

    def changed(code: str) -> set[str]:
        found = bench.run(f"{imports}{data}{code}", **given).found_mutations
        # scikit-learn's threads put back the filters that each found: the last one wins.
        return set(found) - {"@warnings"}

    assert changed("m.predict(X); m.score(X, y)") == set()
    assert changed("m.fit(X, y * 2)") == {"m"}


LAZY = (
    "import functools\n"
    "class Lazy:\n"
    "    def __init__(self): self.a = 1\n"
    "    @functools.cached_property\n"
    "    def twice(self): return [self.a * 2]\n"
)


def test_lazy_attributes_of_libraries_may_appear_but_not_change(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = types.ModuleType("lazy_library")
    monkeypatch.setitem(sys.modules, "lazy_library", library)
    exec(LAZY, vars(library))
    source = "from lazy_library import Lazy; x = Lazy(); y = Lazy(); y.twice"
    made = bench.made(source, "x", "y")
    names: dict[str, Any] = {"inputs": made, "input_names": ("x", "y")}
    assert bench.run("x.twice; y.twice", **names).found_mutations == ()
    assert bench.run("y.twice.append(1)", **names).found_mutations == ("y",)
    assert bench.run("y.__dict__.clear()", **names).found_mutations == ("y",)


def test_what_cached_attributes_of_libraries_keep_may_appear_but_not_change(bench: Bench) -> None:
    source = (
        "import statsmodels.api as sm; y = [1.0, 3.0, 2.0]; "
        "x = sm.OLS(y, [1.0, 2.0, 3.0]).fit(); z = sm.OLS(y, [1.0, 2.0, 3.0]).fit(); z.resid"
    )
    made = bench.made(source, "x", "z")
    names: dict[str, Any] = {"inputs": made, "input_names": ("x", "z")}
    assert bench.run("x.bse; x.resid; x.aic", **names).found_mutations == ()
    assert bench.run("z.resid[0] = 7", **names).found_mutations == ("z",)


def test_lazy_attributes_of_the_notebooks_own_classes_are_content(bench: Bench) -> None:
    made = bench.made(LAZY + "x = Lazy()", "x", provided=("Lazy",))
    here: dict[str, Any] = {"__name__": "__main__"}
    exec(LAZY, here)
    names: dict[str, Any] = {"inputs": made, "input_names": ("x",), "provided": ("Lazy",)}
    assert bench.run("x.twice", namespace=here, **names).found_mutations == ("x",)


def test_the_result_of_a_command_keeps_its_text_unseen(bench: Bench) -> None:
    made = bench.made("from IPython.utils.text import SList; x = SList(['a', 'b'])", "x")
    names: dict[str, Any] = {"inputs": made, "input_names": ("x",)}
    assert bench.run("x.n; x.s; x.p", **names).found_mutations == ()
    assert bench.run("x.append('c')", **names).found_mutations == ("x",)


# -- SQL


def test_a_table_that_only_sql_reads_is_attached_and_not_bound(bench: Bench) -> None:
    made = bench.made("import pandas as pd; df = pd.DataFrame({'a': [1]}, index=[7])", "df")
    bench.run("", inputs=made, input_names=("df",))
    assert "df" not in bench.namespace
    assert bench.session.is_sql("df")
    read = bench.session.reads["df"]
    assert read is not None
    assert read().index.tolist() == [7]


def test_a_large_table_of_a_former_run_is_pythons(bench: Bench, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 8])
    seal = read_seal(bench.store.key())
    path, _ = tables.write_large(frame, tmp_path / "large", seal=seal, summing=blake3())
    blob = Blob(
        names=("df",), kind="table", digest=tables.content_digest(frame), suffix=path.suffix[1:]
    )
    made = StagedBlob(blob=blob, path=str(path))
    kept = StagedBlob(blob=blob, path=str(bench.store.path(bench.store.commit(made))))
    given: dict[str, Any] = {"inputs": (kept,), "input_names": ("df",), "python_reads": ("df",)}
    report = bench.run("df.iloc[0, 0] = 5", **given)
    assert report.found_mutations == ("df",)
    assert bench.namespace["df"].a.tolist() == [5, 2]
    bench.run("", **given)
    assert tables.content_digest(bench.namespace["df"]) == tables.content_digest(frame)


def test_a_table_of_sql_stays_sqls_also_where_python_reads_it(bench: Bench) -> None:
    def query(_: dict[str, Any], session: FakeSession) -> None:
        session.held["t"] = tables.natural(pd.DataFrame({"n": [1, 2]}))

    made = bench.made(query, "t")
    assert made[0].blob.kind == "table"
    assert made[0].blob.rows == 2
    bench.run("total = int(t.n.sum())", inputs=made, input_names=("t",), python_reads=("t",))
    assert bench.namespace["total"] == 3
    assert bench.session.is_sql("t")


def test_a_table_of_sql_that_python_keeps_under_another_name_stays_one_frame(bench: Bench) -> None:
    def query(namespace: dict[str, Any], session: FakeSession) -> None:
        session.held["t"] = tables.natural(pd.DataFrame({"n": [1, 2]}))
        namespace["t"] = namespace["same"] = pd.DataFrame({"n": [1, 2]})

    made = bench.made(query, "t", "same")
    assert [staged.blob.names for staged in made] == [("same", "t")]


def test_an_input_of_sql_that_python_keeps_under_another_name_is_reported(bench: Bench) -> None:
    def query(_: dict[str, Any], session: FakeSession) -> None:
        session.held["t"] = tables.natural(pd.DataFrame({"n": [1, 2]}))

    made = bench.made(query, "t")
    names: dict[str, Any] = {"inputs": made, "input_names": ("t",), "python_reads": ("t",)}
    report = bench.run("same = t", **names, outputs=("same",), declared_writes=("same",))
    assert report.alias_groups == (("same", "t"),)


def test_a_change_of_a_table_by_sql_is_found(bench: Bench) -> None:
    def query(_: dict[str, Any], session: FakeSession) -> None:
        session.held["t"] = tables.natural(pd.DataFrame({"n": [1, 2]}))

    def update(_: dict[str, Any], session: FakeSession) -> None:
        session.changed.add("t")

    made = bench.made(query, "t")
    assert bench.run(update, inputs=made, input_names=("t",)).found_mutations == ("t",)


# -- with the real session


@pytest.fixture
def sql(bench: Bench) -> Iterator[Callable[[], tuple[dict[str, Any], Any]]]:
    """New lanes with a real SQL session."""
    sessions: list[SqlSession] = []

    def new_lane() -> tuple[dict[str, Any], Any]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        sessions.append(SqlSession(namespace, parse=parse_sql))
        return namespace, sessions[-1]

    yield new_lane
    for session in sessions:
        session.close()


def test_sql_and_python_hand_each_other_tables(bench: Bench, sql: Any) -> None:
    def step(body: Any, **wanted: Any) -> TaskReport:
        namespace, session = sql()
        return bench.run(body, namespace=namespace, session=session, **wanted)

    sales = "import pandas as pd; sales = pd.DataFrame({'r': ['n', 's', 'n'], 'v': [1, 2, 3]})"
    made = bench.commit(step(sales, outputs=("sales",), declared_writes=("sales",)))

    report = step(
        lambda _, session: session.run("SELECT r, sum(v) t FROM sales GROUP BY r", name="totals"),
        inputs=made, input_names=("sales",), outputs=("totals",), declared_writes=("totals",),
    )  # fmt: skip
    assert report.found_mutations == ()
    totals = bench.commit(report)
    assert (totals[0].blob.kind, totals[0].blob.rows) == ("table", 2)

    names: dict[str, Any] = {"inputs": totals, "input_names": ("totals",)}
    report = step("x = totals.t.sum()", **names, python_reads=("totals",))
    assert report.found_mutations == ()
    assert bench.namespace["x"] == 6
    report = step("totals['t'] = 0", **names, python_reads=("totals",))
    assert report.found_mutations == ("totals",)
    report = step(lambda _, s: s.run("DELETE FROM totals"), **names)
    assert report.found_mutations == ("totals",)
    report = step(
        lambda _, s: s.run("DELETE FROM totals WHERE t < 3"),
        **names, outputs=("totals",), declared_writes=("totals",),
    )  # fmt: skip
    assert report.found_mutations == ()
    assert report.outputs[0].blob.rows == 1
    assert bench.store.verify(totals[0].blob)


# -- ambient channels


def test_channels_travel(bench: Bench) -> None:
    made = bench.made("import random; random.seed(5)", "@random")
    assert made[0].blob.kind == "ambient"
    drawn = []
    for _ in range(2):
        bench.run("import random; v = random.random()", inputs=made, input_names=("@random",))
        drawn.append(bench.namespace["v"])
    assert drawn[0] == drawn[1]


def test_an_undeclared_change_of_a_channel_is_found(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setenv("NBFLOW_TEST", "before")
    change = "import os; os.environ['NBFLOW_TEST'] = 'after'"
    assert bench.run(change).found_mutations == ("@environ",)
    change = "import os; os.environ['NBFLOW_TEST'] = 'again'"
    assert bench.run(change, declared_writes=("@environ",)).found_mutations == ()


def test_drawing_counts_only_where_the_plan_follows_the_generator(bench: Bench) -> None:
    made = bench.made("import random; random.seed(5)", "@random")
    assert bench.run("import random; random.random()").found_mutations == ()
    found = bench.run("import random; random.random()", inputs=made, input_names=("@random",))
    assert found.found_mutations == ("@random",)


# -- surroundings


@pytest.fixture
def local_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "helpers_of_c.py").write_text("cache = {}\nlimit = 1\ndef f(): cache['x'] = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("helpers_of_c")
    yield "helpers_of_c"
    del sys.modules["helpers_of_c"]


@pytest.mark.parametrize(
    "change", ["helpers_of_c.f()", "helpers_of_c.limit = 2", "helpers_of_c.new = 1"]
)
def test_a_change_of_a_local_modules_state_is_found(
    bench: Bench, local_module: str, change: str
) -> None:
    report = bench.run(f"import {local_module}; {change}")
    assert report.found_mutations == (f"@module:{local_module}",)
    assert bench.run(f"import {local_module}").found_mutations == ()


def test_threads_left_running_are_reported(bench: Bench) -> None:
    stop = threading.Event()

    def work(*_: Any) -> None:
        threading.Thread(target=stop.wait).start()

    try:
        assert bench.run(work).dynamic_effects == ("threads",)
    finally:
        stop.set()


def test_a_pool_that_joblib_keeps_is_not_left_running(bench: Bench) -> None:
    """Its workers, and the two threads that feed and watch them, wait for the next call."""
    joblib = pytest.importorskip("joblib")

    def work(*_: Any) -> None:
        joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in range(4))

    assert bench.run(work).dynamic_effects == ()
    assert any(thread.name == "QueueFeederThread" for thread in threading.enumerate())


@pytest.mark.skipif(sys.platform != "linux", reason="children are found on Linux")
def test_child_processes_left_running_are_reported(bench: Bench) -> None:
    """However young: a program that is being started has no command line for a moment."""
    for _ in range(50):
        children: list[subprocess.Popen[bytes]] = []

        def work(*_: Any, started: list[Any] = children) -> None:
            started.append(subprocess.Popen(["sleep", "60"]))

        try:
            assert bench.run(work).dynamic_effects == ("children",)
        finally:
            children[0].kill()
            children[0].wait()


@pytest.mark.skipif(sys.platform != "linux", reason="children are found on Linux")
def test_an_ended_child_that_nobody_waited_for_is_not_left_running(bench: Bench) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def work(*_: Any) -> None:
        children.append(subprocess.Popen(["true"]))
        os.waitid(os.P_PID, children[0].pid, os.WEXITED | os.WNOWAIT)

    assert bench.run(work).dynamic_effects == ()
    children[0].wait()


def test_tasks_left_running_are_reported(bench: Bench) -> None:
    async def main() -> tuple[str, ...]:
        tasks: list[asyncio.Task[None]] = []
        pending = asyncio.Event()

        async def wait() -> None:
            await pending.wait()

        report = bench.run(lambda *_: tasks.append(asyncio.ensure_future(wait())))
        tasks[0].cancel()
        return report.dynamic_effects

    assert asyncio.run(main()) == ("tasks",)


# -- damage


def test_c34_c67_a_damaged_input_is_never_loaded(bench: Bench) -> None:
    made = bench.made("x = [1]", "x")
    path = Path(made[0].path)
    path.chmod(0o644)
    path.write_text("[2]")
    with pytest.raises(StoreError, match="damaged"):
        bench.run("", inputs=made, input_names=("x",))


def test_c36_a_missing_input_is_said(bench: Bench) -> None:
    made = bench.made("import pandas as pd; df = pd.DataFrame({'a': [1]})", "df")
    Path(made[0].path).unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        bench.run("", inputs=made, input_names=("df",))


def test_c67_another_projects_pickle_is_never_loaded(bench: Bench, tmp_path: Path) -> None:
    made = bench.made("import uuid; x = uuid.UUID(int=1)", "x")
    (tmp_path / "elsewhere").mkdir()
    stranger = Bench(tmp_path / "elsewhere")
    bare = dataclasses.replace(made[0], path=str(tmp_path / "copy.pickle"))
    (tmp_path / "copy.pickle").write_bytes(Path(made[0].path).read_bytes())
    with pytest.raises(StoreError, match="not sealed"):
        stranger.run("", inputs=(bare,), input_names=("x",))


def test_pickle_false_makes_a_pickled_value_unstorable(bench: Bench) -> None:
    report = bench.run(
        "import uuid; x = uuid.UUID(int=1); n = 1", outputs=("x", "n"), allow_pickle=False
    )
    assert names_of(report) == [("n",)]
    assert "pickle" in report.unstorable[0].why


def test_the_report_is_plain_data(bench: Bench) -> None:
    report = bench.run("x = '\\ud800'; y = '\\0'; g = iter([])", outputs=("x", "y", "g"))
    msgspec = pytest.importorskip("msgspec")
    again = msgspec.json.decode(msgspec.json.encode(report), type=TaskReport)
    assert again == report


def test_types_used_here_fit_the_session() -> None:
    from nbflow.inside.inputs import Session

    session: Session = FakeSession({})
    assert isinstance(session, FakeSession)
    assert isinstance(np, types.ModuleType)


# -- groups with old members


@pytest.mark.parametrize("newer_first", [True, False])
def test_an_old_member_of_a_group_does_not_hide_a_newer_version(
    bench: Bench, newer_first: bool
) -> None:
    group = bench.made("x = [1]; keep = x", "keep", "x")
    newer = bench.made("x = [5]", "x")
    inputs = (*newer, *group) if newer_first else (*group, *newer)
    old: tuple[tuple[str, ...], ...] = ((), ("x",)) if newer_first else (("x",), ())
    report = bench.run(
        "keep.append(2)", inputs=inputs, superseded=old, input_names=("keep", "x"),
        outputs=("keep",), declared_writes=("keep",),
    )  # fmt: skip
    assert (bench.namespace["keep"], bench.namespace["x"]) == ([1, 2], [5])
    assert names_of(report) == [("keep",)]
    assert report.found_mutations == ()


def test_an_old_member_of_a_group_may_change_unseen(bench: Bench) -> None:
    group = bench.made("x = [1]; keep = x", "keep", "x")
    report = bench.run(
        "keep.append(2)", inputs=group, superseded=(("x",),), input_names=("keep",),
        outputs=("keep",), declared_writes=("keep",),
    )  # fmt: skip
    assert report.found_mutations == report.alias_groups == ()
    assert "x" not in bench.namespace


@pytest.mark.parametrize("make", ["s = pd.Series(a, copy=False)", "s = pd.Index(a, copy=False)"])
def test_a_table_of_an_array_is_stored_with_it(bench: Bench, make: str) -> None:
    made = bench.made(f"import numpy as np, pandas as pd\na = np.array([1, 2])\n{make}", "a", "s")
    bench.run("a[0] = 9", inputs=made, input_names=("a", "s"), outputs=("a",))
    assert bench.namespace["s"].tolist() == [9, 2]


@pytest.mark.parametrize("make", ["pa.array(a)", "pa.table({'x': a})", "pa.chunked_array([a])"])
def test_what_arrow_sees_of_an_array_stays_with_it(bench: Bench, make: str) -> None:
    source = f"import numpy as np, pyarrow as pa\na = np.array([1, 2])\narrow = {make}"
    given: dict[str, Any] = {"outputs": ("a", "arrow"), "declared_writes": ("a", "arrow")}
    report = bench.run(source, **given)
    assert {one.name for one in report.unstorable} == {"a", "arrow"}
    report = bench.run(f"{source}\na.flags.writeable = False", **given)
    assert names_of(report) == [("a",), ("arrow",)]
    report = bench.run(f"{source}\na = a.copy()", **given)
    assert names_of(report) == [("a",), ("arrow",)]


# -- what other names cannot tell


@pytest.mark.parametrize("make", ["view = owner.keys()", "view = owner.items()"])
def test_a_view_of_a_dict_is_stored_with_it(bench: Bench, make: str) -> None:
    made = bench.made("owner = {'a': 1}", "owner")
    report = bench.run(
        make, inputs=made, input_names=("owner",), outputs=("view",), declared_writes=("view",)
    )
    assert report.alias_groups == (("owner", "view"),)


def test_a_memoryview_is_stored_with_its_bytes(bench: Bench) -> None:
    made = bench.made("owner = bytearray(b'abc'); view = memoryview(owner)", "owner", "view")
    report = bench.run(
        "view[0] = 120", inputs=made, input_names=("view",),
        outputs=("view",), declared_writes=("view",),
    )  # fmt: skip
    assert report.found_mutations == ("owner",)


def test_an_index_that_is_renamed_in_place_is_told(bench: Bench) -> None:
    made = bench.made("import pandas as pd; df = pd.DataFrame({'a': [1]})", "df")
    given: dict[str, Any] = {
        "inputs": made, "input_names": ("df",), "python_reads": ("df",),
        "outputs": ("df",), "declared_writes": ("df",),
    }  # fmt: skip
    assert bench.run("df.index.name = 'key'", **given).dynamic_effects == ("index_names",)
    assert bench.run("df.columns.name = 'key'", **given).dynamic_effects == ("index_names",)
    assert bench.run("df = df.rename_axis('key')", **given).dynamic_effects == ()


@pytest.mark.parametrize(
    "change",
    [
        "logging.getLogger('mine').addHandler(logging.StreamHandler())",
        "logging.getLogger('mine').setLevel('DEBUG')",
        "logging.getLogger().addFilter(print)",
    ],
)
def test_loggers_that_are_set_up_otherwise_are_told(bench: Bench, change: str) -> None:
    mine, root = logging.getLogger("mine"), logging.getLogger()
    try:
        report = bench.run(f"import logging; {change}")
    finally:
        mine.handlers.clear()
        mine.setLevel(logging.NOTSET)
        root.removeFilter(print)
    assert report.found_mutations == ("@module:logging",)


def test_loggers_of_libraries_and_plain_ones_are_no_news(bench: Bench) -> None:
    source = (
        "import logging, colorsys; logging.getLogger('colorsys').setLevel('DEBUG')\n"
        "logging.getLogger('another').addHandler(logging.NullHandler())"
    )
    assert bench.run(source).found_mutations == ()


# -- plots


def test_two_axes_of_a_figure_have_digests_of_their_own(bench: Bench) -> None:
    source = "from matplotlib.figure import Figure; one, other = Figure().subplots(2)"
    made = [bench.made(source, name) for name in ("one", "other")]
    assert len({staged.blob.digest for (staged,) in made}) == 2


def test_a_change_of_a_figure_is_a_change_of_its_axes(bench: Bench) -> None:
    made = bench.made(
        "from matplotlib.figure import Figure; fig = Figure(); ax = fig.subplots()", "fig", "ax"
    )
    given: dict[str, Any] = {"inputs": made, "input_names": ("fig", "ax")}
    changed = bench.run("fig.suptitle('x')", declared_writes=("fig",), **given)
    assert changed.found_mutations == ("ax",)
    assert bench.run("fig.draw_without_rendering()", **given).found_mutations == ()


# -- what is left alone


def left_alone(bench: Bench, made: Any, source: str, *names: str, writes: Any = ()) -> set[str]:
    report = bench.run(
        source, inputs=made, input_names=names, may_writes=names, outputs=(*names, *writes),
        declared_writes=(*names, *writes), python_reads=names,
    )  # fmt: skip
    return set(report.untouched)


def test_what_a_step_might_have_changed_and_did_not(bench: Bench) -> None:
    made = bench.made("import pandas as pd\na = [1]; df = pd.DataFrame({'x': [1]})", "a", "df")
    assert left_alone(bench, made, "len(a); df.sum()", "a", "df") == {"a", "df"}
    assert left_alone(bench, made, "a.append(1)", "a", "df") == {"df"}
    assert left_alone(bench, made, "df['y'] = 1", "a", "df") == {"a"}
    assert left_alone(bench, made, "a = [1]", "a", "df") == {"df"}


def test_what_shares_with_a_result_may_change_later(bench: Bench) -> None:
    made = bench.made("a = [[1]]; b = [2]", "a", "b")
    assert left_alone(bench, made, "c = a[0]", "a", "b", writes=("c",)) == {"b"}


def test_what_shares_with_a_result_as_foreseen_was_not_changed(bench: Bench) -> None:
    made = bench.made("a = [[1]]; b = [2]", "a", "b")
    given: dict[str, Any] = {
        "inputs": made, "input_names": ("a", "b"), "may_writes": ("a", "b"),
        "outputs": ("a", "b", "c"), "declared_writes": ("a", "b", "c"),
        "together": (("a", "c"),), "python_reads": ("a", "b"),
    }  # fmt: skip
    report = bench.run("c = a[0]", **given)
    assert (report.untouched, report.lent) == (("b",), ("a",))
    report = bench.run("c = [a[0], b]", **given)
    assert (report.untouched, report.lent) == ((), ())
    report = bench.run("c = a[0]; c.append(2)", **given)
    assert (report.untouched, report.lent) == (("b",), ())


def test_a_change_of_what_is_only_handed_on_is_found(bench: Bench) -> None:
    made = bench.made("a = [1]; c = [a]", "a", "c")
    given: dict[str, Any] = {
        "inputs": made, "input_names": ("a", "c"), "outputs": ("a", "c"),
        "declared_writes": ("a", "c"), "spared": ("a",),
    }  # fmt: skip
    assert bench.run("c.append(1)", **given).found_mutations == ()
    assert bench.run("c[0].append(1)", **given).found_mutations == ("a",)


def test_sharing_that_the_text_tells_is_no_news(bench: Bench) -> None:
    made = bench.made("a = [[1]]", "a")
    given: dict[str, Any] = {
        "inputs": made, "input_names": ("a",), "outputs": ("c",), "declared_writes": ("c",)
    }  # fmt: skip
    assert bench.run("c = a[0]", **given).alias_groups == (("a", "c"),)
    assert bench.run("c = a[0]", together=(("a", "c"),), **given).alias_groups == ()


def test_a_value_without_content_is_never_left_alone(bench: Bench) -> None:
    namespace = {"g": (i for i in [1])}
    report = bench.run("", namespace=namespace, lane_inputs=("g",), may_writes=("g",))
    assert report.untouched == ()


def test_a_generator_that_was_not_drawn_from(bench: Bench) -> None:
    wanted = {"may_writes": ("@random",), "declared_writes": ("@random",)}
    assert bench.run("", **wanted).untouched == ("@random",)
    assert bench.run("import random; random.random()", **wanted).untouched == ()


def test_a_draw_from_a_spared_generator_is_found(bench: Bench) -> None:
    report = bench.run("import random; random.random()", spared=("@random",))
    assert report.found_mutations == ("@random",)


def test_what_cannot_be_looked_through_is_no_witness(bench: Bench) -> None:
    made = bench.made("class Thing: pass\na = [1]", "a")
    source = "g = (x for x in a)"
    assert left_alone(bench, made, source, "a", writes=("g",)) == set()
