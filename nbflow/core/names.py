"""Names that steps share: variables, ambient channels and files, in one text form.

A name is what an edge is about. Three families live side by side, told apart by a prefix that
cannot start an identifier:

>>> kind_of(Name("df")), kind_of(Name("@random")), kind_of(Name("file:out/a.csv"))
(<NameKind.VARIABLE: 'variable'>, <NameKind.AMBIENT: 'ambient'>, <NameKind.FILE: 'file'>)
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType

Name = NewType("Name", str)
"""`df` (a Python variable or an SQL table: one namespace), `@random` (an ambient channel) or
`file:PATH` (a literal path, POSIX, as the notebook's folder sees it)."""

ANY_FILE: Final = Name("file:*")
"""A path that the text does not show: it may be any file."""

FILE_PREFIX: Final = "file:"

AMBIENT_CHANNELS: Final = (
    "@random",
    "@numpy.random",
    "@rcParams",
    "@pandas.options",
    "@numpy.options",
    "@environ",
    "@cwd",
    "@sys.path",
    "@warnings",
    "@locale",
    "@decimal",
    "@control",
)
"""What Python code shares without naming it, and nbflow can carry from lane to lane."""

PLACES: Final = (Name("@sys.path"), Name("@cwd"), Name("@environ"))
"""The ambient channels that decide what an import finds, and what a module finds when it begins."""


class NameKind(StrEnum):
    """The family a name belongs to."""

    VARIABLE = "variable"
    AMBIENT = "ambient"
    FILE = "file"


_REMEMBERED: Final = 8192
"""Linking asks for the kind of every name above, for every cell below."""


@lru_cache(maxsize=_REMEMBERED)
def kind_of(name: Name) -> NameKind:
    """The family of a name, by its prefix."""
    if name.startswith("@"):
        return NameKind.AMBIENT
    if name.startswith(FILE_PREFIX):
        return NameKind.FILE
    return NameKind.VARIABLE


def file_name(path: str) -> Name:
    """The name of a literal path.

    >>> file_name("out/a.csv")
    'file:out/a.csv'
    """
    return Name(FILE_PREFIX + path)


def path_of(name: Name) -> str:
    """The path that a file name stands for.

    >>> path_of(Name("file:out/a.csv"))
    'out/a.csv'
    """
    return name.removeprefix(FILE_PREFIX)
