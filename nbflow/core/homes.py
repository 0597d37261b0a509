"""Where code comes from: Python and installed packages, or the project of the notebook."""

import os
import sysconfig
import types
from functools import cache
from typing import Any


def is_local(module: Any) -> bool:
    """Whether a module lies outside the standard library, site-packages and nbflow itself."""
    file = getattr(module, "__file__", None)
    name = getattr(module, "__name__", "")
    if not isinstance(file, str) or not isinstance(module, types.ModuleType):
        return False
    return name != "__main__" and name.partition(".")[0] != "nbflow" and not is_installed(file)


@cache
def is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package.

    Asked for every loaded module around every step, hence the cache.

    >>> is_installed(os.__file__)
    True
    """
    path = os.path.realpath(file)
    return any(path.startswith(home) for home in homes())


@cache
def homes() -> tuple[str, ...]:
    """Where Python and its packages lie; each path ends with a separator."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(kind) for kind in kinds}
    return tuple(sorted(os.path.realpath(home) + os.sep for home in found if home))
