"""What other lanes may replay: imports, functions, classes, constants."""

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.facts import CellFacts, Fragment
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook


def read(*sources: str, tags: tuple[str, ...] = ()) -> tuple[CellFacts, ...]:
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source, tags=tags)
        for i, source in enumerate(sources)
    )
    return read_cells(Notebook(path="n.ipynb", cells=cells))


def only(*sources: str) -> Fragment:
    (fragment,) = read(*sources)[0].fragments
    return fragment


def names(uses: tuple[object, ...]) -> list[str]:
    return sorted(str(getattr(use, "name")) for use in uses)  # noqa: B009 - any kind of use


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "# only a comment",
        '"""Only a docstring."""',
        "import os",
        "import os, sys",
        "from os import path as p",
        "from math import *",
        "try:\n    import polars\nexcept ImportError:\n    polars = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import x",
        "def f(): pass",
        "async def f(): pass",
        "import functools\n@functools.cache\ndef f(x): return x",
        "def twice(f): return f\n@twice\ndef g(): pass",
        "class C: pass",
        "class C:\n    items = []\n    def m(self): return 1",
        "from dataclasses import dataclass, field as f\n@dataclass\nclass C:\n    x: list = f()",
        "from enum import Enum\nclass C(Enum):\n    A = 1",
        "class C:\n    @property\n    def p(self): pass\n    @p.setter\n    def p(self, v): pass",
        "K = 3",
        "K: int = 3",
        "K = -3.5",
        "K = (1, 'a', None)",
        "A = 'x'\nB = f'{A}/y'",
        "A = 2\nB = A * 3",
        "from pathlib import Path\nP = Path('a') / 'b'",
        "from datetime import date\nD = date(2026, 1, 2)",
        "import re\nR = re.compile('x')",
        "f = lambda x: x + 1",
        "from collections import namedtuple\nP = namedtuple('P', 'x y')",
        "import pandas as pd\nFrame = pd.DataFrame",
        "%matplotlib inline",
        "%config InlineBackend.figure_format = 'svg'",
        "%load_ext nbflow",
        "x: int",
        "pass",
    ],
)
def test_definition_cells(cell: str) -> None:
    assert read(cell)[0].is_definition


@pytest.mark.parametrize(
    "cell",
    [
        "x = [1]",
        "x = {}",
        "x = f()",
        "x = (1, [2])",
        "import os\nx = os.getcwd()",
        "from datetime import date\nd = date.today()",
        "import random\nx = random.random()",
        "from pathlib import Path\np = Path.cwd()",
        "print(1)",
        "if x: import os",
        "x = 1\nx = 2",
        "x = 1\nx += 1",
        "x = 1\ndel x",
        "def f(): pass\nf.x = 1",
        "def f(): pass\nf = wrap(f)",
        "import lib\n@lib.register\ndef f(): pass",
        "registry = []\ndef add(f):\n    registry.append(f)\n    return f\n@add\ndef g(): pass",
        "import requests\ndef f(x=requests.get('u')): pass",
        "class C:\n    x = open('a')",
        "class C:\n    for i in [1]: pass",
        "import time\nclass C:\n    t = time.time()",
        "%time x = 1",
        "%%time\nimport os",
        "!ls",
        "from helpers import *",
        "def f(): eval('x')\nf()",
    ],
)
def test_cells_that_are_steps(cell: str) -> None:
    assert not read(cell)[0].is_definition


def test_a_constant_that_is_bound_again_is_none() -> None:
    first, _ = read("K = 3", "K = 4")
    assert first.fragments == ()
    assert not first.is_definition


@pytest.mark.parametrize(
    "again",
    [
        "def f():\n    global K\n    K = 1",
        "for K in [1]: pass",
        "K += 1",
        "%%sql K\nSELECT 1",
        "del K",
    ],
)
def test_any_binding_counts(again: str) -> None:
    assert read("K = 3", again)[0].fragments == ()


def test_a_local_of_the_same_name_does_not_count() -> None:
    assert read("K = 3", "def f():\n    K = 1\n    return [K for K in [1]]")[0].fragments


def test_constants_in_a_parameters_cell_are_none() -> None:
    (facts,) = read("day = '2026-01-01'", tags=("parameters",))
    assert facts.fragments == ()


def test_mixed_cells_have_fragments_and_are_steps() -> None:
    (facts,) = read("import pandas as pd\nK = 3\ndf = pd.read_csv('a')\ndef f(): return df")
    assert [fragment.names for fragment in facts.fragments] == [("pd",), ("K",), ("f",)]
    assert not facts.is_definition
    assert names(facts.fragments[2].late) == ["df"]


def test_each_module_of_an_import_is_a_fragment_of_its_own() -> None:
    (facts,) = read("import os, numpy as np")
    assert [(f.names, f.module, f.source) for f in facts.fragments] == [
        (("os",), "os", "import os"),
        (("np",), "numpy", "import numpy as np"),
    ]


def test_module_names() -> None:
    (facts,) = read("import a.b\nfrom c.d import e\nfrom . import f")
    assert [(f.names, f.module) for f in facts.fragments] == [
        (("a",), "a.b"),
        (("e",), "c.d"),
        (("f",), "."),
    ]


def test_needs_are_what_a_replay_reads() -> None:
    fragment = only(
        "class C(Base):\n    x = n\n    def m(self, y: T = d) -> R:\n        return late(self.x)\n"
    )
    assert names(fragment.needs) == ["Base", "R", "T", "d", "n"]
    assert names(fragment.late) == ["late"]


def test_a_fragment_does_not_need_itself_or_builtins() -> None:
    fragment = only("def f(x: int = len('a')) -> list: return f(print(x))")
    assert fragment.needs == ()
    assert names(fragment.late) == ["f"]


def test_late_names_of_nested_functions() -> None:
    fragment = only(
        "def f(a):\n    b = 1\n    def g(c): return a + b + c + d\n    return [e for h in g(i)]"
    )
    assert names(fragment.late) == ["d", "e", "i"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("def f(): x.append(1)", ["x"]),
        ("def f():\n    global x\n    x = 1", ["x"]),
        ("def f(): x['k'] = 1", ["x"]),
        ("def f(): return x[0]", []),
        ("def f(): g(x)", ["x"]),
        ("def f(): return h(x)", []),
        ("f = lambda: x.append(1)", ["x"]),
        ("def f():\n    def inner(): x.append(1)\n    return inner", ["x"]),
        ("class f:\n    def m(self): x.append(1)", ["x"]),
        ("def f(): np.random.seed(0)", ["@numpy.random"]),
    ],
)
def test_late_writes(body: str, wanted: list[str]) -> None:
    below = "x = [1]\nimport numpy as np\ndef g(y): y.append(1)\ndef h(y): return len(y)"
    assert names(only(body, below).late_writes) == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("class C:\n    items = []\n    def add(self, x): self.items.append(x)", True),
        (
            (
                "class C:\n    xs = []\n    def __init__(self): self.xs = []\n"
                "    def add(self, x): self.xs.append(x)"
            ),
            False,
        ),
        ("class C:\n    items = []\n    def get(self): return self.items[0]", False),
        ("class C:\n    n = 0\n    def __init__(self): C.n += 1", True),
        ("class C:\n    n = 0\n    @classmethod\n    def up(cls): cls.n = 1", True),
        ("class C:\n    n = 0\n    def up(self): type(self).n = 1", True),
        ("class C:\n    n = 0\n    def up(self): self.n = 1", False),
        (
            (
                "from dataclasses import dataclass, field\n@dataclass\nclass C:\n"
                "    xs: list = field(default_factory=list)\n"
                "    def add(self, x): self.xs.append(x)"
            ),
            False,
        ),
        ("def f(x, seen=[]): seen.append(x)", True),
        ("def f(x, seen=()): return x", False),
        ("def f(x, seen=[]): return len(seen)", False),
        ("def f():\n    f.n = 1", True),
    ],
)
def test_state_of_their_own(source: str, wanted: bool) -> None:
    assert read(source)[0].fragments[-1].mutable_state is wanted


def test_a_class_attribute_changed_from_outside_is_state() -> None:
    first, *_ = read("class C:\n    items = []", "C.items.append(1)")
    assert first.fragments[0].mutable_state


def test_a_cache_is_state_unless_nobody_can_see_it() -> None:
    seen = "import functools, pandas as pd\n@functools.cache\ndef f(): return pd.DataFrame()"
    unseen = "import functools\n@functools.cache\ndef f(n: int) -> int: return n * 2"
    assert read(seen)[0].fragments[-1].mutable_state
    assert not read(unseen)[0].fragments[-1].mutable_state


def test_sources_keep_decorators_and_comments() -> None:
    source = "import functools\n@functools.wraps  # why\ndef f():\n    # inside\n    return 1"
    assert read(source)[0].fragments[1].source == source.partition("\n")[2]
    assert read(source)[0].fragments[1].line == 2


def test_statements_on_one_line_are_told_apart() -> None:
    (facts,) = read("import os; K = 3; x = [K]")
    assert [f.source for f in facts.fragments] == ["import os", "K = 3"]


def test_magics_are_replayed_as_written() -> None:
    (facts,) = read("%matplotlib inline\nimport os")
    assert [(f.names, f.source) for f in facts.fragments] == [
        ((), "%matplotlib inline"),
        (("os",), "import os"),
    ]


def test_functions_that_are_values_read_late() -> None:
    (facts,) = read("k = 1\nx = [1]\nhandlers = {'a': lambda: x.append(k)}")
    assert set(names(facts.late)) == {"k", "x"}
    assert names(facts.late_writes) == ["x"]


def test_functions_handed_to_a_known_call_do_not() -> None:
    (facts,) = read("k = [1]\ny = sorted([2], key=lambda v: v + k[0])")
    assert facts.late == ()


def test_calls_name_the_notebooks_own_functions() -> None:
    _, facts = read("def f(): pass\nclass C: pass", "f()\nC()\nprint(1)")
    assert names(facts.calls) == ["C", "f"]


def test_a_conditional_definition_is_a_sure_write() -> None:
    """A doubtful one would be dropped by the linker, as no replay knows which meaning holds."""
    _, facts = read("def f(): return 1", "if len([1]):\n    def f(): return 2")
    assert [(use.name, use.certainty.value) for use in facts.writes] == [("f", "sure")]
    assert facts.binds == frozenset()


def test_importing_again_on_some_path_changes_nothing() -> None:
    _, facts = read("import os", "if len([1]):\n    import os")
    assert facts.writes == ()
