"""What all journeys share: a project folder of their own, the command line as a process, patience.

A journey writes small notebooks, types commands and looks only at what a person or a script would
see: exit codes, both outputs, files. Waiting is always for a state, never for a while.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import nbformat
import psutil
from nbformat import NotebookNode

PATIENCE_SECONDS: Final = 240.0
"""A bound for a machine that is busy with other things, not an expectation."""

_LOOK_SECONDS: Final = 0.05
_MARK: Final = "NBFLOW_JOURNEY"
_MAKE: Any = nbformat.v4

Cell = str | tuple[str, list[str]]
"""A source, or a source with tags."""

_Seen = TypeVar("_Seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """The steps of a run's document by name."""
        return {step["step"]: step for step in self.document.get("steps", ())}

    def ran(self) -> set[str]:
        """Names of the steps that ran and succeeded."""
        return {n for n, s in self.steps.items() if (s["status"], s["action"]) == _RAN}

    def reused(self) -> set[str]:
        """Names of the steps whose earlier result was taken."""
        return {name for name, step in self.steps.items() if step["action"] == "reuse"}

    def statuses(self) -> dict[str, str]:
        """Each step's status."""
        return {name: step["status"] for name, step in self.steps.items()}

    def reasons(self) -> dict[str, str | None]:
        """Each step's reason code."""
        return {name: step["reason"] for name, step in self.steps.items()}


_RAN: Final = ("succeeded", "run")


class Bench:
    """A project folder, and commands that are given in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen[str]] = []

    # -- notebooks -------------------------------------------------------------------------------

    def notebook(self, *cells: Cell, name: str = "story.ipynb", kernel: str = "python3") -> Path:
        """Write a notebook; its cells have the ids c1, c2, …"""
        node = _MAKE.new_notebook()
        node.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        for number, cell in enumerate(cells, start=1):
            source, tags = (cell, []) if isinstance(cell, str) else cell
            made = _MAKE.new_code_cell(source, id=f"c{number}")
            made.metadata["tags"] = tags
            node.cells.append(made)
        path = self.folder / name
        nbformat.write(node, path)
        return path

    def result(self, said: Said) -> NotebookNode:
        """The result notebook that a run's document names."""
        node: NotebookNode = nbformat.read(said.document["result"], as_version=4)
        nbformat.validate(node)
        return node

    # -- commands --------------------------------------------------------------------------------

    def start(
        self, *words: str | Path, module: str = "nbflow", program: str | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command; its output goes to pipes. `program` is a script to run instead."""
        head = [sys.executable, *(["-c", program] if program else ["-m", module])]
        process = subprocess.Popen(
            [*head, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, _MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self, process: "subprocess.Popen[str]") -> Said:
        """Wait for a command's end."""
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return Said(code=process.returncode, out=out, err=err)

    def say(self, *words: str | Path, module: str = "nbflow") -> Said:
        """Give a command and wait for its end."""
        return self.end(self.start(*words, module=module))

    def run(self, *words: str | Path, notebook: str = "story.ipynb") -> Said:
        """`nbflow run --json`, with further options."""
        return self.say("run", notebook, "--json", *words)

    def status(self, run: str = "latest") -> Said:
        """`nbflow status --json`."""
        return self.say("status", run, "--json")

    # -- watching --------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """A file in the folder."""
        return self.folder / name

    def lines(self, name: str) -> list[str]:
        """The lines of a file in the folder; none if it is not there."""
        path = self.path(name)
        return path.read_text().splitlines() if path.exists() else []

    def await_file(self, process: "subprocess.Popen[str]", name: str) -> None:
        """Wait until a running command has made a file."""

        def made() -> bool | None:
            assert process.poll() is None, self.end(process)
            return self.path(name).exists() or None

        until(made)

    def await_step(self, process: "subprocess.Popen[str]", step: str, status: str) -> None:
        """Wait until a step of the running command's run has a status."""

        def reached() -> bool | None:
            assert process.poll() is None, self.end(process)
            return self.status().statuses().get(step) == status or None

        until(reached)

    def processes(self) -> list[psutil.Process]:
        """Everything alive that a command of this bench started, itself included."""
        return [process for process in psutil.process_iter() if _carries(process, self.mark)]

    def await_silence(self) -> None:
        """Wait until no process of this bench is left."""
        until(lambda: not self.processes() or None)

    def clear(self) -> None:
        """End what a failed journey left."""
        for process in self.processes():
            process.kill()
        for started in self.started:
            started.communicate()


def until(probe: Callable[[], _Seen | None], seconds: float = PATIENCE_SECONDS) -> _Seen:
    """Ask until the answer is not None."""
    deadline = monotonic() + seconds
    while (seen := probe()) is None:
        assert monotonic() < deadline, "the awaited state did not come"
        sleep(_LOOK_SECONDS)
    return seen


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and process.environ().get(_MARK) == mark
    except psutil.Error:
        return False


def code_cells(node: NotebookNode) -> dict[str, NotebookNode]:
    """The author's code cells of a result, by id."""
    return {c["id"]: c for c in node["cells"] if c["cell_type"] == "code"}


def cell_statuses(node: NotebookNode) -> dict[str, str]:
    """papermill's word for each code cell."""
    return {i: c["metadata"]["papermill"]["status"] for i, c in code_cells(node).items()}


def printed(node: NotebookNode) -> str:
    """All that code cells printed or displayed as text."""
    return "".join(_texts(code_cells(node).values()))


def _texts(cells: Any) -> Iterator[str]:
    for cell in cells:
        for output in cell["outputs"]:
            data: Mapping[str, Any] = output.get("data", {})
            yield output.get("text", "") + str(data.get("text/plain", ""))
