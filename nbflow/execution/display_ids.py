"""Displays that other cells change: `display(…, display_id=…)` here, `update_display` below. Pure.

Cells run in several kernels, so a change may come from where nobody knows the display. Lanes leave
ids and changes among the outputs; they are settled here, in notebook order, as in one kernel.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Outputs = list[dict[str, Any]]

CHANGE: Final = "update_display_data"
"""The type of an output that shows nothing itself, but changes displays of cells above it."""


def settled(outputs: Mapping[str, Outputs], order: Iterable[str]) -> dict[str, Outputs]:
    """What each cell shows in the end. `order`: the cells as they stand in the notebook.

    >>> one = {"output_type": "display_data", "data": {"a": "1"}, "metadata": {}}
    >>> ids = {"transient": {"display_id": "d"}}
    >>> change = {**one, **ids, "output_type": "update_display_data", "data": {"a": "2"}}
    >>> settled({"low": [change], "high": [one | ids]}, ["high", "low"])["high"][0]["data"]
    {'a': '2'}
    """
    shown: dict[str, Outputs] = {}
    found: dict[str, Outputs] = {}
    for cell in (*(one for one in order if one in outputs), *outputs):
        if cell not in found:
            found[cell] = [_taken(one, shown) for one in outputs[cell] if _stays(one, shown)]
    return {cell: found[cell] for cell in outputs}


def plain(outputs: Iterable[Mapping[str, Any]]) -> Outputs:
    """Outputs of one cell as nbformat stores them, as if no other cell were there."""
    return [_plain(one) for one in outputs if one.get("output_type") != CHANGE]


def _stays(output: Mapping[str, Any], shown: Mapping[str, Outputs]) -> bool:
    """Whether it is an output of its own; if it has an id, it changes those above it anyway."""
    display_id = (output.get("transient") or {}).get("display_id")
    for earlier in shown.get(str(display_id), ()):
        earlier["data"], earlier["metadata"] = output["data"], output["metadata"]
    return bool(output.get("output_type") != CHANGE)


def _taken(output: Mapping[str, Any], shown: dict[str, Outputs]) -> dict[str, Any]:
    display_id = (output.get("transient") or {}).get("display_id")
    own = _plain(output)
    if display_id is not None:
        shown.setdefault(str(display_id), []).append(own)
    return own


def _plain(output: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in output.items() if key != "transient"}
