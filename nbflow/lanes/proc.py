"""What Linux tells about processes under /proc. See proc(5). Elsewhere nothing is found."""

import os
import socket
import struct


def children(pid: int) -> list[int]:
    """The direct children of a process, whichever of its threads started them."""
    found: list[int] = []
    for thread in _threads(pid):
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as listing:
                found += map(int, listing.read().split())
        except OSError:
            continue  # it has ended
    return found


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on; orphans are found below the process that adopts them."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def peer_is_ours(line: socket.socket) -> bool:
    """Whether the other end of a Unix socket belongs to our user. See SO_PEERCRED in unix(7)."""
    told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", told)[1] == os.getuid())


def own_threads() -> tuple[str, ...]:
    """The names of this process's threads, its first one left out, native ones included."""
    pid = os.getpid()
    found = []
    for thread in _threads(pid):
        try:
            with open(f"/proc/{pid}/task/{thread}/comm") as comm:
                if thread != str(pid):
                    found.append(comm.read().strip())
        except OSError:
            continue
    return tuple(sorted(found))


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
