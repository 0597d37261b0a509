"""How long the commands take on the golden notebooks, against plain papermill at the same time.

Whole processes, interleaved (papermill, show, plan, run, run again, verify; then the next round),
so that a machine that gets slower slows all of them. Printed: median seconds, and in brackets the
ratio to papermill's median.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
BIN = Path(sys.executable).parent
COLUMNS = ("papermill", "show", "plan", "run", "run again", "verify")


def commands(notebook: str) -> dict[str, list[str]]:
    """The command lines, in the order in which a round goes through them."""
    nbflow = str(BIN / "nbflow")
    return {
        "papermill": [
            str(BIN / "papermill"),
            notebook,
            "papermill-result.ipynb",
            "--no-progress-bar",
            "-k",
            "python3",
        ],
        "show": [nbflow, "show", notebook],
        "plan": [nbflow, "plan", notebook],
        "run": [nbflow, "run", notebook],
        "run again": [nbflow, "run", notebook],
        "verify": [nbflow, "verify", notebook],
    }


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of one whole process; a failing command ends the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - started


def one_round(name: str, times: dict[str, list[float]]) -> None:
    """All commands once, in a folder without a history."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "notebooks"
        shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".nbflow", "data"))
        for column, command in commands(name).items():
            times[column].append(seconds(command, folder))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=3, help="rounds per notebook")
    rounds = parser.parse_args().n
    load = os.getloadavg()[0]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {load:.1f}, median of {rounds}; in brackets: against papermill\n")
    print("| notebook | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            one_round(notebook.name, times)
        medians = {column: statistics.median(found) for column, found in times.items()}
        base = medians["papermill"]
        cells = [f"{medians[c]:.1f} s ({medians[c] / base:.2f})" for c in COLUMNS]
        print(f"| {notebook.stem} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
