"""What a step costs beside the code in it: one table, each row a ratio within one run.

`python benchmarks/figures.py [-n ROUNDS] [ROW ...]`. Ours and each reference take turns, so that a
machine that gets slower slows all of them; printed are medians and the ratio of the medians.
"""

import argparse
import ast
import compileall
import os
import pickle
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
from jupyter_client.manager import start_new_kernel

from nbflow import Project
from nbflow.core.run import Event, EventKind
from nbflow.lanes.kernels import Kernels
from nbflow.project.opened import open_notebook

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parent.parent
FLAGSHIP = REPOSITORY / "notebooks" / "retail_daily_sales.ipynb"

Measure = Callable[[], float]
Row = tuple[str, str, Measure, dict[str, tuple[Measure, str]]]
"""Name, what is measured, ours, and the references, each with the goal for the ratio."""


# -- notebooks -------------------------------------------------------------------------------------


def notebook(*cells: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells]
    return made


def chains() -> nbformat.NotebookNode:
    """3 chains of 10 steps; each hands on a table of 100 rows."""
    cells = ["import pandas as pd"]
    for c in "abc":
        cells.append(f"{c}0 = pd.DataFrame({{'x': range(100), 'y': 1.5}})")
        cells += [f"{c}{n} = {c}{n - 1}.assign(x={c}{n - 1}.x + {n})" for n in range(1, 10)]
    return notebook(*cells)


def large() -> nbformat.NotebookNode:
    """A frame of 1 GB, and ten cells that each add a column or change one in place."""
    cells = [
        "import numpy as np, pandas as pd",
        "df = pd.DataFrame({f'c{n}': np.arange(12_500_000.0) for n in range(10)})",
    ]
    for n in range(10):
        cells.append(f"df['c{n}'] += {n}" if n % 2 else f"df['new{n}'] = df['c{n}'] * 2")
    return notebook(*cells, "total = float(df.sum().sum())")


def branches() -> nbformat.NotebookNode:
    """Two branches that each keep one processor busy."""
    busy = "sum(n * n % 7 for n in range(12_000_000))"
    return notebook(f"left = {busy}", f"right = {busy}", "both = left + right")


@contextmanager
def folder_with(made: nbformat.NotebookNode) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as base:
        path = Path(base) / "n.ipynb"
        nbformat.write(made, path)
        yield path


# -- ways to run -----------------------------------------------------------------------------------


def seconds_of(*command: str, folder: Path | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def nbflow_run(made: nbformat.NotebookNode, *, jobs: int = 2, warm: bool = False) -> Measure:
    """Our steps, from the start of the first that is no definition to the end of the last.

    The process that runs them has imported everything, as Run All's kernel has; so have the zygotes
    if they are kept `warm`, as a server does.
    """

    def measure() -> float:
        with folder_with(made) as path, ExitStack() as stack:
            if warm:
                stack.enter_context(Project(path.parent).keep_warm(path))
            times: dict[EventKind, list[float]] = {}

            def note(event: Event) -> None:
                if event.step != "definitions":
                    times.setdefault(event.kind, []).append(time.perf_counter())

            run = Project(path.parent).run(path, jobs=jobs, on_event=note)
            assert run.status == "succeeded", run.message
            return times[EventKind.STEP_FINISHED][-1] - times[EventKind.STEP_STARTED][0]

    return measure


def run_all(made: nbformat.NotebookNode) -> Measure:
    """The cells in one warm kernel, without its start and its first cell (the imports)."""

    def measure() -> float:
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            client.execute_interactive(made.cells[0].source)
            started = time.perf_counter()
            for cell in made.cells[1:]:
                reply = client.execute_interactive(cell.source)
                assert reply["content"]["status"] == "ok"
            return time.perf_counter() - started
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    return measure


def papermill(made: nbformat.NotebookNode, *, times: int = 1) -> Measure:
    def measure() -> float:
        with folder_with(made) as path:
            command = (str(BIN / "papermill"), str(path), str(path.parent / "out.ipynb"))
            return times * seconds_of(*command, "--no-progress-bar")

    return measure


def forks(count: int) -> Measure:
    """Bare forks: each reads the table of the one before, changes it and writes its own."""

    def step(folder: Path, number: int) -> None:
        source = folder / f"{number - 1}.pickle"
        table = (
            pickle.loads(source.read_bytes()) if number % 10 else pd.DataFrame({"x": range(100)})
        )
        (folder / f"{number}.pickle").write_bytes(pickle.dumps(table.assign(x=table.x + 1)))

    def measure() -> float:
        with tempfile.TemporaryDirectory() as base:
            started = time.perf_counter()
            for number in range(count):
                pid = os.fork()
                if pid == 0:
                    step(Path(base), number)
                    os._exit(0)
                os.waitpid(pid, 0)
            return time.perf_counter() - started

    return measure


def again(steps: int) -> Measure:
    """The whole command on a notebook where nothing changed."""
    base = tempfile.mkdtemp()
    path = Path(base) / "n.ipynb"
    nbformat.write(notebook(*(f"v{n} = sum(range({n}))" for n in range(steps))), path)
    seconds_of(str(BIN / "nbflow"), "run", str(path))
    return lambda: seconds_of(str(BIN / "nbflow"), "run", str(path))


def python(code: str) -> Measure:
    return lambda: seconds_of(sys.executable, "-c", code)


def graph(cells: int) -> tuple[Measure, Measure]:
    """The graph of a notebook from its file, and `ast.parse` of its cells."""
    sources = []
    for n in range(cells):
        sources.append(
            f"t{n} = pd.DataFrame({{'a': range({n + 1})}}).assign(b=lambda d: d.a * {n})\n"
            f"total{n} = t{n}.b.sum() + len(t{max(0, n - 1)})\nprint(total{n})"
        )
    base = tempfile.mkdtemp()
    path = Path(base) / "n.ipynb"
    nbformat.write(notebook("import pandas as pd", *sources), path)
    open_notebook(path, path.parent).graph()

    def ours() -> float:
        # Other texts than last time: what is kept from one look to the next is not to be used.
        text = path.read_text().replace("print(", "print(1 + ")
        path.write_text(text)
        started = time.perf_counter()
        open_notebook(path, path.parent).graph()
        return time.perf_counter() - started

    def parse() -> float:
        started = time.perf_counter()
        for source in sources:
            ast.parse(source)
        return time.perf_counter() - started

    return ours, parse


def death() -> float:
    """From the end of a kernel's process to the event that tells of it."""
    with folder_with(
        notebook("import os, time\nopen('at', 'w').write(str(time.time()))\nos._exit(3)")
    ) as path:
        told: list[float] = []

        def note(event: Event) -> None:
            if event.kind is EventKind.STEP_FINISHED:
                told.append(time.time())

        Project(path.parent).run(path, on_event=note)
        return told[-1] - float((path.parent / "at").read_text())


def hand_off(reader: str) -> Measure:
    """A frame of 10⁷ rows and 4 columns, from the end of the cell that makes it to the end of one
    that reads it, and hardly does more."""
    made = notebook(
        "import numpy as np, pandas as pd",
        "df = pd.DataFrame({c: np.arange(1e7) for c in 'abcd'})",
        reader,
    )

    def measure() -> float:
        with folder_with(made) as path:
            ends: dict[str | None, float] = {}

            def note(event: Event) -> None:
                if event.kind is EventKind.STEP_OUTPUT:  # a cell may be told of twice
                    ends.setdefault(event.step, time.perf_counter())

            run = Project(path.parent).run(path, jobs=1, on_event=note)
            assert run.status == "succeeded", run.message
            *_, made_at, read_at = ends.values()
            return read_at - made_at

    return measure


def arrow_file() -> float:
    """The same frame into an Arrow file, mapped again."""
    frame = pd.DataFrame({c: np.arange(1e7) for c in "abcd"})
    with tempfile.TemporaryDirectory() as base:
        started = time.perf_counter()
        table = pa.Table.from_pandas(frame)
        with pa.ipc.new_file(f"{base}/df.arrow", table.schema) as writer:
            writer.write_table(table)
        with pa.memory_map(f"{base}/df.arrow") as source:
            pa.ipc.open_file(source).read_all().column("a")[5].as_py()
        return time.perf_counter() - started


def rows() -> Iterator[Row]:
    """The table."""
    thirty, frame = chains(), large()
    yield (
        "warm",
        "30 trivial steps, 2 jobs, warm zygotes",
        nbflow_run(thirty, warm=True),
        {
            "Run All in a warm kernel": (run_all(thirty), "≤ 2.0"),
            "30 bare forks": (forks(30), "≤ 1.3"),
            "2 jobs, zygotes started first": (nbflow_run(thirty), "—"),
        },
    )
    yield (
        "steps",
        "30 trivial steps, 2 jobs",
        nbflow_run(thirty),
        {
            "Run All in a warm kernel": (run_all(thirty), "≤ 2.0"),
            "30 bare forks": (forks(30), "≤ 1.3"),
            "one cold papermill run": (papermill(thirty), "≤ 0.5"),
            "30 cold papermill runs": (papermill(notebook("x = 1"), times=30), "≤ 0.033"),
        },
    )
    yield (
        "jobs",
        "two CPU-bound branches, 2 jobs, warm zygotes",
        nbflow_run(branches(), warm=True),
        {
            "1 job": (nbflow_run(branches(), jobs=1, warm=True), "≤ 0.55"),
            "2 jobs, zygotes started first": (nbflow_run(branches()), "—"),
        },
    )
    yield (
        "frame",
        "1 GB frame through 10 cells that change it",
        nbflow_run(frame, jobs=1),
        {"Run All in a warm kernel": (run_all(frame), "≤ 2.0")},
    )
    for language, reader in (("Python", "y = df.a[5]"), ("SQL", "%%sql y\nSELECT max(a) FROM df")):
        yield (
            "handoff",
            f"10⁷ × 4 frame from step to step, read by {language}",
            hand_off(reader),
            {"one Arrow file, written and mapped": (arrow_file, "≤ 3.0")},
        )
    yield (
        "again",
        "`nbflow run`, 100 steps, nothing changed",
        again(100),
        {
            "`import papermill, duckdb, pandas`": (
                python("import papermill, duckdb, pandas"),
                "≤ 1.0",
            )
        },
    )
    ours, parse = graph(500)
    yield ("graph", "graph of 500 cells", ours, {"`ast.parse` of the cells": (parse, "≤ 20")})
    yield (
        "help",
        "`nbflow --help`",
        lambda: seconds_of(str(BIN / "nbflow"), "--help"),
        {"`python -c pass`": (python("pass"), "≤ 4")},
    )
    yield (
        "show",
        "`nbflow show` of the flagship",
        lambda: seconds_of(str(BIN / "nbflow"), "show", str(FLAGSHIP)),
        {"`import sqlglot, nbformat`": (python("import sqlglot, nbformat"), "≤ 1.5")},
    )
    yield ("death", "a dead kernel is noticed", death, {"0.3 s": (lambda: 0.3, "≤ 1")})


def loud(cells: int, megabytes: int) -> nbformat.NotebookNode:
    """Cells that print so much between them."""
    lines = megabytes * 10_000 // cells
    loop = f"for _ in range({lines}):\n    print(line)"
    return notebook("line = 'x' * 99", *[f"{loop}  # {n}" for n in range(cells)])


def peak_of(made: nbformat.NotebookNode) -> float:
    """MB that the process of `nbflow run` has held at most."""
    # Not getrusage(2): that also counts what the process held that started it.
    code = (
        "import sys; from nbflow.faces.cli import main; main(['run', sys.argv[1]]);"
        "lines = dict(line.split(':') for line in open('/proc/self/status'));"
        "print(lines['VmHWM'].split()[0])"
    )
    with folder_with(made) as path:
        command = [sys.executable, "-c", code, str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(told.split()[-1]) / 1e3


def memory() -> None:
    """What the runner holds, printed as it is: there is nothing to compare it with."""
    for cells in (1, 10):
        peak = peak_of(loud(cells, 200))
        print(f"runner's peak, 200 MB printed by {cells} cells: {peak:.0f} MB", flush=True)
    with tempfile.TemporaryDirectory() as base, Kernels(name="", folder=base) as kernels:
        sizes = []
        for _ in range(2000):
            kernels.take(sink=lambda _: None).discard()
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        early, late = sizes[99] / 1e3, sizes[-1] / 1e3
        print(f"runner's peak after 100 forks {early:.0f} MB, after 2,000 {late:.0f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("row", nargs="*", help="names of rows; `memory` is not among the others")
    given = parser.parse_args()
    if given.row == ["memory"]:
        memory()
        return
    # As pip does when it installs: an editable install may be run without bytecode.
    compileall.compile_dir(REPOSITORY / "nbflow", quiet=2)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}, medians of {given.n}\n")
    print("| what | ours | against | theirs | ratio | goal |\n|---|---|---|---|---|---|")
    for name, what, ours, references in rows():
        if given.row and name not in given.row:
            continue
        measures = {"": ours} | {label: measure for label, (measure, _) in references.items()}
        found: dict[str, list[float]] = {label: [] for label in measures}
        for _ in range(given.n):
            for label, measure in measures.items():
                found[label].append(measure())
        middle = {label: statistics.median(times) for label, times in found.items()}
        for label, (_, goal) in references.items():
            ratio = middle[""] / middle[label]
            print(
                f"| {what} | {middle['']:.2f} s | {label} | {middle[label]:.2f} s "
                f"| {ratio:.2f} | {goal} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
