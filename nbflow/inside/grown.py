"""Whether an object that remembers what it computed has only grown, or changed.

Results of statistics libraries keep what they were asked for: in a dict named like `_cache`, or in
attributes that were not there, or were None, before. As long as all that was there still is, who
asks later is told the same. A copy that never was asked computes it again.

    before  {"params": p, "_cache": {}}
    after   {"params": p, "_cache": {"bse": b}, "table": t}      has grown
    after   {"params": q, "_cache": {}}                          has changed
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nbflow.inside.digest import ATOMS, Undigestible, digest, digest_inside

REMEMBERING: Final = frozenset({"statsmodels", "linearmodels", "arch"})
"""Libraries whose results do so; the table of effects says that asking them changes nothing."""

Token = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What such objects in a value held, by their ids, which hold as long as `alive` does."""

    held: Mapping[int, Mapping[object, Token]]
    alive: tuple[object, ...] = field(repr=False)

    def outlast(self, later: "Parts") -> bool:
        """Whether all of it is there later, and the same."""
        return all(
            later.held.get(owner, {}).get(key) == token
            for owner, parts in self.held.items()
            for key, token in parts.items()
        )


def parts_of(value: object) -> Parts | None:
    """What is in a value to be compared later; None where nothing in it remembers."""
    if not any(map(_remembers, _several(value))):
        return None
    look = _Look()
    try:
        look.held[0] = {"": look.token(value)}
    except (Undigestible, RecursionError):
        return None
    return Parts(held=look.held, alive=tuple(look.alive))


def _several(value: object) -> Iterable[object]:
    if type(value) is dict:
        return tuple(value.values())
    return value if isinstance(value, list | tuple) else (value,)


def _remembers(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in REMEMBERING and hasattr(value, "__dict__")


@dataclass(slots=True)
class _Look:
    """One look through a value. `known`: tokens of what was met, by id. `inside`: what is looked at
    is held by an object of a library."""

    inside: bool = False
    held: dict[int, dict[object, Token]] = field(default_factory=dict)
    alive: list[object] = field(default_factory=list)
    known: dict[int, Token] = field(default_factory=dict)

    def token(self, value: Any, name: str = "") -> Token:
        """What tells a value from others; `name` is the attribute that holds it."""
        if type(value) in ATOMS:
            return type(value), repr(value)
        if id(value) not in self.known:
            self.alive.append(value)
            self.known[id(value)] = ("met", id(value))
            self.known[id(value)] = self._token(value, name)
        return self.known[id(value)]

    def _token(self, value: Any, name: str) -> Token:
        if _remembers(value):
            # Wrappers of results answer for the results that they hold.
            parts = object.__getattribute__(value, "__dict__")
            self._hold(value, {k: part for k, part in parts.items() if part is not None})
            return "object", id(value)
        if type(value) is dict and "cache" in name:
            self._hold(value, value)
            return "cache", id(value)
        if type(value) is dict:
            return "dict", *((self.token(k), self.token(v)) for k, v in value.items())
        if type(value) in (list, tuple):
            return type(value), *map(self.token, value)
        return type(value), digest_inside(value) if self.inside else digest(value)

    def _hold(self, owner: object, parts: Mapping[Any, Any]) -> None:
        outer, self.inside = self.inside, True
        self.held[id(owner)] = {
            key if isinstance(key, str) else self.token(key): self.token(part, str(key))
            for key, part in parts.items()
        }
        self.inside = outer
