"""Calls between the cells find what the code of a silent request would find."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nbflow.lanes import calls, client
from nbflow.lanes.kernels import Kernels

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60.0

PROBE = """
import builtins, sys
from pathlib import Path

class Odd(Exception):
    def __str__(self):
        raise ValueError

def look(path):
    found = [hasattr(builtins, name) for name in ("get_ipython", "display")]
    Path(path).write_text(f"{found} {get_ipython().display_trap.is_active} {sys.argv[0][-4:]}")

def listen(path):
    shell = get_ipython()
    for event in ("pre_execute", "post_execute"):
        shell.events.register(event, lambda event=event: Path(path).open("a").write(event + " "))

def ask():
    input("?")

def fail():
    1 / 0

def leave():
    sys.exit(3)

def odd():
    raise Odd

def speak():
    print("unheard")

def interrupt():
    raise KeyboardInterrupt

def flush(path):
    thread, asked = sys.stdout.pub_thread, []
    schedule = thread.schedule
    thread.schedule = lambda what: (asked.append(what), schedule(what))
    try:
        sys.stdout.flush()
        before = len(asked)
        print("heard")
        sys.stdout.flush()
    finally:
        del thread.schedule
    Path(path).write_text(f"{before} {len(asked) > 0}")
"""

Ask = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="module", params=[True, False], ids=["forked", "cold"])
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Makes a call and waits for its reply."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "probe.py").write_text(PROBE)
    with Kernels(name="", folder=str(folder), fork=request.param) as kernels:
        kernel = kernels.take(sink=lambda _: None)
        if not kernel.is_settled:
            boot = client._BOOT
            kernel.client.execute_interactive(f"root = {str(ROOT)!r}\n{boot}", silent=True)
            while kernel.client.shell_channel.msg_ready():
                kernel.client.get_shell_msg(timeout=PATIENCE_SECONDS)

        def call(function: str, *arguments: str) -> Mapping[str, Any]:
            return send(calls.CALL, {"function": function, "arguments": arguments})[0]

        def send(kind: str, content: dict[str, Any], **metadata: Any) -> list[Any]:
            """The contents of all replies to a request."""
            client, found = kernel.client, []
            message = client.session.msg(kind, content, metadata=metadata)
            number = message["header"]["msg_id"]
            client.shell_channel.send(message)
            call.published = list[tuple[str, Any]]()  # type: ignore[attr-defined]
            while ("status", "idle") not in call.published:  # type: ignore[attr-defined]
                told = client.iopub_channel.get_msg(timeout=PATIENCE_SECONDS)
                if told["parent_header"].get("msg_id") == number:
                    what = told["content"].get("execution_state", told["content"].get("text"))
                    call.published.append((told["msg_type"], what))  # type: ignore[attr-defined]
            last = client.kernel_info()  # replies keep their order, so all are there with this one
            while True:
                reply = client.shell_channel.get_msg(timeout=PATIENCE_SECONDS)
                if reply["parent_header"].get("msg_id") == last:
                    return found
                if reply["parent_header"].get("msg_id") == number:
                    found.append(reply["content"])

        call.send = send  # type: ignore[attr-defined]
        try:
            yield call
        finally:
            kernel.close()


ROOT = Path(client.__file__).parents[1]


def test_both_ends_name_the_message_alike() -> None:
    assert (client._CALL, client._REPLY) == (calls.CALL, calls.REPLY)
    assert client._AROUND == calls.AROUND


def test_ipython_s_builtins_and_display_are_there(ask: Ask, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    assert ask("probe:look", str(seen)) == {"status": "ok"}
    assert seen.read_text().startswith("[True, True] True")


def test_ipython_s_events_happen(ask: Ask, tmp_path: Path) -> None:
    """matplotlib's figures are shown and closed by one."""
    heard = tmp_path / "heard"
    assert ask("probe:listen", str(heard))["status"] == "ok"
    before = heard.read_text() if heard.exists() else ""
    assert ask("probe:speak")["status"] == "ok"
    assert heard.read_text()[len(before) :] == "pre_execute post_execute "


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("probe:fail", "ZeroDivisionError", "division by zero"),
        ("probe:leave", "SystemExit", "3"),
        ("probe:nobody", "AttributeError", "module 'probe' has no attribute 'nobody'"),
    ],
)
def test_a_failure_is_told(ask: Ask, function: str, kind: str, message: str) -> None:
    reply = ask(function)
    assert (reply["status"], reply["ename"], reply["evalue"]) == ("error", kind, message)
    assert reply["traceback"][-1].startswith(kind)


def test_nobody_is_asked(ask: Ask) -> None:
    assert ask("probe:ask")["ename"] == "StdinNotImplementedError"


def test_an_error_that_cannot_tell_itself_is_told(ask: Ask) -> None:
    assert ask("probe:odd")["ename"] == "Odd"
    assert ask("probe:speak") == {"status": "ok"}


def around(
    ask: Any,
    code: str,
    folder: Path,
    *,
    before: str | None = None,
    after: str | None = None,
    may_fail: bool = False,
) -> list[str]:
    """How a cell and the calls around it were answered, in order."""
    calls_around = {
        "before": before and {"function": before, "arguments": []},
        "after": after and {"function": after, "arguments": []},
        "may_fail": may_fail,
        "reached": str(folder / "reached"),
        "number": 7,
    }
    content = {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
    replies = ask.send("execute_request", content, **{calls.AROUND: calls_around})
    return [reply["status"] for reply in replies]


def test_calls_are_made_around_a_cell(ask: Any, tmp_path: Path) -> None:
    code = f"seen = open({str(tmp_path / 'reached')!r}).read(); print(seen)"
    answers = around(ask, code, tmp_path, before="probe:speak", after="probe:speak")
    assert answers == ["ok", "ok"]
    assert [text for kind, text in ask.published if kind == "stream"] == ["7\n"]
    assert (tmp_path / "reached").read_text() == ""


@pytest.mark.parametrize("before", ["probe:fail", "probe:interrupt", "probe:leave"])
def test_a_cell_does_not_run_when_what_comes_before_it_failed(
    ask: Any, tmp_path: Path, before: str
) -> None:
    seen = tmp_path / "seen"
    answers = around(ask, f"open({str(seen)!r}, 'w')", tmp_path, before=before, after="probe:speak")
    assert answers == ["error"]
    assert not seen.exists()
    assert not (tmp_path / "reached").exists()


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "raise KeyboardInterrupt", "this is no code", "%nosuchmagic", "raise SystemExit(3)"],
)
@pytest.mark.parametrize("may_fail", [False, True])
def test_what_comes_after_a_cell_that_failed_is_not_called_unless_it_may_fail(
    ask: Any, tmp_path: Path, code: str, *, may_fail: bool
) -> None:
    answers = around(ask, code, tmp_path, after="probe:speak", may_fail=may_fail)
    assert answers == ["error", "ok" if may_fail else "aborted"]


def test_a_failure_after_a_cell_is_told(ask: Any, tmp_path: Path) -> None:
    assert around(ask, "x = 1", tmp_path, after="probe:fail") == ["ok", "error"]
    assert around(ask, "x = 1", tmp_path) == ["ok"]


def test_a_folder_that_is_gone_is_no_failure(ask: Any, tmp_path: Path) -> None:
    assert around(ask, "x = 1", tmp_path / "gone", after="probe:speak") == ["ok", "ok"]


def test_only_what_was_written_is_flushed(ask: Ask, tmp_path: Path) -> None:
    """Each flush has two threads of the kernel wait for each other, and there are six a step."""
    seen = tmp_path / "flushed"
    assert ask("probe:flush", str(seen)) == {"status": "ok"}
    assert seen.read_text() == "0 True"
    assert ("stream", "heard\n") in ask.published  # type: ignore[attr-defined]
