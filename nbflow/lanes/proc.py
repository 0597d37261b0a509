"""What Linux tells about processes under /proc. See proc(5). Elsewhere nothing is found."""

import os


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
