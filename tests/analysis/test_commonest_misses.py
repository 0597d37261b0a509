"""What graphs drawn from names alone miss most often, one small notebook for each.

`needs` are pairs (writer cell, reader cell), counted from 0: without the first, the second shows
something else than in Run All. They may be met directly, over other cells, or by a replay.
`free` are pairs that would only cost time. `one_lane` says why a notebook runs in one kernel, in
its order, which meets every need.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import DEFINITIONS, link
from nbflow.core.graph import Graph
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook

sys.path.insert(0, str(Path(__file__).parent))
from simulator import differences, parses

Pair = tuple[int, int]


@dataclass(frozen=True)
class Miss:
    """One notebook, and what its graph has to say. `modules` are sources beside the notebook."""

    name: str
    cells: tuple[str, ...]
    needs: frozenset[Pair]
    free: frozenset[Pair] = frozenset()
    one_lane: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)


def miss(
    name: str,
    *cells: str,
    needs: set[Pair],
    free: set[Pair] = frozenset(),  # type: ignore[assignment]
    one_lane: str = "",
    modules: Mapping[str, str] | None = None,
) -> Miss:
    return Miss(name, cells, frozenset(needs), frozenset(free), one_lane, modules or {})


def graph_of(case: Miss) -> Graph:
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate(case.cells)
    )
    notebook = Notebook(path="n.ipynb", cells=cells)
    find = case.modules.get if case.modules else None
    return link(notebook, read_cells(notebook, find_source=find), {})


def waits(graph: Graph) -> set[Pair]:
    """(earlier, later) cells: the earlier one ran, or is replayed, where the later one runs."""
    steps = {step.id: step for step in graph.steps if step.id != DEFINITIONS}
    found: set[Pair] = set()
    for step in steps.values():
        above = {step.id, *graph.ancestors([step.id])} & steps.keys()
        present = {i for other in above for i in steps[other].cell_indexes}
        present |= {r.cell_index for other in above for r in steps[other].replays}
        found |= {(i, j) for j in step.cell_indexes for i in present if i < j}
    return found


PD = "import pandas as pd"
NP = "import numpy as np"
PLT = "import matplotlib.pyplot as plt"
FRAME = "df = pd.DataFrame({'x': [1, 2, None], 'g': ['a', 'b', 'a']})"

TABLES = [
    miss(
        "columns of a table are named in place",
        PD,
        FRAME,
        "df.columns = ['a', 'b']",
        "print(df)",
        "n = 1",
        needs={(1, 2), (2, 3), (0, 1)},
        free={(1, 4), (2, 4)},
    ),
    miss(
        "columns are named through another name of the table",
        PD,
        FRAME,
        "same = df",
        "same.columns = ['a', 'b']",
        "print(df)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a table's cells are set in place",
        PD,
        FRAME,
        "df.loc[0, 'x'] = 9",
        "df.iat[1, 0] = 3",
        "print(df)",
        needs={(2, 3), (3, 4)},
    ),
    miss(
        "an index is named that two tables share",
        PD,
        FRAME,
        "other = pd.DataFrame({'z': [1, 2, 3]}, index=df.index)",
        "df.index.names = ['i']",
        "print(other)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "an index is named through a name of its own",
        PD,
        FRAME,
        "index = df.index",
        "index.name = 'i'",
        "print(df)",
        needs={(2, 3), (3, 4)},
        one_lane="an index that several tables may share",
    ),
    miss(
        "a table that rebinds itself",
        PD,
        FRAME,
        "df = df.dropna()",
        "df = df[df.x > 1]",
        "print(len(df))",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a table is filtered into others, which stay apart",
        PD,
        FRAME,
        "small = df[df.x < 2]",
        "big = df[df.x >= 2]",
        "print(small)",
        "print(big)",
        needs={(1, 2), (1, 3), (2, 4), (3, 5)},
        free={(2, 3), (3, 4), (2, 5)},
    ),
    miss(
        "an array gets another shape",
        NP,
        "g = np.arange(6)",
        "g.shape = (2, 3)",
        "print(g)",
        "n = 1",
        needs={(1, 2), (2, 3)},
        free={(2, 4)},
    ),
    miss(
        "a view of an array keeps its own shape but shares the numbers",
        NP,
        "g = np.arange(6)",
        "h = g.reshape(2, 3)",
        "g[0] = 9",
        "print(h)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a slice of an array is assigned through",
        NP,
        "g = np.arange(6)",
        "part = g[2:4]",
        "part[:] = 0",
        "print(g)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a slice of a list is replaced",
        "xs = [3, 1, 2]",
        "xs[1:] = [5]",
        "print(xs)",
        needs={(0, 1), (1, 2)},
    ),
    miss(
        "a slice of a list is a copy",
        "xs = [3, 1, 2]",
        "head = xs[:2]",
        "head[0] = 9",
        "print(xs)",
        needs={(0, 1), (0, 3), (1, 2)},
        free={(1, 3), (2, 3)},
    ),
]

OBJECTS = [
    miss(
        "a widget's value is set",
        "import ipywidgets as widgets",
        "slider = widgets.IntSlider(3)",
        "slider.value = 7",
        "print(slider.value)",
        needs={(1, 2), (2, 3)},
    ),
    miss(
        "an attribute of an instance is set through a container",
        "class P:\n    n = 0",
        "people = [P(), P()]",
        "people[0].n = 5",
        "print([p.n for p in people])",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "a class attribute is set",
        "class P:\n    n = 0",
        "P.n = 5",
        "print(P().n)",
        needs={(0, 1), (1, 2)},
        one_lane="changes `P`",
    ),
    miss(
        "a class counts its instances",
        "class P:\n    n = 0\n    def __init__(self):\n        type(self).n += 1",
        "one = P()",
        "two = P()",
        "print(P.n)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "a class keeps a list that its instances share",
        "class P:\n    kept = []\n    def keep(self, v):\n        self.kept.append(v)",
        "one = P()",
        "one.keep(1)",
        "print(P().kept)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "aliases through a list",
        "a = [1]",
        "box = [a, 2]",
        "box[0].append(5)",
        "print(a)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "aliases through a dict of dicts",
        "a = {}",
        "box = {'k': {'a': a}}",
        "box['k']['a']['z'] = 1",
        "print(a)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "aliases through a loop's variable",
        "rows = [[1], [2]]",
        "for row in rows:\n    row.append(0)",
        "row.append(9)",
        "print(rows)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "aliases through zip, enumerate and items",
        "a, b = [1], [2]",
        "pairs = dict(zip('ab', [a, b]))",
        "for _, (_, one) in enumerate(pairs.items()):\n    one.append(0)",
        "print(a)",
        "print(b)",
        needs={(0, 1), (1, 2), (2, 3), (2, 4)},
        free={(3, 4)},
    ),
    miss(
        "a new object under an old alias",
        "a = [1]",
        "b = a",
        "a = [9]",
        "b.append(2)",
        "print(a)",
        "print(b)",
        needs={(0, 1), (1, 3), (2, 4), (3, 5)},
        free={(3, 4), (1, 4), (0, 4), (2, 5)},
    ),
]

FUNCTIONS = [
    miss(
        "functions read globals two levels down",
        "rate = 2",
        "def inner(v):\n    return v * rate",
        "def outer(v):\n    return inner(v)",
        "rate = 3",
        "print(outer(1))",
        needs={(1, 4), (2, 4), (3, 4)},
        free={(0, 4)},
    ),
    miss(
        "a function changes a global two levels down",
        "seen = []",
        "def inner(v):\n    seen.append(v)",
        "def outer(v):\n    inner(v)",
        "outer(1)",
        "print(seen)",
        needs={(0, 3), (1, 3), (2, 3), (3, 4)},
    ),
    miss(
        "a closure is bound late",
        "k = 1",
        "f = lambda v: v + k",
        "k = 10",
        "print(f(1))",
        needs={(1, 3), (2, 3)},
        free={(0, 3)},
    ),
    miss(
        "closures made in a loop",
        "fs = []\nfor i in range(3):\n    fs.append(lambda: i)",
        "i = 10",
        "print([f() for f in fs])",
        needs={(0, 2), (1, 2)},
    ),
    miss(
        "closures look a loop variable of their own loop up",
        "for i in [7]:\n    print(i)",
        "fs = []\nfor i in [1, 2]:\n    fs.append(lambda: i)",
        "print(fs[0]())",
        needs={(1, 2)},
    ),
    miss(
        "closures look a loop variable up before its loop",
        "i = 7",
        "fs = [lambda: i]\nprint(fs[0]())\nfor i in [][:1]:\n    fs.append(lambda: i)",
        "print(fs[0]())",
        needs={(0, 1), (0, 2), (1, 2)},
    ),
    miss(
        "closures that are kept by nobody below look a loop variable up",
        "for i in [7]:\n    print(i)",
        "fs = []\nfor i in [1, 2]:\n    fs.append(lambda: i)\nprint(fs[0]())",
        "print(1)",
        needs=set(),
        free={(0, 1)},
    ),
    miss(
        "a generator looks a loop variable of its own loop up",
        "for i in [7]:\n    print(i)",
        "total = 0\nfor i in [1, 2]:\n    g = (i for _ in [1, 2])\n    total += sum(g)",
        "print(total)",
        needs={(1, 2)},
        free={(0, 1), (0, 2)},
    ),
    miss(
        "a closure looks up what only some path binds",
        "k = 1",
        "if len('ab') == 3:\n    k = 2\nf = lambda: k",
        "print(f())",
        needs={(0, 1), (0, 2), (1, 2)},
    ),
    miss(
        "a closure counts",
        "def counter():\n    n = 0\n    def more():\n        nonlocal n\n        n += 1\n"
        "        return n\n    return more",
        "count = counter()",
        "count()",
        "print(count())",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "lambdas are kept in a dict",
        "k = 1",
        "rules = {'add': lambda v: v + k}",
        "k = 5",
        "print(rules['add'](1))",
        needs={(1, 3), (2, 3)},
    ),
    miss(
        "a lambda in a dict changes a list",
        "seen = []",
        "rules = {'note': lambda v: seen.append(v)}",
        "rules['note'](1)",
        "print(seen)",
        needs={(0, 2), (1, 2), (2, 3)},
    ),
    miss(
        "a decorator's wrapper reads a global",
        "log = []",
        "def logged(f):\n    def inner(*a):\n        log.append(f.__name__)\n        return f(*a)\n"
        "    return inner",
        "@logged\ndef twice(v):\n    return v * 2",
        "twice(2)",
        "print(log)",
        needs={(0, 3), (1, 3), (2, 3), (3, 4)},
    ),
    miss(
        "global in a function",
        "n = 1",
        "def more():\n    global n\n    n += 1",
        "more()",
        "print(n)",
        needs={(0, 2), (1, 2), (2, 3)},
    ),
    miss(
        "a function is redefined under its callers",
        "def f():\n    return 1",
        "def g():\n    return f()",
        "def f():\n    return 2",
        "print(g())",
        needs={(1, 3), (2, 3)},
    ),
    miss(
        "a bound method is kept",
        "xs = []",
        "add = xs.append",
        "add(1)",
        "print(xs)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "a default argument is computed where the function is defined",
        "base = [1]",
        "def f(v=len(base)):\n    return v",
        "base = [1, 2]",
        "print(f())",
        needs={(0, 1), (1, 3)},
        free={(2, 3)},
    ),
]

SCOPES = [
    miss(
        "del ends a name, and the next binding starts it anew",
        "x = [1]",
        "y = x",
        "del x",
        "y.append(2)",
        "x = y",
        "print(x)",
        needs={(0, 1), (1, 3), (3, 4), (4, 5)},
    ),
    miss(
        "del in a dict",
        "d = {'a': 1, 'b': 2}",
        "del d['a']",
        "print(d)",
        needs={(0, 1), (1, 2)},
    ),
    miss(
        "a comprehension's variable is its own",
        "i = 7",
        "xs = [i for i in range(3)]",
        "print(i)",
        "print(xs)",
        needs={(0, 2), (1, 3)},
        free={(0, 1), (1, 2)},
    ),
    miss(
        "a comprehension's first iterable is read outside",
        "xs = [1, 2]",
        "ys = [xs for xs in xs]",
        "print(ys, xs)",
        needs={(0, 1), (0, 2), (1, 2)},
    ),
    miss(
        "a walrus in a comprehension binds the cell's name",
        "last = 0",
        "squares = [last := v * v for v in (1, 2)]",
        "print(last)",
        needs={(1, 2)},
    ),
    miss(
        "a walrus in a condition that may not be asked",
        "n, got = 0, 1",
        "if n and (got := 5):\n    pass",
        "print(got)",
        needs={(0, 1), (0, 2)},
    ),
    miss(
        "a match binds on some path",
        "point = [1, 2]\nx = 0",
        "match point:\n    case [x, 5]:\n        pass",
        "print(x)",
        needs={(0, 1), (0, 2), (1, 2)},
    ),
    miss(
        "a match captures a part that is changed later",
        "tree = {'leaf': [1]}",
        "match tree:\n    case {'leaf': leaf}:\n        pass",
        "leaf.append(2)",
        "print(tree)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "with … as binds, and the block changes",
        "class Box:\n    def __enter__(self):\n        return self.items\n"
        "    def __exit__(self, *_):\n        pass\n    def __init__(self, items):\n"
        "        self.items = items",
        "items = []",
        "with Box(items) as inside:\n    inside.append(1)",
        "print(items)",
        needs={(0, 2), (1, 2), (2, 3)},
    ),
    miss(
        "a with block that may be left early",
        "import contextlib",
        "n = 1",
        "with contextlib.suppress(ValueError):\n    int('a')\n    n = 2",
        "print(n)",
        needs={(1, 3)},
    ),
    miss(
        "a conditional binding passes the earlier value on",
        "flag = 0\nx = 1",
        "if flag:\n    x = 2",
        "print(x)",
        needs={(0, 1), (0, 2), (1, 2)},
    ),
    miss(
        "a loop that may not run passes the earlier value on",
        "rows = []",
        "x = 1",
        "for x in rows:\n    pass",
        "print(x)",
        needs={(0, 2), (1, 2), (2, 3)},
    ),
    miss(
        "a loop that surely runs binds anew",
        "x = 1",
        "for x in range(3):\n    pass",
        "print(x)",
        needs={(1, 2)},
        free={(0, 2)},
    ),
    miss(
        "try … except NameError",
        "if 0:\n    cache = [1]",
        "try:\n    cache\nexcept NameError:\n    cache = []",
        "cache.append(1)",
        "try:\n    cache\nexcept NameError:\n    cache = [5]",
        "print(cache)",
        needs={(1, 2), (2, 3), (2, 4), (3, 4)},
    ),
    miss(
        "a chain of redefinitions",
        "x = 1",
        "x = x + 1",
        "y = x",
        "x = x * 10",
        "print(x)",
        "print(y)",
        needs={(0, 1), (1, 2), (1, 3), (3, 4), (2, 5)},
        free={(2, 3), (3, 5), (2, 4)},
    ),
    miss(
        "an augmented assignment changes the alias, too",
        "a = [1]",
        "b = a",
        "a += [2]",
        "print(b)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "a generator is consumed in another cell",
        "k = 1",
        "g = (v + k for v in [1, 2])",
        "k = 10",
        "first = next(g)",
        "print(first, list(g))",
        needs={(1, 3), (2, 3), (3, 4)},
    ),
    miss(
        "an iterator is used up",
        "it = iter([1, 2])",
        "a = next(it)",
        "b = next(it)",
        "print(a, b)",
        needs={(0, 1), (1, 2), (1, 3), (2, 3)},
    ),
    miss(
        "locals() shows every name",
        "x = 1",
        "x = 2",
        "print(locals()['x'])",
        needs={(1, 2)},
        one_lane="`locals` may read or write any variable",
    ),
    miss(
        "eval reads what its text names",
        "x = 1",
        "x = 2",
        "text = 'x'",
        "print(eval(text))",
        needs={(1, 3), (2, 3)},
        one_lane="`eval` may read or write any variable",
    ),
    miss(
        "an assert guards what comes after",
        "rows = [1]",
        "assert len(rows) == 1",
        "open('out.txt', 'w').write(str(rows))",
        "print(len(rows))",
        "other = 1",
        needs={(0, 1), (1, 2), (1, 3)},
        free={(1, 4)},
    ),
    miss(
        "a function that raises guards what is written",
        "def check(v):\n    if not v:\n        raise ValueError(v)",
        "rows = [1]",
        "check(rows)",
        "open('out.txt', 'w').write('done')",
        needs={(0, 2), (1, 2), (2, 3)},
    ),
    miss(
        "an async cell",
        "import asyncio",
        "async def fetch(v):\n    await asyncio.sleep(0)\n    return [v]",
        "got = await fetch(1)",
        "got.append(2)",
        "print(got)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
]

SURROUNDINGS = [
    miss(
        "a seed, then draws in several cells",
        "import random",
        "random.seed(1)",
        "a = random.random()",
        "b = random.random()",
        "print(a, b)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "numpy's seed, drawn from by pandas",
        f"{PD}\n{NP}",
        "np.random.seed(1)",
        "a = pd.Series([1, 2, 3]).sample(2)",
        "b = np.random.rand()",
        "n = 1",
        needs={(1, 2), (2, 3)},
        free={(1, 4), (3, 4)},
    ),
    miss(
        "a generator object is drawn from",
        NP,
        "rng = np.random.default_rng(1)",
        "a = rng.random()",
        "b = rng.random()",
        "print(b)",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a figure is built over cells",
        PLT,
        "fig, ax = plt.subplots()",
        "ax.plot([1, 2])",
        "ax.set_title('late')",
        "fig",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "figures of pyplot use its settings",
        PLT,
        "plt.rcParams['lines.linewidth'] = 8",
        "plt.plot([1, 2])",
        "n = 1",
        needs={(1, 2)},
        free={(1, 3)},
    ),
    miss(
        "os.chdir moves what relative paths mean",
        "import os",
        "os.makedirs('sub', exist_ok=True)",
        "os.chdir('sub')",
        "open('a.txt', 'w').write('1')",
        "print(open('a.txt').read())",
        needs={(1, 2), (2, 3), (3, 4), (2, 4)},
        one_lane="changes the folder that later paths start from",
    ),
    miss(
        "os.environ",
        "import os",
        "os.environ['MODE'] = 'test'",
        "mode = os.getenv('MODE')",
        "print(mode)",
        needs={(1, 2), (2, 3)},
    ),
]

FILES = [
    miss(
        "a file written and read by its literal path",
        PD,
        FRAME,
        "df.to_csv('out.csv')",
        "back = pd.read_csv('out.csv')",
        "n = 1",
        needs={(1, 2), (2, 3)},
        free={(2, 4)},
    ),
    miss(
        "a file by an f-string",
        "day = '2026'",
        "open(f'{day}.txt', 'w').write('1')",
        "print(open(f'{day}.txt').read())",
        needs={(0, 1), (1, 2)},
    ),
    miss(
        "a file by an f-string that nobody can know",
        "day = input",
        "name = str(day)",
        "open(f'{name}.txt', 'w').write('1')",
        "print(open('2026.txt').read())",
        needs={(2, 3)},
    ),
    miss(
        "files by pathlib",
        "from pathlib import Path",
        "base = Path('out')",
        "base.mkdir(exist_ok=True)",
        "(base / 'a.txt').write_text('1')",
        "print(Path('out/a.txt').read_text())",
        needs={(1, 2), (2, 3), (3, 4)},
    ),
    miss(
        "a folder is made, then listed",
        "import os, glob",
        "os.makedirs('out', exist_ok=True)",
        "open('out/a.txt', 'w').close()",
        "print(sorted(glob.glob('out/*.txt')))",
        needs={(1, 2), (2, 3)},
    ),
    miss(
        "a shell line writes a file",
        "x = 1",
        "!echo 1 > out.txt",
        "print(open('out.txt').read())",
        needs={(1, 2)},
    ),
    miss(
        "a shell line reads a file",
        "open('a.txt', 'w').write('1')",
        "!cat a.txt",
        needs={(0, 1)},
    ),
    miss(
        "a bash cell writes a file",
        "x = 1",
        "%%bash\necho 1 > out.txt",
        "print(open('out.txt').read())",
        needs={(1, 2)},
    ),
    miss(
        "%%writefile, then %run",
        "n = 1",
        "%%writefile script.py\nresult = 1",
        "%run script.py",
        "print(result)",
        needs={(1, 2), (2, 3)},
        one_lane="%run",
    ),
    *(
        miss(
            f"a library that no table knows: {call}",
            f"import lib\n{call}",
            "x = 1",
            "print(lib.answer(), x)",
            needs={(0, 1), (1, 2)},
            one_lane="may change the state of its library",
        )
        for call in (
            "lib.extension('bokeh')",
            "lib.defaults(lib.Options(cmap='gray'))",
            "lib.Initialize()",
            "lib.torch.manual_seed(0)",
            "_ = lib.configure(width=3)",
            "rng = lib.seed_everything(3)",
            "lib.begin();",
            "lib.begin(lib.Options());",
        )
    ),
    *(
        miss(
            f"a library that no table knows, called for its value: {call}",
            f"import lib\nx = [1]\n{call}",
            "y = 1",
            needs=set(),
            free={(0, 1)},
        )
        for call in (
            "lib.Image(x)",
            "lib.Image(3)",
            "lib.answer()",
            "lib.plot(3);",
            "lib.check(x);",
        )
    ),
    miss(
        "%%writefile, then an import",
        "n = 1",
        "%%writefile mine.py\nresult = 1",
        "import mine",
        "print(mine.result)",
        needs={(1, 3)},
        one_lane="it imports `mine`, which the notebook itself writes",
    ),
]

IPYTHON = [
    miss(
        "%time with an expression",
        "xs = [1]",
        "%time xs.append(2)",
        "%time n = len(xs)",
        "print(n)",
        needs={(0, 1), (1, 2), (2, 3)},
    ),
    miss(
        "%%time over a cell",
        "xs = [1]",
        "%%time\nys = [x + 1 for x in xs]",
        "print(ys)",
        needs={(0, 1), (1, 2)},
    ),
    miss(
        "%%capture keeps the output",
        "x = 1",
        "%%capture out\nprint(x)\ny = 2",
        "print(out.stdout, y)",
        needs={(0, 1), (1, 2)},
    ),
    miss(
        "autoreload does nothing where nobody writes modules",
        "%load_ext autoreload\n%autoreload 2",
        "x = 1",
        "y = x",
        "z = 1",
        needs=set(),
    ),
    miss(
        "an output is updated by its display_id: outputs are put together in notebook order",
        "from IPython.display import display, update_display",
        "display('waiting', display_id='progress')",
        "update_display('done', display_id='progress')",
        "x = 1",
        needs={(0, 1), (0, 2)},
        free={(1, 3), (2, 3)},
    ),
    miss(
        "an output is updated by its handle",
        "from IPython.display import display",
        "handle = display('waiting', display_id=True)",
        "handle.update('done')",
        needs={(1, 2)},
    ),
]

HELPERS = {
    "tools": (
        "from deep import name_it\nRATE = 2\n"
        "def clean(df):\n    return df.dropna()\n"
        "def mark(df):\n    name_it(df)\n"
        "def total(xs):\n    return sum(xs) * RATE\n"
    ),
    "deep": "def name_it(df):\n    df.columns = ['a', 'b']\n",
}

MODULES = [
    miss(
        "a star import brings a function that changes its argument",
        PD,
        "from tools import *",
        FRAME,
        "mark(df)",
        "print(df)",
        needs={(1, 3), (2, 3), (3, 4)},
        modules=HELPERS,
    ),
    miss(
        "a helper module's function that changes nothing",
        PD,
        "import tools",
        FRAME,
        "n = tools.total([1])",
        "small = tools.clean(df)",
        "print(df)",
        needs={(1, 3), (2, 4), (2, 5)},
        free={(3, 4), (4, 5), (3, 5)},
        modules=HELPERS,
    ),
    miss(
        "a star import's name is overridden in the notebook",
        "from tools import *",
        "RATE = 5",
        "print(RATE, total([1]))",
        needs={(0, 2), (1, 2)},
        modules=HELPERS,
    ),
]

MISSES = [
    *TABLES, *OBJECTS, *FUNCTIONS, *SCOPES, *SURROUNDINGS, *FILES, *IPYTHON, *MODULES,
]  # fmt: skip


@pytest.mark.parametrize("case", MISSES, ids=lambda case: case.name)
def test_every_need_is_met_and_nothing_else(case: Miss) -> None:
    graph = graph_of(case)
    assert graph.errors == ()
    if case.one_lane:
        assert any(case.one_lane in reason for reason in graph.one_lane)
    else:
        assert graph.one_lane == ()
    met = waits(graph)
    assert case.needs <= met
    assert not case.free & met


@pytest.mark.parametrize("case", [*OBJECTS, *FUNCTIONS, *SCOPES], ids=lambda case: case.name)
def test_what_the_graph_says_is_enough_to_run(case: Miss) -> None:
    """The cells that can be run without kernels show what they show in Run All."""
    text = "\n".join(case.cells)
    if case.one_lane or not parses(text) or "open(" in text or "ipywidgets" in text:
        pytest.skip("one kernel in notebook order, or code that needs Jupyter or files")
    assert differences(list(case.cells)) == []


def test_names_are_unique_and_pairs_point_down() -> None:
    assert len({case.name for case in MISSES}) == len(MISSES)
    pairs = [pair for case in MISSES for pair in case.needs | case.free]
    assert all(early < late for early, late in pairs)
    assert all(not a.needs & a.free for a in MISSES)
