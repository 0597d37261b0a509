"""Whether code looked at matplotlib's settings."""

from collections.abc import Callable

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from nbflow.inside import looked


def has_looked(act: Callable[[], object]) -> bool:
    listened = looked.listen()
    assert listened
    act()
    return looked.has_looked(listened)


@pytest.mark.parametrize(
    "act",
    [
        lambda: mpl.rcParams["figure.figsize"],
        lambda: mpl.rcParams.get("figure.figsize"),
        lambda: dict(mpl.rcParams),
        lambda: mpl.rcParams.find_all("figure"),
        lambda: mpl.rcParams.copy(),
        lambda: plt.close(plt.figure()),
        lambda: str(plt.rcParams),
    ],
)
def test_reading_is_seen(act: Callable[[], object]) -> None:
    assert has_looked(act)


@pytest.mark.parametrize(
    "act",
    [
        lambda: None,
        lambda: mpl.is_interactive(),
        lambda: mpl.rcParamsDefault["figure.figsize"],
        lambda: plt.get_fignums(),
    ],
)
def test_what_tells_nothing_of_the_settings_is_no_reading(act: Callable[[], object]) -> None:
    assert not has_looked(act)


def test_settings_keep_doing_what_they_do() -> None:
    assert looked.listen()
    with mpl.rc_context({"lines.linewidth": 7}):
        assert mpl.rcParams["lines.linewidth"] == 7
    with pytest.raises(KeyError):
        mpl.rcParams["no such thing"]


def test_what_nobody_listened_to_may_have_been_read() -> None:
    assert looked.has_looked(False)
