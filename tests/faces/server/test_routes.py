"""The table of routes: who comes in, what they answer, and how they fail."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nbflow.faces.server.routes import ROUTES
from tests.faces.server.conftest import Asking, content

pytestmark = pytest.mark.slow

DENIED = "nbflow:read nbflow:write nbflow:execute"


def addresses() -> Iterable[tuple[str, str, str]]:
    """Method, an address that fits, and the action, for every route."""
    for route in ROUTES:
        path = re.sub(r"\(\?P<\w+>(?:[^()\[]|\[[^]]*\])*\)", "01a1", route.path)
        yield route.method, path, route.action
    yield "GET", "events", "read"


EVERY = tuple(addresses())


@pytest.mark.parametrize(("method", "path", "action"), EVERY)
def test_nobody_comes_in_without_a_token(
    served: Asking, method: str, path: str, action: str
) -> None:
    answer = served.call(method, path, headers={"Authorization": ""})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize(("method", "path", "action"), EVERY)
def test_nobody_comes_in_whom_the_authorizer_denies(
    served: Asking, method: str, path: str, action: str
) -> None:
    answer = served.call(method, path, headers={"X-Denied": f"nbflow:{action}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path, action in EVERY if action == "execute"]
)
def test_who_may_not_execute_code_cannot_start_or_stop_a_run(
    served: Asking, method: str, path: str
) -> None:
    answer = served.call(method, path, headers={"X-Denied": "kernels:execute"})
    assert answer.status_code == 403


def test_what_only_looks_is_called_reading_and_what_runs_code_executing() -> None:
    actions = {(route.method, route.path.partition("/")[0]): route.action for route in ROUTES}
    assert actions["POST", "graph"] == "read"
    executing = {path for _, path, action in EVERY if action == "execute"}
    assert executing == {
        "runs",
        "runs/01a1/cancel",
        "runs/01a1/resume",
        "recipes/01a1",
        "columns",
    }


def test_a_page_of_another_site_cannot_start_a_run(served: Asking) -> None:
    answer = served.call("POST", "runs", headers={"Authorization": "", "Origin": "http://evil"})
    assert answer.status_code in (401, 403, 404)


@pytest.mark.parametrize("path", ["nothing", "runs/01a1/nothing", "../../api/nothing", ""])
def test_an_address_that_is_not_there_has_the_form_of_our_errors(served: Asking, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code == 404
    if "api/nothing" not in path:
        assert answer.json()["error"]["code"] == "not_found"


def test_a_method_that_is_not_there_is_refused(served: Asking) -> None:
    assert served.call("DELETE", "graph").json()["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "path",
    [
        "../outside.ipynb",
        "a/../../outside.ipynb",
        "/../outside.ipynb",
        ".hidden/a.ipynb",
        "a/.b/c.ipynb",
        "a\x00b.ipynb",
        "a\ud800.ipynb",
        "a" * 300 + ".ipynb",
    ],
)
def test_a_path_that_jupyter_would_not_show_is_not_there(asking: Asking, path: str) -> None:
    for route, body in (
        ("graph", {"content": content("x = 1")}),
        ("plan", {}),
        ("runs", {}),
        ("tags", {"content": content("x = 1"), "cell": "c1", "tags": []}),
    ):
        answer = asking.post(route, path=path, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("graph", {}, 400),
        ("graph", {"path": 3, "content": {}}, 400),
        ("graph", {"path": "HOME/a.ipynb"}, 400),
        ("graph", {"path": "HOME/a.ipynb", "content": []}, 400),
        ("graph", {"path": "HOME/a.ipynb", "content": {}}, 422),
        ("graph", {"path": "HOME/a.ipynb", "content": {"nbformat": 4, "cells": [1]}}, 422),
        ("graph", {"path": "HOME/a.ipynb", "content": {"nbformat": 9, "cells": []}}, 422),
        ("plan", {"path": "HOME/no.ipynb"}, 404),
        ("plan", {"path": "HOME"}, 422),
        ("plan", {"path": "HOME/real.ipynb", "parameters": ["n"]}, 400),
        ("plan", {"path": "HOME/real.ipynb", "parameters": {"zz": 1}}, 400),
        ("runs", {"path": "HOME/real.ipynb", "parameters": {"n": "many"}}, 400),
        ("runs", {"path": "HOME/real.ipynb", "until": "x"}, 400),
        ("runs", {"path": "HOME/real.ipynb", "until": ["no step"]}, 400),
        ("runs", {"path": "HOME/real.ipynb", "force": "perhaps"}, 400),
        ("runs", {"path": "HOME/real.ipynb", "jobs": 0}, 400),
        ("runs", {"path": "HOME/real.ipynb", "jobs": True}, 400),
        ("runs", {"path": "HOME/real.ipynb", "jobs": 10**30}, 400),
        ("runs/01a1/cancel", {"path": "HOME/real.ipynb"}, 404),
        ("runs/01a1/resume", {"path": "HOME/real.ipynb"}, 404),
        ("tags", {"path": "HOME/a.ipynb", "content": "CONTENT", "cell": "no"}, 404),
        ("tags", {"path": "HOME/a.ipynb", "content": "CONTENT", "cell": "c1", "tags": [1]}, 400),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_and_nothing_starts(
    asking: Asking, home: str, route: str, body: dict[str, Any], status: int
) -> None:
    asking.notebook(f"{home}/real.ipynb", "n = 1", "m = n + 1", tags={1: ["parameters"]})
    filled = {
        key: value.replace("HOME", home) if isinstance(value, str) else value
        for key, value in body.items()
    }
    if filled.get("content") == "CONTENT":
        filled["content"] = content("x = 1")
    answer = asking.post(route, **filled)
    error = answer.json()["error"]
    assert answer.status_code == status, error
    assert set(error) == {"code", "message", "hint", "fields", "diagnostics"}
    assert asking.get("runs", path=f"{home}/real.ipynb").json()["runs"] == []


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"path": "' + b"x" * 100_000 + b'"}'],
    ids=["half", "list", "number", "no text", "deep", "long"],
)
def test_a_body_that_is_no_object_is_refused(served: Asking, raw: bytes) -> None:
    answer = served.call("POST", "graph", data=raw)
    assert answer.json()["error"]["code"] in ("usage", "not_found")
    assert answer.status_code in (400, 404)


def test_a_body_that_is_too_large_is_refused(served: Asking) -> None:
    answer = served.call("POST", "graph", data=b" " * (64 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_value_without_end_is_refused_by_its_depth(asking: Asking, home: str) -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    made = {**content("x = 1"), "metadata": {"deep": deep}}
    assert asking.post("graph", path=f"{home}/a.ipynb", content=made).status_code == 422


def test_the_graph_of_what_was_never_saved(asking: Asking, home: str) -> None:
    made = content("a = [1]", "b = [a]")
    made["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    graph = asking.post("graph", path=f"{home}/new.ipynb", content=made).json()
    assert graph["notebook"] == f"{home}/new.ipynb"
    assert [(edge["from"], edge["to"], edge["names"]) for edge in graph["edges"]] == [
        ("a", "b", ["a"])
    ]
    assert not (asking.root / home / ".nbflow").exists()


def test_the_graph_follows_each_edit(asking: Asking, home: str) -> None:
    def edges(*sources: str) -> list[tuple[str, str]]:
        path = f"{home}/live.ipynb"
        graph = asking.post("graph", path=path, content=content(*sources)).json()
        return [(edge["from"], edge["to"]) for edge in graph["edges"]]

    assert edges("a = [1]", "b = [2]") == []
    assert edges("a = [1]", "b = [a]") == [("a", "b")]
    assert edges("c = [1]", "b = [a]") == []


def test_names_with_quotes_and_slashes_come_back_as_they_are(asking: Asking, home: str) -> None:
    name = "a \"b\" 'c' <d> & é/ü #?"
    made = content("x = 1", tags={1: [f"step:{name}"]})
    path = f"{home}/a \"b\" 'c' é.ipynb"
    graph = asking.post("graph", path=path, content=made).json()
    assert (graph["notebook"], graph["steps"][0]["name"]) == (path, name)


def test_what_tags_would_say_is_told_without_saving(asking: Asking, home: str) -> None:
    made = content("x = [1]", "y = [x]")

    def codes(*tags: str) -> list[str]:
        answer = asking.post(
            "tags",
            path=f"{home}/a.ipynb",
            content=made,
            cell="c2",
            tags=tags,
        )
        return [each["code"] for each in answer.json()["diagnostics"]]

    assert codes("step:load", "retries:2") == []
    assert codes("retries:many") == ["bad-tag"]
    assert codes("after:nobody") != []


def test_a_linked_folder_is_known_by_the_name_that_jupyter_has(
    asking: Asking, home: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "nbflow.toml").touch()
    (asking.root / home / "link").symlink_to(elsewhere, target_is_directory=True)
    path = asking.notebook(f"{home}/link/a.ipynb", "x = 1")
    assert asking.post("plan", path=path).json()["notebook"] == path


def test_the_server_says_what_it_can_do(served: Asking) -> None:
    features = served.get("capabilities").json()["features"]
    assert features["runs"] is True
    assert features["schedules"] is False


def test_the_extension_is_found_by_jupyter() -> None:
    import nbflow

    assert nbflow._jupyter_server_extension_points() == [{"module": "nbflow"}]
    assert "jupyter_server" not in _imported_by("import nbflow")


def _imported_by(code: str) -> str:
    import subprocess

    program = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout
