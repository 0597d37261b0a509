"""Values come back as they were, or are refused with a reason; never something in between."""

import collections
import datetime as dt
import decimal
import fractions
import io
import itertools
import math
import os
import pathlib
import sqlite3
import threading
import types
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nbflow.core.errors import StoreError
from nbflow.inside.digest import Undigestible, digest, examine
from nbflow.inside.seal import PickleForbidden, Seal, read_seal
from nbflow.inside.values import (
    CannotStore,
    Packing,
    load_file,
    preview,
    store_group,
    store_value,
)

SEAL = Seal(key=b"k" * 32)


def lane(**names: Any) -> Packing:
    """A lane whose namespace holds the given names, all of them provided by replays."""
    return Packing(
        seal=SEAL, namespace={"__name__": "__main__", **names}, provided=frozenset(names)
    )


def notebook(source: str, **names: Any) -> dict[str, Any]:
    """A namespace after running a cell, as IPython would."""
    namespace: dict[str, Any] = {"__name__": "__main__", **names}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def text_of(value: Any) -> str:
    return hex(value) if type(value) is int else repr(value)


def there_and_back(
    value: Any, folder: Path, *, packing: Packing | None = None, into: Packing | None = None
) -> tuple[str, Any]:
    packing = packing or lane()
    stored = store_value(value, examine(value), folder / "v", packing=packing)
    return stored.kind, load_file(stored.path, stored.kind, packing=into or packing)


NAN_WITH_PAYLOAD = np.array([0x7FF8_0000_0000_1234], dtype="uint64").view("f8").item()

EXACT: dict[str, tuple[str, Any]] = {
    "None": ("json", None),
    "bool": ("json", True),
    "int": ("json", -3),
    "big int": ("json", 2**20_000 + 1),
    "float": ("json", 0.1),
    "-0.0": ("json", -0.0),
    "nan": ("json", math.nan),
    "-inf": ("json", -math.inf),
    "nan with payload": ("json", NAN_WITH_PAYLOAD),
    "str": ("json", "Grüße \U0001f600 \0 \u202e"),
    "surrogate": ("pickle", "\ud83d\ude00"),
    "bytes": ("json", b"\0\xff"),
    "complex": ("json", complex(-0.0, math.nan)),
    "list": ("json", [1, [2.0, "x"], []]),
    "tuple": ("json", (1, (2,), ())),
    "dict int keys": ("json", {1: "a", "1": "b", True + 1: "c", (1, 2): None}),
    "dict order": ("json", {"b": 1, "a": 2}),
    "set": ("json", {1, 2, 3}),
    "frozenset": ("json", frozenset({1})),
    "date": ("json", dt.date(2026, 1, 2)),
    "datetime": ("json", dt.datetime(2026, 1, 2, 3, 4, 5, 6, fold=1)),
    "datetime UTC": ("json", dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
    "datetime zone": ("pickle", dt.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))),
    "time": ("json", dt.time(1, 2, 3, 4)),
    "timedelta": ("json", dt.timedelta(-1, 2, 3)),
    "Decimal": ("json", decimal.Decimal("1.100")),
    "Decimal sNaN": ("json", decimal.Decimal("-sNaN12")),
    "Path": ("json", pathlib.Path("a/b.csv")),
    "PurePosixPath": ("pickle", pathlib.PurePosixPath("a")),
    "UUID": ("pickle", uuid.UUID(int=5)),
    "np float32": ("json", np.float32(0.1)),
    "np int8": ("json", np.int8(-1)),
    "np bool": ("json", np.True_),
    "np str": ("json", np.str_("é")),
    "np datetime64": ("json", np.datetime64("2026-01-01", "D")),
    "list with np scalar": ("json", [np.float64(1.5), 1.5]),
    "ndarray": ("array", np.arange(6.0).reshape(2, 3)),
    "ndarray F": ("array", np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    "ndarray 0-d": ("array", np.array(5)),
    "ndarray big-endian": ("array", np.array([1, 2], dtype=">i4")),
    "ndarray str": ("array", np.array(["a", "bc"])),
    "ndarray M8": ("array", np.array(["2026-01-01", "NaT"], "M8[D]")),
    "ndarray read-only": ("pickle", np.broadcast_to(np.array([1.0]), (3,)).copy()),
    "ndarray object": ("pickle", np.array([1, "a", None], dtype=object)),
    "ndarray structured": ("pickle", np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])),
    "Series": ("pickle", pd.Series([1.5, None], name="s", index=["a", "b"])),
    "Series tz": ("pickle", pd.Series(pd.date_range("2026", periods=2, tz="Europe/Paris"))),
    "Series category": ("pickle", pd.Series(["a", "b"], dtype="category")),
    "Index": ("pickle", pd.Index(["a", "b"], name="k")),
    "MultiIndex": ("pickle", pd.MultiIndex.from_tuples([("a", 1)], names=["x", None])),
    "DatetimeIndex": ("pickle", pd.date_range("2026", periods=3, freq="MS")),
    "Timestamp": ("pickle", pd.Timestamp("2026-01-01", tz="UTC")),
    "pd.NA": ("pickle", pd.NA),
    "pa.Array": ("pickle", pa.array([1, None])),
    "DataFrame": ("table", pd.DataFrame({"a": [1]})),
    "pa.Table": ("table", pa.table({"a": [1]})),
    "OrderedDict": ("pickle", collections.OrderedDict(b=1, a=2)),
    "Counter": ("pickle", collections.Counter("abca")),
    "deque": ("pickle", collections.deque([1, 2], maxlen=3)),
    "range": ("pickle", range(1, 9, 2)),
    "bytearray": ("pickle", bytearray(b"ab")),
    "StringIO": ("pickle", io.StringIO("text")),
    "function of a module": ("pickle", math.sqrt),
    "class of a module": ("pickle", collections.OrderedDict),
    "method of an object": ("pickle", "a,b".split),
    "namespace": ("pickle", types.SimpleNamespace(a=[1])),
}
EXACT["ndarray read-only"][1].flags.writeable = False


@pytest.mark.parametrize("name", EXACT)
def test_a_value_comes_back_exactly(name: str, tmp_path: Path) -> None:
    kind, value = EXACT[name]
    stored_as, back = there_and_back(value, tmp_path)
    assert stored_as == kind
    assert type(back) is type(value)
    assert digest(back) == digest(value)
    if " at 0x" not in text_of(value):
        assert text_of(back) == text_of(value)


REFUSED = {
    "generator": (lambda: (i for i in [1]), "generator.*make it a list"),
    "list iterator": (lambda: iter([1, 2]), "iterator.*make it a list"),
    "map": (lambda: map(str, [1]), "iterator.*make it a list"),
    "count": (itertools.count, "iterator"),
    "in a list": (lambda: [1, iter("ab")], "iterator"),
    "open file": (lambda: open(os.devnull), "open file"),  # noqa: SIM115
    "lock": (threading.Lock, "cannot"),
    "thread": (lambda: threading.Thread(target=print), "cannot"),
    "sqlite": (lambda: sqlite3.connect(":memory:"), "cannot"),
    "duckdb": (duckdb.connect, "cannot"),
    "module of the notebook": (lambda: types.ModuleType("made_here"), "cannot be imported"),
    "memory-mapped": (
        lambda: np.memmap(io.BytesIO().name if 0 else __file__, mode="r"),
        "memory-mapped",
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_be_the_same_is_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    make, reason = REFUSED[name]
    value = make()
    with pytest.raises((CannotStore, Undigestible), match=reason):
        store_value(value, examine(value), tmp_path / "v", packing=lane())


def test_a_class_of_the_notebook_travels_by_reference() -> None:
    source = "class Point:\n    def __init__(self, x): self.x = x\n"
    here, there = notebook(source), notebook(source)
    sealed = lane(**here).dumps(here["Point"](5))
    back = lane(**there).loads(sealed)
    assert type(back) is there["Point"]
    assert back.x == 5


def test_enums_dataclasses_and_namedtuples_of_the_notebook_keep_their_identity() -> None:
    source = (
        "import enum, dataclasses, collections\n"
        "class Color(enum.Enum):\n    R = 1\n"
        "@dataclasses.dataclass\nclass Row:\n    color: Color\n"
        "Pair = collections.namedtuple('Pair', 'a b')\n"
        "class Outer:\n    class Inner: pass\n"
    )
    here, there = notebook(source), notebook(source)
    value = [here["Row"](here["Color"].R), here["Pair"](1, 2), here["Outer"].Inner()]
    row, pair, inner = lane(**there).loads(lane(**here).dumps(value))
    assert row == there["Row"](there["Color"].R)
    assert row.color is there["Color"].R
    assert type(pair) is there["Pair"]
    assert type(inner) is there["Outer"].Inner


@pytest.mark.parametrize(
    "source",
    [
        "class C: pass\nvalue = C()",
        "def make():\n    class C: pass\n    return C()\nvalue = make()",
    ],
)
def test_a_class_that_nobody_replays_is_refused(source: str) -> None:
    namespace = notebook(source)
    with pytest.raises(
        CannotStore, match=r"its class .*C does not come from a plain definition cell"
    ):
        Packing(seal=SEAL, namespace=namespace).dumps(namespace["value"])


def test_a_class_defined_again_since_is_not_the_one_that_is_replayed() -> None:
    namespace = notebook("class C: pass\nvalue = C()\nclass C: pass\n")
    with pytest.raises(CannotStore, match="not come from a plain definition cell"):
        Packing(seal=SEAL, namespace=namespace, provided=frozenset({"C"})).dumps(namespace["value"])


def test_a_lambda_sees_the_globals_of_the_lane_it_is_in() -> None:
    here = notebook("k = 3\ntimes = lambda x: x * k")
    there = notebook("k = 10")
    sealed = Packing(seal=SEAL, namespace=here).dumps(here["times"])
    back = Packing(seal=SEAL, namespace=there).loads(sealed)
    assert back.__globals__ is there
    assert back(2) == 20
    there["k"] = 100
    assert back(2) == 200


def test_closures_keep_what_they_share() -> None:
    here = notebook(
        "def counter():\n"
        "    n = [0]; m = 0\n"
        "    def up():\n        nonlocal m; m += 1; n.append(m); return m\n"
        "    def look(): return (m, n)\n"
        "    def self_reference(): return self_reference\n"
        "    return up, look, self_reference\n"
        "pair = counter(); pair[0]()\n"
    )
    packing = Packing(seal=SEAL, namespace=here)
    up, look, itself = packing.loads(packing.dumps(here["pair"]))
    assert look() == (1, [0, 1])
    assert up() == 2
    assert look() == (2, [0, 1, 2])
    assert itself() is itself
    assert here["pair"][1]() == (1, [0, 1])


def test_a_function_keeps_defaults_annotations_and_attributes() -> None:
    here = notebook(
        "def make():\n"
        "    def f(a, b=[1], *, c: 'int' = 2):\n        'doc'\n        return a, b, c\n"
        "    f.tag = {'x': f}\n    return f\nf = make()\n"
    )
    packing = Packing(seal=SEAL, namespace=here)
    back = packing.loads(packing.dumps(here["f"]))
    assert back(0) == (0, [1], 2)
    assert (back.__doc__, back.__annotations__, back.__qualname__) == (
        "doc",
        {"c": "int"},
        "make.<locals>.f",
    )
    assert back.tag["x"] is back
    assert back.__module__ == "__main__"


def test_a_provided_function_is_a_reference_and_missing_it_is_said() -> None:
    here = notebook("def clean(x): return x")
    sealed = lane(clean=here["clean"]).dumps([here["clean"]])
    with pytest.raises(StoreError, match="needs clean"):
        Packing(seal=SEAL, namespace={}).loads(sealed)


def test_shared_parts_stay_shared_inside_a_value(tmp_path: Path) -> None:
    row = [1]
    kind, (one, two) = there_and_back((row, row), tmp_path)
    assert kind == "pickle"
    assert one is two


def test_a_cycle_comes_back_as_a_cycle(tmp_path: Path) -> None:
    ring: list[Any] = []
    ring.append(ring)
    _, back = there_and_back(ring, tmp_path)
    assert back[0] is back


def group_back(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    stored = store_group(values, examine(values), folder / "g", packing=lane())
    back: dict[str, Any] = load_file(stored.path, stored.kind, packing=lane())
    return back


def test_a_group_shares_lists_again(tmp_path: Path) -> None:
    items = [1]
    back = group_back({"a": items, "b": {"k": items}}, tmp_path)
    back["a"].append(2)
    assert back["b"] == {"k": [1, 2]}


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_group_shares_array_memory_again(tmp_path: Path, order: Any) -> None:
    whole = np.array(np.arange(12.0).reshape(3, 4), order=order)
    back = group_back({"whole": whole, "column": whole[:, 1], "rows": whole[1:][::-1]}, tmp_path)
    assert np.array_equal(back["rows"], whole[1:][::-1])
    back["whole"][1, 1] = 99
    assert back["column"][1] == 99
    assert back["rows"][1, 1] == 99
    assert back["rows"].strides == whole[1:][::-1].strides


def test_a_group_of_a_frame_and_its_values_shares_memory_again(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    back = group_back({"df": frame, "y": frame["a"].values}, tmp_path)
    assert not back["y"].flags.writeable
    back["df"].loc[0, "a"] = 9
    frame.loc[0, "a"] = 9
    assert back["y"].tolist() == [9, 2, 3]


def test_two_arrays_on_foreign_memory_are_refused(tmp_path: Path) -> None:
    memory = bytearray(16)
    values: dict[str, Any] = {"a": np.frombuffer(memory), "b": np.frombuffer(memory)}
    with pytest.raises(CannotStore, match="share memory"):
        store_group(values, examine(values), tmp_path / "g", packing=lane())


def test_a_set_whose_order_would_change_is_refused(tmp_path: Path) -> None:
    scrambled = next(
        s
        for s in ({i * 2**k for i in range(1, 40)} | {7, 3} for k in range(20))
        if list(set(iter(s))) != list(s)
    )
    with pytest.raises(CannotStore, match="set whose order"):
        there_and_back(scrambled, tmp_path)


def test_an_altered_or_foreign_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "boom"),))

    sealed = bytearray(SEAL.dumps(Bomb()))
    plain = bytes(sealed[40:])
    sealed[-1] ^= 1
    other = Seal(key=b"x" * 32).dumps(Bomb())
    for poison in (bytes(sealed), plain, other, b"", b"NBFLOW1\0"):
        with pytest.raises(StoreError, match="not sealed"):
            lane().loads(poison)
    assert not (tmp_path / "boom").exists()


def test_pickle_false_refuses_both_ways(tmp_path: Path) -> None:
    strict = Packing(seal=Seal(key=b"k" * 32, allow_pickle=False), namespace={})
    with pytest.raises(PickleForbidden):
        there_and_back(uuid.UUID(int=1), tmp_path, packing=strict)
    with pytest.raises(PickleForbidden):
        strict.loads(SEAL.dumps(1))
    assert there_and_back([1, "x"], tmp_path, packing=strict) == ("json", [1, "x"])
    frame = pd.DataFrame({"a": [1.5, None], "s": ["x", None]})
    kind, back = there_and_back(frame, tmp_path, packing=strict)
    assert kind == "table"
    pd.testing.assert_frame_equal(back, frame)


def test_a_missing_or_short_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        read_seal(tmp_path / "key")
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged"):
        read_seal(tmp_path / "key")


@pytest.mark.parametrize(
    "value", ["a" * 1000, "\ud800", "\0", types.SimpleNamespace(), list(range(10_000))]
)
def test_c62_a_preview_is_short_and_can_be_encoded(value: Any) -> None:
    text = preview(value)
    assert len(text) <= 80
    assert "\0" not in text
    text.encode()


def test_a_preview_survives_a_broken_repr() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no")

    assert "Broken" in preview(Broken())


def test_a_figure_is_not_opened_a_second_time(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    others = plt.get_fignums()
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    try:
        _, back = there_and_back(figure, tmp_path)
        assert plt.get_fignums() == [*others, figure.number]
        assert back.axes[0].lines[0].get_ydata().tolist() == [1, 2]
    finally:
        plt.close("all")


# -- views, and memory that is owned


def group_of(folder: Path, **members: Any) -> dict[str, Any]:
    """Members after being stored and loaded together."""
    stored = store_group(members, examine(members), folder / "g", packing=lane())
    loaded: dict[str, Any] = load_file(stored.path, stored.kind, packing=lane())
    return loaded


DICTS: dict[str, Any] = {
    "dict": {"a": 1},
    "ordered": collections.OrderedDict(a=1),
    "default": collections.defaultdict(int, a=1),
}


@pytest.mark.parametrize("owner", DICTS.values(), ids=DICTS)
@pytest.mark.parametrize("view", ["keys", "values", "items"])
def test_a_view_of_a_dict_follows_it_again(tmp_path: Path, owner: Any, view: str) -> None:
    back = group_of(tmp_path, d=owner, view=getattr(owner, view)())
    back["d"]["b"] = 2
    assert type(back["view"]) is type(getattr(owner, view)())
    assert list(back["view"]) == list(getattr(back["d"], view)())


def test_a_read_only_view_of_a_dict_follows_it_again(tmp_path: Path) -> None:
    owner = {"a": 1}
    back = group_of(tmp_path, d=owner, view=types.MappingProxyType(owner))
    back["d"]["b"] = 2
    assert back["view"] == {"a": 1, "b": 2}


def test_the_namespace_of_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStore, match="namespace of a class"):
        there_and_back(vars(Bench), tmp_path)


class Bench:
    """Some class."""

    __slots__ = ()


MEMORIES: dict[str, Any] = {
    "whole": lambda owner: memoryview(owner),
    "part": lambda owner: memoryview(owner)[1:3],
    "cast": lambda owner: memoryview(owner).cast("H"),
    "read-only": lambda owner: memoryview(owner).toreadonly(),
}


@pytest.mark.parametrize("view", MEMORIES.values(), ids=MEMORIES)
def test_a_memoryview_looks_at_its_bytes_again(tmp_path: Path, view: Any) -> None:
    owner = bytearray(b"abcd")
    back = group_of(tmp_path, owner=owner, view=view(owner))
    back["owner"][1] = owner[1] = ord("X")
    again, was = back["view"], view(owner)
    assert again.obj is back["owner"]
    assert (again.tolist(), again.format, again.readonly) == (
        was.tolist(),
        was.format,
        was.readonly,
    )


def test_a_strange_memoryview_is_refused(tmp_path: Path) -> None:
    for view in (memoryview(bytearray(b"abcd"))[::2], memoryview(np.arange(3))):
        with pytest.raises(CannotStore, match="memoryview"):
            there_and_back(view, tmp_path)


def test_views_of_other_places_have_other_digests() -> None:
    owner = bytearray(b"abab")
    assert digest(memoryview(owner)[:2]) != digest(memoryview(owner)[2:])


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_own_their_memory_again(tmp_path: Path, order: Any) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype="M8[D]", order=order)
    _, alone = there_and_back(array, tmp_path)
    _, (inside,) = there_and_back([array], tmp_path)
    for back in (alone, inside):
        assert back.base is None
        assert back.flags.f_contiguous == array.flags.f_contiguous
        assert (back == array).all()


def test_views_of_a_loaded_array_share_with_it_again(tmp_path: Path) -> None:
    base = np.zeros(2000)
    base = group_of(tmp_path, base=base, view=base[2:4])["base"]
    back = group_of(tmp_path, base=base, grid=base.reshape(40, 50), view=base[2:4])
    back["view"][:] = 7
    assert back["base"][2:4].tolist() == back["grid"][0, 2:4].tolist() == [7, 7]
    assert back["grid"].base is back["base"]


def test_what_can_be_imported_needs_no_replay(tmp_path: Path) -> None:
    from functools import partial

    value = partial(print, fractions.Fraction)
    _, back = there_and_back(
        value, tmp_path, packing=lane(partial=partial, Fraction=fractions.Fraction), into=lane()
    )
    assert (back.func, back.args) == (print, (fractions.Fraction,))


def test_exceptions_keep_their_causes(tmp_path: Path) -> None:
    error = ValueError("outer")
    error.__cause__ = error.__context__ = KeyError("inner")
    error.add_note("a note")
    assert digest(error) != digest(ValueError("outer"))
    _, back = there_and_back([error], tmp_path)
    assert repr(back) == "[ValueError('outer')]"
    assert repr(back[0].__cause__) == "KeyError('inner')"
    assert back[0].__context__ is back[0].__cause__
    assert back[0].__suppress_context__
    assert back[0].__notes__ == ["a note"]


# -- arrays of other classes -----------------------------------------------------------------------

LABELLED = """
import numpy as np

class Labelled(np.ndarray):
    def __array_finalize__(self, other):
        self.label = getattr(other, "label", None)

value = np.arange(3.0).view(Labelled)
value.label = ["x"]
"""


def test_an_array_of_another_class_keeps_its_attributes(tmp_path: Path) -> None:
    names = notebook(LABELLED)
    packing = Packing(seal=SEAL, namespace=names, provided=frozenset({"Labelled"}))
    _, back = there_and_back(names["value"], tmp_path, packing=packing)
    assert type(back) is names["Labelled"]
    assert back.label == ["x"]
    assert back.tolist() == [0.0, 1.0, 2.0]


def test_attributes_of_an_array_are_content(tmp_path: Path) -> None:
    value = notebook(LABELLED)["value"]
    before = digest(value)
    value.label.append("y")
    assert digest(value) != before


def test_an_array_whose_elements_share_memory_is_refused(tmp_path: Path) -> None:
    rows = np.lib.stride_tricks.sliding_window_view(np.arange(4), 2, writeable=True)
    for value in (rows, {"rows": [rows]}):
        with pytest.raises(CannotStore, match="share memory"):
            there_and_back(value, tmp_path)
    readable = np.lib.stride_tricks.sliding_window_view(np.arange(4), 2)
    assert np.array_equal(there_and_back(readable, tmp_path)[1], readable)


def test_an_array_that_shares_memory_with_one_of_another_class_is_refused(tmp_path: Path) -> None:
    names = notebook(f"{LABELLED}\na = np.arange(4.0)\nb = a.view(Labelled)")
    both = {"a": names["a"], "b": names["b"]}
    assert len(examine(both).arrays) == 2
    with pytest.raises(CannotStore, match="share its memory"):
        store_group(both, examine(both), tmp_path / "g", packing=lane())
