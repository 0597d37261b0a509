"""What zygotes have found out about the installed packages, kept for the next ones.

Which modules every kernel imports while it starts, and which must not be imported before a fork.
A loss of it costs a little time and nothing else.
"""

import hashlib
import json
import os
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

import nbflow

_KINDS: Final = ("purelib", "platlib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """started: modules that kernels import while they start. unfit: modules → why they must be
    imported in the kernel itself."""

    started: tuple[str, ...] = ()
    unfit: Mapping[str, str] = field(default_factory=dict)


def recall(interpreter: str) -> Experience:
    """What is known about the packages of an interpreter as they are now."""
    try:
        found = json.loads(_place(interpreter).read_text(encoding="utf-8"))
        return Experience(started=tuple(map(str, found["started"])), unfit=dict(found["unfit"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Experience()


def keep(interpreter: str, experience: Experience) -> None:
    """Keep it for others, if there is a place for that."""
    place = _place(interpreter)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=place.parent, prefix=place.name, delete=False, encoding="utf-8"
        ) as aside:
            json.dump(asdict(experience), aside)
        os.replace(aside.name, place)
    except OSError:
        return


def _place(interpreter: str) -> Path:
    """A file of its own for each state of the packages: installing one touches their folder."""
    parts = packages(interpreter)
    name = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return platformdirs.user_cache_path("nbflow") / f"zygote-{name}.json"


def packages(interpreter: str) -> tuple[str, ...]:
    """What is installed for an interpreter, as far as can be seen at a glance."""
    homes = [sysconfig.get_path(kind) for kind in _KINDS]
    return (interpreter, nbflow.__version__, *(f"{home} {_changed(home)}" for home in homes))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
