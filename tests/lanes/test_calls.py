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
            channel = kernel.client.shell_channel
            content = {"function": function, "arguments": arguments}
            message = kernel.client.session.msg(calls.CALL, content)
            channel.send(message)
            while True:
                reply = channel.get_msg(timeout=PATIENCE_SECONDS)
                if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                    found: Mapping[str, Any] = reply["content"]
                    return found

        try:
            yield call
        finally:
            kernel.close()


ROOT = Path(client.__file__).parents[1]


def test_both_ends_name_the_message_alike() -> None:
    assert client._CALL == calls.CALL


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
