"""The incubator: a process that keeps zygotes warm from one run to the next.

It listens at a Unix socket for runners of the same user. What a runner gets is a zygote of its own,
forked off a warm one: that has the runner's variables and folder, ends with it and takes along
whatever came from it, just like one that the runner had started itself. So nothing of one run can
show in another. For the imports of a notebook there is a *warm branch*, which forks zygotes, too.

What was imported counts as long as the files that it came from are as they were: each time a zygote
is asked for, they are looked at. It all lasts as long as somebody who wants it warm is connected,
or a run uses it; then the incubator ends itself.
"""

import json
import os
import select
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

from nbflow.lanes.brood import Brood, Role, live, tell
from nbflow.lanes.preload import load_quietly, strange_threads
from nbflow.lanes.proc import children, is_running, peer_is_ours
from nbflow.lanes.zygote import begin_serving, import_for, look_around, receive

BRANCHES: Final = 4
"""For so many notebooks at once; the one that was not used for longest goes first."""

_LOOK_SECONDS: Final = 1.0
_WAITING: Final = 16
_OUTDATED: Final = "what was kept warm is out of date"

_variables: Mapping[str, str] = {}

_State = tuple[Mapping[str, tuple[int, int, int]], frozenset[str]]


def main(first: str, place: str, idle: str) -> None:
    """Serve the one at the other end of the socket `first`, and those who come to `place`.

    When nobody has asked for anything that many seconds long, it ends.
    """
    global _variables  # of this process, before it has imported anything
    _variables = {**os.environ}
    live(_Incubator(socket.socket(fileno=int(first)), Path(place), float(idle)).serve)


class _Incubator:
    """The loop: zygotes for those who ask, as long as somebody may ask."""

    def __init__(self, first: socket.socket, place: Path, idle: float) -> None:
        self._brood = Brood()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        aside = place.with_suffix(f".{os.getpid()}")
        self._door.bind(str(aside))
        self._door.listen(_WAITING)
        # Whoever has listened here before goes on for those that are connected.
        aside.replace(place)
        self._place, self._inode = place, place.stat().st_ino
        self._lines = {first.fileno(): first}
        self._branches: dict[str, _Handle] = {}
        self._idle, self._used = idle, monotonic()
        self._state: _State = ({}, frozenset())

    def serve(self) -> Role | None:
        """Answer. In a forked process its role comes back, here nothing at the end."""
        while self._is_wanted():
            poll = select.poll()
            for fd in (self._door.fileno(), self._brood.heard, *self._lines):
                poll.register(fd, select.POLLIN)
            ready = {fd for fd, _ in poll.poll(_LOOK_SECONDS * 1000)}
            if self._brood.heard in ready:
                self._brood.bury()
            if self._door.fileno() in ready:
                self._admit()
            for fd in ready & self._lines.keys():
                role = self._hear(self._lines[fd])
                if role is not None:
                    return role
        with suppress(OSError):
            if self._place.stat().st_ino == self._inode:
                self._place.unlink()
        os._exit(0)  # the branches hear that nobody asks any more

    def _is_wanted(self) -> bool:
        """Whether anybody is connected, or works with a zygote that has come from here."""
        if self._lines and monotonic() - self._used < self._idle:
            return True
        branches = {branch.pid for branch in self._branches.values()}
        found = {*children(os.getpid())} - branches
        found.update(*map(children, branches))
        return any(map(is_running, found))

    def _admit(self) -> None:
        with suppress(OSError):
            line, _ = self._door.accept()
            if peer_is_ours(line):
                self._lines[line.fileno()] = line
            else:
                line.close()

    def _hear(self, line: socket.socket) -> Role | None:
        request, fds = receive(line)
        if request is None:
            del self._lines[line.fileno()]
            if self._is_wanted():
                line.close()  # otherwise that tells the other side that we have ended
            return None
        self._used = monotonic()
        if strange_threads() or self._state != _state_of_modules("", self._state):
            refuse(fds)
            self._hang_up()
            return None
        if request["op"] == "import":
            load_quietly(request["modules"])
            look_around()
            self._state = _state_of_modules("")
            return None
        if request["op"] == "branch":
            return self._branch(request, fds)
        control, status = fds
        return self._brood.fork(
            lambda: _session(request, control, status),
            status=status,
            given=(control,),
            ours=self._ours(),
            bound=False,
        )

    def _branch(self, request: Mapping[str, Any], fds: Sequence[int]) -> Role | None:
        """A zygote from the warm branch for these imports, which is made where there is none."""
        key = repr((request["modules"], request["folder"]))
        branch = self._branches.pop(key, None)
        if branch is None or not branch.ask(request, fds):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            role = self._brood.fork(
                lambda: _Branch(request, theirs).serve(),
                status=None,
                given=(),
                ours=(*self._ours(), ours),
            )
            if role is not None:
                for fd in fds:
                    os.close(fd)
                return role
            theirs.close()
            branch = _Handle(self._brood.newest, ours)
            branch.ask(request, fds)
        for fd in fds:
            os.close(fd)
        self._branches[key] = branch
        while len(self._branches) > BRANCHES:
            self._branches.pop(next(iter(self._branches))).line.close()
        return None

    def _ours(self) -> Iterable[socket.socket]:
        handles = (branch.line for branch in self._branches.values())
        return (self._door, *self._lines.values(), *handles)

    def _hang_up(self) -> None:
        """Whoever wants it warm begins anew; this one ends after those that use it."""
        self._place.unlink(missing_ok=True)
        for line in self._lines.values():
            line.close()
        self._lines.clear()


class _Handle:
    """The incubator's end of a warm branch."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid, self.line = pid, line

    def ask(self, request: Mapping[str, Any], fds: Sequence[int]) -> bool:
        """Pass a request on; whether anybody is there to take it."""
        try:
            socket.send_fds(self.line, [json.dumps(request).encode()], fds)
        except OSError:
            self.line.close()
            return False
        return True


class _Branch:
    """A process that has imported what one notebook imports."""

    def __init__(self, request: Mapping[str, Any], line: socket.socket) -> None:
        self._line, self._folder = line, request["folder"]
        self._brood = Brood()
        self._unfit = import_for(request)
        self._state = _state_of_modules(self._folder)

    def serve(self) -> Role | None:
        """As the incubator's; it ends when that hangs up."""
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        poll.register(self._brood.heard, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._brood.heard in ready:
                self._brood.bury()
            if self._line.fileno() in ready:
                request, fds = receive(self._line)
                if request is None:
                    os._exit(0)
                role = self._answer(request, fds)
                if role is not None:
                    return role

    def _answer(self, request: Mapping[str, Any], fds: Sequence[int]) -> Role | None:
        control, status = fds
        if self._unfit is not None:
            tell(status, unfit=self._unfit)
            os._exit(0)
        if self._state != _state_of_modules(self._folder, self._state):
            refuse(fds)
            os._exit(0)
        return self._brood.fork(
            lambda: _session(request, control, status),
            status=status,
            given=(control,),
            ours=[self._line],
            bound=False,
        )


def refuse(fds: Sequence[int]) -> None:
    """Say that there is no zygote to be had."""
    for status in fds[-1:]:
        tell(status, refused=_OUTDATED)
    for fd in fds:
        os.close(fd)


def _session(request: Mapping[str, Any], control: int, status: int) -> Role:
    """A zygote for one run, with its surroundings."""
    env = request["env"]
    # What imports have set stays, as it would have been set there.
    for name in {*_variables, *env}:
        if name not in env:
            os.environ.pop(name, None)
        elif _variables.get(name) != env[name]:
            os.environ[name] = env[name]
    os.chdir(request["folder"] or os.sep)
    return begin_serving(control, status)


def _state_of_modules(folder: str, before: _State | None = None) -> _State:
    """Of what has been imported: the files as they are, and what in `folder` would hide them.

    Only the files of `before` are looked at, if that is given.
    """
    known = before[0] if before is not None else _files()
    tops = {name.partition(".")[0] for name in sys.modules}
    with suppress(OSError):
        found = {entry.partition(".")[0] for entry in os.listdir(folder)} if folder else set()
        return {file: _state_of(file) for file in known}, frozenset(found & tops)
    return {}, frozenset()


def _files() -> Iterable[str]:
    found = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file for file in found if isinstance(file, str)}


def _state_of(file: str) -> tuple[int, int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
