"""Cells as IPython reads them."""

import ast
from itertools import product

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from nbflow.analysis.cells import read_cells
from nbflow.analysis.ipython import _with_plain_magics, read_code
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook


def plain(source: str) -> str:
    tree = read_code(source).tree
    assert tree is not None
    return ast.unparse(tree)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("x = 1", "x = 1"),
        ("%time f()", "get_ipython().run_line_magic('time', 'f()')"),
        ("x = %sql SELECT 1", "x = get_ipython().run_line_magic('sql', 'SELECT 1')"),
        ("!ls {a}", "get_ipython().system('ls {a}')"),
        ("x = !ls", "x = get_ipython().getoutput('ls')"),
        ("df?", "get_ipython().run_line_magic('pinfo', 'df')"),
        ("??df", "get_ipython().run_line_magic('pinfo2', 'df')"),
        ("await f()", "await f()"),
        ("  x = 1", "x = 1"),
        (">>> x = 1", "x = 1"),
        ("cd data", "get_ipython().run_line_magic('cd', 'data')"),
        ("ls", "get_ipython().run_line_magic('ls', '')"),
        ("x = '%time'", "x = '%time'"),
        ("x = (a\n%b)", "x = a % b"),
        ("if a:\n    %time b", "if a:\n    get_ipython().run_line_magic('time', 'b')"),
    ],
)
def test_python(source: str, wanted: str) -> None:
    assert plain(source) == wanted


PIECES = (
    "%load_ext nbflow",
    "%matplotlib",
    "%time x",
    "%load_ext  two",
    "%cd a/b",
    "x = 1",
    "x = (",
    ")",
    'y = """',
    '"""',
    "    z = 2",
    "if x:",
    "\\",
    "x = 1 + \\",
    "@decorate",
    "",
    "  ",
    "\t",
    ">>> x",
    "# %load_ext nbflow",
)


def test_simple_magics_are_read_as_ipython_reads_them() -> None:
    """What is known without IPython is what IPython says."""
    known = 0
    for lines in (*product(PIECES, repeat=2), *product(PIECES, repeat=3)):
        for source in ("\n".join(lines), "\n".join(lines) + "\n"):
            simple = _with_plain_magics(source)
            if simple is not None:
                known += 1
                assert simple.source == TransformerManager().transform_cell(source), source
    assert known > 500


def test_a_variable_comes_before_a_magic_of_its_name() -> None:
    tree = read_code("ls", {"ls"}).tree
    assert tree is not None
    assert ast.unparse(tree) == "ls"


def test_cell_magics_are_split_off() -> None:
    magic = read_code("\n%%sql daily\nSELECT 1\n").magic
    assert magic is not None
    assert (magic.name, magic.line, magic.body.strip()) == ("sql", "daily", "SELECT 1")


def test_lines_stay_where_they_are() -> None:
    tree = read_code("%time 1\n\nx = 2").tree
    assert tree is not None
    assert [statement.lineno for statement in tree.body] == [1, 3]


@pytest.mark.parametrize("source", ["x = = 1", "def f(:", "'", "x = 1\n  y", "\0", "(" * 400])
def test_what_nobody_can_read(source: str) -> None:
    code = read_code(source)
    assert code.tree is None
    assert code.error is not None


def test_a_syntax_error_is_a_fact() -> None:
    cells = (Cell(id=CellId("a"), index=0, kind=CellKind.CODE, source="x = 1\ny = = 2"),)
    (facts,) = read_cells(Notebook(path="n.ipynb", cells=cells))
    assert facts.syntax_error is not None
    assert facts.syntax_error[0] == 2
    assert not facts.is_definition


def test_invalid_escapes_are_no_trouble() -> None:
    assert plain(r"x = '\d'")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("x = 1", False),
        ("x", True),
        ("x;", False),
        ("x = 1\nx.head()", True),
        ("print(x)", True),
        ("for i in [1]: print(i)", True),
        ("import matplotlib.pyplot as plt\nplt.plot([1])", True),
        ("%%html\n<b>", True),
        ("%%time\nx", True),
        ("%matplotlib inline", False),
        ("!ls", True),
    ],
)
def test_what_shows_something(source: str, wanted: bool) -> None:
    cells = (Cell(id=CellId("a"), index=0, kind=CellKind.CODE, source=source),)
    (facts,) = read_cells(Notebook(path="n.ipynb", cells=cells))
    assert facts.displays is wanted


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "+".join(["1"] * 900),
        "x = " + "-" * 800 + "y",
        "x = a" + ".b" * 900,
        "(" * 60 + "x" + ")" * 60,
    ],
)
def test_deep_nesting_is_no_crash(source: str) -> None:
    cells = (Cell(id=CellId("a"), index=0, kind=CellKind.CODE, source=source),)
    (facts,) = read_cells(Notebook(path="n.ipynb", cells=cells))
    assert facts.syntax_error is None
    assert facts.one_lane or facts.reads or facts.writes


def test_a_magic_does_not_move_the_lines_of_equal_code_elsewhere() -> None:
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate(["\n\n%time x = [1]", "x = [1]"])
    )
    read_cells(Notebook(path="n.ipynb", cells=cells))
    (use,) = read_cells(Notebook(path="n.ipynb", cells=cells))[1].writes
    assert use.line == 1
