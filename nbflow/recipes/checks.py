"""A data check: SQL that returns one row for each problem, as `check` cells have it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from nbflow.core.recipe import Choice, Field, NewCell, Recipe, Scene, Written
from nbflow.core.table import Column
from nbflow.recipes import sql
from nbflow.recipes.form import Form
from nbflow.recipes.names import as_identifier, free_name, free_step_name
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
                        Choice(value="pattern", label="texts match a pattern in"),
                        Choice(value="found", label="another table has the values of"),
                        Choice(value="holds", label="a condition holds in every row"),
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
                    when={"kind": ("range", "values", "pattern", "found", "fresh")},
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
                    name="pattern",
                    label="Pattern",
                    required=True,
                    help="A regular expression for the whole text, such as [A-Z]{2}-[0-9]+",
                    when={"kind": ("pattern",)},
                ),
                Field(
                    name="other",
                    label="Other table",
                    type="table",
                    required=True,
                    when={"kind": ("found",)},
                ),
                Field(
                    name="key",
                    label="Its column",
                    type="column",
                    of="other",
                    help="Empty: the column of the same name",
                    when={"kind": ("found",)},
                ),
                Field(
                    name="condition",
                    label="Condition",
                    required=True,
                    help="In SQL, such as shipped >= ordered; $name is a Python variable",
                    when={"kind": ("holds",)},
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What is wrong, how often, the rows that are wrong, and when there are too many of them.
    `joined`: the line that brings another table in."""

    said: str
    count: exp.Expression
    condition: exp.Expression | None = None
    having: exp.Expression
    joined: str | None = None


def _problems(
    row: Form, table: str, columns: Sequence[Column], *, first: bool
) -> Iterator[sql.Query]:
    for problem in _expected(row, table, columns):
        head = (sql.text(problem.said), problem.count)
        named = (sql.named(head[0], "problem"), sql.named(head[1], "rows"))
        yield sql.Query(
            columns=named if first else head,
            sources=tuple(filter(None, (sql.from_table(table), problem.joined))),
            conditions=() if problem.condition is None else (problem.condition,),
            having=problem.having,
        )
        first = False


def _expected(row: Form, table: str, columns: Sequence[Column]) -> Iterator[_Problem]:
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
        case "pattern":
            yield _unlike(row, sql.type_of(row.text("column"), columns))
        case "found":
            yield _orphaned(row, table)
        case "holds":
            yield _untrue(row)
        case "rows":
            yield from _row_count(row)
        case "fresh":
            yield _stale(row)


_ALL: Final = sql.function("count", exp.Star())


def _wrong_rows(said: str, condition: exp.Expression, *, joined: str | None = None) -> _Problem:
    some = exp.GT(this=_ALL.copy(), expression=sql.number(0))
    return _Problem(said=said, count=_ALL.copy(), condition=condition, having=some, joined=joined)


def _repeated(names: Sequence[str]) -> _Problem:
    columns = [sql.column(name) for name in names]
    this: exp.Expression = columns[0] if len(columns) == 1 else exp.Tuple(expressions=columns)
    every = sql.function("count", columns[0] if len(columns) == 1 else exp.Star())
    different = sql.function("count", exp.Distinct(expressions=[this]))
    surplus = exp.Sub(this=every, expression=different)
    more = exp.GT(this=every.copy(), expression=different.copy())
    return _Problem(said=f"{', '.join(names)} not unique", count=surplus, having=more)


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


def _unlike(row: Form, kind: str) -> _Problem:
    name, pattern = row.text("column"), row.text("pattern")
    this: exp.Expression = sql.column(name)
    if kind and not kind.upper().startswith("VARCHAR"):
        this = exp.cast(this, "VARCHAR")
    match = sql.function("regexp_full_match", this, sql.text(pattern))
    return _wrong_rows(f"{name} does not match {pattern}", exp.Not(this=match))


def _orphaned(row: Form, table: str) -> _Problem:
    """Values that the other table does not have; what is missing refers to nothing."""
    name, other = row.text("column"), row.text("other")
    key = row.text("key") or name
    known = [column.name for column in row.columns_of("other")]
    if known and key not in known:
        row.complain("key", f"there is no column {key} in {other}")
    alias = free_name(f"{as_identifier(other)}_all", {table}) if other == table else None
    source = sql.text_of(sql.table(other)) + (f" AS {alias}" if alias else "")
    same = exp.EQ(this=sql.column(key, alias or other), expression=sql.column(name, table))
    return _wrong_rows(
        f"{name} is not in {other}",
        exp.Is(this=sql.column(name, table), expression=exp.Not(this=exp.Null())),
        joined=f"ANTI JOIN {source} ON {sql.text_of(same)}",
    )


def _untrue(row: Form) -> _Problem:
    given = row.text("condition")
    try:
        condition, variables = sql.condition(given)
    except sql.BadValue as error:
        row.complain("condition", str(error))
        condition, variables = exp.Null(), ()
    for name in variables:
        row.check_variable("condition", name)
    return _wrong_rows(f"not true: {given}", exp.Not(this=exp.Paren(this=condition)))


def _row_count(row: Form) -> Iterator[_Problem]:
    limits = (("low", "fewer", exp.LT), ("high", "more", exp.GT))
    given = [each for each in limits if row.text(each[0])]
    if not given:
        row.complain("low", "give at least one limit")
    for name, word, compare in given:
        limit = row.value(name, "BIGINT")
        problem = f"there are {word} than {row.text(name)} rows"
        many = compare(this=_ALL.copy(), expression=limit)
        yield _Problem(said=problem, count=_ALL.copy(), having=many)


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
    said = f"the newest {name} is more than {days} days old"
    return _Problem(said=said, count=_ALL.copy(), having=stale)
