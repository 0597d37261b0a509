"""A file, or papermill's node, → `Notebook`: our own strict validation and stable cell ids.

nbformat accepts unknown cell types and missing sources, and gives cells without an id a new random
one at every read. Steps are known by their cells' ids, so what is not clear is refused here, and
missing ids are derived from what the cell says: from its kind, its source and its rank among equal
cells. (Not from its place among all cells: a cell put in at the top must not rename all others.)

A notebook of format 4 is read without nbformat, which takes longer to import than to show a graph;
`Reading.node` is for those who need its nodes.
"""

import errno
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3

from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.errors import NotebookError
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.notebook.document import (
    MOST_BYTES,
    drop_outputs,
    parse_document,
    refusal,
    refuse_depth,
)

if TYPE_CHECKING:
    from nbformat import NotebookNode

LARGE_BYTES: Final = 20 * 1024 * 1024
"""From here on the author is told that old outputs make the file heavy."""

INJECTED_TAG: Final = "injected-parameters"
INJECTED_ID: Final = "nbflow-injected-parameters"
"""papermill's cell gets a new random id in every run; ours keeps the step's identity."""

MADE_KEY: Final = "made"
"""`metadata.nbflow.made` marks cells that nbflow put into a result notebook (summary, anchors)."""

_PAPERMILL_MADE_TAG: Final = "papermill-error-cell-tag"
"""papermill drops its own error banners when it reads a notebook; so do we, or numbers differ."""

_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.1
"""Editors that do not rename into place leave the file empty or half written for a moment."""

_HALF_WRITTEN: Final = frozenset({"empty-file", "not-json"})
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PASSING: Final = frozenset({"orig_nbformat", "orig_nbformat_minor", "signature"})
"""Notes in a notebook's metadata that nbformat keeps in memory only."""

_FIRST_MINOR_WITH_IDS: Final = 5
_KNOWN_MINOR: Final = 5
_TO_GIVE_IDS: Final = "open and save it once in a current Jupyter: it gives cells lasting ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A notebook as it was read: our noun, its JSON (ids settled, outputs dropped), and notices."""

    notebook: Notebook
    document: dict[str, Any]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def node(self) -> "NotebookNode":
        """A copy of the JSON as nbformat's node."""
        return node_of(self.document)


def node_of(document: dict[str, Any]) -> "NotebookNode":
    """A copy of a notebook's JSON (format 4) as nbformat's node."""
    node: NotebookNode = _nbformat().v4.to_notebook_json(document)
    return node


def _nbformat() -> Any:
    """Its functions carry no types; seen as Any, they can be called under mypy --strict."""
    import nbformat

    return nbformat


def read_notebook(path: Path, *, root: Path) -> "tuple[Notebook, NotebookNode]":
    """The notebook in a file, and its node. The file is never modified.

    Raises:
        NotebookError: it cannot be used; the diagnostics hold every finding.
    """
    reading = read_file(path, root=root)
    return reading.notebook, reading.node


def read_file(path: Path, *, root: Path, wait: Callable[[float], None] = time.sleep) -> Reading:
    """The notebook in a file with all that was noticed; a half-written file is tried three times.

    Raises:
        NotebookError: it cannot be used, or lies outside the project root.
    """
    identity = _identity(path, root)
    for attempt in range(_ATTEMPTS):
        try:
            data = _bytes_of(path)
            return _reading(parse_document(data, shown=str(path)), identity, len(data))
        except NotebookError as error:
            half_written = any(d.code in _HALF_WRITTEN for d in error.diagnostics)
            if not half_written or attempt == _ATTEMPTS - 1:
                raise
            wait(_PAUSE_SECONDS)
    raise AssertionError("unreachable: the last attempt returns or raises")


def read_document(document: dict[str, Any], path: Path, *, root: Path) -> Reading:
    """The notebook that an editor holds and has not saved; the outputs in `document` are emptied.

    Raises:
        NotebookError: it cannot be used, or `path` lies outside the project root.
    """
    return _reading(document, _identity(path, root), 0)


def from_node(node: "NotebookNode", path: str) -> Notebook:
    """The notebook in a node, as papermill hands it over. `path` is its identity, for messages too.

    Raises:
        NotebookError: it cannot be used; the diagnostics hold every finding.
    """
    return _notebook(settle(node, path), path)


def settle(node: "NotebookNode", path: str) -> "NotebookNode":
    """A copy of the node whose cells have the ids that `from_node` knows them by.

    Cells that nbflow or papermill put into an earlier result are left out, and so are outputs.

    Raises:
        NotebookError: it cannot be used; the diagnostics hold every finding.
    """
    _refuse_no_cells(node, path)
    cells = [_without_outputs(cell) for cell in node["cells"] if not _is_made(cell)]
    settled: NotebookNode = _nbformat().from_dict({**node, "cells": cells})
    _settle_cells(settled, path)
    return settled


def drift(notebook: Notebook, *, root: Path) -> str | None:
    """How the file differs by now from the snapshot that a run took, as a sentence; None if not.

    Raises nothing: a run goes on from its snapshot whatever happens to the file.
    """
    path = root / notebook.path
    if not path.exists():
        return f"{notebook.path} was removed or renamed since the run started"
    try:
        now, _ = read_notebook(path, root=root)
    except NotebookError as error:
        return f"the source changed since the run started and cannot be read now: {error.message}"
    if now.content_hash != notebook.content_hash:
        return f"{notebook.path} changed since the run started"
    return None


def _identity(path: Path, root: Path) -> str:
    """The POSIX path from the root: as spelled if that lies inside, else with links resolved."""
    spellings = (
        (Path(os.path.abspath(path)), Path(os.path.abspath(root))),
        (path.resolve(), root.resolve()),
    )
    for place, top in spellings:
        if place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    raise refusal(
        "outside-project",
        f"{path}: lies outside the project {root}",
        hint="run it from its own project, or copy it into this one",
    )


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_file() and size <= MOST_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not path.is_file():
        raise refusal("not-a-file", f"{path}: is not a file", hint="name a notebook file")
    raise refusal(
        "too-large",
        f"{path}: {size:,} bytes are more than a notebook may have ({MOST_BYTES:,})",
        hint="clear its outputs in Jupyter and save it",
    )


def _unreadable(path: Path, error: OSError) -> NotebookError:
    if error.errno == errno.ENOENT:
        return refusal("no-such-file", f"{path}: there is no such file", hint="check the path")
    reason = error.strerror or str(error)
    return refusal("unreadable-file", f"{path}: {reason}", hint="check the file's permissions")


def _reading(document: dict[str, Any], path: str, size: int) -> Reading:
    major, minor = _version(document, path)
    drop_outputs(document)
    refuse_depth(document, shown=path)
    notices = [*_format_notices(major, minor), *_size_notices(size)]
    node = _as_version_4(document, major, minor, path)
    node["cells"] = [cell for cell in node["cells"] if not _is_made(cell)]
    notices += _settle_cells(node, path)
    notebook = _notebook(node, path)
    if notebook.kernel_name is None:
        notices.append(_notice("no-kernelspec", "the notebook names no kernel", _KERNEL_HINT))
    return Reading(notebook=notebook, document=node, diagnostics=tuple(notices))


_KERNEL_HINT: Final = "the default kernel is used; choose one in Jupyter and save to fix it"


def _notice(
    code: str, message: str, hint: str | None = None, severity: Severity = Severity.INFO
) -> Diagnostic:
    return Diagnostic(code=code, severity=severity, message=message, hint=hint)


def _version(document: dict[str, Any], path: str) -> tuple[int, int]:
    major: Any = document.get("nbformat")
    minor: Any = document.get("nbformat_minor", 0)
    if not _is_count(major) or not _is_count(minor):
        raise refusal(
            "not-a-notebook",
            f"{path}: not a notebook: it does not say its format ('nbformat')",
            hint="check that this is the right file",
        )
    if major > 4:
        raise refusal(
            "format-too-new",
            f"{path}: notebook format {major}.{minor} is newer than this nbflow reads (4)",
            hint="pip install --upgrade nbflow nbformat",
        )
    if major < 3:
        raise refusal(
            "format-too-old",
            f"{path}: notebook format {major} is too old",
            hint="open and save it once in Jupyter",
        )
    return major, minor


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _format_notices(major: int, minor: int) -> list[Diagnostic]:
    if (major, minor) > (4, _KNOWN_MINOR):
        message = f"notebook format 4.{minor} is newer than this nbflow knows (4.{_KNOWN_MINOR})"
        return [_notice("newer-format", message, None, Severity.WARNING)]
    if (major, minor) < (4, _FIRST_MINOR_WITH_IDS):
        message = f"notebook format {major}.{minor} has no cell ids: steps are known by their text"
        return [_notice("old-format", message, _TO_GIVE_IDS)]
    return []


def _size_notices(size: int) -> list[Diagnostic]:
    if size < LARGE_BYTES:
        return []
    message = f"the file has {size / 1e6:,.0f} MB; its old outputs are not read into the run"
    return [
        _notice("large-file", message, "clear its outputs in Jupyter and save", Severity.WARNING)
    ]


def _as_version_4(document: dict[str, Any], major: int, minor: int, path: str) -> dict[str, Any]:
    if major == 3:
        return _upgraded(document, minor, path)
    _refuse_no_cells(document, path)
    _refuse_bad_cells(document["cells"], path)
    return _completed(document)


def _upgraded(document: dict[str, Any], minor: int, path: str) -> "NotebookNode":
    """nbformat's own upgrade, which trips over damaged files with whatever error comes first."""
    nbformat = _nbformat()
    try:
        old = nbformat.versions[3].to_notebook_json(document, minor=minor)
        node: NotebookNode = nbformat.v4.upgrade(old, 3, minor)
    except (AttributeError, KeyError, TypeError, ValueError, nbformat.ValidationError) as error:
        raise refusal(
            "not-a-notebook",
            f"{path}: this notebook of format 3 is damaged and cannot be upgraded",
            hint="open and save it once in Jupyter",
        ) from error
    return node


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """With the empty boxes that the format demands and that carry no meaning, and without what
    nbformat drops when it reads a file."""
    metadata = _box(document, "metadata")
    cells = [{"metadata": {}, **cell} for cell in document["cells"]]
    for cell in cells:
        cell["source"] = _joined(cell["source"])
        if cell["cell_type"] == CellKind.CODE:
            cell["outputs"], cell["execution_count"] = [], None
    lasting = {key: value for key, value in metadata.items() if key not in _PASSING}
    return {**document, "metadata": lasting, "cells": cells}


def _refuse_no_cells(document: dict[str, Any], path: str) -> None:
    if not isinstance(document.get("cells"), list):
        raise refusal(
            "not-a-notebook",
            f"{path}: not a notebook: it has no list of cells",
            hint="check that this is the right file",
        )


def _refuse_bad_cells(cells: list[Any], path: str) -> None:
    found = [d for index, cell in enumerate(cells) for d in _cell_errors(index, cell)]
    if found:
        raise NotebookError(
            f"{path}: {found[0].message}", diagnostics=tuple(found), hint=found[0].hint
        )


_KINDS: Final = tuple(CellKind)


def _cell_errors(index: int, cell: Any) -> Iterable[Diagnostic]:
    if not isinstance(cell, dict):
        yield _cell_error(index, f"is a {type(cell).__name__}, not a cell")
        return
    if cell.get("cell_type") not in _KINDS:
        yield _cell_error(index, f"has the unknown type {_short(cell.get('cell_type'))}")
    if not _is_text(cell.get("source")):
        yield _cell_error(index, f"has no text: its source is {_short(cell.get('source'))}")
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        yield _cell_error(index, f"has broken metadata: {_short(metadata)}")
    elif not _are_tags(metadata.get("tags", [])):
        yield _cell_error(index, f"has broken tags: {_short(metadata['tags'])}")


def _cell_error(index: int, what: str) -> Diagnostic:
    return Diagnostic(
        code="bad-cell",
        severity=Severity.ERROR,
        message=f"cell {index + 1} {what}",
        place=Place(cell_index=index),
        hint="delete the cell in Jupyter and write it again, or restore the file",
    )


def _short(value: Any) -> str:
    """How a message shows a value that may be anything.

    >>> _short(None), _short("x" * 100)[-4:]
    ('null', 'xxx…')
    """
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:40] + "…"


def _is_text(source: Any) -> bool:
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines)


def _are_tags(tags: Any) -> bool:
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def _is_made(cell: Any) -> bool:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    if not isinstance(metadata, dict):
        return False
    ours, tags = metadata.get("nbflow"), metadata.get("tags")
    banner = isinstance(tags, list) and _PAPERMILL_MADE_TAG in tags
    return banner or (isinstance(ours, dict) and MADE_KEY in ours)


def _without_outputs(cell: Any) -> Any:
    if isinstance(cell, dict) and "outputs" in cell:
        return {**cell, "outputs": []}
    return cell


def _settle_cells(node: dict[str, Any], path: str) -> list[Diagnostic]:
    """Check the cells and give each the id it is known by, in place; notices about the ids."""
    _refuse_bad_cells(node["cells"], path)
    metadata = node.setdefault("metadata", {})
    had_ids = _had_ids(node)
    for key in ("orig_nbformat", "orig_nbformat_minor"):
        metadata.pop(key, None)
    node["nbformat_minor"] = max(node.get("nbformat_minor", 0), _FIRST_MINOR_WITH_IDS)
    for cell in () if had_ids else node["cells"]:
        cell.pop("id", None)
    injected = next((cell for cell in node["cells"] if INJECTED_TAG in _tags(cell)), None)
    if injected is not None:
        injected["id"] = INJECTED_ID
    _refuse_bad_ids(node["cells"], path)
    return _derive_ids(node["cells"], announce=had_ids)


def _had_ids(node: dict[str, Any]) -> bool:
    """nbformat's upgrade gives random ids, and leaves a note of the format that the file had."""
    metadata = node["metadata"]
    if "orig_nbformat" in metadata:
        return False
    minor = metadata.get("orig_nbformat_minor", node.get("nbformat_minor", 0))
    return bool(minor >= _FIRST_MINOR_WITH_IDS)


def _refuse_bad_ids(cells: list[dict[str, Any]], path: str) -> None:
    first: dict[str, int] = {}
    found: list[Diagnostic] = []
    for index, cell in enumerate(cells):
        if "id" not in cell:
            continue
        if not isinstance(cell["id"], str) or _ID.fullmatch(cell["id"]) is None:
            found.append(_bad_id(index, cell["id"]))
        elif (other := first.setdefault(cell["id"], index)) != index:
            found.append(_same_id(other, index, cell["id"]))
    if found:
        raise NotebookError(
            f"{path}: {found[0].message}", diagnostics=tuple(found), hint=found[0].hint
        )


def _bad_id(index: int, cell_id: Any) -> Diagnostic:
    return Diagnostic(
        code="bad-id",
        severity=Severity.ERROR,
        message=f"cell {index + 1} has the invalid id {_short(cell_id)}",
        place=Place(cell_index=index),
        hint="an id has 1 to 64 letters, digits, - or _; delete it, or copy the cell in Jupyter",
    )


def _same_id(first: int, second: int, cell_id: str) -> Diagnostic:
    return Diagnostic(
        code="duplicate-id",
        severity=Severity.ERROR,
        message=f"cells {first + 1} and {second + 1} have the same id {_short(cell_id)}",
        place=Place(cell=CellId(cell_id), cell_index=second),
        also=(Place(cell=CellId(cell_id), cell_index=first),),
        hint="copy one of the two cells in Jupyter and delete the original: the copy has its own",
    )


def _derive_ids(cells: list[dict[str, Any]], *, announce: bool) -> list[Diagnostic]:
    taken = {cell["id"] for cell in cells if "id" in cell}
    ranks: dict[tuple[str, str], int] = {}
    without = [index for index, cell in enumerate(cells) if "id" not in cell]
    for cell in (cells[index] for index in without):
        said = (cell["cell_type"], _joined(cell["source"]))
        while True:
            ranks[said] = rank = ranks.get(said, 0) + 1
            derived = _derived_id(*said, rank)
            if derived not in taken:
                break
        taken.add(derived)
        cell["id"] = derived
    if not without or not announce:
        return []
    shown = ", ".join(str(index + 1) for index in without[:10])
    more = f" and {len(without) - 10} more" if len(without) > 10 else ""
    return [_notice("missing-ids", f"cells without an id: {shown}{more}", _TO_GIVE_IDS)]


def _derived_id(kind: str, source: str, rank: int) -> str:
    """The id of the `rank`-th cell that says this.

    >>> _derived_id("code", "x = 1", 1)
    'nbflow-8d0c341f6fba'
    """
    return "nbflow-" + _digest([kind, source, rank])[:12]


def _digest(value: Any) -> str:
    """blake3 of plain values; as ASCII JSON, so that lone surrogates count and do not hurt."""
    return blake3(json.dumps(value).encode()).hexdigest()


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict[str, Any]) -> tuple[str, ...]:
    return tuple(cell.get("metadata", {}).get("tags", ()))


def _notebook(node: dict[str, Any], path: str) -> Notebook:
    cells = tuple(
        Cell(
            id=CellId(cell["id"]),
            index=index,
            kind=CellKind(cell["cell_type"]),
            source=_joined(cell["source"]),
            tags=_tags(cell),
        )
        for index, cell in enumerate(node["cells"])
    )
    kernelspec = _box(node["metadata"], "kernelspec")
    language_info = _box(node["metadata"], "language_info")
    return Notebook(
        path=path,
        cells=cells,
        kernel_name=_word(kernelspec.get("name")),
        language=_word(language_info.get("name")) or _word(kernelspec.get("language")),
        content_hash=_digest([[c.id, c.kind, c.source, c.tags] for c in cells]),
    )


def _box(metadata: dict[str, Any], key: str) -> dict[str, Any]:
    value = metadata.get(key)
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
