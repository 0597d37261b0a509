"""A run as it goes: a tree that fills in a terminal, one plain line per event in a pipe.

Everything shown is folded from events (`tell`, pure), the same rows that the ledger keeps; the
screen only draws the story so far. What stands at the end is said by `summary.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from nbflow.core.graph import Graph
from nbflow.core.run import Event, EventKind, Run, Status, StepResult
from nbflow.faces import text
from nbflow.faces.grid import crop
from nbflow.faces.screen import Screen
from nbflow.faces.tree import branches

StepKey = tuple[str, str | None]
"""A step's name and, where it runs once for each of several items, the item."""

_COLOURS: Final[Mapping[Status, str]] = {
    Status.QUEUED: "dim",
    Status.WAITING: "yellow",
    Status.RUNNING: "blue",
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.SKIPPED: "dim",
    Status.CANCELLED: "yellow",
    Status.LOST: "red",
}
_REUSED: Final = ("↺", "cyan")
_FRAMES_PER_SECOND: Final = 8  # seconds tick calmly; more only costs the run's own processor time
_TIME_WIDTH: Final = 11
_ROWS_WIDTH: Final = 15
_ROWS_FROM_WIDTH: Final = 76  # a narrower window needs the room for the reason
_SHORTEST_REASON: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step as its events have told it. `started` is ISO 8601 UTC, `seconds` is set at its end."""

    status: Status = Status.QUEUED
    action: str = "run"
    message: str = ""
    started: str | None = None
    seconds: float | None = None
    rows: int | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that was told so far, by step, in the order in which it was first told."""

    steps: Mapping[StepKey, StepView] = field(default_factory=dict)


def tell(story: Story, event: Event) -> Story:
    """The story after one more event."""
    if event.step is None:
        return story
    key = (event.step, event.item)
    before = story.steps.get(key, StepView())
    after = _step_after(before, event)
    return story if after is before else Story(steps={**story.steps, key: after})


def _step_after(before: StepView, event: Event) -> StepView:
    message = event.message or before.message
    match event.kind:
        case EventKind.STEP_QUEUED:
            return replace(
                before, status=Status.QUEUED, message=message, attempt=event.attempt or 1
            )
        case EventKind.STEP_WAITING:
            return replace(before, status=Status.WAITING, message=message)
        case EventKind.STEP_STARTED:
            return replace(
                before,
                status=Status.RUNNING,
                message=message,
                started=event.at,
                attempt=event.attempt or 1,
            )
        case EventKind.STEP_REUSED:
            return _ended(before, event, action="reuse")
        case EventKind.STEP_FINISHED:
            return _ended(before, event, action="run")
        case _:
            return before


def _ended(before: StepView, event: Event, *, action: str) -> StepView:
    error = event.data.get("error")
    told = event.message or (before.message if not error else "")
    return replace(
        before,
        status=event.status or Status.SUCCEEDED,
        action=action,
        message=f"{error['type']}: {error['message']}" if error and not told else told,
        seconds=_seconds(before, event),
        rows=_rows(event.data),
    )


def _seconds(before: StepView, event: Event) -> float | None:
    told = event.data.get("seconds")
    if isinstance(told, int | float):
        return float(told)
    return None if before.started is None else _between(before.started, event.at)


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _rows(data: Mapping[str, Any]) -> int | None:
    rows = [each["rows"] for each in data.get("outputs", ()) if each.get("rows") is not None]
    return sum(rows) if rows else None


def story_of(run: Run) -> Story:
    """The story of a run that is already recorded."""
    return Story(steps={(each.step, each.item): _view_of(each) for each in run.steps})


def _view_of(result: StepResult) -> StepView:
    message = result.message
    if result.error is not None:
        message = text.step_error_text(result.error)
    return StepView(
        status=result.status,
        action=result.action,
        message=message,
        started=result.started,
        seconds=result.seconds,
        rows=text.rows_out(result.outputs),
        attempt=max(1, result.attempts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the tree before it is cut to the window."""

    key: StepKey
    label: str
    view: StepView


def rows(graph: Graph | None, story: Story) -> tuple[Row, ...]:
    """The graph's steps as a tree, then whatever else the story tells of, as it was told."""
    told = dict(story.steps)
    lines: list[Row] = []
    for branch in branches(graph) if graph else ():
        name = str(branch.step.name)
        mine = [key for key in told if key[0] == name] or [(name, None)]
        lines += [_row(key, branch.stem, told.pop(key, StepView())) for key in mine]
    lines += [_row(key, "", view) for key, view in told.items()]
    return tuple(lines)


def _row(key: StepKey, stem: str, view: StepView) -> Row:
    name, item = key
    label = name if item is None else f"{name} [{item}]"
    return Row(key=key, label=stem + text.one_line(label, 60), view=view)


def draw(lines: tuple[Row, ...], *, width: int, now: datetime, ellipsis: str = "…") -> list[Text]:
    """The rows as lines of at most `width` columns: mark, name, time, rows out, reason."""
    widest = max((cell_len(row.label) for row in lines), default=0)
    name_width = min(widest, max(12, int(width * 0.42)))
    return [_line(row, name_width, width, now, ellipsis) for row in lines]


def _line(row: Row, name_width: int, width: int, now: datetime, ellipsis: str) -> Text:
    mark, colour = mark_of(row.view)
    quiet = row.view.status in (Status.QUEUED, Status.SKIPPED)
    line = Text(no_wrap=True)
    line.append(f" {mark} ", colour)
    line.append(_fit(row.label, name_width, ellipsis), "dim" if quiet else "")
    line.append(text.duration(elapsed(row.view, now)).rjust(_TIME_WIDTH), "dim")
    if width >= _ROWS_FROM_WIDTH:
        line.append(_rows_text(row.view).rjust(_ROWS_WIDTH), "dim")
    room = width - line.cell_len - 3
    said = reason_of(row.view)
    if said and room >= _SHORTEST_REASON:
        failed = row.view.status is Status.FAILED
        line.append("  " + crop(said, room, ellipsis), "red" if failed else "dim")
    line.rstrip()
    return line


def mark_of(view: StepView) -> tuple[str, str]:
    """The sign of a step's state, and its colour; the sign alone tells them apart."""
    if view.status is Status.SUCCEEDED and view.action == "reuse":
        return _REUSED
    return mark_of_status(view.status)


def mark_of_status(status: Status) -> tuple[str, str]:
    """The sign and colour of a run's state."""
    return status.sign, _COLOURS[status]


def elapsed(view: StepView, now: datetime) -> float | None:
    """Seconds that the step took, or has been running."""
    if view.status is Status.RUNNING and view.started is not None:
        return max(0.0, (now - datetime.fromisoformat(view.started)).total_seconds())
    return view.seconds if view.status.ended and view.action != "reuse" else None


def reason_of(view: StepView) -> str:
    """Why the step stands as it does, in one line."""
    if view.status is Status.RUNNING:
        return f"attempt {view.attempt}" if view.attempt > 1 else ""
    if view.status is Status.QUEUED:
        return f"waits for attempt {view.attempt}" if view.attempt > 1 else ""
    return text.reason(view.status, view.action, view.message)


def _rows_text(view: StepView) -> str:
    return "" if view.rows is None else text.counted(view.rows, "row")


def _fit(words: str, width: int, ellipsis: str) -> str:
    return set_cell_size(crop(words, width, ellipsis), width)


def window(lines: list[Text], active: int, height: int, ellipsis: str = "…") -> list[Text]:
    """The lines about `active` that fit into `height`, and how many there are beside them."""
    if len(lines) <= height:
        return lines
    room = max(1, height - 2)
    first = max(0, min(active - room // 3, len(lines) - room))
    above, below = first, len(lines) - first - room
    shown = lines[first : first + room]
    if above:
        shown = [Text(f"   {ellipsis} {above} above", "dim"), *shown]
    if below:
        shown = [*shown, Text(f"   {ellipsis} {below} below", "dim")]
    return shown


class RunView:
    """What a person sees while a run goes on. `see` may be called from any thread."""

    def __init__(
        self,
        screen: Screen,
        graph: Graph | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._screen = screen
        self._graph = graph
        self._clock = clock
        self._story = Story()
        self._lock = Lock()

    def see(self, event: Event) -> None:
        """Take note of one event; in a pipe, print its line."""
        with self._lock:
            self._story = tell(self._story, event)
            if not self._screen.live:
                self._say(event)

    def _say(self, event: Event) -> None:
        said = plain_line(self._story, event, self._name_width())
        if said:
            self._screen.say(said)

    def _name_width(self) -> int:
        names = (cell_len(str(step.name)) for step in (self._graph.steps if self._graph else ()))
        return min(max(names, default=0), 32)

    def going_on(self) -> AbstractContextManager[object]:
        """Draw until the block ends; the tree then goes, and `settle` prints it for good."""
        return self._drawing() if self._screen.live else nullcontext()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        from rich.live import Live

        with Live(
            get_renderable=self._frame,
            console=self._screen.console,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        ):
            yield

    def _frame(self) -> Group:
        screen = self._screen
        lines = rows(self._graph, self._story)
        drawn = draw(lines, width=screen.width, now=self._clock(), ellipsis=screen.ellipsis)
        busy = [at for at, row in enumerate(lines) if row.view.status is Status.RUNNING]
        ended = sum(row.view.status.ended for row in lines)
        foot = Text(f"   {ended} of {text.counted(len(lines), 'step')} done", "dim")
        active = busy[0] if busy else min(ended, len(lines) - 1)
        shown = window(drawn, active, screen.height - 3, screen.ellipsis)
        return Group(*shown, Text(), foot)

    def settle(self, run: Run) -> None:
        """Print the tree as it stands at the end (in a pipe every line was printed already)."""
        if self._screen.live:
            self._screen.say(*tree_of(self._screen, self._graph, run, self._clock()))


def tree_of(screen: Screen, graph: Graph | None, run: Run, now: datetime) -> list[Text]:
    """A run that is recorded, as a tree."""
    told = {result.step for result in run.steps}
    lines = tuple(row for row in rows(graph, story_of(run)) if row.key[0] in told or not told)
    return draw(lines, width=min(screen.width, 160), now=now, ellipsis=screen.ellipsis)


def plain_line(story: Story, event: Event, name_width: int) -> str:
    """One event as a line for a log file; empty where it tells people nothing."""
    if event.kind in (EventKind.LEARNED, EventKind.ALERT) and event.message:
        about = f"{event.step}: " if event.step else ""
        return f"! {text.one_line(about + event.message, 500)}"
    told = (
        EventKind.STEP_STARTED,
        EventKind.STEP_WAITING,
        EventKind.STEP_REUSED,
        EventKind.STEP_FINISHED,
    )
    if event.step is None or event.kind not in told:
        return ""
    view = story.steps[(event.step, event.item)]
    name = text.one_line(event.step if event.item is None else f"{event.step} [{event.item}]")
    words = [_fit(name, max(name_width, cell_len(name)), "…"), *_facts(view)]
    return f"{mark_of(view)[0]} {'  '.join(words)}".rstrip()


def _facts(view: StepView) -> list[str]:
    if view.status is Status.RUNNING:
        return [reason_of(view) or "started"]
    took = None if view.action == "reuse" else view.seconds
    word = "" if view.status is Status.SUCCEEDED else view.status.value
    facts = (word, text.duration(took), _rows_text(view), reason_of(view))
    return [fact for fact in facts if fact]
