"""Python as one writes it by hand: literals in double quotes, calls that fit the line."""

from collections.abc import Iterable, Mapping
from typing import Final

from nbflow.core.recipe import NewCell, Scene
from nbflow.recipes.names import free_name

LONGEST_LINE: Final = 88


def text_literal(text: str) -> str:
    """A text as a literal, in the quotes that need no backslash.

    >>> print(text_literal("it's"), text_literal('say "x"'), text_literal("a\\\\b"))
    "it's" 'say "x"' "a\\\\b"
    """
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return '"' + plain[1:-1].replace("\\'", "'") + '"'
    return plain


def list_literal(texts: Iterable[str]) -> str:
    """A list of texts.

    >>> list_literal(["a", "b"])
    '["a", "b"]'
    """
    return "[" + ", ".join(text_literal(text) for text in texts) + "]"


def call(function: str, arguments: Iterable[str]) -> str:
    """A call on one line, or with one argument a line where that would be too long.

    >>> print(call("f", ["x", 'title="t"']))
    f(x, title="t")
    """
    given = list(arguments)
    line = f"{function}({', '.join(given)})"
    if len(line) <= LONGEST_LINE:
        return line
    return "\n".join([f"{function}(", *(f"    {each}," for each in given), ")"])


SQL: Final = "%%sql"
"""Among what is loaded: not a module, but what `%load_ext nbflow` brings."""

_USUAL: Final[Mapping[str, str]] = {
    "pandas": "pd",
    "matplotlib.pyplot": "plt",
    "pathlib.Path": "Path",
}


def name_of(module: str, scene: Scene) -> str:
    """The name that a module has in the notebook, or will have."""
    return scene.modules.get(module) or free_name(_USUAL[module], scene.names)


def preparation(scene: Scene, *wanted: str) -> tuple[NewCell, ...]:
    """A cell with what is not loaded yet above; none where everything is."""
    missing = [one for one in wanted if one not in scene.loaded]
    imports = [_import(module, name_of(module, scene)) for module in missing if module != SQL]
    lines = sorted(imports, key=lambda line: line.startswith("import"))
    if SQL in missing:
        lines = ["%load_ext nbflow", *([""] if lines else []), *lines]
    return (NewCell(source="\n".join(lines)),) if lines else ()


def _import(module: str, name: str) -> str:
    """
    >>> _import("pandas", "pd"), _import("pathlib.Path", "Path")
    ('import pandas as pd', 'from pathlib import Path')
    """
    parent, _, last = module.rpartition(".")
    if not last[0].isupper():
        return f"import {module} as {name}"
    return f"from {parent} import {last}" + ("" if name == last else f" as {name}")
