"""Results are read at once and durable later; what is recorded is on disk, in order."""

import errno
import math
import mmap
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent import futures
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbflow.core.errors import StoreError
from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.plan import Recorded
from nbflow.core.run import Event, EventKind, RunId, Status, StepResult
from nbflow.core.step import Input, Step, StepId, StepName
from nbflow.core.task import Blob, Keep, Kept, StagedBlob
from nbflow.inside import groundwork, mapped, tables, values
from nbflow.inside.digest import examine
from nbflow.inside.seal import read_seal
from nbflow.inside.values import Packing
from nbflow.project import behind, keeper
from nbflow.project.behind import Behind
from nbflow.project.line import Ended
from nbflow.store.blobs import BlobStore
from nbflow.store.displays import Displays
from nbflow.store.query import StoredTable, query

RUN = RunId("r")


@dataclass
class Ledger:
    """Notes in which order things are recorded, and what is in the store then."""

    store: BlobStore
    rows: list[str] = field(default_factory=list)
    synced: list[str] = field(default_factory=list)
    results: dict[str, StepResult] = field(default_factory=dict)
    recorded: dict[str, Recorded] = field(default_factory=dict)

    def step_succeeded(
        self,
        run: str,
        fence: int,
        result: StepResult,
        recorded: Any,
        event: Event,
        *,
        durable: bool,
        **_: Any,
    ) -> Event:
        assert all(self.store.verify(blob) for blob in result.outputs)
        self.synced += [result.step] * durable
        self.recorded[result.step] = recorded
        return self._put(result, event)

    def sync(self) -> None:
        self.synced += self.rows[-1:]

    def step_changed(self, run: str, fence: int, result: StepResult, event: Event) -> Event:
        return self._put(result, event)

    def append(self, event: Event) -> Event:
        self.rows.append(str(event.kind))
        return event

    def heartbeat(self, run: str, fence: int, at: str) -> None:
        pass

    def _put(self, result: StepResult, event: Event) -> Event:
        self.rows.append(f"{result.step} {result.status}")
        self.results[result.step] = result
        return Event(id=len(self.rows), at="", run=RUN, kind=event.kind, data=event.data)


class Gate:
    """A keeper in a thread that does nothing before it is let through."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def start(self, address: str) -> Ended:
        thread = threading.Thread(target=keeper.serve, args=(address,))
        thread.start()

        def ended(seconds: float) -> bool:
            thread.join(None if seconds == math.inf else seconds)
            return not thread.is_alive()

        return ended

    def keep(self, requests: Iterable[Keep], grounds: keeper.Grounds) -> Iterator[Kept]:
        self.open.wait()
        return KEEP(requests, grounds)


KEEP = keeper.keep


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    made = BlobStore(tmp_path / ".nbflow")
    made.root.mkdir()
    return made


@pytest.fixture
def ledger(store: BlobStore) -> Ledger:
    return Ledger(store)


def behind_of(store: BlobStore, ledger: Ledger, **chosen: Any) -> Behind:
    shown = Displays(store.root / "displays")
    chosen = {"is_alive": lambda *_: True, **chosen}
    return Behind(blobs=store, ledger=ledger, displays=shown, **chosen)  # type: ignore[arg-type]


def packing(store: BlobStore) -> Packing:
    return Packing(seal=read_seal(store.key()), namespace={"__name__": "__main__"})


def frame(rows: int = 10) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(rows), "b": ["x"] * rows})


def staged(
    store: BlobStore, folder: Path, value: Any, name: str = "df", *, hand_from: int = 0
) -> StagedBlob:
    look = examine(value)
    stored = values.store_value(
        value, look, folder / name, packing=packing(store), hand_from=hand_from
    )
    blob = Blob(
        names=(name,),
        kind=stored.kind,
        digest=look.digest,
        suffix=stored.suffix,
        bytes=stored.path.stat().st_size,
    )
    return StagedBlob(blob=blob, path=str(stored.path))


def result(step: str, *blobs: Blob, status: Status = Status.SUCCEEDED) -> StepResult:
    return StepResult(step=step, step_id=step, status=status, outputs=blobs)


def event(kind: EventKind = EventKind.STEP_FINISHED) -> Event:
    return Event(at="", run=RUN, kind=kind)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(keeper, "keep", made.keep)
    yield made
    made.open.set()


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def run(store: BlobStore, ledger: Ledger, gate: Gate, told: list[Event]) -> Iterator[Behind]:
    made = behind_of(
        store,
        ledger,
        on_event=told.append,
        start=gate.start,
        large=0,
    )
    with closing(made):
        yield made
        gate.open.set()


def succeed(run: Behind, step: str, *blobs: Blob) -> None:
    run.tell(run.step_succeeded(RUN, 1, result(step, *blobs), None, event()))


def test_a_table_is_read_at_once_and_recorded_when_it_is_durable(
    run: Behind, gate: Gate, ledger: Ledger, store: BlobStore, told: list[Event], tmp_path: Path
) -> None:
    blob = run.commit(staged(store, tmp_path, frame()))
    succeed(run, "s", blob)
    assert values.load_hand(run.place(blob), packing=packing(store)).equals(frame())
    assert not store.path(blob).exists()
    assert (ledger.rows, told) == ([], [])
    gate.open.set()
    run.settle()
    assert ledger.rows == ["s succeeded"]
    assert [one.id for one in told] == [1]
    assert tables.read_frame(store.path(blob), seal=packing(store)).equals(frame())
    (kept,) = ledger.results["s"].outputs
    assert (kept.rows, kept.columns) == (10, 2)
    assert kept.schema == (("a", "BIGINT"), ("b", "VARCHAR"))
    assert kept.bytes == store.path(kept).stat().st_size


def test_rows_keep_their_order(
    run: Behind, gate: Gate, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    blob = run.commit(staged(store, tmp_path, frame()))
    succeed(run, "first", blob)
    succeed(run, "second")
    run.step_changed(RUN, 1, result("other", status=Status.RUNNING), event())
    assert ledger.rows == ["other running"]
    gate.open.set()
    run.settle()
    assert ledger.rows == ["other running", "first succeeded", "second succeeded"]


def test_a_step_that_begins_anew_succeeded_first(
    run: Behind, gate: Gate, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    succeed(run, "s", run.commit(staged(store, tmp_path, frame())))
    gate.open.set()
    run.step_changed(RUN, 1, result("s", status=Status.QUEUED), event())
    assert ledger.rows == ["s succeeded", "s queued"]


def test_a_large_table_is_kept_as_an_arrow_file(
    run: Behind,
    gate: Gate,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "ARROW_BYTES", 1)
    gate.open.set()
    blob = run.commit(staged(store, tmp_path, frame()))
    succeed(run, "s", blob)
    run.settle()
    (kept,) = ledger.results["s"].outputs
    assert (kept.suffix, kept.digest) == ("arrow", blob.digest)
    assert (kept.rows, kept.columns) == (10, 2)
    assert kept.schema == (("a", "BIGINT"), ("b", "VARCHAR"))
    assert kept.bytes == store.path(kept).stat().st_size
    assert store.verify(kept)
    assert values.load_file(store.path(kept), "table", packing=packing(store)).equals(frame())
    assert values.load_hand(run.place(blob), packing=packing(store)).equals(frame())


@pytest.mark.parametrize(("column", "order"), [("n", "write, check"), ("o", "check, write")])
def test_only_a_table_of_plain_numbers_is_written_while_it_is_checked(
    run: Behind,
    gate: Gate,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    order: str,
) -> None:
    """To store an object may fill its caches, and it would no longer be what was handed on."""
    monkeypatch.setattr(keeper, "ARROW_BYTES", 1)
    value = pd.DataFrame({column: [1.5] if column == "n" else [{"a": 1}]})
    one, done, begun = staged(store, tmp_path, value), list[str](), threading.Event()
    check, write = keeper._check, tables.write_large

    def checked(*given: Any) -> Any:
        if column == "n":
            assert begun.wait(60)
        found = check(*given)
        done.append("check")
        return found

    def written(*given: Any, **more: Any) -> Any:
        done.append("write")
        begun.set()
        return write(*given, **more)

    monkeypatch.setattr(keeper, "_check", checked)
    monkeypatch.setattr(tables, "write_large", written)
    gate.open.set()
    run.commit(one)
    run.settle()
    assert ", ".join(done) == order


def test_what_cannot_be_mapped_is_read(
    run: Behind,
    gate: Gate,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on file systems of other machines, which do not always map files."""

    def refuse(*given: Any, **_: Any) -> Any:
        raise OSError(errno.ENODEV, "No such device")

    class Memory(mapped._Memory):
        def __new__(cls, file: int, *given: Any, **more: Any) -> Any:
            return super().__new__(cls, file, *given) if file == -1 else refuse()

    class Mapped(mmap.mmap):
        def __new__(cls, file: int, *given: Any, **more: Any) -> Any:
            return super().__new__(cls, file, *given) if file == -1 else refuse()

    monkeypatch.setattr(mapped, "_Memory", Memory)
    monkeypatch.setattr(mmap, "mmap", Mapped)
    monkeypatch.setattr(keeper, "ARROW_BYTES", 1 << 20)
    gate.open.set()
    for rows in (10_000, 100_000):
        value = frame(rows)
        one = staged(store, tmp_path, value, f"t{rows}")
        before = values.load_hand(Path(one.path), packing=packing(store))
        before.loc[0, "a"] = 5
        blob = run.commit(one)
        succeed(run, f"s{rows}", blob)
        run.settle()
        (kept,) = ledger.results[f"s{rows}"].outputs
        assert kept.suffix == ("duckdb" if rows == 10_000 else "arrow")
        assert values.load_file(store.path(kept), "table", packing=packing(store)).equals(value)
        table = StoredTable(step="s", name="t", path=store.path(kept))
        assert query("SELECT count(*) FROM t", [table]).rows == ((rows,),)


@pytest.mark.parametrize("refused", ["write", "fsync", "link", "replace"])
@pytest.mark.parametrize("arrow_bytes", [1, 1 << 30])
def test_c23_a_disk_that_fills_up_while_a_table_is_stored_leaves_no_result(
    run: Behind,
    gate: Gate,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
    arrow_bytes: int,
) -> None:
    monkeypatch.setattr(keeper, "ARROW_BYTES", arrow_bytes)
    gate.open.set()
    one = staged(store, tmp_path, frame(100_000))
    store.key()
    work = getattr(os, refused)

    def full(*given: Any, **more: Any) -> Any:
        if refused == "link" or threading.current_thread() is not threading.main_thread():
            raise OSError(errno.ENOSPC, "No space left on device")
        return work(*given, **more)

    with monkeypatch.context() as disk:
        disk.setattr(os, refused, full)
        blob = run.commit(one)
        if refused == "link" or (refused == "write" and arrow_bytes > 1):
            run.settle()  # it is copied instead; DuckDB writes by itself
            assert store.verify(run._final(blob))
            return
        with pytest.raises(StoreError, match=r"disk full|No space left") as caught:
            run.settle()
        assert "`df` cannot be kept" in str(caught.value)
        with pytest.raises(StoreError):
            succeed(run, "s", blob)
    assert ledger.rows == []
    assert not any(store.verify(replace(blob, suffix=form)) for form in ("duckdb", "arrow"))
    later = behind_of(store, ledger, start=gate.start, large=0)
    with closing(later):
        kept = later.commit(one)
        succeed(later, "s", kept)
        later.settle()
    assert ledger.rows == ["s succeeded"]


def test_every_kind_of_value_is_kept(
    run: Behind, gate: Gate, store: BlobStore, tmp_path: Path
) -> None:
    gate.open.set()
    kinds = {"n": 3, "array": np.arange(5), "series": pd.Series([1.5]), "df": frame()}
    blobs = {name: run.commit(staged(store, tmp_path, v, name)) for name, v in kinds.items()}
    run.settle()
    assert all(store.verify(blob) for blob in blobs.values())
    assert all(run.place(blob).exists() for blob in blobs.values())


@pytest.mark.parametrize("arrow_bytes", [1, 1 << 30])
def test_a_hand_that_is_not_what_was_handed_on_is_never_recorded(
    run: Behind,
    gate: Gate,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arrow_bytes: int,
) -> None:
    monkeypatch.setattr(keeper, "ARROW_BYTES", arrow_bytes)
    gate.open.set()
    one = staged(store, tmp_path, pd.DataFrame({"a": np.random.default_rng(1).random(10_000)}))
    os.chmod(one.path, 0o600)
    with open(one.path, "r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"changed")
    blob = run.commit(one)
    with pytest.raises(StoreError, match="not handed on exactly"):
        run.settle()
    with pytest.raises(StoreError, match="not handed on exactly"):
        succeed(run, "s", blob)
    assert ledger.rows == []


def test_what_cannot_be_stored_stops_the_run(
    run: Behind, gate: Gate, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    good, bad = (staged(store, tmp_path, frame(n), f"t{n}") for n in (3, 4))
    blobs = [run.commit(one) for one in (good, bad)]
    Path(bad.path).unlink()
    gate.open.set()
    succeed(run, "s", *blobs)
    with pytest.raises(StoreError, match="`t4` cannot be kept"):
        run.settle()
    assert ledger.rows == []


@pytest.mark.parametrize("connects", [True, False])
def test_a_keeper_that_dies_stops_the_run(
    store: BlobStore, ledger: Ledger, tmp_path: Path, connects: bool
) -> None:
    started: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()

    def start(address: str) -> Ended:
        program = "import time; time.sleep(600)"
        if connects:
            program = f"import socket; s = socket.socket(1); s.connect({address!r}); {program}"
        process = subprocess.Popen([sys.executable, "-c", program])
        started.put(process)
        return lambda seconds: process.poll() is not None

    run = behind_of(store, ledger, start=start, large=0)
    with closing(run):
        blob = run.commit(staged(store, tmp_path, frame()))
        succeed(run, "s", blob)
        process = started.get()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(StoreError, match="has ended"):
            run.settle()
    assert ledger.rows == []
    assert not store.path(blob).exists()


def test_nobody_waits_for_a_keeper_to_start(
    store: BlobStore, ledger: Ledger, gate: Gate, tmp_path: Path
) -> None:
    may_start = threading.Event()

    def start(address: str) -> Ended:
        may_start.wait()
        return gate.start(address)

    run = behind_of(store, ledger, start=start, large=0)
    with closing(run):
        blob = run.commit(staged(store, tmp_path, frame()))
        succeed(run, "s", blob)
        assert ledger.rows == []
        may_start.set()
        gate.open.set()
        run.settle()
    assert ledger.rows == ["s succeeded"]


def test_a_keeper_that_cannot_be_started_stops_the_run(
    store: BlobStore, ledger: Ledger, tmp_path: Path
) -> None:
    may_fail = threading.Event()

    def start(address: str) -> Ended:
        may_fail.wait()
        raise OSError("no process can be made")

    run = behind_of(store, ledger, start=start, large=0)
    with closing(run):
        succeed(run, "s", run.commit(staged(store, tmp_path, frame())))
        may_fail.set()
        with pytest.raises(StoreError, match="cannot be stored: no process"):
            run.settle()
    assert ledger.rows == []


def test_a_keeper_is_started_for_large_tables_only(
    store: BlobStore, ledger: Ledger, tmp_path: Path
) -> None:
    run = behind_of(store, ledger, large=1000)
    with closing(run):
        assert run.hand_from() == 1000
        blob = run.commit(staged(store, tmp_path, 3, "n"))
        assert store.verify(blob)
        large = run.commit(staged(store, tmp_path, frame(1000)))
        succeed(run, "s", blob, large)
        run.settle()
    assert ledger.rows == ["s succeeded"]
    assert store.verify(large)


def test_a_small_table_is_read_from_the_hand_beside_it(
    store: BlobStore, ledger: Ledger, tmp_path: Path
) -> None:
    run = behind_of(store, ledger, large=1 << 20)
    with closing(run):
        blob = run.commit(staged(store, tmp_path, frame(), hand_from=1 << 20))
        assert store.verify(blob)
        assert run.place(blob) == tmp_path / "df.hand"
        run.place(blob).unlink()
        assert run.place(blob) == store.path(blob)


def test_lanes_store_their_tables_themselves_when_too_much_is_under_way(
    run: Behind, gate: Gate, store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind.shutil, "disk_usage", lambda _: type("", (), {"free": 4000}))
    assert run.hand_from() == 0
    run.commit(staged(store, tmp_path, frame()))
    assert run.hand_from() is None
    gate.open.set()
    run.settle()
    assert run.hand_from() == 0


# -- versions that a later step overwrites ---------------------------------------------------------


def a_step(number: int, reads: str, writes: str) -> Step:
    """Step `sN`; reads are `name@writer`."""
    given = (read.split("@") for read in reads.split())
    return Step(
        id=StepId(f"s{number}"), name=StepName(f"s{number}"), title=None, language="python",
        position=number, cells=(CellId(f"c{number}"),), cell_indexes=(number,), sources=("",),
        inputs=tuple(Input(name=Name(n), writer=StepId(w)) for n, w in given),
        declared_writes=tuple(map(Name, writes.split())), outputs=tuple(map(Name, writes.split())),
    )  # fmt: skip


CHAIN = Graph(
    notebook="n.ipynb",
    parameters=(),
    steps=(a_step(0, "", "df"), a_step(1, "df@s0", "df"), a_step(2, "df@s1", "copy")),
    definitions=(),
    edges=(),
)


@pytest.fixture
def chain(run: Behind, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Behind:
    monkeypatch.setattr(behind, "HUGE_BYTES", 100)
    run.follow(CHAIN)
    gate.open.set()
    return run


def leave(run: Behind, step: str, one: StagedBlob, *, seconds: float = 0.0) -> Blob:
    blob = run.commit(one)
    recorded = Recorded(
        fingerprint=step, run=RUN, step=StepId(step), finished="", outputs={blob.names[0]: blob}
    )
    told = replace(result(step, blob), seconds=seconds)
    run.tell(run.step_succeeded(RUN, 1, told, recorded, event()))
    return blob


def test_a_version_that_the_next_step_overwrites_is_not_stored(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    first = leave(chain, "s0", staged(store, tmp_path, frame(50)))
    assert ledger.rows == []
    (tmp_path / "1").mkdir()
    second = leave(chain, "s1", staged(store, tmp_path / "1", frame(60)))
    chain.settle()
    assert ledger.rows == ["s0 succeeded", "s1 succeeded"]
    assert not store.path(first).exists()
    assert store.verify(second)
    assert ledger.results["s0"].outputs == ()
    assert ledger.recorded["s0"].outputs == {}
    assert ledger.recorded["s0"].never_reuse == "`df` was not kept: a later step overwrote it"
    assert ledger.recorded["s1"].never_reuse is None
    assert chain.place(first).exists()  # others may still want to read it in this run


def test_a_version_that_nobody_came_to_overwrite_is_stored(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    first = leave(chain, "s0", staged(store, tmp_path, frame(50)))
    chain.settle()
    assert ledger.rows == ["s0 succeeded"]
    assert store.verify(first)


def test_a_version_does_not_wait_long_for_being_overwritten(
    chain: Behind,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(behind, "monotonic", lambda: now[0])
    first = leave(chain, "s0", staged(store, tmp_path, frame(50)))
    now[0] = behind.HOLD_SECONDS
    chain.heartbeat(RUN, 1, "")
    assert not chain._asked
    now[0] += 1
    chain.heartbeat(RUN, 1, "")
    chain.settle()
    assert ledger.rows == ["s0 succeeded"]
    assert store.verify(first)


def test_a_version_that_took_long_to_make_is_stored(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    first = leave(chain, "s0", staged(store, tmp_path, frame(50)), seconds=60.0)
    (tmp_path / "1").mkdir()
    leave(chain, "s1", staged(store, tmp_path / "1", frame(60)))
    chain.settle()
    assert store.verify(first)


def test_a_version_that_was_overwritten_by_its_like_is_stored(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    leave(chain, "s0", staged(store, tmp_path, frame(50)))
    (tmp_path / "1").mkdir()
    same = leave(chain, "s1", staged(store, tmp_path / "1", frame(50)))
    chain.settle()
    assert ledger.rows == ["s0 succeeded", "s1 succeeded"]
    assert store.verify(same)


@dataclass
class Asked:
    """Requests that arrive at the keeper, which does them all."""

    seen: list[Keep] = field(default_factory=list)

    def keep(self, requests: list[Keep], grounds: keeper.Grounds) -> Iterator[Kept]:
        self.seen += requests
        yield from KEEP(requests, grounds)
        while grounds.go_on():
            pass

    @property
    def what(self) -> list[tuple[str, ...]]:
        return [(one.what, *one.passing) for one in self.seen]


@pytest.fixture
def asked(chain: Behind, monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(keeper, "keep", made.keep)
    monkeypatch.setattr(keeper, "ARROW_BYTES", 1)
    monkeypatch.setattr(groundwork, "LEAST_BYTES", 1000)
    return made


def chain_of(*sources: str) -> Graph:
    """Steps that each change `df`, after one that makes it."""
    first = a_step(0, "", "df")
    changing = (a_step(n, f"df@s{n - 1}", "df") for n in range(1, len(sources) + 1))
    steps = [replace(step, sources=(text,)) for step, text in zip(changing, sources, strict=True)]
    return replace(CHAIN, steps=(first, *steps))


def numbers(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: np.arange(10_000.0) for name in columns})


def test_the_file_of_the_last_version_is_begun_while_the_steps_go_on(
    chain: Behind, asked: Asked, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    chain.follow(chain_of("df['c'] = df.a", "df['a'] += 1", "df = df.assign(d=1)"))
    versions = [numbers("a", "b"), numbers("a", "b", "c"), numbers("a", "b", "c") * 2]
    versions += [versions[-1].assign(d=1.0)]
    for number, value in enumerate(versions):
        folder = tmp_path / str(number)
        folder.mkdir()
        last = leave(chain, f"s{number}", staged(store, folder, value))
    chain.settle()
    assert asked.what == [("prepare", *labels) for labels in ("acd", "ad", "d")] + [("store",)]
    (kept,) = ledger.results["s3"].outputs
    assert kept.suffix == "arrow"
    assert store.verify(kept)
    assert values.load_file(store.path(kept), "table", packing=packing(store)).equals(versions[-1])
    assert last.digest == kept.digest
    assert not list(tmp_path.glob("**/*.ground"))


@pytest.mark.parametrize("source", ["df = df.dropna()", "df.loc[0, 'a'] = 1", "%%sql"])
def test_a_file_of_which_nothing_may_be_left_is_not_begun(
    chain: Behind, asked: Asked, store: BlobStore, tmp_path: Path, source: str
) -> None:
    chain.follow(chain_of("df['c'] = 1", source))
    leave(chain, "s0", staged(store, tmp_path, numbers("a")))
    chain.settle()
    assert asked.what == [("store",)]


@pytest.mark.parametrize(("name", "more"), [("df", []), ("n", [("forget",)])])
def test_a_file_that_was_begun_is_given_up_where_the_table_is_gone(
    chain: Behind, asked: Asked, store: BlobStore, tmp_path: Path, name: str, more: list[Any]
) -> None:
    chain.follow(chain_of("df['c'] = 1", "df['d'] = 1"))
    leave(chain, "s0", staged(store, tmp_path, numbers("a")))
    (tmp_path / "1").mkdir()
    leave(chain, "s1", staged(store, tmp_path / "1", 3, name))
    chain.close()
    assert sorted(asked.what) == sorted([("prepare", "c", "d"), ("store",), *more])
    assert not list(tmp_path.glob("**/*.ground"))


def test_what_a_lane_did_not_hand_on_exactly_is_refused_on_ground_that_was_made_ready(
    chain: Behind, asked: Asked, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    chain.follow(chain_of("df['c'] = 1"))
    one = staged(store, tmp_path, numbers("a"))
    os.chmod(one.path, 0o600)
    with open(one.path, "r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"changed")
    leave(chain, "s0", one)
    with pytest.raises(StoreError, match="not handed on exactly"):
        chain.settle()
    assert ledger.rows == []


def test_ground_that_cannot_be_made_ready_stops_nobody(
    chain: Behind,
    asked: Asked,
    ledger: Ledger,
    store: BlobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(groundwork.Groundwork, "go_on", refuse)
    chain.follow(chain_of("df['c'] = 1"))
    first = leave(chain, "s0", staged(store, tmp_path, numbers("a")))
    chain.settle()
    assert store.verify(ledger.results["s0"].outputs[0])
    assert first.digest == ledger.results["s0"].outputs[0].digest
    assert not list(tmp_path.glob("**/*.ground"))


def test_another_name_of_equal_content_is_stored(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    leave(chain, "s0", staged(store, tmp_path, frame(50)))
    (tmp_path / "1").mkdir()
    leave(chain, "s1", staged(store, tmp_path / "1", frame(60)))
    (tmp_path / "2").mkdir()
    copy = leave(chain, "s2", staged(store, tmp_path / "2", frame(50), "copy"))
    chain.settle()
    assert store.verify(copy)
    assert set(ledger.recorded["s2"].outputs) == {"copy"}


def test_on_a_full_disk_versions_that_all_have_read_are_removed(
    chain: Behind, store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind.shutil, "disk_usage", lambda _: type("", (), {"free": 4000}))
    first = leave(chain, "s0", staged(store, tmp_path, frame(50)))
    (tmp_path / "1").mkdir()
    second = leave(chain, "s1", staged(store, tmp_path / "1", frame(60)))
    assert not (tmp_path / "df.hand").exists()
    assert chain.place(second) == tmp_path / "1" / "df.hand"
    assert chain.place(first) == store.path(first)


def test_what_was_shown_is_durable_before_the_row(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    chain.save("s2", [[{"output_type": "stream"}]])
    leave(chain, "s2", staged(store, tmp_path, 3, "n"))
    chain.settle()
    assert ledger.rows == ["s2 succeeded"]
    assert chain.load("s2") == [[{"output_type": "stream"}]]


def test_what_was_shown_and_cannot_be_kept_stops_the_run(
    chain: Behind, ledger: Ledger, store: BlobStore, tmp_path: Path
) -> None:
    (store.root / "displays").write_text("in the way")
    chain.save("s2", [])
    one = staged(store, tmp_path, 3, "n")
    with pytest.raises(StoreError, match="cannot be written"):  # noqa: PT012 (now or then)
        leave(chain, "s2", one)
        chain.settle()
    assert ledger.rows == []


def test_a_disk_waits_for_several_rows_at_once_but_not_for_what_cannot_be_repeated(
    store: BlobStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(behind, "monotonic", lambda: now[0])
    writer = behind_of(store, ledger)
    for step in ("a", "b", "c", "d"):
        never = "it reached the network when it ran" if step == "c" else None
        now[0] += behind.SYNC_SECONDS * (2 if step == "d" else 0.1)
        writer.step_succeeded(RUN, 1, result(step), remembered(step, never), event())
        if writer._syncing is not None:
            writer._syncing.result()
    writer.close()
    assert ledger.synced == ["a succeeded", "c", "d succeeded"]


def test_steps_do_not_wait_for_the_disk_of_the_ledger(
    store: BlobStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_synced = threading.Event()
    monkeypatch.setattr(ledger, "sync", is_synced.wait)
    monkeypatch.setattr(behind, "SYNC_SECONDS", 0.0)
    writer = behind_of(store, ledger)
    for step in ("a", "b"):
        writer.step_succeeded(RUN, 1, result(step), remembered(step), event())
    assert ledger.rows == ["a succeeded", "b succeeded"]
    is_synced.set()
    writer.close()


def test_a_disk_that_fails_behind_the_run_stops_it(
    store: BlobStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(ledger, "sync", fail)
    with closing(behind_of(store, ledger)) as writer:
        writer.step_succeeded(RUN, 1, result("a"), remembered("a"), event())
        assert writer._syncing is not None
        futures.wait([writer._syncing])
        with pytest.raises(StoreError, match="the disk is gone"):
            writer.step_succeeded(RUN, 1, result("b"), remembered("b"), event())


def remembered(step: str, never_reuse: str | None = None) -> Recorded:
    return Recorded(
        fingerprint=step,
        run=RUN,
        step=StepId(step),
        finished="",
        outputs={},
        never_reuse=never_reuse,
    )
