"""Bytes of a file → a JSON object that claims to be a notebook, or one clear error.

Nothing here knows about cells. A notebook is hostile until parsed: size and depth are limited
before anything walks it, and every refusal says the file, the position and what to do.
"""

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from nbflow.core.diagnostic import Diagnostic, Severity
from nbflow.core.errors import NotebookError, NotFound

MOST_BYTES: Final = 512 * 1024 * 1024
"""Parsing takes a few times the file's size in memory; beyond this a runner may not survive it."""

DEEPEST: Final = 100
"""Real notebooks nest some ten levels; Python's recursion ends below a thousand."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8 with a byte order mark"),
)
_SAVE_AS_UTF8: Final = "save it as UTF-8 without a byte order mark"
_RESTORE: Final = "restore it from a backup or from git, or save it again from Jupyter"


def refusal(code: str, message: str, *, hint: str | None = None) -> NotebookError:
    """The error for a file that is no usable notebook."""
    finding = Diagnostic(code=code, severity=Severity.ERROR, message=message, hint=hint)
    return NotebookError(message, diagnostics=(finding,), hint=hint)


def parse_document(data: bytes, *, shown: str) -> dict[str, Any]:
    """The JSON object in `data`; `shown` is the file as messages name it.

    >>> parse_document(b'{"nbformat": 4}', shown="a.ipynb")
    {'nbformat': 4}

    Raises:
        NotebookError: not UTF-8, not JSON, not an object, or beyond the limits.
    """
    if not data.strip():
        raise refusal("empty-file", f"{shown}: the file is empty", hint=_RESTORE)
    document = _parse_json(_decode(data, shown), shown)
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise refusal(
            "not-a-notebook",
            f"{shown}: line 1, column 1: a notebook is a JSON object, this is a {kind}",
            hint="check that this is the right file",
        )
    return document


def _decode(data: bytes, shown: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            raise refusal(
                "not-utf8",
                f"{shown}: line 1, column 1: the file is {encoding}",
                hint=_SAVE_AS_UTF8,
            )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = _position(data[: error.start].decode("utf-8", "replace"))
        message = f"{shown}: {where}: not UTF-8 text (byte {error.start})"
        raise refusal("not-utf8", message, hint=_SAVE_AS_UTF8) from error
    if (found := text.find("\x00")) >= 0:
        where = _position(text[:found])
        raise refusal("not-json", f"{shown}: {where}: the file holds NUL bytes", hint=_RESTORE)
    return text


def _position(before: str) -> str:
    """Where the text that follows `before` stands.

    >>> _position("ab\\ncd")
    'line 2, column 3'
    """
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _parse_json(text: str, shown: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        message = f"{shown}: {where}: not JSON: {_plain(error.msg)}"
        raise refusal("not-json", message, hint=_RESTORE) from error
    except RecursionError as error:
        raise _too_deep(shown) from error
    except ValueError as error:  # Python refuses integers of more than 4300 digits
        message = f"{shown}: not JSON that can be read: a number has too many digits"
        raise refusal("not-json", message, hint=_RESTORE) from error


def _plain(message: str) -> str:
    return re.sub(r":?\s*$", "", message[:1].lower() + message[1:])


def _too_deep(shown: str) -> NotebookError:
    return refusal(
        "too-deep",
        f"{shown}: nested deeper than {DEEPEST} levels",
        hint="no notebook needs this: check where the file comes from",
    )


def refuse_depth(document: dict[str, Any], *, shown: str) -> None:
    """Refuse nesting that recursive code further on would not survive.

    Raises:
        NotebookError: deeper than `DEEPEST`.
    """
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise _too_deep(shown)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [child for child in value.values() if isinstance(child, dict | list)]
    if isinstance(value, list):
        return [child for child in value if isinstance(child, dict | list)]
    return []


def joined(document: dict[str, Any]) -> dict[str, Any]:
    """The same with each text in one piece, as notebooks are held; files hold their lines.

    >>> joined({"cells": [{"cell_type": "raw", "source": ["a\\n", "b"]}]})["cells"][0]["source"]
    'a\\nb'
    """
    import nbformat
    from nbformat.v4.rwbase import rejoin_lines

    library: Any = nbformat  # its functions carry no types
    node: dict[str, Any] = rejoin_lines(library.from_dict(document))  # type: ignore[no-untyped-call]
    return node


def with_tags(document: dict[str, Any], cell: str, tags: Sequence[str]) -> dict[str, Any]:
    """The document with other tags on one of its cells.

    >>> with_tags({"cells": [{"id": "a"}]}, "a", ["skip"])
    {'cells': [{'id': 'a', 'metadata': {'tags': ['skip']}}]}

    Raises:
        NotFound: no cell has that id.
    """
    cells = document.get("cells")
    held = cells if isinstance(cells, list) else []
    if not any(isinstance(one, dict) and one.get("id") == cell for one in held):
        raise NotFound(f"the notebook has no cell {cell!r}")
    return {**document, "cells": [_tagged(one, cell, tags) for one in held]}


def _tagged(held: Any, cell: str, tags: Sequence[str]) -> Any:
    if not isinstance(held, dict) or held.get("id") != cell:
        return held
    metadata = held.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return {**held, "metadata": {**known, "tags": list(tags)}}


def drop_outputs(document: dict[str, Any]) -> None:
    """Empty the outputs of every code cell, in place, whatever else is wrong with the cells.

    A run makes its own outputs, and a hundred megabytes of old ones would be copied at every turn.
    """
    sheets = document.get("worksheets")
    holders = [document, *(sheets if isinstance(sheets, list) else ())]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell, dict) and "outputs" in cell:
                cell["outputs"] = []
