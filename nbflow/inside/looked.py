"""Whether code looked at settings, where their library lets that be seen.

All that reads matplotlib's settings goes through one method of theirs. Other libraries have no such
place: whoever might look at their settings is taken to do so.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

from nbflow.inside.ambient import RC_OF_KERNEL

SEEN: Final = frozenset({"@rcParams"})
"""The channels for which it can be seen."""

_read: set[str] = set()


def listen() -> bool:
    """Listen from now on. False where that cannot be: the library is not there yet, or too old."""
    kind = _kind()
    get = vars(kind).get("_get") if kind is not None else None
    if get is None:
        return False
    if not hasattr(get, "nbflow_listens"):
        kind._get = _listening(get)
    _read.clear()
    return True


def has_looked(listened: bool) -> bool:
    """Whether the settings were read since `listen`, which returned `listened`, or nobody knows."""
    return bool(_read) if listened else _kind() is not None


def _kind() -> Any:
    return getattr(sys.modules.get("matplotlib"), "RcParams", None)


def _listening(get: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    settings = sys.modules["matplotlib"].rcParams

    @functools.wraps(get)
    def listening(self: Any, key: str) -> Any:
        if self is settings and key not in RC_OF_KERNEL:
            _read.add(key)
        return get(self, key)

    listening.nbflow_listens = True  # type: ignore[attr-defined]
    return listening
