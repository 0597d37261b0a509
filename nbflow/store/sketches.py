"""What is remembered of files that steps read, so that a later run can say what changed in them.

A sketch is made of a file's content and found under its digest: the columns, the number of rows and
a hash of each row of a table; the whole of a small text; the names and digests in a folder. It
serves explanations only. Sketches are small (`LARGEST_BYTES` of a file are hashed, `MOST_ROWS` rows
kept) and the folder is: what was not needed for longest goes first.
"""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from nbflow.core.task import Blob
from nbflow.store.query import attach_file, connect

if TYPE_CHECKING:
    import duckdb

LARGEST_BYTES: Final = 32 << 20
"""Larger tables are only counted."""

LARGEST_COUNTED_BYTES: Final = 64 << 20
LARGEST_TEXT_BYTES: Final = 64 << 10
MOST_ROWS: Final = 50_000
MOST_DIFF_LINES: Final = 12
FOLDER_BYTES: Final = 64 << 20

_PRIME: Final = 4_294_967_291
"""So that sums of hashes fit."""

_READERS: Final = {
    ".csv": "read_csv(?, all_varchar = true, header = true)",
    ".tsv": "read_csv(?, all_varchar = true, header = true)",
    ".parquet": "read_parquet(?)",
    ".pq": "read_parquet(?)",
    ".jsonl": "read_ndjson_auto(?)",
    ".ndjson": "read_ndjson_auto(?)",
}


class Sketch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """columns: names and types of a table's columns. hashes: eight bytes for each row, where there
    are few enough, and `sums` of each column's values; `maker` is the DuckDB that hashed. files:
    names and digests of what a folder or a pattern stands for."""

    size: int = 0
    columns: dict[str, str] | None = None
    rows: int | None = None
    hashes: bytes | None = None
    sums: tuple[int, ...] = ()
    maker: str = ""
    text: str | None = None
    files: dict[str, str] | None = None


class Sketches:
    """The folder of sketches."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, digest: str) -> bool:
        """Whether there is a sketch of that content."""
        return self._path(digest).is_file()

    def get(self, digest: str) -> Sketch | None:
        """The sketch of a content, if there is one."""
        path = self._path(digest)
        try:
            found = msgspec.msgpack.decode(path.read_bytes(), type=Sketch)
            os.utime(path)
        except (OSError, msgspec.DecodeError):
            return None
        return found

    def put(self, digest: str, sketch: Sketch) -> None:
        """Keep a sketch; nothing is lost but words if that fails."""
        path = self._path(digest)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(msgspec.msgpack.encode(sketch))
            aside.replace(path)

    def tidy(self) -> None:
        """Remove the longest unused ones beyond the folder's size."""
        with suppress(OSError):
            known = [(path, path.stat()) for path in self._root.glob("*")]
            left = FOLDER_BYTES
            for path, stat in sorted(known, key=lambda one: -one[1].st_mtime):
                left -= stat.st_size
                if left < 0:
                    path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / digest


def sketch_of(path: Path, *, largest: int = LARGEST_COUNTED_BYTES) -> Sketch | None:
    """The sketch of a file as it is now; None if there is little to say or it is too large."""
    size = path.stat().st_size
    if size > largest:
        return None
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        import duckdb  # only who sketches a table waits for it

        with suppress(duckdb.Error):
            return _table(path, reader, size)
    return _text(path.read_bytes()) if size <= LARGEST_TEXT_BYTES else Sketch(size=size)


def sketch_of_text(data: bytes) -> Sketch:
    """The sketch of a small text."""
    return _text(data) if len(data) <= LARGEST_TEXT_BYTES else Sketch(size=len(data))


def _text(data: bytes) -> Sketch:
    try:
        return Sketch(size=len(data), text=data.decode("utf-8"))
    except UnicodeDecodeError:
        return Sketch(size=len(data))


def sketch_of_stored(blob: Blob, path: Path) -> Sketch:
    """The sketch of a stored table, read from its file where that is small enough."""
    known = Sketch(columns=dict(blob.schema), rows=blob.rows)
    if blob.kind != "table" or (blob.rows or 0) > MOST_ROWS:
        return known
    import duckdb

    try:
        with connect() as connection:
            attach_file(connection, path, "stored")
            return _with_hashes(connection, "stored.data", known)
    except duckdb.Error:
        return known


def _table(path: Path, reader: str, size: int) -> Sketch:
    source = reader.replace("?", _text_in_sql(path))
    with connect() as connection:
        connection.execute("SET threads = 1").fetchall()
        described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
        known = Sketch(size=size, columns={row[0]: row[1] for row in described}, rows=rows)
        if size > LARGEST_BYTES or rows > MOST_ROWS:
            return known
        return _with_hashes(connection, source, known)


def _with_hashes(connection: "duckdb.DuckDBPyConnection", source: str, known: Sketch) -> Sketch:
    import duckdb

    sums = f"SELECT sum(hash(COLUMNS(*)) % {_PRIME})::BIGINT FROM {source}"
    ((*found,),) = connection.execute(sums).fetchall()
    hashes = connection.execute(f"SELECT hash(told) FROM {source} AS told").fetchall()
    return msgspec.structs.replace(
        known,
        hashes=b"".join(value.to_bytes(8, "little") for (value,) in hashes),
        sums=tuple(value or 0 for value in found),
        maker=duckdb.__version__,
    )


def _text_in_sql(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


# -- what differs --------------------------------------------------------------------------------


def in_words(old: Sketch, new: Sketch) -> str:
    """How two contents differ, in a few words; empty if the sketches do not tell."""
    if old.files is not None and new.files is not None:
        return _files_in_words(old.files, new.files)
    if old.columns is not None and new.columns is not None:
        return ", ".join(_table_in_words(old, old.columns, new, new.columns))
    if old.text is not None and new.text is not None:
        return _lines_in_words(old.text, new.text)
    if old.size != new.size:
        return f"{old.size:,} → {new.size:,} bytes"
    return ""


def diff_lines(old: Sketch, new: Sketch) -> tuple[str, ...]:
    """The lines in which two small texts differ."""
    if old.text is None or new.text is None:
        return ()
    return text_diff(old.text, new.text)


def text_diff(old: str, new: str) -> tuple[str, ...]:
    """Lines that went (`-`) and came (`+`), with a line around them; the first of them.

    >>> text_diff("a = 1", "a = 2")
    ('- a = 1', '+ a = 2')
    """
    lines = [*unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")][2:]
    shown = [f"{line[0]} {line[1:]}" for line in lines if not line.startswith("@@")]
    if len(shown) > MOST_DIFF_LINES:
        rest = len(shown) - MOST_DIFF_LINES
        shown = [*shown[:MOST_DIFF_LINES], f"… {rest} more line{'s' if rest > 1 else ''}"]
    return tuple(shown)


def _lines_in_words(old: str, new: str) -> str:
    before, after = Counter(old.splitlines()), Counter(new.splitlines())
    return _counts_in_words((before - after).total(), (after - before).total(), "line")


def _files_in_words(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    added, removed = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    changed = sorted(name for name in {*old} & {*new} if old[name] != new[name])
    words = (("added", added), ("removed", removed), ("changed", changed))
    return ", ".join(f"{_names(names)} {word}" for word, names in words if names)


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} files ({names[0]} …)"


def _table_in_words(
    old: Sketch, before: Mapping[str, str], new: Sketch, after: Mapping[str, str]
) -> list[str]:
    found = _columns_in_words(before, after)
    if found or old.hashes is None or new.hashes is None or old.maker != new.maker:
        return [*found, *_counted(old.rows or 0, new.rows or 0)]
    if old.hashes == new.hashes:
        return []  # line ends, quotes
    gone, came = _each(old.hashes), _each(new.hashes)
    words = _counts_in_words((gone - came).total(), (came - gone).total(), "row")
    return [f"{words}{_where(old, new, list(after))}" if words else "the order of its rows"]


def _columns_in_words(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    found = [
        f"column{'s' if len(names) > 1 else ''} {_quoted(names)} {word}"
        for word, names in (("added", added), ("removed", removed))
        if names
    ]
    found += [
        f"column `{name}` is {after[name]} now (was {before[name]})"
        for name in after
        if before.get(name, after[name]) != after[name]
    ]
    if not found and list(before) != list(after):
        found.append("the order of its columns")
    return found


def _where(old: Sketch, new: Sketch, names: list[str]) -> str:
    """The columns in which rows changed, where it is not most of them."""
    pairs = zip(names, old.sums, new.sums, strict=True)
    changed = [name for name, before, after in pairs if before != after]
    if old.rows != new.rows or not changed or 2 * len(changed) > len(names):
        return ""
    return f" in {_quoted(changed)}"


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _each(hashes: bytes) -> Counter[bytes]:
    return Counter(hashes[start : start + 8] for start in range(0, len(hashes), 8))


def _counted(old: int, new: int) -> list[str]:
    if old == new:
        return []
    more = new - old
    return [f"{_some(abs(more), 'row')} {'more' if more > 0 else 'fewer'} ({old:,} → {new:,})"]


def _counts_in_words(removed: int, added: int, noun: str) -> str:
    """What went and what came at once has changed.

    >>> _counts_in_words(1, 4, "row")
    '1 row changed, 3 rows added'
    """
    changed = min(removed, added)
    words = (("changed", changed), ("added", added - changed), ("removed", removed - changed))
    return ", ".join(f"{_some(number, noun)} {word}" for word, number in words if number)


def _some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
