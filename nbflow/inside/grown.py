"""Whether an object that remembers what it computed has only grown, or changed.

Results of statistics libraries keep what they were asked for: in a dict named like `_cache`, or in
attributes that were not there, or were None, before. As long as all that was there still is, who
asks later is told the same. A copy that never was asked computes it again.

    before  {"params": p, "_cache": {}}
    after   {"params": p, "_cache": {"bse": b}, "table": t}      has grown
    after   {"params": q, "_cache": {}}                          has changed
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nbflow.inside.digest import ATOMS, Undigestible, digest, digest_inside

REMEMBERING: Final = frozenset({"statsmodels", "linearmodels", "arch"})
"""Libraries whose results do so; the table of effects says that asking them changes nothing."""

Token = tuple[object, ...]
Owner = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What such objects in a value held, by their ids, which hold as long as `alive` does."""

    held: Mapping[Owner, Mapping[object, Token]]
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
    look = _looked(value, _Look())
    return None if look is None else Parts(held=look.held, alive=tuple(look.alive))


def places_in(value: object) -> tuple[tuple[str, str], ...]:
    """The same for another process: each place in the value, and what is there; nothing where
    nothing remembers. Of two that differ in what they were asked for, what both have is the same.
    """
    look = _looked(value, _LookByPlace())
    held = look.held.items() if look is not None else ()
    return tuple(
        (f"{owner}.{key}", digest(repr(token)))
        for owner, parts in held
        for key, token in parts.items()
    )


def _looked(value: object, look: "_Look") -> "_Look | None":
    if not any(map(_remembers, _several(value))):
        return None
    try:
        look.held[0] = {"": look.token(value)}
    except (Undigestible, RecursionError):
        return None
    return look


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
    held: dict[Owner, dict[object, Token]] = field(default_factory=dict)
    alive: list[object] = field(default_factory=list)
    known: dict[int, Token] = field(default_factory=dict)

    def token(self, value: Any, name: str = "") -> Token:
        """What tells a value from others; `name` is the attribute that holds it."""
        if type(value) in ATOMS:
            return type(value), repr(value)
        if id(value) not in self.known:
            self.alive.append(value)
            self.known[id(value)] = ("met", self._owner(value))
            self.known[id(value)] = self._token(value, name)
        return self.known[id(value)]

    def _token(self, value: Any, name: str) -> Token:
        if _remembers(value):
            # Wrappers of results answer for the results that they hold.
            parts = object.__getattribute__(value, "__dict__")
            return "object", self._hold(
                value, {k: part for k, part in parts.items() if part is not None}
            )
        if type(value) is dict and "cache" in name:
            return "cache", self._hold(value, value)
        if type(value) is dict:
            return "dict", *((self.token(k), self.token(v)) for k, v in value.items())
        if type(value) in (list, tuple):
            return type(value), *map(self.token, value)
        return type(value), digest_inside(value) if self.inside else digest(value)

    def _hold(self, value: object, parts: Mapping[Any, Any]) -> Owner:
        outer, self.inside = self.inside, True
        owner = self._owner(value)
        held = self.held[owner] = {}
        for key, part in parts.items():
            with self._at(f"{owner}.{key}"):
                known = key if isinstance(key, str) else self.token(key)
                held[known] = self.token(part, str(key))
        self.inside = outer
        return owner

    def _owner(self, value: object) -> Owner:
        """By what an object that holds parts is known."""
        return id(value)

    def _at(self, place: str) -> contextlib.AbstractContextManager[None]:
        """Whose part is looked at."""
        return contextlib.nullcontext()


@dataclass(slots=True)
class _LookByPlace(_Look):
    """One that knows objects by where they were met first."""

    place: str = ""

    def _owner(self, value: object) -> Owner:
        owner = self.place
        while owner in self.held:  # a list holds several
            owner += "+"
        return owner

    @contextlib.contextmanager
    def _at(self, place: str) -> Iterator[None]:
        outer, self.place = self.place, place
        yield
        self.place = outer
