"""Calls that a lane makes in its kernel between the cells: a message of our own.

Runs in the kernel. An `execute_request` would do, but IPython transforms, hashes and compiles its
text, and keeps it; that costs more than most calls. All that a silent request sets up for its code
is set up here, too.
"""

import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from ipykernel.kernelapp import IPKernelApp

CALL: Final = "nbflow_call"
"""The message: `function` (`module:name`) and its `arguments`. The reply is as for a request."""

REPLY: Final = "nbflow_reply"


def answer_calls() -> None:
    """From now on this kernel answers calls."""
    kernel: Any = IPKernelApp.instance().kernel
    kernel.shell_handlers[CALL] = partial(_answer, kernel)


def _answer(kernel: Any, stream: Any, idents: Any, message: Mapping[str, Any]) -> None:
    content = message["content"]
    try:
        with _as_a_silent_request(kernel):
            _call(content["function"], content["arguments"])
        reply: dict[str, Any] = {"status": "ok"}
    except BaseException as error:  # whoever asked waits for an answer
        reply = _told(error)
    sys.stdout.flush()
    sys.stderr.flush()
    kernel.session.send(stream, REPLY, reply, message, ident=idents)


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
