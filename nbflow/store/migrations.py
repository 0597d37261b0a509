"""The ledger's schema as numbered steps: append only, each released one is never edited again.

Opening a ledger brings it up to date in one transaction, after a copy was made beside it
(`ledger.sqlite.v1.backup`); a kill at any moment leaves the old schema or the new one. A ledger of
a newer nbflow is refused and not touched.

Tables have singular names and are nobody's business. People query the views (**contract**):
`history_runs` and its sisters inside the file, or `history.runs` through `history.open_history`.
"""

from dataclasses import dataclass
from typing import Final

from nbflow.core.errors import StoreError
from nbflow.store.database import Database

APPLICATION_ID: Final = 0x6E62666C
"""`nbfl` in the file's header: nobody else's SQLite file is taken for a ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step from a schema version to the next: statements that run in a transaction."""

    title: str
    statements: tuple[str, ...]


def migrate(database: Database) -> None:
    """Bring the file up to date.

    Raises:
        StoreError: it is not a ledger, or of a newer nbflow.
    """
    with database.reading():  # one moment: another process may be making the file
        found = _version(database)
    if found == len(MIGRATIONS):
        return
    database.use_wal()
    with database.writing():
        found = _version(database)  # again: another process may have been faster
        if 0 < found < len(MIGRATIONS):
            database.back_up(database.path.with_name(f"{database.path.name}.v{found}.backup"))
        for migration in MIGRATIONS[found:]:
            for statement in migration.statements:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _version(database: Database) -> int:
    """The file's schema version: 0 for a new file, never more than ours."""
    version = _pragma(database, "user_version")
    if _pragma(database, "application_id") != APPLICATION_ID and not _is_empty(database):
        raise StoreError(
            f"{database.path} is an SQLite file, but not a ledger of nbflow",
            hint="move it away: nbflow makes its own",
        )
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{database.path} has schema version {version}; this nbflow knows {len(MIGRATIONS)}",
            hint="a newer nbflow wrote it: pip install --upgrade nbflow",
        )
    return version


def _pragma(database: Database, name: str) -> int:
    return int(database.rows(f"PRAGMA {name}")[0][name])


def _is_empty(database: Database) -> bool:
    return database.row("SELECT 1 FROM sqlite_master") is None


_RUNS_AND_STEPS: Final = (
    """CREATE TABLE run (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        notebook TEXT NOT NULL,
        notebook_hash TEXT NOT NULL,
        parameters TEXT NOT NULL,
        "trigger" TEXT NOT NULL,
        actor TEXT NOT NULL,
        started TEXT,
        finished TEXT,
        seconds REAL,
        result TEXT,
        learned TEXT NOT NULL,
        reason TEXT,
        message TEXT,
        pid INTEGER,
        pid_started REAL,
        heartbeat TEXT,
        fence INTEGER NOT NULL,
        cancel_requested INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX run_notebook ON run (notebook)",
    "CREATE INDEX run_status ON run (status)",
    """CREATE TABLE step (
        seq INTEGER PRIMARY KEY,
        run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        step_id TEXT NOT NULL,
        item TEXT,
        step TEXT NOT NULL,
        status TEXT NOT NULL,
        action TEXT NOT NULL,
        reason TEXT,
        message TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        started TEXT,
        finished TEXT,
        seconds REAL,
        cells TEXT NOT NULL,
        error TEXT,
        peak_memory INTEGER,
        log TEXT,
        fingerprint TEXT
    )""",
    # NULLs are all different to UNIQUE; the number 0 is one value, and no item's text
    "CREATE UNIQUE INDEX step_identity ON step (run, step_id, ifnull(item, 0))",
    """CREATE TABLE attempt (
        step INTEGER NOT NULL REFERENCES step (seq) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        message TEXT,
        started TEXT,
        finished TEXT,
        error TEXT,
        PRIMARY KEY (step, number)
    )""",
    """CREATE TABLE output (
        step INTEGER NOT NULL REFERENCES step (seq) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        digest TEXT NOT NULL,
        blob TEXT NOT NULL,
        PRIMARY KEY (step, position)
    )""",
)

_EVENTS: Final = (
    # AUTOINCREMENT: an id is never given twice, also when old events were removed
    """CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        step TEXT,
        item TEXT,
        attempt INTEGER,
        status TEXT,
        reason TEXT,
        message TEXT,
        data TEXT NOT NULL
    )""",
    "CREATE INDEX event_run ON event (run)",
)

_MEMORY: Final = (
    """CREATE TABLE fingerprint (
        seq INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        notebook TEXT NOT NULL,
        step_id TEXT NOT NULL,
        run TEXT NOT NULL,
        finished TEXT NOT NULL,
        seconds REAL,
        never_reuse TEXT,
        parts TEXT
    )""",
    "CREATE INDEX fingerprint_step ON fingerprint (notebook, step_id)",
    """CREATE TABLE fingerprint_output (
        fingerprint INTEGER NOT NULL REFERENCES fingerprint (seq) ON DELETE CASCADE,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        blob TEXT NOT NULL,
        PRIMARY KEY (fingerprint, name)
    )""",
    """CREATE TABLE fingerprint_file (
        fingerprint INTEGER NOT NULL REFERENCES fingerprint (seq) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        written INTEGER NOT NULL,
        path TEXT NOT NULL,
        digest TEXT,
        size INTEGER,
        PRIMARY KEY (fingerprint, position)
    )""",
    """CREATE TABLE lesson (
        seq INTEGER PRIMARY KEY,
        notebook TEXT NOT NULL,
        step_id TEXT NOT NULL,
        name TEXT NOT NULL,
        what TEXT NOT NULL,
        reason TEXT NOT NULL,
        source_hash TEXT NOT NULL,
        UNIQUE (notebook, step_id, name, what)
    )""",
)

_VIEWS: Final = (
    """CREATE VIEW history_runs AS
        SELECT id AS run, status, notebook, notebook_hash, parameters, "trigger", actor,
            started, finished, seconds, result, reason, message
        FROM run""",
    """CREATE VIEW history_steps AS
        SELECT step.run, notebook, step, step_id, item, step.status, action, step.reason,
            step.message, attempts, step.started, step.finished, step.seconds, peak_memory, log,
            fingerprint,
            json_extract(error, '$.type') AS error_type,
            json_extract(error, '$.message') AS error_message,
            json_extract(error, '$.cell') AS error_cell,
            json_extract(error, '$.line') AS error_line
        FROM step JOIN run ON run.id = step.run""",
    """CREATE VIEW history_attempts AS
        SELECT step.run, notebook, step.step, item, number AS attempt, attempt.status,
            attempt.reason, attempt.message, attempt.started, attempt.finished
        FROM attempt JOIN step ON step.seq = attempt.step JOIN run ON run.id = step.run""",
    """CREATE VIEW history_outputs AS
        SELECT step.run, notebook, step.step, item, member.value AS name,
            json_extract(blob, '$.kind') AS kind,
            json_extract(blob, '$.rows') AS rows,
            json_extract(blob, '$.columns') AS columns,
            json_extract(blob, '$.bytes') AS bytes,
            json_extract(blob, '$.python_type') AS python_type,
            digest
        FROM output JOIN step ON step.seq = output.step JOIN run ON run.id = step.run,
            json_each(blob, '$.names') AS member""",
    """CREATE VIEW history_events AS
        SELECT id, at, run, kind, step, item, attempt, status, reason, message, data FROM event""",
    # the same under the names that `ATTACH … AS history` shows as history.runs, history.steps, …
    "CREATE VIEW runs AS SELECT * FROM history_runs",
    "CREATE VIEW steps AS SELECT * FROM history_steps",
    "CREATE VIEW attempts AS SELECT * FROM history_attempts",
    "CREATE VIEW outputs AS SELECT * FROM history_outputs",
    "CREATE VIEW events AS SELECT * FROM history_events",
)

_GROUNDS: Final = (
    # what the decision to run a step rested on, so that it can be told afterwards
    """CREATE TABLE grounds (
        step INTEGER PRIMARY KEY REFERENCES step (seq) ON DELETE CASCADE,
        parts TEXT NOT NULL,
        compared TEXT,
        changes TEXT NOT NULL
    )""",
    "CREATE INDEX output_digest ON output (digest)",
)

_LEASES: Final = (
    # who makes the result of a fingerprint right now
    """CREATE TABLE lease (
        fingerprint TEXT PRIMARY KEY,
        run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        step_id TEXT NOT NULL
    )""",
    "CREATE INDEX lease_run ON lease (run)",
)

_ASKED: Final = (
    # the names that were to be outputs when a result was made
    "ALTER TABLE fingerprint ADD COLUMN asked TEXT NOT NULL DEFAULT '[]'",
)

_KEEPING: Final = (
    # runs that somebody wants to keep, and what they call them
    "ALTER TABLE run ADD COLUMN kept INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE run ADD COLUMN label TEXT NOT NULL DEFAULT ''",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        title="runs, steps, events and what they left",
        statements=(*_RUNS_AND_STEPS, *_EVENTS, *_MEMORY, *_VIEWS),
    ),
    Migration(title="why a step runs, and who makes a result", statements=(*_GROUNDS, *_LEASES)),
    Migration(title="which outputs a result was asked for", statements=_ASKED),
    Migration(title="runs that are kept, and their labels", statements=_KEEPING),
)
