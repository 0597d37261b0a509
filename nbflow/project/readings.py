"""SQL texts read once on this machine: what was found out is kept beside the user's other caches.

In the user's own folder and not in the project's: a project may come from somebody else, and what a
text does must not be his to say.
"""

import importlib.util
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import platformdirs

import nbflow
from nbflow.core.sql import SqlText
from nbflow.store.readings import Readings

_READERS: Final = ("duckdb", "sqlglot")
_OWN: Final = ("analysis", "core")


@lru_cache(maxsize=2048)
def read_sql(text: str) -> SqlText:
    """What every statement of an SQL text does; see `analysis.sql_names.parse_sql`."""
    readings = _readings()
    known = readings.find(text) if readings is not None else None
    if known is not None:
        return known
    from nbflow.analysis.sql_names import parse_sql

    reading = parse_sql(text)
    if readings is not None:
        readings.keep(text, reading)
    return reading


@cache
def _readings() -> Readings | None:
    folder = platformdirs.user_cache_path("nbflow") / "sql"
    try:
        return Readings(folder, "\n".join((sys.version, *_reader())))
    except OSError:  # packages that are no files: nobody could tell when they change
        return None


def _reader() -> Iterator[str]:
    """All that has a say in how SQL is read, as it is installed now."""
    for name in _READERS:
        found = importlib.util.find_spec(name)
        for place in (found.submodule_search_locations or ()) if found is not None else ():
            yield _state(Path(place) / "__init__.py")
            yield _state(Path(place).parent)  # installing touches it
    home = Path(nbflow.__file__).parent
    for folder in _OWN:
        yield from map(_state, sorted((home / folder).glob("*.py")))


def _state(path: Path) -> str:
    stat = path.stat()
    return f"{path} {stat.st_mtime_ns} {stat.st_size}"
