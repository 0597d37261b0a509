"""The parameters cell as a form, what a caller may give, and values as exact source (FAULTS E)."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from nbflow.core.diagnostic import Severity
from nbflow.core.errors import UsageError
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import Bounds, Parameter
from nbflow.notebook.parameters import (
    coerce,
    injected_source,
    papermill_values,
    parameters_cell,
    python_literal,
    read_parameters,
)


def cell(source: str, *, index: int = 0, tags: tuple[str, ...] = ("parameters",)) -> Cell:
    return Cell(id=CellId(f"c{index}"), index=index, kind=CellKind.CODE, source=source, tags=tags)


def one(source: str) -> Parameter:
    parameters, findings = read_parameters(cell(source))
    assert findings == ()
    assert len(parameters) == 1
    return parameters[0]


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("x = 5", {"type": "int", "default": 5}),
    ("x = -5", {"type": "int", "default": -5}),
    ("x = 24 * 3600", {"type": "int", "default": 86400}),
    ("x = 1 / 4", {"type": "float", "default": 0.25}),
    ("x = 1.5", {"type": "float", "default": 1.5}),
    ("x = 1_000_000", {"type": "int", "default": 1_000_000}),
    ("x = float('nan')", {"type": "float", "default": "nan"}),
    ("x = -1e999", {"type": "float", "default": "-inf"}),
    ("x = True", {"type": "bool", "default": True}),
    ("x = 'north'", {"type": "str", "default": "north"}),
    ("x = f'{1}'", {"type": "str"}),
    ("x = None", {"type": "any", "optional": True}),
    ("x = [1, 2]", {"type": "list", "default": [1, 2]}),
    ("x = (1, 2)", {"type": "list", "default": [1, 2]}),
    ("x = {2, 1}", {"type": "list", "default": [1, 2]}),
    ("x = {'a': 1}", {"type": "dict", "default": {"a": 1}}),
    ("x = [y for y in z]", {"type": "list"}),
    ("x = [\n  1,  # one\n  2,\n]  # both", {"type": "list", "default": [1, 2], "help": "both"}),
    ("x = date(2026, 1, 31)", {"type": "date", "default": "2026-01-31"}),
    ("x = dt.date(year=2026, month=1, day=31)", {"type": "date", "default": "2026-01-31"}),
    ("x = date.fromisoformat('2026-01-31')", {"type": "date", "default": "2026-01-31"}),
    ("x = date.today()", {"type": "date"}),
    ("x = date(2026, 13, 31)", {"type": "date"}),
    ("x = datetime(2026, 1, 31, 6)", {"type": "datetime", "default": "2026-01-31T06:00:00"}),
    ("x = datetime.datetime.now()", {"type": "datetime"}),
    ("x = pd.Timestamp('2026-01-31')", {"type": "datetime", "default": "2026-01-31T00:00:00"}),
    ("x = Path('data')", {"type": "str", "default": "data", "path": True}),
    ("x = pathlib.Path('data')", {"type": "str", "default": "data", "path": True}),
    ("x: Path", {"type": "str", "required": True, "path": True}),
    ("x: pathlib.Path | None = None", {"type": "str", "optional": True, "path": True}),
    ("x: str | Path = 'a'", {"type": "str", "default": "a", "path": True}),
    ("x: Final[Path] = Path('a')", {"type": "str", "default": "a", "path": True}),
    ("x: list[Path] = []", {"type": "list", "default": []}),
    ("x = compute()", {"type": "any"}),
    ("x = os.environ['X']", {"type": "any"}),
    ("x: int", {"type": "int", "required": True}),
    ("x: 'int' = 3", {"type": "int", "default": 3}),
    ("x: float = 3", {"type": "float", "default": 3}),
    ("x: dt.date", {"type": "date", "required": True}),
    ("x: datetime", {"type": "datetime", "required": True}),
    ("x: list[int]", {"type": "list", "required": True}),
    ("x: Sequence[str] = ()", {"type": "list", "default": []}),
    ("x: dict[str, int]", {"type": "dict", "required": True}),
    ("x: Optional[int] = None", {"type": "int", "optional": True}),
    ("x: int | None = None", {"type": "int", "optional": True}),
    ("x: int | float = 1.0", {"type": "float", "default": 1.0}),
    ("x: Union[int, str] = 1", {"type": "int", "default": 1}),
    ("x: int = None", {"type": "int", "optional": True}),
    (
        "x: Literal['a', 'b'] = 'a'",
        {"type": "str", "choices": ("a", "b"), "default": "a"},
    ),
    ("x: Literal[1, 2]", {"type": "int", "choices": (1, 2), "required": True}),
    (
        "x: Literal['a'] | None",
        {"type": "str", "choices": ("a",), "required": True, "optional": True},
    ),
    ("x: Annotated[int, 'rows'] = 1", {"type": "int", "default": 1}),
    (
        "x: Annotated[int, Ge(0), at.Le(100)] = 1",
        {"type": "int", "default": 1, "bounds": Bounds(ge=0, le=100)},
    ),
    (
        "x: Annotated[float, at.Interval(gt=0, lt=1e3)] = 0.5",
        {"type": "float", "default": 0.5, "bounds": Bounds(gt=0, lt=1000.0)},
    ),
    (
        "x: Annotated[int, Field(ge=1, description='how many')] = 1",
        {"type": "int", "default": 1, "bounds": Bounds(ge=1)},
    ),
    (
        "x: Annotated[int, range(1, 24 * 60)] = 1",
        {"type": "int", "default": 1, "bounds": Bounds(ge=1, lt=1440)},
    ),
    (
        "x: Annotated[int, range(9)] | None = None",
        {"type": "int", "optional": True, "bounds": Bounds(ge=0, lt=9)},
    ),
    ("x: Annotated[int, Ge(least), Mine(3)] = 1", {"type": "int", "default": 1}),
    ("x: Whatever = 1", {"type": "int", "default": 1}),
    ("x = 5  # how many rows", {"type": "int", "default": 5, "help": "how many rows"}),
    ("x = '#no help'", {"type": "str", "default": "#no help"}),
    ("x = 5  # noqa: E501", {"type": "int", "default": 5}),
    ("x = 5  # type: ignore", {"type": "int", "default": 5}),
    ("x = None  # type: str the region", {"type": "str", "optional": True, "help": "the region"}),
    ("x = 1\nx = 'two'", {"type": "str", "default": "two"}),
    ("x: int  # rows\nx = 5", {"type": "int", "default": 5, "help": "rows"}),
    ("%matplotlib inline\n!ls\nx = 5  # rows", {"type": "int", "default": 5, "help": "rows"}),
    ("import os\nif True:\n    y = 1\nx = 5", {"type": "int", "default": 5}),
    ("x = 'ﬁ'", {"type": "str", "default": "ﬁ"}),
]


@pytest.mark.parametrize(("source", "form"), FORMS, ids=[f[0] for f in FORMS])
def test_a_definition_reads_as(source: str, form: Mapping[str, Any]) -> None:
    parameter = one(source)
    blank = Parameter(name="x", type="any", cell=parameter.cell, line=parameter.line)
    assert parameter == Parameter(**{f: getattr(blank, f) for f in blank.__slots__} | form)
    json.dumps(parameter.default, allow_nan=False)


def test_several_definitions_keep_their_order_and_lines() -> None:
    parameters, _ = read_parameters(cell("a = b = 1\n\nc, (d, e) = 2, ('x', 3)\n*f, g = 1, 2"))
    assert [(p.name, p.type, p.line) for p in parameters] == [
        ("a", "int", 1),
        ("b", "int", 1),
        ("c", "int", 3),
        ("d", "str", 3),
        ("e", "int", 3),
        ("g", "int", 4),
    ]


@pytest.mark.parametrize("source", ["x = ", "x = '\ud800'", "x = '\x00'", "((" * 500])
def test_a_cell_that_cannot_be_read_is_named(source: str) -> None:
    parameters, (finding,) = read_parameters(cell(source, index=2))
    assert parameters == ()
    assert (finding.code, finding.severity) == ("parameters-syntax", Severity.ERROR)
    assert "cell 3" in finding.message
    assert finding.place.cell_index == 2


def test_a_default_that_its_annotation_would_refuse_is_a_warning() -> None:
    (parameter,), (finding,) = read_parameters(cell("day: date = '2026-01-31'"))
    assert parameter.type == "date"
    assert (finding.code, finding.severity) == ("parameter-default", Severity.WARNING)
    assert "day is annotated date, but its default is str" in finding.message


def test_the_parameters_cell_is_the_first_tagged_and_a_second_is_an_error() -> None:
    cells = (cell("a", tags=()), cell("b", index=1), cell("c", index=2))
    found, findings = parameters_cell(Notebook(path="x", cells=cells))
    assert found == cells[1]
    assert [f.code for f in findings] == ["two-parameter-cells"]
    assert "cells 2 and 3" in findings[0].message
    assert parameters_cell(Notebook(path="x", cells=cells[:2])) == (cells[1], ())
    assert parameters_cell(Notebook(path="x", cells=cells[:1])) == (None, ())


def parameter(kind: str, **more: Any) -> Parameter:
    return Parameter(name="x", type=kind, **more)


FROM_TEXT: list[tuple[Parameter, str, Any]] = [
    (parameter("int"), "7", 7),
    (parameter("int"), "-1_000", -1000),
    (parameter("int"), "9" * 4300, int("9" * 4300)),
    (parameter("float"), "7", 7.0),
    (parameter("float"), "1e-3", 0.001),
    (parameter("float"), "-inf", -math.inf),
    (parameter("bool"), "true", True),
    (parameter("bool"), "No", False),
    (parameter("str"), "007", "007"),
    (parameter("str"), "None", "None"),
    (parameter("str", optional=True), "None", None),
    (parameter("str"), "", ""),
    (parameter("date"), "2026-01-31", date(2026, 1, 31)),
    (
        parameter("datetime"),
        "2026-01-31T06:30:00+02:00",
        datetime(2026, 1, 31, 6, 30, tzinfo=timezone(timedelta(hours=2))),
    ),
    (parameter("datetime"), "2026-01-31", datetime(2026, 1, 31)),
    (parameter("list"), '["a", 1, null]', ["a", 1, None]),
    (parameter("list"), "('a', 1)", ["a", 1]),
    (parameter("dict"), '{"a": [1]}', {"a": [1]}),
    (parameter("any"), "5", 5),
    (parameter("any"), "5.5", 5.5),
    (parameter("any"), "True", True),
    (parameter("any"), "None", None),
    (parameter("any"), "text", "text"),
    (parameter("str", choices=("a", "b")), "b", "b"),
    (parameter("int", choices=(1, 2)), "2", 2),
    (parameter("int", bounds=Bounds(ge=1, le=2)), "2", 2),
    (parameter("float", bounds=Bounds(gt=0), optional=True), "None", None),
]


@pytest.mark.parametrize(
    ("form", "text", "value"), FROM_TEXT, ids=[f"{p.type}-{t[:20]}" for p, t, _ in FROM_TEXT]
)
def test_a_word_of_the_command_line_becomes(form: Parameter, text: str, value: Any) -> None:
    found = coerce([form], {"x": text}, from_text=True)["x"]
    assert (found, type(found)) == (value, type(value))


FROM_VALUES: list[tuple[Parameter, Any, Any]] = [
    (parameter("int"), 7, 7),
    (parameter("int"), np.int64(7), 7),
    (parameter("int"), 10**100, 10**100),
    (parameter("float"), 7, 7.0),
    (parameter("float"), np.float64(0.5), 0.5),
    (parameter("float"), "inf", math.inf),
    (parameter("bool"), False, False),
    (parameter("str"), "x", "x"),
    (parameter("str"), Path("data/x"), "data/x"),
    (parameter("date"), date(2026, 1, 31), date(2026, 1, 31)),
    (parameter("date"), "2026-01-31", date(2026, 1, 31)),
    (parameter("datetime"), pd.Timestamp("2026-01-31 06:00"), datetime(2026, 1, 31, 6)),
    (parameter("list"), (1, 2), [1, 2]),
    (parameter("list"), {2, 1}, [1, 2]),
    (parameter("dict"), {"a": {"b": (1,)}}, {"a": {"b": [1]}}),
    (parameter("any"), [None, 1.5], [None, 1.5]),
    (parameter("any"), None, None),
    (parameter("int", optional=True), None, None),
    (parameter("any", choices=(1, "1")), "1", "1"),
]


@pytest.mark.parametrize(
    ("form", "given_value", "value"), FROM_VALUES, ids=[str(n) for n in range(len(FROM_VALUES))]
)
def test_a_python_value_becomes(form: Parameter, given_value: Any, value: Any) -> None:
    found = coerce([form], {"x": given_value}, from_text=False)["x"]
    assert (found, type(found)) == (value, type(value))


UNFIT: list[tuple[Parameter, Any, bool]] = [
    (parameter("int"), "7.0", True),
    (parameter("int"), "seven", True),
    (parameter("int"), "", True),
    (parameter("int"), " 7", True),
    (parameter("int"), "٧", True),
    (parameter("int"), "9" * 4301, True),
    (parameter("int"), 10**4300, False),
    (parameter("int"), 7.0, False),
    (parameter("int"), "7", False),
    (parameter("int"), True, False),
    (parameter("int"), None, False),
    (parameter("float"), "half", True),
    (parameter("float"), "1e999", True),
    (parameter("float"), 2**53 + 1, False),
    (parameter("float"), 10**400, False),
    (parameter("float"), "0.5", False),
    (parameter("float"), True, False),
    (parameter("bool"), "maybe", True),
    (parameter("bool"), 1, False),
    (parameter("str"), 7, False),
    (parameter("str"), date(2026, 1, 31), False),
    (parameter("date"), "2026-02-30", True),
    (parameter("date"), "2026-01-31T00:00", True),
    (parameter("date"), datetime(2026, 1, 31), False),
    (parameter("date"), 20260131, False),
    (parameter("datetime"), "yesterday", True),
    (parameter("datetime"), date(2026, 1, 31), False),
    (parameter("datetime"), pd.NaT, False),
    (parameter("datetime"), pd.Timestamp(1, unit="ns"), False),
    (parameter("list"), "a,b", True),
    (parameter("list"), '{"a": 1}', True),
    (parameter("list"), "[" * 60 + "]" * 60, True),
    (parameter("list"), "ab", False),
    (parameter("list"), [object()], False),
    (parameter("list"), [10**4300], False),
    (parameter("dict"), "[1]", True),
    (parameter("dict"), {1: 2}, False),
    (parameter("any"), object(), False),
    (parameter("str", choices=("a", "b")), "c", True),
    (parameter("int", choices=(1, 2)), True, False),
    (parameter("int", bounds=Bounds(ge=1)), "0", True),
    (parameter("int", bounds=Bounds(gt=1)), 1, False),
    (parameter("float", bounds=Bounds(le=1)), "1.5", True),
    (parameter("float", bounds=Bounds(lt=1)), 1.0, False),
    (parameter("float", bounds=Bounds(ge=0)), "nan", True),
]


@pytest.mark.parametrize(
    ("form", "value", "from_text"), UNFIT, ids=[str(n) for n in range(len(UNFIT))]
)
def test_c70_a_value_of_the_wrong_type_is_refused(
    form: Parameter, value: Any, from_text: bool
) -> None:
    with pytest.raises(UsageError) as caught:
        coerce([form], {"x": value}, from_text=from_text)
    assert "parameter x takes" in caught.value.message
    assert len(caught.value.message) < 300
    assert "x (" in (caught.value.hint or "")


def test_c70_a_missing_required_value_is_refused_with_the_allowed_names() -> None:
    parameters = [
        Parameter(name="day", type="date", required=True),
        Parameter(name="region", type="str", choices=("north", "south")),
    ]
    with pytest.raises(UsageError, match=r"parameter day \(date\) needs a value") as caught:
        coerce(parameters, {"region": "north"}, from_text=True)
    assert "day (date)" in (caught.value.hint or "")
    assert "region (one of 'north', 'south')" in (caught.value.hint or "")


def test_c70_an_unknown_name_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown parameter dya \(did you mean day\?\)"):
        coerce([Parameter(name="day", type="date")], {"dya": "2026-01-31"}, from_text=True)


def test_c70_an_unknown_name_is_an_error_without_a_parameters_cell_too() -> None:
    with pytest.raises(UsageError, match="unknown parameter day") as caught:
        coerce([], {"day": "2026-01-31"}, from_text=True)
    assert "has no parameters" in (caught.value.hint or "")


def test_c70_every_trouble_is_told_at_once() -> None:
    parameters = [Parameter(name="a", type="int"), Parameter(name="b", type="int", required=True)]
    with pytest.raises(UsageError) as caught:
        coerce(parameters, {"a": "x", "c": "1"}, from_text=True)
    assert caught.value.message.count(";") == 2
    assert set(caught.value.fields) == {"a", "b", "c"}


def test_a_refusal_tells_the_bounds() -> None:
    with pytest.raises(UsageError, match="takes int at least 0, less than 5, not '5'"):
        coerce([parameter("int", bounds=Bounds(ge=0, lt=5))], {"x": "5"}, from_text=True)


def test_a_default_beyond_its_own_bounds_is_told() -> None:
    _, (found,) = read_parameters(cell("x: Annotated[int, Le(3)] = 4"))
    assert found.message == "parameter x is annotated at most 3, but its default is 4"


def test_nothing_given_and_nothing_required_is_fine() -> None:
    assert coerce([Parameter(name="a", type="int", default=1)], {}, from_text=True) == {}


HOSTILE_TEXTS = [
    "",
    "it's",
    'say "x"',
    "'''\"\"\"",
    "back\\slash\\",
    "line\nbreak\r\n\ttab",
    "'; DROP TABLE sales; --",
    "${HOME} {x} %s $(ls) `ls`",
    "日本語 🎉 ﬁ",
    "\u202e\u2066bidi",
    "\u2028\u2029\x85\x0c\x1c",
    "\x00\x07\x1b[31m",
    "\ud800 \udfff",
    "x" * 1_000_000,
]


def evaluated(value: Any) -> Any:
    """The value that the source makes, with nothing but the builtins at hand."""
    source = python_literal(value)
    source.encode()  # the kernel gets it as UTF-8
    assert source.isprintable()
    return eval(source, {})


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=[ascii(t)[:30] for t in HOSTILE_TEXTS])
def test_c71_hostile_text_is_injected_exactly(text: str) -> None:
    typed = coerce([parameter("str")], {"x": text}, from_text=True)
    namespace: dict[str, Any] = {}
    exec(injected_source(None, typed), namespace)
    assert namespace["x"] == text


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=[ascii(t)[:30] for t in HOSTILE_TEXTS])
def test_c71_hostile_text_survives_papermills_own_injection(text: str) -> None:
    namespace: dict[str, Any] = {}
    exec(PythonTranslator.codify(papermill_values({"x": text})), namespace)
    assert namespace["x"] == text


EXACT: list[Any] = [
    None,
    True,
    -0.0,
    math.inf,
    -math.inf,
    5e-324,
    1.7976931348623157e308,
    10**4299,
    -(10**5000),
    b"\x00'\"",
    (),
    (1,),
    {1: (2, [3])},
    set(),
    {1},
    frozenset(),
    frozenset({"a"}),
    date.max,
    datetime(2026, 1, 31, 6, 30, 1, 5),
    datetime(2026, 1, 31, tzinfo=UTC),
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    time(6, 30, 0, 1),
    timedelta(days=-1, microseconds=3),
    Decimal("1.10"),
    Decimal("NaN"),
    Path("data/'x'.csv"),
    PurePosixPath("/x"),
]


@pytest.mark.parametrize("value", EXACT, ids=[ascii(type(v).__name__) for v in EXACT])
def test_c71_values_are_written_exactly(value: Any) -> None:
    made = evaluated(value)
    assert type(made) is type(value)
    assert repr(made) == repr(value) if not isinstance(value, int) else made == value


def test_c71_not_a_number_stays_one() -> None:
    assert math.isnan(evaluated(math.nan))
    values = coerce([parameter("float")], {"x": "nan"}, from_text=True)
    assert math.isnan(values["x"])


def test_c71_what_has_no_source_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be written"):
        python_literal([object()])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
literals = st.recursive(
    json_values
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.times()
    | st.timedeltas()
    | st.datetimes(timezones=st.sampled_from([None, UTC, ZoneInfo("Asia/Tokyo")])),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(literals)
def test_a_literal_evaluates_to_its_value(value: Any) -> None:
    made = evaluated(value)
    assert made == value
    assert repr(made) == repr(value)


@given(json_values)
def test_any_plain_value_passes_unchanged(value: Any) -> None:
    assert coerce([parameter("any")], {"x": value}, from_text=False) == {"x": value}


TYPED = {
    "int": st.integers(),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "str": st.text(),
    "date": st.dates(),
    "datetime": st.datetimes(timezones=st.sampled_from([None, UTC])),
}


@given(st.sampled_from(sorted(TYPED)).flatmap(lambda kind: st.tuples(st.just(kind), TYPED[kind])))
def test_values_come_back_from_papermill_typed(kind_and_value: tuple[str, Any]) -> None:
    kind, value = kind_and_value
    stored = json.loads(json.dumps(papermill_values({"x": value}), allow_nan=False))
    assert coerce([parameter(kind)], stored, from_text=False) == {"x": value}


def test_papermill_gets_only_what_json_can_say() -> None:
    values = {
        "a": date(2026, 1, 31),
        "b": [math.nan, (1, Path("x"))],
        "c": {"k": -math.inf},
        "d": {2, 1},
    }
    assert papermill_values(values) == {
        "a": "2026-01-31",
        "b": ["nan", [1, "x"]],
        "c": {"k": "-inf"},
        "d": [1, 2],
    }


MAKERS: list[tuple[str, str, Any, str]] = [
    ("import datetime as dt", "dt.date(2020, 1, 1)", date(2026, 1, 31), "dt.date(2026, 1, 31)"),
    ("from datetime import date", "date.today()", date(2026, 1, 31), "date(2026, 1, 31)"),
    (
        "from datetime import date",
        "date.fromisoformat('2020-01-01')",
        date(2026, 1, 31),
        "date.fromisoformat('2026-01-31')",
    ),
    (
        "from datetime import datetime",
        "datetime(2020, 1, 1)",
        datetime(2026, 1, 31, 6),
        "datetime(2026, 1, 31, 6, 0)",
    ),
    ("from pathlib import Path", "Path('data')", "new data", "Path('new data')"),
    ("", "(1, 2)", [3], "(3,)"),
    ("", "{1}", [3], "{3}"),
    ("", "set()", [3], "{3}"),
    ("", "frozenset([1])", [3], "frozenset({3})"),
    ("", "'text'", "new", "'new'"),
    ("", "[1]", [2], "[2]"),
    ("", "str(5)", "new", "'new'"),
]


@pytest.mark.parametrize(
    ("imports", "default", "value", "written"), MAKERS, ids=[m[1] for m in MAKERS]
)
def test_a_value_is_made_as_the_author_makes_the_default(
    imports: str, default: str, value: Any, written: str
) -> None:
    author = cell(f"{imports}\nx = {default}")
    source = injected_source(author, {"x": value})
    assert source == f"# Parameters\nx = {written}\n"
    namespace: dict[str, Any] = {}
    exec(author.source, namespace)
    kind = type(namespace["x"])
    exec(source, namespace)
    assert type(namespace["x"]) is kind


@pytest.mark.parametrize(
    ("source", "value", "written"),
    [
        (
            "x = pd.Timestamp('2020-01-01')",
            datetime(2026, 1, 31),
            "pd.Timestamp('2026-01-31T00:00:00')",
        ),
        (
            "x = pd.Timestamp('2020-01-01')",
            datetime(2026, 1, 31, tzinfo=UTC),
            f"pd.Timestamp({python_literal(datetime(2026, 1, 31, tzinfo=UTC))})",
        ),
        ("x: Path", "data", "Path('data')"),
        ("x: Path | None = None", "data", "Path('data')"),
        ("x: tuple[int, ...]", [1], "(1,)"),
        ("x: pd.Timestamp", datetime(2026, 1, 31), "pd.Timestamp('2026-01-31T00:00:00')"),
        (
            "x = launch().date(2020, 1, 1)",
            date(2026, 1, 31),
            '__import__("datetime").date(2026, 1, 31)',
        ),
        ("not python", 1, "1"),
    ],
)
def test_annotations_and_foreign_constructors_are_minded(
    source: str, value: Any, written: str
) -> None:
    assert injected_source(cell(source), {"x": value}) == f"# Parameters\nx = {written}\n"


@pytest.mark.parametrize(
    "name",
    [
        "x y",
        "x;import os",
        "x=1",
        "",
        "class",
        "../x",
        "x\n",
        "os.system",
        "-",
        "1x",
        "{x}",
        "s3://b",
    ],
)
def test_c72_a_malicious_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a parameter") as caught:
        coerce([parameter("int")], {name: "1"}, from_text=True)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["__import__", "print", "__builtins__", "pm"])
def test_c72_a_name_that_the_notebook_does_not_set_is_never_injected(name: str) -> None:
    with pytest.raises(UsageError, match="unknown parameter"):
        coerce([parameter("int")], {name: "1"}, from_text=True)
