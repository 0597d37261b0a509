"""Channels are restored exactly, and only real changes of them count."""

import decimal
import locale
import os
import random
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbflow.core.names import AMBIENT_CHANNELS
from nbflow.inside import ambient
from nbflow.inside.ambient import (
    changed_channels,
    channel_digest,
    read_channel,
    start_here,
    watch_channels,
    write_channel,
)
from nbflow.inside.values import from_plain, to_plain


@pytest.fixture(autouse=True)
def everything_put_back(tmp_path: Path) -> Iterator[None]:
    start = start_here(os.getcwd())
    filters = list(warnings.filters)
    before = {channel: read_channel(channel, start) for channel in AMBIENT_CHANNELS}
    yield
    for channel, value in before.items():
        write_channel(channel, value, start)
    warnings.filters[:] = filters  # type: ignore[index]


def set_rc() -> None:
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams["lines.linewidth"] = 7.5
    matplotlib.colors.get_named_colors_mapping()["b"] = (0.1, 0.2, 0.3)
    matplotlib.rcParams["axes.prop_cycle"] = cycler(color=["r", "g"])


def count_systems() -> None:
    """As if python-control had named three systems."""
    module: Any = types.ModuleType("control.iosys")
    module.InputOutputSystem = type("InputOutputSystem", (), {"_idCounter": 3})
    sys.modules.setdefault("control.iosys", module).InputOutputSystem._idCounter = 3


CHANGES: dict[str, Any] = {
    "@random": lambda: random.seed(7),
    "@numpy.random": lambda: np.random.seed(7),
    "@rcParams": set_rc,
    "@pandas.options": lambda: pd.set_option("display.max_rows", 7, "display.precision", 3),
    "@numpy.options": lambda: np.set_printoptions(precision=3, suppress=True),
    "@environ": lambda: os.environ.update(NBFLOW_A="é", PATH="/nowhere"),
    "@cwd": lambda: os.chdir("/"),
    "@sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "@warnings": lambda: warnings.filterwarnings("ignore", "text", FutureWarning, "mod.*"),
    "@locale": lambda: locale.setlocale(locale.LC_NUMERIC, "C.UTF-8"),
    "@decimal": lambda: setattr(decimal.getcontext(), "prec", 5),
    "@control": count_systems,
}


def test_every_channel_is_tried() -> None:
    assert set(CHANGES) == set(AMBIENT_CHANNELS)


@pytest.mark.parametrize("channel", CHANGES)
def test_a_change_is_found_and_travels_exactly(channel: str) -> None:
    import matplotlib  # noqa: F401  so that its channel is there

    start = start_here(os.getcwd())
    before = watch_channels(start)
    was = read_channel(channel, start)
    assert changed_channels(before, start) == frozenset()
    CHANGES[channel]()
    assert changed_channels(before, start) == {channel}
    made = read_channel(channel, start)
    assert channel_digest(channel, made) != channel_digest(channel, was)
    write_channel(channel, was, start)
    assert changed_channels(before, start) == frozenset()
    write_channel(channel, from_plain(to_plain(made)), start)
    assert read_channel(channel, start) == made


def test_generators_go_on_where_they_were() -> None:
    start = start_here(os.getcwd())
    random.seed(1)
    np.random.seed(1)
    random.gauss(0, 1)
    np.random.standard_normal()
    kept = {c: read_channel(c, start) for c in ("@random", "@numpy.random")}
    drawn = (random.gauss(0, 1), random.random(), np.random.standard_normal(), np.random.rand())
    for channel, value in kept.items():
        write_channel(channel, from_plain(to_plain(value)), start)
    again = (random.gauss(0, 1), random.random(), np.random.standard_normal(), np.random.rand())
    assert drawn == again


def test_variables_that_were_removed_stay_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBFLOW_GONE", "x")
    start = start_here(os.getcwd())
    del os.environ["NBFLOW_GONE"]
    value = read_channel("@environ", start)
    os.environ["NBFLOW_GONE"] = "x"
    write_channel("@environ", value, start)
    assert "NBFLOW_GONE" not in os.environ


def test_restored_filters_are_obeyed() -> None:
    start = start_here(os.getcwd())
    warnings.simplefilter("ignore")
    value = read_channel("@warnings", start)
    warnings.simplefilter("error")
    with pytest.raises(UserWarning):
        warnings.warn("loud", stacklevel=1)
    write_channel("@warnings", value, start)
    warnings.warn("quiet", stacklevel=1)


def test_the_folder_is_told_relative_to_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "one" / "data").mkdir(parents=True)
    (tmp_path / "two" / "data").mkdir(parents=True)
    os.chdir(tmp_path / "one" / "data")
    value = read_channel("@cwd", start_here(str(tmp_path / "one")))
    write_channel("@cwd", value, start_here(str(tmp_path / "two")))
    assert Path.cwd() == tmp_path / "two" / "data"


def test_signals_of_decimal_travel_but_are_no_change() -> None:
    start = start_here(os.getcwd())
    decimal.getcontext().clear_flags()
    before = watch_channels(start)
    decimal.Decimal(1) / decimal.Decimal(3)
    assert changed_channels(before, start) == frozenset()
    value = read_channel("@decimal", start)
    decimal.getcontext().clear_flags()
    write_channel("@decimal", value, start)
    assert decimal.getcontext().flags[decimal.Inexact]


def test_an_import_that_filters_its_own_warnings_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noisy_lib_of_c.py").write_text(
        "import warnings\nclass Mine(Warning): pass\nwarnings.simplefilter('always', Mine)\n"
        "warnings.filterwarnings('ignore', module='other')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    start = start_here(os.getcwd())
    before = watch_channels(start)
    __import__("noisy_lib_of_c")
    try:
        assert changed_channels(before, start) == frozenset()
        warnings.simplefilter("ignore")
        assert changed_channels(before, start) == {"@warnings"}
    finally:
        del sys.modules["noisy_lib_of_c"]


def test_nothing_is_imported_to_look_at_the_channels() -> None:
    source = (
        "import sys\n"
        "from nbflow.inside import ambient\n"
        "start = ambient.start_here('.')\n"
        "ambient.changed_channels(ambient.watch_channels(start), start)\n"
        "ambient.write_channel('@rcParams', None, start)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "ambient.write_channel('@rcParams', {'lines.linewidth': 3.0}, start)\n"
        "import matplotlib\n"
        "assert matplotlib.rcParams['lines.linewidth'] == 3.0\n"
    )
    root = Path(ambient.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_time_zone_counts_if_the_author_made_it_count(monkeypatch: pytest.MonkeyPatch) -> None:
    start = start_here(os.getcwd())
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        quiet = read_channel("@environ", start)
        time.tzset()
        loud = read_channel("@environ", start)
        monkeypatch.undo()
        time.tzset()
        write_channel("@environ", quiet, start)
        assert time.localtime(0).tm_hour != 9
        write_channel("@environ", loud, start)
        assert time.localtime(0).tm_hour == 9
        write_channel("@environ", {"set": {}, "unset": []}, start)
        assert time.localtime(0).tm_hour != 9
    finally:
        monkeypatch.undo()
        time.tzset()


def test_filters_that_libraries_add_or_move_are_no_change() -> None:
    start = start_here(os.getcwd())
    warnings.simplefilter("always", np.exceptions.ComplexWarning)
    warnings.simplefilter("ignore", UserWarning)
    before = watch_channels(start)
    sys.modules["nbflow_test_lazy"] = sys
    try:
        # As when a part of a library is imported late.
        warnings.simplefilter("always", np.exceptions.ComplexWarning)
        warnings.filterwarnings("ignore", "the matrix subclass")
        assert "@warnings" not in changed_channels(before, start)
        warnings.simplefilter("error", UserWarning)
        assert "@warnings" in changed_channels(before, start)
    finally:
        del sys.modules["nbflow_test_lazy"]
