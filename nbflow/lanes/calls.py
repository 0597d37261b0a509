"""Calls that a lane makes in its kernel around the cells of a step, as messages of our own.

Runs in the kernel. An `execute_request` would do, but IPython transforms, hashes and compiles its
text, and keeps it; that costs more than most calls. All that a silent request sets up for its code
is set up here, too.

A message alone costs a kernel about 3 ms (three threads pass it on), so the calls before the first
cell and after the last one travel with those: as metadata of their `execute_request`.
"""

import importlib
import os
import sys
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from ipykernel.kernelapp import IPKernelApp

from nbflow.core.task import WARNED
from nbflow.lanes.warned import warned

CALL: Final = "nbflow_call"
"""The message: `function` (`module:name`) and its `arguments`. The reply is as for a request."""

REPLY: Final = "nbflow_reply"

AROUND: Final = "nbflow"
"""In the metadata of an `execute_request`: calls `before` and `after` its cell, or None. A `before`
that fails is answered, and nothing else; an `after` is always answered if the cell was, with the
status `aborted` where the cell failed, unless that `may_fail`. In the file `reached` stands the
`number` of the cell while it runs: a kernel that dies may have answers unsent."""


def answer_calls() -> None:
    """From now on this kernel answers calls, also those around a cell."""
    kernel: Any = IPKernelApp.instance().kernel
    requests = _Requests(kernel)
    kernel.shell_handlers[CALL] = requests.call
    kernel.shell_handlers["execute_request"] = requests.execute


class _Requests:
    """What a kernel does with requests."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._execute = kernel.shell_handlers["execute_request"]
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}

    def call(self, stream: Any, idents: Any, message: Mapping[str, Any]) -> None:
        """Answer a call."""
        self._reply(stream, idents, message, _answer(self._kernel, message["content"]))

    async def execute(self, stream: Any, idents: Any, message: Mapping[str, Any]) -> None:
        """Run a cell as ever, and the calls around it."""
        around = message["metadata"].get(AROUND)
        if around is None:
            await self._execute(stream, idents, message)
            return
        warned.serve(self._kernel.shell.user_ns, self._streams)
        if around["before"] is not None:
            with self._as_another(idents, message):
                reply = _answer(self._kernel, around["before"])
            if reply["status"] != "ok":
                self._reply(stream, idents, message, reply)
                return
        _note(around, str(around["number"]))
        warned.begin(message["content"]["code"])
        await self._execute(stream, idents, message)
        if told := warned.end():
            self._publish(WARNED, {"told": told}, message)
        if around["after"] is not None:
            _note(around, "")
            reply = {"status": "aborted"}
            if around["may_fail"] or self._kernel.shell.last_execution_succeeded:
                with self._as_another(idents, message):
                    reply = _answer(self._kernel, around["after"])
            self._reply(stream, idents, message, reply)

    def _publish(self, kind: str, content: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
        socket = self._kernel.iopub_socket
        self._kernel.session.send(socket, kind, content, parent, ident=kind.encode())

    @contextmanager
    def _as_another(self, idents: Any, message: Mapping[str, Any]) -> Iterator[None]:
        """What our own calls print is not what the cell shows."""
        other = {**message, "header": {**message["header"], "msg_id": uuid.uuid4().hex}}
        self._kernel.set_parent(idents, other)
        try:
            yield
        finally:
            self._kernel.set_parent(idents, message)

    def _reply(
        self, stream: Any, idents: Any, message: Mapping[str, Any], reply: Mapping[str, Any]
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._kernel.session.send(stream, REPLY, reply, message, ident=idents)


def _note(around: Mapping[str, Any], what: str) -> None:
    """Say what runs, if that can be said. Not with `open`: cells may have put something else in its
    place."""
    with suppress(OSError):
        handle = os.open(around["reached"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, what.encode())
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
