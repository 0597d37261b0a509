"""Memory for steps that run at the same time: a second one waits where both would not fit.

What a step will take is what it took last time, else three times its inputs. What there is, is what
was free when nothing ran, and still is. A step that runs alone always may: there is no more room to
be had by waiting.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Final

import psutil

from nbflow.core.step import Step
from nbflow.core.task import Blob

_TIMES_INPUTS: Final = 3
_GROUPS: Final = Path("/sys/fs/cgroup")
_UNLIMITED: Final = 1 << 60

_Attempt = tuple[str, int]


class Room:
    """Who is in it, and who may come in. `known` tells what a step took last time."""

    def __init__(
        self,
        *,
        known: Callable[[Step], int | None],
        free: Callable[[], int] | None = None,
    ) -> None:
        self._known, self._free = known, free or free_memory
        self._inside: dict[_Attempt, tuple[str, int]] = {}
        self._all = 0

    def need(self, step: Step, inputs: Mapping[str, Blob]) -> int:
        """Bytes that a step will take, roughly."""
        known = self._known(step)
        return known if known is not None else _TIMES_INPUTS * sum(b.bytes for b in inputs.values())

    def lacks(self, need: int) -> str:
        """Why something that needs so much has to wait; empty if it has not."""
        if not self._inside:
            return ""
        promised = sum(bytes_ for _, bytes_ in self._inside.values())
        left = max(0, min(self._all - promised, self._free()))
        if need <= left:
            return ""
        others = ", ".join(dict.fromkeys(f"`{name}`" for name, _ in self._inside.values()))
        return (
            f"waiting for memory: it takes about {_shown(need)}, "
            f"and {_shown(left)} are left beside {others}"
        )

    def enter(self, step: Step, attempt: int, need: int) -> None:
        """A step runs from now on."""
        if not self._inside:
            self._all = self._free()
        self._inside[step.id, attempt] = (step.name, need)

    def leave(self, step: str, attempt: int) -> None:
        """It does not run any more."""
        self._inside.pop((step, attempt), None)


def free_memory() -> int:
    """Bytes that processes of ours can still take: of the machine's, and of our control group's."""
    return min(int(psutil.virtual_memory().available), *_left_in_groups(), _UNLIMITED)


def _left_in_groups() -> Iterator[int]:
    """What the limits of our control group, and of those around it, leave. See cgroups(7)."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if not kinds:
                yield from _left(_GROUPS, path, limit="memory.max", used="memory.current")
            elif "memory" in kinds.split(","):
                names = {"limit": "memory.limit_in_bytes", "used": "memory.usage_in_bytes"}
                yield from _left(_GROUPS / "memory", path, **names)


def _left(root: Path, path: str, *, limit: str, used: str) -> Iterator[int]:
    for most_file, now_file in _limits(root, path, limit, used):
        # `max` is no limit.
        with suppress(OSError, ValueError):
            most, now = int(most_file.read_text()), int(now_file.read_text())
            yield most - now + _reclaimable(most_file.parent)


@lru_cache(maxsize=8)
def _limits(root: Path, path: str, limit: str, used: str) -> tuple[tuple[Path, Path], ...]:
    """The files of a group, and of those around it, that tell a limit; there is none in the root.

    A step starts every few milliseconds, and groups stay what they are.
    """
    home = root / path.lstrip("/")
    groups = takewhile(lambda group: group.is_relative_to(root), (home, *home.parents))
    return tuple((g / limit, g / used) for g in groups if (g / limit).exists())


def _reclaimable(group: Path) -> int:
    """Copies of files in memory count as used, and make way for others."""
    lines = (group / "memory.stat").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _shown(size: int) -> str:
    """
    >>> _shown(3_210_000_000), _shown(45_000_000)
    ('3.2 GB', '45 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
