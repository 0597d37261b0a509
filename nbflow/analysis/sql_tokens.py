"""What an SQL statement's tokens tell by themselves: files, volatile calls, names after FROM.

Grammars of parsers differ, words do not. The facts here need no syntax tree, so they stand when
the tree cannot be had, and they are the net under it: a table or file that the tree forgot shows up
here, and the statement becomes opaque instead of wrong.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

ANY_PATH: Final = "*"
"""A path that the text does not show: it may be any file."""

FILE_FUNCTIONS: Final = frozenset(
    {
        "glob",
        "parquet_bloom_probe",
        "parquet_file_metadata",
        "parquet_full_metadata",
        "parquet_kv_metadata",
        "parquet_metadata",
        "parquet_scan",
        "parquet_schema",
        "read_blob",
        "read_csv",
        "read_csv_auto",
        "read_duckdb",
        "read_json",
        "read_json_auto",
        "read_json_objects",
        "read_json_objects_auto",
        "read_ndjson",
        "read_ndjson_auto",
        "read_ndjson_objects",
        "read_parquet",
        "read_single_csv_file",
        "read_single_json_file",
        "read_single_parquet_file",
        "read_text",
        "sniff_csv",
        "read_xlsx",
        "read_avro",
        "st_read",
        "st_read_meta",
        "delta_scan",
        "iceberg_scan",
        "iceberg_metadata",
        "iceberg_snapshots",
        "sqlite_scan",
    }
)
"""Functions whose first argument names the files that they read."""

VOLATILE: Final = frozenset(
    {
        "ago",
        "current_connection_id",
        "current_localtime",
        "current_localtimestamp",
        "current_query",
        "current_query_id",
        "current_transaction_id",
        "current_setting",
        "gen_random_uuid",
        "get_current_time",
        "get_current_timestamp",
        "now",
        "pg_conf_load_time",
        "pg_postmaster_start_time",
        "random",
        "reservoir_quantile",
        "today",
        "transaction_timestamp",
        "txid_current",
        "uuid",
        "uuidv4",
        "uuidv7",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "version",
    }
)
"""Functions whose result is not a function of their arguments."""

_BARE_VOLATILE: Final = frozenset(
    {
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
    }
)

STATEFUL: Final = frozenset({"nextval", "currval", "setval", "setseed", "getvariable", "write_log"})
"""Functions that read or change what only the session knows (sequences, seeds, variables)."""

_FILE_ENDING: Final = re.compile(
    r"\.(csv|tsv|txt|parquet|parq|json|jsonl|ndjson|geojson|arrow|arrows|feather|ipc|avro|xlsx|"
    r"vortex|duckdb|db|ddb)(\.(gz|gzip|zst|zstd|bz2|xz))?$",
    re.IGNORECASE,
)
_URL: Final = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)

_TABLE_FOLLOWS: Final = frozenset(
    {
        "FROM",
        "JOIN",
        "INTO",
        "UPDATE",
        "TABLE",
        "DESCRIBE",
        "SUMMARIZE",
        "PIVOT",
        "UNPIVOT",
        "PIVOT_WIDER",
        "PIVOT_LONGER",
        "USING",
        "TRUNCATE",
    }
)
_TABLE_FOLLOWS_AT_START: Final = frozenset(["DESC", "SHOW"])  # DESC is also ORDER BY's
_NO_TABLE: Final = frozenset(
    {
        "SELECT",
        "VALUES",
        "LATERAL",
        "ONLY",
        "SET",
        "IF",
        "EXISTS",
        "NOT",
        "BY",
        "NAME",
        "WITH",
        "FROM",
        "TABLE",
        "SAMPLE",
        "UNNEST",
        "AS",
        "ON",
        "INTO",
        "KEY",
        "PIVOT",
        "UNPIVOT",
        "DESCRIBE",
        "SUMMARIZE",
        "SHOW",
        "TABLES",
        "ALL",
        "DATABASES",
        "SCHEMAS",
    }
)
_FROM_INSIDE: Final = frozenset(
    {
        "EXTRACT",
        "SUBSTRING",
        "TRIM",
        "OVERLAY",
        "POSITION",
        "LTRIM",
        "RTRIM",
        "BTRIM",
    }
)
_STRINGS: Final = (
    TokenType.STRING,
    TokenType.HEREDOC_STRING,
    TokenType.RAW_STRING,
    TokenType.BYTE_STRING,
)
_FIRST: Final = "SELECT "
_WORD: Final = re.compile(r"[^\W\d]\w*\Z")
_WORDS: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One token; `quoted` is "'" for strings, '"' for quoted identifiers, "" otherwise.

    The text from `start` to before `end` is what the author wrote, quotes included.
    """

    text: str
    quoted: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The keyword that an unquoted token spells; empty when quoted."""
        return "" if self.quoted else self.text.upper()

    @property
    def is_name(self) -> bool:
        """Whether it may stand where a table's name stands."""
        return bool(self.quoted) or bool(_WORD.match(self.text))


def words(text: str) -> tuple[Word, ...]:
    """The tokens of a text, comments and semicolons left out.

    Raises ValueError where the text cannot be cut into tokens.

    >>> [w.text for w in words("SELECT 'a;b' -- no")]
    ['SELECT', 'a;b']
    """
    try:
        # Behind a first word, EXPLAIN, CALL and the like do not swallow the rest as one token.
        tokens = DuckDB().tokenize(_FIRST + text)
    except TokenError as error:
        raise ValueError(str(error)) from error
    return tuple(_word(token) for token in tokens[1:] if token.token_type != TokenType.SEMICOLON)


def _word(token: Token) -> Word:
    if token.token_type in _STRINGS:
        quoted = "'"
    else:
        quoted = '"' if token.token_type == TokenType.IDENTIFIER else ""
    start, end = token.start - len(_FIRST), token.end + 1 - len(_FIRST)
    return Word(text=token.text, quoted=quoted, start=start, end=end)


def fold(name: str) -> str:
    """A name as DuckDB compares it: ASCII letters without case, all others as they are.

    >>> fold("Sales_Ä")
    'sales_Ä'
    """
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


def looks_like_file(name: str) -> bool:
    """Whether DuckDB may take a table's full dotted name for a file.

    >>> looks_like_file("sales.csv"), looks_like_file("a/b"), looks_like_file("mart.sales")
    (True, True, False)
    """
    return bool(_FILE_ENDING.search(name)) or any(sign in name for sign in "/\\*?[")


def is_remote(path: str) -> bool:
    """Whether a path is a URL of another machine.

    >>> is_remote("s3://bucket/a.csv"), is_remote("file:///tmp/a.csv")
    (True, False)
    """
    return bool(_URL.match(path)) and not path.lower().startswith("file:")


def files_of_functions(tokens: Sequence[Word]) -> tuple[str, ...]:
    """The paths that file functions are called with; `*` where a path is not a literal.

    >>> files_of_functions(words("FROM read_csv(['a.csv', 'b.csv']), read_text(p || '.txt')"))
    ('a.csv', 'b.csv', '*')
    """
    return tuple(
        path
        for index in _calls(tokens, FILE_FUNCTIONS)
        for path in _literal_paths(tokens, index + 2)
    )


def _calls(tokens: Sequence[Word], names: frozenset[str]) -> Iterator[int]:
    for index, token in enumerate(tokens[:-1]):
        called = token.quoted != "'" and token.text.lower() in names
        if called and tokens[index + 1].upper == "(":
            yield index


def _literal_paths(tokens: Sequence[Word], start: int) -> tuple[str, ...]:
    in_list = start < len(tokens) and tokens[start].upper == "["
    index = start + in_list
    paths: list[str] = []
    while index + 1 < len(tokens) and tokens[index].quoted == "'":
        paths.append(tokens[index].text)
        after = tokens[index + 1].upper
        if after != "," or not in_list:
            break
        index += 2
    if not paths or index + 1 >= len(tokens):
        return (ANY_PATH,)
    closed = tokens[index + 1].upper == "]" if in_list else tokens[index + 1].upper in (",", ")")
    if in_list and closed:  # `['a'] || x`: what follows the list counts too
        closed = index + 2 < len(tokens) and tokens[index + 2].upper in (",", ")")
    return tuple(paths) if closed else (ANY_PATH,)


def volatile_calls(tokens: Sequence[Word]) -> tuple[str, ...]:
    """Calls whose result changes by itself, in order, each once.

    >>> volatile_calls(words("SELECT now(), current_date, age(x), age(x, y) FROM t USING SAMPLE 5"))
    ('now', 'current_date', 'age', 'sample')
    """
    found: list[str] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1].upper if index + 1 < len(tokens) else ""
        name = token.text.lower()
        if token.quoted == "'":
            continue
        called = following == "(" and (name in VOLATILE or _is_age_of_now(tokens, index))
        if called or (not token.quoted and name in _BARE_VOLATILE):
            found.append(name)
        elif token.upper == "TABLESAMPLE" or (token.upper == "USING" and following == "SAMPLE"):
            found.append("sample")
    return tuple(dict.fromkeys(found))


def _is_age_of_now(tokens: Sequence[Word], index: int) -> bool:
    """`age(x)` counts from now; `age(x, y)` does not."""
    if tokens[index].text.lower() != "age":
        return False
    depth = 0
    for token in tokens[index + 1 :]:
        depth += (token.upper in ("(", "[", "{")) - (token.upper in (")", "]", "}"))
        if depth == 0:
            return True
        if depth == 1 and token.upper == ",":
            return False
    return True


def stateful_calls(tokens: Sequence[Word]) -> tuple[str, ...]:
    """Calls that look at what only the session knows, without naming it plainly; each once.

    >>> stateful_calls(words("SELECT nextval('ids'), nextval(x), setseed(0.5)"))
    ('nextval', 'setseed')
    """
    found = [index for index in _calls(tokens, STATEFUL) if _plain_name(tokens, index) is None]
    return tuple(dict.fromkeys(tokens[index].text.lower() for index in found))


def names_in_calls(tokens: Sequence[Word], *functions: str) -> tuple[str, ...]:
    """The folded names of sequences or variables that functions are called with, as literals.

    >>> names_in_calls(words("SELECT nextval('Ids'), nextval(x)"), "nextval")
    ('ids',)
    """
    found = (_plain_name(tokens, index) for index in _calls(tokens, frozenset(functions)))
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _plain_name(tokens: Sequence[Word], index: int) -> str | None:
    """The one literal argument of a call that starts at a token."""
    if tokens[index].text.lower() in ("setval", "setseed", "write_log"):
        return None
    inside = tokens[index + 2 : index + 4]
    plain = len(inside) == 2 and inside[0].quoted == "'" and inside[1].upper == ")"
    return fold(inside[0].text).removeprefix("main.") if plain else None


def called_names(tokens: Sequence[Word]) -> tuple[str, ...]:
    """The folded names of all functions that are called, without their schemas.

    >>> called_names(words("SELECT Net(x), mart.dice(y) FROM f(1)"))
    ('net', 'dice', 'f')
    """
    names = (
        fold(token.text)
        for token, after in pairwise(tokens)
        if after.upper == "(" and token.quoted != "'" and token.is_name
    )
    return tuple(dict.fromkeys(names))


def folded_words(tokens: Sequence[Word]) -> frozenset[str]:
    """All names in a text, folded, those inside strings too: more than it reads, never less.

    >>> sorted(folded_words(words("FROM f('a B')")))
    ['a', 'a b', 'b', 'f', 'from']
    """
    found: set[str] = set()
    for token in tokens:
        if token.is_name:
            found.add(fold(token.text))
        if token.quoted:
            found.update(fold(word) for word in _WORDS.findall(token.text))
    return frozenset(found)


def names_after_keywords(tokens: Sequence[Word]) -> Iterator[tuple[str, ...]]:
    """The parts of every name that stands where a table must stand (FROM, JOIN, INTO, …).

    >>> list(names_after_keywords(words("SELECT extract(year FROM d) FROM a.b JOIN 'c.csv' f")))
    [('a', 'b'), ('c.csv',)]
    """
    openers: list[str] = []
    for index, token in enumerate(tokens):
        if token.upper == "(":
            openers.append(tokens[index - 1].upper if index else "")
        elif token.upper == ")" and openers:
            openers.pop()
        follows = token.upper in _TABLE_FOLLOWS or (
            index == 0 and token.upper in _TABLE_FOLLOWS_AT_START
        )
        if not follows or index + 1 >= len(tokens):
            continue
        before = tokens[index - 1].upper if index else ""
        after = tokens[index + 1].upper
        if token.upper == "UPDATE" and before in ("THEN", "DO"):  # branches name no table
            continue
        if token.upper == "UNPIVOT" and after in ("INCLUDE", "EXCLUDE"):
            continue
        if token.upper == "USING" and tokens[0].upper == "ALTER":
            continue
        special_from = token.upper == "FROM" and (
            before == "DISTINCT" or (openers and openers[-1] in _FROM_INSIDE)
        )
        if not special_from and (path := _dotted(tokens, index + 1)):
            yield path


def _dotted(tokens: Sequence[Word], index: int) -> tuple[str, ...]:
    """The dotted name that starts at a token; empty where none does, or where it is called."""
    if not tokens[index].is_name or tokens[index].upper in _NO_TABLE:
        return ()
    parts = [tokens[index].text]
    while index + 2 < len(tokens) and tokens[index + 1].upper == "." and tokens[index + 2].is_name:
        index += 2
        parts.append(tokens[index].text)
    called = index + 1 < len(tokens) and tokens[index + 1].upper == "("
    # Calls are looked at elsewhere; the list of columns after INTO belongs to a target, which
    # every tree knows.
    return () if called and not tokens[index].quoted else tuple(parts)
