"""SQL as one writes it by hand: names quoted where they must be, clauses on lines of their own.

Every identifier and every value goes through sqlglot's nodes here; nothing else in this folder puts
a given text into SQL.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nbflow.core.table import Column

_LONGEST_LINE: Final = 88
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*", re.I | re.ASCII)
_PARAMETER: Final = re.compile(r"\$([^\W\d]\w*)")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.I | re.ASCII)
_INTEGERS: Final = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | {"INTEGER", "UINTEGER"}
_FLOATS: Final = frozenset({"FLOAT", "DOUBLE"})
_BOOLEANS: Final = {"true": True, "yes": True, "false": False, "no": False}

_WORDS: Final = """
all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint
binary bit boolean both by case cast char character check coalesce collate collation column
columns concurrently constraint create cross dec decimal default deferrable desc describe
distinct do else end except exists extract false fetch float for foreign freeze from full
generated glob group grouping grouping_id having ilike in initially inner inout int integer
intersect interval into is isnull join lambda lateral leading left like limit map national
natural nchar none not notnull null nullif numeric offset on only or order out outer overlaps
overlay pivot pivot_longer pivot_wider placing position positional precision primary qualify
real references returning right row select semi setof show similar smallint some struct
substring summarize symmetric table tablesample then time timestamp to trailing treat trim true
try_cast tuple union unique unpack unpivot using values varchar variadic verbose when where
window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi
xmlroot xmlserialize xmltable
"""

RESERVED: Final = frozenset(_WORDS.split())
"""The words of DuckDB that cannot always stand as a name without quotes."""


class BadValue(ValueError):
    """A value that does not fit its column."""


def identifier(name: str) -> exp.Identifier:
    """A name, in quotes only where it needs them.

    >>> text_of(identifier("sku")), text_of(identifier("unit price")), text_of(identifier("Order"))
    ('sku', '"unit price"', '"Order"')
    """
    plain = _PLAIN.fullmatch(name) is not None and name.lower() not in RESERVED
    return exp.to_identifier(name, quoted=not plain)


def column(name: str, table: str | None = None) -> exp.Column:
    """A column, with its table if that is given."""
    return exp.Column(this=identifier(name), table=identifier(table) if table else None)


def table(name: str) -> exp.Table:
    """A table by its name."""
    return exp.Table(this=identifier(name))


def file_table(path: str) -> exp.Table:
    """A file to select from, as DuckDB reads it by its name.

    >>> text_of(file_table("data/it's.csv"))
    "'data/it''s.csv'"
    """
    return exp.Table(this=exp.Literal.string(path))


def function(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A call of a DuckDB function, by its name as it is written."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def named(expression: exp.Expression, name: str) -> exp.Expression:
    """`expression AS name`."""
    return exp.Alias(this=expression, alias=identifier(name))


def text(value: str) -> exp.Expression:
    """A text literal."""
    return exp.Literal.string(value)


def number(value: float) -> exp.Expression:
    """A number.

    >>> text_of(number(5)), text_of(number(-0.5))
    ('5', '-0.5')
    """
    whole = isinstance(value, int) or value.is_integer()
    return exp.Literal.number(int(value) if whole else value)


def parameter_of(given: str) -> str | None:
    """The name in `$name`, which stands for the value of a Python variable.

    >>> parameter_of("$day"), parameter_of("5 $")
    ('day', None)
    """
    found = _PARAMETER.fullmatch(given.strip())
    return found[1] if found else None


def value(given: str, kind: str) -> exp.Expression:
    """A value that a person typed, for a column of that type: `$name` is bound, never text.

    >>> [text_of(value("5", kind)) for kind in ("INTEGER", "VARCHAR", "")]
    ['5', "'5'", '5']
    >>> text_of(value("2026-03-01", "DATE")), text_of(value("$day", "DATE"))
    ("DATE '2026-03-01'", '$day')

    Raises:
        BadValue: the text is no value of that type; the message says what is.
    """
    name = parameter_of(given)
    if name is not None:
        return exp.Parameter(this=exp.var(name))
    clean, base = given.strip(), kind.upper().partition("(")[0].strip()
    if base in _INTEGERS or base in _FLOATS or base == "DECIMAL":
        return _numeric(clean)
    if base == "BOOLEAN":
        return _boolean(clean)
    if base == "DATE":
        return _moment(clean, "DATE", date.fromisoformat, "2026-03-14")
    if base.startswith("TIMESTAMP"):
        word = "TIMESTAMPTZ" if "TIME ZONE" in base or base == "TIMESTAMPTZ" else "TIMESTAMP"
        return _moment(clean, word, datetime.fromisoformat, "2026-03-14 18:30")
    if not base and _NUMBER.fullmatch(clean):
        return exp.Literal.number(clean)
    return text(given)


def condition(given: str) -> tuple[exp.Expression, tuple[str, ...]]:
    """A condition that a person wrote, as it was written, and the Python variables in it.

    >>> words, names = condition("len(a) > 3 and day = $day")
    >>> text_of(words), names
    ('len(a) > 3 and day = $day', ('day',))

    Raises:
        BadValue: it is no condition.
    """
    try:
        query = sqlglot.parse_one(f"SELECT 1 WHERE {given}", dialect="duckdb")
    except (SqlglotError, RecursionError):
        raise BadValue("this is no condition in SQL") from None
    where = query.args.get("where")
    alone = isinstance(query, exp.Select) and {k for k, v in query.args.items() if v} <= _WHERE
    if where is None or not alone or any(where.find_all(exp.AggFunc)):
        raise BadValue("write one condition about a row, such as amount > 0")
    if any(node.comments for node in query.walk()):
        raise BadValue("write it without a comment")
    variables = where.find_all(exp.Parameter, exp.Placeholder)
    return exp.var(given), tuple(each.name for each in variables)


_WHERE: Final = frozenset({"kind", "expressions", "where"})
"""The parts of `SELECT 1 WHERE …`."""


def _numeric(clean: str) -> exp.Expression:
    if _NUMBER.fullmatch(clean) is None:
        raise BadValue(f"{clean!r} is not a number")
    return exp.Literal.number(clean)


def _boolean(clean: str) -> exp.Expression:
    if clean.lower() not in _BOOLEANS:
        raise BadValue("write true or false")
    return exp.Boolean(this=_BOOLEANS[clean.lower()])


def _moment(clean: str, word: str, parse: Callable[[str], object], example: str) -> exp.Expression:
    try:
        parse(clean)
    except ValueError:
        raise BadValue(f"write it as {example}") from None
    return _Typed(this=text(clean), word=word)


class _Typed(exp.Expression):
    """`DATE '2026-03-14'`, which sqlglot would write as a CAST."""

    arg_types = {"this": True, "word": True}  # noqa: RUF012 - sqlglot's own way


def is_number(kind: str) -> bool:
    """Whether a column of that type is numeric; one of an unknown type is not."""
    base = kind.upper().partition("(")[0].strip()
    return base in _INTEGERS or base in _FLOATS or base == "DECIMAL"


def is_whole(kind: str) -> bool:
    """Whether a column of that type holds whole numbers."""
    return kind.upper().strip() in _INTEGERS


def type_of(name: str, columns: Sequence[Column]) -> str:
    """The type of a column; empty where nobody knows it."""
    return next((each.type for each in columns if each.name == name), "")


def text_of(expression: exp.Expression) -> str:
    """One expression on one line, in DuckDB's words."""
    return expression.transform(_spelled).sql(dialect="duckdb", normalize_functions=False)


def _spelled(node: exp.Expression) -> exp.Expression:
    return (
        exp.var(f"{node.args['word']} {node.this.sql('duckdb')}")
        if isinstance(node, _Typed)
        else node
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A SELECT by its clauses. `sources` are FROM and the JOINs, each a line; conditions are joined
    by `match` (AND, OR)."""

    columns: tuple[exp.Expression, ...] = (exp.Star(),)
    sources: tuple[str, ...]
    conditions: tuple[exp.Expression, ...] = ()
    match: str = "AND"
    group: tuple[exp.Expression, ...] = ()
    having: exp.Expression | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None

    def __str__(self) -> str:
        """The text, laid out."""
        lines = [_laid_out("SELECT ", [text_of(each) for each in self.columns]), *self.sources]
        if self.conditions:
            texts = [text_of(each) for each in self.conditions]
            indent = {"AND": "  AND ", "OR": "   OR "}[self.match]
            lines.append("WHERE " + f"\n{indent}".join(texts))
        if self.group:
            lines.append(_laid_out("GROUP BY ", [text_of(each) for each in self.group]))
        if self.having is not None:
            lines.append(f"HAVING {text_of(self.having)}")
        if self.order:
            lines.append(_laid_out("ORDER BY ", list(self.order)))
        if self.limit is not None:
            lines.append(f"LIMIT {self.limit}")
        return "\n".join(lines)


def _laid_out(head: str, parts: list[str]) -> str:
    """A list behind its clause, on one line if it fits, else one a line."""
    line = head + ", ".join(parts)
    if len(line) <= _LONGEST_LINE:
        return line
    return head + (",\n" + " " * len(head)).join(parts)


def from_table(name: str) -> str:
    """The line `FROM name`."""
    return f"FROM {text_of(table(name))}"
