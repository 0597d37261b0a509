"""Keeping zygotes warm for the runs to come, on behalf of a server."""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from nbflow.core.errors import KernelError
from nbflow.lanes import warm
from nbflow.lanes.experience import recall
from nbflow.lanes.forking import KERNEL_MODULES, RefusedError
from nbflow.lanes.kernel import environment, kernel_command
from nbflow.lanes.kernels import Kernels, launcher_at

IDLE_SECONDS: Final = 900.0
"""How long it stays warm when nothing runs."""

_END_SECONDS: Final = 5.0


class Warmth:
    """As long as it is open, runs get their kernels sooner. Usable as a context.

    Nothing is left behind by a process that ends without closing it.
    """

    def __init__(self, incubator: warm.Incubator | None) -> None:
        self._incubator = incubator

    def __enter__(self) -> "Warmth":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_over(self) -> bool:
        """Whether nothing is warm (any more): nothing ran for long, packages were installed, or
        kernels cannot be forked here."""
        return self._incubator is None or self._incubator.has_hung_up

    def close(self) -> None:
        """Nobody needs it any more. Runs that use it go on to their end."""
        if self._incubator is not None:
            self._incubator.close(_END_SECONDS)
            self._incubator = None


def keep_warm(
    *, name: str, folder: str, modules: Sequence[str], idle: float = IDLE_SECONDS
) -> Warmth:
    """Have kernels ready for the notebooks in `folder` that import `modules`.

    Returns when they are: that takes as long as the imports. For another notebook, call it again.
    """
    try:
        command, own = kernel_command(name)
        at = launcher_at(command)
        incubator = None if at is None else _incubator(command[:at], environment(own), idle)
    except (KernelError, RefusedError):
        incubator = None
    if incubator is not None:
        _rehearse(incubator, command[0], own, name=name, folder=folder, modules=modules)
    return Warmth(incubator)


def _incubator(interpreter: Sequence[str], env: dict[str, str], idle: float) -> warm.Incubator:
    found = warm.find(interpreter, env=env)
    if found is not None:
        return found
    made, process = warm.start(interpreter, env=env, idle=idle)
    # It ends when it likes; until somebody has asked how, it would stay as a zombie.
    threading.Thread(target=process.wait, name="nbflow-warm", daemon=True).start()
    return made


def _rehearse(
    incubator: warm.Incubator,
    interpreter: str,
    own: Mapping[str, str],
    *,
    name: str,
    folder: str,
    modules: Sequence[str],
) -> None:
    """A kernel for nobody: what it imports while it starts is known then."""
    try:
        incubator.load((*KERNEL_MODULES, *recall(interpreter).started))
        # One that is only just starting cannot be found yet.
        incubator.session(folder=folder, env=environment(own)).close()
        with Kernels(name=name, folder=folder, modules=modules) as kernels:
            kernels.take(sink=lambda _: None).discard()
        incubator.load(recall(interpreter).started)
    except (KernelError, RefusedError):
        return  # runs will tell why
