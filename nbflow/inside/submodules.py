"""Submodules that code reaches by their package's attribute, though it does not import them.

`mpl.pyplot` works in Run All as soon as anything above, perhaps deep in a library, has imported it.
A kernel of its own has not run what stands above, so what is missing is imported there beforehand.
"""

import contextlib
import importlib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nbflow.core.homes import is_local

_DOTTED: Final = re.compile(r"(?<![\w.])[^\W\d]\w*(?:\.[^\W\d]\w*)+")


def bring_in(sources: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """Import the submodules of installed packages that the texts name by way of these names."""
    for dotted in dict.fromkeys(_DOTTED.findall("\n".join(sources))):
        root, *parts = dotted.split(".")
        _follow(namespace.get(root), parts)


def _follow(found: Any, parts: Iterable[str]) -> None:
    for part in parts:
        if not issubclass(type(found), types.ModuleType) or is_local(found):
            return
        with contextlib.suppress(Exception):  # then the cell will say what is missing
            if not hasattr(found, part) and hasattr(found, "__path__"):
                importlib.import_module(f"{found.__name__}.{part}")
        found = vars(found).get(part)
