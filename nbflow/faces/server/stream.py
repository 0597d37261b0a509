"""`GET events`: what happens in the projects, as server-sent events for any number of browsers.

One thread follows a project as long as somebody listens, and everybody gets what it reads. A
listener that comes back with the id of the last event that it saw gets what it missed, from the
ledger; one that reads too slowly is let go, and comes back so.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from tornado.iostream import StreamClosedError

from nbflow.core.errors import NotFound, UsageError
from nbflow.core.run import Event
from nbflow.faces import wire
from nbflow.faces.server import documents
from nbflow.faces.server.handlers import Api, may
from nbflow.faces.server.places import Places

if TYPE_CHECKING:
    from nbflow.project import Project

PING_SECONDS: Final = 15.0
"""So often a silent stream says something, lest a proxy takes it for dead."""

_MOST_WAITING: Final = 5000
"""So many events may wait for one listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event on its way: the project's key, and the notebook as Jupyter calls it."""

    project: str
    event: Event
    notebook: str


@dataclass(slots=True, kw_only=True, eq=False)
class Listener:
    """One open stream: how far it is in each project, and what waits to be sent."""

    positions: dict[str, int]
    notebook: str | None = None
    waiting: "asyncio.Queue[Row | None]" = field(
        default_factory=lambda: asyncio.Queue(_MOST_WAITING)
    )

    def offer(self, row: Row) -> None:
        """Put an event in line; a listener that is too far behind is let go."""
        try:
            self.waiting.put_nowait(row)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """Nothing more will come."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)

    def frame(self, row: Row) -> str:
        """The text to send for an event; empty if it was sent before, or is not asked for."""
        if row.event.id <= self.positions.get(row.project, -1):
            return ""
        self.positions[row.project] = row.event.id
        if self.notebook not in (None, row.notebook):
            return ""
        data = wire.line(documents.event(row.event, row.notebook))
        return f"id: {self.mark}\ndata: {data}\n"

    @property
    def mark(self) -> str:
        """How far it is, as one text that its next stream begins with."""
        return written(self.positions)


def written(positions: Mapping[str, int]) -> str:
    """Positions as one text.

    >>> written({".": 7, "reports/a b": 12})
    '.:7,reports/a%20b:12'
    """
    return ",".join(f"{quote(key)}:{at}" for key, at in sorted(positions.items()))


def read(mark: str) -> dict[str, int]:
    """The positions that `written` wrote.

    >>> read(".:7,reports/a%20b:12")
    {'.': 7, 'reports/a b': 12}

    Raises:
        UsageError: it is something else.
    """
    found: dict[str, int] = {}
    for part in filter(None, mark.split(",")):
        key, _, at = part.rpartition(":")
        if not key or not (at.isascii() and at.isdigit() and len(at) < 19):
            raise UsageError("`after` is no mark of this stream")
        found[unquote(key)] = int(at)
    return found


class Hub:
    """Everybody who listens, and the threads that read for them. `hear` is told, too, of whatever
    happens while somebody listens."""

    def __init__(
        self,
        places: Places,
        pool: Executor,
        *,
        hear: Callable[["Project", Event, str], None] = lambda *_: None,
    ) -> None:
        self._places, self._pool, self._hear = places, pool, hear
        self._listeners: set[Listener] = set()
        self._followed: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def following(self) -> int:
        """How many projects are followed."""
        return len(self._followed)

    async def join(self, mark: str, notebook: str | None) -> tuple[Listener, list[Row]]:
        """A new listener, and what it missed since `mark`.

        Raises:
            UsageError: it is no mark.
        """
        self._loop = asyncio.get_running_loop()
        listener = Listener(positions=read(mark), notebook=notebook)
        self._listeners.add(listener)
        try:
            missed = await self._loop.run_in_executor(self._pool, self._catch_up, listener)
        except BaseException:
            self.leave(listener)
            raise
        return listener, missed

    def leave(self, listener: Listener) -> None:
        """It listens no more; with the last one the threads end."""
        self._listeners.discard(listener)
        if not self._listeners:
            with self._lock:
                for stop in self._followed.values():
                    stop.set()
                self._followed.clear()

    def adopt(self, project: "Project") -> None:
        """A project is used for the first time: it is followed if anybody listens."""
        if self._listeners:
            self._follow(project)

    def _catch_up(self, listener: Listener) -> list[Row]:
        for key in tuple(listener.positions):
            try:
                self._places.with_key(key)
            except (NotFound, UsageError):
                del listener.positions[key]  # removed since
        if self._places.has_files:
            _ = self._places.at("").project
        missed: list[Row] = []
        for project in self._places.projects():
            self._follow(project)
            key, last = self._places.key_of(project), project.last_event()
            after = listener.positions.get(key)
            if after is None or after > last:
                listener.positions[key] = last
            elif after < last:
                missed += self._between(project, after, last)
        return missed

    def _between(self, project: "Project", after: int, last: int) -> Iterator[Row]:
        stop = threading.Event()
        for told in project.follow(after=after, stop=stop):
            yield from self._rows(project, told)
            if told[-1][0].id >= last:
                stop.set()

    def _follow(self, project: "Project") -> None:
        key = self._places.key_of(project)
        with self._lock:
            if key in self._followed:
                return
            self._followed[key] = stop = threading.Event()
            after = project.last_event()
        name = f"nbflow follows {key}"
        work = threading.Thread(
            target=self._read, args=(project, after, stop), name=name, daemon=True
        )
        work.start()

    def _read(self, project: "Project", after: int, stop: threading.Event) -> None:
        for told in project.follow(after=after, stop=stop):
            rows = tuple(self._rows(project, told))
            anew = told[0][0].id <= after  # the project's history was removed, and begins again
            after = told[-1][0].id
            if self._loop is None or self._loop.is_closed():
                return
            if anew:
                self._loop.call_soon_threadsafe(self._begin_anew, self._places.key_of(project))
            self._loop.call_soon_threadsafe(self._deliver, rows)
            for event, notebook in told:
                self._hear(project, event, notebook)

    def _begin_anew(self, project: str) -> None:
        for listener in self._listeners:
            listener.positions[project] = 0

    def _rows(self, project: "Project", told: Iterable[tuple[Event, str]]) -> Iterator[Row]:
        key = self._places.key_of(project)
        for event, notebook in told:
            path = self._places.path_of(project, notebook)
            if path is not None:
                yield Row(project=key, event=event, notebook=path)

    def _deliver(self, rows: Iterable[Row]) -> None:
        for row in rows:
            for listener in tuple(self._listeners):
                listener.offer(row)


class Events(Api):
    """`GET events?after=MARK&path=`: `Last-Event-ID` wins over `after`."""

    def initialize(self, places: Places, hub: Hub) -> None:  # type: ignore[override]
        """Tornado's constructor."""
        super().initialize(places)
        self.hub = hub
        self.listener: Listener | None = None

    @may("read")
    async def get(self) -> None:
        """Send events until the other side goes."""
        after = self.request.headers.get("Last-Event-ID") or self.get_query_argument("after", "")
        notebook = self.get_query_argument("path", "").strip("/") or None
        self.listener, missed = await self.hub.join(after, notebook)
        try:
            await self._send(self.listener, missed)
        except StreamClosedError:
            return
        finally:
            self.hub.leave(self.listener)

    async def _send(self, listener: Listener, missed: Iterable[Row]) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")  # nginx would wait for more
        self.write(f"id: {listener.mark}\n\n")
        for row in missed:
            self.write(listener.frame(row))
        await self.flush()
        while True:
            try:
                row_ = await asyncio.wait_for(listener.waiting.get(), PING_SECONDS)
            except TimeoutError:
                self.write(": ping\n\n")
            else:
                if row_ is None:
                    return
                self.write(listener.frame(row_))
            await self.flush()

    def on_connection_close(self) -> None:
        """The browser has gone: nobody waits any more."""
        if self.listener is not None:
            self.listener.close()
        super().on_connection_close()

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """The end of a stream is no JSON."""
        if self.listener is not None:
            kwargs["set_content_type"] = "text/event-stream"
        return super().finish(*args, **kwargs)
