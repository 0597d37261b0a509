"""The child process: forks, for each request, a fresh process that runs some cells of a notebook.

Requests and answers are lines of JSON. The imports of the notebook's libraries are done once, here,
before the fork; the cells that import still run in each replay.
"""

import contextlib
import importlib
import json
import os
import random
import select
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn


def main() -> None:
    """Serve requests until the input ends."""
    requests, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    setup = json.loads(requests.readline())
    _preload(setup["modules"])
    tree = Tree(setup)
    for line in requests:
        request = {**setup, **json.loads(line)}
        found = tree.ask(request) if request.get("shared") else _forked(request)
        answers.write(json.dumps(found) + "\n")
        answers.flush()
    tree.close()


def _preload(modules: list[str]) -> None:
    import benchmarks.graph.shell

    for name in modules:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            importlib.import_module(name)
    import matplotlib

    matplotlib.rcParams.update(matplotlib.rcParamsDefault)
    del benchmarks


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    """Run the request in a fork of its own, no longer than allowed."""
    with tempfile.TemporaryDirectory(prefix="nbgraph-") as base:
        answer = Path(base) / "answer.json"
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            _serve(request, Path(base) / "work", answer)
        limit = time.monotonic() + request["seconds"]
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > limit:
                _kill(child)
                os.waitpid(child, 0)
                return {"error": f"took longer than {request['seconds']:.0f} s"}
            time.sleep(0.01)
        _kill(child)
        if not answer.exists():
            return {"error": "the process died"}
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _serve(request: dict[str, Any], folder: Path, answer: Path) -> None:
    """In the fork: run the cells, write the answer, end at once."""
    try:
        shutil.copytree(request["folder"], folder)
        found = _run(request, folder)
    except BaseException:  # whatever happens, the parent is told
        found = {"error": traceback.format_exc()[-2000:]}
    aside = answer.with_suffix(".part")
    aside.write_text(json.dumps(found))
    aside.rename(answer)
    os._exit(0)


def _watched(room: Any, cell: int, source: str, names: list[str]) -> dict[str, Any]:
    trace = room.run(cell, source)
    return {"shown": trace.shown, "values": room.values(names)}


def _loads_nbflow(sources: list[str]) -> bool:
    return any("%load_ext nbflow" in source for source in sources)


def _run(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from benchmarks.graph.shell import Pictures, Room, as_json

    sources: list[str] = request["sources"]
    room = Room(folder.resolve(), own=_loads_nbflow(sources))
    if request["trace"]:
        # A cell that fails is taken out later, so what fails below it is looked for at once.
        return {"traces": [as_json(room.trace(c, sources[c])) for c in request["cells"]]}
    if request.get("watch"):
        return {
            "traces": [_watched(room, c, sources[c], request["watch"][c]) for c in request["cells"]]
        }
    *before, last_cell = request["cells"]
    Pictures.wanted = request["draw"]
    for cell in before:
        room.run(cell, sources[cell])
    Pictures.wanted = True
    last = room.run(last_cell, sources[last_cell])
    last.values = room.values(request["names"])
    return {"traces": [as_json(last)]}


# -- a tree of processes, one for each beginning of a replay ---------------------------------------

MOST_NODES = 40


class Tree:
    """Replays that share their beginning: a process that has run some cells is forked for the next.

    All use one copy of the folder, so this is for notebooks that write no file.
    """

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.root = 0
        self.nodes: set[tuple[int, ...]] = set()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run the request's cells; the last one in a process that ends with it."""
        cells = request["cells"]
        beginnings = {tuple(cells[:length]) for length in range(1, len(cells))}
        if self.root and len(self.nodes | beginnings) > MOST_NODES:
            self.close()
        if not self.root:
            self._plant()
        self.nodes |= beginnings
        _send(self.requests, {"cells": cells, "names": request["names"]})
        ready, _, _ = select.select([self.answers], [], [], request["seconds"])
        line = self.answers.readline() if ready else b""
        if not line:
            self.close()
            return {"error": f"took longer than {request['seconds']:.0f} s"}
        found: dict[str, Any] = json.loads(line)
        return found

    def _plant(self) -> None:
        self.base = tempfile.TemporaryDirectory(prefix="nbgraph-")
        folder = Path(self.base.name) / "work"
        shutil.copytree(self.setup["folder"], folder)
        asked, ask = os.pipe()
        answered, answer = os.pipe()
        self.root = os.fork()
        if self.root == 0:
            os.setpgid(0, 0)
            os.close(ask)
            _grow(None, folder.resolve(), self.setup["sources"], asked, answer)
        os.close(asked)
        os.close(answer)
        self.requests, self.answers = ask, os.fdopen(answered, "rb", 0)

    def close(self) -> None:
        """End all processes of the tree."""
        if self.root:
            _kill(self.root)
            os.waitpid(self.root, 0)
            os.close(self.requests)
            self.answers.close()
            self.base.cleanup()
            self.root, self.nodes = 0, set()


def _send(pipe: int, message: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(message).encode() + b"\n")


def _fork() -> int:
    """As os.fork, but the child's `random` goes on where the parent's stood."""
    state = random.getstate()
    child = os.fork()
    if child == 0:
        random.setstate(state)
    return child


def _grow(room: Any, folder: Path, sources: list[str], asked: int, answer: int) -> NoReturn:
    """A node: serve replays that begin with what this process has run; never returns."""
    from benchmarks.graph.shell import Pictures, Room, as_json

    Pictures.wanted = False
    room = room or Room(folder, own=_loads_nbflow(sources))
    children: dict[int, int] = {}
    for line in os.fdopen(asked, "rb", 0):
        request = json.loads(line)
        cell, *rest = request["cells"]
        if not rest:
            child = _fork()
            if child == 0:
                Pictures.wanted = True
                last = room.run(cell, sources[cell])
                last.values = room.values(request["names"])
                _send(answer, {"traces": [as_json(last)]})
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                _send(answer, {"error": "the process died"})
            continue
        if cell not in children:
            inlet, children[cell] = os.pipe()
            if _fork() == 0:
                os.close(children[cell])
                room.run(cell, sources[cell])
                _grow(room, folder, sources, inlet, answer)
            os.close(inlet)
        _send(children[cell], {**request, "cells": rest})
    os._exit(0)


if __name__ == "__main__":
    main()
