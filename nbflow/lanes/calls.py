"""Calls that a lane makes in its kernel between the cells: a message of our own.

Runs in the kernel. An `execute_request` would do, but IPython transforms, hashes and compiles its
text, and keeps it; that costs more than most calls. All that a silent request sets up for its code
is set up here, too.

Requests of a task need not wait for each other's answers: those of one *chain* can all be sent at
once. After one that failed, the others are answered with the status `aborted`, as ipykernel does.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from ipykernel.kernelapp import IPKernelApp

CALL: Final = "nbflow_call"
"""The message: `function` (`module:name`) and its `arguments`. The reply is as for a request."""

REPLY: Final = "nbflow_reply"

CHAIN: Final = "nbflow"
"""In a request's metadata: `chain` (an id), `number` (its place in it), `reached` (a file in which
the number of the last one stands that has begun: a kernel that dies may have answers unsent),
`may_fail` (whether the others are to be carried out all the same)."""


def answer_calls() -> None:
    """From now on this kernel answers calls, and heeds chains."""
    kernel: Any = IPKernelApp.instance().kernel
    requests = _Requests(kernel)
    kernel.shell_handlers[CALL] = requests.call
    kernel.shell_handlers["execute_request"] = requests.execute


class _Requests:
    """What a kernel does with requests."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._execute = kernel.shell_handlers["execute_request"]
        self._broken: str | None = None

    def call(self, stream: Any, idents: Any, message: Mapping[str, Any]) -> None:
        """Answer a call."""
        reply: dict[str, Any] = {"status": "aborted"}
        if self._begins(message):
            reply = _answer(self._kernel, message["content"])
            self._ended(message, is_good=reply["status"] == "ok")
        sys.stdout.flush()
        sys.stderr.flush()
        self._kernel.session.send(stream, REPLY, reply, message, ident=idents)

    async def execute(self, stream: Any, idents: Any, message: Mapping[str, Any]) -> None:
        """Run a cell as ever, if nothing above it in its chain failed."""
        if not self._begins(message):
            reply = {"status": "aborted"}
            self._kernel.session.send(stream, "execute_reply", reply, message, ident=idents)
            return
        await self._execute(stream, idents, message)
        self._ended(message, is_good=self._kernel.shell.last_execution_succeeded)

    def _begins(self, message: Mapping[str, Any]) -> bool:
        link = message["metadata"].get(CHAIN)
        if link is None:
            return True
        if link["chain"] == self._broken:
            return False
        self._broken = link["chain"]  # until it has ended well: an interrupt can come at any moment
        _write(link["reached"], str(link["number"]))
        return True

    def _ended(self, message: Mapping[str, Any], *, is_good: bool) -> None:
        link = message["metadata"].get(CHAIN)
        if link is not None and (is_good or link["may_fail"]):
            self._broken = None


def _write(path: str, text: str) -> None:
    """Note it, if that can be. Not with `open`: cells may have put something else in its place."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)


def _answer(kernel: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    try:
        with _as_a_silent_request(kernel):
            _call(content["function"], content["arguments"])
    except BaseException as error:  # whoever asked waits for an answer
        return _told(error)
    return {"status": "ok"}


def _call(function: str, arguments: Sequence[Any]) -> None:
    home, _, name = function.partition(":")
    getattr(importlib.import_module(home), name)(*arguments)


@contextmanager
def _as_a_silent_request(kernel: Any) -> Iterator[None]:
    """What code finds in a silent request: nobody to ask, IPython's builtins, its events."""
    shell = kernel.shell
    kernel._forward_input(allow_stdin=False)
    try:
        shell.events.trigger("pre_execute")
        try:
            with shell.builtin_trap, shell.display_trap:
                yield
        finally:
            shell.events.trigger("post_execute")
    finally:
        kernel._restore_input()


def _told(error: BaseException) -> dict[str, Any]:
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": _text_of(error),
        "traceback": "".join(traceback.format_exception(error)).splitlines(),
    }


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own code makes the text
        return object.__repr__(error)
