"""The notebooks of `traps.txt`: small ones in which a naive graph goes wrong.

`=== what is tried` opens a notebook, `--- TAG …` a cell with its tags, `+++` the parameters given.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from nbflow.core.diagnostic import Place
from nbflow.core.step import CellTags
from nbflow.notebook.tags import parse_tags

_FILE = Path(__file__).with_name("traps.txt")


@dataclass(frozen=True)
class Trap:
    """One notebook: its cells, their tags by position, and the parameters given."""

    name: str
    sources: list[str]
    tags: dict[int, CellTags]
    injected: str


def traps() -> list[Trap]:
    """All of them, in the file's order."""
    found = re.split(r"^=== ", _FILE.read_text(), flags=re.MULTILINE)
    return [_trap(text) for text in found if text]


def _trap(text: str) -> Trap:
    text, _, injected = text.partition("\n+++\n")
    name, *cells = re.split(r"^---", text, flags=re.MULTILINE)
    lines = [cell.partition("\n") for cell in cells]
    marks = {i: head.split() for i, (head, _, _) in enumerate(lines) if head.strip()}
    return Trap(
        name=name.strip(),
        sources=[source.rstrip("\n") for _, _, source in lines],
        tags={i: parse_tags(tags, place=Place())[0] for i, tags in marks.items()},
        injected=injected,
    )
