"""Files and effects of a step, as the audit hook saw them."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from blake3 import blake3

from nbflow.core.task import TaskReport
from nbflow.execution import surroundings
from nbflow.inside.watch import Seen, Watcher, watcher


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Watcher]:
    """The process's watcher, listening for a notebook in `tmp_path`."""
    one = watcher()
    one.start(tmp_path, own=[tmp_path / ".nbflow"])
    yield one
    one.stop()


def digest(data: bytes) -> str:
    return blake3(data).hexdigest()


def read_of(seen: Seen) -> dict[str, str | None]:
    return {touch.path: touch.digest for touch in seen.files_read}


def written_of(seen: Seen) -> dict[str, str | None]:
    return {touch.path: touch.digest for touch in seen.files_written}


def test_there_is_one_watcher_per_process() -> None:
    assert watcher() is watcher()


def test_reading_and_writing_are_told_with_digests(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    listening.start(tmp_path)
    frame = pd.read_csv(tmp_path / "in.csv")
    (tmp_path / "out").mkdir()
    frame.to_csv(tmp_path / "out" / "o.csv", index=False)
    seen = listening.stop()
    assert read_of(seen) == {"in.csv": digest(b"a\n1\n")}
    assert written_of(seen) == {"out/o.csv": digest(b"a\n1\n")}
    assert seen.untracked_files == ()
    assert seen.files_read[0].size == 4


def test_a_files_digest_is_the_one_that_the_planner_computes(
    listening: Watcher, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("a")
    listening.start(tmp_path)
    (tmp_path / "in.csv").read_text()
    seen = listening.stop()
    assert read_of(seen)["in.csv"] == surroundings.path_digest("in.csv", tmp_path)


def test_a_file_that_is_read_and_then_overwritten_is_told_as_it_was(
    listening: Watcher, tmp_path: Path
) -> None:
    path = tmp_path / "state.txt"
    path.write_text("old")
    listening.start(tmp_path)
    path.write_text(path.read_text() + " new")
    seen = listening.stop()
    assert read_of(seen) == {"state.txt": digest(b"old")}
    assert written_of(seen) == {"state.txt": digest(b"old new")}


@pytest.mark.parametrize(
    ("mode", "reads"), [("w", False), ("a", True), ("r+", True), ("w+", False)]
)
def test_appending_depends_on_what_was_there(
    listening: Watcher, tmp_path: Path, mode: str, reads: bool
) -> None:
    path = tmp_path / "log.txt"
    path.write_text("old")
    listening.start(tmp_path)
    with path.open(mode) as file:
        file.write("new")
    seen = listening.stop()
    assert read_of(seen) == ({"log.txt": digest(b"old")} if reads else {})
    assert set(written_of(seen)) == {"log.txt"}


def test_what_the_step_wrote_itself_is_no_input(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.txt").read_text()
    assert read_of(listening.stop()) == {}


def test_a_missing_file_that_was_asked_for_is_told(listening: Watcher, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        (tmp_path / "maybe.csv").read_text()
    assert read_of(listening.stop()) == {"maybe.csv": None}


def test_a_file_made_and_removed_left_nothing(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / "tmp.txt").write_text("x")
    (tmp_path / "tmp.txt").unlink()
    assert listening.stop() == Seen()


def test_removing_and_renaming_are_told(listening: Watcher, tmp_path: Path) -> None:
    for name in ("gone", "old"):
        (tmp_path / name).write_text(name)
    listening.start(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "old").rename(tmp_path / "new")
    seen = listening.stop()
    assert read_of(seen) == {"old": digest(b"old")}
    assert written_of(seen) == {"gone": None, "old": None, "new": digest(b"old")}


def test_an_atomic_save_is_one_written_file(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_text("data")
    os.replace(tmp_path / "x.part", tmp_path / "x.csv")
    seen = listening.stop()
    assert read_of(seen) == {}
    assert written_of(seen) == {"x.csv": digest(b"data")}


def test_listing_a_folder_cannot_be_tracked(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    listening.start(tmp_path)
    list((tmp_path / "in").iterdir())
    assert listening.stop().untracked_files == ("in/",)


def test_looking_for_modules_is_pythons_own_business(
    listening: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_c.py").write_text(
        "from pathlib import Path\nhere = Path(__file__).with_name('data.txt').read_text()\n1 / 0\n"
    )
    (tmp_path / "data.txt").write_text("x")
    monkeypatch.syspath_prepend(str(tmp_path))
    listening.start(tmp_path)
    with pytest.raises(ImportError):
        __import__("no_module_of_this_name")
    try:
        __import__("module_of_c")
    except ZeroDivisionError:
        traceback.format_exc()
    seen = listening.stop()
    assert set(read_of(seen)) == {"data.txt"}
    assert seen.untracked_files == ()


def test_a_file_that_changed_meanwhile_is_untracked(listening: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "live.csv"
    path.write_text("1")
    listening.start(tmp_path)
    path.read_text()
    listening.pause()
    path.write_text("22")
    listening.resume()
    assert listening.stop().untracked_files == ("live.csv",)


def test_a_path_outside_the_folder_is_absolute(
    listening: Watcher, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "o.txt"
    other.write_text("x")
    assert written_of(listening.stop()) == {other.as_posix(): digest(b"x")}


def test_our_own_files_and_pythons_do_not_count(listening: Watcher, tmp_path: Path) -> None:
    (tmp_path / ".nbflow").mkdir()
    (tmp_path / ".nbflow" / "x").write_text("x")
    Path(os.__file__).read_bytes()
    Path("/proc/self/status").read_text() if sys.platform == "linux" else None
    Path(os.devnull).write_text("x")
    listening_to = listening.stop()
    assert listening_to == Seen()


def test_nothing_is_heard_while_paused_or_stopped(listening: Watcher, tmp_path: Path) -> None:
    listening.pause()
    (tmp_path / "a").write_text("x")
    assert listening.stop() == Seen()
    (tmp_path / "b").write_text("x")
    assert listening.stop() == Seen()


def test_other_threads_of_the_step_are_heard(listening: Watcher, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: (tmp_path / "t").write_text("x"))
    thread.start()
    thread.join()
    assert set(written_of(listening.stop())) == {"t"}


def test_questions_to_the_machine_are_no_effect(listening: Watcher, tmp_path: Path) -> None:
    subprocess.run(["uname", "-a"], check=True, stdout=subprocess.DEVNULL)
    assert listening.stop().effects == ()


def test_network_subprocesses_and_databases_are_effects(listening: Watcher, tmp_path: Path) -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.connect(server.getsockname())
    subprocess.run([sys.executable, "-c", ""], check=True)
    sqlite3.connect(tmp_path / "app.db").close()
    sqlite3.connect(":memory:").close()
    seen = listening.stop()
    assert seen.effects == ("database", "network", "subprocess")
    assert seen.untracked_files == ("app.db",)


def test_who_only_asks_for_a_name_has_not_reached_the_network(listening: Watcher) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nobody.invalid", 80)
    assert listening.stop().effects == ("lookup",)


def test_pairs_of_sockets_are_no_network(listening: Watcher) -> None:
    one, other = socket.socketpair()
    one.close()
    other.close()
    assert listening.stop().effects == ()


def test_everything_is_added_to_the_report() -> None:
    seen = Seen(untracked_files=("x/",), effects=("network", "threads"))
    report = seen.add_to(TaskReport(dynamic_effects=("threads",)))
    assert report.untracked_files == ("x/",)
    assert report.dynamic_effects == ("threads", "network")
