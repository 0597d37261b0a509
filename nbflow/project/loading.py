"""`nbflow.load`: what a run left, as the Python object that it was, in one's own kernel."""

import sys
from typing import Any

from nbflow.core.errors import StoreError
from nbflow.inside.inputs import check_file
from nbflow.inside.seal import read_seal
from nbflow.inside.values import Packing, load_file
from nbflow.project.project import Project


def load(name: str, *, run: str = "latest", step: str | None = None) -> Any:
    """A variable or table that a run of this folder's project stored: of `step`, or its last
    version. Objects of classes that the notebook defines need these to be defined here.

    Raises:
        NotFound: no such run or value. StoreError: what is stored is missing or damaged.
    """
    project = Project.find()
    blob, path, key = project.stored(run, name if step is None else f"{step}.{name}")
    if not path.exists():
        raise StoreError(f"the stored `{name}` is gone", hint="run the notebook again")
    packing = Packing(
        seal=read_seal(key), namespace=vars(sys.modules["__main__"]), provided=frozenset()
    )
    check_file(path, packing.seal.key)
    value = load_file(path, blob.kind, packing=packing)
    return value[name] if len(blob.names) > 1 else value
