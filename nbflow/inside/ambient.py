"""Ambient channels: what cells share without naming it, read and restored exactly.

A channel's value is plain data: the state of a random generator, or the difference between settings
now and at their start. A library that was not imported is never imported to *read* its channel; to
*restore* settings that somebody made, it is.
"""

import contextlib
import decimal
import importlib
import itertools
import locale
import os
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nbflow.inside.digest import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a kernel began with: environment variables, the notebook's folder, the time zone."""

    environ: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    zone: tuple[Any, ...] = field(default_factory=lambda: _zone())


def start_here(folder: str) -> Start:
    """The start of this kernel, as it is now."""
    return Start(environ=dict(os.environ), folder=folder)


def read_channel(channel: str, start: Start) -> Any:
    """The channel's value now; None if its library is not imported.

    Raises:
        KeyError: there is no such channel.
    """
    return _CHANNELS[channel].read(start)


def write_channel(channel: str, value: Any, start: Start) -> None:
    """Restore what `read_channel` told, here or in another kernel. None changes nothing.

    Raises:
        KeyError: there is no such channel.
        Exception: whatever the library says to settings that it does not know.
    """
    if value is not None:
        _CHANNELS[channel].write(value, start)


def channel_digest(channel: str, value: Any) -> str:
    """The digest that names a channel's value.

    >>> channel_digest("@cwd", "a") == channel_digest("@locale", "a")
    False
    """
    return digest(("ambient", channel, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The channels as they were before a step; `newest`: the module that came last by then."""

    values: Mapping[str, Any]
    newest: str


def watch_channels(start: Start) -> Watch:
    """Look at all channels, to tell after a step which of them changed."""
    values = {channel: read_channel(channel, start) for channel in _CHANNELS}
    return Watch(values=values, newest=next(reversed(sys.modules)))


def changed_channels(before: Watch, start: Start) -> frozenset[str]:
    """The channels that are not what they were. What mere imports do to them is no change."""
    now = watch_channels(start)
    imported = frozenset(name.partition(".")[0] for name in _imported_after(before.newest))
    return frozenset(
        channel
        for channel in _CHANNELS
        if _is_change(channel, before.values[channel], now.values[channel], imported)
    )


def _imported_after(newest: str) -> tuple[str, ...]:
    """Modules that came later; none where that cannot be told any more.

    Only those are touched: in a forked process, each object that is touched costs a page of memory.
    """
    if newest not in sys.modules:
        return ()
    try:
        return tuple(itertools.takewhile(lambda name: name != newest, reversed(sys.modules)))
    except RuntimeError:  # a thread imports something just now
        return ()


def _is_change(channel: str, was: Any, now: Any, imported: frozenset[str]) -> bool:
    match channel:
        case "@warnings":
            return _warnings_changed(was, now, imported)
        case "@decimal":
            # Signals are raised by any rounding; they are carried on, but are no setting.
            return {**was, "flags": None} != {**now, "flags": None}
        case "@rcParams" | "@pandas.options" | "@numpy.options":
            return (was or {}) != (now or {})  # None: not imported, hence nothing set
        case "@numpy.random":
            return was is not None and bool(was != now)
    return bool(was != now)


# -- random generators


def _read_random(_start: Start) -> Any:
    return random.getstate()


def _write_random(value: Any, _start: Start) -> None:
    random.setstate(value)


def _read_numpy(_start: Start) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or "numpy.random" not in sys.modules:
        return None
    state = numpy.random.get_state(legacy=False)
    inner = {key: _plain_state(part) for key, part in state["state"].items()}
    return {**state, "state": inner}


def _plain_state(part: Any) -> Any:
    return part.tolist() if hasattr(part, "tolist") else part


def _write_numpy(value: Any, start: Start) -> None:
    numpy = importlib.import_module("numpy")
    importlib.import_module("numpy.random")
    state = {**value, "state": dict(value["state"])}
    if isinstance(state["state"].get("key"), list):
        state["state"]["key"] = numpy.array(state["state"]["key"], dtype=numpy.uint32)
    numpy.random.set_state(state)


# -- settings of libraries

# Chosen by the kernel, not by the author; reading `backend` would even start one.
RC_OF_KERNEL: Final = frozenset({"backend", "backend_fallback", "interactive"})
_CYCLE: Final = "axes.prop_cycle"
# What "b" and "r" stand for, which is no key of matplotlib's own: seaborn changes it.
_LETTERS: Final = "color letters"


def _read_rc(_start: Start) -> Any:
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None or not hasattr(matplotlib, "rcParamsOrig"):
        return None
    now, before = dict(dict.items(matplotlib.rcParams)), dict(dict.items(matplotlib.rcParamsOrig))
    changed = {
        key: _plain_rc(key, value)
        for key, value in now.items()
        if key not in RC_OF_KERNEL and value != before.get(key)
    }
    colors = matplotlib.colors.get_named_colors_mapping()
    usual = matplotlib.colors.BASE_COLORS
    letters = {one: colors[one] for one in usual if colors[one] != usual[one]}
    return {**changed, _LETTERS: letters} if letters else changed


def _plain_rc(key: str, value: Any) -> Any:
    return value.by_key() if key == _CYCLE else value


def _write_rc(value: Any, _start: Start) -> None:
    if not value and "matplotlib" not in sys.modules:
        return
    matplotlib = importlib.import_module("matplotlib")
    for key, original in dict.items(matplotlib.rcParamsOrig):
        if key not in RC_OF_KERNEL:
            wanted = value.get(key, original)
            if key == _CYCLE and key in value:
                wanted = importlib.import_module("cycler").cycler(**wanted)
            # Past the validators: the values were valid, and some keys warn when they are set.
            dict.__setitem__(matplotlib.rcParams, key, wanted)
    colors = matplotlib.colors.get_named_colors_mapping()
    for letter, color in {**matplotlib.colors.BASE_COLORS, **value.get(_LETTERS, {})}.items():
        if colors[letter] != color:
            colors[letter] = color


_INLINE: Final = "matplotlib_inline.backend_inline"


def shows_pictures() -> bool:
    """Whether this kernel shows figures as pictures: it does from the first use of pyplot on."""
    return _INLINE in sys.modules


def show_pictures() -> None:
    """Let this kernel show figures as pictures, if it is one that can."""
    matplotlib = importlib.import_module("matplotlib")
    backend = str(dict.__getitem__(matplotlib.rcParams, "backend"))
    if not shows_pictures() and "inline" in backend:
        importlib.import_module("matplotlib.pyplot").switch_backend(backend)


def _read_pandas(_start: Start) -> Any:
    if "pandas" not in sys.modules:
        return None
    config = importlib.import_module("pandas._config.config")
    known, old = config._registered_options, config._deprecated_options
    return {
        key: value
        for key, value in _leaves(config._global_config, known)
        if key not in old and not _same(value, known[key].defval)
    }


def _leaves(tree: Any, known: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """The options in pandas' tree of them: asking for each by name costs more than a small step."""
    for name, value in tree.items():
        key = above + name
        if key in known:
            yield key, value
        elif isinstance(value, dict):
            yield from _leaves(value, known, f"{key}.")


_PRINTING: Final[Mapping[str, Any]] = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "sign": "-",
    "legacy": False,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "formatter": None,
}
_FLOATING: Final = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def _read_arrays(_start: Start) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "get_printoptions"):
        return None
    printing, floating = numpy.get_printoptions(), numpy.geterr()
    return {
        **{key: printing[key] for key, usual in _PRINTING.items() if printing[key] != usual},
        **{key: floating[key] for key, usual in _FLOATING.items() if floating[key] != usual},
    }


def _write_arrays(value: Any, _start: Start) -> None:
    if not value and "numpy" not in sys.modules:
        return
    numpy = importlib.import_module("numpy")
    numpy.set_printoptions(**{key: value.get(key, usual) for key, usual in _PRINTING.items()})
    numpy.seterr(**{key: value.get(key, usual) for key, usual in _FLOATING.items()})


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _write_pandas(value: Any, start: Start) -> None:
    if not value and "pandas" not in sys.modules:
        return
    pandas = importlib.import_module("pandas")
    for key in _read_pandas(start).keys() - value.keys():
        pandas.reset_option(f"^{re.escape(key)}$")
    for key, wanted in value.items():
        pandas.set_option(key, wanted)


# -- the process

# Set by libraries when they are imported, for themselves; `MPLBACKEND` by the kernel.
_LIBRARY_VARIABLES: Final = re.compile(r"KMP_|PYDEVD_|_RJEM_|MPLBACKEND$|_$")


def _read_environ(start: Start) -> Any:
    now = dict(os.environ)
    different = {key: value for key, value in now.items() if start.environ.get(key) != value}
    changed = {k: value for k, value in different.items() if not _is_set_by_libraries(k, value)}
    gone = [k for k in start.environ if k not in now and not _LIBRARY_VARIABLES.match(k)]
    # `TZ` counts from the moment that the author calls `time.tzset`.
    zoned = {"zone": list(_zone())} if _zone() != start.zone else {}
    return {"set": dict(sorted(changed.items())), "unset": sorted(gone), **zoned}


def _is_set_by_libraries(key: str, value: str) -> bool:
    """A variable that libraries and the kernel set for themselves, with a value of theirs."""
    if key == "MPLBACKEND":
        return value == f"module://{_INLINE}"
    return _LIBRARY_VARIABLES.match(key) is not None


def _write_environ(value: Any, start: Start) -> None:
    wanted = {key: val for key, val in start.environ.items() if key not in value["unset"]}
    wanted |= value["set"]
    for key in [key for key in os.environ if key not in wanted]:
        if not _LIBRARY_VARIABLES.match(key):
            del os.environ[key]
    os.environ.update(wanted)
    if _zone() != tuple(value.get("zone", start.zone)):
        time.tzset()


def _zone() -> tuple[Any, ...]:
    return (*time.tzname, time.timezone, time.altzone)


def _read_cwd(start: Start) -> Any:
    here = os.path.realpath(".")
    home = os.path.realpath(start.folder or here)
    inside = here == home or here.startswith(home + os.sep)
    return Path(os.path.relpath(here, home)).as_posix() if inside else here


def _write_cwd(value: Any, start: Start) -> None:
    os.chdir(Path(start.folder) / value)


def _read_path(_start: Start) -> Any:
    return [str(entry) for entry in sys.path]


def _write_path(value: Any, _start: Start) -> None:
    sys.path[:] = value


def _read_locale(_start: Start) -> Any:
    return locale.setlocale(locale.LC_ALL)


def _write_locale(value: Any, _start: Start) -> None:
    locale.setlocale(locale.LC_ALL, value)


def _read_decimal(_start: Start) -> Any:
    context = decimal.getcontext()
    return {
        **{name: getattr(context, name) for name in _DECIMAL},
        "flags": [signal.__name__ for signal, raised in context.flags.items() if raised],
        "traps": [signal.__name__ for signal, trapped in context.traps.items() if trapped],
    }


_DECIMAL: Final = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def _write_decimal(value: Any, _start: Start) -> None:
    context = decimal.getcontext()
    for name in _DECIMAL:
        setattr(context, name, value[name])
    for signal in context.flags:
        context.flags[signal] = signal.__name__ in value["flags"]
        context.traps[signal] = signal.__name__ in value["traps"]


# -- warnings


def _read_warnings(_start: Start) -> Any:
    return [_plain_filter(entry) for entry in warnings.filters]


def _plain_filter(entry: Any) -> Any:
    action, message, category, module, line = entry
    kind = f"{category.__module__}:{category.__qualname__}"
    return [action, _plain_pattern(message), kind, _plain_pattern(module), line]


def _plain_pattern(pattern: Any) -> Any:
    return [pattern.pattern, pattern.flags] if isinstance(pattern, re.Pattern) else pattern


def _write_warnings(value: Any, _start: Start) -> None:
    filters: Any = warnings.filters
    filters[:] = [_filter_from(plain) for plain in value]
    # The C implementation keeps what it decided until it is told; Python 3.14 renamed that.
    told: Any = (
        vars(warnings).get("_filters_mutated_lock_held") or vars(warnings)["_filters_mutated"]
    )
    with getattr(warnings, "_lock", contextlib.nullcontext()):
        told()


def _filter_from(plain: Any) -> Any:
    action, message, category, module, line = plain
    home, _, path = category.partition(":")
    kind: Any = importlib.import_module(home)
    for part in path.split("."):
        kind = getattr(kind, part)
    return action, _pattern_from(message), kind, _pattern_from(module), line


def _pattern_from(plain: Any) -> Any:
    return re.compile(*plain) if isinstance(plain, list) else plain


def _warnings_changed(was: Any, now: Any, imported: frozenset[str]) -> bool:
    """Libraries add filters about themselves when they, or parts of them, are imported, or move
    them to the front: these are no change."""
    if not imported:
        return bool(was != now)
    return [e for e in was if not _is_of_library(e)] != [e for e in now if not _is_of_library(e)]


def _is_of_library(entry: Any) -> bool:
    _, message, category, module, _ = entry
    return bool(message or module) or not category.startswith("builtins:")


def _read_control(_start: Start) -> Any:
    """How many systems python-control has named by number."""
    systems = sys.modules.get("control.iosys")
    return 0 if systems is None else systems.InputOutputSystem._idCounter


def _write_control(value: Any, _start: Start) -> None:
    if not value and "control.iosys" not in sys.modules:
        return
    importlib.import_module("control.iosys").InputOutputSystem._idCounter = value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    read: Callable[[Start], Any]
    write: Callable[[Any, Start], None]


_CHANNELS: Final[Mapping[str, _Channel]] = {
    "@random": _Channel(read=_read_random, write=_write_random),
    "@numpy.random": _Channel(read=_read_numpy, write=_write_numpy),
    "@rcParams": _Channel(read=_read_rc, write=_write_rc),
    "@pandas.options": _Channel(read=_read_pandas, write=_write_pandas),
    "@numpy.options": _Channel(read=_read_arrays, write=_write_arrays),
    "@environ": _Channel(read=_read_environ, write=_write_environ),
    "@cwd": _Channel(read=_read_cwd, write=_write_cwd),
    "@sys.path": _Channel(read=_read_path, write=_write_path),
    "@warnings": _Channel(read=_read_warnings, write=_write_warnings),
    "@locale": _Channel(read=_read_locale, write=_write_locale),
    "@decimal": _Channel(read=_read_decimal, write=_write_decimal),
    "@control": _Channel(read=_read_control, write=_write_control),
}
