"""A run as its caller wants it: events for a script, one document, or a view for a person."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbflow.core.graph import Graph
from nbflow.core.run import Event, Run
from nbflow.faces import outcome, text, wire
from nbflow.faces.session import Session

if TYPE_CHECKING:
    from rich.text import Text

See = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What to carry out: `go` runs and tells its events, `look` gives the graph for the view.

    `current`: the run takes the notebook as it is now, so its lines may be quoted. `again` is the
    command that repeats it, empty where there is none.
    """

    go: Callable[[See], Run]
    look: Callable[[], Graph | None]
    current: bool
    again: str = ""


def carry_out(session: Session, work: Work, *, events: bool) -> int:
    """Run, show it, and return the exit code."""
    if events:
        run = work.go(_noted(session, lambda each: _print_event(session, each)))
    elif session.json:
        run = work.go(_noted(session, lambda _event: None))
        session.document(wire.run(run))
    else:
        run = _show(session, work)
    return session.signals.exit_code or outcome.exit_code(run)


def _noted(session: Session, see: See) -> See:
    """Remember the run's id, and the signal that stopped it: the runner takes signals itself."""

    def note(event: Event) -> None:
        session.run = event.run
        session.signals.told(event.data.get("signal"))
        see(event)

    return note


def _print_event(session: Session, event: Event) -> None:
    session.screen.data(wire.line(wire.event(event)))


def _show(session: Session, work: Work) -> Run:
    from nbflow.faces.live import RunView

    graph = work.look()
    if graph:
        session.screen.say(heading(graph), "")
    view = RunView(session.screen, graph)
    with view.going_on():
        run = work.go(_noted(session, view.see))
    view.settle(run)
    last_lines(session, run, graph, current=work.current, again=work.again)
    return run


def heading(graph: Graph) -> "Text":
    """The notebook and how much there is in it."""
    from rich.text import Text

    parts = [text.counted(len(graph.steps), "step")]
    if graph.definitions:
        parts.append(text.counted(len(graph.definitions), "definition cell"))
    if graph.one_lane:
        parts.append("one lane")
    return Text.assemble((text.visible(graph.notebook), "bold"), (f"  {' · '.join(parts)}", "dim"))


def last_lines(
    session: Session, run: Run, graph: Graph | None, *, current: bool = False, again: str = ""
) -> None:
    """How it ended, what went wrong, what came out, and the command to go on."""
    from rich.text import Text

    from nbflow.faces import summary
    from nbflow.faces.live import mark_of_status

    mark, colour = mark_of_status(run.status)
    screen = session.screen
    head = textwrap.wrap(f"{mark} {summary.headline(run)}", screen.width, subsequent_indent="  ")
    screen.say("", Text("\n".join(head), f"bold {colour}"), "")
    for lesson in dict.fromkeys(run.learned):
        screen.say(coloured(text.error_text("learned", lesson, severity="warning")), "")
    for block in summary.errors(run, graph if current else None):
        screen.say(coloured(block), "")
    commands = summary.Commands(again=again, prefix=session.prefix)
    facts = summary.facts(run, graph, commands, Path.cwd())
    screen.say(*summary.labelled(facts, screen.width))


def coloured(block: str) -> "Text":
    """An error block, its head and the author's failing line made easy to find."""
    from rich.text import Text

    shown = Text(block)
    shown.highlight_regex(r"(?m)^error\[[^\]]*\]", "bold red")
    shown.highlight_regex(r"(?m)^warning\[[^\]]*\]", "bold yellow")
    shown.highlight_regex(r"(?m)^(info|hint)(\[[^\]]*\]|:)", "bold cyan")
    shown.highlight_regex(r"(?m)^ *> +\d+ \|.*$", "red")
    return shown
