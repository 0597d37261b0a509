"""A data check: SQL that returns one row for each problem, as `check` cells have it."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from nbflow.core.recipe import Choice, Field, NewCell, Recipe, Scene, Written
from nbflow.core.table import Column
from nbflow.recipes import sql
from nbflow.recipes.form import Form
from nbflow.recipes.names import free_step_name
from nbflow.recipes.python import SQL, preparation

_NOTE: Final = "-- One row for each problem; no row, no complaint."

CHECK: Final = Recipe(
    name="check",
    title="Check the data",
    help="Stop, or warn, when a table is not as it should be",
    icon="check",
    fields=(
        Field(name="table", label="Table", type="table", required=True),
        Field(
            name="expectations",
            label="It is right if",
            type="list",
            required=True,
            fields=(
                Field(
                    name="kind",
                    label="Expectation",
                    type="choice",
                    required=True,
                    default="present",
                    choices=(
                        Choice(value="present", label="no value is missing in"),
                        Choice(value="unique", label="no two rows are equal in"),
                        Choice(value="range", label="values are within limits in"),
                        Choice(value="values", label="only known values are in"),
                        Choice(value="rows", label="the number of rows is within limits"),
                        Choice(value="fresh", label="the newest day is recent in"),
                    ),
                ),
                Field(
                    name="columns",
                    label="Columns",
                    type="columns",
                    of="table",
                    required=True,
                    when={"kind": ("present", "unique")},
                ),
                Field(
                    name="column",
                    label="Column",
                    type="column",
                    of="table",
                    required=True,
                    when={"kind": ("range", "values", "fresh")},
                ),
                Field(name="low", label="At least", when={"kind": ("range", "rows")}),
                Field(name="high", label="At most", when={"kind": ("range", "rows")}),
                Field(
                    name="values",
                    label="Values",
                    required=True,
                    help="Separated by commas",
                    when={"kind": ("values",)},
                ),
                Field(
                    name="days",
                    label="Days old at most",
                    type="number",
                    required=True,
                    default=1,
                    when={"kind": ("fresh",)},
                ),
                Field(
                    name="today",
                    label="Counted from",
                    help="A date such as $day; empty: the day of the run",
                    when={"kind": ("fresh",)},
                ),
            ),
        ),
        Field(
            name="failing",
            label="If something is wrong",
            type="choice",
            default="stop",
            choices=(
                Choice(value="stop", label="stop what comes after"),
                Choice(value="warn", label="warn and go on"),
            ),
        ),
    ),
)


def write_check(form: Form, scene: Scene) -> Written:
    """One SELECT for each expectation, joined by UNION ALL."""
    name = form.text("table")
    queries: list[sql.Query] = []
    for row in form.rows("expectations"):
        queries.extend(_problems(row, name, form.columns_of("table"), first=not queries))
    query = "\nUNION ALL\n".join(str(each) for each in queries)
    step = free_step_name(f"{name} is right", scene.steps)
    tag = "check:warn" if form.text("failing") == "warn" else "check"
    cell = NewCell(source=f"%%sql\n{_NOTE}\n{query}", tags=(tag, f"step:{step}"))
    return Written(cells=(*preparation(scene, SQL), cell), preview=query)


def _problems(
    row: Form, table: str, columns: Sequence[Column], *, first: bool
) -> Iterator[sql.Query]:
    for problem, count, condition, having in _expected(row, columns):
        head = (sql.text(problem), count)
        named = (sql.named(head[0], "problem"), sql.named(head[1], "rows"))
        yield sql.Query(
            columns=named if first else head,
            sources=(sql.from_table(table),),
            conditions=() if condition is None else (condition,),
            having=having,
        )
        first = False


_Problem = tuple[str, exp.Expression, exp.Expression | None, exp.Expression]
"""What is wrong, how often, the rows that are wrong, and when there are too many of them."""


def _expected(row: Form, columns: Sequence[Column]) -> Iterator[_Problem]:
    match row.text("kind"):
        case "present":
            for name in row.texts("columns"):
                missing = exp.Is(this=sql.column(name), expression=exp.Null())
                yield _wrong_rows(f"{name} is missing", missing)
        case "unique":
            yield _repeated(row.texts("columns"))
        case "range":
            yield from _outside(row, sql.type_of(row.text("column"), columns))
        case "values":
            yield _unknown(row, sql.type_of(row.text("column"), columns))
        case "rows":
            yield from _row_count(row)
        case "fresh":
            yield _stale(row)


_ALL: Final = sql.function("count", exp.Star())


def _wrong_rows(problem: str, condition: exp.Expression) -> _Problem:
    some = exp.GT(this=_ALL.copy(), expression=sql.number(0))
    return problem, _ALL.copy(), condition, some


def _repeated(names: Sequence[str]) -> _Problem:
    columns = [sql.column(name) for name in names]
    this: exp.Expression = columns[0] if len(columns) == 1 else exp.Tuple(expressions=columns)
    every = sql.function("count", columns[0] if len(columns) == 1 else exp.Star())
    different = sql.function("count", exp.Distinct(expressions=[this]))
    surplus = exp.Sub(this=every, expression=different)
    more = exp.GT(this=every.copy(), expression=different.copy())
    return f"{', '.join(names)} not unique", surplus, None, more


def _outside(row: Form, kind: str) -> Iterator[_Problem]:
    name, low, high = (row.text(word) for word in ("column", "low", "high"))
    this = sql.column(name)
    if low and high:
        between = exp.Between(this=this, low=row.value("low", kind), high=row.value("high", kind))
        yield _wrong_rows(f"{name} is not between {low} and {high}", exp.Not(this=between))
    elif low:
        less = exp.LT(this=this, expression=row.value("low", kind))
        yield _wrong_rows(f"{name} is less than {low}", less)
    elif high:
        more = exp.GT(this=this, expression=row.value("high", kind))
        yield _wrong_rows(f"{name} is more than {high}", more)
    else:
        row.complain("low", "give at least one limit")


def _unknown(row: Form, kind: str) -> _Problem:
    name = row.text("column")
    known = exp.In(this=sql.column(name), expressions=row.values("values", kind))
    return _wrong_rows(f"{name} is none of {row.text('values')}", exp.Not(this=known))


def _row_count(row: Form) -> Iterator[_Problem]:
    limits = (("low", "fewer", exp.LT), ("high", "more", exp.GT))
    given = [each for each in limits if row.text(each[0])]
    if not given:
        row.complain("low", "give at least one limit")
    for name, word, compare in given:
        limit = row.value(name, "BIGINT")
        problem = f"there are {word} than {row.text(name)} rows"
        yield problem, _ALL.copy(), None, compare(this=_ALL.copy(), expression=limit)


def _stale(row: Form) -> _Problem:
    name, days = row.text("column"), row.whole("days") or 0
    newest = exp.cast(sql.function("max", sql.column(name)), "DATE")
    today: exp.Expression = exp.var("current_date")
    if row.text("today"):
        given = row.value("today", "DATE")
        today = exp.cast(given, "DATE") if isinstance(given, exp.Parameter) else given
    first_good = exp.Sub(this=today, expression=sql.number(days)) if days else today
    old = exp.LT(this=newest, expression=first_good)
    # Without rows there is no newest day: that is not recent either.
    stale = sql.function("coalesce", old, exp.Boolean(this=True))
    return f"the newest {name} is more than {days} days old", _ALL.copy(), None, stale
