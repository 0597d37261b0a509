"""The globals of a traced notebook: a dict that tells which names were read and bound.

Code that runs with a dict subclass as its globals looks names up through `__getitem__`, in cells as
in functions at any depth; only class bodies go around it (`class_body_names` reads their code).
"""

import dis
import sys
import types
from collections.abc import Iterator
from typing import Any

_OWN = ("IPython", "traitlets", "ipykernel", "benchmarks.graph")


class Seen:
    """What one cell did with global names so far: first reads and bindings.

    `reads` are by the notebook's own code; `asked` by libraries, which may look at all there is.
    """

    def __init__(self) -> None:
        self.armed = False
        self.reads: set[str] = set()
        self.asked: set[str] = set()
        self.bound: set[str] = set()

    def start(self) -> None:
        """Begin a new cell."""
        self.reads, self.asked, self.bound, self.armed = set(), set(), set(), True

    def read(self, name: object) -> None:
        """Note a read, unless the cell bound the name itself or IPython asks for its own ends."""
        if not self.armed or name in self.bound or name in self.reads or type(name) is not str:
            return
        asking = sys._getframe(2).f_globals
        if type(asking) is Namespace:
            self.reads.add(name)
        elif not str(asking.get("__name__", "")).startswith(_OWN):
            self.asked.add(name)

    def bind(self, name: object) -> None:
        """Note a binding by the notebook's own code: later reads in this cell are of its value."""
        if self.armed and type(name) is str and type(sys._getframe(2).f_globals) is Namespace:
            self.bound.add(name)


class Namespace(dict[str, Any]):
    """Globals that note who reads and binds them."""

    __slots__ = ("seen",)

    def __init__(self, *given: Any, seen: Seen) -> None:
        super().__init__(*given)
        self.seen = seen

    def __getitem__(self, name: str) -> Any:
        value = dict.__getitem__(self, name)
        self.seen.read(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """As of dict."""
        if name in self.keys():
            self.seen.read(name)
        return dict.get(self, name, default)

    def __contains__(self, name: object) -> bool:
        self.seen.read(name)
        return dict.__contains__(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.seen.bind(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: str) -> None:
        self.seen.read(name)
        self.seen.bind(name)
        dict.__delitem__(self, name)

    def copy(self) -> "Namespace":
        """A copy that tells its reads to the same place: libraries look names up in copies."""
        return Namespace(self, seen=self.seen)


def class_body_names(code: types.CodeType) -> set[str]:
    """Names that the class bodies in a piece of code load, which may be globals.

    >>> sorted(class_body_names(compile("class A(B):\\n    x = limit", "", "exec")))
    ['limit']
    """
    return {
        str(step.argval)
        for body in _class_bodies(code)
        for step in dis.get_instructions(body)
        if step.opname == "LOAD_NAME" and not step.argval.startswith("__")
    }


def _class_bodies(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if "__module__" in constant.co_names and "__qualname__" in constant.co_names:
                yield constant
            yield from _class_bodies(constant)
