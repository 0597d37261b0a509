"""A display that is exchanged while a run goes on: a thread follows the project's events, and ends
with what it waits for."""

import contextvars
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from IPython.display import display

from nbflow.core.run import Event

if TYPE_CHECKING:
    from nbflow.project import Project

_PAUSE_SECONDS: Final = 0.25
"""Between two pictures: nobody sees more, and each is sent to every browser."""

Told = tuple[Event, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is shown now, for browsers and for where there is only text; `live`: it will change."""

    html: str
    text: str
    live: bool

    def bundle(self) -> dict[str, str]:
        """As Jupyter's messages have it."""
        return {"text/html": self.html, "text/plain": self.text}


Draw = Callable[[Iterable[Told]], Look]
"""What to show once these events were told, too."""


Place = Callable[[Look], Callable[[Look], object] | None]
"""Shows a first look; what exchanges it, where that can be done, comes back."""


def displayed(look: Look) -> Callable[[Look], object] | None:
    """Below the cell, as any output."""
    handle: Any = display(look.bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    return None if handle is None else lambda later: handle.update(later.bundle(), raw=True)


def show_living(project: "Project", draw: Draw, place: Place = displayed) -> None:
    """Show, and as long as that is live, exchange it with what happens."""
    after = project.last_event()
    look = draw(())
    exchange = place(look)
    if not look.live or exchange is None:
        return
    # The messages are to belong to this cell, whichever one runs meanwhile.
    context = contextvars.copy_context()
    work = threading.Thread(
        target=context.run,
        args=(_follow, project, after, draw, exchange),
        name="nbflow display",
        daemon=True,
    )
    work.start()


def _follow(project: "Project", after: int, draw: Draw, exchange: Callable[[Look], object]) -> None:
    stop = threading.Event()
    for told in project.follow(after=after, stop=stop):
        look = draw(told)
        exchange(look)
        if not look.live:
            stop.set()
        stop.wait(_PAUSE_SECONDS)
