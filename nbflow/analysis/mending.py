"""Fixes of single words: what a finding names, exchanged for what was meant."""

import re

from nbflow.core.diagnostic import Fix


def exchanged(
    source: str, line: int | None, old: str, new: str, *, any_case: bool = False
) -> Fix | None:
    """`new` for `old` on a line of a cell; None where it is not clear which piece of it is meant.

    >>> exchanged("x = 1\\nprint(saels)", 2, "saels", "sales")
    Fix(old='saels', new='sales', line=2, column=6)
    >>> exchanged("print(saels, saels)", 1, "saels", "sales")
    """
    lines = source.split("\n")
    if line is None or not 0 < line <= len(lines) or not re.fullmatch(r"[\w-]+", new):
        return None
    flags = re.IGNORECASE if any_case else re.NOFLAG
    word = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)", flags)
    found = list(word.finditer(lines[line - 1]))
    if len(found) != 1:
        return None
    return Fix(old=found[0][0], new=new, line=line, column=found[0].start())
