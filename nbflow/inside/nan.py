"""`np.nan in values` asks for the very object, so it has to come back as that object.

Pickles keep a float's bits alone, and ask nobody about floats but for a persistent id. So a pickle
that holds a NaN is made once more, with ids for the NaNs of numpy and math; these ids are written
as long as the names of what they stand for, and are replaced by them. What comes out is an ordinary
pickle.
"""

import io
import math
import pickle
import struct
from typing import Any, Final

import numpy as np

NANS: Final = {"numpy": np.nan, "math": math.nan}

_IN_A_PICKLE: Final = tuple({pickle.BINFLOAT + struct.pack(">d", nan) for nan in NANS.values()})
_IDS: Final = {"numpy": 0x5F3B_91C7_E24D_8A61, "math": 0x2D_94F0_6BA3_C857}
_NAMES: Final = {home: pickle.GLOBAL + f"{home}\nnan\n".encode() for home in NANS}


def home_of(value: object) -> str | None:
    """The module that has a NaN, if it is one of those that everybody uses.

    >>> home_of(np.nan), home_of(math.nan), home_of(float("nan"))
    ('numpy', 'math', None)
    """
    return next((home for home, nan in NANS.items() if nan is value), None)


def dumped(value: object, pickler: type[Any], *arguments: Any, **options: Any) -> bytes:
    """The pickle of a value by a class of picklers. `arguments`: what it takes after the file.

    >>> one, other, own = pickle.loads(dumped([np.nan, math.nan, float("nan")], pickle.Pickler, 5))
    >>> one is np.nan, other is math.nan, own is np.nan
    (True, True, False)
    """
    payload = _dumped(value, pickler, *arguments, **options)
    if not any(nan in payload for nan in _IN_A_PICKLE):
        return payload
    payload = _dumped(value, _naming(pickler), *arguments, **options)
    for home, name in _NAMES.items():
        payload = payload.replace(_written(_IDS[home]), name)
    return payload


def _dumped(value: object, pickler: type[Any], *arguments: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    pickler(sink, *arguments, **options).dump(value)
    return sink.getvalue()


def _naming(pickler: type[Any]) -> type[Any]:
    class Naming(pickler):  # type: ignore[misc]  # any class of picklers
        def persistent_id(self, value: object) -> int | None:
            home = home_of(value) if type(value) is float else None
            return None if home is None else _IDS[home]

    return Naming


def _written(number: int) -> bytes:
    """An id as a pickle has it; lengths of frames stand before, so it must be as long as a name."""
    size = (number.bit_length() + 8) // 8
    return pickle.LONG1 + bytes([size]) + number.to_bytes(size, "little") + pickle.BINPERSID
