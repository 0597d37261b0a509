"""Figures are the same if their pictures are."""

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from nbflow.inside.digest import digest
from nbflow.inside.pictures import pictured


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    yield
    plt.close("all")


def figure(*heights: int) -> Figure:
    made, axes = plt.subplots(1, 2)
    axes[0].plot(heights)
    return made


def test_a_figure_that_was_drawn_before_shows_the_same() -> None:
    one, other = figure(1, 3, 2), figure(1, 3, 2)
    one.canvas.draw()
    assert digest(one) != digest(other)
    assert pictured(one) == pictured(other) != pictured(figure(1, 3, 3))


def test_looking_leaves_no_mark() -> None:
    made = figure(1, 2)
    before = digest(made), plt.get_fignums(), plt.rcParams["interactive"]
    pictured(made)
    assert (digest(made), plt.get_fignums(), plt.rcParams["interactive"]) == before


def test_parts_and_containers_are_what_their_figures_show() -> None:
    one, other, third = figure(1, 2), figure(1, 2), figure(2, 1)
    one.canvas.draw()
    assert pictured(one.axes[0]) == pictured(other.axes[0]) != pictured(third.axes[0])
    assert pictured(one.axes) == pictured(other.axes) != pictured(third.axes)
    grid, same = np.array(one.axes, dtype=object), np.array(other.axes, dtype=object)
    assert pictured(grid) == pictured(same) != pictured(one.axes)


@pytest.mark.parametrize("value", [1, [], [1], [[]], np.array([None])])
def test_what_is_in_no_picture_has_none(value: object) -> None:
    assert pictured(value) is None


def test_an_artist_that_was_taken_out_has_none() -> None:
    line = figure(1, 2).axes[0].lines[0]
    line.remove()
    assert pictured(line) is None
    assert pictured([line]) is None
