"""What a tag of the language is, so that a form can offer it; how tags are read is elsewhere."""

from dataclasses import dataclass
from typing import Literal

Takes = Literal["nothing", "text", "number", "duration", "choice", "names", "expression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagKind:
    """One tag: `NAME` where it takes nothing, else `NAME:VALUE`.

    choices: values that stand for themselves, beside what `takes` says. optional: the value may be
    left out. minimum, maximum: of numbers. on: a `cell` or the `step` that it belongs to.
    available: this version can carry it out. repeats: a cell may have it several times.
    """

    name: str
    takes: Takes = "nothing"
    choices: tuple[str, ...] = ()
    optional: bool = False
    minimum: int | None = None
    maximum: int | None = None
    on: Literal["step", "cell"] = "step"
    label: str
    help: str
    example: str
    repeats: bool = False
    available: bool = True
