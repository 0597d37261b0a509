"""Calls a real library and notes what happened: what changed, what is shared, what was touched.

Whatever a rule of the table says about a callable is then a question about an `Observation`.
"""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbflow.inside.ambient import Watch, changed_channels, start_here, watch_channels, write_channel
from nbflow.inside.digest import ATOMS, Examined, Snapshot, Undigestible, Walk
from nbflow.inside.values import overlapping

Key = str
"""Who took part in a call: `receiver`, a position (`0`) or a keyword (`ax`)."""


@dataclass(slots=True)
class Observation:
    """What one call did.

    given: what was handed in; before, after: all of it that has content, as it was then.
    sharing: pairs that have mutable objects or memory in common after the call, though they had
    none before; `result` stands for what was returned. touched: what the audit hook saw in the
    sandbox; written: files that are not what they were.
    """

    given: dict[Key, Any] = field(default_factory=dict)
    before: dict[Key, Examined] = field(default_factory=dict)
    after: dict[Key, Examined] = field(default_factory=dict)
    result: Any = None
    whole: Examined | None = None
    channels: frozenset[str] = frozenset()
    touched: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    written: frozenset[str] = frozenset()
    printed: bool = False
    drawn: bool = False
    called: bool = False
    staged: bool = False
    start: Watch | None = None
    listing: Mapping[str, bytes | None] = field(default_factory=dict)
    has_probe: bool = False
    probed: bool = False

    def differs(self, key: Key) -> bool:
        """Whether that one looks otherwise than before, if only by what was drawn or cached."""
        before, after = self.before.get(key), self.after.get(key)
        if before is None or after is None:
            return False
        return before.snapshot.plain != after.snapshot.plain

    def changed(self, key: Key) -> bool:
        """Whether that one is not what it was, for all who look at it later."""
        if not self.differs(key):
            return False
        if key == "receiver" and self.has_probe:
            return self.probed
        return self.before[key].snapshot.changed(self.after[key].snapshot)

    def touches(self, one: Key, other: Key) -> bool:
        """Whether two have mutable objects or memory in common now."""
        left, right = self._look(one), self._look(other)
        if left is None or right is None:
            return False
        return bool(left.met & right.met) or shares_memory(left, right)

    def _look(self, key: Key) -> Examined | None:
        return self.whole if key == "result" else self.after.get(key)


def shares_memory(one: Examined, other: Examined) -> bool:
    """Whether arrays of the two overlap. Tables alone do not count: pandas copies on write."""
    mine = {id(memory) for memory in one.arrays}
    pairs = overlapping([*one.arrays, *other.arrays])
    return any((id(a) in mine) != (id(b) in mine) for a, b in pairs)


class Watcher:
    """Watches calls made in one sandbox folder, which is the working directory."""

    def __init__(self, folder: Path, fill: Callable[[Path], None]) -> None:
        self.folder = folder
        self.fill = fill
        self.start = start_here(str(folder))
        self.current: Observation | None = None
        sys.addaudithook(self._hear)

    # -- a call ------------------------------------------------------------------------------

    def watched(self, function: Callable[..., Any], receiver: Any, seen: Observation) -> Any:
        """The function, to be called in a recipe: looks at everybody before and after."""

        def call(*args: Any, **kwargs: Any) -> Any:
            seen.called = True
            seen.given = {str(i): value for i, value in enumerate(args)} | kwargs
            if receiver is not None:
                seen.given["receiver"] = receiver
            seen.before = looks(seen.given)
            if seen.staged:
                seen.start = watch_channels(self.start)
                seen.listing = contents(self.folder)
            with self._listening(seen):
                seen.result = function(*args, **kwargs)
            return seen.result

        return call

    def observe(
        self, run: Callable[[Observation], None], *, files: bool, staged: bool, view: bool
    ) -> Observation:
        """Runs a recipe, which calls what `watched` gave it.

        files: it uses the sandbox. staged: the recipe does other things
        before it calls what is watched. view: the result may share with the receiver, so that
        it need not be looked at if nothing else was given.
        """
        seen = Observation(staged=staged)
        if files:
            seen.listing = contents(self.folder)
        handlers = list(logging.root.handlers)
        pictures = pictures_now()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = watch_channels(self.start)
            run(seen)
            seen.channels = changed_channels(seen.start or before, self.start)
            self._restore(before, changed_channels(before, self.start) if staged else seen.channels)
        logging.root.handlers[:] = handlers
        if files:
            now = contents(self.folder)
            names = seen.listing.keys() ^ now.keys()
            names |= {name for name in now if now[name] != seen.listing.get(name)}
            seen.written = frozenset(names)
        seen.after = looks(seen.given)
        shareable = {key for key, value in seen.given.items() if type(value) not in ATOMS}
        if shareable - ({"receiver"} if view else set()):
            seen.whole = look(seen.result)
        seen.drawn = pictures != pictures_now()
        return seen

    def _restore(self, before: Watch, changed: frozenset[str]) -> None:
        for channel in changed:
            write_channel(channel, before.values[channel], self.start)

    # -- listening ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _listening(self, seen: Observation) -> Iterator[None]:
        heard = io.StringIO()
        self.current = seen
        try:
            with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            self.current = None
        seen.printed = bool(heard.getvalue())

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.current is None:
            return
        if event in OUTSIDE:
            self.current.outside.add(OUTSIDE[event])
        elif event in PATHS and args and isinstance(args[0], str | bytes | os.PathLike):
            path = os.path.abspath(os.fsdecode(args[0]))
            if Path(path).is_relative_to(self.folder):
                self.current.touched.add(f"{event} {os.path.relpath(path, self.folder)}")


OUTSIDE = {
    "socket.connect": "network",
    "socket.getaddrinfo": "network",
    "subprocess.Popen": "subprocess",
    "os.system": "subprocess",
    "os.posix_spawn": "subprocess",
    "os.fork": "subprocess",
    "sqlite3.connect": "database",
}
PATHS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})


def looks(given: Mapping[Key, Any]) -> dict[Key, Examined]:
    """All of them that have content."""
    found = {key: look(value) for key, value in given.items()}
    return {key: one for key, one in found.items() if one is not None}


def look(value: Any) -> Examined | None:
    """A value's content; None for what has none that can be read (iterators, connections …)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _examine(value)
    except Undigestible:
        return None


def _examine(value: Any) -> Examined:
    """What `nbflow.inside.digest.examine` tells, but plots are not copied to be drawn."""
    walk = Walk()
    plain = walk.finish(value)
    return Examined(
        snapshot=Snapshot(plain=plain, lazy=dict(walk.notes.lazy)),
        met=frozenset(walk.notes.met),
        arrays=tuple(walk.notes.arrays),
        digests=walk.notes.digests,
        indexes=tuple(walk.notes.indexes),
        scrambled=walk.notes.scrambled,
        alive=tuple(walk.notes.alive),
    )


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes; folders with None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def pictures_now() -> tuple[object, ...]:
    """pyplot's figures and how much is drawn on each; nothing if it is not imported."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return ()
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    return tuple((id(f), len(f.axes), sum(len(a.get_children()) for a in f.axes)) for f in figures)
