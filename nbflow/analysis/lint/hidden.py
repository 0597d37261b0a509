"""Code that binds names its text does not show: below it nobody can say that a name is missing."""

import ast
from collections.abc import Iterable
from typing import Final

from nbflow.analysis.facts import CellFacts
from nbflow.analysis.ipython import read_code
from nbflow.core.notebook import CellKind, Notebook

_HIDING_CALLS: Final = frozenset(
    {"exec", "eval", "globals", "locals", "vars", "setattr", "execfile", "__import__"}
)
_PLAIN_MAGICS: Final = frozenset(
    """
    matplotlib config time timeit prun autoreload pip conda mamba uv cd ls ll pwd cat cp mv rm mkdir
    rmdir env set_env precision who whos history hist sql nbflow system sx
    """.split()  # noqa: SIM905
)
_PLAIN_EXTENSIONS: Final = frozenset({"autoreload", "nbflow"})
_PLAIN_CELL_MAGICS: Final = frozenset(
    """
    time timeit prun capture bash sh script writefile file html HTML markdown latex javascript js
    svg sql
    """.split()  # noqa: SIM905
)


def hides_names(source: str) -> bool:
    """Whether a cell may bind names that its text does not show.

    >>> [hides_names(s) for s in ("x = 1", "%matplotlib inline", "%load_ext autoreload", "!ls")]
    [False, False, False, False]
    >>> [hides_names(s) for s in ("exec(t)", "from a import *", "%run b.py", "%%r\\nx", "x = =")]
    [True, True, True, True, True]
    """
    code = read_code(source)
    if code.magic is not None:
        inner = code.magic.name in ("time", "timeit", "prun", "capture")
        return code.magic.name not in _PLAIN_CELL_MAGICS or (inner and hides_names(code.magic.body))
    if code.tree is None:
        return True
    plain = _shells(code.tree)
    return any(_hides(node, plain) for node in ast.walk(code.tree))


def first_hiding(notebook: Notebook, facts: Iterable[CellFacts] = ()) -> int:
    """The index of the first cell below which a missing name may be there all the same; past the
    last cell where there is none."""
    opaque = {one.cell for one in facts if one.opaque}
    for cell in notebook.cells:
        if cell.kind is CellKind.CODE and (cell.id in opaque or hides_names(cell.source)):
            return cell.index
    return len(notebook.cells)


def _hides(node: ast.AST, plain: set[ast.AST]) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Call(func=ast.Name(id=name)) if name in _HIDING_CALLS:
            return True
        case ast.Name(id="get_ipython") | ast.Attribute(attr="get_ipython"):
            return node not in plain
    return False


def _shells(tree: ast.Module) -> set[ast.AST]:
    """Where the kernel is asked for a magic that binds nothing, as IPython's transformer does."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name() as shell), attr=attribute),
                args=arguments,
            ) if _binds_nothing(attribute, arguments):
                found.add(shell)
    return found


def _binds_nothing(attribute: str, arguments: list[ast.expr]) -> bool:
    if attribute in ("system", "getoutput"):
        return True
    match arguments:
        case [ast.Constant(value="load_ext" | "reload_ext"), ast.Constant(value=str(extension))]:
            return extension.strip() in _PLAIN_EXTENSIONS
        case [ast.Constant(value=str(name)), *_]:
            return attribute == "run_line_magic" and name in _PLAIN_MAGICS
    return False
