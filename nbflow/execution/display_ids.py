"""Displays that other cells change: `display(…, display_id=…)` here, `update_display` below. Pure.

Cells run in several kernels, so a change may come from where nobody knows the display. Lanes leave
ids and changes among the outputs; they are settled here, in notebook order, as in one kernel. So
are warnings that one kernel would have shown once (`shown_once.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nbflow.core.task import WARNED
from nbflow.execution.shown_once import shown_once

Outputs = list[dict[str, Any]]

CHANGE: Final = "update_display_data"
"""The type of an output that shows nothing itself, but changes displays of cells above it."""

_NOT_SHOWN: Final = (CHANGE, WARNED)


def settled(outputs: Mapping[str, Outputs], order: Iterable[str]) -> dict[str, Outputs]:
    """What each cell shows in the end. `order`: the cells as they stand in the notebook.

    >>> one = {"output_type": "display_data", "data": {"a": "1"}, "metadata": {}}
    >>> ids = {"transient": {"display_id": "d"}}
    >>> change = {**one, **ids, "output_type": "update_display_data", "data": {"a": "2"}}
    >>> settled({"low": [change], "high": [one | ids]}, ["high", "low"])["high"][0]["data"]
    {'a': '2'}
    """
    shown: dict[str, Outputs] = {}
    once = shown_once(outputs, order)
    found = {
        cell: [_taken(one, shown) for one in own if _stays(one, shown)]
        for cell, own in once.items()
    }
    return {cell: found[cell] for cell in outputs}


def plain(outputs: Iterable[Mapping[str, Any]]) -> Outputs:
    """Outputs of one cell as nbformat stores them, as if no other cell were there."""
    return [_plain(one) for one in outputs if one.get("output_type") not in _NOT_SHOWN]


def _stays(output: Mapping[str, Any], shown: Mapping[str, Outputs]) -> bool:
    """Whether it is an output of its own; if it has an id, it changes those above it anyway."""
    display_id = (output.get("transient") or {}).get("display_id")
    for earlier in shown.get(str(display_id), ()):
        earlier["data"], earlier["metadata"] = output["data"], output["metadata"]
    return output.get("output_type") not in _NOT_SHOWN


def _taken(output: Mapping[str, Any], shown: dict[str, Outputs]) -> dict[str, Any]:
    display_id = (output.get("transient") or {}).get("display_id")
    own = _plain(output)
    if display_id is not None:
        shown.setdefault(str(display_id), []).append(own)
    return own


def _plain(output: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in output.items() if key != "transient"}
