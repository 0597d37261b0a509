"""What the globals of a traced notebook hold, as digests: who changed, and into what.

nbflow's own walk over values serves here too, made lenient: what libraries keep in `_cache`-like
attributes of their objects is no content. Classes and modules of the notebook's own, which the walk
names only, are looked into.
"""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from nbflow.core.homes import is_local
from nbflow.inside.digest import (
    Snapshot,
    Undigestible,
    Walk,
    _drawing_of,
    is_figure,
)

CACHES = re.compile(r"_.*cache|_memo$")
"""Attributes in which libraries keep what they would compute again."""

HIDDEN = frozenset(
    {"In", "Out", "_ih", "_oh", "_dh", "get_ipython", "exit", "quit", "open", "display"}
)


class LenientWalk(Walk):
    """A walk that does not look into caches of library objects."""

    def attribute(self, owner: object, key: str, value: object) -> None:
        """As of Walk, but for caches."""
        if CACHES.match(key) and type(owner).__module__ != "__main__":
            return
        super().attribute(owner, key, value)

    def apart(self, value: object) -> str:
        """As of Walk."""
        walk = LenientWalk(outer=self)
        walk.feed(value)
        return walk.hash.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One global at one moment. `snapshot` is None where its value has no digest.

    met: ids of the mutable objects in it; memory: where its arrays lie.
    """

    identity: int
    snapshot: Snapshot | None
    why: str = ""
    met: frozenset[int] = frozenset()
    memory: tuple[tuple[int, int], ...] = ()

    def changed(self, later: "Look") -> bool:
        """Whether the value is another one, or nobody can tell."""
        if self.snapshot is None or later.snapshot is None:
            return self.snapshot is not later.snapshot
        return self.snapshot.changed(later.snapshot)


def is_traced(name: str) -> bool:
    """Whether a global is the notebook's: not IPython's history, not a dunder.

    >>> is_traced("df"), is_traced("_"), is_traced("_i3"), is_traced("__name__")
    (True, True, False, False)
    """
    if name in HIDDEN or (name.startswith("__") and name.endswith("__") and len(name) > 4):
        return False
    return not (name.startswith("_i") and (name[2:].isdigit() or name in ("_i", "_ii", "_iii")))


def is_result_name(name: str) -> bool:
    """Whether IPython binds the name to a cell's result (`_`, `__`, `_12`)."""
    return name.startswith("_") and (not name.strip("_") or name[1:].isdigit())


def look_at_all(namespace: Mapping[str, Any], known: Mapping[str, Look]) -> dict[str, Look]:
    """All traced globals; objects with several names are looked at once.

    What is in `known` still holds.
    """
    taken: dict[tuple[int, bool], Look] = {}
    found = {}
    for name, value in list(dict.items(namespace)):  # type: ignore[arg-type]
        if not is_traced(name):
            continue
        shallow = is_result_name(name)
        if name in known and known[name].identity == id(value):
            found[name] = known[name]
            continue
        if (id(value), shallow) not in taken:
            taken[id(value), shallow] = look_at(value, shallow=shallow)
        found[name] = taken[id(value), shallow]
    return found


def untouched(looks: Mapping[str, Look], names: set[str]) -> dict[str, Look]:
    """The looks at values that share nothing with those of `names`: code that was only given these
    cannot have changed them (and if it can, a replay will tell)."""
    met = frozenset().union(*(looks[name].met for name in names if name in looks))
    identities = {looks[name].identity for name in names if name in looks}
    memory = [part for name in names if name in looks for part in looks[name].memory]
    return {
        name: look
        for name, look in looks.items()
        if name not in names
        and look.identity not in identities | met
        and not look.met & (met | identities)
        and not any(a < d and c < b for a, b in look.memory for c, d in memory)
    }


def look_at(value: object, *, shallow: bool = False) -> Look:
    """One value; `shallow` looks at nothing but its identity."""
    if shallow:
        return Look(identity=id(value), snapshot=Snapshot(plain=str(id(value))))
    try:
        return _deep(value)
    except Undigestible as error:
        return Look(identity=id(value), snapshot=None, why=str(error))
    except Exception as error:  # a library's own pickling code may raise anything
        return Look(identity=id(value), snapshot=None, why=repr(error))


def _deep(value: object) -> Look:
    if isinstance(value, type) and value.__module__ == "__main__":
        return Look(identity=id(value), snapshot=Snapshot(plain=_inside(vars(value))))
    if isinstance(value, types.ModuleType):
        plain = _inside(vars(value)) if is_local(value) else _bound(value)
        return Look(identity=id(value), snapshot=Snapshot(plain=plain))
    walk = LenientWalk()
    plain = walk.finish(value)
    figures = [one for one in walk.notes.alive if is_figure(one)]
    drawing = _drawing_of(value, figures) if figures else None
    return Look(
        identity=id(value),
        snapshot=Snapshot(plain=plain, drawing=drawing, lazy=dict(walk.notes.lazy)),
        met=frozenset(walk.notes.met),
        memory=tuple((one.start, one.end) for one in walk.notes.arrays),
    )


def _inside(members: Mapping[str, Any]) -> str:
    found = blake3()
    for key, value in sorted(members.items()):
        if not (key.startswith("__") and key.endswith("__")):
            one = look_at(value) if not isinstance(value, types.ModuleType) else None
            found.update(f"{key}={one.snapshot.plain if one and one.snapshot else '?'};".encode())
    return found.hexdigest()


def _bound(module: types.ModuleType) -> str:
    """What a library's module was given from outside: plain values, functions of the notebook."""
    found = blake3(module.__name__.encode())
    for key, value in sorted(vars(module).items()):
        if isinstance(value, types.FunctionType) and value.__module__ == "__main__":
            found.update(f"{key}:{value.__qualname__};".encode())
        elif type(value) in (bool, int, float, str) and not key.startswith("_"):
            found.update(f"{key}={value!r};".encode())
    return found.hexdigest()
