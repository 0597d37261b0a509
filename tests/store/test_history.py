"""The ledger: what goes in comes out, in whole transactions, and only the run's holder writes."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.errors import StoreError, UsageError
from nbflow.core.graph import Learned
from nbflow.core.names import Name
from nbflow.core.plan import Recorded
from nbflow.core.run import Elsewhere, Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob, FileTouch, StepError
from nbflow.core.why import Change, Grounds
from nbflow.store.history import Ledger, StaleFence, open_history

# -- any value that the ledger may be given ------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
MAYBE_TEXT = st.none() | TEXT
WHOLE = st.integers(min_value=0, max_value=2**63 - 1)
SECONDS = st.none() | st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=5,
)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
BLOBS = st.builds(
    Blob,
    names=TEXTS,
    kind=st.sampled_from(["table", "json", "array", "pickle", "ambient", "absent"]),
    digest=TEXT,
    suffix=TEXT,
    bytes=WHOLE,
    python_type=TEXT,
    rows=st.none() | WHOLE,
    columns=st.none() | WHOLE,
    schema=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    preview=TEXT,
)
ERRORS = st.builds(
    StepError,
    type=TEXT,
    message=TEXT,
    cell=MAYBE_TEXT,
    cell_index=st.none() | WHOLE,
    line=st.none() | WHOLE,
    traceback=TEXTS,
)
STEPS = st.builds(
    StepResult,
    step=TEXT,
    step_id=TEXT,
    item=MAYBE_TEXT,
    status=st.sampled_from(Status),
    action=TEXT,
    reason=MAYBE_TEXT,
    message=TEXT,
    attempts=WHOLE,
    started=MAYBE_TEXT,
    finished=MAYBE_TEXT,
    seconds=SECONDS,
    cells=TEXTS,
    outputs=st.lists(BLOBS, max_size=3).map(tuple),
    error=st.none() | ERRORS,
    peak_memory=st.none() | WHOLE,
    log=MAYBE_TEXT,
    fingerprint=MAYBE_TEXT,
)
RUNS = st.builds(
    Run,
    id=TEXT,
    status=st.sampled_from(Status),
    notebook=TEXT,
    notebook_hash=TEXT,
    parameters=st.dictionaries(TEXT, JSON, max_size=3),
    trigger=TEXT,
    actor=TEXT,
    started=MAYBE_TEXT,
    finished=MAYBE_TEXT,
    seconds=SECONDS,
    result=MAYBE_TEXT,
    steps=st.lists(STEPS, max_size=3, unique_by=lambda s: (s.step_id, s.item)).map(tuple),
    learned=TEXTS,
    reason=MAYBE_TEXT,
    message=MAYBE_TEXT,
    pid=st.none() | WHOLE,
    pid_started=SECONDS,
    heartbeat=MAYBE_TEXT,
)
EVENTS = st.builds(
    Event,
    at=TEXT,
    run=st.just("r0"),
    kind=st.sampled_from(EventKind),
    step=MAYBE_TEXT,
    item=MAYBE_TEXT,
    attempt=st.none() | WHOLE,
    status=st.none() | st.sampled_from(Status),
    reason=MAYBE_TEXT,
    message=MAYBE_TEXT,
    data=st.dictionaries(TEXT, JSON, max_size=3),
)
FILES = st.lists(
    st.builds(FileTouch, path=TEXT, digest=MAYBE_TEXT, size=st.none() | WHOLE), max_size=3
).map(tuple)
RECORDED = st.builds(
    Recorded,
    fingerprint=TEXT,
    run=TEXT,
    step=TEXT,
    finished=TEXT,
    outputs=st.dictionaries(TEXT, BLOBS, max_size=3),
    files_read=FILES,
    files_written=FILES,
    never_reuse=MAYBE_TEXT,
    seconds=SECONDS,
)
LESSONS = st.builds(
    Learned,
    step=TEXT,
    name=TEXT,
    what=st.sampled_from(["writes", "reads", "affinity", "one_lane"]),
    reason=TEXT,
    source_hash=TEXT,
)

# -- one of each, to tell stories with ------------------------------------------------------------

START, LATER, MUCH_LATER = "2026-01-01T06:00:00Z", "2026-01-01T06:00:05Z", "2026-01-01T07:00:00Z"
R0 = RunId("r0")


def a_run(name: str = "r0", **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "id": RunId(name),
        "status": Status.RUNNING,
        "notebook": "sales.ipynb",
        "notebook_hash": "h",
        "started": START,
        "heartbeat": START,
        "pid": 71,
        "pid_started": 1.5,
    }
    return Run(**{**fields, **changes})


def a_step(name: str = "df", **changes: Any) -> StepResult:
    fields: dict[str, Any] = {"step": name, "step_id": f"c-{name}", "status": Status.RUNNING}
    return StepResult(**{**fields, **changes})


def an_event(kind: EventKind = EventKind.STEP_FINISHED, run: str = "r0", **changes: Any) -> Event:
    return Event(**{"at": LATER, "run": RunId(run), "kind": kind, **changes})


def a_recorded(fingerprint: str = "f", **changes: Any) -> Recorded:
    fields: dict[str, Any] = {
        "fingerprint": fingerprint,
        "run": "r0",
        "step": StepId("c-df"),
        "finished": LATER,
        "outputs": {"df": TABLE},
        "asked": ("df", "model"),
    }
    return Recorded(**{**fields, **changes})


TABLE = Blob(names=("df",), kind="table", digest="d1", suffix="duckdb", bytes=9, rows=3, columns=2)
PAIR = Blob(names=("a", "b"), kind="pickle", digest="d2", suffix="pickle", bytes=5)
DONE = a_step(status=Status.SUCCEEDED, attempts=1, outputs=(TABLE, PAIR), fingerprint="f")


def dead(pid: int, started: float | None) -> bool:
    return False


def alive(pid: int, started: float | None) -> bool:
    return True


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def fence(ledger: Ledger) -> int:
    """The fence of the run `r0`."""
    return ledger.create_run(a_run())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for all examples of a property; examples keep apart by their run."""
    with Ledger(tmp_path_factory.mktemp("shared") / "ledger.sqlite") as opened:
        opened.create_run(a_run())
        yield opened


SERIAL = count(1)


# -- what goes in comes out -----------------------------------------------------------------------


@given(run=RUNS)
def test_a_run_comes_back_as_it_was(shared: Ledger, run: Run) -> None:
    run = replace(run, id=RunId(f"{run.id}-{next(SERIAL)}"))
    shared.create_run(run)
    assert shared.run(run.id) == run
    assert shared.runs(1) == (replace(run, steps=()),)


@given(first=STEPS, second=STEPS)
def test_the_last_word_on_a_step_stands(
    shared: Ledger, first: StepResult, second: StepResult
) -> None:
    run = RunId(f"s-{next(SERIAL)}")
    fence = shared.create_run(a_run(run, steps=(first,)))
    second = replace(second, step_id=first.step_id, item=first.item)
    shared.step_changed(run, fence, second, an_event(run=run))
    assert shared.run(run).steps == (second,)


@given(event=EVENTS)
def test_an_event_comes_back_with_the_next_id(shared: Ledger, event: Event) -> None:
    event = replace(event, run=R0)
    before = shared.append(an_event()).id
    written = shared.append(event)
    assert written == replace(event, id=before + 1)
    assert shared.events(before) == (written,)
    assert shared.events(before, R0) == (written,)


@given(recorded=RECORDED, parts=st.none() | st.dictionaries(TEXT, TEXT))
def test_a_recorded_step_comes_back(
    shared: Ledger, recorded: Recorded, parts: Mapping[str, str] | None
) -> None:
    run = RunId(f"f-{next(SERIAL)}")
    fence = shared.create_run(a_run(run, notebook=run))
    shared.step_succeeded(run, fence, DONE, recorded, an_event(run=run), fingerprint_parts=parts)
    assert shared.recorded(recorded.fingerprint) == recorded
    assert shared.recorded_for_step(run, recorded.step) == recorded
    assert shared.parts(recorded.fingerprint) == parts
    assert shared.earlier(run, recorded.step) == (() if parts is None else ((recorded.run, parts),))


@given(lessons=st.lists(LESSONS, max_size=4, unique_by=lambda w: (w.step, w.name, w.what)))
def test_lessons_come_back_in_order(shared: Ledger, lessons: list[Learned]) -> None:
    notebook = f"n-{next(SERIAL)}"
    shared.learn(notebook, *lessons)
    assert shared.learned(notebook) == tuple(lessons)


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        fence = ledger.create_run(a_run())
        ledger.step_succeeded(R0, fence, DONE, a_recorded(), an_event())
    with Ledger(path) as ledger:
        assert ledger.run("latest") == a_run(steps=(DONE,))
        assert ledger.recorded("f") == a_recorded()


def test_items_of_a_step_are_kept_apart(ledger: Ledger) -> None:
    items = tuple(a_step(item=item) for item in (None, "", "0", "north"))
    fence = ledger.create_run(a_run(steps=items))
    done = replace(items[1], status=Status.SUCCEEDED)
    ledger.step_changed(R0, fence, done, an_event())
    assert ledger.run("r0").steps == (items[0], done, *items[2:])


def test_parameters_that_cannot_be_kept_exactly_are_refused_before_anything_is_written(
    ledger: Ledger,
) -> None:
    with pytest.raises(UsageError, match="cannot be recorded"):
        ledger.create_run(a_run(parameters={"p": object()}))
    assert ledger.runs(5) == ()


# -- finding things -------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_by_notebook(ledger: Ledger) -> None:
    for name, notebook in (("b", "x.ipynb"), ("a", "y.ipynb"), ("c", "x.ipynb")):
        ledger.create_run(a_run(name, notebook=notebook))
    assert [run.id for run in ledger.runs(2)] == ["c", "a"]
    assert [run.id for run in ledger.runs(9, "x.ipynb")] == ["c", "b"]


def test_a_run_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    for name in ("0199-aa", "0199-ab", "0199"):
        ledger.create_run(a_run(name))
    assert ledger.run("0199-a" + "a").id == "0199-aa"
    assert ledger.run("0199").id == "0199"  # exactly that one
    assert ledger.run("latest").id == "0199"
    with pytest.raises(UsageError, match="several runs begin with '0199-': 0199-aa, 0199-ab"):
        ledger.run("0199-")


@pytest.mark.parametrize("wanted", ["", "x", "%", "_199", "0199' OR '1'='1", "\0", "\ud800"])
def test_a_run_that_is_not_there_is_a_usage_error(ledger: Ledger, wanted: str) -> None:
    ledger.create_run(a_run("0199"))
    with pytest.raises(UsageError, match="there is no run"):
        ledger.run(wanted)


def test_the_latest_of_no_runs_says_how_to_begin(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="nothing has run yet"):
        ledger.run("latest")


def test_events_are_read_on_from_the_last_seen(ledger: Ledger, fence: int) -> None:
    ledger.create_run(a_run("r1"))
    for number in range(6):
        ledger.append(an_event(run=f"r{number % 2}", message=str(number)))
    assert [event.id for event in ledger.events(0, limit=4)] == [1, 2, 3, 4]
    assert [event.message for event in ledger.events(4)] == ["4", "5"]
    assert [event.id for event in ledger.events(1, RunId("r0"))] == [3, 5]


def test_a_newer_success_under_a_fingerprint_replaces_the_older(ledger: Ledger, fence: int) -> None:
    newer = a_recorded(finished=MUCH_LATER, outputs={"b": PAIR}, seconds=2.0)
    for recorded in (a_recorded(files_read=(FileTouch(path="p", digest="d"),)), newer):
        ledger.step_succeeded(R0, fence, DONE, recorded, an_event())
    assert ledger.recorded("f") == newer
    assert ledger.recorded("g") is None


def test_the_last_success_of_a_step_explains_what_changed(ledger: Ledger, fence: int) -> None:
    for fingerprint in ("new", "newer", "new"):
        ledger.step_succeeded(
            R0,
            fence,
            DONE,
            a_recorded(fingerprint),
            an_event(),
            fingerprint_parts={"source": fingerprint},
        )
    assert ledger.recorded_for_step("sales.ipynb", StepId("c-df")) == a_recorded("new")
    assert [parts for _, parts in ledger.earlier("sales.ipynb", StepId("c-df"))] == [
        {"source": "new"},
        {"source": "newer"},
    ]
    assert ledger.recorded_for_step("other.ipynb", StepId("c-df")) is None
    assert ledger.peak_memory("sales.ipynb", StepId("c-df")) is None


def test_what_a_step_took_last_time_is_known(ledger: Ledger, fence: int) -> None:
    for name, peak in (("new", 700), ("newer", 900)):
        done = replace(DONE, peak_memory=peak)
        ledger.step_succeeded(R0, fence, done, a_recorded(name), an_event())
    assert ledger.peak_memory("sales.ipynb", StepId("c-df")) == 900
    assert ledger.peak_memory("other.ipynb", StepId("c-df")) is None


def test_a_step_without_a_success_has_no_past(ledger: Ledger) -> None:
    assert ledger.earlier("sales.ipynb", StepId("c-x")) == ()


def test_the_grounds_of_a_decision_come_back(ledger: Ledger, fence: int) -> None:
    """Of each attempt the latest; a step that was reused has none."""
    running = replace(DONE, status=Status.RUNNING)
    changed = Change(kind="file", name="a.csv", old="1", new="absent")
    for grounds in (
        Grounds(parts={"source": "1"}),
        Grounds(parts={"source": "1"}, compared="r9", changes=(changed,)),
    ):
        ledger.step_started(R0, fence, running, an_event(), grounds)
        assert ledger.grounds(R0, DONE.step_id) == grounds
    ledger.step_started(R0, fence, running, an_event(), None)
    assert ledger.grounds(R0, DONE.step_id) == grounds
    assert ledger.grounds(R0, "other") is None


def test_a_lesson_on_the_same_matter_replaces_the_older(ledger: Ledger) -> None:
    def lesson(source: str, what: Any = "writes") -> Learned:
        return Learned(
            step=StepId("s"), name=Name("df"), what=what, reason="seen", source_hash=source
        )

    ledger.learn("n", lesson("1"), lesson("1", "reads"))
    ledger.learn("n", lesson("2"))
    assert ledger.learned("n") == (lesson("1", "reads"), lesson("2"))
    assert ledger.learned("m") == ()


# -- a run's life ---------------------------------------------------------------------------------


def test_finishing_a_run_leaves_its_steps_alone(ledger: Ledger, fence: int) -> None:
    ledger.step_succeeded(R0, fence, DONE, None, an_event())
    ended = a_run(
        status=Status.SUCCEEDED,
        finished=LATER,
        seconds=5.0,
        result="runs/r0/sales.ipynb",
        learned=("df is also written by cell 4",),
        message="all well",
    )
    event = ledger.finish_run(ended, fence, an_event(EventKind.RUN_FINISHED))
    assert ledger.run("r0") == replace(ended, steps=(DONE,))
    assert ledger.events(0)[-1] == event


def test_an_ended_run_stays_as_it_is(ledger: Ledger, fence: int) -> None:
    ended = a_run(status=Status.SUCCEEDED)
    ledger.finish_run(ended, fence, an_event())
    before = ledger.events(0)
    with pytest.raises(StaleFence):
        ledger.finish_run(a_run(status=Status.FAILED), fence, an_event())
    with pytest.raises(StaleFence):
        ledger.step_changed(R0, fence, DONE, an_event())
    ledger.heartbeat(R0, fence, LATER)  # the last beat may come late, and changes nothing
    ledger.request_cancel(R0)
    assert ledger.mark_lost(MUCH_LATER, dead) == ()
    assert ledger.run("r0").status is Status.SUCCEEDED
    assert ledger.events(0) == before


def test_a_cancel_reaches_the_runner(ledger: Ledger, fence: int) -> None:
    assert not ledger.cancel_requested(R0)
    with Ledger(ledger.path) as other:
        other.request_cancel(R0)
        with pytest.raises(UsageError, match="there is no run 'nobody'"):
            other.request_cancel(RunId("nobody"))
    assert ledger.cancel_requested(R0)


def test_writing_for_an_unknown_run_is_a_usage_error(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="there is no run 'r0'"):
        ledger.step_changed(R0, 1, DONE, an_event())


def test_attempts_are_kept_apart(ledger: Ledger, fence: int) -> None:
    failed = StepError(type="ValueError", message="no data", cell="c", line=2)
    story = [
        (a_step(attempts=1), an_event(EventKind.STEP_STARTED, at=START, attempt=1)),
        (
            a_step(status=Status.WAITING, attempts=1, reason="error", error=failed),
            an_event(EventKind.STEP_WAITING, attempt=1, message="again in 5 s"),
        ),
        (a_step(attempts=2), an_event(EventKind.STEP_STARTED, attempt=2)),
        (
            a_step(status=Status.SUCCEEDED, attempts=2),
            an_event(at=MUCH_LATER, attempt=2, status=Status.SUCCEEDED),
        ),
        # what comes after an attempt has ended says nothing about it
        (
            a_step(status=Status.QUEUED, attempts=2, reason="stale"),
            an_event(EventKind.STEP_QUEUED, at="2026-01-02T00:00:00Z", attempt=2),
        ),
        (
            a_step(status=Status.SUCCEEDED, action="reuse", attempts=3),
            an_event(EventKind.STEP_REUSED, attempt=3, status=Status.SUCCEEDED),
        ),
    ]
    for result, event in story:
        ledger.step_changed(R0, fence, result, event)
    with closing(open_history(ledger.path)) as history:
        assert history.execute(
            "SELECT attempt, status, reason, message, started, finished FROM history.attempts"
        ).fetchall() == [
            (1, "failed", "error", "again in 5 s", START, LATER),
            (2, "succeeded", None, "", LATER, MUCH_LATER),
        ]


# -- who may write: fences, heartbeats, lost runs -------------------------------------------------


def test_c14_a_stale_runner_is_refused_and_leaves_nothing(ledger: Ledger, fence: int) -> None:
    with Ledger(ledger.path) as elsewhere:
        assert elsewhere.mark_lost(MUCH_LATER, dead) == (R0,)
    before = ledger.run("r0"), ledger.events(0)
    attempts = (
        lambda: ledger.step_succeeded(R0, fence, DONE, a_recorded(), an_event()),
        lambda: ledger.step_changed(R0, fence, DONE, an_event()),
        lambda: ledger.finish_run(a_run(status=Status.SUCCEEDED), fence, an_event()),
        lambda: ledger.heartbeat(R0, fence, MUCH_LATER),
    )
    for attempt in attempts:
        with pytest.raises(StaleFence, match="run r0 is not this process's to write any more"):
            attempt()
    assert (ledger.run("r0"), ledger.events(0)) == before
    assert ledger.recorded("f") is None


def test_c14_a_wrong_fence_is_refused_while_the_run_lives(ledger: Ledger, fence: int) -> None:
    with pytest.raises(StaleFence):
        ledger.step_succeeded(R0, fence - 1, DONE, a_recorded(), an_event())
    assert ledger.run("r0") == a_run()


def test_c1_c2_a_lost_run_keeps_what_succeeded(ledger: Ledger) -> None:
    steps = (
        DONE,
        a_step("going", attempts=1),
        a_step("backing-off", status=Status.WAITING),
        a_step("next", status=Status.QUEUED),
    )
    fence = ledger.create_run(a_run(steps=steps))
    ledger.step_changed(
        R0, fence, steps[1], an_event(EventKind.STEP_STARTED, step="going", attempt=1)
    )
    ledger.step_succeeded(R0, fence, DONE, a_recorded(), an_event())
    seen = ledger.events(0)[-1].id

    assert ledger.mark_lost(MUCH_LATER, dead) == (R0,)

    run = ledger.run("r0")
    assert (run.status, run.reason, run.finished) == (Status.LOST, "run_lost", MUCH_LATER)
    assert run.message == f"its process 71 is gone; last sign of life: {START}"
    assert run.steps[0] == DONE
    assert [step.status for step in run.steps] == ["succeeded", "lost", "lost", "cancelled"]
    assert {step.reason for step in run.steps[1:]} == {"run_lost"}
    assert ledger.recorded("f") == a_recorded()
    assert [(event.kind, event.step, event.status) for event in ledger.events(seen)] == [
        ("step_finished", "going", "lost"),
        ("step_finished", "backing-off", "lost"),
        ("step_finished", "next", "cancelled"),
        ("run_finished", None, "lost"),
    ]
    with closing(open_history(ledger.path)) as history:
        (attempt,) = history.execute("SELECT status, finished FROM history.attempts").fetchall()
    assert attempt == ("lost", MUCH_LATER)


def test_c19_finding_lost_runs_again_changes_nothing(ledger: Ledger, fence: int) -> None:
    assert ledger.mark_lost(MUCH_LATER, dead) == (R0,)
    before = ledger.run("r0"), ledger.events(0)
    for _ in range(3):
        assert ledger.mark_lost(MUCH_LATER, dead) == ()
    assert (ledger.run("r0"), ledger.events(0)) == before


@pytest.mark.parametrize(
    ("changes", "now", "is_alive", "lost"),
    [
        ({}, MUCH_LATER, dead, True),
        ({}, MUCH_LATER, alive, False),
        ({}, LATER, dead, False),
        ({"heartbeat": "2026-01-01T06:59:55+00:00"}, MUCH_LATER, dead, False),
        ({"heartbeat": "2026-01-01T07:59:55+01:00"}, MUCH_LATER, dead, False),
        ({"heartbeat": "2026-01-01T06:00:00"}, MUCH_LATER, dead, True),
        ({"heartbeat": None}, LATER, dead, False),
        ({"heartbeat": None}, MUCH_LATER, dead, True),
        ({"heartbeat": None, "started": None}, START, dead, True),
        ({"pid": None}, MUCH_LATER, alive, True),
        ({"status": Status.QUEUED}, MUCH_LATER, dead, True),
        ({"status": Status.QUEUED, "pid": None}, MUCH_LATER, dead, False),
        ({"status": Status.WAITING}, MUCH_LATER, dead, False),
        ({"status": Status.SUCCEEDED}, MUCH_LATER, dead, False),
    ],
    ids=[
        *("silent and gone", "silent but there", "gone but just now", "beats", "beats elsewhere"),
        *("a naive time is UTC", "has not beaten yet", "never beat", "no time at all", "no pid"),
        *("gone before it began", "in a queue, nobody's", "waits for a person", "ended"),
    ],
)
def test_lost_means_silent_and_gone(
    ledger: Ledger, changes: dict[str, Any], now: str, is_alive: Any, lost: bool
) -> None:
    ledger.create_run(a_run(**changes))
    assert ledger.mark_lost(now, is_alive) == ((R0,) if lost else ())


def still_that_process(pid: int, started: float | None) -> bool:
    """As the project asks the system."""
    try:
        return bool(psutil.Process(pid).create_time() == started)
    except psutil.NoSuchProcess:
        return False


def test_a_pid_that_another_process_has_now_is_not_the_runner(ledger: Ledger) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as process:
        started = psutil.Process(process.pid).create_time()
        ledger.create_run(a_run("lives", pid=process.pid, pid_started=started))
        ledger.create_run(a_run("reused", pid=process.pid, pid_started=started - 3600.0))
        assert ledger.mark_lost(MUCH_LATER, still_that_process) == ("reused",)
        assert process.stdin is not None
        process.stdin.close()
    assert ledger.mark_lost(MUCH_LATER, still_that_process) == ("lives",)


def test_a_run_that_stirs_while_we_look_is_not_lost(ledger: Ledger, fence: int) -> None:
    def beats_meanwhile(pid: int, started: float | None) -> bool:
        ledger.heartbeat(R0, fence, MUCH_LATER)
        return False

    assert ledger.mark_lost(MUCH_LATER, beats_meanwhile) == ()
    assert ledger.run("r0").status is Status.RUNNING


# -- many at once ---------------------------------------------------------------------------------


def test_threads_may_share_a_ledger(ledger: Ledger, fence: int) -> None:
    failures: list[BaseException] = []

    def beat() -> None:
        try:
            for number in range(100):
                ledger.heartbeat(R0, fence, f"2026-01-01T06:{number // 60:02}:{number % 60:02}Z")
                ledger.run("r0")
        except BaseException as error:
            failures.append(error)

    beating = [threading.Thread(target=beat) for _ in range(2)]
    for thread in beating:
        thread.start()
    for number in range(100):
        done = a_step(f"s{number}", status=Status.SUCCEEDED)
        ledger.step_succeeded(R0, fence, done, a_recorded(str(number)), an_event())
    for thread in beating:
        thread.join()
    assert failures == []
    assert len(ledger.run("r0").steps) == 100
    assert ledger.run("r0").heartbeat == "2026-01-01T06:01:39Z"


# -- damage ---------------------------------------------------------------------------------------


def test_a_sound_ledger_has_no_findings(ledger: Ledger, fence: int) -> None:
    assert ledger.check() == ()


def test_c40_a_spoiled_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        fence = ledger.create_run(a_run())
        for number in range(200):
            event = an_event(message="m" * 100)
            ledger.step_changed(R0, fence, a_step(f"s{number}"), event)
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with Ledger(path) as ledger:
        assert ledger.check() != ()


def test_c40_a_file_that_is_no_ledger_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"garbage " * 500)
    with pytest.raises(StoreError, match="is damaged") as caught:
        Ledger(path)
    assert caught.value.hint
    assert path.read_bytes() == b"garbage " * 500


# -- history.* for people -------------------------------------------------------------------------


@pytest.fixture
def history(ledger: Ledger, fence: int) -> Iterator[Any]:
    failed = a_step(
        "store",
        item="north",
        status=Status.FAILED,
        attempts=2,
        seconds=3.5,
        error=StepError(type="KeyError", message="'west' \ud800", cell="c9", line=4),
    )
    ledger.step_succeeded(R0, fence, DONE, a_recorded(), an_event(step="df"))
    ledger.step_changed(R0, fence, failed, an_event(step="store", data={"tries": [1, 2]}))
    ended = a_run(status=Status.FAILED, seconds=9.0, parameters={"day": "2026-01-01"})
    ledger.create_run(replace(ended, id=RunId("r1")))
    with closing(open_history(ledger.path)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (
            "SELECT run, status, json_extract(parameters, '$.day') FROM history.runs",
            [("r0", "running", None), ("r1", "failed", "2026-01-01")],
        ),
        (
            """SELECT step, item, status, seconds, error_type, error_cell, error_line
                FROM history.steps ORDER BY step""",
            [
                ("df", None, "succeeded", None, None, None, None),
                ("store", "north", "failed", 3.5, "KeyError", "c9", 4),
            ],
        ),
        (
            "SELECT step, name, kind, rows, columns, bytes FROM history.outputs ORDER BY name",
            [
                ("df", "a", "pickle", None, None, 5),
                ("df", "b", "pickle", None, None, 5),
                ("df", "df", "table", 3, 2, 9),
            ],
        ),
        (
            "SELECT id, kind, step, json_array_length(data, '$.tries') FROM history.events",
            [(1, "step_finished", "df", None), (2, "step_finished", "store", 2)],
        ),
        (
            """SELECT notebook, count(*) FROM history.steps JOIN history.runs USING (run, notebook)
                WHERE history.steps.status = 'failed' GROUP BY notebook""",
            [("sales.ipynb", 1)],
        ),
        ("SELECT count(*) FROM history.history_runs", [(2,)]),
    ],
)
def test_people_query_history(history: Any, query: str, rows: list[tuple[Any, ...]]) -> None:
    assert history.execute(query).fetchall() == rows


def test_odd_text_does_not_stop_a_query(history: Any) -> None:
    texts = history.execute("SELECT error_message FROM history.steps ORDER BY step").fetchall()
    assert texts[1][0].startswith("'west' ")


COLUMNS = {
    "runs": "run status notebook notebook_hash parameters trigger actor started finished seconds"
    " result reason message",
    "steps": "run notebook step step_id item status action reason message attempts started"
    " finished seconds peak_memory log fingerprint error_type error_message error_cell error_line",
    "attempts": "run notebook step item attempt status reason message started finished",
    "outputs": "run notebook step item name kind rows columns bytes python_type digest",
    "events": "id at run kind step item attempt status reason message data",
}


@pytest.mark.parametrize("view", COLUMNS)
def test_columns_of_history_are_a_contract(history: Any, view: str) -> None:
    for spelling in (f"history.{view}", f"history.history_{view}"):
        cursor = history.execute(f"SELECT * FROM {spelling}")
        assert " ".join(column[0] for column in cursor.description) == COLUMNS[view]


def test_history_cannot_be_written(history: Any) -> None:
    with pytest.raises(Exception, match="readonly"):
        history.execute("DELETE FROM history.event")


def test_history_follows_a_run_that_goes_on(ledger: Ledger, fence: int) -> None:
    with closing(open_history(ledger.path)) as history:
        for expected in (1, 2):
            ledger.append(an_event())
            assert history.execute("SELECT max(id) FROM history.events").fetchone() == (expected,)


def test_history_of_a_project_that_has_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no history"):
        open_history(tmp_path / "ledger.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_history_of_a_strange_path_opens(tmp_path: Path) -> None:
    path = tmp_path / "50% of a?b#c" / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.create_run(a_run())
    with closing(open_history(path)) as history:
        assert history.execute("SELECT run FROM history.runs").fetchall() == [("r0",)]


def test_history_of_a_damaged_ledger_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"garbage " * 500)
    with pytest.raises(StoreError, match="is damaged"):
        open_history(path)


STEP: Final = StepId("c-df")
R1: Final = RunId("r-other")


def two_runs(ledger: Ledger) -> tuple[int, int]:
    """Fences of two runs, both with the step running."""
    running = replace(DONE, status=Status.RUNNING, outputs=())
    fences = []
    for run in (RunId("r-one"), R1):
        fence = ledger.create_run(a_run(run, pid=1, pid_started=1.0))
        ledger.step_changed(run, fence, running, an_event(run=run))
        fences.append(fence)
    return fences[0], fences[1]


def test_one_run_makes_a_result_and_others_hear_who(ledger: Ledger) -> None:
    one, other = two_runs(ledger)
    assert ledger.claim(RunId("r-one"), one, STEP, "f", seen=None, is_alive=alive) is None
    assert ledger.claim(RunId("r-one"), one, STEP, "f", seen=None, is_alive=alive) is None
    assert ledger.claim(R1, other, STEP, "f", seen=None, is_alive=alive) == Elsewhere(
        run=RunId("r-one"), step=DONE.step
    )
    assert ledger.claim(R1, other, STEP, "g", seen=None, is_alive=alive) is None
    assert ledger.is_claimed("f", alive)


def test_a_claim_ends_with_its_step_and_what_was_made_is_told(ledger: Ledger) -> None:
    one, other = two_runs(ledger)
    run = RunId("r-one")
    ledger.claim(run, one, STEP, "f", seen=None, is_alive=alive)
    ledger.step_succeeded(run, one, DONE, a_recorded("f", run=run), an_event(run=run))
    assert not ledger.is_claimed("f", alive)
    # the other one had looked before that
    assert ledger.claim(R1, other, STEP, "f", seen=None, is_alive=alive) is not None
    assert ledger.claim(R1, other, STEP, "f", seen="r-one", is_alive=alive) is None


def test_a_failed_step_gives_its_claim_up(ledger: Ledger) -> None:
    one, other = two_runs(ledger)
    run = RunId("r-one")
    ledger.claim(run, one, STEP, "f", seen=None, is_alive=alive)
    failed = replace(DONE, status=Status.FAILED, outputs=())
    ledger.step_changed(run, one, failed, an_event(run=run))
    assert ledger.claim(R1, other, STEP, "f", seen=None, is_alive=alive) is None


def test_the_claim_of_a_dead_process_falls_to_who_asks(ledger: Ledger) -> None:
    one, other = two_runs(ledger)
    ledger.claim(RunId("r-one"), one, STEP, "f", seen=None, is_alive=alive)
    assert not ledger.is_claimed("f", dead)
    assert ledger.claim(R1, other, STEP, "f", seen=None, is_alive=dead) is None
    assert ledger.claim(RunId("r-one"), one, STEP, "f", seen=None, is_alive=alive) is not None


def test_the_claims_of_a_run_end_with_it(ledger: Ledger) -> None:
    one, other = two_runs(ledger)
    run = RunId("r-one")
    ledger.claim(run, one, STEP, "f", seen=None, is_alive=alive)
    ledger.finish_run(replace(a_run(run), status=Status.CANCELLED), one, an_event(run=run))
    assert ledger.claim(R1, other, STEP, "f", seen=None, is_alive=alive) is None
