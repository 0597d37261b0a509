"""The schema's history: one way up, all or nothing, with a copy, and never from the future."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import nbflow
from nbflow.core.errors import StoreError
from nbflow.core.run import Run, RunId, Status
from nbflow.store import migrations
from nbflow.store.history import Ledger
from nbflow.store.migrations import MIGRATIONS, Migration

NEXT = Migration(
    title="a column more",
    statements=(
        "ALTER TABLE run ADD COLUMN colour TEXT",
        "CREATE TABLE paint (colour TEXT)",
        "INSERT INTO paint VALUES ('red')",
        "UPDATE run SET colour = 'red'",
    ),
)

RUN = Run(id=RunId("r1"), status=Status.RUNNING, notebook="a.ipynb", notebook_hash="h")

NOW = len(MIGRATIONS)

RELEASED = ("65db", "f86e", "a0ba", "5340")
"""How the sha256 of each released migration begins. Add a migration instead of changing one."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of today's schema with one run in it."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.create_run(RUN)
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def objects(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql")}


def test_released_migrations_never_change() -> None:
    digests = [hashlib.sha256("\n".join(m.statements).encode()).hexdigest()[:4] for m in MIGRATIONS]
    assert tuple(digests) == RELEASED


def test_c35_a_ledger_of_a_newer_nbflow_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema version 99; this nbflow knows") as caught:
        Ledger(path)
    assert caught.value.hint is not None
    assert "pip install --upgrade nbflow" in caught.value.hint
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_somebody_elses_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a ledger of nbflow"):
        Ledger(path)
    assert path.read_bytes() == before


def test_an_older_ledger_is_copied_first_and_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, NEXT))
    with Ledger(path) as ledger:
        assert ledger.live_runs() == {"r1"}
    assert version(path) == NOW + 1
    copy = path.with_name(f"ledger.sqlite.v{NOW}.backup")
    assert version(copy) == NOW
    monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS)
    with Ledger(copy) as old:
        assert old.run("r1") == RUN


def test_a_migration_that_fails_leaves_the_old_schema(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(title="broken", statements=(*NEXT.statements, "CREATE TABLE run (a)"))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(StoreError, match="already exists"):
        Ledger(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS)
    assert version(path) == NOW
    with Ledger(path) as ledger:
        assert ledger.run("r1") == RUN


MIGRATE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from nbflow.store import database, migrations
from nbflow.store.history import Ledger

path, fatal = Path(sys.argv[1]), int(sys.argv[2])
seen = 0

def connect(path, plain=database._connect):
    def count(statement):
        global seen
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    connection = plain(path)
    connection.set_trace_callback(count)
    return connection

database._connect = connect
migrations.MIGRATIONS += (
    migrations.Migration(title="more", statements=tuple(sys.argv[3:])),
) if len(sys.argv) > 3 else ()
Ledger(path).close()
"""


def killed_at(path: Path, statement: int, *more: str) -> bool:
    """Open the ledger in a process that kills itself before that statement; False: it was done."""
    child = subprocess.run(
        [sys.executable, "-c", MIGRATE_AND_DIE, str(path), str(statement), *more],
        env={**os.environ, "PYTHONPATH": str(Path(nbflow.__file__).parent.parent)},
        check=False,
    )
    assert child.returncode in (0, -signal.SIGKILL)
    return child.returncode != 0


def test_c20_a_kill_during_a_migration_leaves_the_old_schema_or_the_new(
    path: Path, tmp_path: Path
) -> None:
    old = objects(path)
    statement = 1
    while killed_at(path, statement, *NEXT.statements):
        whole = (version(path), objects(path) == old)
        assert whole in ((NOW, True), (NOW + 1, False))
        statement += 1
    assert statement > len(NEXT.statements)
    assert version(path) == NOW + 1
    assert version(path.with_name(f"ledger.sqlite.v{NOW}.backup")) == NOW


@pytest.mark.parametrize("statement", [1, 2, 5, 20, 30])
def test_c20_a_kill_during_the_first_opening_leaves_a_file_that_opens(
    tmp_path: Path, statement: int
) -> None:
    path = tmp_path / "ledger.sqlite"
    assert killed_at(path, statement)
    with Ledger(path) as ledger:
        ledger.create_run(RUN)
        assert ledger.run("latest") == RUN
        assert ledger.check() == ()


def test_many_may_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    script = (
        "import sys; from pathlib import Path; from nbflow.store.history import Ledger;"
        "print('ready', flush=True); sys.stdin.readline(); Ledger(Path(sys.argv[1])).close()"
    )
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            env={**os.environ, "PYTHONPATH": str(Path(nbflow.__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == b"ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write(b"go\n")
        opener.stdin.flush()
    for opener in openers:
        opener.communicate()
    assert [opener.returncode for opener in openers] == [0] * len(openers)
    assert version(path) == NOW
