"""Fingerprints: what they are made of."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from graphs import a_step

from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.step import Replay, StepOptions
from nbflow.planning.fingerprint import digest, step_parts


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_a_digest_is_a_function_of_the_parts(parts: dict[str, str]) -> None:
    shuffled = dict(reversed(parts.items()))
    assert digest(parts) == digest(shuffled)
    assert digest({**parts, "source": "new"}) != digest({**parts, "source": "newer"})


def parts(*replays: tuple[str, str], **changes: Any) -> dict[str, str]:
    """The parts of a step with replays given as (names, source)."""
    made = tuple(
        Replay(
            cell=CellId("d"),
            cell_index=number,
            line=1,
            source=source,
            names=tuple(Name(name) for name in names.split()),
        )
        for number, (names, source) in enumerate(replays)
    )
    nothing: dict[str, str] = {}
    given = {
        "inputs": nothing,
        "files": nothing,
        "modules": nothing,
        "environment": nothing,
        "packages": nothing,
        "python": "3",
        "platform": "x",
        **{name: changes.pop(name) for name in ("modules", "names_show") if name in changes},
    }
    return step_parts(a_step("s", replays=made, **changes), **given)


F = ("f", "def f():\n    local = 1\n    return local")
RENAMED = ("f", "def f():\n    other = 1\n    return other")
G = ("g", "def g(): return 2")


def test_independent_definitions_may_stand_in_any_order() -> None:
    assert parts(F, G) == parts(G, F)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("x", "from a import *"), ("x y", "from b import *")),
        (("x", "x = 1"), ("x", "x = 2")),
        (("", "%matplotlib inline"), ("np", "import numpy as np")),
        (("A", "class A(Base): ..."), ("B", "class B(Base): ...")),
        (("h", "@register\ndef h(): ..."), G),
    ],
)
def test_order_counts_where_it_may_matter(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert parts(one, other) != parts(other, one)


def test_imports_of_several_own_modules_keep_their_order() -> None:
    a, b = ("a", "import a"), ("b", "import b")
    assert parts(a, b) == parts(b, a)
    local = {"a.py": "1", "b.py": "2"}
    assert parts(a, b, modules=local) != parts(b, a, modules=local)


def test_a_renamed_local_counts_only_where_something_may_see_it() -> None:
    assert parts(F) == parts(RENAMED)
    for seeing in (
        {"sources": ("print(f.__code__.co_varnames)",)},
        {"sources": ("import inspect\ninspect.getsource(f)",)},
        {"names_show": True},
    ):
        assert parts(F, **seeing) != parts(RENAMED, **seeing)


def test_what_a_traceback_shows_counts_as_it_is_written() -> None:
    options = StepOptions(raises_exception=(CellId("s"),))
    one, other = (parts(sources=(s,), options=options) for s in ("1 / 0", "1/0"))
    assert one != other


def test_a_parameter_is_known_by_its_value() -> None:
    made = [
        parts(("n", source), parameters=("n",)) for source in ("n = 1", "n: int = 1  # how many")
    ]
    assert made[0] == made[1]
    assert made[0]["parameter:n"] == "1"
    long = parts(("n", f"n = {'x' * 100!r}"), parameters=("n",))
    assert len(long["parameter:n"]) == 32
