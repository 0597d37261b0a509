"""What a session holds beside tables: macros, schemas, types, settings … made and removed by text.

Read from the bare tokens: these statements are short, and grammars of parsers differ most in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nbflow.analysis.sql_tokens import Word, fold
from nbflow.core.sql import ObjectKind, SqlObject

_KINDS: Final = {
    "MACRO": ObjectKind.MACRO,
    "FUNCTION": ObjectKind.MACRO,
    "SCHEMA": ObjectKind.SCHEMA,
    "TYPE": ObjectKind.TYPE,
    "SEQUENCE": ObjectKind.SEQUENCE,
}
_MODIFIERS: Final = frozenset({"OR", "REPLACE", "TEMP", "TEMPORARY", "PERSISTENT", "TABLE"})
_SCOPES: Final = frozenset({"GLOBAL", "SESSION", "LOCAL"})

HARMLESS_SETTINGS: Final = frozenset(
    {
        "disable_progress_bar",
        "enable_object_cache",
        "enable_progress_bar",
        "enable_progress_bar_print",
        "external_threads",
        "max_memory",
        "max_temp_directory_size",
        "memory_limit",
        "progress_bar_time",
        "temp_directory",
        "threads",
        "worker_threads",
    }
)
"""Settings that change how fast, not what."""

REPLAYED_SETTINGS: Final = frozenset(
    {
        "binary_as_string",
        "default_collation",
        "default_null_order",
        "default_order",
        "ieee_floating_point_ops",
        "integer_division",
        "lambda_syntax",
        "null_order",
        "old_implicit_casting",
        "order_by_non_integer_literal",
        "pivot_limit",
        "preserve_insertion_order",
        "scalar_subquery_error_on_multiple_rows",
    }
)
"""Settings that change what a statement means, and nothing that Python would see of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectText:
    """An object that a statement makes (`makes`) or removes.

    `optional`: IF EXISTS or IF NOT EXISTS. `bodies`: from where to where the queries and
    expressions stand that it holds. `path` and `read_only`: of an attached file. `opaque`: why it
    is not understood after all.
    """

    object: SqlObject
    makes: bool = True
    optional: bool = False
    bodies: tuple[tuple[int, int], ...] = ()
    path: str | None = None
    read_only: bool = False
    opaque: str | None = None


def object_text(tokens: Sequence[Word]) -> ObjectText | None:
    """The object that a statement is about; None if it is about none (a table, a query, …).

    >>> from nbflow.analysis.sql_tokens import words
    >>> object_text(words("CREATE OR REPLACE MACRO Net(x) AS x / 2")).object.key
    'macro/net'
    """
    match tokens[0].upper:
        case "CREATE" | "DROP":
            return _made_or_dropped(tokens)
        case "SET" | "RESET" | "PRAGMA":
            return _setting(tokens)
        case "ATTACH":
            return _attached(tokens)
        case "DETACH":
            return _detached(tokens)
    return None


def is_harmless_setting(tokens: Sequence[Word]) -> bool:
    """Whether a statement only changes how fast things go.

    >>> from nbflow.analysis.sql_tokens import words
    >>> is_harmless_setting(words("PRAGMA threads = 4")), is_harmless_setting(words("SET x = 1"))
    (True, False)
    """
    if tokens[0].upper not in ("SET", "RESET", "PRAGMA"):
        return False
    names = [t.text.lower() for t in tokens[1:3] if t.upper not in _SCOPES]
    return bool(names) and names[0] in HARMLESS_SETTINGS


def _made_or_dropped(tokens: Sequence[Word]) -> ObjectText | None:
    at = 1
    while at < len(tokens) and tokens[at].upper in _MODIFIERS:
        at += 1
    kind = _KINDS.get(tokens[at].upper) if at < len(tokens) else None
    if kind is None:
        return None
    at += 1
    if tokens[0].upper == "DROP" and at < len(tokens) and tokens[at].upper == "TABLE":
        at += 1  # DROP MACRO TABLE
    at, optional = _behind_condition(tokens, at)
    name, at = _dotted_name(tokens, at)
    made = SqlObject(kind=kind, name=name)
    if not name or (kind is ObjectKind.SCHEMA and "." in name):
        return ObjectText(object=made, opaque="what it names is not understood")
    if tokens[0].upper == "DROP":
        return ObjectText(object=made, makes=False, optional=optional)
    bodies: tuple[tuple[int, int], ...] = ()
    if kind in (ObjectKind.MACRO, ObjectKind.TYPE):
        bodies = ((tokens[at].start, tokens[-1].end),) if at < len(tokens) else ()
    return ObjectText(object=made, optional=optional, bodies=bodies)


def _behind_condition(tokens: Sequence[Word], at: int) -> tuple[int, bool]:
    heads = [token.upper for token in tokens[at : at + 3]]
    if heads == ["IF", "NOT", "EXISTS"]:
        return at + 3, True
    return (at + 2, True) if heads[:2] == ["IF", "EXISTS"] else (at, False)


def _dotted_name(tokens: Sequence[Word], at: int) -> tuple[str, int]:
    """The folded name that starts at a token, without the session's own catalog and schema."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at].is_name:
        parts.append(fold(tokens[at].text))
        at += 1
        if at >= len(tokens) or tokens[at].upper != ".":
            break
        at += 1
    while len(parts) > 1 and parts[0] in ("memory", "temp", "main"):
        del parts[0]
    return ".".join(parts), at


def macro_bodies(
    tokens: Sequence[Word], start: int, *, overloads: bool
) -> tuple[tuple[int, int, bool], ...]:
    """Where the bodies of a macro stand behind its name: (start, end, whether it is a query).

    `overloads`: take what looks like it for several bodies, `(x) AS …, (x, y) AS …`.
    """
    at = next((i for i, token in enumerate(tokens) if token.start >= start), len(tokens))
    found: list[tuple[int, int, bool]] = []
    while (opened := _parameters(tokens, at)) is not None:
        first, query = opened
        commas = _commas(tokens, first) if overloads else []
        ends = [i for i in commas if _parameters(tokens, i + 1) is not None]
        last = ends[0] if ends else len(tokens)
        if first < last:
            found.append((tokens[first].start, tokens[last - 1].end, query))
        at = last + 1
    return tuple(found)


def _parameters(tokens: Sequence[Word], at: int) -> tuple[int, bool] | None:
    """Behind `(x, y := 2) AS [TABLE]`: where the body starts, and whether it is a query."""
    if at >= len(tokens) or tokens[at].upper != "(":
        return None
    depth = 0
    for index in range(at, len(tokens)):
        depth += (tokens[index].upper == "(") - (tokens[index].upper == ")")
        if depth == 0:
            heads = [token.upper for token in tokens[index + 1 : index + 3]]
            if heads[:1] != ["AS"]:
                return None
            query = heads[1:] == ["TABLE"]
            return index + 2 + query, query
    return None


def _commas(tokens: Sequence[Word], start: int) -> list[int]:
    depth, found = 0, []
    for index in range(start, len(tokens)):
        depth += (tokens[index].upper in ("(", "[", "{")) - (tokens[index].upper in (")", "]", "}"))
        if depth == 0 and tokens[index].upper == ",":
            found.append(index)
    return found


def _setting(tokens: Sequence[Word]) -> ObjectText | None:
    at = 1
    while at < len(tokens) and tokens[at].upper in _SCOPES:
        at += 1
    if at >= len(tokens):
        return None
    if tokens[at].upper == "VARIABLE" and at + 1 < len(tokens):
        name = SqlObject(kind=ObjectKind.VARIABLE, name=fold(tokens[at + 1].text))
        value = ((tokens[at + 3].start, tokens[-1].end),) if at + 3 < len(tokens) else ()
        return ObjectText(object=name, bodies=value, makes=tokens[0].upper == "SET")
    name = SqlObject(kind=ObjectKind.SETTING, name=tokens[at].text.lower())
    if name.name not in REPLAYED_SETTINGS:
        return None
    computed = any(token.upper in ("(", "SELECT", "$") for token in tokens[at + 1 :])
    why = "a setting that is computed is known to this session only" if computed else None
    return ObjectText(object=name, opaque=why)


def _attached(tokens: Sequence[Word]) -> ObjectText | None:
    """`ATTACH 'file' AS name (READ_ONLY)`; None where it names no file plainly."""
    at = 2 if len(tokens) > 1 and tokens[1].upper == "DATABASE" else 1
    at, optional = _behind_condition(tokens, at)
    if at >= len(tokens) or tokens[at].quoted != "'":
        return None
    path, heads = tokens[at].text, [token.upper for token in tokens]
    if "AS" not in heads[at:] or heads.index("AS", at) + 1 >= len(tokens):
        return None
    if path != ":memory:" and ":" in path[2:]:  # another machine, or another kind of database
        return None
    name = tokens[heads.index("AS", at) + 1].text
    options = set(heads[heads.index("AS", at) + 2 :]) - {"(", ")", "", ","}
    if options - {"READ_ONLY"} or optional:
        return None
    return ObjectText(
        object=SqlObject(kind=ObjectKind.DATABASE, name=fold(name)),
        path=None if path == ":memory:" else path,
        read_only="READ_ONLY" in options,
    )


def _detached(tokens: Sequence[Word]) -> ObjectText | None:
    at = 2 if len(tokens) > 1 and tokens[1].upper == "DATABASE" else 1
    at, optional = _behind_condition(tokens, at)
    if at != len(tokens) - 1:
        return None
    made = SqlObject(kind=ObjectKind.DATABASE, name=fold(tokens[at].text))
    return ObjectText(object=made, makes=False, optional=optional)
