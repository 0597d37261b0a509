"""What cells read, write, bind and share: one table of small notebooks.

A case names what the *last* cell of a notebook does. `a` is sure, `a?` may be; ambient channels and
files are told apart (`files`, `channels`), so that each case shows one thing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.facts import CellFacts, Certainty, Use
from nbflow.core.names import NameKind, kind_of
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.sql import SqlStatement, SqlText, TableName, TableUse


def fake_sql(text: str) -> SqlText:
    """`read a b write c` stands for SQL here: the parser has its own tests."""
    words = text.split()
    uses: dict[str, list[TableUse]] = {"read": [], "create": [], "update": []}
    mode = "read"
    for word in words:
        if word in uses:
            mode = word
        else:
            table = TableUse(table=TableName(name=word.lower()), line=1, written=word)
            uses[mode].append(table)
    return SqlText(
        statements=(
            SqlStatement(
                text=text,
                line=1,
                kind="select",
                reads=(*uses["read"], *uses["update"]),
                writes=(*uses["create"], *uses["update"]),
                creates=tuple(uses["create"]),
            ),
        )
    )


def notebook(cells: Iterable[str]) -> Notebook:
    return Notebook(
        path="case.ipynb",
        cells=tuple(
            Cell(id=CellId(f"c{index}"), index=index, kind=CellKind.CODE, source=source)
            for index, source in enumerate(cells)
        ),
    )


def last(*cells: str) -> CellFacts:
    return read_cells(notebook(cells), parse_sql=fake_sql)[-1]


def shown(uses: Iterable[Use], kind: NameKind = NameKind.VARIABLE) -> str:
    words = {
        use.name + ("?" if use.certainty is Certainty.MAY else "")
        for use in uses
        if kind_of(use.name) is kind
    }
    return " ".join(sorted(words))


def words(text: str) -> str:
    return " ".join(sorted(text.split()))


@dataclass(frozen=True)
class Case:
    """`before` are the cells above; None: not looked at."""

    name: str
    before: str | tuple[str, ...]
    cell: str
    reads: str | None = None
    writes: str | None = None
    binds: str | None = None
    shares: str | None = None

    def facts(self) -> CellFacts:
        before = (self.before,) if isinstance(self.before, str) else self.before
        return last(*before, self.cell)


PANDAS = "import pandas as pd\nimport numpy as np\nimport matplotlib.pyplot as plt"
SALES = (PANDAS, "sales = pd.read_csv('s.csv')")
LIB = "from lib import E, cm, f, g"
LISTS = "a = [1]\nb = [2]\nn = 1\ns = 'x'\nt = (1, 2)\nd = {}"

SCOPES = (
    Case("a name bound here is not read", LISTS, "x = 1\ny = x", reads="", writes="x y"),
    Case("a name read first", LISTS, "x = n + m", reads="n m", writes="x", binds="x"),
    Case("a list comprehension has its own target", LISTS, "x = [n for n in a]", reads="a"),
    Case("its source and conditions count", LISTS, "[i for i in a if n]", reads="a n"),
    Case("nested comprehensions", LISTS, "[j for i in a for j in i if b]", reads="a b"),
    Case("the first source is outside", LISTS, "[a for a in a]", reads="a", writes=""),
    Case("a dict comprehension", LISTS, "x = {k: n for k in b}", reads="b n", writes="x"),
    Case("a set comprehension", LISTS, "{q for q in a}", reads="a", writes=""),
    Case("walrus leaks out of a comprehension", LISTS, "[(w := i) for i in a]", writes="w?"),
    Case("walrus at the top", LISTS, "if (w := n) > 1: pass\nw", reads="n", writes="w"),
    Case("walrus behind `and`", LISTS, "n and (w := a)", writes="w?"),
    Case("lambda parameters are local", LISTS, "x = sorted(a, key=lambda n: n)", reads="a"),
    Case("lambda bodies read globals", LISTS, "x = sorted(a, key=lambda i: i + n)", reads="a n?"),
    Case("lambda defaults are read at once", LISTS, "f = lambda i=n: i", reads="n", writes="f"),
    Case("a body reads when it is called", LISTS, "def f():\n    return n", reads=""),
    Case(
        "a call reads what the body reads",
        (LISTS, "def f():\n    return n"),
        "x = f()",
        reads="f n?",
    ),
    Case("parameters shadow globals", (LISTS, "def f(n):\n    return n"), "x = f(2)", reads="f"),
    Case("locals shadow globals", (LISTS, "def f():\n    n = 1\n    return n"), "f()", reads="f"),
    Case("defaults are read where the function is made", LISTS, "def f(x=n): pass", reads="n"),
    Case("decorators are read", LISTS, "@deco\ndef f(): pass", reads="deco"),
    Case("annotations are read", LISTS, "x: n = 1", reads="n", writes="x"),
    Case("a bare annotation binds nothing", LISTS, "x: int", reads="", writes=""),
    Case("class bodies run at once", LISTS, "class C:\n    x = n", reads="n", writes="C"),
    Case("methods read later", LISTS, "class C:\n    def m(self): return n", reads=""),
    Case(
        "methods do not see the class's names",
        (LISTS, "class C:\n    n = 5\n    def m(self): return n"),
        "C().m()",
        reads="C n?",
    ),
    Case("class names are the class's own", LISTS, "class C:\n    n = 1\n    m = n", reads=""),
    Case("bases are read", LISTS, "class C(Base): pass", reads="Base"),
    Case(
        "global binds when called",
        (LISTS, "def f():\n    global n\n    n = 2"),
        "f()",
        writes="n",
        binds="n",
    ),
    Case(
        "global in a branch",
        (LISTS, "def f(x):\n    global n\n    if x: n = 2"),
        "f(1)",
        reads="f n?",
        writes="n?",
        binds="",
    ),
    Case("global at the top says nothing", LISTS, "global n\nn = 3", writes="n", reads=""),
    Case(
        "closures",
        LISTS,
        "def f():\n    v = n\n    def g(): return v + a[0]\n    return g()\nf()",
        reads="n? a?",
    ),
    Case(
        "nonlocal is not global",
        LISTS,
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n = 1\n    g()\nf()",
        writes="f",
        reads="",
    ),
    Case(
        "late binding within a cell", LISTS, "def f(): return z\nz = 1\nf()", reads="", writes="f z"
    ),
    Case(
        "late binding across cells",
        ("def f(): return g()\ndef g(): return n", "n = 1"),
        "f()",
        reads="f g? n?",
    ),
    Case(
        "a function that is redefined",
        ("def f(): return p", "p = 1\nq = 2", "def f(): return q"),
        "f()",
        reads="f q?",
    ),
    Case("recursion ends", LISTS, "def f(k): return f(k - 1) if k else n\nf(3)", reads="n?"),
    Case(
        "mutual recursion finds the write",
        (LISTS, "def f(k): return g(k)\ndef g(k):\n    a.append(k)\n    return f(k)"),
        "f(1)",
        writes="a",
    ),
    Case(
        "recursion that swaps its arguments",
        (LISTS, "def f(x, y, k):\n    x.append(1)\n    if k: f(y, x, k - 1)"),
        "f(a, b, 3)",
        writes="a b",
    ),
    Case("builtins are no reads", LISTS, "print(len([1]))", reads=""),
    Case("a builtin that the notebook binds is one", ("max = 3",), "x = max", reads="max"),
    Case(
        "async comprehension and await",
        LISTS,
        "x = [i async for i in src(n)]\nawait go(x)",
        reads="src n go",
    ),
    Case("async with", LISTS, "async with lock as l:\n    x = 1", reads="lock"),
    Case(
        "imports bind", "", "import os.path\nfrom json import loads as l", writes="os l", reads=""
    ),
    Case("star import of a known module", "", "from math import *\nx = sqrt(pi)", reads=""),
    Case("type arguments are read", LISTS, "x: list[n] = []", reads="n"),
    Case("f-strings read", LISTS, "x = f'{n:>{m}}'", reads="n m"),
    Case("star arguments", LISTS, "print(*a, **d)", reads="a d", writes=""),
    Case("slices read", LISTS, "x = a[n:m]", reads="a n m"),
    Case(
        "type hints of locals are not evaluated",
        (LISTS, "def f():\n    x: n = 1"),
        "f()",
        reads="f",
    ),
)

PATHS = (
    Case("one branch binds", ("x = 1", LISTS), "if n: x = 2", reads="n x?", writes="x?", binds=""),
    Case(
        "both branches bind",
        ("x = 1", LISTS),
        "if n: x = 2\nelse: x = 3",
        reads="n",
        writes="x",
        binds="x",
    ),
    Case(
        "a branch that raises does not count",
        ("x = 1", LISTS),
        "if n: x = 2\nelse: raise E",
        writes="x",
        binds="x",
    ),
    Case(
        "nested branches",
        ("x = 1", LISTS),
        "if n:\n    if a: x = 1\n    else: x = 2\nelse: x = 3",
        binds="x",
    ),
    Case("a constant condition", ("x = 1",), "if True: x = 2", binds="x", reads=""),
    Case(
        "a loop may not run",
        ("x = 1", LISTS),
        "for i in a: x = i",
        reads="a x?",
        writes="i? x?",
        binds="",
    ),
    Case("a loop over a display runs", ("x = 1",), "for i in [1, 2]: x = i", reads="", binds="i x"),
    Case("range with a number runs", ("x = 1",), "for i in range(3): x = i", binds="i x", reads=""),
    Case(
        "else of a loop runs unless it breaks",
        ("x = 1", LISTS),
        "for i in a: pass\nelse: x = 2",
        binds="x",
    ),
    Case(
        "else of a loop that breaks",
        ("x = 1", LISTS),
        "for i in a:\n    if i: break\nelse: x = 2",
        binds="",
        writes="i? x?",
    ),
    Case(
        "continue before a binding",
        ("x = 1", LISTS),
        "for i in [1, 2]:\n    if n: continue\n    x = 2",
        binds="i",
    ),
    Case("while may not run", ("x = 1", LISTS), "while n: x = 2", binds="", writes="x?"),
    Case("while True runs", ("x = 1", LISTS), "while True:\n    x = 2\n    break", binds="x"),
    Case("try binds in both", (LIB, "x = 1"), "try: x = f()\nexcept E: x = 2", binds="x"),
    Case(
        "try binds in one",
        (LIB, "x = 1"),
        "try: x = f()\nexcept E: pass",
        reads="f E x?",
        binds="",
        writes="x?",
    ),
    Case("a handler that raises", (LIB, "x = 1"), "try: x = f()\nexcept E: raise", binds="x"),
    Case(
        "try else", (LIB, "x = 1"), "try: f()\nexcept E: pass\nelse: x = 1", binds="", writes="x?"
    ),
    Case("finally binds", ("x = 1",), "try: f()\nfinally: x = 2", binds="x"),
    Case(
        "a name bound inside try is there for the handler, maybe",
        (LIB, "x = 1"),
        "try:\n    x = f()\n    g()\nexcept E:\n    y = x",
        reads="E f g x",
        binds="",
        writes="x? y?",
    ),
    Case(
        "except as is gone afterwards",
        (LIB, "a = 1"),
        "try: f()\nexcept E as err: print(err)",
        writes="",
    ),
    Case(
        "except as deletes an older name",
        (LIB, "err = 1"),
        "try: f()\nexcept E as err: pass",
        reads="f E err?",
        writes="err?",
    ),
    Case("NameError guards", ("y = 1",), "try: x\nexcept NameError: x = 2", reads="", writes="x?"),
    Case(
        "NameError guards with the name above",
        ("x = 1",),
        "try: x\nexcept NameError: x = 2",
        reads="x",
        writes="x?",
        binds="",
    ),
    Case(
        "with may swallow",
        (LIB, "x = 1"),
        "with cm() as c: x = 2",
        reads="cm x?",
        binds="c",
        writes="c x?",
    ),
    Case(
        "suppress swallows",
        ("import contextlib", LIB, "x = 1"),
        "with contextlib.suppress(E): x = f()",
        binds="",
        writes="x?",
    ),
    Case("open does not swallow", ("x = 1",), "with open('f') as f: x = f.read()", binds="f x"),
    Case(
        "match with a wildcard",
        ("x = 1", LISTS),
        "match n:\n    case 1: x = 1\n    case _: x = 2",
        binds="x",
    ),
    Case(
        "match without one",
        ("x = 1", LISTS),
        "match n:\n    case 1: x = 1",
        reads="n x?",
        binds="",
        writes="x?",
    ),
    Case(
        "match captures",
        LISTS,
        "match d:\n    case {'k': v, **r}: 1\n    case [p, *q]: 2\n    case C(z=w) as o: 3",
        writes="v? r? p? q? w? o?",
        reads="d C",
    ),
    Case(
        "match guards", LISTS, "match n:\n    case x if x > lim: pass", reads="n lim", writes="x?"
    ),
    Case(
        "a conditional expression reads both", LISTS, "x = a if n else b", reads="a b n", binds="x"
    ),
    Case("assert reads", LISTS, "assert n > 0, s", reads="n s", writes=""),
    Case("del binds", LISTS, "del n", reads="n", writes="n", binds="n"),
    Case("del in a branch", LISTS, "if s: del n", reads="s n", writes="n?", binds=""),
    Case("del then bind", LISTS, "del n\nn = 2", reads="n", writes="n", binds="n"),
    Case("read then bind anew", LISTS, "n = n + 1", reads="n", writes="n", binds="n"),
    Case("bind then read", LISTS, "n = 1\nm = n", reads="", writes="m n"),
    Case(
        "after a return",
        (LISTS, "def f(x):\n    if x: return\n    a.append(1)"),
        "f(1)",
        writes="a",
    ),
    Case("unpacking binds", LISTS, "p, (q, *r) = src", writes="p q r", reads="src"),
    Case("loop targets may be parts", LISTS, "for a[0] in b: pass", reads="a b", writes="a"),
    Case("with as a part", LISTS, "with open('f') as d['k']: pass", writes="d", reads="d"),
)

CHANGES = (
    Case("subscript store", LISTS, "a[0] = n", reads="a n", writes="a", binds=""),
    Case("attribute store", "o = make()", "o.x = 1", reads="o", writes="o", binds=""),
    Case("nested store", LISTS, "d['k']['j'] = 1", writes="d"),
    Case("del of a part", LISTS, "del a[0]", reads="a", writes="a"),
    Case("augmented list", LISTS, "a += [1]", reads="a", writes="a", binds=""),
    Case("augmented number is a binding", LISTS, "n += 1", reads="n", writes="n", binds="n"),
    Case("augmented part", LISTS, "a[0] += n", reads="a n", writes="a"),
    Case("append", LISTS, "a.append(n)", reads="a n", writes="a"),
    Case("sort in place", LISTS, "a.sort()", writes="a"),
    Case("sorted is pure", LISTS, "x = sorted(a)", writes="x"),
    Case("dict update", LISTS, "d.update(k=1)", writes="d"),
    Case("dict get is pure", LISTS, "x = d.get('k')", writes="x"),
    Case("a method of a string", LISTS, "x = s.upper().split()", reads="s", writes="x"),
    Case("an unknown method", "o = make()", "o.run()", reads="o", writes="o?"),
    Case(
        "an unknown function",
        (LISTS, "o = make()"),
        "f(a, n, s, t)",
        reads="f a n s t",
        writes="a? f?",
    ),
    Case("an imported function", (LISTS, "import lib"), "x = lib.go(a, n)", writes="a? x"),
    Case(
        "keyword and star arguments",
        (LISTS, "import lib"),
        "x = lib.go(k=a, *b, **d)",
        writes="a? d? x",
    ),
    Case("print and len are pure", LISTS, "print(a, len(b), str(d))", writes=""),
    Case(
        "a function that changes its argument",
        (LISTS, "def f(x): x.append(1)"),
        "f(a)",
        writes="a",
        binds="",
    ),
    Case("a function that does not", (LISTS, "def f(x): return x[0] + 1"), "f(a)", writes=""),
    Case(
        "only the argument that is changed",
        (LISTS, "def f(x, y): y.append(x[0])"),
        "f(a, b)",
        writes="b",
    ),
    Case("by keyword", (LISTS, "def f(x, y=None): y.append(1)"), "f(a, y=b)", writes="b"),
    Case(
        "through a second function",
        (LISTS, "def g(z): z.clear()\ndef f(x): g(x)"),
        "f(a)",
        writes="a",
    ),
    Case(
        "through *args",
        (LISTS, "def f(*xs):\n    for x in xs: x.append(1)"),
        "f(a, b)",
        writes="a b",
    ),
    Case("through **kwargs", (LISTS, "def f(**kw): kw['x'].append(1)"), "f(x=a)", writes="a"),
    Case(
        "a global that a function changes",
        (LISTS, "def f(): a.append(1)"),
        "f()",
        reads="f a?",
        writes="a",
    ),
    Case(
        "an element that a function changes",
        (LISTS, "l = [a]\ndef f(x): x[0].append(1)"),
        "f(l)",
        writes="l",
    ),
    Case("a lambda that changes", LISTS, "f = lambda x: x.append(1)\nf(a)", writes="a f"),
    Case(
        "a nested function that changes",
        (LISTS, "def f():\n    def g(): a.append(1)\n    g()"),
        "f()",
        writes="a",
    ),
    Case(
        "map with a function that changes",
        LISTS,
        "def f(x): x.append(1)\nlist(map(f, [a]))",
        writes="a f",
    ),
    Case(
        "a callback that changes a global",
        LISTS,
        "sorted(b, key=lambda i: a.append(i))",
        writes="a",
    ),
    Case(
        "a method that changes self",
        ("class C:\n    def m(self): self.x = 1", "c = C()"),
        "c.m()",
        writes="c",
    ),
    Case(
        "a method that does not",
        ("class C:\n    def m(self): return self.x", "c = C()"),
        "c.m()",
        writes="",
    ),
    Case(
        "a method that changes its argument",
        (LISTS, "class C:\n    def m(self, x): x.append(1)", "c = C()"),
        "c.m(a)",
        writes="a",
    ),
    Case(
        "an inherited method",
        ("class B:\n    def m(self): self.x = 1\nclass C(B): pass", "c = C()"),
        "c.m()",
        writes="c",
    ),
    Case(
        "a property that changes",
        (
            "class C:\n    @property\n    def p(self):\n        self.n = 1\n        return 2",
            "c = C()",
        ),
        "x = c.p",
        writes="c x",
    ),
    Case(
        "a static method",
        (LISTS, "class C:\n    @staticmethod\n    def m(x): x.append(1)"),
        "C.m(a)",
        writes="a",
    ),
    Case(
        "__call__", ("class C:\n    def __call__(self): self.n = 1", "c = C()"), "c()", writes="c"
    ),
    Case(
        "__getitem__ that changes",
        ("class C:\n    def __getitem__(self, k): self.n = k", "c = C()"),
        "x = c[1]",
        writes="c x",
    ),
    Case(
        "__add__ that changes",
        ("class C:\n    def __add__(self, o): self.n = o", "c = C()"),
        "x = c + 1",
        writes="c x",
    ),
    Case(
        "__enter__ that changes",
        (
            "class C:\n    def __enter__(self): self.n = 1\n    def __exit__(self, *a): pass",
            "c = C()",
        ),
        "with c: x = 1",
        writes="c x",
        binds="x",
    ),
    Case(
        "a defaultdict changes when read",
        ("from collections import defaultdict", "d = defaultdict(list)"),
        "x = d['k']",
        writes="d x",
    ),
    Case("next uses up", ("it = iter([1])",), "x = next(it)", writes="it x"),
    Case("a loop uses up", ("it = iter([1])",), "for i in it: pass", writes="it i?"),
    Case("list uses up", ("g = (i for i in [1])",), "x = list(g)", writes="g x"),
    Case("setattr", ("o = make()",), "setattr(o, 'x', 1)", writes="o"),
    Case("heapq", (LISTS, "import heapq"), "heapq.heappush(a, 1)", writes="a"),
    Case("random.shuffle", (LISTS, "import random"), "random.shuffle(a)", writes="a"),
    Case(
        "a generator object is drawn from",
        (PANDAS, "rng = np.random.default_rng(1)"),
        "x = rng.normal(size=3)",
        writes="rng x",
    ),
    Case("a bound method as a value", LISTS, "add = a.append\nadd(1)", writes="a? add"),
    Case(
        "partial",
        (LISTS, "from functools import partial\ndef f(x): x.append(1)"),
        "g = partial(f, a)\ng()",
        writes="a? f? g",
    ),
    Case(
        "a function kept in a dict",
        (LISTS, "h = {'k': lambda: a.append(1)}"),
        "h['k']()",
        writes="a",
        reads="h a?",
    ),
    Case(
        "a function kept in a list and called unseen",
        (LISTS, "def f(): a.append(1)", "h = [f, print]"),
        "x = h[0]()",
        reads="h a?",
        writes="a x h?",
    ),
    Case(
        "a default argument is kept",
        ("def f(x, acc=[]):\n    acc.append(x)\n    return acc",),
        "y = f(1)",
        reads="f",
        writes="f y",
    ),
    Case(
        "a default argument that is a name above",
        ("bag = []", "def f(v, seen=bag): seen.append(v)"),
        "f(1)",
        writes="f",
    ),
    Case(
        "registering with a function",
        ("import functools\n@functools.singledispatch\ndef f(x): pass",),
        "@f.register\ndef _(x: int): pass",
        writes="_ f",
    ),
    Case("an attribute of a function", "def f(): pass\nf.n = []", "f.n.append(1)", writes="f"),
    Case(
        "cache_clear",
        ("import functools\n@functools.cache\ndef f(x): pass",),
        "f.cache_clear()",
        writes="f",
    ),
    Case(
        "a cached property is stored",
        (
            "import functools\nclass C:\n    @functools.cached_property\n    def p(self): return 1",
            "c = C()",
        ),
        "x = c.p",
        writes="c x",
    ),
    Case(
        "__missing__ that changes",
        ("class C(dict):\n    def __missing__(self, k): self.n = k", "c = C()"),
        "x = c[1]",
        writes="c x",
    ),
    Case("operator.iadd", (LISTS, "import operator"), "operator.iadd(a, [2])", writes="a"),
    Case(
        "operator.setitem keeps",
        (LISTS, "import operator"),
        "operator.setitem(d, 'k', a)",
        writes="d",
        shares="a+d",
    ),
    Case("a bound method handed to map", LISTS, "list(map(a.append, b))", writes="a?"),
)

SHARING = (
    Case("assignment", LISTS, "x = a", shares="a+x", binds="x"),
    Case("numbers are not shared", LISTS, "x = n\ny = s", shares=""),
    Case("a chain", LISTS, "x = y = []", shares="x+y"),
    Case("fresh values", LISTS, "x = list(b)\ny = []\nz = [1]", shares=""),
    Case("an element", LISTS, "x = [a]", shares="a+x"),
    Case("an attribute", "o = make()", "x = o.part", shares="o+x"),
    Case("append keeps", LISTS, "a.append(b)", shares="a+b"),
    Case("append of a number does not", LISTS, "a.append(n)", shares=""),
    Case("subscript store keeps", LISTS, "d['k'] = a", shares="a+d"),
    Case("loop variable", ("xs = [[1], [2]]",), "for x in xs: pass", shares="x+xs"),
    Case("loop over strings", ("xs = ['a']",), "for x in xs: pass", shares=""),
    Case("two names of one result", (LIB,), "fig, ax = f()", shares="ax+fig"),
    Case("unpacking a display", LISTS, "x, y = a, b", shares="a+x b+y"),
    Case("swap", LISTS, "a, b = b, a", shares="a+b", binds=""),
    Case(
        "an unknown function keeps and returns",
        (LISTS, "import lib"),
        "x = lib.go(a, b)",
        shares="a+b+x",
    ),
    Case(
        "a function that returns its argument",
        (LISTS, "def f(x): return x"),
        "y = f(a)",
        shares="a+y",
    ),
    Case(
        "a function that returns something new",
        (LISTS, "def f(x): return [len(x)]"),
        "y = f(a)",
        shares="",
    ),
    Case(
        "a function that stores its argument",
        (LISTS, "def f(x, y): x.append(y)"),
        "f(a, b)",
        shares="a+b",
    ),
    Case(
        "an instance that keeps",
        (LISTS, "class C:\n    def __init__(self, x): self.x = x"),
        "c = C(a)",
        shares="a+c",
    ),
    Case(
        "an instance that copies",
        (LISTS, "class C:\n    def __init__(self, x): self.x = list(x)"),
        "c = C(a)",
        shares="",
    ),
    Case("a conditional expression", LISTS, "x = a if n else b", shares="a+b+x"),
    Case("or", LISTS, "x = a or b", shares="a+b+x"),
    Case("a deep copy", (LISTS, "import copy"), "x = copy.deepcopy(d)", shares=""),
    Case("a slice of numbers", LISTS, "x = a[:1]", shares=""),
    Case("a slice of lists", ("a = [[1]]",), "x = a[:1]", shares="a+x"),
    Case("what was bound before", LISTS, "x = a\na = 1", shares="a+x", binds="x"),
    Case(
        "a closure keeps what it captured",
        (LISTS, "def make(x):\n    def inner(): x.append(1)\n    return inner"),
        "f = make(a)",
        shares="a+f",
    ),
    Case("a shallow copy of a dict", ("d = {'k': [1]}",), "e = dict(d)", shares="d+e"),
    Case("dict.copy", ("d = {'k': [1]}",), "e = d.copy()", shares="d+e"),
    Case("a dict of numbers copied", ("d = {'k': 1}",), "e = d.copy()", shares=""),
    Case("a lambda's default", LISTS, "k = lambda v=a: v", shares="a+k"),
    Case("a function's default", LISTS, "def f(x, seen=a): pass", shares="a+f"),
    Case(
        "two closures over one variable",
        "def make():\n    box = []\n    def add(v): box.append(v)\n    def get(): return box\n"
        "    return add, get",
        "add, get = make()",
        shares="add+get",
    ),
    Case("a generator follows its source", LISTS, "g = (v for v in a)", shares="a+g"),
    Case("an instance as a key", ("class C: pass", "p = C()"), "d = {p: 1}", shares="d+p"),
    Case(
        "keys that are changed",
        ("class C: pass", "p = C()", "d = {}\nd[p] = 1"),
        "for k in d: k.n = 1",
        writes="d k?",
    ),
    Case("array views", (PANDAS, "m = np.zeros(3)"), "v = m[1:]", shares="m+v"),
    Case("array arithmetic", (PANDAS, "m = np.zeros(3)"), "v = m * 2", shares=""),
    Case("reshape", (PANDAS, "m = np.zeros(4)"), "v = m.reshape(2, 2)", shares="m+v"),
    Case("asarray", (PANDAS, "m = np.zeros(4)"), "v = np.asarray(m)", shares="m+v"),
    Case("map of a lambda", LISTS, "x = list(map(lambda i: a, [1]))", shares="a+x"),
)

TABLES = (
    Case(
        "a filter is new",
        SALES,
        "returns = sales[sales.qty < 0]",
        reads="sales",
        writes="returns",
        binds="returns",
        shares="",
    ),
    Case(
        "looking changes nothing",
        SALES,
        "print(sales)\nlen(sales)\nsales.head()\nsales.shape",
        writes="",
    ),
    Case("a new column", SALES, "sales['x'] = 1", reads="sales", writes="sales", binds=""),
    Case("a column by attribute", SALES, "sales.x = 1", writes="sales"),
    Case("loc", SALES, "sales.loc[sales.qty < 0, 'qty'] = 0", writes="sales"),
    Case("iloc and at", SALES, "sales.iloc[0, 0] = 1\nsales.at[0, 'a'] = 1", writes="sales"),
    Case("column names", SALES, "sales.columns = ['a']", writes="sales"),
    Case("the index's name", SALES, "sales.index.name = 'i'", writes="sales"),
    Case("a chained store is lost, as in pandas 3", SALES, "sales['a']['b'] = 1", writes=""),
    Case("a column is a copy", SALES, "c = sales['qty']\nc.iloc[0] = 1", writes="c", shares=""),
    Case(
        "methods are new",
        SALES,
        "x = sales.dropna().assign(k=1).sort_values('k').reset_index(drop=True)",
        writes="x",
        shares="",
    ),
    Case("inplace", SALES, "sales.dropna(inplace=True)", writes="sales"),
    Case("inplace=False", SALES, "x = sales.dropna(inplace=False)", writes="x"),
    Case("insert and pop", SALES, "sales.insert(0, 'a', 1)\nx = sales.pop('a')", writes="sales x"),
    Case("drop is new", SALES, "sales.drop(columns='a')", writes=""),
    Case(
        "rebinding is a binding",
        SALES,
        "sales = sales.dropna()",
        reads="sales",
        writes="sales",
        binds="sales",
    ),
    Case(
        "groupby and agg",
        SALES,
        "x = sales.groupby('k').agg(n=('q', 'sum')).reset_index()",
        reads="sales",
        writes="x",
    ),
    Case("a groupby keeps its table", SALES, "g = sales.groupby('k')", shares="g+sales"),
    Case(
        "merge and concat",
        (*SALES, "o = pd.DataFrame({'a': [1]})"),
        "x = sales.merge(o)\ny = pd.concat([sales, o])",
        writes="x y",
        shares="",
    ),
    Case(
        "apply with a lambda",
        (*SALES, LISTS),
        "x = sales.apply(lambda r: r.qty * n, axis=1)",
        reads="sales n?",
        writes="x",
    ),
    Case(
        "apply with a function that changes its row",
        (*SALES, "def f(r):\n    r['x'] = 1\n    return r"),
        "x = sales.apply(f, axis=1)",
        writes="x",
    ),
    Case(
        "apply with a function that changes a global",
        (*SALES, LISTS, "def f(r): a.append(r)"),
        "sales.apply(f)",
        writes="a",
    ),
    Case(
        "pipe passes the table itself",
        (*SALES, "def f(t):\n    t['x'] = 1\n    return t"),
        "x = sales.pipe(f)",
        writes="sales x",
    ),
    Case(
        "a function that copies first",
        (*SALES, "def f(t):\n    t = t.copy()\n    t['x'] = 1\n    return t"),
        "x = f(sales)",
        writes="x",
        shares="",
    ),
    Case(
        "a function that changes the table itself",
        (*SALES, "def f(t):\n    t['x'] = 1\n    return t"),
        "x = f(sales)",
        writes="sales x",
        shares="sales+x",
    ),
    Case(
        "groups of a loop are copies",
        SALES,
        "for k, g in sales.groupby('k'):\n    g['x'] = 1",
        writes="g? k?",
        shares="",
    ),
    Case(
        "rows of a loop are copies",
        SALES,
        "for i, r in sales.iterrows():\n    r['x'] = 1",
        writes="i? r?",
    ),
    Case(
        "tables in a list",
        (*SALES, "o = sales.copy()"),
        "for t in [sales, o]:\n    t['x'] = 1",
        writes="o sales t",
    ),
    Case(
        "a list inside a cell of a table", SALES, "sales.loc[0, 'tags'].append('x')", writes="sales"
    ),
    Case(
        "a scalar handed to an unknown function",
        (*SALES, "import lib"),
        "x = lib.go(sales['qty'].iloc[0])",
        writes="x",
    ),
    Case(
        "query reads variables by name",
        (*SALES, LISTS),
        "x = sales.query('qty > @n')",
        reads="sales n",
        writes="x",
    ),
    Case(
        "a plot",
        SALES,
        "fig, ax = plt.subplots()\nax.bar(sales.a, sales.b)\nax.set_title('x')",
        reads="sales plt",
        writes="ax fig",
        shares="ax+fig",
    ),
    Case(
        "a plot on given axes",
        (*SALES, "fig, ax = plt.subplots()"),
        "sales.plot(ax=ax)",
        reads="sales ax",
        writes="ax",
    ),
    Case(
        "pyplot",
        SALES,
        "plt.plot(sales.a)\nplt.title('x')\nplt.show()",
        writes="",
        reads="sales plt",
    ),
    Case(
        "figures of one cell hang together",
        PANDAS,
        "fig = plt.figure()\nax = plt.gca()",
        shares="ax+fig",
    ),
    Case(
        "seaborn",
        (*SALES, "import seaborn as sns"),
        "ax = sns.barplot(data=sales, x='a', y='b')",
        reads="sales sns",
        writes="ax",
        shares="",
    ),
    Case(
        "numpy functions",
        SALES,
        "x = np.log1p(sales['a']).mean()",
        reads="np sales",
        writes="x",
        shares="",
    ),
    Case(
        "numpy functions with out", (PANDAS, "m = np.zeros(3)"), "np.add(m, 1, out=m)", writes="m"
    ),
    Case("array store", (PANDAS, "m = np.zeros(3)"), "m[0] = 1", writes="m"),
    Case("augmented table", SALES, "sales *= 2", writes="sales", binds=""),
    Case("augmented column", SALES, "sales['a'] += 1", writes="sales"),
    Case(
        "a model learns",
        ("from sklearn.linear_model import LinearRegression", *SALES, "m = LinearRegression()"),
        "m.fit(sales[['a']], sales.b)",
        reads="m sales",
        writes="m",
    ),
    Case(
        "a model predicts",
        (
            "from sklearn.linear_model import LinearRegression",
            *SALES,
            "m = LinearRegression().fit(sales[['a']], sales.b)",
        ),
        "p = m.predict(sales[['a']])",
        writes="p",
        shares="",
    ),
    Case(
        "splitting a table",
        ("from sklearn.model_selection import train_test_split", *SALES),
        "x, y = train_test_split(sales, random_state=1)",
        writes="x y",
        shares="",
    ),
)

MAGICS = (
    Case(
        "a SQL cell", SALES, "%%sql daily\nread sales", reads="sales", writes="daily", binds="daily"
    ),
    Case("a SQL cell without a name", SALES, "%%sql\nread sales", reads="sales", writes=""),
    Case(
        "a SQL cell that changes a table",
        SALES,
        "%%sql\nupdate sales",
        reads="sales",
        writes="sales",
        binds="",
    ),
    Case(
        "a SQL cell that makes a table",
        SALES,
        "%%sql\ncreate t read sales",
        reads="sales",
        writes="t",
        binds="t",
    ),
    Case(
        "a SQL result in Python",
        (*SALES, "%%sql daily\nread sales"),
        "x = daily[daily.a > 1]",
        reads="daily",
        writes="x",
        binds="x",
    ),
    Case("the line form", SALES, "x = %sql read sales", reads="sales", writes="x"),
    Case("%time counts", SALES, "%time x = sales.sum()", reads="sales", writes="x", binds="x"),
    Case("%%time counts", SALES, "%%time\nx = sales.sum()", reads="sales", writes="x", binds="x"),
    Case("%timeit binds nothing", SALES, "%timeit -n 3 y = sales.sum()", reads="sales", writes=""),
    Case("%%timeit changes what it changes", LISTS, "%%timeit\na.append(1)", reads="a", writes="a"),
    Case("%%capture", LISTS, "%%capture out\nx = a", reads="a", writes="out x"),
    Case("magics inside a loop", LISTS, "for i in a:\n    %time f(i)", reads="a f"),
    Case("a shell line", LISTS, "x = !ls {s} $n", reads="s n", writes="x"),
    Case("%%bash with an output", LISTS, "%%bash --out text\nls", writes="text"),
    Case("help", SALES, "sales?", writes=""),
    Case("a bare magic word", LISTS, "ls", reads=""),
    Case("a variable of that name comes first", ("ls = [1]",), "ls", reads="ls"),
    Case("%%html", LISTS, "%%html\n<b>a</b>", reads="", writes=""),
    Case("nested cell magics", SALES, "%%time\n%%sql x\nread sales", reads="sales", writes="x"),
)

CASES = SCOPES + PATHS + CHANGES + SHARING + TABLES + MAGICS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_last_cell(case: Case) -> None:
    facts = case.facts()
    own = {"reads": shown(facts.reads), "writes": shown(facts.writes)}
    own["binds"] = " ".join(sorted(n for n in facts.binds if not n.startswith("@")))
    own["shares"] = " ".join(sorted("+".join(sorted(group)) for group in facts.aliases))
    wanted = {field: words(text) for field in own if (text := getattr(case, field)) is not None}
    assert {field: own[field] for field in wanted} == wanted


def test_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
