"""What python-control does not number, where it is installed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nbflow.analysis.effects import load_effects

control = pytest.importorskip("control")

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.filterwarnings("ignore")]

TIMES = np.linspace(0, 5, 30)


def systems() -> list[Any]:
    """One of each kind, all named."""
    simple = [[0, 1], [-2, -3]]
    transfer = control.tf([1], [1, 2, 3], name="b")
    return [
        control.ss(simple, [[0], [1]], [[1, 0]], 0, name="a"),
        transfer,
        control.ss(simple, np.eye(2), np.eye(2), np.zeros((2, 2)), name="c"),
        control.ss([[0.5]], [[1]], [[1]], 0, 0.1, name="d"),
        control.tf([1], [1, 0.5], 0.1, name="e"),
        control.frd(transfer, np.logspace(-1, 1, 20), name="f"),
        control.nlsys(
            lambda t, x, u, p: np.array([x[1], u[0] - np.sin(x[0]) - x[1]]),
            None,
            inputs=1,
            outputs=2,
            states=2,
            name="g",
        ),
    ]


CALLS: tuple[Callable[[Any], tuple[Any, ...]], ...] = (
    lambda one: (one,),
    lambda one: (one, one),
    lambda one: (one, 1j),
    lambda one: (one, TIMES, np.sin(TIMES)),
    lambda one: (one, [0.0, 0.0], [0.0]),
    lambda one: (one, np.eye(2), np.eye(1)),
    lambda one: (getattr(one, "A", None), getattr(one, "B", None)),
    lambda one: (getattr(one, "A", None), getattr(one, "B", None), [-3, -4]),
    lambda one: (getattr(one, "A", None), getattr(one, "B", None), np.eye(2), np.eye(1)),
    lambda one: (getattr(one, "A", None), np.eye(2)),
    lambda one: (TIMES, np.eye(1)),
    lambda one: (TIMES, np.sin(TIMES)),
    lambda one: ([one],),
    lambda one: (2.0,),
)


@pytest.mark.parametrize("name", load_effects().functions["control"])
def test_the_functions_of_the_table_count_nothing(name: str) -> None:
    function = getattr(control, name)
    called = 0
    for one in systems():
        for arguments in CALLS:
            before = control.iosys.InputOutputSystem._idCounter
            try:
                function(*arguments(one))
                called += 1
            except Exception:  # not for such a system
                pass
            assert control.iosys.InputOutputSystem._idCounter == before
    assert called
