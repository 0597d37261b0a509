"""SQL text → what each statement reads and writes.

Three readers look at every statement, because a table that is missed gives a wrong result:

1. DuckDB's own parser splits the text, tells syntax errors and names the parameters;
2. sqlglot gives a tree, `sql_tree` walks it with exact scopes;
3. DuckDB's parser again (as JSON, where it can) and the bare tokens check that no name was missed.

Where they disagree, or the tree cannot be had, the statement is *opaque*: it may touch anything,
and says why. Nothing is bound, nothing executed, no file opened.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from nbflow.core.sql import ObjectKind, SqlObject, SqlStatement, SqlText, TableUse

if TYPE_CHECKING:
    import duckdb

    from nbflow.analysis.sql_objects import ObjectText
    from nbflow.analysis.sql_tokens import Word
    from nbflow.analysis.sql_tree import Found

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}
_ERROR_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)
_LOCK: Final = threading.RLock()
_MAX_DEPTH: Final = 8  # queries inside query('…'), EXPLAIN of EXPLAIN

_QUERY_TYPES: Final = frozenset(["SELECT", "MULTI"])
_STATE: Final = {
    "ATTACH": "an attached database is known to this session only",
    "CALL": "what a CALL does is not known",
    "COPY_DATABASE": "it copies whole databases",
    "DETACH": "it changes the session for all that follows",
    "EXECUTE": "a prepared statement is known to this session only",
    "EXPORT": "it writes every table of the session",
    "EXTENSION": "an extension changes what SQL means",
    "LOAD": "an extension changes what SQL means",
    "LOGICAL_PLAN": "a plan instead of a text",
    "PRAGMA": "it changes the session for all that follows",
    "PREPARE": "a prepared statement is known to this session only",
    "RELATION": "a relation instead of a text",
    "SET": "it changes the session for all that follows",
    "TRANSACTION": "transactions are not supported in %%sql",
    "UPDATE_EXTENSIONS": "an extension changes what SQL means",
    "VARIABLE_SET": "it changes the session for all that follows",
}
_PIVOTS: Final = frozenset({"PIVOT", "UNPIVOT", "PIVOT_WIDER", "PIVOT_LONGER"})
_NULLS: Final = frozenset({"INCLUDE", "EXCLUDE"})
_BEHIND_PIVOT: Final = frozenset({"ORDER BY", "LIMIT", "OFFSET", "RETURNING", "UNION", "EXCEPT"})
_OPENERS: Final = frozenset(
    {"SELECT", "FROM", "WITH", "VALUES", "TABLE", "DESCRIBE", "SUMMARIZE", "SHOW", *_PIVOTS}
)
_ONLY_WORDS: Final = ("its grammar is not understood", "the part about ")
_DYNAMIC: Final = "its text is made while it runs"
_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "COPY", "INTO"})
ANY_TABLE: Final = "*"
"""Among the words of a statement whose text is made while it runs: it may read any table."""


@lru_cache(maxsize=2048)
def parse_sql(text: str) -> SqlText:
    """What every statement of an SQL text does; or the syntax error that stops it.

    Paths are as written; `*` stands for a path that the text does not show. Table names are folded
    and stripped of the session's own catalog and schema (`memory.main.T` is `t`).

    >>> [s] = parse_sql("CREATE TABLE daily AS SELECT * FROM sales WHERE day = $day").statements
    >>> [str(u.table) for u in s.reads], [str(u.table) for u in s.writes], s.parameters
    (['sales'], ['daily'], ('day',))
    """
    with _LOCK:
        return _parse(text, _connection())


@lru_cache(maxsize=1)
def _connection() -> "duckdb.DuckDBPyConnection":
    """The empty database whose parser we ask: opening one takes ten times as long as parsing."""
    import duckdb

    return duckdb.connect(":memory:", config=_CONFIG)


def _close_before_fork() -> None:
    """A child that inherits an open DuckDB crashes when it lets go of it."""
    if _connection.cache_info().currsize:
        with _LOCK:
            _connection().close()
            _connection.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_before_fork)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One statement as DuckDB cut it out; `line` is where it starts in the whole text."""

    text: str
    line: int
    type: str
    parameters: tuple[str, ...]


def _parse(text: str, connection: "duckdb.DuckDBPyConnection", depth: int = 0) -> SqlText:
    import duckdb

    try:
        pieces = tuple(_split(text, connection))
    except duckdb.Error as error:
        if "{{" in text or "{%" in text:
            return SqlText(statements=(_template(text),))
        return _syntax_error(str(error))
    return SqlText(statements=tuple(_statement(piece, connection, depth) for piece in pieces))


def _split(text: str, connection: "duckdb.DuckDBPyConnection") -> Iterator[_Piece]:
    position = 0
    for statement in connection.extract_statements(text):
        found = text.find(statement.query, position)
        start = position if found < 0 else found
        position = start + len(statement.query)
        yield _Piece(
            text=statement.query,
            line=1 + text.count("\n", 0, start),
            type=statement.type.name,
            parameters=tuple(sorted(statement.named_parameters)),
        )


def _template(text: str) -> SqlStatement:
    why = "templates ({{ … }}) are not filled in by nbflow; write $name to bind a Python value"
    return SqlStatement(text=text, line=1, kind="template", returns_rows=True, opaque=why)


def _syntax_error(message: str) -> SqlText:
    where = _ERROR_LINE.search(message)
    return SqlText(
        error=message.split("\n")[0].removeprefix("Parser Error: "),
        error_line=int(where.group(1)) if where else 1,
    )


def _statement(piece: _Piece, connection: "duckdb.DuckDBPyConnection", depth: int) -> SqlStatement:
    from nbflow.analysis.sql_tokens import words

    try:
        tokens = words(piece.text)
    except ValueError as error:
        return _opaque(piece, kind="unknown", why=f"it cannot be read ({error})")
    if not tokens:
        return _opaque(piece, kind="unknown", why="it cannot be read")
    piece = replace(piece, text=piece.text[: tokens[-1].end])
    if depth > _MAX_DEPTH:
        return _opaque(piece, kind="unknown", why="it is nested too deeply")
    statement = _by_kind(piece, tokens, connection, depth)
    return _positional(_with_words(statement, tokens), tokens)


def _with_words(statement: SqlStatement, tokens: "tuple[Word, ...]") -> SqlStatement:
    """Add what the bare tokens tell: functions, session's objects and all names."""
    from nbflow.analysis.sql_tokens import called_names, folded_words, names_in_calls

    dynamic = {ANY_TABLE} if statement.opaque == _DYNAMIC else set()
    return replace(
        statement,
        calls=called_names(tokens),
        sequences=names_in_calls(tokens, "nextval", "currval"),
        variables=names_in_calls(tokens, "getvariable"),
        words=folded_words(tokens) | dynamic,
    )


def _positional(statement: SqlStatement, tokens: "tuple[Word, ...]") -> SqlStatement:
    """`?` and `$1` have no Python name to be bound from."""
    numbered = any(name.isdigit() for name in statement.parameters)
    if numbered or any(token.upper == "?" for token in tokens):
        return _also_opaque(statement, "parameters need names: write $name instead of ? or $1")
    return statement


def _opaque(piece: _Piece, *, kind: str, why: str) -> SqlStatement:
    return SqlStatement(
        text=piece.text,
        line=piece.line,
        kind=kind,
        parameters=piece.parameters,
        returns_rows=piece.type not in ("SET", "LOAD", "ATTACH", "DETACH", "TRANSACTION"),
        opaque=why,
    )


def _also_opaque(statement: SqlStatement, why: str) -> SqlStatement:
    return replace(statement, opaque=statement.opaque or why)


def _by_kind(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> SqlStatement:
    from nbflow.analysis.sql_objects import is_harmless_setting, object_text

    kind = _kind(piece, tokens)
    if piece.type == "EXPLAIN":
        return _explain(piece, tokens, connection, depth)
    if piece.type in ("VACUUM", "ANALYZE") or kind in ("checkpoint", "analyze"):
        return _maintenance(piece, tokens, kind)
    if is_harmless_setting(tokens):
        return SqlStatement(text=piece.text, line=piece.line, kind="set")
    found = object_text(tokens)
    if found is not None:
        return _object(piece, tokens, found, connection, depth)
    if piece.type in _STATE or kind == "deallocate":
        return _opaque(piece, kind=kind, why=_STATE.get(piece.type, _STATE["PREPARE"]))
    return _understood(piece, tokens, connection, depth, kind)


def _object(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    found: "ObjectText",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> SqlStatement:
    """A macro, schema, type … that is made or dropped, with all that its text reads."""
    inner = _insides(piece, tokens, found, connection, depth)
    paths = [found.path] if found.path else []
    why = next((statement.opaque for statement in inner if statement.opaque), None)
    if any(statement.writes for statement in inner):
        why = why or "its body changes tables"
    return SqlStatement(
        text=piece.text,
        line=piece.line,
        kind=_kind(piece, tokens),
        parameters=piece.parameters,
        reads=_unique([use for statement in inner for use in statement.reads]),
        files_read=(*(p for s in inner for p in s.files_read), *paths),
        files_written=() if found.read_only else tuple(paths),
        volatile=tuple(dict.fromkeys(v for s in inner for v in s.volatile)),
        remote=any(statement.remote for statement in inner),
        unknown_calls=tuple(dict.fromkeys(c for s in inner for c in s.unknown_calls)),
        opaque=found.opaque or why,
        defines=found.object if found.makes else None,
        removes=None if found.makes else found.object,
    )


def _insides(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    found: "ObjectText",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> list[SqlStatement]:
    """The queries that an object's text holds. `a, (b) AS c` is one body of a macro, or two."""
    inner: list[SqlStatement] = []
    for overloads in (False, True):
        bodies = _bodies(piece, tokens, found, overloads=overloads)
        inner = [_inner(text, start, piece, connection, depth) for text, start in bodies]
        if all(statement.kind != "unknown" for statement in inner):
            break
    return inner


def _bodies(
    piece: _Piece, tokens: "tuple[Word, ...]", found: "ObjectText", *, overloads: bool
) -> Iterator[tuple[str, int]]:
    """The queries in an object's text, each with where it starts there."""
    from nbflow.analysis.sql_objects import macro_bodies

    for start, end in found.bodies:
        text = piece.text[start:end]
        if found.object.kind is ObjectKind.VARIABLE:
            yield f"SELECT ({text})", start
        elif found.object.kind is ObjectKind.TYPE:
            if any(token.upper in ("SELECT", "FROM") for token in tokens):
                yield f"SELECT ({text[text.find('(') : text.rfind(')') + 1]})", start
        else:
            for first, last, query in macro_bodies(tokens, start, overloads=overloads):
                body = piece.text[first:last]
                yield (body if query else f"SELECT ({body})"), first


def _inner(
    text: str,
    start: int,
    piece: _Piece,
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> SqlStatement:
    """What a text inside a statement says, with the lines of the whole."""
    parsed = _parse(text, connection, depth + 1)
    if parsed.error is not None or len(parsed.statements) != 1:
        return _opaque(piece, kind="unknown", why="its body is not understood")
    above = piece.line - 1 + piece.text.count("\n", 0, start)
    [statement] = parsed.statements
    return replace(statement, reads=_moved(statement.reads, above))


def _kind(piece: _Piece, tokens: "tuple[Word, ...]") -> str:
    """The leading words that say what a statement does: `select`, `create_table`, …"""
    first = tokens[0].upper
    if first in ("CREATE", "DROP", "ALTER"):
        return _object_kind(tokens)
    by_type = {"SELECT": "select", "MERGE_INTO": "merge", "INSERT": "insert", "DELETE": "delete"}
    if first in ("WITH", "FROM", "TABLE", "VALUES", "(", "PIVOT", "UNPIVOT"):
        return by_type.get(piece.type, "select" if piece.type == "MULTI" else piece.type.lower())
    return first.lower()


def _object_kind(tokens: "tuple[Word, ...]") -> str:
    heads = [token.upper for token in tokens[:6]]
    action = "replace" if heads[:3] == ["CREATE", "OR", "REPLACE"] else heads[0].lower()
    skipped = {"OR", "REPLACE", "TEMP", "TEMPORARY", "PERSISTENT", "UNIQUE", "RECURSIVE"}
    things = [word for word in heads[1:] if word not in skipped]
    return f"{action}_{things[0].lower()}" if things and things[0] else action


def _maintenance(piece: _Piece, tokens: "tuple[Word, ...]", kind: str) -> SqlStatement:
    """Bare VACUUM, ANALYZE and CHECKPOINT change nothing that SQL can see."""
    plain = SqlStatement(text=piece.text, line=piece.line, kind=kind)
    if len(tokens) == 1:
        return plain
    return _also_opaque(plain, f"only {kind.upper()} without a table is understood")


def _explain(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> SqlStatement:
    start, executes = _behind_explain(tokens)
    if start is None:
        return _opaque(piece, kind="explain", why="this form of EXPLAIN is not understood")
    line = piece.line + piece.text.count("\n", 0, start)
    inner = _parse(piece.text[start:], connection, depth + 1)
    if len(inner.statements) != 1:
        return _opaque(piece, kind="explain", why="this form of EXPLAIN is not understood")
    [inside] = inner.statements
    if inside.defines is not None or inside.removes is not None:
        return _opaque(piece, kind="explain", why="this form of EXPLAIN is not understood")
    base = replace(
        inside,
        text=piece.text,
        line=piece.line,
        kind="explain",
        parameters=piece.parameters,
        reads=_moved(inside.reads, line - 1),
        returns_rows=True,
        volatile=(*inside.volatile, "explain"),  # plans tell of storage and times
    )
    if not executes:
        return replace(base, writes=(), creates=(), drops=(), files_written=())
    return replace(
        base,
        writes=_moved(inside.writes, line - 1),
        creates=_moved(inside.creates, line - 1),
        drops=_moved(inside.drops, line - 1),
    )


def _behind_explain(tokens: "tuple[Word, ...]") -> tuple[int | None, bool]:
    """Where the explained statement starts, and whether it is executed.

    `EXPLAIN (…)` may be options or a query in parentheses; options are told by their first word.
    """
    index, executes = 1, False
    while index < len(tokens) and tokens[index].upper in ("ANALYZE", "VERBOSE"):
        executes = executes or tokens[index].upper == "ANALYZE"
        index += 1
    heads = [token.upper for token in tokens[index : index + 2]]
    if len(heads) == 2 and heads[0] == "(" and heads[1] in ("FORMAT", "ANALYZE", "VERBOSE"):
        while index < len(tokens) and tokens[index].upper != ")":
            executes = executes or tokens[index].upper == "ANALYZE"
            index += 1
        index += 1
    return (tokens[index].start if index < len(tokens) else None), executes


def _moved(uses: tuple[TableUse, ...], lines: int) -> tuple[TableUse, ...]:
    return tuple(replace(use, line=use.line + lines) for use in uses)


def _understood(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
    kind: str,
) -> SqlStatement:
    from nbflow.analysis.sql_tokens import is_remote, volatile_calls

    found = _facts(piece, tokens, connection, depth)
    files = (*found.files_read, *found.files_written)
    return SqlStatement(
        text=piece.text,
        line=piece.line,
        kind=kind,
        reads=_unique(found.reads),
        writes=_unique(found.writes),
        creates=_unique(found.creates),
        drops=_unique(found.drops),
        files_read=tuple(dict.fromkeys(found.files_read)),
        files_written=tuple(dict.fromkeys(found.files_written)),
        parameters=piece.parameters,
        returns_rows=_returns_rows(piece, tokens),
        volatile=volatile_calls(tokens),
        remote=any(is_remote(path) for path in files),
        opaque=found.opaque[0] if found.opaque else None,
        reading=_only_reads(piece, tokens, found),
        unknown_calls=_unknown_calls(piece, tokens, found, connection),
        defines=_object_of(found.creates, found),
        removes=_object_of(found.drops, found),
    )


def _object_of(uses: list[TableUse], found: "Found") -> SqlObject | None:
    """A view stands among the tables; what rules a table has is known apart from it."""
    if found.view and uses:
        return SqlObject(kind=ObjectKind.VIEW, name=str(uses[0].table))
    if found.rules and found.writes and uses is found.creates:
        return SqlObject(kind=ObjectKind.RULES, name=str(found.writes[0].table))
    return None


def _only_reads(piece: _Piece, tokens: "tuple[Word, ...]", found: "Found") -> bool:
    """Whether a query that nobody understands in full can only read what its words name."""
    if piece.type != "SELECT" or any(token.upper in _CHANGES for token in tokens):
        return False
    return all(why == _DYNAMIC or why.startswith(_ONLY_WORDS) for why in found.opaque)


def _unknown_calls(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    found: "Found",
    connection: "duckdb.DuckDBPyConnection",
) -> tuple[str, ...]:
    """Table functions that are no part of DuckDB; its own tree tells those of queries only."""
    from nbflow.analysis.sql_tokens import fold

    names = set(found.table_functions)
    for node in _duckdb_nodes(_query_part(piece, tokens), connection):
        if node.get("type") == "TABLE_FUNCTION":
            names.add(fold(str(node.get("function", {}).get("function_name", ""))))
    return tuple(sorted(name for name in names if _is_unknown(name)))


def _is_unknown(name: str) -> bool:
    from nbflow.analysis.sql_tokens import FILE_FUNCTIONS
    from nbflow.analysis.sql_tree import PURE_TABLE_FUNCTIONS

    return name not in FILE_FUNCTIONS | PURE_TABLE_FUNCTIONS | {"query", "query_table"}


def _facts(
    piece: _Piece,
    tokens: "tuple[Word, ...]",
    connection: "duckdb.DuckDBPyConnection",
    depth: int,
) -> "Found":
    """What the tree tells, what the tokens add, and what the checks doubt."""
    from nbflow.analysis.sql_tokens import files_of_functions, stateful_calls
    from nbflow.analysis.sql_tree import Found

    found = _tree_facts(piece, tokens) or Found(opaque=["its grammar is not understood"])
    found.files_read.extend(files_of_functions(tokens))
    _follow_queries(found, piece, connection, depth)
    found.opaque.extend(f"{name}() looks at the session" for name in stateful_calls(tokens))
    if found.rules and any(token.text.lower() in ("nextval", "currval") for token in tokens):
        found.opaque.append("a default that counts is known to this session only")
    if any(token.upper == "ROWID" for token in tokens):
        found.opaque.append("row ids differ from session to session")
    seen = _Seen(piece, tokens, found, connection)
    for check in _CHECKS:
        found.opaque.extend(check(seen))
    return found


def _unique(uses: list[TableUse]) -> tuple[TableUse, ...]:
    """The first mention of each spelling: `T` and `t` may be two Python names."""
    first: dict[Any, TableUse] = {}
    for use in uses:
        first.setdefault((use.table, use.written), use)
    return tuple(first.values())


def _returns_rows(piece: _Piece, tokens: "tuple[Word, ...]") -> bool:
    if piece.type == "SELECT" or (piece.type == "MULTI" and tokens[0].upper != "CREATE"):
        return True
    return any(token.upper == "RETURNING" for token in tokens)


def _tree_facts(piece: _Piece, tokens: "tuple[Word, ...]") -> "Found | None":
    """Facts by sqlglot's tree; where it has no grammar, by a rewritten text that means the same."""
    from nbflow.analysis.sql_tree import parse_tree, statement_facts

    for text in (piece.text, *(rewrite(piece.text, tokens) for rewrite in _REWRITES)):
        tree = parse_tree(text) if text is not None else None
        if text is not None and tree is not None:
            return statement_facts(tree, first_line=piece.line, text=text)
    return None


def _pivot_in_parentheses(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """`CREATE … AS PIVOT t … ORDER BY x` → `CREATE … AS SELECT * FROM (PIVOT t …) ORDER BY x`."""
    inserts: list[tuple[int, str]] = []
    for index, token in enumerate(tokens):
        if token.upper in _PIVOTS and _is_statement(tokens, index):
            inserts += [(token.start, "SELECT * FROM ("), (_pivot_end(tokens, index), ")")]
    for at, piece in sorted(inserts, reverse=True):
        text = text[:at] + piece + text[at:]
    return text if inserts else None


def _is_statement(tokens: "tuple[Word, ...]", index: int) -> bool:
    """`PIVOT t …`, not `FROM t PIVOT (…)`, which stands behind a table and before aggregates."""
    heads = [token.upper for token in tokens[index + 1 : index + 3]]
    if heads[:1] == ["("]:
        return heads[1:] != [] and heads[1] in _OPENERS | {"("}
    return index + 1 < len(tokens) and tokens[index + 1].is_name and heads[0] not in _NULLS


def _pivot_end(tokens: "tuple[Word, ...]", index: int) -> int:
    """Where a PIVOT ends: before ORDER BY, LIMIT …, or the parenthesis that it stands in."""
    depth = 0
    for before, token in pairwise(tokens[index:]):
        depth += (token.upper == "(") - (token.upper == ")")
        if depth < 0 or (depth == 0 and token.upper in _BEHIND_PIVOT):
            return before.end
    return tokens[-1].end


def _without_by_position(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """`INSERT INTO t BY POSITION …`: BY POSITION is the default."""
    for here, there in pairwise(tokens):
        if here.upper == "BY" and there.upper == "POSITION":
            blank = " " * (there.end - here.start)
            return text[: here.start] + blank + text[there.end :]
    return None


def _without_merge_words(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """Branches of MERGE that sqlglot does not know: BY POSITION, BY NAME, ERROR 'text'."""
    if all(token.upper != "MERGE" for token in tokens):
        return None
    for index in reversed(range(1, len(tokens))):
        heads = [token.upper for token in tokens[index - 1 : index + 1]]
        if heads == ["THEN", "ERROR"]:
            text = text[: tokens[index].start] + "DO NOTHING" + text[tokens[index].end :]
        elif heads[0] == "BY" and heads[1] in ("POSITION", "NAME"):
            text = text[: tokens[index - 1].start] + text[tokens[index].end :]
    return text


def _recursive_view(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """`CREATE RECURSIVE VIEW v(a) AS …` → `CREATE VIEW v AS WITH RECURSIVE v(a) AS (…) FROM v`."""
    heads = [token.upper for token in tokens]
    if heads[0] != "CREATE" or "RECURSIVE" not in heads[:5] or "AS" not in heads:
        return None
    name, body = heads.index("VIEW") + 1, heads.index("AS") + 1
    if "(" not in heads[name:body] or body >= len(tokens):
        return None
    full = text[tokens[name].start : tokens[heads.index("(", name) - 1].end]
    last = tokens[heads.index("(", name) - 1].start
    columns = text[last : tokens[body - 1].start]
    query = f"WITH RECURSIVE {columns} AS ({text[tokens[body].start :]}) FROM {full}"
    return f"CREATE VIEW {full} AS {query}"


def _alter_plainly(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """Any change of a table's columns: what matters is which table it is."""
    heads = [token.upper for token in tokens]
    at = 4 if heads[2:4] == ["IF", "EXISTS"] else 2
    if heads[:2] != ["ALTER", "TABLE"] or {"RENAME", "SELECT", "REFERENCES"} & set(heads):
        return None
    while at + 2 < len(tokens) and heads[at + 1] == ".":
        at += 2
    return f"{text[: tokens[at].end]} ALTER COLUMN x SET NOT NULL"


def _show_as_describe(text: str, tokens: "tuple[Word, ...]") -> str | None:
    """`SHOW t` describes a table, unless it is one of SHOW's own words."""
    own = {"TABLES", "ALL", "DATABASES", "SCHEMAS", "VARIABLES", "FUNCTIONS"}
    if tokens[0].upper != "SHOW" or len(tokens) < 2 or tokens[1].upper in own:
        return None
    return "DESC" + text[tokens[0].end :]


_REWRITES: Final[tuple[Callable[[str, "tuple[Word, ...]"], str | None], ...]] = (
    _pivot_in_parentheses,
    _without_by_position,
    _without_merge_words,
    _recursive_view,
    _alter_plainly,
    _show_as_describe,
)


def _follow_queries(
    found: "Found", piece: _Piece, connection: "duckdb.DuckDBPyConnection", depth: int
) -> None:
    """`query('SELECT …')` and `query_table('t')` read what their text reads."""
    for text in found.queries:
        inner = _parse(text, connection, depth + 1)
        if len(inner.statements) != 1:
            found.opaque.append(_DYNAMIC)
        for statement in inner.statements:
            found.reads.extend(replace(use, line=piece.line) for use in statement.reads)
            found.files_read.extend(statement.files_read)
            found.names |= {use.table.name for use in statement.reads}
            found.table_functions.update(statement.unknown_calls)
            if statement.opaque:
                found.opaque.append(statement.opaque)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the checks compare: the statement, and what its tree told."""

    piece: _Piece
    tokens: "tuple[Word, ...]"
    found: "Found"
    connection: "duckdb.DuckDBPyConnection"

    def knows(self, *names: str) -> bool:
        """Whether the tree mentions one of these names, as a table, a CTE or a file."""
        from nbflow.analysis.sql_tokens import fold

        return not self.found.names.isdisjoint(fold(name) for name in names)


def _names_by_tokens(seen: _Seen) -> Iterator[str]:
    """Every name behind FROM, JOIN, INTO … must be known to the tree."""
    from nbflow.analysis.sql_tokens import names_after_keywords

    for path in names_after_keywords(seen.tokens):
        if not seen.knows(path[-1], ".".join(path)):
            yield f"the part about {path[-1]} is not understood"


def _names_by_duckdb(seen: _Seen) -> Iterator[str]:
    """Every table that DuckDB's parser sees must be known to the tree."""
    from nbflow.analysis.sql_tokens import fold
    from nbflow.analysis.sql_tree import CATALOG_PREFIXES

    for node in _duckdb_nodes(_query_part(seen.piece, seen.tokens), seen.connection):
        shown = node.get("type") == "SHOW_REF" and node.get("table_name")
        if node.get("type") == "BASE_TABLE" or (shown and node.get("show_type") == "SHOW"):
            path = node.get("qualified_name", {}).get("path") or [node.get("table_name", "")]
            if not seen.knows(path[-1], ".".join(path)):
                yield f"the part about {path[-1]} is not understood"
        elif shown:
            yield "it lists what the session holds"
        elif node.get("type") == "TABLE_FUNCTION":
            name = fold(str(node.get("function", {}).get("function_name", "")))
            if name.startswith(CATALOG_PREFIXES):
                yield f"{name}() lists what the session holds"


_CHECKS: Final = (_names_by_tokens, _names_by_duckdb)


def _query_part(piece: _Piece, tokens: "tuple[Word, ...]") -> str | None:
    """The query that a statement is or holds, as text; None where there is none to cut out."""
    if piece.type == "SELECT":
        return piece.text
    heads = [token.upper for token in tokens]
    if heads[0] == "CREATE" and "AS" in heads:
        index = heads.index("AS")
        return piece.text[tokens[index].end :]
    if piece.type == "INSERT" and heads[0] == "INSERT":
        return _inserted_query(piece, tokens, heads)
    if piece.type == "COPY" and len(heads) > 1 and heads[1] == "(":
        return piece.text[tokens[2].start : _closing(tokens, 1)]
    return None


def _inserted_query(piece: _Piece, tokens: "tuple[Word, ...]", heads: list[str]) -> str | None:
    """What stands between the target and ON CONFLICT or RETURNING."""
    first = next((i for i in range(2, len(heads)) if heads[i] in _OPENERS), None)
    if first is None:
        return None
    while first > 0 and heads[first - 1] == "(":
        first -= 1
    depth = 0
    for index in range(first, len(heads)):
        depth += (heads[index] == "(") - (heads[index] == ")")
        conflict = heads[index : index + 2] == ["ON", "CONFLICT"]
        if depth == 0 and (conflict or heads[index] == "RETURNING"):
            return piece.text[tokens[first].start : tokens[index].start]
    return piece.text[tokens[first].start :]


def _closing(tokens: "tuple[Word, ...]", opening: int) -> int:
    """Where the parenthesis that opens at a token's index closes."""
    depth = 0
    for token in tokens[opening:]:
        depth += (token.upper == "(") - (token.upper == ")")
        if depth == 0:
            return token.start
    return tokens[-1].end


def _duckdb_nodes(
    query: str | None, connection: "duckdb.DuckDBPyConnection"
) -> Iterator[dict[str, Any]]:
    """All nodes of DuckDB's own tree of a query; none where DuckDB does not tell it."""
    if query is None:
        return
    rows = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    stack: list[Any] = [json.loads(rows[0][0])]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
