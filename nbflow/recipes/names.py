"""Names that a notebook does not have yet, made of words that people know."""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_BUILTINS: Final = frozenset(dir(builtins))
_LONGEST: Final = 60


def is_usable(name: str) -> bool:
    """Whether a variable, and so an SQL result, can have this name.

    >>> is_usable("größe"), is_usable("2024"), is_usable("class"), is_usable("sum")
    (True, False, False, False)
    """
    return name.isidentifier() and not keyword.iskeyword(name) and name not in _BUILTINS


def as_identifier(text: str) -> str:
    """The name that comes nearest to a text.

    >>> as_identifier("Sales 2024 (final)"), as_identifier("2024-01"), as_identifier("Größe"), \
        as_identifier("…")
    ('sales_2024_final', 't_2024_01', 'größe', 'table')
    """
    words = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text).lower()).strip("_")
    name = words[:_LONGEST].rstrip("_") or "table"
    if not name.isidentifier():
        name = f"t_{name}"
    return name if is_usable(name) else f"{name}_"


def free_name(wish: str, taken: Iterable[str]) -> str:
    """The wish, or the wish with the next number. SQL ignores case, so names differ in more.

    >>> free_name("sales", {"Sales", "sales_2"}), free_name("fig", set())
    ('sales_3', 'fig')
    """
    folded = {name.casefold() for name in taken}
    name, number = wish, 1
    while name.casefold() in folded:
        number += 1
        name = f"{wish}_{number}"
    return name


def free_step_name(wish: str, taken: Iterable[str]) -> str:
    """A name for a step: any text on one line without a comma. An equal one would be joined to it.

    >>> free_step_name("chart of a, b", {"chart of a b"})
    'chart of a b 2'
    """
    clean = "".join(c if c.isprintable() else " " for c in wish.replace(",", ""))
    clean = " ".join(clean.split())[:_LONGEST].strip()
    name, number = clean, 1
    while name in taken:
        number += 1
        name = f"{clean} {number}"
    return name
