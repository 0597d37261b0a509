"""What figures show: drawing leaves marks in them, so two that look alike differ in their state.

In one kernel a figure is drawn whenever a cell shows it, and finds its limits and ticks then. A
step's own copy may have been drawn once less. Who compares them compares what can be seen.
"""

import importlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, Final

import cloudpickle
import numpy as np
from blake3 import blake3

from nbflow.inside.digest import is_artist, is_figure, reduce_figure

_LEFT_ALONE: Final = ("backend", "interactive", "toolbar")
"""Settings that say where pictures appear, not what is in them."""


def pictured(value: object) -> str | None:
    """The blake3 (hex) of the picture that a figure, an artist of one or a container of artists
    belongs to; None for anything else, and where it cannot be drawn aside."""
    pictures: dict[int, str] = {}
    try:
        parts = [*_pictures(value, pictures)]
    except Exception:  # somebody's artist may raise anything when it is copied or drawn
        return None
    return blake3("\n".join(parts).encode()).hexdigest() if pictures else None


class _NotPictured(Exception):
    """Something that is in no picture."""


def _pictures(value: Any, known: dict[int, str]) -> Iterator[str]:
    kind = type(value).__qualname__
    if isinstance(value, list | tuple):
        kind, parts = f"{kind} {len(value)}", iter(value)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        kind, parts = f"{kind} {value.shape}", iter(value.flat)
    else:
        figure = value if is_figure(value) else _figure_of(value)
        if id(figure) not in known:
            known[id(figure)] = _drawn(figure)
        yield f"{kind} {known[id(figure)]}"
        return
    yield kind
    for part in parts:
        yield from _pictures(part, known)


def _figure_of(value: Any) -> Any:
    figure = value.get_figure(root=True) if is_artist(value) else None
    if figure is None:
        raise _NotPictured
    return figure


class _Copying(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        return reduce_figure(value) if is_figure(value) else super().reducer_override(value)


def _drawn(figure: Any) -> str:
    """The picture of a copy, with matplotlib's own settings: drawing must leave no mark here."""
    matplotlib = importlib.import_module("matplotlib")
    canvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    defaults = matplotlib.rcParamsDefault
    plain = {key: defaults[key] for key in defaults if not key.startswith(_LEFT_ALONE)}
    copied = io.BytesIO()
    _Copying(copied).dump(figure)
    with warnings.catch_warnings(), matplotlib.rc_context(plain):
        warnings.simplefilter("ignore")
        drawing = canvas(cloudpickle.loads(copied.getvalue()))
        drawing.draw()
        pixels = np.asarray(drawing.buffer_rgba())
    return f"{pixels.shape} {blake3(pixels.tobytes()).hexdigest()}"
