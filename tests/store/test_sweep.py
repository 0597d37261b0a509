"""What crashes leave behind: found by the ledger's word, and nothing of a live run among it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nbflow.core.errors import StoreError
from nbflow.core.plan import Recorded
from nbflow.core.run import Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob
from nbflow.store import database
from nbflow.store.history import Ledger
from nbflow.store.sweep import evictable, remove_stale_staging, store_bytes, unreferenced

AT, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
RUN = Run(id=RunId("r0"), status=Status.RUNNING, notebook="n.ipynb", notebook_hash="h")
KEPT = Blob(names=("kept",), kind="json", digest="aa" * 32, suffix="json")
CACHED = Blob(names=("cached",), kind="table", digest="bb" * 32, suffix="duckdb")
ORPHAN = Blob(names=("orphan",), kind="json", digest="cc" * 32, suffix="json")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that knows KEPT (an output), CACHED (under a fingerprint) and the live run r0."""
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        fence = opened.create_run(RUN)
        result = StepResult(step="s", step_id="s", status=Status.SUCCEEDED, outputs=(KEPT,))
        recorded = Recorded(
            fingerprint="f",
            run="r0",
            step=StepId("s"),
            finished=AT,
            outputs={"cached": CACHED},
        )
        event = Event(at=AT, run=RUN.id, kind=EventKind.STEP_FINISHED)
        opened.step_succeeded(RUN.id, fence, result, recorded, event)
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a file, and its sum, for each of the three blobs."""
    root = tmp_path / "store"
    for blob in (KEPT, CACHED, ORPHAN):
        put(root, f"{blob.digest}.{blob.suffix}")
        put(root, f"{blob.digest}.{blob.suffix}.sum")
    return root


def put(root: Path, name: str) -> Path:
    path = root / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def finish(ledger: Ledger, run: Run = RUN) -> None:
    ended = replace(run, status=Status.SUCCEEDED)
    ledger.finish_run(ended, 1, Event(at=AT, run=run.id, kind=EventKind.RUN_FINISHED))


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_c4_a_file_without_a_row_is_garbage(ledger: Ledger, store: Path) -> None:
    finish(ledger)
    assert names(unreferenced(ledger, store)) == [
        f"{ORPHAN.digest}.json",
        f"{ORPHAN.digest}.json.sum",
    ]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.WAITING])
def test_nothing_is_garbage_while_a_run_lives(ledger: Ledger, store: Path, status: Status) -> None:
    finish(ledger)
    ledger.create_run(replace(RUN, id=RunId("r1"), status=status))
    assert unreferenced(ledger, store) == ()


def test_c4_a_lost_run_gives_its_unrecorded_files_free(ledger: Ledger, store: Path) -> None:
    assert unreferenced(ledger, store) == ()
    ledger.mark_lost(LATER, lambda pid, started: False)
    assert len(unreferenced(ledger, store)) == 2


def test_strangers_quarantine_and_links_are_left_alone(ledger: Ledger, store: Path) -> None:
    finish(ledger)
    digest = "cd" * 32
    for stranger in (
        f"{digest}.json.corrupt-20260101",
        digest,
        "cdcd.json",
        f"{digest.upper()}.json",
        "notes.txt",
    ):
        put(store, stranger)
    misplaced = store / "cc" / f"{digest}.json"
    misplaced.write_text("x")
    linked = store / "cd" / f"{digest}.json"
    linked.symlink_to(misplaced)
    (store / "cd" / f"{digest}.duckdb").mkdir()
    (store / "readme").write_text("x")
    assert {path.parent.name for path in unreferenced(ledger, store)} == {"cc"}
    assert all(path.name.startswith(ORPHAN.digest) for path in unreferenced(ledger, store))


def test_a_project_without_a_store_has_no_garbage(ledger: Ledger, tmp_path: Path) -> None:
    finish(ledger)
    assert unreferenced(ledger, tmp_path / "nowhere") == ()


def test_c19_deleting_what_was_found_leaves_nothing_to_find(ledger: Ledger, store: Path) -> None:
    finish(ledger)
    with ledger.no_run_begins():
        for path in unreferenced(ledger, store):
            path.unlink()
    assert unreferenced(ledger, store) == ()
    assert sum(path.is_file() for path in store.rglob("*")) == 4


def test_no_run_begins_while_garbage_is_deleted(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    another = replace(RUN, id=RunId("r1"))
    with Ledger(ledger.path) as elsewhere:
        with ledger.no_run_begins(), pytest.raises(StoreError, match="locked"):
            elsewhere.create_run(another)
        elsewhere.create_run(another)
    assert ledger.live_runs() == {"r0", "r1"}


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """Staging folders of the live r0, the ended r1, and of a run that nobody knows."""
    root = tmp_path / "staging"
    for run in ("r0", "r1", "unknown"):
        (root / run / "step-1").mkdir(parents=True)
        (root / run / "step-1" / "df.json").write_text("x")
    return root


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_c19_staging_of_ended_runs_goes_and_the_rest_stays(ledger: Ledger, staging: Path) -> None:
    ledger.create_run(replace(RUN, id=RunId("r1"), status=Status.FAILED))
    assert remove_stale_staging(ledger, staging) == (staging / "r1",)
    assert left(staging) == ["r0", "unknown"]
    assert (staging / "r0" / "step-1" / "df.json").exists()
    assert remove_stale_staging(ledger, staging) == ()


def test_c1_staging_of_a_lost_run_goes(ledger: Ledger, staging: Path) -> None:
    ledger.mark_lost(LATER, lambda pid, started: False)
    assert remove_stale_staging(ledger, staging) == (staging / "r0",)


def test_links_and_files_in_staging_are_left_alone(
    ledger: Ledger, staging: Path, tmp_path: Path
) -> None:
    finish(ledger)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data.csv").write_text("x")
    (staging / "r0" / "link").symlink_to(precious)
    ledger.create_run(replace(RUN, id=RunId("r2"), status=Status.FAILED))
    (staging / "r2").symlink_to(precious)
    (staging / "a-file").write_text("x")
    assert remove_stale_staging(ledger, staging) == (staging / "r0",)
    assert left(staging) == ["a-file", "r1", "r2", "unknown"]
    assert left(precious) == ["data.csv"]


def test_a_project_without_staging_has_none_to_remove(ledger: Ledger, tmp_path: Path) -> None:
    assert remove_stale_staging(ledger, tmp_path / "nowhere") == ()


# -- beyond the budget -----------------------------------------------------------------------------


def made(
    ledger: Ledger,
    store: Path,
    step: str,
    digest: str,
    *,
    seconds: float,
    size: int,
    run: RunId = RUN.id,
    fence: int = 1,
) -> str:
    """A stored result of so many bytes that took so long to make."""
    blob = Blob(names=(step,), kind="json", digest=digest * 64, suffix="json")
    recorded = Recorded(
        fingerprint=f"f-{digest}",
        run=run,
        step=StepId(step),
        finished=AT,
        outputs={step: blob},
        seconds=seconds,
    )
    result = StepResult(step=step, step_id=step, status=Status.SUCCEEDED, outputs=(blob,))
    event = Event(at=AT, run=run, kind=EventKind.STEP_FINISHED)
    ledger.step_succeeded(run, fence, result, recorded, event)
    path = put(store, f"{blob.digest}.json")
    path.write_bytes(b"x" * size)
    return path.name


def test_what_is_cheapest_to_make_again_goes_first(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.create_run(RUN)
        former = made(ledger, store, "a", "1", seconds=1000.0, size=100)
        slow = made(ledger, store, "a", "2", seconds=100.0, size=100)
        quick = made(ledger, store, "b", "3", seconds=1.0, size=100)
        assert evictable(ledger, store, 0) == (), "nothing while a run lives"
        finish(ledger)
        assert store_bytes(store) == 300
        assert evictable(ledger, store, 300) == ()
        assert names(evictable(ledger, store, 299)) == [former]
        assert set(names(evictable(ledger, store, 150))) == {former, quick}
        assert set(names(evictable(ledger, store, 0))) == {former, quick, slow}


def test_what_a_kept_run_stored_stays(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.create_run(RUN)
        kept = made(ledger, store, "a", "1", seconds=1.0, size=100)
        finish(ledger)
        later = replace(RUN, id=RunId("r1"))
        fence = ledger.create_run(later)
        loose = made(ledger, store, "b", "2", seconds=1000.0, size=100, run=later.id, fence=fence)
        finish(ledger, later)
        ledger.keep_run(RUN.id, kept=True, label="as sent")
        assert names(evictable(ledger, store, 0)) == [loose]
        ledger.keep_run(RUN.id, kept=False, label="")
        assert set(names(evictable(ledger, store, 0))) == {kept, loose}
