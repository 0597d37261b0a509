"""The ledger under kill -9, failing writes, several processes: whole steps, or nothing of them."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

import nbflow
from nbflow.core.errors import StoreError
from nbflow.core.plan import Recorded
from nbflow.core.run import Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob
from nbflow.store.history import Ledger

WRITER = Path(__file__).with_name("crashing_writer.py")
RUN = Run(id=RunId("r0"), status=Status.RUNNING, notebook="n.ipynb", notebook_hash="h")
AT = "2026-01-01T00:00:00Z"
LATER = "2026-01-02T00:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in which the run `r0` is going on."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.create_run(RUN)
    return path


@contextmanager
def writer(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process at work on the ledger; it does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(nbflow.__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def killed(path: Path, *arguments: str) -> bool:
    """Run the writer to its end; whether that was a kill (any other trouble fails the test)."""
    with writer(path, *arguments) as process:
        process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def assert_whole_steps(ledger: Ledger, run: str) -> list[str]:
    """Every step of the run has its outputs, fingerprint and event, and nothing is left over."""
    assert ledger.check() == ()
    steps = ledger.run(run).steps
    assert all(step.status is Status.SUCCEEDED and len(step.outputs) == 2 for step in steps)
    for step in steps:
        recorded = ledger.recorded(step.fingerprint or "")
        assert recorded is not None
        assert tuple(recorded.outputs.values()) == step.outputs
        assert ledger.parts(step.fingerprint or "") is not None
    told = [event.step for event in ledger.events(0, RunId(run), limit=10_000)]
    names = [step.step for step in steps]
    assert told == names
    assert ledger.recorded(f"f{len(steps)}") is None
    return names


@pytest.mark.parametrize("told", [1, 2, 5, 13, 40])
def test_c2_c3_a_kill_in_the_middle_of_writing_keeps_all_that_was_told(
    tmp_path: Path, told: int
) -> None:
    path = tmp_path / "ledger.sqlite"
    with writer(path, "r0", "steps") as process:
        assert process.stdout is not None
        seen = [process.stdout.readline().strip() for _ in range(told)]
        process.kill()
        seen += process.stdout.read().split()
    with Ledger(path) as ledger:
        kept = assert_whole_steps(ledger, "r0")
        assert kept[: len(seen)] == seen
        assert len(kept) <= len(seen) + 1  # one may have been committed and not told any more
        assert ledger.mark_lost(LATER, lambda pid, started: False) == ("r0",)
        assert [step.status for step in ledger.run("r0").steps] == [Status.SUCCEEDED] * len(kept)


def test_c4_c5_a_kill_at_any_statement_of_a_commit_leaves_all_or_nothing(path: Path) -> None:
    for statement in count(1):
        dead = killed(path, "r0", "die", str(statement))
        with Ledger(path) as ledger:
            kept = assert_whole_steps(ledger, "r0")
            assert len(ledger.run("r0").steps) == len(kept)
        if not dead:
            break
        # the trace sees a statement before it runs: even at COMMIT nothing was committed yet
        assert kept == []
    assert kept == ["s0"]
    assert statement > 10


def test_c19_a_kill_at_any_statement_of_recovery_can_be_repeated(path: Path) -> None:
    with Ledger(path) as ledger:
        going = StepResult(step="s", step_id="s", status=Status.RUNNING, attempts=1)
        event = Event(at=AT, run=RUN.id, kind=EventKind.STEP_STARTED, step="s", attempt=1)
        ledger.step_changed(RUN.id, 1, going, event)
    for statement in count(1):
        dead = killed(path, "r0", "lose", str(statement))
        with Ledger(path) as ledger:
            run = ledger.run("r0")
            told = [event.kind for event in ledger.events(0)]
        if not dead:
            break
        assert (run.status, run.steps) == (Status.RUNNING, (going,))
        assert told == ["step_started"]
    assert (run.status, run.steps[0].status) == (Status.LOST, Status.LOST)
    assert told == ["step_started", "step_finished", "run_finished"]
    assert statement > 5


def test_c18_any_failing_write_leaves_all_or_nothing(path: Path) -> None:
    """SQLite is stopped at its n-th instruction, for every n until the commit goes through."""
    blob = Blob(names=("a",), kind="json", digest="d", preview="p" * 5_000)
    result = StepResult(
        step="s", step_id="s", status=Status.SUCCEEDED, outputs=(blob,), fingerprint="f"
    )
    recorded = Recorded(
        fingerprint="f", run="r0", step=StepId("s"), finished=AT, outputs={"a": blob}
    )
    event = Event(at=AT, run=RUN.id, kind=EventKind.STEP_FINISHED, step="s", attempt=1)
    nothing: tuple[object, ...] = ((), (), None)
    everything: tuple[object, ...] = ((result,), (1,), recorded)
    with Ledger(path) as ledger, Ledger(path) as onlooker:
        connection = ledger._db._connection
        seen = nothing
        for fatal in count(1):
            instructions = count(1)
            connection.set_progress_handler(lambda: next(instructions) == fatal, 1)  # noqa: B023
            with suppress(StoreError):
                ledger.step_succeeded(RUN.id, 1, result, recorded, event)
            connection.set_progress_handler(None, 0)
            assert not connection.in_transaction
            ids = tuple(event.id for event in onlooker.events(0))
            seen = (onlooker.run("r0").steps, ids, onlooker.recorded("f"))
            if seen != nothing:
                break
        assert seen == everything
        assert fatal > 100


def test_c24_a_full_disk_is_no_success(path: Path) -> None:
    big = StepResult(step="s", step_id="s", status=Status.SUCCEEDED, message="m" * 200_000)
    event = Event(at=AT, run=RUN.id, kind=EventKind.STEP_FINISHED, step="s")
    with Ledger(path) as ledger:
        ledger._db.execute("PRAGMA max_page_count = 1")  # no more than there are
        with pytest.raises(StoreError, match="the disk is full"):
            ledger.step_succeeded(RUN.id, 1, big, None, event)
        assert ledger.run("r0") == RUN
        assert ledger.events(0) == ()


def test_several_processes_share_a_ledger_and_number_events_without_a_gap(path: Path) -> None:
    names = [f"w{number}" for number in range(4)]
    each = 40
    with (
        writer(path, names[0], "events", str(each)) as a,
        writer(path, names[1], "events", str(each)) as b,
        writer(path, names[2], "events", str(each)) as c,
        writer(path, names[3], "events", str(each)) as d,
    ):
        writers = (a, b, c, d)
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in writers:
            process.communicate()
        assert [process.returncode for process in writers] == [0] * 4
    with Ledger(path) as ledger:
        events = ledger.events(0)
        assert [event.id for event in events] == list(range(1, 4 * each + 1))
        for name in names:
            told = [event.message for event in events if event.run == name]
            assert told == [str(number) for number in range(each)]


def test_an_id_is_not_given_again_when_old_events_are_gone(path: Path) -> None:
    event = Event(at=AT, run=RUN.id, kind=EventKind.ALERT)
    with Ledger(path) as ledger:
        assert ledger.append(event).id == 1
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM event")
    connection.commit()
    connection.close()
    with Ledger(path) as ledger:
        assert ledger.append(event).id == 2


def test_c27_a_ledger_works_where_processes_cannot_share_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on file systems of other machines: SQLite goes on without WAL then."""
    plain = sqlite3.connect

    def without_shared_memory(path: Path, **chosen: object) -> sqlite3.Connection:
        return plain(f"file:{path}?vfs=unix-dotfile", uri=True, **chosen)  # type: ignore[call-overload]

    monkeypatch.setattr(sqlite3, "connect", without_shared_memory)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.create_run(RUN)
        assert not (tmp_path / "ledger.sqlite-shm").exists()
        with Ledger(tmp_path / "ledger.sqlite") as other:
            assert [run.id for run in other.runs(5)] == [RUN.id]
            other.request_cancel(RUN.id)
        assert ledger.cancel_requested(RUN.id)
