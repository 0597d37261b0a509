"""Cells as IPython reads them: cell magics are split off, the rest becomes plain Python.

Line magics, `!cmd` and `obj?` become calls of `get_ipython()` by IPython's own transformer; reading
those calls is the business of `magics.py`. Python is tried first: what Python can read, IPython
leaves alone, but for single words such as `ls`, which mean a magic when they are no variable.
"""

import ast
import re
import warnings
from collections.abc import Container
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from nbflow.analysis.nodes import lay_out
from nbflow.analysis.trust import mark_trusted

_CELL_MAGIC: Final = re.compile(r"\s*%%([\w.]+)[ \t]*(.*)")
_FIRST_WORD: Final = re.compile(r"\s*([A-Za-z_]\w*)(\s+[^=\s(.\[].*)?\s*")
_PLAIN_MAGIC: Final = re.compile(r"^%(\w+)(?: (\w+(?: \w+)*))?$", re.MULTILINE | re.ASCII)
_CLEANED_UP: Final = re.compile(r"\A\s|^[^\S\n]+$|>>>|\.\.\.|In \[|[^\S\n ]", re.MULTILINE)
"""Where IPython may change a cell before it looks for magics: blank lines, prompts, tabs …"""

AUTOMAGICS: Final = frozenset(
    {
        *(
            "cd",
            "ls",
            "ll",
            "pwd",
            "cat",
            "cp",
            "mv",
            "rm",
            "mkdir",
            "rmdir",
            "man",
            "more",
            "less",
        ),
        *("pip", "conda", "mamba", "uv", "time", "timeit", "run", "load", "who", "whos", "who_ls"),
        *("reset", "env", "set_env", "matplotlib", "pylab", "config", "precision", "store", "hist"),
        *("history", "prun", "debug", "pdb", "psearch", "pinfo", "load_ext", "alias", "macro"),
        *(
            "edit",
            "save",
            "recall",
            "rerun",
            "reload_ext",
            "autosave",
            "lsmagic",
            "quickref",
            "sql",
        ),
    }
)
"""Line magics that IPython also takes without `%`, in a cell of one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMagic:
    """`%%name line` with all that stands below it."""

    name: str
    line: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCode:
    """A cell as it will run: a cell magic, or Python statements (line numbers are the cell's)."""

    magic: CellMagic | None = None
    tree: ast.Module | None = None
    source: str = ""
    error: tuple[int, str] | None = None


def read_code(source: str, known: Container[str] = ()) -> CellCode:
    """Split a cell's text. `known` are the variables that stand before a magic of the same name.

    >>> read_code("%%sql daily\\nSELECT 1").magic
    CellMagic(name='sql', line='daily', body='SELECT 1')
    >>> ast.unparse(read_code("!ls").tree)
    "get_ipython().system('ls')"
    """
    code = _parsed(source)
    if code.tree is not None and _is_automagic(code.tree, known):
        return _transformed(source)
    return code


@lru_cache(maxsize=4096)
def _parsed(source: str) -> CellCode:
    """The cell as Python or a cell magic. Kept, so that an edit of one cell parses that one only;
    nobody changes a tree."""
    magic = _cell_magic(source)
    if magic is not None:
        return CellCode(magic=magic, source=source)
    try:
        return CellCode(tree=_parse(source), source=source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _transformed(source)


def _cell_magic(source: str) -> CellMagic | None:
    if "%%" not in source:
        return None
    found = _CELL_MAGIC.match(source)
    if found is None:
        return None
    skipped = source[: found.start(1)].count("\n")
    body = source[found.end() :].removeprefix("\n")
    return CellMagic(name=found[1], line=found[2].strip(), body="\n" * skipped + body)


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    lay_out(tree)
    mark_trusted(tree, source)
    return tree


def _is_automagic(tree: ast.Module, known: Container[str]) -> bool:
    """A single bare word that is the name of a magic and of no variable: `ls`."""
    match tree.body:
        case [ast.Expr(value=ast.Name(id=name))]:
            return name in AUTOMAGICS and name not in known
    return False


def _transformed(source: str) -> CellCode:
    single = _FIRST_WORD.fullmatch(source) if "\n" not in source.strip() else None
    if single is not None and single[1] in AUTOMAGICS:
        source = f"%{source.strip()}"
    try:
        if (simple := _with_plain_magics(source)) is not None:
            return simple
        plain = _transformer().transform_cell(source)
        return CellCode(tree=_parse(plain), source=plain)
    except SyntaxError as error:
        return CellCode(source=source, error=(error.lineno or 1, error.msg))
    except (ValueError, RecursionError, MemoryError) as error:
        return CellCode(source=source, error=(1, str(error) or type(error).__name__))


def _with_plain_magics(source: str) -> CellCode | None:
    """What IPython makes of a cell whose only magics are lines like `%load_ext nbflow`; None where
    that is not plain to see. IPython takes longer to import than such a cell to read.

    >>> _with_plain_magics("%load_ext nbflow\\nx = 1").source
    "get_ipython().run_line_magic('load_ext', 'nbflow')\\nx = 1\\n"
    >>> _with_plain_magics("!ls") is None
    True
    """
    magics = {source.count("\n", 0, m.start()) + 1 for m in _PLAIN_MAGIC.finditer(source)}
    if not magics or _CLEANED_UP.search(source):
        return None
    plain = _PLAIN_MAGIC.sub(_as_call, source if source.endswith("\n") else f"{source}\n")
    try:
        tree = _parse(plain)
    except SyntaxError:
        return None
    whole = {line.lineno for line in tree.body if line.col_offset == 0}
    return CellCode(tree=tree, source=plain) if magics <= whole else None


def _as_call(magic: "re.Match[str]") -> str:
    return f"get_ipython().run_line_magic({magic[1]!r}, {magic[2] or ''!r})"


@cache
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager()  # type: ignore[no-untyped-call]
