"""papermill as a face: `papermill IN OUT --engine nbflow` is the same as `nbflow run`.

papermill hands over a parameterised notebook; the project conducts the run and gives back the
executed one. Errors are translated once: expected trouble becomes papermill's own exception.

papermill imports this module while it is being imported itself, so the engine class is made when it
is first asked for.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "NbflowEngine":
        return _engine()
    raise AttributeError(f"module 'nbflow.faces.engine' has no attribute {name!r}")


@cache
def _engine() -> Any:
    from papermill.engines import Engine

    class NbflowEngine(Engine):  # type: ignore[misc]  # papermill ships no types
        """The engine that is registered with papermill under the name `nbflow`."""

        @classmethod
        def execute_notebook(
            cls, nb: Any, kernel_name: str, output_path: str | None = None, **kwargs: Any
        ) -> Any:
            """Run `nb` as a workflow; the executed notebook comes back.

            papermill's own wrapper is left out: it calls every cell completed that nobody called
            failed, and saves in place.

            Raises:
                PapermillException: the notebook or the environment cannot be used.
            """
            return execute(nb, ticket=kwargs.get("nbflow_ticket"))

    return NbflowEngine


def execute(node: Any, *, ticket: Any = None) -> Any:
    """Redeem the ticket of `nbflow run`, or conduct a run that papermill itself asks for.

    `nbflow run` writes its result itself. What papermill gets back then is the notebook without
    outputs: it would make a text of it and throw that away, however much was printed.
    """
    if ticket is not None:
        ticket.redeem()
        return node
    from papermill.exceptions import PapermillException

    from nbflow.core.errors import NbflowError
    from nbflow.project import run_for_papermill

    try:
        return run_for_papermill(node, start=_start_folder(), folder=_given_folder())
    except NbflowError as error:
        text = error.message if error.hint is None else f"{error.message}\nhint: {error.hint}"
        raise PapermillException(text) from error


def _start_folder() -> Path:
    """Where papermill was called; it remembers that for its own file access."""
    from papermill.iorw import papermill_io

    handler = papermill_io.get_handler("x.ipynb")
    return Path(getattr(handler, "_cwd", None) or os.getcwd())


def _given_folder() -> Path | None:
    """The folder that `--cwd` named: papermill has gone there."""
    here = Path.cwd()
    return here if here != _start_folder() else None
