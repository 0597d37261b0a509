"""Warnings that one kernel would not have shown again, left out. Pure.

Lanes leave among the outputs of a cell what decides about its warnings (`lanes/warned.py`). Here
the cells are gone through in notebook order, with what registries would have remembered by then:
each change of the filters empties them, and a module is imported once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from nbflow.core.task import WARNED

Outputs = list[dict[str, Any]]


def shown_once(outputs: Mapping[str, Outputs], order: Iterable[str]) -> dict[str, Outputs]:
    """What each cell shows, in notebook order. `order`: the cells as they stand there.

    >>> warns = {"output_type": "stream", "name": "stderr", "text": "Old!"}
    >>> told = {"moved": False, "imported": [], "keys": [["a.py", 1, "UserWarning", "Old!"]]}
    >>> told["pieces"] = [["stderr", "Old!"]]
    >>> cell = [warns, {"output_type": WARNED, "told": [told]}]
    >>> shown = shown_once({"a": cell, "b": cell}, ["a", "b"])
    >>> [len(shown["a"]), len(shown["b"])]
    [2, 1]
    """
    kernel = _Kernel()
    found: dict[str, Outputs] = {}
    for cell in (*(one for one in order if one in outputs), *outputs):
        if cell not in found:
            found[cell] = _as_in(kernel, outputs[cell])
    return found


class _Kernel:
    """What one kernel would have remembered."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()
        self._imported: set[str] = set()

    def shows(self, told: Mapping[str, Any]) -> bool:
        """Whether it would have shown the next warning."""
        new = set(told["imported"]) - self._imported
        self._imported |= new
        if told["moved"] or new:
            self._seen.clear()
        keys = set(map(tuple, told["keys"]))
        was_seen = bool(keys & self._seen)
        self._seen |= keys
        return not was_seen


def _as_in(kernel: _Kernel, outputs: Outputs) -> Outputs:
    left = _Texts(outputs)
    for output in outputs:
        for told in output["told"] if output["output_type"] == WARNED else ():
            shows = kernel.shows(told)
            for stream, text in told["pieces"]:
                left.go_past(stream, text, leave_out=not shows)
    return left.outputs() if left.is_less else outputs


class _Texts:
    """The outputs of a cell, of whose streams pieces are left out, from the first to the last."""

    def __init__(self, outputs: Outputs) -> None:
        self.is_less = False
        self._outputs = [dict(one) for one in outputs]
        self._places = {"stdout": (0, 0), "stderr": (0, 0)}

    def go_past(self, stream: str, text: str, *, leave_out: bool) -> None:
        """The next piece of a stream. It may be gone (the cell cleared its outputs, or showed more
        than is kept)."""
        first, start = self._places[stream]
        for number, output in enumerate(self._outputs[first:], start=first):
            if output["output_type"] == "stream" and output["name"] == stream:
                at = output["text"].find(text, start if number == first else 0)
                if at >= 0:
                    end = at + len(text)
                    if leave_out:
                        output["text"] = output["text"][:at] + output["text"][end:]
                        self.is_less, end = True, at
                    self._places[stream] = (number, end)
                    return

    def outputs(self) -> Outputs:
        """What is left; pieces of a stream that are neighbours now are one."""
        found: Outputs = []
        for output in self._outputs:
            is_text = output["output_type"] == "stream"
            last = found[-1] if found else {}
            if is_text and last.get("name") == output["name"]:
                last["text"] += output["text"]
            elif not is_text or output["text"]:
                found.append(output)
        return found
