"""Values on their way from lane to lane: how each is stored, and how it comes back.

| value | file |
|---|---|
| tables | `.duckdb`, large ones `.arrow` (see tables.py) |
| scalars and containers of exact built-in types | `.json`, typed: a tuple stays a tuple |
| plain numpy arrays | `.npy` |
| anything else that pickles | `.pickle`, sealed |

Functions and classes of the notebook are not stored if their cells are replayed (`provided`): a
reference is. Other functions travel as code and are bound to the lane's own namespace, so that they
see later values of globals, as in Run All. What cannot come back as it was (iterators, open files,
locks, classes that nobody replays) is refused with the reason; it stays in its lane.
"""

import contextvars
import datetime as dt
import decimal
import importlib
import io
import json
import pathlib
import pickle
import reprlib
import struct
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import cloudpickle
import numpy as np
import pandas as pd

from nbflow.core.errors import StoreError
from nbflow.core.homes import is_local
from nbflow.core.task import BlobKind
from nbflow.inside import copy_on_write, hand, nan, tables
from nbflow.inside.ambient import show_pictures, shows_pictures
from nbflow.inside.digest import (
    Examined,
    Memory,
    carried_by,
    causes_of,
    dict_of_view,
    is_dict_view,
    is_figure,
    is_importable,
    offset_in_owner,
    plain_attributes,
    reduce_figure,
    shared_generator,
)
from nbflow.inside.mapped import is_mapped
from nbflow.inside.seal import Seal

_PREVIEW_CHARACTERS: Final = 80
_LONGEST_PLAIN_BITS: Final = 4096  # Python refuses to read longer decimal numbers


class CannotStore(Exception):
    """The value cannot leave its lane; the message says why, for people."""


class _StaysHere(Exception):
    """The value needs the notebook's own code: a process without it could not load the value."""


class NotPlain(Exception):
    """The value is not made of built-in scalars and containers alone."""


# -- typed JSON ----------------------------------------------------------------------------------


def to_plain(value: object) -> Any:
    """A value as JSON that tells types apart: arrays are lists, every other container is tagged.

    >>> to_plain((1, 2.0, {"a": None}))
    {'tuple': [1, 2.0, {'dict': [['a', None]]}]}

    Raises:
        NotPlain: it holds other types, shares a part twice, or contains itself.
    """
    return _plain(value, set())


def _plain(value: Any, seen: set[int]) -> Any:
    kind = type(value)
    if kind in _CONTAINERS:
        if kind not in (tuple, frozenset):
            if id(value) in seen:
                raise NotPlain("shared")
            seen.add(id(value))
        return _CONTAINERS[kind](value, seen)
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if issubclass(kind, np.generic) and not value.dtype.hasobject and value.dtype.kind not in "VT":
        return {"numpy": [value.dtype.str, value.tobytes().hex()]}
    raise NotPlain(kind.__qualname__)


def _list(value: Any, seen: set[int]) -> Any:
    return [_plain(item, seen) for item in value]


def _dict(value: dict[Any, Any], seen: set[int]) -> Any:
    return {"dict": [[_plain(key, seen), _plain(item, seen)] for key, item in value.items()]}


def _tagged(name: str) -> Callable[[Any, set[int]], Any]:
    return lambda value, seen: {name: _list(value, seen)}


def _int(value: int) -> Any:
    return value if value.bit_length() < _LONGEST_PLAIN_BITS else {"int": hex(value)}


def _float(value: float) -> Any:
    if value - value == 0.0:
        return value
    if home := nan.home_of(value):
        return {"nan": home}
    return {"float": struct.pack("<d", value).hex()}


def _str(value: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise NotPlain("surrogates")  # JSON joins two of them into one letter
    return value


def _moment(value: dt.datetime) -> Any:
    if value.tzinfo not in (None, dt.UTC):
        raise NotPlain("time zone")
    return {"datetime": [value.isoformat(), value.fold]}


def _time(value: dt.time) -> Any:
    if value.tzinfo is not None:
        raise NotPlain("time zone")
    return {"time": [value.isoformat(), value.fold]}


_CONTAINERS: Final[dict[type, Callable[[Any, set[int]], Any]]] = {
    list: _list,
    dict: _dict,
    tuple: _tagged("tuple"),
    set: _tagged("set"),
    frozenset: _tagged("frozenset"),
}
_SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    int: _int,
    float: _float,
    str: _str,
    bytes: lambda value: {"bytes": value.hex()},
    complex: lambda value: {"complex": struct.pack("<dd", value.real, value.imag).hex()},
    dt.datetime: _moment,
    dt.date: lambda value: {"date": value.isoformat()},
    dt.time: _time,
    dt.timedelta: lambda value: {"timedelta": [value.days, value.seconds, value.microseconds]},
    decimal.Decimal: lambda value: {"Decimal": str(value)},
    type(pathlib.Path()): lambda value: {"Path": _str(str(value))},
}


def from_plain(plain: Any) -> Any:
    """What `to_plain` was given.

    >>> from_plain(to_plain((1, 2.0, {"a": {3}})))
    (1, 2.0, {'a': {3}})
    """
    if isinstance(plain, list):
        return [from_plain(item) for item in plain]
    if isinstance(plain, dict):
        ((tag, body),) = plain.items()
        return _READERS[tag](body)
    return plain


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "dict": lambda body: {from_plain(key): from_plain(item) for key, item in body},
    "tuple": lambda body: tuple(map(from_plain, body)),
    "set": lambda body: set(map(from_plain, body)),
    "frozenset": lambda body: frozenset(map(from_plain, body)),
    "int": lambda body: int(body, 16),
    "float": lambda body: struct.unpack("<d", bytes.fromhex(body))[0],
    "nan": nan.NANS.__getitem__,
    "complex": lambda body: complex(*struct.unpack("<dd", bytes.fromhex(body))),
    "bytes": bytes.fromhex,
    "datetime": lambda body: dt.datetime.fromisoformat(body[0]).replace(fold=body[1]),
    "date": dt.date.fromisoformat,
    "time": lambda body: dt.time.fromisoformat(body[0]).replace(fold=body[1]),
    "timedelta": lambda body: dt.timedelta(*body),
    "Decimal": decimal.Decimal,
    "Path": pathlib.Path,
    "numpy": lambda body: np.frombuffer(bytes.fromhex(body[1]), dtype=body[0])[0],
}


# -- pickles -------------------------------------------------------------------------------------

_namespace: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("nbflow_namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Pickles values of a lane and seals them; unpickles them into a lane.

    namespace: the lane's user namespace. provided: names that replays bind there in every lane.
    """

    seal: Seal
    namespace: dict[str, Any] = field(repr=False)
    provided: frozenset[str] = frozenset()

    def dumps(self, value: object, *, shared: Collection[int] = ()) -> bytes:
        """See `Sealing.dumps`. `shared`: ids of arrays whose memory several arrays in it look at.

        Raises:
            CannotStore: a part of the value cannot leave the lane.
            PickleForbidden: the project forbids pickles.
        """
        if not self.seal.allow_pickle:
            return self.seal.close(b"")
        try:
            payload = nan.dumped(value, _Pickler, self, shared)
        except CannotStore:
            raise
        except RecursionError:
            raise CannotStore("it is nested too deeply to be pickled") from None
        except Exception as error:  # pickling runs the classes' own code: anything may come
            raise CannotStore(f"it cannot be pickled ({type(error).__name__}: {error})") from error
        return self.seal.close(payload)

    def loads(self, sealed: bytes) -> Any:
        """See `Sealing.loads`. Code of the value's classes runs.

        Raises:
            StoreError: the seal is broken, or the value needs what this lane does not have.
        """
        return self.unpacked(self.seal.open(sealed))

    def unpacked(self, payload: bytes, buffers: Iterable[memoryview] = ()) -> Any:
        """The value of a pickle whose seal was found whole. Raises: as `loads`."""
        token = _namespace.set(self.namespace)
        try:
            return pickle.loads(payload, buffers=buffers)
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"a stored value cannot be loaded ({type(error).__name__}: {error})",
                hint="run the step that made it again (--force-step), or --one-lane",
            ) from error
        finally:
            _namespace.reset(token)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped
    """cloudpickle for what plain pickle cannot do, after our own rules."""

    def __init__(
        self,
        sink: io.BytesIO,
        packing: Packing,
        shared: Collection[int],
        *,
        buffer_callback: Callable[[pickle.PickleBuffer], bool] | None = None,
    ) -> None:
        super().__init__(sink, protocol=5, buffer_callback=buffer_callback)
        self._packing = packing
        self._shared = shared

    def reducer_override(self, value: Any) -> Any:
        refuse(value)
        match value:
            case types.FunctionType():
                return self._function(value)
            case type():
                return self._class(value)
            case types.CellType():
                return _cell(value)
            case types.ModuleType():
                return _module(value)
            case np.ndarray() if type(value) is np.ndarray:
                return _array(value, self._shared)
            case np.ndarray() if carried := carried_by(value):
                whole: Any = np.ndarray.__reduce__(value)
                function, arguments, state = whole
                return function, arguments, (state, carried), None, None, _fill_array
            case memoryview():
                return _memory(value)
            case BaseException() if causes_of(value):
                return _exception(value)
            case _ if shared := shared_generator(value):
                return _the_generator_of, (shared,)
            case _ if is_dict_view(value):
                return _dict_view(value)
            case _ if is_figure(value):
                return _figure(value)
            case _ if (made := copy_on_write.reduced(value)) is not None:
                return made
        return NotImplemented if _pickles_itself(value) else super().reducer_override(value)

    def _function(self, value: types.FunctionType) -> Any:
        if is_importable(value):
            return NotImplemented
        if self._is_provided(value):
            return _from_notebook, (value.__qualname__,)
        home = self._home_of(value)
        if home is None:
            raise CannotStore(f"the function {value.__qualname__} has globals of its own")
        state = {name: getattr(value, name) for name in _FUNCTION_PARTS}
        new = (value.__code__, home, value.__closure__)
        return _new_function, new, (state, dict(value.__dict__)), None, None, _fill_function

    def _home_of(self, value: types.FunctionType) -> str | None:
        """The module whose globals a function uses; "" stands for the notebook."""
        if value.__globals__ is self._packing.namespace:
            return ""
        name = value.__globals__.get("__name__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        return name if module is not None and vars(module) is value.__globals__ else None

    def _class(self, value: type) -> Any:
        if is_importable(value):
            return NotImplemented
        if self._is_provided(value):
            return _from_notebook, (value.__qualname__,)
        if value.__module__ == "builtins":  # NoneType and its like: cloudpickle knows them
            return super().reducer_override(value)
        raise CannotStore(
            f"its class {value.__qualname__} does not come from a plain definition cell, "
            "so other kernels cannot make it again"
        )

    def _is_provided(self, value: Any) -> bool:
        """Whether replays bind this very object under its name in every lane."""
        first, *rest = value.__qualname__.split(".")
        if first not in self._packing.provided:
            return False
        found = self._packing.namespace.get(first)
        for part in rest:
            found = getattr(found, part, None)
        return found is value


class _HandPickler(_Pickler):
    """Leaves large buffers out of the pickle, and refuses what only the notebook's lanes know."""

    def __init__(
        self, sink: io.BytesIO, packing: Packing, apart: list[pickle.PickleBuffer]
    ) -> None:
        apart.clear()
        self._apart = apart
        super().__init__(sink, packing, (), buffer_callback=self._leave_out)

    def _leave_out(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether a buffer goes into the pickle after all."""
        with buffer.raw() as raw:
            small = raw.nbytes < hand.APART_BYTES
        if not small:
            self._apart.append(buffer)
        return small

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray and value.nbytes >= hand.APART_BYTES and _is_whole(value):
            order = "C" if value.flags.c_contiguous else "F"
            flat: Any = np.asarray(value).ravel(order="K").view(np.uint8)
            layout = (value.dtype, value.shape, order, value.flags.writeable)
            return _mapped_array, (pickle.PickleBuffer(flat), *layout)
        if type(value) is pd.StringDtype and value.na_value is np.nan:
            # Every frame has one, and a pickle that holds a NaN is made twice (see `nan`).
            return _text_dtype, (value.storage,)
        if isinstance(value, types.FunctionType | type) and not _is_everywhere(value):
            raise _StaysHere
        return super().reducer_override(value)


def _is_whole(array: "np.ndarray[Any, Any]") -> bool:
    """Whether an array's memory, as it lies there, is all of it."""
    flags, dtype = array.flags, array.dtype
    plain = not dtype.hasobject and dtype.kind not in "TV" and dtype.metadata is None
    return bool(plain and (flags.c_contiguous or flags.f_contiguous))


def _is_everywhere(value: Any) -> bool:
    """Whether every process with the same packages finds a function or class by its name."""
    if isinstance(value, type) and value.__module__ == "builtins":
        return True
    return is_importable(value) and not is_local(sys.modules.get(value.__module__))


def _text_dtype(storage: Literal["python", "pyarrow"] | None) -> Any:
    return pd.StringDtype(storage, na_value=np.nan)


def _mapped_array(
    data: Any, dtype: Any, shape: Any, order: Any, writeable: bool
) -> "np.ndarray[Any, Any]":
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, buffer=data, order=order)
    array.flags.writeable = writeable
    return array


def refuse(value: Any) -> None:
    """Refuse what may pickle but would not be the same object afterwards.

    Iterators are refused by the walk (digest.py): only there it shows whose hands they are in.

    Raises:
        CannotStore: open files, generators and the like; the message says what to do.
    """
    kind = type(value)
    if isinstance(value, io.StringIO | io.BytesIO | type):
        return
    if isinstance(value, np.memmap):
        raise CannotStore("it is a memory-mapped file: open it in the cell that reads it")
    if isinstance(value, io.IOBase):
        raise CannotStore("it is an open file: open it in the cell that reads it")
    if isinstance(value, types.GeneratorType | types.CoroutineType | types.AsyncGeneratorType):
        raise CannotStore(f"it is a {kind.__name__}: make it a list first (list(…))")
    bound = isinstance(value, types.BuiltinMethodType | types.MethodType)
    if bound and shared_generator(value.__self__):
        raise CannotStore(
            f"it draws from the generator that everybody shares: call {value.__name__} by its name"
        )


def _the_generator_of(module: str) -> Any:
    """The hidden instance behind the functions of `random` or `numpy.random`."""
    draw: Any = importlib.import_module(module).random
    return draw.__self__


_FUNCTION_PARTS: Final = (
    "__name__",
    "__qualname__",
    "__doc__",
    "__defaults__",
    "__kwdefaults__",
    "__annotations__",
    "__module__",
)


def _new_function(
    code: types.CodeType, home: str, closure: tuple[types.CellType, ...] | None
) -> types.FunctionType:
    where = vars(importlib.import_module(home)) if home else _namespace.get()
    return types.FunctionType(code, where, closure=closure)


def _fill_function(function: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    parts, attributes = state
    for name, value in parts.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)


def _cell(value: types.CellType) -> Any:
    # Made empty and filled later: a recursive closure holds itself, and two closures may share one.
    try:
        contents: tuple[Any, ...] = (value.cell_contents,)
    except ValueError:
        contents = ()
    return _empty_cell, (), contents, None, None, _fill_cell


def _empty_cell() -> types.CellType:
    return types.CellType()


def _fill_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    if contents:
        cell.cell_contents = contents[0]


def _module(value: types.ModuleType) -> Any:
    if sys.modules.get(value.__name__) is not value or value.__name__ == "__main__":
        raise CannotStore(f"it holds the module {value.__name__}, which cannot be imported")
    return importlib.import_module, (value.__name__,)


def _from_notebook(path: str) -> Any:
    first, *rest = path.split(".")
    if first not in _namespace.get():
        raise StoreError(f"a stored value needs {first}, which no cell has defined here")
    found = _namespace.get()[first]
    for part in rest:
        found = getattr(found, part)
    return found


def _pickles_itself(value: Any) -> bool:
    """Built-in functions and methods of C types: cloudpickle's own rules would only slow them."""
    return isinstance(value, types.BuiltinFunctionType)


# -- exceptions


def _exception(value: BaseException) -> Any:
    """An exception with its causes; its traceback cannot travel."""
    reduced: Any = value.__reduce_ex__(5)
    function, arguments, *state = reduced
    packed = (state[0] if state else None, causes_of(value))
    return function, arguments, packed, None, None, _fill_exception


def _fill_exception(error: Any, packed: tuple[Any, tuple[Any, ...]]) -> None:
    state, causes = packed
    if state is not None:
        error.__setstate__(state)
    error.__cause__, error.__context__, error.__suppress_context__ = causes


# -- views of other objects


def _dict_view(value: Any) -> Any:
    """A view is made again from its dict, which comes back only once."""
    owner = dict_of_view(value)
    if isinstance(value, types.MappingProxyType):
        if "__module__" in owner:
            raise CannotStore("it is the namespace of a class: read the class itself")
        return types.MappingProxyType, (owner,)
    name = type(value).__name__.rpartition("_")[2]
    return getattr(OrderedDict if isinstance(owner, OrderedDict) else dict, name), (owner,)


def _memory(value: memoryview) -> Any:
    offset = offset_in_owner(value)
    if offset is None:
        raise CannotStore("it is a memoryview: make it in the cell that needs it")
    layout = (offset, value.nbytes, value.format, value.shape, value.readonly)
    return _new_memory, (value.obj, *layout)


def _new_memory(
    owner: Any, offset: int, size: int, code: str, shape: tuple[int, ...], readonly: bool
) -> memoryview:
    view: Any = memoryview(owner)[offset : offset + size]
    if (code, shape) != ("B", (size,)):
        view = view.cast("B").cast(code, shape)
    return view.toreadonly() if readonly else view  # type: ignore[no-any-return]


# -- numpy and matplotlib


def _figure(value: Any) -> Any:
    function, arguments, *rest = reduce_figure(value)
    return (_new_figure, (shows_pictures(), function, arguments), *rest)


def _new_figure(inline: bool, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """An empty figure; where its kernel showed figures as pictures, this one does from now on."""
    if inline:
        show_pictures()
    return function(*arguments)


def _array(value: "np.ndarray[Any, Any]", shared: Collection[int]) -> Any:
    """Arrays that look at another array's memory go on doing so; read-only ones stay read-only."""
    owner = owner_of(value)
    if owner is not None and owner is not value and id(owner) in shared:
        offset = _address(value) - _address(owner)
        layout = (value.shape, value.dtype, offset, value.strides, value.flags.writeable)
        return _view, (owner, *layout)
    if not value.flags.writeable:
        return _read_only, (np.array(value, order="K"),)
    if not value.size or not value.itemsize or not is_plain_array(value):
        return NotImplemented
    # numpy's own way gives arrays that look at the pickle's memory instead of owning theirs.
    order = "C" if value.flags.c_contiguous else "F"
    flat: Any = value.ravel(order="K").view(np.uint8)
    return _owning_array, (pickle.PickleBuffer(flat), value.dtype, value.shape, order)


def _fill_array(array: "np.ndarray[Any, Any]", packed: tuple[Any, dict[str, Any]]) -> None:
    state, carried = packed
    array.__setstate__(state)
    vars(array).update(carried)


def _owning_array(data: Any, dtype: Any, shape: Any, order: Any) -> "np.ndarray[Any, Any]":
    array: np.ndarray[Any, Any] = np.empty(shape, dtype, order=order)
    array.ravel(order="K").view(np.uint8)[:] = np.frombuffer(data, np.uint8)
    return array


def _owning(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    return array if array.flags.owndata else array.copy(order="K")


def _address(array: "np.ndarray[Any, Any]") -> int:
    return int(array.__array_interface__["data"][0])


def owner_of(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
    """The array whose memory an array uses (often itself); None if no plain array owns it."""
    found: Any = array
    while isinstance(found, np.ndarray) and found.base is not None and not is_mapped(found.base):
        found = found.base
    if type(found) is not np.ndarray or found.dtype.hasobject:
        return None
    if not found.flags.owndata and not is_mapped(found.base):
        return None
    return found if found.flags.c_contiguous or found.flags.f_contiguous else None


def shared_owners(memories: Iterable[Memory]) -> frozenset[int]:
    """Ids of the arrays whose memory more than one of the given arrays uses, overlapping or not,
    or one array with several of its elements.

    Raises:
        CannotStore: some memory is shared, may be written to, and belongs to no array.
    """
    owners: dict[int, set[int]] = {}
    folded: set[int] = set()
    for memory in memories:
        owner = owner_of(memory.array)
        if owner is not None:
            owners.setdefault(id(owner), set()).add(id(memory.array))
        if _overlaps_itself(memory.array):
            if owner is None:
                raise CannotStore("elements of an array in it share memory: copy it")
            folded.add(id(owner))
    for one, other in overlapping(memories):
        if one.array is other.array:
            continue
        ownerless = owner_of(one.array) is None or owner_of(other.array) is None
        if ownerless and (one.writeable or other.writeable):
            raise CannotStore("two arrays in it share memory that cannot be shared again: copy one")
    return frozenset(owner for owner, users in owners.items() if len(users) > 1) | folded


def _overlaps_itself(array: "np.ndarray[Any, Any]") -> bool:
    """Whether who writes one element may write others, too: windows over an array that slides.

    >>> rows = np.lib.stride_tricks.sliding_window_view(np.arange(4), 2, writeable=True)
    >>> _overlaps_itself(rows), _overlaps_itself(rows.copy()), _overlaps_itself(np.eye(3).T[::2])
    (True, False, False)
    """
    if not isinstance(array, np.ndarray) or not array.flags.writeable:
        return False
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return False
    reach = array.itemsize
    for step, count in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True)):
        if count > 1 and step < reach:
            return True
        reach += step * (count - 1)
    return False


def overlapping(memories: Iterable[Memory]) -> Iterator[tuple[Memory, Memory]]:
    """Pairs that link all arrays of every connected stretch of memory.

    Tables of pandas alone do not count: they copy before they write. Arrays and Arrow's tables
    beside them do: these are views that no copy protects.
    """
    stretch: list[Memory] = []
    end = 0
    for memory in sorted(memories, key=lambda m: m.start):
        if memory.start >= end:
            yield from _links_of(stretch)
            stretch = []
        stretch.append(memory)
        end = max(end, memory.end)
    yield from _links_of(stretch)


def _links_of(stretch: list[Memory]) -> Iterator[tuple[Memory, Memory]]:
    changing = [memory for memory in stretch if not memory.frozen]
    if all(memory.pandas for memory in stretch):
        return
    if len(changing) < len(stretch) and not any(memory.writeable for memory in changing):
        return  # nobody can change what Arrow looks at
    for memory in stretch[1:]:
        yield stretch[0], memory


def _view(
    owner: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool
) -> "np.ndarray[Any, Any]":
    view: np.ndarray[Any, Any] = np.ndarray(
        shape, dtype, buffer=owner, offset=offset, strides=strides
    )
    view.flags.writeable = writeable
    return view


def _read_only(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    array.flags.writeable = False
    return array


# -- files ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A value that was written to a file: its kind, where it lies, and what a table is like."""

    kind: BlobKind
    suffix: str
    path: Path
    facts: tables.TableFacts | None = None


def store_value(
    value: object,
    examined: Examined,
    stem: Path,
    *,
    packing: Packing,
    hand_from: int | None = None,
) -> Stored:
    """Write one value into a new file `stem.<suffix>`, in the plainest form that is exact.

    Tables of `hand_from` bytes and more become hands: somebody else makes stored files of them. A
    smaller one has a hand beside its file: who reads that in the same run needs no DuckDB for it.

    Raises:
        CannotStore: it cannot leave the lane.
        PickleForbidden: only a pickle could carry it.
        OSError, StoreError: the file cannot be written.
    """
    refuse_scrambled(examined)
    if hand_from is not None and type(value) is pd.DataFrame:
        handed = _write_hand(value, examined, Path(f"{stem}{hand.SUFFIX}"), packing)
        if handed is not None and size_of(value) >= hand_from:
            return handed
    if tables.is_table(value):
        path = Path(f"{stem}.duckdb")
        facts = tables.write_frame(value, path, seal=packing)
        return Stored(kind="table", suffix="duckdb", path=path, facts=facts)
    try:
        return _write(stem, "json", "json", json.dumps(to_plain(value)).encode())
    except (NotPlain, RecursionError):
        pass
    if is_plain_array(value):
        path = Path(f"{stem}.npy")
        np.save(path, np.asarray(value), allow_pickle=False)
        return Stored(kind="array", suffix="npy", path=path)
    shared = shared_owners(examined.arrays)
    return _write(stem, "pickle", "pickle", packing.dumps(value, shared=shared))


def size_of(frame: pd.DataFrame) -> int:
    """About how many bytes a table takes: what objects in its cells hold is not counted."""
    return sum(int(getattr(block.values, "nbytes", 0)) for block in frame._mgr.blocks)


def _write_hand(
    frame: pd.DataFrame, examined: Examined, path: Path, packing: Packing
) -> Stored | None:
    """The frame as a hand; None if only the notebook's own lanes could read it."""
    if not packing.seal.allow_pickle:
        return None
    apart: list[pickle.PickleBuffer] = []
    try:
        payload = nan.dumped((frame, plain_attributes(frame)), _HandPickler, packing, apart)
    except Exception:  # whatever it is: the table's own way knows what to do or to say
        return None
    hand.write(path, payload, apart, examined.lasting(), seal=packing.seal)
    return Stored(kind="table", suffix="duckdb", path=path)


def load_hand(path: Path, *, packing: Packing, trusting: bool = True) -> pd.DataFrame:
    """The table of a hand. See `hand.read`.

    Raises:
        StoreError: the file is missing, damaged or not sealed by this project.
        PickleForbidden: pickles are forbidden.
    """
    payload, buffers = hand.read(path, seal=packing.seal, trusting=trusting)
    frame, hung = packing.unpacked(payload, buffers)
    for name, value in hung.items():
        object.__setattr__(frame, name, value)
    return frame  # type: ignore[no-any-return]


def store_group(
    values: dict[str, object], examined: Examined, stem: Path, *, packing: Packing
) -> Stored:
    """Write names that share objects into one file, so that they share them again.

    Raises:
        CannotStore: a member cannot leave the lane.
        PickleForbidden: groups are pickled, and pickles are forbidden.
    """
    refuse_scrambled(examined)
    if any(isinstance(v, np.ndarray) and type(v) is not np.ndarray for v in values.values()):
        raise CannotStore("it may share its memory with another array, which pickling would end")
    shared = shared_owners(examined.arrays)
    return _write(stem, "pickle", "pickle", packing.dumps(values, shared=shared))


def load_file(path: Path, kind: str, *, packing: Packing) -> Any:
    """The value of a file that `store_value` or `store_group` wrote.

    Raises:
        StoreError: the file is missing, damaged or not sealed by this project.
        PickleForbidden: it is a pickle, and pickles are forbidden.
    """
    try:
        match kind:
            case "table":
                return tables.read_frame(path, seal=packing)
            case "json":
                return from_plain(json.loads(path.read_bytes()))
            case "array":
                return _owning(np.load(path, allow_pickle=False))
            case "pickle":
                return packing.loads(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"stored value {path}: {error}") from error
    raise StoreError(f"stored value {path} is of the unknown kind {kind}")


def refuse_scrambled(examined: Examined) -> None:
    """Refuse sets that would be looped over in another order after loading.

    Raises:
        CannotStore: there is one.
    """
    if examined.scrambled:
        raise CannotStore(
            "it holds a set whose order cannot be rebuilt: keep sorted(…) of it instead"
        )


def is_plain_array(value: object) -> bool:
    """Whether `.npy` holds all of it: plain type, no objects, writeable, in a usual order."""
    if type(value) is not np.ndarray or value.dtype.hasobject or value.dtype.kind == "T":
        return False
    flags, dtype = value.flags, value.dtype
    ordered = flags.c_contiguous or flags.f_contiguous
    return bool(flags.writeable and ordered and dtype.metadata is None and dtype.names is None)


def _write(stem: Path, kind: BlobKind, suffix: str, data: Any) -> Stored:
    path = Path(f"{stem}.{suffix}")
    path.write_bytes(data)
    return Stored(kind=kind, suffix=suffix, path=path)


def qualified_type(value: object) -> str:
    """The type's name for people.

    >>> qualified_type(1), qualified_type(decimal.Decimal(1))
    ('int', 'decimal.Decimal')
    """
    kind = type(value)
    prefix = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return prefix + kind.__qualname__


def preview(value: object) -> str:
    """A short repr on one line, which never fails."""
    try:
        text = reprlib.repr(value)
    except Exception as error:  # a repr of the notebook's own may do anything
        text = f"<{qualified_type(value)}: repr failed with {type(error).__name__}>"
    clean = " ".join(text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0").split())
    return clean if len(clean) <= _PREVIEW_CHARACTERS else clean[: _PREVIEW_CHARACTERS - 1] + "…"
