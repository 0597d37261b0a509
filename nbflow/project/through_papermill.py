"""The outer call: papermill executes, with nbflow as its engine.

Parameters, paths and metadata stay papermill's. What it knows too little about is added: the output
is written whole or not at all, and a path made from parameters never leaves its folder.
"""

import logging
import os
import sys
import threading
from collections.abc import Mapping
from functools import partial
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from nbflow.core.errors import UsageError
from nbflow.core.run import Run
from nbflow.notebook.coerce import papermill_values
from nbflow.notebook.save import refuse_target, save_atomically, write_atomic
from nbflow.project.ticket import Ticket

ENGINE = "nbflow"
"""The name under which faces/engine.py is registered with papermill."""


def run_through_papermill(ticket: Ticket, output: str | None) -> Run:
    """Execute the ticket's notebook; the run comes back when it has ended, however it did."""
    _load_papermill()
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)  # it would tell the run a second time
    target = None if output is None else _rendered(output, ticket.values)
    ticket.output_path = target
    papermill.execute_notebook(
        ticket.opened.node,
        None,
        parameters=papermill_values(ticket.values),
        engine_name=ENGINE,
        request_save_on_cell_execute=False,
        kernel_name=ticket.opened.kernel_name,
        language="python",
        progress_bar=False,
        nbflow_ticket=ticket,
    )
    assert ticket.conducted is not None
    assert ticket.node is not None
    if target is not None:
        _write(ticket.node, target, ticket.opened.path)
    return ticket.conducted.run


def _load_papermill() -> None:
    """Import papermill, but pyarrow only when somebody writes to hdfs://.

    papermill imports it for that, which takes longer than a run where nothing changed.
    """
    if not sys.modules.keys().isdisjoint({"papermill", "pyarrow"}):
        return
    hidden = _HiddenPyarrow()
    sys.meta_path.insert(0, hidden)
    try:
        from papermill import iorw
    finally:
        sys.meta_path.remove(hidden)
    for name in ("FileSelector", "HadoopFileSystem"):
        vars(iorw)[name] = partial(_of_pyarrow, name)


class _HiddenPyarrow(MetaPathFinder):
    """For the thread that made it, pyarrow is not there."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: object) -> None:
        """See `MetaPathFinder.find_spec`."""
        if name == "pyarrow" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError("it is imported when it is needed", name=name)


def _of_pyarrow(name: str, *given: Any, **named: Any) -> Any:
    from pyarrow import fs

    return getattr(fs, name)(*given, **named)


def make_writes_atomic() -> None:
    """papermill's own writes of local notebooks replace the old file whole, or not at all."""
    from papermill.iorw import papermill_io

    save_atomically(papermill_io)


def check_output(output: str | None, values: Mapping[str, Any], *, source: Path) -> None:
    """Refuse an output that cannot be written, before anything runs.

    Raises:
        UsageError: a folder, a link, the source itself, or a path that parameters lead elsewhere.
    """
    if output is None:
        return
    target = _rendered(output, values)
    # What stands before the first parameter is the author's word: the folder, or another machine.
    fixed = output.split("{", 1)[0]
    if _is_remote(output if fixed == output else fixed):
        return
    home = Path(os.path.dirname(fixed)).resolve()
    if _is_remote(target) or not Path(target).resolve().is_relative_to(home):
        raise UsageError(
            f"the output {target} lies outside {home}",
            hint="a parameter's value must not change the folder of the output",
        )
    refuse_target(Path(target), source=source)


def _rendered(output: str, values: Mapping[str, Any]) -> str:
    _load_papermill()
    from papermill.exceptions import PapermillMissingParameterException
    from papermill.parameterize import add_builtin_parameters, parameterize_path

    if "{" not in output:
        return output
    try:
        return str(parameterize_path(output, add_builtin_parameters(papermill_values(values))))
    except PapermillMissingParameterException as error:
        raise UsageError(
            f"the output {output}: {error}", hint="only given parameters can be part of the path"
        ) from error


def _is_remote(target: str) -> bool:
    return "://" in target or target == "-"


def _write(node: NotebookNode, target: str, source: Path) -> None:
    if _is_remote(target):
        from papermill.iorw import write_ipynb

        write_ipynb(node, target)
        return
    write_atomic(node, Path(target), source=source)
