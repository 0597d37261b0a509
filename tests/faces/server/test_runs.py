"""Runs from a browser: processes of their own, told as they happen, looked at afterwards."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from time import monotonic, sleep
from typing import Any

import pytest
import requests

from tests.faces.server.conftest import PATIENCE_SECONDS, TOKEN, Asking, content, start_server

pytestmark = pytest.mark.slow

STORY = (
    "n = 3",
    "import pandas as pd\ndf = pd.DataFrame({'s': ['a', 'b'] * n, 'v': range(2 * n)})",
    "m = df.groupby('s').sum()\nm",
    "print('seen', n)\ntext = str(n) + ' done'",
)


@pytest.fixture
def story(asking: Asking, home: str) -> str:
    return asking.notebook(f"{home}/story.ipynb", *STORY, tags={1: ["parameters"]})


@pytest.fixture
def tale(asking: Asking, home: str) -> str:
    """A shorter one, that imports nothing."""
    return asking.notebook(f"{home}/tale.ipynb", "a = [1]", "b = [*a, 2]", "print(b)")


def until(probe: Callable[[], Any]) -> Any:
    """Ask until the answer is true."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not (seen := probe()):
        assert monotonic() < deadline, "the awaited state did not come"
        sleep(0.05)
    return seen


def test_a_run_from_beginning_to_end(asking: Asking, story: str, home: str) -> None:
    started = asking.post("runs", path=story, parameters={"n": "5"})
    assert started.status_code == 202
    run = started.json()["run"]
    assert asking.get(f"runs/{run}", path=story).json()["parameters"] == {"n": 5}
    ended = asking.ended(run, story)
    assert (ended["status"], ended["notebook"], ended["trigger"]) == ("succeeded", story, "manual")

    [listed] = asking.get("runs", path=story).json()["runs"]
    assert (listed["run"], listed["notebook"], listed["counts"]) == (run, story, {"succeeded": 4})

    page = asking.get(f"runs/{run}/outputs/m", path=story, profile=1).json()
    assert [column["name"] for column in page["columns"]] == ["s", "v"]
    assert page["rows"] == [["a", 20], ["b", 25]]
    assert page["profile"][1] == {"name": "v", "nulls": 0, "distinct": 2, "min": 20, "max": 25}
    rest = asking.get(f"runs/{run}/outputs/df", path=story, offset=8, limit=5).json()
    assert (rest["total"], rest["rows"]) == (10, [["a", 8], ["b", 9]])
    assert asking.get(f"runs/{run}/outputs/text", path=story).json()["text"] == "5 done"

    outputs = asking.get(f"runs/{run}/outputs", path=story).json()["outputs"]
    kinds = {each["name"]: (each["step"], each["kind"], each["type"]) for each in outputs}
    assert kinds["df"] == ("df", "table", "pandas.DataFrame")
    assert {"name": "v", "type": "BIGINT"} in next(
        each["schema"] for each in outputs if each["name"] == "df"
    )
    assert asking.get(f"runs/{run}/logs", path=story, step="text").json()["lines"] == [
        "text | seen 5"
    ]
    result = asking.get(f"runs/{run}/notebook", path=story).json()
    assert "seen 5" in json.dumps(result["content"])
    # As Jupyter's own contents have it: in pieces, HTML would be drawn with commas between them.
    assert {type(each["source"]) for each in result["content"]["cells"]} == {str}
    assert asking.get(f"runs/{run}/why", path=story, step="m").json()["reason"] == "first_time"
    loading = asking.get(f"runs/{run}/steps/m/open", path=story).json()
    assert loaded(loading["code"], asking.root / home) == "{'v': {'a': 20, 'b': 25}}"
    given = asking.get(f"runs/{run}/steps/m/open", path=story, inputs=1).json()
    assert given["names"] == ["df"]
    prepared = f"{given['code']}\nm = df.groupby('s').sum()"
    assert loaded(prepared, asking.root / home) == "{'v': {'a': 20, 'b': 25}}"

    again = asking.post("runs", path=story, parameters={"n": 5}).json()["run"]
    asking.ended(again, story)
    newest = asking.get("runs", path=story, limit=1).json()["runs"]
    assert [(each["run"], each["counts"]) for each in newest] == [(again, {"reused": 4})]
    took = asking.get("durations", path=story).json()
    assert took["notebook"] == story
    assert {each["step"]: len(each["seconds"]) for each in took["steps"]}["m"] == 1, "not reused"
    assert asking.get("durations", path=f"{home}/none.ipynb").json()["steps"] == []
    same = asking.get("runs/diff", path=story, before=run, after=again).json()
    assert (same["notebook"], same["steps"]) == (story, [])

    assert asking.call("DELETE", f"runs/{run}", params={"path": story}).status_code == 204
    assert asking.get(f"runs/{run}", path=story).status_code == 404
    assert not (asking.root / home / ".nbflow" / "runs" / run).exists()
    assert asking.get(f"runs/{again}/outputs/m", path=story).json()["total"] == 2


def loaded(code: str, folder: Path) -> str:
    """What the code for one's own kernel gives there."""
    import subprocess
    import sys

    program = f"{code}\nprint(m.to_dict())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_graph_of_a_run_is_that_of_the_notebook_as_it_was(asking: Asking, home: str) -> None:
    path = asking.notebook(f"{home}/a.ipynb", "x = [1]", "y = [x]")
    run = asking.post("runs", path=path).json()["run"]
    asking.notebook(path, "x = [1]")
    asking.ended(run, path)
    graph = asking.get(f"runs/{run}/graph", path=path).json()
    assert [step["name"] for step in graph["steps"]] == ["x", "y"]


def test_a_run_that_failed_is_resumed_with_the_code_that_was_mended(
    asking: Asking, home: str
) -> None:
    path = asking.notebook(f"{home}/a.ipynb", "x = [1]", "y = x[0] / 0")
    run = asking.post("runs", path=path).json()["run"]
    failed = asking.ended(run, path)
    error = next(step["error"] for step in failed["steps"] if step["step"] == "y")
    assert (failed["status"], error["type"], error["cell"]) == (
        "failed",
        "ZeroDivisionError",
        "c2",
    )
    asking.notebook(path, "x = [1]", "y = x[0] / 2")
    resumed = asking.post(f"runs/{run}/resume", path=path, latest_code=True)
    assert resumed.status_code == 202
    ended = asking.ended(resumed.json()["run"], path)
    assert (ended["status"], ended["trigger"]) == ("succeeded", f"resume:{run}")
    actions = {step["step"]: step["action"] for step in ended["steps"]}
    assert actions == {"x": "reuse", "y": "run"}


def test_a_run_is_kept_under_a_name_and_compared_with_what_is_typed_now(
    asking: Asking, tale: str
) -> None:
    run = asking.post("runs", path=tale).json()["run"]
    asking.ended(run, tale)
    kept = asking.post(f"runs/{run}/keep", path=tale, kept=True, label="as sent").json()
    assert (kept["kept"], kept["label"]) == (True, "as sent")
    refused = asking.call("DELETE", f"runs/{run}", params={"path": tale})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")
    assert asking.get("runs", path=tale).json()["runs"][0]["label"] == "as sent"

    now = content("a = [1]", "b = [*a, 3]", "print(b)", "print(a)")
    found = asking.post(f"runs/{run}/changes", path=tale, content=now).json()
    assert (found["changed"], found["added"], found["removed"]) == (["c2"], ["c4"], [])

    attempts = asking.get(f"runs/{run}/timeline", path=tale).json()["attempts"]
    assert [(each["step"], each["status"]) for each in attempts] == [
        ("a", "succeeded"),
        ("b", "succeeded"),
        ("cell-3", "succeeded"),
    ]
    assert all(each["queued"] <= each["started"] <= each["finished"] for each in attempts)

    asking.post(f"runs/{run}/keep", path=tale, kept=False)
    gone = asking.call("DELETE", f"runs/{run}", params={"path": tale})
    assert gone.status_code == 204


def test_a_run_is_cancelled(asking: Asking, home: str) -> None:
    path = asking.notebook(f"{home}/a.ipynb", "import time\ntime.sleep(600)\nx = 1")
    run = asking.post("runs", path=path).json()["run"]
    until(lambda: asking.get(f"runs/{run}", path=path).json()["status"] == "running")
    refused = asking.call("DELETE", f"runs/{run}", params={"path": path})
    assert refused.status_code == 400
    assert asking.post(f"runs/{run}/cancel", path=path).status_code == 200
    assert asking.ended(run, path)["status"] == "cancelled"


def test_a_run_outlives_the_server_that_started_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    first = start_server(tmp_path / "first", root)
    path = first.asking.notebook(
        "a.ipynb",
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)\nx = 1",
    )
    run = first.asking.post("runs", path=path).json()["run"]
    until(lambda: first.asking.get(f"runs/{run}", path=path).json()["status"] == "running")
    first.stop()
    (root / "go").touch()
    second = start_server(tmp_path / "second", root)
    try:
        assert second.asking.ended(run, path)["status"] == "succeeded"
    finally:
        second.stop()


def test_runs_of_notebooks_outside_of_the_servers_folder_are_not_shown(tmp_path: Path) -> None:
    project = tmp_path / "project"
    inside = project / "inside"
    inside.mkdir(parents=True)
    (project / "nbflow.toml").touch()
    outer = start_server(tmp_path / "outer", project)
    try:
        path = outer.asking.notebook("secret.ipynb", "x = [1]")
        run = outer.asking.post("runs", path=path).json()["run"]
        outer.asking.ended(run, path)
    finally:
        outer.stop()
    inner = start_server(tmp_path / "inner", inside)
    try:
        assert inner.asking.get("runs").json()["runs"] == []
        for part in ("", "/outputs", "/notebook", "/logs", "/graph", "/outputs/x"):
            assert inner.asking.get(f"runs/{run}{part}").status_code == 404
    finally:
        inner.stop()


# -- the stream ----------------------------------------------------------------------------------


class Stream:
    """An open stream of events, read by a thread."""

    def __init__(self, asking: Asking, after: str = "", header: str = "") -> None:
        self._answer = requests.get(
            f"{asking.url}nbflow/api/events",
            params={"after": after} if after else {},
            headers={"Authorization": f"token {TOKEN}", "Last-Event-ID": header},
            stream=True,
            timeout=PATIENCE_SECONDS,
        )
        self.status = self._answer.status_code
        self.frames: Queue[dict[str, str]] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        frame: dict[str, str] = {}
        try:
            for line in self._answer.iter_lines(decode_unicode=True):
                if line.startswith(":"):
                    continue  # a ping
                if line:
                    key, _, value = line.partition(": ")
                    frame[key] = value
                elif frame:
                    self.frames.put(frame)
                    frame = {}
        except (requests.RequestException, AttributeError, ValueError):
            return  # it was closed

    def next(self) -> dict[str, str]:
        return self.frames.get(timeout=PATIENCE_SECONDS)

    def rows(self, run: str) -> Iterator[dict[str, Any]]:
        """The events of a run up to its end, each with the mark of its frame."""
        while True:
            frame = self.next()
            row = json.loads(frame["data"])
            if row["run"] == run:
                yield {**row, "mark": frame["id"]}
                if row["kind"] == "run_finished":
                    return

    def close(self) -> None:
        self._answer.close()


@pytest.mark.ci
def test_many_browsers_see_a_run_as_it_happens_and_catch_up(asking: Asking, tale: str) -> None:
    streams = [Stream(asking) for _ in range(3)]
    openings = [stream.next() for stream in streams]
    assert all(set(opening) == {"id"} for opening in openings)
    run = asking.post("runs", path=tale).json()["run"]
    told = [list(stream.rows(run)) for stream in streams]
    assert told[0] == told[1] == told[2]
    kinds = [row["kind"] for row in told[0]]
    assert kinds[0] == "run_queued"
    assert kinds[1] == "run_started"
    assert kinds.count("step_finished") == 3
    assert {row["notebook"] for row in told[0]} == {tale}
    ids = [row["id"] for row in told[0]]
    assert ids == sorted(ids)
    for stream in streams:
        stream.close()

    # Who comes back gets what it missed, once; by header or by query.
    seen = told[0][2]
    for late in (Stream(asking, after=seen["mark"]), Stream(asking, header=seen["mark"])):
        late.next()
        assert [row["id"] for row in late.rows(run)] == ids[3:]
        late.close()


def test_a_mark_that_is_none_is_refused(served: Asking) -> None:
    answer = served.get("events", after="; DROP TABLE")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


@pytest.mark.ci
def test_a_stream_begins_with_now(asking: Asking, tale: str) -> None:
    asking.ended(asking.post("runs", path=tale).json()["run"], tale)
    stream = Stream(asking)
    stream.next()
    run = asking.post("runs", path=tale).json()["run"]
    assert {row["run"] for row in stream.rows(run)} == {run}
    stream.close()


def test_a_history_that_was_removed_begins_anew_for_those_who_listen(
    asking: Asking, home: str, tale: str
) -> None:
    import shutil

    asking.ended(asking.post("runs", path=tale).json()["run"], tale)
    stream = Stream(asking)
    stream.next()
    shutil.rmtree(asking.root / home / ".nbflow")
    run = asking.post("runs", path=tale).json()["run"]
    assert next(stream.rows(run))["kind"] == "run_queued"
    stream.close()


def test_a_stream_goes_on_where_it_was_after_the_server_was_restarted(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "nbflow.toml").touch()
    first = start_server(tmp_path / "first", root)
    wait = (
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)\nx = 1"
    )
    seen: list[dict[str, Any]] = []
    try:
        path = first.asking.notebook("a.ipynb", "a = [1]", wait, tags={2: ["step:slow"]})
        stream = Stream(first.asking)
        stream.next()
        run = first.asking.post("runs", path=path).json()["run"]
        for row in stream.rows(run):
            seen.append(row)
            if (row["kind"], row["step"]) == ("step_started", "slow"):
                break
    finally:
        first.stop()
    (root / "go").touch()
    second = start_server(tmp_path / "second", root)
    try:
        again = Stream(second.asking, header=seen[-1]["mark"])
        again.next()
        rest = list(again.rows(run))
        again.close()
    finally:
        second.stop()
    assert rest[-1]["kind"] == "run_finished"
    ids = [row["id"] for row in seen + rest]
    assert ids == sorted(set(ids)), "each once, in order"
    assert [row["kind"] for row in seen + rest].count("step_finished") == 2


# -- where notebooks are no files ----------------------------------------------------------------

ELSEWHERE = '''
from jupyter_server.services.contents.manager import ContentsManager

class Elsewhere(ContentsManager):
    """Keeps nothing, and nowhere."""

    def dir_exists(self, path):
        return True

    def is_hidden(self, path):
        return False

    def file_exists(self, path=""):
        return False
'''


def test_a_server_that_keeps_no_files_says_so(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "server"
    root.mkdir()
    folder.mkdir()
    (folder / "elsewhere.py").write_text(ELSEWHERE)
    (root / "a.ipynb").write_text(json.dumps(content("secret = 1")))
    option = "--ServerApp.contents_manager_class=elsewhere.Elsewhere"
    running = start_server(folder, root, option)
    try:
        asking = running.asking
        features = asking.get("capabilities").json()["features"]
        assert not any(features.values())
        for answer in (
            asking.post("graph", path="a.ipynb", content=content("x = 1")),
            asking.post("plan", path="a.ipynb"),
            asking.post("runs", path="a.ipynb"),
            asking.get("runs", path="a.ipynb"),
        ):
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (400, "usage")
            assert "does not keep its notebooks as files" in error["message"]
        stream = Stream(asking)
        assert set(stream.next()) == {"id"}
        stream.close()
    finally:
        running.stop()


def test_a_notebook_that_was_moved_or_deleted_while_it_was_open(asking: Asking, tale: str) -> None:
    run = asking.post("runs", path=tale).json()["run"]
    asking.ended(run, tale)
    moved = tale.replace("tale", "moved")
    (asking.root / tale).rename(asking.root / moved)
    # What is typed can be looked at, whether there is a file or not; a run needs one.
    text = content("a = [1]", "b = [*a, 2]")
    for path in (tale, moved):
        assert asking.post("graph", path=path, content=text).status_code == 200
    for route in ("plan", "runs"):
        gone = asking.post(route, path=tale)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
    assert asking.get("runs", path=moved).json()["runs"] == []
    assert [each["run"] for each in asking.get("runs", path=tale).json()["runs"]] == [run]
    again = asking.post("runs", path=moved).json()["run"]
    assert asking.ended(again, moved)["status"] == "succeeded"
    on_a_drive = asking.post("runs", path=f"s3:{moved}")
    assert on_a_drive.status_code == 404
