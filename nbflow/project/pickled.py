"""Tables that were stored as pickles: a pandas Series, or tables that share memory with others.

Stored tables of one name lie in files that DuckDB reads. The others are unpickled to be looked at;
their seal says that the project made them, and what would need the notebook's own classes is left
alone: a server must not depend on what notebooks import.
"""

import io
import pickle
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from nbflow.core.task import Blob
from nbflow.inside.seal import read_seal
from nbflow.inside.tables import natural, natural_index
from nbflow.store.blobs import BlobStore

_HOMES: Final = frozenset(
    {"builtins", "collections", "copyreg", "datetime", "decimal", "fractions", "nbflow", "numpy"}
    | {"pandas", "pathlib", "pyarrow", "uuid", "zoneinfo"}
)
"""Where the parts of tables come from."""

_MOST_BYTES: Final = 256 << 20
"""A larger pickle is not read to show a page of it: each page would read it all."""


def read_pickled(blobs: BlobStore, blob: Blob, name: str) -> "pd.DataFrame | pd.Series[Any] | None":
    """The table; None where it cannot be had without the notebook.

    Raises:
        OSError: the file is missing. StoreError: its seal is broken.
    """
    if blob.kind != "pickle" or not blob.is_tabular(name) or blob.bytes > _MOST_BYTES:
        return None
    payload = read_seal(blobs.key()).open(blobs.path(blob).read_bytes())
    try:
        value = _Unpickler(io.BytesIO(payload)).load()
    except Exception:  # values of the notebook's own kinds can raise anything
        return None
    found = value[name] if len(blob.names) > 1 else value
    return found if type(found) in (pd.DataFrame, pd.Series) else None


def with_labels(table: "pd.DataFrame | pd.Series[Any]") -> tuple[pa.Table, pa.Table | None]:
    """What people see of it: its columns, and its index where that says something.

    >>> data, labels = with_labels(pd.Series([1, 2], index=["a", "b"]))
    >>> data.column_names, labels.column_names
    (['value'], ['index'])
    """
    if isinstance(table, pd.Series) and table.name is None:
        table = table.rename("value")
    return natural(table), natural_index(table.index)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in _HOMES:
            raise pickle.UnpicklingError(f"{module}.{name} is the notebook's own")
        return super().find_class(module, name)
