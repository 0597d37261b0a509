"""The file under the ledger: exact values, whole transactions, and trouble told in words."""

import math
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.errors import StoreError, UsageError
from nbflow.store import database
from nbflow.store.database import Database, from_json, to_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | ANY_TEXT
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=-3))))
    | ANY_TEXT.filter(lambda text: "\0" not in text).map(Path)
)
KEYS = st.none() | st.booleans() | st.integers() | ANY_TEXT | st.tuples(st.integers(), ANY_TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.sets(st.integers() | ANY_TEXT)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(st.sampled_from(["$date", "$dict", "$tuple"]), inner)
    ),
    max_leaves=10,
)


def shape(value: object) -> object:
    """The value with all its types, so that 1, 1.0 and True are three things."""
    match value:
        case list() | tuple():
            return type(value), [shape(item) for item in value]
        case set():
            return type(value), {shape(item) for item in value}
        case dict():
            return type(value), [(shape(key), shape(item)) for key, item in value.items()]
    return type(value), value


@given(VALUES)
def test_json_brings_values_and_their_types_back(value: object) -> None:
    text = to_json(value)
    assert text.isascii()
    assert shape(from_json(text)) == shape(value)


def test_json_keeps_not_a_number() -> None:
    assert math.isnan(from_json(to_json(float("nan"))))


def test_json_stays_plain_where_it_can() -> None:
    value = {"day": "2026-01-01", "limits": [1, 2.5, None, True], "$schema": "v5", "x": {}}
    assert to_json(value) == (
        '{"day": "2026-01-01", "limits": [1, 2.5, null, true], "$schema": "v5", "x": {}}'
    )


@pytest.mark.parametrize(
    "value",
    [object(), 1j, lambda: None, datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin"))],
    ids=["object", "complex", "function", "zone with rules"],
)
def test_what_json_could_not_bring_back_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be recorded"):
        to_json({"p": [value]})


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "l.sqlite")) as opened:
        opened.use_wal()
        opened.execute("CREATE TABLE t (a TEXT)")
        yield opened


def texts(db: Database) -> list[str]:
    return [row["a"] for row in db.rows("SELECT a FROM t ORDER BY rowid")]


@pytest.mark.parametrize("text", ["", "Größe 🙂", "\0 in\0side", "lone \ud800", "caf\udce9.ipynb"])
def test_any_text_comes_back_and_is_found(db: Database, text: str) -> None:
    db.insert("t", {"a": text})
    assert texts(db) == [text]
    assert db.row("SELECT 1 FROM t WHERE a = ?", text) is not None


def test_a_failing_block_leaves_nothing(db: Database) -> None:
    def fail() -> None:
        with db.writing():
            db.insert("t", {"a": "x"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with db.writing():
        db.insert("t", {"a": "y"})
    assert texts(db) == ["y"]


def test_a_reading_block_sees_one_moment(db: Database) -> None:
    with closing(Database(db.path)) as other, other.reading():
        assert texts(other) == []
        db.insert("t", {"a": "x"})
        assert texts(other) == []


def test_update_tells_how_many_rows_and_matches_null(db: Database) -> None:
    db.insert("t", {"a": None})
    assert db.update("t", {"a": "x"}, {"a": None}) == 1
    assert db.update("t", {"a": "z"}, {"a": None}) == 0
    assert texts(db) == ["x"]


def test_commits_are_durable_before_they_are_told(db: Database) -> None:
    settings = {
        name: db.rows(f"PRAGMA {name}")[0][name] for name in ("synchronous", "journal_mode")
    }
    assert settings == {"synchronous": 2, "journal_mode": "wal"}


def test_the_log_reaches_the_disk_while_others_write(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[int] = []

    def fsync(descriptor: int) -> None:
        reached.append(os.fstat(descriptor).st_ino)
        db.insert("t", {"a": "later"})  # whoever writes does not wait

    with db.writing(durable=False):
        db.insert("t", {"a": "first"})
    monkeypatch.setattr(os, "fsync", fsync)
    db.sync()
    assert reached == [db.path.with_name(f"{db.path.name}-wal").stat().st_ino]
    assert texts(db) == ["first", "later"]


def test_a_log_that_is_not_there_has_reached_the_disk(tmp_path: Path) -> None:
    made = Database(tmp_path / "new.sqlite")
    made.close()
    made.sync()


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_c33_a_locked_file_names_who_holds_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(db.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder,
        closing(Database(db.path)) as waiting,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError) as caught, waiting.writing():
            pass
        assert holder.stdin is not None
        holder.stdin.close()
    assert f"{db.path} is locked by " in caught.value.message
    if sys.platform == "linux":
        assert f"process {holder.pid} ({sys.executable} -c" in caught.value.message
    assert caught.value.hint


def test_c24_a_full_disk_fails_the_write_and_keeps_what_was_there(db: Database) -> None:
    db.insert("t", {"a": "before"})
    pages = db.rows("PRAGMA page_count")[0]["page_count"]
    db.execute(f"PRAGMA max_page_count = {pages}")

    def overflow() -> None:
        with db.writing():
            db.insert("t", {"a": "small"})
            db.insert("t", {"a": "x" * 100_000})

    with pytest.raises(StoreError, match="the disk is full") as caught:
        overflow()
    assert caught.value.hint
    assert texts(db) == ["before"]
    db.execute("PRAGMA max_page_count = 1000000")
    db.insert("t", {"a": "after"})
    assert texts(db) == ["before", "after"]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=str(tmp_path)):
        Database(tmp_path)


def test_a_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StoreError, match="state"):
        Database(tmp_path / "state" / "l.sqlite")


GARBAGE = b"not a database at all, but longer than the hundred bytes of the header of one" * 9


def damage(path: Path) -> str:
    """Spoil the file, and return the hint that the refusal gives."""
    path.write_bytes(GARBAGE)
    with pytest.raises(StoreError, match="is damaged: file is not a database") as caught:
        closing(Database(path)).__enter__().rows("SELECT * FROM t")
    assert caught.value.hint is not None
    return caught.value.hint


def commands(hint: str) -> str:
    return hint.split("(")[1].split(")")[0] if "(" in hint else hint.split(": ", 1)[1]


@pytest.mark.parametrize("beside", [(), ("l.sqlite-shm",)])
def test_c40_the_hint_of_a_damaged_file_puts_it_aside(
    tmp_path: Path, beside: tuple[str, ...]
) -> None:
    path = tmp_path / "a b" / "l.sqlite"
    path.parent.mkdir()
    for name in beside:
        path.with_name(name).write_bytes(b"beside")
    subprocess.run(["sh", "-c", commands(damage(path))], check=True)
    assert (path.parent / "damaged" / "l.sqlite").read_bytes() == GARBAGE
    assert all((path.parent / "damaged" / name).exists() for name in beside)
    with closing(Database(path)) as fresh:
        assert fresh.rows("SELECT * FROM sqlite_master") == []


def test_c40_the_hint_of_a_damaged_file_puts_the_last_copy_back(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    for version, text in ((1, "old"), (2, "new")):
        with closing(Database(path)) as whole:
            whole.execute("CREATE TABLE IF NOT EXISTS t (a TEXT)")
            whole.insert("t", {"a": text})
            whole.back_up(copy := tmp_path / f"l.sqlite.v{version}.backup")
            os.utime(copy, (version, version))
    subprocess.run(["sh", "-c", commands(damage(path))], check=True)
    with closing(Database(path)) as restored:
        assert texts(restored) == ["old", "new"]


def test_a_copy_is_whole_and_alone(db: Database, tmp_path: Path) -> None:
    db.insert("t", {"a": "x"})
    (tmp_path / "copies").mkdir()
    target = tmp_path / "copies" / "copy.sqlite"
    target.write_bytes(b"an older copy")
    db.back_up(target)
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT a FROM t").fetchall() == [("x",)]
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list(target.parent.iterdir()) == [target]


def test_a_copy_that_fails_leaves_the_older_one(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies").mkdir()
    target = tmp_path / "copies" / "copy.sqlite"
    target.write_bytes(b"an older copy")

    def no_fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", no_fsync)
    with pytest.raises(StoreError, match="Input/output error"):
        db.back_up(target)
    assert target.read_bytes() == b"an older copy"
    assert list(target.parent.iterdir()) == [target]


def test_a_flipped_page_is_told_as_damage(db: Database) -> None:
    for number in range(2000):
        db.insert("t", {"a": f"row {number} " * 10})
    db.close()
    spoiled = db.path.with_name("spoiled.sqlite")
    shutil.copy(db.path, spoiled)
    content = bytearray(spoiled.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    spoiled.write_bytes(content)
    with closing(Database(spoiled)) as opened, pytest.raises(StoreError, match="is damaged"):
        opened.rows("SELECT * FROM t")


def test_dates_are_not_moments() -> None:
    assert from_json(to_json([date(2026, 1, 1), datetime(2026, 1, 1)])) == [
        date(2026, 1, 1),
        datetime(2026, 1, 1),
    ]
