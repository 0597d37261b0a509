"""What handing a value from step to step costs, against writing and mapping it as Arrow IPC.

One process plays both lanes: what the first leaves is captured, what the second reads is loaded,
with everything that is looked at on the way (digests before and after, ambient channels, modules).
No kernel is started and nothing is waited for: making files durable goes on behind the run, and is
a column of its own (`kept`). Interleaved rounds; medians; each ratio is against the Arrow IPC file
of the same table, written and mapped in the same round.
"""

import argparse
import contextlib
import gc
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.task import Keep, StagedBlob, TaskSpec
from nbflow.inside.capture import capture
from nbflow.inside.inputs import load
from nbflow.inside.sql import SqlSession
from nbflow.project.keeper import keep
from nbflow.store.blobs import BlobStore

Times = dict[str, list[float]]


def numbers(rows: int, columns: int = 4) -> pd.DataFrame:
    """Random numbers, a column each."""
    draw = np.random.default_rng(1)
    return pd.DataFrame({f"c{number}": draw.random(rows) for number in range(columns)})


def mixed(rows: int) -> pd.DataFrame:
    """Text, objects and numbers."""
    return pd.DataFrame(
        {
            "text": [f"text {number % 1000}" for number in range(rows)],
            "object": pd.Series([f"object {number}" for number in range(rows)], dtype=object),
            "number": np.arange(rows),
        }
    )


TABLES: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "100 × 3": (lambda: mixed(100), "number"),
    "10⁵ × 3, mixed": (lambda: mixed(10**5), "number"),
    "10⁶ × 3, mixed": (lambda: mixed(10**6), "number"),
    "10⁷ × 4, numbers": (lambda: numbers(10**7), "c0"),
}
COLUMNS = ("Arrow IPC", "left", "loaded", "looked at after", "one more column", "SQL", "kept")


class Lanes:
    """Steps that follow each other in this process, each with a namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = BlobStore(folder / ".nbflow")
        self.key = str(self.store.key())
        self.count = 0

    def spec(self, inputs: tuple[StagedBlob, ...], *, writes: bool, python: bool) -> TaskSpec:
        """A step that reads `df`, or makes it anew."""
        self.count += 1
        staging = self.folder / str(self.count)
        staging.mkdir()
        names = ("df",) if inputs else ()
        return TaskSpec(
            run="r",
            step="s",
            step_name="s",
            attempt=1,
            fence=1,
            notebook="n.ipynb",
            cells=(),
            inputs=inputs,
            input_names=names,
            python_reads=names if python else (),
            outputs=("df",) if writes else (),
            declared_writes=("df",) if writes else (),
            staging=str(staging),
            key_file=self.key,
            working_directory=str(self.folder),
            hand_from=0,
        )

    def step(
        self,
        cell: Callable[[dict[str, Any], SqlSession], object],
        inputs: tuple[StagedBlob, ...] = (),
        *,
        writes: bool = False,
        python: bool = True,
    ) -> tuple[tuple[StagedBlob, ...], float, float, float]:
        """Run a step; its outputs, and the seconds that load, cell and capture took."""
        spec = self.spec(inputs, writes=writes, python=python)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        session = SqlSession(namespace, parse=parse_sql)
        begun = time.perf_counter()
        loaded = load(namespace, session, spec)
        ready = time.perf_counter()
        cell(namespace, session)
        done = time.perf_counter()
        report = capture(namespace, session, spec, loaded)
        ended = time.perf_counter()
        if report.unstorable or report.found_mutations:
            raise SystemExit(f"not handed on: {report}")
        session.close()
        return report.outputs, ready - begun, done - ready, ended - done


def arrow(frame: pd.DataFrame, folder: Path) -> None:
    """Write a table as Arrow IPC, map it, and make a frame of it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    path = str(folder / "table.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pa.memory_map(path) as source:
        pa.ipc.open_file(source).read_all().to_pandas()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def one_round(frame: pd.DataFrame, column: str, times: Times, folder: Path) -> None:
    """Everything once, in an empty folder."""
    lanes = Lanes(folder)
    times["Arrow IPC"].append(seconds(lambda: arrow(frame, folder)))

    def make(namespace: dict[str, Any], _: SqlSession) -> None:
        namespace["df"] = frame

    def read(namespace: dict[str, Any], _: SqlSession) -> None:
        namespace["df"][column].sum()

    def add(namespace: dict[str, Any], _: SqlSession) -> None:
        namespace["df"]["new"] = namespace["df"][column] * 2

    def query(_: dict[str, Any], session: SqlSession) -> None:
        session.run(f"SELECT sum({column}) FROM df")

    made, _, _, left = lanes.step(make, writes=True)
    times["left"].append(left)
    _, loaded, _, after = lanes.step(read, made)
    times["loaded"].append(loaded)
    times["looked at after"].append(after)
    _, loaded, _, after = lanes.step(add, made, writes=True)
    times["one more column"].append(loaded + after)
    _, loaded, queried, after = lanes.step(query, made, python=False)
    times["SQL"].append(loaded + queried + after)
    request = Keep(number=1, staged=made[0], root=str(lanes.store.root))

    def kept() -> None:
        (answer,) = keep([request])
        if answer.blob is None:
            raise SystemExit(answer.error)

    times["kept"].append(seconds(kept))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nbflow-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        gc.collect()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds per table")
    rounds = parser.parse_args().n
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}, median of {rounds}\n")
    print("milliseconds; in brackets: against Arrow IPC, written and mapped\n")
    print("| table | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, (make, column) in TABLES.items():
        frame = make()
        times: Times = defaultdict(list)
        for turn in range(rounds + 1):
            if turn == 1:  # the first one imports and warms up
                times.clear()
            with scratch() as folder:
                one_round(frame, column, times, folder)
        medians = {one: statistics.median(found) for one, found in times.items()}
        base = medians["Arrow IPC"]
        cells = [f"{1000 * medians[c]:.1f} ({medians[c] / base:.2f})" for c in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
