"""Zygotes that are warm already: finding an incubator, and keeping one.

An incubator is known by all that the processes forked off it would have in common with those that
a runner starts itself: the interpreter, the environment, the rights and limits of the process, what
is installed. Where anything of that differs, it is another one, or none.
"""

import hashlib
import os
import site
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from nbflow.lanes.experience import packages
from nbflow.lanes.forking import Asking, RefusedError, Zygote, boot, branch_request, can_fork
from nbflow.lanes.proc import peer_is_ours

_PASSING: Final = frozenset(
    {
        *("_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES"),
        *("JPY_PARENT_PID", "JPY_SESSION_NAME", "PYTEST_CURRENT_TEST"),
    }
)
"""Variables that differ from one call to the next, and that no import looks at."""

_RIGHTS: Final = (
    *("Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    *("NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "Cpus_allowed", "Mems_allowed"),
)
_SPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
_PATH_BYTES: Final = 90
"""Longer paths of sockets are refused by the system (104 or 108)."""


class Incubator(Asking):
    """Our end of an incubator. As long as it is open, the incubator goes on."""

    def session(self, *, folder: str, env: Mapping[str, str]) -> Zygote:
        """A zygote for one run. Raises: as `zygote`."""
        return self.zygote({"op": "session", "folder": folder, "env": dict(env)})

    def branch(self, modules: Sequence[str], *, folder: str, env: Mapping[str, str]) -> Zygote:
        """One that has imported what a notebook imports. Raises: as `zygote`."""
        return self.zygote({**branch_request(modules, folder), "env": dict(env)})


def find(interpreter: Sequence[str], *, env: Mapping[str, str]) -> Incubator | None:
    """The incubator that fits, if there is one."""
    place = _place(interpreter, env)
    if place is None or not place.exists():
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with suppress(OSError):
        line.connect(str(place))
        if peer_is_ours(line):
            return Incubator(line)
    line.close()
    return None


def start(
    interpreter: Sequence[str], *, env: Mapping[str, str], idle: float
) -> "tuple[Incubator, subprocess.Popen[bytes]]":
    """Start one that ends when nobody is connected any more, or when it has been idle so long.

    Raises:
        RefusedError: there is no place for it, or it cannot be started.
    """
    place = _place(interpreter, env)
    if place is None:
        raise RefusedError("zygotes cannot be kept warm here")
    _sweep(place.parent)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            process = boot(
                interpreter,
                "nbflow.lanes.incubator",
                str(place),
                str(idle),
                control=theirs,
                folder=os.sep,
                env=env,
            )
    except BaseException:
        ours.close()
        raise
    return Incubator(ours), process


def _sweep(folder: Path) -> None:
    """Remove the sockets of incubators that were killed."""
    for place in folder.iterdir():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line, suppress(OSError):
            try:
                line.connect(str(place))
            except ConnectionRefusedError:
                place.unlink()


def _place(interpreter: Sequence[str], env: Mapping[str, str]) -> Path | None:
    """Where the incubator that fits listens; None where there can be none."""
    # What is installed for another interpreter is not known here.
    if not can_fork() or interpreter[0] != sys.executable:
        return None
    told = repr((tuple(interpreter), sorted(_lasting(env).items()), tuple(_nature())))
    name = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:20]
    folder = _folder()
    place = folder and folder / name
    return place if place and len(os.fsencode(place)) < _PATH_BYTES else None


def _lasting(env: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in env.items() if name not in _PASSING}


def _nature() -> Iterator[Any]:
    """What a process hands down, and what cannot be changed after the fork."""
    import resource  # there is none on Windows

    yield from packages(sys.executable)
    yield site.ENABLE_USER_SITE and site.getusersitepackages()
    status = Path("/proc/self/status").read_text().splitlines()
    yield [line for line in status if line.partition(":")[0] in _RIGHTS]
    yield Path("/proc/self/cgroup").read_text()
    yield [os.readlink(f"/proc/self/ns/{space}") for space in _SPACES]
    yield Path("/proc/self/oom_score_adj").read_text()
    yield os.stat(os.sep).st_ino, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)
    limits = {limit for name, limit in vars(resource).items() if name.startswith("RLIMIT_")}
    yield [resource.getrlimit(limit) for limit in sorted(limits)]


def _folder() -> Path | None:
    """A folder that is ours alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    home = Path(runtime or tempfile.gettempdir())
    folder = home / ("nbflow" if runtime else f"nbflow-{os.getuid()}")
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o77:
            return folder
    return None
