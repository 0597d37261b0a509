"""What a value is, as one blake3: equal for equal content in any process, different for any change.

Pickle bytes will not do: they depend on hash seeds (sets), on string interning and on caches that
objects fill while they are only read. So values are walked the way pickle walks them
(`__reduce_ex__`), with an own encoding of everything: sets in an order of their own, tables by
content and not by layout, arrays by buffer, shared mutable objects by the order in which they are
met. Every item is tagged and every length is written, so that no two values encode alike.

Two strengths: `digest` counts all that a pickle would hold (it names blobs); `snapshot` tells lazy
attributes of libraries (`functools.cached_property`) apart: reading an object is no change to it.
"""

import bisect
import copyreg
import datetime
import decimal
import enum
import fractions
import functools
import gc
import inspect
import io
import logging
import marshal
import pathlib
import pickle
import random
import re
import struct
import sys
import types
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from blake3 import blake3
from numpy.lib.array_utils import byte_bounds

from nbflow.core.homes import is_local
from nbflow.inside import mapped
from nbflow.inside.acting import acting_method

ATOMS: Final = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)}
)
"""Immutable values without parts: their identity means nothing."""

_MARSHALLED: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
# Version 2 is the newest marshal format without back-references and interning marks, so it depends
# on nothing but the values.
_MARSHAL_VERSION: Final = 2
_APART_BYTES: Final = 1 << 16
MANY_THREADS_BYTES: Final = 1 << 24
_SHORT: Final[dict[type, Callable[[Any], object]]] = {
    datetime.date: datetime.date.toordinal,
    decimal.Decimal: str,
    uuid.UUID: int,
}
"""How long columns of one immutable kind are written fast; the text or number tells all of it."""

_VALUES: Final = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PurePath,
    re.Pattern,
    range,
    slice,
    enum.Enum,
    logging.Logger,
    pd.Period,
    pd.Interval,
    pd.api.extensions.ExtensionDtype,
    type(pd.NaT),
    type(pd.NA),
)
"""Immutable kinds that pickle can take apart: their identity means nothing either."""

_DICTS: Final[tuple[dict[str, Any], ...]] = ({}, OrderedDict())
_DICT_VIEWS: Final = (
    types.MappingProxyType,
    *(type(view) for one in _DICTS for view in (one.keys(), one.values(), one.items())),
)
"""They follow their dict: who holds one holds the dict."""

_PANDAS_INTERNALS: Final = frozenset(
    {"_mgr", "_item_cache", "_attrs", "_flags", "_cache", "_name", "_is_copy", "_id", "_typ"}
)


class Undigestible(Exception):
    """The value has parts that no digest can cover: the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """A copy of a value with plots in it, to be drawn only where that decides something.

    Drawing fills in ticks, limits and positions. Of two plots that were shown or not, the drawn
    copies are equal exactly if the plots are.
    """

    pickled: bytes = field(repr=False)

    @functools.cached_property
    def core(self) -> str | None:
        """The digest of the drawn copy; None if it cannot be drawn."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                copied, figures = pickle.loads(self.pickled)
                for figure in figures:
                    figure.draw_without_rendering()
                return Walk().finish(copied)
        except Exception:  # then showing it counts as a change
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A value as it was: the digest of its data, and of the lazy attributes it had filled then."""

    plain: str
    drawing: _Drawing | None = None
    lazy: Mapping[str, str] = field(default_factory=dict)

    @property
    def core(self) -> str:
        """The digest of the data, whether plots in it were shown or not."""
        return (self.drawing and self.drawing.core) or self.plain

    def changed(self, later: "Snapshot") -> bool:
        """Whether the value is another one later. Lazy attributes may appear, not change."""
        if self.plain != later.plain and self.core != later.core:
            return True
        return any(later.lazy.get(place) != was for place, was in self.lazy.items())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """All that one walk over a value tells.

    snapshot: for comparing. met: ids of the mutable objects in it, arrays: the arrays in it; both
    hold only while this value lives. indexes: the pandas Index objects in it with their names.
    scrambled: it holds a set that cannot be rebuilt in its present order. digests: of stretches of
    memory, by (address, size); some of that memory was given back since (see `lasting`).
    """

    snapshot: Snapshot
    met: frozenset[int]
    arrays: "tuple[Memory, ...]"
    digests: Mapping[tuple[int, int], bytes] = field(repr=False)
    indexes: "tuple[NamedIndex, ...]"
    scrambled: bool
    alive: tuple[object, ...] = field(repr=False)

    def lasting(self) -> dict[tuple[int, int], bytes]:
        """The digests of memory that the value's arrays use: it cannot be another's by now."""
        ends: dict[int, int] = {}
        for memory in self.arrays:
            ends[memory.start] = max(memory.end, ends.get(memory.start, 0))
        starts = sorted(ends)
        return {
            (start, size): total
            for (start, size), total in self.digests.items()
            if (place := bisect.bisect_right(starts, start))
            and start + size <= ends[starts[place - 1]]
        }

    def vouch(self) -> None:
        """Let later looks at memory of mapped files, as long as nobody writes to it, go by this."""
        for (start, size), total in self.lasting().items():
            mapped.note_digest(start, size, total)

    @property
    def digest(self) -> str:
        """Names its blob."""
        core, lazy = self.snapshot.core, self.snapshot.lazy
        return core if not lazy else blake3(repr((core, sorted(lazy.items()))).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedIndex:
    """A pandas Index, which several tables may use, and the names that it had."""

    index: Any = field(repr=False)
    names: tuple[Any, ...]

    @property
    def renamed(self) -> bool:
        """Whether it was given other names since, in place."""
        return tuple(self.index.names) != self.names


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """A stretch of memory, `start` to `end`, that an array in a value uses.

    pandas: tables of pandas, which copy before they write what other tables look at; frozen: nobody
    writes to it by way of the value. `array` may be another thing that has memory: a bytearray.
    """

    array: Any = field(repr=False)
    start: int
    end: int
    pandas: bool
    frozen: bool

    @property
    def writeable(self) -> bool:
        """Whether it can be written to by way of the array."""
        return not isinstance(self.array, np.ndarray) or bool(self.array.flags.writeable)


def examine(value: object) -> Examined:
    """Walk a value once, and tell its digest, what it shares with others, and how to compare it.

    Raises:
        Undigestible: a part of it cannot be read (generators, locks, connections …).
    """
    walk = Walk()
    plain = walk.finish(value)
    figures = [one for one in walk.notes.alive if is_figure(one)]
    return Examined(
        snapshot=Snapshot(
            plain=plain,
            drawing=_drawing_of(value, figures) if figures else None,
            lazy=dict(walk.notes.lazy),
        ),
        met=frozenset(walk.notes.met),
        arrays=tuple(walk.notes.arrays),
        digests=walk.notes.digests,
        indexes=tuple(walk.notes.indexes),
        scrambled=walk.notes.scrambled,
        alive=tuple(walk.notes.alive),
    )


def _drawing_of(value: object, figures: list[object]) -> _Drawing | None:
    sink = io.BytesIO()
    try:
        _PlotPickler(sink).dump((value, figures))
    except Exception:  # it cannot be copied: then showing it counts as a change
        return None
    return _Drawing(pickled=sink.getvalue())


class _PlotPickler(pickle.Pickler):
    """Copies plots without opening them in pyplot."""

    def reducer_override(self, value: Any) -> Any:
        return reduce_figure(value) if is_figure(value) else NotImplemented


def is_dict_view(value: object) -> bool:
    """Whether it is a `keys()`, `values()` or `items()` of a dict, or a read-only view of one."""
    return isinstance(value, _DICT_VIEWS)


def dict_of_view(value: Any) -> Any:
    """The dict that a view looks at, itself.

    >>> owner = {"a": 1}
    >>> dict_of_view(owner.keys()) is owner, dict_of_view(types.MappingProxyType(owner)) is owner
    (True, True)
    """
    proxy = value if isinstance(value, types.MappingProxyType) else value.mapping
    # Python hides the dict behind the proxy; the garbage collector knows it.
    (owner,) = gc.get_referents(proxy)
    return owner


def offset_in_owner(value: memoryview) -> int | None:
    """Where a view begins in its `bytes` or `bytearray`; None where that has no plain answer.

    >>> offset_in_owner(memoryview(b"abc")[1:])
    1
    """
    owner: Any = value.obj
    if type(owner) not in (bytes, bytearray) or not value.contiguous or not value.nbytes:
        return None
    start, home = (np.frombuffer(part, np.uint8) for part in (value, owner))
    return int(byte_bounds(start)[0] - byte_bounds(home)[0])


def is_figure(value: object) -> bool:
    """Whether it is a matplotlib figure."""
    figure = sys.modules.get("matplotlib.figure")
    return figure is not None and isinstance(value, figure.Figure)


def reduce_figure(value: Any) -> Any:
    """A figure without its place in pyplot: a copy must not be shown a second time."""
    function, arguments, state, *rest = value.__reduce_ex__(5)
    state = {key: part for key, part in state.items() if key != "_restore_to_pylab"}
    return (function, arguments, state, *rest)


@dataclass(slots=True)
class Looks:
    """Looks at values, each taken once. They stay true while the values live and do not change."""

    taken: dict[int, Examined | Undigestible] = field(default_factory=dict)

    def at(self, value: object) -> Examined:
        """All about a value but its digest, which another one may have, too.

        A figure and its artists hold each other, so that one look at the figure serves them all.

        Raises:
            Undigestible: as `examine`.
        """
        _refuse_to_act(type(value))
        figure = getattr(value, "figure", None) if is_artist(value) else None
        if is_figure(figure) and id(value) in self.digested(figure).met:
            return self.digested(figure)
        return self.digested(value)

    def digested(self, value: object) -> Examined:
        """All about just this value. Raises: as `examine`."""
        if id(value) not in self.taken:
            self.taken[id(value)] = _examined_or_not(value)
        found = self.taken[id(value)]
        if isinstance(found, Undigestible):
            raise found
        return found


def _examined_or_not(value: object) -> Examined | Undigestible:
    try:
        return examine(value)
    except Undigestible as error:
        return error


def is_artist(value: object) -> bool:
    """Whether it is a part of a matplotlib figure, or one itself."""
    artist = sys.modules.get("matplotlib.artist")
    return artist is not None and isinstance(value, artist.Artist)


def digest(value: object) -> str:
    """The blake3 (hex) of a value's content.

    >>> digest({"a", "b"}) == digest({"b", "a"}), digest([1]) == digest([True])
    (True, False)

    Raises:
        Undigestible: as `examine`.
    """
    return examine(value).digest


def digest_inside(value: object) -> str:
    """The digest of something that an object of a library holds. Iterators in it are the library's
    own business, and the cursor is part of what they are.

    Raises:
        Undigestible: as `examine`.
    """
    walk = Walk()
    walk.notes.depth = 1
    return walk.finish(value)


def snapshot(value: object) -> Snapshot:
    """The value as it is now, to be compared after a step.

    Raises:
        Undigestible: as `examine`.
    """
    return examine(value).snapshot


def plain_attributes(obj: object) -> dict[str, Any]:
    """Attributes that somebody hung on a pandas object: neither pandas nor pickle keeps them.

    >>> frame = pd.DataFrame({"a": [1]})
    >>> plain_attributes(frame)
    {}
    """
    hidden = _PANDAS_INTERNALS | set(getattr(type(obj), "_accessors", ()))
    hidden |= set(getattr(type(obj), "_metadata", ()))
    return {key: value for key, value in vars(obj).items() if key not in hidden}


@dataclass(slots=True)
class _Notes:
    """What a walk and the walks inside it remember. `alive`: else ids would be given again."""

    met: set[int] = field(default_factory=set)
    alive: list[object] = field(default_factory=list)
    lazy: dict[str, str] = field(default_factory=dict)
    arrays: list[Memory] = field(default_factory=list)
    indexes: list[NamedIndex] = field(default_factory=list)
    digests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    scrambled: bool = False
    depth: int = 0  # how many library objects the walk is inside of
    shapes: int = 0  # how many of matplotlib's paths: classes of artists share theirs
    settings: frozenset[int] = field(default_factory=lambda: _settings())


class Walk:
    """One walk over one value, which it writes into `hash`.

    `memo` numbers mutable objects in the order they are met.
    """

    def __init__(self, *, outer: "Walk | None" = None) -> None:
        self.hash = blake3()
        self.outer = outer
        self.memo: dict[int, int] = {}
        self.notes: _Notes = outer.notes if outer else _Notes()

    def finish(self, value: object) -> str:
        try:
            self.feed(value)
        except RecursionError:
            raise Undigestible("it is nested too deeply") from None
        return self.hash.hexdigest()

    # -- writing ---------------------------------------------------------------------------------

    def tag(self, name: str) -> None:
        self.hash.update(name.encode() + b"\0")

    def raw(self, data: Any) -> None:
        view = memoryview(data).cast("B") if len(memoryview(data)) else memoryview(b"")
        self.hash.update(struct.pack("<Q", view.nbytes))
        self.hash.update(view if view.nbytes < _APART_BYTES else self._digest_of(view))

    def _digest_of(self, view: memoryview) -> bytes:
        """A large stretch is digested on its own: a mapped one that nobody changed is known."""
        start = int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])
        total = mapped.known_digest(start, view.nbytes)
        if total is None:
            threads = blake3.AUTO if view.nbytes >= MANY_THREADS_BYTES else 1
            total = blake3(view, max_threads=threads).digest()
        self.notes.digests[start, view.nbytes] = total
        return total

    def text(self, value: str) -> None:
        self.raw(value.encode("utf-8", "surrogatepass"))

    def number(self, value: int) -> None:
        self.hash.update(struct.pack("<q", value))

    # -- identity --------------------------------------------------------------------------------

    def seen(self, value: object) -> bool:
        """Number a mutable object; write its number, and True, if it was met before."""
        known = self._ordinal(id(value))
        if known is not None:
            self.tag("same")
            self.number(known)
            return True
        self.memo[id(value)] = self._size()
        if not self._is_common(value):
            self.notes.met.add(id(value))
        self.notes.alive.append(value)
        return False

    def _is_common(self, value: object) -> bool:
        """What many objects use and nobody changes: to meet it twice is no sharing of data."""
        if isinstance(value, types.FunctionType):
            return True  # travels by reference or as code
        if not self.notes.depth:
            return False
        return bool(self.notes.shapes) or id(value) in self.notes.settings

    def _ordinal(self, key: int) -> int | None:
        if key in self.memo:
            return self.memo[key]
        return self.outer._ordinal(key) if self.outer else None

    def _size(self) -> int:
        return len(self.memo) + (self.outer._size() if self.outer else 0)

    def uses(
        self, array: "np.ndarray[Any, Any]", *, pandas: bool = False, frozen: bool = False
    ) -> None:
        """Note the memory of an array: others may look at it too."""
        if array.size and not self.notes.shapes:
            start, end = byte_bounds(array)
            self.notes.alive.append(array)
            self.notes.arrays.append(
                Memory(array=array, start=start, end=end, pandas=pandas, frozen=frozen)
            )

    def uses_arrow(self, column: pa.ChunkedArray) -> None:
        """Note the memory of an Arrow column, which may be that of an array that can change."""
        for buffer in (one for chunk in column.chunks for one in chunk.buffers() if one):
            self.uses(np.frombuffer(buffer, np.uint8), frozen=True)

    def lends(self, value: Any) -> None:
        """Note the memory that a value lets others look at, if any may write to it."""
        try:
            with memoryview(value) as view:
                if view.readonly or not view.nbytes:
                    return
                start, end = byte_bounds(np.frombuffer(view, np.uint8))
        except (TypeError, ValueError, BufferError):
            return
        self.notes.alive.append(value)
        # Not an array over it: as long as there is one, a bytearray cannot grow.
        self.notes.arrays.append(
            Memory(array=value, start=start, end=end, pandas=False, frozen=False)
        )

    def apart(self, value: object) -> str:
        """The digest of a part on its own: what it numbers is forgotten again."""
        walk = Walk(outer=self)
        walk.feed(value)
        return walk.hash.hexdigest()

    # -- values ----------------------------------------------------------------------------------

    def feed(self, value: object) -> None:
        kind = type(value)
        if kind in ATOMS:
            self.atom(value)
            return
        feeder = _FEEDERS.get(kind)
        if feeder is None:
            _refuse_to_act(kind)
            feeder = _feeder_by_class(value)
        feeder(self, value)

    def atom(self, value: object) -> None:
        if type(value) in _MARSHALLED:
            atom: Any = value
            self.raw(marshal.dumps(atom, _MARSHAL_VERSION))
        else:
            self.tag(repr(value))

    def items(self, values: Iterable[object]) -> None:
        everything = list(values)
        self.number(len(everything))
        kinds = set(map(type, everything))
        if everything and kinds <= _MARSHALLED:
            self.tag("atoms")
            self.raw(marshal.dumps(everything, _MARSHAL_VERSION))
            return
        kinds.discard(type(None))
        if len(kinds) == 1 and (short := _SHORT.get(next(iter(kinds)))):
            self.tag(next(iter(kinds)).__name__)
            shorts = [None if value is None else short(value) for value in everything]
            self.raw(marshal.dumps(shorts, _MARSHAL_VERSION))
            return
        for value in everything:
            self.feed(value)

    def mapping(self, value: Mapping[Any, Any]) -> None:
        self.items(value.keys())
        self.items(value.values())

    def pairs(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        for key, value in pairs:
            self.feed(key)
            self.feed(value)

    def unordered(self, values: set[Any] | frozenset[Any]) -> None:
        # Loops over a set follow its table, which pickle rebuilds from the elements alone.
        # A library's objects live with that; in the author's hands it is content.
        for kind in set(map(type, values)):
            _refuse_to_act(kind)
        if not self.notes.depth:
            rebuilt = zip(set(iter(values)), values, strict=True)
            self.notes.scrambled |= any(here is not there for here, there in rebuilt)
        parts = sorted(
            marshal.dumps(v, _MARSHAL_VERSION) if type(v) in _MARSHALLED else self.apart(v).encode()
            for v in values
        )
        self.number(len(parts))
        for part in parts:
            self.raw(part)

    def type_name(self, kind: type) -> None:
        self.text(f"{kind.__module__}.{kind.__qualname__}")

    # -- anything else, as pickle sees it --------------------------------------------------------

    def reduced(self, value: Any) -> None:
        if shared := shared_generator(value):
            self.tag("shared generator")
            self.text(shared)
            return
        immutable = isinstance(value, _VALUES) or type(value).__module__ == "matplotlib.path"
        if immutable or not self.seen(value):
            self.parts(value)

    def parts(self, value: Any) -> None:
        _refuse_open(value)
        if not self.notes.depth:
            _refuse_iterator(value)
        foreign = type(value).__module__ != "__main__"
        shape = type(value).__module__ == "matplotlib.path"
        self.notes.depth += foreign
        self.notes.shapes += shape
        self._parts(value)
        self.notes.shapes -= shape
        self.notes.depth -= foreign

    def _parts(self, value: Any) -> None:
        reduced = _reduce(value)
        if isinstance(value, np.ndarray):
            self.uses(value.view(np.ndarray))  # pickles as bytes, and yet looks at another's memory
        elif not isinstance(getattr(type(value), "__buffer__", None), types.FunctionType):
            self.lends(value)
        self.tag("object")
        self.type_name(type(value))
        if isinstance(reduced, str):
            self.text(reduced)
            return
        self.notes.alive.append(reduced)
        whole: tuple[Any, ...] = (*reduced, None, None, None)
        function, arguments, state, listed, keyed = whole[:5]
        self.feed(function)
        self.items(arguments)
        self.state(value, _without_counters(value, state))
        self.items(listed or ())
        self.pairs(keyed or ())
        if carried := carried_by(value):
            self.tag("carried")
            self.feed(carried)
        if isinstance(value, BaseException) and (causes := causes_of(value)):
            self.tag("causes")
            self.items(causes)

    def state(self, owner: object, state: object) -> None:
        attributes, slots = _parts_of_state(state)
        if attributes is None:
            self.tag("state")
            self.feed(state)
            return
        self.tag("attributes")
        for key in sorted(attributes):
            self.attribute(owner, key, attributes[key])
        self.tag("slots")
        self.feed(slots)

    def attribute(self, owner: object, key: str, value: object) -> None:
        if _is_lazy(type(owner), key):
            place = f"{self._ordinal(id(owner))}.{key}"
            self.notes.lazy[place] = self.apart(value)
            return
        if key == "_cache" and type(value) is dict:
            parts = value.items()
            value = {n: part for n, part in parts if not self._is_lazy_part(owner, n, part)}
            if not value and _is_foreign(type(owner)):
                return  # made when the first part of it was read
        self.text(key)
        self.feed(value)

    def _is_lazy_part(self, owner: object, name: object, part: object) -> bool:
        """Whether a cached attribute keeps it here: pandas' `cache_readonly`, and its like."""
        kind = type(owner)
        attribute = inspect.getattr_static(kind, name, None) if isinstance(name, str) else None
        cached = "cache" in type(attribute).__name__.casefold()
        if not isinstance(name, str) or not cached or not _is_of_library(kind, name):
            return False
        self.notes.lazy[f"{self._ordinal(id(owner))}.{name}"] = self.apart(part)
        return True


def shared_generator(value: object) -> str:
    """The module whose functions draw from this very generator; empty for all others.

    Whoever holds it shares it with everybody: it is no content, its state is a channel's.

    >>> shared_generator(random._inst), shared_generator(random.Random())
    ('random', '')
    """
    if value is random._inst:
        return "random"
    legacy = sys.modules.get("numpy.random.mtrand")
    return "numpy.random" if legacy is not None and value is legacy._rand else ""


def causes_of(error: BaseException) -> tuple[Any, ...]:
    """Why an exception was raised, which pickle forgets; empty if there is nothing to tell.

    >>> causes_of(ValueError("x"))
    ()
    """
    found = (error.__cause__, error.__context__, error.__suppress_context__)
    return found if any(found) else ()


def carried_by(value: object) -> dict[str, Any]:
    """What an array of another class holds beside its elements, where numpy's pickling forgets it.

    >>> carried_by(np.arange(3)), carried_by([])
    ({}, {})
    """
    kind = type(value)
    if not isinstance(value, np.ndarray) or isinstance(value, np.memmap):
        return {}
    ways = (kind.__reduce__, kind.__reduce_ex__)
    if ways != (np.ndarray.__reduce__, np.ndarray.__reduce_ex__):
        return {}
    return dict(getattr(value, "__dict__", {}))


def _refuse_to_act(kind: type) -> None:
    if (method := acting_method(kind)) is not None:
        raise Undigestible(f"looking at a {kind.__qualname__} calls its `{method}`")


def _refuse_open(value: object) -> None:
    """Say of open files what they are: Python's own words are about pickling."""
    if isinstance(value, io.IOBase) and not isinstance(value, io.StringIO | io.BytesIO):
        raise Undigestible("it is an open file: open it in the cell that reads it")


def _refuse_iterator(value: object) -> None:
    """An iterator pickles as a copy: what one cell takes from it, another would get again."""
    kind = type(value)
    if hasattr(kind, "__next__") and not isinstance(value, io.IOBase):
        raise Undigestible(f"it is an iterator ({kind.__name__}): make it a list first (list(…))")


# A counter that pickling moves on; who looks at a transform; whether its inverse is known yet.
_PLOT_CACHES: Final = frozenset({"_cid_gen", "_parents", "_invalid", "_inverted"})


_CACHES_OF_TRANSFORMS: Final = {
    "TransformedBbox": frozenset({"_points"}),
    "TransformedPath": frozenset({"_transformed_path", "_transformed_points"}),
    "TransformedPatchPath": frozenset({"_transformed_path", "_transformed_points"}),
}


def _without_counters(value: object, state: Any) -> Any:
    """The state without what counts how often an object was read (or pickled, in matplotlib)."""
    kind = type(value)
    if kind.__module__.startswith("matplotlib.") and isinstance(state, dict):
        caches = _PLOT_CACHES | _CACHES_OF_TRANSFORMS.get(kind.__name__, frozenset())
        if "Affine2D" not in kind.__name__:
            caches |= {"_mtx"}  # its own in Affine2D, computed from others everywhere else
        return {key: part for key, part in state.items() if key not in caches}
    if kind.__module__ == "IPython.utils.text" and isinstance(state, dict):
        # The result of `!command` keeps its text in other forms, once somebody asked for them.
        return {k: part for k, part in state.items() if not k.startswith("_SList__")} or None
    if kind.__module__.startswith("sklearn.neighbors._") and "Tree" in kind.__name__:
        return (*state[:7], *state[11:])
    return state


def _parts_of_state(state: object) -> tuple[dict[str, Any] | None, object]:
    """The attribute dict of a pickle state, and its slots; no dict where the state is its own."""
    match state:
        case dict() if all(type(key) is str for key in state):
            return state, None
        case (dict() as attributes, slots) if type(state) is tuple and all(
            type(key) is str for key in attributes
        ):
            return attributes, slots
        case _:
            return None, None


def _settings() -> frozenset[int]:
    """Ids of matplotlib's settings: its artists use these very lists."""
    matplotlib = sys.modules.get("matplotlib")
    settings = getattr(matplotlib, "rcParams", {})
    return frozenset(id(value) for value in dict.values(settings) if isinstance(value, list | dict))


def _is_lazy(kind: type, key: str) -> bool:
    """Whether a library fills an attribute when it is first read. What the notebook's own classes
    fill is content: their code may show it, and computes it from what was true then."""
    if not isinstance(getattr(kind, key, None), functools.cached_property):
        return False
    return _is_of_library(kind, key)


def _is_of_library(kind: type, key: str) -> bool:
    return _is_foreign(next(base for base in kind.__mro__ if key in vars(base)))


def _is_foreign(kind: type) -> bool:
    """Whether a class is no code of the user's own."""
    return kind.__module__ != "__main__" and not is_local(sys.modules.get(kind.__module__))


def _reduce(value: Any) -> Any:
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        return reducer(value) if reducer else value.__reduce_ex__(5)
    except Exception as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise Undigestible(f"a {kind} has no content that can be stored: {error}") from error


# -- builtins ------------------------------------------------------------------------------------


def _feed_list(walk: Walk, value: list[Any]) -> None:
    if not walk.seen(value):
        walk.tag("list")
        walk.items(value)


def _feed_tuple(walk: Walk, value: tuple[Any, ...]) -> None:
    walk.tag("tuple")
    walk.items(value)


def _feed_dict(walk: Walk, value: dict[Any, Any]) -> None:
    if not walk.seen(value):
        walk.tag("dict")
        walk.mapping(value)


def _feed_set(walk: Walk, value: set[Any]) -> None:
    if not walk.seen(value):
        walk.tag("set")
        walk.unordered(value)


def _feed_dict_view(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.tag("view")
        walk.type_name(type(value))
        walk.feed(dict_of_view(value))


def _feed_memory(walk: Walk, value: memoryview) -> None:
    if walk.seen(value):
        return
    if value.obj is None:
        raise Undigestible("it is a memoryview that was released")
    walk.tag("memory")
    walk.items((value.format, value.shape, value.strides, value.readonly, offset_in_owner(value)))
    walk.raw(value.tobytes())
    walk.feed(value.obj)


def _feed_frozenset(walk: Walk, value: frozenset[Any]) -> None:
    walk.tag("frozenset")
    walk.unordered(value)


def _feed_bytearray(walk: Walk, value: bytearray) -> None:
    if not walk.seen(value):
        walk.tag("bytearray")
        walk.raw(bytes(value))
        walk.lends(value)


def _feed_buffer(walk: Walk, value: pickle.PickleBuffer) -> None:
    walk.tag("buffer")
    walk.raw(value.raw())


def _feed_module(walk: Walk, value: types.ModuleType) -> None:
    walk.tag("module")
    walk.text(value.__name__)


def _feed_type(walk: Walk, value: type) -> None:
    walk.tag("class")
    walk.type_name(value)


def _feed_code(walk: Walk, value: types.CodeType) -> None:
    # Files and lines are left out: a cell's file name holds a process id.
    walk.tag("code")
    walk.raw(value.co_code)
    walk.items(value.co_consts)
    for names in (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars):
        walk.items(names)
    walk.items((value.co_name, value.co_flags, value.co_argcount, value.co_kwonlyargcount))
    walk.number(value.co_posonlyargcount)
    walk.raw(value.co_exceptiontable)


def _feed_function(walk: Walk, value: types.FunctionType) -> None:
    if is_importable(value):
        walk.tag("imported function")
        walk.text(f"{value.__module__}.{value.__qualname__}")
        return
    if walk.seen(value):
        return
    walk.tag("function")
    walk.text(value.__qualname__)
    walk.feed(value.__code__)
    walk.feed(value.__defaults__)
    walk.feed(value.__kwdefaults__)
    walk.feed(value.__dict__)
    walk.items(value.__closure__ or ())


def _feed_cell(walk: Walk, value: types.CellType) -> None:
    if walk.seen(value):
        return
    walk.tag("cell")
    try:
        contents = value.cell_contents
    except ValueError:
        walk.tag("empty")
    else:
        walk.feed(contents)


def _feed_method(walk: Walk, value: types.MethodType) -> None:
    walk.tag("method")
    walk.feed(value.__func__)
    walk.feed(value.__self__)


def _feed_builtin(walk: Walk, value: types.BuiltinFunctionType) -> None:
    walk.tag("builtin")
    walk.text(value.__qualname__)
    owner = value.__self__
    walk.feed(owner.__name__ if isinstance(owner, types.ModuleType) else owner)


def is_importable(value: Any) -> bool:
    """Whether a function or class is found again by importing its module (never `__main__`).

    >>> is_importable(struct.pack), is_importable(lambda: None)
    (True, False)
    """
    module = getattr(value, "__module__", None)
    if module is None:
        module = getattr(getattr(value, "__self__", None), "__name__", None)
    if module in (None, "__main__"):
        return False
    found: Any = sys.modules.get(module)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


# -- numpy ---------------------------------------------------------------------------------------


def _feed_array(walk: Walk, value: np.ndarray[Any, Any]) -> None:
    if walk.seen(value):
        return
    walk.tag("ndarray")
    walk.items(value.shape)
    # Sums add in memory order, so the order is content. Only for two dimensions and more.
    walk.tag("F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C")
    walk.tag("rw" if value.flags.writeable else "ro")
    walk.uses(value)
    feed_values(walk, value)


def feed_values(walk: Walk, value: np.ndarray[Any, Any]) -> None:
    """Type and elements of a numpy array, in logical order."""
    _feed_dtype(walk, value.dtype)
    if value.dtype.hasobject:
        walk.items(value.ravel().tolist())
    elif value.dtype.kind == "V" and value.dtype.names:
        # Padding between fields is nobody's data.
        for name in value.dtype.names:
            feed_values(walk, value[name])
    elif value.dtype.kind == "T":
        walk.items(value.ravel().tolist())
    else:
        flat = np.ascontiguousarray(value).reshape(-1)
        walk.raw(flat.view(np.uint8) if flat.size and flat.dtype.itemsize else b"")


def _feed_scalar(walk: Walk, value: np.generic) -> None:
    walk.tag("scalar")
    walk.type_name(type(value))
    feed_values(walk, np.asarray(value))


def _feed_dtype(walk: Walk, dtype: np.dtype[Any]) -> None:
    if type(dtype).__name__ != "StringDType" and dtype.names is None and dtype.metadata is None:
        walk.text(dtype.str)
    else:
        walk.parts(dtype)


# -- pandas --------------------------------------------------------------------------------------


def _feed_frame(walk: Walk, value: pd.DataFrame) -> None:
    if walk.seen(value):
        return
    walk.tag("frame")
    _feed_pandas(walk, value)
    walk.feed(value.columns)
    for position in range(value.shape[1]):
        feed_column(walk, _array_of(value.iloc[:, position]))


def _feed_series(walk: Walk, value: "pd.Series[Any]") -> None:
    if walk.seen(value):
        return
    walk.tag("series")
    _feed_pandas(walk, value)
    walk.feed(value.name)
    feed_column(walk, _array_of(value))


def _feed_pandas(walk: Walk, value: Any) -> None:
    # Two tables may have one (`df.resample(…).obj`): these do not copy before they write.
    walk.notes.met.add(id(value._mgr))
    walk.notes.alive.append(value._mgr)
    for block in value._mgr.blocks:
        array = getattr(block.values, "_ndarray", block.values)
        if isinstance(array, np.ndarray):
            walk.uses(array, pandas=True)
    walk.type_name(type(value))
    walk.feed(value.index)
    walk.feed(value.attrs)
    walk.feed(value.flags.allows_duplicate_labels)
    walk.feed({name: getattr(value, name, None) for name in value._metadata if name != "_name"})
    walk.feed(plain_attributes(value))


def _array_of(series: "pd.Series[Any]") -> Any:
    array = series.array
    return array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array


def _feed_index(walk: Walk, value: Any) -> None:
    # Not numbered: frames share and copy their indexes as they please.
    walk.notes.indexes.append(NamedIndex(index=value, names=tuple(value.names)))
    walk.tag("index")
    walk.type_name(type(value))
    walk.feed(list(value.names))
    if isinstance(value, pd.RangeIndex):
        walk.items((value.start, value.stop, value.step))
    elif isinstance(value, pd.MultiIndex):
        for level in value.levels:
            _feed_index_values(walk, level)
        for codes in value.codes:
            feed_column(walk, np.asarray(codes))
    else:
        _feed_index_values(walk, value)


def _feed_index_values(walk: Walk, value: Any) -> None:
    walk.type_name(type(value))
    walk.feed(value.name)
    walk.text(str(getattr(value, "freqstr", None)))
    array = _array_of(value)
    if isinstance(array, np.ndarray):
        walk.uses(array, pandas=True, frozen=True)
    feed_column(walk, array)


def feed_column(walk: Walk, array: Any) -> None:
    """A column's type and values, whatever holds them: numpy or a pandas extension array."""
    match array:
        case np.ndarray():
            walk.tag("numpy")
            walk.number(len(array))
            feed_values(walk, array)
        case pd.Categorical():
            walk.tag("categorical")
            walk.feed(bool(array.ordered))
            _feed_index_values(walk, array.categories)
            feed_values(walk, np.asarray(array.codes))
        case pd.arrays.IntegerArray() | pd.arrays.FloatingArray() | pd.arrays.BooleanArray():
            _feed_masked(walk, array)
        case pd.arrays.DatetimeArray() | pd.arrays.TimedeltaArray():
            walk.tag("datetimes")
            _feed_extension_dtype(walk, array.dtype)
            feed_values(walk, np.asarray(array.view("int64")))
        case pd.arrays.PeriodArray():
            walk.tag("periods")
            walk.text(str(array.dtype))
            feed_values(walk, np.asarray(array.view("int64")))
        case _ if isinstance(array, pd.arrays.ArrowExtensionArray):
            walk.tag("arrow")
            _feed_extension_dtype(walk, array.dtype)
            feed_arrow(walk, pa.chunked_array(array.__arrow_array__()))
        case _ if isinstance(array.dtype, pd.StringDtype):
            walk.tag("strings")
            _feed_extension_dtype(walk, array.dtype)
            walk.items(None if v is array.dtype.na_value else v for v in array)
        case _:
            walk.tag("extension")
            walk.text(str(array.dtype))
            walk.reduced(array)


def _feed_masked(walk: Walk, array: Any) -> None:
    walk.tag("masked")
    walk.text(str(array.dtype))
    mask = np.asarray(array.isna())
    values = np.array(array._data)
    values[mask] = 0  # what lies under a missing value is nobody's data
    feed_values(walk, mask)
    feed_values(walk, values)


def _feed_extension_dtype(walk: Walk, dtype: Any) -> None:
    match dtype:
        case pd.DatetimeTZDtype():
            walk.text(dtype.unit)
            walk.feed(dtype.tz)
        case pd.StringDtype():
            walk.items((dtype.storage, "nan" if dtype.na_value is np.nan else "NA"))
        case np.dtype():
            walk.text(dtype.str)
        case _:
            walk.text(str(dtype))


# -- Arrow and polars ----------------------------------------------------------------------------


def _feed_table(walk: Walk, value: pa.Table) -> None:
    walk.tag("arrow table")
    walk.number(value.num_rows)
    walk.items(sorted((value.schema.metadata or {}).items()))
    for place, column in zip(value.schema, value.columns, strict=True):
        walk.text(place.name)
        walk.items((place.nullable,))
        walk.items(sorted((place.metadata or {}).items()))
        walk.uses_arrow(column)
        feed_arrow(walk, column)


def _feed_batch(walk: Walk, value: pa.RecordBatch) -> None:
    walk.tag("batch")
    _feed_table(walk, pa.Table.from_batches([value]))


def _feed_chunked(walk: Walk, value: pa.ChunkedArray) -> None:
    walk.tag("chunked")
    walk.uses_arrow(value)
    feed_arrow(walk, value)


def _feed_arrow_array(walk: Walk, value: pa.Array) -> None:
    walk.tag("arrow array")
    _feed_chunked(walk, pa.chunked_array([value]))


def feed_arrow(walk: Walk, column: pa.ChunkedArray) -> None:
    """An Arrow column: its type and its values, however they are chunked, sliced or padded."""
    walk.text(str(column.type))
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # more than one chunk where offsets would overflow
        array = pa.concat_arrays([pa.concat_arrays(array.chunks)])
    _feed_arrow_values(walk, array)


def _feed_arrow_values(walk: Walk, array: pa.Array) -> None:
    kind = array.type
    walk.number(len(array))
    missing = _missing_in(array)
    walk.raw(np.packbits(missing) if missing.any() else b"")
    if pa.types.is_boolean(kind):
        walk.raw(np.packbits(array.fill_null(False).to_numpy(zero_copy_only=False)))
    elif _is_text(kind):
        _feed_arrow_text(walk, array, missing)
    elif _is_fixed_width(kind):
        walk.raw(_fixed_width_bytes(array, missing))
    elif pa.types.is_struct(kind):
        for position in range(kind.num_fields):
            walk.text(kind.field(position).name)
            _feed_arrow_values(walk, array.field(position).filter(pa.array(~missing)))
    elif pa.types.is_dictionary(kind):
        walk.feed(array.dictionary.to_pylist())
        _feed_arrow_values(walk, array.indices)
    else:
        walk.feed(array.to_pylist())


def _missing_in(array: pa.Array) -> "np.ndarray[Any, Any]":
    if not array.null_count and (_is_text(array.type) or _is_fixed_width(array.type)):
        return np.zeros(len(array), dtype=bool)
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def _is_fixed_width(kind: pa.DataType) -> bool:
    return bool(
        (
            pa.types.is_primitive(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_fixed_size_binary(kind)
        )
        and kind.bit_width % 8 == 0
    )


def _feed_arrow_text(walk: Walk, array: pa.Array, missing: "np.ndarray[Any, Any]") -> None:
    empty: Any = b"" if "binary" in str(array.type) else ""
    whole = array.fill_null(empty) if missing.any() else array
    wide = "large" in str(array.type)
    _, offsets, data = whole.buffers()
    if len(whole) == 0 or offsets is None:
        walk.raw(b"")
        return
    places = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)
    places = places[whole.offset : whole.offset + len(whole) + 1]
    walk.raw(np.diff(places).astype(np.int64))
    used = memoryview(data)[int(places[0]) : int(places[-1])] if data is not None else b""
    walk.raw(used)


def _fixed_width_bytes(array: pa.Array, missing: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    width = array.type.bit_width // 8
    data = array.buffers()[1]
    if len(array) == 0 or data is None:
        return np.empty(0, dtype=np.uint8)
    start = array.offset * width
    values = np.frombuffer(data, dtype=np.uint8)[start : start + len(array) * width]
    values = values.reshape(len(array), width)
    if missing.any():
        values = values.copy()
        values[missing] = 0
    return np.ascontiguousarray(values).reshape(-1)


def _feed_polars_frame(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    walk.tag("polars frame")
    walk.number(value.height)
    for series in value.get_columns():
        _feed_polars_series(walk, series)


def _feed_polars_series(walk: Walk, value: Any) -> None:
    walk.tag("polars series")
    walk.text(value.name)
    walk.text(repr(value.dtype))
    if value.dtype.is_object():
        walk.items(value.to_list())
    else:
        column = pa.chunked_array([value.to_arrow()])
        walk.uses_arrow(column)
        feed_arrow(walk, column)


# -- who feeds what ------------------------------------------------------------------------------

_FEEDERS: Final[dict[type, Callable[[Walk, Any], None]]] = {
    list: _feed_list,
    tuple: _feed_tuple,
    dict: _feed_dict,
    set: _feed_set,
    frozenset: _feed_frozenset,
    bytearray: _feed_bytearray,
    memoryview: _feed_memory,
    **dict.fromkeys(_DICT_VIEWS, _feed_dict_view),
    pickle.PickleBuffer: _feed_buffer,
    types.ModuleType: _feed_module,
    types.CodeType: _feed_code,
    types.FunctionType: _feed_function,
    types.CellType: _feed_cell,
    types.MethodType: _feed_method,
    types.BuiltinFunctionType: _feed_builtin,
    np.ndarray: _feed_array,
    pd.DataFrame: _feed_frame,
    pd.Series: _feed_series,
    pa.Table: _feed_table,
    pa.RecordBatch: _feed_batch,
    pa.ChunkedArray: _feed_chunked,
}


def _feeder_by_class(value: object) -> Callable[[Walk, Any], None]:
    match value:
        case type():
            return _feed_type
        case pd.DataFrame():
            return _feed_frame
        case pd.Series():
            return _feed_series
        case pd.Index():
            return _feed_index
        case pa.Array():
            return _feed_arrow_array
        case np.dtype():
            return _feed_dtype
        case np.generic():
            return _feed_scalar
        case pd.api.extensions.ExtensionArray():
            return _feed_extension_array
        case _:
            return _POLARS.get(_qualified(type(value)), Walk.reduced)


def _feed_extension_array(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    native = isinstance(
        value,
        pd.Categorical
        | pd.arrays.IntegerArray
        | pd.arrays.FloatingArray
        | pd.arrays.BooleanArray
        | pd.arrays.DatetimeArray
        | pd.arrays.TimedeltaArray
        | pd.arrays.PeriodArray
        | pd.arrays.ArrowExtensionArray,
    )
    walk.type_name(type(value))
    if native:
        feed_column(walk, value)
    else:
        walk.notes.alive.append(value)
        reduced = _reduce(value)
        walk.notes.alive.append(reduced)
        walk.feed(reduced)


def _qualified(kind: type) -> str:
    return re.sub(r"\..*\.", ".", f"{kind.__module__}.{kind.__qualname__}")


# Named, not imported: polars is loaded only where the notebook loads it.
_POLARS: Final[dict[str, Callable[[Walk, Any], None]]] = {
    "polars.DataFrame": _feed_polars_frame,
    "polars.Series": _feed_polars_series,
}
