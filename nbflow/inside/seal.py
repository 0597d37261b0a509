"""The seal on everything pickled: unpickling runs code, so only our own bytes are ever unpickled.

A sealed payload is `MAGIC + HMAC-SHA256 + payload`; the key is the 32 bytes of `.nbflow/key`.
`Sealing` is the small protocol that the table and value writers need: an object in, sealed bytes
out, and back.
"""

import hashlib
import hmac
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from nbflow.core.errors import NbflowError, StoreError
from nbflow.inside import nan

MAGIC: Final = b"NBFLOW1\0"
KEY_BYTES: Final = 32
_MAC_BYTES: Final = 32


class PickleForbidden(NbflowError):
    """A value would have to be pickled, or unpickled, and the project has `pickle = false`."""


class Sealing(Protocol):
    """Turns objects into sealed bytes and back."""

    def dumps(self, value: object) -> bytes:
        """The value, pickled and sealed.

        Raises:
            PickleForbidden: the project forbids pickles.
        """
        ...

    def loads(self, sealed: bytes) -> Any:
        """The value that `dumps` was given.

        Raises:
            StoreError: the bytes are not ours or were altered; nothing was unpickled.
            PickleForbidden: the project forbids pickles.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Seals bytes with a key, and plain pickles with them (protocol 5)."""

    key: bytes = field(repr=False)
    allow_pickle: bool = True

    def close(self, payload: bytes) -> bytes:
        """The payload behind its seal."""
        self._refuse()
        return MAGIC + self._mac(payload) + payload

    def open(self, sealed: bytes) -> bytes:
        """The payload, after its seal was found whole.

        Raises:
            StoreError: not sealed by this key, or altered since.
            PickleForbidden: the project forbids pickles.
        """
        self._refuse()
        start = len(MAGIC) + _MAC_BYTES
        mac, payload = sealed[len(MAGIC) : start], sealed[start:]
        if not sealed.startswith(MAGIC) or not hmac.compare_digest(mac, self._mac(payload)):
            raise StoreError(
                "a stored value is not sealed with this project's key, so it was not loaded",
                hint="delete it (or all of .nbflow/store) and run again: it is made anew",
            )
        return payload

    def dumps(self, value: object) -> bytes:
        """See `Sealing.dumps`."""
        self._refuse()
        return self.close(nan.dumped(value, pickle.Pickler, 5))

    def loads(self, sealed: bytes) -> Any:
        """See `Sealing.loads`."""
        return pickle.loads(self.open(sealed))

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self.key, payload, hashlib.sha256).digest()

    def _refuse(self) -> None:
        if not self.allow_pickle:
            raise PickleForbidden(
                "this value can only travel as a pickle, which nbflow.toml forbids",
                hint="set pickle = true, or keep the value in a table, list or dict",
            )


def read_seal(key_file: Path, *, allow_pickle: bool = True) -> Seal:
    """The seal of a project.

    Raises:
        StoreError: the key file is missing or is not a key.
    """
    try:
        key = key_file.read_bytes()
    except OSError as error:
        raise StoreError(f"the project's key {key_file} cannot be read: {error}") from error
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"the project's key {key_file} is damaged ({len(key)} bytes instead of {KEY_BYTES})",
            hint="delete it and .nbflow/store; the next run makes both anew",
        )
    return Seal(key=key, allow_pickle=allow_pickle)
