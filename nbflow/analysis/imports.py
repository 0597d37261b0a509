"""What a notebook imports, so that its packages can be imported before it runs."""

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from nbflow.analysis.ipython import read_code
from nbflow.analysis.modules import FindSource
from nbflow.analysis.nodes import walk

_INSTALLS: Final = re.compile(
    r"\b(pip3?|conda|mamba|micromamba|uv|pixi|poetry)\b.*\b(install|add)\b"
)


def imported(sources: Iterable[str], find_source: FindSource) -> tuple[str, ...]:
    """Modules that code imports anywhere, in the order of the text: `a.b`, or `a.b:c` for
    `from a.b import c`. In place of the user's own modules stands what these import.

    >>> imported(["import a.b as x", "from c import d, e\\n!ls"], lambda _: None)
    ('a.b', 'c:d', 'c:e')
    """
    found: dict[str, None] = {}
    own: set[str] = set()
    waiting = [tree for source in sources if (tree := _tree(source)) is not None]
    for tree in waiting:
        for module, names in _imports(tree):
            source = find_source(module)
            if source is None:
                found.update(
                    dict.fromkeys(f"{module}:{name}" if name else module for name in names)
                )
            elif module not in own and (inner := _tree(source)) is not None:
                own.add(module)
                waiting.append(inner)
    return tuple(found)


def installs(sources: Iterable[str]) -> bool:
    """Whether code may change the installed packages while it runs.

    >>> [installs([text]) for text in ("%pip install x", "!python -m pip install -U y", "pip = 1")]
    [True, True, False]
    """
    return any(_INSTALLS.search(source) for source in sources)


def _tree(source: str) -> ast.Module | None:
    code = read_code(source)
    if code.magic is not None:
        return _tree(code.magic.body)
    return code.tree


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield alias.name, ("",)
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                yield module, tuple("" if a.name == "*" else a.name for a in aliases)
