"""The same thirty small steps in the tools people compare us with: one table.

`python benchmarks/peers.py [-n ROUNDS] [PEER ...]`. Three chains of ten steps hand on a table of
100 rows, two at once where the tool can. Each tool gets the form its documentation shows first for
steps that are isolated from each other, and a virtual environment of its own, made at first use in
the user's cache folder (from the registry, so the first time takes minutes). A figure is a whole
command from a shell, everything imported anew; the tools take turns. What does not install is told.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from figures import BIN, chains
from platformdirs import user_cache_path

ENVIRONMENTS = user_cache_path("nbflow-peers-benchmark")
CHAINS = "abc"
LENGTH = 10
REFERENCE = "papermill"
QUIET = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "PLOOMBER_STATS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
}
HOMES = ("AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER", "DAGSTER_HOME", "PREFECT_HOME")


@dataclass(frozen=True)
class Peer:
    """A tool: what to install (nothing: our own environment), its files, its command, and what has
    to be done `before` in an empty folder, which is not timed."""

    how: str
    needs: tuple[str, ...]
    write: Callable[[Path], None]
    command: tuple[str, ...]
    before: tuple[str, ...] = ()


def text(file: str, made: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text(textwrap.dedent(made)) and None


def ours(folder: Path) -> None:
    nbformat.write(chains(), folder / "n.ipynb")


def marimo(folder: Path) -> None:
    cells = ["import marimo", "app = marimo.App()", "@app.cell\ndef _():\n    import pandas as pd"]
    for c in CHAINS:
        cells.append(f"@app.cell\ndef _(pd):\n    {c}0 = pd.DataFrame(dict(x=range(100), y=1.5))")
        for n in range(1, LENGTH):
            before = f"{c}{n - 1}"
            made = f"{c}{n} = {before}.assign(x={before}.x + {n})"
            cells.append(f"@app.cell\ndef _({before}):\n    {made}\n    return ({c}{n},)")
        cells[-LENGTH] += f"\n    return ({c}0,)"
    cells[2] += "\n    return (pd,)"
    (folder / "n.py").write_text("\n\n".join([*cells, "app.run()"]))


def ploomber(folder: Path) -> None:
    """Scripts that it runs as notebooks, in processes of their own."""
    tasks = []
    for c in CHAINS:
        for n in range(LENGTH):
            upstream = f"['{c}{n - 1}']" if n else "None"
            body = (
                f"before = pd.read_parquet(upstream['{c}{n - 1}']['data'])\n"
                f"before.assign(x=before.x + {n}).to_parquet(product['data'])"
                if n
                else "pd.DataFrame({'x': range(100), 'y': 1.5}).to_parquet(product['data'])"
            )
            (folder / f"{c}{n}.py").write_text(
                f'# + tags=["parameters"]\nupstream = {upstream}\nproduct = None\n'
                f"# -\nimport pandas as pd\n{body}\n"
            )
            product = {"nb": f"out/{c}{n}.ipynb", "data": f"out/{c}{n}.parquet"}
            tasks.append({"source": f"{c}{n}.py", "name": f"{c}{n}", "product": product})
    executor = {"dotted_path": "ploomber.executors.Parallel", "processes": 2}
    # JSON is YAML, too.
    (folder / "pipeline.yaml").write_text(json.dumps({"executor": executor, "tasks": tasks}))


DAGSTER = text(
    "n.py",
    f"""
    import dagster
    import pandas as pd

    @dagster.op
    def first():
        return pd.DataFrame(dict(x=range(100), y=1.5))

    @dagster.op
    def then(before):
        return before.assign(x=before.x + 1)

    @dagster.job(executor_def=dagster.multiprocess_executor.configured(dict(max_concurrent=2)))
    def n():
        for chain in "{CHAINS}":
            table = first.alias(chain + "0")()
            for number in range(1, {LENGTH}):
                table = then.alias(chain + str(number))(table)
    """,
)


def prefect(folder: Path) -> None:
    """A task for each step that lets papermill run a notebook of one cell."""
    first = "pd.DataFrame({'x': range(100), 'y': 1.5})"
    step = nbformat.v4.new_notebook()
    step.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    step.cells = [
        nbformat.v4.new_code_cell("before = ''\nafter = ''", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "import pandas as pd\n"
            f"table = pd.read_parquet(before) if before else {first}\n"
            "table.assign(x=table.x + 1).to_parquet(after)"
        ),
    ]
    nbformat.write(step, folder / "step.ipynb")
    made = f"""
    import papermill
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    @task
    def step(before, after):
        papermill.execute_notebook("step.ipynb", after + ".ipynb", progress_bar=False,
                                   parameters=dict(before=before, after=after))
        return after

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def n():
        ends = []
        for chain in "{CHAINS}":
            table = ""
            for number in range({LENGTH}):
                table = step.submit(table, chain + str(number) + ".parquet")
            ends.append(table)
        [end.result() for end in ends]

    if __name__ == "__main__":
        n()
    """
    text("n.py", made)(folder)


AIRFLOW = text(
    "n.py",
    f"""
    import pendulum
    from airflow.sdk import dag, task

    @task
    def first():
        import pandas as pd
        return pd.DataFrame(dict(x=range(100), y=1.5))

    @task
    def then(before):
        return before.assign(x=before.x + 1)

    @dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1))
    def n():
        for _ in "{CHAINS}":
            table = first()
            for _ in range({LENGTH - 1}):
                table = then(table)

    made = n()
    if __name__ == "__main__":
        assert made.test().state == "success"
    """,
)

PAPERMILL = ("papermill", "n.ipynb", "out.ipynb", "--no-progress-bar")
PEERS = {
    REFERENCE: Peer("one kernel, no steps", (), ours, PAPERMILL),
    "nbflow": Peer("forked kernels, 2 jobs", (), ours, ("nbflow", "run", "n.ipynb", "--jobs", "2")),
    "marimo": Peer("one process, no steps", ("marimo", "pandas"), marimo, ("python", "n.py")),
    "Ploomber": Peer(
        "a cold kernel per step, 2 processes",
        ("ploomber", "pandas", "pyarrow", "ipykernel", "setuptools<81"),
        ploomber,
        ("ploomber", "build"),
    ),
    "Dagster": Peer(
        "multiprocess executor, 2 processes",
        ("dagster", "pandas"),
        DAGSTER,
        ("dagster", "job", "execute", "-f", "n.py", "-j", "n"),
    ),
    "Prefect + papermill": Peer(
        "a cold kernel per step, 2 threads",
        # Its server asks for what newer ones of fastapi have dropped.
        ("prefect", "fastapi==0.139.*", "papermill", "ipykernel", "pandas", "pyarrow"),
        prefect,
        ("python", "n.py"),
    ),
    "Airflow": Peer(
        "`dag.test()`, one process",
        ("apache-airflow", "pandas", "pyarrow"),
        AIRFLOW,
        ("python", "n.py"),
        before=("airflow", "db", "migrate"),
    ),
}


def environment(name: str, peer: Peer) -> Path:
    """The folder of the tool's commands; made if it is not there yet.

    Raises:
        subprocess.CalledProcessError: it cannot be installed here.
    """
    if not peer.needs:
        return BIN
    folder = ENVIRONMENTS / name.split()[0].lower()
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *peer.needs]
        subprocess.run(install, check=True, capture_output=True, text=True)
        (folder / "ready").touch()
    return folder / "bin"


def version(commands: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    command = [commands / "python", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def seconds(peer: Peer, commands: Path) -> float:
    """One whole command in a new folder; what the tool keeps of a run is kept in there."""
    with tempfile.TemporaryDirectory() as base:
        peer.write(Path(base))
        homes = dict.fromkeys(HOMES, base)
        path = f"{commands}{os.pathsep}{os.environ['PATH']}"
        around = os.environ | QUIET | homes | {"PATH": path, "PYTHONPATH": ""}
        if peer.before:
            subprocess.run(peer.before, cwd=base, env=around, check=True, capture_output=True)
        started = time.perf_counter()
        subprocess.run(peer.command, cwd=base, env=around, check=True, capture_output=True)
        return time.perf_counter() - started


def installed(names: list[str]) -> dict[str, Path]:
    """Where each tool's commands are; what cannot be had is told and left out."""
    found = {}
    for name in names:
        try:
            found[name] = environment(name, PEERS[name])
        except subprocess.CalledProcessError as reason:
            print(f"{name} does not install here: {reason.stderr.strip()}", file=sys.stderr)
    return found


def main() -> None:
    """Measure and print; a round that fails is told and not counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("peer", nargs="*", help=", ".join(PEERS))
    given = parser.parse_args()
    places = installed([n for n in PEERS if n == REFERENCE or n in (given.peer or PEERS)])
    times: dict[str, list[float]] = {name: [] for name in places}
    for _ in range(given.n):
        for name, commands in places.items():
            try:
                times[name].append(seconds(PEERS[name], commands))
            except subprocess.CalledProcessError as reason:
                print(f"{name} failed: {reason.stderr.decode()[-600:]}", file=sys.stderr)
            else:
                print(f"{name}: {times[name][-1]:.1f} s", file=sys.stderr, flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}, medians of {given.n}\n")
    print("| tool | version | how | rounds | whole command | against papermill |")
    print("|---|---|---|---|---|---|")
    middle = {name: statistics.median(found) for name, found in times.items() if found}
    for name in middle:
        commands = places[name]
        package = next(iter(PEERS[name].needs), name)
        ratio = middle[name] / middle[REFERENCE]
        print(
            f"| {name} | {version(commands, package)} | {PEERS[name].how} | {len(times[name])} "
            f"| {middle[name]:.1f} s | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
