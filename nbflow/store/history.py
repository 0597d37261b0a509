"""The ledger: what ran, how it went, what came out, and what was learned.

Each change of state is one transaction, on disk when the method returns: a step's commit point.
Times are given, never read from a clock here. A run's *fence* is a number that whoever writes for
the run must know. It moves when the run is declared lost, and from then on the former runner
(asleep, not dead) is refused with `StaleFence`.

    fence = ledger.create_run(run)
    ledger.step_succeeded(run.id, fence, result, recorded, event)
    ledger.finish_run(replace(run, status=Status.SUCCEEDED), fence, event)
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from nbflow.core.errors import NotFound, StoreError, UsageError
from nbflow.core.graph import Learned
from nbflow.core.names import Name
from nbflow.core.plan import Recorded
from nbflow.core.run import Elsewhere, Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob, FileTouch, StepError
from nbflow.core.why import Change, Grounds
from nbflow.store import database
from nbflow.store.database import Database, Row, from_json, to_json
from nbflow.store.migrations import migrate

FIRST_FENCE: Final = 1

EARLIER: Final = 20
"""So many former successes of a step are looked at for the one that comes nearest."""

LOST_AFTER_SECONDS: Final = 10.0
"""Runners beat every 2 s: this much silence is no slow disk any more."""

_UNFINISHED: Final = ("queued", "running", "waiting")

_ENDING: Final = (
    *("status", "reason", "message", "result", "learned"),
    *("started", "finished", "seconds"),
)


_T = TypeVar("_T")


class StaleFence(StoreError):
    """The run is no longer the caller's to write: it was declared lost, or it has ended."""


class Ledger:
    """The project's history. One for each process; its threads may share it."""

    def __init__(self, path: Path) -> None:
        """Open the ledger, made or brought up to date when needed.

        Raises:
            StoreError: locked, damaged, of a newer nbflow, not writable; with what to do about it.
        """
        self.path = path
        self._db = Database(path)
        try:
            migrate(self._db)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- writing ---------------------------------------------------------------------------------

    def create_run(self, run: Run) -> int:
        """Record a new run with the steps it has so far; the fence comes back."""
        with self._db.writing():
            self._db.insert("run", {**_run_columns(run), "fence": FIRST_FENCE})
            for result in run.steps:
                self._put_step(run.id, result)
        return FIRST_FENCE

    def queue_run(self, run: Run, event: Event) -> None:
        """Record a run that another process will take, and the event that tells it. `run.pid` is
        whoever answers for it until then."""
        with self._db.writing():
            self._db.insert("run", {**_run_columns(run), "fence": FIRST_FENCE})
            self._put_event(event)

    def hand_over(self, run: RunId, pid: int, pid_started: float) -> None:
        """Another process answers for a run that is still queued."""
        self._db.update(
            "run", {"pid": pid, "pid_started": pid_started}, {"id": run, "status": Status.QUEUED}
        )

    def take_run(self, run: Run) -> int:
        """Begin a queued run: from now on it is the caller's to write; the fence comes back.

        Raises:
            StaleFence: it is not queued any more.
        """
        queued = {"id": run.id, "status": Status.QUEUED}
        with self._db.writing():
            if not self._db.update("run", _run_columns(run), queued):
                raise _stale(run.id)
        return FIRST_FENCE

    def refuse_run(self, run: RunId, at: str, *, reason: str, message: str) -> bool:
        """A queued run will never begin: it has failed. False if it is not queued any more."""
        ending = {"status": Status.FAILED, "reason": reason, "message": message, "finished": at}
        with self._db.writing():
            if not self._db.update("run", ending, {"id": run, "status": Status.QUEUED}):
                return False
            self._put_event(
                Event(
                    at=at,
                    run=run,
                    kind=EventKind.RUN_FINISHED,
                    status=Status.FAILED,
                    reason=reason,
                    message=message,
                )
            )
        return True

    def forget_run(self, run: RunId) -> None:
        """Remove a run that has ended, with its steps, outputs and events. What is remembered of
        its steps for reuse stays.

        Raises:
            UsageError: it has not ended, or is kept.
        """
        with self._db.writing():
            row = self._run_row(run)
            if not Status(row["status"]).ended:
                raise UsageError(f"run {run} has not ended", hint=f"nbflow cancel {run}")
            if row["kept"]:
                raise UsageError(f"run {run} is kept", hint="let go of it first")
            self._db.execute("DELETE FROM run WHERE id = ?", run)

    def keep_run(self, run: RunId, *, kept: bool, label: str) -> None:
        """Guard a run from being forgotten, or let go of it; and call it something."""
        with self._db.writing():
            self._db.update("run", {"kept": int(kept), "label": label}, {"id": run})

    def append(self, event: Event) -> Event:
        """Record an event that changes no state; it comes back with its id."""
        with self._db.writing(durable=False):
            return self._put_event(event)

    def step_changed(self, run: RunId, fence: int, result: StepResult, event: Event) -> Event:
        """Record how a step stands now, and the event that tells it.

        Raises:
            StaleFence: the run is not the caller's any more; nothing was written.
        """
        with self._db.writing(durable=result.status.ended):
            self._notebook_of_held_run(run, fence)
            return self._put_change(run, result, event)

    def step_started(
        self, run: RunId, fence: int, result: StepResult, event: Event, grounds: Grounds | None
    ) -> Event:
        """Record that a step runs from now on, and what that decision rests on, if it is known.

        Raises:
            StaleFence: the run is not the caller's any more; nothing was written.
        """
        with self._db.writing(durable=False):
            self._notebook_of_held_run(run, fence)
            told = self._put_change(run, result, event)
            if grounds is not None:
                self._put_grounds(run, result, grounds)
            return told

    def claim(
        self,
        run: RunId,
        fence: int,
        step: StepId,
        fingerprint: str,
        *,
        seen: str | None,
        is_alive: Callable[[int, float | None], bool],
    ) -> Elsewhere | None:
        """Ask to make the result of a fingerprint: None if it is now the caller's to make, until
        the step stands otherwise or the run has ended. Else who makes it, or has made it since:
        `seen` is the run whose result the caller knows. A dead owner's claim falls to the caller.

        Raises:
            StaleFence: the run is not the caller's any more.
        """
        # A loss of power ends its owner, too.
        with self._db.writing(durable=False):
            self._notebook_of_held_run(run, fence)
            made = self._db.row(
                "SELECT fingerprint.run, step FROM fingerprint"
                " LEFT JOIN step ON step.run = fingerprint.run"
                " AND step.step_id = fingerprint.step_id WHERE fingerprint.fingerprint = ?",
                fingerprint,
            )
            if made is not None and made["run"] != seen:
                return Elsewhere(run=RunId(made["run"]), step=made["step"] or "")
            owner = self._owner(fingerprint, is_alive)
            if owner is not None and (owner["run"], owner["step_id"]) != (run, step):
                return Elsewhere(run=RunId(owner["run"]), step=owner["step"])
            self._db.execute(
                "INSERT OR REPLACE INTO lease (fingerprint, run, step_id) VALUES (?, ?, ?)",
                *(fingerprint, run, step),
            )
            return None

    def is_claimed(self, fingerprint: str, is_alive: Callable[[int, float | None], bool]) -> bool:
        """Somebody who lives makes the result of a fingerprint."""
        return self._owner(fingerprint, is_alive) is not None

    def step_succeeded(
        self,
        run: RunId,
        fence: int,
        result: StepResult,
        recorded: Recorded | None,
        event: Event,
        *,
        fingerprint_parts: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> Event:
        """The commit point of a step: its result, outputs, fingerprint and event, all or nothing.

        What is not `durable` outlives every process, but a loss of power only after `sync` or the
        next durable write; the end of a run is one.

        `recorded` is None for what was reused or cannot be; `fingerprint_parts` is what its
        fingerprint was made of, so that a later run can say what changed.

        Raises:
            StaleFence: the run is not the caller's any more; nothing was written.
        """
        with self._db.writing(durable=durable):
            notebook = self._notebook_of_held_run(run, fence)
            if recorded is not None:
                self._put_recorded(notebook, recorded, fingerprint_parts)
            return self._put_change(run, result, event)

    def sync(self) -> None:
        """Have all that was recorded by now outlive a loss of power; nobody who records waits."""
        self._db.sync()

    def finish_run(self, run: Run, fence: int, event: Event) -> Event:
        """Record how the run ended. `run.steps` is not looked at: steps are settled one by one.

        Raises:
            StaleFence: the run is not the caller's any more; nothing was written.
        """
        columns = _run_columns(run)
        with self._db.writing():
            self._notebook_of_held_run(run.id, fence)
            self._db.update("run", {name: columns[name] for name in _ENDING}, {"id": run.id})
            self._db.execute("DELETE FROM lease WHERE run = ?", run.id)
            return self._put_event(event)

    def heartbeat(self, run: RunId, fence: int, at: str) -> None:
        """The runner lives.

        Raises:
            StaleFence: the run is not the caller's any more.
        """
        if not self._db.update("run", {"heartbeat": at}, {"id": run, "fence": fence}):
            raise _stale(run)

    def request_cancel(self, run: RunId) -> None:
        """Ask the run's runner to stop; a run that has ended stays as it is.

        Raises:
            UsageError: there is no such run.
        """
        if not self._db.update("run", {"cancel_requested": 1}, {"id": run}):
            raise _no_run(run)

    def cancel_requested(self, run: RunId) -> bool:
        """Somebody asked the run to stop."""
        row = self._db.row("SELECT cancel_requested FROM run WHERE id = ?", run)
        return row is not None and bool(row["cancel_requested"])

    def mark_lost(
        self, now: str, is_alive: Callable[[int, float | None], bool]
    ) -> tuple[RunId, ...]:
        """Declare runs lost that are silent and whose process is gone; they come back.

        `is_alive(pid, started)` must tell a process from a later one with the same pid. Steps that
        were running are lost too, steps that never began are cancelled. Safe to repeat, and from
        several processes at once.
        """
        unfinished = self._db.rows(
            "SELECT id, pid, pid_started, heartbeat, started, status, fence FROM run"
            " WHERE status = 'running' OR status = 'queued' AND pid IS NOT NULL ORDER BY seq"
        )
        silent = (row for row in unfinished if _silence(row, now) > LOST_AFTER_SECONDS)
        gone = [r for r in silent if r["pid"] is None or not is_alive(r["pid"], r["pid_started"])]
        return tuple(RunId(row["id"]) for row in gone if self._lose(row, now))

    @contextmanager
    def no_run_begins(self) -> Iterator[None]:
        """While the block runs, no process can begin a run, nor write anything: keep it short."""
        with self._db.writing():
            yield

    def learn(self, notebook: str, *lessons: Learned) -> None:
        """Keep lessons; one about the same step, name and matter replaces the older."""
        with self._db.writing():
            for lesson in lessons:
                self._db.execute(
                    "DELETE FROM lesson"
                    " WHERE notebook = ? AND step_id = ? AND name = ? AND what = ?",
                    *(notebook, lesson.step, lesson.name, lesson.what),
                )
                self._db.insert("lesson", {"notebook": notebook, **_lesson_columns(lesson)})

    # -- reading ---------------------------------------------------------------------------------

    def run(self, wanted: str) -> Run:
        """The run with that id, or whose id alone begins so, or the `latest`; with its steps.

        Raises:
            UsageError: none, or several.
        """
        with self._db.reading():
            row = self._run_row(wanted)
            return _run(row, self._steps(row["id"]))

    def runs(self, limit: int, notebook: str | None = None) -> tuple[Run, ...]:
        """The newest runs first, without their steps."""
        if notebook is None:
            rows = self._db.rows("SELECT * FROM run ORDER BY seq DESC LIMIT ?", limit)
        else:
            sql = "SELECT * FROM run WHERE notebook = ? ORDER BY seq DESC LIMIT ?"
            rows = self._db.rows(sql, notebook, limit)
        return tuple(_run(row, ()) for row in rows)

    def counts(self, runs: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
        """How many steps of each run stand how: by status, those that were reused as `reused`."""
        rows = self._db.rows(
            "SELECT run, iif(action = 'reuse' AND status = 'succeeded', 'reused', status) AS state,"
            " count(*) AS steps FROM step WHERE run IN (SELECT value FROM json_each(?))"
            " GROUP BY run, state ORDER BY run, state",
            json.dumps(list(runs)),
        )
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["run"], {})[row["state"]] = row["steps"]
        return found

    def notebooks(self, runs: Iterable[str]) -> Mapping[str, str]:
        """Which notebook each run was of."""
        rows = self._db.rows(
            "SELECT id, notebook FROM run WHERE id IN (SELECT value FROM json_each(?))",
            json.dumps(list(runs)),
        )
        return {row["id"]: row["notebook"] for row in rows}

    def live_runs(self) -> frozenset[RunId]:
        """The runs that have not ended, as far as anybody knows."""
        rows = self._db.rows("SELECT id FROM run WHERE status IN (?, ?, ?)", *_UNFINISHED)
        return frozenset(RunId(row["id"]) for row in rows)

    def ended(self, runs: Iterable[str]) -> frozenset[RunId]:
        """Those of the given runs that are known here and have ended, whatever the way."""
        rows = self._db.rows(
            "SELECT id FROM run WHERE id IN (SELECT value FROM json_each(?))"
            " AND status NOT IN (?, ?, ?)",
            *(json.dumps(list(runs)), *_UNFINISHED),
        )
        return frozenset(RunId(row["id"]) for row in rows)

    def events(self, after: int, run: RunId | None = None, limit: int = 1000) -> tuple[Event, ...]:
        """Events with a greater id, oldest first: of one run, or of the whole project."""
        if run is None:
            sql = "SELECT * FROM event WHERE id > ? ORDER BY id LIMIT ?"
            rows = self._db.rows(sql, after, limit)
        else:
            sql = "SELECT * FROM event WHERE run = ? AND id > ? ORDER BY id LIMIT ?"
            rows = self._db.rows(sql, run, after, limit)
        return tuple(_event(row) for row in rows)

    def last_event(self) -> int:
        """The id of the newest event; 0 before the first."""
        row = self._db.row("SELECT max(id) AS id FROM event")
        return 0 if row is None else row["id"] or 0

    def version(self) -> int:
        """A number that differs once somebody else has written since it was last asked for. To ask
        costs next to nothing (https://www.sqlite.org/pragma.html#pragma_data_version)."""
        return int(self._db.rows("PRAGMA data_version")[0]["data_version"])

    def recorded(self, fingerprint: str) -> Recorded | None:
        """What is remembered of the last success under that fingerprint."""
        with self._db.reading():
            row = self._db.row("SELECT * FROM fingerprint WHERE fingerprint = ?", fingerprint)
            return None if row is None else self._recorded(row)

    def recorded_for_step(self, notebook: str, step: StepId) -> Recorded | None:
        """The last success of a step, whatever its fingerprint was."""
        with self._db.reading():
            row = self._last_fingerprint(notebook, step)
            return None if row is None else self._recorded(row)

    def peak_memory(self, notebook: str, step: StepId) -> int | None:
        """What the last success of a step took, in bytes."""
        row = self._db.row(
            "SELECT peak_memory FROM step WHERE step_id = ? AND run ="
            " (SELECT run FROM fingerprint WHERE notebook = ? AND step_id = ?"
            " ORDER BY seq DESC LIMIT 1)",
            *(step, notebook, step),
        )
        return None if row is None else row["peak_memory"]

    def parts(self, fingerprint: str) -> Mapping[str, str] | None:
        """What a fingerprint was made of, where that is known."""
        row = self._db.row("SELECT parts FROM fingerprint WHERE fingerprint = ?", fingerprint)
        return None if row is None or row["parts"] is None else json.loads(row["parts"])

    def earlier(self, notebook: str, step: StepId) -> tuple[tuple[str, Mapping[str, str]], ...]:
        """The runs of a step's latest successes, newest first, with what their fingerprints were
        made of."""
        rows = self._db.rows(
            "SELECT run, parts FROM fingerprint WHERE notebook = ? AND step_id = ?"
            " AND parts IS NOT NULL ORDER BY seq DESC LIMIT ?",
            *(notebook, step, EARLIER),
        )
        return tuple((row["run"], json.loads(row["parts"])) for row in rows)

    def grounds(self, run: str, step: str, item: str | None = None) -> Grounds | None:
        """What the decision to run a step (by its id) rested on, in a run in which it ran."""
        row = self._db.row(
            "SELECT parts, compared, changes FROM grounds JOIN step ON step.seq = grounds.step"
            " WHERE run = ? AND step_id = ? AND item IS ?",
            *(run, step, item),
        )
        if row is None:
            return None
        changes = _from_json(row["changes"], tuple[Change, ...])
        parts = json.loads(row["parts"])
        return Grounds(parts=parts, compared=row["compared"], changes=changes)

    def blob(self, digest: str) -> Blob | None:
        """A version with that content, of any step of any run."""
        row = self._db.row("SELECT blob FROM output WHERE digest = ? LIMIT 1", digest)
        return None if row is None else _from_json(row["blob"], Blob)

    def learned(self, notebook: str) -> tuple[Learned, ...]:
        """What runs taught about a notebook, oldest first."""
        rows = self._db.rows("SELECT * FROM lesson WHERE notebook = ? ORDER BY seq", notebook)
        return tuple(_lesson(row) for row in rows)

    def digests(self) -> frozenset[str]:
        """Digests of all blobs that a row speaks of."""
        rows = self._db.rows(
            "SELECT digest FROM output UNION SELECT digest FROM fingerprint_output"
        )
        return frozenset(row["digest"] for row in rows)

    def durations(self, notebook: str, most: int) -> Mapping[str, tuple[float, ...]]:
        """The seconds that each step of a notebook took when it ran last and succeeded, at most so
        many, the latest last. Items of one run count together."""
        rows = self._db.rows(
            "SELECT step.step, sum(step.seconds) AS seconds FROM step"
            " JOIN run ON run.id = step.run"
            " WHERE run.notebook = ? AND step.action = 'run' AND step.seconds IS NOT NULL"
            " AND step.status = 'succeeded' GROUP BY run.seq, step.step ORDER BY run.seq",
            notebook,
        )
        found: dict[str, list[float]] = {}
        for row in rows:
            found.setdefault(row["step"], []).append(row["seconds"])
        return {step: tuple(seconds[-most:]) for step, seconds in found.items()}

    def kept_digests(self) -> frozenset[str]:
        """Digests of all blobs of runs that somebody keeps."""
        rows = self._db.rows(
            "SELECT DISTINCT digest FROM output JOIN step ON step.seq = output.step"
            " JOIN run ON run.id = step.run WHERE run.kept"
        )
        return frozenset(row["digest"] for row in rows)

    def costs(self) -> Mapping[str, tuple[bool, float]]:
        """For the digest of each result that may be reused: whether it is the latest of a step, and
        the seconds that it took to make."""
        rows = self._db.rows(
            "SELECT digest, max(fingerprint.seq = latest.seq) AS is_latest,"
            " max(ifnull(seconds, 0.0)) AS seconds FROM fingerprint_output"
            " JOIN fingerprint ON fingerprint.seq = fingerprint_output.fingerprint"
            " JOIN (SELECT notebook, step_id, max(seq) AS seq FROM fingerprint"
            "  GROUP BY notebook, step_id) AS latest"
            " ON latest.notebook = fingerprint.notebook AND latest.step_id = fingerprint.step_id"
            " GROUP BY digest"
        )
        return {row["digest"]: (bool(row["is_latest"]), row["seconds"]) for row in rows}

    def check(self) -> tuple[str, ...]:
        """Damage that a look through the whole file finds, in sentences; empty when sound. Slow."""
        try:
            found = [row["integrity_check"] for row in self._db.rows("PRAGMA integrity_check")]
            strays = self._db.rows("PRAGMA foreign_key_check")
        except StoreError as error:
            return (error.message,)
        damage = tuple(finding for finding in found if finding != "ok")
        return damage + tuple(f"a row of {row['table']} belongs to nothing" for row in strays)

    # -- parts of transactions -------------------------------------------------------------------

    def _owner(self, fingerprint: str, is_alive: Callable[[int, float | None], bool]) -> Row | None:
        row = self._db.row(
            "SELECT lease.run, lease.step_id, step.step, pid, pid_started FROM lease"
            " JOIN run ON run.id = lease.run"
            " JOIN step ON step.run = lease.run AND step.step_id = lease.step_id"
            " WHERE lease.fingerprint = ?",
            fingerprint,
        )
        lives = row is not None and row["pid"] is not None
        return row if lives and row and is_alive(row["pid"], row["pid_started"]) else None

    def _notebook_of_held_run(self, run: RunId, fence: int) -> str:
        row = self._db.row("SELECT fence, status, notebook FROM run WHERE id = ?", run)
        if row is None:
            raise _no_run(run)
        if row["fence"] != fence or Status(row["status"]).ended:
            raise _stale(run)
        return str(row["notebook"])

    def _put_change(self, run: RunId, result: StepResult, event: Event) -> Event:
        step = self._put_step(run, result)
        if result.status is not Status.RUNNING:
            self._db.execute("DELETE FROM lease WHERE run = ? AND step_id = ?", run, result.step_id)
        if event.attempt is not None:
            self._put_attempt(step, event.attempt, result, event)
        return self._put_event(event)

    def _put_step(self, run: RunId, result: StepResult) -> int:
        columns = {"run": run, **_step_columns(result)}
        known = self._db.row(
            "SELECT seq FROM step WHERE run = ? AND step_id = ? AND item IS ?",
            *(run, result.step_id, result.item),
        )
        if known is None:
            step = self._db.insert("step", columns)
        else:
            step = int(known["seq"])
            self._db.update("step", columns, {"seq": step})
            self._db.execute("DELETE FROM output WHERE step = ?", step)
        for position, blob in enumerate(result.outputs):
            self._db.insert("output", {"step": step, "position": position, **_blob_columns(blob)})
        return step

    def _put_grounds(self, run: RunId, result: StepResult, grounds: Grounds) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO grounds (step, parts, compared, changes)"
            " SELECT seq, ?, ?, ? FROM step WHERE run = ? AND step_id = ? AND item IS ?",
            *(json.dumps(dict(grounds.parts)), grounds.compared, _as_json(grounds.changes)),
            *(run, result.step_id, result.item),
        )

    def _put_attempt(self, step: int, number: int, result: StepResult, event: Event) -> None:
        """`step_started` opens an attempt; the next event of that attempt tells how it ended."""
        key = {"step": step, "number": number}
        if event.kind is EventKind.STEP_STARTED:
            self._db.execute("DELETE FROM attempt WHERE step = ? AND number = ?", step, number)
            self._db.insert("attempt", {**key, "status": Status.RUNNING, "started": event.at})
            return
        columns = {
            # queued again, or waiting for the next attempt: this one came to nothing
            "status": result.status if result.status.ended else Status.FAILED,
            "finished": event.at,
            "reason": event.reason or result.reason,
            "message": event.message or result.message,
            "error": None if result.error is None else _as_json(result.error),
        }
        self._db.update("attempt", columns, {**key, "status": Status.RUNNING})

    def _put_event(self, event: Event) -> Event:
        return replace(event, id=self._db.insert("event", _event_columns(event)))

    def _put_recorded(
        self, notebook: str, recorded: Recorded, parts: Mapping[str, str] | None
    ) -> None:
        self._db.execute("DELETE FROM fingerprint WHERE fingerprint = ?", recorded.fingerprint)
        row = self._db.insert("fingerprint", _fingerprint_columns(notebook, recorded, parts))
        owner = {"fingerprint": row}
        for name, blob in recorded.outputs.items():
            self._db.insert("fingerprint_output", {**owner, "name": name, **_blob_columns(blob)})
        for position, columns in enumerate(_file_columns(recorded)):
            self._db.insert("fingerprint_file", {**owner, "position": position, **columns})

    def _lose(self, row: Row, now: str) -> bool:
        """Declare one run lost, unless it stirred, or was declared so, since `row` was read."""
        unchanged = {name: row[name] for name in ("id", "fence", "status", "heartbeat")}
        lost = _lost_run_event(row, now)
        columns = {
            "status": lost.status,
            "reason": lost.reason,
            "message": lost.message,
            "finished": now,
            "fence": row["fence"] + 1,
        }
        with self._db.writing():
            if not self._db.update("run", columns, unchanged):
                return False
            for result in self._steps(lost.run):
                if not result.status.ended:
                    settled = _lost_step(result, now)
                    self._put_change(lost.run, settled, _lost_step_event(lost.run, settled, now))
            self._db.execute("DELETE FROM lease WHERE run = ?", lost.run)
            self._put_event(lost)
        return True

    # -- parts of reading ------------------------------------------------------------------------

    def _run_row(self, wanted: str) -> Row:
        if wanted == "latest":
            found = self._db.rows("SELECT * FROM run ORDER BY seq DESC LIMIT 1")
        else:
            found = self._runs_beginning(wanted)
        match found:
            case [row]:
                return row
            case []:
                raise _no_run(wanted)
            case _:
                several = ", ".join(row["id"] for row in found)
                raise UsageError(
                    f"several runs begin with {wanted!r}: {several}", hint="give more of it"
                )

    def _runs_beginning(self, prefix: str) -> list[Row]:
        exact = self._db.rows("SELECT * FROM run WHERE id = ?", prefix)
        if exact or not prefix:
            return exact
        # the range of the index that begins so: U+10FFFF sorts after everything
        return self._db.rows(
            "SELECT * FROM run WHERE id >= ? AND id < ? ORDER BY id LIMIT 3",
            *(prefix, prefix + "\U0010ffff"),
        )

    def _steps(self, run: str) -> tuple[StepResult, ...]:
        outputs: dict[int, list[Blob]] = {}
        for row in self._db.rows(
            "SELECT output.step, blob FROM output JOIN step ON step.seq = output.step"
            " WHERE step.run = ? ORDER BY output.step, position",
            run,
        ):
            outputs.setdefault(row["step"], []).append(_from_json(row["blob"], Blob))
        rows = self._db.rows("SELECT * FROM step WHERE run = ? ORDER BY seq", run)
        return tuple(_step(row, outputs.get(row["seq"], ())) for row in rows)

    def _last_fingerprint(self, notebook: str, step: StepId) -> Row | None:
        return self._db.row(
            "SELECT * FROM fingerprint WHERE notebook = ? AND step_id = ?"
            " ORDER BY seq DESC LIMIT 1",
            *(notebook, step),
        )

    def _recorded(self, row: Row) -> Recorded:
        outputs = self._db.rows(
            "SELECT name, blob FROM fingerprint_output WHERE fingerprint = ?", row["seq"]
        )
        files = self._db.rows(
            "SELECT * FROM fingerprint_file WHERE fingerprint = ? ORDER BY position", row["seq"]
        )
        return Recorded(
            fingerprint=row["fingerprint"],
            run=row["run"],
            step=StepId(row["step_id"]),
            finished=row["finished"],
            outputs={found["name"]: _from_json(found["blob"], Blob) for found in outputs},
            asked=tuple(json.loads(row["asked"])),
            files_read=tuple(_file(found) for found in files if not found["written"]),
            files_written=tuple(_file(found) for found in files if found["written"]),
            never_reuse=row["never_reuse"],
            seconds=row["seconds"],
        )


def open_history(path: Path) -> sqlite3.Connection:
    """A read-only connection on which `SELECT * FROM history.runs` works (**contract**); so do
    `history.steps`, `history.attempts`, `history.outputs` and `history.events`.

    Raises:
        UsageError: the project has no ledger yet.
        StoreError: it cannot be read.
    """
    if not path.exists():
        raise UsageError(f"there is no history at {path}", hint="run a notebook first")
    connection = sqlite3.connect(
        ":memory:", timeout=database.BUSY_SECONDS, isolation_level=None, uri=True
    )
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        connection.execute("ATTACH ? AS history", (path.resolve().as_uri() + "?mode=ro",))
        connection.execute("SELECT 1 FROM history.runs LIMIT 1")
    except sqlite3.Error as error:
        connection.close()
        raise database.explained(error, path) from error
    return connection


def _no_run(wanted: str) -> NotFound:
    if wanted == "latest":
        return NotFound("nothing has run yet", hint="nbflow run NOTEBOOK")
    return NotFound(f"there is no run {wanted!r}", hint="`nbflow runs` lists them")


def _stale(run: RunId) -> StaleFence:
    return StaleFence(
        f"run {run} is not this process's to write any more: it was declared lost, or has ended",
        hint=f"nbflow resume {run}",
    )


def _lost_run_event(row: Row, now: str) -> Event:
    last = row["heartbeat"] or row["started"] or "none"
    return Event(
        at=now,
        run=RunId(row["id"]),
        kind=EventKind.RUN_FINISHED,
        status=Status.LOST,
        reason="run_lost",
        message=f"its process {row['pid']} is gone; last sign of life: {last}",
    )


def _lost_step(result: StepResult, now: str) -> StepResult:
    if result.status is Status.QUEUED:
        status, message = Status.CANCELLED, "the run was lost before the step began"
    else:
        status, message = Status.LOST, "the run was lost before the step ended"
    return replace(result, status=status, reason="run_lost", message=message, finished=now)


def _lost_step_event(run: RunId, lost: StepResult, now: str) -> Event:
    return Event(
        at=now,
        run=run,
        kind=EventKind.STEP_FINISHED,
        step=lost.step,
        item=lost.item,
        attempt=lost.attempts or None,
        status=lost.status,
        reason=lost.reason,
        message=lost.message,
    )


def _silence(row: Row, now: str) -> float:
    """Seconds since the run's last sign of life."""
    last = row["heartbeat"] or row["started"]
    return float("inf") if last is None else (_instant(now) - _instant(last)).total_seconds()


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


# -- values and their rows -----------------------------------------------------------------------


def _as_json(value: object) -> str:
    """Our own dataclasses, whose types are known when they are read again."""
    return json.dumps(msgspec.to_builtins(value))


def _from_json(text: str, kind: type[_T]) -> _T:
    return msgspec.convert(json.loads(text), kind)


def _run_columns(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "status": run.status,
        "notebook": run.notebook,
        "notebook_hash": run.notebook_hash,
        "parameters": to_json(run.parameters),
        "trigger": run.trigger,
        "actor": run.actor,
        "started": run.started,
        "finished": run.finished,
        "seconds": run.seconds,
        "result": run.result,
        "learned": json.dumps(run.learned),
        "reason": run.reason,
        "message": run.message,
        "pid": run.pid,
        "pid_started": run.pid_started,
        "heartbeat": run.heartbeat,
    }


def _run(row: Row, steps: tuple[StepResult, ...]) -> Run:
    values = _without(row, "seq", "fence", "cancel_requested")
    values["status"] = Status(row["status"])
    values["kept"] = bool(row["kept"])
    values["parameters"] = from_json(row["parameters"])
    values["learned"] = tuple(json.loads(row["learned"]))
    return Run(**values, steps=steps)


def _step_columns(result: StepResult) -> dict[str, object]:
    return {
        "step_id": result.step_id,
        "item": result.item,
        "step": result.step,
        "status": result.status,
        "action": result.action,
        "reason": result.reason,
        "message": result.message,
        "attempts": result.attempts,
        "started": result.started,
        "finished": result.finished,
        "seconds": result.seconds,
        "cells": json.dumps(result.cells),
        "error": None if result.error is None else _as_json(result.error),
        "peak_memory": result.peak_memory,
        "log": result.log,
        "fingerprint": result.fingerprint,
    }


def _step(row: Row, outputs: Iterable[Blob]) -> StepResult:
    values = _without(row, "seq", "run")
    values["status"] = Status(row["status"])
    values["cells"] = tuple(json.loads(row["cells"]))
    values["error"] = None if row["error"] is None else _from_json(row["error"], StepError)
    return StepResult(**values, outputs=tuple(outputs))


def _blob_columns(blob: Blob) -> dict[str, object]:
    return {"digest": blob.digest, "blob": _as_json(blob)}


def _event_columns(event: Event) -> dict[str, object]:
    return {
        "at": event.at,
        "run": event.run,
        "kind": event.kind,
        "step": event.step,
        "item": event.item,
        "attempt": event.attempt,
        "status": event.status,
        "reason": event.reason,
        "message": event.message,
        "data": to_json(event.data),
    }


def _event(row: Row) -> Event:
    values = dict(row)
    values["kind"] = EventKind(row["kind"])
    values["status"] = None if row["status"] is None else Status(row["status"])
    values["data"] = from_json(row["data"])
    return Event(**values)


def _fingerprint_columns(
    notebook: str, recorded: Recorded, parts: Mapping[str, str] | None
) -> dict[str, object]:
    return {
        "fingerprint": recorded.fingerprint,
        "notebook": notebook,
        "step_id": recorded.step,
        "run": recorded.run,
        "finished": recorded.finished,
        "seconds": recorded.seconds,
        "never_reuse": recorded.never_reuse,
        "parts": None if parts is None else json.dumps(dict(parts)),
        "asked": json.dumps(recorded.asked),
    }


def _file_columns(recorded: Recorded) -> list[dict[str, object]]:
    touches = [(False, touch) for touch in recorded.files_read]
    touches += [(True, touch) for touch in recorded.files_written]
    return [
        {"written": written, "path": touch.path, "digest": touch.digest, "size": touch.size}
        for written, touch in touches
    ]


def _file(row: Row) -> FileTouch:
    return FileTouch(path=row["path"], digest=row["digest"], size=row["size"])


def _lesson_columns(lesson: Learned) -> dict[str, object]:
    return {
        "step_id": lesson.step,
        "name": lesson.name,
        "what": lesson.what,
        "reason": lesson.reason,
        "source_hash": lesson.source_hash,
    }


def _lesson(row: Row) -> Learned:
    return Learned(
        step=StepId(row["step_id"]),
        name=Name(row["name"]),
        what=row["what"],
        reason=row["reason"],
        source_hash=row["source_hash"],
    )


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
