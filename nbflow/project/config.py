"""nbflow.toml: what a project does by default. No file is needed."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from nbflow.core.errors import UsageError
from nbflow.core.step import StepOptions
from nbflow.notebook.tags import read_option
from nbflow.project.layout import CONFIG_FILE

_DEFAULTS: Final = ("timeout", "retries", "jobs")
_PROJECT: Final = ("max_size",)
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """timeout and retries hold for steps whose tags do not say otherwise; jobs for runs that are
    not told otherwise; max_bytes is the space for results."""

    timeout: float | None = None
    retries: int | None = None
    jobs: int | None = None
    max_bytes: int | None = None


def read_config(root: Path) -> Config:
    """The project's nbflow.toml; without one, nothing is set.

    Raises:
        UsageError: it is no TOML, or a value cannot be used; with the place.
    """
    path = root / CONFIG_FILE
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    defaults = _section(found, "defaults", _DEFAULTS)
    project = _section(found, "project", _PROJECT)
    return Config(
        timeout=_option(defaults, "timeout"),
        retries=_option(defaults, "retries"),
        jobs=_jobs(defaults.get("jobs")),
        max_bytes=None if "max_size" not in project else parse_size(str(project["max_size"])),
    )


def with_defaults(options: StepOptions, tags: tuple[str, ...], config: Config) -> StepOptions:
    """A step's options, where its tags do not say otherwise as the project has them.

    >>> with_defaults(StepOptions(), ("retries:2",), Config(timeout=60.0)).timeout
    60.0
    """
    said = {tag.partition(":")[0] for tag in tags}
    changes: dict[str, Any] = {}
    if config.timeout is not None and "timeout" not in said:
        changes["timeout"] = config.timeout
    if config.retries is not None and "retries" not in said:
        changes["retries"] = config.retries
    return replace(options, **changes) if changes else options


def parse_size(text: str) -> int:
    """Bytes.

    >>> parse_size("2GB"), parse_size("1.5 MB"), parse_size("700")
    (2000000000, 1500000, 700)

    Raises:
        UsageError: it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip(), flags=re.IGNORECASE)
    if found is None:
        raise UsageError(f"{text!r} is no size", hint="write it like 20GB or 500MB")
    return round(float(found[1]) * _UNITS[found[2].upper()])


def _section(found: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    section = found.get(name, {})
    if not isinstance(section, dict):
        raise UsageError(f"{CONFIG_FILE}: `{name}` is a section", hint=f"write [{name}]")
    for key in section:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it takes: {', '.join(known)}"
            raise UsageError(f"{CONFIG_FILE}: [{name}] has no `{key}`", hint=hint)
    return section


def _option(section: Mapping[str, Any], name: str) -> Any:
    """A value as the tag of that name takes it."""
    if name not in section:
        return None
    try:
        return read_option(name, str(section[name]))
    except UsageError as error:
        raise UsageError(f"{CONFIG_FILE}: `{name}`: {error.message}", hint=error.hint) from error


def _jobs(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{CONFIG_FILE}: `jobs` is {value!r}", hint="write a number from 1 on")
    return value
