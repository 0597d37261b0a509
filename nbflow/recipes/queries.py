"""Queries: written by hand, or made of choices: filter, join, aggregate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nbflow.core.recipe import Choice, Field, NewCell, Recipe, Scene, Written
from nbflow.core.table import Column
from nbflow.recipes import sql
from nbflow.recipes.form import Form
from nbflow.recipes.names import as_identifier
from nbflow.recipes.python import SQL, preparation

_NAME: Final = Field(name="name", label="Name of the result", help="Empty: a name is made")
_TABLE: Final = Field(name="table", label="Table", type="table", required=True)
_NO_QUERIES: Final = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Copy,
)

QUERY: Final = Recipe(
    name="query",
    title="SQL query",
    help="Any query over tables, DataFrames and files",
    icon="sql",
    fields=(
        Field(
            name="sql",
            label="Query",
            type="sql",
            required=True,
            help="$name is the value of a Python variable",
        ),
        _NAME,
    ),
)

FILTER: Final = Recipe(
    name="filter",
    title="Filter rows",
    help="Keep the rows and columns that you need, in order",
    icon="filter",
    fields=(
        _TABLE,
        Field(
            name="conditions",
            label="Keep rows where",
            type="list",
            fields=(
                Field(name="column", label="Column", type="column", of="table", required=True),
                Field(
                    name="operator",
                    label="Condition",
                    type="choice",
                    required=True,
                    default="is",
                    choices=(
                        Choice(value="is", label="is"),
                        Choice(value="is not", label="is not"),
                        Choice(value="<", label="is less than"),
                        Choice(value="<=", label="is at most"),
                        Choice(value=">", label="is more than"),
                        Choice(value=">=", label="is at least"),
                        Choice(value="in", label="is one of"),
                        Choice(value="contains", label="contains"),
                        Choice(value="starts with", label="starts with"),
                        Choice(value="missing", label="is missing"),
                        Choice(value="present", label="is not missing"),
                    ),
                ),
                Field(
                    name="value",
                    label="Value",
                    required=True,
                    help="$name is a Python variable; commas separate several values",
                    when={
                        "operator": (
                            "is", "is not", "<", "<=", ">", ">=", "in", "contains", "starts with",
                        )
                    },
                ),
            ),
        ),
        Field(
            name="match",
            label="Rows must meet",
            type="choice",
            default="all",
            choices=(
                Choice(value="all", label="all conditions"),
                Choice(value="any", label="any condition"),
            ),
        ),
        Field(name="columns", label="Columns", type="columns", of="table", help="None: all"),
        Field(
            name="order",
            label="Sort by",
            type="list",
            fields=(
                Field(name="column", label="Column", type="column", of="table", required=True),
                Field(name="descending", label="Largest first", type="boolean", default=False),
            ),
        ),
        Field(name="limit", label="At most so many rows", type="number"),
        _NAME,
    ),
)  # fmt: skip

JOIN: Final = Recipe(
    name="join",
    title="Join two tables",
    help="Put the columns of two tables side by side where their keys agree",
    icon="join",
    fields=(
        Field(name="left", label="Table", type="table", required=True),
        Field(name="right", label="Join with", type="table", required=True),
        Field(
            name="kind",
            label="Keep",
            type="choice",
            default="left",
            choices=(
                Choice(value="left", label="all rows of the first table"),
                Choice(value="inner", label="only rows found in both"),
                Choice(value="full", label="all rows of both"),
                Choice(value="semi", label="rows of the first that have a match"),
                Choice(value="anti", label="rows of the first that have no match"),
            ),
        ),
        Field(
            name="keys",
            label="Where",
            type="list",
            required=True,
            fields=(
                Field(name="left", label="Column", type="column", of="left", required=True),
                Field(
                    name="right",
                    label="Equals",
                    type="column",
                    of="right",
                    help="Empty: the column of the same name",
                ),
            ),
        ),
        Field(
            name="columns",
            label="Columns of the second table",
            type="columns",
            of="right",
            help="None: all",
            when={"kind": ("left", "inner", "full")},
        ),
        _NAME,
    ),
)

AGGREGATE: Final = Recipe(
    name="aggregate",
    title="Group and summarise",
    help="Counts, sums and averages for each group",
    icon="aggregate",
    fields=(
        _TABLE,
        Field(
            name="by",
            label="For each",
            type="columns",
            of="table",
            help="None: one row for the whole table",
        ),
        Field(
            name="measures",
            label="Work out",
            type="list",
            required=True,
            fields=(
                Field(
                    name="function",
                    label="What",
                    type="choice",
                    required=True,
                    default="sum",
                    choices=(
                        Choice(value="rows", label="number of rows"),
                        Choice(value="distinct", label="number of different"),
                        Choice(value="sum", label="sum of"),
                        Choice(value="mean", label="average of"),
                        Choice(value="median", label="median of"),
                        Choice(value="min", label="smallest"),
                        Choice(value="max", label="largest"),
                    ),
                ),
                Field(
                    name="column",
                    label="Column",
                    type="column",
                    of="table",
                    required=True,
                    when={"function": ("distinct", "sum", "mean", "median", "min", "max")},
                ),
                Field(name="name", label="As", help="Empty: a name is made"),
            ),
        ),
        _NAME,
    ),
)


def _cell(scene: Scene, name: str, query: str) -> Written:
    cell = NewCell(source=f"%%sql {name}\n{query}")
    return Written(cells=(*preparation(scene, SQL), cell), preview=query)


# -- by hand


def write_query(form: Form, scene: Scene) -> Written:
    """The query as it was typed."""
    query = form.text("sql").rstrip(";").rstrip()
    if query.startswith("%"):
        form.complain("sql", "write the query alone: the line with %%sql is put above it")
    else:
        _look_at(query, form)
    return _cell(scene, form.result_name("name", "result"), query)


def _look_at(query: str, form: Form) -> None:
    try:
        statements = [one for one in sqlglot.parse(query, dialect="duckdb") if one is not None]
    except (SqlglotError, RecursionError):
        return  # DuckDB understands more than sqlglot; it has its say in the preview
    if not statements:
        form.complain("sql", "there is only a comment")
    elif isinstance(statements[-1], _NO_QUERIES):
        form.complain("sql", "the last statement has no result", hint="end with a SELECT")


# -- filter


def write_filter(form: Form, scene: Scene) -> Written:
    """SELECT … FROM … WHERE … ORDER BY … LIMIT."""
    name, columns = form.text("table"), form.columns_of("table")
    query = sql.Query(
        columns=tuple(sql.column(each) for each in form.texts("columns")) or (exp.Star(),),
        sources=(sql.from_table(name),),
        conditions=tuple(_condition(row, columns) for row in form.rows("conditions")),
        match="OR" if form.text("match") == "any" else "AND",
        order=tuple(_order(row) for row in form.rows("order")),
        limit=form.whole("limit"),
    )
    if form.whole("limit") is not None and not form.rows("order"):
        form.complain(
            "limit",
            "which rows these are is left to chance",
            hint="sort the rows, so that the same ones come each time",
            severity="warning",
        )
    return _cell(scene, form.result_name("name", f"{as_identifier(name)}_selected"), str(query))


def _order(row: Form) -> str:
    direction = " DESC" if row.boolean("descending") else ""
    return sql.text_of(sql.column(row.text("column"))) + direction


_COMPARISONS: Final[Mapping[str, Callable[..., exp.Expression]]] = {
    "is": exp.EQ,
    "is not": exp.NullSafeNEQ,  # `<>` would drop the rows without a value, too
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}


def _condition(row: Form, columns: Sequence[Column]) -> exp.Expression:
    name, operator = row.text("column"), row.text("operator")
    this, kind = sql.column(name), sql.type_of(name, columns)
    match operator:
        case "missing":
            return exp.Is(this=this, expression=exp.Null())
        case "present":
            return exp.Is(this=this, expression=exp.Not(this=exp.Null()))
        case "contains":
            return sql.function("contains", this, row.value("value", "VARCHAR"))
        case "starts with":
            return sql.function("starts_with", this, row.value("value", "VARCHAR"))
        case "in":
            return exp.In(this=this, expressions=row.values("value", kind))
        case _:
            compare = _COMPARISONS.get(operator, exp.EQ)
            return compare(this=this, expression=row.value("value", kind))


# -- join

_JOINS: Final = {
    "left": "LEFT JOIN",
    "inner": "JOIN",
    "full": "FULL JOIN",
    "semi": "SEMI JOIN",
    "anti": "ANTI JOIN",
}


def write_join(form: Form, scene: Scene) -> Written:
    """FROM … JOIN … USING, or ON where the keys have two names."""
    left, right = form.text("left"), form.text("right")
    keys = tuple(
        (row.text("left"), row.text("right") or row.text("left")) for row in form.rows("keys")
    )
    if left == right:
        form.complain("right", "choose another table than the first")
    _check_keys(form, keys)
    word = _JOINS.get(form.text("kind"), "LEFT JOIN")
    query = sql.Query(
        columns=_joined_columns(form, keys),
        sources=(sql.from_table(left), f"{word} {sql.text_of(sql.table(right))} {_on(form, keys)}"),
    )
    wish = f"{as_identifier(left)}_with_{as_identifier(right)}"
    return _cell(scene, form.result_name("name", wish), str(query))


def _key(row: Form) -> tuple[str, str]:
    return row.text("left"), row.text("right") or row.text("left")


def _check_keys(form: Form, keys: Sequence[tuple[str, str]]) -> None:
    """Text never equals a number, and DuckDB would only say so in the run."""
    types = [
        (sql.type_of(a, form.columns_of("left")), sql.type_of(b, form.columns_of("right")))
        for a, b in keys
    ]
    known = {column.name for column in form.columns_of("right")}
    for number, ((one, other), (_, name)) in enumerate(zip(types, keys, strict=True)):
        if known and name not in known:
            form.complain(f"keys.{number}.right", f"there is no column {name} in the second table")
        elif one and other and sql.is_number(one) != sql.is_number(other):
            form.complain(
                f"keys.{number}.right", f"{one} is compared with {other}", severity="warning"
            )


def _same(keys: Sequence[tuple[str, str]]) -> bool:
    return all(left == right for left, right in keys)


def _on(form: Form, keys: Sequence[tuple[str, str]]) -> str:
    if _same(keys):
        return f"USING ({', '.join(sql.text_of(sql.column(left)) for left, _ in keys)})"
    pairs = (
        exp.EQ(
            this=sql.column(left, form.text("left")),
            expression=sql.column(right, form.text("right")),
        )
        for left, right in keys
    )
    return "ON " + " AND ".join(sql.text_of(pair) for pair in pairs)


def _joined_columns(form: Form, keys: Sequence[tuple[str, str]]) -> tuple[exp.Expression, ...]:
    """All of the first table, and of the second what is asked for; no name comes twice."""
    if form.text("kind") in ("semi", "anti"):
        return (exp.Star(),)
    right = form.text("right")
    there = {column.name.casefold() for column in form.columns_of("left")}
    wanted = form.texts("columns") or tuple(each.name for each in form.columns_of("right"))
    shared = {other.casefold() for one, other in keys if one == other} if _same(keys) else set()
    more = [name for name in wanted if name.casefold() not in shared]
    plain = not form.texts("columns") and not any(name.casefold() in there for name in more)
    if plain and _same(keys):
        return (exp.Star(),)
    return (*_of_first(form, keys), *(_from_second(name, right, there) for name in more))


def _of_first(form: Form, keys: Sequence[tuple[str, str]]) -> tuple[exp.Expression, ...]:
    """All columns of the first table. In a FULL JOIN … USING its own keys would be missing where
    only the second table has the row; there the keys that both share are named."""
    left = form.text("left")
    if form.text("kind") != "full" or not _same(keys):
        return (exp.Column(this=exp.Star(), table=sql.identifier(left)),)
    names = [each.name for each in form.columns_of("left")]
    if not names:
        form.complain("columns", f"run the notebook first: the columns of {left} are not known yet")
    shared = {one for one, _ in keys}
    rest = (sql.column(name, left) for name in names if name not in shared)
    return (*(sql.column(one) for one, _ in keys), *rest)


def _from_second(name: str, right: str, there: set[str]) -> exp.Expression:
    this = sql.column(name, right)
    return sql.named(this, f"{right}_{name}") if name.casefold() in there else this


# -- aggregate

_FUNCTIONS: Final = {"sum": "sum", "mean": "avg", "median": "median", "min": "min", "max": "max"}
_MEASURED: Final = {"rows": "row_count", "distinct": "different"}


def write_aggregate(form: Form, scene: Scene) -> Written:
    """SELECT keys, measures FROM … GROUP BY keys ORDER BY keys."""
    name, by, columns = form.text("table"), form.texts("by"), form.columns_of("table")
    keys = tuple(sql.column(each) for each in by)
    taken = set(by)
    measures = tuple(_measure(row, columns, taken) for row in form.rows("measures"))
    query = sql.Query(
        columns=(*keys, *measures),
        sources=(sql.from_table(name),),
        group=keys,
        order=tuple(sql.text_of(key) for key in keys),
    )
    wish = (
        f"{as_identifier(name)}_by_{as_identifier(by[0])}" if by else f"{as_identifier(name)}_total"
    )
    return _cell(scene, form.result_name("name", wish), str(query))


def _measure(row: Form, columns: Sequence[Column], taken: set[str]) -> exp.Expression:
    function, name = row.text("function"), row.text("column")
    label = row.text("name") or _label(function, name)
    if label in taken and row.text("name"):
        row.complain("name", f"there is already a column {label}")
    while label in taken:
        label += "_2"
    taken.add(label)
    return sql.named(_worked_out(function, name, sql.type_of(name, columns)), label)


def _label(function: str, column: str) -> str:
    if function == "rows":
        return _MEASURED["rows"]
    return f"{column}_{_MEASURED.get(function, function)}"


def _worked_out(function: str, name: str, kind: str) -> exp.Expression:
    if function == "rows":
        return sql.function("count", exp.Star())
    this = sql.column(name)
    if function == "distinct":
        return sql.function("count", exp.Distinct(expressions=[this]))
    call = sql.function(_FUNCTIONS.get(function, "sum"), this)
    # A sum of whole numbers is a HUGEINT, which pandas would see as a float.
    return exp.cast(call, "BIGINT") if function == "sum" and sql.is_whole(kind) else call
