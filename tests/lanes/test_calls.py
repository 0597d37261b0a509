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
            return answers((calls.CALL, {"function": function, "arguments": arguments}, {}))[0]

        def answers(*requests: tuple[str, dict[str, Any], dict[str, Any]]) -> list[Any]:
            """The replies to requests that are all sent before the first is answered."""
            channel, session = kernel.client.shell_channel, kernel.client.session
            sent = [session.msg(kind, content, metadata=more) for kind, content, more in requests]
            for message in sent:
                channel.send(message)
            found: dict[str, Any] = {}
            while len(found) < len(sent):
                reply = channel.get_msg(timeout=PATIENCE_SECONDS)
                found[reply["parent_header"].get("msg_id")] = reply["content"]
            return [found[message["header"]["msg_id"]] for message in sent]

        call.answers = answers  # type: ignore[attr-defined]
        try:
            yield call
        finally:
            kernel.close()


ROOT = Path(client.__file__).parents[1]


def test_both_ends_name_the_message_alike() -> None:
    assert (client._CALL, client._CHAIN) == (calls.CALL, calls.CHAIN)


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


Link = dict[str, Any]


def links(folder: Path, *, may_fail: bool = False) -> Iterator[Link]:
    """The places of a chain, one after the other."""
    for number in range(99):
        reached = str(folder / "reached")
        link = {"chain": str(folder), "number": number, "reached": reached, "may_fail": may_fail}
        yield {calls.CHAIN: link}


def a_call(function: str, link: Link) -> tuple[str, dict[str, Any], Link]:
    return calls.CALL, {"function": function, "arguments": []}, link


def a_cell(code: str, link: Link) -> tuple[str, dict[str, Any], Link]:
    content = {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
    return "execute_request", content, link


def status(answers: list[Any]) -> list[str]:
    return [answer["status"] for answer in answers]


@pytest.mark.parametrize(
    "broken",
    [
        lambda link: a_call("probe:fail", link),
        lambda link: a_call("probe:interrupt", link),
        lambda link: a_cell("1 / 0", link),
        lambda link: a_cell("raise KeyboardInterrupt", link),
        lambda link: a_cell("this is no code", link),
        lambda link: a_cell("%nosuchmagic", link),
        lambda link: a_cell("raise SystemExit(3)", link),
    ],
    ids=["call", "call interrupted", "cell", "cell interrupted", "syntax", "magic", "exit"],
)
def test_what_comes_after_a_failure_in_its_chain_is_not_carried_out(
    ask: Any, tmp_path: Path, broken: Callable[[Link], Any]
) -> None:
    chain, seen = links(tmp_path), tmp_path / "seen"
    touch = f"open({str(seen)!r}, 'w')"
    sent = [
        a_call("probe:speak", next(chain)),
        broken(next(chain)),
        a_cell(touch, next(chain)),
        a_call("probe:speak", next(chain)),
    ]
    assert status(ask.answers(*sent)) == ["ok", "error", "aborted", "aborted"]
    assert not seen.exists()
    assert (tmp_path / "reached").read_text() == "1"


def test_another_chain_begins_anew(ask: Any, tmp_path: Path) -> None:
    broken, other = tmp_path / "a", tmp_path / "b"
    for folder in (broken, other):
        folder.mkdir()
    first, second = links(broken), links(other)
    sent = [
        a_cell("1 / 0", next(first)),
        a_cell("x = 1", next(second)),
        a_call("probe:speak", next(second)),
    ]
    assert status(ask.answers(*sent)) == ["error", "ok", "ok"]


def test_a_cell_that_may_fail_breaks_no_chain(ask: Any, tmp_path: Path) -> None:
    chain = links(tmp_path, may_fail=True)
    sent = [a_cell("1 / 0", next(chain)), a_call("probe:speak", next(chain))]
    assert status(ask.answers(*sent)) == ["error", "ok"]
    assert (tmp_path / "reached").read_text() == "1"
