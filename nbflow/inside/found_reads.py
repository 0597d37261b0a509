"""Names that a cell may read, and names that were asked for without being foreseen.

SQL results become DataFrames only when Python wants them. `foreseen` tells from a cell's text, and
from the functions it can call, which names it may want. For what no text shows (`eval`, a function
kept in a dict), `FoundReads` stands in as `__builtins__`: Python looks there last, and the name is
fetched at that moment.
"""

import builtins
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

_WORD: Final = re.compile(r"[^\W\d]\w*")
_SQL_LINE: Final = re.compile(r"^(.*?)%sql\b.*$", re.MULTILINE)
_SQL_CELL: Final = re.compile(r"\A\s*(%%(time|capture)\b.*\n\s*)*%%sql\b")


def is_sql_cell(source: str) -> bool:
    """Whether a cell is `%%sql`, possibly timed: Python reads none of its names.

    >>> is_sql_cell("%%time\\n%%sql t\\nFROM a"), is_sql_cell("x = %sql FROM a")
    (True, False)
    """
    return bool(_SQL_CELL.match(source))


def words_of(source: str) -> frozenset[str]:
    """All identifiers in a Python cell, strings and comments included, `%sql` lines not.

    More than the cell reads, never less: `df.query("x > @limits")` names a variable in a string.

    >>> sorted(words_of("x = %sql FROM a\\nprint(x)"))
    ['print', 'x']
    """
    return frozenset(_WORD.findall(_SQL_LINE.sub(r"\1", source)))


def foreseen(source: str, namespace: Mapping[str, Any], wanted: Iterable[str]) -> set[str]:
    """Which of the `wanted` names a cell may read: by its text, or by functions that it reaches."""
    if is_sql_cell(source):
        return set()
    known = set(wanted)
    seen: set[str] = set()
    todo = set(words_of(source))
    while todo:
        name = todo.pop()
        seen.add(name)
        for code in _codes_of(namespace.get(name)):
            todo |= _names_in(code) - seen
    return seen & known


def _codes_of(value: object) -> Iterator[types.CodeType]:
    """The code of a function, or of the methods of a class or an instance, of this notebook."""
    owner = type(value)
    # An instance of the notebook's own classes may do something when it is asked.
    if owner.__module__ != "__main__" or issubclass(owner, type):
        if isinstance(value, types.MethodType):
            value = value.__func__
        function = getattr(value, "__wrapped__", value) if callable(value) else value
        if isinstance(function, types.FunctionType):
            yield function.__code__
        owner = value if isinstance(value, type) else type(value)
    if owner.__module__ == "__main__":
        for base in owner.__mro__:
            for member in vars(base).values() if base.__module__ == "__main__" else ():
                plain = getattr(member, "__func__", getattr(member, "fget", member))
                if isinstance(plain, types.FunctionType):
                    yield plain.__code__


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


class FoundReads(dict[str, Any]):
    """Builtins that, for a name which nothing defines, ask the SQL session before they give up."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__()
        self._find = find
        self.refresh(())

    def refresh(self, names: Iterable[str]) -> None:
        """Follow the real builtins; leave out the `names` that SQL holds, which hide them.

        A copy, because looking into it is fast; asking `__missing__` for each `len` is not.
        """
        self.update(builtins.__dict__)
        for name in names:
            self.pop(name, None)

    def __missing__(self, name: str) -> Any:
        try:
            return self._find(name)
        except LookupError:
            # What was put into builtins since (IPython's `display` while a cell runs).
            return builtins.__dict__[name]
