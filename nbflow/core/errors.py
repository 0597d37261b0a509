"""Exceptions, by who must act. Facts are attributes; the text is made from them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from nbflow.core.diagnostic import Diagnostic


class NbflowError(Exception):
    """The root of all that nbflow raises on purpose. `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep attributes across processes, whatever a child's constructor looks like."""
        return (_rebuild, (type(self), self.__dict__.copy()))

    @classmethod
    def _restore(cls, state: dict[str, Any]) -> Self:
        error = cls.__new__(cls)
        Exception.__init__(error, state.get("message", ""))
        error.__dict__.update(state)
        return error


def _rebuild(kind: type[NbflowError], state: dict[str, Any]) -> NbflowError:
    return kind._restore(state)


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class UsageError(NbflowError):
    """The caller asked for something that cannot be: a bad parameter, an unknown run. Exit 2.

    `fields`: of a form that was filled in wrongly, what is wrong with each field.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, fields: Mapping[str, str] = _NOTHING
    ) -> None:
        super().__init__(message, hint=hint)
        self.fields = dict(fields)


class NotFound(UsageError):
    """What the caller names is not there: no such run, step or value."""


class NotebookError(NbflowError):
    """The author must act: the notebook or its tags cannot be used. Exit 2.

    `diagnostics` holds every finding; the message is the first error's.
    """

    def __init__(
        self,
        message: str,
        *,
        diagnostics: tuple[Diagnostic, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class MachineError(NbflowError):
    """The machine must be mended: kernel missing, lock held, disk full, store damaged. Exit 3."""


class StoreError(MachineError):
    """What `.nbflow/` holds cannot be read, is damaged, or cannot be written."""


class KernelError(MachineError):
    """No kernel could be had: not installed, died while starting, never answered."""
