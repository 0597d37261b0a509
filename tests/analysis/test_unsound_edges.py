"""Edges that were missing once: each is a notebook that gives a wrong result without.

`needs` are pairs (writer cell, reader cell) as in `test_commonest_misses.py`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from nbflow.analysis.arguments import OUT_AT
from nbflow.analysis.effects import load_effects
from nbflow.core.step import StepId

sys.path.insert(0, str(Path(__file__).parent))
from test_commonest_misses import Miss, graph_of, miss, waits

PD = "import numpy as np, pandas as pd, matplotlib.pyplot as plt"

CASES = (
    miss(
        "a tuple shows an array by numpy's settings",
        PD,
        "arr = np.array([1.23456, 2.3])",
        "pair = (arr, 1)",
        "np.set_printoptions(precision=2)",
        "pair",
        needs={(3, 4)},
    ),
    miss(
        "a tuple shows a table by pandas' settings",
        PD,
        'df = pd.DataFrame({"x": [1.23456]})',
        "pair = (df, 1)",
        'pd.set_option("display.precision", 2)',
        'print(f"{pair}")',
        needs={(3, 4)},
    ),
    miss(
        "a mean is a number of numpy, which its settings show",
        PD,
        'df = pd.DataFrame({"x": [1.2, 2.3]})',
        "v = df.x.mean()",
        'np.set_printoptions(legacy="1.25")',
        "v",
        needs={(3, 4)},
    ),
    miss(
        "what numpy does with zero holds for its numbers",
        PD,
        'df = pd.DataFrame({"x": [1.2, 2.3]})',
        "v = df.x.sum()",
        'np.seterr(all="raise")',
        "v / 0",
        needs={(3, 4)},
    ),
    miss(
        "a drawing function is mapped",
        PD,
        'plt.rcParams["lines.linewidth"] = 8',
        "list(map(plt.plot, [[1, 2]]))",
        needs={(1, 2)},
    ),
    miss(
        "a setting is set by a function from a list",
        PD,
        'for f, a in [(pd.set_option, ("display.precision", 1))]:\n    f(*a)',
        'df = pd.DataFrame({"x": [1.5]})',
        "df",
        needs={(1, 3)},
    ),
    miss(
        "a formula names what is no column",
        PD,
        "import statsmodels.formula.api as smf",
        "shift = 2",
        "def centred(v):\n    return v - shift",
        "shift = 3",
        'df = pd.DataFrame({"x": [1.0, 2.0, 4.0], "y": [1.0, 3.0, 4.0]})',
        'smf.ols("y ~ centred(x)", df).fit().params',
        needs={(4, 6)},
    ),
    miss(
        "a formula names a value, and is given to a method",
        PD,
        "from linearmodels import PanelOLS",
        "edges = np.array([1, 2])",
        "edges[0] = 0",
        "df = pd.DataFrame()",
        'PanelOLS.from_formula("y ~ cut(x, bins=edges)", data=df)',
        needs={(3, 5)},
    ),
    miss(
        "cross-validation draws",
        "import numpy as np\nfrom sklearn.model_selection import KFold",
        "np.random.seed(1)",
        "k = KFold(2, shuffle=True)",
        "a = [i.sum() for i, _ in k.split(np.zeros((4, 1)))]",
        "b = np.random.rand()",
        needs={(1, 3), (3, 4)},
    ),
    miss(
        "the consumer of a generator runs its walrus",
        "x = 1",
        "y = ((x := i) for i in [5])",
        "list(y)",
        "print(x)",
        needs={(2, 3)},
    ),
    miss(
        "a name is a table elsewhere",
        "import json, pandas as pd",
        "x = json.loads('{\"a\": [1]}')",
        'y = x["a"]',
        "y.append(3)",
        "print(x)",
        'x = pd.DataFrame({"a": [1]})',
        "print(x.loc[0])",
        needs={(3, 4)},
    ),
    miss(
        "a parameter is named like a table",
        "import json, pandas as pd",
        'def f(x):\n    y = x["a"]\n    y.append(1)',
        "d = json.loads('{\"a\": [1]}')",
        "f(d)",
        "print(d)",
        'x = pd.DataFrame({"a": [1]})',
        "print(x.loc[0])",
        needs={(3, 4)},
    ),
    miss(
        "inplace comes in a dict of keywords",
        PD,
        'df = pd.DataFrame({"x": [1], "g": [2]})',
        'kw = {"inplace": True}',
        'df.drop(columns="x", **kw)',
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "callbacks in a dict",
        PD,
        'df = pd.DataFrame({"x": [1], "g": [2]})\nseen = []',
        'df.agg({"x": lambda s: seen.append(1)})',
        "print(seen)",
        needs={(2, 3)},
    ),
    miss(
        "astype without a copy",
        PD,
        "arr = np.arange(6.0)",
        "b = arr.astype(float, copy=False)",
        "b[0] = 50",
        "print(arr)",
        needs={(3, 4)},
    ),
    miss(
        "np.array without a copy",
        PD,
        "arr = np.arange(6.0)",
        "b = np.array(arr, copy=None)",
        "b[0] = 50",
        "print(arr)",
        needs={(3, 4)},
    ),
    miss(
        "nan_to_num in place",
        PD,
        "arr = np.array([np.nan, 1])",
        "b = np.nan_to_num(arr, copy=False)",
        "print(arr)",
        needs={(2, 3)},
    ),
    miss(
        "meshgrid without a copy",
        PD,
        "arr = np.arange(6.0)",
        "b, c = np.meshgrid(arr, arr, copy=False)",
        "arr[0] = 50",
        "print(b)",
        needs={(3, 4)},
    ),
    miss(
        "a table without a copy",
        PD,
        "arr = np.arange(6.0)",
        'df = pd.DataFrame({"a": arr}, copy=False)',
        "arr[0] = 50",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "a copy of a table holds the same lists",
        PD,
        'df = pd.DataFrame({"a": [[1], [2]]})',
        "e = df.copy()",
        "e.a[0].append(5)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "a column is made of a list's lists",
        PD,
        "a = [1]\ns = pd.Series([a, [2]])",
        "a.append(2)",
        "print(s)",
        needs={(2, 3)},
    ),
    miss(
        "tolist gives the column's lists",
        PD,
        "s = pd.Series([[1], [2]])",
        "x = s.tolist()",
        "x[0].append(4)",
        "print(s)",
        needs={(3, 4)},
    ),
    miss(
        "to_dict gives the column's dicts",
        PD,
        'df = pd.DataFrame({"a": [{1: 2}]})',
        'x = df.to_dict("records")',
        'x[0]["a"][3] = 4',
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "concat keeps the cells' dicts",
        PD,
        'df = pd.DataFrame({"a": [{1: 2}]})\ne = pd.concat([df, df])',
        "x = e.a.iloc[0]",
        "x[3] = 4",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "merge keeps the cells' lists",
        PD,
        'df = pd.DataFrame({"k": [1]})\ne = pd.DataFrame({"k": [1], "b": [[5]]})\nm = df.merge(e)',
        "m.b[0].append(1)",
        "print(e)",
        needs={(2, 3)},
    ),
    miss(
        "a copy of an array of objects",
        PD,
        "a = np.empty(2, dtype=object)\na[0] = [1]\nb = a.copy()",
        "b[0].append(2)",
        "print(a)",
        needs={(2, 3)},
    ),
    miss(
        "max of a column is one of its lists",
        PD,
        'df = pd.DataFrame({"a": [[1], [2]]})',
        "m = max(df.a, key=len)",
        "m.append(7)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "zip of a column into a dict",
        PD,
        'df = pd.DataFrame({"a": [[1], [2]]})',
        'm = dict(zip(["p", "q"], df.a))',
        'm["p"].append(7)',
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "items of a column into a dict",
        PD,
        'df = pd.DataFrame({"a": [[1], [2]]})',
        "m = {k: v for k, v in df.a.items()}",
        "m[0].append(7)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "groups collected into lists",
        PD,
        'df = pd.DataFrame({"k": [1, 1], "v": [[1], [2]]})',
        'p = df.groupby("k").v.apply(list)',
        "p[1][0].append(7)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "the first of each group",
        PD,
        'df = pd.DataFrame({"k": [1, 1], "v": [[1], [2]]})',
        'p = df.groupby("k").v.first()',
        "p[1].append(7)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "values of a part of a column",
        PD,
        'df = pd.DataFrame({"k": [1, 2], "v": [[1], [2]]})',
        'p = df.loc[df.k == 1, "v"].values[0]',
        "p.append(7)",
        "print(df)",
        needs={(3, 4)},
    ),
    miss(
        "one value, squeezed",
        PD,
        "s = pd.Series([[1]])",
        "p = s.squeeze()",
        "p.append(7)",
        "print(s)",
        needs={(3, 4)},
    ),
    miss(
        "an import reads a file that a cell writes",
        "from pathlib import Path",
        'Path("mine.py").write_text("v = 1");',
        "import mine",
        "print(mine.v)",
        needs={(1, 3)},
    ),
    miss(
        "np.save adds a suffix",
        PD,
        'np.save("a", np.zeros(1))',
        'print(np.load("a.npy"))',
        needs={(1, 2)},
    ),
    miss(
        "np.savez adds a suffix",
        PD,
        'np.savez("a", x=np.zeros(1))',
        'print(np.load("a.npz")["x"])',
        needs={(1, 2)},
    ),
    miss(
        "savefig adds a suffix",
        "import matplotlib.pyplot as plt, os",
        "fig, ax = plt.subplots()",
        'fig.savefig("a")',
        'print(os.path.exists("a.png"))',
        needs={(2, 3)},
    ),
    miss(
        "a path below the current folder",
        "import pandas as pd\nfrom pathlib import Path",
        'df = pd.DataFrame({"x": [1]})',
        'df.to_csv(Path.cwd() / "a.csv")',
        'print(pd.read_csv("a.csv"))',
        needs={(2, 3)},
    ),
    miss(
        "a path glued to the current folder",
        "import pandas as pd, os",
        'df = pd.DataFrame({"x": [1]})',
        'df.to_csv(os.getcwd() + "/a.csv")',
        'print(pd.read_csv("a.csv"))',
        needs={(2, 3)},
    ),
    miss(
        "a listing of the current folder",
        "import os\nfrom pathlib import Path",
        'Path("a.txt").write_text("1");',
        "print(sorted(os.listdir()))",
        needs={(1, 2)},
    ),
    miss(
        "a scan of the current folder",
        "import os\nfrom pathlib import Path",
        'Path("a.txt").write_text("1");',
        "print([e.name for e in os.scandir()])",
        needs={(1, 2)},
    ),
    miss(
        "a lazy table reads its file when it is collected",
        'import polars as pl\npl.DataFrame({"a": [1]}).write_csv("a.csv")',
        'lazy = pl.scan_csv("a.csv")',
        'pl.DataFrame({"a": [2]}).write_csv("a.csv")',
        "print(lazy.collect())",
        needs={(2, 3)},
    ),
    miss(
        "an open file is read after it was written anew",
        'open("a.txt", "w").write("1");',
        'f = open("a.txt")',
        'open("a.txt", "w").write("2");',
        "print(f.read())",
        needs={(2, 3)},
    ),
    miss(
        "a file is packed into an archive",
        "import zipfile",
        'open("a", "w").write("1");',
        'with zipfile.ZipFile("z.zip", "w") as z:\n    z.write("a")',
        needs={(1, 2)},
    ),
    miss(
        "decimal's context has a name",
        "import decimal\nfrom decimal import Decimal",
        "c = decimal.getcontext()",
        "c.prec = 4",
        "print(Decimal(1) / 3)",
        needs={(2, 3)},
    ),
    miss(
        "configparser reads a file",
        "import configparser",
        'open("c.ini", "w").write("[a]\\nb = 1\\n");',
        'd = configparser.ConfigParser()\nd.read("c.ini")\nprint(d["a"]["b"])',
        needs={(1, 2)},
    ),
    miss(
        "a shelf is a file",
        "import shelve",
        's = shelve.open("s")\ns["a"] = 1\ns.close()',
        'print(shelve.open("s")["a"])',
        needs={(1, 2)},
    ),
    miss(
        "a csv writer writes its file",
        "import csv",
        'w = csv.writer(open("a.csv", "w"))',
        "w.writerow([1])\ndel w",
        'print(open("a.csv").read())',
        needs={(2, 3)},
    ),
    miss(
        "a notebook's method has a table's method's name",
        "class T:\n    n = 0\n    def predict(self):\n        self.n += 1\n        return self",
        "import types\nns = types.SimpleNamespace(a=T())",
        "v = ns.a",
        "r = v.predict()",
        "print(ns.a.n)",
        needs={(3, 4)},
    ),
    miss(
        "the best of a list of instances",
        "import operator",
        "class T:\n    n = 0\n    def describe(self):\n        self.n += 1",
        "xs = [T(), T()]",
        'best = max(xs, key=operator.attrgetter("n"))',
        "best.describe()",
        "print([x.n for x in xs])",
        needs={(4, 5)},
    ),
    miss(
        "str() of an instance changes it",
        'class P:\n    c = 0\n    def __str__(self):\n        self.c += 1\n        return "x"',
        "p = P()",
        "print(p)",
        "print(p.c)",
        needs={(2, 3)},
    ),
    miss(
        "an f-string of a list of instances changes them",
        'class P:\n    c = 0\n    def __repr__(self):\n        self.c += 1\n        return "x"',
        "p = P()",
        'z = f"{[p]}"',
        "print(p.c)",
        needs={(2, 3)},
    ),
    miss(
        "the truth of an instance changes it",
        "class P:\n    c = 0\n    def __bool__(self):\n        self.c += 1\n        return True",
        "p = P()",
        "if p:\n    z = 1",
        "print(p.c)",
        needs={(2, 3)},
    ),
    miss(
        "a class takes a global list",
        "a = [3, 1]",
        "class K:\n    v = a",
        "K.v.sort()",
        "print(a)",
        needs={(2, 3)},
    ),
    miss(
        "the consumer of a generator runs its appends",
        "x = [1]",
        "y = (x.append(i) for i in range(2))",
        "n = sum(1 for _ in y)",
        "print(x)",
        needs={(2, 3)},
    ),
    miss(
        "an array of objects holds a list's lists",
        "import numpy as np",
        "x = [[1], [2]]",
        "y = np.array(x + [[3, 4]], dtype=object)",
        "y[0].append(1)",
        "print(x)",
        needs={(3, 4)},
    ),
    miss(
        "parts of a split can be changed",
        "import numpy as np\nfrom sklearn.model_selection import KFold",
        "train, test = next(KFold(2).split(np.zeros((4, 1))))",
        "train[0] = 9",
        "print(train)",
        needs={(2, 3)},
    ),
    miss(
        "the place of an instance changes it",
        "class P:\n    c = 0\n    def __index__(self):\n        self.c += 1\n        return 0",
        "p = P()",
        "z = [1][p]",
        "print(p.c)",
        needs={(2, 3)},
    ),
    miss(
        "a memory map writes its file",
        'import numpy as np\nm = np.memmap("a.bin", dtype="f8", mode="w+", shape=3)',
        "m[:] = 1\nm.flush()",
        'print(np.fromfile("a.bin"))',
        needs={(1, 2)},
    ),
    miss(
        "a picture is saved by an unknown method",
        "from PIL import Image",
        "im = Image.new('RGB', (2, 2))",
        "im.save('a.png')",
        "print(Image.open('a.png').size)",
        needs={(2, 3)},
    ),
    miss(
        "what an unknown library opened writes later",
        "import h5py",
        "f = h5py.File('a.h5', 'w')",
        "f['x'] = 1",
        "g = h5py.File('a.h5')",
        needs={(2, 3)},
    ),
    miss(
        "one unknown reader does not wait for another",
        "from PIL import Image",
        "a = Image.open('a.png')",
        "b = Image.open('a.png')",
        "print(a.size)",
        needs={(1, 3)},
        free={(1, 2), (2, 3)},
    ),
    miss(
        "a wildcard of the table reads and writes files",
        "import networkx as nx",
        "G = nx.path_graph(3)",
        "nx.write_gml(G, 'g.gml')",
        "H = nx.read_gml('g.gml')",
        needs={(2, 3)},
    ),
    miss(
        "a ufunc writes into its third argument",
        "import numpy as np\na = np.arange(4.0)\nb = np.zeros(4)",
        "c = np.add(a, 1, b)",
        "c[0] = 9",
        "print(b)",
        needs={(1, 3), (2, 3)},
    ),
    miss(
        "polars looks at an array's memory",
        "import numpy as np, polars as pl\na = np.array([1.0, 2])",
        "s = pl.Series(a)",
        "df = pl.DataFrame({'x': a})",
        "a[0] = 9",
        "print(s, df)",
        needs={(1, 3), (2, 3), (3, 4)},
    ),
    miss(
        "an instance acts when it is forgotten",
        "log = []\nclass P:\n    def __del__(self):\n        log.append(1)",
        "p = P()",
        "p = None",
        "print(log)",
        needs={(1, 2), (2, 3)},
    ),
    miss(
        "a question is about a name",
        "import numpy as np",
        "box = [np.eye(2)]",
        "box?",
        "??box.append",
        needs={(1, 2), (1, 3)},
    ),
    miss(
        "a random generator holds the list that seeds it",
        "import numpy as np",
        "entropy = [1, 2]",
        "rng = np.random.default_rng(entropy)",
        "entropy.append(3)",
        "print(rng.bit_generator.seed_seq.entropy)",
        needs={(2, 3), (3, 4)},
    ),
    miss(
        "a generator half used up goes on with the list that it found",
        "xs = [1, 2]\n\ndef gen():\n    for x in xs:\n        yield x",
        "g = gen()",
        "print(next(g))",
        "xs.append(3)",
        "print(list(g))",
        needs={(2, 3), (3, 4)},
    ),
    miss(
        "an inner loop half used up goes on with the list that it found",
        "xs = [1, 2]\n\ndef all_of():\n    return xs",
        "g = (x for _ in range(2) for x in all_of())",
        "print(next(g))",
        "xs.append(3)",
        "print(list(g))",
        needs={(2, 3), (3, 4)},
    ),
    miss(
        "what is computed into an array is that array",
        "import numpy as np\na = np.arange(4.0)\nb = np.zeros(4)",
        "c = np.sum(a, out=b[0:1])\nd = np.multiply(a, 2, out=b)",
        "d[0] = 9",
        "print(b)",
        needs={(1, 3), (2, 3)},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_edge_is_missing(case: Miss) -> None:
    graph = graph_of(case)
    assert case.needs <= waits(graph) or graph.one_lane
    assert not case.free & waits(graph)


def test_it_is_known_where_ufuncs_take_what_they_write_into() -> None:
    """For those of which the table says what they give."""
    known = load_effects().functions["numpy"]
    ufuncs = {name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)}
    wanted = {n: u.nin for n, u in ufuncs.items() if n in known and u.nout == 1}
    assert {n: at for n, at in OUT_AT.items() if n in ufuncs} == wanted


def test_a_class_is_replayed_where_a_column_of_its_instances_is_loaded() -> None:
    column = "import pandas as pd\ns = pd.Series([T(), T()])"
    graph = graph_of(miss("", "class T:\n    pass", column, "first = s.iloc[0]", needs=set()))
    assert graph.one_lane or "c0" in {replay.cell for replay in graph.named("first").replays}


@pytest.mark.parametrize(
    "source",
    [
        "class P(dict):\n    def __setitem__(self, k, v):\n        log.append(k)",
        "class P(list):\n    def append(self, v):\n        log.append(v)",
        "class P(set):\n    def __init__(self, vs=()):\n        log.append(1)",
        "class P(ValueError):\n    def __init__(self, *a):\n        log.append(1)",
        "class P:\n    def __hash__(self):\n        log.append(1)\n        return 1",
        "class P:\n    def __setstate__(self, s):\n        log.append(1)",
    ],
)
def test_what_acts_when_it_is_loaded_stays_in_its_kernel(source: str) -> None:
    cells = ["log = []", source, "p = P()", "p", "print(log)"]
    graph = graph_of(miss("acts", *cells, needs=()))
    assert graph.step(StepId("c2")).lane == graph.step(StepId("c3")).lane is not None
    assert graph.step(StepId("c4")).lane == graph.step(StepId("c2")).lane


SHELL = "from IPython.core.interactiveshell import InteractiveShell\n"


@pytest.mark.parametrize(
    "cell",
    [
        "%config InteractiveShell.ast_node_interactivity = 'all'",
        "x = [1]\n%config ZMQInteractiveShell.ast_node_interactivity = 'all'",
        f"{SHELL}InteractiveShell.ast_node_interactivity = 'all'",
    ],
)
def test_how_results_are_shown_is_said_in_every_kernel_below(cell: str) -> None:
    graph = graph_of(miss("shown", "y = [2]", cell, "1\ny", "print(y)", needs=()))
    assert not graph.one_lane
    told = {s.id for s in graph.steps if any(r.cell == "c1" for r in s.replays)}
    assert {"c2", "c3"} <= told
    assert "c0" not in told


@pytest.mark.parametrize(
    "cell",
    [
        f"{SHELL}if 1:\n    InteractiveShell.ast_node_interactivity = 'all'",
        f"{SHELL}InteractiveShell.ast_node_interactivity = y[0]",
        f"{SHELL}for v in ['last']:\n    InteractiveShell.ast_node_interactivity = v",
        f"{SHELL}InteractiveShell.colors = 'x'",
    ],
)
def test_what_cannot_be_said_again_needs_one_kernel(cell: str) -> None:
    assert graph_of(miss("shown", "y = ['all']", cell, "1\n2", needs=())).one_lane


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_who_looks_into_a_result_sees_what_it_was_asked_for() -> None:
    cells = [
        "import statsmodels.api as sm",
        "res = sm.OLS([1.0, 2, 4], [[1, 0], [1, 1], [1, 2]]).fit()",
        "res.HC0_se",
    ]
    assert not graph_of(miss("asked", *cells, "res.params", needs=())).one_lane
    for look in ("vars(res)", "res.__dict__", "vars(res.get_influence())"):
        assert graph_of(miss("looked into", *cells, look, needs=())).one_lane
