"""One page for each code of a finding: what it means, an example, the way out.

The pages lie beside this file and are part of the package, so `nbflow check --explain CODE` works
wherever nbflow does.
"""

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from nbflow.core.errors import UsageError

_FOLDER: Final = Path(__file__).parent / "checks"


@cache
def codes() -> frozenset[str]:
    """All codes that have a page."""
    return frozenset(path.stem for path in _FOLDER.glob("*.md"))


def page(code: str) -> str:
    """The page of a code, as Markdown.

    Raises:
        UsageError: there is no such code; the nearest one is offered.
    """
    known(code)
    return (_FOLDER / f"{code}.md").read_text(encoding="utf-8")


def summary(code: str) -> str:
    """The first sentence of a code's page; the code itself where there is no page."""
    if code not in codes():
        return code
    return page(code).split("\n\n", maxsplit=2)[1].replace("\n", " ")


def known(code: str) -> str:
    """The code, if there is one.

    Raises:
        UsageError: there is no such code; the nearest one is offered.
    """
    if code in codes():
        return code
    near = get_close_matches(code, codes(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"codes are: {', '.join(sorted(codes()))}"
    raise UsageError(f"there is no code {code!r}", hint=hint)
