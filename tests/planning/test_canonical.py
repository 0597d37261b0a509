"""Texts that mean the same have one form; texts that may not, have not."""

import ast
import builtins
import itertools
import keyword

import duckdb
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbflow.planning.canonical import LOOKING, RESERVED, canonical, names_may_show

SAME = [
    ("x = 1", "x=1  # a comment"),
    ("x = 1\n\n\ny = 2", "x = 1\ny = 2"),
    ("f(a,\n  b)", "f(a, b)"),
    ("x = 'a'", 'x = "a"'),
    ("%time x = 1\ny = 2 # c", "%time x = 1\ny=2"),
    ("%%time\nx=1 # c", "%%time\nx = 1"),
    ("def f(a):\n x=1\n return x+a", "def f(a):\n y=1\n return y+a"),
    ("def f(a):\n for i in a:\n  print(i)", "def f(a):\n for j in a:\n  print(j)"),
    ("def f():\n with g() as h: h()", "def f():\n with g() as k: k()"),
    (
        "def f():\n try: g()\n except E as e: print(e)",
        "def f():\n try: g()\n except E as err: print(err)",
    ),
    (
        "def f(a):\n x=1\n def g(): return x\n return g()",
        "def f(a):\n z=1\n def g(): return z\n return g()",
    ),
    ("{k: v for k, v in xs}", "{a: b for a, b in xs}"),
    (
        "def f():\n return [(x, y) for x in a for y in x if (z := y)] and z",
        "def f():\n return [(p, y) for p in a for y in p if (q := y)] and q",
    ),
    (
        "class A:\n def m(self):\n  t = 1\n  return t",
        "class A:\n def m(self):\n  u = 1\n  return u",
    ),
    ("%%sql t\nSELECT 1", "%%sql t\nSELECT 1  \n"),
    (
        "%%sql t\nselect a, 'x' -- c\nfrom t /* d */ where b",
        "%%sql t\nSELECT a,\n 'x' FROM t WHERE b",
    ),
    ("%%sql t\nselect a from t group by a", "%%sql t\nSELECT a FROM t GROUP BY a"),
]

DIFFERENT = [
    ("x = 1", "x = 2"),
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = '1'", "x = 1"),
    ("x = 1", "y = 1"),
    ("df", "df;"),
    ("x = 'a b'", "x = 'a  b'"),
    ("%time x = 1", "%time x = 2"),
    ("!ls a", "!ls b"),
    ("%time x = 1", "_line_('%time x = 1')"),
    ("def f(): 'one'", "def f(): 'two'"),  # docstrings are read
    ("def f(a): return a", "def f(b): return b"),  # so are names of parameters
    ("def f(a):\n x=1\n return x+y", "def f(a):\n y=1\n return y+y"),
    ("def f():\n a=1;b=2\n return a-b", "def f():\n a=1;b=2\n return b-a"),
    ("def f():\n x=1\n return 'x'", "def f():\n z=1\n return 'x'"),
    ("def f():\n x=1\n return f'{x=}'", "def f():\n z=1\n return f'{z=}'"),
    ("def f():\n global x\n x=1", "def f():\n global y\n y=1"),
    (
        "def f():\n x=1\n class C:\n  y=x\n return C",
        "def f():\n y=1\n class C:\n  y=y\n return C",
    ),
    (
        "def f():\n x=1\n def g():\n  nonlocal x\n  x=2\n g()\n return x",
        "def f():\n y=1\n def g():\n  x=2\n g()\n return y",
    ),
    ("@jit\ndef f():\n x=1\n return x", "@jit\ndef f():\n y=1\n return y"),
    ("def f(d):\n x=1\n return d.query('@x > a')", "def f(d):\n y=1\n return d.query('@x > a')"),
    ("%%sql t\nSELECT 1", "%%sql t\nSELECT 2"),
    ("%%sql t\nselect 1 as a", "%%sql t\nselect 1 as A"),
    ("%%sql t\nselect 1 as SELECT", "%%sql t\nselect 1 as select"),
    ("%%sql t\ncreate table u (exists int)", "%%sql t\ncreate table u (EXISTS int)"),
    ("%%sql t\nselect a - -1", "%%sql t\nselect a --1"),
    ("%%sql t\nselect 'a  b'", "%%sql t\nselect 'a b'"),
    ("%%sql t\nselect 'a' 'b'", "%%sql t\nselect 'a'\n'b'"),
    ('%%sql t\nselect "A"', '%%sql t\nselect "a"'),
    ("%%sql t\nselect $$ a $$", "%%sql t\nselect $$ a  $$"),
    ("%%sql t\nselect $day", "%%sql t\nselect $Day"),
    ("%%sql t\nselect 1e-5", "%%sql t\nselect 1e - 5"),
    ("%%sql t\nselect /* a /* b */ */ 1", "%%sql t\nselect 1"),
    ("%%sql t\nselect current_query() -- a", "%%sql t\nselect current_query()"),
    ("%%sql --with a\nselect /*+ hint */ 1", "%%sql --with a\nselect 1"),
    ("%%html\n<b>  x", "%%html\n<b> x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_means_the_same_is_the_same(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_f38_meaning_counts(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("x = 1", False),
        ("# locals()", False),
        ("print('locals')", False),
        ("locals()", True),
        ("from inspect import getsource as g", True),
        ("frame.query('@a > 1')", True),
        ("duckdb.sql('FROM t')", True),
        ("%%sql t\nSELECT 1", False),
        ("%%time\nlocals()", True),
        ("%store x\nf(", False),
    ],
)
def test_who_looks_at_names_is_known(source: str, seen: bool) -> None:
    assert names_may_show(source) is seen


def test_only_reserved_words_are_folded() -> None:
    """Any other word may name a column, whose case can be seen."""
    found = duckdb.sql("SELECT keyword_name, keyword_category FROM duckdb_keywords()").fetchall()
    assert {name for name, category in found if category == "reserved"} >= RESERVED


# -- properties ------------------------------------------------------------------------------------

LOCALS = ("alpha", "beta", "gamma")
FREE = ("data", "limit")
NAMES = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True).filter(
    lambda name: (
        not keyword.iskeyword(name)
        and not keyword.issoftkeyword(name)
        and name not in {*FREE, *LOCALS, *LOOKING, *dir(builtins), "function", "given"}
    )
)


def expressions() -> st.SearchStrategy[str]:
    leaf = st.sampled_from((*LOCALS, *FREE, "given", "1", "2.5", "'text'"))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({' '.join(t)})"),
            st.tuples(st.sampled_from(LOCALS), inner, inner).map(
                lambda t: f"[{t[1]} for {t[0]} in {t[2]}]"
            ),
            st.tuples(inner, inner).map(lambda t: f"len([{t[0]}, {t[1]}])"),
            st.tuples(st.sampled_from(LOCALS), inner).map(lambda t: f"(lambda z: {t[0]} + {t[1]})"),
        ),
        max_leaves=6,
    )


@st.composite
def functions(draw: st.DrawFn) -> str:
    """A function whose locals are all of `LOCALS`."""
    lines = [f"{name} = {draw(st.integers(0, 3))}" for name in LOCALS]
    for _ in range(draw(st.integers(1, 4))):
        name, value = draw(st.sampled_from(LOCALS)), draw(expressions())
        form = draw(
            st.sampled_from(
                (
                    "{0} = {1}",
                    "{0} += {1}",
                    "for {0} in {1}:\n        print({0})",
                    "if {1}:\n        {0} = {1}",
                    "with open({1}) as {0}:\n        pass",
                    "def inner():\n        return {0}",
                )
            )
        )
        lines.append(form.format(name, value))
    lines.append(f"return {draw(expressions())}")
    return "def function(given):\n    " + "\n    ".join(lines)


def renamed(source: str, new: dict[str, str]) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
    return ast.unparse(tree)


@given(functions(), st.lists(NAMES, min_size=3, max_size=3, unique=True))
def test_renaming_locals_never_counts(source: str, names: list[str]) -> None:
    assert canonical(renamed(source, dict(zip(LOCALS, names, strict=True)))) == canonical(source)


@given(functions())
def test_layout_and_comments_never_count(source: str) -> None:
    loose = "\n".join(f"{line}  # note\n\n" for line in source.splitlines())
    assert canonical(loose) == canonical(source)
    assert canonical(ast.unparse(ast.parse(source))) == canonical(source)


@given(functions(), st.data())
def test_another_local_in_one_place_always_counts(source: str, data: st.DataObject) -> None:
    """Not all mentions of a name change, but one: that is another program."""
    tree = ast.parse(source)
    places = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in (*LOCALS, *FREE)]
    place = data.draw(st.sampled_from(places))
    others = [name for name in (*LOCALS, *FREE) if name != place.id]
    before, place.id = place.id, data.draw(st.sampled_from(others))
    changed = ast.unparse(tree)
    # A loop variable and all its uses in one, like `[1 for x in y]`, may be renamed alone.
    bound_alone = isinstance(place.ctx, ast.Store) and changed.count(before) < source.count(before)
    assume(not bound_alone)
    assert canonical(changed) != canonical(source)


@given(functions(), st.integers(4, 9))
def test_another_constant_always_counts(source: str, number: int) -> None:
    assert canonical(source.replace("alpha = ", f"alpha = {number}", 1)) != canonical(source)


WORDS = st.lists(
    st.sampled_from(
        [
            "SELECT",
            "from",
            "Where",
            "t",
            "T",
            "'ab'",
            '"Q"',
            "1",
            "2.5",
            "+",
            "<=",
            ",",
            "$p",
            "(",
            ")",
        ]
    ),
    min_size=1,
    max_size=12,
)
GAPS = st.sampled_from((" ", "\n", " -- note\n", " /* note */ ", "\t"))


@given(WORDS, st.data())
def test_sql_may_be_laid_out_freely(words: list[str], data: st.DataObject) -> None:
    assume(not any(a[0] == b[0] == "'" for a, b in itertools.pairwise(words)))
    texts = ["%%sql t\n" + "".join(word + data.draw(GAPS) for word in words) for _ in range(2)]
    assert canonical(texts[0]) == canonical(texts[1])


@given(WORDS, WORDS)
def test_other_words_are_another_query(one: list[str], other: list[str]) -> None:
    def folded(words: list[str]) -> list[str]:
        return [w.lower() if w.lower() in ("select", "from", "where") else w for w in words]

    assume(folded(one) != folded(other))
    assert canonical("%%sql t\n" + " ".join(one)) != canonical("%%sql t\n" + " ".join(other))
